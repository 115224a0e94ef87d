//! Availability: outages against the hours in which services were to be there.

use super::super::catalogue::{Across, Kpi, Levels, TICKET_SHARE, Unit, of_services};
use super::super::uptime::Uptime;
use super::super::value::Direction;
use super::super::view::{Outcome, View};
use crate::money::Decimal;

const INPUTS: &[&str] = &[
    "incidents.opened_at",
    "incidents.resolved_at",
    "incidents.priority",
];
const PARTS: &str = "disjoint intervals of outage per service";
const SOURCE: &str = "availability and MTBF as in IEC 60050-192";

const DOWN: Levels = of_services("the terms say from which priority on a service is down");

pub(in super::super) const ENTRIES: &[Kpi] = &[
    Kpi {
        id: "availability",
        title: "Availability",
        formula: "(agreed time − outage) ÷ agreed time, over the services of the scope",
        inputs: INPUTS,
        levels: DOWN,
        across: Across::Ratio(6),
        parts: PARTS,
        min_n: 0,
        rule: "months in which the outage fell; overlapping outages of a service are one; open \
               ones up to the as-of moment; accepted relief is in neither time; a service with \
               exposure of its own counts in the months that have some; 6 decimals, half-even",
        source: SOURCE,
        example: "30 days round the clock, two outages of an hour: (2592000 − 7200) ÷ 2592000 = \
                  0.997222",
        compute: |view| {
            let up = uptime(view)?;
            Outcome::ratio(whole(up.agreed_s - up.down_s)?, whole(up.agreed_s)?, 6)
                .map(|o| o.counting(up.outages))
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "mtbf",
        title: "Mean time between failures",
        formula: "(agreed time − outage) ÷ outages",
        unit: Unit::Word("business_s"),
        inputs: INPUTS,
        levels: DOWN,
        across: Across::Ratio(0),
        parts: PARTS,
        rule: "outages by month of their start; else as availability; whole seconds, half-even",
        source: SOURCE,
        example: "30 days round the clock, two outages of an hour: 2584800 ÷ 2 = 1292400",
        compute: |view| {
            let up = failed(view)?;
            Outcome::ratio(
                whole(up.agreed_s - up.down_s)?,
                Decimal::from_u64(up.outages),
                0,
            )
            .map(|o| o.counting(up.outages))
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "outage_duration",
        title: "Mean duration of an outage",
        formula: "outage ÷ outages",
        unit: Unit::Word("business_s"),
        direction: Direction::LowerIsBetter,
        inputs: INPUTS,
        levels: DOWN,
        across: Across::Ratio(0),
        parts: PARTS,
        rule: "as mtbf",
        source: SOURCE,
        example: "two outages of an hour: 3600",
        compute: |view| {
            let up = failed(view)?;
            Outcome::ratio(whole(up.down_s)?, Decimal::from_u64(up.outages), 0)
                .map(|o| o.counting(up.outages))
        },
        ..TICKET_SHARE
    },
];

fn whole(seconds: i128) -> Result<Decimal, String> {
    Decimal::new(seconds, 0).map_err(|e| e.to_string())
}

fn uptime(view: &View<'_>) -> Result<Uptime, String> {
    let parts = view.observed()?;
    if view.plan.outage.is_none() {
        return Err("the terms say nothing of outages ([measure.outage])".to_owned());
    }
    if parts.uptime.agreed_s <= 0 {
        return Err("no service was to be there in the period".to_owned());
    }
    Ok(parts.uptime)
}

fn failed(view: &View<'_>) -> Result<Uptime, String> {
    let up = uptime(view)?;
    if up.outages == 0 {
        return Err("no outage began in the period".to_owned());
    }
    Ok(up)
}

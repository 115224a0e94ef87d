//! Business impact: minutes of disruption and what they cost.

use super::super::catalogue::{Across, Kpi, Periods, TICKET_LEVELS, Unit};
use super::super::parts::Parts;
use super::super::value::Direction;
use super::super::view::{Outcome, S_PPM_PER_MINUTE, View};
use crate::money::Decimal;

pub(in super::super) const ENTRIES: &[Kpi] = &[
    Kpi {
        id: "impact_minutes",
        title: "Minutes of disruption",
        formula: "Σ business minutes of disruption × share of users affected",
        unit: Unit::Word("business minutes of all users"),
        direction: Direction::LowerIsBetter,
        inputs: &["incidents.opened_at", "incidents.resolved_at"],
        levels: TICKET_LEVELS,
        across: Across::Sum,
        periods: Periods::All,
        comparable: false,
        parts: "Σ business seconds × parts per million, open incidents",
        min_n: 0,
        rule: "the months in which the disruption fell; child tickets carry none; open incidents \
               up to the as-of moment; 4 decimals, half-even",
        source: "ITIL 4: impact; lost user minutes as in availability management",
        example: "two hours in business time for half of the users, and ten minutes for all: \
                  120 × 0.5 + 10 = 70",
        compute: impact_minutes,
    },
    Kpi {
        id: "impact_cost",
        title: "Cost of disruption",
        formula: "Σ over services of minutes of disruption × factor of their hours × cost per \
                  minute of the service",
        unit: Unit::Money,
        direction: Direction::LowerIsBetter,
        inputs: &["incidents.opened_at", "incidents.resolved_at"],
        levels: TICKET_LEVELS,
        across: Across::Sum,
        periods: Periods::All,
        comparable: false,
        parts: "Σ business seconds × parts per million per service, and × (factor − 1) in the hours \
                of rates; open incidents",
        min_n: 0,
        rule: "the factor is 1, or that of [[measure.impact.rates]] in its hours; exact until rounded once, half-even, to the decimals of the currency",
        source: "business impact per minute as agreed in the terms ([score] cost_per_minute)",
        example: "21:00 to 23:00 at 12.50 a minute, nights from 22:00 at a factor of 0.25: 60 × 12.5 \
                  + 60 × 0.25 × 12.5 = 937.50",
        compute: impact_cost,
    },
];

fn disrupted<'a>(view: &View<'a>) -> Result<(&'a Parts, u64), String> {
    let parts = view.observed()?;
    if view.plan.impact.is_none() {
        return Err("the terms name no calendar for impact ([measure] impact.calendar)".to_owned());
    }
    let shares = view.delivers("incidents.affected_share");
    if !shares && view.plan.assumed_share_ppm.is_none() {
        return Err(
            "incidents.affected_share was not delivered and the terms assume no share".to_owned(),
        );
    }
    let bearing = parts.cell.incidents.saturating_sub(parts.cell.children);
    if parts.cell.impact_unknown > 0 && parts.impact.is_empty() {
        return Err(format!(
            "the share of users affected is unknown on all of {} incidents",
            parts.cell.impact_unknown
        ));
    }
    Ok((parts, bearing.saturating_sub(parts.cell.impact_unknown)))
}

fn impact_minutes(view: &View<'_>) -> Result<Outcome, String> {
    let (parts, n) = disrupted(view)?;
    let s_ppm = Decimal::new(parts.impact_s_ppm(), 0).map_err(|e| e.to_string())?;
    Outcome::ratio(s_ppm, Decimal::from_i64(S_PPM_PER_MINUTE), 4).map(|outcome| {
        outcome
            .counting(n)
            .excluding(parts.cell.impact_unknown)
            .noting(assumed(parts))
    })
}

pub(super) fn impact_cost(view: &View<'_>) -> Result<Outcome, String> {
    let (parts, n) = disrupted(view)?;
    Ok(view
        .priced(&parts.impact)?
        .counting(n)
        .excluding(parts.cell.impact_unknown)
        .noting(assumed(parts)))
}

fn assumed(parts: &Parts) -> String {
    match parts.cell.impact_assumed {
        0 => String::new(),
        n => format!("share of users affected assumed on {n} incidents"),
    }
}

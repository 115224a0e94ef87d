//! Service levels: attainment, breaches and times to restore.

use super::super::catalogue::{Across, Kpi, Periods, TICKET_LEVELS, TICKET_SHARE, Unit};
use super::super::value::Direction;
use super::super::view::{Outcome, View};
use crate::measure::fragment::Clock;
use crate::money::Decimal;

const LEVEL_INPUTS: &[&str] = &[
    "incidents.opened_at",
    "incidents.resolved_at",
    "incidents.priority",
];
const RESTORE_RULE: &str =
    "month of restoration; nearest rank in histograms, at most 1/128 from the exact value";
const RESTORE_SOURCE: &str = "ITIL 4 incident management: time to restore service; quantile of \
                              type 1 (Hyndman and Fan 1996)";

const NOT_RESTORED: &str = "no incident was restored in the period";

const MEAN: Kpi = Kpi {
    unit: Unit::Word("business_s"),
    direction: Direction::LowerIsBetter,
    inputs: LEVEL_INPUTS,
    across: Across::Ratio(0),
    parts: "Σ seconds, count",
    rule: "month of restoration; whole seconds, half-even",
    source: "ITIL 4 incident management: mean time to restore service",
    example: "60, 90 and 120 seconds: 90",
    ..TICKET_SHARE
};

pub(in super::super) const ENTRIES: &[Kpi] = &[
    Kpi {
        id: "sla_attainment",
        title: "Service-level attainment",
        formula: "met ÷ (met + breached)",
        unit: Unit::Word("share"),
        direction: Direction::HigherIsBetter,
        inputs: LEVEL_INPUTS,
        levels: TICKET_LEVELS,
        across: Across::Ratio(4),
        periods: Periods::All,
        comparable: true,
        parts: "counts of met and breached, open incidents with due time",
        min_n: 1,
        rule: "month of the due time; open past due at the as-of moment is a breach; 4 decimals, \
               half-even",
        source: "ITIL 4 service level management practice",
        example: "92 restored in time, 6 too late, 2 open past due: 92 ÷ 100 = 0.92",
        compute: sla_attainment,
    },
    Kpi {
        id: "breaches",
        title: "Service-level breaches",
        formula: "incidents restored too late + incidents open past due",
        unit: Unit::Word("incidents"),
        direction: Direction::LowerIsBetter,
        inputs: LEVEL_INPUTS,
        levels: TICKET_LEVELS,
        across: Across::Sum,
        periods: Periods::All,
        comparable: false,
        parts: "count of breached, open incidents with due time",
        min_n: 0,
        rule: "month of the due time; open past due at the as-of moment is a breach",
        source: "ITIL 4 service level management practice",
        example: "6 restored too late, 2 open past due: 8",
        compute: breaches,
    },
    Kpi {
        id: "time_to_restore",
        title: "Time to restore, mean, business time",
        formula: "Σ business seconds from opening to restoration, pauses excluded ÷ incidents \
                  restored",
        compute: |view| {
            let cell = &view.observed()?.cell;
            view.mean_s(cell.restore_business_s, cell.restored, NOT_RESTORED)
        },
        ..MEAN
    },
    Kpi {
        id: "time_to_restore_wall",
        title: "Time to restore, mean, wall time",
        formula: "Σ wall seconds from opening to restoration, pauses excluded ÷ incidents restored",
        unit: Unit::Word("wall_s"),
        compute: |view| {
            let cell = &view.observed()?.cell;
            view.mean_s(cell.restore_wall_s, cell.restored, NOT_RESTORED)
        },
        ..MEAN
    },
    Kpi {
        id: "time_to_restore_p50",
        title: "Time to restore, median, business time",
        formula: "median of business seconds from opening to restoration, pauses excluded",
        unit: Unit::Word("business_s"),
        direction: Direction::LowerIsBetter,
        inputs: LEVEL_INPUTS,
        levels: TICKET_LEVELS,
        across: Across::Merged,
        periods: Periods::All,
        comparable: true,
        parts: "histogram of business seconds",
        min_n: 1,
        rule: RESTORE_RULE,
        source: RESTORE_SOURCE,
        example: "60, 90 and 120 seconds: 90",
        compute: |view| quantile(view, true, 50),
    },
    Kpi {
        id: "time_to_restore_p90",
        title: "Time to restore, ninth decile, business time",
        formula: "ninth decile of business seconds from opening to restoration, pauses excluded",
        unit: Unit::Word("business_s"),
        direction: Direction::LowerIsBetter,
        inputs: LEVEL_INPUTS,
        levels: TICKET_LEVELS,
        across: Across::Merged,
        periods: Periods::All,
        comparable: true,
        parts: "histogram of business seconds",
        min_n: 1,
        rule: RESTORE_RULE,
        source: RESTORE_SOURCE,
        example: "1 to 10 seconds, one each: 9",
        compute: |view| quantile(view, true, 90),
    },
    Kpi {
        id: "time_to_restore_wall_p50",
        title: "Time to restore, median, wall time",
        formula: "median of wall seconds from opening to restoration, pauses excluded",
        unit: Unit::Word("wall_s"),
        direction: Direction::LowerIsBetter,
        inputs: LEVEL_INPUTS,
        levels: TICKET_LEVELS,
        across: Across::Merged,
        periods: Periods::All,
        comparable: true,
        parts: "histogram of wall seconds",
        min_n: 1,
        rule: RESTORE_RULE,
        source: RESTORE_SOURCE,
        example: "60, 90 and 120 seconds: 90",
        compute: |view| quantile(view, false, 50),
    },
    Kpi {
        id: "time_to_restore_wall_p90",
        title: "Time to restore, ninth decile, wall time",
        formula: "ninth decile of wall seconds from opening to restoration, pauses excluded",
        unit: Unit::Word("wall_s"),
        direction: Direction::LowerIsBetter,
        inputs: LEVEL_INPUTS,
        levels: TICKET_LEVELS,
        across: Across::Merged,
        periods: Periods::All,
        comparable: true,
        parts: "histogram of wall seconds",
        min_n: 1,
        rule: RESTORE_RULE,
        source: RESTORE_SOURCE,
        example: "1 to 10 seconds, one each: 9",
        compute: |view| quantile(view, false, 90),
    },
];

/// Met and breached, with targets known to exist.
fn verdicts(view: &View<'_>) -> Result<(u64, u64, u64), String> {
    let parts = view.observed()?;
    if !view.plan.has_targets() {
        return Err("the terms set no targets for restoration".to_owned());
    }
    let breached = parts.cell.restore_breached + parts.open_past_due;
    Ok((parts.cell.restore_met, breached, parts.cell.clock_unread))
}

fn sla_attainment(view: &View<'_>) -> Result<Outcome, String> {
    let (met, breached, unread) = verdicts(view)?;
    if met + breached == 0 {
        return Err("no incident with a target was due in the period".to_owned());
    }
    Outcome::ratio(Decimal::from_u64(met), Decimal::from_u64(met + breached), 4)
        .map(|outcome| outcome.counting(met + breached).excluding(unread))
}

fn breaches(view: &View<'_>) -> Result<Outcome, String> {
    let (met, breached, unread) = verdicts(view)?;
    Ok(Outcome::count(breached)
        .counting(met + breached)
        .excluding(unread))
}

fn quantile(view: &View<'_>, business: bool, percent: u32) -> Result<Outcome, String> {
    let clock = if business {
        Clock::RestoreBusiness
    } else {
        Clock::RestoreWall
    };
    view.quantile(clock, percent, NOT_RESTORED)
}

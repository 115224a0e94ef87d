//! Prevention: found before a user did, causes really removed, avoided impact, and incidents
//! that came back as requests.

use super::super::catalogue::{
    Across, Kpi, Levels, Periods, TICKET_LEVELS, TICKET_SHARE, Unit, of_contract, of_services,
};
use super::super::value::Direction;
use super::super::view::{Outcome, S_PPM_PER_MINUTE, View};
use super::incidents::joint;
use crate::money::{Decimal, Rounding};

/// Incidents that must have been expected for silence to say something: with three expected,
/// none at all has a chance of 5 in 100 (the rule of three).
const LEAST_EXPECTED: i64 = 3;

const PROBLEMS: Levels = of_contract("a fix stops incidents wherever they come up");

pub(in super::super) const ENTRIES: &[Kpi] = &[
    Kpi {
        id: "self_detected_share",
        title: "Found by monitoring",
        formula: "incidents that monitoring opened ÷ incidents whose channel is known",
        inputs: &["incidents.opened_at", "incidents.channel"],
        parts: "counts",
        rule: "month of opening; 4 decimals, half-even",
        source: "ITIL 4 monitoring and event management practice; [measure] monitoring_channels",
        example: "200 incidents with a channel, 44 by monitoring: 44 ÷ 200 = 0.22",
        compute: |view| {
            let cell = &view.observed()?.cell;
            let none = "no incident of the period names its channel";
            view.share(cell.self_detected, cell.channel_known, none)
                .map(|o| o.excluding(cell.incidents - cell.channel_known))
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "structural_fixes",
        title: "Structural fixes",
        formula: "problems fixed in the period whose stream of incidents stopped",
        unit: Unit::Word("problems"),
        inputs: &["incidents.opened_at", "problems.fixed_at"],
        levels: PROBLEMS,
        across: Across::Sum,
        comparable: false,
        parts: "(problem, days since the fix) → n",
        min_n: 0,
        rule: "month of the fix; the stream is the incidents on the problem's item and category, \
               or those linked to it; stopped: none in fix_window_days, where at least 3 would \
               have come at the rate of the fix_before_days before; fixes that cannot be judged \
               (fewer expected, or the window is not over at the as-of moment) are left out",
        source: "ITIL 4 problem management practice; rule of three (Hanley and Lippman-Hand 1983)",
        example: "12 incidents in the 180 days before: 6 expected in 90 days; none came: 1",
        compute: |view| {
            let (held, judged, left_out) = fixes(view)?;
            Ok(Outcome::count(held).counting(judged).excluding(left_out))
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "structural_fix_share",
        title: "Fixes that held",
        formula: "structural fixes ÷ fixes that can be judged",
        inputs: &["incidents.opened_at", "problems.fixed_at"],
        levels: PROBLEMS,
        parts: "(problem, days since the fix) → n",
        rule: "as structural_fixes; 4 decimals, half-even",
        source: "ITIL 4 problem management practice",
        example: "5 fixes that can be judged, 3 held: 0.6",
        compute: |view| {
            let (held, judged, left_out) = fixes(view)?;
            let none = "no fix of the period can be judged";
            view.share(held, judged, none)
                .map(|o| o.excluding(left_out))
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "substitution",
        title: "Incidents that came back as requests",
        formula: "Σ over service and category of min(incidents fewer, requests more) than the \
                  baseline at the same exposure, where both are above zero",
        unit: Unit::Word("tickets"),
        direction: Direction::LowerIsBetter,
        inputs: &[
            "incidents.opened_at",
            "incidents.category",
            "incidents.ticket_type",
        ],
        levels: of_services("a ticket that comes back as a request has another priority"),
        across: Across::Stock,
        periods: Periods::Performance,
        comparable: false,
        parts: "(service, category, kind, month) → n",
        min_n: 0,
        rule: "month of opening; baseline counts × exposure of the period ÷ exposure of the \
               baseline (months where there is none); chance alone makes it greater than zero: a \
               warning beside avoided incidents, nothing to pay on; 4 decimals, half-even",
        source: "design of the catalogue: the cheapest way to fewer incidents is another name",
        example: "one category: baseline 120 incidents and 40 requests in 12 months, now 6 and 5 \
                  in one: fewer 10 − 6 = 4, more 5 − 40 ÷ 12 = 1.6667, so 1.6667",
        compute: substitution,
    },
    Kpi {
        id: "impact_avoided",
        title: "Avoided impact",
        formula: "expected incidents × cost of disruption per incident in the baseline − cost of \
                  disruption",
        unit: Unit::Money,
        inputs: &["incidents.opened_at", "incidents.resolved_at"],
        levels: TICKET_LEVELS,
        across: Across::Sum,
        periods: Periods::Performance,
        comparable: false,
        parts: "those of incidents_expected and impact_cost",
        min_n: 0,
        rule: "signed; cost per incident of the same scope over the whole baseline period; \
               rounded once, half-even, to the decimals of the currency",
        source: "IPMVP Core Concepts: avoided consumption, in money",
        example: "baseline 200 incidents at 18000.00; 90 expected, 6500.00 now: 90 × 18000 ÷ 200 \
                  − 6500 = 1600.00",
        compute: impact_avoided,
        ..TICKET_SHARE
    },
];

/// Fixes of the period that held, that can be judged, and that cannot.
fn fixes(view: &View<'_>) -> Result<(u64, u64, u64), String> {
    view.observed()?;
    let period = view.instants();
    let (window, before) = (
        i64::from(view.spec.fix_window_days),
        i64::from(view.spec.fix_before_days),
    );
    let (mut held, mut judged, mut left_out) = (0, 0, 0);
    for fix in &view.records.fixed {
        if !period.contains(fix.fixed_at) {
            continue;
        }
        let count = |from: i64, to: i64| -> i64 {
            let day = |d: i64| (fix.problem_id.clone(), i32::try_from(d).unwrap_or(i32::MAX));
            let n: u64 = view.fixes.range(day(from)..day(to)).map(|(_, n)| n).sum();
            i64::try_from(n).unwrap_or(i64::MAX)
        };
        let over = fix.fixed_at.plus_seconds(window * 86_400) <= view.as_of;
        let expected = count(-before, 0).saturating_mul(window);
        if !over || expected < LEAST_EXPECTED * before {
            left_out += 1;
            continue;
        }
        judged += 1;
        held += u64::from(count(0, window) == 0);
    }
    Ok((held, judged, left_out))
}

fn substitution(view: &View<'_>) -> Result<Outcome, String> {
    let (parts, base) = (view.observed()?, view.base);
    let exposed = parts.exposure_observed > 0 && base.exposure_observed > 0;
    let (now, then) = if exposed {
        (parts.exposure_observed, base.exposure_observed)
    } else {
        (parts.months_observed.into(), base.months_observed.into())
    };
    if then == 0 {
        return Err("no month of the baseline period is known".to_owned());
    }
    let fits = |n: u128| i128::try_from(n).map_err(|_| "the exposure is too great".to_owned());
    let (now, then) = (fits(now)?, fits(then)?);
    let mut sum = 0;
    for (key, before) in &base.kinds {
        let after = parts.kinds.get(key).copied().unwrap_or_default();
        let fewer = i128::from(before.incidents) * now - i128::from(after.incidents) * then;
        let more = i128::from(after.requests) * then - i128::from(before.requests) * now;
        sum += fewer.min(more).max(0);
    }
    let of = |n: i128| Decimal::new(n, 0).map_err(|e| e.to_string());
    Outcome::ratio(of(sum)?, of(then)?, 4).map(|o| o.counting(parts.cell.requests))
}

fn impact_avoided(view: &View<'_>) -> Result<Outcome, String> {
    let cost = super::impact::impact_cost(view)?;
    let before = View {
        parts: view.base,
        ..*view
    };
    let before = super::impact::impact_cost(&before)
        .map_err(|why| format!("in the baseline period: {why}"))?;
    let row = joint(view)?;
    let incidents = view.base.cell.incidents;
    let expected = row
        .expected
        .ok_or_else(|| "the baseline gives no number".to_owned())?;
    if incidents == 0 {
        return Err("no incident in the baseline period".to_owned());
    }
    // Both costs as seconds × parts per million × price, so that rounding comes once.
    let unrounded = |outcome: &Outcome| {
        outcome
            .numerator
            .ok_or_else(|| "a cost without its parts".to_owned())
    };
    let (incidents, now) = (Decimal::from_u64(incidents), unrounded(&cost)?);
    let value = view
        .statistic(expected)?
        .checked_mul(unrounded(&before)?)
        .and_then(|expected| {
            let now = now.checked_mul(incidents)?;
            expected.checked_sub(now)
        })
        .and_then(|avoided| {
            let minutes = Decimal::from_i64(S_PPM_PER_MINUTE).checked_mul(incidents)?;
            let digits = view.spec.currency.minor_digits();
            avoided.div(minutes, digits, Rounding::HalfEven)
        })
        .map_err(|e| e.to_string())?;
    Ok(Outcome::of(value)
        .counting(row.actual)
        .excluding(cost.excluded)
        .noting(cost.note))
}

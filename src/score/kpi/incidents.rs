//! Incident reduction: counts, rates, and what the baseline says of them.

use super::super::catalogue::{Across, Kpi, Periods, TICKET_LEVELS, Unit};
use super::super::value::Direction;
use super::super::view::{Outcome, REFUSED, View};
use crate::baseline::mix::{direct, indirect};
use crate::baseline::rates::{Interval, RateMethod, two_rates};
use crate::baseline::{JointRow, Status};
use crate::money::{Decimal, Rounding};

pub(in super::super) const ENTRIES: &[Kpi] = &[
    Kpi {
        id: "ticket_count",
        title: "Tickets",
        formula: "tickets of any kind opened in the period",
        unit: Unit::Word("tickets"),
        direction: Direction::Neutral,
        inputs: &["incidents.opened_at"],
        levels: TICKET_LEVELS,
        across: Across::Sum,
        periods: Periods::All,
        comparable: false,
        parts: "count of tickets",
        min_n: 0,
        rule: "month of opening, in the contract's zone",
        source: "what a price per ticket pays for; kept for comparison",
        example: "90 incidents and 30 requests opened in March: 120",
        compute: ticket_count,
    },
    Kpi {
        id: "incident_rate",
        title: "Incident rate",
        formula: "1000 × incidents ÷ exposure-months",
        unit: Unit::Word("incidents per 1,000 exposure-months"),
        direction: Direction::LowerIsBetter,
        inputs: &["incidents.opened_at", "exposure.month"],
        levels: TICKET_LEVELS,
        across: Across::Ratio(4),
        periods: Periods::All,
        comparable: true,
        parts: "count of incidents, sum of exposure",
        min_n: 0,
        rule: "month of opening; months without exposure are left out of both sums; 4 decimals, \
               half-even",
        source: "rate per person-time (Rothman, Greenland and Lash, Modern Epidemiology, ch. 3)",
        example: "40 incidents in January and 60 in February, 2,000 and 3,000 users: \
                  1000 × 100 ÷ 5000 = 20",
        compute: incident_rate,
    },
    Kpi {
        id: "incidents_expected",
        title: "Expected incidents",
        formula: "baseline model × exposure of the period",
        unit: Unit::Word("incidents"),
        direction: Direction::Neutral,
        inputs: &["incidents.opened_at"],
        levels: TICKET_LEVELS,
        across: Across::Sum,
        periods: Periods::Performance,
        comparable: false,
        parts: "monthly counts and exposure per service and priority",
        min_n: 0,
        rule: "frozen baseline; joint over the scope; the interval is that of the expected count",
        source: "IPMVP Core Concepts: adjusted baseline",
        example: "a baseline of 0.05 incidents per user and month, 2,000 users: 100",
        compute: incidents_expected,
    },
    Kpi {
        id: "incidents_avoided",
        title: "Avoided incidents",
        formula: "expected − actual, signed",
        unit: Unit::Word("incidents"),
        direction: Direction::HigherIsBetter,
        inputs: &["incidents.opened_at"],
        levels: TICKET_LEVELS,
        across: Across::Sum,
        periods: Periods::Performance,
        comparable: false,
        parts: "monthly counts and exposure per service and priority",
        min_n: 0,
        rule: "signed and netted over the scope; one joint interval, never a sum of bounds",
        source: "IPMVP Core Concepts: avoided consumption",
        example: "100 expected, 82 counted: 18",
        compute: incidents_avoided,
    },
    Kpi {
        id: "incidents_credited",
        title: "Credited avoided incidents",
        formula: "Σ over streams and months of weight × (expected − actual), signed",
        unit: Unit::Word("incidents"),
        direction: Direction::HigherIsBetter,
        inputs: &["incidents.opened_at"],
        levels: TICKET_LEVELS,
        across: Across::Sum,
        periods: Periods::Performance,
        comparable: false,
        parts: "monthly counts and exposure per service and priority",
        min_n: 0,
        rule: "[baseline] causation: any: all weights 1; linked: 1 from the month of an initiative \
               in effect or a fixed problem on the service, else 0; agreed: the supplier's weight \
               in the table attribution; one joint interval, never a sum of bounds",
        source: "attribution is agreed, the counterfactual does not show it (Pearl, Causality, \
                 2009, ch. 9)",
        example: "18 avoided on a stream of which the supplier is credited 0.85 by agreement: 15.3",
        compute: incidents_credited,
    },
    Kpi {
        id: "incidents_creditable",
        title: "Creditable avoided incidents",
        formula: "credited avoided incidents on the payment basis of the terms",
        unit: Unit::Word("incidents"),
        direction: Direction::HigherIsBetter,
        inputs: &["incidents.opened_at"],
        levels: TICKET_LEVELS,
        across: Across::Never("a bound of an interval is never summed; incidents_credited is"),
        periods: Periods::Performance,
        comparable: false,
        parts: "monthly counts and exposure per service and priority",
        min_n: 0,
        rule: "[baseline] payment_basis: estimate, lower_bound or shrunk",
        source: "ASHRAE Guideline 14: savings are claimed with their uncertainty",
        example: "18 avoided with the interval 5 to 31, paid on the lower bound: 5",
        compute: incidents_creditable,
    },
    Kpi {
        id: "rate_ratio",
        title: "Rate ratio",
        formula: "(incidents ÷ exposure-months of the period) ÷ (incidents ÷ exposure-months of the \
                  baseline)",
        unit: Unit::Word("ratio"),
        direction: Direction::LowerIsBetter,
        inputs: &["incidents.opened_at", "exposure.month"],
        levels: TICKET_LEVELS,
        across: Across::Ratio(4),
        periods: Periods::Performance,
        comparable: false,
        parts: "counts of incidents, sums of exposure",
        min_n: 1,
        rule: "a period shorter than a year is compared with the same months of the year of the \
               baseline; exact central interval of two Poisson rates, which overdispersed months \
               make too narrow; its p value stands beside it; 4 decimals",
        source: "Przyborowski and Wilenski 1940 (Biometrika 31), as central exact interval",
        example: "60 incidents in 51,477.5 against 30 in 54,308.7 exposure-months: 2.1100, interval \
                  1.3397 to 3.3886",
        compute: rate_ratio,
    },
    Kpi {
        id: "mix_adjusted_ratio",
        title: "Mix-adjusted ratio",
        formula: "incidents ÷ Σ over services and priorities of exposure × rate of the baseline",
        unit: Unit::Word("ratio"),
        direction: Direction::LowerIsBetter,
        inputs: &["incidents.opened_at", "exposure.month"],
        levels: TICKET_LEVELS,
        across: Across::Ratio(4),
        periods: Periods::Performance,
        comparable: false,
        parts: "counts of incidents and exposure per service and priority",
        min_n: 1,
        rule: "indirect standardisation; months as for rate_ratio; strata without exposure in the \
               baseline are left out; exact interval of the count, the baseline's rates taken as \
               known; 4 decimals",
        source: "Breslow and Day 1987, ch. 2; Rothman, Greenland and Lash, Modern Epidemiology, \
                 ch. 4",
        example: "58 incidents where the rates of the baseline give 52: 1.1154",
        compute: mix_adjusted_ratio,
    },
    Kpi {
        id: "mix_adjusted_rate",
        title: "Mix-adjusted incident rate",
        formula: "1000 × Σ over services of share of the baseline's exposure × incidents ÷ \
                  exposure-months",
        unit: Unit::Word("incidents per 1,000 exposure-months"),
        direction: Direction::LowerIsBetter,
        inputs: &["incidents.opened_at", "exposure.month"],
        levels: TICKET_LEVELS,
        across: Across::Never("the mix that it is adjusted to is that of one contract"),
        periods: Periods::Performance,
        comparable: false,
        parts: "counts of incidents and exposure per service",
        min_n: 1,
        rule: "direct standardisation: the period's own rates at the mix of the same months of the \
               baseline; services with exposure of their own in the baseline, each of which needs \
               some in the period; interval of Fay and Feuer; 4 decimals",
        source: "Breslow and Day 1987, ch. 2; Fay and Feuer 1997, Statistics in Medicine 16",
        example: "half of the users in each of two services before; now 20 incidents of 550 and 38 \
                  of 450 users: 1000 × (0.5 × 20 ÷ 550 + 0.5 × 38 ÷ 450) = 60.4040",
        compute: mix_adjusted_rate,
    },
    Kpi {
        id: "repeat_rate",
        title: "Repeat rate",
        formula: "incidents that repeat one on the same CI and category within the window ÷ \
                  incidents whose CI and category are known",
        unit: Unit::Word("share"),
        direction: Direction::LowerIsBetter,
        inputs: &[
            "incidents.opened_at",
            "incidents.ci_id",
            "incidents.category",
        ],
        levels: TICKET_LEVELS,
        across: Across::Ratio(4),
        periods: Periods::All,
        comparable: true,
        parts: "counts of repeats and of incidents with a known item",
        min_n: 1,
        rule: "month of opening of the repeat; not measurable when items are known on fewer \
               incidents than [score] min_items_known_percent; 4 decimals, half-even",
        source: "ITIL 4 problem management practice: recurring incidents",
        example: "200 incidents, 160 of them with CI and category, 24 repeats: 24 ÷ 160 = 0.15",
        compute: repeat_rate,
    },
];

fn ticket_count(view: &View<'_>) -> Result<Outcome, String> {
    let parts = view.observed()?;
    Ok(Outcome::count(parts.cell.tickets))
}

fn incident_rate(view: &View<'_>) -> Result<Outcome, String> {
    let parts = view.observed()?;
    view.exposed()?;
    if parts.exposure_observed == 0 {
        return Err(format!(
            "no exposure ({}) in the period",
            view.spec.exposure_unit.column()
        ));
    }
    let numerator = Decimal::from_u64(parts.incidents_exposed)
        .checked_mul(Decimal::from_i64(1000))
        .map_err(|e| e.to_string())?;
    Outcome::ratio(numerator, view.whole(parts.exposure_observed)?, 4).map(|outcome| {
        outcome
            .counting(parts.incidents_exposed)
            .excluding(parts.cell.incidents - parts.incidents_exposed)
    })
}

/// The joint row of the scope and period, when it may be used.
pub(super) fn joint<'a>(view: &View<'a>) -> Result<&'a JointRow, String> {
    let Some(row) = view.joint else {
        return Err(view.no_joint());
    };
    match row.status {
        Status::Ok | Status::Overridden => Ok(row),
        Status::NotMeasurable if row.reason == "months_missing" => Err(
            "no month of the period has both a known count and exposure (months_missing)"
                .to_owned(),
        ),
        // The start of the reason tells a refusal by a rule from an absent input.
        Status::NotMeasurable => Err(format!("{REFUSED}{}", row.reason)),
    }
}

fn of_row(
    view: &View<'_>,
    row: &JointRow,
    value: Option<f64>,
    interval: Option<(Option<f64>, Option<f64>)>,
) -> Result<Outcome, String> {
    let decimal = |x: f64| view.statistic(x);
    let value = value.ok_or_else(|| "the baseline gives no number".to_owned())?;
    let mut outcome = Outcome::of(decimal(value)?)
        .counting(row.actual)
        .excluding(row.excluded_cells + row.excluded_months);
    if let Some((Some(low), Some(high))) = interval {
        outcome.interval = Some((decimal(low)?, decimal(high)?, decimal(row.ci_level)?));
    }
    let mut notes = Vec::new();
    if row.status == Status::Overridden {
        notes.push(format!("overridden: {}", row.reason));
    }
    if row.excluded_cells > 0 {
        notes.push(format!(
            "{} streams of service and priority have no baseline and are left out",
            row.excluded_cells
        ));
    }
    if row.excluded_months > 0 {
        notes.push(format!(
            "{} months of streams are left out for want of count or exposure",
            row.excluded_months
        ));
    }
    Ok(outcome.noting(notes.join("; ")))
}

fn incidents_expected(view: &View<'_>) -> Result<Outcome, String> {
    let row = joint(view)?;
    let shift = |bound: Option<f64>| bound.map(|b| b + row.actual as f64);
    of_row(
        view,
        row,
        row.expected,
        Some((shift(row.ci_low), shift(row.ci_high))),
    )
}

fn incidents_avoided(view: &View<'_>) -> Result<Outcome, String> {
    let row = joint(view)?;
    of_row(view, row, row.avoided, Some((row.ci_low, row.ci_high)))
}

fn incidents_credited(view: &View<'_>) -> Result<Outcome, String> {
    let row = joint(view)?;
    of_row(
        view,
        row,
        row.credited,
        Some((row.credited_low, row.credited_high)),
    )
}

fn incidents_creditable(view: &View<'_>) -> Result<Outcome, String> {
    let row = joint(view)?;
    of_row(view, row, row.creditable, None)
}

fn rate_ratio(view: &View<'_>) -> Result<Outcome, String> {
    view.observed()?;
    view.exposed()?;
    let r = view.rates;
    let interval = two_rates(
        (r.incidents, r.exposure),
        (r.base_incidents, r.base_exposure),
        1.0,
        view.level,
        RateMethod::Exact,
    )
    .map_err(|e| format!("{e} in the period and the same months of the baseline"))?;
    // What the baseline's rate gives for the period: sums over contracts then stay a ratio.
    let expected = r.base_incidents as f64 / r.base_exposure * r.exposure;
    compared(view, &interval, r.incidents, expected)
        .map(|o| o.counting(r.incidents + r.base_incidents))
}

fn mix_adjusted_ratio(view: &View<'_>) -> Result<Outcome, String> {
    view.observed()?;
    view.exposed()?;
    let r = view.rates;
    if r.strata.is_empty() {
        return Err(
            "no service and priority has exposure in the same months of the baseline".to_owned(),
        );
    }
    let found = indirect(&r.strata, view.level, RateMethod::Exact)
        .map_err(|e| format!("{e} at the rates of the baseline"))?;
    compared(view, &found.ratio, found.observed, found.expected)
        .map(|o| o.counting(found.observed).excluding(r.without_base))
}

fn mix_adjusted_rate(view: &View<'_>) -> Result<Outcome, String> {
    view.observed()?;
    view.exposed()?;
    let r = view.rates;
    if r.services.is_empty() {
        return Err(
            "no service has exposure of its own in the same months of the baseline".to_owned(),
        );
    }
    if let Some(service) = &r.ended {
        return Err(format!(
            "service `{service}` has exposure in the baseline and none in the period: the mix of \
             the baseline cannot be applied"
        ));
    }
    let found = direct(&r.services, view.level).map_err(|e| e.to_string())?;
    let decimal = |x: f64| Decimal::from_f64_rounded(x, 4).map_err(|e| e.to_string());
    let [rate, low, high] = [found.rate, found.low, found.high].map(|x| decimal(1000.0 * x));
    let mut outcome = Outcome::of(rate?)
        .counting(r.services.iter().map(|s| s.events).sum())
        .excluding(r.unserved);
    outcome.interval = Some((low?, high?, decimal(view.level)?));
    Ok(outcome)
}

/// A ratio with its interval, p value and parts.
fn compared(
    view: &View<'_>,
    interval: &Interval,
    observed: u64,
    expected: f64,
) -> Result<Outcome, String> {
    let decimal = |x: f64| Decimal::from_f64_rounded(x, 4).map_err(|e| e.to_string());
    let estimate = interval
        .estimate
        .ok_or_else(|| "the baseline has no incident to compare with".to_owned())?;
    let mut outcome = Outcome::of(decimal(estimate)?)
        .noting(format!("p {:.4} of a ratio of 1", interval.p_value));
    if let Some(high) = interval.high {
        let level = decimal(view.level)?;
        outcome.interval = Some((decimal(interval.low)?, decimal(high)?, level));
    }
    outcome.numerator = Some(Decimal::from_u64(observed));
    outcome.denominator = Some(view.statistic(expected)?);
    Ok(outcome)
}

fn repeat_rate(view: &View<'_>) -> Result<Outcome, String> {
    let parts = view.observed()?;
    let (all, known) = (parts.cell.incidents, parts.cell.item_known);
    if all == 0 {
        return Err("no incidents in the period".to_owned());
    }
    let least = u64::from(view.spec.min_items_known_percent);
    if u128::from(known) * 100 < u128::from(all) * u128::from(least) || known == 0 {
        let share = Decimal::from_u64(known)
            .checked_mul(Decimal::from_i64(100))
            .and_then(|n| n.div(Decimal::from_u64(all), 1, Rounding::HalfEven))
            .map_err(|e| e.to_string())?;
        return Err(format!(
            "CI and category are known on {known} of {all} incidents ({share} %), {least} % are \
             needed"
        ));
    }
    Outcome::ratio(
        Decimal::from_u64(parts.cell.repeats),
        Decimal::from_u64(known),
        4,
    )
    .map(|outcome| outcome.counting(known).excluding(all - known))
}

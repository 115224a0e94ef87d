//! Shared savings: the benchmark, what was invoiced, the difference, and what of it is verified.
//! Exact money, in the currency of the contract; the amounts are those of [`crate::baseline::saving`].

use super::super::catalogue::{Across, Kpi, Levels, MONEY_LEVELS, Periods, Unit, of_contract};
use super::super::value::Direction;
use super::super::view::{Outcome, View};
use crate::baseline::saving::{Compared, Figures};
use crate::money::Decimal;

const BILLING: &[&str] = &[
    "billing.amount",
    "billing.currency",
    "billing.period_start",
    "billing.period_end",
];
const BILLING_AND_EXPOSURE: &[&str] = &[
    "billing.amount",
    "billing.currency",
    "billing.period_start",
    "billing.period_end",
    "exposure.month",
];

const AGREED: Levels =
    of_contract("adjustments, the minimum rate and the interval are agreed for the contract");

pub(in super::super) const ENTRIES: &[Kpi] = &[
    Kpi {
        id: "benchmark_cost",
        title: "Benchmark",
        formula: "Σ over services and months of unit price × exposure × index factor, + agreed \
                  changes of scope",
        unit: Unit::Money,
        direction: Direction::Neutral,
        inputs: BILLING_AND_EXPOSURE,
        levels: MONEY_LEVELS,
        across: Across::Sum,
        periods: Periods::Performance,
        comparable: false,
        parts: "sum of cost, sum of exposure",
        min_n: 1,
        rule: "unit price of a service: cost of the baseline ÷ (exposure-months × index factor), \
               rounded half up to 8 decimals, or agreed in [savings] prices; or the model of \
               [savings] benchmark; rounded once, half-even, to the decimals of the currency",
        source: "IPMVP Core Concepts: adjusted baseline; volume adjustment by exposure, never by \
                 tickets",
        example: "120,000.00 in a baseline of 12 months with 1,000 users (12,000 \
                  exposure-months), 1,100 users in March, an index up by 2 %: \
                  120000 ÷ 12000 × 1100 × 1.02 = 11,220.00",
        compute: |view| {
            let c = compared(view)?;
            Ok(money(view, c, c.benchmark))
        },
    },
    Kpi {
        id: "actual_cost",
        title: "Actual cost",
        formula: "Σ amounts of invoice lines that count as cost",
        unit: Unit::Money,
        direction: Direction::LowerIsBetter,
        inputs: BILLING,
        levels: MONEY_LEVELS,
        across: Across::Sum,
        periods: Periods::All,
        comparable: false,
        parts: "sum of cost",
        min_n: 0,
        rule: "months of the billed period, split by days; taxes, credits and incentives do not \
               count; other currencies at the rate of their month ([fx]); rounded once, half-even, \
               to the decimals of the currency",
        source: "FOCUS 1.0 billed cost",
        example: "usage of 10,200.00 and a correction of -200.00, a service credit of -500.00: \
                  10,000.00",
        compute: |view| Ok(Outcome::of(actual(view)?).counting(view.parts.months_billed)),
    },
    Kpi {
        id: "gross_saving",
        title: "Gross saving",
        formula: "benchmark − actual cost, signed",
        unit: Unit::Money,
        direction: Direction::HigherIsBetter,
        inputs: BILLING_AND_EXPOSURE,
        levels: MONEY_LEVELS,
        across: Across::Sum,
        periods: Periods::Performance,
        comparable: false,
        parts: "sum of cost, sum of exposure",
        min_n: 1,
        rule: "difference of the two published amounts; with [savings] counted = \"linked\" the sum \
               over the supplier's initiatives of the difference on what each claims",
        source: "IPMVP Core Concepts: savings = adjusted baseline − reporting period",
        example: "benchmark 11,000.00, actual 10,000.00: 1,000.00",
        compute: |view| {
            let c = compared(view)?;
            Ok(within(c, money(view, c, c.gross)))
        },
    },
    Kpi {
        id: "verified_saving",
        title: "Verified saving",
        formula: "gross saving − agreed adjustments − double claims, signed",
        unit: Unit::Money,
        direction: Direction::HigherIsBetter,
        inputs: BILLING_AND_EXPOSURE,
        levels: AGREED,
        across: Across::Sum,
        periods: Periods::Performance,
        comparable: false,
        parts: "sum of cost, sum of exposure, adjustments, initiatives",
        min_n: 1,
        rule: "adjustments that both parties agreed by the as-of moment, non-routine ones capped \
               together ([savings] adjustment_cap); interval: saving ± fractional uncertainty",
        source: "IPMVP Core Concepts: non-routine adjustments; CalTRACK 4.3.2.4",
        example: "gross 10,000.00; 1,250.00 a month added to the benchmark by agreement, in one \
                  month: 10,000.00 + 1,250.00 = 11,250.00",
        compute: verified_saving,
    },
    Kpi {
        id: "qualified_saving",
        title: "Qualified saving",
        formula: "verified saving where it passes the minimum rate, else 0",
        unit: Unit::Money,
        direction: Direction::HigherIsBetter,
        inputs: BILLING_AND_EXPOSURE,
        levels: AGREED,
        across: Across::Sum,
        periods: Periods::Performance,
        comparable: false,
        parts: "as verified_saving",
        min_n: 1,
        rule: "|verified| ≥ [savings] minimum_rate × benchmark, all of it counts (first dollar); \
               and not more uncertain than max_uncertainty where that is set",
        source: "42 CFR 425.100: minimum savings rate",
        example: "benchmark 100,000.00, minimum rate 2 %: 1,999.00 verified is 0, 2,000.00 is \
                  2,000.00",
        compute: qualified_saving,
    },
    Kpi {
        id: "saving_uncertainty",
        title: "Uncertainty of the saving",
        formula: "half width of the interval ÷ |verified saving|",
        unit: Unit::Word("share"),
        direction: Direction::LowerIsBetter,
        inputs: BILLING_AND_EXPOSURE,
        levels: AGREED,
        across: Across::Never(
            "the intervals of contracts are not independent, so none over them follows",
        ),
        periods: Periods::Performance,
        comparable: false,
        parts: "monthly cost and exposure",
        min_n: 1,
        rule: "fractional savings uncertainty of monthly bills at [savings] level, CV(RMSE) \
               adjusted for coefficients, effective months at most the months; above 1 the saving \
               cannot be told from none; 4 decimals, half-even",
        source: "CalTRACK 4.3.2.4; ASHRAE Guideline 14-2014, Annex B",
        example: "12 bills, CV(RMSE) 0.10 with 2 coefficients, a saving of a tenth, 90 %, no \
                  autocorrelation: 0.7378",
        compute: saving_uncertainty,
    },
];

fn money(view: &View<'_>, c: &Compared, value: Decimal) -> Outcome {
    Outcome::of(value)
        .counting(c.baseline_months)
        .excluding(view.base.months.saturating_sub(c.baseline_months))
}

/// With the interval of the saving around it, where there is one.
fn within(c: &Compared, outcome: Outcome) -> Outcome {
    let Ok(width) = &c.half_width else {
        return outcome;
    };
    let (low, high) = (
        outcome.value.checked_sub(*width),
        outcome.value.checked_add(*width),
    );
    match (low, high) {
        (Ok(low), Ok(high)) => Outcome {
            interval: Some((low, high, c.level)),
            ..outcome
        },
        _ => outcome,
    }
}

fn figures<'a>(view: &View<'a>) -> Result<&'a Figures, String> {
    view.saving
        .ok_or_else(|| "no invoice of the scope in the periods of the terms".to_owned())
}

fn actual(view: &View<'_>) -> Result<Decimal, String> {
    let parts = view.parts;
    if parts.months_billed == 0 {
        return Err("no invoice of the contract in the period".to_owned());
    }
    if parts.months_billed < parts.months {
        // A missing invoice must not look like a saving.
        return Err(format!(
            "no invoice of the contract in {} of {} months",
            parts.months - parts.months_billed,
            parts.months
        ));
    }
    match view.saving {
        // A service of tickets without any invoice cost nothing.
        None => Ok(Decimal::ZERO),
        Some(figures) => figures.actual.clone(),
    }
}

/// Benchmark and saving, when exposure and invoices of all months are known.
fn compared<'a>(view: &View<'a>) -> Result<&'a Compared, String> {
    view.exposed()?;
    let parts = view.parts;
    if parts.months_exposed < parts.months {
        return Err(format!(
            "no exposure ({}) in {} of {} months",
            view.spec.exposure_unit.column(),
            parts.months - parts.months_exposed,
            parts.months
        ));
    }
    actual(view)?;
    figures(view)?.compared.as_ref().map_err(Clone::clone)
}

fn verified_saving(view: &View<'_>) -> Result<Outcome, String> {
    let c = compared(view)?;
    let mut outcome = within(c, money(view, c, c.verified));
    if !c.adjustments.is_zero() || !c.double_claims.is_zero() {
        outcome.note = format!(
            "gross {} less adjustments {} less double claims {}",
            c.gross, c.adjustments, c.double_claims
        );
    }
    Ok(outcome)
}

fn qualified_saving(view: &View<'_>) -> Result<Outcome, String> {
    let c = compared(view)?;
    Ok(money(view, c, c.qualified).noting(c.not_qualified.clone()))
}

fn saving_uncertainty(view: &View<'_>) -> Result<Outcome, String> {
    let c = compared(view)?;
    let width = c.half_width.clone()?;
    if c.verified.is_zero() {
        return Err("there is no saving for it to be a share of".to_owned());
    }
    let shown = |v: Option<f64>| v.map_or("unknown".to_owned(), |v| format!("{v:.4}"));
    Outcome::ratio(width, c.verified.abs(), 4).map(|outcome| {
        outcome.counting(c.fit.n).noting(format!(
            "CV(RMSE) {}, NMBE {}",
            shown(c.fit.cvrmse_adjusted),
            shown(c.fit.nmbe)
        ))
    })
}

//! Shared savings: the benchmark, what was invoiced, and the difference. Exact money, one
//! currency per contract.

use super::super::catalogue::{Across, Kpi, MONEY_LEVELS, Periods, Unit};
use super::super::value::Direction;
use super::super::view::{Outcome, View};
use crate::money::{Decimal, MoneyError, Rounding};

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

pub(in super::super) const ENTRIES: &[Kpi] = &[
    Kpi {
        id: "benchmark_cost",
        title: "Benchmark",
        formula: "cost of the baseline period ÷ its exposure-months × exposure-months of the \
                  period",
        unit: Unit::Money,
        direction: Direction::Neutral,
        inputs: BILLING_AND_EXPOSURE,
        levels: MONEY_LEVELS,
        across: Across::Sum,
        periods: Periods::Performance,
        comparable: false,
        parts: "sum of cost, sum of exposure",
        min_n: 1,
        rule: "baseline months that have both invoices and exposure; rounded once, half-even, to \
               the decimals of the currency",
        source: "IPMVP Core Concepts: adjusted baseline; volume adjustment by exposure, never by \
                 tickets",
        example: "120,000.00 in a baseline of 12 months with 1,000 users (12,000 \
                  exposure-months), 1,100 users in March: 120000 ÷ 12000 × 1100 = 11,000.00",
        compute: |view| Ok(money(benchmark(view)?)),
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
               count; rounded once, half-even, to the decimals of the currency",
        source: "FOCUS 1.0 billed cost",
        example: "usage of 10,200.00 and a correction of -200.00, a service credit of -500.00: \
                  10,000.00",
        compute: |view| Ok(money(actual(view)?)),
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
        rule: "difference of the two published amounts",
        source: "IPMVP Core Concepts: savings = adjusted baseline − reporting period",
        example: "benchmark 11,000.00, actual 10,000.00: 1,000.00",
        compute: gross_saving,
    },
];

/// A computed amount with what it was computed from.
struct Amount {
    value: Decimal,
    n: u64,
    excluded: u64,
    ratio: Option<(Decimal, Decimal)>,
}

fn money(amount: Amount) -> Outcome {
    let mut outcome = Outcome::of(amount.value)
        .counting(amount.n)
        .excluding(amount.excluded);
    if let Some((numerator, denominator)) = amount.ratio {
        outcome.numerator = Some(numerator);
        outcome.denominator = Some(denominator);
    }
    outcome
}

/// The contract is invoiced in the one currency of its terms.
fn one_currency(view: &View<'_>) -> Result<(), String> {
    let others: Vec<String> = view
        .currencies
        .iter()
        .filter(|c| **c != view.spec.currency)
        .map(ToString::to_string)
        .collect();
    if others.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "invoices in {} beside the contract's {}: without agreed rates they cannot be added",
            others.join(", "),
            view.spec.currency
        ))
    }
}

fn actual(view: &View<'_>) -> Result<Amount, String> {
    one_currency(view)?;
    let parts = view.parts;
    if parts.overflow {
        return Err(MoneyError::Overflow.to_string());
    }
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
    let currency = view.spec.currency;
    let exact = parts.cost.get(&currency).copied().unwrap_or(Decimal::ZERO);
    Ok(Amount {
        value: exact.round(currency.minor_digits(), Rounding::HalfEven),
        n: parts.months_billed,
        excluded: 0,
        ratio: None,
    })
}

fn benchmark(view: &View<'_>) -> Result<Amount, String> {
    one_currency(view)?;
    view.exposed()?;
    let (base, parts) = (view.base, view.parts);
    if base.overflow {
        return Err(MoneyError::Overflow.to_string());
    }
    if base.months_billed_exposed == 0 {
        return Err("no month of the baseline period has both invoices and exposure".to_owned());
    }
    if parts.months_exposed < parts.months {
        return Err(format!(
            "no exposure ({}) in {} of {} months",
            view.spec.exposure_unit.column(),
            parts.months - parts.months_exposed,
            parts.months
        ));
    }
    let currency = view.spec.currency;
    let cost = base
        .cost_exposed
        .get(&currency)
        .copied()
        .unwrap_or(Decimal::ZERO);
    let denominator = view.whole(base.exposure_billed)?;
    let numerator = cost
        .checked_mul(view.whole(parts.exposure)?)
        .map_err(|e| e.to_string())?;
    let value = numerator
        .div(denominator, currency.minor_digits(), Rounding::HalfEven)
        .map_err(|e| e.to_string())?;
    Ok(Amount {
        value,
        n: base.months_billed_exposed,
        excluded: base.months - base.months_billed_exposed,
        ratio: Some((numerator, denominator)),
    })
}

fn gross_saving(view: &View<'_>) -> Result<Outcome, String> {
    let (benchmark, actual) = (benchmark(view)?, actual(view)?);
    let value = benchmark
        .value
        .checked_sub(actual.value)
        .map_err(|e| e.to_string())?;
    Ok(Outcome::of(value)
        .counting(benchmark.n)
        .excluding(benchmark.excluded))
}

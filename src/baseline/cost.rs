//! What a saving is measured against, in exact money: benchmark cost, actual cost, agreed
//! adjustments, double claims, verified saving. Not responsible for shares, caps or payments
//! (see [`crate::settle`]).
//!
//! Source: IPMVP Core Concepts (2022), chapter 5: saving = baseline ± routine adjustments ±
//! non-routine adjustments − reporting-period cost; CMS Shared Savings for benchmarks by trend.

use crate::finding::{Finding, Severity, Stage};
use crate::money::{Currency, Decimal, FxRates, MoneyError, Rounding};
use crate::time::{Date, Month, Period};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Decimals of an index factor: a ratio of two index values is the only inexact number here, and
/// it is rounded once, half up, to this many decimals.
pub const FACTOR_DECIMALS: u8 = 8;

/// What the volume of a benchmark line counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// Users, CIs, transactions: what the customer's business decides.
    Exposure,
    /// Tickets. A benchmark that falls with every avoided ticket takes the saving away from the
    /// party that avoided it; reported as a finding.
    Tickets,
}

/// Indexation of a unit price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Indexation {
    /// Index value when the price was agreed; positive.
    pub base: Decimal,
    /// Index value of the month.
    pub current: Decimal,
    /// Part of the price that follows the index, 0 to 1.
    pub share: Decimal,
}

/// One priced quantity of a month.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchmarkLine {
    /// The service.
    pub service_id: String,
    /// The month.
    pub month: Month,
    /// Price of one unit, in `currency`.
    pub unit_price: Decimal,
    /// Currency of the price.
    pub currency: Currency,
    /// Normalised volume: the quantity that the baseline would have had in this month.
    pub volume: Decimal,
    /// What the volume counts.
    pub driver: Driver,
    /// Indexation, if the terms have one.
    pub indexation: Option<Indexation>,
    /// Day whose exchange rate is used when the price is in another currency.
    pub rate_date: Date,
}

/// An agreed change of scope: money per month on top of the priced quantities.
#[derive(Debug, Clone, PartialEq)]
pub struct ScopeChange {
    /// The service.
    pub service_id: String,
    /// Months with the change.
    pub months: Period<Month>,
    /// Signed amount per month, in the contract's currency.
    pub monthly: Decimal,
    /// Why.
    pub reason: String,
}

/// One row of the `adjustments` table about money. A positive amount is a part of the saving that
/// is not the supplier's and lowers the verified saving; a negative amount raises it.
#[derive(Debug, Clone, PartialEq)]
pub struct Adjustment {
    /// Its key.
    pub adjustment_id: String,
    /// Non-routine adjustments are capped together; routine ones are not.
    pub non_routine: bool,
    /// Signed amount in the contract's currency.
    pub amount: Decimal,
    /// Why.
    pub reason: String,
    /// Day on which the customer agreed.
    pub agreed_by_customer_at: Option<Date>,
    /// Day on which the supplier agreed.
    pub agreed_by_supplier_at: Option<Date>,
}

/// What became of an adjustment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppliedAdjustment {
    /// Its key.
    pub adjustment_id: String,
    /// As given.
    pub amount: Decimal,
    /// As counted before the cap on the total: the amount or zero.
    pub counted: Decimal,
    /// Why it counts or not.
    pub reason: String,
}

/// Charge categories of an invoice line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Charge {
    /// Consumption: counts.
    Usage,
    /// One-off purchase: counts.
    Purchase,
    /// Correction of earlier usage: counts.
    Adjustment,
    /// Tax: never counts.
    Tax,
    /// Service credit: never counts.
    Credit,
    /// Incentive of an earlier settlement: never counts.
    Incentive,
}

/// An invoice line, or the part of one that falls in a month.
#[derive(Debug, Clone, PartialEq)]
pub struct ActualLine {
    /// Invoice.
    pub invoice_id: String,
    /// Line of the invoice.
    pub line_id: String,
    /// Amount net of tax, signed.
    pub amount: Decimal,
    /// Currency of the amount.
    pub currency: Currency,
    /// Day whose exchange rate is used.
    pub rate_date: Date,
    /// Category.
    pub charge: Charge,
    /// Whether it comes from an earlier settlement.
    pub from_settlement: bool,
}

/// An initiative's claim to have saved money on an invoice line.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The initiative; claims are credited in the order given (by decision day, say).
    pub initiative_id: String,
    /// Invoice of the line.
    pub invoice_id: String,
    /// The line.
    pub line_id: String,
    /// Saving claimed on it, in the contract's currency; negative claims count as zero.
    pub amount: Decimal,
}

/// What an initiative is credited with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Credited {
    /// The initiative.
    pub initiative_id: String,
    /// Sum of its claims.
    pub claimed: Decimal,
    /// What is left after earlier initiatives on the same lines.
    pub credited: Decimal,
}

/// How money is combined.
#[derive(Debug, Clone, Copy)]
pub struct CostTerms<'a> {
    /// The contract's currency.
    pub currency: Currency,
    /// Exchange rates.
    pub fx: &'a FxRates,
    /// Cap on the absolute total of non-routine adjustments, as a share of the benchmark.
    pub adjustment_cap: Option<Decimal>,
    /// Decimals that quotients (inverse exchange rates) are rounded to.
    pub scale: u8,
}

/// The saving of a period and everything that it is made of, exact.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Saving {
    /// Σ price × volume × index factor × rate + scope changes.
    pub benchmark: Decimal,
    /// Σ counted invoice lines.
    pub actual: Decimal,
    /// Benchmark − actual, signed.
    pub gross: Decimal,
    /// Agreed adjustments after the cap, signed.
    pub adjustments: Decimal,
    /// What several initiatives claimed more than once.
    pub double_claims: Decimal,
    /// Gross − adjustments − double claims.
    pub verified: Decimal,
    /// One per adjustment, in the order given.
    pub adjustments_applied: Vec<AppliedAdjustment>,
    /// One per initiative, in order of the first claim.
    pub initiatives: Vec<Credited>,
    /// Invoice lines that count, as (invoice, line).
    pub counted_lines: Vec<(String, String)>,
    /// Invoice lines that do not, with the reason.
    pub excluded_lines: Vec<(String, String, &'static str)>,
    /// What was noticed.
    pub findings: Vec<Finding>,
}

/// 1 + share × (current/base − 1), rounded to [`FACTOR_DECIMALS`].
///
/// # Errors
/// A base that is not positive, or a number beyond range.
pub fn index_factor(indexation: &Indexation) -> Result<Decimal, MoneyError> {
    if !indexation.base.is_positive() {
        return Err(MoneyError::DivisionByZero);
    }
    // One quotient, so one rounding: (base + share × (current − base)) / base.
    indexation
        .current
        .checked_sub(indexation.base)?
        .checked_mul(indexation.share)?
        .checked_add(indexation.base)?
        .div(indexation.base, FACTOR_DECIMALS, Rounding::HalfUp)
}

/// Benchmark, actual and verified saving of a period of whole months. `benchmark`, `actual` and
/// `adjustments` are those of the period; of `scope` the months that lie in it are used.
///
/// # Errors
/// A missing exchange rate, an index base that is not positive, or an amount beyond range.
pub fn saving(
    benchmark: &[BenchmarkLine],
    scope: &[ScopeChange],
    period: &Period<Month>,
    actual: &[ActualLine],
    adjustments: &[Adjustment],
    claims: &[Claim],
    terms: &CostTerms<'_>,
) -> Result<Saving, MoneyError> {
    let mut findings = Vec::new();
    let mut expected = Decimal::ZERO;
    let mut by_tickets = BTreeSet::new();
    for line in benchmark {
        let mut price = line.unit_price;
        if let Some(indexation) = &line.indexation {
            price = price.checked_mul(index_factor(indexation)?)?;
        }
        let amount = price.checked_mul(line.volume)?;
        expected = expected.checked_add(in_contract_currency(
            amount,
            line.currency,
            line.rate_date,
            terms,
        )?)?;
        if line.driver == Driver::Tickets {
            by_tickets.insert(line.service_id.clone());
        }
    }
    if !by_tickets.is_empty() {
        findings.push(
            finding(
                Severity::Warning,
                "benchmark_driven_by_tickets",
                "the benchmark falls with every ticket that is avoided, so avoiding one is no saving",
            )
            .with_count(by_tickets.len() as u64)
            .with_evidence(by_tickets.into_iter().collect::<Vec<_>>().join(", ")),
        );
    }
    for change in scope {
        if let Some(common) = change.months.intersect(period) {
            let months = common.end().months_since(common.start());
            expected = expected.checked_add(change.monthly.checked_mul(Decimal::from(months))?)?;
        }
    }
    let mut paid = Decimal::ZERO;
    let (mut counted_lines, mut excluded_lines) = (Vec::new(), Vec::new());
    for line in actual {
        let why = match line.charge {
            _ if line.from_settlement => Some("comes from an earlier settlement"),
            Charge::Tax => Some("tax"),
            Charge::Credit => Some("credit"),
            Charge::Incentive => Some("incentive"),
            Charge::Usage | Charge::Purchase | Charge::Adjustment => None,
        };
        if let Some(why) = why {
            excluded_lines.push((line.invoice_id.clone(), line.line_id.clone(), why));
            continue;
        }
        counted_lines.push((line.invoice_id.clone(), line.line_id.clone()));
        let amount = in_contract_currency(line.amount, line.currency, line.rate_date, terms)?;
        paid = paid.checked_add(amount)?;
    }
    let gross = expected.checked_sub(paid)?;
    let (adjusted, applied) = apply(adjustments, expected, terms, &mut findings)?;
    let counted: BTreeSet<(&str, &str)> = counted_lines
        .iter()
        .map(|(i, l)| (i.as_str(), l.as_str()))
        .collect();
    let (double_claims, initiatives) = once(claims, &counted, &mut findings)?;
    Ok(Saving {
        benchmark: expected,
        actual: paid,
        gross,
        adjustments: adjusted,
        double_claims,
        verified: gross.checked_sub(adjusted)?.checked_sub(double_claims)?,
        adjustments_applied: applied,
        initiatives,
        counted_lines,
        excluded_lines,
        findings,
    })
}

fn in_contract_currency(
    amount: Decimal,
    from: Currency,
    date: Date,
    terms: &CostTerms<'_>,
) -> Result<Decimal, MoneyError> {
    if from == terms.currency {
        return Ok(amount);
    }
    let (converted, _) = terms.fx.convert(
        amount,
        from,
        terms.currency,
        date,
        terms.scale,
        Rounding::HalfUp,
    )?;
    Ok(converted)
}

/// Counts what both parties agreed; caps the total of the non-routine ones.
fn apply(
    adjustments: &[Adjustment],
    benchmark: Decimal,
    terms: &CostTerms<'_>,
    findings: &mut Vec<Finding>,
) -> Result<(Decimal, Vec<AppliedAdjustment>), MoneyError> {
    let (mut routine, mut non_routine) = (Decimal::ZERO, Decimal::ZERO);
    let mut applied = Vec::with_capacity(adjustments.len());
    for a in adjustments {
        let agreed = a.agreed_by_customer_at.is_some() && a.agreed_by_supplier_at.is_some();
        let counted = if agreed { a.amount } else { Decimal::ZERO };
        if a.non_routine {
            non_routine = non_routine.checked_add(counted)?;
        } else {
            routine = routine.checked_add(counted)?;
        }
        let why = match (a.agreed_by_customer_at, a.agreed_by_supplier_at) {
            (Some(_), Some(_)) => "agreed by both",
            (Some(_), None) => "not agreed by the supplier",
            (None, Some(_)) => "not agreed by the customer",
            (None, None) => "agreed by nobody",
        };
        if agreed && a.amount.is_negative() {
            findings.push(
                finding(
                    Severity::Note,
                    "adjustment_negative",
                    "a negative adjustment raises the verified saving",
                )
                .with_evidence(format!("{}: {}", a.adjustment_id, a.amount)),
            );
        }
        if !agreed {
            findings.push(
                finding(
                    Severity::Warning,
                    "adjustment_not_agreed",
                    "only what both parties agreed counts",
                )
                .with_evidence(format!("{}: {}, {why}", a.adjustment_id, a.amount)),
            );
        }
        applied.push(AppliedAdjustment {
            adjustment_id: a.adjustment_id.clone(),
            amount: a.amount,
            counted,
            reason: format!("{why}: {}", a.reason),
        });
    }
    if let Some(share) = terms.adjustment_cap {
        let cap = benchmark.abs().checked_mul(share.abs())?;
        if non_routine.abs() > cap {
            findings.push(
                finding(
                    Severity::Warning,
                    "adjustments_capped",
                    "non-routine adjustments exceed their cap together",
                )
                .with_evidence(format!("{non_routine} against {cap}")),
            );
            non_routine = if non_routine.is_negative() { -cap } else { cap };
        }
    }
    Ok((routine.checked_add(non_routine)?, applied))
}

/// Per line the largest claim is the saving there; initiatives are credited in order until it is
/// used up. What is claimed beyond is a double claim. Claims on lines that do not count are
/// reported and not credited.
fn once(
    claims: &[Claim],
    counted: &BTreeSet<(&str, &str)>,
    findings: &mut Vec<Finding>,
) -> Result<(Decimal, Vec<Credited>), MoneyError> {
    let mut left: BTreeMap<(&str, &str), Decimal> = BTreeMap::new();
    for c in claims {
        let line = (c.invoice_id.as_str(), c.line_id.as_str());
        let most = left.entry(line).or_insert(Decimal::ZERO);
        *most = (*most).max(c.amount);
    }
    let mut results: Vec<Credited> = Vec::new();
    let mut double = Decimal::ZERO;
    let mut twice = 0;
    for c in claims {
        let line = (c.invoice_id.as_str(), c.line_id.as_str());
        let amount = c.amount.max(Decimal::ZERO);
        let mut granted = Decimal::ZERO;
        if counted.contains(&line) {
            if let Some(rest) = left.get_mut(&line) {
                granted = amount.min(*rest);
                *rest = rest.checked_sub(granted)?;
            }
            if granted < amount {
                twice += 1;
                double = double.checked_add(amount.checked_sub(granted)?)?;
            }
        } else {
            findings.push(
                finding(
                    Severity::Warning,
                    "claim_on_line_not_counted",
                    "an initiative claims a saving on an invoice line that is not part of the cost",
                )
                .with_evidence(format!(
                    "{}: {}/{}",
                    c.initiative_id, c.invoice_id, c.line_id
                )),
            );
        }
        match results
            .iter_mut()
            .find(|r| r.initiative_id == c.initiative_id)
        {
            Some(r) => {
                r.claimed = r.claimed.checked_add(amount)?;
                r.credited = r.credited.checked_add(granted)?;
            }
            None => results.push(Credited {
                initiative_id: c.initiative_id.clone(),
                claimed: amount,
                credited: granted,
            }),
        }
    }
    if twice > 0 {
        findings.push(
            finding(
                Severity::Warning,
                "saving_claimed_twice",
                "several initiatives claim a saving on the same invoice lines; it counts once",
            )
            .with_count(twice)
            .with_evidence(format!("{double} claimed more than once")),
        );
    }
    Ok((double, results))
}

fn finding(severity: Severity, code: &str, detail: &str) -> Finding {
    Finding::new(Stage::Baseline, severity, code, detail)
}

/// Time that people did not spend on incidents. Not a saving until somebody stops paying for it,
/// so it never enters a benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FreedTime {
    /// Cases × minutes, exact.
    pub minutes: Decimal,
    /// Hours, rounded to two decimals for reading only.
    pub hours: Decimal,
    /// Minutes × hourly value ÷ 60, rounded once to the decimals asked for.
    pub value: Decimal,
}

/// Freed time: cases × minutes each, valued per hour; rounded only at the end, half up.
///
/// # Errors
/// A number beyond range.
pub fn freed_time(
    cases: u64,
    minutes_each: Decimal,
    value_per_hour: Decimal,
    scale: u8,
) -> Result<FreedTime, MoneyError> {
    let minutes = Decimal::from_u64(cases).checked_mul(minutes_each)?;
    let sixty = Decimal::from_i64(60);
    Ok(FreedTime {
        minutes,
        hours: minutes.div(sixty, 2, Rounding::HalfUp)?,
        value: minutes
            .checked_mul(value_per_hour)?
            .div(sixty, scale, Rounding::HalfUp)?,
    })
}

/// Divides an amount of a billing period over its months by days, cumulatively: each month gets
/// the rounded share up to its end less what earlier months got, so the parts add up exactly.
///
/// # Errors
/// An empty period, or a number beyond range.
pub fn by_days(
    amount: Decimal,
    period: &Period<Date>,
    scale: u8,
) -> Result<Vec<(Month, Decimal)>, MoneyError> {
    let days = period.end().days_since(period.start());
    if days <= 0 {
        return Err(MoneyError::DivisionByZero);
    }
    let mut parts = Vec::new();
    let mut given = Decimal::ZERO;
    let mut month = period.start().month();
    while month.first_day() < period.end() {
        let end = month.next().first_day().min(period.end());
        let until = if end == period.end() {
            amount
        } else {
            amount
                .checked_mul(Decimal::from_i64(end.days_since(period.start())))?
                .div(Decimal::from_i64(days), scale, Rounding::HalfUp)?
        };
        parts.push((month, until.checked_sub(given)?));
        given = until;
        month = month.next();
    }
    Ok(parts)
}

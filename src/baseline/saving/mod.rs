//! The saving of a contract from its invoices: benchmark, actual, agreed adjustments, claims of
//! initiatives counted once, verified and qualified saving, each with its uncertainty. Not
//! responsible for shares, caps or payments (see [`crate::settle`]) nor for reading tables.
//!
//! [`measure`] gathers the cost of every service and month, learns or takes the price of each,
//! and computes every scope and period with [`super::cost::saving`]. The fit of the price (or
//! model) to the baseline's months gives CV(RMSE), and that the uncertainty (CalTRACK 4.3.2.4).

mod benchmark;
mod facts;
mod initiatives;
mod notice;
mod scoped;
mod spec;

use std::collections::BTreeMap;

use super::savings::FitMetrics;
use crate::finding::Finding;
use crate::money::Decimal;
use crate::time::{Month, Period};
use benchmark::Ledger;
pub use benchmark::PRICE_DECIMALS;
pub use facts::{AdjustmentRow, Exchange, Facts, IndexValue, InitiativeRow, RateDay};
pub use initiatives::InitiativeResult;
use notice::notice_ledger;
use scoped::{Scoped, money_rows};
pub use spec::{
    Adjusts, AgreedPrice, BenchmarkMethod, Counted, IndexTerms, Revision, SavingsSpec,
    SavingsSpecError, ScopeTerms,
};

/// A scope and period: `None` is the whole contract, else one service.
pub type Place = (Option<String>, Period<Month>);

/// Amounts of one scope and period, rounded half-even to the currency's minor unit; or why there
/// is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Invoiced cost.
    pub actual: Result<Decimal, String>,
    /// The amounts that compare it with the benchmark; periods of the baseline have none.
    pub compared: Result<Compared, String>,
}

/// Benchmark and saving of one scope and period.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// What it would have cost: priced volumes, index, exchange rates, scope changes.
    pub benchmark: Decimal,
    /// Benchmark less actual; with `counted = "linked"` the sum of what initiatives claim.
    pub gross: Decimal,
    /// Agreed adjustments after the cap; a positive amount lowers the saving.
    pub adjustments: Decimal,
    /// What would count twice, and what the customer's own initiatives are credited with.
    pub double_claims: Decimal,
    /// Gross less adjustments less double claims.
    pub verified: Decimal,
    /// Verified where it reaches the minimum rate and the uncertainty allows it, else zero.
    pub qualified: Decimal,
    /// Why verified does not qualify; else empty.
    pub not_qualified: String,
    /// Half width of the saving's interval; why there is none otherwise.
    pub half_width: Result<Decimal, String>,
    /// Two-sided level of that interval.
    pub level: Decimal,
    /// Months of baseline behind the price.
    pub baseline_months: u64,
    /// How well the price or model fits the baseline.
    pub fit: FitMetrics,
}

/// What became of an adjustment: a row of `adjustments_applied`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdjustmentResult {
    /// The adjustment.
    pub row: AdjustmentRow,
    /// Months of baseline and performance that it falls in.
    pub months: u32,
    /// What was counted over them: the amount per month × months, after caps; zero when not
    /// agreed.
    pub applied: Decimal,
    /// `applied`, `capped`, `not_agreed` or `not_used`.
    pub status: &'static str,
    /// Why.
    pub reason: String,
}

/// Everything about the saving of one contract.
#[derive(Debug, Clone, Default)]
pub struct SavingResult {
    /// Amounts by scope and period.
    pub figures: BTreeMap<Place, Figures>,
    /// What became of the adjustments about money.
    pub adjustments: Vec<AdjustmentResult>,
    /// What became of the initiatives.
    pub initiatives: Vec<InitiativeResult>,
    /// What was noticed.
    pub findings: Vec<Finding>,
}

/// The measures that adjustments about money may name, with what one unit does to the saving.
const MONEY_MEASURES: [(&str, i64); 4] = [
    ("benchmark_cost", -1),
    ("gross_saving", -1),
    ("verified_saving", -1),
    ("actual_cost", 1),
];

/// Whether an adjustment is about money.
#[must_use]
pub fn about_money(measure: &str) -> bool {
    MONEY_MEASURES.iter().any(|(name, _)| *name == measure)
}

/// Measures the saving of a contract over the periods given, for the whole contract and for each
/// service that was invoiced. `avoided` gives the avoided incidents of a service (empty: of the
/// contract) over some months.
#[must_use]
pub fn measure(
    facts: &Facts<'_>,
    spec: &SavingsSpec,
    periods: &[Period<Month>],
    avoided: &dyn Fn(&str, &Period<Month>) -> Option<Decimal>,
) -> SavingResult {
    let ledger = Ledger::gather(facts, spec);
    let mut result = SavingResult::default();
    if ledger.billed.is_empty() {
        result.adjustments = unused(facts);
        return result;
    }
    let mut scopes: Vec<Option<String>> = vec![None];
    scopes.extend(ledger.cost.keys().cloned().map(Some));
    for scope in scopes {
        let stage = Scoped::new(facts, spec, &ledger, scope);
        for period in periods {
            let (figures, noticed) = stage.figures(period);
            if stage.scope.is_none() && *period == facts.performance {
                result.findings.extend(noticed);
                result.adjustments = adjusted(facts, &figures);
                stage.notice(&figures, &mut result.findings);
            }
            result
                .figures
                .insert((stage.scope.clone(), *period), figures);
        }
    }
    result.initiatives = initiatives::results(facts, spec, &ledger, avoided);
    notice_ledger(facts, &ledger, &mut result);
    for finding in &mut result.findings {
        finding.contract_id = Some(facts.contract_id.to_owned());
    }
    result
}

/// What became of the adjustments about money over the performance period.
fn adjusted(facts: &Facts<'_>, figures: &Figures) -> Vec<AdjustmentResult> {
    let counted: Decimal = figures
        .compared
        .as_ref()
        .map_or(Decimal::ZERO, |c| c.adjustments);
    let mut results = unused(facts);
    if figures.compared.is_err() {
        return results;
    }
    let mut all = Decimal::ZERO;
    for (result, (row, sign)) in results.iter_mut().zip(money_rows(facts)) {
        if row.agreed(facts.as_of) && result.months > 0 {
            result.applied = row
                .amount
                .checked_mul(Decimal::from_i64(i64::from(result.months)))
                .unwrap_or(Decimal::ZERO);
            result.status = "applied";
            result.reason = format!("agreed by both: {}", row.reason);
            let own = result.applied.checked_mul(Decimal::from_i64(sign));
            all = own.and_then(|o| all.checked_add(o)).unwrap_or(all);
        }
    }
    let same_currency = money_rows(facts)
        .iter()
        .all(|(r, _)| r.currency.is_none_or(|c| c == facts.currency));
    if same_currency && all != counted {
        for result in results
            .iter_mut()
            .filter(|r| r.status == "applied" && r.row.non_routine)
        {
            result.status = "capped";
            result.reason = format!(
                "the cap of the terms leaves {counted} of {all} for all together: {}",
                result.row.reason
            );
        }
    }
    results
}

fn unused(facts: &Facts<'_>) -> Vec<AdjustmentResult> {
    money_rows(facts)
        .into_iter()
        .map(|(row, _)| {
            let months = row.months(&facts.performance).count() as u32;
            let (status, reason) = match row.who_did_not(facts.as_of) {
                Some(why) => ("not_agreed", format!("{why}: {}", row.reason)),
                None if months == 0 => (
                    "not_used",
                    format!("no month of the performance period: {}", row.reason),
                ),
                None => (
                    "not_used",
                    format!("no saving is measurable: {}", row.reason),
                ),
            };
            AdjustmentResult {
                row: row.clone(),
                months,
                applied: Decimal::ZERO,
                status,
                reason,
            }
        })
        .collect()
}

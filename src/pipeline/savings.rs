//! The saving of one contract: its terms, invoices and small tables put before the pure stage, and
//! what `billing_facts` says of each line. Has no arithmetic of its own.

use std::sync::Arc;

use super::contracts::Contract;
use crate::baseline::saving::{
    self, AdjustmentRow, Exchange, Facts, IndexValue, InitiativeRow, RateDay, SavingResult,
};
use crate::baseline::{BaselineResult, Status};
use crate::measure::billing::{BillingCells, BillingClass};
use crate::measure::invoices::InvoiceLine;
use crate::measure::plan::MeasurePlan;
use crate::money::{Decimal, FxRates};
use crate::publish::billing::Placed;
use crate::score::{self, ExposureTable, Reporting, Scope};
use crate::time::{Instant, Month, Period};

/// The small tables that savings are measured from, of all contracts.
#[derive(Debug, Default)]
pub(super) struct SavingTables {
    pub(super) indices: Vec<IndexValue>,
    pub(super) adjustments: Vec<AdjustmentRow>,
    pub(super) initiatives: Vec<InitiativeRow>,
    pub(super) fx: Arc<FxRates>,
}

/// The exchange rates with the rule of a contract's terms.
#[derive(Debug)]
pub(super) struct Rates {
    fx: FxRates,
    day: RateDay,
    decimals: u8,
}

impl Rates {
    pub(super) fn of(contract: &Contract, fx: &FxRates) -> Rates {
        let (day, decimals, max_age_days) = contract.rates();
        Rates {
            fx: fx.clone().with_max_age_days(Some(max_age_days)),
            day,
            decimals,
        }
    }

    pub(super) fn exchange(&self) -> Exchange<'_> {
        Exchange {
            rates: &self.fx,
            day: self.day,
            decimals: self.decimals,
        }
    }

    /// In which currency the contract is added up with others.
    pub(super) fn reporting(&self, contract: &Contract) -> Reporting<'_> {
        let own = contract.score.currency;
        Reporting {
            own,
            reports: contract.score.reporting_currency.unwrap_or(own),
            exchange: self.exchange(),
        }
    }
}

/// Measures the saving of a contract.
pub(super) fn saving(
    contract: &Contract,
    plan: &MeasurePlan,
    billing: &BillingCells,
    exposure: &ExposureTable,
    tables: &SavingTables,
    baseline: &BaselineResult,
    as_of: Instant,
) -> SavingResult {
    let rates = Rates::of(contract, &tables.fx);
    let spec = &contract.baseline;
    let exposure_of = |service: &str, month: Month| {
        let scope = if service.is_empty() {
            Scope::Contract
        } else {
            Scope::Service(service.to_owned())
        };
        exposure.of(&scope, month)
    };
    let month_of = |at: Instant| plan.zone.month_of(at);
    let facts = Facts {
        contract_id: &contract.entry.id,
        currency: contract.score.currency,
        baseline: spec.baseline,
        performance: spec.performance,
        billing,
        exposure: &exposure_of,
        indices: &tables.indices,
        fx: &rates.fx,
        rate_day: rates.day,
        fx_decimals: rates.decimals,
        adjustments: &tables.adjustments,
        initiatives: &tables.initiatives,
        month_of: &month_of,
        as_of,
    };
    let avoided = |service: &str, period: &Period<Month>| avoided(baseline, service, period);
    saving::measure(&facts, &contract.savings, &score::periods(spec), &avoided)
}

/// Σ avoided incidents of a service (empty: of all) over the months of a period, as the table
/// `baseline` has them; `None` when a month has no number.
fn avoided(baseline: &BaselineResult, service: &str, period: &Period<Month>) -> Option<Decimal> {
    let mut sum: Option<Decimal> = None;
    for row in baseline
        .months
        .iter()
        .filter(|r| service.is_empty() || r.key.service_id == service)
        .filter(|r| period.contains(r.month))
    {
        if row.status == Status::NotMeasurable {
            return None;
        }
        let own = Decimal::from_f64_rounded(row.avoided?, 9).ok()?;
        sum = Some(sum.unwrap_or(Decimal::ZERO).checked_add(own).ok()?);
    }
    sum
}

/// Where a line of a contract enters, and why or why not. A line that was split over months is
/// placed by the month in which its period starts.
pub(super) fn place(line: &InvoiceLine<'_>, contract: &Contract) -> Placed {
    if line.class != BillingClass::Cost {
        return Placed {
            measure: None,
            what: None,
        };
    }
    let spec = &contract.baseline;
    let agreed = |service: &str| contract.savings.prices.iter().any(|p| p.service == service);
    let (measure, what) = if spec.performance.contains(line.month) {
        (Some("actual"), "actual cost of the performance period")
    } else if !spec.baseline.contains(line.month) {
        (
            None,
            "before or after the baseline and performance periods of the terms",
        )
    } else if agreed(line.service_id) {
        (
            None,
            "the price of its service is agreed in [[savings.prices]]",
        )
    } else {
        (Some("benchmark"), "price of the benchmark")
    };
    Placed {
        measure,
        what: Some(what),
    }
}

/// What of a contract's terms decides where its lines enter, as a text: equal for terms that
/// place every line alike.
pub(super) fn places(contract: &Contract) -> String {
    let spec = &contract.baseline;
    let agreed: Vec<&str> = contract
        .savings
        .prices
        .iter()
        .map(|p| p.service.as_str())
        .collect();
    format!("{:?} {:?} {agreed:?}", spec.baseline, spec.performance)
}

//! What incidents are divided by, and the monthly series that the baseline is fitted on.
//! Responsible for which row of the exposure table holds for a scope and for zero months; not
//! for any estimate.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::Scope;
use crate::baseline::{Series, SeriesKey};
use crate::finding::{Finding, Severity, Stage};
use crate::measure::cells::Cells;
use crate::time::{Instant, Month, Period, Zone, months_between};

/// What is counted as exposure.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ExposureUnit {
    /// Users.
    #[default]
    Users,
    /// Configuration items.
    Cis,
    /// Transactions.
    Transactions,
}

impl ExposureUnit {
    /// The column of the `exposure` table.
    #[must_use]
    pub fn column(self) -> &'static str {
        match self {
            ExposureUnit::Users => "users",
            ExposureUnit::Cis => "cis",
            ExposureUnit::Transactions => "transactions",
        }
    }

    /// One of them, for units.
    #[must_use]
    pub fn one(self) -> &'static str {
        match self {
            ExposureUnit::Users => "user",
            ExposureUnit::Cis => "CI",
            ExposureUnit::Transactions => "transaction",
        }
    }
}

/// A row of the `exposure` table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exposure {
    /// The contract.
    pub contract_id: String,
    /// The service; empty for the whole contract.
    pub service_id: String,
    /// The month.
    pub month: Month,
    /// Users.
    pub users: Option<u64>,
    /// Configuration items.
    pub cis: Option<u64>,
    /// Transactions.
    pub transactions: Option<u64>,
}

impl Exposure {
    fn of(&self, unit: ExposureUnit) -> Option<u64> {
        match unit {
            ExposureUnit::Users => self.users,
            ExposureUnit::Cis => self.cis,
            ExposureUnit::Transactions => self.transactions,
        }
    }
}

/// The exposure of one contract in one unit, by service and month.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExposureTable {
    rows: BTreeMap<(String, Month), u64>,
    /// The contract's own row, else the sum of its services'.
    whole: BTreeMap<Month, u64>,
    /// Services that have rows of their own.
    services: BTreeSet<String>,
}

impl ExposureTable {
    /// From the rows of all contracts. A month's value of zero counts as absent: nothing can be
    /// divided by it. Of two rows for one service and month the greater holds, in any order.
    #[must_use]
    pub fn new(contract_id: &str, rows: &[Exposure], unit: ExposureUnit) -> ExposureTable {
        let mut table = ExposureTable::default();
        for row in rows.iter().filter(|r| r.contract_id == contract_id) {
            if let Some(n) = row.of(unit).filter(|n| *n > 0) {
                let at = table
                    .rows
                    .entry((row.service_id.clone(), row.month))
                    .or_default();
                *at = n.max(*at);
            }
        }
        let services = table.rows.keys().map(|(service, _)| service);
        table.services = services.filter(|s| !s.is_empty()).cloned().collect();
        for ((service, month), n) in &table.rows {
            let own = table.rows.contains_key(&(String::new(), *month));
            if service.is_empty() || !own {
                let sum = table.whole.entry(*month).or_default();
                *sum = sum.saturating_add(*n);
            }
        }
        table
    }

    /// The services that have rows of their own, in order.
    pub(super) fn services(&self) -> &BTreeSet<String> {
        &self.services
    }

    /// The exposure of a service in a month by its own row alone.
    pub(super) fn of_row(&self, service_id: &str, month: Month) -> Option<u64> {
        self.rows.get(&(service_id.to_owned(), month)).copied()
    }

    /// Whether there is none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The exposure of a service in a month: its own row, else the contract's.
    #[must_use]
    pub fn of_service(&self, service_id: &str, month: Month) -> Option<u64> {
        self.rows
            .get(&(service_id.to_owned(), month))
            .or_else(|| self.rows.get(&(String::new(), month)))
            .copied()
    }

    /// The exposure of the contract in a month: its own row, else the sum of its services'.
    #[must_use]
    pub fn of_contract(&self, month: Month) -> Option<u64> {
        self.whole.get(&month).copied()
    }

    /// Whether a service is in use in a month: one that has rows of its own in some months is
    /// in use in those, any other always.
    #[must_use]
    pub fn is_served(&self, service_id: &str, month: Month) -> bool {
        let own = |(service, _): &&(String, Month)| service == service_id;
        self.rows.contains_key(&(service_id.to_owned(), month))
            || service_id.is_empty()
            || !self.rows.keys().any(|key| own(&key))
    }

    /// The exposure of a scope in a month. Priorities share that of their contract.
    #[must_use]
    pub fn of(&self, scope: &Scope, month: Month) -> Option<u64> {
        match scope {
            Scope::Service(service) => self.of_service(service, month),
            Scope::Contract | Scope::Supplier(_) | Scope::Priority(_) => self.of_contract(month),
        }
    }

    /// Whether a month of the contract is the sum of its services, of which a user may use
    /// several.
    #[must_use]
    pub fn sums_services(&self) -> bool {
        let whole: BTreeSet<Month> = self
            .rows
            .keys()
            .filter(|(service, _)| service.is_empty())
            .map(|(_, month)| *month)
            .collect();
        self.rows
            .keys()
            .any(|(service, month)| !service.is_empty() && !whole.contains(month))
    }
}

/// The months of which a contract's tickets are known: from the first to the last month in
/// which one was opened, months that are not over at `as_of` left out. `None` without tickets.
///
/// A month at either end in which nothing happened cannot be told from one that was not
/// exported; give a longer period to the other functions where it is known.
#[must_use]
pub fn observed(
    cells: &Cells,
    contract_id: &str,
    zone: &Zone,
    as_of: Instant,
) -> Option<Period<Month>> {
    let mut months = cells
        .total
        .cells_of(contract_id)
        .filter(|(_, cell)| cell.tickets > 0)
        .map(|(key, _)| key.month);
    let first = months.next()?;
    let (first, last) = months.fold((first, first), |(a, b), m| (a.min(m), b.max(m)));
    // The month that holds the as-of moment is not over.
    let end = last.next().min(zone.month_of(as_of));
    (first < end).then(|| Period::spanning(first, end))
}

/// The baseline's series of one contract: incidents per service and priority and month of
/// opening, less those that were relieved. Months of `observed` without an incident are zero; exposure of a month without a
/// row is 0.0, which the baseline reports and leaves out. Without any row it is 1.0 each month.
#[must_use]
pub fn series(
    cells: &Cells,
    contract_id: &str,
    exposure: &ExposureTable,
    unit: ExposureUnit,
    observed: Period<Month>,
) -> (Vec<Series>, Vec<Finding>) {
    let months: Vec<Month> = months_between(observed.start(), observed.end()).collect();
    let mut streams: BTreeMap<(String, u8), BTreeMap<Month, u64>> = BTreeMap::new();
    for (key, cell) in cells.total.cells_of(contract_id) {
        if cell.incidents > 0 && observed.contains(key.month) {
            *streams
                .entry((key.service_id.clone(), key.priority))
                .or_default()
                .entry(key.month)
                .or_default() += cell.incidents.saturating_sub(cell.relieved);
        }
    }
    let of = |service: &str, month: Month| -> f64 {
        if exposure.is_empty() {
            1.0
        } else {
            exposure.of_service(service, month).unwrap_or(0) as f64
        }
    };
    let series: Vec<Series> = streams
        .iter()
        .map(|((service, priority), counts)| Series {
            key: SeriesKey::new(contract_id, service, &format!("P{priority}")),
            first_month: observed.start(),
            counts: months
                .iter()
                .map(|m| Some(counts.get(m).copied().unwrap_or(0)))
                .collect(),
            exposure: months.iter().map(|m| of(service, *m)).collect(),
        })
        .collect();
    let mut findings = Vec::new();
    let note = |severity, code: &str, detail: &str, n: usize| {
        Finding::new(Stage::Score, severity, code, detail)
            .with_contract(contract_id)
            .with_count(n.max(1) as u64)
            .with_evidence(format!("unit {}", unit.column()))
    };
    if exposure.is_empty() && !series.is_empty() {
        findings.push(note(
            Severity::Warning,
            "exposure_absent",
            "no exposure was delivered in the unit of the terms: the baseline is a rate per \
             month and growth of the service is not adjusted for",
            months.len(),
        ));
    } else if exposure.sums_services() {
        findings.push(note(
            Severity::Note,
            "exposure_summed",
            "the contract has no exposure of its own in some months: that of its services is \
             added up, so a user of two services counts twice",
            1,
        ));
    }
    (series, findings)
}

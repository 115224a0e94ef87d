//! What the KPI values of one contract are made from, gathered once, and the same with the cells of
//! a few months changed. Responsible for gathering; not for any value (see [`super::stage`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::exposure::{ExposureTable, observed};
use super::mix::Strata;
use super::parts::{Parts, PartsTable, Sources, WithoutCells};
use super::records::Records;
use super::stage::{Inputs, published};
use super::value::Scope;
use crate::measure::cells::Cells;
use crate::time::{Month, Period, months_between};

/// What the KPI values of one contract are made from.
#[derive(Debug, Clone)]
pub struct Basis {
    pub(super) exposure: Arc<ExposureTable>,
    /// The small tables of the contract.
    pub(super) records: Arc<Records>,
    /// Incidents of fixed problems: (problem, days since the fix) → n.
    pub(super) fixes: Arc<BTreeMap<(String, i32), u64>>,
    /// The months of which tickets are known.
    pub(super) known: Option<Period<Month>>,
    /// The months of the terms: baseline and performance.
    months: Arc<[Month]>,
    pub(super) table: PartsTable,
    pub(super) strata: Strata,
    /// Sums over the baseline period, of the scopes that are published.
    pub(super) bases: BTreeMap<Scope, Arc<Parts>>,
}

impl Basis {
    /// Gathers it.
    #[must_use]
    pub fn new(inputs: &Inputs<'_>) -> Basis {
        Basis::gathered(inputs, |sources| (PartsTable::gather(sources), ())).0
    }

    fn gathered<T>(
        inputs: &Inputs<'_>,
        gather: impl Fn(&Sources<'_>) -> (PartsTable, T),
    ) -> (Basis, T) {
        let contract_id = inputs.plan.contract_id.as_str();
        let spec = inputs.baseline_spec;
        let unit = inputs.spec.exposure_unit;
        let exposure = ExposureTable::new(contract_id, inputs.exposure, unit);
        let zone = &inputs.plan.zone;
        let known = inputs
            .observed
            .or_else(|| observed(inputs.cells, contract_id, zone, inputs.as_of));
        let months: BTreeSet<Month> = [spec.baseline, spec.performance]
            .iter()
            .flat_map(|p| months_between(p.start(), p.end()))
            .collect();
        let fixes = inputs.cells.total.fixes.iter();
        let fixes = fixes
            .filter(|(key, _)| key.contract_id == contract_id)
            .map(|(key, n)| ((key.problem_id.clone(), key.day), *n))
            .collect();
        let mut basis = Basis {
            exposure: Arc::new(exposure),
            records: Arc::new(inputs.records.of(contract_id)),
            fixes: Arc::new(fixes),
            known,
            months: months.into_iter().collect(),
            table: PartsTable::default(),
            strata: Strata::gather(inputs.cells, contract_id),
            bases: BTreeMap::new(),
        };
        let (table, more) = gather(&basis.sources(inputs, inputs.cells));
        basis.table = table;
        basis.bases = basis.sums(inputs);
        (basis, more)
    }

    fn sources<'a>(&'a self, inputs: &Inputs<'a>, cells: &'a Cells) -> Sources<'a> {
        Sources {
            plan: inputs.plan,
            cells,
            billing: inputs.billing,
            exposure: &self.exposure,
            records: &self.records,
            observed: self.known,
            as_of: inputs.as_of,
            months: &self.months,
        }
    }

    fn sums(&self, inputs: &Inputs<'_>) -> BTreeMap<Scope, Arc<Parts>> {
        let baseline = inputs.baseline_spec.baseline;
        self.table
            .scopes()
            .filter(|scope| published(scope, inputs.levels))
            .map(|scope| (scope.clone(), Arc::new(self.table.over(scope, baseline))))
            .collect()
    }
}

/// A basis of which the cells of some months can be changed without gathering the rest again.
#[derive(Debug, Clone)]
pub struct Changeable {
    basis: Basis,
    without: WithoutCells,
}

impl Changeable {
    /// Gathers it.
    #[must_use]
    pub fn new(inputs: &Inputs<'_>) -> Changeable {
        let (basis, without) = Basis::gathered(inputs, PartsTable::gather_both);
        Changeable { basis, without }
    }

    /// The basis of the same inputs with other cells in some months. `cells` holds cells and
    /// durations of these months alone, of services and priorities that had some before; what
    /// else there is of tickets (open ones, people, categories, outages, fixes) stays, as do the
    /// months of which tickets are known.
    #[must_use]
    pub fn with(&self, inputs: &Inputs<'_>, cells: &Cells, months: Period<Month>) -> Basis {
        let contract_id = inputs.plan.contract_id.as_str();
        let sources = self.basis.sources(inputs, cells);
        let mut basis = self.basis.clone();
        basis.table = self.basis.table.with_cells(&self.without, &sources, months);
        basis.strata = self.basis.strata.with_cells(cells, contract_id, months);
        if inputs.baseline_spec.baseline.intersect(&months).is_some() {
            basis.bases = basis.sums(inputs);
        }
        basis
    }
}

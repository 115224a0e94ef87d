//! What was measured and told of each contract, apart: so that working one contract out costs the
//! same however many others there are. Responsible for parting; not for reading any of it.

use std::collections::BTreeMap;

use super::billed::Billed;
use crate::measure::cells::Cells;
use crate::measure::invoices::Billing;
use crate::score::{Exposure, Records};

/// What was measured and told, by contract.
pub(super) struct Shares<'a> {
    pub(super) cells: &'a BTreeMap<String, Cells>,
    pub(super) billing: &'a Billed,
    pub(super) exposure: BTreeMap<String, Vec<Exposure>>,
    pub(super) records: BTreeMap<String, Records>,
    /// What a contract has of which nothing is known.
    nothing: (Cells, Billing, Records),
}

/// That of one contract.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own<'a> {
    pub(super) cells: &'a Cells,
    pub(super) billing: &'a Billing,
    pub(super) exposure: &'a [Exposure],
    pub(super) records: &'a Records,
}

impl<'a> Shares<'a> {
    /// Parts the rows of all contracts.
    pub(super) fn new(
        cells: &'a BTreeMap<String, Cells>,
        billing: &'a Billed,
        exposure: Vec<Exposure>,
        records: Records,
    ) -> Shares<'a> {
        let mut parted: BTreeMap<String, Vec<Exposure>> = BTreeMap::new();
        for row in exposure {
            match parted.get_mut(&row.contract_id) {
                Some(rows) => rows.push(row),
                None => _ = parted.insert(row.contract_id.clone(), vec![row]),
            }
        }
        Shares {
            cells,
            billing,
            exposure: parted,
            records: records.by_contract(),
            nothing: Default::default(),
        }
    }

    /// That of one contract.
    pub(super) fn of(&self, contract_id: &str) -> Own<'_> {
        let (cells, billing, records) = &self.nothing;
        Own {
            cells: self.cells.get(contract_id).unwrap_or(cells),
            billing: self.billing.get(contract_id).unwrap_or(billing),
            exposure: self
                .exposure
                .get(contract_id)
                .map(Vec::as_slice)
                .unwrap_or_default(),
            records: self.records.get(contract_id).unwrap_or(records),
        }
    }
}

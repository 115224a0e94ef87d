//! Cells of all partitions: fragments folded in month order, with repeats across the borders of
//! partitions added from the boundary maps.

use std::collections::BTreeMap;

use super::fragment::{CellKey, Edge, Fragment, ItemKey, Opening};
use super::spec::MeasurePlan;

/// What all partitions together give. `Cells` of disjoint histories of different contracts
/// merge by [`Fragment::merge`] of their partitions before folding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cells {
    /// Sums, histograms and open incidents; `repeats` includes those across borders. Its
    /// boundary map is the one of the whole history.
    pub total: Fragment,
}

impl Cells {
    /// Folds the fragments of partitions, given with their UTC month in any order.
    pub fn fold<'a>(
        fragments: &BTreeMap<String, Fragment>,
        plan: impl Fn(&str) -> Option<&'a MeasurePlan>,
    ) -> Cells {
        let mut total = Fragment::default();
        let mut last: BTreeMap<ItemKey, Opening> = BTreeMap::new();
        for fragment in fragments.values() {
            total.absorb_sums(fragment);
            for (item, edge) in &fragment.edges {
                if let (Some(former), Some(plan)) = (last.get(item), plan(&item.0)) {
                    let gap = edge.first.at.wall_s_since(former.at);
                    if gap <= plan.repeat_window_s {
                        let key = CellKey {
                            contract_id: item.0.clone(),
                            service_id: edge.first.service_id.clone(),
                            priority: edge.first.priority,
                            month: plan.zone.month_of(edge.first.at),
                        };
                        total.cells.entry(key).or_default().repeats += 1;
                    }
                }
                last.insert(item.clone(), edge.last.clone());
                match total.edges.get_mut(item) {
                    None => {
                        total.edges.insert(item.clone(), edge.clone());
                    }
                    Some(Edge { last, .. }) => *last = edge.last.clone(),
                }
            }
        }
        Cells { total }
    }
}

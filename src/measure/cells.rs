//! Cells of all partitions: fragments folded in month order, with repeats across the borders of
//! partitions added from the boundary maps.

use std::collections::BTreeMap;

use super::fragment::{CellKey, Fragment, ItemKey, Opening};
use super::plan::MeasurePlan;

/// What all partitions together give.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cells {
    /// Sums, histograms and open incidents; `repeats` includes those across borders. The boundary
    /// maps are used up, so it has none.
    pub total: Fragment,
}

impl Cells {
    /// Folds the fragments of partitions, given by something that orders those of a contract by
    /// their UTC month.
    pub fn fold<'a, K: Ord>(
        fragments: BTreeMap<K, Fragment>,
        plan: impl Fn(&str) -> Option<&'a MeasurePlan>,
    ) -> Cells {
        let mut total = Fragment::default();
        let mut last: BTreeMap<ItemKey, Opening> = BTreeMap::new();
        for fragment in fragments.into_values() {
            for (item, edge) in total.absorb_sums(fragment) {
                if let (Some(former), Some(plan)) = (last.get(&item), plan(&item.0)) {
                    let gap = edge.first.at.wall_s_since(former.at);
                    if gap <= plan.repeat_window_s {
                        let key = CellKey {
                            contract_id: item.0.clone(),
                            service_id: edge.first.service_id,
                            priority: edge.first.priority,
                            month: plan.zone.month_of(edge.first.at),
                        };
                        total.cells.entry(key).or_default().repeats += 1;
                    }
                }
                last.insert(item, edge.last);
            }
        }
        Cells { total }
    }
}

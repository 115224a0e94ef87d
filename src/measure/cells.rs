//! Cells of all partitions: fragments folded in month order, with repeats across the borders of
//! partitions added from the boundary maps.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;

use super::fragment::{CellKey, Fragment, ItemKey, Opening};
use super::plan::MeasurePlan;
use super::solved::Solved;

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
        let mut solved = Vec::with_capacity(fragments.len());
        // In no order: each item is looked up, none is passed on.
        let mut last: HashMap<ItemKey, Opening, FixedState> = HashMap::default();
        for mut fragment in fragments.into_values() {
            solved.push(std::mem::take(&mut fragment.solved));
            for (item, edge) in total.absorb_sums(fragment) {
                match last.entry(item) {
                    Entry::Vacant(place) => {
                        place.insert(edge.last);
                    }
                    Entry::Occupied(mut place) => {
                        let former = place.insert(edge.last);
                        let contract_id = &place.key().0;
                        let Some(plan) = plan(contract_id) else {
                            continue;
                        };
                        let gap = edge.first.at.wall_s_since(former.at);
                        if gap <= plan.repeat_window_s {
                            let key = CellKey {
                                contract_id: contract_id.clone(),
                                service_id: edge.first.service_id,
                                priority: edge.first.priority,
                                month: plan.zone.month_of(edge.first.at),
                            };
                            total.cells.entry(key).or_default().repeats += 1;
                        }
                    }
                }
            }
        }
        // All at once: one by one each would be put together with all before it.
        total.solved = Solved::together(&solved);
        Cells { total }
    }
}

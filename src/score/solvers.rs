//! Who restored incidents on what, by scope and month: the state of how much of a service one
//! person oversees. People and items are numbers here, so that a year is summed quickly. Not
//! responsible for the share that a KPI makes of it (see [`super::kpi`]).

use std::collections::BTreeMap;

use super::value::Scope;
use crate::measure::solved::{Count, item_of, person_of};
use crate::time::Month;

/// Restored incidents with a known item, by who held them last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Solvers {
    /// How many items there are.
    items: usize,
    by_scope: BTreeMap<Scope, OfScope>,
}

/// Those of a scope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct OfScope {
    /// Pairs of person and item in order, each once.
    pairs: Vec<u64>,
    /// Of each month: pair, and how many incidents, until [`Solvers::finish`] puts the place of the
    /// pair in its stead.
    months: BTreeMap<Month, Vec<Count>>,
}

/// How the restored incidents of some months spread over people and items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spread {
    /// People who restored any.
    pub(super) people: usize,
    /// Items on which any was restored.
    pub(super) items: usize,
    /// Items on which the person with most such items restored at least so many as asked for.
    pub(super) most: usize,
}

impl Solvers {
    /// None yet, on so many items.
    pub(super) fn new(items: usize) -> Solvers {
        Solvers {
            items,
            ..Solvers::default()
        }
    }

    /// Counts restored incidents of a month in each of the scopes.
    pub(super) fn add(&mut self, scopes: [Scope; 2], month: Month, counts: &[Count]) {
        let known = counts.iter().filter(|(pair, _)| item_of(*pair).is_some());
        for scope in scopes {
            let months = &mut self.by_scope.entry(scope).or_default().months;
            months.entry(month).or_default().extend(known.clone());
        }
    }

    /// Ends the counting, so that a year is summed in one go over places.
    pub(super) fn finish(&mut self) {
        for of_scope in self.by_scope.values_mut() {
            of_scope.months.retain(|_, counts| !counts.is_empty());
            let all = of_scope.months.values().flatten();
            let mut pairs: Vec<u64> = all.map(|(pair, _)| *pair).collect();
            // The months are runs that are in order: this merges them.
            pairs.sort();
            pairs.dedup();
            for counts in of_scope.months.values_mut() {
                counts.sort_by_key(|(pair, _)| *pair);
                let mut place = 0;
                for (pair, _) in counts {
                    while pairs.get(place).is_some_and(|known| *known < *pair) {
                        place += 1;
                    }
                    *pair = place as u64;
                }
            }
            of_scope.pairs = pairs;
        }
        self.by_scope
            .retain(|_, of_scope| !of_scope.pairs.is_empty());
    }

    /// The spread over some months, where having restored `enough` on an item counts.
    pub(super) fn spread(
        &self,
        scope: &Scope,
        months: impl Iterator<Item = Month>,
        enough: u64,
    ) -> Spread {
        let Some(of_scope) = self.by_scope.get(scope) else {
            return Spread::default();
        };
        let mut sums = vec![0u64; of_scope.pairs.len()];
        for (place, n) in months
            .filter_map(|month| of_scope.months.get(&month))
            .flatten()
        {
            if let Some(sum) = usize::try_from(*place).ok().and_then(|p| sums.get_mut(p)) {
                *sum += n;
            }
        }
        let mut seen = vec![false; self.items];
        let mut spread = Spread::default();
        let mut now = None;
        let mut reached = 0;
        let restored = of_scope
            .pairs
            .iter()
            .zip(&sums)
            .filter(|(_, sum)| **sum > 0);
        for (pair, sum) in restored {
            if now.replace(person_of(*pair)) != Some(person_of(*pair)) {
                spread.people += 1;
                reached = 0;
            }
            reached += usize::from(*sum >= enough);
            spread.most = spread.most.max(reached);
            if let Some(seen) = item_of(*pair).and_then(|item| seen.get_mut(item))
                && !std::mem::replace(seen, true)
            {
                spread.items += 1;
            }
        }
        spread
    }
}

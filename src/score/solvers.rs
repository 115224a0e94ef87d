//! Who restored incidents on what, by scope and month: the state of how much of a service one
//! person oversees. People and items are numbers here, so that a year is summed quickly. Not
//! responsible for the share that a KPI makes of it (see [`super::kpi`]).

use std::collections::BTreeMap;

use super::value::Scope;
use crate::time::Month;

/// Person and item in one number, the person above, and how many incidents; not summed yet. A few
/// runs, each in order, one after the other.
type Restored = Vec<(u64, u64)>;

/// Restored incidents with a known item, by who held them last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Solvers {
    people: BTreeMap<String, u32>,
    items: BTreeMap<(String, String), u32>,
    by_scope: BTreeMap<Scope, BTreeMap<Month, Restored>>,
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

fn code<K: Ord>(codes: &mut BTreeMap<K, u32>, key: K) -> u32 {
    // Fewer than 2^32 people or items, as they come from that many rows at most.
    let next = codes.len() as u32;
    *codes.entry(key).or_insert(next)
}

impl Solvers {
    /// Counts restored incidents of a month, each with its person, item and category and how many
    /// there are, in each of the scopes.
    pub(super) fn add<'a>(
        &mut self,
        scopes: [Scope; 2],
        month: Month,
        restored: impl Iterator<Item = (&'a str, &'a (String, String), u64)>,
    ) {
        let mut coded: Restored = restored
            .map(|(person, item, n)| {
                let person = match self.people.get(person) {
                    Some(code) => *code,
                    None => code(&mut self.people, person.to_owned()),
                };
                let item = match self.items.get(item) {
                    Some(code) => *code,
                    None => code(&mut self.items, item.clone()),
                };
                (u64::from(person) << 32 | u64::from(item), n)
            })
            .collect();
        if coded.is_empty() {
            return;
        }
        coded.sort_unstable_by_key(|(key, _)| *key);
        for scope in scopes {
            let months = self.by_scope.entry(scope).or_default();
            months.entry(month).or_default().extend(&coded);
        }
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
        let mut all: Restored = months
            .filter_map(|month| of_scope.get(&month))
            .flatten()
            .copied()
            .collect();
        // The stable sort merges the runs of the months, where the other would sort them anew.
        all.sort_by_key(|(key, _)| *key);
        let mut seen = vec![false; self.items.len()];
        let mut spread = Spread::default();
        for of_person in all.chunk_by(|a, b| a.0 >> 32 == b.0 >> 32) {
            spread.people += 1;
            let mut reached = 0;
            for of_item in of_person.chunk_by(|a, b| a.0 == b.0) {
                let n: u64 = of_item.iter().map(|(_, n)| n).sum();
                reached += usize::from(n >= enough);
                let item = of_item.first().map_or(0, |(key, _)| *key as u32 as usize);
                if let Some(seen) = seen.get_mut(item)
                    && !std::mem::replace(seen, true)
                {
                    spread.items += 1;
                }
            }
            spread.most = spread.most.max(reached);
        }
        spread
    }
}

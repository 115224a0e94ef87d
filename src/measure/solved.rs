//! Who restored incidents on what: the state of concentration and coverage. Names of people and
//! items are held once and counted by number, because with millions of incidents nearly every pair
//! of them is another one. Not responsible for what is made of the counts (see [`crate::score`]).

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use foldhash::fast::FixedState;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::time::Month;

/// Where incidents were restored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SolvedPlace {
    /// The contract.
    pub contract_id: String,
    /// The service; empty when unknown.
    pub service_id: String,
    /// Month of restoration.
    pub month: Month,
}

/// Configuration item and category.
pub type Item = (String, String);

/// Restored incidents by who held them last and on what.
///
/// Equal counts are equal values: names are in order, each is used, and so are the counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Solved {
    people: Vec<String>,
    items: Vec<Item>,
    places: BTreeMap<SolvedPlace, Vec<Count>>,
}

/// A pair of person and item, and how many incidents, at least 1. The pair is the number of the
/// person above 32 bits, and below them that of the item from 1, or 0 where it is not known.
pub type Count = (u64, u64);

/// The number of the person in a pair.
pub fn person_of(pair: u64) -> usize {
    usize::try_from(pair >> 32).unwrap_or(usize::MAX)
}

/// The number of the item in a pair, if it is known.
pub fn item_of(pair: u64) -> Option<usize> {
    usize::try_from(pair & u64::from(u32::MAX))
        .ok()?
        .checked_sub(1)
}

/// One count with its names: place, person, item and category, how many.
pub type Named<'n> = (SolvedPlace, &'n str, Option<(&'n str, &'n str)>, u64);

/// Names in order, each once, and the number of each.
fn numbered<K: Ord + Hash + Copy>(
    names: impl Iterator<Item = K>,
) -> (Vec<K>, HashMap<K, u32, FixedState>) {
    let mut codes: HashMap<K, u32, FixedState> = names.map(|name| (name, 0)).collect();
    let mut list: Vec<K> = codes.keys().copied().collect();
    list.sort_unstable();
    // Fewer than 2^32 of them, as they come from that many rows at most.
    for (code, name) in (0u32..).zip(&list) {
        codes.insert(*name, code);
    }
    (list, codes)
}

/// Puts equal pairs together; runs that are in order are merged.
fn summed(counts: &mut Vec<Count>) {
    counts.sort_by_key(|(pair, _)| *pair);
    counts.dedup_by(|(pair, n), (kept, sum)| {
        let same = pair == kept;
        if same {
            *sum += *n;
        }
        same
    });
}

impl Solved {
    /// Counts by their names, which may repeat.
    pub fn of<'n>(named: impl IntoIterator<Item = Named<'n>>) -> Solved {
        let named: Vec<Named<'n>> = named.into_iter().collect();
        let (people, of_people) = numbered(named.iter().map(|(_, person, ..)| *person));
        let (items, of_items) = numbered(named.iter().filter_map(|(.., item, _)| *item));
        let mut places: BTreeMap<SolvedPlace, Vec<Count>> = BTreeMap::new();
        for (place, person, item, n) in named {
            let person = of_people.get(person).copied().unwrap_or_default();
            let item = item.and_then(|item| Some(of_items.get(&item)? + 1));
            let pair = u64::from(person) << 32 | u64::from(item.unwrap_or_default());
            places.entry(place).or_default().push((pair, n));
        }
        places.values_mut().for_each(summed);
        Solved {
            people: people.into_iter().map(str::to_owned).collect(),
            items: items
                .into_iter()
                .map(|(item, category)| (item.to_owned(), category.to_owned()))
                .collect(),
            places,
        }
    }

    /// The counts of several together.
    pub fn together(many: &[Solved]) -> Solved {
        let (people, of_people) = numbered(many.iter().flat_map(|s| &s.people));
        let (items, of_items) = numbered(many.iter().flat_map(|s| &s.items));
        let mut places: BTreeMap<SolvedPlace, Vec<(usize, &[Count])>> = BTreeMap::new();
        for (n, solved) in many.iter().enumerate() {
            for (place, counts) in &solved.places {
                places.entry(place.clone()).or_default().push((n, counts));
            }
        }
        // The numbers of the names of each in the list of all, in the same order.
        let codes: Vec<(Vec<u32>, Vec<u32>)> = many
            .par_iter()
            .map(|solved| {
                let of = |name| of_people.get(name).copied().unwrap_or_default();
                let person = solved.people.iter().map(of).collect();
                let of = |name| of_items.get(name).copied().unwrap_or_default();
                (person, solved.items.iter().map(of).collect())
            })
            .collect();
        let again = |n: usize, pair: u64| {
            let (people, items) = codes.get(n)?;
            let person = u64::from(*people.get(person_of(pair))?);
            let item = match item_of(pair) {
                Some(item) => u64::from(*items.get(item)?) + 1,
                None => 0,
            };
            Some(person << 32 | item)
        };
        let merged: Vec<(SolvedPlace, Vec<Count>)> = places
            .into_par_iter()
            .map(|(place, runs)| {
                let mut counts = Vec::with_capacity(runs.iter().map(|(_, run)| run.len()).sum());
                for (n, run) in runs {
                    let run = run.iter();
                    counts.extend(run.filter_map(|(pair, count)| Some((again(n, *pair)?, *count))));
                }
                summed(&mut counts);
                (place, counts)
            })
            .collect();
        Solved {
            people: people.into_iter().cloned().collect(),
            items: items.into_iter().cloned().collect(),
            places: merged.into_iter().collect(),
        }
    }

    /// Those of one contract.
    #[must_use]
    pub fn of_contract(&self, contract_id: &str) -> Solved {
        let ours = |place: &SolvedPlace| place.contract_id == contract_id;
        if self.places.keys().all(ours) {
            return self.clone();
        }
        Solved::of(self.iter().filter(|(place, ..)| ours(place)))
    }

    /// Whether nothing was restored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// All counts with their names, by place, person and item.
    pub fn iter(&self) -> impl Iterator<Item = Named<'_>> {
        self.places.iter().flat_map(|(place, counts)| {
            counts.iter().map(|(pair, n)| {
                let item = item_of(*pair).and_then(|item| self.items.get(item));
                let item = item.map(|(item, category)| (item.as_str(), category.as_str()));
                (place.clone(), self.person(*pair), item, *n)
            })
        })
    }

    /// The person of a pair.
    #[must_use]
    pub fn person(&self, pair: u64) -> &str {
        self.people.get(person_of(pair)).map_or("", String::as_str)
    }

    /// How many items there are.
    #[must_use]
    pub fn items(&self) -> usize {
        self.items.len()
    }

    /// The places of a contract with their counts by pair, in order of service and month; pairs are
    /// in order of person and item.
    pub fn places(&self, contract_id: &str) -> impl Iterator<Item = (&SolvedPlace, &[Count])> {
        let first = SolvedPlace {
            contract_id: contract_id.to_owned(),
            service_id: String::new(),
            month: Month::from_ordinal(i32::MIN),
        };
        let from = self.places.range(first..);
        from.map(|(place, counts)| (place, counts.as_slice()))
            .take_while(move |(place, _)| place.contract_id == contract_id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Plain = (u8, i32, u8, Option<(u8, u8)>);

    const NAMES: [&str; 4] = ["", "a", "ab", "b"];

    fn of(plain: &[Plain]) -> Solved {
        Solved::of(plain.iter().map(|(contract, month, person, item)| {
            let name = |n: u8| NAMES[usize::from(n)];
            let place = SolvedPlace {
                contract_id: name(*contract).to_owned(),
                service_id: name(*contract / 2).to_owned(),
                month: Month::from_ordinal(*month),
            };
            let item = item.map(|(item, category)| (name(item), name(category)));
            (place, name(*person), item, 1)
        }))
    }

    fn plain() -> impl Strategy<Value = Vec<Plain>> {
        let item = proptest::option::of((0..4u8, 0..4u8));
        proptest::collection::vec((0..4u8, 0..3, 0..4u8, item), 0..30)
    }

    proptest! {
        #[test]
        fn parts_together_are_the_whole_however_it_is_parted(
            parts in proptest::collection::vec(plain(), 0..5),
        ) {
            let whole = of(&parts.concat());
            let solved: Vec<Solved> = parts.iter().map(|p| of(p)).collect();
            prop_assert_eq!(&Solved::together(&solved), &whole);
            prop_assert_eq!(&Solved::of(whole.iter()), &whole);
            let n: u64 = whole.iter().map(|(.., n)| n).sum();
            prop_assert_eq!(n, parts.concat().len() as u64);
            for contract in 0..4u8 {
                let own: Vec<Plain> = parts.concat().into_iter().filter(|p| p.0 == contract).collect();
                let id = NAMES[usize::from(contract)];
                prop_assert_eq!(whole.of_contract(id), of(&own));
                let listed: u64 = whole.places(id).flat_map(|(_, c)| c).map(|(_, n)| n).sum();
                prop_assert_eq!(listed, own.len() as u64);
            }
        }
    }
}

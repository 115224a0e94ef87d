//! Fragments: what one pass over one partition gives, and how fragments merge. Only sums of
//! whole numbers, so that merging is exact and order-free.
//!
//! The cell law: over facts with disjoint tickets, fragment(A ∪ B) = merge(fragment(A),
//! fragment(B)), whatever A and B share of items, months and services.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

pub use super::cell::Cell;
use super::histogram::SparseHistogram;
use super::integrity::IntegrityCells;
use super::outage::Outages;
use super::solved::Solved;
use super::worst::Worst;
use crate::time::{Instant, Month};

/// What cells are counted by. The month is of the contract's zone; which moment it is the month
/// of depends on the measure (see [`Cell`]).
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct CellKey {
    /// The contract.
    pub contract_id: String,
    /// The service; empty when unknown.
    pub service_id: String,
    /// The highest priority the ticket held, 1 to 5.
    pub priority: u8,
    /// The month.
    pub month: Month,
}

/// Which clock a histogram holds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Clock {
    /// Time to restore in business seconds.
    RestoreBusiness,
    /// Time to restore in wall seconds.
    RestoreWall,
    /// Time to respond in business seconds, by month of the answer.
    RespondBusiness,
    /// Time to respond in wall seconds, by month of the answer.
    RespondWall,
    /// Wall seconds from knowing of a disruption to telling of it, by month of opening.
    Notify,
    /// Wall seconds from a warning to the breach it warned of, by month of the due time.
    WarningLead,
}

impl Clock {
    /// All of them, in order.
    pub const ALL: [Clock; 6] = [
        Clock::RestoreBusiness,
        Clock::RestoreWall,
        Clock::RespondBusiness,
        Clock::RespondWall,
        Clock::Notify,
        Clock::WarningLead,
    ];
}

/// An incident that is still open: what the as-of date will decide about it.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct OpenKey {
    /// The contract.
    pub contract_id: String,
    /// The service; empty when unknown.
    pub service_id: String,
    /// The highest priority it held.
    pub priority: u8,
    /// When it was opened.
    pub opened_at: Instant,
    /// When its target is used up, unless it is paused or has none.
    pub due_at: Option<Instant>,
    /// Share affected, parts per million; `None` for children and where nothing is known.
    pub affected_ppm: Option<u32>,
    /// When its target for a response is used up, while nobody answered.
    pub respond_due_at: Option<Instant>,
    /// The first warning that its target would be missed.
    pub warned_at: Option<Instant>,
}

/// Incidents and requests of one category.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct KindKey {
    /// The contract.
    pub contract_id: String,
    /// The service; empty when unknown.
    pub service_id: String,
    /// The category.
    pub category: String,
    /// Month of opening.
    pub month: Month,
}

/// How many of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Kinds {
    /// Incidents.
    pub incidents: u64,
    /// Requests.
    pub requests: u64,
}

/// The incidents of a problem that was fixed.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct FixKey {
    /// The contract.
    pub contract_id: String,
    /// The problem.
    pub problem_id: String,
    /// Whole days from the fix to the opening, cut towards the past: below 0 before the fix.
    pub day: i32,
}

/// How many samples of tickets a finding shows.
pub const SAMPLES: usize = 5;

/// A few tickets that show something: the first by source and number, whatever the order in
/// which they were seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sample {
    /// Source and number.
    pub tickets: BTreeSet<(String, String)>,
}

impl Sample {
    /// Adds one ticket.
    pub fn add(&mut self, source: &str, ticket_id: &str) {
        self.tickets
            .insert((source.to_owned(), ticket_id.to_owned()));
        while self.tickets.len() > SAMPLES {
            self.tickets.pop_last();
        }
    }

    /// Adds those of another.
    pub fn merge(&mut self, other: &Sample) {
        for (source, ticket) in &other.tickets {
            self.add(source, ticket);
        }
    }

    /// The numbers, separated by commas.
    pub fn shown(&self) -> String {
        let numbers: Vec<&str> = self.tickets.iter().map(|(_, t)| t.as_str()).collect();
        numbers.join(", ")
    }
}

/// On how many tickets another clock policy judges otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audited {
    /// Incidents with a target.
    pub judged: u64,
    /// Breached by the other policy, not by the terms.
    pub stricter: u64,
    /// Breached by the terms, not by the other policy.
    pub milder: u64,
    /// Some of those that differ.
    pub sample: Sample,
}
/// One opening of an incident on an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Opening {
    /// When.
    pub at: Instant,
    /// Source and number: breaks ties of equal moments.
    pub ticket: (String, String),
    /// The service of its cell.
    pub service_id: String,
    /// The priority of its cell.
    pub priority: u8,
}

/// First and last opening of an item in a partition.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Edge {
    /// The first.
    pub first: Opening,
    /// The last.
    pub last: Opening,
}

/// What an item is known by: contract, configuration item, category.
pub type ItemKey = (String, String, String);

/// What one pass over one partition gives.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fragment {
    /// Sums.
    #[serde(with = "in_order")]
    pub cells: BTreeMap<CellKey, Cell>,
    /// Durations, by key of the cell in which they ended.
    #[serde(with = "in_order")]
    pub histograms: BTreeMap<(CellKey, Clock), SparseHistogram>,
    /// Open incidents, with how many are alike.
    #[serde(with = "in_order")]
    pub open: BTreeMap<OpenKey, u64>,
    /// What tests for gaming look at.
    pub integrity: IntegrityCells,
    /// The boundary map: first and last opening of each item.
    #[serde(with = "in_order")]
    pub edges: BTreeMap<ItemKey, Edge>,
    /// Restored incidents by who solved them.
    pub solved: Solved,
    /// Incidents and requests by category.
    #[serde(with = "in_order")]
    pub kinds: BTreeMap<KindKey, Kinds>,
    /// Incidents of fixed problems by days since the fix.
    pub fixes: BTreeMap<FixKey, u64>,
    /// Outages that have ended, by contract and service.
    pub outages: BTreeMap<(String, String), Outages>,
    /// When the first outage that has not ended began, by contract and service.
    pub outages_open: BTreeMap<(String, String), Instant>,
    /// Incidents that the tool judges otherwise, by contract and by whether we call them
    /// breached.
    pub differs: BTreeMap<(String, bool), Sample>,
    /// The clock audit, where it was asked for: by contract and other policy. Never kept.
    #[serde(skip)]
    pub audit: BTreeMap<(String, &'static str), Audited>,
    /// The worst incidents, one by one.
    pub worst: Worst,
}

/// Large maps as their entries in order: read whole and put together at once, where a map would
/// search the place of every entry.
mod in_order {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        let entries = Vec::<(K, V)>::deserialize(deserializer)?;
        Ok(entries.into_iter().collect())
    }
}

/// What is copied of a contract's cells beside their sums.
#[derive(Debug, Clone, Copy)]
pub struct With {
    /// Histograms of durations.
    pub durations: bool,
    /// Who restored what.
    pub people: bool,
    /// Incidents and requests by category.
    pub categories: bool,
}

/// A map that is asked for, or an empty one.
fn asked<K, V>(asked: bool, map: impl FnOnce() -> BTreeMap<K, V>) -> BTreeMap<K, V> {
    if asked { map() } else { BTreeMap::new() }
}

/// The entries of one contract in a map whose keys begin with the contract.
fn own<K: Clone + Ord, V: Clone>(
    map: &BTreeMap<K, V>,
    first: K,
    contract: impl Fn(&K) -> bool,
) -> BTreeMap<K, V> {
    map.range(first..)
        .take_while(|(key, _)| contract(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// The key before all cells of a contract.
fn first_of(contract_id: &str) -> CellKey {
    CellKey {
        contract_id: contract_id.to_owned(),
        service_id: String::new(),
        priority: 0,
        month: Month::from_ordinal(i32::MIN),
    }
}

impl Fragment {
    /// The cells of one contract, in order.
    pub fn cells_of<'a>(
        &'a self,
        contract_id: &'a str,
    ) -> impl Iterator<Item = (&'a CellKey, &'a Cell)> {
        let cells = self.cells.range(first_of(contract_id)..);
        cells.take_while(move |(key, _)| key.contract_id == contract_id)
    }

    /// The durations of one contract, in order of their cells.
    pub fn histograms_of<'a>(
        &'a self,
        contract_id: &'a str,
    ) -> impl Iterator<Item = (&'a (CellKey, Clock), &'a SparseHistogram)> {
        let first = (first_of(contract_id), Clock::RestoreBusiness);
        let all = self.histograms.range(first..);
        all.take_while(move |((key, _), _)| key.contract_id == contract_id)
    }

    /// What KPIs of one contract are made of: sums, open incidents, fixes and outages, and as far
    /// as `with` says durations, people and categories; without boundary map, samples and tests.
    #[must_use]
    pub fn of_contract(&self, contract_id: &str, with: With) -> Fragment {
        let id = || contract_id.to_owned();
        let none = Month::from_ordinal(i32::MIN);
        let cell = first_of(contract_id);
        let open = OpenKey {
            contract_id: id(),
            service_id: String::new(),
            priority: 0,
            opened_at: Instant::from_micros(i64::MIN),
            due_at: None,
            affected_ppm: None,
            respond_due_at: None,
            warned_at: None,
        };
        let kind = KindKey {
            contract_id: id(),
            service_id: String::new(),
            category: String::new(),
            month: none,
        };
        let fix = FixKey {
            contract_id: id(),
            problem_id: String::new(),
            day: i32::MIN,
        };
        let service = (id(), String::new());
        let durations = (cell.clone(), Clock::RestoreBusiness);
        Fragment {
            cells: own(&self.cells, cell, |k| k.contract_id == contract_id),
            histograms: asked(with.durations, || {
                own(&self.histograms, durations, |(k, _)| {
                    k.contract_id == contract_id
                })
            }),
            open: own(&self.open, open, |k| k.contract_id == contract_id),
            solved: match with.people {
                true => self.solved.of_contract(contract_id),
                false => Solved::default(),
            },
            kinds: asked(with.categories, || {
                own(&self.kinds, kind, |k| k.contract_id == contract_id)
            }),
            fixes: own(&self.fixes, fix, |k| k.contract_id == contract_id),
            outages: own(&self.outages, service.clone(), |k| k.0 == contract_id),
            outages_open: own(&self.outages_open, service, |k| k.0 == contract_id),
            ..Fragment::default()
        }
    }

    /// Adds another fragment of the same partition.
    pub fn merge(&mut self, other: Fragment) {
        for (item, edge) in self.absorb_sums(other) {
            match self.edges.get_mut(&item) {
                None => {
                    self.edges.insert(item, edge);
                }
                Some(mine) => {
                    if edge.first < mine.first {
                        mine.first = edge.first;
                    }
                    if edge.last > mine.last {
                        mine.last = edge.last;
                    }
                }
            }
        }
    }

    /// Adds the sums of another fragment and gives back its boundary map.
    pub fn absorb_sums(&mut self, other: Fragment) -> BTreeMap<ItemKey, Edge> {
        each(&mut self.cells, other.cells, |mine, cell| mine.merge(&cell));
        each(&mut self.histograms, other.histograms, |mine, histogram| {
            mine.merge(&histogram);
        });
        each(&mut self.open, other.open, |mine, n| *mine += n);
        if !other.solved.is_empty() {
            let mine = std::mem::take(&mut self.solved);
            self.solved = Solved::together(&[mine, other.solved]);
        }
        each(&mut self.kinds, other.kinds, |mine, kinds| {
            mine.incidents += kinds.incidents;
            mine.requests += kinds.requests;
        });
        each(&mut self.fixes, other.fixes, |mine, n| *mine += n);
        each(&mut self.outages, other.outages, |mine, outages| {
            mine.merge(&outages);
        });
        each(&mut self.outages_open, other.outages_open, |mine, began| {
            *mine = (*mine).min(began);
        });
        each(&mut self.differs, other.differs, |mine, sample| {
            mine.merge(&sample);
        });
        each(&mut self.audit, other.audit, |mine, audited| {
            mine.judged += audited.judged;
            mine.stricter += audited.stricter;
            mine.milder += audited.milder;
            mine.sample.merge(&audited.sample);
        });
        self.integrity.merge(&other.integrity);
        self.worst.merge(&other.worst);
        other.edges
    }
}

/// Adds every value to the one of its key, or puts it there.
fn each<K: Ord, V>(mine: &mut BTreeMap<K, V>, other: BTreeMap<K, V>, add: impl Fn(&mut V, V)) {
    if mine.is_empty() {
        *mine = other;
        return;
    }
    for (key, value) in other {
        match mine.entry(key) {
            Entry::Vacant(place) => {
                place.insert(value);
            }
            Entry::Occupied(mut place) => add(place.get_mut(), value),
        }
    }
}

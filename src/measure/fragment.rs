//! Fragments: what one pass over one partition gives, and how fragments merge. Only sums of
//! whole numbers, so that merging is exact and order-free.
//!
//! The cell law: over facts with disjoint tickets, fragment(A ∪ B) = merge(fragment(A),
//! fragment(B)), whatever A and B share of items, months and services.

use std::collections::BTreeMap;

use super::histogram::SparseHistogram;
use crate::time::{Instant, Month};

/// What cells are counted by. The month is of the contract's zone; which moment it is the month
/// of depends on the measure (see [`Cell`]).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

/// Sums of one cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    /// Tickets of any kind, by month of opening.
    pub tickets: u64,
    /// Incidents, by month of opening.
    pub incidents: u64,
    /// Requests, by month of opening.
    pub requests: u64,
    /// Incidents that are children of another, by month of opening.
    pub children: u64,
    /// Incidents whose item and category are known, by month of opening.
    pub item_known: u64,
    /// Incidents that repeat one on the same item and category, by month of opening. In a
    /// fragment only those within the partition; folding adds those across borders.
    pub repeats: u64,
    /// Incidents restored within their target, by month of the due time.
    pub restore_met: u64,
    /// Incidents restored too late, by month of the due time.
    pub restore_breached: u64,
    /// Incidents restored, by month of restoration.
    pub restored: u64,
    /// Business seconds to restore of those, pauses excluded.
    pub restore_business_s: i128,
    /// Wall seconds to restore of those, pauses excluded.
    pub restore_wall_s: i128,
    /// Wall seconds paused of those.
    pub paused_wall_s: i128,
    /// Business seconds of disruption × share affected in parts per million, by month in which
    /// the disruption fell.
    pub impact_s_ppm: i128,
    /// Incidents with disruption in the month whose share was assumed.
    pub impact_assumed: u64,
    /// Incidents without share affected where none is assumed, by month of opening.
    pub impact_unknown: u64,
    /// Incidents whose clock could not be read, by month of opening.
    pub clock_unread: u64,
}

impl Cell {
    /// Adds another cell of the same key.
    pub fn merge(&mut self, other: &Cell) {
        self.tickets += other.tickets;
        self.incidents += other.incidents;
        self.requests += other.requests;
        self.children += other.children;
        self.item_known += other.item_known;
        self.repeats += other.repeats;
        self.restore_met += other.restore_met;
        self.restore_breached += other.restore_breached;
        self.restored += other.restored;
        self.restore_business_s += other.restore_business_s;
        self.restore_wall_s += other.restore_wall_s;
        self.paused_wall_s += other.paused_wall_s;
        self.impact_s_ppm += other.impact_s_ppm;
        self.impact_assumed += other.impact_assumed;
        self.impact_unknown += other.impact_unknown;
        self.clock_unread += other.clock_unread;
    }
}

/// Which clock a histogram holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clock {
    /// Time to restore in business seconds.
    RestoreBusiness,
    /// Time to restore in wall seconds.
    RestoreWall,
}

/// An incident that is still open: what the as-of date will decide about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
}

/// One opening of an incident on an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The first.
    pub first: Opening,
    /// The last.
    pub last: Opening,
}

/// What an item is known by: contract, configuration item, category.
pub type ItemKey = (String, String, String);

/// What one pass over one partition gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fragment {
    /// Sums.
    pub cells: BTreeMap<CellKey, Cell>,
    /// Durations, by key of the cell in which they ended.
    pub histograms: BTreeMap<(CellKey, Clock), SparseHistogram>,
    /// Open incidents, with how many are alike.
    pub open: BTreeMap<OpenKey, u64>,
    /// The boundary map: first and last opening of each item.
    pub edges: BTreeMap<ItemKey, Edge>,
}

impl Fragment {
    /// Adds another fragment of the same partition.
    pub fn merge(&mut self, other: Fragment) {
        self.absorb_sums(&other);
        for (item, edge) in other.edges {
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

    /// Adds the sums of another fragment, without its boundary map.
    pub fn absorb_sums(&mut self, other: &Fragment) {
        for (key, cell) in &other.cells {
            self.cells.entry(key.clone()).or_default().merge(cell);
        }
        for (key, histogram) in &other.histograms {
            self.histograms
                .entry(key.clone())
                .or_default()
                .merge(histogram);
        }
        for (key, n) in &other.open {
            *self.open.entry(key.clone()).or_default() += n;
        }
    }
}

//! A ticket as the measuring pass sees it: one row of the store with its events beside it. Plain
//! typed values; not responsible for where they are stored.

use crate::time::Instant;

/// What kind of ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TicketType {
    /// An unplanned interruption or reduction of a service (ITIL).
    Incident,
    /// A request by a user.
    Request,
    /// Problem, change or anything else: counted, never as an incident.
    Other,
}

/// A change of state or priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// To this state, as the export names it.
    State(&'a str),
    /// To this priority, 1 to 5.
    Priority(u8),
}

/// A change and its moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// When.
    pub at: Instant,
    /// What.
    pub change: Change<'a>,
}

/// One ticket.
#[derive(Debug, Clone, Copy)]
pub struct Fact<'a> {
    /// Name of the exporting tool.
    pub source: &'a str,
    /// Its number there.
    pub ticket_id: &'a str,
    /// The contract.
    pub contract_id: &'a str,
    /// The service; empty when unknown.
    pub service_id: &'a str,
    /// What kind.
    pub ticket_type: TicketType,
    /// When it was opened.
    pub opened_at: Instant,
    /// When service was restored.
    pub resolved_at: Option<Instant>,
    /// The priority it has last, 1 to 5.
    pub priority: u8,
    /// The priority it was opened with, where known.
    pub initial_priority: Option<u8>,
    /// Configuration item and category, where both are known.
    pub item: Option<(&'a str, &'a str)>,
    /// Seconds since the item's former incident in the same partition.
    pub item_gap_s: Option<i64>,
    /// It is the child of another ticket.
    pub child: bool,
    /// Share of users affected, parts per million.
    pub affected_ppm: Option<u32>,
    /// Wall seconds on hold that the export gives as a sum.
    pub on_hold_s: i64,
    /// Its state, where the export names it.
    pub state: Option<&'a str>,
    /// Its history in order of time.
    pub events: &'a [Event<'a>],
}

impl Fact<'_> {
    /// The highest priority (smallest number) that it ever held.
    pub fn highest_priority(&self) -> u8 {
        self.events
            .iter()
            .filter_map(|e| match e.change {
                Change::Priority(p) => Some(p),
                Change::State(_) => None,
            })
            .chain(self.initial_priority)
            .fold(self.priority, u8::min)
    }
}

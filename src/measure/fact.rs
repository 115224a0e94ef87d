//! A ticket as the measuring pass sees it: one row of the store with its events beside it. Plain
//! typed values; not responsible for where they are stored.

use super::clock::ClockState;
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
    /// To a state that means this to the clocks of the contract.
    State(ClockState),
    /// To this priority, 1 to 5.
    Priority(u8),
    /// Between assignment groups.
    Group {
        /// Which gave it away; `None` at the first assignment.
        from: Option<&'a str>,
        /// Which got it.
        to: &'a str,
    },
}

/// A change and its moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// When.
    pub at: Instant,
    /// What.
    pub change: Change<'a>,
}

/// What kind of notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeKind {
    /// About the incident: first, update, closure.
    Incident,
    /// A warning that its service level is about to be missed.
    BreachWarning,
}

/// What was told about a ticket, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice<'a> {
    /// When it was sent.
    pub sent_at: Instant,
    /// What kind.
    pub kind: NoticeKind,
    /// The level it went to, as the export names it.
    pub level: Option<&'a str>,
    /// What it says of each of [`NoticePart`], in their order; `None` where it is not known.
    pub parts: [Option<bool>; 5],
    /// Business impact as stated, in all users' seconds × parts per million.
    pub stated_s_ppm: Option<i128>,
}

/// What a complete notice may have to say, in the order of [`Notice::parts`].
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum NoticePart {
    /// How things stand.
    Status,
    /// Who is affected.
    Scope,
    /// What it means for them.
    Impact,
    /// When it will be over.
    Eta,
    /// What to do meanwhile.
    Workaround,
}

/// What the other tickets of its partition say of an incident. The store writes it, because the
/// pass sees one ticket at a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// Its caller, configuration item and category are all known.
    pub comparable: bool,
    /// Seconds since the same caller's former incident on the same item and category was opened.
    pub opened_before_s: Option<i64>,
    /// Seconds since that former incident was resolved; absent when it was still open.
    pub resolved_before_s: Option<i64>,
    /// It is the first child of its parent.
    pub first_child: bool,
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
    /// When somebody first answered.
    pub responded_at: Option<Instant>,
    /// When the disruption was first known; its opening where nothing says so.
    pub detected_at: Option<Instant>,
    /// When service was restored.
    pub resolved_at: Option<Instant>,
    /// The priority it has last, 1 to 5.
    pub priority: u8,
    /// The priority it was opened with, where known.
    pub initial_priority: Option<u8>,
    /// Configuration item and category, where both are known.
    pub item: Option<(&'a str, &'a str)>,
    /// Category, where known.
    pub category: Option<&'a str>,
    /// Who held it last.
    pub assignee: Option<&'a str>,
    /// How it came in.
    pub channel: Option<&'a str>,
    /// How often it changed group, as the export counts it.
    pub reassignments: Option<u64>,
    /// How often it was reopened, as the export counts it.
    pub reopens: Option<u64>,
    /// The problem it is linked to.
    pub problem_id: Option<&'a str>,
    /// A change caused it.
    pub change_induced: bool,
    /// Whether the tool calls its restoration late.
    pub tool_breached: Option<bool>,
    /// Seconds since the item's former incident in the same partition.
    pub item_gap_s: Option<i64>,
    /// What the other tickets of its partition say of it.
    pub neighbours: Neighbours,
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
    /// What was told about it, in order of time.
    pub notices: &'a [Notice<'a>],
}

impl<'a> Fact<'a> {
    /// An incident of priority 5 of which nothing else is known.
    pub fn opened(contract_id: &'a str, ticket_id: &'a str, opened_at: Instant) -> Fact<'a> {
        Fact {
            source: "",
            ticket_id,
            contract_id,
            service_id: "",
            ticket_type: TicketType::Incident,
            opened_at,
            responded_at: None,
            detected_at: None,
            resolved_at: None,
            priority: 5,
            initial_priority: None,
            item: None,
            category: None,
            assignee: None,
            channel: None,
            reassignments: None,
            reopens: None,
            problem_id: None,
            change_induced: false,
            tool_breached: None,
            item_gap_s: None,
            neighbours: Neighbours::default(),
            child: false,
            affected_ppm: None,
            on_hold_s: 0,
            state: None,
            events: &[],
            notices: &[],
        }
    }

    /// When the disruption was first known: detected, or logged if that was earlier.
    pub fn known_at(&self) -> Instant {
        self.detected_at
            .map_or(self.opened_at, |at| at.min(self.opened_at))
    }

    /// The highest priority (smallest number) that it ever held.
    pub fn highest_priority(&self) -> u8 {
        self.events
            .iter()
            .filter_map(|e| match e.change {
                Change::Priority(p) => Some(p),
                Change::State(_) | Change::Group { .. } => None,
            })
            .chain(self.initial_priority)
            .fold(self.priority, u8::min)
    }
}

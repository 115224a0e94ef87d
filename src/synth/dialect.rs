//! The tickets of a month in the language of each supplier's tool: a ServiceNow list and audit
//! log, a European semicolon export, canonical columns. Responsible for columns, labels and the
//! handful of bad rows; not for what happened.

use super::clock::HOUR;
use super::incidents::{CATEGORIES, Channel, SUBCATEGORIES, State, Ticket, Trick, Unit};
use super::text::{
    GROUPS, change_text, ci_id, close_code, dashed, instant, padded, party, person, problem_text,
    share, slashed, team, ticket_id, ticket_text,
};
use super::world::{CONTRACTS, World};
use super::writer::Piece;

/// Header of a supplier's ticket file.
pub(crate) const TICKET_HEADERS: [&str; 3] = [
    "number,sys_class_name,opened_at,sys_created_on,u_responded_at,resolved_at,closed_at,\
     incident_state,priority,u_initial_priority,business_service,cmdb_ci,category,subcategory,\
     assignment_group,assigned_to,caller_id,contact_type,reassignment_count,reopen_count,\
     u_on_hold_seconds,parent,problem_id,caused_by,u_major,u_detected_at,u_cause_party,\
     u_affected_share,close_code,made_sla",
    "Ticket No;Type;Priority;Original Priority;Reported;Logged;First Response;Solved;Closed;\
     Status;Service;Object;Category;Subcategory;Resolver Group;Resolver;Reported By;Entry;\
     Times Forwarded;Times Reopened;Hold Seconds;Main Ticket;Problem;Change;Major;Detected;\
     Cause;Impact Share;Closure",
    "source,ticket_id,contract_id,cause_party,resolver_party,ticket_type,opened_at,responded_at,\
     resolved_at,closed_at,priority,initial_priority,service_id,ci_id,category,subcategory,\
     assignment_group,assignee,caller,channel,reassignments,reopens,on_hold_s,is_major,parent_id,\
     problem_id,caused_by_change_id,detected_at,affected_share,state,close_code",
];

/// Header of a supplier's history file.
pub(crate) const EVENT_HEADERS: [&str; 3] = [
    "number,sys_mod_count,sys_updated_at,incident_state,priority,assignment_group,assigned_to",
    "Ticket No;Moment;Field;Old;New",
    "ticket_id,at,field,from,to",
];

const PRIORITIES_A: [&str; 5] = [
    "1 - Critical",
    "2 - High",
    "3 - Moderate",
    "4 - Low",
    "5 - Planning",
];
const PRIORITIES: [&str; 5] = ["P1", "P2", "P3", "P4", "P5"];

fn state_name(supplier: usize, state: State) -> &'static str {
    let names = match state {
        State::New => ["New", "Registered", "new"],
        State::InProgress => ["Active", "In treatment", "in_progress"],
        State::HoldUser => ["Awaiting User Info", "Waiting for customer", "on_hold"],
        State::HoldVendor => ["Awaiting Vendor", "Waiting for vendor", "on_hold"],
        State::Resolved => ["Resolved", "Solved", "resolved"],
        State::Closed => ["Closed", "Closed", "closed"],
    };
    names[supplier.min(2)]
}

fn channel_name(supplier: usize, channel: Channel) -> &'static str {
    let names = match channel {
        Channel::Phone => ["Phone", "Telephone", "phone"],
        Channel::Portal => ["Self service", "Portal", "portal"],
        Channel::Email => ["Email", "E-mail", "email"],
        Channel::Monitoring => ["Event Management", "Monitoring", "monitoring"],
    };
    names[supplier.min(2)]
}

/// What is wrong with a row on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    /// The same row twice.
    Duplicate,
    /// An opening date that is none.
    BadDate,
    /// No priority.
    NoPriority,
    /// Solved before it was opened.
    Negative,
    /// A group, service or contract that belongs to no contract.
    OutOfScope,
}

impl Defect {
    fn name(self) -> &'static str {
        match self {
            Defect::Duplicate => "duplicate_row",
            Defect::BadDate => "invalid_opening_date",
            Defect::NoPriority => "missing_priority",
            Defect::Negative => "solved_before_opened",
            Defect::OutOfScope => "out_of_scope",
        }
    }
}

/// The defects of a contract's month.
fn defects_of(contract: usize, month: usize) -> [Option<Defect>; 2] {
    let spoiled = match month {
        4 | 11 | 19 | 27 | 33 => Some(
            [
                Defect::Duplicate,
                Defect::BadDate,
                Defect::Duplicate,
                Defect::NoPriority,
                Defect::Negative,
            ][(month + contract) % 5],
        ),
        _ => None,
    };
    [spoiled, (contract % 2 == 1).then_some(Defect::OutOfScope)]
}

/// Writes the tickets of a month or a slice of it; gives the known defects as rows `file kind,ticket,defect`.
pub(crate) fn tickets(
    world: &World,
    unit: &Unit,
    out: &mut Piece,
    truth: &mut Piece,
) -> Vec<String> {
    let [spoiled, outside] = if unit.last {
        defects_of(unit.contract, unit.month)
    } else {
        [None, None]
    };
    let half = unit.tickets.len() / 2;
    // Neither a tricked ticket nor a request: a defect must not hide a truth.
    let victim = spoiled.and_then(|defect| {
        let found = unit.tickets.iter().skip(half).find(|t| {
            t.trick.is_none() && !t.is_request && t.cascade.is_none() && t.resolved.is_some()
        })?;
        Some((found.number, defect))
    });
    let mut notes = Vec::new();
    for ticket in &unit.tickets {
        let defect = victim
            .filter(|(number, _)| *number == ticket.number)
            .map(|(_, d)| d);
        row(world, unit, ticket, defect, out);
        if let Some(defect) = defect {
            if defect == Defect::Duplicate {
                row(world, unit, ticket, None, out);
            }
            notes.push(note(unit, ticket, defect));
        }
        if let Some(trick) = ticket.trick {
            truth_row(unit, ticket, trick, truth);
        }
    }
    if let (Some(defect), Some(model)) = (outside, unit.tickets.get(half)) {
        let mut ticket = model.clone();
        ticket.number = unit.tickets.last().map_or(0, |t| t.number) + 1;
        ticket.is_request = false;
        ticket.trick = None;
        ticket.parent = None;
        ticket.problem = None;
        row(world, unit, &ticket, Some(defect), out);
        notes.push(note(unit, &ticket, defect));
    }
    notes
}

fn note(unit: &Unit, ticket: &Ticket, defect: Defect) -> String {
    let contract = &CONTRACTS[unit.contract];
    let id = ticket_text(unit.contract, unit.month, ticket.number, ticket.is_request);
    format!(
        "{},tickets,{id},{}",
        super::world::SUPPLIERS[contract.supplier].id,
        defect.name()
    )
}

fn truth_row(unit: &Unit, ticket: &Ticket, trick: Trick, truth: &mut Piece) {
    let out = truth.bytes();
    ticket_id(
        out,
        unit.contract,
        unit.month,
        ticket.number,
        ticket.is_request,
    );
    out.push(b',');
    out.extend_from_slice(CONTRACTS[unit.contract].id.as_bytes());
    out.push(b',');
    out.extend_from_slice(
        CONTRACTS[unit.contract].services[ticket.service as usize]
            .id
            .as_bytes(),
    );
    out.push(b',');
    out.extend_from_slice(trick.name().as_bytes());
    out.push(b',');
    out.extend_from_slice(PRIORITIES[ticket.initial_priority as usize].as_bytes());
    truth.end_row();
}

/// Fields of one row with their separator.
struct Fields<'a> {
    out: &'a mut Vec<u8>,
    separator: u8,
    first: bool,
}

impl Fields<'_> {
    fn next(&mut self) -> &mut Vec<u8> {
        if !self.first {
            self.out.push(self.separator);
        }
        self.first = false;
        self.out
    }

    fn text(&mut self, text: &str) {
        self.next().extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, value: i64) {
        padded(self.next(), value, 1);
    }
}

fn row(world: &World, unit: &Unit, ticket: &Ticket, defect: Option<Defect>, piece: &mut Piece) {
    let supplier = CONTRACTS[unit.contract].supplier;
    let bytes = piece.bytes();
    match supplier {
        0 => row_a(world, unit, ticket, defect, bytes),
        1 => row_b(world, unit, ticket, defect, bytes),
        _ => row_c(world, unit, ticket, defect, bytes),
    }
    piece.end_row();
}

fn optional(out: &mut Vec<u8>, at: Option<i64>, write: impl Fn(&mut Vec<u8>, i64)) {
    if let Some(at) = at {
        write(out, at);
    }
}

fn resolved(ticket: &Ticket, defect: Option<Defect>) -> Option<i64> {
    if defect == Some(Defect::Negative) {
        Some(ticket.opened - HOUR)
    } else {
        ticket.resolved
    }
}

fn service_and_group<'w>(
    world: &'w World,
    unit: &Unit,
    ticket: &Ticket,
    group: u8,
    defect: Option<Defect>,
) -> (&'w str, String) {
    if defect == Some(Defect::OutOfScope) {
        return ("facilities", "Facilities".to_owned());
    }
    let service = world.service_id(unit.contract, ticket.service as usize, unit.month);
    (service, group_name(unit, group))
}

fn group_name(unit: &Unit, group: u8) -> String {
    format!(
        "{} {}",
        team(unit.contract, unit.month),
        GROUPS[group as usize % 3]
    )
}

fn problem_of(unit: &Unit, ticket: &Ticket) -> String {
    ticket
        .problem
        .map(|stream| problem_text(unit.contract, ticket.service as usize, stream as usize))
        .unwrap_or_default()
}

fn change_of(unit: &Unit, ticket: &Ticket) -> String {
    if let (true, Some(outage)) = (ticket.by_change, ticket.cascade) {
        super::text::outage_change_text(outage as usize)
    } else if ticket.by_change {
        change_text(unit.contract, ticket.service as usize, unit.month)
    } else {
        String::new()
    }
}

fn parent_of(unit: &Unit, ticket: &Ticket) -> String {
    ticket
        .parent
        .map(|number| ticket_text(unit.contract, unit.month, number, false))
        .unwrap_or_default()
}

fn row_a(world: &World, unit: &Unit, t: &Ticket, defect: Option<Defect>, bytes: &mut Vec<u8>) {
    let c = unit.contract;
    let local = |out: &mut Vec<u8>, at: i64| slashed(out, world, at);
    let (service, group) = service_and_group(world, unit, t, t.group, defect);
    let mut f = Fields {
        out: bytes,
        separator: b',',
        first: true,
    };
    ticket_id(f.next(), c, unit.month, t.number, t.is_request);
    f.text(if t.is_request { "Request" } else { "Incident" });
    if defect == Some(Defect::BadDate) {
        f.text("31/2/2024 25:61");
    } else {
        local(f.next(), t.opened);
    }
    local(f.next(), t.logged);
    optional(f.next(), t.responded, local);
    optional(f.next(), resolved(t, defect), local);
    optional(f.next(), t.closed, local);
    f.text(state_name(0, t.state));
    let missing = defect == Some(Defect::NoPriority);
    f.text(if missing {
        ""
    } else {
        PRIORITIES_A[t.priority as usize]
    });
    f.text(PRIORITIES_A[t.initial_priority as usize]);
    f.text(service);
    ci_id(f.next(), c, t.service as usize, t.ci);
    f.text(CATEGORIES[t.category as usize]);
    f.text(SUBCATEGORIES[t.subcategory as usize]);
    f.text(&group);
    person(f.next(), c, t.group, t.assignee);
    f.text("Caller ");
    padded(f.out, i64::from(t.caller) + 1, 1);
    f.text(channel_name(0, t.channel));
    f.number(i64::from(t.reassignments));
    f.number(i64::from(t.reopens));
    f.number(t.hold_s);
    f.text(&parent_of(unit, t));
    f.text(&problem_of(unit, t));
    f.text(&change_of(unit, t));
    f.text(if t.is_major { "true" } else { "false" });
    optional(f.next(), t.detected, local);
    f.text(party(t.cause));
    share(f.next(), t.affected_ppm, b'.');
    f.text(close_code(t));
    let target = super::world::RESTORE[t.priority as usize];
    f.text(if t.elapsed_s <= target {
        "true"
    } else {
        "false"
    });
}

fn row_b(world: &World, unit: &Unit, t: &Ticket, defect: Option<Defect>, bytes: &mut Vec<u8>) {
    let c = unit.contract;
    let local = |out: &mut Vec<u8>, at: i64| dashed(out, world, at);
    let (service, group) = service_and_group(world, unit, t, t.group, defect);
    let mut f = Fields {
        out: bytes,
        separator: b';',
        first: true,
    };
    ticket_id(f.next(), c, unit.month, t.number, t.is_request);
    f.text(if t.is_request {
        "Service request"
    } else {
        "Incident"
    });
    let missing = defect == Some(Defect::NoPriority);
    f.text(if missing {
        ""
    } else {
        PRIORITIES[t.priority as usize]
    });
    f.text(PRIORITIES[t.initial_priority as usize]);
    if defect == Some(Defect::BadDate) {
        f.text("00-00-0000 00:00:00");
    } else {
        local(f.next(), t.opened);
    }
    local(f.next(), t.logged);
    optional(f.next(), t.responded, local);
    optional(f.next(), resolved(t, defect), local);
    optional(f.next(), t.closed, local);
    f.text(state_name(1, t.state));
    f.text(service);
    ci_id(f.next(), c, t.service as usize, t.ci);
    f.text(CATEGORIES[t.category as usize]);
    f.text(SUBCATEGORIES[t.subcategory as usize]);
    f.text(&group);
    person(f.next(), c, t.group, t.assignee);
    f.text("Caller ");
    padded(f.out, i64::from(t.caller) + 1, 1);
    f.text(channel_name(1, t.channel));
    f.number(i64::from(t.reassignments));
    f.number(i64::from(t.reopens));
    f.number(t.hold_s);
    f.text(&parent_of(unit, t));
    f.text(&problem_of(unit, t));
    f.text(&change_of(unit, t));
    f.text(if t.is_major { "Y" } else { "N" });
    optional(f.next(), t.detected, local);
    f.text(party(t.cause));
    share(f.next(), t.affected_ppm, b',');
    f.text(close_code(t));
}

fn row_c(world: &World, unit: &Unit, t: &Ticket, defect: Option<Defect>, bytes: &mut Vec<u8>) {
    let c = unit.contract;
    let (service, group) = service_and_group(world, unit, t, t.group, defect);
    let mut f = Fields {
        out: bytes,
        separator: b',',
        first: true,
    };
    f.text("cedar-itsm");
    ticket_id(f.next(), c, unit.month, t.number, t.is_request);
    f.text(if defect == Some(Defect::OutOfScope) {
        "CT-C9"
    } else {
        CONTRACTS[c].id
    });
    f.text(party(t.cause));
    f.text("supplier");
    f.text(if t.is_request { "request" } else { "incident" });
    if defect == Some(Defect::BadDate) {
        f.text("not recorded");
    } else {
        instant(f.next(), t.opened);
    }
    optional(f.next(), t.responded, instant);
    optional(f.next(), resolved(t, defect), instant);
    optional(f.next(), t.closed, instant);
    let missing = defect == Some(Defect::NoPriority);
    f.text(if missing {
        ""
    } else {
        PRIORITIES[t.priority as usize]
    });
    f.text(PRIORITIES[t.initial_priority as usize]);
    f.text(service);
    ci_id(f.next(), c, t.service as usize, t.ci);
    f.text(CATEGORIES[t.category as usize]);
    f.text(SUBCATEGORIES[t.subcategory as usize]);
    f.text(&group);
    person(f.next(), c, t.group, t.assignee);
    f.text("Caller ");
    padded(f.out, i64::from(t.caller) + 1, 1);
    f.text(channel_name(2, t.channel));
    f.number(i64::from(t.reassignments));
    f.number(i64::from(t.reopens));
    f.number(t.hold_s);
    f.text(if t.is_major { "true" } else { "false" });
    f.text(&parent_of(unit, t));
    f.text(&problem_of(unit, t));
    f.text(&change_of(unit, t));
    optional(f.next(), t.detected, instant);
    share(f.next(), t.affected_ppm, b'.');
    f.text(state_name(2, t.state));
    f.text(close_code(t));
}

/// Writes the history of a month's tickets.
pub(crate) fn events(world: &World, unit: &Unit, piece: &mut Piece) {
    let supplier = CONTRACTS[unit.contract].supplier;
    for ticket in &unit.tickets {
        if supplier == 0 {
            audit(world, unit, ticket, piece);
        } else {
            history(world, unit, ticket, supplier, piece);
        }
    }
}

/// Wide form: the ticket as it stood after each update.
fn audit(world: &World, unit: &Unit, ticket: &Ticket, piece: &mut Piece) {
    let (from, to) = ticket.updates;
    for (count, update) in unit.updates[from as usize..to as usize].iter().enumerate() {
        let mut f = Fields {
            out: piece.bytes(),
            separator: b',',
            first: true,
        };
        ticket_id(
            f.next(),
            unit.contract,
            unit.month,
            ticket.number,
            ticket.is_request,
        );
        f.number(count as i64);
        slashed(f.next(), world, update.at);
        f.text(state_name(0, update.state));
        f.text(PRIORITIES_A[update.priority as usize]);
        f.text(&group_name(unit, update.group));
        person(f.next(), unit.contract, update.group, update.assignee);
        piece.end_row();
    }
}

/// Narrow form: one row per changed field.
fn history(world: &World, unit: &Unit, ticket: &Ticket, supplier: usize, piece: &mut Piece) {
    let names = if supplier == 1 {
        ["Status", "Priority", "Resolver Group", "Resolver"]
    } else {
        ["state", "priority", "assignment_group", "assignee"]
    };
    let (from, to) = ticket.updates;
    let mut before: Option<super::lifecycle::Update> = None;
    for update in &unit.updates[from as usize..to as usize] {
        let mut change = |name: &str, old: &dyn Fn(&mut Vec<u8>), new: &dyn Fn(&mut Vec<u8>)| {
            let separator = if supplier == 1 { b';' } else { b',' };
            let mut f = Fields {
                out: piece.bytes(),
                separator,
                first: true,
            };
            ticket_id(
                f.next(),
                unit.contract,
                unit.month,
                ticket.number,
                ticket.is_request,
            );
            if supplier == 1 {
                dashed(f.next(), world, update.at);
            } else {
                instant(f.next(), update.at);
            }
            f.text(name);
            old(f.next());
            new(f.next());
            piece.end_row();
        };
        let state = |s: State| {
            move |out: &mut Vec<u8>| out.extend_from_slice(state_name(supplier, s).as_bytes())
        };
        let level = |p: u8| {
            move |out: &mut Vec<u8>| out.extend_from_slice(PRIORITIES[p as usize].as_bytes())
        };
        let group =
            |g: u8| move |out: &mut Vec<u8>| out.extend_from_slice(group_name(unit, g).as_bytes());
        let who = |g: u8, a: u16| move |out: &mut Vec<u8>| person(out, unit.contract, g, a);
        let nothing = |_: &mut Vec<u8>| {};
        match before {
            None => {
                change(names[0], &nothing, &state(update.state));
                change(names[2], &nothing, &group(update.group));
            }
            Some(b) => {
                if b.state != update.state {
                    change(names[0], &state(b.state), &state(update.state));
                }
                if b.priority != update.priority {
                    change(names[1], &level(b.priority), &level(update.priority));
                }
                if b.group != update.group {
                    change(names[2], &group(b.group), &group(update.group));
                }
                if (b.group, b.assignee) != (update.group, update.assignee) {
                    let (old, new) = (who(b.group, b.assignee), who(update.group, update.assignee));
                    change(names[3], &old, &new);
                }
            }
        }
        before = Some(*update);
    }
}

/// Header of the table of the tools' own clocks.
pub(crate) const CLOCK_HEADER: &str =
    "ticket_id,sla_name,kind,started_at,stopped_at,due_at,business_elapsed_s,paused_s,breached";

/// Writes the clocks of a month's incidents as the tool judged them.
pub(crate) fn sla_clocks(unit: &Unit, piece: &mut Piece) {
    for t in unit.tickets.iter().filter(|t| !t.is_request) {
        let clocks = [
            (
                "respond",
                t.initial_priority,
                t.responded,
                t.response_due,
                t.response_s,
                0,
                super::world::RESPOND[t.initial_priority as usize],
            ),
            (
                "restore",
                t.priority,
                t.resolved,
                t.due,
                t.elapsed_s,
                t.hold_s,
                super::world::RESTORE[t.priority as usize],
            ),
        ];
        for (kind, priority, stopped, due, elapsed, paused, target) in clocks {
            let mut f = Fields {
                out: piece.bytes(),
                separator: b',',
                first: true,
            };
            ticket_id(f.next(), unit.contract, unit.month, t.number, t.is_request);
            f.text(kind);
            f.out.push(b' ');
            f.out
                .extend_from_slice(PRIORITIES[priority as usize].as_bytes());
            f.text(kind);
            instant(f.next(), t.opened);
            optional(f.next(), stopped, instant);
            instant(f.next(), due);
            f.number(elapsed);
            f.number(paused);
            f.text(if elapsed > target { "true" } else { "false" });
            piece.end_row();
        }
    }
}

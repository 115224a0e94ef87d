//! What the suppliers told the customer, and when: notices about large incidents, about targets
//! that were going to be missed, and about planned changes. Not responsible for the incidents.

use super::clock::{DAY, HOUR, MINUTE};
use super::incidents::{Ticket, Unit};
use super::sample::Draw;
use super::tables::announcement;
use super::text::{change_text, instant, padded, ticket_id};
use super::world::{BASELINE_MONTHS, CONTRACTS, RESTORE, SERVICES, SUPPLIERS, Topic, World};
use super::writer::Piece;

/// Header of the notices.
pub(crate) const HEADER: &str = "notice_id,contract_id,about,ref_id,kind,sent_at,audience_level,\
has_status,has_scope,has_impact,has_eta,has_workaround,stated_impact";

/// How a supplier communicates.
struct Manner {
    /// Median seconds from response to the first notice.
    first: f64,
    /// Chance that an update that is due is sent.
    update: f64,
    /// Chance that each part of a notice is there.
    complete: f64,
    /// Chance of a warning before a target is missed.
    warns: f64,
    /// Chance that everything is told only after the solution.
    afterwards: f64,
    /// Stated impact as a multiple of the true one.
    understates: f64,
}

fn manner(world: &World, contract: usize, month: usize) -> Manner {
    let better = world.effect_from(contract).is_some() && month >= BASELINE_MONTHS;
    let performance = better || world.games(contract, month);
    match (CONTRACTS[contract].supplier, performance) {
        (0, true) => Manner {
            first: 480.0,
            update: 0.93,
            complete: 0.94,
            warns: 0.78,
            afterwards: 0.01,
            understates: 1.0,
        },
        (2, true) => Manner {
            first: 2_300.0,
            update: 0.45,
            complete: 0.62,
            warns: 0.04,
            afterwards: 0.22,
            understates: 0.45,
        },
        (supplier, _) => Manner {
            first: [1_300.0, 1_500.0, 1_900.0][supplier.min(2)],
            update: 0.66,
            complete: 0.74,
            warns: 0.22,
            afterwards: 0.05,
            understates: 0.8,
        },
    }
}

/// One notice before it is written.
struct Notice<'a> {
    about: &'a str,
    kind: &'a str,
    at: i64,
    level: &'a str,
    complete: f64,
    /// Hundredths of impact minutes.
    impact: Option<i64>,
}

/// When something was told of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Number of the ticket within its month; 0 for a change.
    pub(crate) ticket: u32,
    /// A warning of a breach, else about the incident.
    pub(crate) warning: bool,
    pub(crate) at: i64,
}

struct Sender<'a> {
    world: &'a World,
    piece: &'a mut Piece,
    draw: Draw,
    ticket: u32,
    sent: Vec<Sent>,
}

impl Sender<'_> {
    fn send(
        &mut self,
        contract: usize,
        id: &dyn Fn(&mut Vec<u8>),
        count: &mut i64,
        notice: &Notice<'_>,
    ) {
        if notice.at > self.world.export_at {
            return;
        }
        *count += 1;
        self.sent.push(Sent {
            ticket: self.ticket,
            warning: notice.about == "breach",
            at: notice.at,
        });
        let parts: [bool; 5] = std::array::from_fn(|_| self.draw.chance(notice.complete));
        let out = self.piece.bytes();
        out.push(b'N');
        id(out);
        out.push(b'-');
        padded(out, *count, 1);
        let text = |out: &mut Vec<u8>, s: &str| {
            out.push(b',');
            out.extend_from_slice(s.as_bytes());
        };
        text(out, CONTRACTS[contract].id);
        text(out, notice.about);
        out.push(b',');
        id(out);
        text(out, notice.kind);
        out.push(b',');
        instant(out, notice.at);
        text(out, notice.level);
        for part in parts {
            text(out, if part { "true" } else { "false" });
        }
        out.push(b',');
        if let (Some(impact), true) = (notice.impact, parts[2]) {
            super::text::cents(out, impact);
        }
        self.piece.end_row();
    }
}

/// Writes the notices of a contract's month or a slice of it, and gives those about tickets in the order written.
pub(crate) fn notices(world: &World, unit: &Unit, piece: &mut Piece) -> Vec<Sent> {
    let (c, m) = (unit.contract, unit.month);
    let manner = manner(world, c, m);
    let draw = world.slice_stream(Topic::Notices, c, m, unit.slice);
    let mut sender = Sender {
        world,
        piece,
        draw,
        ticket: 0,
        sent: Vec::new(),
    };
    for ticket in unit
        .tickets
        .iter()
        .filter(|t| !t.is_request && t.parent.is_none())
    {
        let id = |out: &mut Vec<u8>| ticket_id(out, c, m, ticket.number, false);
        let mut count = 0;
        sender.ticket = ticket.number;
        if ticket.priority <= 1 {
            about_incident(&mut sender, ticket, c, &id, &mut count, &manner);
        }
        about_breach(&mut sender, ticket, c, &id, &mut count, &manner);
    }
    let told = std::mem::take(&mut sender.sent);
    // Planned changes are told of once a month.
    for service in (0..SERVICES).filter(|_| unit.last) {
        if let Some(at) = announcement(world, c, service, m) {
            let change = change_text(c, service, m);
            let id = |out: &mut Vec<u8>| out.extend_from_slice(change.as_bytes());
            let notice = Notice {
                about: "change",
                kind: "planned",
                at,
                level: "tactical",
                complete: manner.complete,
                impact: None,
            };
            sender.send(c, &id, &mut 0, &notice);
        }
    }
    told
}

fn about_incident(
    sender: &mut Sender<'_>,
    ticket: &Ticket,
    contract: usize,
    id: &dyn Fn(&mut Vec<u8>),
    count: &mut i64,
    manner: &Manner,
) {
    let Some(responded) = ticket.responded else {
        return;
    };
    let end = ticket.resolved.unwrap_or(sender.world.export_at);
    let level = if ticket.priority == 0 {
        "strategic"
    } else {
        "tactical"
    };
    let minutes = (end - ticket.opened) as f64 / 60.0;
    let true_impact = minutes * f64::from(ticket.affected_ppm) / 1e6;
    let stated = true_impact * manner.understates * sender.draw.lognormal(1.0, 0.35);
    let impact = Some((stated * 100.0) as i64);
    let mut notice = Notice {
        about: "incident",
        kind: "first",
        at: 0,
        level,
        complete: manner.complete,
        impact,
    };
    if sender.draw.chance(manner.afterwards) {
        notice.at = end + sender.draw.whole(20 * MINUTE, 30 * HOUR);
        sender.send(contract, id, count, &notice);
        return;
    }
    notice.at = responded + sender.draw.lognormal(manner.first, 0.6) as i64;
    if notice.at < end {
        sender.send(contract, id, count, &notice);
        let cadence = if ticket.priority == 0 { HOUR } else { 2 * HOUR };
        notice.kind = "update";
        // Nobody sends more than a dozen.
        for _ in 0..12 {
            let wait = sender.draw.between(0.75, 1.15) * cadence as f64;
            notice.at += wait as i64;
            if notice.at >= end {
                break;
            }
            if sender.draw.chance(manner.update) {
                sender.send(contract, id, count, &notice);
            }
        }
    }
    if ticket.resolved.is_some() && sender.draw.chance(0.95) {
        notice.kind = "closure";
        notice.at = end + sender.draw.whole(MINUTE, 40 * MINUTE);
        sender.send(contract, id, count, &notice);
    }
}

/// A warning before the deadline, for tickets that used up most of their time.
fn about_breach(
    sender: &mut Sender<'_>,
    ticket: &Ticket,
    contract: usize,
    id: &dyn Fn(&mut Vec<u8>),
    count: &mut i64,
    manner: &Manner,
) {
    let target = RESTORE[ticket.priority as usize];
    if ticket.elapsed_s * 10 < target * 9 || !sender.draw.chance(manner.warns) {
        return;
    }
    let lead = sender.draw.whole(
        10 * MINUTE,
        if ticket.priority <= 1 { 2 * HOUR } else { DAY },
    );
    let at = (ticket.due - lead).max(ticket.logged + MINUTE);
    if ticket.resolved.is_some_and(|end| at >= end) {
        return;
    }
    let notice = Notice {
        about: "breach",
        kind: "breach_warning",
        at,
        level: "operational",
        complete: manner.complete,
        impact: None,
    };
    sender.send(contract, id, count, &notice);
}

/// Name of a supplier's way to communicate, for the truth files.
pub(crate) fn manners_rows(world: &World) -> Vec<String> {
    let mut rows = Vec::new();
    for (c, contract) in CONTRACTS.iter().enumerate().filter(|(c, _)| c % 2 == 0) {
        for (period, month) in [("baseline", 0), ("performance", BASELINE_MONTHS)] {
            let m = manner(world, c, month);
            rows.push(format!(
                "{},{period},{},{},{},{},{},{}",
                SUPPLIERS[contract.supplier].id,
                m.first,
                m.update,
                m.complete,
                m.warns,
                m.afterwards,
                m.understates
            ));
        }
    }
    rows
}

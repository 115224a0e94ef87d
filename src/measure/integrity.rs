//! What tests for gaming look at, counted in the same pass as everything else: how much of its
//! target an incident had used when it was restored, held or lowered in priority; whether the same
//! caller came back or came twice; whether it was merged, logged late, closed with an earlier date
//! or told of only afterwards. Not responsible for any test (see [`crate::judge::integrity`]).
//!
//! Only counts and the first few ticket numbers, so that it merges in any order. Children of
//! another ticket count as merged and as nothing else: a wave of them is one event.

use std::collections::{BTreeMap, BTreeSet};

use super::clock::{ClockReading, ClockState, Segment};
use super::fact::{Fact, NoticeKind};
use super::plan::MeasurePlan;
use crate::time::{BusinessCalendar, Instant, Month};

/// A hold that starts when at least this part of the target is used, in percent, starts late.
pub const LATE_HOLD: u16 = 95;
/// A priority that is lowered when at least this part is used is lowered late.
pub const LATE_LOWERED: u16 = 75;
/// Ticket numbers kept per kind: the least by source and number.
pub const SAMPLES: usize = 5;
/// Seconds after its resolution within which the same matter under a new number is a return.
pub const RETURN_S: i64 = 86_400;
/// Seconds within which two tickets of one caller on one item and category are one matter.
pub const SPLIT_S: i64 = 900;
/// Seconds after its opening from which the first entry of a history says that it was logged late.
pub const LOGGED_LATE_S: i64 = 3_600;
/// Seconds by which a resolution may lie before its entry in the history.
pub const BACK_DATED_S: i64 = 900;
/// Parts of a target above this are one bin.
const MOST: u16 = 200;

/// What the sampled tickets are samples of.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Sample {
    /// Restored in the last twentieth of the target.
    JustInTime,
    /// Held late.
    LateHold,
    /// Lowered late.
    LateLowered,
    /// The same caller, item and category within a day after the former one was resolved.
    Returned,
    /// The same caller, item and category within minutes.
    Split,
    /// Made a child of another ticket.
    Merged,
    /// Logged late, or resolved with an earlier date.
    BackDated,
    /// First told of after it was over.
    ToldAfterwards,
}

/// Counts of one contract and month of opening.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct IntegrityCell {
    /// Incidents that are no children.
    pub incidents: u64,
    /// Incidents restored that had a target.
    pub restored: u64,
    /// Of those: percent of the target used when restored → incidents. Bin `b` is `(b %, b + 1 %]`,
    /// so that 0 to 99 are in time; 200 stands for all above.
    pub used: BTreeMap<u16, u64>,
    /// Holds that began before the target was used up.
    pub holds: u64,
    /// Of those, with at least [`LATE_HOLD`] percent used.
    pub late_holds: u64,
    /// Priorities lowered before the target of the priority until then was used up.
    pub lowered: u64,
    /// Of those, with at least [`LATE_LOWERED`] percent used.
    pub late_lowered: u64,
    /// Incidents whose caller, item and category are known and that no monitoring opened.
    pub reported: u64,
    /// Of those, opened within [`RETURN_S`] after the caller's former one was resolved.
    pub returned: u64,
    /// Of those, opened within [`SPLIT_S`] after the caller's former one was opened.
    pub split: u64,
    /// Tickets that got children, by their first child: each wave counts once.
    pub merged: u64,
    /// Incidents with a history.
    pub history: u64,
    /// Of those, entered more than [`LOGGED_LATE_S`] after they were opened.
    pub logged_late: u64,
    /// Of those, resolved more than [`BACK_DATED_S`] before the history says so.
    pub back_dated: u64,
    /// Incidents and breaches that were told of and are over.
    pub told: u64,
    /// Of those, told of only afterwards.
    pub told_afterwards: u64,
    /// The least ticket numbers of each kind.
    pub samples: BTreeMap<Sample, BTreeSet<(String, String)>>,
}

impl IntegrityCell {
    /// Adds another cell.
    pub fn merge(&mut self, other: &IntegrityCell) {
        self.incidents += other.incidents;
        self.restored += other.restored;
        for (bin, n) in &other.used {
            *self.used.entry(*bin).or_default() += n;
        }
        self.holds += other.holds;
        self.late_holds += other.late_holds;
        self.lowered += other.lowered;
        self.late_lowered += other.late_lowered;
        self.reported += other.reported;
        self.returned += other.returned;
        self.split += other.split;
        self.merged += other.merged;
        self.history += other.history;
        self.logged_late += other.logged_late;
        self.back_dated += other.back_dated;
        self.told += other.told;
        self.told_afterwards += other.told_afterwards;
        for (kind, tickets) in &other.samples {
            let mine = self.samples.entry(*kind).or_default();
            mine.extend(tickets.iter().cloned());
            while mine.len() > SAMPLES {
                mine.pop_last();
            }
        }
    }

    fn sample(&mut self, kind: Sample, fact: &Fact<'_>) {
        let mine = self.samples.entry(kind).or_default();
        let last = mine.last().map(|(s, t)| (s.as_str(), t.as_str()));
        if mine.len() < SAMPLES || last.is_some_and(|l| (fact.source, fact.ticket_id) < l) {
            mine.insert((fact.source.to_owned(), fact.ticket_id.to_owned()));
            while mine.len() > SAMPLES {
                mine.pop_last();
            }
        }
    }
}

/// By contract and month of opening, in the contract's zone.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct IntegrityCells {
    by_contract: BTreeMap<String, BTreeMap<Month, IntegrityCell>>,
}

impl IntegrityCells {
    /// Adds other cells.
    pub fn merge(&mut self, other: &IntegrityCells) {
        for (contract, months) in &other.by_contract {
            for (month, cell) in months {
                if let Some(mine) = self.cell(contract, *month) {
                    mine.merge(cell);
                }
            }
        }
    }

    /// The cells of a contract by month.
    #[must_use]
    pub fn of(&self, contract_id: &str) -> Option<&BTreeMap<Month, IntegrityCell>> {
        self.by_contract.get(contract_id)
    }

    /// The cell of a place. The contract's name is copied once, not once per ticket.
    fn cell(&mut self, contract_id: &str, month: Month) -> Option<&mut IntegrityCell> {
        if !self.by_contract.contains_key(contract_id) {
            self.by_contract
                .insert(contract_id.to_owned(), BTreeMap::new());
        }
        let months = self.by_contract.get_mut(contract_id)?;
        Some(months.entry(month).or_default())
    }
}

/// The bin of a used part of a target.
fn bin(business_s: i64, target_s: i64) -> Option<u16> {
    if target_s <= 0 {
        return None;
    }
    let percent = (i128::from(business_s) * 100 - 1).div_euclid(i128::from(target_s));
    u16::try_from(percent.clamp(0, i128::from(MOST))).ok()
}

/// Business seconds that ran before an instant, by the calendars of the segments.
fn ran(segments: &[Segment], until: Instant, calendars: &[&BusinessCalendar]) -> Option<i64> {
    let mut sum = 0i64;
    for (i, segment) in segments.iter().enumerate() {
        if segment.start >= until || segment.state == ClockState::Resolved {
            break;
        }
        let end = segments.get(i + 1).map_or(until, |s| s.start.min(until));
        if segment.state == ClockState::Running && end > segment.start {
            let calendar = calendars.get(usize::from(segment.schedule))?;
            sum = sum.checked_add(calendar.business_s(segment.start, end).ok()?)?;
        }
    }
    Some(sum)
}

/// Adds one incident whose clock was read.
pub fn add(
    fact: &Fact<'_>,
    plan: &MeasurePlan,
    segments: &[Segment],
    reading: &ClockReading,
    calendars: &[&BusinessCalendar],
    out: &mut IntegrityCells,
) {
    let opened = plan.zone.month_of(fact.opened_at);
    let Some(cell) = out.cell(fact.contract_id, opened) else {
        return;
    };
    if fact.child {
        if fact.neighbours.first_child {
            cell.merged += 1;
            cell.sample(Sample::Merged, fact);
        }
        return;
    }
    cell.incidents += 1;
    came_again(fact, plan, cell);
    dated(fact, segments, cell);
    told(fact, reading, cell);
    if let (Some(_), Some(target)) = (reading.stopped_at, reading.target_s)
        && let Some(bin) = bin(reading.business_s, target)
    {
        cell.restored += 1;
        *cell.used.entry(bin).or_default() += 1;
        if (95..100).contains(&bin) {
            cell.sample(Sample::JustInTime, fact);
        }
    }
    for pair in segments.windows(2) {
        let [before, after] = pair else { continue };
        let held = before.state == ClockState::Running && after.state == ClockState::Paused;
        let lowered = after.priority > before.priority;
        if !held && !lowered {
            continue;
        }
        let target = plan.target(fact.service_id, before.priority);
        let used =
            target.and_then(|(allowed, _)| bin(ran(segments, after.start, calendars)?, allowed));
        let Some(used) = used.filter(|u| *u < 100) else {
            continue;
        };
        if held {
            cell.holds += 1;
            if used >= LATE_HOLD {
                cell.late_holds += 1;
                cell.sample(Sample::LateHold, fact);
            }
        }
        if lowered {
            cell.lowered += 1;
            if used >= LATE_LOWERED {
                cell.late_lowered += 1;
                cell.sample(Sample::LateLowered, fact);
            }
        }
    }
}

/// Whether the caller came back with the same matter, or came with it twice. Monitoring is no
/// caller: it opens a ticket as often as it sees a fault.
fn came_again(fact: &Fact<'_>, plan: &MeasurePlan, cell: &mut IntegrityCell) {
    let near = fact.neighbours;
    if !near.comparable || fact.channel.is_some_and(|c| plan.is_monitoring(c)) {
        return;
    }
    cell.reported += 1;
    if near.resolved_before_s.is_some_and(|s| s <= RETURN_S) {
        cell.returned += 1;
        cell.sample(Sample::Returned, fact);
    }
    if near.opened_before_s.is_some_and(|s| s <= SPLIT_S) {
        cell.split += 1;
        cell.sample(Sample::Split, fact);
    }
}

/// Whether the history says that the ticket was entered or resolved later than its dates do.
fn dated(fact: &Fact<'_>, segments: &[Segment], cell: &mut IntegrityCell) {
    let Some(first) = fact.events.first() else {
        return;
    };
    cell.history += 1;
    let logged_late = first.at.wall_s_since(fact.opened_at) > LOGGED_LATE_S;
    let off = |segment: &Segment, at: Instant| segment.start.wall_s_since(at).abs();
    let mut resolutions = segments
        .iter()
        .filter(|s| s.state == ClockState::Resolved)
        .peekable();
    // A ticket that was reopened may carry the date of any of its resolutions.
    let back_dated = fact.resolved_at.is_some_and(|at| {
        resolutions.peek().is_some_and(|first| first.start > at)
            && resolutions.all(|s| off(s, at) > BACK_DATED_S)
    });
    cell.logged_late += u64::from(logged_late);
    cell.back_dated += u64::from(back_dated);
    if logged_late || back_dated {
        cell.sample(Sample::BackDated, fact);
    }
}

/// Whether what was told of it, or of its breach, came only when it was over.
fn told(fact: &Fact<'_>, reading: &ClockReading, cell: &mut IntegrityCell) {
    let mut judge = |kind: NoticeKind, over: Option<Instant>| {
        let first = fact.notices.iter().find(|n| n.kind == kind);
        if let (Some(first), Some(over)) = (first, over) {
            cell.told += 1;
            if first.sent_at > over {
                cell.told_afterwards += 1;
                cell.sample(Sample::ToldAfterwards, fact);
            }
        }
    };
    judge(NoticeKind::Incident, reading.stopped_at);
    judge(NoticeKind::BreachWarning, reading.due_at);
}

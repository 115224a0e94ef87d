//! What tests for gaming look at, counted in the same pass as everything else: how much of its
//! target an incident had used when it was restored, held or lowered in priority. Not responsible
//! for any test (see [`crate::judge::integrity`]).
//!
//! Only counts and the first few ticket numbers, so that it merges in any order.

use std::collections::{BTreeMap, BTreeSet};

use super::clock::{ClockReading, ClockState, Segment};
use super::fact::Fact;
use super::spec::MeasurePlan;
use crate::time::{BusinessCalendar, Instant, Month};

/// A hold that starts when at least this part of the target is used, in percent, starts late.
pub const LATE_HOLD: u16 = 95;
/// A priority that is lowered when at least this part is used is lowered late.
pub const LATE_LOWERED: u16 = 75;
/// Ticket numbers kept per kind: the least by source and number.
const SAMPLES: usize = 5;
/// Seconds after the former opening within which an incident on the same item is a quick return.
const QUICK_S: i64 = 86_400;
/// Parts of a target above this are one bin.
const MOST: u16 = 200;

/// What the sampled tickets are samples of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sample {
    /// Restored in the last twentieth of the target.
    JustInTime,
    /// Held late.
    LateHold,
    /// Lowered late.
    LateLowered,
    /// On the item of an incident opened within a day before.
    QuickReturn,
}

/// Counts of one contract and month of opening.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntegrityCell {
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
    /// Incidents whose item and category are known.
    pub item_known: u64,
    /// Of those, opened within a day after another on the same item and category, as far as both
    /// lie in one partition.
    pub quick_returns: u64,
    /// The least ticket numbers of each kind.
    pub samples: BTreeMap<Sample, BTreeSet<(String, String)>>,
}

impl IntegrityCell {
    /// Adds another cell.
    pub fn merge(&mut self, other: &IntegrityCell) {
        self.restored += other.restored;
        for (bin, n) in &other.used {
            *self.used.entry(*bin).or_default() += n;
        }
        self.holds += other.holds;
        self.late_holds += other.late_holds;
        self.lowered += other.lowered;
        self.late_lowered += other.late_lowered;
        self.item_known += other.item_known;
        self.quick_returns += other.quick_returns;
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
pub type IntegrityCells = BTreeMap<(String, Month), IntegrityCell>;

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
    let key = (
        fact.contract_id.to_owned(),
        plan.zone.month_of(fact.opened_at),
    );
    let cell = out.entry(key).or_default();
    if fact.item.is_some() {
        cell.item_known += 1;
        if fact.item_gap_s.is_some_and(|gap| gap <= QUICK_S) {
            cell.quick_returns += 1;
            cell.sample(Sample::QuickReturn, fact);
        }
    }
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

//! The worst incidents of each contract, service and month of opening, with what was told about
//! them: what a meeting wants to see one by one. Responsible for which are kept and for what is
//! kept of them; not for prices or for which month is reported (see [`crate::score::worst`]).
//!
//! The state is bounded and merges in any order: of each group the first [`KEPT`] in a total
//! order, and the first of a union are among the first of its parts.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::clock::{ClockReading, Verdict};
use super::fact::{Fact, Notice, NoticeKind};
use super::plan::MeasurePlan;
use super::rates::Disruption;
use crate::time::{Instant, Month};

/// Incidents kept per contract, service and month of opening, of those restored and of those
/// still open.
pub const KEPT: usize = 5;

/// Moments of notices kept per incident; how many there were is kept as well.
pub const MOMENTS: usize = 24;

/// One incident with its clocks and what was told about it. All moments are UTC.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Incident {
    /// Exporting tool.
    pub source: String,
    /// Number there.
    pub ticket_id: String,
    /// Category, where known.
    pub category: Option<String>,
    /// The highest priority that it held, 1 to 5.
    pub priority: u8,
    /// Opened.
    pub opened_at: Instant,
    /// Known: detected, or opened if that was earlier.
    pub known_at: Instant,
    /// Restored; absent while open.
    pub resolved_at: Option<Instant>,
    /// When its target for restoration was used up; absent without one.
    pub due_at: Option<Instant>,
    /// Its target was missed for certain; of an open one the as-of moment may add to that.
    pub breached: bool,
    /// The moment by which the first notice was due; absent where the terms want none.
    pub tell_by: Option<Instant>,
    /// Wall seconds allowed between notices.
    pub update_s: Option<i64>,
    /// The first notices, at most [`MOMENTS`], in order.
    pub told_at: Vec<Instant>,
    /// How many notices there were.
    pub told: u64,
    /// The longest wall seconds without a notice, from knowing to restoration; absent while open.
    pub longest_gap_s: Option<i64>,
    /// The first warning that the target would be missed.
    pub warned_at: Option<Instant>,
    /// Share of users affected, parts per million; absent where nothing is known.
    pub share_ppm: Option<u32>,
    /// The share is the one that the terms assume.
    pub assumed: bool,
    /// Disruption in business seconds × parts per million; absent while open and where the share
    /// or the calendar of impact is missing.
    pub impact_s_ppm: Option<i128>,
    /// The same, weighed by the rates of the hours, × parts per million: what is priced.
    pub impact_weighed: Option<i128>,
    /// Of the disruption, between knowing and telling; absent where nobody had to be told, while open and
    /// untold, and where the impact is.
    pub silent_s_ppm: Option<i128>,
    /// The same, weighed by the rates of the hours, × parts per million.
    pub silent_weighed: Option<i128>,
}

/// What decides between two incidents: weight, opening, source, number.
type Rank<'a> = (Reverse<(Option<i128>, i64)>, Instant, &'a str, &'a str);

impl Incident {
    fn wall_s(&self) -> i64 {
        self.resolved_at
            .map_or(0, |end| end.wall_s_since(self.known_at.min(self.opened_at)))
    }

    /// Worst first: of restored ones by weighed disruption, then by duration; of open ones by the share
    /// affected, then by age. Source and number break ties.
    fn rank(&self) -> Rank<'_> {
        let weight = match self.resolved_at {
            Some(_) => (self.impact_weighed, self.wall_s()),
            None => (self.share_ppm.map(i128::from), 0),
        };
        (
            Reverse(weight),
            self.opened_at,
            &self.source,
            &self.ticket_id,
        )
    }
}

/// The worst of one contract, service and month, each list in order of rank.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Group {
    /// Restored ones.
    pub restored: Vec<Incident>,
    /// Those still open.
    pub open: Vec<Incident>,
}

/// Puts an incident into its place, if it has one.
fn keep(list: &mut Vec<Incident>, incident: Incident) {
    let at = list.partition_point(|kept| kept.rank() < incident.rank());
    if at < KEPT {
        list.insert(at, incident);
        list.truncate(KEPT);
    }
}

/// The groups of one contract: service → month of opening → the worst.
pub type OfContract = BTreeMap<String, BTreeMap<Month, Group>>;

/// The worst of all contracts. Maps within maps, so that a ticket is looked up without making a
/// key for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Worst {
    /// By contract.
    pub contracts: BTreeMap<String, OfContract>,
}

impl Worst {
    /// Adds those of another.
    pub fn merge(&mut self, other: &Worst) {
        for (contract, services) in &other.contracts {
            for (service, months) in services {
                for (month, group) in months {
                    let mine = self.group_mut(contract, service, *month);
                    for incident in &group.restored {
                        keep(&mut mine.restored, incident.clone());
                    }
                    for incident in &group.open {
                        keep(&mut mine.open, incident.clone());
                    }
                }
            }
        }
    }

    fn group(&self, contract: &str, service: &str, month: Month) -> Option<&Group> {
        self.contracts.get(contract)?.get(service)?.get(&month)
    }

    fn group_mut(&mut self, contract: &str, service: &str, month: Month) -> &mut Group {
        let services = self.contracts.entry(contract.to_owned()).or_default();
        let months = services.entry(service.to_owned()).or_default();
        months.entry(month).or_default()
    }
}

/// A ticket whose clock was read.
#[derive(Clone, Copy)]
pub(super) struct Read<'a> {
    pub(super) fact: &'a Fact<'a>,
    pub(super) plan: &'a MeasurePlan,
    /// The highest priority that it held.
    pub(super) priority: u8,
    /// Month of opening in the contract's zone.
    pub(super) opened: Month,
    pub(super) reading: &'a ClockReading,
    /// Share of users affected, parts per million.
    pub(super) share: Option<u32>,
}

/// Adds one incident. Children carry no impact and are left out. What cannot enter is turned away
/// before its business time is computed and before anything is copied.
pub(super) fn add(read: Read<'_>, out: &mut Worst) {
    let fact = read.fact;
    if fact.child {
        return;
    }
    let share = read.share.filter(|_| read.plan.impact.is_some());
    let group = out.group(fact.contract_id, fact.service_id, read.opened);
    let impact = match read.reading.stopped_at {
        Some(end) => {
            let last = group.and_then(|g| g.restored.get(KEPT - 1));
            if let Some(least) = last.and_then(|l| l.impact_weighed)
                && most(&read, end, share) < least
            {
                return;
            }
            let impact = impact(&read, fact.opened_at, end);
            if let Some(last) = last
                && (impact.map(|i| i.weighed), end.wall_s_since(fact.known_at()))
                    < (last.impact_weighed, last.wall_s())
            {
                return;
            }
            impact
        }
        None => {
            let last = group.and_then(|g| g.open.get(KEPT - 1));
            if last.is_some_and(|l| {
                (Reverse(share), fact.opened_at) > (Reverse(l.share_ppm), l.opened_at)
            }) {
                return;
            }
            None
        }
    };
    let incident = incident(&read, share, impact);
    let group = out.group_mut(fact.contract_id, fact.service_id, read.opened);
    match incident.resolved_at {
        Some(_) => keep(&mut group.restored, incident),
        None => keep(&mut group.open, incident),
    }
}

/// More than the weighed impact can be: business time is at most wall time, and both are cut to
/// seconds.
fn most(read: &Read<'_>, end: Instant, share: Option<u32>) -> i128 {
    let wall_s = i128::from(end.wall_s_since(read.fact.opened_at)) + 1;
    let greatest = i128::from(read.plan.rates.greatest_ppm(read.fact.service_id));
    wall_s.max(0) * i128::from(share.unwrap_or(0)) * greatest
}

fn impact(read: &Read<'_>, from: Instant, until: Instant) -> Option<Disruption> {
    let service = read.fact.service_id;
    read.plan.disruption(service, from, until, read.share?)
}

fn incident(read: &Read<'_>, share_ppm: Option<u32>, impact: Option<Disruption>) -> Incident {
    let (fact, reading) = (read.fact, read.reading);
    let of = |kind: NoticeKind| {
        fact.notices
            .iter()
            .filter(move |n: &&Notice<'_>| n.kind == kind)
    };
    let about = || of(NoticeKind::Incident).map(|n| n.sent_at);
    let (known_at, end) = (fact.known_at(), reading.stopped_at);
    let limit = read.plan.notices.limit(read.priority);
    let first = about().next();
    let silent = limit
        .and(first.into_iter().chain(end).min())
        .and_then(|until| self::impact(read, known_at, until.max(known_at)));
    Incident {
        source: fact.source.to_owned(),
        ticket_id: fact.ticket_id.to_owned(),
        category: fact.category.map(str::to_owned),
        priority: read.priority,
        opened_at: fact.opened_at,
        known_at,
        resolved_at: end,
        due_at: reading.due_at,
        breached: reading.verdict == Verdict::Breached,
        tell_by: limit.map(|l| known_at.plus_seconds(l.first_s)),
        update_s: limit.and_then(|l| l.update_s),
        told_at: about().take(MOMENTS).collect(),
        told: about().count() as u64,
        longest_gap_s: end.map(|end| longest_gap_s(known_at, about(), end)),
        warned_at: of(NoticeKind::BreachWarning).map(|n| n.sent_at).next(),
        share_ppm,
        assumed: share_ppm.is_some() && fact.affected_ppm.is_none(),
        impact_s_ppm: impact.map(|i| i.s_ppm),
        impact_weighed: impact.map(|i| i.weighed),
        silent_s_ppm: silent.map(|s| s.s_ppm),
        silent_weighed: silent.map(|s| s.weighed),
    }
}

/// The longest wall seconds between knowing, notices and the end.
fn longest_gap_s(known_at: Instant, told: impl Iterator<Item = Instant>, end: Instant) -> i64 {
    let (mut last, mut longest) = (known_at, 0);
    for at in told.filter(|at| *at < end).chain([end]) {
        longest = longest.max(at.wall_s_since(last));
        last = last.max(at);
    }
    longest
}

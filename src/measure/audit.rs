//! The clock audit: on which tickets the verdict depends on the clock policy. Every policy that
//! differs from the terms in one answer is asked as well. Not responsible for the clock itself
//! (see [`super::clock`]).

use super::clock::{ClockReading, Track, Verdict, read_clock};
use super::clock_policy::{ClockPolicy, ClosedTime, PriorityChange, Reopened, ScheduleChange};
use super::tally::{Place, Tally};

type Change = fn(&mut ClockPolicy);

/// Every answer that a policy can give to one question, with its name in the terms.
const ANSWERS: &[(&str, Change)] = &[
    ("priority = initial", |p| {
        p.priority = PriorityChange::Initial
    }),
    ("priority = highest_held", |p| {
        p.priority = PriorityChange::HighestHeld;
    }),
    ("priority = current_at_end", |p| {
        p.priority = PriorityChange::CurrentAtEnd;
    }),
    ("priority = restart_at_change", |p| {
        p.priority = PriorityChange::RestartAtChange;
    }),
    ("schedule = sum", |p| p.schedule = ScheduleChange::Sum),
    ("schedule = last", |p| p.schedule = ScheduleChange::Last),
    ("schedule = of_counted_priority", |p| {
        p.schedule = ScheduleChange::OfCountedPriority;
    }),
    ("reopened = first_resolution", |p| {
        p.reopened = Reopened::FirstResolution;
    }),
    ("reopened = last_resolution", |p| {
        p.reopened = Reopened::LastResolution;
    }),
    ("closed_time = excluded", |p| {
        p.closed_time = ClosedTime::Excluded;
    }),
    ("closed_time = included", |p| {
        p.closed_time = ClosedTime::Included;
    }),
];
/// The one about pauses: it needs the states read anew.
const NO_PAUSES: &str = "pauses = []";

/// The policies other than the terms' own, each with the answer in which it differs.
pub(super) fn others(own: &ClockPolicy) -> Vec<(&'static str, ClockPolicy)> {
    let mut all = Vec::new();
    for (name, change) in ANSWERS {
        let mut policy = own.clone();
        change(&mut policy);
        if policy != *own {
            all.push((*name, policy));
        }
    }
    if !own.pauses.is_empty() {
        let policy = ClockPolicy {
            pauses: Vec::new(),
            ..own.clone()
        };
        all.push((NO_PAUSES, policy));
    }
    all
}

/// Asks all other policies about one ticket that the terms have judged.
pub(super) fn audit(place: &Place<'_, '_>, track: &Track<'_>, own: &ClockReading, out: &mut Tally) {
    if own.verdict == Verdict::NoTarget {
        return;
    }
    let (fact, plan) = (place.fact, place.plan);
    let terms = place.clock_terms();
    let target = |p: u8| terms.allowed_s(p);
    for (name, policy) in others(&plan.policy) {
        let mut unpaused = Vec::new();
        let mut track = *track;
        if name == NO_PAUSES {
            unpaused.extend(track.segments.iter().map(|s| super::clock::Segment {
                state: match s.state {
                    super::clock::ClockState::Paused => super::clock::ClockState::Running,
                    state => state,
                },
                ..*s
            }));
            track.segments = &unpaused;
            track.unplaced_hold_s = 0;
        }
        let Ok(other) = read_clock(&track, &policy, target, terms.calendars) else {
            continue;
        };
        let late = |reading: &ClockReading| reading.verdict == Verdict::Breached;
        let audited = out
            .audit
            .entry((fact.contract_id.to_owned(), name))
            .or_default();
        audited.judged += 1;
        match (late(own), late(&other)) {
            (false, true) => audited.stricter += 1,
            (true, false) => audited.milder += 1,
            _ => continue,
        }
        audited.sample.add(fact.source, fact.ticket_id);
    }
}

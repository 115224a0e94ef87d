//! A clock that counts minute by minute, slow and written without looking at the other one,
//! must agree with it on any ticket under any policy.

use gainshare::measure::clock::{ClockState, Segment, Track, Until, Verdict, read_clock};
use gainshare::measure::clock_policy::{
    ClockPolicy, ClosedTime, PriorityChange, Reopened, ScheduleChange,
};
use gainshare::time::{BusinessCalendar, Instant};
use proptest::prelude::*;

use super::calendars::{round_the_clock, weekdays};

/// What the policies mean, minute by minute: (business minutes, due minute, stop minute), all
/// counted from the opening.
fn counted_minute_by_minute(
    segments: &[Segment],
    policy: &ClockPolicy,
    target_min: i64,
    schedules: &[&BusinessCalendar],
) -> (i64, Option<i64>, Option<i64>) {
    const HORIZON: i64 = 60 * 24 * 60;
    let opened = segments[0].start;
    let at = |minute: i64| opened.plus_seconds(minute * 60);
    let known = segments.last().unwrap().start.wall_s_since(opened) / 60;
    let force = |minute: i64| {
        segments
            .iter()
            .rev()
            .find(|s| s.start <= at(minute))
            .unwrap()
    };
    let done = |minute: i64| force(minute).state == ClockState::Resolved;
    let stop = match policy.reopened {
        Reopened::FirstResolution => (0..=known).find(|&m| done(m)),
        Reopened::LastResolution if !done(known) => None,
        Reopened::LastResolution => {
            Some((0..=known).rev().take_while(|&m| done(m)).last().unwrap())
        }
    };
    let last = stop.unwrap_or(known + 1);
    let working: Vec<i64> = (0..last).filter(|&m| !done(m)).collect();
    let first = force(working.first().copied().unwrap_or(0));
    let latest = working.last().map_or(first, |&m| force(m));
    let counts = match policy.priority {
        PriorityChange::Initial => first.priority,
        PriorityChange::HighestHeld => working
            .iter()
            .map(|&m| force(m).priority)
            .min()
            .unwrap_or(first.priority),
        _ => latest.priority,
    };
    let start = match policy.priority {
        PriorityChange::RestartAtChange => {
            let other = working.iter().rev().find(|&&m| force(m).priority != counts);
            let after = other.map_or(0, |m| m + 1);
            // Time solved in between belongs to neither.
            (after..last).find(|&m| !done(m)).unwrap_or(0)
        }
        _ => 0,
    };
    let from_start = working.iter().filter(|&&m| m >= start);
    let schedule = |minute: i64| match policy.schedule {
        ScheduleChange::Sum => force(minute).schedule,
        ScheduleChange::Last => latest.schedule,
        ScheduleChange::OfCountedPriority => from_start
            .clone()
            .map(|&m| force(m))
            .find(|s| s.priority == counts)
            .map_or(first.schedule, |s| s.schedule),
    };
    let open =
        |minute: i64, schedule: u16| schedules[schedule as usize].is_open(at(minute)).unwrap();
    let runs = |minute: i64| match force(minute).state {
        ClockState::Running => true,
        ClockState::Paused => false,
        ClockState::Resolved => policy.closed_time == ClosedTime::Included,
    };
    let mut minutes = 0;
    let mut due = (target_min == 0).then_some(start);
    for minute in start..stop.unwrap_or(known) {
        if runs(minute) && open(minute, schedule(minute)) {
            minutes += 1;
            if minutes == target_min {
                due = Some(minute + 1);
            }
        }
    }
    let mut ahead = minutes;
    let from = stop.unwrap_or(known);
    if due.is_none() && (stop.is_some() || runs(known)) {
        let sum = if stop.is_some() {
            latest.schedule
        } else {
            force(known).schedule
        };
        let schedule = if policy.schedule == ScheduleChange::Sum {
            sum
        } else {
            schedule(known)
        };
        for minute in from..HORIZON {
            if open(minute, schedule) {
                ahead += 1;
                if ahead == target_min {
                    due = Some(minute + 1);
                    break;
                }
            }
        }
    }
    (minutes, due, stop)
}

fn policies() -> impl Strategy<Value = ClockPolicy> {
    let priority = prop_oneof![
        Just(PriorityChange::Initial),
        Just(PriorityChange::HighestHeld),
        Just(PriorityChange::CurrentAtEnd),
        Just(PriorityChange::RestartAtChange)
    ];
    let schedule = prop_oneof![
        Just(ScheduleChange::Sum),
        Just(ScheduleChange::Last),
        Just(ScheduleChange::OfCountedPriority)
    ];
    let reopened = prop_oneof![
        Just(Reopened::FirstResolution),
        Just(Reopened::LastResolution)
    ];
    let closed_time = prop_oneof![Just(ClosedTime::Excluded), Just(ClosedTime::Included)];
    (priority, schedule, reopened, closed_time).prop_map(
        |(priority, schedule, reopened, closed_time)| ClockPolicy {
            priority,
            schedule,
            reopened,
            closed_time,
            ..ClockPolicy::default()
        },
    )
}

/// Up to seven stretches of up to a day; the first one is not resolved.
fn lives() -> impl Strategy<Value = Vec<Segment>> {
    let part = (0i64..1440, 0u8..4, 1u8..6, 0u16..2);
    (0i64..7 * 1440, prop::collection::vec(part, 1..8)).prop_map(|(opened, parts)| {
        // Around the change of clocks at the end of March 2025.
        let mut minute = 1_743_000_000 / 60 + opened;
        let mut segments = Vec::new();
        for (i, (length, state, priority, schedule)) in parts.into_iter().enumerate() {
            let state = match state {
                2 => ClockState::Paused,
                3 if i > 0 => ClockState::Resolved,
                _ => ClockState::Running,
            };
            segments.push(Segment {
                start: Instant::from_seconds(minute * 60),
                state,
                priority,
                schedule,
            });
            minute += length + 1;
        }
        segments
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a_clock_that_counts_minutes_agrees(
        segments in lives(), policy in policies(), target_min in 0i64..3000,
    ) {
        let schedules = [&weekdays("Europe/Amsterdam", "08:00-17:30"), &round_the_clock("Europe/Amsterdam")];
        let track = Track { segments: &segments, until: Until::Resolution, unplaced_hold_s: 0 };
        let reading = read_clock(&track, &policy, |_| Some(target_min * 60), &schedules).unwrap();
        let (minutes, due, stop) =
            counted_minute_by_minute(&segments, &policy, target_min, &schedules);
        let minute = |instant: Instant| instant.wall_s_since(segments[0].start) / 60;
        prop_assert_eq!(reading.stopped_at.map(minute), stop);
        prop_assert_eq!(reading.business_s, minutes * 60);
        prop_assert_eq!(reading.due_at.map(minute), due);
        let end = stop.unwrap_or_else(|| minute(segments.last().unwrap().start));
        let late = due.is_some_and(|due| end > due);
        prop_assert_eq!(reading.verdict == Verdict::Breached, late);
        // Never late within the target, never in time beyond it.
        prop_assert!(!late || minutes >= target_min);
        prop_assert!(late || minutes <= target_min);
        prop_assert!(reading.business_s <= reading.wall_s);
    }
}

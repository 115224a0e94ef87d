//! Service-level clocks: how long a ticket took by the terms, when it was due, and whether it
//! was late. One pure function over a ticket's state segments and a [`ClockPolicy`].
//!
//! Not responsible for where segments come from (events or mere dates), for which ticket has
//! which target, or for the as-of date: a ticket that is still open gets its due time here, and
//! whether that has passed is asked later ([`ClockReading::late_by`]).

use crate::time::{BusinessCalendar, Instant, OutsideYears};

use super::clock_policy::{ClockPolicy, ClosedTime, PriorityChange, Reopened, ScheduleChange};

/// What a ticket's state means to a clock (see [`ClockPolicy::state_of`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClockState {
    /// The clock runs.
    Running,
    /// The clock stands still by the terms, for example while waiting for the user.
    Paused,
    /// Solved or closed.
    Resolved,
}

/// A stretch of a ticket's life in which nothing that a clock looks at changed. It ends where
/// the next one starts; the last one has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// When it began; the first one when the ticket was opened.
    pub start: Instant,
    /// Whether clocks ran.
    pub state: ClockState,
    /// The priority, 1 (highest) to 5.
    pub priority: u8,
    /// Which of the calendars applied: an index into the slice given to [`read_clock`].
    pub schedule: u16,
}

/// What ends a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The resolution that the policy names.
    Resolution,
    /// The first response; `None` when no response is known. A resolution is a response too.
    Response(Option<Instant>),
}

/// One ticket as its clocks see it.
#[derive(Debug, Clone, Copy)]
pub struct Track<'a> {
    /// Its life in order, at least one segment.
    pub segments: &'a [Segment],
    /// What ends the clock.
    pub until: Until,
    /// Seconds on hold that the export gives as a sum without saying when (0 when the segments
    /// tell). They come off the elapsed time and are added to the due time.
    pub unplaced_hold_s: i64,
}

/// Why a clock cannot be read. The ticket is reported, not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// A ticket without segments.
    #[error("no state segment: a ticket has at least the one that starts when it is opened")]
    NoSegments,
    /// Segments, or opening and response, in the wrong order.
    #[error("{later} comes before {earlier}, which it should follow: correct the dates")]
    OutOfOrder {
        /// The instant that should be first.
        earlier: Instant,
        /// The instant that should follow it.
        later: Instant,
    },
    /// A schedule that was not given.
    #[error("schedule {index} is not among the calendars given")]
    NoSchedule {
        /// The index.
        index: u16,
    },
    /// A negative number of seconds on hold.
    #[error("{seconds} s on hold: a duration cannot be negative")]
    NegativeHold {
        /// What was given.
        seconds: i64,
    },
    /// A date that no calendar covers.
    #[error(transparent)]
    OutsideYears(#[from] OutsideYears),
}

/// Whether a ticket kept its target, as far as its own data tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// There is no target for the priority that counts.
    NoTarget,
    /// Ended no later than due.
    Met,
    /// Ended, or was still open, after it was due.
    Breached,
    /// Open, and not past due at its last known event: the as-of date decides.
    Open,
}

/// What one clock says about one ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    /// When it started: at the opening, or at the last change under
    /// [`PriorityChange::RestartAtChange`].
    pub started_at: Instant,
    /// When it ended; `None` when the ticket is open.
    pub stopped_at: Option<Instant>,
    /// The priority that counts.
    pub priority: u8,
    /// Business seconds that it ran; of an open ticket up to its last known event.
    pub business_s: i64,
    /// Wall seconds that it ran, likewise.
    pub wall_s: i64,
    /// Business seconds that it was paused, likewise.
    pub paused_business_s: i64,
    /// Wall seconds that it was paused, likewise.
    pub paused_wall_s: i64,
    /// The target of the priority that counts, in business seconds.
    pub target_s: Option<i64>,
    /// When the target is used up, had the clock kept running after the end; of a ticket that
    /// is open and running, if it keeps running. `None` without a target, while an open ticket
    /// is paused with time left, and beyond the years that calendars cover.
    pub due_at: Option<Instant>,
    /// Since when an open ticket's clock has been running, and on which schedule.
    pub running_since: Option<(Instant, u16)>,
    /// Whether the target was kept.
    pub verdict: Verdict,
}

impl ClockReading {
    /// Whether it is late as of an instant (not before the last event of the ticket): `None`
    /// without a target. An open ticket is late from the second after it is due.
    pub fn late_by(&self, as_of: Instant) -> Option<bool> {
        match self.verdict {
            Verdict::NoTarget => None,
            Verdict::Met => Some(false),
            Verdict::Breached => Some(true),
            Verdict::Open => Some(self.due_at.is_some_and(|due| is_after(as_of, due))),
        }
    }

    /// Business seconds that it ran up to an instant (not before the last event of the ticket).
    pub fn business_s_by(
        &self,
        as_of: Instant,
        schedules: &[&BusinessCalendar],
    ) -> Result<i64, ClockError> {
        match self.running_since {
            Some((since, schedule)) => {
                Ok(self.business_s + calendar(schedules, schedule)?.business_s(since, as_of)?)
            }
            None => Ok(self.business_s),
        }
    }

    /// Which share of its target is used up; `None` without a target or with one of zero.
    pub fn used(&self) -> Option<UsedShare> {
        let target_s = self.target_s.filter(|&target_s| target_s > 0)?;
        Some(UsedShare {
            business_s: self.business_s,
            target_s,
        })
    }
}

/// A used share of a target, kept as two whole numbers: a rounded percentage must never be
/// compared with anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedShare {
    /// Business seconds used, not negative.
    pub business_s: i64,
    /// Business seconds allowed, above zero.
    pub target_s: i64,
}

impl UsedShare {
    /// How it compares with `percent`, exactly.
    pub fn compare_percent(self, percent: u32) -> std::cmp::Ordering {
        let used = i128::from(self.business_s) * 100;
        used.cmp(&(i128::from(self.target_s) * i128::from(percent)))
    }

    /// In parts per million, cut down; for tables.
    pub fn parts_per_million(self) -> i64 {
        let share = i128::from(self.business_s) * 1_000_000 / i128::from(self.target_s.max(1));
        i64::try_from(share).unwrap_or(i64::MAX)
    }
}

/// The segments that count, each with its end; the last one of an open ticket has none.
struct Counted<'a> {
    segments: &'a [Segment],
    stop: Option<Instant>,
}

impl<'a> Counted<'a> {
    fn iter(
        &self,
    ) -> impl DoubleEndedIterator<Item = (&'a Segment, Option<Instant>)> + ExactSizeIterator + '_
    {
        self.segments.iter().enumerate().map(|(i, segment)| {
            let next = self.segments.get(i + 1).map(|next| next.start);
            (segment, next.or(self.stop))
        })
    }

    /// Those that had a priority to speak of: not resolved, and lasting at all.
    fn held(&self) -> impl DoubleEndedIterator<Item = (usize, &'a Segment)> + '_ {
        let lasting = |(segment, end): &(&Segment, Option<Instant>)| {
            segment.state != ClockState::Resolved && end.is_none_or(|end| end > segment.start)
        };
        self.iter()
            .enumerate()
            .filter(move |(_, counted)| lasting(counted))
            .map(|(i, (segment, _))| (i, segment))
    }
}

/// Reads the clock of one ticket.
///
/// `target_s` gives the target of a priority in business seconds; `schedules` are the calendars
/// that the segments refer to.
///
/// A ticket is late when it had not ended by the second in which its target was used up. For
/// nearly all that is `business_s > target_s`; only who ends a clock outside business hours, with
/// the target used up exactly at closing time, is late with `business_s = target_s`, because
/// the due time was the end of that day.
///
/// Errors: see [`ClockError`]; nothing is guessed.
pub fn read_clock(
    track: &Track<'_>,
    policy: &ClockPolicy,
    target_s: impl Fn(u8) -> Option<i64>,
    schedules: &[&BusinessCalendar],
) -> Result<ClockReading, ClockError> {
    let first = check(track)?;
    let all = counted(track, policy);
    let (priority, from) = priority_that_counts(&all, policy, first);
    let counted = Counted {
        segments: &all.segments[from..],
        stop: all.stop,
    };
    let one_schedule = match policy.schedule {
        ScheduleChange::Sum => None,
        ScheduleChange::Last => Some(
            counted
                .held()
                .next_back()
                .map_or(first.schedule, |h| h.1.schedule),
        ),
        ScheduleChange::OfCountedPriority => {
            let mut held = counted.held().filter(|h| h.1.priority == priority);
            Some(held.next().map_or(first.schedule, |h| h.1.schedule))
        }
    };

    let target_s = target_s(priority);
    let allowed_s = target_s.map(|target_s| target_s.max(0).saturating_add(track.unplaced_hold_s));
    let started_at = counted
        .segments
        .first()
        .map_or(first.start, |segment| segment.start);
    let (mut ran_s, mut wall_s, mut paused_business_s, mut paused_wall_s) = (0, 0, 0, 0);
    // Nothing allowed is due at once, also of a ticket that starts paused.
    let mut due_at = (allowed_s == Some(0)).then_some(started_at);
    let mut running_since = None;
    let mut last_schedule = one_schedule.unwrap_or(first.schedule);
    let mut open_until = started_at;
    for (segment, end) in counted.iter() {
        let schedule = one_schedule.unwrap_or(segment.schedule);
        let state = match (segment.state, policy.closed_time) {
            // Only a reopened ticket has counted segments in which it was resolved.
            (ClockState::Resolved, ClosedTime::Included) => ClockState::Running,
            (state, _) => state,
        };
        if state != ClockState::Resolved {
            last_schedule = schedule;
        }
        let calendar = calendar(schedules, schedule)?;
        let Some(end) = end else {
            open_until = segment.start;
            running_since = (state == ClockState::Running).then_some((segment.start, schedule));
            continue;
        };
        let business_s = calendar.business_s(segment.start, end)?;
        match state {
            ClockState::Running => {
                if let Some(allowed_s) = allowed_s
                    && due_at.is_none()
                    && ran_s + business_s >= allowed_s
                {
                    due_at = calendar.add_business(segment.start, allowed_s - ran_s);
                }
                ran_s += business_s;
                wall_s += end.wall_s_since(segment.start);
            }
            ClockState::Paused => {
                paused_business_s += business_s;
                paused_wall_s += end.wall_s_since(segment.start);
            }
            ClockState::Resolved => {}
        }
    }
    // Time left: the clock would have gone on from where it ended, or does go on.
    if let (None, Some(allowed_s)) = (due_at, allowed_s) {
        let goes_on = match (counted.stop, running_since) {
            (Some(stop), _) => Some((stop, last_schedule)),
            (None, running) => running,
        };
        if let Some((from, schedule)) = goes_on {
            due_at = calendar(schedules, schedule)?.add_business(from, allowed_s - ran_s);
        }
    }
    let verdict = match (target_s, counted.stop) {
        (None, _) => Verdict::NoTarget,
        (Some(_), stop) if due_at.is_some_and(|due| is_after(stop.unwrap_or(open_until), due)) => {
            Verdict::Breached
        }
        (Some(_), Some(_)) => Verdict::Met,
        (Some(_), None) => Verdict::Open,
    };
    let hold_s = track.unplaced_hold_s;
    Ok(ClockReading {
        started_at,
        stopped_at: counted.stop,
        priority,
        business_s: ran_s - hold_s.min(ran_s),
        wall_s: wall_s - hold_s.min(wall_s),
        paused_business_s: paused_business_s + hold_s.min(ran_s),
        paused_wall_s: paused_wall_s + hold_s.min(wall_s),
        target_s,
        due_at,
        running_since,
        verdict,
    })
}

/// Late is later than the second of the due time.
fn is_after(end: Instant, due: Instant) -> bool {
    end.seconds() > due.seconds()
}

fn calendar<'a>(
    schedules: &[&'a BusinessCalendar],
    index: u16,
) -> Result<&'a BusinessCalendar, ClockError> {
    schedules
        .get(usize::from(index))
        .copied()
        .ok_or(ClockError::NoSchedule { index })
}

/// The first segment of a track that is in order.
fn check<'a>(track: &Track<'a>) -> Result<&'a Segment, ClockError> {
    let first = track.segments.first().ok_or(ClockError::NoSegments)?;
    if track.unplaced_hold_s < 0 {
        return Err(ClockError::NegativeHold {
            seconds: track.unplaced_hold_s,
        });
    }
    let order = |earlier: Instant, later: Instant| {
        if later < earlier {
            Err(ClockError::OutOfOrder { earlier, later })
        } else {
            Ok(())
        }
    };
    for pair in track.segments.windows(2) {
        order(pair[0].start, pair[1].start)?;
    }
    if let Until::Response(Some(responded)) = track.until {
        order(first.start, responded)?;
    }
    Ok(first)
}

/// The end of the clock and the segments before it.
fn counted<'a>(track: &Track<'a>, policy: &ClockPolicy) -> Counted<'a> {
    let segments = track.segments;
    let resolved = |segment: &Segment| segment.state == ClockState::Resolved;
    let first_resolution = segments
        .iter()
        .find(|s| resolved(s))
        .map(|segment| segment.start);
    let stop = match (track.until, policy.reopened) {
        (Until::Response(responded), _) => responded.into_iter().chain(first_resolution).min(),
        (Until::Resolution, Reopened::FirstResolution) => first_resolution,
        (Until::Resolution, Reopened::LastResolution) => {
            // Closing a resolved ticket is no second resolution: the first of the last run is it.
            let trailing = segments.iter().rev().take_while(|s| resolved(s)).count();
            let first_of_run = segments.len() - trailing;
            segments.get(first_of_run).map(|segment| segment.start)
        }
    };
    let count = match stop {
        Some(stop) => segments.partition_point(|segment| segment.start < stop),
        None => segments.len(),
    };
    Counted {
        segments: &segments[..count],
        stop,
    }
}

/// The priority that counts and the first segment that does.
fn priority_that_counts(
    counted: &Counted<'_>,
    policy: &ClockPolicy,
    first: &Segment,
) -> (u8, usize) {
    let held = || counted.held().map(|(_, segment)| segment.priority);
    let last = held().next_back().unwrap_or(first.priority);
    match policy.priority {
        PriorityChange::Initial => (held().next().unwrap_or(first.priority), 0),
        PriorityChange::HighestHeld => (held().min().unwrap_or(first.priority), 0),
        PriorityChange::CurrentAtEnd => (last, 0),
        PriorityChange::RestartAtChange => {
            let run = counted
                .held()
                .rev()
                .take_while(|(_, segment)| segment.priority == last);
            (last, run.last().map_or(0, |(i, _)| i))
        }
    }
}

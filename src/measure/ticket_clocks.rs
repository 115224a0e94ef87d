//! The two clocks of one ticket by the terms of its contract: to restoration and to the first
//! answer. The one place that says which targets, calendars and holds go into them, for the sums
//! of the pass and for the row of the ticket alike; not responsible for how a clock runs (see
//! [`super::clock`]).

use super::clock::{ClockError, ClockReading, ClockState, Segment, Track, Until, read_clock};
use super::fact::Fact;
use super::life;
use super::plan::{ByPriority, MeasurePlan};
use crate::time::BusinessCalendar;

/// The terms that the clocks of a service's tickets run by.
#[derive(Clone, Copy)]
pub(super) struct ClockTerms<'a> {
    pub(super) plan: &'a MeasurePlan,
    /// Its calendars, in their order.
    pub(super) calendars: &'a [&'a BusinessCalendar],
    /// Targets for restoration of the service.
    pub(super) targets: &'a ByPriority,
    /// Targets for a response.
    pub(super) respond: &'a ByPriority,
}

fn of(targets: &ByPriority, priority: u8) -> Option<(i64, u16)> {
    *targets.get(usize::from(priority))?
}

impl ClockTerms<'_> {
    /// Seconds allowed for restoration of a priority.
    pub(super) fn allowed_s(&self, priority: u8) -> Option<i64> {
        of(self.targets, priority).map(|(allowed, _)| allowed)
    }

    /// The track to restoration. `segments` is filled with the ticket's life.
    pub(super) fn track<'s>(&self, fact: &Fact<'_>, segments: &'s mut Vec<Segment>) -> Track<'s> {
        let schedule = |p: u8| of(self.targets, p).map_or(0, |(_, c)| c);
        life::segments(fact, schedule, segments);
        let paused = segments.iter().any(|s| s.state == ClockState::Paused);
        Track {
            segments,
            until: Until::Resolution,
            unplaced_hold_s: if paused || self.plan.policy.pauses.is_empty() {
                0
            } else {
                fact.on_hold_s
            },
        }
    }

    /// The clock of restoration on such a track.
    pub(super) fn restoration(&self, track: &Track<'_>) -> Result<ClockReading, ClockError> {
        let allowed = |p: u8| self.allowed_s(p);
        read_clock(track, &self.plan.policy, allowed, self.calendars)
    }

    /// The clock of the first answer, on its own calendars. `segments` are those of
    /// [`ClockTerms::track`], which serve where no target for an answer has a calendar of its own.
    pub(super) fn answer(
        &self,
        fact: &Fact<'_>,
        segments: &mut Vec<Segment>,
    ) -> Option<ClockReading> {
        if self.plan.has_respond_targets() {
            let schedule = |p: u8| of(self.respond, p).map_or(0, |(_, c)| c);
            life::segments(fact, schedule, segments);
        }
        let track = Track {
            segments,
            // An answer before the ticket was logged came at once.
            until: Until::Response(fact.responded_at.map(|at| at.max(fact.opened_at))),
            unplaced_hold_s: 0,
        };
        let allowed = |p: u8| of(self.respond, p).map(|(allowed, _)| allowed);
        read_clock(&track, &self.plan.policy, allowed, self.calendars).ok()
    }
}

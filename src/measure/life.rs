//! The life of a ticket: its history, or its mere dates, as the segments that clocks read, and
//! its way through the groups. Not responsible for what a clock makes of it (see
//! [`super::clock`]).

use super::clock::{ClockState, Segment};
use super::fact::{Change, Fact};

/// The life of a ticket as segments: from its history where there is one, else from its dates.
/// `schedule` says which calendar counts for a priority.
///
/// The history says when states changed; the ticket's own `resolved_at` decides when it was
/// restored if the history never says so.
pub(super) fn segments(fact: &Fact<'_>, schedule: impl Fn(u8) -> u16, segments: &mut Vec<Segment>) {
    segments.clear();
    let first = fact
        .events
        .iter()
        .find_map(|e| match e.change {
            Change::Priority(p) if e.at <= fact.opened_at => Some(p),
            _ => None,
        })
        .or(fact.initial_priority)
        .unwrap_or_else(|| first_priority(fact));
    let mut now = Segment {
        start: fact.opened_at,
        state: ClockState::Running,
        priority: first,
        schedule: schedule(first),
    };
    let mut resolved_seen = false;
    for event in fact.events {
        let mut next = now;
        match event.change {
            Change::State(state) => next.state = state,
            Change::Priority(p) => {
                next.priority = p;
                next.schedule = schedule(p);
            }
            Change::Group { .. } => continue,
        }
        // A history may start before the ticket's own opening: what held then holds at opening.
        next.start = event.at.max(fact.opened_at);
        resolved_seen |= next.state == ClockState::Resolved;
        if next.state == now.state && next.priority == now.priority {
            continue;
        }
        if next.start > now.start {
            segments.push(now);
        }
        now = next;
    }
    segments.push(now);
    if let Some(resolved_at) = fact.resolved_at
        && !resolved_seen
    {
        let last = segments.last().copied().unwrap_or(now);
        let start = resolved_at.max(last.start);
        segments.push(Segment {
            start,
            state: ClockState::Resolved,
            ..last
        });
    }
}

/// The priority before the first change, when nothing says what it was opened with.
fn first_priority(fact: &Fact<'_>) -> u8 {
    fact.events
        .iter()
        .find_map(|e| match e.change {
            Change::Priority(p) => Some(p),
            Change::State(_) | Change::Group { .. } => None,
        })
        .unwrap_or(fact.priority)
}

/// Whether a ticket was resolved at least once, and whether it was opened again afterwards.
pub(super) fn resolutions(fact: &Fact<'_>, segments: &[Segment]) -> (bool, bool) {
    let resolved = |s: &Segment| s.state == ClockState::Resolved;
    let first = segments.iter().position(resolved);
    let again = first.is_some_and(|i| segments.iter().skip(i).any(|s| !resolved(s)));
    (
        first.is_some(),
        again || fact.reopens.is_some_and(|n| n > 0),
    )
}

/// The way of a ticket through groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Route {
    /// How often it went from one group to another.
    pub(super) handoffs: u64,
    /// Whether it came back to a group that had given it away; `None` where only a number of
    /// hand-offs is known.
    pub(super) came_back: Option<bool>,
}

/// The way of a ticket: from its history, else by the export's own count.
pub(super) fn route(fact: &Fact<'_>) -> Option<Route> {
    // The groups in the order in which they held it; the history may start with the first change.
    let steps = || {
        let mut begun = false;
        let groups = fact
            .events
            .iter()
            .filter_map(move |event| match event.change {
                Change::Group { from, to } => {
                    let earliest = !std::mem::replace(&mut begun, true);
                    let first = from.filter(|_| earliest);
                    Some(first.into_iter().chain([to]))
                }
                Change::State(_) | Change::Priority(_) => None,
            });
        let mut last = None;
        groups
            .flatten()
            .filter(move |group| last.replace(*group) != Some(*group))
    };
    let held = steps().count();
    if held == 0 {
        return fact.reassignments.map(|handoffs| Route {
            handoffs,
            came_back: (handoffs == 0).then_some(false),
        });
    }
    let came_back = held > 2
        && steps()
            .enumerate()
            .any(|(i, group)| steps().take(i).any(|former| former == group));
    Some(Route {
        handoffs: held as u64 - 1,
        came_back: Some(came_back),
    })
}

#[cfg(test)]
mod tests {
    use super::super::fact::Event;
    use super::*;
    use crate::time::Instant;

    #[test]
    fn a_route_counts_hand_offs_and_sees_a_ticket_come_back() {
        let step = |s: i64, from: Option<&'static str>, to: &'static str| Event {
            at: Instant::from_seconds(s),
            change: Change::Group { from, to },
        };
        let of = |events: &[Event<'_>], reassignments: Option<u64>| {
            let fact = Fact {
                reassignments,
                events,
                ..Fact::opened("C1", "T1", Instant::from_seconds(0))
            };
            route(&fact).map(|r| (r.handoffs, r.came_back))
        };
        let there = [step(0, None, "desk"), step(9, Some("desk"), "network")];
        assert_eq!(of(&there, Some(7)), Some((1, Some(false))));
        // The history starts with the first change: the group before it counts.
        assert_eq!(of(&there[1..], None), Some((1, Some(false))));
        let back = [there[0], there[1], step(12, Some("network"), "desk")];
        assert_eq!(of(&back, None), Some((2, Some(true))));
        // Assigned anew to the same group is no hand-off.
        let same = [there[0], step(5, Some("desk"), "desk")];
        assert_eq!(of(&same, None), Some((0, Some(false))));
        assert_eq!(of(&[], Some(3)), Some((3, None)));
        assert_eq!(of(&[], Some(0)), Some((0, Some(false))));
        assert_eq!(of(&[], None), None);
    }
}

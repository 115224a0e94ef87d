//! From one ticket to its part of a fragment. Pure; not responsible for reading tickets.

use super::clock::{ClockState, Segment, Track, Until, Verdict, read_clock};
use super::fact::{Change, Fact, TicketType};
use super::fragment::{Cell, CellKey, Clock, Edge, Fragment, OpenKey, Opening};
use super::spec::MeasurePlan;
use crate::time::{BusinessCalendar, Instant, Month};

/// Adds one ticket to a fragment. `segments` is working space, kept by the caller so that it is
/// not made anew for every ticket.
pub fn add(fact: &Fact<'_>, plan: &MeasurePlan, segments: &mut Vec<Segment>, out: &mut Fragment) {
    let priority = fact.highest_priority();
    let opened_month = plan.zone.month_of(fact.opened_at);
    let key = |month: Month| CellKey {
        contract_id: fact.contract_id.to_owned(),
        service_id: fact.service_id.to_owned(),
        priority,
        month,
    };
    let cell = out.cells.entry(key(opened_month)).or_default();
    cell.tickets += 1;
    match fact.ticket_type {
        TicketType::Incident => cell.incidents += 1,
        TicketType::Request => {
            cell.requests += 1;
            return;
        }
        TicketType::Other => return,
    }
    cell.children += u64::from(fact.child);
    if let Some((ci, category)) = fact.item {
        cell.item_known += 1;
        cell.repeats += u64::from(
            fact.item_gap_s
                .is_some_and(|gap| gap <= plan.repeat_window_s),
        );
        let opening = Opening {
            at: fact.opened_at,
            ticket: (fact.source.to_owned(), fact.ticket_id.to_owned()),
            service_id: fact.service_id.to_owned(),
            priority,
        };
        let item = (
            fact.contract_id.to_owned(),
            ci.to_owned(),
            category.to_owned(),
        );
        match out.edges.get_mut(&item) {
            None => {
                let edge = Edge {
                    first: opening.clone(),
                    last: opening,
                };
                out.edges.insert(item, edge);
            }
            Some(edge) if opening < edge.first => edge.first = opening,
            Some(edge) if opening > edge.last => edge.last = opening,
            Some(_) => {}
        }
    }
    let share = match (fact.affected_ppm, plan.assumed_share_ppm) {
        _ if fact.child => None,
        (Some(known), _) => Some(known),
        (None, assumed) => assumed,
    };
    let assumed = !fact.child && fact.affected_ppm.is_none();

    life(fact, plan, segments);
    let unplaced = if has_pauses(segments) || plan.policy.pauses.is_empty() {
        0
    } else {
        fact.on_hold_s
    };
    let track = Track {
        segments,
        until: Until::Resolution,
        unplaced_hold_s: unplaced,
    };
    let target = |p: u8| plan.target(fact.service_id, p).map(|(allowed, _)| allowed);
    let schedules: Vec<&BusinessCalendar> = plan.calendars.iter().collect();
    let reading = match read_clock(&track, &plan.policy, target, &schedules) {
        Ok(reading) => reading,
        Err(_) => {
            out.cells.entry(key(opened_month)).or_default().clock_unread += 1;
            return;
        }
    };
    match reading.stopped_at {
        Some(stopped_at) => {
            let month = key(plan.zone.month_of(stopped_at));
            let cell = out.cells.entry(month.clone()).or_default();
            cell.restored += 1;
            cell.restore_business_s += i128::from(reading.business_s);
            cell.restore_wall_s += i128::from(reading.wall_s);
            cell.paused_wall_s += i128::from(reading.paused_wall_s);
            for (clock, value) in [
                (Clock::RestoreBusiness, reading.business_s),
                (Clock::RestoreWall, reading.wall_s),
            ] {
                out.histograms
                    .entry((month.clone(), clock))
                    .or_default()
                    .add(u64::try_from(value).unwrap_or_default());
            }
            // A due time beyond the calendars' years: the month of opening stands for it.
            let due = reading
                .due_at
                .map_or(opened_month, |due| plan.zone.month_of(due));
            let cell = out.cells.entry(key(due)).or_default();
            match reading.verdict {
                Verdict::Met => cell.restore_met += 1,
                Verdict::Breached => cell.restore_breached += 1,
                Verdict::NoTarget | Verdict::Open => {}
            }
            if plan.impact.is_some() {
                match share {
                    Some(ppm) => disrupt(fact, plan, stopped_at, ppm, assumed, &key, out),
                    None if !fact.child => {
                        out.cells
                            .entry(key(opened_month))
                            .or_default()
                            .impact_unknown += 1;
                    }
                    None => {}
                }
            }
        }
        None => {
            if reading.verdict == Verdict::Breached {
                let due = reading
                    .due_at
                    .map_or(opened_month, |due| plan.zone.month_of(due));
                out.cells.entry(key(due)).or_default().restore_breached += 1;
            }
            let open = OpenKey {
                contract_id: fact.contract_id.to_owned(),
                service_id: fact.service_id.to_owned(),
                priority,
                opened_at: fact.opened_at,
                due_at: reading.due_at.filter(|_| reading.verdict == Verdict::Open),
                affected_ppm: share,
            };
            *out.open.entry(open).or_default() += 1;
        }
    }
}

/// Splits a disruption over the months it fell in.
fn disrupt(
    fact: &Fact<'_>,
    plan: &MeasurePlan,
    until: Instant,
    ppm: u32,
    assumed: bool,
    key: &dyn Fn(Month) -> CellKey,
    out: &mut Fragment,
) {
    let Some(calendar) = plan.impact.and_then(|i| plan.calendars.get(usize::from(i))) else {
        return;
    };
    let Ok(parts) = calendar.split_by_month(fact.opened_at, until, &plan.zone) else {
        return;
    };
    for (month, business_s) in parts {
        let cell: &mut Cell = out.cells.entry(key(month)).or_default();
        cell.impact_s_ppm += i128::from(business_s) * i128::from(ppm);
        cell.impact_assumed += u64::from(assumed);
    }
}

fn has_pauses(segments: &[Segment]) -> bool {
    segments.iter().any(|s| s.state == ClockState::Paused)
}

/// The life of a ticket as segments: from its history where there is one, else from its dates.
///
/// The history says when states changed; the ticket's own `resolved_at` decides when it was
/// restored if the history never says so.
fn life(fact: &Fact<'_>, plan: &MeasurePlan, segments: &mut Vec<Segment>) {
    segments.clear();
    let schedule = |priority: u8| plan.target(fact.service_id, priority).map_or(0, |(_, c)| c);
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
            Change::State(state) => next.state = plan.policy.state_of(state),
            Change::Priority(p) => {
                next.priority = p;
                next.schedule = schedule(p);
            }
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
            Change::State(_) => None,
        })
        .unwrap_or(fact.priority)
}

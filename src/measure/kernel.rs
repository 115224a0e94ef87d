//! From one ticket to its part of a fragment: the order of what is counted. Pure; not
//! responsible for reading tickets, nor for the life of one ([`super::life`]), for what was told
//! about it ([`super::told`]) or for the clock audit ([`super::audit`]).

use super::audit;
use super::clock::{ClockReading, ClockState, Segment, Track, Until, Verdict, read_clock};
use super::fact::{Fact, NoticeKind, TicketType};
use super::fragment::{
    Cell, CellKey, Clock, Edge, FixKey, Fragment, KindKey, OpenKey, Opening, SolvedKey,
};
use super::integrity;
use super::life;
use super::relief::ReliefWindow;
use super::spec::MeasurePlan;
use super::told;
use super::worst;
use crate::time::{BusinessCalendar, Instant, Month};

/// Where a ticket is counted.
pub(super) struct Place<'a> {
    pub(super) fact: &'a Fact<'a>,
    pub(super) plan: &'a MeasurePlan,
    /// The highest priority that it held.
    pub(super) priority: u8,
    /// Month of opening in the contract's zone.
    pub(super) opened: Month,
}

impl Place<'_> {
    pub(super) fn key(&self, month: Month) -> CellKey {
        CellKey {
            contract_id: self.fact.contract_id.to_owned(),
            service_id: self.fact.service_id.to_owned(),
            priority: self.priority,
            month,
        }
    }

    pub(super) fn cell<'f>(&self, out: &'f mut Fragment, month: Month) -> &'f mut Cell {
        out.cells.entry(self.key(month)).or_default()
    }

    fn month_of(&self, at: Instant) -> Month {
        self.plan.zone.month_of(at)
    }

    /// Month of a due time. Beyond the calendars' years the month of opening stands for it.
    fn due_month(&self, reading: &ClockReading) -> Month {
        reading.due_at.map_or(self.opened, |due| self.month_of(due))
    }
}

/// Adds one ticket to a fragment. `segments` is working space, kept by the caller so that it is
/// not made anew for every ticket. `audited` asks for the clock audit as well.
pub fn add(
    fact: &Fact<'_>,
    plan: &MeasurePlan,
    audited: bool,
    segments: &mut Vec<Segment>,
    out: &mut Fragment,
) {
    let place = Place {
        fact,
        plan,
        priority: fact.highest_priority(),
        opened: plan.zone.month_of(fact.opened_at),
    };
    if !count(&place, out) {
        return;
    }
    let share = match (fact.affected_ppm, plan.assumed_share_ppm) {
        _ if fact.child => None,
        (Some(known), _) => Some(known),
        (None, assumed) => assumed,
    };
    let schedule = |p: u8| plan.target(fact.service_id, p).map_or(0, |(_, c)| c);
    life::segments(fact, plan, schedule, segments);
    let paused = segments.iter().any(|s| s.state == ClockState::Paused);
    let track = Track {
        segments,
        until: Until::Resolution,
        unplaced_hold_s: if paused || plan.policy.pauses.is_empty() {
            0
        } else {
            fact.on_hold_s
        },
    };
    let target = |p: u8| plan.target(fact.service_id, p).map(|(allowed, _)| allowed);
    let schedules: Vec<&BusinessCalendar> = plan.calendars.iter().collect();
    let Ok(reading) = read_clock(&track, &plan.policy, target, &schedules) else {
        place.cell(out, place.opened).clock_unread += 1;
        return;
    };
    if audited {
        audit::audit(&place, &track, &reading, &schedules, out);
    }
    let (resolved_once, reopened) = life::resolutions(fact, segments);
    let cell = place.cell(out, place.opened);
    cell.resolved_once += u64::from(resolved_once);
    cell.reopened += u64::from(resolved_once && reopened);
    integrity::add(
        fact,
        plan,
        segments,
        &reading,
        &schedules,
        &mut out.integrity,
    );
    match reading.stopped_at {
        Some(stopped_at) => {
            restored(&place, &reading, stopped_at, out);
            impact(&place, stopped_at, share, out);
        }
        None => still_open(&place, &reading, share, segments, &schedules, out),
    }
    warned(&place, &reading, out);
    outage(&place, reading.stopped_at, share, out);
    told::tell(&place, reading.stopped_at, share, out);
    worst::add(
        worst::Read {
            fact,
            plan,
            priority: place.priority,
            opened: place.opened,
            reading: &reading,
            share,
        },
        &mut out.worst,
    );
    // Last, because a calendar of its own may need other segments.
    response(&place, segments, &schedules, out);
}

/// Counts by month of opening; whether the ticket is an incident.
fn count(place: &Place<'_>, out: &mut Fragment) -> bool {
    let (fact, plan) = (place.fact, place.plan);
    let cell = place.cell(out, place.opened);
    cell.tickets += 1;
    let incident = match fact.ticket_type {
        TicketType::Incident => true,
        TicketType::Request => false,
        TicketType::Other => return false,
    };
    cell.incidents += u64::from(incident);
    cell.requests += u64::from(!incident);
    if incident {
        let relieved = |w: &ReliefWindow| w.covers(fact.service_id, fact.opened_at);
        cell.relieved += u64::from(plan.relief.iter().any(relieved));
        cell.children += u64::from(fact.child);
        cell.change_induced += u64::from(fact.change_induced);
        if let Some(channel) = fact.channel {
            cell.channel_known += 1;
            cell.self_detected += u64::from(plan.is_monitoring(channel));
        }
        if fact.item.is_some() {
            cell.item_known += 1;
            let repeats = |gap: i64| gap <= plan.repeat_window_s;
            cell.repeats += u64::from(fact.item_gap_s.is_some_and(repeats));
        }
    }
    if let Some(category) = fact.category {
        let kinds = out
            .kinds
            .entry(KindKey {
                contract_id: fact.contract_id.to_owned(),
                service_id: fact.service_id.to_owned(),
                category: category.to_owned(),
                month: place.opened,
            })
            .or_default();
        kinds.incidents += u64::from(incident);
        kinds.requests += u64::from(!incident);
    }
    if incident {
        edges(place, out);
        fixes(place, out);
    }
    incident
}

/// The boundary map: first and last opening of the item.
fn edges(place: &Place<'_>, out: &mut Fragment) {
    let fact = place.fact;
    let Some((ci, category)) = fact.item else {
        return;
    };
    let opening = Opening {
        at: fact.opened_at,
        ticket: (fact.source.to_owned(), fact.ticket_id.to_owned()),
        service_id: fact.service_id.to_owned(),
        priority: place.priority,
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

/// Incidents of fixed problems: those on the problem's item and category; of a problem without
/// them those that are linked to it.
fn fixes(place: &Place<'_>, out: &mut Fragment) {
    let (fact, fixes) = (place.fact, &place.plan.fixes);
    let mut add = |problem: &str, fixed_at: Instant| {
        let day = fact.opened_at.wall_s_since(fixed_at).div_euclid(86_400);
        let key = FixKey {
            contract_id: fact.contract_id.to_owned(),
            problem_id: problem.to_owned(),
            day: i32::try_from(day).unwrap_or(i32::MAX),
        };
        *out.fixes.entry(key).or_default() += 1;
    };
    if let Some((ci, category)) = fact.item
        && !fixes.by_item.is_empty()
        && let Some(problems) = fixes.by_item.get(&(ci.to_owned(), category.to_owned()))
    {
        for (problem, fixed_at) in problems {
            add(problem, *fixed_at);
        }
    }
    if let Some(problem) = fact.problem_id
        && let Some(fixed_at) = fixes.by_id.get(problem)
    {
        add(problem, *fixed_at);
    }
}

/// What a restored incident took, its verdict, its way through groups, and the month ends at
/// which it was open.
fn restored(place: &Place<'_>, reading: &ClockReading, stopped_at: Instant, out: &mut Fragment) {
    let (fact, plan) = (place.fact, place.plan);
    let month = place.month_of(stopped_at);
    let cell = place.cell(out, month);
    cell.restored += 1;
    cell.restore_business_s += i128::from(reading.business_s);
    cell.restore_wall_s += i128::from(reading.wall_s);
    cell.paused_wall_s += i128::from(reading.paused_wall_s);
    if let Some(route) = life::route(fact) {
        cell.handoff_known += 1;
        cell.handoffs += route.handoffs;
        cell.first_assignment += u64::from(route.handoffs == 0);
        if let Some(came_back) = route.came_back {
            cell.route_known += 1;
            cell.ping_pong += u64::from(came_back);
        }
    }
    took(
        place,
        month,
        Clock::RestoreBusiness,
        reading.business_s,
        out,
    );
    took(place, month, Clock::RestoreWall, reading.wall_s, out);
    let cell = place.cell(out, place.due_month(reading));
    let late = reading.verdict == Verdict::Breached;
    cell.restore_met += u64::from(reading.verdict == Verdict::Met);
    cell.restore_breached += u64::from(late);
    if let (Some(tool), Verdict::Met | Verdict::Breached) = (fact.tool_breached, reading.verdict) {
        cell.tool_compared += 1;
        cell.tool_missed += u64::from(late && !tool);
        cell.tool_overcharged += u64::from(tool && !late);
        if tool != late {
            out.differs
                .entry((fact.contract_id.to_owned(), late))
                .or_default()
                .add(fact.source, fact.ticket_id);
        }
    }
    if let Some(assignee) = fact.assignee {
        let key = SolvedKey {
            contract_id: fact.contract_id.to_owned(),
            service_id: fact.service_id.to_owned(),
            month,
            assignee: assignee.to_owned(),
            item: fact.item.map(|(ci, c)| (ci.to_owned(), c.to_owned())),
        };
        *out.solved.entry(key).or_default() += 1;
    }
    let mut month = place.opened;
    loop {
        let end = month.next().start(&plan.zone);
        if end >= stopped_at {
            break;
        }
        let cell = place.cell(out, month);
        cell.backlog_open += 1;
        cell.backlog_age_s += i128::from(end.wall_s_since(fact.opened_at));
        month = month.next();
    }
}

fn took(place: &Place<'_>, month: Month, clock: Clock, seconds: i64, out: &mut Fragment) {
    out.histograms
        .entry((place.key(month), clock))
        .or_default()
        .add(u64::try_from(seconds).unwrap_or_default());
}

/// Splits the disruption of a restored incident over the months it fell in.
fn impact(place: &Place<'_>, until: Instant, share: Option<u32>, out: &mut Fragment) {
    let (fact, plan) = (place.fact, place.plan);
    let Some(calendar) = plan.impact_calendar() else {
        return;
    };
    let Some(ppm) = share else {
        if !fact.child {
            place.cell(out, place.opened).impact_unknown += 1;
        }
        return;
    };
    let Ok(parts) = calendar.split_by_month(fact.opened_at, until, &plan.zone) else {
        return;
    };
    for (month, business_s) in parts {
        let cell = place.cell(out, month);
        cell.impact_s_ppm += i128::from(business_s) * i128::from(ppm);
        cell.impact_assumed += u64::from(fact.affected_ppm.is_none());
    }
}

/// What the as-of moment will decide about an incident that is not restored.
fn still_open(
    place: &Place<'_>,
    reading: &ClockReading,
    share: Option<u32>,
    segments: &mut Vec<Segment>,
    schedules: &[&BusinessCalendar],
    out: &mut Fragment,
) {
    let fact = place.fact;
    if reading.verdict == Verdict::Breached {
        place.cell(out, place.due_month(reading)).restore_breached += 1;
    }
    let respond_due_at = match fact.responded_at {
        Some(_) => None,
        None => respond_reading(place, segments, schedules)
            .filter(|r| r.stopped_at.is_none())
            .and_then(|r| r.due_at),
    };
    let open = OpenKey {
        contract_id: fact.contract_id.to_owned(),
        service_id: fact.service_id.to_owned(),
        priority: place.priority,
        opened_at: fact.opened_at,
        due_at: reading.due_at.filter(|_| reading.verdict == Verdict::Open),
        affected_ppm: share,
        respond_due_at,
        warned_at: warnings(fact).next(),
    };
    *out.open.entry(open).or_default() += 1;
}

fn warnings<'a>(fact: &'a Fact<'_>) -> impl Iterator<Item = Instant> + 'a {
    fact.notices
        .iter()
        .filter(|n| n.kind == NoticeKind::BreachWarning)
        .map(|n| n.sent_at)
}

/// Whether a breach that is certain was announced before it came.
fn warned(place: &Place<'_>, reading: &ClockReading, out: &mut Fragment) {
    let (Verdict::Breached, Some(due)) = (reading.verdict, reading.due_at) else {
        return;
    };
    let Some(first) = warnings(place.fact).next().filter(|at| *at < due) else {
        return;
    };
    let lead_s = due.wall_s_since(first);
    let month = place.month_of(due);
    if place
        .plan
        .notices
        .warn_before_s
        .is_some_and(|l| lead_s >= l)
    {
        place.cell(out, month).breach_warned += 1;
    }
    took(place, month, Clock::WarningLead, lead_s, out);
}

/// The time in which the service was down.
fn outage(place: &Place<'_>, end: Option<Instant>, share: Option<u32>, out: &mut Fragment) {
    let fact = place.fact;
    let Some(rule) = place.plan.outage else {
        return;
    };
    let enough = rule.min_affected_ppm == 0 || share.is_some_and(|s| s >= rule.min_affected_ppm);
    if fact.child || place.priority > rule.priority || !enough {
        return;
    }
    let service = (fact.contract_id.to_owned(), fact.service_id.to_owned());
    match end {
        Some(end) => out
            .outages
            .entry(service)
            .or_default()
            .add(fact.opened_at, end),
        None => {
            let began = out.outages_open.entry(service).or_insert(fact.opened_at);
            *began = (*began).min(fact.opened_at);
        }
    }
}

/// The clock of the first answer, on its own calendars.
fn respond_reading(
    place: &Place<'_>,
    segments: &mut Vec<Segment>,
    schedules: &[&BusinessCalendar],
) -> Option<ClockReading> {
    let (fact, plan) = (place.fact, place.plan);
    let target = |p: u8| plan.respond_target(fact.service_id, p);
    if plan.has_respond_targets() {
        let schedule = |p: u8| target(p).map_or(0, |(_, c)| c);
        life::segments(fact, plan, schedule, segments);
    }
    let track = Track {
        segments,
        // An answer before the ticket was logged came at once.
        until: Until::Response(fact.responded_at.map(|at| at.max(fact.opened_at))),
        unplaced_hold_s: 0,
    };
    let target = |p: u8| target(p).map(|(allowed, _)| allowed);
    read_clock(&track, &plan.policy, target, schedules).ok()
}

fn response(
    place: &Place<'_>,
    segments: &mut Vec<Segment>,
    schedules: &[&BusinessCalendar],
    out: &mut Fragment,
) {
    let Some(reading) = respond_reading(place, segments, schedules) else {
        return;
    };
    if let Some(stopped_at) = reading.stopped_at {
        let month = place.month_of(stopped_at);
        let cell = place.cell(out, month);
        cell.responded += 1;
        cell.respond_business_s += i128::from(reading.business_s);
        cell.respond_wall_s += i128::from(reading.wall_s);
        took(
            place,
            month,
            Clock::RespondBusiness,
            reading.business_s,
            out,
        );
        took(place, month, Clock::RespondWall, reading.wall_s, out);
    }
    if matches!(reading.verdict, Verdict::Met | Verdict::Breached) {
        let cell = place.cell(out, place.due_month(&reading));
        cell.respond_met += u64::from(reading.verdict == Verdict::Met);
        cell.respond_breached += u64::from(reading.verdict == Verdict::Breached);
    }
}

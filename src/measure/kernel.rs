//! From one ticket to what it adds to a pass: the order of what is counted. Pure; not
//! responsible for reading tickets, nor for the life of one ([`super::life`]), for what was told
//! about it ([`super::told`]) or for the clock audit ([`super::audit`]).

use super::audit;
use super::clock::{ClockReading, Segment, Verdict};
use super::fact::{Fact, NoticeKind, TicketType};
use super::fragment::{Clock, OpenKey};
use super::integrity;
use super::life;
use super::relief::ReliefWindow;
use super::tally::{Place, Ready, Tally};
use super::told;
use super::worst;
use crate::time::{Instant, Month};

/// Adds one ticket to what a pass has counted. `audited` asks for the clock audit as well.
pub fn add(fact: &Fact<'_>, ready: &Ready<'_>, audited: bool, out: &mut Tally) {
    let place = out.place(fact, ready);
    if !count(&place, out) {
        return;
    }
    let mut segments = std::mem::take(&mut out.segments);
    clocks(&place, audited, &mut segments, out);
    out.segments = segments;
}

/// Everything about an incident that its clocks decide.
fn clocks(place: &Place<'_, '_>, audited: bool, segments: &mut Vec<Segment>, out: &mut Tally) {
    let (fact, plan) = (place.fact, place.plan);
    let share = plan.share_ppm(fact);
    let terms = place.clock_terms();
    let track = terms.track(fact, segments);
    let Ok(reading) = terms.restoration(&track) else {
        place.cell(out, place.opened).clock_unread += 1;
        return;
    };
    if audited {
        audit::audit(place, &track, &reading, out);
    }
    let (resolved_once, reopened) = life::resolutions(fact, track.segments);
    let cell = place.cell(out, place.opened);
    cell.resolved_once += u64::from(resolved_once);
    cell.reopened += u64::from(resolved_once && reopened);
    integrity::add(
        fact,
        plan,
        track.segments,
        &reading,
        terms.calendars,
        &mut out.integrity,
    );
    match reading.stopped_at {
        Some(stopped_at) => {
            restored(place, &reading, stopped_at, out);
            impact(place, stopped_at, share, out);
        }
        None => still_open(place, &reading, share, segments, out),
    }
    warned(place, &reading, out);
    outage(place, reading.stopped_at, share, out);
    told::tell(place, reading.stopped_at, share, out);
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
    response(place, segments, out);
}

/// Month of a due time. Beyond the calendars' years the month of opening stands for it.
fn due_month(place: &Place<'_, '_>, reading: &ClockReading) -> Month {
    let due = reading.due_at;
    due.map_or(place.opened, |due| place.plan.zone.month_of(due))
}

/// Counts by month of opening; whether the ticket is an incident.
fn count(place: &Place<'_, '_>, out: &mut Tally) -> bool {
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
        let kinds = out.kind(place, category);
        kinds.incidents += u64::from(incident);
        kinds.requests += u64::from(!incident);
    }
    if incident {
        out.edge(place);
        fixes(place, out);
    }
    incident
}

/// Incidents of fixed problems: those on the problem's item and category; of a problem without
/// them those that are linked to it.
fn fixes(place: &Place<'_, '_>, out: &mut Tally) {
    let fact = place.fact;
    let mut add = |problem: &str, fixed_at: Instant| {
        let day = fact.opened_at.wall_s_since(fixed_at).div_euclid(86_400);
        out.fix(place, problem, i32::try_from(day).unwrap_or(i32::MAX));
    };
    if let Some((ci, category)) = fact.item {
        for (problem, fixed_at) in place.ready.fixed(ci, category) {
            add(problem, *fixed_at);
        }
    }
    if let Some(problem) = fact.problem_id
        && let Some(fixed_at) = place.plan.fixes.by_id.get(problem)
    {
        add(problem, *fixed_at);
    }
}

/// What a restored incident took, its verdict, its way through groups, and the month ends at
/// which it was open.
fn restored(place: &Place<'_, '_>, reading: &ClockReading, stopped_at: Instant, out: &mut Tally) {
    let (fact, plan) = (place.fact, place.plan);
    let month = place.plan.zone.month_of(stopped_at);
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
    place.took(out, month, Clock::RestoreBusiness, reading.business_s);
    place.took(out, month, Clock::RestoreWall, reading.wall_s);
    let cell = place.cell(out, due_month(place, reading));
    let late = reading.verdict == Verdict::Breached;
    cell.restore_met += u64::from(reading.verdict == Verdict::Met);
    cell.restore_breached += u64::from(late);
    if let (Some(tool), Verdict::Met | Verdict::Breached) = (fact.tool_breached, reading.verdict) {
        cell.tool_compared += 1;
        cell.tool_missed += u64::from(late && !tool);
        cell.tool_overcharged += u64::from(tool && !late);
        if tool != late {
            out.differs(place, late);
        }
    }
    if let Some(assignee) = fact.assignee {
        out.solve(place, month, assignee);
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

/// Splits the disruption of a restored incident over the months it fell in.
fn impact(place: &Place<'_, '_>, until: Instant, share: Option<u32>, out: &mut Tally) {
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
    let rates = &plan.rates;
    if let Ok(extra) = rates.extra_by_month(fact.service_id, fact.opened_at, until, &plan.zone) {
        for (month, extra) in extra {
            place.cell(out, month).impact_rated += extra * i128::from(ppm);
        }
    }
}

/// What the as-of moment will decide about an incident that is not restored.
fn still_open(
    place: &Place<'_, '_>,
    reading: &ClockReading,
    share: Option<u32>,
    segments: &mut Vec<Segment>,
    out: &mut Tally,
) {
    let fact = place.fact;
    if reading.verdict == Verdict::Breached {
        place.cell(out, due_month(place, reading)).restore_breached += 1;
    }
    let respond_due_at = match fact.responded_at {
        Some(_) => None,
        None => place
            .clock_terms()
            .answer(place.fact, segments)
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
    out.open(open);
}

fn warnings<'a>(fact: &'a Fact<'_>) -> impl Iterator<Item = Instant> + 'a {
    fact.notices
        .iter()
        .filter(|n| n.kind == NoticeKind::BreachWarning)
        .map(|n| n.sent_at)
}

/// Whether a breach that is certain was announced before it came.
fn warned(place: &Place<'_, '_>, reading: &ClockReading, out: &mut Tally) {
    let (Verdict::Breached, Some(due)) = (reading.verdict, reading.due_at) else {
        return;
    };
    let Some(first) = warnings(place.fact).next().filter(|at| *at < due) else {
        return;
    };
    let lead_s = due.wall_s_since(first);
    let month = place.plan.zone.month_of(due);
    if place
        .plan
        .notices
        .warn_before_s
        .is_some_and(|l| lead_s >= l)
    {
        place.cell(out, month).breach_warned += 1;
    }
    place.took(out, month, Clock::WarningLead, lead_s);
}

/// The time in which the service was down.
fn outage(place: &Place<'_, '_>, end: Option<Instant>, share: Option<u32>, out: &mut Tally) {
    let fact = place.fact;
    let Some(rule) = place.plan.outage else {
        return;
    };
    let enough = rule.min_affected_ppm == 0 || share.is_some_and(|s| s >= rule.min_affected_ppm);
    if fact.child || place.priority > rule.priority || !enough {
        return;
    }
    out.outage(place, end);
}

fn response(place: &Place<'_, '_>, segments: &mut Vec<Segment>, out: &mut Tally) {
    let Some(reading) = place.clock_terms().answer(place.fact, segments) else {
        return;
    };
    if let Some(stopped_at) = reading.stopped_at {
        let month = place.plan.zone.month_of(stopped_at);
        let cell = place.cell(out, month);
        cell.responded += 1;
        cell.respond_business_s += i128::from(reading.business_s);
        cell.respond_wall_s += i128::from(reading.wall_s);
        place.took(out, month, Clock::RespondBusiness, reading.business_s);
        place.took(out, month, Clock::RespondWall, reading.wall_s);
    }
    if matches!(reading.verdict, Verdict::Met | Verdict::Breached) {
        let cell = place.cell(out, due_month(place, &reading));
        cell.respond_met += u64::from(reading.verdict == Verdict::Met);
        cell.respond_breached += u64::from(reading.verdict == Verdict::Breached);
    }
}

//! One ticket as a row of the table `incident_facts`: whether it was counted and why, what its
//! clocks said, what it cost in time and what was told about it. Reads the same clocks as the
//! measuring pass, so that the rows of a month add up to its cells; not responsible for sums
//! (see [`super::kernel`]).

use super::clock::{ClockReading, Segment, Verdict};
use super::fact::{Fact, NoticeKind, TicketType};
use super::plan::MeasurePlan;
use super::tally::Ready;
use super::ticket_clocks::ClockTerms;
use crate::time::{Instant, Month};

/// What a clock says as of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockFact {
    /// When it ended; absent while it runs.
    pub stopped_at: Option<Instant>,
    /// Business seconds, pauses left out; absent while it runs.
    pub business_s: Option<i64>,
    /// Wall seconds, likewise.
    pub wall_s: Option<i64>,
    /// Wall seconds paused.
    pub paused_wall_s: Option<i64>,
    /// Target in business seconds.
    pub target_s: Option<i64>,
    /// When the target is used up.
    pub due_at: Option<Instant>,
    /// `met`, `breached`, `open` or `no_target`.
    pub verdict: &'static str,
}

/// One ticket of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentFact {
    /// The contract.
    pub contract_id: String,
    /// Month of opening in the contract's zone.
    pub month: Month,
    /// Exporting tool.
    pub source: String,
    /// Number there.
    pub ticket_id: String,
    /// `incident`, `request` or `other`.
    pub kind: &'static str,
    /// The service; empty when unknown.
    pub service_id: String,
    /// The highest priority that it held, 1 to 5.
    pub priority: u8,
    /// Opened.
    pub opened_at: Instant,
    /// Detected, or opened if that was earlier.
    pub known_at: Instant,
    /// Counts as an incident of its month.
    pub counted: bool,
    /// Why it counts or not.
    pub reason: String,
    /// Time to restore; absent where its history cannot be read, and of what is no incident.
    pub restore: Option<ClockFact>,
    /// Time to respond, likewise.
    pub respond: Option<ClockFact>,
    /// Whether the tool called its restoration late.
    pub tool_breached: Option<bool>,
    /// Share of users affected that counts, parts per million.
    pub share_ppm: Option<u32>,
    /// The share is the one that the terms assume.
    pub assumed: bool,
    /// Disruption, business seconds × parts per million, up to the as-of moment while open.
    pub impact_s_ppm: Option<i128>,
    /// The same × the factors of the hours, in millionths: what `cost_per_minute` is paid for.
    pub impact_weighed: Option<i128>,
    /// It had to be told of.
    pub notifiable: bool,
    /// First notice.
    pub first_notice_at: Option<Instant>,
    /// The first notice came in time; absent where none was due or none came.
    pub told_in_time: Option<bool>,
    /// Notices about it.
    pub notices: u64,
    /// First warning of a breach.
    pub warned_at: Option<Instant>,
}

/// The row of one ticket. `segments` is working space.
pub fn incident_fact(
    fact: &Fact<'_>,
    ready: &Ready<'_>,
    as_of: Instant,
    segments: &mut Vec<Segment>,
) -> IncidentFact {
    let plan = ready.plan;
    let incident = fact.ticket_type == TicketType::Incident;
    let priority = fact.highest_priority();
    let known_at = fact.known_at();
    let about = || {
        fact.notices
            .iter()
            .filter(|n| n.kind == NoticeKind::Incident)
    };
    let first = about().next().map(|n| n.sent_at);
    let mut row = IncidentFact {
        contract_id: fact.contract_id.to_owned(),
        month: plan.zone.month_of(fact.opened_at),
        source: fact.source.to_owned(),
        ticket_id: fact.ticket_id.to_owned(),
        kind: match fact.ticket_type {
            TicketType::Incident => "incident",
            TicketType::Request => "request",
            TicketType::Other => "other",
        },
        service_id: fact.service_id.to_owned(),
        priority,
        opened_at: fact.opened_at,
        known_at,
        counted: incident,
        reason: String::new(),
        restore: None,
        respond: None,
        tool_breached: fact.tool_breached,
        share_ppm: None,
        assumed: false,
        impact_s_ppm: None,
        impact_weighed: None,
        notifiable: false,
        first_notice_at: first,
        told_in_time: None,
        notices: about().count() as u64,
        warned_at: fact
            .notices
            .iter()
            .find(|n| n.kind == NoticeKind::BreachWarning)
            .map(|n| n.sent_at),
    };
    if !incident {
        row.reason = match fact.ticket_type {
            TicketType::Request => "a request, not an incident".to_owned(),
            _ => "neither an incident nor a request".to_owned(),
        };
        return row;
    }
    let limit = plan.notices.limit(priority).filter(|_| !fact.child);
    row.notifiable = limit.is_some();
    row.told_in_time = limit
        .zip(first)
        .map(|(limit, at)| at.wall_s_since(known_at) <= limit.first_s);
    row.share_ppm = plan.share_ppm(fact).filter(|_| plan.impact.is_some());
    row.assumed = row.share_ppm.is_some() && fact.affected_ppm.is_none();

    let terms = ClockTerms {
        plan,
        calendars: &ready.calendars,
        targets: &plan.targets_of(fact.service_id),
        respond: &plan.respond_targets_of(fact.service_id),
    };
    let restore = terms.restoration(&terms.track(fact, segments)).ok();
    let impact = restore.and_then(|reading| {
        let until = reading.stopped_at.unwrap_or(as_of).max(fact.opened_at);
        plan.disruption(fact.service_id, fact.opened_at, until, row.share_ppm?)
    });
    row.impact_s_ppm = impact.map(|i| i.s_ppm);
    row.impact_weighed = impact.map(|i| i.weighed);
    row.restore = restore.map(|reading| as_known(&reading, as_of));
    row.respond = terms
        .answer(fact, segments)
        .map(|reading| as_known(&reading, as_of));
    row.reason = reason(fact, plan, &row);
    if plan
        .relief
        .iter()
        .any(|w| w.covers(fact.service_id, fact.opened_at))
    {
        row.counted = false;
    }
    row
}

fn reason(fact: &Fact<'_>, plan: &MeasurePlan, row: &IncidentFact) -> String {
    let mut said = Vec::new();
    let window = plan
        .relief
        .iter()
        .find(|w| w.covers(fact.service_id, fact.opened_at));
    match window {
        Some(window) => said.push(format!(
            "opened in a window of accepted relief, {} to {}",
            window.time.start(),
            window.time.end()
        )),
        None => said.push(format!("an incident opened in {}", row.month)),
    }
    if fact.child {
        said.push("child of another: counts, but carries no impact and owes no notice".to_owned());
    }
    if row.restore.is_none() {
        said.push("its history cannot be read: no clock".to_owned());
    }
    if row.assumed {
        said.push("share of users affected as the terms assume".to_owned());
    } else if row.share_ppm.is_none() && !fact.child && plan.impact.is_some() {
        said.push("share of users affected unknown: no impact".to_owned());
    }
    said.join("; ")
}

fn as_known(reading: &ClockReading, as_of: Instant) -> ClockFact {
    let ended = reading.stopped_at.is_some();
    ClockFact {
        stopped_at: reading.stopped_at,
        business_s: ended.then_some(reading.business_s),
        wall_s: ended.then_some(reading.wall_s),
        paused_wall_s: ended.then_some(reading.paused_wall_s),
        target_s: reading.target_s,
        due_at: reading.due_at,
        verdict: match reading.verdict {
            Verdict::NoTarget => "no_target",
            Verdict::Met => "met",
            Verdict::Breached => "breached",
            // As the scoring decides it about what is open.
            Verdict::Open if reading.due_at.is_some_and(|due| due < as_of) => "breached",
            Verdict::Open => "open",
        },
    }
}

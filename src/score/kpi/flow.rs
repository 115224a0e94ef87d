//! How incidents go through the supplier's hands: the first answer, hand-offs, reopenings,
//! backlog, and where the tool judges otherwise than the terms.

use super::super::catalogue::{Across, Kpi, TICKET_SHARE, Unit};
use super::super::value::Direction;
use super::super::view::{Outcome, View};
use crate::measure::fragment::Clock;
use crate::money::Decimal;

const RESPOND: &[&str] = &["incidents.opened_at", "incidents.responded_at"];
const RESPOND_RULE: &str = "month of the answer; a resolution without an answer is one; nearest \
                            rank in histograms, at most 1/128 from the exact value";
const RESPOND_MEAN: &str = "month of the answer; a resolution without an answer is one; whole \
                            seconds, half-even";
const NOT_ANSWERED: &str = "no incident was answered in the period";
const RESPOND_SOURCE: &str = "ITIL 4 incident management: time to acknowledge; quantile of type 1 \
                              (Hyndman and Fan 1996)";
const RESOLVED: &[&str] = &["incidents.opened_at", "incidents.resolved_at"];
const SERVICE_DESK: &str = "ITIL 4 service desk practice";

const RESPOND_P50: Kpi = Kpi {
    unit: Unit::Word("business_s"),
    direction: Direction::LowerIsBetter,
    inputs: RESPOND,
    across: Across::Merged,
    parts: "histogram of seconds",
    rule: RESPOND_RULE,
    source: RESPOND_SOURCE,
    example: "60, 90 and 120 seconds: 90",
    ..TICKET_SHARE
};

pub(in super::super) const ENTRIES: &[Kpi] = &[
    Kpi {
        id: "time_to_respond",
        title: "Time to respond, mean, business time",
        formula: "Σ business seconds from opening to the first answer, pauses excluded ÷ \
                  incidents answered",
        across: Across::Ratio(0),
        parts: "Σ seconds, count",
        rule: RESPOND_MEAN,
        compute: |view| {
            let cell = &view.observed()?.cell;
            view.mean_s(cell.respond_business_s, cell.responded, NOT_ANSWERED)
        },
        ..RESPOND_P50
    },
    Kpi {
        id: "time_to_respond_wall",
        title: "Time to respond, mean, wall time",
        formula: "Σ wall seconds from opening to the first answer, pauses excluded ÷ incidents \
                  answered",
        unit: Unit::Word("wall_s"),
        across: Across::Ratio(0),
        parts: "Σ seconds, count",
        rule: RESPOND_MEAN,
        compute: |view| {
            let cell = &view.observed()?.cell;
            view.mean_s(cell.respond_wall_s, cell.responded, NOT_ANSWERED)
        },
        ..RESPOND_P50
    },
    Kpi {
        id: "time_to_respond_p50",
        title: "Time to respond, median, business time",
        formula: "median of business seconds from opening to the first answer, pauses excluded",
        compute: |view| respond(view, Clock::RespondBusiness, 50),
        ..RESPOND_P50
    },
    Kpi {
        id: "time_to_respond_p90",
        title: "Time to respond, ninth decile, business time",
        formula: "ninth decile of business seconds from opening to the first answer",
        example: "1 to 10 seconds, one each: 9",
        compute: |view| respond(view, Clock::RespondBusiness, 90),
        ..RESPOND_P50
    },
    Kpi {
        id: "time_to_respond_wall_p50",
        title: "Time to respond, median, wall time",
        formula: "median of wall seconds from opening to the first answer, pauses excluded",
        unit: Unit::Word("wall_s"),
        compute: |view| respond(view, Clock::RespondWall, 50),
        ..RESPOND_P50
    },
    Kpi {
        id: "time_to_respond_wall_p90",
        title: "Time to respond, ninth decile, wall time",
        formula: "ninth decile of wall seconds from opening to the first answer",
        unit: Unit::Word("wall_s"),
        example: "1 to 10 seconds, one each: 9",
        compute: |view| respond(view, Clock::RespondWall, 90),
        ..RESPOND_P50
    },
    Kpi {
        id: "respond_attainment",
        title: "Response-level attainment",
        formula: "answered in time ÷ (answered in time + too late)",
        inputs: &[
            "incidents.opened_at",
            "incidents.responded_at",
            "incidents.priority",
        ],
        parts: "counts of met and breached, open incidents with the due time of their answer",
        rule: "month of the due time; unanswered past due at the as-of moment is a breach; 4 \
               decimals, half-even",
        source: "[[measure.respond]] of the terms",
        example: "95 answered in time, 4 too late, 1 unanswered past due: 95 ÷ 100 = 0.95",
        compute: |view| {
            let parts = view.observed()?;
            if !view.plan.has_respond_targets() {
                return Err("the terms set no targets for responses ([[measure.respond]])".into());
            }
            let (met, late) = (
                parts.cell.respond_met,
                parts.cell.respond_breached + parts.open_unanswered,
            );
            let none = "no answer with a target was due in the period";
            view.share(met, met + late, none)
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "tool_verdict_agreement",
        title: "Agreement with the tool's verdict",
        formula: "restored incidents that the tool and the terms judge alike ÷ those that both \
                  judge",
        inputs: &[
            "incidents.opened_at",
            "incidents.resolved_at",
            "sla_clocks.ticket_id",
            "sla_clocks.breached",
        ],
        parts: "counts",
        rule: "month of the due time by the terms; of several clocks for restoration in the tool \
               one that was missed is a miss; the terms decide, a difference is a finding; 4 \
               decimals, half-even",
        source: "sla_clocks as the tool kept them, beside our own clock",
        example: "100 judged by both, 4 differ: 96 ÷ 100 = 0.96",
        compute: |view| {
            let cell = &view.observed()?.cell;
            if !view.plan.has_targets() {
                return Err("the terms set no targets for restoration".into());
            }
            view.share(
                cell.tool_compared
                    .saturating_sub(cell.tool_missed + cell.tool_overcharged),
                cell.tool_compared,
                "no incident due in the period was judged by the tool as well",
            )
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "reopen_rate",
        title: "Reopen rate",
        formula: "incidents opened again after a resolution ÷ incidents resolved at least once",
        direction: Direction::LowerIsBetter,
        inputs: RESOLVED,
        parts: "counts",
        rule: "month of opening; by the history, or by the export's own count; 4 decimals, \
               half-even",
        source: "ITIL 4 incident management practice: reopened incidents",
        example: "150 resolved, 6 of them opened again: 6 ÷ 150 = 0.04",
        compute: |view| {
            if !view.delivers("incidents.reopens") && !view.delivers("incident_events.to") {
                return Err("neither incidents.reopens nor incident_events was delivered".into());
            }
            let cell = &view.observed()?.cell;
            let none = "no incident opened in the period was resolved";
            view.share(cell.reopened, cell.resolved_once, none)
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "first_assignment_resolution",
        title: "Resolved by the first group",
        formula: "incidents restored without a hand-off ÷ incidents restored whose hand-offs are \
                  known",
        inputs: RESOLVED,
        parts: "counts",
        rule: "month of restoration; 4 decimals, half-even",
        source: SERVICE_DESK,
        example: "80 restored, 52 by the group that got them first: 52 ÷ 80 = 0.65",
        compute: |view| {
            let cell = &view.observed()?.cell;
            view.share(cell.first_assignment, cell.handoff_known, no_route(view))
                .map(|o| o.excluding(cell.restored - cell.handoff_known))
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "handoffs",
        title: "Hand-offs per incident",
        formula: "hand-offs between groups ÷ incidents restored whose hand-offs are known",
        unit: Unit::Word("hand-offs per incident"),
        direction: Direction::LowerIsBetter,
        inputs: RESOLVED,
        parts: "counts",
        rule: "month of restoration; by the history of groups, else by the export's own count; 4 \
               decimals, half-even",
        source: SERVICE_DESK,
        example: "80 restored, 28 once and 4 three times handed on: (28 + 12) ÷ 80 = 0.5",
        compute: |view| {
            let cell = &view.observed()?.cell;
            view.share(cell.handoffs, cell.handoff_known, no_route(view))
                .map(|o| o.excluding(cell.restored - cell.handoff_known))
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "ping_pong",
        title: "Ping-pong between groups",
        formula: "incidents that came back to a group that had given them away ÷ incidents \
                  restored whose groups are known one by one",
        direction: Direction::LowerIsBetter,
        inputs: RESOLVED,
        parts: "counts",
        rule: "month of restoration; 4 decimals, half-even",
        source: SERVICE_DESK,
        example: "80 restored, 2 went desk, network, desk: 2 ÷ 80 = 0.025",
        compute: |view| {
            let cell = &view.observed()?.cell;
            view.share(cell.ping_pong, cell.route_known, no_route(view))
                .map(|o| o.excluding(cell.restored - cell.route_known))
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "backlog_age",
        title: "Age of the backlog",
        formula: "mean wall seconds since opening of the incidents open at month ends",
        unit: Unit::Word("wall_s"),
        direction: Direction::LowerIsBetter,
        inputs: RESOLVED,
        across: Across::Ratio(0),
        parts: "count of open incidents and Σ age at each month end",
        rule: "every month end of the period, in the contract's zone, open incidents up to the \
               as-of moment included; whole seconds, half-even",
        source: "ITIL 4 incident management practice: backlog",
        example: "at the end of March one incident open for 1 day and one for 3: 172800",
        compute: |view| {
            let cell = &view.observed()?.cell;
            if cell.backlog_open == 0 {
                return Err("no incident was open at the end of a month of the period".into());
            }
            let age = Decimal::new(cell.backlog_age_s, 0).map_err(|e| e.to_string())?;
            Outcome::ratio(age, Decimal::from_u64(cell.backlog_open), 0)
                .map(|o| o.counting(cell.backlog_open))
        },
        ..TICKET_SHARE
    },
];

fn respond(view: &View<'_>, clock: Clock, percent: u32) -> Result<Outcome, String> {
    view.quantile(clock, percent, NOT_ANSWERED)
}

fn no_route(view: &View<'_>) -> &'static str {
    if view.delivers("incidents.reassignments") || view.delivers("incident_events.to") {
        "no incident restored in the period says how it was handed on"
    } else {
        "neither incidents.reassignments nor incident_events was delivered"
    }
}

//! Single incidents as output tables: the worst of each contract, and on request every one with
//! its clocks. Formats only; not responsible for which are the worst (see [`crate::score::worst`])
//! or for clocks (see [`crate::measure::incident_facts`]).

use super::table::{Column, Table, Values, decimal, integer, text};
use super::tables::{count, owned};
use crate::measure::incident_facts::{ClockFact, IncidentFact};
use crate::money::{Decimal, Rounding};
use crate::score::{WorstIncident, period_text};
use crate::time::Instant;

/// Seconds × parts per million in a minute of all users.
const S_PPM_PER_MINUTE: i64 = 60_000_000;
/// Decimals of minutes.
const MINUTES: u8 = 4;
/// Decimals of the price of minutes: those of the currency, three at most.
const PRICE: u8 = 3;

fn instants(
    name: &'static str,
    description: &'static str,
    values: impl IntoIterator<Item = Option<Instant>>,
) -> Column {
    Column {
        name,
        unit: "UTC",
        description,
        values: Values::Instant(
            values
                .into_iter()
                .map(|at| at.map(Instant::micros))
                .collect(),
        ),
    }
}

fn flags(
    name: &'static str,
    description: &'static str,
    values: impl IntoIterator<Item = Option<bool>>,
) -> Column {
    Column {
        name,
        unit: "",
        description,
        values: Values::Boolean(values.into_iter().collect()),
    }
}

/// `worst_incidents`: the worst incidents of each contract over its performance period.
pub fn worst_incidents(rows: &[WorstIncident]) -> Table {
    let at = |name, description, get: fn(&WorstIncident) -> Option<Instant>| {
        instants(name, description, rows.iter().map(get))
    };
    let figure = |name, unit, description, scale, get: fn(&WorstIncident) -> Option<Decimal>| {
        decimal(name, unit, description, scale, rows.iter().map(get))
    };
    Table {
        name: "worst_incidents",
        description: "The worst incidents of each contract over its performance period, with what \
                      was told about them and when",
        columns: vec![
            text(
                "contract_id",
                "The contract",
                rows.iter().map(|r| owned(&r.contract_id)),
            ),
            text(
                "period",
                "Months of opening over which they are the worst",
                rows.iter().map(|r| Some(period_text(&r.period))),
            ),
            integer(
                "rank",
                "",
                "1 for the worst: by cost, or by minutes where a price is missing",
                rows.iter().map(|r| count(r.rank)),
            ),
            text(
                "source",
                "Exporting tool",
                rows.iter().map(|r| owned(&r.incident.source)),
            ),
            text(
                "ticket_id",
                "Its number there",
                rows.iter().map(|r| owned(&r.incident.ticket_id)),
            ),
            text(
                "service_id",
                "The service; absent when unknown",
                rows.iter().map(|r| owned(&r.service_id)),
            ),
            text(
                "category",
                "Its category",
                rows.iter().map(|r| r.incident.category.clone()),
            ),
            text(
                "priority",
                "The highest priority held",
                rows.iter()
                    .map(|r| Some(format!("P{}", r.incident.priority))),
            ),
            at("known_at", "Detected, or opened if that was earlier", |r| {
                Some(r.incident.known_at)
            }),
            at("opened_at", "Opened", |r| Some(r.incident.opened_at)),
            at(
                "tell_by",
                "When the first notice was due; absent where the terms want none",
                |r| r.incident.tell_by,
            ),
            at(
                "first_notice_at",
                "First notice; absent where nobody was told",
                |r| r.incident.told_at.first().copied(),
            ),
            text(
                "notices_at",
                "Moments of the first 24 notices, UTC, separated by spaces",
                rows.iter().map(|r| {
                    let moments: Vec<String> =
                        r.incident.told_at.iter().map(Instant::to_string).collect();
                    owned(&moments.join(" "))
                }),
            ),
            integer(
                "notices",
                "count",
                "Notices about it",
                rows.iter().map(|r| count(r.incident.told)),
            ),
            integer(
                "update_s",
                "wall_s",
                "Longest time allowed between notices",
                rows.iter().map(|r| r.incident.update_s),
            ),
            integer(
                "longest_gap_s",
                "wall_s",
                "Longest time without a notice, from knowing to restoration; absent while open",
                rows.iter().map(|r| r.incident.longest_gap_s),
            ),
            at("warned_at", "First warning that it would breach", |r| {
                r.incident.warned_at
            }),
            at("due_at", "When its target was used up", |r| {
                r.incident.due_at
            }),
            at("resolved_at", "Restored; absent while open", |r| {
                r.incident.resolved_at
            }),
            flags(
                "breached",
                "Its target was missed by the as-of moment; absent without a target",
                rows.iter().map(|r| r.breached),
            ),
            integer(
                "affected_share",
                "ppm",
                "Share of users affected that counts",
                rows.iter().map(|r| r.incident.share_ppm.map(i64::from)),
            ),
            flags(
                "share_assumed",
                "The share is the one that the terms assume",
                rows.iter().map(|r| Some(r.incident.assumed)),
            ),
            figure(
                "impact_minutes",
                "business minutes of all users",
                "Disruption, up to the as-of moment while open",
                MINUTES,
                |r| r.impact_minutes,
            ),
            figure(
                "impact_cost",
                "currency",
                "What the disruption cost at the agreed price per minute of its hours",
                PRICE,
                |r| r.cost,
            ),
            figure(
                "silent_minutes",
                "business minutes of all users",
                "Disruption between knowing (from its detection on) and telling; absent where nobody had to be told",
                MINUTES,
                |r| r.silent_minutes,
            ),
            figure(
                "silent_cost",
                "currency",
                "What the disruption in that time cost",
                PRICE,
                |r| r.silent_cost,
            ),
            text(
                "currency",
                "ISO 4217 code",
                rows.iter().map(|r| Some(r.currency.to_string())),
            ),
        ],
    }
}

/// Minutes of all users.
/// Seconds × parts per million, the last `scale` digits behind the point, in minutes.
fn minutes(s_ppm: Option<i128>, scale: u8) -> Option<Decimal> {
    Decimal::new(s_ppm?, scale)
        .ok()?
        .div(
            Decimal::from_i64(S_PPM_PER_MINUTE),
            MINUTES,
            Rounding::HalfEven,
        )
        .ok()
}

/// `incident_facts`: one row per ticket of a month of the store.
pub fn incident_facts(rows: &[IncidentFact]) -> Table {
    type Clock = fn(&IncidentFact) -> Option<ClockFact>;
    let restore: Clock = |r| r.restore;
    let respond: Clock = |r| r.respond;
    let at = |name, description, get: fn(&IncidentFact) -> Option<Instant>| {
        instants(name, description, rows.iter().map(get))
    };
    let moment = |name, description, clock: Clock, get: fn(ClockFact) -> Option<Instant>| {
        instants(
            name,
            description,
            rows.iter().map(move |r| clock(r).and_then(get)),
        )
    };
    let seconds = |name, unit, description, clock: Clock, get: fn(ClockFact) -> Option<i64>| {
        integer(
            name,
            unit,
            description,
            rows.iter().map(move |r| clock(r).and_then(get)),
        )
    };
    let verdict = |name, description, clock: Clock| {
        text(
            name,
            description,
            rows.iter()
                .map(move |r| clock(r).map(|c| c.verdict.to_owned())),
        )
    };
    Table {
        name: "incident_facts",
        description: "One row per ticket of a contract: counted or not and why, its clocks, its \
                      impact and what was told",
        columns: vec![
            text(
                "contract_id",
                "The contract",
                rows.iter().map(|r| owned(&r.contract_id)),
            ),
            text(
                "month",
                "Month of opening in the contract's zone",
                rows.iter().map(|r| Some(r.month.to_string())),
            ),
            text(
                "source",
                "Exporting tool",
                rows.iter().map(|r| owned(&r.source)),
            ),
            text(
                "ticket_id",
                "Its number there",
                rows.iter().map(|r| owned(&r.ticket_id)),
            ),
            text(
                "ticket_type",
                "incident, request or other",
                rows.iter().map(|r| Some(r.kind.to_owned())),
            ),
            text(
                "service_id",
                "The service; absent when unknown",
                rows.iter().map(|r| owned(&r.service_id)),
            ),
            text(
                "priority",
                "The highest priority held",
                rows.iter().map(|r| Some(format!("P{}", r.priority))),
            ),
            flags(
                "counted",
                "Counts as an incident of its month",
                rows.iter().map(|r| Some(r.counted)),
            ),
            text("reason", "Why", rows.iter().map(|r| owned(&r.reason))),
            at("opened_at", "Opened", |r| Some(r.opened_at)),
            at("known_at", "Detected, or opened if that was earlier", |r| {
                Some(r.known_at)
            }),
            moment(
                "responded_at",
                "First answer by the terms; absent while none",
                respond,
                |c| c.stopped_at,
            ),
            moment(
                "respond_due_at",
                "When the target for the answer is used up",
                respond,
                |c| c.due_at,
            ),
            seconds(
                "respond_business_s",
                "business_s",
                "Time to the answer, pauses left out",
                respond,
                |c| c.business_s,
            ),
            verdict(
                "respond_verdict",
                "met, breached, open or no_target, as of the as-of moment",
                respond,
            ),
            moment(
                "restored_at",
                "Restored by the terms; absent while open",
                restore,
                |c| c.stopped_at,
            ),
            moment(
                "restore_due_at",
                "When the target for restoration is used up; absent while paused with time left",
                restore,
                |c| c.due_at,
            ),
            seconds(
                "restore_target_s",
                "business_s",
                "Time allowed for restoration",
                restore,
                |c| c.target_s,
            ),
            seconds(
                "restore_business_s",
                "business_s",
                "Time to restore, pauses left out",
                restore,
                |c| c.business_s,
            ),
            seconds(
                "restore_wall_s",
                "wall_s",
                "Time to restore, pauses left out",
                restore,
                |c| c.wall_s,
            ),
            seconds(
                "paused_wall_s",
                "wall_s",
                "Time paused by the terms",
                restore,
                |c| c.paused_wall_s,
            ),
            verdict(
                "restore_verdict",
                "met, breached, open or no_target, as of the as-of moment",
                restore,
            ),
            flags(
                "tool_breached",
                "The tool called its restoration late",
                rows.iter().map(|r| r.tool_breached),
            ),
            integer(
                "affected_share",
                "ppm",
                "Share of users affected that counts",
                rows.iter().map(|r| r.share_ppm.map(i64::from)),
            ),
            flags(
                "share_assumed",
                "The share is the one that the terms assume",
                rows.iter().map(|r| Some(r.assumed)),
            ),
            decimal(
                "impact_minutes",
                "business minutes of all users",
                "Disruption over all months, up to the as-of moment while open",
                MINUTES,
                rows.iter().map(|r| minutes(r.impact_s_ppm, 0)),
            ),
            decimal(
                "impact_weighed_minutes",
                "business minutes of all users",
                "Those, each × the factor of its hour ([[measure.impact.rates]], else 1): what \
                 cost_per_minute is paid for",
                MINUTES,
                rows.iter().map(|r| minutes(r.impact_weighed, 6)),
            ),
            flags(
                "notifiable",
                "The terms want it told of",
                rows.iter().map(|r| Some(r.notifiable)),
            ),
            at(
                "first_notice_at",
                "First notice; absent where nobody was told",
                |r| r.first_notice_at,
            ),
            flags(
                "told_in_time",
                "The first notice came in time; absent where none was due or none came",
                rows.iter().map(|r| r.told_in_time),
            ),
            integer(
                "notices",
                "count",
                "Notices about it",
                rows.iter().map(|r| count(r.notices)),
            ),
            at("warned_at", "First warning that it would breach", |r| {
                r.warned_at
            }),
        ],
    }
}

//! The rows that a measure rests on, for `gainshare explain … --rows`: tickets with their clocks,
//! invoice lines, and the small tables around them. Reads the store of the project; not
//! responsible for any figure.

use std::fmt::Write as _;
use std::path::Path;

use crate::config::project::Project;
use crate::measure::incident_facts::{ClockFact, IncidentFact};
use crate::money::{Decimal, Rounding};
use crate::pipeline;
use crate::publish::reading::{self, Part, ReadingError, Row};
use crate::publish::report::facts::months;
use crate::score::catalogue::Kpi;
use crate::time::{Instant, Month, Zone};

/// Which moment of a ticket decides the month it counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Opening.
    Opening,
    /// When its target for restoration was used up.
    Due,
    /// When its target for an answer was used up.
    AnswerDue,
    /// Restoration.
    Restoration,
    /// The first answer.
    Answer,
    /// Any month in which it was open.
    Open,
}

impl By {
    /// As the catalogue's rule says it.
    pub(super) fn of(kpi: &Kpi) -> By {
        match kpi.id {
            "respond_attainment" => return By::AnswerDue,
            "backlog_age"
            | "impact_minutes"
            | "impact_cost"
            | "impact_avoided"
            | "availability"
            | "mtbf"
            | "outage_duration"
            | "service_cost"
            | "total_cost"
            | "total_cost_per_unit" => return By::Open,
            "holistic_coverage" => return By::Restoration,
            _ => {}
        }
        [
            ("month of the due time", By::Due),
            ("month of restoration", By::Restoration),
            ("month of the answer", By::Answer),
        ]
        .into_iter()
        .find(|(said, _)| kpi.rule.starts_with(said))
        .map_or(By::Opening, |(_, by)| by)
    }

    fn said(self) -> &'static str {
        match self {
            By::Opening => "opened in",
            By::Due => "whose target for restoration ended in",
            By::AnswerDue => "whose target for an answer ended in",
            By::Restoration => "restored in",
            By::Answer => "answered in",
            By::Open => "open at some time in",
        }
    }

    /// Whether a ticket counts in months from and to (exclusive).
    fn counts(self, fact: &IncidentFact, zone: &Zone, as_of: Instant, span: (i32, i32)) -> bool {
        let month = |at: Instant| zone.month_of(at).ordinal();
        let within =
            |at: Option<Instant>| at.is_some_and(|at| (span.0..span.1).contains(&month(at)));
        let decided = |clock: Option<ClockFact>| {
            clock
                .filter(|c| matches!(c.verdict, "met" | "breached"))
                .and_then(|c| c.due_at)
        };
        match self {
            By::Opening => within(Some(fact.opened_at)),
            By::Due => within(decided(fact.restore)),
            By::AnswerDue => within(decided(fact.respond)),
            By::Restoration => within(fact.restore.and_then(|c| c.stopped_at)),
            By::Answer => within(fact.respond.and_then(|c| c.stopped_at)),
            By::Open => {
                let end = fact.restore.and_then(|c| c.stopped_at).unwrap_or(as_of);
                month(fact.opened_at) < span.1 && month(end) >= span.0
            }
        }
    }
}

/// Lists the incidents that count in a period, by the moment that decides for this measure.
pub(super) fn tickets(
    text: &mut String,
    project: &Project,
    contract: &str,
    period: &str,
    kpi: &Kpi,
) -> Result<(), String> {
    let Some(span) = months(period) else {
        return Ok(());
    };
    let by = By::of(kpi);
    let found = pipeline::tickets_of(project, contract).map_err(|error| error.to_string())?;
    let Some((zone, mut facts)) = found else {
        return Err(format!("the project has no contract `{contract}`"));
    };
    let requests = kpi.inputs.contains(&"incidents.ticket_type");
    facts.retain(|f| {
        (f.kind == "incident" || requests && f.kind == "request")
            && by.counts(f, &zone, project.as_of, span)
    });
    let _ = writeln!(text, "  incidents {} {period} (times in UTC):", by.said());
    let wide = |get: fn(&IncidentFact) -> &str| {
        facts
            .iter()
            .map(|f| get(f).chars().count())
            .max()
            .unwrap_or(0)
            .min(24)
    };
    let (ticket, service) = (wide(|f| &f.ticket_id), wide(|f| &f.service_id));
    for fact in &facts {
        let mut line = format!(
            "    {:<ticket$}  P{} {:<service$}  opened {}",
            fact.ticket_id,
            fact.priority,
            fact.service_id,
            minute(fact.opened_at)
        );
        if fact.kind != "incident" {
            line.push_str("  request");
        }
        clocks(&mut line, fact);
        let _ = writeln!(text, "{line}");
    }
    let judged = |verdict: &str| {
        let clock = |f: &&IncidentFact| match by {
            By::AnswerDue | By::Answer => f.respond,
            _ => f.restore,
        };
        facts
            .iter()
            .filter(|f| clock(f).is_some_and(|c| c.verdict == verdict))
            .count()
    };
    let _ = writeln!(
        text,
        "  {} tickets listed: {} in time, {} late, {} open in time, {} without a target",
        facts.len(),
        judged("met"),
        judged("breached"),
        judged("open"),
        judged("no_target")
    );
    Ok(())
}

/// What the clocks, the impact and the notices of a ticket say.
fn clocks(line: &mut String, fact: &IncidentFact) {
    match fact.restore.map(|c| (c, c.stopped_at)) {
        Some((clock, Some(end))) => {
            let _ = write!(
                line,
                "  restored {} ({} h of business time, {})",
                minute(end),
                hours(clock.business_s.unwrap_or_default()),
                clock.verdict.replace('_', " ")
            );
        }
        Some((clock, None)) => {
            let _ = write!(line, "  open ({})", clock.verdict.replace('_', " "));
        }
        None if fact.kind == "incident" => line.push_str("  clock unread"),
        None => {}
    }
    if let Some(s_ppm) = fact.impact_s_ppm
        && let Ok(minutes) = Decimal::new(s_ppm, 0)
            .and_then(|s| s.div(Decimal::from_i64(60_000_000), 1, Rounding::HalfEven))
    {
        let _ = write!(line, "  {minutes} min of all users");
        // By what they are priced, where rates of hours make that another number.
        if let Some(weighed) = fact.impact_weighed.filter(|w| *w != s_ppm * 1_000_000)
            && let Ok(weighed) = Decimal::new(weighed, 6)
                .and_then(|s| s.div(Decimal::from_i64(60_000_000), 1, Rounding::HalfEven))
        {
            let _ = write!(line, " ({weighed} by the rates of their hours)");
        }
    }
    match (fact.notifiable, fact.first_notice_at) {
        (true, Some(at)) => {
            let after = at.wall_s_since(fact.known_at).max(0) / 60;
            let _ = write!(line, "  told after {after} min, {} notices", fact.notices);
        }
        (true, None) => line.push_str("  told to nobody"),
        (false, _) => {}
    }
    if let Some(at) = fact.warned_at {
        let _ = write!(line, "  warned {}", minute(at));
    }
    if fact.tool_breached == Some(true) {
        line.push_str("  late by the tool");
    }
}

fn minute(at: Instant) -> String {
    at.to_string().replace('T', " ").chars().take(16).collect()
}

fn hours(seconds: i64) -> String {
    Decimal::from_i64(seconds)
        .div(Decimal::from_i64(3600), 2, Rounding::HalfEven)
        .map_or_else(|_| seconds.to_string(), |d| d.to_string())
}

/// The small tables that a measure reads, each with the columns that date its rows.
const DATED: &[(&str, &[&str])] = &[
    ("changes", &["planned_start"]),
    ("contact_moments", &["planned_at", "held_at"]),
    ("interactions", &["at", "answered_at"]),
    ("satisfaction", &["at"]),
    ("blockers", &["raised_at", "cleared_at"]),
    ("customer_goals", &["shared_at"]),
    (
        "initiatives",
        &["proposed_at", "decided_at", "implemented_at"],
    ),
    ("problems", &["fixed_at"]),
    ("proactive_hours", &["month"]),
    ("retained_costs", &["month"]),
    ("exposure", &["month"]),
];

/// Rows of the small tables that a measure reads, dated in the period. `every` lists them; else
/// they are counted.
pub(super) fn small(
    text: &mut String,
    project: &Project,
    (contract, period): (&str, &str),
    kpi: &Kpi,
    zone: &Zone,
    every: bool,
) -> Result<(), ReadingError> {
    let Some(span) = months(period) else {
        return Ok(());
    };
    for (table, dates) in DATED {
        let read = kpi
            .inputs
            .iter()
            .any(|i| i.split_once('.').is_some_and(|(t, _)| t == *table));
        let path = project.store_folder().join(format!("{table}.parquet"));
        if !read || !path.is_file() {
            continue;
        }
        let dated = |row: &Row<'_>| {
            let mut moments = dates.iter().filter_map(|c| ordinal(row.text(c), zone));
            moments.any(|m| (span.0..span.1).contains(&m))
        };
        let rows = reading::read(&path, Part::default(), |r| {
            matches!(r.text("contract_id"), id if id == contract) && dated(r)
        })?;
        let _ = writeln!(
            text,
            "  {table}: {} rows dated in {period} by {}",
            rows.rows.len(),
            dates.join(" or ")
        );
        if every {
            for row in rows.iter() {
                let _ = writeln!(text, "    {}", cells(&row, &rows.columns));
            }
        }
    }
    Ok(())
}

fn cells(row: &Row<'_>, columns: &[reading::ReadColumn]) -> String {
    let said: Vec<String> = columns
        .iter()
        .filter(|c| !matches!(c.name.as_str(), "contract_id" | "source"))
        .filter(|c| !row.text(&c.name).is_empty())
        .map(|c| format!("{} {}", c.name, row.text(&c.name)))
        .collect();
    said.join(", ")
}

/// The month of a cell: a month as it is written, or that of a moment.
fn ordinal(text: &str, zone: &Zone) -> Option<i32> {
    if let Some((from, to)) = months(text).filter(|(from, to)| *to == from + 1) {
        return (to > from).then_some(from);
    }
    let at: Instant = format!("{}Z", text.trim_end_matches('Z')).parse().ok()?;
    let month: Month = zone.month_of(at);
    Some(month.ordinal())
}

/// Whether a store is there to list from.
pub(super) fn stored(store: &Path) -> bool {
    store.join("incidents").is_dir() || store.join("billing").is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::catalogue;

    #[test]
    fn the_moment_that_decides_is_the_one_of_the_rule() {
        let by = |id: &str| catalogue::find(id).map(By::of);
        assert_eq!(by("breaches"), Some(By::Due));
        assert_eq!(by("breach_warned_share"), Some(By::Due));
        assert_eq!(by("time_to_restore_p90"), Some(By::Restoration));
        assert_eq!(by("time_to_respond"), Some(By::Answer));
        assert_eq!(by("incident_rate"), Some(By::Opening));
        assert_eq!(by("impact_cost"), Some(By::Open));
        // A rule that names another moment must not fall to the opening unseen.
        for kpi in catalogue::all().filter(|k| k.inputs.contains(&"incidents.opened_at")) {
            let said = ["due time", "restoration", "month of the answer", "fell"];
            if By::of(kpi) == By::Opening {
                let named = said.iter().any(|s| {
                    kpi.rule
                        .split(';')
                        .next()
                        .is_some_and(|first| first.contains(s))
                });
                assert!(!named, "{}: {}", kpi.id, kpi.rule);
            }
        }
    }
}

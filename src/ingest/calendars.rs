//! From the rows of the `calendars` table to calendar definitions: one line per weekly window,
//! holiday or exception.

use std::collections::BTreeMap;

use super::columns::Columns;
use crate::finding::{Finding, Severity, Stage};
use crate::time::{CalendarDefinition, Date, TimeWindow, Zone};

/// The calendars in the rows, in order of their names, and what could not be used.
pub fn definitions(rows: &Columns) -> (Vec<CalendarDefinition>, Vec<Finding>) {
    let mut calendars: BTreeMap<String, CalendarDefinition> = BTreeMap::new();
    let mut findings = Vec::new();
    for row in 0..rows.len() {
        let (Some(id), Some(zone), Some(kind)) = (
            rows.text("calendar_id", row),
            rows.text("zone", row),
            rows.text("kind", row),
        ) else {
            continue;
        };
        if let Err(problem) = line(rows, row, (id, zone, kind), &mut calendars) {
            let mut finding = Finding::new(
                Stage::Ingest,
                Severity::Warning,
                "calendar_line",
                format!("a line of calendar `{id}` was not used: {problem}"),
            );
            finding.line = rows.line.get(row).copied();
            findings.push(finding);
        }
    }
    (calendars.into_values().collect(), findings)
}

fn line(
    rows: &Columns,
    row: usize,
    (id, zone, kind): (&str, &str, &str),
    calendars: &mut BTreeMap<String, CalendarDefinition>,
) -> Result<(), String> {
    let zone = Zone::new(zone).map_err(|e| e.to_string())?;
    let calendar = calendars
        .entry(id.to_owned())
        .or_insert_with(|| CalendarDefinition {
            round_the_clock: false,
            ..CalendarDefinition::round_the_clock(id, zone.clone())
        });
    if calendar.zone.name() != zone.name() {
        return Err(format!(
            "its zone differs from `{}` of its first line",
            calendar.zone.name()
        ));
    }
    let window: Option<TimeWindow> = match (rows.text("open", row), rows.text("close", row)) {
        (Some(open), Some(close)) => Some(
            format!("{open}-{close}")
                .parse()
                .map_err(|e: crate::time::TimeError| e.to_string())?,
        ),
        (None, None) => None,
        _ => return Err("it has only one of `open` and `close`".to_owned()),
    };
    let date = rows
        .integer("date", row)
        .and_then(|d| i32::try_from(d).ok())
        .map(Date::from_days_since_epoch);
    match (kind, date, window) {
        ("window", _, Some(window)) => {
            let week = &mut calendar.weekly;
            let day = match rows.text("weekday", row) {
                Some("monday") => &mut week.mon,
                Some("tuesday") => &mut week.tue,
                Some("wednesday") => &mut week.wed,
                Some("thursday") => &mut week.thu,
                Some("friday") => &mut week.fri,
                Some("saturday") => &mut week.sat,
                Some("sunday") => &mut week.sun,
                _ => return Err("a window needs a weekday, monday to sunday".to_owned()),
            };
            day.push(window);
        }
        ("holiday", Some(date), _) => calendar.holidays.push(date),
        ("exception", Some(date), window) => {
            calendar.exceptions.entry(date).or_default().extend(window);
        }
        ("window", _, None) => return Err("a window needs `open` and `close`".to_owned()),
        ("holiday" | "exception", None, _) => return Err("it needs a date".to_owned()),
        (other, _, _) => {
            return Err(format!(
                "`{other}` is no kind; there are window, holiday and exception"
            ));
        }
    }
    Ok(())
}

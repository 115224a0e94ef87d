//! [`CalendarDefinition`]: a business calendar as people write it, and what can be wrong with it.
//! Not responsible for counting (see [`super::BusinessCalendar`]).

use std::collections::{BTreeMap, BTreeSet};

use super::{Date, TimeWindow, Weekday, Zone};

/// First and last (exclusive) year of every calendar, in UTC. A ticket outside them has a wrong
/// date; no contract of this kind is older, and a placeholder such as 9999-12-31 is no date.
pub(super) const FIRST_YEAR: i32 = 1990;
pub(super) const LAST_YEAR: i32 = 2100;

/// A calendar as people write it, in TOML:
///
/// ```toml
/// [[calendar]]
/// id = "office"
/// zone = "Europe/Amsterdam"
/// weekly = { mon = ["09:00-12:30", "13:00-17:00"], tue = ["09:00-17:00"] }
/// holidays = ["2025-12-25"]
/// exceptions = { "2025-12-24" = ["09:00-12:00"] }
/// ```
#[derive(
    Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct CalendarDefinition {
    /// The name by which terms refer to it.
    pub id: String,
    /// The zone whose clocks the windows are read on.
    pub zone: Zone,
    /// Open on every day from midnight to midnight; instead of `weekly`.
    #[serde(default)]
    pub round_the_clock: bool,
    /// The windows of an ordinary week; a day that is left out is closed.
    #[serde(default)]
    pub weekly: Weekly,
    /// Days that are closed whatever the week says.
    #[serde(default)]
    pub holidays: Vec<Date>,
    /// Days with windows of their own instead of those of the week; an empty list is closed.
    #[serde(default)]
    pub exceptions: BTreeMap<Date, Vec<TimeWindow>>,
}

/// The windows of each day of the week.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Weekly {
    pub mon: Vec<TimeWindow>,
    pub tue: Vec<TimeWindow>,
    pub wed: Vec<TimeWindow>,
    pub thu: Vec<TimeWindow>,
    pub fri: Vec<TimeWindow>,
    pub sat: Vec<TimeWindow>,
    pub sun: Vec<TimeWindow>,
}

impl Weekly {
    /// The windows of one day of the week, as written.
    pub fn of(&self, day: Weekday) -> &[TimeWindow] {
        match day {
            Weekday::Mon => &self.mon,
            Weekday::Tue => &self.tue,
            Weekday::Wed => &self.wed,
            Weekday::Thu => &self.thu,
            Weekday::Fri => &self.fri,
            Weekday::Sat => &self.sat,
            Weekday::Sun => &self.sun,
        }
    }
}

/// What contradicts itself in a [`CalendarDefinition`]: the calendar, its field and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("calendar `{calendar}`, {field}: {problem}")]
pub struct CalendarError {
    /// The calendar's id.
    pub calendar: String,
    /// The field, as in `weekly.mon` or `exceptions.2025-12-24`.
    pub field: String,
    /// What is wrong and what to do about it.
    pub problem: String,
}

impl CalendarDefinition {
    /// The definition of a calendar that is always open.
    pub fn round_the_clock(id: &str, zone: Zone) -> Self {
        CalendarDefinition {
            id: id.to_owned(),
            zone,
            round_the_clock: true,
            weekly: Weekly::default(),
            holidays: Vec::new(),
            exceptions: BTreeMap::new(),
        }
    }

    /// Checks the definition; the first contradiction found is the error.
    pub fn validate(&self) -> Result<(), CalendarError> {
        let error = |field: String, problem: String| {
            Err(CalendarError {
                calendar: self.id.clone(),
                field,
                problem,
            })
        };
        if self.id.trim().is_empty() {
            return error(
                "id".to_owned(),
                "give it a name that terms can refer to".to_owned(),
            );
        }
        let written = Weekday::ALL
            .iter()
            .any(|&day| !self.weekly.of(day).is_empty());
        match (self.round_the_clock, written) {
            (true, true) => {
                let problem = "round_the_clock and weekly exclude each other: leave one out";
                return error("round_the_clock".to_owned(), problem.to_owned());
            }
            (false, false) => {
                let problem = "no window on any day, so its clocks would never run: add windows \
                               as in mon = [\"09:00-17:00\"], or round_the_clock = true";
                return error("weekly".to_owned(), problem.to_owned());
            }
            _ => {}
        }
        for day in Weekday::ALL {
            if let Some(problem) = overlap(self.weekly.of(day)) {
                return error(format!("weekly.{day}"), problem);
            }
        }
        for (date, windows) in &self.exceptions {
            if let Some(problem) = overlap(windows) {
                return error(format!("exceptions.{date}"), problem);
            }
            if self.holidays.contains(date) {
                let problem = "is also in holidays: keep it in one of the two".to_owned();
                return error(format!("exceptions.{date}"), problem);
            }
        }
        let dates = self.holidays.iter().map(|date| (date, "holidays"));
        for (date, field) in dates.chain(self.exceptions.keys().map(|date| (date, "exceptions"))) {
            if !(FIRST_YEAR..LAST_YEAR).contains(&date.year()) {
                let last = LAST_YEAR - 1;
                let problem = format!("calendars cover {FIRST_YEAR} to {last}: correct the year");
                return error(format!("{field}.{date}"), problem);
            }
        }
        Ok(())
    }

    /// The windows of a date, in order.
    pub(super) fn windows_of(&self, date: Date, holidays: &BTreeSet<Date>) -> &[TimeWindow] {
        if holidays.contains(&date) {
            &[]
        } else if let Some(windows) = self.exceptions.get(&date) {
            windows
        } else if self.round_the_clock {
            &[TimeWindow::DAY]
        } else {
            self.weekly.of(date.weekday())
        }
    }
}

/// What is wrong with the windows of one day. Any order is fine, an overlap is not.
fn overlap(windows: &[TimeWindow]) -> Option<String> {
    let mut sorted = windows.to_vec();
    sorted.sort();
    let pair = sorted
        .windows(2)
        .find(|pair| pair[1].start_s() < pair[0].end_s())?;
    Some(format!(
        "{} and {} overlap: join them or correct one",
        pair[0], pair[1]
    ))
}

#[cfg(test)]
mod tests {
    use super::super::BusinessCalendar;
    use super::*;

    const OFFICE: &str = r#"
        id = "office"
        zone = "Europe/Amsterdam"
        weekly = { mon = ["13:00-17:00", "09:00-12:30"], fri = ["09:00-17:00"] }
        holidays = ["2025-12-26"]
        exceptions = { "2025-12-24" = ["09:00-12:00:30"], "2025-12-22" = [] }
    "#;

    fn refused(change: impl FnOnce(&mut CalendarDefinition)) -> String {
        let mut definition = toml::from_str(OFFICE).unwrap();
        change(&mut definition);
        BusinessCalendar::new(&definition).unwrap_err().to_string()
    }

    #[test]
    fn the_written_form_round_trips_and_unknown_fields_are_refused() {
        let definition: CalendarDefinition = toml::from_str(OFFICE).unwrap();
        let text = toml::to_string(&definition).unwrap();
        assert_eq!(
            toml::from_str::<CalendarDefinition>(&text).unwrap(),
            definition
        );
        for (text, part) in [
            (OFFICE.replace("holidays", "hollidays"), "hollidays"),
            (OFFICE.replace("fri", "friday"), "friday"),
            (
                OFFICE.replace("Europe/Amsterdam", "Europe/Amsterdm"),
                "did you mean `Europe/Amsterdam`",
            ),
            (
                OFFICE.replace("\"2025-12-26\"", "2025-12-26"),
                "in quotes, a date as in 2025-03-31",
            ),
            (OFFICE.replace("13:00-17:00", "13-17"), "09:00-17:00"),
        ] {
            let error = toml::from_str::<CalendarDefinition>(&text)
                .unwrap_err()
                .to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn contradictions_name_the_field_and_what_to_do() {
        let window = |text: &str| text.parse::<TimeWindow>().unwrap();
        let date = |text: &str| text.parse::<Date>().unwrap();
        for (error, parts) in [
            (refused(|d| d.id.clear()), ["id", "give it a name"]),
            (
                refused(|d| d.round_the_clock = true),
                ["round_the_clock", "leave one out"],
            ),
            (
                refused(|d| d.weekly = Weekly::default()),
                ["weekly", "add windows"],
            ),
            (
                refused(|d| d.weekly.mon.push(window("12:00-14:00"))),
                ["weekly.mon", "overlap"],
            ),
            (
                refused(|d| d.holidays.push(date("2025-12-24"))),
                ["exceptions.2025-12-24", "one of the two"],
            ),
            (
                refused(|d| d.holidays.push(date("0205-12-24"))),
                ["holidays.0205-12-24", "correct the year"],
            ),
        ] {
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
            assert!(error.starts_with("calendar `"), "{error}");
        }
    }
}

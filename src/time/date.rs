//! [`Date`] and [`Weekday`]: days of the proleptic Gregorian calendar and their arithmetic.
//! Not responsible for when a day begins anywhere (see [`super::Zone`]).

use std::fmt;
use std::str::FromStr;

use super::{Month, TimeError, serde_as_text};

/// A calendar day without zone or time.
///
/// Text and serde form `2025-03-31`; reading accepts exactly that form, years 0001 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i32);

/// Seven days, Monday first as in ISO 8601.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Weekday {
    /// All seven, Monday first.
    pub const ALL: [Weekday; 7] = [
        Weekday::Mon,
        Weekday::Tue,
        Weekday::Wed,
        Weekday::Thu,
        Weekday::Fri,
        Weekday::Sat,
        Weekday::Sun,
    ];
}

impl fmt::Display for Weekday {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Weekday::Mon => "mon",
            Weekday::Tue => "tue",
            Weekday::Wed => "wed",
            Weekday::Thu => "thu",
            Weekday::Fri => "fri",
            Weekday::Sat => "sat",
            Weekday::Sun => "sun",
        })
    }
}

impl Date {
    /// A date from year (1..=9999), month (1..=12) and day of the month, or an error when the
    /// calendar has no such day.
    pub fn new(year: i32, month: u8, day: u8) -> Result<Self, TimeError> {
        let error = || TimeError::Date {
            text: format!("{year:04}-{month:02}-{day:02}"),
        };
        let month = Month::new(year, month).map_err(|_| error())?;
        if day == 0 || day > month.days() {
            return Err(error());
        }
        Ok(month.first_day().plus_days(i32::from(day) - 1))
    }

    /// From days since 1970-01-01 (negative: before); every value is a date.
    pub const fn from_days_since_epoch(days: i32) -> Self {
        Date(days)
    }

    /// Days since 1970-01-01.
    pub const fn days_since_epoch(self) -> i32 {
        self.0
    }

    /// The year.
    pub const fn year(self) -> i32 {
        civil(self.0).0
    }

    /// The month of the year, 1..=12.
    pub const fn month_of_year(self) -> u8 {
        civil(self.0).1
    }

    /// The day of the month, 1..=31.
    pub const fn day(self) -> u8 {
        civil(self.0).2
    }

    /// The calendar month that the day lies in.
    pub const fn month(self) -> Month {
        let (year, month, _) = civil(self.0);
        Month::from_ordinal(year * 12 + month as i32 - 1)
    }

    /// The day of the week.
    pub fn weekday(self) -> Weekday {
        // 1970-01-01 was a Thursday; in i64 so that no date can overflow.
        Weekday::ALL[(i64::from(self.0) + 3).rem_euclid(7) as usize]
    }

    /// The date `days` later (negative: earlier); saturates some five million years away.
    #[must_use]
    pub const fn plus_days(self, days: i32) -> Self {
        Date(self.0.saturating_add(days))
    }

    /// Days from `earlier` to this date; negative when it lies before.
    pub const fn days_since(self, earlier: Date) -> i64 {
        self.0 as i64 - earlier.0 as i64
    }
}

/// Days since 1970-01-01 of the first of March-based `year`/`month` (1..=12)/`day`.
/// Algorithm: Howard Hinnant, "chrono-compatible low-level date algorithms", days_from_civil.
pub(super) const fn days_from_civil(year: i32, month: u8, day: u8) -> i32 {
    let year = year as i64 - (month <= 2) as i64;
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month as i64 + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day as i64 - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    // Saturate: a date outside i32 days is five million years away.
    if days > i32::MAX as i64 {
        i32::MAX
    } else if days < i32::MIN as i64 {
        i32::MIN
    } else {
        days as i32
    }
}

/// (year, month 1..=12, day 1..=31) of a number of days since 1970-01-01. Source as above,
/// civil_from_days.
const fn civil(days: i32) -> (i32, u8, u8) {
    let shifted = days as i64 + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + (month <= 2) as i64;
    (year as i32, month as u8, day as u8)
}

/// Writes a year as RFC 3339 does, or with a sign and as many digits as it takes outside its range.
pub(super) fn write_year(f: &mut fmt::Formatter<'_>, year: i32) -> fmt::Result {
    if (0..=9999).contains(&year) {
        write!(f, "{year:04}")
    } else {
        write!(f, "{year:+05}")
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0);
        write_year(f, year)?;
        write!(f, "-{month:02}-{day:02}")
    }
}

/// Exactly `width` ASCII digits at the front of `text`, and the rest.
pub(super) fn digits(text: &str, width: usize) -> Option<(u16, &str)> {
    let (head, rest) = text.split_at_checked(width)?;
    if !head.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((head.parse().ok()?, rest))
}

impl FromStr for Date {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let parse = || {
            let (year, rest) = digits(text, 4)?;
            let (month, rest) = digits(rest.strip_prefix('-')?, 2)?;
            let (day, rest) = digits(rest.strip_prefix('-')?, 2)?;
            if !rest.is_empty() {
                return None;
            }
            Date::new(
                i32::from(year),
                u8::try_from(month).ok()?,
                u8::try_from(day).ok()?,
            )
            .ok()
        };
        parse().ok_or_else(|| TimeError::Date {
            text: text.to_owned(),
        })
    }
}

serde_as_text!(Date, "Date", "a date as in 2025-03-31");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for text in [
            "2025-03-31",
            "2024-02-29",
            "0001-01-01",
            "9999-12-31",
            "1970-01-01",
        ] {
            assert_eq!(text.parse::<Date>().unwrap().to_string(), text);
        }
        for text in [
            "2025-02-29",
            "2025-13-01",
            "2025-3-1",
            "2025-03-01T",
            "0000-01-01",
            "x",
        ] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }

    #[test]
    fn agrees_with_jiff_on_every_day_of_four_centuries() {
        let mut expected = jiff::civil::date(1800, 1, 1);
        let mut date = Date::new(1800, 1, 1).unwrap();
        while expected.year() < 2201 {
            assert_eq!(
                (
                    i32::from(expected.year()),
                    expected.month() as u8,
                    expected.day() as u8
                ),
                civil(date.0)
            );
            assert_eq!(
                date,
                Date::new(date.year(), date.month_of_year(), date.day()).unwrap()
            );
            assert_eq!(
                expected.weekday().to_monday_zero_offset() as usize,
                date.weekday() as usize
            );
            expected = expected.tomorrow().unwrap();
            date = date.plus_days(1);
        }
    }

    #[test]
    fn the_ends_saturate_without_wrapping() {
        let last = Date::from_days_since_epoch(i32::MAX);
        assert_eq!(last.plus_days(1), last);
        assert_eq!(last.month().first_day().month(), last.month());
        let _ = Date::from_days_since_epoch(i32::MIN).weekday();
    }
}

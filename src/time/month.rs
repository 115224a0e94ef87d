//! [`Month`] and [`Quarter`]: the calendar periods that contracts count and settle in.
//! Not responsible for fiscal years, which are a term of the contract.

use std::fmt;
use std::str::FromStr;

use super::date::{days_from_civil, digits, write_year};
use super::{Date, Instant, Period, TimeError, Zone, serde_as_text};

/// A calendar month. Text and serde form `2025-03`; reading accepts exactly that form, years
/// 0001 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(i32);

impl Month {
    /// From year (1..=9999) and month (1..=12).
    pub fn new(year: i32, month: u8) -> Result<Self, TimeError> {
        if !(1..=9999).contains(&year) || !(1..=12).contains(&month) {
            return Err(TimeError::Month {
                text: format!("{year:04}-{month:02}"),
            });
        }
        Ok(Month(year * 12 + i32::from(month) - 1))
    }

    /// From months since January of year 0; every value is a month.
    pub const fn from_ordinal(ordinal: i32) -> Self {
        Month(ordinal)
    }

    /// Months since January of year 0: 2025-03 is 24302. Consecutive months differ by one.
    pub const fn ordinal(self) -> i32 {
        self.0
    }

    /// The year.
    pub const fn year(self) -> i32 {
        self.0.div_euclid(12)
    }

    /// The month of the year, 1..=12.
    pub const fn month_of_year(self) -> u8 {
        self.0.rem_euclid(12) as u8 + 1
    }

    /// The month `n` later (negative: earlier); saturates.
    #[must_use]
    pub const fn plus(self, n: i32) -> Self {
        Month(self.0.saturating_add(n))
    }

    /// The following month.
    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }

    /// The month before.
    #[must_use]
    pub const fn previous(self) -> Self {
        self.plus(-1)
    }

    /// Months from `earlier` to this one; negative when it lies before.
    pub const fn months_since(self, earlier: Month) -> i32 {
        self.0.saturating_sub(earlier.0)
    }

    /// The quarter of the calendar year that it belongs to.
    pub const fn quarter(self) -> Quarter {
        Quarter(self.0.div_euclid(3))
    }

    /// Its first day.
    pub const fn first_day(self) -> Date {
        Date::from_days_since_epoch(days_from_civil(self.year(), self.month_of_year(), 1))
    }

    /// Its last day (the period of its days is half-open, so this one is for people).
    pub const fn last_day(self) -> Date {
        self.next().first_day().plus_days(-1)
    }

    /// How many days it has, 28..=31.
    pub const fn days(self) -> u8 {
        let year = self.year();
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        match self.month_of_year() {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// Its days as `[first day, first day of the next month)`.
    pub fn dates(self) -> Period<Date> {
        Period::spanning(self.first_day(), self.next().first_day())
    }

    /// The instant at which it begins in a zone.
    pub fn start(self, zone: &Zone) -> Instant {
        zone.start_of_month(self)
    }

    /// Its instants in a zone as `[start, start of the next month)`.
    pub fn instants(self, zone: &Zone) -> Period<Instant> {
        Period::spanning(self.start(zone), self.next().start(zone))
    }
}

/// The months of `[from, to)` in order; none when `to` is not after `from`.
pub fn months_between(from: Month, to: Month) -> impl DoubleEndedIterator<Item = Month> + Clone {
    (from.0..to.0).map(Month)
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_year(f, self.year())?;
        write!(f, "-{:02}", self.month_of_year())
    }
}

impl FromStr for Month {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let parse = || {
            let (year, rest) = digits(text, 4)?;
            let (month, rest) = digits(rest.strip_prefix('-')?, 2)?;
            if !rest.is_empty() {
                return None;
            }
            Month::new(i32::from(year), u8::try_from(month).ok()?).ok()
        };
        parse().ok_or_else(|| TimeError::Month {
            text: text.to_owned(),
        })
    }
}

serde_as_text!(
    Month,
    "Month",
    "a month as in 2025-03",
    i32,
    Month::ordinal,
    Month::from_ordinal
);

/// Three calendar months, `2025-Q1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quarter(i32);

impl Quarter {
    /// The year.
    pub const fn year(self) -> i32 {
        self.0.div_euclid(4)
    }

    /// The quarter of the year, 1..=4.
    pub const fn quarter_of_year(self) -> u8 {
        self.0.rem_euclid(4) as u8 + 1
    }

    /// Its first month.
    pub const fn first_month(self) -> Month {
        Month(self.0.saturating_mul(3))
    }

    /// The following quarter.
    #[must_use]
    pub const fn next(self) -> Self {
        Quarter(self.0.saturating_add(1))
    }

    /// Its months as a half-open period.
    pub fn months(self) -> Period<Month> {
        Period::spanning(self.first_month(), self.next().first_month())
    }
}

impl fmt::Display for Quarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_year(f, self.year())?;
        write!(f, "-Q{}", self.quarter_of_year())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(text: &str) -> Month {
        text.parse().unwrap()
    }

    #[test]
    fn text_round_trips_and_bad_text_is_refused() {
        assert_eq!(month("2025-03").to_string(), "2025-03");
        assert_eq!(month("2025-03").ordinal(), 24302);
        assert_eq!(
            serde_json::to_string(&month("2025-03")).unwrap(),
            "\"2025-03\""
        );
        assert_eq!(
            serde_json::from_str::<Month>("\"2025-03\"").unwrap(),
            month("2025-03")
        );
        for text in [
            "2025-3",
            "2025-00",
            "2025-13",
            "25-03",
            "2025-03-01",
            "",
            "2025/03",
            "０025-03",
        ] {
            let error = text.parse::<Month>().unwrap_err().to_string();
            assert!(error.contains("2025-03"), "{error}");
        }
    }

    #[test]
    fn months_count_days_and_quarters() {
        assert_eq!(month("2024-02").days(), 29);
        assert_eq!(month("2025-12").last_day().to_string(), "2025-12-31");
        assert_eq!(month("2025-12").next(), month("2026-01"));
        assert_eq!(month("2025-01").previous(), month("2024-12"));
        assert_eq!(month("2025-05").quarter().to_string(), "2025-Q2");
        assert_eq!(month("2025-05").quarter().months().end(), month("2025-07"));
        let all: Vec<String> = months_between(month("2024-11"), month("2025-02"))
            .map(|m| m.to_string())
            .collect();
        assert_eq!(all, ["2024-11", "2024-12", "2025-01"]);
        assert_eq!(
            months_between(month("2025-02"), month("2025-01")).count(),
            0
        );
    }
}

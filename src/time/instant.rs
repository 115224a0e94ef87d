//! [`Instant`]: a point on the UTC time line in microseconds, with its text form.
//! Not responsible for what day or month it is anywhere (see [`super::Zone`]).

use std::fmt;
use std::str::FromStr;

use super::date::digits;
use super::{Date, Month, TimeError, serde_as_text};

pub(crate) const MICROS_PER_SECOND: i64 = 1_000_000;
pub(crate) const SECONDS_PER_DAY: i64 = 86_400;

/// A point in time: microseconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// Text and serde form: RFC 3339 in UTC, `2025-03-31T09:30:00Z`, with six decimals only when
/// the microseconds are not zero. Any offset is accepted when reading; digits beyond the
/// microsecond are cut off. A text without an offset is refused: which zone it is in is for the
/// caller to say (see [`super::Zone::instant_of`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

impl Instant {
    /// From microseconds since 1970-01-01T00:00:00Z; every value is an instant.
    pub const fn from_micros(micros: i64) -> Self {
        Instant(micros)
    }

    /// From whole seconds since 1970-01-01T00:00:00Z. Saturates some 290,000 years away from
    /// 1970, far outside what a text can express.
    pub const fn from_seconds(seconds: i64) -> Self {
        Instant(seconds.saturating_mul(MICROS_PER_SECOND))
    }

    /// From a date and time of day in UTC; `None` when one of them does not exist.
    pub fn from_utc(
        (year, month, day): (i32, u8, u8),
        (hour, minute, second): (u8, u8, u8),
    ) -> Option<Self> {
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let date = Date::new(year, month, day).ok()?;
        let time = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
        Some(Instant::from_seconds(
            i64::from(date.days_since_epoch()) * SECONDS_PER_DAY + time,
        ))
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, cut towards the past.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }

    /// The month that it lies in by UTC.
    pub const fn utc_month(self) -> Month {
        let days = self.seconds().div_euclid(SECONDS_PER_DAY);
        // An instant is no further away than 300,000 years.
        Date::from_days_since_epoch(days as i32).month()
    }

    /// This instant moved by whole seconds (negative: earlier), microseconds kept. Saturates
    /// like [`Instant::from_seconds`].
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Instant(
            self.0
                .saturating_add(seconds.saturating_mul(MICROS_PER_SECOND)),
        )
    }

    /// Wall seconds from `earlier` to this instant; negative when it lies before.
    ///
    /// Both instants are cut to their whole second first. So the parts of a period add up to
    /// the period exactly, at the price that 0.9 s may count as 0 or as 1.
    pub const fn wall_s_since(self, earlier: Instant) -> i64 {
        self.seconds() - earlier.seconds()
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.seconds();
        let micros = self.0.rem_euclid(MICROS_PER_SECOND);
        // Days of any i64 of microseconds fit an i32.
        let day = i32::try_from(seconds.div_euclid(SECONDS_PER_DAY)).map_err(|_| fmt::Error)?;
        let time = seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
        write!(
            f,
            "{}T{hour:02}:{minute:02}:{second:02}",
            Date::from_days_since_epoch(day)
        )?;
        if micros != 0 {
            write!(f, ".{micros:06}")?;
        }
        f.write_str("Z")
    }
}

impl FromStr for Instant {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        parse(text).ok_or_else(|| TimeError::Instant {
            text: text.to_owned(),
        })
    }
}

/// RFC 3339, section 5.6, with a blank for the `T` and without seconds if need be. A leap
/// second is read as the second before it, because the time line has none.
fn parse(text: &str) -> Option<Instant> {
    let (date, rest) = text.split_at_checked(10)?;
    let day: Date = date.parse().ok()?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (hour, rest) = digits(rest, 2)?;
    let (minute, mut rest) = digits(rest.strip_prefix(':')?, 2)?;
    let (mut second, mut micros) = (0, 0);
    if let Some(seconds) = rest.strip_prefix(':') {
        (second, rest) = digits(seconds, 2)?;
        if let Some(fraction) = rest.strip_prefix('.') {
            let places = fraction.bytes().take_while(u8::is_ascii_digit).count();
            let (fraction, after) = fraction.split_at_checked(places).filter(|_| places > 0)?;
            micros = fraction
                .bytes()
                .chain(std::iter::repeat(b'0'))
                .take(6)
                .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
            rest = after;
        }
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let offset_s = match rest.split_at_checked(1)? {
        ("Z" | "z", "") => 0,
        (sign @ ("+" | "-"), rest) => {
            let (hour, rest) = digits(rest, 2)?;
            let (minute, rest) = digits(rest.strip_prefix(':').unwrap_or(rest), 2)?;
            if hour > 23 || minute > 59 || !rest.is_empty() {
                return None;
            }
            let offset_s = i64::from(hour) * 3600 + i64::from(minute) * 60;
            if sign == "-" { -offset_s } else { offset_s }
        }
        _ => return None,
    };
    let time = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second.min(59));
    let seconds = i64::from(day.days_since_epoch()) * SECONDS_PER_DAY + time - offset_s;
    Some(Instant(seconds * MICROS_PER_SECOND + micros))
}

serde_as_text!(
    Instant,
    "Instant",
    "an instant with its offset as in 2025-03-31T09:30:00Z",
    i64,
    Instant::micros,
    Instant::from_micros
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_is_utc() {
        let instant: Instant = "2025-03-31T11:30:00.25+02:00".parse().unwrap();
        assert_eq!(instant.to_string(), "2025-03-31T09:30:00.250000Z");
        assert_eq!(instant.to_string().parse::<Instant>().unwrap(), instant);
        assert_eq!(
            Instant::from_utc((2025, 3, 31), (9, 30, 0))
                .unwrap()
                .to_string(),
            "2025-03-31T09:30:00Z"
        );
        assert_eq!(
            serde_json::to_string(&instant).unwrap(),
            "\"2025-03-31T09:30:00.250000Z\""
        );
        assert_eq!(
            serde_json::from_str::<Instant>("\"2025-03-31T09:30:00.25Z\"").unwrap(),
            instant
        );
    }

    #[test]
    fn reading_agrees_with_jiff() {
        for text in [
            "2025-03-31T09:30:00Z",
            "2025-03-31t09:30:00z",
            "2025-03-31 09:30Z",
            "2025-03-31T09:30:00.123456789-09:30",
            "1969-12-31T23:59:59.9999999Z",
            "2016-12-31T23:59:60Z",
            "0001-01-01T00:00:00+14:00",
            "2025-03-31T09:30:00+0530",
        ] {
            let theirs: jiff::Timestamp = text.parse().unwrap();
            let micros = theirs.as_nanosecond().div_euclid(1_000);
            assert_eq!(
                i128::from(text.parse::<Instant>().unwrap().micros()),
                micros,
                "{text}"
            );
        }
        assert_eq!(
            "9999-12-31T23:59:59Z"
                .parse::<Instant>()
                .unwrap()
                .to_string(),
            "9999-12-31T23:59:59Z"
        );
        for text in [
            "2025-03-31",
            "2025-03-31T09:30:00",
            "2025-03-31T24:00:00Z",
            "2025-03-31T09:30:00.Z",
            "2025-03-31T09:30:00+1",
            "2025-03-31T09:30:00Z ",
            "2025-02-30T09:30:00Z",
            "",
            "2025-03-3é09:30",
        ] {
            assert!(text.parse::<Instant>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_text_without_an_offset_is_refused() {
        let error = "2025-03-31T11:30:00".parse::<Instant>().unwrap_err();
        assert!(error.to_string().contains("with an offset"), "{error}");
        assert!(Instant::from_utc((2025, 2, 29), (0, 0, 0)).is_none());
        assert!(Instant::from_utc((2025, 2, 28), (24, 0, 0)).is_none());
    }

    #[test]
    fn durations_cut_each_instant_so_that_parts_add_up() {
        let a = Instant::from_micros(-1);
        let b = Instant::from_micros(900_000);
        let c = Instant::from_micros(2_100_000);
        assert_eq!(a.seconds(), -1);
        assert_eq!(b.wall_s_since(a) + c.wall_s_since(b), c.wall_s_since(a));
        assert_eq!(a.plus_seconds(3).micros(), 2_999_999);
    }

    #[test]
    fn the_ends_of_the_time_line_have_a_text() {
        assert!(
            Instant::from_micros(i64::MAX)
                .to_string()
                .starts_with("+294247-01-10T04:00:54")
        );
        assert!(
            Instant::from_micros(i64::MIN)
                .to_string()
                .starts_with("-290308-12-21T")
        );
        assert_eq!(
            Instant::from_micros(i64::MAX).plus_seconds(1).micros(),
            i64::MAX
        );
    }
}

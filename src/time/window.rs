//! [`TimeWindow`]: a stretch of the local day, `09:00-17:00`, as people write opening hours.
//! Not responsible for days, zones or sums (see [`super::BusinessCalendar`]).

use std::fmt;
use std::str::FromStr;

use super::date::digits;
use super::instant::SECONDS_PER_DAY;
use super::{TimeError, serde_as_text};

const DAY_S: u32 = SECONDS_PER_DAY as u32;

/// A half-open stretch of the local day in seconds since midnight, never empty, up to and
/// including 24:00.
///
/// Text and serde form `09:00-17:00` or `09:00:30-17:00:15`. A window over midnight is written
/// as two: `22:00-24:00` on the one day and `00:00-06:00` on the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeWindow {
    start_s: u32,
    end_s: u32,
}

impl TimeWindow {
    /// The whole day, `00:00-24:00`.
    pub const DAY: TimeWindow = TimeWindow {
        start_s: 0,
        end_s: DAY_S,
    };

    /// First second of the window, 0..86,400.
    pub const fn start_s(self) -> u32 {
        self.start_s
    }

    /// First second after the window, 1..=86,400.
    pub const fn end_s(self) -> u32 {
        self.end_s
    }

    /// Its length by the clock on the wall, in seconds.
    pub const fn length_s(self) -> u32 {
        self.end_s - self.start_s
    }
}

/// Seconds since midnight of `HH:MM` or `HH:MM:SS`.
fn second_of_day(text: &str) -> Option<u32> {
    let (hour, rest) = digits(text, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(':')?, 2)?;
    let second = match rest.strip_prefix(':') {
        None if rest.is_empty() => 0,
        None => return None,
        Some(rest) => match digits(rest, 2)? {
            (second, "") => second,
            _ => return None,
        },
    };
    let total = u32::from(hour) * 3600 + u32::from(minute) * 60 + u32::from(second);
    (minute < 60 && second < 60 && total <= DAY_S).then_some(total)
}

impl FromStr for TimeWindow {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let error = |hint: &str| TimeError::Window {
            text: text.to_owned(),
            hint: hint.to_owned(),
        };
        let parts = text.split_once('-').map(|(a, b)| (a.trim(), b.trim()));
        let bounds = parts.and_then(|(a, b)| Some((second_of_day(a)?, second_of_day(b)?)));
        let Some((start_s, end_s)) = bounds else {
            return Err(error(
                "write two times of the day as in 09:00-17:00, the last one is 24:00",
            ));
        };
        if start_s == end_s {
            return Err(error(
                "it is empty: leave it out, or write 00:00-24:00 for the whole day",
            ));
        }
        if end_s < start_s {
            let hint = "it ends before it starts: over midnight, write one window up to 24:00 \
                        and another from 00:00 on the next day";
            return Err(error(hint));
        }
        Ok(TimeWindow { start_s, end_s })
    }
}

impl fmt::Display for TimeWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |f: &mut fmt::Formatter<'_>, s: u32| {
            write!(f, "{:02}:{:02}", s / 3600, s / 60 % 60)?;
            if s.is_multiple_of(60) {
                Ok(())
            } else {
                write!(f, ":{:02}", s % 60)
            }
        };
        time(f, self.start_s)?;
        f.write_str("-")?;
        time(f, self.end_s)
    }
}

serde_as_text!(
    TimeWindow,
    "TimeWindow",
    "opening hours of a day as in 09:00-17:00"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for text in [
            "09:00-17:00",
            "00:00-24:00",
            "08:30:15-12:00",
            "23:59:59-24:00",
        ] {
            assert_eq!(text.parse::<TimeWindow>().unwrap().to_string(), text);
        }
        assert_eq!(
            "09:00 - 17:00".parse::<TimeWindow>().unwrap().length_s(),
            28_800
        );
    }

    #[test]
    fn wrong_windows_say_what_to_do() {
        for (text, part) in [
            ("9-17", "09:00-17:00"),
            ("09:00-24:01", "the last one is 24:00"),
            ("09:00-09:00", "leave it out"),
            ("22:00-06:00", "on the next day"),
            ("09:60-10:00", "two times"),
        ] {
            let error = text.parse::<TimeWindow>().unwrap_err().to_string();
            assert!(error.contains(part) && error.contains(text), "{error}");
        }
    }
}

//! The generator's own clock: civil dates, one zone's offsets and office hours, as plain seconds.
//! Responsible for where the simulated people's time goes; not for how gainshare measures time.
//!
//! It is deliberately separate from [`crate::time`]: data made with the code that later judges
//! it could not show that code wrong.

use jiff::{Timestamp, tz::TimeZone};

use super::SynthError;

/// Seconds of a day.
pub(crate) const DAY: i64 = 86_400;
/// Seconds of an hour.
pub(crate) const HOUR: i64 = 3_600;
/// Seconds of a minute.
pub(crate) const MINUTE: i64 = 60;

/// Days since 1970-01-01 of a civil date (Hinnant's algorithm).
pub(crate) fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

/// Year, month and day of days since 1970-01-01.
pub(crate) fn civil_of(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

/// 0 = Monday … 6 = Sunday.
pub(crate) fn weekday_of(days: i64) -> i64 {
    (days + 3).rem_euclid(7)
}

/// Public holidays in the Netherlands that fall on a date the office would else be open, and
/// those at weekends, 2022-12 to 2026-06.
pub(crate) const HOLIDAYS: &[(i64, i64, i64, &str)] = &[
    (2022, 12, 26, "Boxing Day"),
    (2023, 1, 1, "New Year's Day"),
    (2023, 4, 10, "Easter Monday"),
    (2023, 4, 27, "King's Day"),
    (2023, 5, 18, "Ascension Day"),
    (2023, 5, 29, "Whit Monday"),
    (2023, 12, 25, "Christmas Day"),
    (2023, 12, 26, "Boxing Day"),
    (2024, 1, 1, "New Year's Day"),
    (2024, 4, 1, "Easter Monday"),
    (2024, 4, 27, "King's Day"),
    (2024, 5, 9, "Ascension Day"),
    (2024, 5, 20, "Whit Monday"),
    (2024, 12, 25, "Christmas Day"),
    (2024, 12, 26, "Boxing Day"),
    (2025, 1, 1, "New Year's Day"),
    (2025, 4, 21, "Easter Monday"),
    (2025, 4, 26, "King's Day"),
    (2025, 5, 5, "Liberation Day"),
    (2025, 5, 29, "Ascension Day"),
    (2025, 6, 9, "Whit Monday"),
    (2025, 12, 25, "Christmas Day"),
    (2025, 12, 26, "Boxing Day"),
    (2026, 1, 1, "New Year's Day"),
    (2026, 4, 6, "Easter Monday"),
    (2026, 4, 27, "King's Day"),
    (2026, 5, 14, "Ascension Day"),
    (2026, 5, 25, "Whit Monday"),
];

/// Which hours count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hours {
    /// Every hour of every day.
    Always,
    /// Monday to Friday 08:00–18:00 local time except holidays.
    Office,
}

const OPEN: i64 = 8 * HOUR;
const SHUT: i64 = 18 * HOUR;

/// Offsets of one zone over the simulated years, and its holidays.
pub(crate) struct Clock {
    /// (from this instant, seconds east of UTC), rising.
    offsets: Vec<(i64, i64)>,
    /// Holidays as days since 1970-01-01, rising.
    holidays: Vec<i64>,
}

impl Clock {
    /// The clock of an IANA zone for 2022 to 2027, from the bundled zone database.
    pub(crate) fn new(zone: &str) -> Result<Self, SynthError> {
        let fail = |e: jiff::Error| SynthError::Zone {
            zone: zone.to_owned(),
            detail: e.to_string(),
        };
        let tz = TimeZone::get(zone).map_err(fail)?;
        let start = days_of(2022, 1, 1) * DAY;
        let end = days_of(2027, 12, 31) * DAY;
        let first = Timestamp::from_second(start).map_err(fail)?;
        let mut offsets = vec![(i64::MIN, i64::from(tz.to_offset(first).seconds()))];
        for change in tz.following(first) {
            let at = change.timestamp().as_second();
            if at > end {
                break;
            }
            offsets.push((at, i64::from(change.offset().seconds())));
        }
        let mut holidays: Vec<i64> = HOLIDAYS
            .iter()
            .map(|(y, m, d, _)| days_of(*y, *m, *d))
            .collect();
        holidays.sort_unstable();
        Ok(Clock { offsets, holidays })
    }

    /// Local wall-clock seconds of an instant.
    pub(crate) fn local(&self, utc: i64) -> i64 {
        let i = self.offsets.partition_point(|(from, _)| *from <= utc);
        utc + self.offsets.get(i.saturating_sub(1)).map_or(0, |(_, o)| *o)
    }

    /// The instant of local wall-clock seconds; the earlier one when the clock goes back, an
    /// hour later when the clock skips it.
    pub(crate) fn utc(&self, local: i64) -> i64 {
        let guess = local - self.offsets.first().map_or(0, |(_, o)| *o);
        for candidate in [guess - HOUR, guess] {
            if self.local(candidate) == local {
                return candidate;
            }
        }
        guess
    }

    /// True on Monday to Friday except holidays; `day` in days since 1970-01-01, local.
    pub(crate) fn is_workday(&self, day: i64) -> bool {
        weekday_of(day) < 5 && !self.is_holiday(day)
    }

    /// True on a public holiday.
    pub(crate) fn is_holiday(&self, day: i64) -> bool {
        self.holidays.binary_search(&day).is_ok()
    }

    /// The instant at which `seconds` of counted time have gone by since `from`.
    pub(crate) fn advance(&self, hours: Hours, from: i64, seconds: i64) -> i64 {
        if hours == Hours::Always {
            return from + seconds;
        }
        let mut local = self.local(from);
        let mut left = seconds.max(0);
        loop {
            let day = local.div_euclid(DAY);
            let open = day * DAY + OPEN;
            let shut = day * DAY + SHUT;
            if self.is_workday(day) && local < shut {
                let begin = local.max(open);
                if shut - begin > left {
                    // Nothing left to count: stay where one is, even outside office hours.
                    return if left == 0 {
                        self.utc(local)
                    } else {
                        self.utc(begin + left)
                    };
                }
                left -= shut - begin;
                if left == 0 {
                    return self.utc(shut);
                }
            }
            local = (day + 1) * DAY;
        }
    }

    /// Counted seconds between two instants.
    pub(crate) fn elapsed(&self, hours: Hours, from: i64, to: i64) -> i64 {
        if to <= from {
            return 0;
        }
        if hours == Hours::Always {
            return to - from;
        }
        let (a, b) = (self.local(from), self.local(to));
        let mut sum = 0;
        for day in a.div_euclid(DAY)..=b.div_euclid(DAY) {
            if self.is_workday(day) {
                let begin = a.max(day * DAY + OPEN);
                let end = b.min(day * DAY + SHUT);
                sum += (end - begin).max(0);
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_dates_round_trip() {
        for days in 18_000..22_000 {
            let (y, m, d) = civil_of(days);
            assert_eq!(days_of(y, m, d), days);
        }
        assert_eq!(weekday_of(days_of(2025, 1, 1)), 2);
    }

    #[test]
    fn summer_time_and_holidays_are_known() {
        let clock = Clock::new("Europe/Amsterdam").unwrap();
        let noon = days_of(2025, 7, 1) * DAY + 12 * HOUR;
        assert_eq!(clock.local(noon) - noon, 2 * HOUR);
        let winter = days_of(2025, 1, 15) * DAY;
        assert_eq!(clock.local(winter) - winter, HOUR);
        assert_eq!(clock.utc(clock.local(noon)), noon);
        assert!(!clock.is_workday(days_of(2025, 4, 21)));
    }

    #[test]
    fn advancing_and_measuring_agree() {
        let clock = Clock::new("Europe/Amsterdam").unwrap();
        let from = clock.utc(days_of(2025, 4, 17) * DAY + 16 * HOUR);
        let to = clock.advance(Hours::Office, from, 10 * HOUR);
        // Thursday 2 h, Good Friday is a working day 8 h.
        assert_eq!(clock.local(to), days_of(2025, 4, 18) * DAY + 16 * HOUR);
        assert_eq!(clock.elapsed(Hours::Office, from, to), 10 * HOUR);
        let over = clock.advance(Hours::Office, from, 13 * HOUR);
        assert_eq!(clock.local(over), days_of(2025, 4, 22) * DAY + 9 * HOUR);
    }
}

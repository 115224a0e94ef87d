//! [`BusinessCalendar`]: when a service is worked on, and how much of that lies between two
//! instants.
//!
//! A calendar is a list of open stretches on the UTC time line, made once from weekly windows,
//! holidays and exceptions in a zone ([`CalendarDefinition`]); from then on every question is a look-up. The rule for
//! days on which clocks change: a window opens when the clock first reaches its start and
//! closes when the clock first reaches its end. So the round-the-clock day has 23 or 25 hours,
//! and cutting a window in two changes nothing.
//!
//! Not responsible for pauses or for what a ticket's clock is (see [`crate::measure`]).

use std::collections::BTreeSet;
use std::fmt;

use super::definition::{FIRST_YEAR, LAST_YEAR};
use super::instant::SECONDS_PER_DAY;
use super::{CalendarDefinition, CalendarError, Date, Instant, Month, TimeWindow, Weekday, Zone};

/// An instant outside the years that calendars cover (1990 to 2099): its date is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{instant} lies outside {FIRST_YEAR} to {}, the years that calendars cover: correct the date", LAST_YEAR - 1)]
pub struct OutsideYears {
    /// The instant.
    pub instant: Instant,
}

/// One open stretch, in seconds since 1970, and the open seconds of all stretches before it.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    start: i64,
    end: i64,
    before: i64,
}

/// When a service is worked on. Costs about a megabyte and some milliseconds to make; share it.
///
/// Business time is counted in whole seconds, each instant cut to its whole second first.
pub struct BusinessCalendar {
    id: String,
    zone: Zone,
    /// Disjoint, not touching, in order, none empty.
    stretches: Vec<Stretch>,
    /// For each UTC day of the years covered (and the one after them): the first stretch that
    /// ends after its midnight.
    first_of_day: Vec<u32>,
    first_second: i64,
    last_second: i64,
    weekly_s: i64,
    weekly_days: i64,
}

impl BusinessCalendar {
    /// Makes a calendar, or says what contradicts itself in its definition.
    pub fn new(definition: &CalendarDefinition) -> Result<Self, CalendarError> {
        definition.validate()?;
        let zone = definition.zone.clone();
        let holidays: BTreeSet<Date> = definition.holidays.iter().copied().collect();
        let first_day = first_of_year(FIRST_YEAR);
        let last_day = first_of_year(LAST_YEAR);
        let first_second = i64::from(first_day.days_since_epoch()) * SECONDS_PER_DAY;
        let last_second = i64::from(last_day.days_since_epoch()) * SECONDS_PER_DAY;

        let mut stretches: Vec<Stretch> = Vec::new();
        let mut open_s = 0;
        // Local days reach over the years covered, which are UTC years, on both sides.
        let mut date = first_day.plus_days(-2);
        let mut windows: Vec<TimeWindow> = Vec::new();
        while date < last_day.plus_days(2) {
            windows.clear();
            windows.extend_from_slice(definition.windows_of(date, &holidays));
            windows.sort();
            for window in &windows {
                let edge = |second| zone.instant_of(date, second).first_reached().seconds();
                let start = edge(window.start_s()).max(first_second);
                let end = edge(window.end_s()).min(last_second);
                if end <= start {
                    continue;
                }
                match stretches.last_mut() {
                    Some(last) if last.end == start => last.end = end,
                    _ => stretches.push(Stretch {
                        start,
                        end,
                        before: open_s,
                    }),
                }
                open_s += end - start;
            }
            date = date.plus_days(1);
        }

        let week = |day: &Weekday| -> i64 {
            if definition.round_the_clock {
                return SECONDS_PER_DAY;
            }
            definition
                .weekly
                .of(*day)
                .iter()
                .map(|window| i64::from(window.length_s()))
                .sum()
        };
        let weekly_s = Weekday::ALL.iter().map(week).sum();
        let weekly_days = Weekday::ALL.iter().filter(|day| week(day) > 0).count() as i64;
        Ok(BusinessCalendar {
            id: definition.id.clone(),
            zone,
            first_of_day: first_of_day(&stretches, first_second, last_second),
            stretches,
            first_second,
            last_second,
            weekly_s,
            weekly_days,
        })
    }

    /// The hours of this calendar that are hours of another as well. Name, zone and ordinary week
    /// stay those of this one.
    #[must_use]
    pub fn within(&self, other: &BusinessCalendar) -> BusinessCalendar {
        let mut stretches: Vec<Stretch> = Vec::new();
        let (mut mine, mut theirs) = (self.stretches.iter(), other.stretches.iter());
        let (mut a, mut b) = (mine.next(), theirs.next());
        let mut before = 0;
        while let (Some(one), Some(two)) = (a, b) {
            let (start, end) = (one.start.max(two.start), one.end.min(two.end));
            if start < end {
                stretches.push(Stretch { start, end, before });
                before += end - start;
            }
            if one.end <= two.end {
                a = mine.next();
            } else {
                b = theirs.next();
            }
        }
        BusinessCalendar {
            id: self.id.clone(),
            zone: self.zone.clone(),
            first_of_day: first_of_day(&stretches, self.first_second, self.last_second),
            stretches,
            ..*self
        }
    }

    /// The first moment at which it is open at all; `None` when it never is.
    #[must_use]
    pub fn first_open(&self) -> Option<Instant> {
        self.stretches
            .first()
            .map(|stretch| Instant::from_seconds(stretch.start))
    }

    /// The name by which terms refer to it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The zone whose clocks its windows are read on.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Whether an instant lies in the years that it covers (1990 to 2099 in UTC).
    pub fn covers(&self, instant: Instant) -> bool {
        (self.first_second..=self.last_second).contains(&instant.seconds())
    }

    /// The open seconds of an ordinary week and the days of the week that are open at all.
    ///
    /// A "business day" of a text is their quotient: 40 h over 5 days make an 8 h day, so 32
    /// business hours are 4 days (and not 32/24).
    pub fn ordinary_week(&self) -> (i64, i64) {
        (self.weekly_s, self.weekly_days)
    }

    /// Whether the service is worked on at an instant.
    pub fn is_open(&self, instant: Instant) -> Result<bool, OutsideYears> {
        let second = self.second(instant)?;
        let stretch = self.stretches.get(self.stretch_at(second));
        Ok(stretch.is_some_and(|stretch| stretch.start <= second))
    }

    /// Business seconds from `start` to `end`; negative when `end` lies before `start`. Exactly
    /// additive: `business_s(a, b) + business_s(b, c) = business_s(a, c)`.
    pub fn business_s(&self, start: Instant, end: Instant) -> Result<i64, OutsideYears> {
        Ok(self.open_before(self.second(end)?) - self.open_before(self.second(start)?))
    }

    /// The first instant by which `business_s` business seconds have passed since `start`: the
    /// due time of a target. Always a whole second.
    ///
    /// The end of a day belongs to the day: 8 hours from 09:00 on a 9 to 17 day are due at 17:00
    /// and not on the next morning. Nothing to pass (0 or less) is due at `start`. `None` when
    /// `start` or the answer lies outside the years covered.
    pub fn add_business(&self, start: Instant, business_s: i64) -> Option<Instant> {
        let second = self.second(start).ok()?;
        if business_s <= 0 {
            return Some(Instant::from_seconds(second));
        }
        let from = self.stretch_at(second);
        let target = self.open_before(second).checked_add(business_s)?;
        // Most targets lie a few stretches ahead: widen the search from here in doubling steps.
        let ahead = self.stretches.get(from..)?;
        let mut reach = 4;
        while ahead
            .get(reach)
            .is_some_and(|stretch| stretch.before < target)
        {
            reach *= 2;
        }
        let near = ahead.get(..reach.min(ahead.len()))?;
        let last = near
            .partition_point(|stretch| stretch.before < target)
            .checked_sub(1)?;
        let stretch = near.get(last)?;
        let into = target - stretch.before;
        (into <= stretch.end - stretch.start).then(|| Instant::from_seconds(stretch.start + into))
    }

    /// The business seconds from `start` to `end` by month of `zone`, in order; months without
    /// any are left out. They add up to [`BusinessCalendar::business_s`] exactly. Nothing when
    /// `end` is not after `start`.
    pub fn split_by_month<'a>(
        &'a self,
        start: Instant,
        end: Instant,
        zone: &'a Zone,
    ) -> Result<impl Iterator<Item = (Month, i64)> + 'a, OutsideYears> {
        let (mut from, last) = (self.second(start)?, self.second(end)?);
        let mut month = zone.month_of(start);
        let mut open_from = self.open_before(from);
        let parts = std::iter::from_fn(move || {
            while from < last {
                let this = month;
                month = month.next();
                let to = zone.start_of_month(month).seconds().min(last);
                let open_to = self.open_before(to);
                let part = open_to - open_from;
                (from, open_from) = (to, open_to);
                if part > 0 {
                    return Some((this, part));
                }
            }
            None
        });
        Ok(parts)
    }

    fn second(&self, instant: Instant) -> Result<i64, OutsideYears> {
        let second = instant.seconds();
        if (self.first_second..=self.last_second).contains(&second) {
            Ok(second)
        } else {
            Err(OutsideYears { instant })
        }
    }

    /// The first stretch that ends after a second of the years covered; their number if none.
    fn stretch_at(&self, second: i64) -> usize {
        let day = (second - self.first_second) / SECONDS_PER_DAY;
        let mut stretch = self
            .first_of_day
            .get(day as usize)
            .map_or(0, |&first| first as usize);
        while self.stretches.get(stretch).is_some_and(|s| s.end <= second) {
            stretch += 1;
        }
        stretch
    }

    /// Open seconds from the beginning of the years covered to a second in them.
    fn open_before(&self, second: i64) -> i64 {
        match self.stretches.get(self.stretch_at(second)) {
            Some(stretch) => stretch.before + (second - stretch.start).max(0),
            None => self
                .stretches
                .last()
                .map_or(0, |last| last.before + (last.end - last.start)),
        }
    }
}

/// For each UTC day from the first to the last second: the first stretch that ends after its
/// midnight.
fn first_of_day(stretches: &[Stretch], first_second: i64, last_second: i64) -> Vec<u32> {
    let mut first_of_day = Vec::new();
    let mut stretch = 0;
    let mut midnight = first_second;
    while midnight <= last_second {
        while stretches.get(stretch).is_some_and(|s| s.end <= midnight) {
            stretch += 1;
        }
        // There are at most a few windows on each of some 40,000 days.
        first_of_day.push(u32::try_from(stretch).unwrap_or(u32::MAX));
        midnight += SECONDS_PER_DAY;
    }
    first_of_day
}

fn first_of_year(year: i32) -> Date {
    Month::from_ordinal(year * 12).first_day()
}

impl fmt::Debug for BusinessCalendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "BusinessCalendar({}, {}, {} stretches)",
            self.id,
            self.zone,
            self.stretches.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFICE: &str = r#"
        id = "office"
        zone = "Europe/Amsterdam"
        weekly = { mon = ["13:00-17:00", "09:00-12:30"], fri = ["09:00-17:00"] }
        holidays = ["2025-12-26"]
        exceptions = { "2025-12-24" = ["09:00-12:00:30"], "2025-12-22" = [] }
    "#;

    fn calendar(text: &str) -> BusinessCalendar {
        BusinessCalendar::new(&toml::from_str(text).unwrap()).unwrap()
    }

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn windows_holidays_and_exceptions_are_counted() {
        let office = calendar(OFFICE);
        let day = |date: &str| {
            let start = office.zone().start_of_day(date.parse().unwrap());
            office
                .business_s(start, start.plus_seconds(86_400))
                .unwrap()
        };
        assert_eq!(day("2025-12-15"), 7 * 3600 + 1800);
        assert_eq!(day("2025-12-16"), 0);
        assert_eq!(day("2025-12-19"), 8 * 3600);
        assert_eq!(
            (day("2025-12-22"), day("2025-12-24"), day("2025-12-26")),
            (0, 10_830, 0)
        );
        assert!(office.is_open(at("2025-12-15T11:29:59Z")).unwrap());
        assert!(!office.is_open(at("2025-12-15T11:30:00Z")).unwrap());
        assert_eq!(office.ordinary_week(), ((15 * 3600 + 1800), 2));
    }

    #[test]
    fn the_hours_within_another_calendar_are_those_of_both() {
        let office = calendar(OFFICE);
        let mornings = calendar(
            r#"
            id = "mornings"
            zone = "Europe/London"
            weekly = { mon = ["08:00-11:00"], tue = ["08:00-11:00"] }
        "#,
        );
        // Monday 15 December 2025: 09:00-12:00 in Amsterdam of the 09:00-12:30.
        let (start, end) = (at("2025-12-14T23:00:00Z"), at("2025-12-21T23:00:00Z"));
        for both in [mornings.within(&office), office.within(&mornings)] {
            assert_eq!(both.business_s(start, end).unwrap(), 3 * 3600);
            assert!(!both.is_open(at("2025-12-15T11:00:00Z")).unwrap());
            assert_eq!(both.first_open(), Some(at("1990-01-01T08:00:00Z")));
        }
        assert_eq!(mornings.within(&office).id(), "mornings");
        let saturdays = calendar(
            r#"
            id = "saturdays"
            zone = "Europe/Amsterdam"
            weekly = { sat = ["00:00-24:00"] }
        "#,
        );
        let never = saturdays.within(&office);
        assert_eq!(
            (never.first_open(), never.business_s(start, end).unwrap()),
            (None, 0)
        );
    }

    #[test]
    fn outside_the_years_is_an_error_and_their_ends_are_exact() {
        let always = BusinessCalendar::new(&CalendarDefinition::round_the_clock(
            "always",
            Zone::new("Asia/Tokyo").unwrap(),
        ))
        .unwrap();
        let (first, last) = (at("1990-01-01T00:00:00Z"), at("2100-01-01T00:00:00Z"));
        assert_eq!(
            always.business_s(first, last).unwrap(),
            last.wall_s_since(first)
        );
        assert_eq!(
            always.add_business(first, last.wall_s_since(first)),
            Some(last)
        );
        assert_eq!(always.add_business(last, 1), None);
        assert_eq!(always.add_business(first, i64::MAX), None);
        let error = always
            .business_s(first, at("9999-12-31T00:00:00Z"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("outside 1990 to 2099"), "{error}");
        let _ = always.is_open(last).unwrap();
    }

    #[test]
    fn a_split_by_month_follows_the_zone_given() {
        let office = calendar(OFFICE);
        // Friday 28 February 2025, 09:00-17:00 in Amsterdam, is 17:00 to 01:00 in Tokyo.
        let (start, end) = (at("2025-02-28T08:00:00Z"), at("2025-03-03T09:00:00Z"));
        let split = |zone: &str| -> Vec<(String, i64)> {
            let zone = Zone::new(zone).unwrap();
            let parts = office.split_by_month(start, end, &zone).unwrap();
            parts
                .map(|(month, business_s)| (month.to_string(), business_s))
                .collect()
        };
        assert_eq!(
            split("Europe/Amsterdam"),
            [("2025-02".to_owned(), 28_800), ("2025-03".to_owned(), 3600)]
        );
        assert_eq!(
            split("Asia/Tokyo"),
            [("2025-02".to_owned(), 25_200), ("2025-03".to_owned(), 7200)]
        );
        assert_eq!(
            office
                .split_by_month(end, start, office.zone())
                .unwrap()
                .count(),
            0
        );
    }
}

//! Business calendars: schedules of known tools, days on which clocks change, and laws.

use gainshare::time::{BusinessCalendar, CalendarDefinition, Instant, Zone};
use proptest::prelude::*;

pub(crate) fn calendar(text: &str) -> BusinessCalendar {
    let definition: CalendarDefinition = toml::from_str(text).unwrap();
    BusinessCalendar::new(&definition).unwrap()
}

/// Monday to Friday with one window.
pub(crate) fn weekdays(zone: &str, window: &str) -> BusinessCalendar {
    calendar(&format!(
        "id = 'weekdays'\nzone = '{zone}'\n\
         weekly = {{ mon = ['{window}'], tue = ['{window}'], wed = ['{window}'], thu = ['{window}'], fri = ['{window}'] }}"
    ))
}

pub(crate) fn round_the_clock(zone: &str) -> BusinessCalendar {
    let zone = Zone::new(zone).unwrap();
    BusinessCalendar::new(&CalendarDefinition::round_the_clock("always", zone)).unwrap()
}

/// A local reading that happened once, as `2025-03-31 09:30` or with seconds.
pub(crate) fn local(calendar: &BusinessCalendar, text: &str) -> Instant {
    let (date, time) = text.split_once(' ').unwrap();
    let second = time
        .split(':')
        .fold(0, |sum, part| sum * 60 + part.parse::<u32>().unwrap());
    let second = if time.len() == 5 { second * 60 } else { second };
    calendar
        .zone()
        .instant_of(date.parse().unwrap(), second)
        .once()
        .unwrap()
}

/// (business_s, wall_s) between two local readings.
fn between(calendar: &BusinessCalendar, start: &str, end: &str) -> (i64, i64) {
    let (start, end) = (local(calendar, start), local(calendar, end));
    (
        calendar.business_s(start, end).unwrap(),
        end.wall_s_since(start),
    )
}

const HOUR: i64 = 3600;

#[test]
fn golden_18_servicenow_schedules() {
    // 2025-03-07 is a Friday.
    let eight_to_five = weekdays("Europe/Amsterdam", "08:00-17:00");
    let elapsed = between(&eight_to_five, "2025-03-07 21:00", "2025-03-10 09:30");
    assert_eq!(elapsed, (HOUR + 1800, 60 * HOUR + 1800));
    let nine_to_five = weekdays("Europe/Amsterdam", "09:00-17:00");
    assert_eq!(
        between(&nine_to_five, "2025-03-04 14:00", "2025-03-05 09:00"),
        (3 * HOUR, 19 * HOUR)
    );
}

#[test]
fn golden_19_due_times_of_a_helpdesk() {
    // Monday to Friday 10 to 18; 2025-03-03 is a Monday.
    let calendar = weekdays("Asia/Kolkata", "10:00-18:00");
    let due = |start: &str, business_s| calendar.add_business(local(&calendar, start), business_s);
    for (start, business_s, expected) in [
        ("2025-03-03 08:00", HOUR, "2025-03-03 11:00"),
        ("2025-03-03 08:00", 4 * HOUR, "2025-03-03 14:00"),
        ("2025-03-03 20:00", 1800, "2025-03-04 10:30"),
        ("2025-03-03 20:00", 2 * HOUR, "2025-03-04 12:00"),
        // The end of the day belongs to the day.
        ("2025-03-08 15:00", 24 * HOUR, "2025-03-12 18:00"),
        ("2025-03-08 15:00", 72 * HOUR, "2025-03-20 18:00"),
        ("2025-03-07 17:00", 1800, "2025-03-07 17:30"),
        ("2025-03-07 17:00", 2 * HOUR, "2025-03-10 11:00"),
        ("2025-03-06 15:00", 3 * HOUR, "2025-03-06 18:00"),
        ("2025-03-06 15:00", 3 * HOUR + 1, "2025-03-07 10:00:01"),
    ] {
        assert_eq!(
            due(start, business_s),
            Some(local(&calendar, expected)),
            "{start}"
        );
    }
    assert_eq!(
        due("2025-03-08 15:00", 0),
        Some(local(&calendar, "2025-03-08 15:00"))
    );
}

#[test]
fn golden_21_days_of_23_and_25_hours() {
    let always = round_the_clock("Europe/Amsterdam");
    let (spring, autumn) = (
        between(&always, "2025-03-29 12:00", "2025-03-30 12:00"),
        between(&always, "2025-10-25 12:00", "2025-10-26 12:00"),
    );
    assert_eq!(spring, (23 * HOUR, 23 * HOUR));
    assert_eq!(autumn, (25 * HOUR, 25 * HOUR));
}

#[test]
fn golden_22_business_days_are_days_of_the_calendar() {
    let calendar = weekdays("UTC", "09:00-17:00");
    let (week_s, days) = calendar.ordinary_week();
    assert_eq!(32 * HOUR * days, 4 * week_s);
}

#[test]
fn windows_follow_the_clock_on_days_when_it_changes() {
    let night = calendar(
        "id = 'night'\nzone = 'Europe/Amsterdam'\n\
         weekly = { sat = ['22:00-24:00'], sun = ['00:00-06:00', '08:00-09:00'] }",
    );
    assert_eq!(
        between(&night, "2025-03-22 12:00", "2025-03-23 12:00").0,
        9 * HOUR
    );
    assert_eq!(
        between(&night, "2025-03-29 12:00", "2025-03-30 12:00").0,
        8 * HOUR
    );
    assert_eq!(
        between(&night, "2025-10-25 12:00", "2025-10-26 12:00").0,
        10 * HOUR
    );
    // A window inside the hour that is skipped does not exist, one inside the hour that
    // happens twice is open until the clock first reaches its end.
    let inside =
        calendar("id = 'inside'\nzone = 'Europe/Amsterdam'\nweekly = { sun = ['02:15-02:45'] }");
    assert_eq!(
        between(&inside, "2025-03-30 00:00", "2025-03-31 00:00").0,
        0
    );
    assert_eq!(
        between(&inside, "2025-10-26 00:00", "2025-10-27 00:00").0,
        1800
    );
    assert_eq!(
        between(&inside, "2025-06-01 00:00", "2025-06-02 00:00").0,
        1800
    );
}

#[test]
fn a_midnight_that_is_skipped_or_comes_twice_neither_loses_nor_doubles_time() {
    for (zone, from, to) in [
        (
            "America/St_Johns",
            "2009-10-30T12:00:00Z",
            "2009-11-03T12:00:00Z",
        ),
        (
            "America/Asuncion",
            "2017-09-29T12:00:00Z",
            "2017-10-03T12:00:00Z",
        ),
        (
            "Pacific/Apia",
            "2011-12-27T12:00:00Z",
            "2012-01-03T12:00:00Z",
        ),
        (
            "Australia/Lord_Howe",
            "2025-04-01T12:00:00Z",
            "2025-04-09T12:00:00Z",
        ),
    ] {
        let always = round_the_clock(zone);
        let (from, to): (Instant, Instant) = (from.parse().unwrap(), to.parse().unwrap());
        assert_eq!(
            always.business_s(from, to),
            Ok(to.wall_s_since(from)),
            "{zone}"
        );
    }
}

/// The same count by asking the clock on the wall every second would take too long; every
/// minute is exact as long as windows and instants are whole minutes and no clock changes by
/// less.
fn counted_minute_by_minute(calendar: &CalendarDefinition, start: Instant, end: Instant) -> i64 {
    let mut open_s = 0;
    let mut now = start;
    while now < end {
        let (date, second) = calendar.zone.local(now);
        let windows = match calendar.exceptions.get(&date) {
            _ if calendar.holidays.contains(&date) => &[],
            Some(windows) => windows.as_slice(),
            None => calendar.weekly.of(date.weekday()),
        };
        if windows
            .iter()
            .any(|w| (w.start_s()..w.end_s()).contains(&second))
        {
            open_s += 60;
        }
        now = now.plus_seconds(60);
    }
    open_s
}

/// Calendars without a window in the small hours, where wall-clock membership and the rule
/// for repeated hours could differ.
fn definitions() -> impl Strategy<Value = CalendarDefinition> {
    let window = (7u32..12, 0u32..60, 12u32..24, 0u32..60);
    let day = prop_oneof![
        Just(Vec::new()),
        window
            .clone()
            .prop_map(|(h, m, i, n)| vec![format!("{h:02}:{m:02}-{i:02}:{n:02}")]),
        window.prop_map(|(h, m, i, n)| vec![
            format!("{h:02}:{m:02}-12:00"),
            format!("12:30-{:02}:{n:02}", i.max(13))
        ]),
        Just(vec!["07:00-24:00".to_owned()]),
    ];
    let zone = prop_oneof![
        Just("Europe/Amsterdam"),
        Just("America/New_York"),
        Just("Asia/Kolkata"),
        Just("Australia/Lord_Howe"),
        Just("UTC")
    ];
    let dates = prop::collection::btree_set(20_000i32..20_060, 0..6);
    (zone, prop::collection::vec(day, 7), dates).prop_map(|(zone, mut week, dates)| {
        if week.iter().all(Vec::is_empty) {
            week[0].push("09:00-17:00".to_owned());
        }
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let weekly: Vec<String> =
            names.iter().zip(&week).map(|(name, windows)| format!("{name} = {windows:?}")).collect();
        let date = |day: &i32| gainshare::time::Date::from_days_since_epoch(*day).to_string();
        let (holidays, exceptions): (Vec<&i32>, Vec<&i32>) = dates.iter().partition(|&day| day % 2 == 0);
        let holidays: Vec<String> = holidays.into_iter().map(date).collect();
        let exceptions: Vec<String> =
            exceptions.into_iter().map(|day| format!("{:?} = ['08:00-08:30']", date(day))).collect();
        toml::from_str(&format!(
            "id = 'any'\nzone = '{zone}'\nweekly = {{ {} }}\nholidays = {holidays:?}\nexceptions = {{ {} }}",
            weekly.join(", "),
            exceptions.join(", ")
        ))
        .unwrap()
    })
}

/// Whole minutes in the sixty days around the holidays above (autumn 2024 to spring 2025).
fn minutes() -> impl Strategy<Value = Instant> {
    (19_990i64 * 1440..20_070 * 1440).prop_map(|minute| Instant::from_seconds(minute * 60))
}

fn instants() -> impl Strategy<Value = Instant> {
    (631_152_000_000_000i64..4_102_444_800_000_000).prop_map(Instant::from_micros)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn business_time_is_what_the_clock_on_the_wall_says(
        definition in definitions(), a in minutes(), days in 0i64..20, minute in 0i64..1440,
    ) {
        let b = a.plus_seconds(days * 86_400 + minute * 60);
        let calendar = BusinessCalendar::new(&definition).unwrap();
        prop_assert_eq!(calendar.business_s(a, b), Ok(counted_minute_by_minute(&definition, a, b)));
    }

    #[test]
    fn business_time_adds_up_over_adjacent_periods(
        definition in definitions(), a in instants(), b in instants(), c in instants(),
    ) {
        let calendar = BusinessCalendar::new(&definition).unwrap();
        let s = |from, to| calendar.business_s(from, to).unwrap();
        prop_assert_eq!(s(a, b) + s(b, c), s(a, c));
        prop_assert_eq!(s(a, b), -s(b, a));
        prop_assert!(s(a.min(b), a.max(b)) <= a.max(b).wall_s_since(a.min(b)));
    }

    #[test]
    fn the_due_time_is_the_first_instant_by_which_the_time_has_passed(
        definition in definitions(), start in instants(), business_s in 1i64..40_000_000,
    ) {
        let calendar = BusinessCalendar::new(&definition).unwrap();
        if let Some(due) = calendar.add_business(start, business_s) {
            prop_assert_eq!(calendar.business_s(start, due), Ok(business_s));
            prop_assert_eq!(calendar.business_s(start, due.plus_seconds(-1)), Ok(business_s - 1));
        } else {
            let end = Instant::from_seconds(4_102_444_800);
            prop_assert!(calendar.business_s(start, end).unwrap() < business_s);
        }
    }

    #[test]
    fn months_add_up_to_the_whole(
        definition in definitions(), a in instants(), b in minutes(), zone in 0usize..3,
    ) {
        let zone = Zone::new(["UTC", "Pacific/Auckland", "America/St_Johns"][zone]).unwrap();
        let calendar = BusinessCalendar::new(&definition).unwrap();
        let (start, end) = (a.min(b), a.max(b));
        let parts: Vec<_> = calendar.split_by_month(start, end, &zone).unwrap().collect();
        prop_assert_eq!(parts.iter().map(|p| p.1).sum::<i64>(), calendar.business_s(start, end).unwrap());
        prop_assert!(parts.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (month, business_s) in parts {
            let (from, to) = (month.start(&zone).max(start), month.next().start(&zone).min(end));
            prop_assert_eq!(calendar.business_s(from, to), Ok(business_s));
        }
    }

    #[test]
    fn cutting_a_window_in_two_changes_nothing(a in instants(), b in instants(), cut in 1u32..1440) {
        let whole = round_the_clock("America/St_Johns");
        let cut = format!("{:02}:{:02}", cut / 60, cut % 60);
        let day = format!("['00:00-{cut}', '{cut}-24:00']");
        let halves = calendar(&format!(
            "id = 'halves'\nzone = 'America/St_Johns'\nweekly = {{ mon = {day}, tue = {day}, wed = {day}, thu = {day}, fri = {day}, sat = {day}, sun = {day} }}"
        ));
        prop_assert_eq!(whole.business_s(a, b), halves.business_s(a, b));
    }
}

//! Rates by hours (`[[measure.impact.rates]]`) worked by hand: over the border of two rates, on days
//! on which clocks change, per service, and what contradicts.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use gainshare::measure::fact::{Fact, Notice, NoticeKind};
use gainshare::measure::fragment::{Cell, Fragment};
use gainshare::measure::kernel;
use gainshare::measure::plan::MeasurePlan;
use gainshare::measure::spec::MeasureSpec;
use gainshare::measure::tally::{Ready, Tally};
use gainshare::time::{CalendarDefinition, Instant};

/// A minute of all users in the units of the cells.
const MINUTE: i128 = 60 * 1_000_000;

const CALENDARS: [&str; 6] = [
    "id = 'always'\nzone = 'Europe/Amsterdam'\nround_the_clock = true",
    "id = 'office'\nzone = 'Europe/Amsterdam'\nweekly = { mon = ['08:00-18:00'], tue = ['08:00-18:00'] }",
    "id = 'night'\nzone = 'Europe/Amsterdam'\nweekly = { \
     mon = ['00:00-06:00', '22:00-24:00'], tue = ['00:00-06:00', '22:00-24:00'], \
     wed = ['00:00-06:00', '22:00-24:00'], thu = ['00:00-06:00', '22:00-24:00'], \
     fri = ['00:00-06:00', '22:00-24:00'], sat = ['00:00-06:00', '22:00-24:00'], \
     sun = ['00:00-06:00', '22:00-24:00'] }",
    "id = 'peak'\nzone = 'Europe/Amsterdam'\nweekly = { mon = ['09:00-12:00'] }",
    "id = 'morning'\nzone = 'Europe/Amsterdam'\nweekly = { mon = ['00:00-11:00'] }",
    "id = 'sunday'\nzone = 'Europe/Amsterdam'\nweekly = { sun = ['00:00-24:00'] }",
];

/// A night at a quarter of the price and Monday mornings at three times; `shop` knows no night.
const RATES: &str = r#"
zone = "Europe/Amsterdam"
[impact]
calendar = "always"
rates = [
    { calendar = "night", factor = "0.25" },
    { calendar = "peak", factor = "3" },
    { calendar = "peak", factor = "10", service = "shop" },
]
[[notices.limits]]
priority = "P1"
first = "15m"
"#;

fn planned(terms: &str) -> Result<MeasurePlan, String> {
    let calendars = CALENDARS.map(|text| toml::from_str::<CalendarDefinition>(text).unwrap());
    let spec: MeasureSpec = toml::from_str(terms).unwrap();
    spec.plan("C1", &calendars).map_err(|e| e.to_string())
}

fn plan(terms: &str) -> MeasurePlan {
    planned(terms).unwrap()
}

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn measured(
    plan: &MeasurePlan,
    service: &str,
    (from, to): (&str, &str),
    share_ppm: u32,
    told: Option<&str>,
) -> Fragment {
    let notices: Vec<Notice<'_>> = told
        .map(|sent| Notice {
            sent_at: at(sent),
            kind: NoticeKind::Incident,
            level: None,
            parts: [None; 5],
            stated_s_ppm: None,
        })
        .into_iter()
        .collect();
    let fact = Fact {
        service_id: service,
        priority: 1,
        resolved_at: Some(at(to)),
        affected_ppm: Some(share_ppm),
        notices: &notices,
        ..Fact::opened("C1", "T1", at(from))
    };
    let mut out = Tally::default();
    kernel::add(&fact, &Ready::new(plan), false, &mut out);
    out.into_fragment()
}

fn sum(fragment: &Fragment) -> Cell {
    let mut total = Cell::default();
    fragment.cells.values().for_each(|cell| total.merge(cell));
    total
}

/// Minutes of all users, and what they weigh in thousandths of a minute.
fn weighed(cell: &Cell) -> (i128, i128) {
    let weight = cell.impact_s_ppm * 1_000_000 + cell.impact_rated;
    (cell.impact_s_ppm / MINUTE, weight / (MINUTE * 1_000))
}

#[test]
fn an_outage_over_the_border_of_two_rates_is_split_there() {
    let plan = plan(RATES);
    // Tuesday 21:00 to 23:00 in Amsterdam: 60 minutes, then 60 at a quarter.
    let of =
        |service: &str, span, share| weighed(&sum(&measured(&plan, service, span, share, None)));
    let evening = ("2025-03-04T20:00:00Z", "2025-03-04T22:00:00Z");
    assert_eq!(of("mail", evening, 1_000_000), (120, 75_000));
    assert_eq!(of("mail", evening, 500_000), (60, 37_500));
    // A service with a rate of its own has no other.
    assert_eq!(of("shop", evening, 1_000_000), (120, 120_000));
    // Sunday 23:00 to Monday 10:00: 7 h of night, 3 h, 1 h at the peak: 105 + 180 + 180.
    let long = ("2025-03-09T22:00:00Z", "2025-03-10T09:00:00Z");
    assert_eq!(of("mail", long, 1_000_000), (660, 465_000));
    assert_eq!(of("shop", long, 1_000_000), (660, 1_200_000));
}

#[test]
fn nights_on_which_clocks_change_are_an_hour_shorter_or_longer() {
    let plan = plan(RATES);
    let of = |span| weighed(&sum(&measured(&plan, "mail", span, 1_000_000, None)));
    // 30 March 2025, 01:00 to 07:00: 02:00-03:00 does not exist. 4 h of night, 1 h.
    assert_eq!(
        of(("2025-03-30T00:00:00Z", "2025-03-30T05:00:00Z")),
        (300, 120_000)
    );
    // 26 October 2025, 01:00 to 07:00: 02:00-03:00 comes twice. 6 h of night, 1 h.
    assert_eq!(
        of(("2025-10-25T23:00:00Z", "2025-10-26T06:00:00Z")),
        (420, 150_000)
    );
}

#[test]
fn the_weight_falls_in_the_months_of_its_hours() {
    let plan = plan(RATES);
    // 31 March 2025, 21:00 to 1 April, 07:00: 1 h and 2 h of night, then 6 h of night and 1 h.
    let fragment = measured(
        &plan,
        "mail",
        ("2025-03-31T19:00:00Z", "2025-04-01T05:00:00Z"),
        1_000_000,
        None,
    );
    let months: Vec<(String, (i128, i128))> = fragment
        .cells
        .iter()
        .map(|(key, cell)| (key.month.to_string(), weighed(cell)))
        .collect();
    assert_eq!(
        months,
        [
            ("2025-03".to_owned(), (180, 90_000)),
            ("2025-04".to_owned(), (420, 150_000))
        ]
    );
    let worst = &fragment.worst.contracts["C1"]["mail"][&"2025-03".parse().unwrap()].restored[0];
    assert_eq!(worst.impact_s_ppm, Some(600 * MINUTE));
    assert_eq!(worst.impact_weighed, Some(240 * MINUTE * 1_000_000));
}

#[test]
fn silence_is_weighed_as_disruption_is() {
    let plan = plan(RATES);
    // Known on Tuesday at 21:30, told at 22:20: 30 minutes and 20 at a quarter.
    let span = ("2025-03-04T20:30:00Z", "2025-03-04T23:00:00Z");
    let fragment = measured(&plan, "mail", span, 1_000_000, Some("2025-03-04T21:20:00Z"));
    let cell = sum(&fragment);
    assert_eq!(cell.telling_s_ppm, 50 * MINUTE);
    assert_eq!(
        cell.telling_s_ppm * 1_000_000 + cell.telling_rated,
        35 * MINUTE * 1_000_000
    );
    let worst = &fragment.worst.contracts["C1"]["mail"][&"2025-03".parse().unwrap()].restored[0];
    assert_eq!(worst.silent_s_ppm, Some(50 * MINUTE));
    assert_eq!(worst.silent_weighed, Some(35 * MINUTE * 1_000_000));
}

#[test]
fn the_dearer_of_two_incidents_is_the_worse() {
    let plan = plan(RATES);
    let fact = |number: &'static str, from: &str, to: &str| Fact {
        service_id: "mail",
        priority: 1,
        resolved_at: Some(at(to)),
        affected_ppm: Some(1_000_000),
        ..Fact::opened("C1", number, at(from))
    };
    let mut out = Tally::default();
    let ready = Ready::new(&plan);
    // Five nights of 5 h, 75 minutes each; an hour of a Tuesday is less, an hour at the peak more.
    for (number, day) in [("N1", 11), ("N2", 12), ("N3", 13), ("N4", 14), ("N5", 15)] {
        let (from, to) = (
            format!("2025-03-{day}T00:00:00Z"),
            format!("2025-03-{day}T05:00:00Z"),
        );
        kernel::add(&fact(number, &from, &to), &ready, false, &mut out);
    }
    for (number, from, to) in [
        ("DAY", "2025-03-18T10:00:00Z", "2025-03-18T11:00:00Z"),
        ("PEAK", "2025-03-17T08:00:00Z", "2025-03-17T09:00:00Z"),
    ] {
        kernel::add(&fact(number, from, to), &ready, false, &mut out);
    }
    let fragment = out.into_fragment();
    let group = &fragment.worst.contracts["C1"]["mail"][&"2025-03".parse().unwrap()];
    let numbers: Vec<&str> = group
        .restored
        .iter()
        .map(|i| i.ticket_id.as_str())
        .collect();
    assert_eq!(numbers, ["PEAK", "N1", "N2", "N3", "N4"]);
}

#[test]
fn a_rate_outside_the_hours_that_count_changes_nothing_there() {
    // Office hours count; the rate covers all of Monday's mornings.
    let plan = plan(
        "zone = 'Europe/Amsterdam'\n[impact]\ncalendar = 'office'\n\
         rates = [{ calendar = 'morning', factor = '2' }]",
    );
    // Monday 07:00 to 13:00: 5 h count, 3 of them twice.
    let span = ("2025-03-10T06:00:00Z", "2025-03-10T12:00:00Z");
    let cell = sum(&measured(&plan, "mail", span, 1_000_000, None));
    assert_eq!(weighed(&cell), (300, 480_000));
}

#[test]
fn terms_without_rates_weigh_every_minute_alike() {
    let plan = plan("zone = 'Europe/Amsterdam'\n[impact]\ncalendar = 'always'");
    assert!(plan.rates.is_empty());
    let span = ("2025-03-04T20:00:00Z", "2025-03-04T22:00:00Z");
    let cell = sum(&measured(&plan, "mail", span, 1_000_000, None));
    assert_eq!((cell.impact_s_ppm, cell.impact_rated), (120 * MINUTE, 0));
}

#[test]
fn what_contradicts_is_said() {
    let said = |impact: &str| {
        planned(&format!("zone = 'Europe/Amsterdam'\n[impact]\n{impact}")).unwrap_err()
    };
    for (impact, problem) in [
        (
            "calendar = 'always'\nrates = [{ calendar = 'nights', factor = '2' }]",
            "[measure] impact.rates, entry 1: there is no calendar `nights`",
        ),
        (
            "rates = [{ calendar = 'night', factor = '2' }]",
            "without impact.calendar",
        ),
        (
            "calendar = 'always'\nrates = [{ calendar = 'night', factor = '-1' }]",
            "the factor is -1: it goes from 0 to 1000",
        ),
        (
            "calendar = 'always'\nrates = [{ calendar = 'night', factor = '0.1234567' }]",
            "at most six decimals",
        ),
        (
            "calendar = 'always'\nrates = [{ calendar = 'night', factor = '1001' }]",
            "the factor is 1001",
        ),
        (
            "calendar = 'office'\nrates = [{ calendar = 'sunday', factor = '2' }]",
            "`sunday` has no hour in common with impact.calendar `office`",
        ),
        (
            "calendar = 'always'\nrates = [{ calendar = 'night', factor = '2' }, \
             { calendar = 'sunday', factor = '1.5' }]",
            "entry 2: `sunday` covers",
        ),
    ] {
        let found = said(impact);
        assert!(found.contains(problem), "{found}");
    }
    // Of different services they may overlap.
    plan(
        "zone = 'Europe/Amsterdam'\n[impact]\ncalendar = 'always'\n\
         rates = [{ calendar = 'night', factor = '2' }, \
         { calendar = 'sunday', factor = '1.5', service = 'mail' }]",
    );
}

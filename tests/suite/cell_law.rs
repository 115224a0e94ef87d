//! The cell law: fragments of disjoint tickets merge exactly, whatever they share, and repeats
//! across the borders of partitions are those that a plain count over the whole history finds.
//! Facts share items, resolve in other months, arrive late, pause, change priority and stay open.
#![allow(clippy::unwrap_used)]

mod parts;

use std::collections::{BTreeMap, BTreeSet};

use gainshare::measure::billing::split_by_month;
use gainshare::measure::cells::Cells;
use gainshare::measure::clock::ClockState;
use gainshare::measure::clock_policy::ClockPolicy;
use gainshare::measure::fact::{Change, Event, Fact, Neighbours, Notice, NoticeKind, TicketType};
use gainshare::measure::fragment::{Cell, Clock, Fragment};
use gainshare::measure::kernel;
use gainshare::measure::plan::{Fixes, MeasurePlan};
use gainshare::measure::rates::Rate;
use gainshare::measure::spec::{Impact, MeasureSpec, NoticeLimit, Notices, Outage, Target};
use gainshare::measure::tally::{Ready, Tally};
use gainshare::money::{Currency, Decimal};
use gainshare::time::{BusinessCalendar, CalendarDefinition, Date, Instant, Weekly, Zone};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

const CONTRACTS: [&str; 2] = ["C1", "C2"];
const SERVICES: [&str; 3] = ["", "mail", "web"];
const ITEMS: [(&str, &str); 3] = [("ci-1", "disk"), ("ci-1", "login"), ("ci-2", "disk")];
const GROUPS: [&str; 3] = ["desk", "network", "vendor"];
const STATES: [ClockState; 4] = [
    ClockState::Running,
    ClockState::Paused,
    ClockState::Resolved,
    ClockState::Resolved,
];
/// 2024-10-15, 2025-05-15: the months between hold both changes of the clock.
const START_S: i64 = 1_728_950_400;
const END_S: i64 = 1_747_267_200;

/// A ticket that owns its texts.
#[derive(Debug, Clone)]
struct Ticket {
    number: String,
    contract: &'static str,
    service: &'static str,
    kind: TicketType,
    opened: i64,
    resolved: Option<i64>,
    priority: u8,
    initial: Option<u8>,
    item: Option<(&'static str, &'static str)>,
    child: bool,
    affected: Option<u32>,
    hold: i64,
    events: Vec<Event<'static>>,
    gap: Option<i64>,
    beside: Beside,
}

/// What a ticket carries beside its own course.
#[derive(Debug, Clone)]
struct Beside {
    responded: Option<i64>,
    detected: Option<i64>,
    assignee: Option<&'static str>,
    channel: Option<&'static str>,
    reassignments: Option<u64>,
    reopens: Option<u64>,
    problem: Option<&'static str>,
    change_induced: bool,
    tool_breached: Option<bool>,
    notices: Vec<Notice<'static>>,
}

impl Ticket {
    fn fact(&self) -> Fact<'_> {
        Fact {
            source: "tool",
            ticket_id: &self.number,
            contract_id: self.contract,
            service_id: self.service,
            ticket_type: self.kind,
            opened_at: Instant::from_micros(self.opened),
            resolved_at: self.resolved.map(Instant::from_micros),
            priority: self.priority,
            initial_priority: self.initial,
            item: self.item,
            item_gap_s: self.gap,
            // Like the gap, a fact of the ticket: whatever it is, it must merge.
            neighbours: Neighbours {
                comparable: self.beside.problem.is_some(),
                opened_before_s: self.beside.reassignments.map(|n| n as i64 * 600),
                resolved_before_s: self.gap.filter(|gap| *gap > 0),
                first_child: self.child && self.beside.change_induced,
            },
            child: self.child,
            affected_ppm: self.affected,
            on_hold_s: self.hold,
            events: &self.events,
            category: self.item.map(|(_, category)| category),
            responded_at: self.beside.responded.map(Instant::from_micros),
            detected_at: self.beside.detected.map(Instant::from_micros),
            assignee: self.beside.assignee,
            channel: self.beside.channel,
            reassignments: self.beside.reassignments,
            reopens: self.beside.reopens,
            problem_id: self.beside.problem,
            change_induced: self.beside.change_induced,
            tool_breached: self.beside.tool_breached,
            notices: &self.beside.notices,
            ..Fact::opened(
                self.contract,
                &self.number,
                Instant::from_micros(self.opened),
            )
        }
    }

    fn partition(&self) -> String {
        let day = i32::try_from(self.opened.div_euclid(86_400_000_000)).unwrap();
        Date::from_days_since_epoch(day).month().to_string()
    }
}

fn notice() -> impl Strategy<
    Value = (
        i64,
        NoticeKind,
        Option<&'static str>,
        [Option<bool>; 5],
        Option<i128>,
    ),
> {
    (
        -3_600i64..400_000,
        select(vec![
            NoticeKind::Incident,
            NoticeKind::Incident,
            NoticeKind::BreachWarning,
        ]),
        option::of(select(vec![
            "operational",
            "tactical",
            "strategic",
            "garden",
        ])),
        proptest::array::uniform5(option::of(any::<bool>())),
        option::of(0i128..40_000_000_000_000),
    )
}

prop_compose! {
    fn beside(opened: i64)(
        (responded, detected) in (option::of(-600i64..90_000), option::of(-9_000i64..600)),
        assignee in option::weighted(0.8, select(vec!["ann", "bob", "cyd"])),
        channel in option::of(select(vec!["monitoring", "phone"])),
        (reassignments, reopens) in (option::of(0u64..4), option::of(0u64..2)),
        problem in option::of(select(vec!["P1", "P2", "P3"])),
        (change_induced, tool_breached) in (any::<bool>(), option::of(any::<bool>())),
        sent in vec(notice(), 0..6),
    ) -> Beside {
        let after = |s: i64| opened + s * 1_000_000;
        let mut notices: Vec<Notice<'static>> = sent
            .into_iter()
            .map(|(s, kind, level, parts, stated_s_ppm)| Notice {
                sent_at: Instant::from_micros(after(s)), kind, level, parts, stated_s_ppm,
            })
            .collect();
        notices.sort_by_key(|n| n.sent_at);
        Beside {
            responded: responded.map(after), detected: detected.map(after), assignee, channel,
            reassignments, reopens, problem, change_induced, tool_breached, notices,
        }
    }
}

fn ticket() -> impl Strategy<Value = Ticket> {
    course().prop_flat_map(|ticket| {
        (Just(ticket.clone()), beside(ticket.opened))
            .prop_map(|(ticket, beside)| Ticket { beside, ..ticket })
    })
}

prop_compose! {
    fn course()(
        (contract, service, item) in (
            select(&CONTRACTS[..]), select(&SERVICES[..]), option::weighted(0.8, select(&ITEMS[..]))
        ),
        // Whole minutes often coincide between tickets; microseconds test the rounding of gaps.
        opened in prop_oneof![
            3 => (START_S / 3600..END_S / 3600).prop_map(|h| h * 3_600_000_000),
            1 => START_S * 1_000_000..END_S * 1_000_000,
        ],
        lasts in option::weighted(0.85, prop_oneof![
            3 => 0i64..40 * 3_600_000_000,
            1 => 0i64..80 * 86_400_000_000,
        ]),
        (priority, initial) in (1u8..=5, option::of(1u8..=5)),
        kind in prop_oneof![
            8 => Just(TicketType::Incident),
            1 => Just(TicketType::Request),
            1 => Just(TicketType::Other),
        ],
        (child, affected, hold) in (
            proptest::bool::weighted(0.15), option::of(0u32..=1_000_000), 0i64..50_000
        ),
        changes in vec((-3600i64..200_000, prop_oneof![
            select(&STATES[..]).prop_map(Change::State),
            (1u8..=5).prop_map(Change::Priority),
            (option::of(select(&GROUPS[..])), select(&GROUPS[..]))
                .prop_map(|(from, to)| Change::Group { from, to }),
        ]), 0..5),
    ) -> Ticket {
        let mut events: Vec<Event<'static>> = changes
            .into_iter()
            .map(|(after, change)| {
                Event { at: Instant::from_micros(opened + after * 1_000_000), change }
            })
            .collect();
        events.sort_by_key(|e| e.at);
        Ticket {
            number: String::new(), contract, service, kind, opened,
            resolved: lasts.map(|l| opened + l), priority, initial, item, child, affected, hold,
            events, gap: None, beside: Beside {
                responded: None, detected: None, assignee: None, channel: None,
                reassignments: None, reopens: None, problem: None, change_induced: false,
                tool_breached: None, notices: Vec::new(),
            },
        }
    }
}

/// Tickets of the whole history, numbered, with the gaps that the store writes per partition.
fn history() -> impl Strategy<Value = Vec<Ticket>> {
    vec(ticket(), 0..60).prop_map(|mut tickets| {
        for (i, ticket) in tickets.iter_mut().enumerate() {
            ticket.number = format!("T{}", (i * 7919) % 997);
        }
        let mut order: Vec<usize> = (0..tickets.len()).collect();
        order.sort_by(|a, b| {
            let key = |i: usize| (tickets[i].opened, tickets[i].number.clone());
            key(*a).cmp(&key(*b))
        });
        let mut last = BTreeMap::new();
        for i in order {
            let ticket = &mut tickets[i];
            let (TicketType::Incident, Some(item)) = (ticket.kind, ticket.item) else {
                continue;
            };
            let key = (ticket.partition(), ticket.contract, item);
            let former = last.insert(key, ticket.opened);
            ticket.gap = former.map(|f: i64| (ticket.opened - f).div_euclid(1_000_000));
        }
        tickets
    })
}

/// Mondays and Thursdays in Amsterdam.
fn late(windows: &[&str]) -> CalendarDefinition {
    let windows: Vec<_> = windows.iter().map(|w| w.parse().unwrap()).collect();
    CalendarDefinition {
        round_the_clock: false,
        weekly: Weekly {
            mon: windows.clone(),
            thu: windows,
            ..Weekly::default()
        },
        ..CalendarDefinition::round_the_clock("late", Zone::new("Europe/Amsterdam").unwrap())
    }
}

fn plans() -> BTreeMap<&'static str, MeasurePlan> {
    let zone = Zone::new("Europe/Amsterdam").unwrap();
    let day: Vec<_> = vec!["08:00-18:00".parse().unwrap()];
    let office = CalendarDefinition {
        round_the_clock: false,
        weekly: Weekly {
            mon: day.clone(),
            tue: day.clone(),
            wed: day.clone(),
            thu: day.clone(),
            fri: day,
            ..Weekly::default()
        },
        ..CalendarDefinition::round_the_clock("office", zone.clone())
    };
    let always = CalendarDefinition::round_the_clock("always", zone);
    let calendars = [office, always, late(&["15:30-20:00"])];
    let target = |priority: &str, within: &str, calendar: &str| Target {
        priority: priority.to_owned(),
        within: within.to_owned(),
        calendar: calendar.to_owned(),
        service: None,
    };
    let first = MeasureSpec {
        zone: "Europe/Amsterdam".to_owned(),
        repeat_window_days: 30,
        clock: ClockPolicy {
            pauses: vec!["waiting".to_owned()],
            ..ClockPolicy::default()
        },
        restore: vec![
            target("P1", "4h", "always"),
            target("P2", "8h", "always"),
            target("P3", "16h", "office"),
        ],
        impact: Impact {
            calendar: Some("office".to_owned()),
            assumed_share_ppm: Some(250_000),
            rates: [("0.25", None), ("3", Some("web"))]
                .map(|(factor, service)| Rate {
                    calendar: "late".to_owned(),
                    factor: factor.parse().unwrap(),
                    service: service.map(str::to_owned),
                })
                .to_vec(),
        },
        respond: vec![target("P1", "15m", "always"), target("P3", "4h", "office")],
        outage: Some(Outage {
            priority: "P2".to_owned(),
            min_affected_ppm: 100_000,
            calendar: "always".to_owned(),
        }),
        notices: Notices {
            limits: [
                ("P1", "15m", Some("30m")),
                ("P2", "1h", None),
                ("P3", "4h", Some("8h")),
            ]
            .map(|(priority, first, update)| NoticeLimit {
                priority: priority.to_owned(),
                first: first.to_owned(),
                update: update.map(str::to_owned),
                level: (priority != "P2").then(|| "tactical".to_owned()),
            })
            .to_vec(),
            warn_before: Some("30m".to_owned()),
            ..Notices::default()
        },
        ..MeasureSpec::new("Europe/Amsterdam")
    };
    let second = MeasureSpec {
        zone: "America/New_York".to_owned(),
        repeat_window_days: 3,
        clock: ClockPolicy::default(),
        restore: Vec::new(),
        impact: Impact {
            calendar: Some("always".to_owned()),
            ..Impact::default()
        },
        ..MeasureSpec::new("America/New_York")
    };
    let mut first = first.plan("C1", &calendars).unwrap();
    let fixed = |s: i64| Instant::from_seconds(START_S + s);
    first.fixes = Fixes {
        by_item: BTreeMap::from([(
            ("ci-1".to_owned(), "disk".to_owned()),
            vec![
                ("P1".to_owned(), fixed(5_000_000)),
                ("P2".to_owned(), fixed(9_000_000)),
            ],
        )]),
        by_id: BTreeMap::from([("P3".to_owned(), fixed(2_500_000))]),
    };
    BTreeMap::from([
        ("C1", first),
        ("C2", second.plan("C2", &calendars).unwrap()),
    ])
}

thread_local! {
    static PLANS: BTreeMap<&'static str, MeasurePlan> = plans();
}

fn with_plans<T>(f: impl FnOnce(&BTreeMap<&'static str, MeasurePlan>) -> T) -> T {
    PLANS.with(f)
}

fn fragment<'a>(tickets: impl IntoIterator<Item = &'a Ticket>) -> Fragment {
    with_plans(|plans| {
        let ready: BTreeMap<&str, Ready<'_>> = plans
            .iter()
            .map(|(id, plan)| (*id, Ready::new(plan)))
            .collect();
        let mut out = Tally::default();
        for ticket in tickets {
            kernel::add(&ticket.fact(), &ready[ticket.contract], true, &mut out);
        }
        out.into_fragment()
    })
}

fn partitions(tickets: &[Ticket]) -> BTreeMap<String, Vec<&Ticket>> {
    let mut months: BTreeMap<String, Vec<&Ticket>> = BTreeMap::new();
    for ticket in tickets {
        months.entry(ticket.partition()).or_default().push(ticket);
    }
    months
}

fn folded(tickets: &[Ticket]) -> Cells {
    let fragments: BTreeMap<String, Fragment> = partitions(tickets)
        .into_iter()
        .map(|(month, rows)| (month, fragment(rows)))
        .collect();
    with_plans(|plans| Cells::fold(fragments, |contract| plans.get(contract)))
}

fn sums<'a>(cells: impl IntoIterator<Item = &'a Cell>) -> Cell {
    let mut total = Cell::default();
    for cell in cells {
        total.merge(cell);
    }
    total
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn fragments_of_a_partition_merge_exactly(
        tickets in history(),
        place in vec(0usize..4, 60),
        turn in any::<proptest::sample::Index>(),
    ) {
        for rows in partitions(&tickets).into_values() {
            let whole = fragment(rows.iter().copied());
            let mut backwards: Vec<&Ticket> = rows.clone();
            backwards.reverse();
            prop_assert_eq!(&fragment(backwards), &whole);
            let mut parts = vec![Vec::new(); 4];
            for (row, part) in rows.iter().zip(&place) {
                parts[*part].push(*row);
            }
            let first = turn.index(parts.len());
            parts.rotate_left(first);
            let mut merged = Fragment::default();
            for part in parts {
                merged.merge(fragment(part));
            }
            prop_assert_eq!(&merged, &whole);
        }
    }

    #[test]
    fn merging_is_associative_and_commutative(
        tickets in history(),
        place in vec(0usize..3, 60),
    ) {
        for rows in partitions(&tickets).into_values() {
            let part = |n: usize| {
                let rows = rows.iter().zip(&place).filter(|(_, p)| **p == n);
                fragment(rows.map(|(r, _)| *r))
            };
            let join = |mut a: Fragment, b: Fragment| { a.merge(b); a };
            let left = join(join(part(0), part(1)), part(2));
            prop_assert_eq!(&left, &join(part(0), join(part(1), part(2))));
            prop_assert_eq!(&left, &join(join(part(2), part(0)), part(1)));
        }
    }

    #[test]
    fn threads_and_order_of_tickets_do_not_change_cells(
        (tickets, shuffled) in history().prop_flat_map(|t| (Just(t.clone()), Just(t).prop_shuffle())),
        chunk in 1usize..9,
    ) {
        use rayon::prelude::*;
        let whole = folded(&tickets);
        prop_assert_eq!(&folded(&shuffled), &whole);
        let fragments: BTreeMap<String, Fragment> = partitions(&shuffled)
            .into_par_iter()
            .map(|(month, rows)| {
                let parts: Vec<Fragment> =
                    rows.par_chunks(chunk).map(|c| fragment(c.iter().copied())).collect();
                let mut merged = Fragment::default();
                for part in parts.into_iter().rev() {
                    merged.merge(part);
                }
                (month, merged)
            })
            .collect();
        let spread = with_plans(|plans| Cells::fold(fragments, |c| plans.get(c)));
        prop_assert_eq!(&spread, &whole);
    }

    #[test]
    fn repeats_are_those_of_a_plain_count_over_the_whole_history(tickets in history()) {
        let cells = folded(&tickets).total;
        let mut openings: BTreeMap<_, Vec<&Ticket>> = BTreeMap::new();
        for ticket in tickets.iter().filter(|t| t.kind == TicketType::Incident) {
            if let Some(item) = ticket.item {
                openings.entry((ticket.contract, item)).or_default().push(ticket);
            }
        }
        let mut wanted: BTreeMap<(&str, &str, u8, String), u64> = BTreeMap::new();
        for ((contract, _), mut list) in openings {
            list.sort_by(|a, b| (a.opened, &a.number).cmp(&(b.opened, &b.number)));
            let (window, zone) =
                with_plans(|p| (p[contract].repeat_window_s, p[contract].zone.clone()));
            for pair in list.windows(2) {
                if (pair[1].opened - pair[0].opened).div_euclid(1_000_000) <= window {
                    let month = zone.month_of(Instant::from_micros(pair[1].opened)).to_string();
                    let priority = pair[1].fact().highest_priority();
                    *wanted.entry((contract, pair[1].service, priority, month)).or_default() += 1;
                }
            }
        }
        let found: BTreeMap<(&str, &str, u8, String), u64> = cells
            .cells
            .iter()
            .filter(|(_, c)| c.repeats > 0)
            .map(|(k, c)| {
                ((k.contract_id.as_str(), k.service_id.as_str(), k.priority, k.month.to_string()),
                 c.repeats)
            })
            .collect();
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn every_ticket_is_counted_once(tickets in history()) {
        let cells = folded(&tickets).total;
        let total = sums(cells.cells.values());
        let n = |f: &dyn Fn(&Ticket) -> bool| tickets.iter().filter(|t| f(t)).count() as u64;
        let incident = |t: &Ticket| t.kind == TicketType::Incident;
        prop_assert_eq!(total.tickets, tickets.len() as u64);
        prop_assert_eq!(total.incidents, n(&incident));
        prop_assert_eq!(total.requests, n(&|t| t.kind == TicketType::Request));
        prop_assert_eq!(total.children, n(&|t| incident(t) && t.child));
        prop_assert_eq!(total.item_known, n(&|t| incident(t) && t.item.is_some()));
        let open: u64 = cells.open.values().sum();
        prop_assert_eq!(total.restored + open + total.clock_unread, total.incidents);
        let measured = |wanted: Clock| -> u64 {
            let of = cells.histograms.iter().filter(|((_, clock), _)| *clock == wanted);
            of.map(|(_, h)| h.n()).sum()
        };
        for (clock, n) in [
            (Clock::RestoreBusiness, total.restored), (Clock::RestoreWall, total.restored),
            (Clock::RespondBusiness, total.responded), (Clock::RespondWall, total.responded),
            (Clock::Notify, total.told),
        ] {
            prop_assert_eq!(measured(clock), n);
        }
        for (key, cell) in &cells.cells {
            let opened: BTreeSet<&str> = tickets
                .iter()
                .filter(|t| with_plans(|p| {
                    t.contract == key.contract_id
                        && t.service == key.service_id
                        && t.fact().highest_priority() == key.priority
                        && p[t.contract].zone.month_of(Instant::from_micros(t.opened)) == key.month
                }))
                .map(|t| t.number.as_str())
                .collect();
            prop_assert_eq!(cell.tickets, opened.len() as u64);
        }
    }

    #[test]
    fn impact_over_the_months_is_the_impact_of_the_whole(mut one in ticket()) {
        // Without a history, so that restoration is the ticket's own date.
        one.events.clear();
        one.number = "T1".to_owned();
        one.resolved = Some(one.resolved.unwrap_or(one.opened + 90 * 86_400_000_000));
        let cells = fragment([&one]);
        let total = sums(cells.cells.values());
        // The hours of the rates that the office is open in.
        let evening = BusinessCalendar::new(&late(&["15:30-18:00"])).unwrap();
        let (wanted, rated) = with_plans(|plans| {
            let plan = &plans[one.contract];
            let calendar: &BusinessCalendar = &plan.calendars[usize::from(plan.impact.unwrap())];
            let share = one.affected.or(plan.assumed_share_ppm);
            match (one.kind, one.child, share) {
                (TicketType::Incident, false, Some(ppm)) => {
                    let open = |hours: &BusinessCalendar| {
                        let (start, end) = (one.opened, one.resolved.unwrap());
                        let (start, end) = (Instant::from_micros(start), Instant::from_micros(end));
                        i128::from(hours.business_s(start, end).unwrap()) * i128::from(ppm)
                    };
                    let extra = match (one.contract, one.service) {
                        ("C1", "web") => 2_000_000,
                        ("C1", _) => -750_000,
                        _ => 0,
                    };
                    (open(calendar), open(&evening) * extra)
                }
                _ => (0, 0),
            }
        });
        prop_assert_eq!((total.impact_s_ppm, total.impact_rated), (wanted, rated));
    }

    #[test]
    fn a_bill_over_several_months_loses_no_cent(
        units in any::<i64>(),
        scale in 0u8..12,
        start in 0i64..20_000,
        days in 0i64..1_500,
        hour in 0i64..24,
        currency in select(vec!["EUR", "JPY", "KWD"]),
        zone in select(vec!["Europe/Amsterdam", "Pacific/Auckland", "Etc/UTC"]),
    ) {
        let amount = Decimal::new(i128::from(units), scale).unwrap();
        let zone = Zone::new(zone).unwrap();
        let at = |day: i64| Instant::from_micros((day * 24 + hour) * 3_600_000_000);
        let currency: Currency = currency.parse().unwrap();
        let parts = split_by_month(amount, currency, at(start), at(start + days), &zone).unwrap();
        let mut sum = Decimal::ZERO;
        for (_, part) in &parts {
            sum = sum.checked_add(*part).unwrap();
            prop_assert!(part.normalized().scale() <= amount.scale().max(currency.minor_digits()));
        }
        prop_assert_eq!(sum, amount);
        let first = zone.month_of(at(start));
        prop_assert_eq!(parts[0].0, first);
        for pair in parts.windows(2) {
            prop_assert_eq!(pair[0].0.next(), pair[1].0);
        }
        if days > 0 {
            // The last day billed is the one before the end.
            let last = zone.date_of(at(start + days)).plus_days(-1).month();
            prop_assert_eq!(parts[parts.len() - 1].0, last.max(first));
        }
    }
}

//! The newer parts of a fragment against plain counts over all tickets: people, kinds, fixed
//! problems, outages, month ends, notices and the tool's verdicts.

use super::*;
use gainshare::measure::fragment::Sample;
use gainshare::measure::worst::{Group, Incident, KEPT, Worst};
use gainshare::time::{Month, Period, union};

/// Restored by its own date: without a history nothing else says when.
fn plain() -> impl Strategy<Value = Vec<Ticket>> {
    history().prop_map(|mut tickets| {
        for ticket in &mut tickets {
            ticket.events.clear();
        }
        tickets
    })
}

fn incident(ticket: &Ticket) -> bool {
    ticket.kind == TicketType::Incident
}

/// Durations are differences of whole seconds.
fn seconds(micros: i64) -> i64 {
    micros.div_euclid(1_000_000)
}

fn month(ticket: &Ticket, micros: i64) -> Month {
    with_plans(|p| {
        p[ticket.contract]
            .zone
            .month_of(Instant::from_micros(micros))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn people_kinds_and_fixes_are_those_of_a_plain_count(tickets in plain()) {
        let cells = folded(&tickets).total;
        let mut solved: BTreeMap<(String, String, String), u64> = BTreeMap::new();
        let mut kinds: BTreeMap<(String, String, String), (u64, u64)> = BTreeMap::new();
        let mut fixes: BTreeMap<(String, i64), u64> = BTreeMap::new();
        for t in &tickets {
            let kind = match t.kind {
                TicketType::Incident => (1, 0),
                TicketType::Request => (0, 1),
                TicketType::Other => continue,
            };
            if let Some((_, category)) = t.item {
                let key = (t.contract.to_owned(), category.to_owned(), month(t, t.opened).to_string());
                let n = kinds.entry(key).or_default();
                *n = (n.0 + kind.0, n.1 + kind.1);
            }
            if !incident(t) {
                continue;
            }
            if let (Some(who), Some(end)) = (t.beside.assignee, t.resolved) {
                let key = (t.contract.to_owned(), who.to_owned(), month(t, end).to_string());
                *solved.entry(key).or_default() += 1;
            }
            if t.contract == "C1" {
                let mut count = |problem: &str, fixed_s: i64| {
                    let fixed = (START_S + fixed_s) * 1_000_000;
                    let day = (t.opened - fixed).div_euclid(86_400_000_000);
                    *fixes.entry((problem.to_owned(), day)).or_default() += 1;
                };
                if t.item == Some(("ci-1", "disk")) {
                    count("P1", 5_000_000);
                    count("P2", 9_000_000);
                }
                if t.beside.problem == Some("P3") {
                    count("P3", 2_500_000);
                }
            }
        }
        let mut found_solved = BTreeMap::new();
        for (place, assignee, _, n) in cells.solved.iter() {
            let key = (place.contract_id, assignee.to_owned(), place.month.to_string());
            *found_solved.entry(key).or_default() += n;
        }
        prop_assert_eq!(found_solved, solved);
        let mut found_kinds: BTreeMap<(String, String, String), (u64, u64)> = BTreeMap::new();
        for (key, n) in &cells.kinds {
            let key = (key.contract_id.clone(), key.category.clone(), key.month.to_string());
            let sum = found_kinds.entry(key).or_default();
            *sum = (sum.0 + n.incidents, sum.1 + n.requests);
        }
        prop_assert_eq!(found_kinds, kinds);
        let found_fixes: BTreeMap<(String, i64), u64> = cells
            .fixes
            .iter()
            .map(|(k, n)| ((k.problem_id.clone(), i64::from(k.day)), *n))
            .collect();
        prop_assert_eq!(found_fixes, fixes);
    }

    #[test]
    fn outages_are_the_union_and_open_ones_begin_with_the_first(tickets in plain()) {
        let cells = folded(&tickets).total;
        let mut wanted: BTreeMap<(String, String), Vec<Period<Instant>>> = BTreeMap::new();
        let mut open: BTreeMap<(String, String), Instant> = BTreeMap::new();
        for t in tickets.iter().filter(|t| incident(t) && t.contract == "C1" && !t.child) {
            let share = t.affected.unwrap_or(250_000);
            if t.fact().highest_priority() > 2 || share < 100_000 {
                continue;
            }
            let key = ("C1".to_owned(), t.service.to_owned());
            let from = Instant::from_micros(t.opened);
            match t.resolved {
                Some(end) => wanted
                    .entry(key)
                    .or_default()
                    .push(Period::spanning(from, Instant::from_micros(end))),
                None => {
                    let first = open.entry(key).or_insert(from);
                    *first = (*first).min(from);
                }
            }
        }
        let wanted: BTreeMap<_, Vec<Period<Instant>>> = wanted
            .into_iter()
            .map(|(key, periods)| {
                (key, union(&periods).into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>())
            })
            .filter(|(_, periods)| !periods.is_empty())
            .collect();
        let found: BTreeMap<_, Vec<Period<Instant>>> = cells
            .outages
            .iter()
            .map(|(key, outages)| (key.clone(), outages.iter().collect::<Vec<_>>()))
            .filter(|(_, periods)| !periods.is_empty())
            .collect();
        prop_assert_eq!(found, wanted);
        prop_assert_eq!(&cells.outages_open, &open);
    }

    #[test]
    fn month_ends_notices_and_verdicts_are_those_of_a_plain_count(tickets in plain()) {
        let cells = folded(&tickets).total;
        let total = sums(cells.cells.values());
        let (mut open, mut age_s) = (0, 0i128);
        let (mut told, mut in_time, mut notices, mut to_tell) = (0, 0, 0, 0);
        let mut differing: BTreeMap<bool, Sample> = BTreeMap::new();
        for t in tickets.iter().filter(|t| incident(t)) {
            if let Some(end) = t.resolved {
                let mut at = month(t, t.opened);
                loop {
                    let month_end = with_plans(|p| at.next().start(&p[t.contract].zone));
                    if month_end.micros() >= end {
                        break;
                    }
                    open += 1;
                    age_s += i128::from(month_end.seconds() - seconds(t.opened));
                    at = at.next();
                }
            }
            let priority = t.fact().highest_priority();
            if t.contract == "C1" && !t.child && priority <= 3 {
                to_tell += 1;
                let limit_s = [0, 900, 3_600, 14_400][usize::from(priority)];
                let known = t.beside.detected.map_or(t.opened, |d| d.min(t.opened));
                let about: Vec<i64> = t
                    .beside
                    .notices
                    .iter()
                    .filter(|n| n.kind == NoticeKind::Incident)
                    .map(|n| n.sent_at.micros())
                    .collect();
                notices += about.len() as u64;
                if let Some(first) = about.iter().min() {
                    told += 1;
                    in_time += u64::from(seconds(*first) - seconds(known) <= limit_s);
                }
            }
        }
        prop_assert_eq!((total.backlog_open, total.backlog_age_s), (open, age_s));
        prop_assert_eq!(total.notifiable, to_tell);
        prop_assert_eq!((total.told, total.told_in_time, total.notices), (told, in_time, notices));
        prop_assert!(total.informed_s <= total.informed_of_s);
        prop_assert!(total.update_gaps_kept <= total.update_gaps);
        // Every incident with a verdict of its own and of the tool is compared once.
        let compared = total.tool_compared;
        prop_assert!(total.tool_missed + total.tool_overcharged <= compared);
        prop_assert!(compared <= total.restore_met + total.restore_breached);
        for t in tickets.iter().filter(|t| incident(t)) {
            let alone = fragment([t]);
            for ((_, breached), sample) in &alone.differs {
                differing.entry(*breached).or_default().merge(sample);
            }
        }
        let mut found: BTreeMap<bool, Sample> = BTreeMap::new();
        for ((_, breached), sample) in &cells.differs {
            found.entry(*breached).or_default().merge(sample);
        }
        prop_assert_eq!(found, differing);
    }

    #[test]
    fn the_worst_are_those_of_a_plain_sort(
        tickets in vec(ticket(), 0..40),
        cut in any::<proptest::sample::Index>(),
    ) {
        // All of one service and half a month, so that most do not fit.
        let tickets: Vec<Ticket> = tickets
            .into_iter()
            .enumerate()
            .map(|(i, t)| gathered(t, i))
            .collect();
        let whole = fragment(&tickets).worst;
        let at = if tickets.is_empty() { 0 } else { cut.index(tickets.len()) };
        let (a, b) = tickets.split_at(at);
        let mut merged = fragment(b).worst;
        merged.merge(&fragment(a).worst);
        prop_assert_eq!(&merged, &whole);
        let mut restored = Vec::new();
        let mut open = Vec::new();
        for t in tickets.iter().filter(|t| incident(t) && !t.child) {
            let fact = t.fact();
            // Alone it is kept, unless its clock cannot be read.
            let alone = fragment([t]).worst;
            let Some(one) = of_c1(&alone) else { continue };
            let share = t.affected.unwrap_or(250_000);
            if let Some(one) = one.restored.first() {
                let end = one.resolved_at.unwrap();
                let business_s = with_plans(|p| {
                    p["C1"].impact_calendar().unwrap().business_s(fact.opened_at, end).unwrap()
                });
                let impact = i128::from(business_s) * i128::from(share);
                prop_assert_eq!(one.impact_s_ppm, Some(impact));
                let weighed = one.impact_weighed.unwrap();
                let lasted = end.wall_s_since(fact.known_at());
                restored.push((-weighed, -lasted, fact.opened_at, t.number.clone()));
            } else {
                prop_assert_eq!(one.open.len(), 1);
                open.push((-i64::from(share), fact.opened_at, t.number.clone()));
            }
        }
        restored.sort();
        open.sort();
        restored.truncate(KEPT);
        open.truncate(KEPT);
        let found = of_c1(&whole).cloned().unwrap_or_default();
        let numbers = |list: &[Incident]| -> Vec<String> {
            list.iter().map(|i| i.ticket_id.clone()).collect()
        };
        prop_assert_eq!(
            numbers(&found.restored),
            restored.into_iter().map(|r| r.3).collect::<Vec<_>>()
        );
        prop_assert_eq!(numbers(&found.open), open.into_iter().map(|r| r.2).collect::<Vec<_>>());
    }

    #[test]
    fn the_audit_judges_every_policy_over_the_same_tickets(tickets in history()) {
        let cells = folded(&tickets).total;
        let judged: BTreeSet<u64> = cells
            .audit
            .iter()
            .filter(|((contract, _), _)| contract == "C1")
            .map(|(_, audited)| audited.judged)
            .collect();
        prop_assert!(judged.len() <= 1);
        for audited in cells.audit.values() {
            prop_assert!(audited.stricter + audited.milder <= audited.judged);
            let shown = audited.sample.tickets.len() as u64;
            prop_assert_eq!(shown, (audited.stricter + audited.milder).min(5));
        }
        // Without a pause in the policy, dropping pauses is no other policy.
        let without = ("C2".to_owned(), "pauses = []");
        prop_assert!(!cells.audit.contains_key(&without));
    }
}

/// A ticket of contract C1, service mail and the second half of November 2024, with its number.
fn gathered(mut t: Ticket, number: usize) -> Ticket {
    const FROM: i64 = 1_731_628_800_000_000;
    let opened = FROM + (t.opened - START_S * 1_000_000) % (10 * 86_400_000_000);
    let by = opened - t.opened;
    let move_to = |at: Instant| Instant::from_micros(at.micros() + by);
    t.number = format!("T{}", (number * 7919) % 997);
    (t.contract, t.service, t.opened) = ("C1", "mail", opened);
    t.resolved = t.resolved.map(|at| at + by);
    t.beside.responded = t.beside.responded.map(|at| at + by);
    t.beside.detected = t.beside.detected.map(|at| at + by);
    for event in &mut t.events {
        event.at = move_to(event.at);
    }
    for notice in &mut t.beside.notices {
        notice.sent_at = move_to(notice.sent_at);
    }
    t
}

/// The only group of contract C1.
fn of_c1(worst: &Worst) -> Option<&Group> {
    worst.contracts.get("C1")?.get("mail")?.values().next()
}

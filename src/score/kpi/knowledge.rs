//! Who knows the services: concentration of knowledge on people, and how much of a service one
//! person oversees. Groups under five people are suppressed: a value would speak of persons.

use super::super::catalogue::{Across, Kpi, SERVICE_LEVELS, TICKET_SHARE, Unit};
use super::super::value::Direction;
use super::super::view::{Outcome, View};
use crate::money::Decimal;

/// People under which nothing is published.
const LEAST_PEOPLE: usize = 5;

const INPUTS: &[&str] = &[
    "incidents.opened_at",
    "incidents.resolved_at",
    "incidents.assignee",
];
const RULE: &str = "month of restoration; by who held the ticket last; incidents that name nobody \
                    are left out; groups under five people are suppressed; wanted is a band, set \
                    by the terms; 4 decimals, half-even";

const PEOPLE: Kpi = Kpi {
    direction: Direction::Neutral,
    inputs: INPUTS,
    levels: SERVICE_LEVELS,
    across: Across::Never,
    parts: "(person) → restored incidents",
    rule: RULE,
    ..TICKET_SHARE
};

pub(in super::super) const ENTRIES: &[Kpi] = &[
    Kpi {
        id: "knowledge_concentration",
        title: "Knowledge concentration",
        formula: "Σ over people of (share of restored incidents)²",
        unit: Unit::Word("index"),
        source: "Herfindahl–Hirschman index",
        example: "shares 0.5, 0.3 and 0.2: 0.25 + 0.09 + 0.04 = 0.38",
        compute: |view| {
            let (squares, all, n, left_out) = people(view)?;
            Outcome::ratio(of(squares)?, of(all * all)?, 4)
                .map(|o| o.counting(n).excluding(left_out))
        },
        ..PEOPLE
    },
    Kpi {
        id: "knowledge_effective_people",
        title: "Effective number of people",
        formula: "1 ÷ knowledge concentration",
        unit: Unit::Word("people"),
        source: "Hill number of order 2 (Hill 1973)",
        example: "shares 0.5, 0.3 and 0.2: 1 ÷ 0.38 = 2.6316",
        compute: |view| {
            let (squares, all, n, left_out) = people(view)?;
            Outcome::ratio(of(all * all)?, of(squares)?, 4)
                .map(|o| o.counting(n).excluding(left_out))
        },
        ..PEOPLE
    },
    Kpi {
        id: "bus_factor",
        title: "Bus factor",
        formula: "fewest people who together restored more than half of the incidents",
        unit: Unit::Word("people"),
        direction: Direction::HigherIsBetter,
        source: "bus factor of a team, at more than 50 %",
        example: "shares 0.5, 0.3 and 0.2: two together have 0.8 > 0.5: 2",
        compute: |view| {
            let (_, all, n, left_out) = people(view)?;
            let mut counts: Vec<u64> = view.parts.solved.values().copied().collect();
            counts.sort_unstable_by(|a, b| b.cmp(a));
            let mut sum = 0;
            let mut people = 0;
            for count in counts {
                sum += i128::from(count);
                people += 1;
                if sum * 2 > all {
                    break;
                }
            }
            Ok(Outcome::of(Decimal::from_i64(people))
                .counting(n)
                .excluding(left_out))
        },
        ..PEOPLE
    },
    Kpi {
        id: "holistic_coverage",
        title: "Holistic coverage",
        formula: "item × category pairs of which one person restored at least \
                  holistic_min_solved incidents ÷ pairs with any, of the person who has most",
        inputs: &[
            "incidents.opened_at",
            "incidents.resolved_at",
            "incidents.assignee",
            "incidents.ci_id",
            "incidents.category",
        ],
        parts: "(person, item, category) → restored incidents",
        rule: "the twelve months up to the end of the period, all of which must be known; groups \
               under five people are suppressed; wanted is a band, set by the terms; 4 decimals, \
               half-even",
        source: "[score] holistic_min_solved of the terms",
        example: "40 pairs in use; one person restored at least 3 incidents on 10 of them, \
                  nobody on more: 0.25",
        compute: |view| {
            view.observed()?;
            let Some(people) = view.table.solvers(view.scope, view.period.end()) else {
                return Err("not all of the twelve months before the end are known".into());
            };
            enough(people.len())?;
            let mut pairs = std::collections::BTreeSet::new();
            let mut most = 0;
            for items in people.values() {
                pairs.extend(items.keys());
                let enough = u64::from(view.spec.holistic_min_solved);
                most = most.max(items.values().filter(|n| **n >= enough).count());
            }
            let none = "no restored incident names item, category and person";
            view.share(most as u64, pairs.len() as u64, none)
        },
        ..PEOPLE
    },
];

fn of(n: i128) -> Result<Decimal, String> {
    Decimal::new(n, 0).map_err(|e| e.to_string())
}

fn enough(people: usize) -> Result<(), String> {
    if people < LEAST_PEOPLE {
        return Err(format!(
            "fewer than {LEAST_PEOPLE} people: suppressed, a value would speak of persons"
        ));
    }
    Ok(())
}

/// Σ of squared counts, Σ of counts, that as a count, and incidents that name nobody.
fn people(view: &View<'_>) -> Result<(i128, i128, u64, u64), String> {
    let parts = view.observed()?;
    if parts.solved.is_empty() {
        return Err("no incident restored in the period names a person".to_owned());
    }
    enough(parts.solved.len())?;
    let all: u64 = parts.solved.values().sum();
    let squares = parts.solved.values().map(|n| i128::from(*n).pow(2)).sum();
    Ok((squares, i128::from(all), all, parts.solved_by_nobody))
}

//! Who knows the services: concentration of knowledge on people, and how much of a service one
//! person oversees. Groups under five people are suppressed: a value would speak of persons.

use super::super::catalogue::{Across, Kpi, TICKET_SHARE, Unit, of_services};
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
    levels: of_services("people know a service, whatever the priority"),
    across: Across::Never(
        "people know the services of a contract: over contracts they cannot \
                          stand in for each other",
    ),
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
            let (counts, left_out) = people(view)?;
            concentration(&counts).map(|o| o.excluding(left_out))
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
            let (counts, left_out) = people(view)?;
            effective(&counts).map(|o| o.excluding(left_out))
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
            let (counts, left_out) = people(view)?;
            Ok(bus_factor(&counts).excluding(left_out))
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
            let enough_on = u64::from(view.spec.holistic_min_solved);
            let Some(spread) = view.table.spread(view.scope, view.period.end(), enough_on) else {
                return Err("not all of the twelve months before the end are known".into());
            };
            enough(spread.people)?;
            let none = "no restored incident names item, category and person";
            view.share(spread.most as u64, spread.items as u64, none)
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

/// Restored incidents of each person, and those that name nobody.
fn people(view: &View<'_>) -> Result<(Vec<u64>, u64), String> {
    let parts = view.observed()?;
    if parts.solved.is_empty() {
        return Err("no incident restored in the period names a person".to_owned());
    }
    enough(parts.solved.len())?;
    let counts = parts.solved.values().copied().collect();
    Ok((counts, parts.solved_by_nobody))
}

/// (Σ of squares, square of the sum, sum).
fn squares(counts: &[u64]) -> (i128, i128, u64) {
    let all: u64 = counts.iter().sum();
    let squares = counts.iter().map(|n| i128::from(*n).pow(2)).sum();
    (squares, i128::from(all).pow(2), all)
}

fn concentration(counts: &[u64]) -> Result<Outcome, String> {
    let (squares, square, n) = squares(counts);
    Outcome::ratio(of(squares)?, of(square)?, 4).map(|o| o.counting(n))
}

fn effective(counts: &[u64]) -> Result<Outcome, String> {
    let (squares, square, n) = squares(counts);
    Outcome::ratio(of(square)?, of(squares)?, 4).map(|o| o.counting(n))
}

fn bus_factor(counts: &[u64]) -> Outcome {
    let mut counts = counts.to_vec();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let all: u64 = counts.iter().sum();
    let (mut sum, mut people) = (0, 0);
    for count in counts {
        if sum * 2 > u128::from(all) {
            break;
        }
        sum += u128::from(count);
        people += 1;
    }
    Outcome::of(Decimal::from_i64(people)).counting(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shares 0.5, 0.3 and 0.2, too few people to publish.
    #[test]
    fn three_people_by_hand() {
        let shown = |outcome: Outcome| outcome.value.to_string();
        let counts = [3, 5, 2];
        assert_eq!(shown(concentration(&counts).unwrap()), "0.3800");
        assert_eq!(shown(effective(&counts).unwrap()), "2.6316");
        assert_eq!(shown(bus_factor(&counts)), "2");
        // Exactly half is not more than half.
        assert_eq!(shown(bus_factor(&[5, 5])), "2");
        assert!(enough(4).is_err() && enough(5).is_ok());
    }
}

//! Savings proposals: from proposing to the saving, and how long the customer takes to decide.

use super::super::catalogue::{self, Across, Kpi, Periods, SERVICE_LEVELS, TICKET_SHARE, Unit};
use super::super::records::{Initiative, Party};
use super::super::value::Direction;
use super::super::view::{Outcome, View};
use crate::money::{Decimal, Rounding};
use crate::time::{Instant, months_between};

const SOURCE: &str = "initiatives of both sides, as the register holds them";

const COUNT: Kpi = Kpi {
    unit: Unit::Word("proposals"),
    levels: SERVICE_LEVELS,
    across: Across::Sum,
    comparable: false,
    parts: "initiatives, whole",
    min_n: 0,
    source: SOURCE,
    ..TICKET_SHARE
};

pub(in super::super) const ENTRIES: &[Kpi] = &[
    Kpi {
        id: "initiatives_proposed",
        title: "Proposals made",
        formula: "savings proposals made in the period, by either side",
        inputs: &["initiatives.proposed_at"],
        rule: "month of proposing",
        example: "3 by the supplier, 1 by the customer: 4",
        compute: |view| count(view, |i| i.proposed_at),
        ..COUNT
    },
    Kpi {
        id: "initiatives_accepted",
        title: "Proposals accepted",
        formula: "savings proposals accepted in the period",
        inputs: &["initiatives.decided_at", "initiatives.decision"],
        rule: "month of the decision",
        example: "5 decided, 3 of them accepted: 3",
        compute: |view| count(view, |i| i.decided_at.filter(|_| i.accepted == Some(true))),
        ..COUNT
    },
    Kpi {
        id: "initiatives_implemented",
        title: "Proposals implemented",
        formula: "savings proposals that took effect in the period",
        inputs: &["initiatives.implemented_at"],
        rule: "month in which it took effect",
        example: "2 took effect: 2",
        compute: |view| count(view, |i| i.implemented_at),
        ..COUNT
    },
    Kpi {
        id: "initiative_pipeline",
        title: "Savings in the pipeline",
        formula: "Σ saving promised per year of proposals that are neither rejected nor \
                  implemented at the end of the period",
        unit: Unit::Money,
        inputs: &["initiatives.proposed_at", "initiatives.expected_saving"],
        across: Across::Stock,
        rule: "as things stood at the end of the period, or at the as-of moment; exact; other \
               currencies at the rate of the month of proposing ([fx]), the sum then rounded once, \
               half-even, to the decimals of the currency",
        example: "one undecided of 12000, one accepted of 8000, one rejected: 20000",
        compute: |view| {
            view.over()?;
            let end = view.instants().end();
            let before = |at: Option<Instant>| at.is_some_and(|at| at < end);
            let waiting = own(view).filter(|i| {
                let rejected = i.accepted == Some(false) && before(i.decided_at);
                before(i.proposed_at) && !rejected && !before(i.implemented_at)
            });
            let (mut sum, mut n, mut unknown) = (Decimal::ZERO, 0, 0);
            for initiative in waiting {
                match promised(view, initiative, initiative.proposed_at)? {
                    Some(saving) => {
                        sum = sum.checked_add(saving).map_err(|e| e.to_string())?;
                        n += 1;
                    }
                    None => unknown += 1,
                }
            }
            if own(view).any(|i| i.promised.is_some_and(|(_, c)| c != view.spec.currency)) {
                sum = view.rounded(sum);
            }
            Ok(Outcome::of(sum).counting(n).excluding(unknown))
        },
        ..COUNT
    },
    Kpi {
        id: "saving_promised",
        title: "Saving promised",
        formula: "Σ saving promised per year ÷ 12 × months in effect in the period",
        unit: Unit::Money,
        direction: Direction::Neutral,
        inputs: &["initiatives.implemented_at", "initiatives.expected_saving"],
        rule: "accepted proposals; the month in which one takes effect counts whole; months that \
               are over; other currencies at the rate of the month in which one takes effect \
               ([fx]); rounded once, half-even, to the decimals of the currency",
        example: "12000 a year in effect from February: 2000.00 in the first quarter",
        compute: |view| {
            let (twelfths, n, unknown) = promised_twelfths(view)?;
            let digits = view.spec.currency.minor_digits();
            let twelve = Decimal::from_i64(12);
            let value = twelfths
                .div(twelve, digits, Rounding::HalfEven)
                .map_err(|e| e.to_string())?;
            Ok(Outcome::of(value).counting(n).excluding(unknown))
        },
        ..COUNT
    },
    Kpi {
        id: "saving_realisation",
        title: "Saving realised of the promised",
        formula: "gross saving ÷ saving promised",
        unit: Unit::Word("ratio"),
        inputs: &[
            "initiatives.implemented_at",
            "initiatives.expected_saving",
            "billing.amount",
        ],
        across: Across::Never(
            "gross_saving and saving_promised of the supplier stand side by \
                              side; contracts without proposals would weigh in the one only",
        ),
        periods: Periods::Performance,
        rule: "as gross_saving and saving_promised; 4 decimals, half-even",
        example: "1500.00 saved, 2000.00 promised: 0.75",
        compute: |view| {
            let (twelfths, n, unknown) = promised_twelfths(view)?;
            if twelfths.is_zero() {
                return Err("no proposal with a promised saving was in effect".into());
            }
            let saved = catalogue::value_in("gross_saving", view)?;
            let saved = saved
                .value
                .checked_mul(Decimal::from_i64(12))
                .map_err(|e| e.to_string())?;
            Outcome::ratio(saved, twelfths, 4).map(|o| o.counting(n).excluding(unknown))
        },
        ..COUNT
    },
    Kpi {
        id: "decision_latency",
        title: "Time to a decision of the customer, median",
        formula: "median of wall seconds from a proposal of the supplier to its decision",
        unit: Unit::Word("wall_s"),
        direction: Direction::LowerIsBetter,
        inputs: &[
            "initiatives.proposed_by",
            "initiatives.proposed_at",
            "initiatives.decided_at",
        ],
        across: Across::Merged,
        comparable: true,
        min_n: 1,
        rule: "what was decided in the period, and what still waits at its end, up to its end, \
               so that silence grows; nearest rank",
        example: "decided after 10 and 40 days, one waiting since 20: 1728000",
        compute: |view| {
            let proposals = own(view).filter(|i| i.proposed_by == Some(Party::Supplier));
            view.median_wait(
                proposals.filter_map(|i| Some((i.proposed_at?, i.decided_at))),
                "no proposal of the supplier was decided or waited in the period",
            )
        },
        ..COUNT
    },
];

/// Proposals of the scope.
fn own<'a>(view: &View<'a>) -> impl Iterator<Item = &'a Initiative> {
    let view = *view;
    view.records
        .initiatives
        .iter()
        .filter(move |i| view.covers(&i.service_id))
}

fn count(view: &View<'_>, at: impl Fn(&Initiative) -> Option<Instant>) -> Result<Outcome, String> {
    view.over()?;
    let period = view.instants();
    let n = own(view)
        .filter(|i| at(i).is_some_and(|at| period.contains(at)))
        .count();
    Ok(Outcome::count(n as u64))
}

/// The saving that a proposal promises per year, in the currency of the contract: another one by the
/// rate of a month.
fn promised(
    view: &View<'_>,
    initiative: &Initiative,
    at: Option<Instant>,
) -> Result<Option<Decimal>, String> {
    let Some((saving, currency)) = initiative.promised else {
        return Ok(None);
    };
    let month = at.map_or(view.period.start(), |at| view.plan.zone.month_of(at));
    view.in_own_currency(saving, currency, month).map(Some)
}

/// Σ saving per year × months in effect, proposals counted, and those that promise no number.
fn promised_twelfths(view: &View<'_>) -> Result<(Decimal, u64, u64), String> {
    view.over()?;
    let zone = &view.plan.zone;
    let (mut sum, mut n, mut unknown) = (Decimal::ZERO, 0, 0);
    for initiative in own(view).filter(|i| i.accepted == Some(true)) {
        let Some(effect) = initiative.implemented_at.filter(|at| *at < view.as_of) else {
            continue;
        };
        let from = zone.month_of(effect).max(view.period.start());
        let months = months_between(from, view.period.end())
            .filter(|m| m.next().start(zone) <= view.as_of)
            .count() as u64;
        if months == 0 {
            continue;
        }
        let Some(saving) = promised(view, initiative, Some(effect))? else {
            unknown += 1;
            continue;
        };
        n += 1;
        sum = saving
            .checked_mul(Decimal::from_u64(months))
            .and_then(|part| sum.checked_add(part))
            .map_err(|e| e.to_string())?;
    }
    Ok((sum, n, unknown))
}

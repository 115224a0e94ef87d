//! Working together: meetings held, who initiates and who answers how fast, preventive hours,
//! blockers, and how people experienced it.

use super::super::catalogue::{Across, CONTRACT_LEVEL, Kpi, SERVICE_LEVELS, TICKET_SHARE, Unit};
use super::super::records::Party;
use super::super::value::Direction;
use super::super::view::{Outcome, View};
use crate::money::Decimal;
use crate::time::months_between;

const MOMENTS: &[&str] = &["contact_moments.planned_at", "contact_moments.held_at"];
const INTERACTIONS: &[&str] = &[
    "interactions.initiator",
    "interactions.at",
    "interactions.answered_at",
];
const HOURS: &[&str] = &["proactive_hours.month", "proactive_hours.hours"];
const BLOCKERS: &[&str] = &[
    "blockers.waiting_on",
    "blockers.raised_at",
    "blockers.cleared_at",
];
const RELATION: &str = "ITIL 4 relationship management practice";
const PROACTIVITY: &str = "proactivity as the share of own initiative: P = initiated ÷ \
                           (initiated + reactive)";
const PROACTIVITY_RULE: &str = "month in which it was made; reactive are answers to the other \
                                side and what is an answer itself; 4 decimals, half-even";
const WAITED: &str = "what ended in the period, and what still waits at its end, up to its end, so \
                      that silence grows; nearest rank";

const CONTRACT_SHARE: Kpi = Kpi {
    levels: CONTRACT_LEVEL,
    ..TICKET_SHARE
};

const WAIT: Kpi = Kpi {
    unit: Unit::Word("wall_s"),
    direction: Direction::LowerIsBetter,
    across: Across::Merged,
    rule: WAITED,
    source: RELATION,
    ..CONTRACT_SHARE
};

pub(in super::super) const ENTRIES: &[Kpi] = &[
    Kpi {
        id: "contact_moments_held",
        title: "Contact moments held",
        formula: "moments held with both sides ÷ moments agreed",
        inputs: MOMENTS,
        parts: "contact moments, whole",
        rule: "agreed are those of the rhythm of the terms (whole intervals of the period per \
               cadence; more held than agreed does not make up for another cadence), else those \
               planned for the period; a moment from which a side was absent was not held; 4 \
               decimals, half-even",
        source: "[score.contact_rhythm] of the terms",
        example: "weekly agreed, 28 days, 3 held with both sides: 3 ÷ 4 = 0.75",
        compute: moments_held,
        ..CONTRACT_SHARE
    },
    Kpi {
        id: "contact_gap",
        title: "Longest gap between contact moments",
        formula: "longest wall time without a moment held with both sides",
        unit: Unit::Word("wall_s"),
        direction: Direction::LowerIsBetter,
        inputs: MOMENTS,
        across: Across::Max,
        parts: "contact moments, whole",
        rule: "from the start of the period over its moments to its end: the part of a gap that \
               lies in the period",
        source: RELATION,
        example: "March, held on the 3rd, 10th and 31st at midnight: 21 days, 1814400",
        compute: |view| {
            view.over()?;
            let period = view.instants();
            let mut met: Vec<_> = view
                .records
                .contact_moments
                .iter()
                .filter_map(|m| m.met_at())
                .filter(|at| period.contains(*at))
                .collect();
            let n = met.len() as u64;
            met.push(period.start());
            met.sort_unstable();
            let longest = crate::time::gaps_s(&met, period.end()).max().unwrap_or(0);
            Ok(Outcome::of(Decimal::from_i64(longest)).counting(n))
        },
        min_n: 0,
        ..CONTRACT_SHARE
    },
    Kpi {
        id: "proactivity_supplier",
        title: "Proactivity of the supplier",
        formula: "initiated ÷ (initiated + reactive), by the supplier",
        inputs: INTERACTIONS,
        parts: "interactions, whole",
        rule: PROACTIVITY_RULE,
        source: PROACTIVITY,
        example: "12 initiated, 24 of the customer's answered: 12 ÷ 36 = 0.3333",
        compute: |view| proactivity(view, Party::Supplier),
        ..CONTRACT_SHARE
    },
    Kpi {
        id: "proactivity_customer",
        title: "Proactivity of the customer",
        formula: "initiated ÷ (initiated + reactive), by the customer",
        direction: Direction::Neutral,
        inputs: INTERACTIONS,
        parts: "interactions, whole",
        rule: PROACTIVITY_RULE,
        source: PROACTIVITY,
        example: "30 initiated, 10 of the supplier's answered: 30 ÷ 40 = 0.75",
        compute: |view| proactivity(view, Party::Customer),
        ..CONTRACT_SHARE
    },
    Kpi {
        id: "proactivity_balance",
        title: "Proactivity mismatch",
        formula: "proactivity of the supplier − proactivity of the customer",
        unit: Unit::Word("difference of shares"),
        direction: Direction::Neutral,
        inputs: INTERACTIONS,
        across: Across::Never(
            "it is the difference of proactivity_supplier and \
                              proactivity_customer, which the supplier has",
        ),
        parts: "interactions, whole",
        rule: "as proactivity_supplier; 0 is balance, below 0 the customer has to pull",
        source: PROACTIVITY,
        example: "0.3333 and 0.75: −0.4167",
        compute: |view| {
            let (s, c) = (
                initiative(view, Party::Supplier)?,
                initiative(view, Party::Customer)?,
            );
            if s.1 == 0 || c.1 == 0 {
                return Err("a side neither initiated nor answered anything in the period".into());
            }
            let above = i128::from(s.0) * i128::from(c.1) - i128::from(c.0) * i128::from(s.1);
            let below = i128::from(s.1) * i128::from(c.1);
            let of = |n: i128| Decimal::new(n, 0).map_err(|e| e.to_string());
            Outcome::ratio(of(above)?, of(below)?, 4).map(|o| o.counting(s.1 + c.1))
        },
        ..CONTRACT_SHARE
    },
    Kpi {
        id: "answer_time_supplier",
        title: "Answers of the supplier, median time",
        formula: "median of wall seconds in which the supplier answers the customer",
        inputs: INTERACTIONS,
        parts: "interactions, whole",
        example: "answered after 1, 2 and 9 hours: 7200",
        compute: |view| answer_time(view, Party::Supplier),
        ..WAIT
    },
    Kpi {
        id: "answer_time_customer",
        title: "Answers of the customer, median time",
        formula: "median of wall seconds in which the customer answers the supplier",
        inputs: INTERACTIONS,
        parts: "interactions, whole",
        example: "answered after 1, 2 and 9 hours: 7200",
        compute: |view| answer_time(view, Party::Customer),
        ..WAIT
    },
    Kpi {
        id: "proactive_hours",
        title: "Preventive hours",
        formula: "Σ hours",
        unit: Unit::Word("hours"),
        inputs: HOURS,
        across: Across::Sum,
        comparable: false,
        parts: "preventive hours, whole",
        min_n: 0,
        rule: "month worked; exact",
        source: "ITIL 4 problem, capacity and performance management practices",
        example: "5.50 and 4.50: 10.00",
        compute: |view| {
            let (hours, n, ..) = hours(view)?;
            Ok(Outcome::of(hours).counting(n))
        },
        ..CONTRACT_SHARE
    },
    Kpi {
        id: "proactive_hours_share",
        title: "Preventive hours against the agreed",
        formula: "preventive hours ÷ hours agreed a month × months",
        unit: Unit::Word("ratio"),
        inputs: HOURS,
        across: Across::Ratio(4),
        parts: "preventive hours, whole",
        min_n: 0,
        rule: "months that are over; 4 decimals, half-even",
        source: "[score] proactive_hours_per_month of the terms",
        example: "100.00 hours in a quarter, 40 a month agreed: 100 ÷ 120 = 0.8333",
        compute: |view| {
            let Some(agreed) = view.spec.proactive_hours_per_month else {
                return Err("the terms agree no hours ([score] proactive_hours_per_month)".into());
            };
            let (hours, n, ..) = hours(view)?;
            let months = Decimal::from_u64(view.parts.months_over);
            let agreed = agreed.checked_mul(months).map_err(|e| e.to_string())?;
            Outcome::ratio(hours, agreed, 4).map(|o| o.counting(n))
        },
        ..CONTRACT_SHARE
    },
    Kpi {
        id: "proactive_reimbursed_share",
        title: "Preventive hours reimbursed",
        formula: "hours paid by the customer ÷ hours of which it is known",
        direction: Direction::Neutral,
        inputs: &[
            "proactive_hours.month",
            "proactive_hours.hours",
            "proactive_hours.reimbursed",
        ],
        parts: "preventive hours, whole",
        rule: "month worked; 4 decimals, half-even",
        source: "what the supplier gets for preventing",
        example: "30.00 of 120.00 hours paid: 0.25",
        compute: |view| {
            let (_, n, known, paid) = hours(view)?;
            if known.is_zero() {
                return Err("no preventive hours in the period".into());
            }
            Outcome::ratio(paid, known, 4).map(|o| o.counting(n))
        },
        ..CONTRACT_SHARE
    },
    Kpi {
        id: "challenge_response",
        title: "Goals answered by a proposal",
        formula: "goals shared in the period and answered by a proposal within challenge_days ÷ \
                  goals shared",
        inputs: &[
            "customer_goals.shared_at",
            "initiatives.goal_id",
            "initiatives.proposed_at",
        ],
        parts: "goals and proposals, whole",
        rule: "month of sharing; goals whose days are not over at the as-of moment and that are \
               not answered yet are left out; 4 decimals, half-even",
        source: "[score] challenge_days of the terms",
        example: "4 goals, 1 answered after 12 days, 1 after 50, 2 never, 30 days: 1 ÷ 4 = 0.25",
        compute: challenge_response,
        ..CONTRACT_SHARE
    },
    Kpi {
        id: "blocker_age_supplier",
        title: "Blockers waiting for the supplier, median age",
        formula: "median of wall seconds from raising to clearing a blocker that waits for the \
                  supplier",
        inputs: BLOCKERS,
        parts: "blockers, whole",
        example: "cleared after 1 and 3 days, one open since 2: 172800",
        compute: |view| blocker_age(view, Party::Supplier),
        ..WAIT
    },
    Kpi {
        id: "blocker_age_customer",
        title: "Blockers waiting for the customer, median age",
        formula: "median of wall seconds from raising to clearing a blocker that waits for the \
                  customer",
        inputs: BLOCKERS,
        parts: "blockers, whole",
        example: "cleared after 1 and 3 days, one open since 2: 172800",
        compute: |view| blocker_age(view, Party::Customer),
        ..WAIT
    },
    Kpi {
        id: "experience_score",
        title: "Experience score",
        formula: "100 × (promoters − detractors) ÷ answers; promoters give 9 or 10, detractors 0 \
                  to 6",
        unit: Unit::Word("points"),
        inputs: &["satisfaction.at", "satisfaction.score_0_10"],
        levels: SERVICE_LEVELS,
        across: Across::Ratio(4),
        parts: "answers, whole",
        rule: "month of the answer; 4 decimals, half-even",
        source: "net promoter score (Reichheld 2003)",
        example: "38 promoters and 12 detractors of 50: 100 × 26 ÷ 50 = 52",
        compute: |view| {
            let scores = responses(view, |r| r.score.map(u64::from))?;
            let n = |low: u64, high: u64| {
                scores.iter().filter(|s| (low..=high).contains(*s)).count() as i64
            };
            let net = Decimal::from_i64(100 * (n(9, 10) - n(0, 6)));
            Outcome::ratio(net, Decimal::from_u64(scores.len() as u64), 4)
                .map(|o| o.counting(scores.len() as u64))
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "experience_lost_minutes",
        title: "Time lost as perceived",
        formula: "Σ minutes lost ÷ answers that name them",
        unit: Unit::Word("minutes per answer"),
        direction: Direction::LowerIsBetter,
        inputs: &["satisfaction.at", "satisfaction.lost_minutes"],
        levels: SERVICE_LEVELS,
        parts: "answers, whole",
        rule: "month of the answer; 4 decimals, half-even",
        source: "experience level agreements: lost time as the user reports it",
        example: "21, 98 and 30 minutes: 149 ÷ 3 = 49.6667",
        compute: |view| {
            let lost = responses(view, |r| r.lost_minutes)?;
            let n = lost.len() as u64;
            Outcome::ratio(
                Decimal::from_u64(lost.iter().sum()),
                Decimal::from_u64(n),
                4,
            )
            .map(|o| o.counting(n))
        },
        ..TICKET_SHARE
    },
];

fn moments_held(view: &View<'_>) -> Result<Outcome, String> {
    view.over()?;
    let period = view.instants();
    let moments = &view.records.contact_moments;
    if view.spec.contact_rhythm.is_empty() {
        let planned = || {
            moments
                .iter()
                .filter(|m| m.planned_at.is_some_and(|at| period.contains(at)))
        };
        let held = planned().filter(|m| m.met_at().is_some()).count() as u64;
        let none = "no contact moment was planned for the period and the terms agree no rhythm";
        return view.share(held, planned().count() as u64, none);
    }
    let days: i64 = months_between(view.period.start(), view.period.end())
        .filter(|m| m.next().start(&view.plan.zone) <= view.as_of)
        .map(|m| i64::from(m.days()))
        .sum();
    let (mut agreed, mut held) = (0, 0);
    for (cadence, every_days) in &view.spec.contact_rhythm {
        let wanted = u64::try_from(days).unwrap_or(0) / u64::from((*every_days).max(1));
        let met = moments
            .iter()
            .filter(|m| m.cadence == *cadence)
            .filter(|m| m.met_at().is_some_and(|at| period.contains(at)))
            .count() as u64;
        agreed += wanted;
        held += met.min(wanted);
    }
    let none = "the period is shorter than the intervals of the rhythm";
    view.share(held, agreed, none)
}

/// What a party initiated in the period, and that with what it did in reaction.
fn initiative(view: &View<'_>, party: Party) -> Result<(u64, u64), String> {
    view.over()?;
    let period = view.instants();
    let (mut initiated, mut reactive) = (0, 0);
    for row in &view.records.interactions {
        if period.contains(row.at) && row.initiator == party {
            initiated += u64::from(!row.is_answer);
            reactive += u64::from(row.is_answer);
        }
        if period.contains(row.at) && row.initiator == party.other() && !row.is_answer {
            reactive += u64::from(row.answered_at.is_some_and(|at| at < view.as_of));
        }
    }
    Ok((initiated, initiated + reactive))
}

fn proactivity(view: &View<'_>, party: Party) -> Result<Outcome, String> {
    let (initiated, all) = initiative(view, party)?;
    let none = "it neither initiated nor answered anything in the period";
    view.share(initiated, all, none)
}

fn answer_time(view: &View<'_>, party: Party) -> Result<Outcome, String> {
    let asked = view
        .records
        .interactions
        .iter()
        .filter(|i| i.initiator == party.other() && !i.is_answer);
    view.median_wait(
        asked.map(|i| (i.at, i.answered_at)),
        "nothing was answered or waited for an answer in the period",
    )
}

fn blocker_age(view: &View<'_>, party: Party) -> Result<Outcome, String> {
    let own = view
        .records
        .blockers
        .iter()
        .filter(|b| b.waiting_on == party);
    view.median_wait(
        own.map(|b| (b.raised_at, b.cleared_at)),
        "no blocker was cleared or waited in the period",
    )
}

/// Preventive hours of the period: all, lines, those known to be paid or not, those paid.
fn hours(view: &View<'_>) -> Result<(Decimal, u64, Decimal, Decimal), String> {
    view.over()?;
    let (mut all, mut n, mut known, mut paid) = (Decimal::ZERO, 0, Decimal::ZERO, Decimal::ZERO);
    for row in view
        .records
        .hours
        .iter()
        .filter(|h| view.period.contains(h.month))
    {
        let add = |sum: Decimal| sum.checked_add(row.hours).map_err(|e| e.to_string());
        all = add(all)?;
        n += 1;
        if let Some(reimbursed) = row.reimbursed {
            known = add(known)?;
            if reimbursed {
                paid = add(paid)?;
            }
        }
    }
    Ok((all, n, known, paid))
}

fn challenge_response(view: &View<'_>) -> Result<Outcome, String> {
    view.over()?;
    let period = view.instants();
    let allowed_s = i64::from(view.spec.challenge_days) * 86_400;
    let (mut answered, mut judged, mut left_out) = (0, 0, 0);
    for goal in view
        .records
        .goals
        .iter()
        .filter(|g| period.contains(g.shared_at))
    {
        let until = goal.shared_at.plus_seconds(allowed_s);
        let in_time = goal.answered_at.is_some_and(|at| at <= until);
        if in_time || until <= view.as_of {
            judged += 1;
            answered += u64::from(in_time);
        } else {
            left_out += 1;
        }
    }
    let none = "no goal shared in the period can be judged";
    view.share(answered, judged, none)
        .map(|o| o.excluding(left_out))
}

/// What the answers of the period and scope say, those that say it.
fn responses(
    view: &View<'_>,
    of: impl Fn(&super::super::records::Response) -> Option<u64>,
) -> Result<Vec<u64>, String> {
    view.over()?;
    let period = view.instants();
    let found: Vec<u64> = view
        .records
        .responses
        .iter()
        .filter(|r| period.contains(r.at) && view.covers(&r.service_id))
        .filter_map(of)
        .collect();
    if found.is_empty() {
        return Err("no answer in the period".to_owned());
    }
    Ok(found)
}

//! The composite scores of a contract, from the targets, weights and gates of its terms: the one of
//! the catalogue, and those that the terms name.

use super::super::catalogue::{self, Across, Kpi, Periods, Unit, of_contract};
use super::super::spec::{Composite, Gate};
use super::super::value::Direction;
use super::super::view::{Outcome, View};
use crate::money::Decimal;

pub(in super::super) const ENTRIES: &[Kpi] = &[QUALITY_SCORE];

/// What holds for named scores as well, but for weights and gates.
pub(in super::super) const QUALITY_SCORE: Kpi = Kpi {
    id: "quality_score",
    title: "Quality score",
    formula: "Σ weight × score ÷ Σ weight, over the KPIs that have a target; 0 while a gate is shut",
    unit: Unit::Word("score"),
    direction: Direction::HigherIsBetter,
    inputs: &[],
    levels: of_contract("targets, weights and gates are those of the contract"),
    across: Across::Never("contracts have different targets and weights"),
    periods: Periods::Performance,
    comparable: false,
    parts: "scores of the other KPIs",
    min_n: 1,
    rule: "not measurable as soon as one of its KPIs or gates is; gates are asked of the \
           unrounded quotient; 4 decimals, half-even",
    source: "[score] targets and gates of the terms; [[score.composite]] names more such scores, \
             with weights and gates of their own, as score_ID",
    example: "a score of 0.5 with weight 3 and one of 1 with weight 1: 2.5 ÷ 4 = 0.625",
    compute: quality_score,
};

fn quality_score(view: &View<'_>) -> Result<Outcome, String> {
    weighted(view, |_, weight| weight, &view.spec.gates)
}

/// The value of a named score of the terms, from the scores of the KPIs that it weighs.
pub(in super::super) fn composite(
    view: &View<'_>,
    composite: &Composite,
) -> Result<Outcome, String> {
    let weight_of = |kpi: &str, _| {
        let own = composite.weights.get(kpi).copied();
        own.unwrap_or(Decimal::ZERO)
    };
    weighted(view, weight_of, &composite.gates)
}

/// Σ weight × score ÷ Σ weight; 0 while a gate is shut.
fn weighted(
    view: &View<'_>,
    weight_of: impl Fn(&str, Decimal) -> Decimal,
    gates: &[Gate],
) -> Result<Outcome, String> {
    let (mut sum, mut weights, mut n) = (Decimal::ZERO, Decimal::ZERO, 0);
    for (kpi, weight, score) in view.scores {
        let weight = weight_of(kpi, *weight);
        if weight.is_zero() {
            continue;
        }
        // Left out, an absent score would raise or lower the mean of the others.
        let score = score.as_ref().map_err(|why| format!("{kpi}: {why}"))?;
        sum = weight
            .checked_mul(*score)
            .and_then(|part| sum.checked_add(part))
            .map_err(|e| e.to_string())?;
        weights = weights.checked_add(weight).map_err(|e| e.to_string())?;
        n += 1;
    }
    if n == 0 {
        return Err("the terms set no weighted target ([score] targets)".to_owned());
    }
    let outcome = Outcome::ratio(sum, weights, 4)?.counting(n);
    for gate in gates {
        let value = catalogue::value_in(&gate.kpi, view)?;
        if shut(gate, &value)? {
            let shown = format!(
                "no score while {}: {} is {}",
                gate.because, gate.kpi, value.value
            );
            return Ok(Outcome::of(Decimal::ZERO).counting(n).noting(shown));
        }
    }
    Ok(outcome)
}

/// Whether a value is outside the bounds of a gate.
fn shut(gate: &Gate, value: &Outcome) -> Result<bool, String> {
    // By what was divided, where it was: a rounded share must not open a gate.
    let (above, below) = match (value.numerator, value.denominator) {
        (Some(above), Some(below)) if below.is_positive() => (above, below),
        _ => (value.value, Decimal::ONE),
    };
    let bound = |bound: Decimal| bound.checked_mul(below).map_err(|e| e.to_string());
    let low = match gate.at_least {
        Some(least) => above < bound(least)?,
        None => false,
    };
    let high = match gate.at_most {
        Some(most) => above > bound(most)?,
        None => false,
    };
    Ok(low || high)
}

//! The sentences of an explanation. Not responsible for any figure: it is given them.

use super::algebra::{Act, Step};
use super::lower::{Expr, Use};
use crate::money::Decimal;

/// A number as one writes it: no trailing zeros.
pub(super) fn plain(value: Decimal) -> String {
    value.normalized().to_string()
}

/// What a step did, as one line of a calculation.
pub(super) fn of_step(
    step: &Step,
    before: Decimal,
    operand: Option<Decimal>,
    after: Decimal,
    slices: &[(Decimal, Decimal)],
) -> String {
    let (x, y) = (plain(before), plain(after));
    let o = operand.map(plain).unwrap_or_default();
    let line = match &step.act {
        Act::Minimum { at, first_dollar } => {
            if before.abs() < operand.unwrap_or_default() {
                format!(
                    "{x} does not reach the minimum {}: nothing counts",
                    named(at, &o)
                )
            } else if *first_dollar {
                format!(
                    "{x} reaches the minimum {}: everything counts, from the first unit",
                    named(at, &o)
                )
            } else {
                format!("of {x}, what exceeds {} counts: {y}", named(at, &o))
            }
        }
        Act::Bands(bands) => match (bands.whole, operand) {
            (true, Some(rate)) => format!("the band gives {}: {x} becomes {y}", plain(rate)),
            _ if slices.is_empty() => format!("{x} lies in no slice: {y}"),
            _ => {
                let parts: Vec<String> = slices
                    .iter()
                    .map(|(slice, rate)| format!("{} × {}", plain(*slice), plain(*rate)))
                    .collect();
                format!("{x} in slices: {} = {y}", parts.join(" + "))
            }
        },
        Act::Times { word, factor, .. } => format!("{x} × {word} {} = {y}", named(factor, &o)),
        Act::Relief(relief) => format!("{x} × (1 − relief {}) = {y}", named(relief, &o)),
        Act::Add(value) => format!("{x} + {} = {y}", named(value, &o)),
        Act::Subtract(value) => format!("{x} − {} = {y}", named(value, &o)),
        Act::Limit {
            word, low, high, ..
        } => {
            let all: Vec<&Expr> = high.iter().chain(low).collect();
            let limit = match all.as_slice() {
                [one] if one.text == o => o.clone(),
                [one] => format!("{} = {o}", one.text),
                many => many
                    .iter()
                    .map(|e| e.text.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            };
            if before == after {
                format!("{x} keeps within the {word} {limit}")
            } else {
                format!("{x} is limited by the {word} {limit} to {y}")
            }
        }
        Act::Carry { .. } => {
            if before.is_negative() {
                format!(
                    "the loss of {} is carried into the next period",
                    plain(-before)
                )
            } else {
                format!("{x} less carried losses of {o} = {y}")
            }
        }
        Act::Positive(words) => format!("{x} is below zero: {words}"),
        Act::Round(decimals, _) => format!("{x} rounded to {decimals} decimals = {y}"),
        Act::When(condition) => {
            if after == before {
                format!("{} holds: {x} stays", condition.text)
            } else {
                format!("{} does not hold: nothing is due", condition.text)
            }
        }
        Act::Repeat(..) => {
            if operand.is_some() {
                format!("also in the period before: {x} × {o} = {y}")
            } else {
                format!("not in the period before: {x} stays")
            }
        }
    };
    match &step.because {
        Some(because) => format!("{line} ({because})"),
        None => line,
    }
}

/// An expression with its value, or just the number when that is what it says.
fn named(expr: &Expr, value: &str) -> String {
    if expr.text == value || expr.uses.is_empty() && expr.node.constant().is_some() {
        value.to_owned()
    } else {
        format!("{} = {value}", expr.text)
    }
}

/// The values of the names in an expression.
pub(super) fn uses(
    expr: &Expr,
    slot: impl Fn(usize) -> String,
    clause: impl Fn(usize) -> String,
    rebased: impl Fn(usize) -> String,
) -> String {
    let mut seen: Vec<String> = Vec::new();
    for (name, what) in &expr.uses {
        let shown = match what {
            Use::Slot(index) => format!("{name} = {}", slot(*index)),
            Use::Clause(index) => format!("{name} = {}", clause(*index)),
            Use::Rebased(index) => format!("{name} = {}", rebased(*index)),
            Use::Given(value) => format!("{name} = {value}"),
        };
        // A name that is the whole expression has its value there already.
        if *name != expr.text && !seen.contains(&shown) {
            seen.push(shown);
        }
    }
    seen.join(", ")
}

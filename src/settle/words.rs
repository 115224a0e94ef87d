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
) -> String {
    let (x, y) = (plain(before), plain(after));
    let o = operand.map(plain).unwrap_or_default();
    let line = match &step.act {
        Act::Minimum { at, first_dollar } => {
            if before.abs() < operand.unwrap_or_default() {
                format!(
                    "{x} does not reach the minimum {} = {o}: nothing counts",
                    at.text
                )
            } else if *first_dollar {
                format!(
                    "{x} reaches the minimum {} = {o}: everything counts, from the first unit",
                    at.text
                )
            } else {
                format!("of {x}, what exceeds {} = {o} counts: {y}", at.text)
            }
        }
        Act::Bands(bands) => match (bands.whole, operand) {
            (true, Some(rate)) => format!("the band gives {}: {x} becomes {y}", plain(rate)),
            _ => format!("{x} in slices, each at the rate of its band: {y}"),
        },
        Act::Times { word, factor, .. } => format!("{x} × {word} {} = {y}", named(factor, &o)),
        Act::Relief(relief) => format!("{x} × (1 − relief {}) = {y}", named(relief, &o)),
        Act::Add(value) => format!("{x} + {} = {y}", named(value, &o)),
        Act::Subtract(value) => format!("{x} − {} = {y}", named(value, &o)),
        Act::Limit {
            word, low, high, ..
        } => {
            let texts: Vec<&str> = high.iter().chain(low).map(|e| e.text.as_str()).collect();
            if before == after {
                format!("{x} keeps within the {word} {} = {o}", texts.join(", "))
            } else {
                format!("{x} is limited by the {word} {} to {y}", texts.join(", "))
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
) -> String {
    let mut seen: Vec<String> = Vec::new();
    for (name, what) in &expr.uses {
        let shown = match what {
            Use::Slot(index) => format!("{name} = {}", slot(*index)),
            Use::Clause(index) | Use::Rebased(index) => format!("{name} = {}", clause(*index)),
            Use::Given(value) => format!("{name} = {value}"),
        };
        if !seen.contains(&shown) {
            seen.push(shown);
        }
    }
    seen.join(", ")
}

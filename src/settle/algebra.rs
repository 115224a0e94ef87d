//! The algebra: basis → minimum → bands → factors → limits → carry → rounding, as data and as
//! arithmetic. Every clause kind is made of these steps. Not responsible for kinds (see
//! [`super::kinds`]) or for periods (see [`super::run`]).

use super::lower::Expr;
use super::node::{Scene, Stop};
use crate::money::{Decimal, Rounding};
use crate::terms::Within;

/// One step, with the words for people.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub(super) act: Act,
    pub(super) because: Option<String>,
}

/// What a step does to the running amount.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Act {
    /// Zero until the size of the amount reaches `at`; then all of it or the excess.
    Minimum {
        at: Expr,
        first_dollar: bool,
    },
    Bands(Bands),
    /// Multiplies; `fraction` factors must lie between 0 and 1.
    Times {
        word: &'static str,
        factor: Expr,
        fraction: bool,
    },
    /// Multiplies by one less it.
    Relief(Expr),
    Add(Expr),
    Subtract(Expr),
    /// At most the least of `high`, at least the greatest of `low`, within a span of time.
    Limit {
        low: Vec<Expr>,
        high: Vec<Expr>,
        over: Within,
        key: usize,
        word: &'static str,
    },
    /// Nothing below zero; the words say why.
    Positive(&'static str),
    /// A negative amount goes to the next period.
    Carry {
        limit: Option<Expr>,
        expires_after: Option<u16>,
        opening: Option<Expr>,
        key: usize,
    },
    Round(u8, Rounding),
    /// Zero unless the condition holds.
    When(Expr),
    /// Multiplies when the amount was not zero in the period before either.
    Repeat(Expr, usize),
}

/// A table of bands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bands {
    pub(super) bands: Vec<Band>,
    pub(super) whole: bool,
    pub(super) of: Option<Expr>,
    pub(super) by: Option<Expr>,
    pub(super) upper_closed: bool,
}

/// One band; an edge that is left out is no limit.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Band {
    pub(super) from: Option<Expr>,
    pub(super) to: Option<Expr>,
    pub(super) gives: Gives,
}

/// What a band does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Gives {
    Rate(Expr),
    Amount(Expr),
}

/// What one step did, for the explanation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trace {
    pub(super) word: &'static str,
    /// The part of a clause with several levels.
    pub(super) part: Option<String>,
    pub(super) before: Decimal,
    /// The value of the step's own expression, if it has one.
    pub(super) operand: Option<Decimal>,
    pub(super) after: Decimal,
    pub(super) bound_by: Option<&'static str>,
    pub(super) words: String,
}

/// What a clause remembers from period to period, by step.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Memory {
    /// For limits over a longer span: the span's number and what has passed in it.
    pub(super) passed: Vec<(i64, Decimal)>,
    /// For carries: losses with the periods they still live; `None` until opened.
    pub(super) carried: Vec<Option<Vec<(Decimal, u16)>>>,
    /// For repeats: whether the amount was not zero in the period before.
    pub(super) repeated: Vec<bool>,
}

fn slot<T: Default + Clone>(list: &mut Vec<T>, key: usize) -> &mut T {
    if list.len() <= key {
        list.resize(key + 1, T::default());
    }
    &mut list[key]
}

/// The running amount and what happened to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Running {
    pub(super) amount: Decimal,
    /// The amount once minimum and conditions have been passed: what qualifies for sharing.
    pub(super) qualified: Decimal,
    pub(super) bound_by: Option<&'static str>,
}

/// Passes an amount through steps.
pub(super) fn pass(
    steps: &[Step],
    start: Decimal,
    scene: &Scene<'_>,
    memory: &mut Memory,
    mut trace: Option<&mut Vec<Trace>>,
) -> Result<Running, Stop> {
    let mut running = Running {
        amount: start,
        qualified: start,
        bound_by: None,
    };
    let mut qualifying = true;
    for step in steps {
        let before = running.amount;
        let mut slices = trace.is_some().then(Vec::new);
        let (operand, bound_by, word) =
            take(&step.act, &mut running, scene, memory, slices.as_mut())?;
        if bound_by.is_some() {
            running.bound_by = bound_by;
        }
        match step.act {
            // What qualifies is fixed by the first step that shares or prices it.
            Act::Minimum { .. } | Act::When(_) | Act::Carry { .. } | Act::Positive(_)
                if qualifying =>
            {
                running.qualified = running.amount;
            }
            _ => qualifying = false,
        }
        let idle = matches!(step.act, Act::Positive(_)) && bound_by.is_none();
        if let Some(trace) = trace.as_deref_mut().filter(|_| !idle) {
            trace.push(Trace {
                word,
                part: None,
                before,
                operand,
                after: running.amount,
                bound_by,
                words: super::words::of_step(
                    step,
                    before,
                    operand,
                    running.amount,
                    slices.as_deref().unwrap_or_default(),
                ),
            });
        }
    }
    Ok(running)
}

/// The slices of an amount with their rates, for the explanation.
type Slices = Vec<(Decimal, Decimal)>;

type Taken = (Option<Decimal>, Option<&'static str>, &'static str);

fn take(
    act: &Act,
    running: &mut Running,
    scene: &Scene<'_>,
    memory: &mut Memory,
    slices: Option<&mut Slices>,
) -> Result<Taken, Stop> {
    let x = running.amount;
    let (after, operand, bound_by, word) = match act {
        Act::Minimum { at, first_dollar } => {
            let least = at.node.eval(scene)?;
            if least.is_negative() {
                return Err(Stop::Because(
                    format!("the minimum `{}` is negative: {least}", at.text).into(),
                ));
            }
            let (after, bound) = if x.abs() < least {
                (Decimal::ZERO, (!x.is_zero()).then_some("minimum"))
            } else if *first_dollar {
                (x, None)
            } else if x.is_negative() {
                (x.checked_add(least)?, None)
            } else {
                (x.checked_sub(least)?, None)
            };
            (after, Some(least), bound, "minimum")
        }
        Act::Bands(bands) => {
            let (after, rate) = bands.apply(x, scene, slices)?;
            (after, rate, None, "bands")
        }
        Act::Times {
            word,
            factor,
            fraction,
        } => {
            let factor_value = match factor.node.eval(scene) {
                Ok(value) => value,
                // Nothing times an unknown factor is still nothing.
                Err(_) if x.is_zero() => Decimal::ZERO,
                Err(stop) => return Err(stop),
            };
            if *fraction && (factor_value.is_negative() || factor_value > Decimal::ONE) {
                return Err(Stop::Because(
                    format!(
                        "the {word} `{}` is {factor_value}, not between 0 and 1",
                        factor.text
                    )
                    .into(),
                ));
            }
            (
                x.checked_mul(factor_value)?,
                Some(factor_value),
                None,
                *word,
            )
        }
        Act::Relief(relief) => {
            let part = match relief.node.eval(scene) {
                Ok(value) => value,
                Err(_) if x.is_zero() => Decimal::ZERO,
                Err(stop) => return Err(stop),
            };
            if part.is_negative() || part > Decimal::ONE {
                return Err(Stop::Because(
                    format!(
                        "the relief `{}` is {part}, not between 0 and 1",
                        relief.text
                    )
                    .into(),
                ));
            }
            let after = x.checked_mul(Decimal::ONE.checked_sub(part)?)?;
            (
                after,
                Some(part),
                (!part.is_zero()).then_some("relief"),
                "relief",
            )
        }
        Act::Add(value) => {
            let value = value.node.eval(scene)?;
            (x.checked_add(value)?, Some(value), None, "add")
        }
        Act::Subtract(value) => {
            let value = value.node.eval(scene)?;
            (x.checked_sub(value)?, Some(value), None, "subtract")
        }
        Act::Limit {
            low,
            high,
            over,
            key,
            word,
        } => {
            let (after, limit, bound) = limited(x, low, high, *over, *key, scene, memory, word)?;
            (after, limit, bound, *word)
        }
        Act::Carry {
            limit,
            expires_after,
            opening,
            key,
        } => {
            let limit = limit.as_ref().map(|l| l.node.eval(scene)).transpose()?;
            let opening = match slot(&mut memory.carried, *key) {
                Some(_) => None,
                None => opening.as_ref().map(|o| o.node.eval(scene)).transpose()?,
            };
            let losses = slot(&mut memory.carried, *key).get_or_insert_default();
            if let Some(opening) = opening
                && opening.is_positive()
            {
                losses.push((opening, expires_after.unwrap_or(u16::MAX)));
            }
            let (after, used) = carry(x, losses, *expires_after, limit)?;
            (after, Some(used), (after != x).then_some("carry"), "carry")
        }
        Act::Positive(_) => {
            let bound = x.is_negative().then_some("floor");
            (x.max(Decimal::ZERO), None, bound, "floor")
        }
        Act::Round(decimals, rounding) => (x.round(*decimals, *rounding), None, None, "round"),
        Act::When(condition) => {
            let holds = !condition.node.eval(scene)?.is_zero();
            (
                if holds { x } else { Decimal::ZERO },
                None,
                (!holds && !x.is_zero()).then_some("condition"),
                "when",
            )
        }
        Act::Repeat(factor, key) => {
            let repeated = std::mem::replace(slot(&mut memory.repeated, *key), !x.is_zero());
            if repeated && !x.is_zero() {
                let factor = factor.node.eval(scene)?;
                (
                    x.checked_mul(factor)?,
                    Some(factor),
                    Some("repeat"),
                    "repeat",
                )
            } else {
                (x, None, None, "repeat")
            }
        }
    };
    running.amount = after;
    Ok((operand, bound_by, word))
}

#[allow(clippy::too_many_arguments, reason = "the parts of one step")]
fn limited(
    x: Decimal,
    low: &[Expr],
    high: &[Expr],
    over: Within,
    key: usize,
    scene: &Scene<'_>,
    memory: &mut Memory,
    word: &'static str,
) -> Result<(Decimal, Option<Decimal>, Option<&'static str>), Stop> {
    let span = match over {
        Within::Period => None,
        Within::ContractYear => Some(scene.contract_year),
        Within::Contract => Some(0),
    };
    let passed = match span {
        None => Decimal::ZERO,
        Some(span) => {
            let entry = slot(&mut memory.passed, key);
            if entry.0 != span {
                *entry = (span, Decimal::ZERO);
            }
            entry.1
        }
    };
    let (mut after, mut bound, mut limit) = (x, None, None);
    let mut most: Option<Decimal> = None;
    for value in high {
        let value = value.node.eval(scene)?;
        most = Some(most.map_or(value, |m| m.min(value)));
    }
    if let Some(most) = most {
        let left = most.checked_sub(passed)?;
        limit = Some(left);
        if after > left {
            (after, bound) = (left, Some(word));
        }
    }
    let mut least: Option<Decimal> = None;
    for value in low {
        let value = value.node.eval(scene)?;
        least = Some(least.map_or(value, |m| m.max(value)));
    }
    if let Some(least) = least {
        let left = least.checked_sub(passed)?;
        limit = limit.or(Some(left));
        if after < left {
            (after, bound, limit) = (left, Some(word), Some(left));
        }
    }
    if span.is_some() {
        slot(&mut memory.passed, key).1 = passed.checked_add(after)?;
    }
    Ok((after, limit, bound))
}

/// Deducts carried losses, oldest first, and carries a new one. Gives the amount and what was
/// deducted.
pub(super) fn carry(
    x: Decimal,
    losses: &mut Vec<(Decimal, u16)>,
    lives: Option<u16>,
    limit: Option<Decimal>,
) -> Result<(Decimal, Decimal), Stop> {
    let mut left = x;
    let mut used = Decimal::ZERO;
    for loss in losses.iter_mut() {
        if !left.is_positive() {
            break;
        }
        let part = loss.0.min(left);
        loss.0 = loss.0.checked_sub(part)?;
        left = left.checked_sub(part)?;
        used = used.checked_add(part)?;
    }
    if lives.is_some() {
        for loss in losses.iter_mut() {
            loss.1 = loss.1.saturating_sub(1);
        }
    }
    losses.retain(|loss| !loss.0.is_zero() && loss.1 > 0);
    if left.is_negative() {
        let mut loss = -left;
        if let Some(limit) = limit {
            let mut held = Decimal::ZERO;
            for (amount, _) in losses.iter() {
                held = held.checked_add(*amount)?;
            }
            loss = loss.min(limit.checked_sub(held)?).max(Decimal::ZERO);
        }
        if !loss.is_zero() {
            losses.push((loss, lives.unwrap_or(u16::MAX)));
        }
        left = Decimal::ZERO;
    }
    Ok((left, used))
}

impl Bands {
    /// The amount after the bands, and the rate when one band decides.
    pub(super) fn apply(
        &self,
        x: Decimal,
        scene: &Scene<'_>,
        slices: Option<&mut Slices>,
    ) -> Result<(Decimal, Option<Decimal>), Stop> {
        let of = self.of.as_ref().map(|o| o.node.eval(scene)).transpose()?;
        let edge = |e: &Option<Expr>| -> Result<Option<Decimal>, Stop> {
            let Some(e) = e else { return Ok(None) };
            let value = e.node.eval(scene)?;
            Ok(Some(match of {
                Some(of) => value.checked_mul(of)?,
                None => value,
            }))
        };
        if self.whole {
            let chooser = match &self.by {
                Some(by) => by.node.eval(scene)?,
                None => x,
            };
            let band = self.find(chooser, edge)?;
            return match &band.gives {
                Gives::Rate(rate) => {
                    let rate = rate.node.eval(scene)?;
                    Ok((x.checked_mul(rate)?, Some(rate)))
                }
                Gives::Amount(amount) => {
                    let amount = amount.node.eval(scene)?;
                    Ok((amount, Some(amount)))
                }
            };
        }
        self.marginal(x, edge, scene, slices).map(|sum| (sum, None))
    }

    /// The rate or amount of the band that a value lies in.
    pub(super) fn value_at(&self, chooser: Decimal, scene: &Scene<'_>) -> Result<Decimal, Stop> {
        let band = self.find(chooser, |edge| {
            edge.as_ref().map(|e| e.node.eval(scene)).transpose()
        })?;
        match &band.gives {
            Gives::Rate(value) | Gives::Amount(value) => value.node.eval(scene),
        }
    }

    /// Each slice between zero and `x` at the rate of its band; negative for a negative `x`.
    fn marginal(
        &self,
        x: Decimal,
        edge: impl Fn(&Option<Expr>) -> Result<Option<Decimal>, Stop>,
        scene: &Scene<'_>,
        mut slices: Option<&mut Slices>,
    ) -> Result<Decimal, Stop> {
        let (low, high) = (x.min(Decimal::ZERO), x.max(Decimal::ZERO));
        let mut sum = Decimal::ZERO;
        let mut covered = Decimal::ZERO;
        let mut before: Option<Decimal> = None;
        for band in &self.bands {
            let (from, to) = (edge(&band.from)?, edge(&band.to)?);
            if let (Some(f), Some(t)) = (from.or(before), to)
                && f > t
            {
                return Err(Stop::Because(
                    format!("a band runs from {f} down to {t}").into(),
                ));
            }
            before = to;
            let from = from.map_or(low, |f| f.max(low));
            let to = to.map_or(high, |t| t.min(high));
            if from >= to {
                continue;
            }
            let slice = to.checked_sub(from)?;
            covered = covered.checked_add(slice)?;
            if let Gives::Rate(rate) = &band.gives {
                let signed = if x.is_negative() { -slice } else { slice };
                let rate = rate.node.eval(scene)?;
                sum = sum.checked_add(signed.checked_mul(rate)?)?;
                if let Some(slices) = slices.as_deref_mut() {
                    slices.push((signed, rate));
                }
            }
        }
        if covered != high.checked_sub(low)? {
            return Err(Stop::Because(
                format!("part of {x} lies in none of the bands, or in two").into(),
            ));
        }
        Ok(sum)
    }

    fn find(
        &self,
        chooser: Decimal,
        edge: impl Fn(&Option<Expr>) -> Result<Option<Decimal>, Stop>,
    ) -> Result<&Band, Stop> {
        let last = self.bands.len().saturating_sub(1);
        for (i, band) in self.bands.iter().enumerate() {
            let (from, to) = (edge(&band.from)?, edge(&band.to)?);
            // The outermost edges belong to their bands: nothing lies beyond them.
            let above = from.is_none_or(|f| {
                if self.upper_closed && i > 0 {
                    chooser > f
                } else {
                    chooser >= f
                }
            });
            let below = to.is_none_or(|t| {
                if self.upper_closed || i == last {
                    chooser <= t
                } else {
                    chooser < t
                }
            });
            if above && below {
                return Ok(band);
            }
        }
        Err(Stop::Because(
            format!("{chooser} lies in none of the bands").into(),
        ))
    }
}

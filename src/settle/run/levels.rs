//! The value of one part of a clause: a basis, a service level, a bonus or malus, with repeats and
//! earn-back. Not responsible for what follows (see the steps in [`super::super::algebra`]).

use super::super::clause::{EarnBack, Part, PartValue};
use super::super::node::{Scene, Stop};
use super::super::words::plain;
use super::{PartState, Run};
use crate::money::Decimal;

impl Run<'_> {
    /// The value of a level, what it earns back, and the words.
    pub(super) fn part(
        &self,
        part: &Part,
        memory: &mut PartState,
        scene: &Scene<'_>,
        row: usize,
    ) -> Result<(Decimal, Decimal, String), Stop> {
        let name = part.name.as_deref().unwrap_or("");
        if let Some(excused) = &part.excused
            && !excused.node.eval(scene)?.is_zero()
        {
            // An excused period neither fails nor counts as kept.
            return Ok((
                Decimal::ZERO,
                Decimal::ZERO,
                format!("{name}: excused, {}", excused.text),
            ));
        }
        let (mut value, mut words) = match &part.value {
            PartValue::Basis(expr) => {
                let value = expr.node.eval(scene)?;
                (
                    value,
                    self.explain.then(|| self.basis_words(expr, value, row)),
                )
            }
            PartValue::Missed {
                measure,
                target,
                lower_is_better,
            } => {
                let (m, t) = (measure.node.eval(scene)?, target.node.eval(scene)?);
                let missed = if *lower_is_better { m > t } else { m < t };
                let words = self.explain.then(|| {
                    let verdict = if missed { "misses" } else { "reaches" };
                    format!(
                        "{name}: {} = {} {verdict} the target {}",
                        measure.text,
                        plain(m),
                        plain(t)
                    )
                });
                (if missed { Decimal::ONE } else { Decimal::ZERO }, words)
            }
            PartValue::Banded { measure, bands } => {
                let m = measure.node.eval(scene)?;
                let value = bands.value_at(m, scene)?;
                let words = self.explain.then(|| {
                    format!(
                        "{name}: {} = {} gives {}",
                        measure.text,
                        plain(m),
                        plain(value)
                    )
                });
                (value, words)
            }
            PartValue::BonusMalus {
                measure,
                target,
                floor,
                lower_is_better,
                bonus,
                malus,
            } => {
                let (m, t) = (measure.node.eval(scene)?, target.node.eval(scene)?);
                let f = floor
                    .as_ref()
                    .map(|f| f.node.eval(scene))
                    .transpose()?
                    .unwrap_or(t);
                let good = if *lower_is_better { m <= t } else { m >= t };
                let bad = if *lower_is_better { m > f } else { m < f };
                let value = if good {
                    bonus
                        .as_ref()
                        .map(|b| b.node.eval(scene))
                        .transpose()?
                        .unwrap_or_default()
                } else if bad {
                    -malus
                        .as_ref()
                        .map(|b| b.node.eval(scene))
                        .transpose()?
                        .unwrap_or_default()
                } else {
                    Decimal::ZERO
                };
                let words = self.explain.then(|| {
                    let verdict = if good {
                        "earns the bonus"
                    } else if bad {
                        "costs the malus"
                    } else {
                        "earns nothing and costs nothing"
                    };
                    format!(
                        "{name}: {} = {} against {} {verdict}",
                        measure.text,
                        plain(m),
                        plain(t)
                    )
                });
                (value, words)
            }
        };
        let missed = match &part.value {
            PartValue::BonusMalus { .. } => value.is_negative(),
            _ => !value.is_zero(),
        };
        let mut note = |more: &dyn Fn() -> String| {
            if let Some(words) = &mut words {
                words.push_str(&more());
            }
        };
        if let Some(repeat) = &part.repeat
            && missed
            && memory.missed_before
        {
            let factor = repeat.node.eval(scene)?;
            value = value.checked_mul(factor)?;
            note(&|| format!(", × {} for a repeat", plain(factor)));
        }
        for (word, factor) in &part.factors {
            let factor = factor.node.eval(scene)?;
            value = value.checked_mul(factor)?;
            if missed {
                note(&|| format!(", × {word} {}", plain(factor)));
            }
        }
        if missed && !part.factors.is_empty() {
            note(&|| format!(" = {}", plain(value)));
        }
        memory.missed_before = missed;
        let mut back = Decimal::ZERO;
        if let Some(earn) = &part.earn_back {
            back = earned_back(earn, missed, value, memory, scene)?;
            if !back.is_zero() {
                note(&|| format!("; earns back {}", plain(back)));
            }
        }
        Ok((value, back, words.unwrap_or_default()))
    }
}

/// Credits of earlier periods that come back now.
fn earned_back(
    earn: &EarnBack,
    missed: bool,
    credit: Decimal,
    memory: &mut PartState,
    scene: &Scene<'_>,
) -> Result<Decimal, Stop> {
    if missed {
        // A new failure forfeits what was pending and starts the count again.
        memory.pending.clear();
        memory.pending.push((credit, 0));
        return Ok(Decimal::ZERO);
    }
    let holds = match &earn.when {
        Some(when) => !when.node.eval(scene)?.is_zero(),
        None => true,
    };
    let share = earn
        .share
        .as_ref()
        .map_or(Ok(Decimal::ONE), |s| s.node.eval(scene))?;
    let mut back = Decimal::ZERO;
    for (credit, kept) in &mut memory.pending {
        *kept = if holds { kept.saturating_add(1) } else { 0 };
        if *kept >= earn.periods {
            back = back.checked_add(credit.checked_mul(share)?)?;
        }
    }
    memory.pending.retain(|(_, kept)| *kept < earn.periods);
    Ok(back)
}

//! Written steps and bands as steps of the algebra. Not responsible for the fields of a kind.

use std::ops::Range;

use super::super::algebra::{Act, Band, Bands, Gives};
use super::super::lower::Expr;
use super::super::node::Node;
use super::{Desugar, Memory, open_below};
use crate::money::Decimal;
use crate::terms::{
    Apply, BandSource, Closed, Kind, Located, Mode, Problem, StepSource, Value, Within,
};

impl Desugar<'_, '_, '_> {
    pub(super) fn bands(
        &mut self,
        written: &[BandSource],
        whole: bool,
        of: &Option<Located<Value>>,
        by: &Option<Located<Value>>,
        closed: Closed,
        span: &Range<usize>,
    ) -> Bands {
        let mut bands = Vec::with_capacity(written.len());
        for (i, band) in written.iter().enumerate() {
            // An edge that is left out is the neighbour's.
            let before = i
                .checked_sub(1)
                .and_then(|p| written.get(p))
                .and_then(|b| b.to.as_ref());
            let after = written.get(i + 1).and_then(|b| b.from.as_ref());
            let from = band.from.as_ref().or(before).map(|v| self.lower.number(v));
            let to = band.to.as_ref().or(after).map(|v| self.lower.number(v));
            let gives = match (&band.rate, &band.amount) {
                (Some(rate), _) => Gives::Rate(self.lower.number(rate)),
                (None, Some(amount)) => {
                    if !whole {
                        self.lower.problems.push(
                            Problem::at(
                                &amount.span,
                                "an amount per band needs `apply = \"whole\"`",
                            )
                            .help("marginal bands have a rate each"),
                        );
                    }
                    Gives::Amount(self.lower.number(amount))
                }
                (None, None) => Gives::Rate(Expr::number(Decimal::ZERO)),
            };
            bands.push(Band { from, to, gives });
        }
        let first = bands
            .first()
            .and_then(|b| b.from.as_ref())
            .and_then(|f| f.node.constant());
        if !whole
            && let Some(first) = first
            && first.is_positive()
        {
            self.lower.problems.push(
                Problem::at(
                    span,
                    format!("nothing says what happens between 0 and {first}"),
                )
                .help(format!("add a band `{{ to = {first}, rate = 0 }}`")),
            );
        }
        Bands {
            bands,
            whole,
            of: self.maybe(of),
            by: self.maybe(by),
            upper_closed: closed == Closed::Upper,
        }
    }

    pub(super) fn step(&mut self, s: &StepSource, span: &Range<usize>) -> Act {
        let over = s.over.as_ref().map_or(Within::Period, |o| o.value);
        let factor = [
            ("share", &s.share, true),
            ("price", &s.price, false),
            ("factor", &s.times, false),
            ("quality", &s.quality, false),
            ("attribution", &s.attribution, true),
        ];
        for (word, value, fraction) in factor {
            if let Some(value) = value {
                return self.times(word, value, fraction);
            }
        }
        if let Some(minimum) = &s.minimum {
            self.minimum(minimum, s.mode.as_ref().map_or(Mode::Excess, |m| m.value))
        } else if let Some(bands) = &s.bands {
            let whole = s.by.is_some() || s.apply.as_ref().is_some_and(|a| a.value == Apply::Whole);
            if let (Some(by), Some(apply)) = (&s.by, &s.apply)
                && apply.value == Apply::Marginal
            {
                self.lower.problems.push(
                    Problem::at(
                        &apply.span,
                        "slices of one value cannot be chosen by another",
                    )
                    .and(&by.span, "the other value"),
                );
            }
            let closed = s.closed.as_ref().map_or(Closed::Lower, |c| c.value);
            let mut made = self.bands(&bands.value, whole, &s.of, &s.by, closed, &bands.span);
            if matches!(self.clause.kind.value, Kind::GainShare | Kind::PainShare) {
                open_below(&mut made);
            }
            Act::Bands(made)
        } else if let Some(list) = &s.share_by_year {
            let nodes = list.value.0.iter().map(|v| self.lower.number(v));
            let nodes: Vec<Expr> = nodes.collect();
            let text = nodes
                .iter()
                .map(|e| e.text.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            let factor = Expr {
                node: Node::ByYear(nodes.iter().map(|e| e.node.clone()).collect()),
                text: format!("by contract year ({text})"),
                uses: nodes.into_iter().flat_map(|e| e.uses).collect(),
                span: list.span.clone(),
            };
            Act::Times {
                word: "share",
                factor,
                fraction: true,
            }
        } else if let Some(relief) = &s.relief {
            Act::Relief(self.lower.number(relief))
        } else if let Some(add) = &s.add {
            Act::Add(self.lower.number(add))
        } else if let Some(subtract) = &s.subtract {
            Act::Subtract(self.lower.number(subtract))
        } else if let Some(cap) = &s.cap {
            self.cap(&cap.value.0, over)
        } else if let Some(floor) = &s.floor {
            self.floor(&floor.value.0, over)
        } else if s.carry.is_some() {
            Act::Carry {
                limit: self.maybe(&s.limit),
                expires_after: s.expires_after.as_ref().map(|e| e.value),
                opening: self.maybe(&s.opening),
                key: self.key(Memory::Carry),
            }
        } else if let Some(decimals) = &s.round {
            Act::Round(decimals.value, s.rounding.unwrap_or_default())
        } else if let Some(when) = &s.when {
            Act::When(self.lower.truth(when))
        } else if let Some(repeat) = &s.repeat {
            let factor = self.lower.number(repeat);
            let key = self.key(Memory::Repeat);
            Act::Repeat(factor, key)
        } else {
            self.lower.problems.push(Problem::at(span, "an empty step"));
            Act::Round(38, crate::money::Rounding::Down)
        }
    }
}

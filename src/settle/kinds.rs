//! From each clause kind to the algebra: the one place that knows what a kind's fields mean.
//! Not responsible for the arithmetic of a step (see [`super::algebra`]).

mod levels;
mod steps;
mod target_cost;

use std::ops::Range;

use super::algebra::{Act, Band, Bands, Gives, Step};
use super::clause::{Body, Member, Part, PartValue};
use super::lower::{Expr, Lower};
use super::node::Node;
use crate::money::Decimal;
use crate::terms::{
    Apply, ClauseSource, Closed, Kind, Located, Mode, Operator, PaidOn, Per, Problem, Value,
    WalletBy, Within,
};

/// Makes a body of a clause as written. Fields that a kind requires are there: the check of the
/// terms has refused the clause otherwise.
pub(super) fn body(clause: &ClauseSource, contract_per: Per, lower: &mut Lower<'_>) -> Body {
    let mut kind = Desugar {
        clause,
        lower,
        keys: [0; 3],
    };
    match clause.kind.value {
        Kind::Cap | Kind::Collar => kind.limit(),
        Kind::Holdback => Body::Holdback {
            over: kind.over(),
            share: kind.need(&clause.share),
            release: kind.condition(&clause.release),
            after: clause.release_after.as_ref().map(|r| r.value),
        },
        Kind::CarryForward => Body::CarryForward {
            over: kind.over(),
            limit: clause
                .limit
                .as_ref()
                .and_then(|l| l.value.0.first())
                .map(|l| kind.lower.number(l)),
            expires_after: clause.expires_after.as_ref().map(|e| e.value),
            opening: kind.maybe(&clause.opening),
        },
        Kind::Rebase => Body::Rebase {
            value: kind.need(&clause.value),
            to: kind.need(&clause.to),
            blend: kind.maybe(&clause.blend),
            every: clause
                .every
                .as_ref()
                .map_or(Per::ContractYear.max(contract_per), |e| e.value),
            only_down: clause.only_down.as_ref().is_some_and(|o| o.value),
        },
        Kind::Wallet => kind.wallet(),
        _ => kind.algebra(),
    }
}

impl Per {
    fn max(self, other: Per) -> Per {
        if other.months() > self.months() {
            other
        } else {
            self
        }
    }
}

struct Desugar<'a, 'b, 'c> {
    clause: &'a ClauseSource,
    lower: &'b mut Lower<'c>,
    /// Steps with a memory so far: limits, carries, repeats.
    keys: [usize; 3],
}

/// What a step remembers.
#[derive(Clone, Copy)]
enum Memory {
    Limit,
    Carry,
    Repeat,
}

fn step(act: Act) -> Step {
    Step { act, because: None }
}

fn because(act: Act, words: &str) -> Step {
    Step {
        act,
        because: Some(words.to_owned()),
    }
}

impl Desugar<'_, '_, '_> {
    fn span(&self) -> Range<usize> {
        self.clause.kind.span.clone()
    }

    fn key(&mut self, of: Memory) -> usize {
        let count = &mut self.keys[of as usize];
        *count += 1;
        *count - 1
    }

    fn need(&mut self, value: &Option<Located<Value>>) -> Expr {
        match value {
            Some(value) => self.lower.number(value),
            None => Expr::number(Decimal::ZERO),
        }
    }

    fn maybe(&mut self, value: &Option<Located<Value>>) -> Option<Expr> {
        value.as_ref().map(|v| self.lower.number(v))
    }

    fn condition(&mut self, value: &Option<Located<Value>>) -> Expr {
        match value {
            Some(value) => self.lower.truth(value),
            None => Expr::number(Decimal::ZERO),
        }
    }

    fn times(&mut self, word: &'static str, value: &Located<Value>, fraction: bool) -> Act {
        Act::Times {
            word,
            factor: self.lower.number(value),
            fraction,
        }
    }

    fn cap(&mut self, values: &[Located<Value>], over: Within) -> Act {
        let high = values.iter().map(|v| self.lower.number(v)).collect();
        let key = self.key(Memory::Limit);
        Act::Limit {
            low: Vec::new(),
            high,
            over,
            key,
            word: "cap",
        }
    }

    fn floor(&mut self, values: &[Located<Value>], over: Within) -> Act {
        let low = values.iter().map(|v| self.lower.number(v)).collect();
        let key = self.key(Memory::Limit);
        Act::Limit {
            low,
            high: Vec::new(),
            over,
            key,
            word: "floor",
        }
    }

    fn over(&mut self) -> Vec<usize> {
        match &self.clause.over {
            None => self
                .lower
                .earlier
                .values()
                .filter(|(_, rebased)| !rebased)
                .map(|(n, _)| *n)
                .collect(),
            Some(over) => {
                let mut found = Vec::new();
                for id in &over.value {
                    match self.lower.earlier.get(&id.value) {
                        Some((number, false)) => found.push(*number),
                        _ => {
                            let known: Vec<&str> =
                                self.lower.earlier.keys().map(String::as_str).collect();
                            let help = crate::terms::suggestion(&id.value, &known);
                            self.lower.problems.push(
                                Problem::at(
                                    &id.span,
                                    format!(
                                        "`{}` is no earlier clause that has an amount",
                                        id.value
                                    ),
                                )
                                .help(help),
                            );
                        }
                    }
                }
                found
            }
        }
    }

    fn minimum(&mut self, at: &Located<Value>, mode: Mode) -> Act {
        Act::Minimum {
            at: self.lower.number(at),
            first_dollar: mode == Mode::FirstDollar,
        }
    }

    fn algebra(&mut self) -> Body {
        let clause = self.clause;
        let (parts, mut steps) = match clause.kind.value {
            Kind::PerTicket => {
                let basis = match &clause.quantity {
                    Some(quantity) => self.lower.number(quantity),
                    None => self.lower.own("ticket_count", &self.span()),
                };
                (whole(basis), self.priced("price", &clause.price, false))
            }
            Kind::FixedFee => (whole(self.need(&clause.amount)), Vec::new()),
            Kind::VolumeBand => self.volume_band(),
            Kind::GainShare | Kind::PainShare => self.shared(),
            Kind::TargetCost => self.target_cost(),
            Kind::IncidentReduction => self.incident_reduction(),
            Kind::ServiceCredit | Kind::Communication => self.levels(),
            Kind::ProactiveFund => self.proactive_fund(),
            Kind::OutcomeShare => self.outcome_share(),
            _ => (whole(self.need(&clause.basis)), Vec::new()),
        };
        if let Some(written) = &clause.steps {
            for one in &written.value {
                let act = self.step(&one.value, &one.span);
                steps.push(Step {
                    act,
                    because: one.value.because.clone(),
                });
            }
        }
        let charge = matches!(clause.kind.value, Kind::PainShare | Kind::ServiceCredit);
        let signed = clause.signed.as_ref().is_some_and(|s| s.value);
        match clause.kind.value {
            Kind::GainShare => positive(&mut steps, "there is no gain to share"),
            Kind::PainShare => positive(&mut steps, "there is no loss to share"),
            Kind::ServiceCredit => {
                steps.push(step(Act::Positive("a credit never pays the supplier")))
            }
            Kind::IncidentReduction if !signed => {
                positive(&mut steps, "added incidents are not charged")
            }
            Kind::OutcomeShare if !signed => positive(&mut steps, "a worse outcome is not charged"),
            _ => {}
        }
        Body::Algebra {
            parts,
            steps,
            charge,
        }
    }

    fn priced(
        &mut self,
        word: &'static str,
        value: &Option<Located<Value>>,
        fraction: bool,
    ) -> Vec<Step> {
        value
            .iter()
            .map(|v| step(self.times(word, v, fraction)))
            .collect()
    }

    /// ARC/RRC: a base charge for the baseline volume; beyond the dead band additional units
    /// are charged at one price and reduced units credited at another.
    fn volume_band(&mut self) -> (Vec<Part>, Vec<Step>) {
        let clause = self.clause;
        let quantity = self.need(&clause.quantity);
        let baseline = self.need(&clause.baseline);
        let mut steps = Vec::new();
        if let Some(dead) = &clause.dead_band {
            let share = self.lower.number(dead);
            let at = joined(Operator::Multiply, &share, &baseline);
            let first_dollar = clause
                .beyond
                .as_ref()
                .is_some_and(|b| b.value == Mode::FirstDollar);
            steps.push(step(Act::Minimum { at, first_dollar }));
        }
        let bands = match &clause.bands {
            Some(bands) => self.bands(
                &bands.value,
                false,
                &None,
                &None,
                Closed::Lower,
                &bands.span,
            ),
            None => two_sided(self.need(&clause.rrc), self.need(&clause.arc)),
        };
        steps.push(step(Act::Bands(bands)));
        if let Some(amount) = self.maybe(&clause.amount) {
            steps.push(because(Act::Add(amount), "charge for the baseline volume"));
        }
        (
            whole(joined(Operator::Subtract, &quantity, &baseline)),
            steps,
        )
    }

    fn shared(&mut self) -> (Vec<Part>, Vec<Step>) {
        let clause = self.clause;
        let mut basis = self.need(&clause.basis);
        if clause.kind.value == Kind::PainShare {
            // The loss as a positive number.
            basis.node = Node::Negate(Box::new(basis.node));
            basis.text = format!("−({})", basis.text);
        }
        let mut steps = Vec::new();
        if let Some(minimum) = &clause.minimum {
            let mode = clause
                .minimum_mode
                .as_ref()
                .map_or(Mode::Excess, |m| m.value);
            steps.push(step(self.minimum(minimum, mode)));
        }
        if let Some(bands) = &clause.bands {
            let apply = clause.apply.as_ref().map_or(Apply::Marginal, |a| a.value);
            // A gain share looks at gains only; what lies below zero is floored at the end.
            let mut made = self.bands(
                &bands.value,
                apply == Apply::Whole,
                &clause.of,
                &None,
                Closed::Lower,
                &bands.span,
            );
            open_below(&mut made);
            steps.push(step(Act::Bands(made)));
        }
        steps.extend(self.priced("share", &clause.share, true));
        steps.extend(self.priced("quality", &clause.quality, false));
        if let Some(cap) = &clause.cap {
            steps.push(step(self.cap(&cap.value.0, Within::Period)));
        }
        if let Some(floor) = &clause.floor {
            steps.push(step(self.floor(&floor.value.0, Within::Period)));
        }
        (whole(basis), steps)
    }

    fn incident_reduction(&mut self) -> (Vec<Part>, Vec<Step>) {
        let clause = self.clause;
        let quantity = match (&clause.quantity, &clause.share) {
            (Some(quantity), _) => self.lower.number(quantity),
            (None, Some(_)) => self.lower.own("impact_avoided", &self.span()),
            (None, None) => {
                let bound = clause
                    .paid_on
                    .as_ref()
                    .is_some_and(|p| p.value == PaidOn::LowerBound);
                let name = if bound {
                    "incidents_avoided_lower"
                } else {
                    "incidents_avoided"
                };
                self.lower.own(name, &self.span())
            }
        };
        let mut steps = self.priced("price", &clause.price, false);
        steps.extend(self.priced("share", &clause.share, true));
        (whole(quantity), steps)
    }

    fn proactive_fund(&mut self) -> (Vec<Part>, Vec<Step>) {
        let clause = self.clause;
        let hours = self.need(&clause.quantity);
        let mut steps = self.priced("price", &clause.price, false);
        let mut budget = self.need(&clause.budget);
        if let Some(more) = self.maybe(&clause.funded_by) {
            budget = joined(Operator::Add, &budget, &more);
        }
        let over = clause
            .budget_per
            .as_ref()
            .map_or(Within::ContractYear, |b| b.value);
        let key = self.key(Memory::Limit);
        steps.push(step(Act::Limit {
            low: Vec::new(),
            high: vec![budget],
            over,
            key,
            word: "budget",
        }));
        (whole(hours), steps)
    }

    fn outcome_share(&mut self) -> (Vec<Part>, Vec<Step>) {
        let clause = self.clause;
        let (rate, baseline) = (self.need(&clause.rate), self.need(&clause.baseline));
        let mut steps = Vec::new();
        for (word, value) in [("volume", &clause.quantity), ("value", &clause.value)] {
            steps.extend(self.priced(word, value, false));
        }
        steps.extend(self.priced("share", &clause.share, true));
        (whole(joined(Operator::Subtract, &rate, &baseline)), steps)
    }

    fn limit(&mut self) -> Body {
        let clause = self.clause;
        let over = self.over();
        let within = clause
            .over_period
            .as_ref()
            .map_or(Within::Period, |w| w.value);
        let (low, high) = if clause.kind.value == Kind::Collar {
            (
                self.maybe(&clause.low),
                self.maybe(&clause.high).into_iter().collect(),
            )
        } else {
            let limits = clause.limit.iter().flat_map(|l| &l.value.0);
            (None, limits.map(|l| self.lower.number(l)).collect())
        };
        Body::Limit {
            over,
            low,
            high,
            within,
        }
    }

    fn wallet(&mut self) -> Body {
        let clause = self.clause;
        let spend = self.need(&clause.spend);
        let members: Vec<Member> = clause
            .members
            .iter()
            .flat_map(|m| &m.value)
            .map(|m| Member {
                supplier: m.supplier.value.clone(),
                score: self.lower.number(&m.score),
                current: self.maybe(&m.current),
            })
            .collect();
        let slices: Vec<Expr> = clause
            .slices
            .iter()
            .flat_map(|s| &s.value.0)
            .map(|s| self.lower.number(s))
            .collect();
        let by_score = clause
            .by
            .as_ref()
            .is_some_and(|b| b.value == WalletBy::Score);
        let sum = slices
            .iter()
            .filter_map(|s| s.node.constant())
            .try_fold(Decimal::ZERO, |a, b| a.checked_add(b).ok());
        if !by_score && slices.len() != members.len() {
            self.lower.problems.push(
                Problem::at(
                    &clause.kind.span,
                    format!("{} members and {} slices", members.len(), slices.len()),
                )
                .help("`slices` has one slice per rank, the best first; or say `by = \"score\"`"),
            );
        }
        if sum.is_none_or(|s| s > Decimal::ONE)
            && let Some(place) = &clause.slices
        {
            self.lower.problems.push(Problem::at(
                &place.span,
                "the slices of the wallet are more than the whole",
            ));
        }
        Body::Wallet {
            spend,
            by_score,
            members,
            slices,
        }
    }
}

/// Only what is above zero counts, at the head unless a carry needs to see losses, and in any
/// case at the end.
fn positive(steps: &mut Vec<Step>, words: &'static str) {
    if !steps.iter().any(|s| matches!(s.act, Act::Carry { .. })) {
        steps.insert(0, step(Act::Positive(words)));
    }
    steps.push(step(Act::Positive(words)));
}

fn whole(basis: Expr) -> Vec<Part> {
    vec![Part {
        name: None,
        excused: None,
        value: PartValue::Basis(basis),
        repeat: None,
        factors: Vec::new(),
        earn_back: None,
    }]
}

/// `a` and `b` with an operator between, keeping the text and the names.
fn joined(operator: Operator, a: &Expr, b: &Expr) -> Expr {
    let sign = match operator {
        Operator::Add => "+",
        Operator::Subtract => "−",
        _ => "×",
    };
    let node = match (a.node.constant(), b.node.constant()) {
        (Some(x), Some(y)) => super::node::apply(operator, x, y).ok().map(Node::Number),
        _ => None,
    };
    Expr {
        node: node
            .unwrap_or_else(|| Node::Binary(operator, Box::new((a.node.clone(), b.node.clone())))),
        text: format!("{} {sign} {}", a.text, b.text),
        uses: a.uses.iter().chain(&b.uses).cloned().collect(),
        span: a.span.clone(),
    }
}

fn negative(a: &Expr) -> Expr {
    let node = match a.node.constant() {
        Some(number) => Node::Number(-number),
        None => Node::Negate(Box::new(a.node.clone())),
    };
    Expr {
        node,
        text: format!("−({})", a.text),
        uses: a.uses.clone(),
        span: a.span.clone(),
    }
}

/// Marginal bands with one rate below zero and one above.
fn two_sided(below: Expr, above: Expr) -> Bands {
    let zero = || Some(Expr::number(Decimal::ZERO));
    Bands {
        bands: vec![
            Band {
                from: None,
                to: zero(),
                gives: Gives::Rate(below),
            },
            Band {
                from: zero(),
                to: None,
                gives: Gives::Rate(above),
            },
        ],
        whole: false,
        of: None,
        by: None,
        upper_closed: false,
    }
}

/// A gain share whose bands start at zero leaves losses to the floor at its end: a band without
/// share takes them.
fn open_below(bands: &mut Bands) {
    let starts = bands.bands.first().and_then(|b| b.from.clone());
    if let Some(from) = starts
        && from.node.constant() == Some(Decimal::ZERO)
    {
        let below = Band {
            from: None,
            to: Some(from),
            gives: Gives::Rate(Expr::number(Decimal::ZERO)),
        };
        bands.bands.insert(0, below);
    }
}

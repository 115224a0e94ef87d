//! Terms that satisfy what both parties ask for: a search over a few numbers of the contract. Not
//! responsible for drawing, settling or alignment; every candidate is simulated and aligned as any
//! other terms.
//!
//! **The search.** Each term may take a few multiples of what it is ([`FACTORS`]; a share up to 1).
//! All combinations are tried, and among those that satisfy every constraint the one with the least
//! change wins: the sum of |log₂ multiple|, a multiple of 0 counting as [`GONE`]; ties by the order
//! of the grid. Then every term in turn is brought back towards what it was, by bisection, as far
//! as the constraints allow. A path draws the same numbers for every candidate, so the result is
//! the same on every machine and for any number of threads.

use rayon::prelude::*;

use super::draw::World;
use super::{Conduct, Settings, profit, settled, simulate};
use crate::judge::align::{AlignError, Dial, Given, Term, assumptions_of, dials};
use crate::money::{Decimal, Rounding};
use crate::settle::{Facts, Plan, Span};
use crate::terms::{Kind, SettleSpec};

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wish {
    /// The terms that may change: of the first clause that pays an incentive and has it.
    pub terms: Vec<Term>,
    /// The supplier's mean profit of a year in which it prevents, at least.
    pub supplier_keeps: Option<Decimal>,
    /// What the customer pays the supplier in such a year on average, at most.
    pub customer_pays: Option<Decimal>,
    /// From no avoided incident to this part of the expected ones, one more never costs the
    /// supplier anything.
    pub aligned_to: Option<Decimal>,
}

/// A term that changed.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Change {
    /// The contract.
    pub contract_id: String,
    /// The clause.
    pub clause_id: String,
    /// `share`, `price`, `cap` or `msr`.
    pub term: &'static str,
    /// What it was in the last period.
    pub from: Decimal,
    /// What it is to be.
    pub to: Decimal,
}

/// Terms that satisfy the constraints.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// What changed; empty when the terms satisfy them as they are.
    pub changes: Vec<Change>,
    /// The supplier's mean profit under them, where costs are known.
    pub profit: Option<Decimal>,
    /// What the customer pays under them on average.
    pub pays: Decimal,
    /// Combinations on the grid.
    pub tried: usize,
}

/// Multiples that are tried for a cap, a minimum or a price.
const FACTORS: &[(i128, u8)] = &[
    (1, 0),
    (75, 2),
    (5, 1),
    (25, 2),
    (0, 0),
    (125, 2),
    (15, 1),
    (2, 0),
    (4, 0),
];
/// What a term that is turned to nothing counts for, in doublings.
const GONE: f64 = 4.0;
/// Steps at which a candidate's alignment is looked at.
const STEPS: u32 = 60;
/// Halvings on the way back.
const HALVINGS: usize = 6;

/// One of the constraints.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Constraint {
    Keeps(Decimal),
    Pays(Decimal),
    Aligned(Decimal),
}

impl Constraint {
    fn in_words(self) -> String {
        match self {
            Constraint::Keeps(amount) => format!("the supplier keeps at least {amount}"),
            Constraint::Pays(amount) => format!("the customer pays at most {amount}"),
            Constraint::Aligned(part) => format!(
                "one more avoided incident never costs the supplier anything up to {} % of those \
                 expected",
                part.checked_mul(Decimal::from_i64(100))
                    .unwrap_or(part)
                    .normalized()
            ),
        }
    }
}

/// What a candidate comes to.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    pays: Decimal,
    profit: Option<Decimal>,
}

struct Search<'a> {
    spec: &'a SettleSpec,
    facts: &'a Facts,
    contract_id: &'a str,
    given: &'a Given,
    settings: Settings,
    dials: Vec<Dial>,
    constraints: Vec<Constraint>,
    last: Span,
}

/// Looks for terms.
///
/// # Errors
/// No constraint or no such term; assumptions that a constraint needs; constraints that contradict
/// each other, with which ones; and all that [`simulate`] refuses.
pub fn optimise(
    spec: &SettleSpec,
    facts: &Facts,
    contract_id: &str,
    given: &Given,
    settings: &Settings,
    wish: &Wish,
) -> Result<Found, AlignError> {
    let said = |words: String| AlignError::Expression(words);
    let constraints: Vec<Constraint> = [
        wish.supplier_keeps.map(Constraint::Keeps),
        wish.customer_pays.map(Constraint::Pays),
        wish.aligned_to.map(Constraint::Aligned),
    ]
    .into_iter()
    .flatten()
    .collect();
    if constraints.is_empty() {
        return Err(said(
            "nothing is asked for: give --supplier-keeps, --customer-pays or --aligned-to"
                .to_owned(),
        ));
    }
    let plan = Plan::new(spec, contract_id, &facts.parameters)?;
    let last: Option<Span> = plan.bind_facts(facts).periods().last().copied();
    let last = last.ok_or_else(|| said("no period is settled".to_owned()))?;
    let all = dials(spec, facts, contract_id, last, &wish.terms)?;
    let mut chosen = Vec::new();
    for term in &wish.terms {
        let pays = |clause: &str| {
            spec.source.clause.iter().any(|c| {
                c.value.id.value == clause
                    && matches!(
                        c.value.kind.value,
                        Kind::GainShare
                            | Kind::PainShare
                            | Kind::IncidentReduction
                            | Kind::OutcomeShare
                    )
            })
        };
        let dial = all
            .iter()
            .find(|d| d.term == *term && pays(&d.clause_id) && d.now.is_positive());
        chosen.push(dial.cloned().ok_or_else(|| {
            said(format!(
                "no clause that pays an incentive has a {} above 0 to start from",
                term.name()
            ))
        })?);
    }
    let prevents = settings
        .scenarios
        .iter()
        .find(|s| matches!(s.conduct, Conduct::Prevents(_)))
        .cloned()
        .ok_or_else(|| said("no scenario in which the supplier prevents".to_owned()))?;
    let search = Search {
        spec,
        facts,
        contract_id,
        given,
        settings: Settings {
            scenarios: vec![prevents],
            sensitivity: false,
            ..settings.clone()
        },
        dials: chosen,
        constraints,
        last,
    };
    search.run()
}

impl Search<'_> {
    fn run(&self) -> Result<Found, AlignError> {
        let grid = self.grid()?;
        let looked: Vec<(Vec<bool>, Option<Outcome>)> = grid
            .par_iter()
            .map(|factors| self.look(factors))
            .collect::<Result<_, AlignError>>()?;
        let best = grid
            .iter()
            .zip(&looked)
            .filter(|(_, (kept, _))| kept.iter().all(|k| *k))
            .min_by(|a, b| distance(a.0).total_cmp(&distance(b.0)));
        let Some((factors, _)) = best else {
            return Err(AlignError::Expression(self.contradiction(&looked)));
        };
        let factors = self.back(factors.clone())?;
        let (_, result) = self.look(&factors)?;
        let result = result.ok_or_else(|| AlignError::Expression("nothing is paid".to_owned()))?;
        let mut changes = Vec::new();
        for (dial, factor) in self.dials.iter().zip(&factors) {
            if *factor != Decimal::ONE {
                changes.push(Change {
                    contract_id: self.contract_id.to_owned(),
                    clause_id: dial.clause_id.clone(),
                    term: dial.term.name(),
                    from: dial.now.normalized(),
                    to: dial
                        .now
                        .checked_mul(*factor)?
                        .round(6, Rounding::HalfEven)
                        .normalized(),
                });
            }
        }
        Ok(Found {
            changes,
            profit: result.profit,
            pays: result.pays,
            tried: grid.len(),
        })
    }

    /// All combinations of multiples; the first is the terms as they are.
    fn grid(&self) -> Result<Vec<Vec<Decimal>>, AlignError> {
        let mut grid: Vec<Vec<Decimal>> = vec![Vec::new()];
        for dial in &self.dials {
            let mut factors = Vec::new();
            for (mantissa, scale) in FACTORS {
                let factor = Decimal::new(*mantissa, *scale)?;
                let value = dial.now.checked_mul(factor)?;
                if dial.term != Term::Share || value <= Decimal::ONE {
                    factors.push(factor);
                }
            }
            grid = grid
                .into_iter()
                .flat_map(|one| {
                    factors.iter().map(move |factor| {
                        let mut longer = one.clone();
                        longer.push(*factor);
                        longer
                    })
                })
                .collect();
        }
        Ok(grid)
    }

    fn terms(&self, factors: &[Decimal]) -> Result<SettleSpec, AlignError> {
        let mut spec = self.spec.clone();
        for (dial, factor) in self.dials.iter().zip(factors) {
            if *factor != Decimal::ONE {
                spec = dial.times(&spec, *factor)?;
            }
        }
        Ok(spec)
    }

    /// Which constraints a candidate keeps, and what it comes to.
    fn look(&self, factors: &[Decimal]) -> Result<(Vec<bool>, Option<Outcome>), AlignError> {
        let spec = self.terms(factors)?;
        let rows = simulate(
            &spec,
            self.facts,
            self.contract_id,
            self.given,
            &self.settings,
        )?;
        let mean = |quantity: &str| {
            let row = rows.iter().find(|r| r.quantity == quantity);
            row.map(|r| r.mean)
        };
        let result = mean("supplier_revenue").map(|pays| Outcome {
            pays,
            profit: mean("supplier_profit"),
        });
        let mut kept = Vec::new();
        for constraint in &self.constraints {
            kept.push(match (constraint, result) {
                (Constraint::Keeps(least), Some(result)) => match result.profit {
                    Some(profit) => profit >= *least,
                    None => {
                        return Err(AlignError::Expression(
                            "what the supplier keeps is not known: give cost_to_serve in \
                             [alignment] or with --assume cost_to_serve=…"
                                .to_owned(),
                        ));
                    }
                },
                (Constraint::Pays(most), Some(result)) => result.pays <= *most,
                (Constraint::Aligned(part), _) => self.aligned(&spec, *part)?,
                (_, None) => false,
            });
        }
        Ok((kept, result))
    }

    /// Whether preventing more never costs the supplier anything, from nothing to a part of what is
    /// expected: the year that is expected is settled at [`STEPS`] equal steps and, at each of them,
    /// with one incident less, so that a region that begins or ends between two steps shows.
    fn aligned(&self, spec: &SettleSpec, part: Decimal) -> Result<bool, AlignError> {
        let (facts, contract_id) = (self.facts, self.contract_id);
        let plan = Plan::new(spec, contract_id, &facts.parameters)?;
        let inputs = plan.bind_facts(facts);
        let assumptions = assumptions_of(spec, facts, contract_id, self.last, self.given)?;
        let world = World::read(&plan, &inputs, facts, contract_id, &assumptions)?;
        let Some(scenario) = self.settings.scenarios.first() else {
            return Ok(false);
        };
        let mut work = inputs.clone();
        let mut at = |reduction: f64| -> Result<Decimal, AlignError> {
            let year = world.certain(&self.settings, scenario, reduction);
            let paid = settled(&plan, &mut work, &world, &year, &[])?;
            profit(&paid, &assumptions)?.ok_or_else(|| {
                AlignError::Expression(
                    "whether one more pays is not known: give cost_to_serve (and price, where \
                     the service is billed elsewhere) in [alignment] or with --assume"
                        .to_owned(),
                )
            })
        };
        // Every amount of the year may be rounded by a cent.
        let amounts = plan
            .clauses()
            .count()
            .saturating_mul(inputs.periods().len());
        let rounding = Decimal::new(-(amounts as i128), 2)?;
        let one = 1.0 / world.expected().max(1.0);
        let mut before = at(0.0)?;
        for step in 1..=STEPS {
            let reduction = part.to_f64_lossy() * f64::from(step) / f64::from(STEPS);
            let now = at(reduction)?;
            let less = at((reduction - one).max(0.0))?;
            for former in [before, less] {
                if now.checked_sub(former)? < rounding {
                    return Ok(false);
                }
            }
            before = now;
        }
        Ok(true)
    }

    /// Brings every term back towards what it was, as far as the constraints allow.
    fn back(&self, mut factors: Vec<Decimal>) -> Result<Vec<Decimal>, AlignError> {
        let two = Decimal::from_i64(2);
        for place in 0..factors.len() {
            let Some(mut on) = factors.get(place).copied() else {
                continue;
            };
            let mut off = Decimal::ONE;
            for _ in 0..HALVINGS {
                let middle = on.checked_add(off)?.div(two, 4, Rounding::HalfEven)?;
                if middle == on || middle == off {
                    break;
                }
                let mut tried = factors.clone();
                if let Some(factor) = tried.get_mut(place) {
                    *factor = middle;
                }
                if self.look(&tried)?.0.iter().all(|k| *k) {
                    on = middle;
                } else {
                    off = middle;
                }
            }
            if let Some(factor) = factors.get_mut(place) {
                *factor = on.normalized();
            }
        }
        Ok(factors)
    }

    /// Which constraints contradict each other: one that no candidate keeps, two that none keeps
    /// together, or all of them.
    fn contradiction(&self, looked: &[(Vec<bool>, Option<Outcome>)]) -> String {
        let kept = |places: &[usize]| {
            looked.iter().any(|(kept, _)| {
                let keeps = |place: &usize| kept.get(*place).copied().unwrap_or(false);
                places.iter().all(keeps)
            })
        };
        let words = |place: usize| {
            self.constraints
                .get(place)
                .map_or_else(String::new, |c| c.in_words())
        };
        let n = self.constraints.len();
        let range = |get: fn(&Outcome) -> Option<Decimal>| {
            let values = looked.iter().filter_map(|(_, r)| get(r.as_ref()?));
            let (least, most) = (values.clone().min(), values.max());
            match (least, most) {
                (Some(least), Some(most)) => format!("{least} to {most}"),
                _ => "unknown".to_owned(),
            }
        };
        let reach = format!(
            "{} combinations of {} were tried; the customer pays {} and the supplier keeps {}",
            looked.len(),
            self.dials
                .iter()
                .map(|d| format!("{} of `{}`", d.term.name(), d.clause_id))
                .collect::<Vec<_>>()
                .join(", "),
            range(|r| Some(r.pays)),
            range(|r| r.profit)
        );
        let alone: Vec<String> = (0..n).filter(|i| !kept(&[*i])).map(words).collect();
        if !alone.is_empty() {
            return format!("no terms satisfy this: {}. {reach}", alone.join("; "));
        }
        for i in 0..n {
            for j in i + 1..n {
                if !kept(&[i, j]) {
                    return format!(
                        "two constraints contradict each other: {}, and {}. {reach}",
                        words(i),
                        words(j)
                    );
                }
            }
        }
        let all: Vec<String> = (0..n).map(words).collect();
        format!(
            "the constraints contradict each other only together: {}. {reach}",
            all.join("; ")
        )
    }
}

/// How far a candidate is from the terms as they are.
fn distance(factors: &[Decimal]) -> f64 {
    factors
        .iter()
        .map(|factor| {
            let factor = factor.to_f64_lossy();
            if factor > 0.0 {
                libm::log2(factor).abs()
            } else {
                GONE
            }
        })
        .sum()
}

//! Terms that a search may turn: a share, price, cap or minimum of a clause, as a multiple of what
//! it is. Not responsible for choosing (see [`crate::judge::simulate`]).

use super::knob::{Knob, Sort, knobs};
use super::{AlignError, ask};
use crate::money::Decimal;
use crate::settle::{Facts, Span};
use crate::terms::{SettleSpec, Value};

/// What may be turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Term {
    /// The supplier's share.
    Share,
    /// A price, such as that of an avoided incident.
    Price,
    /// The most that is paid.
    Cap,
    /// The minimum savings rate, or another minimum below which nothing is paid.
    Minimum,
}

impl Term {
    /// As the command line calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Term::Share => "share",
            Term::Price => "price",
            Term::Cap => "cap",
            Term::Minimum => "msr",
        }
    }

    fn sort(self) -> Sort {
        match self {
            Term::Share => Sort::Share,
            Term::Price => Sort::Price,
            Term::Cap => Sort::Cap,
            Term::Minimum => Sort::Minimum,
        }
    }
}

/// One term of one clause.
#[derive(Debug, Clone, PartialEq)]
pub struct Dial {
    /// What it is.
    pub term: Term,
    /// The clause.
    pub clause_id: String,
    /// Its value in the period that was looked at.
    pub now: Decimal,
    knob: Knob,
}

/// The terms of these kinds, in the order of the contract.
///
/// # Errors
/// Terms that cannot be settled for the contract.
pub fn dials(
    spec: &SettleSpec,
    facts: &Facts,
    contract_id: &str,
    period: Span,
    wanted: &[Term],
) -> Result<Vec<Dial>, AlignError> {
    let all = knobs(&spec.source, 1);
    let written: Vec<_> = all.iter().map(|k| k.now.clone()).collect();
    let values = ask::ask(spec, facts, contract_id, period, &written, &[])?;
    let mut dials = Vec::new();
    for (knob, value) in all.into_iter().zip(values) {
        let term = wanted.iter().find(|t| t.sort() == knob.sort);
        if let (Some(term), Ok(now)) = (term, value) {
            dials.push(Dial {
                term: *term,
                clause_id: knob.clause_id.clone(),
                now,
                knob,
            });
        }
    }
    Ok(dials)
}

impl Dial {
    /// The terms with this one at so many times what it is. What is written as an expression stays
    /// one, so that it still follows its measures.
    ///
    /// # Errors
    /// A product that does not fit.
    pub fn times(&self, spec: &SettleSpec, factor: Decimal) -> Result<SettleSpec, AlignError> {
        let value = match &self.knob.now.value {
            Value::Number(now) => Value::Number(now.checked_mul(factor)?.normalized()),
            Value::Text(_) if self.term == Term::Share => {
                Value::Number(self.now.checked_mul(factor)?.normalized())
            }
            Value::Text(text) => Value::Text(format!("({text}) * {factor}")),
        };
        Ok(self.knob.put(spec, &value))
    }
}

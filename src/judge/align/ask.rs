//! Expressions of `[alignment]`, computed by settlement: each becomes a clause at the end of a
//! copy of the terms. Not responsible for what the answers mean.

use std::collections::BTreeMap;

use super::AlignError;
use crate::money::Decimal;
use crate::settle::{Facts, Plan, Span};
use crate::terms::{
    ALIGNMENT_DECIMALS, Located, RoundAt, RoundingSource, SettleSpec, Value, asked, asking,
};

/// The terms without rounding of amounts: what a region's slope is computed on. Eight decimals of
/// the currency unit remain, so that amounts of many factors still fit; `round` steps and
/// `round(…)` in expressions stand as written.
pub(super) fn unrounded(spec: &SettleSpec) -> SettleSpec {
    let mut spec = spec.clone();
    let rounding = Some(RoundingSource {
        decimals: Some(8),
        mode: crate::money::Rounding::HalfEven,
        at: RoundAt::Line,
    });
    spec.source.contract.rounding = rounding;
    let amended = spec
        .source
        .amendment
        .iter_mut()
        .flat_map(|a| a.value.clause.iter_mut());
    for clause in spec.source.clause.iter_mut().chain(amended) {
        clause.value.rounding = rounding;
    }
    spec
}

/// The value of each expression in one statement period, or why there is none.
pub(super) fn ask(
    spec: &SettleSpec,
    facts: &Facts,
    contract_id: &str,
    period: Span,
    expressions: &[Located<Value>],
    names: &[(&str, Decimal)],
) -> Result<Vec<Result<Decimal, String>>, AlignError> {
    let mut all = asked_by_period(spec, facts, contract_id, expressions, names)?;
    Ok(all.remove(&period).unwrap_or_else(|| {
        let nothing = || Err(format!("it is not settled in {period}"));
        expressions.iter().map(|_| nothing()).collect()
    }))
}

/// The value of each expression, or why there is none, in every statement period. `names` are
/// known to the expressions beside those of the terms.
///
/// # Errors
/// An expression that the terms do not understand, and terms that cannot be settled.
pub fn asked_by_period(
    spec: &SettleSpec,
    facts: &Facts,
    contract_id: &str,
    expressions: &[Located<Value>],
    names: &[(&str, Decimal)],
) -> Result<BTreeMap<Span, Vec<Result<Decimal, String>>>, AlignError> {
    if expressions.is_empty() {
        return Ok(BTreeMap::new());
    }
    let asking = SettleSpec {
        source: asking(&spec.source, expressions, names),
    };
    let problems = crate::settle::check(&asking);
    if let Some(problem) = problems.first() {
        let help = problem.help.as_deref().unwrap_or_default();
        return Err(AlignError::Expression(format!(
            "{}{}{help}",
            problem.message,
            if help.is_empty() { "" } else { ": " }
        )));
    }
    let plan = Plan::new(&asking, contract_id, &facts.parameters)?;
    let inputs = plan.bind_facts(facts);
    let numbers: BTreeMap<&str, usize> =
        plan.clauses().enumerate().map(|(n, id)| (id, n)).collect();
    let places: BTreeMap<usize, usize> = (0..expressions.len())
        .filter_map(|i| Some((*numbers.get(asked(i).as_str())?, i)))
        .collect();
    let mut all: BTreeMap<Span, Vec<Result<Decimal, String>>> = BTreeMap::new();
    for result in plan.run(&inputs, false).results {
        let Some(place) = places.get(&result.clause) else {
            continue;
        };
        let row = all.entry(result.period).or_insert_with(|| {
            let nothing = || Err("it has no value".to_owned());
            expressions.iter().map(|_| nothing()).collect()
        });
        if let Some(answer) = row.get_mut(*place) {
            *answer = match result.failure {
                Some(reason) => Err(reason),
                None => Ok(result
                    .unrounded
                    .round(ALIGNMENT_DECIMALS, crate::money::Rounding::HalfEven)
                    .normalized()),
            };
        }
    }
    Ok(all)
}

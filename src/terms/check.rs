//! What can be said about a terms file without any data: unknown words, fields that do not
//! belong to a kind, and terms that contradict themselves. Not responsible for the names inside
//! expressions (see [`crate::settle::check`], which binds them).

mod names;
mod parts;

use std::ops::Range;

use self::names::{lookups, names};
use self::parts::{check_bands, check_levels, target_cost};
use super::clause::{COMMON_FIELDS, ClauseSource, Kind, StepSource};
use super::error::{Problem, suggestion};
use super::expr::{Ast, AstNode, Operator};
use super::source::{Per, SCHEMA_VERSION, TermsSource};
use super::value::{Located, OneOrMany, Value};
use crate::money::Decimal;

/// A text that serde refuses, with the nearest known field for an unknown one.
pub(super) fn unreadable(text: &str, error: &toml::de::Error) -> Problem {
    let span = error.span().unwrap_or(0..text.len().min(1));
    let message = error.message();
    let mut quoted = message.split('`').skip(1).step_by(2);
    if message.starts_with("unknown field") || message.starts_with("unknown variant") {
        let what = if message.starts_with("unknown field") {
            "field"
        } else {
            "word"
        };
        if let Some(word) = quoted.next() {
            let known: Vec<&str> = quoted.collect();
            return Problem::at(&span, format!("unknown {what} `{word}`"))
                .label("not known here")
                .help(suggestion(word, &known));
        }
    }
    Problem::at(&span, message.to_owned())
}

/// The number that a value is, when it is one without any data.
pub(super) fn literal(value: &Located<Value>) -> Option<Decimal> {
    match &value.value {
        Value::Number(number) => Some(*number),
        Value::Text(text) => fold(&super::expr::parse(text).ok()?),
    }
}

fn fold(ast: &Ast) -> Option<Decimal> {
    match &ast.node {
        AstNode::Number(number) => Some(*number),
        AstNode::Negate(inner) => fold(inner).map(|n| -n),
        AstNode::Binary(operator, a, b) => {
            let (a, b) = (fold(a)?, fold(b)?);
            match operator {
                Operator::Add => a.checked_add(b).ok(),
                Operator::Subtract => a.checked_sub(b).ok(),
                Operator::Multiply => a.checked_mul(b).ok(),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Every contradiction found.
pub(super) fn check(source: &TermsSource) -> Vec<Problem> {
    let mut problems = Vec::new();
    if source.schema.value != SCHEMA_VERSION {
        problems.push(
            Problem::at(
                &source.schema.span,
                format!(
                    "terms of schema version {} are not known",
                    source.schema.value
                ),
            )
            .help(format!("this program reads version {SCHEMA_VERSION}")),
        );
        // What follows would be judged by the wrong rules.
        return problems;
    }
    if let Some(end) = &source.contract.end
        && let super::source::StartSource::Day(start) = &source.contract.start.value
        && end.value <= *start
    {
        problems.push(
            Problem::at(&end.span, "the contract ends before it starts")
                .and(&source.contract.start.span, "starts here"),
        );
    }
    if let Some(termination) = &source.termination
        && let (super::source::StartSource::Day(start), super::source::StartSource::Day(day)) =
            (&source.contract.start.value, &termination.value.date.value)
        && day <= start
    {
        problems.push(
            Problem::at(
                &termination.value.date.span,
                "the contract is terminated before it starts",
            )
            .and(&source.contract.start.span, "starts here"),
        );
    }
    names(source, &mut problems);
    lookups(source, &mut problems);
    let per = source.contract.per.as_ref().map_or(Per::Month, |p| p.value);
    for clause in &source.clause {
        check_clause(&clause.value, per, &mut problems);
    }
    if source.clause.is_empty() {
        problems.push(
            Problem::at(&source.schema.span, "the terms have no clause")
                .help("add a `[[clause]]` with an id and a kind"),
        );
    }
    let mut before: Option<&Located<super::source::AmendmentSource>> = None;
    for amendment in &source.amendment {
        if let Some(before) = before
            && amendment.value.effective.value <= before.value.effective.value
        {
            problems.push(
                Problem::at(
                    &amendment.value.effective.span,
                    "amendments must follow in time",
                )
                .and(
                    &before.value.effective.span,
                    "this one comes first in the file",
                ),
            );
        }
        for clause in &amendment.value.clause {
            check_clause(&clause.value, per, &mut problems);
        }
        before = Some(amendment);
    }
    problems
}

/// The fields of a clause that are written, with a place for each.
fn written(clause: &ClauseSource) -> Vec<(&'static str, Range<usize>)> {
    let mut found = Vec::new();
    macro_rules! look {
        ($($field:ident),* $(,)?) => {
            $(if let Some(value) = &clause.$field {
                found.push((stringify!($field), value.span.clone()));
            })*
        };
    }
    look!(
        basis,
        amount,
        price,
        quantity,
        baseline,
        dead_band,
        beyond,
        arc,
        rrc,
        minimum,
        minimum_mode,
        share,
        bands,
        apply,
        of,
        quality,
        cap,
        floor,
        method,
        actual_cost,
        target_cost,
        target_fee,
        target_price,
        share_over,
        share_under,
        min_fee,
        max_fee,
        ceiling_price,
        pays,
        paid_on,
        signed,
        at_risk,
        levels,
        allocation_limit,
        budget,
        budget_per,
        funded_by,
        spend,
        by,
        members,
        slices,
        rate,
        value,
        limit,
        low,
        high,
        over,
        over_period,
        release,
        release_after,
        expires_after,
        opening,
        to,
        blend,
        every,
        only_down,
        benchmark_follows_volume,
        steps,
    );
    found
}

fn check_clause(clause: &ClauseSource, contract_per: Per, problems: &mut Vec<Problem>) {
    let kind = clause.kind.value;
    let (required, optional) = kind.fields();
    let present = written(clause);
    for (field, span) in &present {
        if !required.contains(field) && !optional.contains(field) {
            let known: Vec<&str> = required
                .iter()
                .chain(optional)
                .chain(COMMON_FIELDS)
                .copied()
                .collect();
            problems.push(
                Problem::at(
                    span,
                    format!(
                        "`{field}` does not belong to a clause of kind {}",
                        kind.name()
                    ),
                )
                .and(&clause.kind.span, "the kind")
                .help(format!("{} has: {}", kind.name(), known.join(", "))),
            );
        }
    }
    for field in required {
        if !present.iter().any(|(name, _)| name == field) {
            problems.push(
                Problem::at(
                    &clause.kind.span,
                    format!(
                        "clause `{}` of kind {} needs `{field}`",
                        clause.id.value,
                        kind.name()
                    ),
                )
                .label("this kind"),
            );
        }
    }
    for (name, long) in [("per", &clause.per), ("true_up", &clause.true_up)] {
        if let Some(per) = long {
            let least = if name == "per" {
                contract_per
            } else {
                clause.per.as_ref().map_or(contract_per, |p| p.value)
            };
            if per.value.months() < least.months()
                || (name == "true_up" && per.value.months() == least.months())
            {
                problems.push(
                    Problem::at(&per.span, format!("`{name}` is not longer than the period it is made of"))
                        .help("a clause is settled per statement period or a longer one; a true-up needs a longer one"),
                );
            }
        }
    }
    let recomputed = !matches!(
        kind,
        Kind::Cap
            | Kind::Collar
            | Kind::Holdback
            | Kind::CarryForward
            | Kind::Rebase
            | Kind::Wallet
    );
    if let Some(true_up) = clause.true_up.as_ref().filter(|_| !recomputed) {
        problems.push(
            Problem::at(
                &true_up.span,
                format!("a clause of kind {} is not recomputed", kind.name()),
            )
            .help("give `true_up` to the clauses that it is about; it follows what they pay"),
        );
    }
    shares(clause, problems);
    if let Some(split) = &clause.split {
        at_most(
            Decimal::ONE,
            split.value.values(),
            "the split",
            &split.span,
            problems,
        );
    }
    if let Some(bands) = &clause.bands {
        check_bands(&bands.value, &bands.span, problems);
    }
    if let Some(levels) = &clause.levels {
        check_levels(clause, levels, problems);
    }
    if let (Some(low), Some(high)) = (&clause.low, &clause.high)
        && let (Some(l), Some(h)) = (literal(low), literal(high))
        && l > h
    {
        problems.push(
            Problem::at(
                &low.span,
                format!("the lower limit {l} is above the upper limit {h}"),
            )
            .and(&high.span, "the upper limit"),
        );
    }
    if kind == Kind::TargetCost {
        target_cost(clause, problems);
    }
    kind_rules(clause, problems);
    if let Some(steps) = &clause.steps {
        for step in &steps.value {
            check_step(step, problems);
        }
        if let Some(cap) = clause.cap.as_ref().or(clause.floor.as_ref()) {
            problems.push(
                Problem::at(
                    &cap.span,
                    "a cap beside `steps` leaves open which comes first",
                )
                .and(&steps.span, "the steps")
                .help("write it as a step, `{ cap = … }`, at its place in the order"),
            );
        }
    }
}

/// Rules that concern one kind only.
fn kind_rules(clause: &ClauseSource, problems: &mut Vec<Problem>) {
    let either = |a: bool, b: bool, words: &str, problems: &mut Vec<Problem>| {
        if a == b {
            problems.push(Problem::at(
                &clause.kind.span,
                format!("clause `{}` needs {words}", clause.id.value),
            ));
        }
    };
    match clause.kind.value {
        Kind::GainShare | Kind::PainShare => {
            let step_share = clause.steps.as_ref().is_some_and(|s| {
                s.value.iter().any(|s| {
                    s.value.share.is_some()
                        || s.value.bands.is_some()
                        || s.value.share_by_year.is_some()
                        || s.value.times.is_some()
                })
            });
            if clause.share.is_some() && clause.bands.is_some() {
                either(true, true, "one of `share` and `bands`, not both", problems);
            } else if clause.share.is_none() && clause.bands.is_none() && !step_share {
                problems.push(
                    Problem::at(
                        &clause.kind.span,
                        format!(
                            "clause `{}` shares nothing: no share is stated",
                            clause.id.value
                        ),
                    )
                    .help("add `share`, `bands`, or a step `{ share = … }`; 100 % is `share = 1`"),
                );
            }
        }
        Kind::IncidentReduction => {
            either(
                clause.price.is_some(),
                clause.share.is_some(),
                "either `price` (per avoided incident) or `share` (of the avoided impact)",
                problems,
            );
        }
        Kind::VolumeBand => {
            either(
                clause.arc.is_some() && clause.rrc.is_some(),
                clause.bands.is_some(),
                "either `arc` and `rrc` or `bands`",
                problems,
            );
        }
        Kind::Collar | Kind::Cap => {
            for over in clause.over.iter() {
                if over.value.is_empty() {
                    problems.push(Problem::at(&over.span, "`over` names no clause"));
                }
            }
        }
        _ => {}
    }
}

/// Literal numbers that are shares lie between 0 and 1.
fn share(value: &Located<Value>, what: &str, problems: &mut Vec<Problem>) {
    if let Some(number) = literal(value)
        && (number.is_negative() || number > Decimal::ONE)
    {
        problems.push(
            Problem::at(
                &value.span,
                format!("{what} of {number} is not between 0 and 1"),
            )
            .help("30 % is written 0.30 or \"30%\""),
        );
    }
}

fn shares(clause: &ClauseSource, problems: &mut Vec<Problem>) {
    let all = [
        (&clause.share, "a share"),
        (&clause.share_over, "a share"),
        (&clause.share_under, "a share"),
        (&clause.at_risk, "an at-risk share"),
        (&clause.blend, "a blend"),
    ];
    for (value, what) in all {
        if let Some(value) = value {
            share(value, what, problems);
        }
    }
}

fn at_most<'a>(
    limit: Decimal,
    values: impl Iterator<Item = &'a Located<Value>>,
    what: &str,
    span: &Range<usize>,
    problems: &mut Vec<Problem>,
) {
    let mut sum = Decimal::ZERO;
    let mut places = Vec::new();
    for value in values {
        if let Some(number) = literal(value) {
            if number.is_negative() {
                share(value, what, problems);
            }
            sum = sum.checked_add(number).unwrap_or(sum);
            places.push((value.span.clone(), format!("{number}")));
        }
    }
    if sum > limit {
        let mut problem = Problem::at(span, format!("{what} adds up to {sum}, more than {limit}"))
            .help("the parts of a pool are at most the whole pool");
        problem.places = places;
        problems.push(problem);
    }
}

fn check_step(step: &Located<StepSource>, problems: &mut Vec<Problem>) {
    let s = &step.value;
    let verbs: Vec<&str> = [
        ("minimum", s.minimum.is_some()),
        ("bands", s.bands.is_some()),
        ("share", s.share.is_some()),
        ("share_by_year", s.share_by_year.is_some()),
        ("price", s.price.is_some()),
        ("times", s.times.is_some()),
        ("quality", s.quality.is_some()),
        ("attribution", s.attribution.is_some()),
        ("relief", s.relief.is_some()),
        ("add", s.add.is_some()),
        ("subtract", s.subtract.is_some()),
        ("cap", s.cap.is_some()),
        ("floor", s.floor.is_some()),
        ("carry", s.carry.is_some()),
        ("round", s.round.is_some()),
        ("when", s.when.is_some()),
        ("repeat", s.repeat.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, written)| written.then_some(name))
    .collect();
    let [verb] = verbs.as_slice() else {
        problems.push(
            Problem::at(
                &step.span,
                format!("a step does one thing; this one has {}", verbs.len()),
            )
            .help(format!("exactly one of: {}", StepSource::VERBS.join(", "))),
        );
        return;
    };
    let modifiers: [(&str, bool, &[&str]); 10] = [
        ("mode", s.mode.is_some(), &["minimum"]),
        ("apply", s.apply.is_some(), &["bands"]),
        ("of", s.of.is_some(), &["bands"]),
        ("by", s.by.is_some(), &["bands"]),
        ("closed", s.closed.is_some(), &["bands"]),
        ("over", s.over.is_some(), &["cap", "floor"]),
        ("limit", s.limit.is_some(), &["carry"]),
        ("expires_after", s.expires_after.is_some(), &["carry"]),
        ("opening", s.opening.is_some(), &["carry"]),
        ("rounding", s.rounding.is_some(), &["round"]),
    ];
    for (name, there, verbs) in modifiers {
        if there && !verbs.contains(verb) {
            problems.push(
                Problem::at(
                    &step.span,
                    format!("`{name}` means nothing beside `{verb}`"),
                )
                .help(format!("it belongs to {}", verbs.join(" or "))),
            );
        }
    }
    if let Some(bands) = &s.bands {
        check_bands(&bands.value, &bands.span, problems);
    }
    for (value, what) in [
        (&s.share, "a share"),
        (&s.attribution, "an attribution"),
        (&s.relief, "a relief"),
    ] {
        if let Some(value) = value {
            share(value, what, problems);
        }
    }
    let many = |v: &Option<Located<OneOrMany>>| v.as_ref().is_some_and(|v| v.value.0.is_empty());
    if many(&s.cap) || many(&s.floor) || many(&s.share_by_year) {
        problems.push(Problem::at(&step.span, "the list is empty"));
    }
    if let Some(list) = &s.share_by_year {
        for value in &list.value.0 {
            share(value, "a share", problems);
        }
    }
}

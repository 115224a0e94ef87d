//! Contradictions inside bands, levels and cost incentives. Not responsible for which fields a
//! kind has.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::clause::{BandSource, ClauseSource, Kind, LevelSource, Method};
use super::super::error::Problem;
use super::super::value::{Located, Value};
use super::{at_most, literal, share};
use crate::money::Decimal;

pub(super) fn check_levels(
    clause: &ClauseSource,
    levels: &Located<Vec<LevelSource>>,
    problems: &mut Vec<Problem>,
) {
    let mut seen: BTreeMap<&str, &Range<usize>> = BTreeMap::new();
    let mut categories: BTreeMap<&str, Vec<&Located<Value>>> = BTreeMap::new();
    let mut credit: BTreeMap<&str, Vec<&Located<Value>>> = BTreeMap::new();
    for level in &levels.value {
        if let Some(first) = seen.insert(&level.id.value, &level.id.span) {
            problems.push(
                Problem::at(
                    &level.id.span,
                    format!("two levels are called `{}`", level.id.value),
                )
                .and(first, "the first"),
            );
        }
        if let Some(bands) = &level.bands {
            check_bands(&bands.value, &bands.span, problems);
        }
        if level.target.is_none() && level.bands.is_none() {
            problems.push(Problem::at(
                &level.id.span,
                format!("level `{}` has neither a target nor bands", level.id.value),
            ));
        }
        if clause.kind.value == Kind::Communication
            && level.bands.is_none()
            && level.bonus.is_none()
            && level.malus.is_none()
        {
            problems.push(Problem::at(
                &level.id.span,
                format!(
                    "level `{}` has no bonus, malus or bands, so it pays nothing",
                    level.id.value
                ),
            ));
        }
        if clause.kind.value == Kind::ServiceCredit
            && let Some(wrong) = level
                .bonus
                .as_ref()
                .or(level.malus.as_ref())
                .or(level.floor.as_ref())
        {
            problems.push(Problem::at(
                &wrong.span,
                "bonus, malus and floor belong to levels of a clause of kind communication",
            ));
        }
        if let Some(allocation) = &level.allocation {
            let name = level.category.as_deref().unwrap_or("");
            let values = &allocation.value.0;
            // With a category: the first factor is the category's part of the pool, the second
            // the level's part of the category. Without: the one factor is the level's part.
            let (outer, inner) = (values.first(), values.get(1));
            if level.category.is_some() {
                categories.entry(name).or_default().extend(outer);
                credit.entry(name).or_default().extend(inner);
            } else {
                categories.entry(&level.id.value).or_default().extend(outer);
            }
            for value in values {
                share(value, "an allocation", problems);
            }
        }
    }
    let firsts = categories.values().filter_map(|v| v.first().copied());
    // Some contracts allocate more than the pool and rely on its cap; they have to say so.
    let limit = clause
        .allocation_limit
        .as_ref()
        .map_or(Decimal::ONE, |l| l.value);
    at_most(
        limit,
        firsts,
        "the allocation of the pool",
        &levels.span,
        problems,
    );
    for (name, values) in &categories {
        let numbers: Vec<Decimal> = values.iter().filter_map(|v| literal(v)).collect();
        if let (Some(first), Some(other)) =
            (numbers.first(), numbers.iter().find(|n| **n != numbers[0]))
            && let (Some(a), Some(b)) = (values.first(), values.last())
        {
            problems.push(
                Problem::at(
                    &b.span,
                    format!("category `{name}` is allocated {first} and {other}"),
                )
                .and(&a.span, "the other figure"),
            );
        }
    }
    for values in credit.values() {
        at_most(
            Decimal::ONE,
            values.iter().copied(),
            "the allocation of a category",
            &levels.span,
            problems,
        );
    }
}

pub(super) fn target_cost(clause: &ClauseSource, problems: &mut Vec<Problem>) {
    let number = |v: &Option<Located<Value>>| v.as_ref().and_then(literal);
    let (cost, fee) = (number(&clause.target_cost), number(&clause.target_fee));
    let price = number(&clause.target_price);
    let place = |v: &Option<Located<Value>>| v.as_ref().map_or(0..0, |v| v.span.clone());
    if let (Some(c), Some(f), Some(p)) = (cost, fee, price)
        && let Ok(sum) = c.checked_add(f)
        && sum != p
    {
        problems.push(
            Problem::at(
                &place(&clause.target_price),
                format!("the target price {p} is not target cost {c} plus target profit {f}, which is {sum}"),
            )
            .label("the target price")
            .and(&place(&clause.target_cost), "the target cost")
            .and(&place(&clause.target_fee), "the target profit")
            .help(format!(
                "correct one of the three (FAR 16.403-1: target price = target cost + target profit), or leave `target_price` out: it follows as {sum}"
            )),
        );
    }
    if let (Some(low), Some(high)) = (number(&clause.min_fee), number(&clause.max_fee))
        && (low > high || fee.is_some_and(|f| f < low || f > high))
    {
        problems.push(
            Problem::at(
                &place(&clause.min_fee),
                "the target fee does not lie between the least and the greatest fee",
            )
            .and(&place(&clause.max_fee), "the greatest fee")
            .and(&place(&clause.target_fee), "the target fee"),
        );
    }
    if let (Some(c), Some(f), Some(ceiling)) = (cost, fee, number(&clause.ceiling_price))
        && let Ok(sum) = c.checked_add(f)
        && ceiling < sum
    {
        problems.push(
            Problem::at(
                &place(&clause.ceiling_price),
                format!("the ceiling price {ceiling} is below the target price {sum}"),
            )
            .help("a ceiling lies at or above target cost plus target profit (FAR 16.403-1)"),
        );
    }
    let Some(method) = &clause.method else { return };
    let mut need = |missing: bool, words: &str| {
        if missing {
            problems.push(Problem::at(
                &method.span,
                format!("this method needs {words}"),
            ));
        }
    };
    let shared =
        clause.share.is_some() || (clause.share_over.is_some() && clause.share_under.is_some());
    match method.value {
        Method::Cpif => {
            need(clause.target_fee.is_none(), "`target_fee`");
            need(!shared, "`share`, or `share_over` and `share_under`");
            need(
                clause.bands.is_some(),
                "no `bands`: those belong to share_ranges",
            );
        }
        Method::Fpif => {
            need(
                clause.target_fee.is_none(),
                "`target_fee` (or `target_profit`)",
            );
            need(!shared, "`share`, or `share_over` and `share_under`");
            need(clause.ceiling_price.is_none(), "`ceiling_price`");
            need(
                clause.bands.is_some(),
                "no `bands`: those belong to share_ranges",
            );
        }
        Method::ShareRanges => {
            need(
                clause.bands.is_none(),
                "`bands`: ranges of actual cost as shares of `target_cost`",
            );
            need(
                shared || clause.target_fee.is_some(),
                "no `share` and no `target_fee`",
            );
        }
    }
}

pub(super) fn check_bands(bands: &[BandSource], span: &Range<usize>, problems: &mut Vec<Problem>) {
    if bands.is_empty() {
        problems.push(Problem::at(span, "there is no band"));
    }
    let mut previous: Option<&BandSource> = None;
    let last = bands.len().saturating_sub(1);
    for (i, band) in bands.iter().enumerate() {
        if band.rate.is_some() == band.amount.is_some() {
            let at = band
                .from
                .as_ref()
                .or(band.to.as_ref())
                .map_or(span, |v| &v.span);
            problems.push(Problem::at(
                at,
                "a band has either a rate (share, price) or an amount (points)",
            ));
        }
        if let (Some(from), Some(to)) = (&band.from, &band.to)
            && let (Some(f), Some(t)) = (literal(from), literal(to))
            && f >= t
        {
            problems.push(
                Problem::at(
                    &from.span,
                    format!("the band starts at {f}, not below its end {t}"),
                )
                .and(&to.span, "its end")
                .help("list bands from the lowest to the highest"),
            );
        }
        if i < last && band.to.is_none() && bands.get(i + 1).is_some_and(|b| b.from.is_none()) {
            problems.push(Problem::at(
                span,
                format!("nothing says where band {} ends", i + 1),
            ));
        }
        if let Some(previous) = previous
            && let (Some(to), Some(from)) = (&previous.to, &band.from)
            && let (Some(t), Some(f)) = (literal(to), literal(from))
            && t != f
        {
            let what = if t < f { "leave a gap" } else { "overlap" };
            let mut problem =
                Problem::at(&from.span, format!("the bands {what} between {t} and {f}"))
                    .label("the next band starts here")
                    .and(&to.span, "the band before ends here");
            problem = problem.help(if t < f {
                "end a band where the next one starts; if the scale is printed to so many \
                 decimals, say how a value in between is rounded: by = \"round(x, 1)\""
            } else {
                "end a band where the next one starts"
            });
            problems.push(problem);
        }
        previous = Some(band);
    }
    // Edges that follow from a neighbour must rise as well.
    let mut edge: Option<(Decimal, &Range<usize>)> = None;
    for value in bands
        .iter()
        .flat_map(|b| [b.from.as_ref(), b.to.as_ref()])
        .flatten()
    {
        let Some(number) = literal(value) else {
            continue;
        };
        if let Some((before, at)) = edge
            && number < before
            && !problems
                .iter()
                .any(|p| p.places.iter().any(|(s, _)| *s == value.span))
        {
            problems.push(
                Problem::at(
                    &value.span,
                    format!("the edge {number} comes after {before}"),
                )
                .and(at, "the edge before")
                .help("list bands from the lowest to the highest"),
            );
        }
        edge = Some((number, &value.span));
    }
}

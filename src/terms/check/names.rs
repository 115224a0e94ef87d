//! The names that a terms file declares: each once, each usable in an expression, each lookup
//! complete. Not responsible for names in expressions (see [`crate::settle`]).

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::error::{Problem, suggestion};
use super::super::source::TermsSource;

pub(super) fn names(source: &TermsSource, problems: &mut Vec<Problem>) {
    let mut seen: BTreeMap<&str, (&Range<usize>, &str)> = BTreeMap::new();
    let declared = source
        .measures
        .iter()
        .map(|(n, l)| (n.as_str(), &l.span, "a measure"))
        .chain(
            source
                .parameters
                .iter()
                .map(|(n, l)| (n.as_str(), &l.span, "a parameter")),
        )
        .chain(
            source
                .lookup
                .iter()
                .map(|(n, l)| (n.as_str(), &l.span, "a lookup")),
        )
        .chain(
            source
                .define
                .iter()
                .map(|(n, l)| (n.as_str(), &l.span, "a definition")),
        )
        .chain(
            source
                .clause
                .iter()
                .map(|c| (c.value.id.value.as_str(), &c.value.id.span, "a clause")),
        );
    for (name, span, what) in declared {
        if let Some((first, was)) = seen.insert(name, (span, what)) {
            problems.push(
                Problem::at(span, format!("`{name}` is the name of {was} and of {what}"))
                    .and(first, was)
                    .help("give one of them another name"),
            );
        }
        identifier(name, span, problems);
    }
    for amendment in &source.amendment {
        for clause in &amendment.value.clause {
            identifier(&clause.value.id.value, &clause.value.id.span, problems);
        }
    }
}

/// A lookup by a parameter with a closed list of values has an entry for each, and no other.
pub(super) fn lookups(source: &TermsSource, problems: &mut Vec<Problem>) {
    for (name, lookup) in &source.lookup {
        let one_of = source
            .parameters
            .get(&lookup.value.by.value)
            .and_then(|p| p.value.one_of.as_ref());
        let Some(known) = one_of else { continue };
        let words: Vec<&str> = known.iter().map(String::as_str).collect();
        for (key, value) in &lookup.value.values {
            if !known.contains(key) {
                problems.push(
                    Problem::at(
                        &value.span,
                        format!(
                            "`{key}` never occurs: it is no value of `{}`",
                            lookup.value.by.value
                        ),
                    )
                    .help(suggestion(key, &words)),
                );
            }
        }
        let open: Vec<&str> = words
            .into_iter()
            .filter(|w| !lookup.value.values.contains_key(*w))
            .collect();
        if lookup.value.otherwise.is_none() && !open.is_empty() {
            problems.push(
                Problem::at(
                    &lookup.value.by.span,
                    format!("lookup `{name}` has no value for {}", open.join(", ")),
                )
                .help("add an entry for each, or `otherwise`"),
            );
        }
    }
}

const RESERVED: &[&str] = &["and", "or", "not", "true", "false", "total"];

fn identifier(name: &str, span: &Range<usize>, problems: &mut Vec<Problem>) {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !plain || RESERVED.contains(&name) {
        problems.push(
            Problem::at(span, format!("`{name}` cannot be used in an expression")).help(
                "a name is letters, digits and `_`, does not start with a digit, and is none of \
                 and, or, not, true, false, total",
            ),
        );
    }
}

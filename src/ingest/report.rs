//! What is said about a file after it was read: findings with counts and samples, one per kind and
//! column. Not responsible for the rows themselves (see [`super::plan`]).

use std::collections::BTreeSet;

use super::laws;
use super::plan::Plan;
use super::reader::Opened;
use super::record::Parsed;
use super::value;
use crate::config::project::ResolvedSource;
use crate::finding::{Finding, Severity, Stage};

/// Fewest dates that make it worth saying that all read in either order.
const DATES: u64 = 20;

/// Findings of one file: its dialect, what its columns lack, what did not read, broken laws.
pub(super) fn file(
    source: &ResolvedSource,
    shown: &str,
    opened: &Opened,
    plan: &Plan<'_>,
    parsed: &Parsed,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let finding = |severity, code: &str, detail: String| {
        Finding::new(Stage::Ingest, severity, code, detail).with_place(shown, None)
    };
    if let (None, Some(found)) = (&source.mapping.delimiter, opened.delimiter())
        && found != b','
    {
        let name = match found {
            b'\t' => "tab".to_owned(),
            other => format!("`{}`", char::from(other)),
        };
        findings.push(finding(
            Severity::Note,
            "delimiter_detected",
            format!("the file was read with the delimiter {name}, which its header shows"),
        ));
    }
    if parsed.rows_in == 0 {
        findings.push(finding(
            Severity::Warning,
            "no_rows",
            "the file has a header and no rows".to_owned(),
        ));
    }
    if source.mapping.export_caps.contains(&parsed.rows_in) {
        findings.push(
            finding(
                Severity::Warning,
                "export_cap",
                "the file has exactly as many rows as the tool exports at most: the rest is \
                 probably missing; export in smaller periods"
                    .to_owned(),
            )
            .with_count(parsed.rows_in),
        );
    }
    for (column, n) in plan.ambiguous_dates() {
        if n < DATES {
            continue;
        }
        findings.push(
            finding(
                Severity::Warning,
                "ambiguous_dates",
                "no day in this column is above 12: its dates read with day and month swapped as \
                 well; check `formats` against the tool"
                    .to_owned(),
            )
            .with_column(column)
            .with_count(n),
        );
    }
    for column in &parsed.absent {
        findings.push(
            finding(
                Severity::Note,
                "column_absent",
                "the mapping names a column that the file does not have; what depends on it is \
                 not measurable"
                    .to_owned(),
            )
            .with_column(column),
        );
    }
    if !parsed.unmapped.is_empty() {
        findings.push(
            finding(
                Severity::Note,
                "unmapped_columns",
                "columns of the file that the mapping does not use".to_owned(),
            )
            .with_count(parsed.unmapped.len() as u64)
            .with_evidence(parsed.unmapped.join(", ")),
        );
    }
    for (law, tally) in source.mapping.laws.iter().zip(&parsed.laws) {
        if tally.broken == 0 {
            continue;
        }
        let mut f = finding(
            Severity::Warning,
            "law_broken",
            format!(
                "{} of {} checked break a law of this export: {}; ask who made it",
                tally.broken,
                tally.checked,
                laws::words(law)
            ),
        )
        .with_count(tally.broken)
        .with_evidence(tally.samples.join(" | "));
        f.line = Some(tally.line);
        findings.push(f);
    }
    unread(shown, parsed, &mut findings);
    rejected(source, shown, parsed, &mut findings);
    findings
}

/// Fields that did not read and whose rows were kept without them.
fn unread(shown: &str, parsed: &Parsed, findings: &mut Vec<Finding>) {
    for ((column, problem), unread) in &parsed.unread {
        let detail = format!("values that do not read were left out; {}", problem.hint());
        findings.push(
            Finding::new(Stage::Ingest, Severity::Warning, problem.code(), detail)
                .with_place(shown, Some(unread.line))
                .with_column(column)
                .with_count(unread.count)
                .with_evidence(unread.samples.join(" | ")),
        );
    }
}

/// Rows that were refused, by code and column.
fn rejected(source: &ResolvedSource, shown: &str, parsed: &Parsed, findings: &mut Vec<Finding>) {
    for ((code, column), kind) in &parsed.refused.kinds {
        let table = source.table.name;
        let detail = format!("rows of `{table}` were rejected: {}", why(code));
        let mut f = Finding::new(Stage::Ingest, Severity::Warning, code, detail)
            .with_place(shown, Some(kind.line))
            .with_count(kind.count)
            .with_evidence(&kind.raw);
        f.column.clone_from(column);
        findings.push(f);
    }
}

/// Names were replaced, but whoever has a list of names can find them.
pub(super) fn people_without_key(columns: &BTreeSet<String>) -> Finding {
    Finding::new(
        Stage::Ingest,
        Severity::Note,
        "people_without_key",
        "names were replaced by a hash without a secret key, which whoever has a list of names can \
         undo; name a key in the section `people` of gainshare.toml",
    )
    .with_count(columns.len() as u64)
    .with_evidence(columns.iter().cloned().collect::<Vec<_>>().join(", "))
}

/// What a reject code means and what to do.
pub fn why(code: &str) -> &'static str {
    match code {
        "field_count" => "the row has more or fewer fields than the header; quote delimiters",
        "not_utf8" => {
            "the row is not UTF-8 text; declare the `encoding` of the file, or save the file as UTF-8"
        }
        "undecodable" => {
            "the row has bytes that the declared encoding does not have; correct `encoding`"
        }
        "required_value_absent" => "a value that every row needs is empty",
        "resolved_before_opened" => "it was resolved before it was opened; correct the dates",
        "closed_before_opened" => "it was closed before it was opened; correct the dates",
        "period_end_before_start" => "its period ends before it starts; correct the dates",
        "end_before_start" => "it ends before it starts; correct the dates",
        "date_format" => value::Problem::Date.hint(),
        "zone_missing" => value::Problem::ZoneMissing.hint(),
        "local_time_skipped" => value::Problem::LocalTimeSkipped.hint(),
        "local_time_twice" => value::Problem::LocalTimeTwice.hint(),
        "number_format" => value::Problem::Number.hint(),
        "number_range" => value::Problem::NumberRange.hint(),
        "negative" => value::Problem::Negative.hint(),
        "boolean_spelling" => value::Problem::Boolean.hint(),
        "unknown_word" => value::Problem::Word.hint(),
        "unknown_priority" => value::Problem::Priority.hint(),
        "share_range" => value::Problem::Share.hint(),
        "currency_code" => value::Problem::Currency.hint(),
        "unknown_sign" => value::Problem::Sign.hint(),
        "quotient" => value::Problem::Quotient.hint(),
        _ => "see the row in `rejects`",
    }
}

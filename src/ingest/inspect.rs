//! What a file is, before any project exists: which mapping fits, what each column becomes on
//! sample rows, and what stays unmapped. Reads nothing into a store.

use std::collections::BTreeMap;
use std::path::Path;

use super::encoding;
use super::file::InputError;
use super::plan::Plan;
use super::reader;
use super::value::Context;
use crate::config::mapping::{Encoding, FileFormat, Mapping, OR};
use crate::config::project::{ResolvedSource, Source};
use crate::config::shipped::BUILTIN;
use crate::store::schema::TABLES;

/// Rows read to see what columns hold.
const SAMPLE: usize = 500;

/// A mapping and how well it fits a file.
#[derive(Debug, Clone)]
pub struct Fit {
    /// The mapping; canonical ones are named `canonical-<table>`.
    pub mapping: Mapping,
    /// Source columns of the mapping that the file has.
    pub found: usize,
    /// Source columns of the mapping in all.
    pub wanted: usize,
    /// Required columns that the file lacks.
    pub missing: Vec<String>,
}

/// One column of the file under the best mapping.
#[derive(Debug, Clone)]
pub struct ColumnReport {
    /// Name in the file.
    pub source: String,
    /// Canonical column, or in brackets what else the mapping uses it for.
    pub becomes: Option<String>,
    /// Up to two values as in the file.
    pub samples: Vec<String>,
    /// Values that do not read, of the rows sampled.
    pub unread: u64,
    /// Empty values and the mapping's spellings of none, of the rows sampled.
    pub empty: u64,
}

/// What was found out about a file.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// Column names.
    pub header: Vec<String>,
    /// What kind of file it is.
    pub format: FileFormat,
    /// How its characters are written, where that is not plain UTF-8.
    pub encoding: Option<Encoding>,
    /// Delimiter found; `None` for anything but delimited text.
    pub delimiter: Option<u8>,
    /// The sheet or list that was looked at, where the file has several.
    pub taken: Option<String>,
    /// Rows sampled.
    pub rows: usize,
    /// Mappings by how well they fit, best first; only those with all required columns, or,
    /// when there is none, the nearest three.
    pub fits: Vec<Fit>,
    /// A mapping that knows more of the columns than the best that fits, and why it does not fit.
    pub nearer: Option<Fit>,
    /// The columns, under the best mapping if one fits.
    pub columns: Vec<ColumnReport>,
    /// Columns whose dates read as day and month in either order, all of the sample, and how many.
    pub ambiguous: Vec<(String, u64)>,
    /// Rows of the sample that the best mapping rejects, by code.
    pub rejected: BTreeMap<String, u64>,
}

/// What a person says of a file that the file does not say itself.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// IANA zone that stands in where a mapping leaves the zone open.
    pub zone: Option<String>,
    /// Its encoding.
    pub encoding: Option<Encoding>,
    /// Line of its header.
    pub header_line: Option<u64>,
    /// The sheet of a workbook.
    pub sheet: Option<String>,
}

/// Looks at a file.
///
/// # Errors
/// When it cannot be read as a table at all.
pub fn inspect(path: &Path, look: &Look) -> Result<Inspection, InputError> {
    let shown = path.display().to_string();
    let mut bare = Mapping::bare();
    bare.encoding = look.encoding;
    bare.header_line = look.header_line.unwrap_or(1);
    bare.sheet.clone_from(&look.sheet);
    let open = |mapping: &Mapping| reader::open(&shown, path, mapping, true);
    let mut opened = open(&bare)?;
    // Where the rows of the file are that was opened, if a mapping says so.
    let mut rows_at = Vec::new();
    // A nested file shows other columns to a mapping that says where its rows are.
    if matches!(opened.format, FileFormat::Json | FileFormat::Xml) {
        let rows_declared = shipped().filter(|m| !m.rows.is_empty());
        let mut best = opened.header.len().min(1);
        for mapping in rows_declared {
            bare.rows.clone_from(&mapping.rows);
            if let Ok(other) = open(&bare) {
                let fit = fit(mapping, &other.header);
                if fit.missing.is_empty() && fit.found > best {
                    best = fit.found;
                    rows_at.clone_from(&bare.rows);
                    opened = other;
                }
            }
        }
    }
    let header = opened.header.clone();
    let rows = opened.sample(SAMPLE);
    let mut fits: Vec<Fit> = shipped()
        .chain(TABLES.iter().map(Mapping::canonical))
        .map(|mapping| fit(mapping, &header))
        .collect();
    // Whole fits first; among them the one that uses most of the file, and finds the rows where
    // they are.
    fits.sort_by_key(|f| {
        let elsewhere = f.mapping.rows != rows_at;
        (
            !f.missing.is_empty(),
            std::cmp::Reverse(f.found),
            elsewhere,
            f.wanted,
        )
    });
    let whole = fits.iter().take_while(|f| f.missing.is_empty()).count();
    let most = fits.first().map_or(0, |f| f.found);
    let nearer = (whole > 0)
        .then(|| fits.get(whole).filter(|f| f.found > most).cloned())
        .flatten();
    fits.truncate(if whole > 0 { whole } else { 3 });
    fits.retain(|f| f.found > 0);
    // Where nothing fits whole, the nearest mapping still shows what its columns become.
    let best = fits.first();
    let mut columns: Vec<ColumnReport> = header
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let mut samples: Vec<String> = Vec::new();
            let mut empty = 0;
            let is_null = |value: &str| {
                value.is_empty() || best.is_some_and(|b| b.mapping.null.iter().any(|n| n == value))
            };
            for row in &rows {
                let cell = row
                    .cells
                    .iter()
                    .find(|(at, _)| usize::try_from(*at) == Ok(i));
                let value = cell.map_or("", |(_, text)| text.trim());
                if is_null(value) {
                    empty += 1;
                } else if samples.len() < 2 && !samples.iter().any(|s| s == value) {
                    // On one line of a table, whatever the text holds.
                    let plain = value.chars().map(|c| if c.is_control() { ' ' } else { c });
                    samples.push(plain.take(40).collect());
                }
            }
            ColumnReport {
                source: name.clone(),
                becomes: best.and_then(|b| becomes(&b.mapping, name)),
                samples,
                unread: 0,
                empty,
            }
        })
        .collect();
    let mut rejected = BTreeMap::new();
    let mut ambiguous = Vec::new();
    if let Some(best) = best {
        let mut mapping = best.mapping.clone();
        if mapping.zone.is_none() {
            mapping.zone.clone_from(&look.zone);
        }
        if best.missing.is_empty()
            && let Ok(source) = resolved(mapping)
        {
            let context = Context {
                typed: opened.delimiter().is_none(),
                ..Context::default()
            };
            let plan = Plan::new(&source, &shown, 0, &header, opened.encoding, &context)?;
            let parsed = plan.rows(&rows);
            ambiguous = plan
                .ambiguous_dates()
                .into_iter()
                .map(|(column, n)| (column.to_owned(), n))
                .collect();
            for ((code, column), kind) in &parsed.refused.kinds {
                *rejected.entry((*code).to_owned()).or_default() += kind.count;
                if let Some(column) = column
                    && let Some(report) = columns.iter_mut().find(|c| c.source == *column)
                {
                    report.unread += kind.count;
                }
            }
            for ((column, _), unread) in &parsed.unread {
                if let Some(report) = columns.iter_mut().find(|c| c.source == *column) {
                    report.unread += unread.count;
                }
            }
        }
    }
    Ok(Inspection {
        header,
        format: opened.format,
        encoding: (opened.encoding != Encoding::Utf8).then_some(opened.encoding),
        delimiter: opened.delimiter(),
        taken: opened.taken,
        ambiguous,
        rows: rows.len(),
        fits,
        nearer,
        columns,
        rejected,
    })
}

/// The shipped mappings.
fn shipped() -> impl Iterator<Item = Mapping> {
    BUILTIN
        .iter()
        .filter_map(|b| crate::config::document::parse::<Mapping>(b.name, b.text).ok())
}

/// The name of an encoding for a person.
pub fn encoding_name(found: Encoding) -> &'static str {
    encoding::name(found)
}

/// A mapping as a source without files.
fn resolved(mapping: Mapping) -> Result<ResolvedSource, Vec<String>> {
    // Columns that a project may set for a whole source are not asked of the file here.
    let set: BTreeMap<String, String> = BTreeMap::new();
    let table = mapping.check(&set)?;
    let source = Source {
        name: "inspect".to_owned(),
        table: None,
        files: Vec::new(),
        mapping: None,
        zone: None,
        set,
    };
    Ok(ResolvedSource {
        source,
        mapping,
        table,
        files: Vec::new(),
        addresses: Vec::new(),
    })
}

/// What a mapping makes of a source column.
fn becomes(mapping: &Mapping, name: &String) -> Option<String> {
    let mapped = mapping.columns.iter().find(|(_, m)| m.from.contains(name));
    if let Some((canonical, _)) = mapped {
        return Some(canonical.clone());
    }
    let history = mapping.history.as_ref();
    let names = |list: &str| list == name || list.split(OR).any(|n| n == name);
    if mapping.latest.iter().any(|l| names(l)) {
        Some("(order of rows)".to_owned())
    } else if history.is_some_and(|h| h.at == *name) {
        Some("(moment of change)".to_owned())
    } else if let Some((field, _)) =
        history.and_then(|h| h.fields.iter().find(|(_, from)| *from == name))
    {
        Some(format!("(history of {field})"))
    } else if mapping
        .columns
        .values()
        .any(|c| c.sign.iter().any(|s| names(&s.from)))
    {
        Some("(sign)".to_owned())
    } else if mapping
        .columns
        .values()
        .any(|c| c.divide_by.as_ref() == Some(name))
    {
        Some("(divisor)".to_owned())
    } else if mapping.laws.iter().any(|l| {
        let mut reads = l
            .product
            .iter()
            .chain(&l.sum_per)
            .chain(&l.equals)
            .chain(&l.before);
        reads.any(|c| c == name)
    }) {
        Some("(law)".to_owned())
    } else if mapping
        .only
        .keys()
        .chain(mapping.except.keys())
        .any(|k| names(k))
    {
        Some("(which rows count)".to_owned())
    } else if mapping.keep.contains(name) {
        Some(format!("x_{name}"))
    } else {
        None
    }
}

fn fit(mapping: Mapping, header: &[String]) -> Fit {
    let (mut found, mut wanted, mut missing) = (0, 0, Vec::new());
    let target = crate::store::schema::table(&mapping.table);
    for (canonical, column) in &mapping.columns {
        if column.from.is_empty() {
            continue;
        }
        wanted += 1;
        if column.from.iter().any(|f| header.contains(f)) {
            found += 1;
        } else if canonical != "source"
            && target
                .and_then(|t| t.column(canonical))
                .is_some_and(|c| c.required)
            && column.value.is_none()
            && !column.row_hash
        {
            missing.push(column.from.join(" or "));
        }
    }
    let needs = mapping
        .latest
        .iter()
        .chain(mapping.only.keys())
        .chain(mapping.except.keys())
        .chain(mapping.history.iter().flat_map(|h| h.fields.values()));
    for from in needs {
        let has = |name: &str| header.iter().any(|h| h == name);
        if has(from) || from.split(OR).any(has) {
            found += 1;
        } else {
            missing.push(from.clone());
        }
        wanted += 1;
    }
    Fit {
        mapping,
        found,
        wanted,
        missing,
    }
}

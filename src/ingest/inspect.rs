//! What a file is, before any project exists: which mapping fits, what each column becomes on
//! sample rows, and what stays unmapped. Reads nothing into a store.

use std::collections::BTreeMap;
use std::path::Path;

use super::delimited::{self, Plan};
use super::file::{self, InputError};
use crate::config::mapping::{BUILTIN, Mapping};
use crate::config::project::{ResolvedSource, Source};
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
    /// Delimiter found; `None` for Parquet.
    pub delimiter: Option<u8>,
    /// Rows sampled.
    pub rows: usize,
    /// Mappings by how well they fit, best first; only those with all required columns, or,
    /// when there is none, the nearest three.
    pub fits: Vec<Fit>,
    /// A mapping that knows more of the columns than the best that fits, and why it does not fit.
    pub nearer: Option<Fit>,
    /// The columns, under the best mapping if one fits.
    pub columns: Vec<ColumnReport>,
    /// Rows of the sample that the best mapping rejects, by code.
    pub rejected: BTreeMap<String, u64>,
}

/// Looks at a file. `zone` stands in where a mapping leaves the zone open.
///
/// # Errors
/// When it cannot be read as a table at all.
pub fn inspect(path: &Path, zone: Option<&str>) -> Result<Inspection, InputError> {
    let shown = path.display().to_string();
    let loaded = file::read(&shown, path)?;
    let (header, rows, delimiter) = if file::is_parquet(path) {
        let (header, mut rows) = super::parquet::texts(&shown, loaded.bytes)?;
        rows.truncate(SAMPLE);
        (header, rows, None)
    } else {
        let text = file::text(&shown, &loaded.bytes)?;
        let delimiter = delimiter_of(text);
        let header = delimited::header(&shown, text, delimiter)?;
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            .from_reader(text);
        let rows = reader
            .byte_records()
            .take(SAMPLE)
            .filter_map(Result::ok)
            .map(|r| {
                r.iter()
                    .map(|f| String::from_utf8_lossy(f).into_owned())
                    .collect()
            })
            .collect();
        (header, rows, Some(delimiter))
    };
    let builtin = BUILTIN
        .iter()
        .filter_map(|b| crate::config::document::parse::<Mapping>(b.name, b.text).ok());
    let mut fits: Vec<Fit> = builtin
        .chain(TABLES.iter().map(Mapping::canonical))
        .map(|mapping| fit(mapping, &header))
        .collect();
    // Whole fits first; among them the one that uses most of the file.
    fits.sort_by_key(|f| (!f.missing.is_empty(), std::cmp::Reverse(f.found), f.wanted));
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
            for value in rows.iter().filter_map(|r| r.get(i)).map(|v| v.trim()) {
                if is_null(value) {
                    empty += 1;
                } else if samples.len() < 2 && !samples.iter().any(|s| s == value) {
                    samples.push(value.chars().take(40).collect());
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
    if let Some(best) = best {
        let mut mapping = best.mapping.clone();
        if mapping.zone.is_none() {
            mapping.zone = zone.map(str::to_owned);
        }
        if best.missing.is_empty()
            && let Ok(source) = resolved(mapping)
        {
            let plan = Plan::new(&source, &shown, 0, &header)?;
            let parsed = delimited::read_rows(&plan, rows.iter().cloned());
            for reject in &parsed.rejects {
                *rejected.entry(reject.code.clone()).or_default() += 1;
                if let Some(column) = &reject.column
                    && let Some(report) = columns.iter_mut().find(|c| c.source == *column)
                {
                    report.unread += 1;
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
        delimiter,
        rows: rows.len(),
        fits,
        nearer,
        columns,
        rejected,
    })
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
    })
}

/// What a mapping makes of a source column.
fn becomes(mapping: &Mapping, name: &String) -> Option<String> {
    let mapped = mapping
        .columns
        .iter()
        .find(|(_, m)| m.from.as_ref() == Some(name));
    if let Some((canonical, _)) = mapped {
        return Some(canonical.clone());
    }
    let history = mapping.history.as_ref();
    if mapping.latest.contains(name) {
        Some("(order of rows)".to_owned())
    } else if history.is_some_and(|h| h.at == *name) {
        Some("(moment of change)".to_owned())
    } else if let Some((field, _)) =
        history.and_then(|h| h.fields.iter().find(|(_, from)| *from == name))
    {
        Some(format!("(history of {field})"))
    } else if mapping.only.contains_key(name) {
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
        let Some(from) = &column.from else { continue };
        wanted += 1;
        if header.contains(from) {
            found += 1;
        } else if canonical != "source"
            && target
                .and_then(|t| t.column(canonical))
                .is_some_and(|c| c.required)
            && column.value.is_none()
            && !column.row_hash
        {
            missing.push(from.clone());
        }
    }
    let needs = mapping
        .latest
        .iter()
        .chain(mapping.history.iter().flat_map(|h| h.fields.values()));
    for from in needs {
        if header.contains(from) {
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

/// The delimiter that splits the first line most often outside quotes.
fn delimiter_of(text: &[u8]) -> u8 {
    let line = text.split(|b| *b == b'\n').next().unwrap_or_default();
    let mut counts = [(b',', 0usize), (b';', 0), (b'\t', 0), (b'|', 0)];
    let mut quoted = false;
    for byte in line {
        if *byte == b'"' {
            quoted = !quoted;
        }
        if !quoted && let Some((_, n)) = counts.iter_mut().find(|(d, _)| d == byte) {
            *n += 1;
        }
    }
    counts
        .iter()
        .rev()
        .max_by_key(|(_, n)| *n)
        .map_or(b',', |(d, _)| *d)
}

//! From a file to a header and rows of texts, whatever kind of file it is, so that everything
//! after it is the same for all. Responsible for choosing the parser and for what a person is told
//! when the file is not what it should be; not for columns and values (see [`super::plan`]).

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::Path;

use super::delimited;
use super::encoding;
use super::file::{self, InputError};
use super::plan::Plan;
use super::record::Parsed;
use super::tree::{self, NoRows, Node};
use super::{json, parquet, xlsx, xml};
use crate::config::mapping::{Encoding, FileFormat, Mapping};

/// Header and rows of a file that is no delimited text.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Column names.
    pub(super) header: Vec<String>,
    /// Rows in the order of the file.
    pub(super) rows: Vec<Row>,
}

/// One row: its filled cells by column, in the order of the columns.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// Line or row number in the file, counted from 1; of Parquet, the number of the row.
    pub(super) line: u64,
    /// Column and text.
    pub(super) cells: Vec<(u32, String)>,
}

/// What the rows of a file are read from.
#[derive(Debug)]
pub(super) enum Content {
    /// Delimited text in UTF-8 from its header on, whose line in the file is given.
    Text {
        text: Vec<u8>,
        delimiter: u8,
        line: u64,
    },
    /// Rows that are split already.
    Table(Vec<Row>),
}

/// A file, opened.
#[derive(Debug)]
pub(super) struct Opened {
    /// Column names; those that stand there several times as `Name#1`, `Name#2`, ...
    pub(super) header: Vec<String>,
    pub(super) content: Content,
    /// BLAKE3 of the file as it lies on disk.
    pub(super) hash: String,
    pub(super) format: FileFormat,
    pub(super) encoding: Encoding,
    /// Sheet, or path of rows, where the file has several and the first was taken to look at.
    pub(super) taken: Option<String>,
}

/// Opens a file under a mapping. `look` is for a first look: where the mapping leaves open which
/// sheet or list is meant, the first is taken and named, and all columns are read.
///
/// # Errors
/// When it cannot be read as a table at all.
pub(super) fn open(
    shown: &str,
    path: &Path,
    mapping: &Mapping,
    look: bool,
) -> Result<Opened, InputError> {
    let loaded = file::read(shown, path)?;
    let format = file::format_of(mapping.format, path, &loaded.bytes);
    let hash = loaded.hash;
    if loaded.bytes.is_empty() {
        return Err(InputError::Empty {
            file: shown.to_owned(),
        });
    }
    let mut encoding = Encoding::Utf8;
    let mut taken = None;
    let table = match format {
        FileFormat::Text => {
            let (bytes, found) = decoded(loaded.bytes, mapping.encoding);
            file::text(shown, &bytes)?;
            let start = delimited::start(shown, bytes, found, mapping, look)?;
            return Ok(Opened {
                header: numbered(start.header),
                content: Content::Text {
                    text: start.text,
                    delimiter: start.delimiter,
                    line: start.line,
                },
                hash,
                format,
                encoding: found,
                taken,
            });
        }
        FileFormat::Parquet => parquet::table(shown, loaded.bytes)?,
        FileFormat::Xlsx => {
            let sheet = mapping.sheet.as_deref();
            match xlsx::table(&loaded.bytes, sheet, mapping.header_line) {
                Err(xlsx::NoTable::Sheet(names)) if look && sheet.is_none() => {
                    taken = names.first().cloned();
                    xlsx::table(&loaded.bytes, taken.as_deref(), mapping.header_line)
                }
                other => other,
            }
            .map_err(|e| workbook(shown, &e, mapping))?
        }
        FileFormat::Json | FileFormat::Xml => {
            let (bytes, found) = decoded(loaded.bytes, mapping.encoding);
            encoding = found;
            file::text(shown, &bytes)?;
            let parsed = match format {
                FileFormat::Json => json::parse(&bytes),
                _ => xml::parse(&bytes),
            };
            let root = parsed.map_err(|e| InputError::Malformed {
                file: shown.to_owned(),
                line: e.line,
                problem: e.problem,
                hint: "export or copy the file again; if it is of another kind, say so by \
                       `format` in the mapping"
                    .to_owned(),
            })?;
            nested(shown, &root, mapping, look, &mut taken)?
        }
    };
    Ok(Opened {
        header: numbered(table.header),
        content: Content::Table(table.rows),
        hash,
        format,
        encoding,
        taken,
    })
}

/// The rows of a nested document.
fn nested(
    shown: &str,
    root: &Node,
    mapping: &Mapping,
    look: bool,
    taken: &mut Option<String>,
) -> Result<Table, InputError> {
    let wanted: HashSet<&str> = mapping.reads().collect();
    let wanted = (!look).then_some(&wanted);
    let found = tree::table(root, &mapping.rows, wanted);
    let (problem, hint) = match found {
        Ok(table) => return Ok(table),
        Err(NoRows::Undeclared(paths)) if look => {
            *taken = paths.first().cloned();
            let first = paths.into_iter().take(1).collect::<Vec<_>>();
            if let Ok(table) = tree::table(root, &first, None) {
                return Ok(table);
            }
            ("it holds no list of rows".to_owned(), String::new())
        }
        Err(NoRows::Undeclared(paths)) => (
            format!("it holds several lists: {}", paths.join(", ")),
            "say which holds the rows: `rows = [\"…\"]` in the mapping".to_owned(),
        ),
        Err(NoRows::TooWide) => (
            "its rows have more different columns than any export".to_owned(),
            "narrow `rows` in the mapping to the list that holds the rows".to_owned(),
        ),
    };
    Err(InputError::Malformed {
        file: shown.to_owned(),
        line: 1,
        problem,
        hint,
    })
}

fn workbook(shown: &str, problem: &xlsx::NoTable, mapping: &Mapping) -> InputError {
    let header = |problem: String, hint: String| InputError::Malformed {
        file: shown.to_owned(),
        line: mapping.header_line,
        problem,
        hint,
    };
    match problem {
        xlsx::NoTable::Damaged(cause) => InputError::Unreadable {
            file: shown.to_owned(),
            cause: format!("not a whole Excel workbook: {cause}"),
            hint: "it was cut off, changed or protected; save or export it again as .xlsx"
                .to_owned(),
        },
        xlsx::NoTable::Sheet(names) => {
            let list = names.join(", ");
            match &mapping.sheet {
                Some(wanted) => header(
                    format!("it has no sheet `{wanted}`"),
                    format!("it has {list}; correct `sheet` in the mapping"),
                ),
                None => header(
                    format!("it has several sheets: {list}"),
                    "say which holds the rows: `sheet = \"…\"` in the mapping".to_owned(),
                ),
            }
        }
        xlsx::NoTable::Empty => header(
            "expected a header row, found an empty sheet".to_owned(),
            "give the row of the header as `header_line`, or export the sheet again".to_owned(),
        ),
    }
}

/// The bytes as UTF-8, in place where they are that already.
fn decoded(bytes: Vec<u8>, declared: Option<Encoding>) -> (Vec<u8>, Encoding) {
    let (text, encoding) = encoding::decode(&bytes, declared);
    let marked = match text {
        Cow::Owned(text) => return (text, encoding),
        Cow::Borrowed(text) => bytes.len() - text.len(),
    };
    let mut bytes = bytes;
    bytes.drain(..marked);
    (bytes, encoding)
}

/// Names that stand in a header several times, as `Name#1`, `Name#2`, ... Columns without a name
/// stay so.
fn numbered(mut header: Vec<String>) -> Vec<String> {
    let mut count: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    for name in &header {
        *count.entry(name.clone()).or_default() += 1;
    }
    let mut seen: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    for name in &mut header {
        if name.is_empty() || count.get(name).is_none_or(|n| *n < 2) {
            continue;
        }
        let n = seen.entry(name.clone()).or_default();
        *n += 1;
        *name = format!("{name}#{n}");
    }
    header
}

/// Reads all rows of an opened file. `progress` hears of bytes or rows done.
///
/// # Errors
/// When the text is not delimited text at all; single bad records become rejects.
pub(super) fn read(
    plan: &Plan<'_>,
    content: &Content,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Parsed, InputError> {
    match content {
        Content::Text {
            text,
            delimiter,
            line,
        } => delimited::read(plan, text, *delimiter, *line, progress),
        Content::Table(rows) => {
            let parsed = plan.rows(rows);
            progress(parsed.rows_in);
            Ok(parsed)
        }
    }
}

impl Opened {
    /// The first `most` rows as texts, for a look.
    pub(super) fn sample(&self, most: usize) -> Vec<Row> {
        match &self.content {
            Content::Text {
                text,
                delimiter,
                line,
            } => delimited::sample(text, *delimiter, *line, most),
            Content::Table(rows) => rows.iter().take(most).cloned().collect(),
        }
    }

    /// The delimiter of delimited text.
    pub(super) fn delimiter(&self) -> Option<u8> {
        match &self.content {
            Content::Text { delimiter, .. } => Some(*delimiter),
            Content::Table(_) => None,
        }
    }
}

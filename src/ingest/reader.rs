//! From a file to a header and rows of texts, whatever kind of file it is, so that everything
//! after it is the same for all. Responsible for choosing the parser and for what a person is told
//! when the file is not what it should be; not for columns and values (see [`super::plan`]).

use std::collections::HashSet;
use std::path::Path;

use super::delimited;
use super::encoding;
use super::file::{self, InputError};
use super::plan::Plan;
use super::record::{Kept, Parsed};
use super::tree::{self, NoRows, Node};
use super::{json, xlsx, xml};
use crate::config::mapping::{Encoding, FileFormat, Mapping};
use crate::store::error::StoreError;
use crate::store::threads;

/// Header and rows of a workbook or a nested document.
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
pub(super) enum Content {
    /// Delimited text.
    Text(Box<delimited::Text>),
    /// Rows that are split already, and the BLAKE3 of the file as it lies on disk.
    Table(Vec<Row>, String),
    /// A Parquet file.
    #[cfg(feature = "frames")]
    Parquet(Box<super::parquet::Stored>),
}

/// So many bytes say what kind of file it is.
const HEAD: usize = 1 << 16;

/// What takes the rows of a part of a file, each in the bin of its ticket.
pub(super) type Keeping<'k> = dyn Fn(Kept) -> Result<(), StoreError> + Sync + 'k;

/// A file, opened.
pub(super) struct Opened {
    /// Column names; those that stand there several times as `Name#1`, `Name#2`, ...
    pub(super) header: Vec<String>,
    pub(super) content: Content,
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
    let mut input = file::open(shown, path)?;
    let mut head = Vec::new();
    let ended = input.read(&mut head, HEAD)?;
    let format = file::format_of(mapping.format, path, &head);
    if head.is_empty() {
        return Err(InputError::Empty {
            file: shown.to_owned(),
        });
    }
    if format == FileFormat::Text {
        let (start, text, encoding) = delimited::open(shown, (head, ended), input, mapping, look)?;
        return Ok(Opened {
            header: numbered(start.header),
            content: Content::Text(Box::new(text)),
            format,
            encoding,
            taken: None,
        });
    }
    if format == FileFormat::Parquet {
        return parquet(shown, input, head);
    }
    let loaded = input.all(head)?;
    let mut encoding = Encoding::Utf8;
    let mut taken = None;
    let table = match format {
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
        _ => {
            let (found, mark) = encoding::of(&loaded.bytes, mapping.encoding);
            let body = loaded.bytes.get(mark..).unwrap_or_default();
            let (bytes, _) = encoding::decode(body, found, true);
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
        content: Content::Table(table.rows, loaded.hash),
        format,
        encoding,
        taken,
    })
}

#[cfg(feature = "frames")]
fn parquet(shown: &str, input: file::Input, head: Vec<u8>) -> Result<Opened, InputError> {
    let mut stored = super::parquet::open(shown, input, head)?;
    Ok(Opened {
        header: numbered(std::mem::take(&mut stored.header)),
        content: Content::Parquet(Box::new(stored)),
        format: FileFormat::Parquet,
        encoding: Encoding::Utf8,
        taken: None,
    })
}

#[cfg(not(feature = "frames"))]
fn parquet(shown: &str, _: file::Input, _: Vec<u8>) -> Result<Opened, InputError> {
    Err(InputError::Unreadable {
        file: shown.to_owned(),
        cause: "this build reads no Parquet".to_owned(),
        hint: "build it with the feature `frames`, or export the table as CSV".to_owned(),
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

/// Reads all rows of an opened file. `keep` takes them, `progress` hears of bytes or rows done.
/// Gives what else there is to say of them, and the hash of the file as it lies on disk.
///
/// # Errors
/// When the file cannot be read, or the rows not kept; single bad records become rejects.
pub(super) fn read(
    plan: &Plan<'_>,
    content: &mut Content,
    keep: &Keeping<'_>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(Parsed, String), InputError> {
    match content {
        Content::Text(text) => text.rows(plan, keep, progress),
        Content::Table(rows, hash) => {
            let mut parsed = plan.rows(rows);
            keep(parsed.leave())?;
            progress(parsed.rows_in);
            Ok((parsed, std::mem::take(hash)))
        }
        #[cfg(feature = "frames")]
        Content::Parquet(stored) => stored.rows(plan, keep, progress),
    }
}

/// Understands what `next` gives of a file, part by part, and keeps the rows. Gives what else there is
/// to say of all its parts.
///
/// # Errors
/// Those of reading the file and of keeping its rows.
pub(super) fn part_by_part<S: Send>(
    plan: &Plan<'_>,
    keep: &Keeping<'_>,
    next: impl FnMut() -> Result<Option<S>, InputError> + Send,
    understand: impl Fn(S) -> Parsed + Sync,
) -> Result<Parsed, InputError> {
    let parts = threads::stream(next, |part| {
        let mut parsed = understand(part);
        keep(parsed.leave())?;
        Ok(parsed)
    })?;
    let mut out = plan.empty();
    for part in parts {
        out.append(part);
    }
    Ok(out)
}

impl Opened {
    /// The first `most` rows as texts, for a look.
    pub(super) fn sample(&self, most: usize) -> Vec<Row> {
        match &self.content {
            Content::Text(text) => text.sample(most),
            Content::Table(rows, _) => rows.iter().take(most).cloned().collect(),
            #[cfg(feature = "frames")]
            Content::Parquet(stored) => stored.sample(most),
        }
    }

    /// The delimiter of delimited text.
    pub(super) fn delimiter(&self) -> Option<u8> {
        match &self.content {
            Content::Text(text) => Some(text.delimiter),
            _ => None,
        }
    }
}

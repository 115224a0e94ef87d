//! Delimited text: where its header is and what delimits it, and its records with their lines. Not
//! responsible for encodings (see [`super::encoding`]) or for what the fields become (see
//! [`super::plan`]).

use std::collections::HashSet;

use rayon::prelude::*;

use super::encoding;
use super::file::InputError;
use super::plan::Plan;
use super::reader::Row;
use super::record::{BATCH, Parsed, Record};
use crate::config::mapping::{Encoding, Mapping};

/// Delimiters that are looked for where none is declared.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Delimited text from its header on.
pub(super) struct Start {
    pub(super) header: Vec<String>,
    pub(super) text: Vec<u8>,
    pub(super) delimiter: u8,
    /// Line of the header in the file.
    pub(super) line: u64,
}

/// Finds the header. A first line `sep=;`, as Excel writes it, declares the delimiter. A text
/// without any line feed has bare carriage returns, which then become line feeds.
///
/// # Errors
/// When there is no header.
pub(super) fn start(
    shown: &str,
    mut text: Vec<u8>,
    decoded: Encoding,
    mapping: &Mapping,
    look: bool,
) -> Result<Start, InputError> {
    if !text.contains(&b'\n') {
        for byte in &mut text {
            if *byte == b'\r' {
                *byte = b'\n';
            }
        }
    }
    let mut line = mapping.header_line;
    let mut declared = mapping.delimiter.as_ref().and_then(|d| d.bytes().next());
    if line == 1
        && let [
            b's' | b'S',
            b'e' | b'E',
            b'p' | b'P',
            b'=',
            delimiter,
            b'\r' | b'\n',
            ..,
        ] = text.as_slice()
    {
        declared = Some(*delimiter);
        line = 2;
    }
    if line > 1 {
        let wanted = usize::try_from(line - 1).unwrap_or(usize::MAX);
        let end = text
            .iter()
            .enumerate()
            .filter(|(_, b)| **b == b'\n')
            .nth(wanted - 1)
            .map(|(at, _)| at + 1);
        match end {
            Some(end) if end < text.len() => text.drain(..end),
            _ => {
                return Err(InputError::Malformed {
                    file: shown.to_owned(),
                    line,
                    problem: "expected the header, found the end of the file".to_owned(),
                    hint: "correct `header_line` in the mapping".to_owned(),
                });
            }
        };
    }
    let delimiter = match declared {
        Some(delimiter) => delimiter,
        None => {
            let wanted: HashSet<&str> = match look {
                true => HashSet::new(),
                false => mapping.reads().collect(),
            };
            detected(&text, &wanted)
        }
    };
    let problem = |problem: String, hint: String| InputError::Header {
        file: shown.to_owned(),
        problem,
        hint,
    };
    let header = fields(&text, delimiter)
        .map_err(|e| problem(e, "the first line must name the columns".to_owned()))?;
    let header = header
        .iter()
        .map(|h| match std::str::from_utf8(h) {
            Ok(h) => Ok(h.trim().to_owned()),
            Err(_) => Err(problem(
                format!("the header is not {}", encoding::name(decoded)),
                "declare the `encoding` of the file in the mapping, such as \"windows-1252\", or \
                 save it as UTF-8"
                    .to_owned(),
            )),
        })
        .collect::<Result<_, _>>()?;
    Ok(Start {
        header,
        text,
        delimiter,
        line,
    })
}

fn fields(text: &[u8], delimiter: u8) -> Result<csv::ByteRecord, String> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(text);
    reader.byte_headers().cloned().map_err(|e| e.to_string())
}

/// The delimiter under which most of the wanted columns are found, then the one that makes most
/// columns, then the first of [`DELIMITERS`].
fn detected(text: &[u8], wanted: &HashSet<&str>) -> u8 {
    let mut best = (0, 0, b',');
    for delimiter in DELIMITERS {
        let Ok(header) = fields(text, delimiter) else {
            continue;
        };
        let names = header.iter().filter_map(|h| std::str::from_utf8(h).ok());
        let found = names.filter(|n| wanted.contains(n.trim())).count();
        if (found, header.len()) > (best.0, best.1) {
            best = (found, header.len(), delimiter);
        }
    }
    best.2
}

/// The first `most` records as texts.
pub(super) fn sample(text: &[u8], delimiter: u8, first: u64, most: usize) -> Vec<Row> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(text);
    reader
        .byte_records()
        .take(most)
        .filter_map(Result::ok)
        .map(|record| Row {
            line: record.position().map_or(0, csv::Position::line) + first - 1,
            cells: (0u32..)
                .zip(&record)
                .map(|(i, f)| (i, String::from_utf8_lossy(f).into_owned()))
                .collect(),
        })
        .collect()
}

/// Reads all records of delimited text whose header stands on line `first`. `progress` hears of
/// bytes done.
///
/// # Errors
/// When the text is not delimited text at all; single bad records become rejects.
pub(super) fn read(
    plan: &Plan<'_>,
    text: &[u8],
    delimiter: u8,
    first: u64,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Parsed, InputError> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .has_headers(true)
        .from_reader(text);
    let mut out = plan.empty();
    let mut done = 0u64;
    let (mut records, mut more) = batch(plan, &mut reader, text, first)?;
    while !records.is_empty() {
        // The next records are split while these are read.
        let (parts, next) = rayon::join(
            || parsed(plan, &records),
            || match more {
                true => batch(plan, &mut reader, text, first),
                false => Ok((Vec::new(), false)),
            },
        );
        (records, more) = next?;
        for part in parts {
            out.append(part);
        }
        let now = reader.position().byte();
        progress(now.saturating_sub(done));
        done = now;
    }
    Ok(out)
}

/// The next records, and whether there may be more.
fn batch<'t>(
    plan: &Plan<'_>,
    reader: &mut csv::Reader<&'t [u8]>,
    text: &'t [u8],
    first: u64,
) -> Result<(Vec<Record<'t>>, bool), InputError> {
    let mut batch: Vec<Record<'_>> = Vec::with_capacity(BATCH * 4);
    while batch.len() < BATCH * 4 {
        let mut fields = csv::ByteRecord::new();
        let more = reader
            .read_byte_record(&mut fields)
            .map_err(|e| InputError::Header {
                file: plan.shown().to_owned(),
                problem: e.to_string(),
                hint: "the file is no delimited text".to_owned(),
            })?;
        if !more {
            return Ok((batch, false));
        }
        let end = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
        let (start, line) = fields.position().map_or((0, 0), |p| {
            (usize::try_from(p.byte()).unwrap_or(usize::MAX), p.line())
        });
        let raw = text.get(start..end.min(text.len())).unwrap_or_default();
        let (skipped, raw) = own_lines(raw);
        batch.push(Record {
            line: line + skipped + first - 1,
            raw: raw.into(),
            fields,
        });
    }
    Ok((batch, true))
}

/// What records give, in their order.
fn parsed(plan: &Plan<'_>, records: &[Record<'_>]) -> Vec<Parsed> {
    records
        .par_chunks(BATCH / 2)
        .map(|chunk| {
            let mut part = plan.empty();
            for record in chunk {
                plan.record(record, &mut part);
            }
            part
        })
        .collect()
}

/// How many line ends stand before a record, and the record without them or its own. The reader
/// counts what is left of the former line's end, and empty lines, to the record after them.
fn own_lines(raw: &[u8]) -> (u64, &[u8]) {
    let is_end = |b: &&u8| **b == b'\n' || **b == b'\r';
    let before = raw.iter().take_while(is_end).count();
    let (before, raw) = raw.split_at(before);
    let after = raw.iter().rev().take_while(is_end).count();
    let lines = before.iter().filter(|b| **b == b'\n').count();
    let raw = raw.get(..raw.len() - after).unwrap_or_default();
    (u64::try_from(lines).unwrap_or_default(), raw)
}

//! Delimited text: where its header is and what delimits it, and its rows, two megabytes at a time.
//! Not responsible for encodings (see [`super::encoding`]), for records and fields (see
//! [`super::split`]) or for what the fields become (see [`super::record`]).

use std::collections::{HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use super::encoding;
use super::file::{self, AT_ONCE, Input, InputError};
use super::plan::Plan;
use super::reader::{self, Keeping, Row};
use super::record::Parsed;
use super::split::{self, Records};
use crate::config::mapping::{Encoding, Mapping};

/// Delimiters that are looked for where none is declared.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Where things are in the beginning of a delimited text.
pub(super) struct Start {
    pub(super) header: Vec<String>,
    pub(super) delimiter: u8,
    /// Where the rows start, and on which line.
    pub(super) rows: (usize, u64),
}

/// Finds the header. A first line `sep=;`, as Excel writes it, declares the delimiter.
///
/// # Errors
/// When there is no header.
pub(super) fn start(
    shown: &str,
    text: &[u8],
    decoded: Encoding,
    mapping: &Mapping,
    look: bool,
) -> Result<Start, InputError> {
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
        ] = text
    {
        declared = Some(*delimiter);
        line = 2;
    }
    let mut skipped = 0;
    if line > 1 {
        let wanted = usize::try_from(line - 1).unwrap_or(usize::MAX);
        let end = text
            .iter()
            .enumerate()
            .filter(|(_, b)| **b == b'\n')
            .nth(wanted - 1)
            .map(|(at, _)| at + 1);
        match end {
            Some(end) if end < text.len() => skipped = end,
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
    let text = text.get(skipped..).unwrap_or_default();
    let delimiter = match declared {
        Some(delimiter) => delimiter,
        None => {
            let wanted: HashSet<&str> = match look {
                true => HashSet::new(),
                false => mapping.reads().collect(),
            };
            detected(text, &wanted)
        }
    };
    let problem = |problem: String, hint: String| InputError::Header {
        file: shown.to_owned(),
        problem,
        hint,
    };
    let (header, end) = fields(text, delimiter)
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
    let above = text.get(..end).unwrap_or_default();
    Ok(Start {
        header,
        delimiter,
        rows: (skipped + end, line + line_ends(above)),
    })
}

fn line_ends(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

/// The fields of the first record, and where it ends.
fn fields(text: &[u8], delimiter: u8) -> Result<(csv::ByteRecord, usize), String> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(text);
    let header = reader.byte_headers().cloned().map_err(|e| e.to_string())?;
    let end = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
    Ok((header, end.min(text.len())))
}

/// The delimiter under which most of the wanted columns are found, then the one that makes most
/// columns, then the first of [`DELIMITERS`].
fn detected(text: &[u8], wanted: &HashSet<&str>) -> u8 {
    let mut best = (0, 0, b',');
    for delimiter in DELIMITERS {
        let Ok((header, _)) = fields(text, delimiter) else {
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

/// The rows of a delimited text, of which some may still be in the file.
pub(super) struct Text {
    stream: Stream,
    /// What was read: rows from `at` on, the first of them on line `line`.
    held: Vec<u8>,
    at: usize,
    line: u64,
    /// Pieces that come before those.
    ready: VecDeque<Piece>,
    pub(super) delimiter: u8,
}

/// A text file as UTF-8, part by part.
struct Stream {
    input: Input,
    encoding: Encoding,
    /// Bytes that are not decoded yet.
    waiting: Vec<u8>,
    ended: bool,
}

impl Stream {
    /// Adds about `size` bytes of text.
    fn read(&mut self, into: &mut Vec<u8>, size: usize) -> Result<(), InputError> {
        if self.ended {
            return Ok(());
        }
        if self.encoding == Encoding::Utf8 {
            into.append(&mut self.waiting);
            self.ended = self.input.read(into, size)?;
            return Ok(());
        }
        self.ended = self.input.read(&mut self.waiting, size)?;
        let (text, used) = encoding::decode(&self.waiting, self.encoding, self.ended);
        into.extend_from_slice(&text);
        self.waiting.drain(..used);
        Ok(())
    }
}

/// So many bytes, about, are in a piece: while one is read, no other one can be begun.
const PIECE: usize = 2 << 20;

/// Some rows that can be split apart from all others.
struct Piece {
    text: Arc<Vec<u8>>,
    /// Where they lie in it.
    place: Range<usize>,
    /// The line of the first one.
    line: u64,
}

/// A delimited text and its header.
pub(super) type Opened = (Start, Text, Encoding);

/// Opens a text of which `head` was read. A text without any line feed has bare carriage returns,
/// which then become line feeds.
///
/// # Errors
/// When it is no text, or has no header.
pub(super) fn open(
    shown: &str,
    (head, ended): (Vec<u8>, bool),
    input: Input,
    mapping: &Mapping,
    look: bool,
) -> Result<Opened, InputError> {
    let (encoding, mark) = encoding::of(&head, mapping.encoding);
    let mut waiting = head;
    waiting.drain(..mark);
    let mut stream = Stream {
        input,
        encoding,
        waiting,
        ended: false,
    };
    let mut held = Vec::new();
    if ended {
        let (text, _) = encoding::decode(&stream.waiting, encoding, true);
        held = text.into_owned();
        stream.waiting = Vec::new();
        stream.ended = true;
    }
    loop {
        let is_text = file::text(shown, &held);
        let nothing = matches!(is_text, Err(InputError::Empty { .. }));
        if !stream.ended && (nothing || (is_text.is_ok() && !held.contains(&b'\n'))) {
            stream.read(&mut held, AT_ONCE)?;
            continue;
        }
        is_text?;
        if !held.contains(&b'\n') {
            for byte in &mut held {
                if *byte == b'\r' {
                    *byte = b'\n';
                }
            }
        }
        let start = start(shown, &held, encoding, mapping, look);
        let goes_on = match &start {
            Ok(start) => start.rows.0 >= held.len(),
            Err(InputError::Malformed { .. }) => true,
            Err(_) => false,
        };
        if goes_on && !stream.ended {
            stream.read(&mut held, AT_ONCE)?;
            continue;
        }
        let start = start?;
        let (at, line) = start.rows;
        let delimiter = start.delimiter;
        let text = Text {
            stream,
            held,
            at,
            line,
            ready: VecDeque::new(),
            delimiter,
        };
        return Ok((start, text, encoding));
    }
}

impl Text {
    /// The first `most` records as texts.
    pub(super) fn sample(&self, most: usize) -> Vec<Row> {
        let mut text = self.held.get(self.at..).unwrap_or_default();
        if !self.stream.ended {
            // Without a record that is cut off.
            let whole = split::pieces(text, self.delimiter, text.len());
            let end = whole.last().map_or(text.len(), |p| p.end);
            text = text.get(..end).unwrap_or_default();
        }
        let mut records = Records::new(text, self.delimiter, self.line);
        let mut rows = Vec::new();
        while rows.len() < most
            && let Some(record) = records.next()
        {
            let fields = (0u32..).zip(record.fields.iter());
            rows.push(Row {
                line: record.line,
                cells: fields
                    .map(|(i, field)| (i, String::from_utf8_lossy(field).into_owned()))
                    .collect(),
            });
        }
        rows
    }

    /// The next rows.
    fn next(&mut self) -> Result<Option<Piece>, InputError> {
        if let Some(piece) = self.ready.pop_front() {
            return Ok(Some(piece));
        }
        let mut size = PIECE;
        loop {
            let missing = size.saturating_sub(self.held.len() - self.at);
            self.stream.read(&mut self.held, missing)?;
            let text = self.held.get(self.at..).unwrap_or_default();
            let mut pieces = split::pieces(text, self.delimiter, PIECE);
            let mut end = pieces.last().map_or(0, |p| p.end);
            if self.stream.ended && end < text.len() {
                pieces.push(end..text.len());
                end = text.len();
            }
            if pieces.is_empty() {
                if self.stream.ended {
                    return Ok(None);
                }
                // A record that is longer than all that was read.
                size = size.saturating_mul(2);
                continue;
            }
            let from = self.at;
            let rest = text.get(end..).unwrap_or_default();
            let mut held = Vec::with_capacity(PIECE + rest.len());
            held.extend_from_slice(rest);
            let text = Arc::new(std::mem::replace(&mut self.held, held));
            self.at = 0;
            for piece in pieces {
                let place = from + piece.start..from + piece.end;
                let line = self.line;
                self.line += line_ends(text.get(place.clone()).unwrap_or_default());
                let text = Arc::clone(&text);
                self.ready.push_back(Piece { text, place, line });
            }
            return Ok(self.ready.pop_front());
        }
    }

    /// Reads all rows. `keep` takes them, `progress` hears of bytes done. Gives what else there is
    /// to say of them, and the hash of the file.
    ///
    /// # Errors
    /// When the file cannot be read, or the rows not kept; single bad records become rejects.
    pub(super) fn rows(
        &mut self,
        plan: &Plan<'_>,
        keep: &Keeping<'_>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<(Parsed, String), InputError> {
        let delimiter = self.delimiter;
        let understand = |piece: Piece| {
            let text = piece.text.get(piece.place).unwrap_or_default();
            let mut part = plan.part(piece.line, text.len());
            let mut records = Records::new(text, delimiter, piece.line);
            while let Some(record) = records.next() {
                plan.record(record, &mut part);
            }
            progress(text.len() as u64);
            plan.done(part)
        };
        let out = reader::part_by_part(plan, keep, || self.next(), understand)?;
        Ok((out, self.stream.input.hash()))
    }
}

//! Delimited text into records and fields, and a long text into pieces that can be split apart
//! from each other. The same records as the `csv` crate gives, without a copy of each field. Not
//! responsible for headers and encodings (see [`super::delimited`]).

use std::borrow::Cow;
use std::ops::Range;

/// One record: its line, its raw text and its fields.
#[derive(Debug, Default)]
pub(super) struct Record<'a> {
    /// Line, counted from 1.
    pub(super) line: u64,
    /// The bytes of the record.
    pub(super) raw: Cow<'a, [u8]>,
    /// Its fields.
    pub(super) fields: Vec<Field<'a>>,
    /// Whether all of it is known to be UTF-8.
    pub(super) whole: bool,
}

/// One field.
#[derive(Debug, Clone)]
pub(super) enum Field<'a> {
    /// Known to be UTF-8.
    Text(&'a str),
    /// Not looked at yet.
    Bytes(Cow<'a, [u8]>),
}

impl Field<'_> {
    /// Its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Field::Text(text) => text.as_bytes(),
            Field::Bytes(bytes) => bytes,
        }
    }

    /// Its text; `None` where it is not UTF-8.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Field::Text(text) => Some(text),
            Field::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        }
    }
}

fn ends_line(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

/// Which bytes of a word are 0: their highest bit is set. Above the first of them others may seem so.
fn zeros(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    word.wrapping_sub(ONES) & !word & (ONES << 7)
}

/// How many bytes stand before the first delimiter or line end, eight looked at together.
fn until(text: &[u8], delimiter: u8) -> usize {
    let [delimiters, feeds, returns] =
        [delimiter, b'\n', b'\r'].map(|byte| u64::from_le_bytes([byte; 8]));
    let (words, rest) = text.as_chunks::<8>();
    for (n, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = zeros(word ^ delimiters) | zeros(word ^ feeds) | zeros(word ^ returns);
        if found != 0 {
            return n * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let stop = |b: &u8| *b == delimiter || ends_line(*b);
    words.len() * 8 + rest.iter().position(stop).unwrap_or(rest.len())
}

/// A text, record by record.
pub(super) struct Records<'a> {
    text: &'a [u8],
    /// The same, where all of it is UTF-8.
    whole: Option<&'a str>,
    delimiter: u8,
    at: usize,
    /// Line at `at`.
    line: u64,
    record: Record<'a>,
}

impl<'a> Records<'a> {
    /// Over a text that starts with a record, or with empty lines, on line `line`.
    pub(super) fn new(text: &'a [u8], delimiter: u8, line: u64) -> Records<'a> {
        let whole = std::str::from_utf8(text)
            .ok()
            .filter(|_| delimiter.is_ascii());
        Records {
            text,
            whole,
            delimiter,
            at: 0,
            line,
            record: Record {
                line,
                raw: Cow::Borrowed(&[]),
                fields: Vec::new(),
                whole: whole.is_some(),
            },
        }
    }

    /// The next record. Another one may be left in its place.
    pub(super) fn next(&mut self) -> Option<&mut Record<'a>> {
        let text = self.text;
        while let Some(byte) = text.get(self.at).filter(|b| ends_line(**b)) {
            self.line += u64::from(*byte == b'\n');
            self.at += 1;
        }
        if self.at >= text.len() {
            return None;
        }
        let start = self.at;
        self.record.line = self.line;
        self.record.whole = self.whole.is_some();
        self.record.fields.clear();
        loop {
            let more = self.field();
            if !more {
                break;
            }
        }
        let mut raw = text.get(start..self.at).unwrap_or_default();
        while let [rest @ .., last] = raw
            && ends_line(*last)
        {
            raw = rest;
        }
        self.record.raw = Cow::Borrowed(raw);
        Some(&mut self.record)
    }

    /// Reads one field and moves past its delimiter; whether another one follows. At the end of the
    /// record it stays before the line end.
    fn field(&mut self) -> bool {
        let (text, delimiter) = (self.text, self.delimiter);
        let start = self.at;
        let field = match text.get(start) {
            Some(b'"') => self.quoted(),
            _ => {
                let rest = text.get(start..).unwrap_or_default();
                let length = until(rest, delimiter);
                self.at = start + length;
                self.part(start..start + length)
            }
        };
        self.record.fields.push(field);
        let more = text.get(self.at) == Some(&delimiter);
        self.at += usize::from(more);
        more
    }

    /// Reads a field that starts with a quote, up to its delimiter or line end.
    fn quoted(&mut self) -> Field<'a> {
        let text = self.text;
        let first = self.at + 1;
        let inside = |from: usize| {
            let rest = text.get(from..).unwrap_or_default();
            memchr::memchr(b'"', rest)
        };
        let mut owned: Vec<u8> = Vec::new();
        let mut from = first;
        loop {
            let end = inside(from).map_or(text.len(), |n| from + n);
            let part = text.get(from..end).unwrap_or_default();
            self.line += memchr::memchr_iter(b'\n', part).count() as u64;
            let plain = from == first;
            if text.get(end + 1) == Some(&b'"') {
                // Two quotes stand for one.
                owned.extend_from_slice(part);
                owned.push(b'"');
                from = end + 2;
                continue;
            }
            // After the closing quote the field goes on without quotes, if it goes on.
            let after = (end + 1).min(text.len());
            let rest = text.get(after..).unwrap_or_default();
            let length = until(rest, self.delimiter);
            self.at = after + length;
            if plain && length == 0 {
                return self.part(first..end);
            }
            owned.extend_from_slice(part);
            owned.extend_from_slice(rest.get(..length).unwrap_or_default());
            return Field::Bytes(Cow::Owned(owned));
        }
    }

    /// A part of the text that is a field as it stands.
    fn part(&self, place: Range<usize>) -> Field<'a> {
        match self.whole.and_then(|text| text.get(place.clone())) {
            Some(text) => Field::Text(text),
            None => Field::Bytes(Cow::Borrowed(self.text.get(place).unwrap_or_default())),
        }
    }
}

/// Cuts a text that starts with a record into pieces of about `size` bytes that end with a line
/// that ends a record. What is left after the last piece has no such end.
pub(super) fn pieces(text: &[u8], delimiter: u8, size: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    if text.contains(&b'"') {
        quoted_pieces(text, delimiter, size, &mut found);
        return found;
    }
    while start < text.len() {
        let wanted = (start + size).min(text.len());
        let rest = text.get(wanted..).unwrap_or_default();
        let next = rest.iter().position(|b| *b == b'\n');
        let end = match next {
            Some(n) => wanted + n + 1,
            None => match text.iter().rposition(|b| *b == b'\n') {
                Some(n) if n >= start => n + 1,
                _ => break,
            },
        };
        found.push(start..end);
        start = end;
    }
    found
}

/// As [`pieces`], where quotes may hide line ends.
fn quoted_pieces(text: &[u8], delimiter: u8, size: usize, found: &mut Vec<Range<usize>>) {
    let (mut at, mut start, mut last) = (0, 0, 0);
    let mut fresh = true;
    while let Some(byte) = text.get(at).copied() {
        at += 1;
        if byte == b'"' && fresh {
            // To the closing quote.
            loop {
                let rest = text.get(at..).unwrap_or_default();
                let Some(n) = rest.iter().position(|b| *b == b'"') else {
                    at = text.len();
                    break;
                };
                at += n + 1;
                if text.get(at) != Some(&b'"') {
                    break;
                }
                at += 1;
            }
            fresh = false;
            continue;
        }
        fresh = byte == delimiter || ends_line(byte);
        if byte == b'\n' {
            last = at;
            if last - start >= size {
                found.push(start..last);
                start = last;
            }
        }
    }
    if last > start {
        found.push(start..last);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Plain = (u64, Vec<u8>, Vec<Vec<u8>>);

    /// What the `csv` crate makes of a text.
    fn expected(text: &[u8]) -> Vec<Plain> {
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .has_headers(false)
            .delimiter(b';')
            .from_reader(text);
        let mut out = Vec::new();
        let mut record = csv::ByteRecord::new();
        while reader.read_byte_record(&mut record).unwrap() {
            let position = record.position().unwrap();
            let start = position.byte() as usize;
            let raw = &text[start..reader.position().byte() as usize];
            let before = raw.iter().take_while(|b| ends_line(**b)).count();
            let lines = raw[..before].iter().filter(|b| **b == b'\n').count() as u64;
            let raw = &raw[before..];
            let after = raw.iter().rev().take_while(|b| ends_line(**b)).count();
            let raw = raw[..raw.len() - after].to_vec();
            let fields = record.iter().map(<[u8]>::to_vec).collect();
            out.push((position.line() + lines, raw, fields));
        }
        out
    }

    fn split(text: &[u8], line: u64) -> Vec<Plain> {
        let mut records = Records::new(text, b';', line);
        let mut out = Vec::new();
        while let Some(record) = records.next() {
            let fields = record.fields.iter().map(|f| f.bytes().to_vec()).collect();
            assert!(!record.whole || record.fields.iter().all(|f| f.text().is_some()));
            out.push((record.line, record.raw.to_vec(), fields));
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn records_and_pieces_are_those_of_the_csv_crate(
            text in proptest::collection::vec(
                prop_oneof![
                    4 => Just(b'a'), 3 => Just(b';'), 3 => Just(b'"'), 2 => Just(b'\n'),
                    1 => Just(b'\r'), 1 => Just(0xc3), 1 => Just(0xa9), 1 => Just(0), 1 => Just(b':'),
                ],
                0..60,
            ),
            size in 0..20usize,
        ) {
            // The crate takes a byte-order mark away, which an export's text no longer has.
            let whole = expected(&text);
            prop_assert_eq!(&split(&text, 1), &whole);
            let pieces = pieces(&text, b';', size);
            let end = pieces.last().map_or(0, |p| p.end);
            let mut parts = Vec::new();
            let mut line = 1;
            let mut next = 0;
            for piece in pieces.into_iter().chain(std::iter::once(end..text.len())) {
                prop_assert_eq!(piece.start, next);
                next = piece.end;
                let text = &text[piece];
                parts.extend(split(text, line));
                line += text.iter().filter(|b| **b == b'\n').count() as u64;
            }
            prop_assert_eq!(&parts, &whole);
        }
    }
}

//! Delimited text into records and fields, and a long text into pieces that can be split apart
//! from each other. The same records as the `csv` crate gives, without a copy of each field. Not
//! responsible for headers and encodings (see [`super::delimited`]).

use std::borrow::Cow;
use std::ops::Range;

use wide::u8x16;

/// One record: its line, its raw text and its fields.
#[derive(Debug, Default)]
pub(super) struct Record<'a> {
    /// Line, counted from 1.
    pub(super) line: u64,
    /// The bytes of the record.
    pub(super) raw: Cow<'a, [u8]>,
    /// Its fields.
    pub(super) fields: Fields<'a>,
}

/// The fields of a record.
#[derive(Debug)]
pub(super) enum Fields<'a> {
    /// Parts of a text.
    Cut(Cut<'a>),
    /// Texts wherever they lie.
    Given(Vec<&'a str>),
}

/// The parts of a text that are the fields of a record.
#[derive(Debug, Default)]
pub(super) struct Cut<'a> {
    text: &'a [u8],
    /// The same, where all of it is UTF-8.
    whole: Option<&'a str>,
    /// Where each field begins and ends.
    places: Vec<(usize, usize)>,
    /// Fields that do not stand in the text as they are, by their number.
    quoted: Vec<(usize, Vec<u8>)>,
}

impl Default for Fields<'_> {
    fn default() -> Self {
        Fields::Given(Vec::new())
    }
}

impl<'a> Fields<'a> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Fields::Cut(cut) => cut.places.len(),
            Fields::Given(texts) => texts.len(),
        }
    }

    /// The bytes of a field.
    pub(super) fn bytes(&self, at: usize) -> Option<&[u8]> {
        match self {
            Fields::Cut(cut) => match cut.quoted(at) {
                Some(field) => Some(field),
                None => {
                    let (start, end) = *cut.places.get(at)?;
                    cut.text.get(start..end)
                }
            },
            Fields::Given(texts) => texts.get(at).map(|text| text.as_bytes()),
        }
    }

    /// The text of a field; `None` where it is not UTF-8.
    pub(super) fn text(&self, at: usize) -> Option<&str> {
        match self {
            Fields::Cut(Cut {
                whole: Some(whole),
                places,
                quoted,
                ..
            }) if quoted.is_empty() => {
                let (start, end) = *places.get(at)?;
                whole.get(start..end)
            }
            Fields::Cut(_) => std::str::from_utf8(self.bytes(at)?).ok(),
            Fields::Given(texts) => texts.get(at).copied(),
        }
    }

    /// Whether all of them are UTF-8.
    pub(super) fn are_texts(&self) -> bool {
        match self {
            Fields::Cut(Cut {
                whole: Some(_),
                quoted,
                ..
            }) if quoted.is_empty() => true,
            Fields::Cut(_) => (0..self.len()).all(|at| self.text(at).is_some()),
            Fields::Given(_) => true,
        }
    }

    /// The bytes of all of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|at| self.bytes(at).unwrap_or_default())
    }

    /// Whether another record has the same in this field.
    pub(super) fn same(&self, other: &Fields<'_>, at: usize) -> bool {
        match (self.bytes(at), other.bytes(at)) {
            (Some(mine), Some(theirs)) => equal(mine, theirs),
            _ => false,
        }
    }
}

impl Cut<'_> {
    /// A field that does not stand in the text as it is.
    fn quoted(&self, at: usize) -> Option<&[u8]> {
        let found = self.quoted.binary_search_by_key(&at, |(at, _)| *at).ok()?;
        self.quoted.get(found).map(|(_, field)| field.as_slice())
    }
}

/// Whether two short texts are the same: cheaper than to call a function that is made for long ones.
fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let (words_a, rest_a) = a.as_chunks::<8>();
    let (words_b, rest_b) = b.as_chunks::<8>();
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let mut words = words_a.iter().zip(words_b);
    if !words.all(|(a, b)| word(a) == word(b)) {
        return false;
    }
    match (a.last_chunk::<8>(), b.last_chunk::<8>()) {
        // The last eight bytes, some of them for the second time.
        (Some(a), Some(b)) => word(a) == word(b),
        _ => rest_a.iter().eq(rest_b),
    }
}

fn ends_line(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

/// So many bytes are looked at together.
const BLOCK: usize = 64;

/// Where fields end: delimiters and line ends of the part of a text that was looked at last.
struct Stops {
    delimiter: u8,
    block: usize,
    /// A bit per byte of it.
    bits: u64,
}

impl Stops {
    fn new(text: &[u8], delimiter: u8) -> Stops {
        let mut stops = Stops {
            delimiter,
            block: 0,
            bits: 0,
        };
        stops.look(text, 0);
        stops
    }

    fn look(&mut self, text: &[u8], block: usize) {
        let rest = text.get(block..).unwrap_or_default();
        let part = match rest.first_chunk::<BLOCK>() {
            Some(part) => *part,
            None => {
                // What is beyond the end stops nothing, unless a delimiter is a letter a.
                let mut part = [if self.delimiter == b'a' { b'b' } else { b'a' }; BLOCK];
                for (to, from) in part.iter_mut().zip(rest) {
                    *to = *from;
                }
                part
            }
        };
        let (parts, _) = part.as_chunks::<16>();
        let stops = [self.delimiter, b'\n', b'\r'].map(u8x16::splat);
        self.block = block;
        self.bits = parts.iter().rev().fold(0, |bits, part| {
            let part = u8x16::new(*part);
            let [a, b, c] = stops.map(|stop| part.simd_eq(stop));
            bits << 16 | u64::from((a | b | c).to_bitmask())
        });
    }

    /// Where the first one at `from` or after it is; the end of the text where there is none.
    fn after(&mut self, text: &[u8], from: usize) -> usize {
        let mut block = from - from % BLOCK;
        if block != self.block {
            self.look(text, block);
        }
        let mut bits = self.bits & (u64::MAX << (from % BLOCK));
        while bits == 0 {
            block += BLOCK;
            if block >= text.len() {
                return text.len();
            }
            self.look(text, block);
            bits = self.bits;
        }
        block + bits.trailing_zeros() as usize
    }
}

/// A text, record by record.
pub(super) struct Records<'a> {
    text: &'a [u8],
    /// The same, where all of it is UTF-8.
    whole: Option<&'a str>,
    delimiter: u8,
    stops: Stops,
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
            stops: Stops::new(text, delimiter),
            at: 0,
            line,
            record: Record::default(),
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
        let mut cut = match std::mem::take(&mut self.record.fields) {
            Fields::Cut(cut) => cut,
            Fields::Given(_) => Cut::default(),
        };
        (cut.text, cut.whole) = (text, self.whole);
        cut.places.clear();
        cut.quoted.clear();
        while self.field(&mut cut) {}
        self.record.fields = Fields::Cut(cut);
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
    fn field(&mut self, cut: &mut Cut<'a>) -> bool {
        let (text, delimiter) = (self.text, self.delimiter);
        let start = self.at;
        if text.get(start) == Some(&b'"') {
            self.quoted(cut);
        } else {
            self.at = self.stops.after(text, start);
            cut.places.push((start, self.at));
        }
        let more = text.get(self.at) == Some(&delimiter);
        self.at += usize::from(more);
        more
    }

    /// Reads a field that starts with a quote, up to its delimiter or line end.
    fn quoted(&mut self, cut: &mut Cut<'a>) {
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
            self.at = self.stops.after(text, after);
            if plain && self.at == after {
                cut.places.push((first, end));
                return;
            }
            owned.extend_from_slice(part);
            owned.extend_from_slice(text.get(after..self.at).unwrap_or_default());
            cut.quoted.push((cut.places.len(), owned));
            cut.places.push((first, first));
            return;
        }
    }
}

/// Cuts a text that starts with a record into pieces of about `size` bytes that end with a line
/// that ends a record. What is left after the last piece has no such end.
pub(super) fn pieces(text: &[u8], delimiter: u8, size: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    if memchr::memchr(b'"', text).is_some() {
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
            let fields = record.fields.iter().map(<[u8]>::to_vec).collect();
            let texts = (0..record.fields.len()).all(|at| record.fields.text(at).is_some());
            assert_eq!(record.fields.are_texts(), texts);
            out.push((record.line, record.raw.to_vec(), fields));
        }
        out
    }

    #[test]
    fn texts_are_equal_when_their_bytes_are() {
        let text = b"the quick brown fox jumps";
        for length in 0..text.len() {
            let mut other = text[..length].to_vec();
            assert!(equal(&text[..length], &other));
            assert!(!equal(&text[..length + 1], &other));
            for at in 0..length {
                other[at] ^= 1;
                assert!(!equal(&text[..length], &other), "{length} {at}");
                other[at] ^= 1;
            }
        }
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
                0..200,
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

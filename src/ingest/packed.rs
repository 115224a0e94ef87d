//! Rows that are yet to be judged as bytes, so that many may wait for their turn in little memory or
//! on disk. Responsible for the way from typed values to bytes and back; not for where the bytes are
//! kept (see [`crate::store::spill`]), nor for rows that are accepted (see [`super::chunk`]).
//!
//! A row is: the hash of its text, its line, what says whether it is the latest, a bit per column
//! (does it have a value), the values. Before a row that is yet to be judged stand its length and
//! the identity of its key, so that one of which a later version is known can be passed over, and
//! after it, of an audit log, its moment and the fields watched. Such a row has neither bits nor
//! values where a later version of it was met already.

use super::columns::{Columns, Values};
use super::value::Value;

/// A row that is being added; its columns follow in their order.
#[derive(Debug)]
pub(super) struct Packing<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    bits: usize,
    next: usize,
}

/// Where a row that was packed to be judged lies in its bin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed {
    start: usize,
    /// Where its bits and values are.
    values: (usize, usize),
}

impl Packed {
    /// Takes the values away, of which a later version was met: they would be passed over. Gives by
    /// how many bytes the rows after it moved.
    pub(super) fn strip(&mut self, bin: &mut Vec<u8>) -> usize {
        let (from, to) = self.values;
        if from == to || to > bin.len() {
            return 0;
        }
        bin.drain(from..to);
        self.values = (from, from);
        for at in [self.start, self.start + 4] {
            let Some(length) = bin.get_mut(at..at + 4) else {
                continue;
            };
            let mut now = [0; 4];
            now.copy_from_slice(length);
            let less = u32::try_from(to - from).unwrap_or(0);
            let now = u32::from_le_bytes(now).saturating_sub(less);
            length.copy_from_slice(&now.to_le_bytes());
        }
        to - from
    }

    /// The row moved, because one before it was stripped.
    pub(super) fn moved(&mut self, bytes: usize) {
        let (from, to) = self.values;
        self.start -= bytes;
        self.values = (from - bytes, to - bytes);
    }
}

/// What a row to be judged begins with: its length and that of all but the watched fields, as
/// 32-bit numbers, and the identity of its key.
const HEAD: usize = 4 + 4 + 16;

/// Adds a number with as few bytes as it needs.
pub(super) fn number(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n as u8) | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

impl<'o> Packing<'o> {
    /// Begins a row of so many columns, those kept included, that is yet to be judged by its key.
    pub(super) fn keyed(
        out: &'o mut Vec<u8>,
        key: u128,
        (line, hash, latest): (u64, u64, &[u8]),
        columns: usize,
    ) -> Packing<'o> {
        let start = out.len();
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&key.to_le_bytes());
        let packing = Packing::begin(out, (line, hash, latest), columns);
        Packing { start, ..packing }
    }

    /// Begins a row of so many columns, those kept included.
    fn begin(
        out: &'o mut Vec<u8>,
        (line, hash, latest): (u64, u64, &[u8]),
        columns: usize,
    ) -> Packing<'o> {
        let start = out.len();
        out.extend_from_slice(&hash.to_le_bytes());
        number(out, line);
        text(out, latest);
        let bits = out.len();
        out.resize(bits + columns.div_ceil(8), 0);
        Packing {
            out,
            start,
            bits,
            next: 0,
        }
    }

    /// The next column.
    pub(super) fn put(&mut self, value: Option<&Value<'_>>) {
        let Some(value) = value else {
            self.next += 1;
            return;
        };
        self.there();
        match value {
            Value::Text(t) => text(self.out, t.as_bytes()),
            Value::Integer(n) => self.out.extend_from_slice(&n.to_le_bytes()),
            Value::Boolean(b) => self.out.push(u8::from(*b)),
            Value::Decimal(d) => self.out.extend_from_slice(&d.to_le_bytes()),
        }
    }

    /// Marks that the next column has a value.
    fn there(&mut self) {
        let at = self.next;
        self.next += 1;
        if let Some(byte) = self.out.get_mut(self.bits + at / 8) {
            *byte |= 1 << (at % 8);
        }
    }

    /// Ends a row that is yet to be judged, with what an audit log says beside the columns.
    pub(super) fn end<'t>(self, watched: Option<(i64, impl Iterator<Item = Cell<'t>>)>) -> Packed {
        let end = self.out.len();
        if let Some((at, fields)) = watched {
            self.out.extend_from_slice(&at.to_le_bytes());
            for field in fields {
                match field {
                    Cell::Absent => self.out.push(0),
                    Cell::Same => self.out.push(1),
                    Cell::Text(field) => {
                        number(self.out, field.len() as u64 + 2);
                        self.out.extend_from_slice(field.as_bytes());
                    }
                }
            }
        }
        let length = self.out.len() - self.start;
        for (at, length) in [(0, length), (4, end - self.start)] {
            // A row of 4 GiB, which no export has, would come back as damaged.
            let length = u32::try_from(length).unwrap_or(0).to_le_bytes();
            if let Some(slot) = self.out.get_mut(self.start + at..self.start + at + 4) {
                slot.copy_from_slice(&length);
            }
        }
        Packed {
            start: self.start,
            values: (self.bits, end),
        }
    }
}

/// A watched field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'t> {
    /// Without a value.
    Absent,
    /// As in the row packed before it in the same bin.
    Same,
    /// This text.
    Text(&'t str),
}

/// Packed bytes, from the front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    /// All of some bytes.
    pub(super) fn of(bytes: &'b [u8]) -> Rest<'b> {
        Rest(bytes)
    }

    /// How many are left.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is left.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next ones; `None` where there are not so many.
    pub(super) fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next ones; `None` where there are not so many.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    /// The next number (see [`number`]).
    pub(super) fn number(&mut self) -> Option<u64> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            n |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(n);
            }
        }
        None
    }

    /// The next number as a length.
    pub(super) fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    /// The next bytes as a text; `None` where they are none.
    pub(super) fn text(&mut self, length: usize) -> Option<&'b str> {
        std::str::from_utf8(self.take(length)?).ok()
    }
}

/// A row that is yet to be judged.
pub(super) struct Head<'b> {
    /// The identity of its key.
    pub(super) key: u128,
    pub(super) hash: u64,
    pub(super) line: u64,
    pub(super) latest: &'b [u8],
    columns: &'b [u8],
    watched: &'b [u8],
}

/// The rows to be judged in packed bytes, from the front; a row that is none ends them.
pub(super) struct Heads<'b>(Rest<'b>);

/// Over all rows.
pub(super) fn heads(bytes: &[u8]) -> Heads<'_> {
    Heads(Rest(bytes))
}

impl<'b> Heads<'b> {
    /// The next row; `None` at the end, and inside it when the bytes are no such rows.
    pub(super) fn next(&mut self) -> Option<Option<Head<'b>>> {
        if self.0.0.is_empty() {
            return None;
        }
        Some(self.head())
    }

    fn head(&mut self) -> Option<Head<'b>> {
        let length = u32::from_le_bytes(self.0.array()?) as usize;
        let before = u32::from_le_bytes(self.0.array()?) as usize;
        let key = u128::from_le_bytes(self.0.array()?);
        let row = self.0.take(length.checked_sub(HEAD)?)?;
        let (columns, watched) = row.split_at_checked(before.checked_sub(HEAD)?)?;
        let mut rest = Rest(columns);
        let hash = u64::from_le_bytes(rest.array()?);
        let line = rest.number()?;
        let length = rest.length()?;
        let latest = rest.take(length)?;
        Some(Head {
            key,
            hash,
            line,
            latest,
            columns,
            watched,
        })
    }
}

impl<'b> Head<'b> {
    /// Adds the row to columns; `None` when it is none. `file` and `kept` as for [`unpack`].
    pub(super) fn unpack(&self, file: u32, kept: &[usize], rows: &mut Columns) -> Option<()> {
        unpack(self.columns, file, kept, rows)
    }

    /// Adds so many watched fields to those of the rows before, and gives its moment in UTC
    /// microseconds; `None` when it says nothing beside its columns.
    pub(super) fn watched(&self, count: usize, fields: &mut Vec<Option<&'b str>>) -> Option<i64> {
        let mut rest = Rest(self.watched);
        let at = i64::from_le_bytes(rest.array()?);
        for _ in 0..count {
            let field = match rest.length()? {
                0 => None,
                1 => *fields.get(fields.len().checked_sub(count)?)?,
                length => Some(rest.text(length - 2)?),
            };
            fields.push(field);
        }
        Some(at)
    }
}

/// Adds packed rows of file number `file` to columns. `kept` are the places of the packed kept
/// columns among those of `rows`. `None` when the bytes are no such rows.
fn unpack(bytes: &[u8], file: u32, kept: &[usize], rows: &mut Columns) -> Option<()> {
    let mut rest = Rest(bytes);
    let count = rows.values.len() + kept.len();
    while !rest.0.is_empty() {
        rows.hash.push(u64::from_le_bytes(rest.array()?));
        rows.line.push(rest.number()?);
        let length = rest.length()?;
        rows.latest.push(rest.take(length)?);
        rows.file.push(file);
        let bits = rest.take(count.div_ceil(8))?;
        let has = |at: usize| bits.get(at / 8).is_some_and(|b| b & (1 << (at % 8)) != 0);
        for (at, values) in rows.values.iter_mut().enumerate() {
            let there = has(at);
            match values {
                Values::Text(v) if there => {
                    let length = rest.length()?;
                    v.push(Some(rest.text(length)?));
                }
                Values::Text(v) => v.push(None),
                Values::Integer(v) => v.push(match there {
                    true => Some(i64::from_le_bytes(rest.array()?)),
                    false => None,
                }),
                Values::Boolean(v) => v.push(match there {
                    true => Some(rest.array()? == [1]),
                    false => None,
                }),
                Values::Decimal(v) => v.push(match there {
                    true => Some(i128::from_le_bytes(rest.array()?)),
                    false => None,
                }),
            }
        }
        let first = rows.values.len();
        for (i, at) in kept.iter().enumerate() {
            let (_, values) = rows.kept.get_mut(*at)?;
            match has(first + i) {
                true => {
                    let length = rest.length()?;
                    values.push(Some(rest.text(length)?));
                }
                false => values.push(None),
            }
        }
        if kept.len() < rows.kept.len() {
            // Kept columns that this row does not have.
            let filled = rows.line.len();
            for (_, values) in &mut rows.kept {
                values.fill(filled);
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema::table;

    #[test]
    fn a_row_to_be_judged_is_passed_over_or_read() {
        let table = table("contract_scope").unwrap();
        let mut bytes = Vec::new();
        for n in 0..3_u64 {
            let latest = vec![1; n as usize];
            let mut packing =
                Packing::keyed(&mut bytes, u128::MAX - u128::from(n), (n, 7, &latest), 8);
            packing.put(Some(&Value::Text("CT".into())));
            let first = [Cell::Text("a"), Cell::Same][n as usize / 2];
            let fields = [first, Cell::Absent].into_iter();
            let mut packed = packing.end((n != 1).then_some((-1, fields)));
            if n < 2 {
                packed.strip(&mut bytes);
                packed.strip(&mut bytes);
            }
        }
        let mut all = heads(&bytes);
        let mut rows = Columns::new(table, &[]);
        let (mut at, mut watched) = (Vec::new(), Vec::new());
        for n in 0..3_u64 {
            let head = all.next().unwrap().unwrap();
            assert_eq!((head.key, head.line), (u128::MAX - u128::from(n), n));
            assert_eq!((head.hash, head.latest.len() as u64), (7, n));
            let moment = head.watched(2, &mut watched);
            assert_eq!(moment.is_some(), n != 1);
            at.extend(moment);
            // Stripped of its values a row is passed over, never read.
            let read = head.unpack(9, &[], &mut rows.clone());
            assert_eq!(read.is_some(), n == 2);
            if n == 2 {
                head.unpack(9, &[], &mut rows).unwrap();
            }
        }
        assert!(all.next().is_none());
        assert_eq!((rows.len(), rows.line[0], rows.file[0]), (1, 2, 9));
        assert_eq!(at, [-1, -1]);
        assert_eq!(watched, [Some("a"), None, Some("a"), None]);
        let mut cut = heads(&bytes[..bytes.len() - 1]);
        assert!(cut.next().unwrap().is_some() && cut.next().unwrap().is_some());
        assert!(cut.next().unwrap().is_none());
    }
}

//! Rows that are yet to be judged as bytes, so that many may wait for their turn in little memory or
//! on disk. Responsible for the way from typed values to bytes and back; not for where the bytes are
//! kept (see [`crate::store::spill`]), nor for rows that are accepted (see [`super::chunk`]).
//!
//! A row is: its length and that of all but its values, the identity of its key, the hash of its
//! text, its line, what says whether it is the latest, of an audit log its moment and the fields
//! watched, and then its values: a bit per column (does it have one), and those that there are. A
//! row of which a later version was met already has no values: it would be passed over.

use super::columns::{Columns, Values};
use super::value::Value;

/// The values of a row that are being added, in the order of its columns.
#[derive(Debug)]
pub(super) struct Packing<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    bits: usize,
    next: usize,
}

/// Where a row starts that has no values yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    start: usize,
}

/// What a row begins with: its length and that of all but its values, as 32-bit numbers, and the
/// identity of its key.
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

/// Adds a row without its values. `watched` is what an audit log says beside the columns.
pub(super) fn begin<'t>(
    out: &mut Vec<u8>,
    key: u128,
    (line, hash, latest): (u64, u64, &[u8]),
    watched: Option<(i64, impl Iterator<Item = Cell<'t>>)>,
) -> Begun {
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&key.to_le_bytes());
    out.extend_from_slice(&hash.to_le_bytes());
    number(out, line);
    text(out, latest);
    if let Some((at, fields)) = watched {
        out.extend_from_slice(&at.to_le_bytes());
        for field in fields {
            match field {
                Cell::Absent => out.push(0),
                Cell::Same => out.push(1),
                Cell::Text(field) => {
                    number(out, field.len() as u64 + 2);
                    out.extend_from_slice(field.as_bytes());
                }
            }
        }
    }
    let begun = Begun { start };
    begun.ends(out, &[0, 4]);
    begun
}

impl Begun {
    /// Writes how long the row is now into the lengths at these places of it.
    fn ends(self, out: &mut [u8], places: &[usize]) {
        // A row of 4 GiB, which no export has, would come back as damaged.
        let length = u32::try_from(out.len() - self.start).unwrap_or(0);
        for place in places {
            let at = self.start + place;
            if let Some(slot) = out.get_mut(at..at + 4) {
                slot.copy_from_slice(&length.to_le_bytes());
            }
        }
    }

    /// Goes on with the values of so many columns, those kept included. Nothing else was added to
    /// `out` meanwhile.
    pub(super) fn values(self, out: &mut Vec<u8>, columns: usize) -> Packing<'_> {
        let bits = out.len();
        out.resize(bits + columns.div_ceil(8), 0);
        Packing {
            out,
            start: self.start,
            bits,
            next: 0,
        }
    }
}

impl Packing<'_> {
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

    /// Ends the row.
    pub(super) fn end(self) {
        Begun { start: self.start }.ends(self.out, &[0]);
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
    watched: &'b [u8],
    values: &'b [u8],
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
        let (head, values) = row.split_at_checked(before.checked_sub(HEAD)?)?;
        let mut rest = Rest(head);
        let hash = u64::from_le_bytes(rest.array()?);
        let line = rest.number()?;
        let length = rest.length()?;
        let latest = rest.take(length)?;
        Some(Head {
            key,
            hash,
            line,
            latest,
            watched: rest.0,
            values,
        })
    }
}

impl<'b> Head<'b> {
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

    /// Adds the row, of file number `file`, to columns. `kept` are the places of the packed kept
    /// columns among those of `rows`. `None` when the bytes are no such row.
    pub(super) fn unpack(&self, file: u32, kept: &[usize], rows: &mut Columns) -> Option<()> {
        rows.hash.push(self.hash);
        rows.line.push(self.line);
        rows.latest.push(self.latest);
        rows.file.push(file);
        let mut rest = Rest(self.values);
        let count = rows.values.len() + kept.len();
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
        rest.is_empty().then_some(())
    }
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
            let key = u128::MAX - u128::from(n);
            let first = [Cell::Text("a"), Cell::Same][n as usize / 2];
            let fields = [first, Cell::Absent].into_iter();
            let watched = (n != 1).then_some((-1, fields));
            let begun = begin(&mut bytes, key, (n, 7, &latest), watched);
            if n == 2 {
                let mut packing = begun.values(&mut bytes, 8);
                packing.put(Some(&Value::Text("CT".into())));
                packing.end();
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
            // Without its values a row is passed over, never read.
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

//! Rows as bytes, so that many may wait for their turn in little memory or on disk. Responsible
//! for the way from typed values to bytes and back; not for where the bytes are kept (see
//! [`crate::store::spill`]).
//!
//! A row is: its line, the hash of its text, what says whether it is the latest, a bit per column
//! (does it have a value), the values; of an audit log also its moment and the fields watched.

use super::columns::{Columns, Values};
use super::texts::Texts;
use super::value::Value;

/// The moments and watched fields of rows of an audit log, row by row.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    /// UTC microseconds.
    pub(super) at: Vec<i64>,
    /// The fields, in the order of the mapping.
    pub(super) fields: Vec<Texts>,
}

impl Watched {
    /// No rows yet, of so many fields.
    pub(super) fn new(fields: usize) -> Watched {
        Watched {
            at: Vec::new(),
            fields: vec![Texts::default(); fields],
        }
    }
}

/// A row that is being added; its columns follow in their order.
#[derive(Debug)]
pub(super) struct Packing<'o> {
    out: &'o mut Vec<u8>,
    bits: usize,
    next: usize,
}

fn number(out: &mut Vec<u8>, mut n: u64) {
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
    /// Begins a row of so many columns, those kept included.
    pub(super) fn begin(
        out: &'o mut Vec<u8>,
        line: u64,
        hash: u64,
        latest: &[u8],
        columns: usize,
    ) -> Packing<'o> {
        number(out, line);
        out.extend_from_slice(&hash.to_le_bytes());
        text(out, latest);
        let bits = out.len();
        out.resize(bits + columns.div_ceil(8), 0);
        Packing { out, bits, next: 0 }
    }

    /// The next column.
    pub(super) fn put(&mut self, value: Option<&Value<'_>>) {
        let at = self.next;
        self.next += 1;
        let Some(value) = value else { return };
        if let Some(byte) = self.out.get_mut(self.bits + at / 8) {
            *byte |= 1 << (at % 8);
        }
        match value {
            Value::Text(t) => text(self.out, t.as_bytes()),
            Value::Integer(n) => self.out.extend_from_slice(&n.to_le_bytes()),
            Value::Boolean(b) => self.out.push(u8::from(*b)),
            Value::Decimal(d) => self.out.extend_from_slice(&d.to_le_bytes()),
        }
    }

    /// What an audit log says beside the columns.
    pub(super) fn watched<'t>(self, at: i64, fields: impl Iterator<Item = Option<Cell<'t>>>) {
        self.out.extend_from_slice(&at.to_le_bytes());
        for field in fields {
            match field {
                None => number(self.out, 0),
                Some(field) => {
                    number(self.out, field.len() as u64 + 1);
                    self.out.extend_from_slice(field.as_bytes());
                }
            }
        }
    }
}

/// The text of a watched field.
pub(super) type Cell<'t> = std::borrow::Cow<'t, str>;

/// Adds a row of columns.
pub(crate) fn pack(rows: &Columns, row: usize, out: &mut Vec<u8>) {
    let count = rows.values.len() + rows.kept.len();
    let line = rows.line.get(row).copied().unwrap_or_default();
    let hash = rows.hash.get(row).copied().unwrap_or_default();
    let mut packing = Packing::begin(out, line, hash, rows.latest.get(row), count);
    for values in &rows.values {
        let value = match values {
            Values::Text(v) => v.get(row).map(|t| Value::Text(t.into())),
            Values::Integer(v) => v.get(row).copied().flatten().map(Value::Integer),
            Values::Boolean(v) => v.get(row).copied().flatten().map(Value::Boolean),
            Values::Decimal(v) => v.get(row).copied().flatten().map(Value::Decimal),
        };
        packing.put(value.as_ref());
    }
    for (_, kept) in &rows.kept {
        let value = kept.get(row).map(|t| Value::Text(t.into()));
        packing.put(value.as_ref());
    }
}

/// Packed bytes, from the front.
struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u64> {
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

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn text(&mut self, length: usize) -> Option<&'b str> {
        std::str::from_utf8(self.take(length)?).ok()
    }
}

/// Adds packed rows of file number `file` to columns. `kept` are the places of the packed kept
/// columns among those of `rows`; `watched` is given for rows of an audit log. `None` when the
/// bytes are no such rows.
pub(crate) fn unpack(
    bytes: &[u8],
    file: u32,
    kept: &[usize],
    rows: &mut Columns,
    watched: Option<&mut Watched>,
) -> Option<()> {
    let mut rest = Rest(bytes);
    let count = rows.values.len() + kept.len();
    let mut watched = watched;
    while !rest.0.is_empty() {
        rows.line.push(rest.number()?);
        rows.hash.push(u64::from_le_bytes(rest.array()?));
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
        if let Some(watched) = &mut watched {
            watched.at.push(i64::from_le_bytes(rest.array()?));
            for field in &mut watched.fields {
                match rest.length()? {
                    0 => field.push(None),
                    length => field.push(Some(rest.text(length - 1)?)),
                }
            }
        }
    }
    // Kept columns that these rows do not have.
    let filled = rows.line.len();
    for (_, values) in &mut rows.kept {
        values.fill(filled);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema::table;

    #[test]
    fn rows_come_back_as_they_were() {
        let billing = table("billing").unwrap();
        let names = ["a".to_owned(), "b".to_owned()];
        let mut rows = Columns::new(billing, &names);
        for row in 0..300_i64 {
            for (at, column) in billing.columns.iter().enumerate() {
                let value = match column.name {
                    "source" => Some(Value::Text("fin".into())),
                    "invoice_id" => Some(Value::Text("é".repeat(row as usize).into())),
                    "period_start" => Some(Value::Integer(-row)),
                    "amount" => Some(Value::Decimal(i128::from(row) << 70)),
                    "is_correction" if row % 3 > 0 => Some(Value::Boolean(row % 3 == 1)),
                    _ => None,
                };
                rows.push(at, value);
            }
            let (_, kept) = &mut rows.kept[1];
            kept.push((row % 2 == 0).then_some("kept"));
            rows.line.push(row as u64 * 1000);
            rows.file.push(4);
            rows.hash.push(u64::MAX - row as u64);
            rows.latest.push(&vec![7; row as usize]);
        }
        rows.kept[0].1.fill(300);
        let mut bytes = Vec::new();
        for row in 0..rows.len() {
            pack(&rows, row, &mut bytes);
        }
        let mut back = Columns::new(billing, &names);
        unpack(&bytes, 4, &[0, 1], &mut back, None).unwrap();
        assert_eq!(format!("{back:?}"), format!("{rows:?}"));
        assert!(unpack(&bytes[..bytes.len() - 1], 4, &[0, 1], &mut back, None).is_none());
    }
}

//! Rows that are yet to be judged as bytes, so that many may wait for their turn in little memory or
//! on disk. Responsible for the way from typed values to bytes and back; not for where the bytes are
//! kept (see [`crate::store::spill`]), nor for rows that are accepted (see [`super::chunk`]).
//!
//! Rows of one key that follow each other, as in an audit log, are a run: its length and that of all
//! but its values, the identity of its key, how many rows it has, which of them stands among them and
//! whether another one could; then of each row the hash of its text, its line, what says whether it is
//! the latest, of an audit log its moment and the fields watched; and then the values of the row that
//! stands: a bit per column (does it have one), and those that there are.

use super::columns::{Columns, Values};
use super::people::Pseudonym;
use super::value::Value;

/// The values of a row that are being added, in the order of its columns.
#[derive(Debug)]
pub(super) struct Packing<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    bits: usize,
    next: usize,
}

/// Where a run starts that is not whole yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    start: usize,
}

/// What is said of the rows of a run together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Together {
    /// How many there are.
    pub(super) count: u32,
    /// Where the one that stands among them begins, in bytes from the first one.
    pub(super) stands: u32,
    /// Whether nothing declares that this one is later than another one of other content.
    pub(super) tied: bool,
}

impl Together {
    /// A row alone.
    pub(super) const ALONE: Together = Together {
        count: 1,
        stands: 0,
        tied: false,
    };
}

/// What a run begins with: its length and that of all but its values, the identity of its key, and
/// what is said of its rows together.
const HEAD: usize = 4 + 4 + 16 + 4 + 4 + 1;

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

/// Begins a run.
pub(super) fn begin(out: &mut Vec<u8>, key: u128) -> Begun {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    if let Some(slot) = out.get_mut(start + 8..start + 24) {
        slot.copy_from_slice(&key.to_le_bytes());
    }
    Begun { start }
}

/// Adds a row to the run that was begun. `watched` is what an audit log says beside the columns.
pub(super) fn row<'t>(
    out: &mut Vec<u8>,
    (line, hash, latest): (u64, u64, &[u8]),
    watched: Option<(i64, impl Iterator<Item = Cell<'t>>)>,
) {
    out.extend_from_slice(&hash.to_le_bytes());
    number(out, line);
    text(out, latest);
    if let Some((at, fields)) = watched {
        out.extend_from_slice(&at.to_le_bytes());
        for field in fields {
            let field = match &field {
                Cell::Absent => {
                    out.push(0);
                    continue;
                }
                Cell::Same => {
                    out.push(1);
                    continue;
                }
                Cell::Text(field) => field.as_bytes(),
                Cell::Person(name) => name.as_str().as_bytes(),
            };
            number(out, field.len() as u64 + 2);
            out.extend_from_slice(field);
        }
    }
}

impl Begun {
    /// Where the next row will begin, in bytes from the first one.
    pub(super) fn next(self, out: &[u8]) -> u32 {
        // A run of 4 GiB, which no export has, would come back as damaged.
        u32::try_from(out.len() - self.start - HEAD).unwrap_or(u32::MAX)
    }

    /// Goes on with the values of so many columns, those kept included, once all rows of the run were
    /// added. Nothing else was added to `out` meanwhile.
    pub(super) fn values(
        self,
        out: &mut Vec<u8>,
        together: Together,
        columns: usize,
    ) -> Packing<'_> {
        ends(out, self.start, 4);
        if let Some([count @ .., tied]) = out.get_mut(self.start + 24..self.start + HEAD) {
            let numbers = u64::from(together.count) | u64::from(together.stands) << 32;
            count.copy_from_slice(&numbers.to_le_bytes());
            *tied = u8::from(together.tied);
        }
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

/// Writes how long the run is now into the length at this place of it.
fn ends(out: &mut [u8], start: usize, place: usize) {
    // A run of 4 GiB, which no export has, would come back as damaged.
    let length = u32::try_from(out.len() - start).unwrap_or(0);
    let at = start + place;
    if let Some(slot) = out.get_mut(at..at + 4) {
        slot.copy_from_slice(&length.to_le_bytes());
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

    /// Ends the run.
    pub(super) fn end(self) {
        ends(self.out, self.start, 0);
    }
}

/// A watched field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'t> {
    /// Without a value.
    Absent,
    /// As in the row before in the same run.
    Same,
    /// This text.
    Text(&'t str),
    /// This pseudonym.
    Person(Pseudonym),
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

/// A run of rows that are yet to be judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run<'b> {
    /// The identity of their key.
    pub(super) key: u128,
    pub(super) together: Together,
    rows: &'b [u8],
    values: &'b [u8],
}

/// The runs in packed bytes, from the front; one that is none ends them.
pub(super) struct Runs<'b>(Rest<'b>);

/// Over all runs.
pub(super) fn runs(bytes: &[u8]) -> Runs<'_> {
    Runs(Rest(bytes))
}

impl<'b> Runs<'b> {
    /// The next run; `None` at the end, and inside it when the bytes are none.
    pub(super) fn next(&mut self) -> Option<Option<Run<'b>>> {
        if self.0.0.is_empty() {
            return None;
        }
        Some(self.run())
    }

    fn run(&mut self) -> Option<Run<'b>> {
        let length = u32::from_le_bytes(self.0.array()?) as usize;
        let before = u32::from_le_bytes(self.0.array()?) as usize;
        let key = u128::from_le_bytes(self.0.array()?);
        let count = u32::from_le_bytes(self.0.array()?);
        let stands = u32::from_le_bytes(self.0.array()?);
        let tied = self.0.array()? == [1];
        let run = self.0.take(length.checked_sub(HEAD)?)?;
        let (rows, values) = run.split_at_checked(before.checked_sub(HEAD)?)?;
        // Each of them takes a byte at least.
        if count == 0 || count as usize > rows.len() {
            return None;
        }
        Some(Run {
            key,
            together: Together {
                count,
                stands,
                tied,
            },
            rows,
            values,
        })
    }
}

/// A row of a run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Row<'b> {
    pub(super) hash: u64,
    pub(super) line: u64,
    pub(super) latest: &'b [u8],
    /// Its moment in UTC microseconds, in an audit log.
    pub(super) at: i64,
}

/// The rows of a run, from the front.
pub(super) struct Rows<'b> {
    rest: Rest<'b>,
    /// How many fields are watched, in an audit log.
    watched: Option<usize>,
}

impl<'b> Rows<'b> {
    /// The next row, whose watched fields are added to those of the rows before; `None` at the end,
    /// and inside it when the bytes are no such row.
    pub(super) fn next(&mut self, fields: &mut Vec<Option<&'b str>>) -> Option<Option<Row<'b>>> {
        if self.rest.is_empty() {
            return None;
        }
        Some(self.row(fields))
    }

    fn row(&mut self, fields: &mut Vec<Option<&'b str>>) -> Option<Row<'b>> {
        let rest = &mut self.rest;
        let mut row = Row::read(rest)?;
        if let Some(count) = self.watched {
            row.at = i64::from_le_bytes(rest.array()?);
            for _ in 0..count {
                let field = match rest.length()? {
                    0 => None,
                    1 => *fields.get(fields.len().checked_sub(count)?)?,
                    length => Some(rest.text(length - 2)?),
                };
                fields.push(field);
            }
        }
        Some(row)
    }
}

impl<'b> Row<'b> {
    /// The next one, but for what an audit log says beside the columns.
    fn read(rest: &mut Rest<'b>) -> Option<Row<'b>> {
        let hash = u64::from_le_bytes(rest.array()?);
        let line = rest.number()?;
        let length = rest.length()?;
        let latest = rest.take(length)?;
        Some(Row {
            hash,
            line,
            latest,
            at: 0,
        })
    }
}

impl<'b> Run<'b> {
    /// Its rows; `watched` is how many fields are watched in an audit log.
    pub(super) fn rows(&self, watched: Option<usize>) -> Rows<'b> {
        Rows {
            rest: Rest(self.rows),
            watched,
        }
    }

    /// The row that stands among them, without its moment. `None` when there is none.
    pub(super) fn standing(&self) -> Option<Row<'b>> {
        let rows = self.rows.get(self.together.stands as usize..)?;
        Row::read(&mut Rest(rows))
    }

    /// Adds the row that stands among them to columns: `row` of file number `file`. `kept` are the
    /// places of the packed kept columns among those of `rows`. `None` when the bytes are no values.
    pub(super) fn unpack(
        &self,
        (row, file): (&Row<'_>, u32),
        kept: &[usize],
        rows: &mut Columns,
    ) -> Option<()> {
        rows.hash.push(row.hash);
        rows.line.push(row.line);
        rows.latest.push(row.latest);
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
    fn runs_come_back_with_their_rows_and_the_values_of_one() {
        let scope = table("contract_scope").unwrap();
        let mut bytes = Vec::new();
        for n in 0..3_u64 {
            let begun = begin(&mut bytes, u128::MAX - u128::from(n));
            let mut stands = 0;
            for line in 0..=n {
                stands = begun.next(&bytes);
                let latest = vec![1; line as usize];
                let first = [Cell::Text("a"), Cell::Same][usize::from(line > 0)];
                let fields = [first, Cell::Absent].into_iter();
                let watched = (n != 1).then_some((-1, fields));
                row(&mut bytes, (line, 7, &latest), watched);
            }
            let together = Together {
                count: n as u32 + 1,
                stands,
                tied: n == 1,
            };
            let mut packing = begun.values(&mut bytes, together, 8);
            packing.put(Some(&Value::Text("CT".into())));
            packing.end();
        }
        let mut all = runs(&bytes);
        let mut columns = Columns::new(scope, &[]);
        let mut fields = Vec::new();
        for n in 0..3_u64 {
            let run = all.next().unwrap().unwrap();
            assert_eq!(run.key, u128::MAX - u128::from(n));
            assert_eq!(
                (run.together.count, run.together.tied),
                (n as u32 + 1, n == 1)
            );
            let watched = (n != 1).then_some(2);
            let mut rows = run.rows(watched);
            fields.clear();
            for line in 0..=n {
                let row = rows.next(&mut fields).unwrap().unwrap();
                assert_eq!(
                    (row.line, row.hash, row.latest.len() as u64),
                    (line, 7, line)
                );
                assert_eq!(row.at, if n == 1 { 0 } else { -1 });
            }
            assert!(rows.next(&mut fields).is_none());
            let expected = [Some("a"), None].repeat(if n == 1 { 0 } else { n as usize + 1 });
            assert_eq!(fields, expected);
            let row = run.standing().unwrap();
            assert_eq!(row.line, n);
            run.unpack((&row, 9), &[], &mut columns).unwrap();
        }
        assert!(all.next().is_none());
        assert_eq!((columns.len(), columns.line[2], columns.file[0]), (3, 2, 9));
        let mut cut = runs(&bytes[..bytes.len() - 1]);
        assert!(cut.next().unwrap().is_some() && cut.next().unwrap().is_some());
        assert!(cut.next().unwrap().is_none());
    }
}

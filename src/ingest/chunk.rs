//! Accepted rows as bytes, column by column, so that many may wait in little memory or on disk and
//! come back with little work. Responsible for the way there and back; not for where the bytes are
//! kept (see [`crate::store::spill`]), nor for rows that are yet to be judged (see
//! [`super::packed`]).
//!
//! A chunk is: how many rows, their numbers, their hashes, then the columns. What says whether a row is
//! the latest has done its work. A column of texts has each text once. Numbers of rows and lengths are
//! written with as few bytes as they need.

use super::columns::{Columns, Values};
use super::packed::{Rest, number};
use super::texts::{ABSENT, Numbering, Texts};

/// What stands before hashes, and before the values of a column that is not of texts.
const ALL: u8 = 0;
const NONE: u8 = 1;
const SOME: u8 = 2;

/// What of some rows is left out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Without {
    /// Columns that come back as absent.
    pub(crate) columns: Vec<Option<usize>>,
    /// Their hashes, which come back as 0: no order of theirs depends on them any more.
    pub(crate) hashes: bool,
}

/// Adds a chunk of rows, each with the number that comes back as its line: what `numbered` gives for the
/// first of a pair and the row that is the second.
pub(crate) fn pack(
    rows: &Columns,
    list: &[(u32, usize)],
    numbered: impl Fn(u32, usize) -> u64,
    without: &Without,
    packer: &mut Packer,
    out: &mut Vec<u8>,
) {
    number(out, list.len() as u64);
    for (n, row) in list {
        number(out, numbered(*n, *row));
    }
    out.push(if without.hashes { NONE } else { ALL });
    for (_, row) in list.iter().filter(|_| !without.hashes) {
        let hash = rows.hash.get(*row).copied().unwrap_or_default();
        out.extend_from_slice(&hash.to_le_bytes());
    }
    for (at, values) in rows.values.iter().enumerate() {
        let left_out = without.columns.contains(&Some(at));
        match values {
            Values::Text(_) if left_out => packer.texts(&Texts::default(), list, out),
            Values::Text(v) => packer.texts(v, list, out),
            Values::Integer(v) => numbers(v, list, left_out, out, |n| n.to_le_bytes()),
            Values::Boolean(v) => numbers(v, list, left_out, out, |b| [u8::from(b)]),
            Values::Decimal(v) => numbers(v, list, left_out, out, |n| n.to_le_bytes()),
        }
    }
    for (_, kept) in &rows.kept {
        packer.texts(kept, list, out);
    }
}

/// Room to work in, kept from chunk to chunk.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    numbering: Numbering,
    numbers: Vec<u32>,
    /// Numbers from 0 on, as many as were needed.
    all: Vec<u32>,
}

impl Packer {
    /// Adds a column of texts: how many different ones, their lengths, the texts, and then the number
    /// of each row's text, from 1, or 0 where it has none.
    fn texts(&mut self, values: &Texts, list: &[(u32, usize)], out: &mut Vec<u8>) {
        self.numbers.clear();
        let rows = list.iter().map(|(_, row)| *row);
        let all = values.entries();
        // A few texts that this chunk does not use cost less than to find out which it does.
        let used: &[u32] = if all <= list.len() / 4 {
            // What is absent has the last number there is.
            let numbers = rows.map(|row| values.number(row).wrapping_add(1));
            self.numbers.extend(numbers);
            self.all.extend((0u32..).take(all).skip(self.all.len()));
            self.all.get(..all).unwrap_or_default()
        } else {
            self.numbering.begin(all);
            self.numbers.extend(rows.map(|row| {
                let number = self.numbering.of(values.number(row));
                number.map_or(0, |n| n + 1)
            }));
            self.numbering.used()
        };
        number(out, used.len() as u64);
        let texts = || used.iter().filter_map(|n| values.entry(*n));
        for text in texts() {
            number(out, text.len() as u64);
        }
        for text in texts() {
            out.extend_from_slice(text.as_bytes());
        }
        let numbers = self.numbers.iter();
        match width(used.len()) {
            0 => {}
            1 => out.extend(numbers.map(|n| *n as u8)),
            2 => {
                out.reserve(list.len() * 2);
                for n in numbers {
                    out.extend_from_slice(&(*n as u16).to_le_bytes());
                }
            }
            _ => {
                out.reserve(list.len() * 4);
                for n in numbers {
                    out.extend_from_slice(&n.to_le_bytes());
                }
            }
        }
    }
}

/// How many bytes the number of one of so many texts takes.
fn width(texts: usize) -> usize {
    match texts {
        0 => 0,
        1..0x100 => 1,
        0x100..0x1_0000 => 2,
        _ => 4,
    }
}

/// Adds a column of values of the same width.
fn numbers<T: Copy, const N: usize>(
    values: &[Option<T>],
    list: &[(u32, usize)],
    left_out: bool,
    out: &mut Vec<u8>,
    bytes: impl Fn(T) -> [u8; N],
) {
    let of = |row: usize| values.get(row).copied().flatten().filter(|_| !left_out);
    let count = list.iter().filter(|(_, row)| of(*row).is_some()).count();
    let kind = match count {
        0 => NONE,
        n if n == list.len() => ALL,
        _ => SOME,
    };
    out.push(kind);
    if kind == SOME {
        for eight in list.chunks(8) {
            let bits = eight.iter().rev();
            out.push(bits.fold(0, |bits, (_, row)| bits << 1 | u8::from(of(*row).is_some())));
        }
    }
    out.reserve(count * N);
    for value in list.iter().filter_map(|(_, row)| of(*row)) {
        out.extend_from_slice(&bytes(value));
    }
}

/// Adds the rows of chunks, of file number `file`, to columns. `kept` are the places of the packed
/// kept columns among those of `rows`. `None` when the bytes are no such rows.
pub(crate) fn unpack(bytes: &[u8], file: u32, kept: &[usize], rows: &mut Columns) -> Option<()> {
    let mut rest = Rest::of(bytes);
    while !rest.is_empty() {
        let count = rest.length()?;
        // Each takes a byte at least.
        if count > rest.len() {
            return None;
        }
        let filled = rows.len() + count;
        for _ in 0..count {
            rows.line.push(rest.number()?);
        }
        match rest.array()? {
            [ALL] => {
                let (hashes, _) = rest.take(count.checked_mul(8)?)?.as_chunks::<8>();
                let hashes = hashes.iter().map(|hash| u64::from_le_bytes(*hash));
                rows.hash.extend(hashes);
            }
            [NONE] => rows.hash.resize(filled, 0),
            _ => return None,
        }
        rows.file.resize(filled, file);
        for values in &mut rows.values {
            match values {
                Values::Text(v) => read_texts(&mut rest, count, v)?,
                Values::Integer(v) => read_numbers(&mut rest, count, v, i64::from_le_bytes)?,
                Values::Boolean(v) => read_numbers(&mut rest, count, v, |b| b == [1])?,
                Values::Decimal(v) => read_numbers(&mut rest, count, v, i128::from_le_bytes)?,
            }
        }
        for at in kept {
            let (_, values) = rows.kept.get_mut(*at)?;
            read_texts(&mut rest, count, values)?;
        }
        // Kept columns that these rows do not have.
        for (_, values) in &mut rows.kept {
            values.fill(filled);
        }
    }
    Some(())
}

fn read_texts(rest: &mut Rest<'_>, count: usize, values: &mut Texts) -> Option<()> {
    let used = rest.length()?;
    // Each has a length.
    if used > rest.len() {
        return None;
    }
    let mut lengths = *rest;
    for _ in 0..used {
        rest.number()?;
    }
    let mut numbers = Vec::with_capacity(used + 1);
    numbers.push(ABSENT);
    for _ in 0..used {
        numbers.push(values.hold(rest.text(lengths.length()?)?));
    }
    let width = width(used);
    let places = rest.take(count.checked_mul(width)?)?;
    match width {
        0 => values.fill(values.len() + count),
        1 => values.extend(&numbers, places.iter().map(|n| usize::from(*n)))?,
        2 => {
            let (places, _) = places.as_chunks::<2>();
            let places = places.iter().map(|n| usize::from(u16::from_le_bytes(*n)));
            values.extend(&numbers, places)?;
        }
        _ => {
            let (places, _) = places.as_chunks::<4>();
            let places = places.iter().map(|n| u32::from_le_bytes(*n) as usize);
            values.extend(&numbers, places)?;
        }
    }
    Some(())
}

fn read_numbers<T, const N: usize>(
    rest: &mut Rest<'_>,
    count: usize,
    values: &mut Vec<Option<T>>,
    value: impl Fn([u8; N]) -> T,
) -> Option<()> {
    values.reserve(count);
    match rest.array()? {
        [ALL] => {
            let (all, _) = rest.take(count.checked_mul(N)?)?.as_chunks::<N>();
            values.extend(all.iter().map(|bytes| Some(value(*bytes))));
        }
        [NONE] => values.extend((0..count).map(|_| None)),
        [SOME] => {
            let bits = rest.take(count.div_ceil(8))?;
            for at in 0..count {
                let there = bits.get(at / 8)? & (1 << (at % 8)) != 0;
                values.push(match there {
                    true => Some(value(rest.array()?)),
                    false => None,
                });
            }
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::value::Value;
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
                    "period_end" if row % 5 > 1 => Some(Value::Integer(row << 40)),
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
        }
        rows.kept[0].1.fill(300);
        let list: Vec<(u32, usize)> = (0..300).map(|row| (7, row)).collect();
        let line = |n: u32, row: usize| rows.line[row] + u64::from(n - 7);
        let (mut whole, mut parts) = (Vec::new(), Vec::new());
        let mut packer = Packer::default();
        pack(
            &rows,
            &list,
            line,
            &Without::default(),
            &mut packer,
            &mut whole,
        );
        for part in list.chunks(7) {
            pack(
                &rows,
                part,
                line,
                &Without::default(),
                &mut packer,
                &mut parts,
            );
        }
        for bytes in [&whole, &parts] {
            let mut back = Columns::new(billing, &names);
            unpack(bytes, 4, &[0, 1], &mut back).unwrap();
            assert_eq!(shown(&back), shown(&rows));
            for cut in 1..bytes.len().min(5000) {
                let mut some = Columns::new(billing, &names);
                let read = unpack(&bytes[..bytes.len() - cut], 4, &[0, 1], &mut some);
                assert!(read.is_none() || some.len() < rows.len());
            }
        }
        let mut less = Vec::new();
        let amount = billing.position("amount");
        let without = Without {
            columns: vec![amount, billing.position("source")],
            hashes: true,
        };
        pack(&rows, &list, line, &without, &mut packer, &mut less);
        let mut back = Columns::new(billing, &names);
        unpack(&less, 4, &[0, 1], &mut back).unwrap();
        assert!(matches!(&back.values[amount.unwrap()], Values::Decimal(v) if v == &[None; 300]));
        assert_eq!(back.text("source", 9), None);
        assert_eq!((back.hash, back.line), (vec![0; 300], rows.line.clone()));
    }

    /// All that rows say, wherever their texts lie.
    fn shown(rows: &Columns) -> Vec<String> {
        let texts = |v: &Texts| format!("{:?}", v.iter().collect::<Vec<_>>());
        let values = rows.values.iter().map(|values| match values {
            Values::Text(v) => texts(v),
            other => format!("{other:?}"),
        });
        let kept = rows.kept.iter().map(|(name, v)| name.clone() + &texts(v));
        let rest = format!("{:?} {:?} {:?}", rows.line, rows.file, rows.hash);
        values.chain(kept).chain([rest]).collect()
    }
}

//! Typed columns of a canonical table in memory, row by row accountable to file and line.
//! Responsible for holding values; not for reading or writing them.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

use super::texts::{ABSENT, Texts};
use super::value::Value;
use crate::store::schema::{Kind, Table};

/// One column's values.
#[derive(Debug, Clone)]
pub enum Values {
    /// Text, words, currencies and months.
    Text(Texts),
    /// Instants (UTC microseconds), dates (days since 1970-01-01), counts, seconds, priorities,
    /// shares (parts per million).
    Integer(Vec<Option<i64>>),
    /// True or false.
    Boolean(Vec<Option<bool>>),
    /// Decimals in units of 10^-15.
    Decimal(Vec<Option<i128>>),
}

impl Values {
    fn new(kind: Kind) -> Values {
        match kind {
            Kind::Text
            | Kind::Person
            | Kind::Month
            | Kind::Currency
            | Kind::TicketType
            | Kind::EventField
            | Kind::ChargeCategory => Values::Text(Texts::default()),
            Kind::Instant
            | Kind::Date
            | Kind::Integer
            | Kind::Priority
            | Kind::Seconds
            | Kind::Share => Values::Integer(Vec::new()),
            Kind::Boolean => Values::Boolean(Vec::new()),
            Kind::Decimal => Values::Decimal(Vec::new()),
        }
    }

    fn push(&mut self, value: Option<Value<'_>>) {
        match (self, value) {
            (Values::Text(v), Some(Value::Text(t))) => v.push(Some(&t)),
            (Values::Integer(v), Some(Value::Integer(i))) => v.push(Some(i)),
            (Values::Boolean(v), Some(Value::Boolean(b))) => v.push(Some(b)),
            (Values::Decimal(v), Some(Value::Decimal(d))) => v.push(Some(d)),
            (Values::Text(v), _) => v.push(None),
            (Values::Integer(v), _) => v.push(None),
            (Values::Boolean(v), _) => v.push(None),
            (Values::Decimal(v), _) => v.push(None),
        }
    }

    fn append(&mut self, other: Values) {
        match (self, other) {
            (Values::Text(a), Values::Text(b)) => a.append(&b),
            (Values::Integer(a), Values::Integer(b)) => a.extend(b),
            (Values::Boolean(a), Values::Boolean(b)) => a.extend(b),
            (Values::Decimal(a), Values::Decimal(b)) => a.extend(b),
            // Columns of one table have the kinds of the table, so the kinds always agree.
            _ => {}
        }
    }
}

/// A whole number or its absence as bytes.
fn bytes(value: Option<i64>) -> [u8; 9] {
    let mut out = [0; 9];
    if let Some(value) = value {
        out[0] = 1;
        out[1..].copy_from_slice(&value.to_le_bytes());
    }
    out
}

/// Adds a value to what [`Columns::identity`] is made of.
pub(super) fn name_by(name: &mut Vec<u8>, kind: Kind, value: Option<&Value<'_>>) {
    match (value, kind) {
        (Some(Value::Text(text)), _) => {
            name.extend(text.as_bytes());
            name.push(0xff);
        }
        (Some(Value::Integer(n)), _) => name.extend(bytes(Some(*n))),
        (Some(Value::Boolean(b)), _) => name.extend(bytes(Some(i64::from(*b)))),
        (Some(Value::Decimal(units)), _) => name.extend(units.to_le_bytes()),
        (None, kind) => match Values::new(kind) {
            Values::Text(_) => name.push(0xff),
            Values::Integer(_) | Values::Boolean(_) => name.extend(bytes(None)),
            Values::Decimal(_) => name.push(0xfe),
        },
    }
}

/// The hasher of maps that are keyed by [`Columns::identity`]: an identity is a hash already.
#[derive(Debug, Clone, Copy, Default)]
pub struct OfIdentity(u64);

impl Hasher for OfIdentity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    fn write_u128(&mut self, identity: u128) {
        // Its lower half is as well spread as the whole.
        self.0 = identity as u64;
    }
}

/// A map by [`Columns::identity`].
pub type ByIdentity<T> = HashMap<u128, T, BuildHasherDefault<OfIdentity>>;

/// Rows of one canonical table, with where each came from.
#[derive(Debug, Clone)]
pub struct Columns {
    /// The table.
    pub table: &'static Table,
    /// One entry per column of the table.
    pub values: Vec<Values>,
    /// Source columns kept as `x_<name>`.
    pub kept: Vec<(String, Texts)>,
    /// Line of each row in its file, counted from 1.
    pub line: Vec<u64>,
    /// Which file each row came from: position in the list of all files read.
    pub file: Vec<u32>,
    /// Hash of the row's source text: breaks ties of de-duplication.
    pub hash: Vec<u64>,
    /// What says which row of a key is the latest; empty where the mapping declares nothing.
    pub latest: Ranks,
}

/// One value of a `latest` column: numbers sort as numbers and before text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latest<'a> {
    /// Absent.
    None,
    /// A whole number.
    Number(i64),
    /// Any other text, by its bytes.
    Text(&'a str),
}

impl Latest<'_> {
    /// Adds the value to those before it, as bytes that sort as the values do.
    pub(super) fn rank(self, out: &mut Vec<u8>) {
        match self {
            Latest::None => out.push(0),
            Latest::Number(n) => {
                out.push(1);
                out.extend_from_slice(&(n ^ i64::MIN).to_be_bytes());
            }
            Latest::Text(text) => {
                out.push(2);
                for byte in text.bytes() {
                    out.push(byte);
                    if byte == 0 {
                        out.push(0xff);
                    }
                }
                out.extend_from_slice(&[0, 0]);
            }
        }
    }
}

/// The values of the `latest` columns by row, as bytes that sort as the values do; rows after the last
/// one that has any have none.
#[derive(Debug, Clone, Default)]
pub struct Ranks {
    buffer: Vec<u8>,
    spans: Vec<(usize, u32)>,
}

impl Ranks {
    /// Those of a row.
    #[must_use]
    pub fn get(&self, row: usize) -> &[u8] {
        let (start, length) = self.spans.get(row).copied().unwrap_or_default();
        let end = start + length as usize;
        self.buffer.get(start..end).unwrap_or_default()
    }

    /// Adds a row. Of more than 4 GiB, which no row has, nothing is kept.
    pub fn push(&mut self, rank: &[u8]) {
        let length = u32::try_from(rank.len()).unwrap_or_default();
        self.spans.push((self.buffer.len(), length));
        self.buffer.extend_from_slice(rank);
    }

    /// Adds rows without values until there are `rows`.
    fn fill(&mut self, rows: usize) {
        if rows > self.spans.len() {
            self.spans.resize(rows, (0, 0));
        }
    }

    /// Adds those of other rows to those of `before` rows.
    fn append(&mut self, other: &Ranks, before: usize) {
        if other.spans.is_empty() {
            return;
        }
        self.fill(before);
        let shift = self.buffer.len();
        self.buffer.extend_from_slice(&other.buffer);
        self.spans
            .extend(other.spans.iter().map(|(start, len)| (start + shift, *len)));
    }

    /// Keeps the rows marked.
    pub(super) fn retain(&mut self, keep: &[bool]) {
        let mut marks = keep.iter();
        self.spans
            .retain(|_| marks.next().copied().unwrap_or_default());
    }
}

impl Columns {
    /// No rows yet.
    pub fn new(table: &'static Table, kept: &[String]) -> Columns {
        Columns {
            table,
            values: table.columns.iter().map(|c| Values::new(c.kind)).collect(),
            kept: kept.iter().map(|k| (k.clone(), Texts::default())).collect(),
            line: Vec::new(),
            file: Vec::new(),
            hash: Vec::new(),
            latest: Ranks::default(),
        }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.line.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// Sets the value of a column for the row being added.
    pub fn push(&mut self, column: usize, value: Option<Value<'_>>) {
        if let Some(values) = self.values.get_mut(column) {
            values.push(value);
        }
    }

    /// Makes room for more rows.
    pub(crate) fn reserve(&mut self, rows: usize) {
        for values in &mut self.values {
            match values {
                Values::Text(v) => v.reserve(rows),
                Values::Integer(v) => v.reserve(rows),
                Values::Boolean(v) => v.reserve(rows),
                Values::Decimal(v) => v.reserve(rows),
            }
        }
        for (_, values) in &mut self.kept {
            values.reserve(rows);
        }
        self.line.reserve(rows);
        self.file.reserve(rows);
        self.hash.reserve(rows);
    }

    /// Keeps the rows marked.
    pub(super) fn retain(&mut self, keep: &[bool]) {
        fn filter<T>(values: &mut Vec<T>, keep: &[bool]) {
            let mut marks = keep.iter();
            values.retain(|_| marks.next().copied().unwrap_or_default());
        }
        if keep.len() == self.len() && keep.iter().all(|k| *k) {
            return;
        }
        for values in &mut self.values {
            match values {
                Values::Text(v) => v.retain(keep),
                Values::Integer(v) => filter(v, keep),
                Values::Boolean(v) => filter(v, keep),
                Values::Decimal(v) => filter(v, keep),
            }
        }
        for (_, values) in &mut self.kept {
            values.retain(keep);
        }
        filter(&mut self.line, keep);
        filter(&mut self.file, keep);
        filter(&mut self.hash, keep);
        self.latest.retain(keep);
    }

    /// Adds all rows of `other`, which has the same table; kept columns are matched by name.
    pub fn append(&mut self, other: Columns) {
        let (before, added) = (self.len(), other.len());
        for (mine, theirs) in self.values.iter_mut().zip(other.values) {
            mine.append(theirs);
        }
        for (name, values) in other.kept {
            match self.kept.iter_mut().find(|(n, _)| *n == name) {
                Some((_, mine)) => mine.append(&values),
                None => {
                    let mut filled = Texts::default();
                    filled.fill(before);
                    filled.append(&values);
                    self.kept.push((name, filled));
                }
            }
        }
        for (_, values) in &mut self.kept {
            values.fill(before + added);
        }
        self.line.extend(other.line);
        self.file.extend(other.file);
        self.hash.extend(other.hash);
        self.latest.append(&other.latest, before);
    }

    /// The text at a column's position in a row; loops over rows look the position up once.
    pub fn text_at(&self, at: Option<usize>, row: usize) -> Option<&str> {
        match self.values.get(at?)? {
            Values::Text(v) => v.get(row),
            _ => None,
        }
    }

    /// The number of the text at a column's position in a row, which tells it from all others of that
    /// column; [`ABSENT`] where there is none.
    pub(crate) fn number_at(&self, at: Option<usize>, row: usize) -> u32 {
        match at.and_then(|at| self.values.get(at)) {
            Some(Values::Text(v)) => v.number(row),
            _ => ABSENT,
        }
    }

    /// The place of each row's text among those at a column's position; 0 where there is none.
    pub(crate) fn ranks(&self, at: Option<usize>) -> Vec<u32> {
        match at.and_then(|at| self.values.get(at)) {
            Some(Values::Text(v)) => v.ranks(),
            _ => vec![0; self.len()],
        }
    }

    /// The whole number at a column's position in a row.
    pub fn integer_at(&self, at: Option<usize>, row: usize) -> Option<i64> {
        match self.values.get(at?)? {
            Values::Integer(v) => *v.get(row)?,
            _ => None,
        }
    }

    /// The positions of columns by name.
    pub fn positions(&self, names: &[&str]) -> Vec<Option<usize>> {
        names.iter().map(|n| self.table.position(n)).collect()
    }

    /// An identity of the values of some columns in a row: equal for equal values, and different
    /// for different ones but for a chance of 2^-128 a pair.
    pub fn identity(&self, at: &[Option<usize>], row: usize) -> u128 {
        self.identity_in(at, row, &mut Vec::with_capacity(64))
    }

    /// Whether a row is known to have the same values in some columns as the one before it, which most
    /// that have them are.
    pub(crate) fn repeats(&self, at: &[Option<usize>], row: usize) -> bool {
        row > 0
            && at
                .iter()
                .all(|column| match column.and_then(|c| self.values.get(c)) {
                    Some(Values::Text(v)) => v.repeats(row),
                    Some(_) => false,
                    None => true,
                })
    }

    /// The identities of all rows (see [`Columns::identity`]).
    pub fn identities(&self, at: &[Option<usize>]) -> Vec<u128> {
        let mut name = Vec::with_capacity(64);
        let mut last = 0;
        (0..self.len())
            .map(|row| {
                if !self.repeats(at, row) {
                    last = self.identity_in(at, row, &mut name);
                }
                last
            })
            .collect()
    }

    /// As [`Columns::identity`]; `name` is room to work in, its content does not matter.
    pub(super) fn identity_in(&self, at: &[Option<usize>], row: usize, name: &mut Vec<u8>) -> u128 {
        name.clear();
        for column in at {
            match column.and_then(|c| self.values.get(c)) {
                Some(Values::Text(v)) => {
                    name.extend_from_slice(v.bytes(row).unwrap_or_default());
                    name.push(0xff);
                }
                Some(Values::Integer(v)) => name.extend(bytes(v.get(row).copied().flatten())),
                Some(Values::Boolean(v)) => {
                    name.extend(bytes(v.get(row).copied().flatten().map(i64::from)));
                }
                Some(Values::Decimal(v)) => match v.get(row).copied().flatten() {
                    Some(units) => name.extend(units.to_le_bytes()),
                    None => name.push(0xfe),
                },
                None => name.push(0xfd),
            }
        }
        xxh3_128(name)
    }

    /// The order of two rows by the values of some columns: what is absent stands first, text by
    /// its bytes, numbers and moments by their size.
    pub fn compare(&self, at: &[Option<usize>], a: usize, b: usize) -> Ordering {
        let mut order = Ordering::Equal;
        for column in at {
            order = match column.and_then(|c| self.values.get(c)) {
                Some(Values::Text(v)) => v.bytes(a).cmp(&v.bytes(b)),
                Some(Values::Integer(v)) => v.get(a).cmp(&v.get(b)),
                Some(Values::Boolean(v)) => v.get(a).cmp(&v.get(b)),
                Some(Values::Decimal(v)) => v.get(a).cmp(&v.get(b)),
                None => Ordering::Equal,
            };
            if order != Ordering::Equal {
                break;
            }
        }
        order
    }

    /// The text of a column in a row.
    pub fn text(&self, column: &str, row: usize) -> Option<&str> {
        match self.values.get(self.table.position(column)?)? {
            Values::Text(v) => v.get(row),
            _ => None,
        }
    }

    /// The whole number of a column in a row.
    pub fn integer(&self, column: &str, row: usize) -> Option<i64> {
        match self.values.get(self.table.position(column)?)? {
            Values::Integer(v) => *v.get(row)?,
            _ => None,
        }
    }

    /// The truth value of a column in a row.
    pub fn boolean(&self, column: &str, row: usize) -> Option<bool> {
        match self.values.get(self.table.position(column)?)? {
            Values::Boolean(v) => *v.get(row)?,
            _ => None,
        }
    }

    /// The decimal of a column in a row, in units of 10^-15.
    pub fn decimal(&self, column: &str, row: usize) -> Option<i128> {
        match self.values.get(self.table.position(column)?)? {
            Values::Decimal(v) => *v.get(row)?,
            _ => None,
        }
    }

    /// Replaces the text at a column's position in a row.
    pub(super) fn set_text_at(&mut self, at: Option<usize>, row: usize, value: Option<&str>) {
        if let Some(Values::Text(v)) = at.and_then(|at| self.values.get_mut(at)) {
            v.set(row, value);
        }
    }

    /// A value of any kind as text, for keys and messages.
    pub fn shown(&self, column: &str, row: usize) -> String {
        let Some(values) = self
            .table
            .position(column)
            .and_then(|at| self.values.get(at))
        else {
            return String::new();
        };
        match values {
            Values::Text(v) => v.get(row).unwrap_or("").to_owned(),
            Values::Integer(v) => v
                .get(row)
                .copied()
                .flatten()
                .map(|i| i.to_string())
                .unwrap_or_default(),
            Values::Boolean(v) => v
                .get(row)
                .copied()
                .flatten()
                .map(|b| b.to_string())
                .unwrap_or_default(),
            Values::Decimal(v) => v
                .get(row)
                .copied()
                .flatten()
                .map(|d| d.to_string())
                .unwrap_or_default(),
        }
    }
}

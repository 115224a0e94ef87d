//! Which rows of texts read and which are rejected, by a mapping bound to the header of a file. Not
//! responsible for how a file becomes rows (see [`super::reader`]), how those that read are kept (see
//! [`super::part`]), nor for duplicates, scope or storage (see [`super`]).

use std::borrow::Cow;
use std::collections::BTreeMap;

use rayon::prelude::*;

use super::columns::Latest;
use super::laws::Tally;
use super::part::Part;
use super::plan::{Checked, Found, HistoryPlan, Order, Plan};
use super::reader::Row;
use super::refused::Refused;
use super::split::{Fields, Record};
use super::value::{Problem, Value};
use crate::config::mapping::Encoding;
use crate::store::schema::Kind;
use crate::store::spill::Block;

/// Rows of a table of texts that one thread handles together.
const BATCH: usize = 8192;

/// A row that was refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Reject {
    /// The canonical table.
    pub table: String,
    /// The file as the project names it.
    pub file: String,
    /// Line of the row, counted from 1.
    pub line: u64,
    /// Why, as a stable name.
    pub code: String,
    /// The source column at fault, if it is one.
    pub column: Option<String>,
    /// The row as it stands in the file.
    pub raw: String,
}

/// A field that did not read but whose row was kept without it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unread {
    /// How many.
    pub count: u64,
    /// First line.
    pub line: u64,
    /// Up to three samples.
    pub samples: Vec<String>,
}

/// What one file gave.
#[derive(Debug)]
pub struct Parsed {
    /// Rows that could be read, packed, in the bins that their tickets belong to.
    pub rows: Vec<(usize, Block)>,
    /// Rows that could not.
    pub(super) refused: Refused,
    /// Where they stand: number of the file, and its first line or row.
    pub(super) place: (u32, u64),
    /// Optional fields that could not, by source column and problem.
    pub unread: BTreeMap<(String, Problem), Unread>,
    /// Rows left out by the mapping's `only` or `except`.
    pub left_out: u64,
    /// Money of rejected and left-out rows whose amount could be read: by currency.
    pub money_lost: BTreeMap<(String, Lost), i128>,
    /// Data rows in the file.
    pub rows_in: u64,
    /// Mapped optional source columns that the header does not have.
    pub absent: Vec<String>,
    /// Source columns that the mapping does not use.
    pub unmapped: Vec<String>,
    /// How the laws of the mapping fared, in its order.
    pub laws: Vec<Tally>,
}

/// What became of a row that is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lost {
    /// In `rejects`.
    Rejected,
    /// Out of scope by the mapping's `only` or `except`.
    OutOfScope,
}

/// A text without the spaces around it.
fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [b'!'..=b'~'] | [b'!'..=b'~', .., b'!'..=b'~'] => text,
        _ => text.trim(),
    }
}

/// Why a record is not kept.
enum Refusal {
    /// It does not read: the code, and the source column at fault.
    Rejected(&'static str, Option<String>),
    /// The mapping leaves it out.
    LeftOut,
}

impl Plan<'_> {
    /// Nothing read yet.
    pub fn empty(&self) -> Parsed {
        let named = self.header.iter().zip(&self.used);
        Parsed {
            rows: Vec::new(),
            refused: Refused::default(),
            place: (self.file, 0),
            unread: BTreeMap::new(),
            left_out: 0,
            money_lost: BTreeMap::new(),
            rows_in: 0,
            absent: self.absent.clone(),
            unmapped: named
                .filter(|(h, used)| !**used && !h.is_empty() && *h != super::tree::ROWS)
                .map(|(h, _)| h.clone())
                .collect(),
            laws: vec![Tally::default(); self.laws.len()],
        }
    }

    fn is_null(&self, text: &str) -> bool {
        match text.as_bytes() {
            [] => true,
            [first, ..] if self.null_from[usize::from(*first)] => {
                self.source.mapping.null.iter().any(|n| n == text)
            }
            _ => false,
        }
    }

    /// The text of a field, trimmed; `None` when it says that there is none.
    pub(super) fn text<'r>(&self, record: &'r Record<'_>, at: usize) -> Option<&'r str> {
        let text = trimmed(record.fields.text(at)?);
        (!self.is_null(text)).then_some(text)
    }

    /// Reads rows that are split already.
    pub(super) fn rows(&self, rows: &[Row]) -> Parsed {
        let parts: Vec<Parsed> = rows
            .par_chunks(BATCH)
            .enumerate()
            .map(|(n, chunk)| {
                let mut part = self.part(n as u64, 0);
                for row in chunk {
                    self.record(&mut self.split(row), &mut part);
                }
                self.done(part)
            })
            .collect();
        let mut out = self.empty();
        for part in parts {
            out.append(part);
        }
        out
    }

    /// A row of cells as a record; its raw text names each filled cell.
    fn split<'r>(&self, row: &'r Row) -> Record<'r> {
        let mut fields = vec![""; self.header.len()];
        let mut raw = String::new();
        for (at, text) in &row.cells {
            let at = usize::try_from(*at).unwrap_or(usize::MAX);
            let name = self.header.get(at).map_or("", String::as_str);
            if !raw.is_empty() {
                raw.push_str("; ");
            }
            raw.push_str(name);
            raw.push('=');
            raw.push_str(text);
            match fields.get_mut(at) {
                Some(slot) => *slot = text,
                // Beyond the header: one field too many.
                None => fields.push(text),
            }
        }
        Record {
            line: row.line,
            raw: Cow::Owned(raw.into_bytes()),
            fields: Fields::Given(fields),
        }
    }

    /// The raw text of a refused row. Where names are replaced, they are replaced in it too, and
    /// columns that the mapping does not use stay away.
    fn raw(&self, record: &Record<'_>) -> String {
        let as_given = self
            .pseudonyms
            .as_ref()
            .filter(|_| self.people.contains(&true));
        let Some(pseudonyms) = as_given else {
            return String::from_utf8_lossy(&record.raw).into_owned();
        };
        if record.fields.len() != self.header.len() {
            let hash = blake3::hash(&record.raw).to_hex();
            let hash = hash.get(..16).unwrap_or_default();
            return format!("(withheld, because names may stand in it; hash {hash})");
        }
        let fields = record.fields.iter().zip(self.used.iter().zip(&self.people));
        let shown: Vec<String> = fields
            .map(|(field, (used, person))| {
                let text = String::from_utf8_lossy(field);
                let text = text.trim();
                match (used, person) {
                    _ if self.is_null(text) => text.to_owned(),
                    (_, true) => pseudonyms.of(text).as_str().to_owned(),
                    (true, false) => text.to_owned(),
                    (false, false) => "…".to_owned(),
                }
            })
            .collect();
        shown.join(",")
    }

    /// Reads one record into `part`, which may keep it until the next one is read and then leaves
    /// another in its place.
    pub(super) fn record<'r>(&self, record: &mut Record<'r>, part: &mut Part<'r>) {
        part.parsed.rows_in += 1;
        let checked = self.check(record, part);
        let out = &mut part.parsed;
        match checked {
            Ok(named) => self.keep(record, named, part),
            Err(Refusal::LeftOut) => {
                out.left_out += 1;
                self.money(record, Lost::OutOfScope, out);
            }
            Err(Refusal::Rejected(code, column)) => {
                self.money(record, Lost::Rejected, out);
                out.refused
                    .add(record.line, code, column, &self.raw(record));
            }
        }
    }

    /// Whether a record reads; what was found in it is then in `now` of the part. Fields that say the
    /// same as in the last row that reads, as most of an audit log do, are not read again. Gives whether
    /// all that names the ticket is such.
    fn check(&self, record: &Record<'_>, part: &mut Part<'_>) -> Result<bool, Refusal> {
        let rejected = |code, column| Err(Refusal::Rejected(code, column));
        let out = &mut part.parsed;
        if record.fields.len() != self.header.len() {
            return rejected("field_count", None);
        }
        if !record.fields.are_texts() {
            let code = match self.encoding {
                Encoding::Utf8 => "not_utf8",
                _ => "undecodable",
            };
            return rejected(code, None);
        }
        let text = |at: usize| self.text(record, at);
        let holds = |(at, values): &(usize, &[String])| {
            values.iter().any(|w| w.as_str() == text(*at).unwrap_or(""))
        };
        if !self.only.iter().all(holds) || self.except.iter().any(holds) {
            return Err(Refusal::LeftOut);
        }
        let (last, now, differs) = (&part.last, &mut part.now, &mut part.differs);
        for at in part.changed.drain(..) {
            if let Some(differs) = differs.get_mut(at) {
                *differs = false;
            }
        }
        for at in &self.used_at {
            if last.there && record.fields.same(&last.record.fields, *at) {
                continue;
            }
            if let Some(differs) = differs.get_mut(*at) {
                *differs = true;
                part.changed.push(*at);
            }
        }
        let differs = &part.differs;
        let differ = |places: &[usize]| {
            let mut places = places.iter();
            places.any(|at| differs.get(*at).is_none_or(|differs| *differs))
        };
        now.found.clone_from(&last.found);
        part.again.clear();
        let few = part.changed.len() * 4 < self.readers.len();
        if last.there && last.unsettled == 0 && few {
            for at in &part.changed {
                for n in self.fed.get(*at).map_or(&[][..], Vec::as_slice) {
                    // One that reads several of them is read again once.
                    let mut reads = self.readers.get(*n).map_or(&[][..], |b| &b.reads).iter();
                    if reads.find(|r| differ(&[**r])) == Some(at) {
                        part.again.push(*n);
                    }
                }
            }
        } else {
            let all = self.readers.iter().zip(&last.found).enumerate();
            let again = all
                .filter(|(_, (bound, found))| !last.there || !found.stays || differ(&bound.reads));
            part.again.extend(again.map(|(n, _)| n));
        }
        now.unsettled = 0;
        let mut named = last.there;
        for n in &part.again {
            let (Some(bound), Some(found)) = (self.readers.get(*n), now.found.get_mut(*n)) else {
                continue;
            };
            named &= !bound.names;
            let column = bound.reader.column;
            found.stays = bound.stays();
            found.checked = match bound.check(&text) {
                None if bound.row_hash => Checked::RowHash,
                None => Checked::Absent,
                Some((_, Ok(checked))) => checked,
                Some((_, Err(problem))) if column.required => {
                    return rejected(problem.code(), Some(bound.source_name.clone()));
                }
                Some((t, Err(problem))) => {
                    out.leave_out(&bound.source_name, problem, record.line, t);
                    found.stays = false;
                    // A ticket whose type does not read must not count as an incident, which an
                    // absent type would.
                    match column.kind {
                        Kind::TicketType => Checked::Unknown,
                        _ => Checked::Absent,
                    }
                }
            };
            now.unsettled += usize::from(!found.stays);
            if found.checked == Checked::Absent && column.required {
                let derived = self.history.is_some()
                    && self.table().name == "incident_events"
                    && (column.name == "at" || column.name == "field");
                if !derived {
                    return rejected("required_value_absent", Some(bound.source_name.clone()));
                }
            }
        }
        if !part.again.is_empty()
            && let Some((code, column)) = self.contradiction(&now.found)
        {
            return rejected(code, Some(column));
        }
        now.moment = last.moment;
        if let Some(HistoryPlan {
            moment: reader, at, ..
        }) = &self.history
            && differ(&[*at])
        {
            now.moment = match text(*at).map(|t| reader.read(t)) {
                Some(Ok(Value::Integer(at))) => Some(at),
                Some(Err(problem)) => {
                    return rejected(problem.code(), Some("history.at".to_owned()));
                }
                _ => return rejected("required_value_absent", Some("history.at".to_owned())),
            };
        }
        let amount = match self.amount.and_then(|at| now.found.get(at)) {
            Some(Found {
                checked: Checked::Decimal(units),
                ..
            }) => Some(units.get()),
            _ => None,
        };
        for (law, tally) in self.laws.iter().zip(&mut out.laws) {
            law.check(&text, amount, record.line, tally);
        }
        Ok(named)
    }

    /// What a value of a `latest` column counts as.
    pub(super) fn rank<'t>(&self, text: Option<&'t str>) -> Latest<'t> {
        let Some(text) = text else {
            return Latest::None;
        };
        let moment = self.moment.as_ref().map(|reader| reader.read(text));
        match moment {
            Some(Ok(Value::Integer(at))) if self.source.mapping.earliest => Latest::Number(-at),
            Some(Ok(Value::Integer(at))) => Latest::Number(at),
            _ => match text.parse::<i64>() {
                Ok(n) => Latest::Number(n),
                Err(_) => Latest::Text(text),
            },
        }
    }

    /// What a row's own values say against each other.
    fn contradiction(&self, row: &[Found]) -> Option<(&'static str, String)> {
        let at = |at: usize| match row.get(at)?.checked {
            Checked::Integer(v) => Some(v),
            _ => None,
        };
        let wrong = |order: &&Order| match (at(order.first), at(order.then)) {
            (Some(first), Some(then)) => then < first,
            _ => false,
        };
        let order = self.orders.iter().find(wrong)?;
        let bound = self.readers.get(order.then)?;
        Some((order.code, bound.source_name.clone()))
    }

    /// Money of a row that is not accepted, so that the money identity of the file closes.
    fn money(&self, record: &Record<'_>, what: Lost, out: &mut Parsed) {
        let carries_money = self
            .table()
            .columns
            .iter()
            .any(|c| c.kind == Kind::Currency);
        if !carries_money {
            return;
        }
        let text = |at: usize| self.text(record, at);
        let field = |name: &str| {
            let bound = self.readers.iter().find(|b| b.reader.column.name == name)?;
            bound.value(&text)?.ok()
        };
        if let (Some(Value::Decimal(amount)), Some(Value::Text(currency))) =
            (field("amount"), field("currency"))
        {
            let sum = out
                .money_lost
                .entry((currency.into_owned(), what))
                .or_default();
            *sum = sum.saturating_add(amount);
        }
    }
}

/// Rows of a part of a file that wait until all files are read.
#[derive(Debug)]
pub struct Kept {
    /// Those that read, packed, in the bins that their tickets belong to.
    pub rows: Vec<(usize, Block)>,
    /// Those that were refused.
    pub refused: Option<Block>,
}

impl Parsed {
    /// The rows, to be kept elsewhere.
    pub(super) fn leave(&mut self) -> Kept {
        Kept {
            rows: std::mem::take(&mut self.rows),
            refused: self.refused.leave(self.place),
        }
    }

    fn leave_out(&mut self, column: &str, problem: Problem, line: u64, text: &str) {
        let entry = self.unread.entry((column.to_owned(), problem)).or_default();
        entry.count += 1;
        if entry.count == 1 {
            entry.line = line;
        }
        if entry.samples.len() < 3 && !entry.samples.iter().any(|s| s == text) {
            entry.samples.push(text.chars().take(60).collect());
        }
    }

    /// Adds what the next part of the same file gave.
    pub(super) fn append(&mut self, other: Parsed) {
        self.rows.extend(other.rows);
        self.refused.append(other.refused);
        for (key, unread) in other.unread {
            let mine = self.unread.entry(key).or_default();
            if mine.count == 0 {
                mine.line = unread.line;
            }
            mine.count += unread.count;
            for sample in unread.samples {
                if mine.samples.len() < 3 && !mine.samples.contains(&sample) {
                    mine.samples.push(sample);
                }
            }
        }
        self.left_out += other.left_out;
        for (key, sum) in other.money_lost {
            let mine = self.money_lost.entry(key).or_default();
            *mine = mine.saturating_add(sum);
        }
        self.rows_in += other.rows_in;
        for (mine, theirs) in self.laws.iter_mut().zip(other.laws) {
            mine.append(theirs);
        }
    }
}

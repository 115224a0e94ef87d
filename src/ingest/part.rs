//! Rows that read, as one thread packs them, each in the bin of its ticket. Responsible for what
//! they become, and for passing over those that the very next row supersedes, as in an audit log;
//! not for whether they read (see [`super::record`]), nor for how they lie (see [`super::packed`]).

use std::borrow::Cow;

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::columns::name_by;
use super::grouping::bin_of;
use super::packed::{self, Begun, Cell};
use super::people::Pseudonyms;
use super::plan::{Checked, Plan};
use super::record::Parsed;
use super::repeats::Repeat;
use super::split::Record;
use super::value::Value;
use crate::store::spill::Block;

/// Rows as they are being packed by one thread, of texts that live for `'r`.
pub(super) struct Part<'r> {
    pub(super) parsed: Parsed,
    /// Of each bin how many rows, and the rows.
    bins: Vec<(usize, Vec<u8>)>,
    place: (u32, u64),
    latest: Vec<u8>,
    key: Vec<u8>,
    /// What the columns of the row now read were found to be.
    pub(super) checked: Vec<Checked>,
    /// The columns and the watched fields of the row before.
    pub(super) columns: Vec<Repeat>,
    watched: Vec<Repeat>,
    before: Before<'r>,
}

/// The latest so far of the rows with the key of the row before; without a key where none is.
struct Before<'r> {
    bin: usize,
    key: Option<u128>,
    latest: Vec<u8>,
    hash: u64,
    /// Where it starts, while it waits for its values, and what these are made of.
    waits: Option<Begun>,
    record: Record<'r>,
    checked: Vec<Checked>,
}

impl Plan<'_> {
    /// Nothing read yet of a part of the file that begins at `first`, a line or a row, and has
    /// `size` bytes, or 0 where that is not known.
    pub(super) fn part<'r>(&self, first: u64, size: usize) -> Part<'r> {
        let bins = self.bins.max(1);
        // Packed rows take less than their text, mostly.
        let room = size / bins;
        let fields = self.history.as_ref().map_or(0, |h| h.fields.len());
        let repeats = |count: usize| (0..count).map(|_| Repeat::default()).collect();
        Part {
            parsed: self.empty(),
            bins: (0..bins).map(|_| (0, Vec::with_capacity(room))).collect(),
            place: (self.file, first),
            latest: Vec::new(),
            key: Vec::new(),
            checked: Vec::with_capacity(self.readers.len()),
            columns: repeats(self.readers.len()),
            watched: repeats(fields),
            before: Before {
                bin: 0,
                key: None,
                latest: Vec::new(),
                hash: 0,
                waits: None,
                record: Record::default(),
                checked: Vec::with_capacity(self.readers.len()),
            },
        }
    }

    /// What was read, its rows in their bins.
    pub(super) fn done(&self, mut part: Part<'_>) -> Parsed {
        self.complete(&mut part);
        let place = part.place;
        let bins = part.bins.into_iter().enumerate();
        let blocks = bins.filter(|(_, (rows, _))| *rows > 0);
        part.parsed.rows = blocks
            .map(|(bin, (rows, bytes))| {
                // Copied, not cut short: what is cut off could hold nothing else.
                let bytes = bytes.as_slice().to_vec();
                (bin, Block { place, rows, bytes })
            })
            .collect();
        part.parsed
    }

    /// Keeps a record that reads, whose columns are in `checked` of the part. `moment` is that of a
    /// row of an audit log. A record that the next one may supersede waits in the part until then.
    pub(super) fn keep<'r>(
        &self,
        record: &mut Record<'r>,
        moment: Option<i64>,
        part: &mut Part<'r>,
    ) {
        part.latest.clear();
        for at in &self.latest {
            self.rank(self.text(record, *at)).rank(&mut part.latest);
        }
        // It only decides between rows of which nothing says which is the later.
        let hash = xxh3_64(&record.raw);
        let names = self
            .bin_by
            .iter()
            .map(|at| match self.valued(record, &part.checked, (*at)?) {
                Some(Value::Text(name)) => Some(name),
                _ => None,
            });
        let number = bin_of(names, self.bins);
        part.key.clear();
        let hidden = self.hidden(record, &part.checked);
        for (at, kind) in &self.key {
            let value = self.valued(record, &part.checked, *at);
            let value = value.map(|value| hide(value, *at, hidden));
            name_by(&mut part.key, *kind, value.as_ref());
        }
        let key = xxh3_128(&part.key);
        let before = &part.before;
        let again = before.key == Some(key) && before.bin == number;
        let later = (part.latest.as_slice(), hash) > (before.latest.as_slice(), before.hash);
        if again && later {
            // Nobody asks for the values of that one any more.
            part.before.waits = None;
        } else {
            self.complete(part);
        }
        let Some((rows, bin)) = part.bins.get_mut(number) else {
            return;
        };
        *rows += 1;
        let about = (record.line, hash, part.latest.as_slice());
        let watched = moment.map(|moment| {
            let watched = &mut part.watched;
            (moment, self.watched(record, again, watched))
        });
        let begun = packed::begin(bin, key, about, watched);
        if !self.strips {
            return self.values(begun, record, &part.checked, &mut part.columns, bin);
        }
        if again && !later {
            return;
        }
        let before = &mut part.before;
        (before.bin, before.key, before.hash) = (number, Some(key), hash);
        std::mem::swap(&mut before.latest, &mut part.latest);
        std::mem::swap(&mut before.record, record);
        std::mem::swap(&mut before.checked, &mut part.checked);
        before.waits = Some(begun);
    }

    /// Gives the row that waits for its values these.
    fn complete(&self, part: &mut Part<'_>) {
        let before = &mut part.before;
        if let (Some(begun), Some((_, bin))) = (before.waits.take(), part.bins.get_mut(before.bin))
        {
            let (record, checked) = (&before.record, before.checked.as_slice());
            self.values(begun, record, checked, &mut part.columns, bin);
        }
    }

    /// Adds the values of a row.
    fn values(
        &self,
        begun: Begun,
        record: &Record<'_>,
        checked: &[Checked],
        columns: &mut [Repeat],
        bin: &mut Vec<u8>,
    ) {
        let text = |at: usize| self.text(record, at);
        let hidden = self.hidden(record, checked);
        let mut packing = begun.values(bin, self.readers.len() + self.kept.len());
        let readers = self.readers.iter().zip(columns);
        for (at, ((bound, before), checked)) in readers.zip(checked).enumerate() {
            match checked {
                Checked::Absent => packing.put(None),
                Checked::Value(value) => packing.put(Some(value)),
                Checked::Text => {
                    let value = bound.value_again(&text, before);
                    packing.put(value.map(|value| hide(value, at, hidden)).as_ref());
                }
            }
        }
        for at in &self.kept {
            let person = self.people.get(*at).copied().unwrap_or_default();
            let value = text(*at).map(|text| match &self.pseudonyms {
                Some(people) if person => Value::Text(people.of(text).into()),
                _ => Value::Text(text.into()),
            });
            packing.put(value.as_ref());
        }
        packing.end();
    }

    /// How names are replaced in a change of assignee, and in which columns.
    fn hidden(&self, record: &Record<'_>, checked: &[Checked]) -> Option<Hidden<'_>> {
        let (table, people) = (self.table(), self.pseudonyms.as_ref()?);
        if table.name != "incident_events" {
            return None;
        }
        match self.valued(record, checked, table.position("field")?)? {
            Value::Text(field) if field == "assignee" => {
                Some((people, [table.position("from")?, table.position("to")?]))
            }
            _ => None,
        }
    }

    /// The value of a column of a row that reads.
    fn valued<'t>(
        &'t self,
        record: &'t Record<'_>,
        checked: &'t [Checked],
        at: usize,
    ) -> Option<Value<'t>> {
        match checked.get(at)? {
            Checked::Absent => None,
            Checked::Value(value) => Some(value.borrowed()),
            Checked::Text => {
                let bound = self.readers.get(at)?;
                bound.value(&|at| self.text(record, at))?.ok()
            }
        }
    }

    /// The watched fields of a row of an audit log; `again` is whether the row packed before it in
    /// its bin has its key.
    fn watched<'t>(
        &'t self,
        record: &'t Record<'_>,
        again: bool,
        before: &'t mut [Repeat],
    ) -> impl Iterator<Item = Cell<'t>> {
        let fields = self.history.iter().flat_map(|history| &history.fields);
        fields
            .zip(before)
            .map(move |((at, reader, person), field)| {
                let Some(text) = self.text(record, *at) else {
                    field.forget();
                    return Cell::Absent;
                };
                if again && field.is(Some(text)) {
                    return Cell::Same;
                }
                let value = field.of(text, || {
                    let read = reader.as_ref().map(|r| r.read(text));
                    Ok(Value::Text(match (read, &self.pseudonyms) {
                        (Some(Ok(Value::Integer(p))), _) => priority(p),
                        (None, Some(people)) if *person => Cow::Owned(people.of(text)),
                        _ => Cow::Borrowed(text),
                    }))
                });
                match value {
                    Ok(Value::Text(Cow::Borrowed(text))) => Cell::Text(text),
                    // A text is read as a text that the field holds.
                    _ => Cell::Absent,
                }
            })
    }
}

/// How names are replaced, and in which columns of a row.
type Hidden<'p> = (&'p Pseudonyms, [usize; 2]);

/// The value of a column, without a name that is to be replaced.
fn hide<'t>(value: Value<'t>, at: usize, hidden: Option<Hidden<'_>>) -> Value<'t> {
    match (value, hidden) {
        (Value::Text(name), Some((people, places))) if places.contains(&at) => {
            Value::Text(people.of(&name).into())
        }
        (value, _) => value,
    }
}

/// A priority as it stands in the history of a ticket.
fn priority(number: i64) -> Cow<'static, str> {
    match number {
        1 => Cow::Borrowed("P1"),
        2 => Cow::Borrowed("P2"),
        3 => Cow::Borrowed("P3"),
        4 => Cow::Borrowed("P4"),
        5 => Cow::Borrowed("P5"),
        other => Cow::Owned(format!("P{other}")),
    }
}

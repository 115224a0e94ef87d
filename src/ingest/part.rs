//! Rows that read, as one thread packs them, each in the bin of its ticket. Responsible for what
//! they become, and for passing over those that another row of the same run supersedes, as in an audit
//! log; not for whether they read (see [`super::record`]), nor for how they lie (see
//! [`super::packed`]).

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::columns::name_by;
use super::grouping::bin_of;
use super::packed::{self, Begun, Cell, Together};
use super::people::{Met, Pseudonyms};
use super::plan::{Checked, Found, Plan};
use super::record::Parsed;
use super::split::Record;
use super::value::Value;
use crate::store::spill::Block;

/// Rows as they are being packed by one thread, of texts that live for `'r`.
pub(super) struct Part<'r> {
    pub(super) parsed: Parsed,
    /// The rows of each bin, and how many there are.
    bins: Vec<Vec<u8>>,
    counts: Vec<usize>,
    latest: Vec<u8>,
    key: Vec<u8>,
    /// The row now read, but for its record.
    pub(super) now: Row<'r>,
    /// The last row that reads.
    pub(super) last: Row<'r>,
    /// Of each source column whether it differs from that row.
    pub(super) differs: Vec<bool>,
    /// Those that do, and the columns that are read again because of it.
    pub(super) changed: Vec<usize>,
    pub(super) again: Vec<usize>,
    /// The rows of the key of that row so far.
    run: Run<'r>,
    met: Met,
}

/// A row that reads.
#[derive(Default)]
pub(super) struct Row<'r> {
    /// Whether there is one.
    pub(super) there: bool,
    pub(super) record: Record<'r>,
    /// What its columns were found to be.
    pub(super) found: Vec<Found>,
    /// How many of them may be found to be something else in the same texts.
    pub(super) unsettled: usize,
    /// That of a row of an audit log.
    pub(super) moment: Option<i64>,
}

/// Rows of one key that follow each other.
#[derive(Default)]
struct Run<'r> {
    /// Where it starts; none where it is whole.
    begun: Option<Begun>,
    bin: usize,
    key: u128,
    together: Option<Together>,
    /// What says that the row that stands among them is the latest, and its hash.
    latest: Vec<u8>,
    hash: u64,
    /// The row that stands among them, where it is not the last one.
    stands: Row<'r>,
}

impl Plan<'_> {
    /// Nothing read yet of a part of the file that begins at `first`, a line or a row, and has
    /// `size` bytes, or 0 where that is not known.
    pub(super) fn part<'r>(&self, first: u64, size: usize) -> Part<'r> {
        let bins = self.bins.max(1);
        let spare = self.spare.lock().map(|mut spare| spare.pop());
        // Packed rows take less than their text, mostly.
        let room = || (0..bins).map(|_| Vec::with_capacity(size / bins)).collect();
        let nothing = Found {
            checked: Checked::Absent,
            stays: false,
        };
        Part {
            parsed: Parsed {
                place: (self.file, first),
                ..self.empty()
            },
            bins: spare.ok().flatten().unwrap_or_else(room),
            counts: vec![0; bins],
            latest: Vec::new(),
            key: Vec::new(),
            now: Row::default(),
            last: Row {
                found: vec![nothing; self.readers.len()],
                ..Row::default()
            },
            differs: vec![false; self.header.len()],
            changed: Vec::new(),
            again: Vec::new(),
            run: Run::default(),
            met: Met::default(),
        }
    }

    /// What was read, its rows in their bins.
    pub(super) fn done(&self, mut part: Part<'_>) -> Parsed {
        self.complete(&mut part);
        let place = part.parsed.place;
        let bins = part.bins.iter().zip(&part.counts).enumerate();
        part.parsed.rows = bins
            .filter(|(_, (_, rows))| **rows > 0)
            .map(|(bin, (bytes, rows))| {
                // Copied, not cut short: what is cut off could hold nothing else.
                let (rows, bytes) = (*rows, bytes.as_slice().to_vec());
                (bin, Block { place, rows, bytes })
            })
            .collect();
        for bytes in &mut part.bins {
            bytes.clear();
        }
        if let Ok(mut spare) = self.spare.lock() {
            spare.push(part.bins);
        }
        part.parsed
    }

    /// Keeps the record that was read last, of which the part has what was found in it, and leaves
    /// another one in its place. `named` is whether its ticket is named as in the row before.
    pub(super) fn keep<'r>(&self, record: &mut Record<'r>, named: bool, part: &mut Part<'r>) {
        part.latest.clear();
        for at in &self.latest {
            self.rank(self.text(record, *at)).rank(&mut part.latest);
        }
        // It only decides between rows of which nothing says which is the later.
        let hash = xxh3_64(&record.raw);
        let (bin, key) = match named {
            true => (part.run.bin, part.run.key),
            false => self.name(record, &part.now.found, &mut part.key),
        };
        let again =
            self.strips && part.run.begun.is_some() && (part.run.bin, part.run.key) == (bin, key);
        if !again {
            self.complete(part);
        }
        let (Some(out), Some(rows)) = (part.bins.get_mut(bin), part.counts.get_mut(bin)) else {
            return;
        };
        *rows += 1;
        let run = &mut part.run;
        if !again {
            run.begun = Some(packed::begin(out, key));
            (run.bin, run.key, run.together) = (bin, key, None);
        }
        let about = (record.line, hash, part.latest.as_slice());
        let watched = part.now.moment.map(|moment| {
            let differs = part.differs.as_slice();
            (moment, self.watched(record, differs, again, &mut part.met))
        });
        let next = run.begun.map_or(0, |begun| begun.next(out));
        packed::row(out, about, watched);
        let Some(together) = &mut run.together else {
            run.together = Some(Together::ALONE);
            run.stands.there = false;
            (run.hash, run.latest) = (hash, std::mem::take(&mut part.latest));
            return part.goes_on(record);
        };
        let rank = part.latest.as_slice();
        let same = rank == run.latest.as_slice();
        if (rank, hash) > (run.latest.as_slice(), run.hash) {
            // Nobody asks for the values of the other one any more.
            run.stands.there = false;
            together.stands = next;
            together.tied = same;
            run.hash = hash;
            std::mem::swap(&mut run.latest, &mut part.latest);
        } else {
            if !run.stands.there {
                std::mem::swap(&mut run.stands, &mut part.last);
            }
            together.tied |= same && hash != run.hash;
        }
        together.count += 1;
        part.goes_on(record);
    }

    /// In which bin a row is, and the identity of its key. `name` is room to work in.
    fn name(&self, record: &Record<'_>, found: &[Found], name: &mut Vec<u8>) -> (usize, u128) {
        let names = self
            .bin_by
            .iter()
            .map(|at| match self.valued(record, found, (*at)?) {
                Some(Value::Text(name)) => Some(name),
                _ => None,
            });
        let bin = bin_of(names, self.bins);
        name.clear();
        let hidden = self.hidden(record, found);
        for (at, kind) in &self.key {
            let value = self.valued(record, found, *at);
            let value = value.map(|value| hide(value, *at, hidden));
            name_by(name, *kind, value.as_ref());
        }
        (bin, xxh3_128(name))
    }

    /// Gives the run that waits for its values those of the row that stands among its rows.
    fn complete(&self, part: &mut Part<'_>) {
        let run = &mut part.run;
        let (Some(begun), Some(together), Some(out)) =
            (run.begun.take(), run.together, part.bins.get_mut(run.bin))
        else {
            return;
        };
        let row = match run.stands.there {
            true => &run.stands,
            false => &part.last,
        };
        let (record, found) = (&row.record, row.found.as_slice());
        let hidden = self.hidden(record, found);
        let columns = found.len() + self.kept.len();
        let mut packing = begun.values(out, together, columns);
        for at in 0..found.len() {
            let value = self.valued(record, found, at);
            packing.put(value.map(|value| hide(value, at, hidden)).as_ref());
        }
        for at in &self.kept {
            let person = self.people.get(*at).copied().unwrap_or_default();
            let value = self.text(record, *at).map(|text| match &self.pseudonyms {
                Some(people) if person => Value::Text(people.of(text).as_str().to_owned().into()),
                _ => Value::Text(text.into()),
            });
            packing.put(value.as_ref());
        }
        packing.end();
    }

    /// How names are replaced in a change of assignee, and in which columns.
    fn hidden(&self, record: &Record<'_>, found: &[Found]) -> Option<Hidden<'_>> {
        let (table, people) = (self.table(), self.pseudonyms.as_ref()?);
        if table.name != "incident_events" {
            return None;
        }
        match self.valued(record, found, table.position("field")?)? {
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
        found: &[Found],
        at: usize,
    ) -> Option<Value<'t>> {
        match found.get(at)?.checked {
            Checked::Absent => None,
            Checked::Integer(n) => Some(Value::Integer(n)),
            Checked::Boolean(b) => Some(Value::Boolean(b)),
            Checked::Decimal(units) => Some(Value::Decimal(units.get())),
            Checked::Month(month) => Some(Value::Text(month.to_string().into())),
            Checked::Unknown => Some(Value::Text("unknown".into())),
            Checked::RowHash => {
                let hash = blake3::hash(&record.raw).to_hex();
                let hash = hash.get(..16).unwrap_or_default();
                Some(Value::Text(hash.to_owned().into()))
            }
            Checked::Text => {
                let bound = self.readers.get(at)?;
                bound.value(&|at| self.text(record, at))?.ok()
            }
        }
    }

    /// The watched fields of a row of an audit log; `again` is whether the row before is of the same
    /// run, from which `differs` says which columns differ.
    fn watched<'t>(
        &'t self,
        record: &'t Record<'_>,
        differs: &'t [bool],
        again: bool,
        met: &'t mut Met,
    ) -> impl Iterator<Item = Cell<'t>> {
        let fields = self.history.iter().flat_map(|history| &history.fields);
        fields.map(move |(at, reader, person)| {
            if again && differs.get(*at) == Some(&false) {
                return Cell::Same;
            }
            let Some(text) = self.text(record, *at) else {
                return Cell::Absent;
            };
            let read = reader.as_ref().map(|r| r.read(text));
            match (read, &self.pseudonyms) {
                (Some(Ok(Value::Integer(p))), _) => {
                    priority(p).map_or(Cell::Text(text), Cell::Text)
                }
                (None, Some(people)) if *person => Cell::Person(met.of(people, text)),
                _ => Cell::Text(text),
            }
        })
    }
}

impl<'r> Part<'r> {
    /// Makes the row now read the last one.
    fn goes_on(&mut self, record: &mut Record<'r>) {
        self.now.there = true;
        std::mem::swap(&mut self.now.record, record);
        std::mem::swap(&mut self.now, &mut self.last);
        std::mem::swap(&mut self.now.record, record);
    }
}

/// How names are replaced, and in which columns of a row.
type Hidden<'p> = (&'p Pseudonyms, [usize; 2]);

/// The value of a column, without a name that is to be replaced.
fn hide<'t>(value: Value<'t>, at: usize, hidden: Option<Hidden<'_>>) -> Value<'t> {
    match (value, hidden) {
        (Value::Text(name), Some((people, places))) if places.contains(&at) => {
            Value::Text(people.of(&name).as_str().to_owned().into())
        }
        (value, _) => value,
    }
}

/// A priority as it stands in the history of a ticket.
fn priority(number: i64) -> Option<&'static str> {
    let names = ["P1", "P2", "P3", "P4", "P5"];
    let at = usize::try_from(number.checked_sub(1)?).ok()?;
    names.get(at).copied()
}

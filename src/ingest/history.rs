//! From the rows of an audit log to the history of each ticket: one event per changed field.
//! Not responsible for which row of the log stands as the ticket.

use super::columns::{Columns, Values};
use super::packed::{Row, Run};
use super::texts::{ABSENT, Texts};
use crate::store::schema::table;
use crate::time::Instant;

/// The rows of the log of one source, as far as they say what changed.
#[derive(Debug, Default)]
pub(super) struct Log<'b> {
    runs: Vec<Logged<'b>>,
    /// How many fields are watched.
    pub(super) count: usize,
}

/// Rows of a log that follow each other and are of one ticket.
#[derive(Debug)]
struct Logged<'b> {
    /// The identity of the ticket.
    ticket: u128,
    run: Run<'b>,
    file: u32,
}

impl<'b> Log<'b> {
    /// No rows yet, of so many watched fields.
    pub(super) fn new(count: usize) -> Log<'b> {
        Log {
            count,
            ..Log::default()
        }
    }

    /// Adds rows.
    pub(super) fn push(&mut self, run: Run<'b>, file: u32) {
        self.runs.push(Logged {
            ticket: run.key,
            run,
            file,
        });
    }

    /// Says of which tickets the rows are, where it is not the key of a run that does.
    pub(super) fn name(&mut self, names: &mut impl Iterator<Item = u128>) {
        for (logged, name) in self.runs.iter_mut().zip(names) {
            logged.ticket = name;
        }
    }
}

/// Rows of one ticket, with their watched fields one after the other.
#[derive(Default)]
struct Decoded<'b> {
    rows: Vec<(Row<'b>, u32)>,
    fields: Vec<Option<&'b str>>,
    /// In which order the rows were made.
    order: Vec<usize>,
}

impl<'b> Decoded<'b> {
    /// Reads the rows of runs; `None` when they are none.
    fn read(&mut self, runs: &[(usize, &Logged<'b>)], count: usize) -> Option<()> {
        self.rows.clear();
        self.fields.clear();
        for (_, logged) in runs {
            let mut rows = logged.run.rows(Some(count));
            while let Some(row) = rows.next(&mut self.fields) {
                self.rows.push((row?, logged.file));
            }
        }
        self.order.clear();
        self.order.extend(0..self.rows.len());
        let rank = |n: usize| {
            self.rows
                .get(n)
                .map(|(row, _)| (row.latest, row.at, row.hash))
        };
        if !self
            .rows
            .is_sorted_by_key(|(row, _)| (row.latest, row.at, row.hash))
        {
            self.order.sort_by(|a, b| rank(*a).cmp(&rank(*b)));
        }
        Some(())
    }
}

fn text(values: &mut Values, text: Option<&str>) {
    if let Values::Text(values) = values {
        values.push(text);
    }
}

/// The number that a text has in one column, by that in another one: texts are held once in each.
fn again(known: &mut Vec<u32>, held: &mut Texts, (text, number): (&str, u32)) -> u32 {
    let at = number as usize;
    if known.len() <= at {
        known.resize(at + 1, ABSENT);
    }
    match known.get_mut(at) {
        Some(known) if *known != ABSENT => *known,
        Some(known) => {
            *known = held.hold(text);
            *known
        }
        None => held.hold(text),
    }
}

/// What a watched field of a ticket said so far: its last value, with the number that this has among
/// those after a change, and when it changed last.
#[derive(Debug, Clone, Copy, Default)]
struct Before<'b> {
    old: Option<(&'b str, u32)>,
    last: Option<i64>,
}

/// The events in the log of one source, which may have been spread over files. `fields` are those
/// watched; `find` gives the row of a ticket in `tickets`, none of one that does not count. Rows of a
/// ticket are taken in the order of their `latest` columns, then of their moment, then of their
/// content. With them comes whether one may stand there twice: a field that goes to and fro within
/// one moment. `None` when the log has no such rows.
pub(super) fn events(
    log: &Log<'_>,
    fields: &[String],
    tickets: &Columns,
    find: impl Fn(u128) -> Option<usize>,
) -> Option<(Columns, bool)> {
    let mut out = Columns::new(table("incident_events")?, &[]);
    let named = tickets.positions(&["source", "ticket_id"]);
    // By the row of the ticket, which lie as in the log, more or less.
    let mut list: Vec<(usize, &Logged<'_>)> = Vec::with_capacity(log.runs.len());
    for logged in &log.runs {
        list.extend(find(logged.ticket).map(|row| (row, logged)));
    }
    // What lies in one file of the store then mostly follows each other already.
    let (contract, opened) = (
        tickets.table.position("contract_id"),
        tickets.table.position("opened_at"),
    );
    list.sort_by_cached_key(|(row, _)| {
        let opened = tickets.integer_at(opened, *row).unwrap_or_default();
        let month = Instant::from_micros(opened).utc_month();
        (tickets.number_at(contract, *row), month, *row)
    });
    let rows = list
        .iter()
        .map(|(_, logged)| logged.run.together.count as usize);
    // Most of it is never touched.
    out.reserve(rows.sum::<usize>() * log.count);
    let mut twice = false;
    let mut before: Vec<Before<'_>> = Vec::new();
    let what = out
        .table
        .position("field")
        .and_then(|at| out.values.get_mut(at));
    let numbers: Vec<u32> = match what {
        Some(Values::Text(what)) => fields.iter().map(|field| what.hold(field)).collect(),
        _ => return None,
    };
    // The numbers that texts have among those before a change, by the numbers that they have after it.
    let mut numbers_before: Vec<u32> = Vec::new();
    let mut decoded = Decoded::default();
    for runs in list.chunk_by(|a, b| a.0 == b.0) {
        before.clear();
        before.resize(numbers.len(), Before::default());
        decoded.read(runs, log.count)?;
        let ticket = runs.first().map_or(0, |(ticket, _)| *ticket);
        let first = out.line.len();
        for n in &decoded.order {
            let (logged, file) = decoded.rows.get(*n)?;
            let moment = logged.at;
            let from = n * log.count;
            let values = decoded.fields.get(from..from + log.count)?;
            let watched = numbers.iter().zip(values);
            for ((field, new), Before { old, last }) in watched.zip(&mut before) {
                let Some(new) = new.filter(|new| old.is_none_or(|(old, _)| old != *new)) else {
                    continue;
                };
                twice |= last.is_some_and(|last| moment <= last);
                *last = Some(moment);
                // The columns of the table, in its order.
                let [
                    source,
                    number,
                    Values::Integer(at),
                    Values::Text(what),
                    Values::Text(from),
                    Values::Text(to),
                ] = out.values.as_mut_slice()
                else {
                    return None;
                };
                let row = out.line.len();
                for (values, column) in [source, number].into_iter().zip(&named) {
                    match values {
                        Values::Text(values) if row > first => values.again(),
                        values => text(values, tickets.text_at(*column, ticket)),
                    }
                }
                at.push(Some(moment));
                what.push_number(*field);
                let number = old.map_or(ABSENT, |old| again(&mut numbers_before, from, old));
                from.push_number(number);
                let number = to.hold(new);
                to.push_number(number);
                out.line.push(logged.line);
                out.file.push(*file);
                out.hash.push(logged.hash);
                *old = Some((new, number));
            }
        }
    }
    Some((out, twice))
}

#[cfg(test)]
mod tests {
    use crate::store::schema::table;

    #[test]
    fn events_have_the_columns_that_are_written_here() {
        let columns = table("incident_events").unwrap().columns.iter();
        let names: Vec<&str> = columns.map(|c| c.name).collect();
        assert_eq!(names, ["source", "ticket_id", "at", "field", "from", "to"]);
    }
}

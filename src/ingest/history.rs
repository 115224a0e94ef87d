//! From the rows of an audit log to the history of each ticket: one event per changed field.
//! Not responsible for which row of the log stands as the ticket.

use super::columns::{Columns, Ranks, Values};
use super::packed::{Head, Watched};
use crate::store::schema::table;

/// The rows of the log of one source, as far as they say what changed.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// The identity of each row's ticket.
    pub(super) tickets: Vec<u128>,
    latest: Ranks,
    hash: Vec<u64>,
    line: Vec<u64>,
    file: Vec<u32>,
    watched: Watched,
}

impl Log {
    /// No rows yet, of so many watched fields.
    pub(super) fn new(fields: usize) -> Log {
        Log {
            watched: Watched::new(fields),
            ..Log::default()
        }
    }

    /// Adds a row; `None` when it says nothing beside its columns.
    pub(super) fn push(&mut self, row: &Head<'_>, file: u32) -> Option<()> {
        self.tickets.push(row.key);
        self.latest.push(row.latest);
        self.hash.push(row.hash);
        self.line.push(row.line);
        self.file.push(file);
        row.watch(&mut self.watched)
    }
}

fn text(values: &mut Values, text: Option<&str>) {
    if let Values::Text(values) = values {
        values.push(text);
    }
}

/// The events in the log of one source, which may have been spread over files. `fields` are those
/// watched; `find` gives the row of a ticket in `tickets`, none of one that does not count. Rows of a
/// ticket are taken in the order of their `latest` columns, then of their moment, then of their
/// content. With them comes whether one may stand there twice: a field that goes to and fro within
/// one moment.
pub(super) fn events(
    log: &Log,
    fields: &[String],
    tickets: &Columns,
    find: impl Fn(u128) -> Option<usize>,
) -> Option<(Columns, bool)> {
    let mut out = Columns::new(table("incident_events")?, &[]);
    let named = tickets.positions(&["source", "ticket_id"]);
    // By the row of the ticket, which lie as in the log, more or less.
    let mut list: Vec<(usize, usize)> = log
        .tickets
        .iter()
        .enumerate()
        .filter_map(|(n, name)| Some((find(*name)?, n)))
        .collect();
    let rank = |n: usize| (log.latest.get(n), log.watched.at.get(n), log.hash.get(n));
    list.sort_unstable_by(|a, b| {
        a.0.cmp(&b.0)
            .then_with(|| rank(a.1).cmp(&rank(b.1)))
            .then(a.1.cmp(&b.1))
    });
    out.reserve(list.len() * 2);
    let mut twice = false;
    let mut before: Vec<(Option<&str>, Option<i64>)> = Vec::new();
    for rows in list.chunk_by(|a, b| a.0 == b.0) {
        before.clear();
        before.resize(fields.len(), (None, None));
        for (ticket, n) in rows {
            let Some(moment) = log.watched.at.get(*n).copied() else {
                continue;
            };
            let watched = fields.iter().zip(&log.watched.fields);
            for ((field, values), (old, last)) in watched.zip(&mut before) {
                let Some(new) = values.get(*n).filter(|new| *old != Some(new)) else {
                    continue;
                };
                twice |= last.is_some_and(|last| moment <= last);
                *last = Some(moment);
                // The columns of the table, in its order.
                let [source, number, at, what, from, to] = out.values.as_mut_slice() else {
                    return None;
                };
                for (values, column) in [source, number].into_iter().zip(&named) {
                    text(values, tickets.text_at(*column, *ticket));
                }
                if let Values::Integer(values) = at {
                    values.push(Some(moment));
                }
                text(what, Some(field));
                text(from, *old);
                text(to, Some(new));
                out.line.push(log.line.get(*n).copied().unwrap_or_default());
                out.file.push(log.file.get(*n).copied().unwrap_or_default());
                out.hash.push(log.hash.get(*n).copied().unwrap_or_default());
                out.latest.push(&[]);
                *old = Some(new);
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

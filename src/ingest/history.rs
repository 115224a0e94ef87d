//! From the rows of an audit log to the history of each ticket: one event per changed field.
//! Not responsible for which row of the log stands as the ticket.

use super::columns::{Columns, Values};
use super::packed::Head;
use crate::store::schema::table;

/// The rows of the log of one source, as far as they say what changed.
#[derive(Debug, Default)]
pub(super) struct Log<'b> {
    /// The identity of each row's ticket.
    pub(super) tickets: Vec<u128>,
    rows: Vec<Logged<'b>>,
    /// The watched fields of each row, row after row.
    fields: Vec<Option<&'b str>>,
    /// How many there are of each.
    count: usize,
}

/// A row of a log.
#[derive(Debug)]
struct Logged<'b> {
    /// UTC microseconds.
    at: i64,
    latest: &'b [u8],
    hash: u64,
    line: u64,
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

    /// Adds a row; `None` when it says nothing beside its columns.
    pub(super) fn push(&mut self, row: &Head<'b>, file: u32) -> Option<()> {
        let at = row.watched(self.count, &mut self.fields)?;
        self.tickets.push(row.key);
        self.rows.push(Logged {
            at,
            latest: row.latest,
            hash: row.hash,
            line: row.line,
            file,
        });
        Some(())
    }

    /// The watched fields of a row.
    fn fields(&self, row: usize) -> &[Option<&'b str>] {
        let from = row * self.count;
        self.fields.get(from..from + self.count).unwrap_or_default()
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
    log: &Log<'_>,
    fields: &[String],
    tickets: &Columns,
    find: impl Fn(u128) -> Option<usize>,
) -> Option<(Columns, bool)> {
    let mut out = Columns::new(table("incident_events")?, &[]);
    let named = tickets.positions(&["source", "ticket_id"]);
    // By the row of the ticket, which lie as in the log, more or less; the rows of one mostly follow
    // each other.
    let mut known: Option<(u128, Option<usize>)> = None;
    let mut list: Vec<(usize, usize)> = Vec::with_capacity(log.tickets.len());
    for (n, name) in log.tickets.iter().enumerate() {
        let row = match known {
            Some((known, row)) if known == *name => row,
            _ => find(*name),
        };
        known = Some((*name, row));
        list.extend(row.map(|row| (row, n)));
    }
    let rank = |n: usize| log.rows.get(n).map(|row| (row.latest, row.at, row.hash));
    list.sort_unstable_by(|a, b| {
        a.0.cmp(&b.0)
            .then_with(|| rank(a.1).cmp(&rank(b.1)))
            .then(a.1.cmp(&b.1))
    });
    out.reserve(list.len() * 2);
    let mut twice = false;
    let mut before: Vec<(Option<&str>, Option<i64>)> = Vec::new();
    // The first event of each field, and of the ticket: others repeat their texts.
    let mut first_of: Vec<Option<usize>> = vec![None; fields.len()];
    for rows in list.chunk_by(|a, b| a.0 == b.0) {
        before.clear();
        before.resize(fields.len(), (None, None));
        let first = out.line.len();
        for (ticket, n) in rows {
            let Some(logged) = log.rows.get(*n) else {
                continue;
            };
            let moment = logged.at;
            let watched = fields.iter().zip(&mut first_of);
            let watched = watched.zip(log.fields(*n));
            for (((field, first_of), new), (old, last)) in watched.zip(&mut before) {
                let Some(new) = new.filter(|new| *old != Some(*new)) else {
                    continue;
                };
                twice |= last.is_some_and(|last| moment <= last);
                *last = Some(moment);
                // The columns of the table, in its order.
                let [source, number, at, what, from, to] = out.values.as_mut_slice() else {
                    return None;
                };
                let row = out.line.len();
                for (values, column) in [source, number].into_iter().zip(&named) {
                    match values {
                        Values::Text(values) if row > first => values.again(),
                        values => text(values, tickets.text_at(*column, *ticket)),
                    }
                }
                if let Values::Integer(values) = at {
                    values.push(Some(moment));
                }
                match (what, *first_of) {
                    (Values::Text(values), Some(like)) => values.push_like(like),
                    (values, _) => text(values, Some(field)),
                }
                first_of.get_or_insert(row);
                text(from, *old);
                text(to, Some(new));
                out.line.push(logged.line);
                out.file.push(logged.file);
                out.hash.push(logged.hash);
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

//! From the rows of an audit log to the history of each ticket: one event per changed field.
//! Not responsible for which row of the log stands as the ticket.

use super::columns::Columns;
use super::packed::Watched;
use super::value::Value;
use crate::store::schema::table;

/// The events in rows of one audit log, which may have been spread over files: `rows` from `first`
/// on, whose watched fields are in the order of `fields`. Rows of a ticket are taken in the order
/// of their `latest` columns, then of their moment, then of their content.
pub(super) fn events(
    rows: &Columns,
    first: usize,
    watched: &Watched,
    fields: &[String],
) -> Option<Columns> {
    let target = table("incident_events")?;
    let mut out = Columns::new(target, &[]);
    let at = rows.positions(&["source", "ticket_id"]);
    let [source_at, ticket_at] = at[..] else {
        return Some(out);
    };
    let mut key = Vec::new();
    let mut list: Vec<(u128, usize)> = (0..watched.at.len())
        .map(|n| (rows.identity_in(&at, first + n, &mut key), n))
        .collect();
    let rank = |n: usize| {
        let row = first + n;
        (rows.latest.get(row), watched.at.get(n), rows.hash.get(row))
    };
    list.sort_unstable_by(|a, b| {
        a.0.cmp(&b.0)
            .then_with(|| rank(a.1).cmp(&rank(b.1)))
            .then(a.1.cmp(&b.1))
    });
    for ticket in list.chunk_by(|a, b| a.0 == b.0) {
        let mut before: Vec<Option<&str>> = vec![None; fields.len()];
        for (_, n) in ticket {
            let row = first + n;
            let Some(moment) = watched.at.get(*n).copied() else {
                continue;
            };
            for ((field, values), old) in fields.iter().zip(&watched.fields).zip(&mut before) {
                let Some(new) = values.get(*n) else {
                    continue;
                };
                if *old == Some(new) {
                    continue;
                }
                for (i, column) in target.columns.iter().enumerate() {
                    let value = match column.name {
                        "source" => rows.text_at(source_at, row).map(|t| Value::Text(t.into())),
                        "ticket_id" => rows.text_at(ticket_at, row).map(|t| Value::Text(t.into())),
                        "at" => Some(Value::Integer(moment)),
                        "field" => Some(Value::Text(field.as_str().into())),
                        "from" => old.map(|t| Value::Text(t.into())),
                        "to" => Some(Value::Text(new.into())),
                        _ => None,
                    };
                    out.push(i, value);
                }
                out.line
                    .push(rows.line.get(row).copied().unwrap_or_default());
                out.file
                    .push(rows.file.get(row).copied().unwrap_or_default());
                out.hash
                    .push(rows.hash.get(row).copied().unwrap_or_default());
                out.latest.push(&[]);
                *old = Some(new);
            }
        }
    }
    Some(out)
}

//! From the rows of an audit log to the history of each ticket: one event per changed field.
//! Not responsible for which row of the log stands as the ticket.

use std::collections::BTreeMap;

use super::columns::Columns;
use super::record::HistoryRow;
use super::value::Value;
use crate::store::schema::table;

/// The events in the rows of one audit log, which may be spread over files: of each file its
/// readable rows and their watched fields in the order of `fields`. Rows of a ticket are taken in
/// the order of their `latest` columns, then of their moment, then of their content.
pub(super) fn events(files: &[(&Columns, &[HistoryRow])], fields: &[String]) -> Option<Columns> {
    let target = table("incident_events")?;
    let mut out = Columns::new(target, &[]);
    let mut tickets: BTreeMap<(&str, &str), Vec<(usize, usize)>> = BTreeMap::new();
    for (file, (rows, _)) in files.iter().enumerate() {
        let (source_at, ticket_at) = (
            rows.table.position("source"),
            rows.table.position("ticket_id"),
        );
        for row in 0..rows.len() {
            if let (Some(source), Some(ticket)) =
                (rows.text_at(source_at, row), rows.text_at(ticket_at, row))
            {
                tickets
                    .entry((source, ticket))
                    .or_default()
                    .push((file, row));
            }
        }
    }
    for ((source, ticket), mut list) in tickets {
        list.sort_by_cached_key(|(file, row)| {
            let (rows, history) = files.get(*file)?;
            let latest = rows.latest.get(*row).cloned().unwrap_or_default();
            let at = history.get(*row).map(|h| h.at);
            Some((latest, at, rows.hash.get(*row).copied()))
        });
        let mut before: Vec<Option<&str>> = vec![None; fields.len()];
        for (file, row) in list {
            let Some((rows, history)) = files.get(file) else {
                continue;
            };
            let Some(entry) = history.get(row) else {
                continue;
            };
            for ((field, value), old) in fields.iter().zip(&entry.fields).zip(&mut before) {
                let Some(new) = value.as_deref() else {
                    continue;
                };
                if *old == Some(new) {
                    continue;
                }
                for (i, column) in target.columns.iter().enumerate() {
                    let value = match column.name {
                        "source" => Some(Value::Text(source.into())),
                        "ticket_id" => Some(Value::Text(ticket.into())),
                        "at" => Some(Value::Integer(entry.at)),
                        "field" => Some(Value::Text(field.as_str().into())),
                        "from" => old.map(|o| Value::Text(o.into())),
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
                out.latest.push(Vec::new());
                *old = Some(new);
            }
        }
    }
    Some(out)
}

//! Which row of a key stands: the latest by the mapping's declared order, and among equals the
//! one with the larger content hash, so that the order of files never decides.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::columns::{ByIdentity, Columns};

/// What de-duplication found.
#[derive(Debug, Default)]
pub(super) struct Duplicates {
    /// Per row: whether it stands.
    pub stands: Vec<bool>,
    /// Keys whose rows differ although nothing declares which is the latest.
    pub conflicts: BTreeSet<String>,
}

/// Finds the standing row of each key. Events have no order of their own: equal rows are one.
/// `files` gives each file its place among all files by name: of rows that are the same text the
/// one in the first of them stands.
pub(super) fn find(rows: &Columns, files: &[usize]) -> Duplicates {
    let mut found = Duplicates {
        stands: vec![true; rows.len()],
        conflicts: BTreeSet::new(),
    };
    let mut key: Vec<&str> = rows.table.key.to_vec();
    if rows.table.name == "incident_events" {
        key.extend(["from", "to"]);
    }
    let at = rows.positions(&key);
    let mut standing: ByIdentity<usize> = ByIdentity::default();
    standing.reserve(rows.len());
    let mut lost: Vec<(usize, u128)> = Vec::new();
    let place = |r: usize| {
        let file = rows.file.get(r).and_then(|f| usize::try_from(*f).ok());
        Reverse(file.and_then(|f| files.get(f)))
    };
    let rank = |r: usize| (rows.latest.get(r), rows.hash.get(r), place(r));
    for (row, name) in rows.identities(&at).into_iter().enumerate() {
        let Some(other) = standing.get_mut(&name) else {
            standing.insert(name, row);
            continue;
        };
        let loser = if rank(row) > rank(*other) {
            std::mem::replace(other, row)
        } else {
            row
        };
        if let Some(s) = found.stands.get_mut(loser) {
            *s = false;
        }
        lost.push((loser, name));
    }
    // Against the row that stands in the end, so that the order of rows does not decide.
    found.conflicts = lost
        .iter()
        .filter(|(row, name)| {
            standing.get(name).is_some_and(|stands| {
                rows.latest.get(*row) == rows.latest.get(*stands)
                    && rows.hash.get(*row) != rows.hash.get(*stands)
            })
        })
        .map(|(row, _)| {
            let shown: Vec<String> = key.iter().map(|c| rows.shown(c, *row)).collect();
            shown.join(" ").trim().to_owned()
        })
        .collect();
    found
}

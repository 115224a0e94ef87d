//! Which row of a key stands: the latest by the mapping's declared order, and among equals the
//! one with the larger content hash, so that the order of files never decides.

use std::cmp::Reverse;

use super::columns::{ByIdentity, Columns};
use crate::store::schema::Table;

/// The columns that tell one row of a table from another. Events have no order of their own: equal
/// rows are one.
pub(super) fn key(table: &Table) -> Vec<&'static str> {
    let mut key = table.key.to_vec();
    if table.name == "incident_events" {
        key.extend(["from", "to"]);
    }
    key
}

/// Which rows stand.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Per row: whether it stands.
    pub(super) stands: Vec<bool>,
    /// Rows that do not, each with the row that stands instead.
    pub(super) lost: Vec<(usize, usize)>,
}

/// Finds the standing row of each key among rows whose keys are `names`: that of the highest rank,
/// of equal ranks the first.
pub(super) fn standing<R: Ord>(
    names: impl ExactSizeIterator<Item = u128>,
    rank: impl Fn(usize) -> R,
) -> Standing {
    let mut found = Standing {
        stands: vec![true; names.len()],
        lost: Vec::new(),
    };
    let mut standing: ByIdentity<usize> = ByIdentity::default();
    let mut lost: Vec<(usize, u128)> = Vec::new();
    for (row, name) in names.enumerate() {
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
    found.lost = lost
        .into_iter()
        .filter_map(|(row, name)| Some((row, *standing.get(&name)?)))
        .collect();
    found
}

/// Whether each of some rows stands; `place` is that of a file among all files by name: of rows that
/// are the same text the one in the first of them stands.
pub(super) fn find(rows: &Columns, place: impl Fn(u32) -> Option<usize>) -> Vec<bool> {
    let names = rows.identities(&rows.positions(&key(rows.table)));
    let rank = |row: usize| {
        let file = rows.file.get(row).copied();
        let place = Reverse(file.and_then(&place));
        (rows.latest.get(row), rows.hash.get(row), place)
    };
    standing(names.into_iter(), rank).stands
}

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
    // Rows of a key mostly follow each other: it is looked up once.
    let mut now: Option<(u128, usize)> = None;
    for (row, name) in names.enumerate() {
        let other = match &mut now {
            Some((known, other)) if *known == name => other,
            _ => {
                if let Some((name, row)) = now.replace((name, row)) {
                    standing.insert(name, row);
                }
                let (Some((_, slot)), Some(other)) = (&mut now, standing.get(&name)) else {
                    continue;
                };
                *slot = *other;
                slot
            }
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
    standing.extend(now);
    // Against the row that stands in the end, so that the order of rows does not decide.
    let mut now: Option<(u128, usize)> = None;
    for (row, name) in lost {
        if now.is_none_or(|(known, _)| known != name) {
            now = standing.get(&name).map(|stands| (name, *stands));
        }
        found.lost.extend(now.map(|(_, stands)| (row, stands)));
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn of_each_key_the_first_of_the_highest_rank_stands(
            rows in proptest::collection::vec((0..5u128, 0..4u8), 0..40),
        ) {
            let names: Vec<u128> = rows.iter().map(|(name, _)| *name).collect();
            let found = standing(names.into_iter(), |row| rows[row].1);
            let best = |name: u128| {
                let of = (0..rows.len()).filter(|row| rows[*row].0 == name);
                of.max_by_key(|row| (rows[*row].1, Reverse(*row))).unwrap()
            };
            let mut lost = Vec::new();
            for (row, (name, _)) in rows.iter().enumerate() {
                prop_assert_eq!(found.stands[row], best(*name) == row);
                if best(*name) != row {
                    lost.push((row, best(*name)));
                }
            }
            let mut given = found.lost;
            given.sort_unstable();
            prop_assert_eq!(given, lost);
        }
    }
}

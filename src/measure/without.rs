//! Cells as they would be with fewer incidents, or with more service levels missed: what the judge
//! perturbs. An incident that leaves takes its count, its verdict and its mean part of all else
//! that the cell of its service, priority and month sums up. Not responsible for what follows
//! (see [`crate::score`]).

use std::collections::{BTreeMap, BTreeSet};

use super::cells::Cells;
use super::fragment::{Cell, CellKey};
use crate::time::{Month, Period};

/// What becomes of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// It does not happen; it would have met its service level.
    InTime,
    /// It does not happen; it would have missed its service level.
    Late,
    /// It misses its service level instead of meeting it.
    Missed,
}

/// Which incidents change.
#[derive(Debug, Clone)]
pub struct Moved<'a> {
    /// The contract.
    pub contract_id: &'a str,
    /// Services and priorities.
    pub streams: &'a BTreeSet<(String, u8)>,
    /// Months of the cells.
    pub months: Period<Month>,
    /// What becomes of them.
    pub change: Change,
    /// How many; below 0: as many more happen, or meet their service level.
    pub by: i64,
}

/// How many of `by` fall to each of several counts: in proportion, in their order, so that whole
/// numbers come out that add up to `by` and none is more than its count while `by` is not more
/// than all.
fn shared(by: i64, counts: &[u64]) -> Vec<i64> {
    let all: i128 = counts.iter().map(|n| i128::from(*n)).sum();
    let (mut seen, mut given) = (0_i128, 0_i128);
    counts
        .iter()
        .map(|n| {
            seen += i128::from(*n);
            let due = (seen * i128::from(by)).checked_div_euclid(all).unwrap_or(0);
            let own = due - given;
            given = due;
            i64::try_from(own).unwrap_or(0)
        })
        .collect()
}

fn less(n: u64, by: i64) -> u64 {
    u64::try_from(i128::from(n) - i128::from(by)).unwrap_or(0)
}

impl Cells {
    /// The cells and durations of the contract in the months given, with incidents changed, and
    /// nothing else. Gives how many left each cell as well, for the counts that are kept
    /// elsewhere.
    ///
    /// The number is spread over the cells in proportion to their incidents; where verdicts
    /// change, in proportion to those met or late. Of an incident that does not happen go: its
    /// count as a ticket and an incident, its verdict, and the mean of all other sums and
    /// durations of its cell, whole numbers rounded down. Relieved incidents, requests, open
    /// incidents, outages, people, categories and repeats across partitions stay.
    #[must_use]
    pub fn without(&self, moved: &Moved<'_>) -> (Cells, BTreeMap<CellKey, i64>) {
        let held = |key: &CellKey| moved.months.contains(key.month);
        let mut cells = Cells::default();
        cells.total.cells = self
            .total
            .cells_of(moved.contract_id)
            .filter(|(key, _)| held(key))
            .map(|(key, cell)| (key.clone(), cell.clone()))
            .collect();
        cells.total.histograms = self
            .total
            .histograms_of(moved.contract_id)
            .filter(|((key, _), _)| held(key))
            .map(|(at, durations)| (at.clone(), durations.clone()))
            .collect();
        let inside = |key: &CellKey| {
            moved
                .streams
                .contains(&(key.service_id.clone(), key.priority))
        };
        let mut own: Vec<(&CellKey, &mut Cell)> = cells
            .total
            .cells
            .iter_mut()
            .filter(|(key, _)| inside(key))
            .collect();
        let mut gone = BTreeMap::new();
        if moved.change != Change::Missed {
            let counts: Vec<u64> = own
                .iter()
                .map(|(_, c)| c.incidents.saturating_sub(c.relieved))
                .collect();
            for ((key, cell), taken) in own.iter_mut().zip(shared(moved.by, &counts)) {
                if taken != 0 {
                    let before = (**cell).clone();
                    cell.lessen(i128::from(taken), i128::from(before.incidents));
                    cell.incidents = less(before.incidents, taken);
                    cell.tickets = less(before.tickets, taken);
                    cell.relieved = before.relieved;
                    cell.requests = before.requests;
                    cell.restore_met = before.restore_met;
                    cell.restore_breached = before.restore_breached;
                    gone.insert((*key).clone(), taken);
                }
            }
        }
        let verdicts: Vec<u64> = own
            .iter()
            .map(|(_, c)| match moved.change {
                Change::InTime | Change::Missed => c.restore_met,
                Change::Late => c.restore_breached,
            })
            .collect();
        for ((_, cell), taken) in own.iter_mut().zip(shared(moved.by, &verdicts)) {
            match moved.change {
                Change::InTime => cell.restore_met = less(cell.restore_met, taken),
                Change::Late => cell.restore_breached = less(cell.restore_breached, taken),
                Change::Missed => {
                    cell.restore_met = less(cell.restore_met, taken);
                    cell.restore_breached = less(cell.restore_breached, -taken);
                }
            }
        }
        for (key, taken) in &gone {
            let of = self.total.cells.get(key).map_or(1, |c| c.incidents.max(1));
            for clock in super::fragment::Clock::ALL {
                if let Some(durations) = cells.total.histograms.get_mut(&(key.clone(), clock)) {
                    durations.lessen(i128::from(*taken), i128::from(of));
                }
            }
        }
        (cells, gone)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::measure::fragment::Clock;
    use crate::measure::histogram::SparseHistogram;

    fn key(service: &str, priority: u8, month: u8) -> CellKey {
        CellKey {
            contract_id: "C1".into(),
            service_id: service.into(),
            priority,
            month: Month::new(2025, month).unwrap(),
        }
    }

    /// Forty incidents of mail with 38 in time, ten of the web, in two months.
    fn cells() -> Cells {
        let mut cells = Cells::default();
        for month in 1..=2 {
            for (service, n, met) in [("mail", 40_u64, 38_u64), ("web", 10, 5)] {
                let cell = Cell {
                    tickets: n + 7,
                    requests: 7,
                    incidents: n,
                    restored: n,
                    restore_met: met,
                    restore_breached: n - met,
                    impact_s_ppm: i128::from(n) * 1_000 + 3,
                    update_gap_max_s: 9,
                    ..Cell::default()
                };
                let at = key(service, 1, month);
                let durations: SparseHistogram =
                    [(10, n / 2), (20, n - n / 2)].into_iter().collect();
                let clock = (at.clone(), Clock::RestoreWall);
                cells.total.histograms.insert(clock, durations);
                cells.total.cells.insert(at, cell);
            }
        }
        cells
    }

    fn moved(service: &str, change: Change, by: i64) -> (Cells, BTreeMap<CellKey, i64>) {
        let streams = BTreeSet::from([(service.to_owned(), 1)]);
        let months = Period::spanning(Month::new(2025, 1).unwrap(), Month::new(2025, 3).unwrap());
        cells().without(&Moved {
            contract_id: "C1",
            streams: &streams,
            months,
            change,
            by,
        })
    }

    #[test]
    fn an_incident_takes_its_verdict_and_its_part_of_all_else() {
        let (after, gone) = moved("mail", Change::InTime, 5);
        assert_eq!(gone.values().sum::<i64>(), 5);
        let before = cells();
        let (mut incidents, mut met, mut durations) = (0, 0, 0);
        for (at, cell) in &after.total.cells {
            let was = &before.total.cells[at];
            if at.service_id == "web" {
                assert_eq!(cell, was);
                continue;
            }
            let taken = u64::try_from(gone.get(at).copied().unwrap_or(0)).unwrap();
            assert_eq!(was.incidents - cell.incidents, taken);
            assert_eq!(was.tickets - cell.tickets, taken);
            assert_eq!(was.restored - cell.restored, taken);
            assert_eq!((cell.requests, cell.update_gap_max_s), (7, 9));
            assert_eq!(cell.restore_breached, 2);
            assert_eq!(
                was.impact_s_ppm - cell.impact_s_ppm,
                i128::from(taken) * 1_000
            );
            incidents += cell.incidents;
            met += cell.restore_met;
            durations += after.total.histograms[&(at.clone(), Clock::RestoreWall)].n();
        }
        assert_eq!((incidents, met, durations), (75, 71, 75));
    }

    #[test]
    fn late_ones_and_missed_ones_change_their_own_verdicts() {
        let sums = |cells: &Cells| {
            let all = cells
                .total
                .cells
                .iter()
                .filter(|(k, _)| k.service_id == "web");
            all.fold((0, 0, 0), |sum, (_, c)| {
                (
                    sum.0 + c.incidents,
                    sum.1 + c.restore_met,
                    sum.2 + c.restore_breached,
                )
            })
        };
        assert_eq!(sums(&moved("web", Change::Late, 3).0), (17, 10, 7));
        assert_eq!(sums(&moved("web", Change::Missed, 3).0), (20, 7, 13));
        assert_eq!(sums(&moved("web", Change::Missed, -3).0), (20, 13, 7));
        assert_eq!(sums(&moved("web", Change::InTime, -4).0), (24, 14, 10));
    }

    #[test]
    fn nothing_moves_nothing_and_all_leaves_nothing() {
        assert_eq!(moved("mail", Change::InTime, 0).0, cells());
        let (after, _) = moved("mail", Change::InTime, 80);
        for (at, cell) in &after.total.cells {
            if at.service_id == "mail" {
                assert_eq!((cell.incidents, cell.tickets, cell.impact_s_ppm), (0, 7, 0));
            }
        }
    }

    #[test]
    fn shares_add_up_and_are_never_more_than_there_is() {
        for by in -20..=17 {
            let shares = shared(by, &[5, 0, 9, 3]);
            assert_eq!(shares.iter().sum::<i64>(), by);
            if by >= 0 {
                assert!(
                    shares
                        .iter()
                        .zip([5, 0, 9, 3])
                        .all(|(s, n)| *s <= n && *s >= 0)
                );
            }
        }
        assert_eq!(shared(3, &[0, 0]), [0, 0]);
    }
}

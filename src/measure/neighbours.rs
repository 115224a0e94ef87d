//! What the other tickets of a partition say of an incident: whether its caller reported the same
//! thing shortly before, and whether it is the first child of its parent. Pure; not responsible
//! for where tickets are stored, nor for what any of it means (see [`super::integrity`]).

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use foldhash::fast::FixedState;

use super::fact::Neighbours;

/// What of an incident is compared; `K` stands for a text, or is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported<K> {
    /// When it was opened, in UTC microseconds.
    pub opened: i64,
    /// The contract.
    pub contract_id: K,
    /// Configuration item, category and caller, where all are known.
    pub by: Option<[K; 3]>,
    /// When it was resolved, in UTC microseconds.
    pub resolved: Option<i64>,
    /// The ticket that it is a child of.
    pub parent: Option<K>,
}

/// For each of the incidents, which are given in the order in which they were opened, those of one
/// moment by tool and number; `None` stands for a ticket that is none. The former incident is the one
/// of the same contract, item, category and caller that was opened last before.
#[must_use]
pub fn find<K: Copy + Eq + Hash>(
    tickets: impl ExactSizeIterator<Item = Option<Reported<K>>>,
) -> Vec<Neighbours> {
    let mut found = Vec::with_capacity(tickets.len());
    let mut parents: HashSet<(K, K)> = HashSet::new();
    let mut former: HashMap<_, (i64, Option<i64>), FixedState> = HashMap::default();
    for ticket in tickets {
        let mut of = Neighbours::default();
        if let Some(ticket) = ticket {
            if let Some(parent) = ticket.parent {
                of.first_child = parents.insert((ticket.contract_id, parent));
            }
            if let Some(by) = ticket.by {
                of.comparable = true;
                let own = (ticket.opened, ticket.resolved);
                if let Some((before, resolved)) = former.insert((ticket.contract_id, by), own) {
                    let since = |moment: i64| (ticket.opened - moment).div_euclid(1_000_000);
                    of.opened_before_s = Some(since(before));
                    of.resolved_before_s = resolved.filter(|at| *at <= ticket.opened).map(since);
                }
            }
        }
        found.push(of);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(opened_s: i64, caller: &str) -> Reported<&str> {
        Reported {
            opened: opened_s * 1_000_000,
            contract_id: "C1",
            by: Some(["laptop", "disk", caller]),
            resolved: Some((opened_s + 100) * 1_000_000),
            parent: None,
        }
    }

    #[test]
    fn the_same_caller_is_found_again_and_another_is_not() {
        let rows = [
            Some(ticket(0, "ann")),
            Some(ticket(500, "bob")),
            None,
            Some(ticket(1_000, "ann")),
            Some(ticket(1_050, "ann")),
        ];
        let found = find(rows.into_iter());
        let seen: Vec<_> = found
            .iter()
            .map(|n| (n.comparable, n.opened_before_s, n.resolved_before_s))
            .collect();
        assert_eq!(seen[0], (true, None, None));
        assert_eq!(seen[1], (true, None, None));
        assert_eq!(seen[2], (false, None, None));
        assert_eq!(seen[3], (true, Some(1_000), Some(900)));
        // The former one was still open.
        assert_eq!(seen[4], (true, Some(50), None));
    }

    #[test]
    fn a_wave_of_children_has_one_first() {
        let child = |at: i64, parent| {
            Some(Reported {
                parent: Some(parent),
                ..ticket(at, "ann")
            })
        };
        let rows = [child(10, "P"), child(20, "Q"), child(30, "P")];
        let found = find(rows.into_iter());
        let first: Vec<bool> = found.iter().map(|n| n.first_child).collect();
        assert_eq!(first, [true, true, false]);
    }
}

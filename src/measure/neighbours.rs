//! What the other tickets of a partition say of an incident: whether its caller reported the same
//! thing shortly before, and whether it is the first child of its parent. Pure; not responsible
//! for where tickets are stored, nor for what any of it means (see [`super::integrity`]).

use std::collections::{HashMap, HashSet};

use foldhash::fast::FixedState;

use super::fact::Neighbours;

/// What of an incident is compared. The order of the fields breaks ties of equal moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reported<'a> {
    /// When it was opened, in UTC microseconds.
    pub opened: i64,
    /// Name of the exporting tool.
    pub source: &'a str,
    /// Its number there.
    pub ticket_id: &'a str,
    /// The contract.
    pub contract_id: &'a str,
    /// Configuration item, category and caller, where all are known.
    pub by: Option<[&'a str; 3]>,
    /// When it was resolved, in UTC microseconds.
    pub resolved: Option<i64>,
    /// The ticket that it is a child of.
    pub parent: Option<&'a str>,
}

/// For each of the incidents; `None` stands for a ticket that is none. The former incident is the
/// one of the same contract, item, category and caller that was opened last before.
#[must_use]
pub fn find(tickets: &[Option<Reported<'_>>]) -> Vec<Neighbours> {
    let mut found = vec![Neighbours::default(); tickets.len()];
    let mut by_time: Vec<(Reported<'_>, usize)> = tickets
        .iter()
        .enumerate()
        .filter_map(|(i, ticket)| Some(((*ticket)?, i)))
        .collect();
    by_time.sort_unstable();
    let mut parents: HashSet<(&str, &str)> = HashSet::new();
    let mut former: HashMap<_, (i64, Option<i64>), FixedState> = HashMap::default();
    for (ticket, i) in by_time {
        let Some(slot) = found.get_mut(i) else {
            continue;
        };
        if let Some(parent) = ticket.parent {
            slot.first_child = parents.insert((ticket.contract_id, parent));
        }
        let Some(by) = ticket.by else { continue };
        slot.comparable = true;
        let own = (ticket.opened, ticket.resolved);
        if let Some((before, resolved)) = former.insert((ticket.contract_id, by), own) {
            let since = |moment: i64| (ticket.opened - moment).div_euclid(1_000_000);
            slot.opened_before_s = Some(since(before));
            slot.resolved_before_s = resolved.filter(|at| *at <= ticket.opened).map(since);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket<'a>(opened_s: i64, number: &'a str, caller: &'a str) -> Reported<'a> {
        Reported {
            opened: opened_s * 1_000_000,
            source: "tool",
            ticket_id: number,
            contract_id: "C1",
            by: Some(["laptop", "disk", caller]),
            resolved: Some((opened_s + 100) * 1_000_000),
            parent: None,
        }
    }

    #[test]
    fn the_same_caller_is_found_again_and_another_is_not() {
        let rows = [
            Some(ticket(1_000, "T3", "ann")),
            Some(ticket(0, "T1", "ann")),
            None,
            Some(ticket(500, "T2", "bob")),
            Some(ticket(1_050, "T4", "ann")),
        ];
        let found = find(&rows);
        let seen: Vec<_> = found
            .iter()
            .map(|n| (n.comparable, n.opened_before_s, n.resolved_before_s))
            .collect();
        assert_eq!(seen[0], (true, Some(1_000), Some(900)));
        assert_eq!(seen[1], (true, None, None));
        assert_eq!(seen[2], (false, None, None));
        assert_eq!(seen[3], (true, None, None));
        // The former one was still open.
        assert_eq!(seen[4], (true, Some(50), None));
    }

    #[test]
    fn a_wave_of_children_has_one_first() {
        let child = |at: i64, number, parent| {
            Some(Reported {
                parent: Some(parent),
                ..ticket(at, number, "ann")
            })
        };
        let rows = [
            child(30, "T3", "P"),
            child(10, "T1", "P"),
            child(20, "T2", "Q"),
        ];
        let first: Vec<bool> = find(&rows).iter().map(|n| n.first_child).collect();
        assert_eq!(first, [false, true, true]);
    }
}

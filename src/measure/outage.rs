//! Disjoint intervals of outage that merge exactly: overlapping and touching ones are one.
//! Not responsible for which incident is an outage (see [`super::kernel`]) nor for the time that
//! a service was to be there.

use std::collections::BTreeMap;

use crate::time::{Instant, Period};

/// A set of disjoint intervals `[start, end)`, whatever the order and grouping in which they
/// were added.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Outages {
    /// Start → end.
    intervals: BTreeMap<Instant, Instant>,
}

impl Outages {
    /// Adds an interval; an empty one changes nothing.
    pub fn add(&mut self, start: Instant, end: Instant) {
        if end <= start {
            return;
        }
        let (mut start, mut end) = (start, end);
        // Those that begin no later than the new one ends and end no earlier than it begins.
        while let Some((&s, &e)) = self.intervals.range(..=end).next_back() {
            if e < start {
                break;
            }
            start = start.min(s);
            end = end.max(e);
            self.intervals.remove(&s);
        }
        self.intervals.insert(start, end);
    }

    /// Adds all intervals of another set.
    pub fn merge(&mut self, other: &Outages) {
        for (&start, &end) in &other.intervals {
            self.add(start, end);
        }
    }

    /// The intervals in order of time.
    pub fn iter(&self) -> impl Iterator<Item = Period<Instant>> + '_ {
        self.intervals
            .iter()
            .map(|(&start, &end)| Period::spanning(start, end))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.intervals.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(parts: &[(i64, i64)]) -> Outages {
        let mut outages = Outages::default();
        for (from, to) in parts {
            outages.add(Instant::from_seconds(*from), Instant::from_seconds(*to));
        }
        outages
    }

    fn shown(outages: &Outages) -> Vec<(i64, i64)> {
        outages
            .iter()
            .map(|p| (p.start().seconds(), p.end().seconds()))
            .collect()
    }

    #[test]
    fn overlapping_and_touching_intervals_are_one() {
        let parts = [(10, 20), (30, 40), (15, 32), (50, 60), (60, 61), (70, 70)];
        assert_eq!(shown(&set(&parts)), [(10, 40), (50, 61)]);
        let mut backwards = parts;
        backwards.reverse();
        assert_eq!(set(&backwards), set(&parts));
        let mut merged = set(&parts[..2]);
        merged.merge(&set(&parts[2..]));
        assert_eq!(merged, set(&parts));
        assert!(set(&[(5, 5)]).is_empty());
    }
}

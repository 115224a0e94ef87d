//! [`Period`]: the half-open interval `[start, end)` that every stage counts in.
//! Not responsible for what its bounds mean.

use std::fmt;

use super::{Instant, TimeError};

/// `[start, end)`: the start belongs to it, the end does not. An empty period (start = end) is
/// allowed and contains nothing. Serde form: `{ "start": …, "end": … }`, checked when read.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(
    try_from = "Bounds<T>",
    bound(deserialize = "T: serde::Deserialize<'de> + Copy + Ord + fmt::Display")
)]
pub struct Period<T> {
    start: T,
    end: T,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds<T> {
    start: T,
    end: T,
}

impl<T: Copy + Ord + fmt::Display> TryFrom<Bounds<T>> for Period<T> {
    type Error = TimeError;

    fn try_from(bounds: Bounds<T>) -> Result<Self, TimeError> {
        Period::new(bounds.start, bounds.end)
    }
}

impl<T: Copy + Ord> Period<T> {
    /// `[start, end)`, or an error when `end` lies before `start`.
    pub fn new(start: T, end: T) -> Result<Self, TimeError>
    where
        T: fmt::Display,
    {
        if end < start {
            return Err(TimeError::Period {
                start: start.to_string(),
                end: end.to_string(),
            });
        }
        Ok(Period { start, end })
    }

    /// `[start, end)`, or the empty period at `start` when `end` lies before it. For bounds
    /// whose order is known.
    pub fn spanning(start: T, end: T) -> Self {
        Period {
            start,
            end: end.max(start),
        }
    }

    /// The first value in it (unless it is empty).
    pub const fn start(&self) -> T {
        self.start
    }

    /// The first value after it.
    pub const fn end(&self) -> T {
        self.end
    }

    /// Whether it contains nothing.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether `value` lies in it.
    pub fn contains(&self, value: T) -> bool {
        self.start <= value && value < self.end
    }

    /// What both have in common; `None` when that is nothing.
    pub fn intersect(&self, other: &Period<T>) -> Option<Period<T>> {
        let start = self.start.max(other.start);
        let end = self.end.min(other.end);
        (start < end).then_some(Period { start, end })
    }
}

impl Period<Instant> {
    /// Its length in wall seconds, never negative (see [`Instant::wall_s_since`]).
    pub const fn wall_s(&self) -> i64 {
        self.end.wall_s_since(self.start)
    }
}

/// The periods as disjoint ones in order: what overlaps or touches is united, what is empty
/// left out. Outages of a service that overlap are one outage.
pub fn union<T: Copy + Ord>(periods: &[Period<T>]) -> Vec<Period<T>> {
    let mut sorted: Vec<Period<T>> = periods.iter().copied().filter(|p| !p.is_empty()).collect();
    sorted.sort_unstable();
    let mut united: Vec<Period<T>> = Vec::with_capacity(sorted.len());
    for period in sorted {
        match united.last_mut() {
            Some(last) if period.start <= last.end => last.end = last.end.max(period.end),
            _ => united.push(period),
        }
    }
    united
}

/// The wall seconds between consecutive instants, and from the last of them to `end`: the gaps
/// in a series of notices. `instants` are in order; those from `end` on are left out, because
/// what follows the end closes no gap. Nothing when none is left.
pub fn gaps_s(instants: &[Instant], end: Instant) -> impl Iterator<Item = i64> + '_ {
    let count = instants.partition_point(|&instant| instant < end);
    (0..count).map(move |i| {
        let next = if i + 1 < count { instants[i + 1] } else { end };
        next.wall_s_since(instants[i])
    })
}

impl<T: fmt::Display> fmt::Display for Period<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Month;
    use super::*;

    fn period(start: &str, end: &str) -> Period<Month> {
        Period::new(start.parse().unwrap(), end.parse().unwrap()).unwrap()
    }

    #[test]
    fn half_open() {
        let year = period("2025-01", "2026-01");
        assert!(year.contains("2025-12".parse().unwrap()));
        assert!(!year.contains("2026-01".parse().unwrap()));
        assert!(period("2025-01", "2025-01").is_empty());
        assert_eq!(year.to_string(), "[2025-01, 2026-01)");
        assert_eq!(
            year.intersect(&period("2025-06", "2027-01")),
            Some(period("2025-06", "2026-01"))
        );
        assert_eq!(year.intersect(&period("2026-01", "2027-01")), None);
    }

    #[test]
    fn an_end_before_the_start_is_refused_also_when_read() {
        let text = r#"{ "start": "2025-02", "end": "2025-01" }"#;
        let error = serde_json::from_str::<Period<Month>>(text)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("cannot end (2025-01) before it starts (2025-02)"),
            "{error}"
        );
        let text = r#"{ "start": "2025-01", "end": "2025-02" }"#;
        let read: Period<Month> = serde_json::from_str(text).unwrap();
        assert_eq!(read, period("2025-01", "2025-02"));
        assert_eq!(
            serde_json::to_value(read).unwrap(),
            serde_json::from_str::<serde_json::Value>(text).unwrap()
        );
    }
}

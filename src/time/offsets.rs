//! Tables of a zone's offsets from UTC and the reading of local seconds in them.
//! Not responsible for dates or months, nor for years outside the tables (see [`super::Zone`]).

use jiff::tz::TimeZone;

use super::instant::SECONDS_PER_DAY;

/// First and last (exclusive) second of the tables: 1970-01-01 and 2200-01-01.
pub(super) const TABLE_START_S: i64 = 0;
pub(super) const TABLE_END_S: i64 = 7_258_118_400;

/// Offsets from UTC in seconds, each valid from its second on.
pub(super) struct Offsets {
    starts: Vec<i64>,
    offsets: Vec<i64>,
    /// Local reading at which each stretch ends (the last one: never).
    local_ends: Vec<i64>,
}

impl Offsets {
    pub(super) fn new(changes: &[(i64, i64)]) -> Self {
        let ends = changes.iter().skip(1).map(|change| change.0);
        let local_ends = ends
            .zip(changes)
            .map(|(end, &(_, offset))| end + offset)
            .chain([i64::MAX])
            .collect();
        Offsets {
            starts: changes.iter().map(|change| change.0).collect(),
            offsets: changes.iter().map(|change| change.1).collect(),
            local_ends,
        }
    }

    /// The offset at a second inside the tables.
    pub(super) fn at(&self, second: i64) -> i64 {
        let after = self.starts.partition_point(|&start| start <= second);
        self.offsets[after.saturating_sub(1)]
    }

    /// What a local reading in seconds means, inside the tables.
    pub(super) fn resolve(&self, local_s: i64) -> LocalSeconds {
        let i = self.local_ends.partition_point(|&end| end <= local_s);
        let here = local_s - self.offsets[i];
        if i > 0 && here < self.starts[i] {
            return LocalSeconds::Gap {
                change: self.starts[i],
                earlier: here,
                later: local_s - self.offsets[i - 1],
            };
        }
        match self.offsets.get(i + 1) {
            Some(offset) if local_s - offset >= self.starts[i + 1] => LocalSeconds::Fold {
                earlier: here,
                later: local_s - offset,
            },
            _ => LocalSeconds::Once(here),
        }
    }
}

/// [`LocalTime`] in whole seconds since 1970.
#[derive(Clone, Copy)]
pub(super) enum LocalSeconds {
    Once(i64),
    Gap {
        change: i64,
        earlier: i64,
        later: i64,
    },
    Fold {
        earlier: i64,
        later: i64,
    },
}

pub(super) fn first_reached(local: LocalSeconds) -> i64 {
    match local {
        LocalSeconds::Once(second)
        | LocalSeconds::Gap { change: second, .. }
        | LocalSeconds::Fold {
            earlier: second, ..
        } => second,
    }
}

/// The offset changes within the tables as (second, offset from then on).
pub(super) fn changes(zone: &TimeZone) -> Vec<(i64, i64)> {
    let Ok(first) = jiff::Timestamp::from_second(TABLE_START_S) else {
        return vec![(TABLE_START_S, 0)];
    };
    let mut changes = vec![(TABLE_START_S, i64::from(zone.to_offset(first).seconds()))];
    for transition in zone.following(first) {
        let second = transition.timestamp().as_second();
        if second >= TABLE_END_S {
            break;
        }
        let offset = i64::from(transition.offset().seconds());
        // A change of the name alone (standard to "summer" time at one offset) is none.
        if changes.last().is_none_or(|last| last.1 != offset) {
            changes.push((second, offset));
        }
    }
    changes
}

/// The changes as days see them: one that puts the clock back across midnight, after the new
/// day had begun, waits until midnight comes for the second time.
pub(super) fn held_days(changes: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let mut held = changes.to_vec();
    for i in 1..held.len() {
        let (second, after) = changes[i];
        let before = changes[i - 1].1;
        let last_day_before = (second - 1 + before).div_euclid(SECONDS_PER_DAY);
        let first_day_after = (second + after).div_euclid(SECONDS_PER_DAY);
        if first_day_after < last_day_before {
            held[i].0 = last_day_before * SECONDS_PER_DAY - after;
        }
    }
    held
}

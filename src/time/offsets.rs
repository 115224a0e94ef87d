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
    /// Of each local day inside the tables the one offset that all its readings have; [`SEVERAL`] where
    /// they have not.
    days: Vec<i32>,
}

/// What stands for a day on which the clock changes.
const SEVERAL: i32 = i32::MIN;

impl Offsets {
    pub(super) fn new(changes: &[(i64, i64)]) -> Self {
        let ends = changes.iter().skip(1).map(|change| change.0);
        let local_ends = ends
            .zip(changes)
            .map(|(end, &(_, offset))| end + offset)
            .chain([i64::MAX])
            .collect();
        let mut made = Offsets {
            starts: changes.iter().map(|change| change.0).collect(),
            offsets: changes.iter().map(|change| change.1).collect(),
            local_ends,
            days: Vec::new(),
        };
        made.days = made.whole_days();
        made
    }

    fn whole_days(&self) -> Vec<i32> {
        let count = usize::try_from(TABLE_END_S / SECONDS_PER_DAY).unwrap_or_default();
        let mut days = vec![SEVERAL; count];
        for (i, (start, offset)) in self.starts.iter().zip(&self.offsets).enumerate() {
            let before = i.checked_sub(1).and_then(|i| self.local_ends.get(i));
            let after = self.starts.get(i + 1).zip(self.offsets.get(i + 1));
            // Without readings that the stretches before and after have as well.
            let first = (start + offset).max(before.copied().unwrap_or(i64::MIN));
            let own_end = self.local_ends.get(i).copied().unwrap_or(i64::MAX);
            let end = after.map_or(own_end, |(start, offset)| own_end.min(start + offset));
            let from = first
                .saturating_add(SECONDS_PER_DAY - 1)
                .div_euclid(SECONDS_PER_DAY);
            let to = end.min(TABLE_END_S).div_euclid(SECONDS_PER_DAY);
            let range = usize::try_from(from.max(0))
                .ok()
                .zip(usize::try_from(to).ok());
            if let (Some((from, to)), Ok(offset)) = (range, i32::try_from(*offset))
                && let Some(whole) = days.get_mut(from..to)
            {
                whole.fill(offset);
            }
        }
        days
    }

    /// The offset at a second inside the tables.
    pub(super) fn at(&self, second: i64) -> i64 {
        let after = self.starts.partition_point(|&start| start <= second);
        self.offsets[after.saturating_sub(1)]
    }

    /// What a local reading in seconds means, inside the tables.
    pub(super) fn resolve(&self, local_s: i64) -> LocalSeconds {
        let day = usize::try_from(local_s.div_euclid(SECONDS_PER_DAY)).ok();
        match day.and_then(|day| self.days.get(day)) {
            Some(offset) if *offset != SEVERAL => LocalSeconds::Once(local_s - i64::from(*offset)),
            _ => self.searched(local_s),
        }
    }

    /// The same, of a reading on any day.
    fn searched(&self, local_s: i64) -> LocalSeconds {
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_with_one_offset_reads_as_any_other() {
        for name in [
            "UTC",
            "Europe/Amsterdam",
            "Australia/Lord_Howe",
            "Pacific/Apia",
            "America/St_Johns",
            "Africa/Casablanca",
        ] {
            let zone = jiff::tz::TimeZoneDatabase::bundled().get(name).unwrap();
            let changes = changes(&zone);
            let offsets = Offsets::new(&changes);
            let mut whole = 0;
            for (second, offset) in &changes {
                for step in -300..300 {
                    let local = second + offset + step * 700;
                    if !(0..TABLE_END_S).contains(&local) {
                        continue;
                    }
                    let day = offsets.days[(local / SECONDS_PER_DAY) as usize];
                    whole += usize::from(day != SEVERAL);
                    let found = offsets.resolve(local);
                    assert_eq!(found, offsets.searched(local), "{name} {local}");
                }
            }
            assert!(whole > 250, "{name}");
            let rare = offsets.days.iter().filter(|d| **d == SEVERAL).count();
            assert!(rare <= 2 * changes.len() + 1, "{name} {rare}");
        }
    }
}

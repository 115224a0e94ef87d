//! The sums of one cell: every field with its unit, what it counts and in which month, declared
//! once. Merging, the `cells` table and its documentation follow from the declaration.
//! Not responsible for who counts (see [`super::kernel`]).

/// How a field of two cells becomes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// They add up.
    Sum,
    /// The greater holds.
    Max,
}

/// What the `cells` table says of a field.
#[derive(Debug, Clone, Copy)]
pub struct CellColumn {
    /// Name of the column.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// What it holds and which month it belongs to.
    pub description: &'static str,
    /// How it merges.
    pub merge: Merge,
    /// Reads it.
    pub get: fn(&Cell) -> i128,
}

macro_rules! merged {
    (Sum, $mine:expr, $theirs:expr) => {
        $mine += $theirs
    };
    (Max, $mine:expr, $theirs:expr) => {
        $mine = $mine.max($theirs)
    };
}

/// A sum of which a part can be taken away.
trait Parted: Copy {
    fn without(self, out: i128, of: i128) -> Self;
}

impl Parted for i128 {
    fn without(self, out: i128, of: i128) -> i128 {
        // A sum too great to be multiplied stays as it is; none in use comes near.
        let taken = self.checked_mul(out).and_then(|t| t.checked_div_euclid(of));
        self.saturating_sub(taken.unwrap_or(0))
    }
}

impl Parted for u64 {
    fn without(self, out: i128, of: i128) -> u64 {
        u64::try_from(i128::from(self).without(out, of)).unwrap_or(0)
    }
}

macro_rules! parted {
    (Sum, $mine:expr, $out:expr, $of:expr) => {
        $mine = $mine.without($out, $of)
    };
    (Max, $mine:expr, $out:expr, $of:expr) => {};
}

macro_rules! cell {
    ($($merge:ident $name:ident: $kind:ty, $unit:literal, $description:literal;)+) => {
        /// Sums of one cell. Each field says which month it belongs to.
        #[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub struct Cell {
            $(#[doc = $description] pub $name: $kind,)+
        }

        impl Cell {
            /// Adds another cell of the same key.
            pub fn merge(&mut self, other: &Cell) {
                $(merged!($merge, self.$name, other.$name);)+
            }

            /// Takes `out` of `of` equal parts of every sum away, each rounded down to a whole
            /// number; with `out` below 0 as much is added. Greatest values stay.
            pub fn lessen(&mut self, out: i128, of: i128) {
                $(parted!($merge, self.$name, out, of);)+
            }
        }

        /// The fields in order, for tables and documents.
        pub const COLUMNS: &[CellColumn] = &[
            $(CellColumn {
                name: stringify!($name),
                unit: $unit,
                description: $description,
                merge: Merge::$merge,
                get: |cell| i128::from(cell.$name),
            },)+
        ];
    };
}

cell! {
    Sum tickets: u64, "count", "Tickets of any kind, by month of opening";
    Sum incidents: u64, "count", "Incidents, by month of opening";
    Sum relieved: u64, "count", "Of the incidents, those in a window of accepted relief";
    Sum requests: u64, "count", "Requests, by month of opening";
    Sum children: u64, "count", "Incidents that are children of another, by month of opening";
    Sum item_known: u64, "count", "Incidents whose item and category are known, by month of opening";
    Sum repeats: u64, "count", "Incidents that repeat one on the same item and category, by month of opening; in a fragment only those within the partition";
    Sum restore_met: u64, "count", "Incidents restored in time, by month of the due time";
    Sum restore_breached: u64, "count", "Incidents late, by month of the due time";
    Sum restored: u64, "count", "Incidents restored, by month of restoration";
    Sum restore_business_s: i128, "s", "Business time to restore, pauses excluded, by month of restoration";
    Sum restore_wall_s: i128, "s", "Wall time to restore, pauses excluded, by month of restoration";
    Sum paused_wall_s: i128, "s", "Wall time paused of incidents restored, by month of restoration";
    Sum impact_s_ppm: i128, "s × ppm", "Business seconds of disruption × share affected, by month in which it fell";
    Sum impact_rated: i128, "s × ppm × ppm", "What rates of hours add to the weight of those: × (factor − 1), by month in which it fell; 0 without [[measure.impact.rates]]";
    Sum impact_assumed: u64, "count", "Disruptions whose share affected was assumed, by month in which they fell";
    Sum impact_unknown: u64, "count", "Incidents without share affected, by month of opening";
    Sum clock_unread: u64, "count", "Incidents whose clock could not be read, by month of opening";
    Sum responded: u64, "count", "Incidents answered, by month of the answer";
    Sum respond_business_s: i128, "s", "Business time to the answer of those, pauses excluded";
    Sum respond_wall_s: i128, "s", "Wall time to the answer of those, pauses excluded";
    Sum respond_met: u64, "count", "Incidents answered in time, by month of the due time";
    Sum respond_breached: u64, "count", "Incidents answered too late, by month of the due time";
    Sum resolved_once: u64, "count", "Incidents resolved at least once, by month of opening";
    Sum reopened: u64, "count", "Incidents opened again after a resolution, by month of opening";
    Sum handoff_known: u64, "count", "Incidents restored whose hand-offs are known, by month of restoration";
    Sum handoffs: u64, "count", "Hand-offs between groups of those";
    Sum first_assignment: u64, "count", "Those without any hand-off";
    Sum route_known: u64, "count", "Incidents restored whose groups are known one by one, by month of restoration";
    Sum ping_pong: u64, "count", "Those that came back to a group that had given them away";
    Sum backlog_open: u64, "count", "Restored incidents that were open at the end of the month";
    Sum backlog_age_s: i128, "s", "Wall seconds since opening of those, at the end of the month";
    Sum channel_known: u64, "count", "Incidents whose channel is known, by month of opening";
    Sum self_detected: u64, "count", "Incidents that monitoring found, by month of opening";
    Sum change_induced: u64, "count", "Incidents caused by a change, by month of opening";
    Sum tool_compared: u64, "count", "Incidents restored with a verdict of the tool beside ours, by month of the due time";
    Sum tool_missed: u64, "count", "Those breached by the terms and met by the tool";
    Sum tool_overcharged: u64, "count", "Those met by the terms and breached by the tool";
    Sum notifiable: u64, "count", "Incidents that the terms want told, by month of opening";
    Sum told: u64, "count", "Those of which anything was told at all";
    Sum notify_wall_s: i128, "s", "Wall time from knowing to the first notice of those told";
    Sum told_in_time: u64, "count", "Those first told within the limit";
    Sum level_known: u64, "count", "Incidents that had to reach a level, less those told to unknown levels only, by month of opening";
    Sum level_reached: u64, "count", "Those told at the level wanted or above";
    Sum update_gaps: u64, "count", "Gaps between notices up to restoration, by month of opening";
    Sum update_gaps_kept: u64, "count", "Those no longer than the limit";
    Max update_gap_max_s: u64, "s", "Longest of those, in wall seconds";
    Sum informed_s: i128, "s", "Wall seconds of disruption covered by a notice no older than the limit, by month of opening";
    Sum informed_of_s: i128, "s", "Wall seconds of disruption of the incidents that had to be kept posted, by month of opening";
    Sum telling_s_ppm: i128, "s × ppm", "Business seconds between knowing and telling × share affected, by month of opening";
    Sum telling_rated: i128, "s × ppm × ppm", "What rates of hours add to the weight of those: × (factor − 1), by month of opening; 0 without [[measure.impact.rates]]";
    Sum telling_unknown: u64, "count", "Incidents to be told without share affected or outside the calendar, by month of opening";
    Sum notices: u64, "count", "Notices about incidents to be told, by month of sending";
    Sum notice_parts: u64, "count", "Parts that the terms want in those notices, where the notice says anything about its parts";
    Sum notice_parts_given: u64, "count", "Parts given";
    Sum breach_warned: u64, "count", "Breaches warned of with the lead that the terms want, by month of the due time";
    Sum stated: u64, "count", "Incidents with a stated and a realised impact, by month of opening";
    Sum stated_error_s_ppm: i128, "s × ppm", "Absolute difference of stated and realised impact of those";
    Sum stated_realised_s_ppm: i128, "s × ppm", "Realised impact of those";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_merges_as_it_says() {
        let mut one = Cell {
            tickets: 2,
            update_gap_max_s: 7,
            impact_s_ppm: 5,
            ..Cell::default()
        };
        let other = Cell {
            tickets: 3,
            update_gap_max_s: 4,
            impact_s_ppm: -1,
            ..Cell::default()
        };
        one.merge(&other);
        assert_eq!(
            (one.tickets, one.update_gap_max_s, one.impact_s_ppm),
            (5, 7, 4)
        );
        let read = |name: &str| {
            let column = COLUMNS.iter().find(|c| c.name == name).unwrap();
            ((column.get)(&one), column.merge)
        };
        assert_eq!(read("tickets"), (5, Merge::Sum));
        assert_eq!(read("update_gap_max_s"), (7, Merge::Max));
    }
}

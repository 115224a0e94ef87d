//! When tickets arrive within a month: weekday, hour and holidays, of a whole month or of some
//! hours of it. Not responsible for how many there are in a month ([`super::world`]).

use std::ops::Range;

use super::clock::{DAY, HOUR, weekday_of};
use super::sample::Draw;
use super::world::{World, first_day};

const WEEKDAYS: [f64; 7] = [1.25, 1.12, 1.05, 1.02, 0.92, 0.26, 0.20];
const USER_HOURS: [f64; 24] = [
    0.10, 0.06, 0.05, 0.04, 0.05, 0.12, 0.35, 1.10, 2.60, 3.00, 2.70, 2.30, 1.60, 2.00, 2.20, 1.90,
    1.50, 0.90, 0.50, 0.40, 0.35, 0.28, 0.20, 0.14,
];

/// Weight of an hour of the day for tickets that monitoring opens.
fn machine_hour(user: f64) -> f64 {
    1.0 + 0.35 * user
}

/// Share of a contract's incidents that monitoring opens.
fn machine_share(contract: usize) -> f64 {
    if matches!(contract, 2 | 3) {
        0.42
    } else {
        0.14
    }
}

fn running(weights: impl Iterator<Item = f64>) -> Vec<f64> {
    weights
        .scan(0.0, |sum, w| {
            *sum += w;
            Some(*sum)
        })
        .collect()
}

/// Weight of each day of a month.
fn day_weights(world: &World, month: usize) -> impl Iterator<Item = f64> {
    (first_day(month as i64)..first_day(month as i64 + 1)).map(|day| {
        if world.clock.is_holiday(day) {
            0.22
        } else {
            WEEKDAYS[weekday_of(day) as usize]
        }
    })
}

/// Weights of the hours of a month, from the first day at 00:00 local time, as users open
/// tickets and as monitoring does; each sums to 1.
fn hour_weights(world: &World, month: usize) -> (Vec<f64>, Vec<f64>) {
    let days: Vec<f64> = day_weights(world, month).collect();
    let of = |hours: [f64; 24]| {
        let total = days.iter().sum::<f64>() * hours.iter().sum::<f64>();
        days.iter()
            .flat_map(|day| hours.map(|hour| day * hour / total))
            .collect::<Vec<f64>>()
    };
    (of(USER_HOURS), of(USER_HOURS.map(machine_hour)))
}

/// Hours of a month at which slices of about equal numbers of incidents begin, the first one 0;
/// at most `slices`, fewer when an hour alone has more than its part.
pub(crate) fn borders(world: &World, contract: usize, month: usize, slices: u32) -> Vec<usize> {
    let (user, machine) = hour_weights(world, month);
    let p = machine_share(contract);
    let mass = running(
        user.iter()
            .zip(&machine)
            .map(|(u, m)| (1.0 - p) * u + p * m),
    );
    let mut borders: Vec<usize> = (0..slices)
        .map(|slice| mass.partition_point(|sum| *sum < f64::from(slice) / f64::from(slices)))
        .collect();
    borders.dedup();
    borders
}

/// Number of hours that the local days of a month have on paper.
pub(crate) fn hours_of(month: usize) -> usize {
    ((first_day(month as i64 + 1) - first_day(month as i64)) * 24) as usize
}

enum Moments {
    /// Any hour of the month: running sums of the days, and of the hours of a day.
    Month {
        days: Vec<f64>,
        user: Vec<f64>,
        machine: Vec<f64>,
    },
    /// Some hours of the month: the first one, and running sums from there.
    Hours {
        from: i64,
        user: Vec<f64>,
        machine: Vec<f64>,
    },
}

/// The tickets that arrive in a month, or in some hours of it.
pub(crate) struct Arrivals {
    first_day: i64,
    moments: Moments,
    /// Share of the month's incidents.
    pub(crate) incidents: f64,
    /// Share of the month's requests.
    pub(crate) requests: f64,
    /// Chance that an incident was opened by monitoring.
    pub(crate) machine: f64,
}

impl Arrivals {
    /// Those of a whole month.
    pub(crate) fn month(world: &World, contract: usize, month: usize) -> Self {
        Arrivals {
            first_day: first_day(month as i64),
            moments: Moments::Month {
                days: running(day_weights(world, month)),
                user: running(USER_HOURS.into_iter()),
                machine: running(USER_HOURS.into_iter().map(machine_hour)),
            },
            incidents: 1.0,
            requests: 1.0,
            machine: machine_share(contract),
        }
    }

    /// Those of some hours of a month, counted from its first day at 00:00 local time.
    pub(crate) fn hours(world: &World, contract: usize, month: usize, hours: Range<usize>) -> Self {
        let (user, machine) = hour_weights(world, month);
        let within = |weights: &[f64]| {
            running(
                weights
                    .get(hours.clone())
                    .unwrap_or_default()
                    .iter()
                    .copied(),
            )
        };
        let (user, machine) = (within(&user), within(&machine));
        let mass = |sums: &[f64]| sums.last().copied().unwrap_or(0.0);
        let p = machine_share(contract);
        let (by_users, by_machines) = ((1.0 - p) * mass(&user), p * mass(&machine));
        Arrivals {
            first_day: first_day(month as i64),
            incidents: by_users + by_machines,
            requests: mass(&user),
            machine: by_machines / (by_users + by_machines),
            moments: Moments::Hours {
                from: hours.start as i64,
                user,
                machine,
            },
        }
    }

    /// When a ticket is opened.
    pub(crate) fn moment(&self, world: &World, draw: &mut Draw, machine: bool) -> i64 {
        let local = match &self.moments {
            Moments::Month {
                days,
                user,
                machine: machines,
            } => {
                let day = self.first_day + draw.cumulative(days) as i64;
                let hour = draw.cumulative(if machine { machines } else { user }) as i64;
                day * DAY + hour * HOUR
            }
            Moments::Hours {
                from,
                user,
                machine: machines,
            } => {
                let hour = from + draw.cumulative(if machine { machines } else { user }) as i64;
                self.first_day * DAY + hour * HOUR
            }
        };
        world.clock.utc(local + draw.whole(0, HOUR - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Options;
    use super::*;

    #[test]
    fn slices_of_a_month_cover_it_once() {
        let world = World::new(&Options::new(1)).unwrap();
        for (month, contract) in [(0, 0), (2, 3), (9, 5)] {
            for slices in [1, 2, 7, 60, 5_000] {
                let mut borders = borders(&world, contract, month, slices);
                assert_eq!(borders[0], 0);
                assert!(borders.len() <= slices as usize);
                borders.push(hours_of(month));
                assert!(borders.windows(2).all(|w| w[0] < w[1]), "{borders:?}");
                let parts: Vec<Arrivals> = borders
                    .windows(2)
                    .map(|w| Arrivals::hours(&world, contract, month, w[0]..w[1]))
                    .collect();
                let sum = |of: fn(&Arrivals) -> f64| parts.iter().map(of).sum::<f64>();
                assert!((sum(|a| a.incidents) - 1.0).abs() < 1e-9);
                assert!((sum(|a| a.requests) - 1.0).abs() < 1e-9);
                let machines = sum(|a| a.incidents * a.machine);
                assert!((machines - machine_share(contract)).abs() < 1e-9);
            }
        }
    }
}

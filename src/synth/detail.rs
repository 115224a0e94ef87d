//! How large a world must be to have so many incidents, and how finely its invoices must be
//! detailed to have so many lines. Responsible for sizes only: detail never changes what a
//! service costs, an amount is only told on more lines.

use super::billing::ITEMS;
use super::incidents::shown_share;
use super::world::{CASCADES, CONTRACTS, MONTHS, SERVICES, World};
use super::{Options, SynthError};

/// Most incidents that a world can be asked for.
pub const MOST_INCIDENTS: u64 = 2_000_000_000;

/// Lines of a world that are not usage (fees, subscriptions, orders, credits, tax, corrections
/// and bad rows), about.
const OTHER_LINES: f64 = 2_243.0;

/// How the usage of a service's month is spread over invoice lines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Detail {
    /// Cost centres that each item is billed to.
    pub(crate) centres: u64,
    /// Mean resources, that is lines, per item and cost centre (at least 1).
    pub(crate) resources: f64,
}

impl Detail {
    /// As a world of a scale has it when nobody asks for a number of lines.
    pub(crate) fn plain(scale: f64) -> Self {
        Detail {
            centres: libm::round(5.0 * scale).max(1.0) as u64,
            resources: 1.0,
        }
    }

    /// The detail that gives a world about `wanted` invoice lines: a sixteenth of the usual cost
    /// centres, so that each has enough resources for a few of them to carry most of the cost, and
    /// as many resources as it takes.
    ///
    /// # Errors
    ///
    /// When the world cannot have so few or so many lines.
    pub(crate) fn for_lines(world: &World, wanted: u64) -> Result<Self, SynthError> {
        let usage = wanted as f64 - OTHER_LINES;
        // Usage lines of a world per cost centre.
        let each = (CONTRACTS.len() * MONTHS * SERVICES * ITEMS.len()) as f64;
        let usual = Detail::plain(world.scale / 16.0).centres;
        let centres = (libm::floor(usage / each).max(1.0) as u64).min(usual);
        let lines = |resources| lines_of(world, centres, resources);
        let most = lines(f64::INFINITY);
        if usage < 0.97 * each || usage > 0.97 * most {
            return Err(SynthError::InvoiceLines {
                wanted,
                least: (each + OTHER_LINES) as u64,
                most: (0.97 * most + OTHER_LINES) as u64,
            });
        }
        let (mut low, mut high) = (1.0, 2.0);
        while lines(high) < usage {
            high *= 2.0;
        }
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if lines(middle) < usage {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(Detail {
            centres,
            resources: high,
        })
    }

    /// Resources of the item and cost centre with a running number: whole, and so spread that
    /// any stretch of them has the wanted mean.
    pub(crate) fn resources_of(&self, running: u64) -> u64 {
        let upto = |n: u64| libm::floor(n as f64 * self.resources) as u64;
        (upto(running + 1) - upto(running)).max(1)
    }
}

/// Expected usage lines of a world: no resource without a unit.
fn lines_of(world: &World, centres: u64, resources: f64) -> f64 {
    let mut lines = 0.0;
    for c in 0..CONTRACTS.len() {
        for s in 0..SERVICES {
            for m in 0..MONTHS {
                let saved = world.saving(c, s) * world.phase(c, m);
                let users = world.users(c, s, m) * (1.0 - saved) / centres as f64;
                for item in &ITEMS {
                    let units = (users * item.per_user).max(1.0);
                    lines += resources.min(units) * centres as f64;
                }
            }
        }
    }
    lines
}

/// Splits units over resources so that each has at least one and few have most, as on a cloud
/// bill: resource `k` has a share that falls as 1/(k + 1). The parts sum to `units`.
pub(crate) fn shares(units: i64, resources: u64) -> impl Iterator<Item = i64> {
    let spare = (units - resources as i64).max(0);
    let floor = i64::from(units >= resources as i64);
    let total: f64 = (1..=resources).map(|k| 1.0 / k as f64).sum();
    let mut sum = 0.0;
    let mut given = 0;
    (1..=resources).map(move |k| {
        sum += 1.0 / k as f64;
        let upto = if k == resources {
            spare
        } else {
            libm::round(spare as f64 * (sum / total)) as i64
        };
        let part = upto - given;
        given = upto;
        // Fewer units than resources happens with one resource only.
        if floor == 1 { part + 1 } else { units }
    })
}

/// The scale at which a seed's world has about `incidents` incidents in its exports.
///
/// # Errors
///
/// When the number is 0 or above [`MOST_INCIDENTS`].
pub fn scale_for(options: &Options, incidents: u64) -> Result<f64, SynthError> {
    if !(1..=MOST_INCIDENTS).contains(&incidents) {
        return Err(SynthError::Incidents { wanted: incidents });
    }
    let wanted = incidents as f64;
    let mut scale = wanted / 21_000.0;
    // Users are whole, so incidents are not quite proportional to the scale; two rounds suffice
    // and more do no harm.
    for _ in 0..4 {
        let world = World::new(&Options {
            scale,
            invoice_lines: None,
            ..*options
        })?;
        scale *= wanted / expected_incidents(&world);
    }
    Ok(scale)
}

/// Incidents that a world's exports are expected to show, given its weather.
fn expected_incidents(world: &World) -> f64 {
    let mut sum = 0.0;
    for c in 0..CONTRACTS.len() {
        for m in 0..MONTHS {
            let shown = if world.games(c, m) {
                shown_share()
            } else {
                1.0
            };
            for s in 0..SERVICES {
                let left =
                    (1.0 - world.customer_share(c, s, m)) * (1.0 - world.removal_share(c, s, m));
                sum += world.intensity(c, s, m) * left * shown;
            }
        }
    }
    let outages: f64 = CASCADES
        .iter()
        .map(|x| x.children * world.scale + 1.0)
        .sum();
    sum + outages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_sum_to_the_whole_and_few_have_most() {
        for (units, resources) in [(0, 1), (1, 1), (7, 7), (8, 3), (100, 40), (100_000, 500)] {
            let parts: Vec<i64> = shares(units, resources).collect();
            assert_eq!(parts.len() as u64, resources);
            assert_eq!(parts.iter().sum::<i64>(), units, "{units} over {resources}");
            assert!(units == 0 || parts.iter().all(|p| *p >= 1), "{parts:?}");
        }
        let mut parts: Vec<i64> = shares(100_000, 100).collect();
        parts.sort_unstable_by(|a, b| b.cmp(a));
        let top: i64 = parts.iter().take(20).sum();
        assert!((60_000..80_000).contains(&top), "{top}");
    }

    #[test]
    fn resources_have_the_wanted_mean_everywhere() {
        let detail = Detail {
            centres: 1,
            resources: 2.4,
        };
        for from in [0, 17, 1_000_000] {
            let sum: u64 = (from..from + 1_000).map(|k| detail.resources_of(k)).sum();
            assert!((2_399..=2_401).contains(&sum), "{sum}");
        }
    }

    #[test]
    fn lines_that_a_world_cannot_have_are_refused() {
        let world = World::new(&Options::new(1)).unwrap();
        for wanted in [0, 1, 3_000, 1_000_000_000_000] {
            let error = Detail::for_lines(&world, wanted).unwrap_err();
            assert!(error.to_string().contains("--invoice-lines"), "{error}");
        }
        for (wanted, resources) in [(7_700, 1.0), (29_243, 5.0), (110_243, 20.0)] {
            let detail = Detail::for_lines(&world, wanted).unwrap();
            assert_eq!(detail.centres, 1);
            assert!(
                (detail.resources / resources - 1.0).abs() < 0.02,
                "{detail:?}"
            );
        }
    }
}

//! How the work of a contract's month is cut into slices that fit in memory whatever the size of
//! the world. Responsible for the cuts, which depend on the world only and never on the machine;
//! not for what is drawn in a slice.
//!
//! A small month is one slice. A large one is cut at full hours, its outages into equal parts,
//! and its usage by ranges of cost centres. Each slice has a stream of draws of its own.

use super::clock::{DAY, HOUR};
use super::rhythm::{borders, hours_of};
use super::world::{CASCADES, REQUEST_RATIO, SERVICES, World, first_day};

/// Expected tickets of a contract's month above which it is cut, and of a slice then.
const TICKETS: f64 = 2_048.0;
/// Expected usage lines of a contract's invoice above which it is cut, and of a slice then.
const LINES: f64 = 4_096.0;
/// Number of the stream that the noise of a sliced month comes from; slices count from 1.
pub(crate) const MONTH_NOISE: u32 = 0;

/// Which tickets of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of them.
    Month,
    /// Those of some hours, counted from the first day at 00:00 local time, half-open.
    Hours { from: usize, to: usize },
    /// One of several equal parts of an outage.
    Outage { index: usize, part: u32, parts: u32 },
}

/// One slice of the tickets of a contract's month.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slice {
    pub(crate) contract: usize,
    pub(crate) month: usize,
    /// From 1 within the month; 0 when it is not cut.
    pub(crate) number: u32,
    pub(crate) part: Part,
    /// Tickets opened from here on belong to a later slice, although drawn here.
    pub(crate) until: i64,
    /// The last one of its month.
    pub(crate) last: bool,
}

impl Slice {
    /// A whole month.
    pub(crate) fn whole(contract: usize, month: usize) -> Self {
        Slice {
            contract,
            month,
            number: 0,
            part: Part::Month,
            until: i64::MAX,
            last: true,
        }
    }
}

fn parts_for(expected: f64, limit: f64) -> u32 {
    libm::ceil(expected / limit).clamp(1.0, 1e9) as u32
}

/// The slices of the tickets of a contract's month, in the order in which they are written.
pub(crate) fn of_tickets(world: &World, contract: usize, month: usize) -> Vec<Slice> {
    let expected: f64 = (0..SERVICES)
        .map(|s| world.intensity(contract, s, month) * (1.0 + REQUEST_RATIO))
        .sum();
    let outages = CASCADES
        .iter()
        .enumerate()
        .filter(|(_, x)| x.contract == contract && x.month == month);
    let children: f64 = outages.clone().map(|(_, x)| x.children * world.scale).sum();
    if expected + children <= TICKETS {
        return vec![Slice::whole(contract, month)];
    }
    let mut starts = borders(world, contract, month, parts_for(expected, TICKETS));
    starts.push(hours_of(month));
    let mut slices: Vec<Slice> = Vec::new();
    let mut add = |part: Part, until: i64| {
        slices.push(Slice {
            contract,
            month,
            number: slices.len() as u32 + 1,
            part,
            until,
            last: false,
        });
    };
    for (from, to) in starts.iter().zip(starts.iter().skip(1)) {
        let (from, to) = (*from, *to);
        let local = first_day(month as i64) * DAY + to as i64 * HOUR;
        let until = if to == hours_of(month) {
            i64::MAX
        } else {
            world.clock.utc(local)
        };
        // An outage begins before the tickets of its hour, so that its parent comes first.
        for (index, cascade) in outages.clone() {
            let start = ((cascade.day - 1) * 24 + cascade.hour) as usize;
            if (from..to).contains(&start) {
                let parts = parts_for(cascade.children * world.scale, TICKETS);
                for part in 0..parts {
                    add(Part::Outage { index, part, parts }, i64::MAX);
                }
            }
        }
        add(Part::Hours { from, to }, until);
    }
    if let Some(last) = slices.last_mut() {
        last.last = true;
    }
    slices
}

/// One slice of the usage lines of a contract's invoice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) contract: usize,
    pub(crate) month: usize,
    /// From 1 within the month.
    pub(crate) number: u32,
    pub(crate) service: usize,
    /// Cost centres, half-open.
    pub(crate) centres: (u64, u64),
}

/// The slices of the usage lines of a contract's invoice; none when it is not cut.
pub(crate) fn of_usage(world: &World, contract: usize, month: usize) -> Vec<Usage> {
    let centres = world.detail.centres;
    let per_centre = super::billing::ITEMS.len() as f64 * world.detail.resources;
    if centres as f64 * per_centre * SERVICES as f64 <= LINES {
        return Vec::new();
    }
    let step = libm::floor(LINES / per_centre).max(1.0) as u64;
    let mut slices = Vec::new();
    for service in 0..SERVICES {
        let mut from = 0;
        while from < centres {
            let to = (from + step).min(centres);
            slices.push(Usage {
                contract,
                month,
                number: slices.len() as u32 + 1,
                service,
                centres: (from, to),
            });
            from = to;
        }
    }
    slices
}

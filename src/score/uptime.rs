//! Hours in which services were to be there, and outages in them, per service and month.
//! Not responsible for which incident is an outage (see [`crate::measure`]) nor for any share.

use std::collections::BTreeMap;

use super::parts::Sources;
use crate::measure::outage::Outages;
use crate::time::{Instant, Month};

/// One service in one month.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Uptime {
    /// Business seconds in which it was to be there, relief taken off.
    pub agreed_s: i128,
    /// Business seconds of outage in those.
    pub down_s: i128,
    /// Outages that began in the month, however long; those that relief covers whole are none.
    pub outages: u64,
}

impl Uptime {
    pub(super) fn merge(&mut self, other: &Uptime) {
        self.agreed_s += other.agreed_s;
        self.down_s += other.down_s;
        self.outages += other.outages;
    }
}

/// The parts of outages that no relief covers.
fn unrelieved(outages: &Outages, relief: &Outages) -> Outages {
    let mut left = Outages::default();
    for outage in outages.iter() {
        let mut start = outage.start();
        for pause in relief.iter() {
            if pause.end() <= start || pause.start() >= outage.end() {
                continue;
            }
            left.add(start, pause.start());
            start = pause.end();
        }
        left.add(start, outage.end());
    }
    left
}

/// When the outages began that relief does not cover whole; what relief parts is one still.
fn begun<'a>(outages: &'a Outages, relief: &'a Outages) -> impl Iterator<Item = Instant> + 'a {
    outages.iter().filter_map(|outage| {
        let mut one = Outages::default();
        one.add(outage.start(), outage.end());
        (!unrelieved(&one, relief).is_empty()).then_some(outage.start())
    })
}

/// Uptime of the services given, in the months whose tickets are known. Nothing when the terms
/// say nothing of outages, or where a date lies outside the years of the calendar.
pub(super) fn uptime(from: &Sources<'_>, services: &[String]) -> BTreeMap<(String, Month), Uptime> {
    let mut found = BTreeMap::new();
    let plan = from.plan;
    let Some(calendar) = plan
        .outage
        .and_then(|o| plan.calendars.get(usize::from(o.calendar)))
    else {
        return found;
    };
    for service in services {
        let key = (plan.contract_id.clone(), service.clone());
        let mut outages = from
            .cells
            .total
            .outages
            .get(&key)
            .cloned()
            .unwrap_or_default();
        if let Some(began) = from.cells.total.outages_open.get(&key) {
            outages.add(*began, from.as_of);
        }
        let mut relief = Outages::default();
        for row in &from.records.relief {
            if row.service_id.is_empty() || row.service_id == *service {
                relief.add(row.from, row.to);
            }
        }
        let begun: Vec<Instant> = begun(&outages, &relief).collect();
        let outages = unrelieved(&outages, &relief);
        for &month in from.months {
            let known = from.observed.is_some_and(|period| period.contains(month))
                && from.exposure.is_served(service, month);
            if !known {
                continue;
            }
            let (start, end) = (month.start(&plan.zone), month.next().start(&plan.zone));
            let business = |set: &Outages| -> i128 {
                set.iter()
                    .filter(|p| p.start() < end && p.end() > start)
                    .filter_map(|p| {
                        let from: Instant = p.start().max(start);
                        calendar.business_s(from, p.end().min(end)).ok()
                    })
                    .map(i128::from)
                    .sum()
            };
            let whole = calendar.business_s(start, end).unwrap_or_default();
            let began = |at: Instant| at >= start && at < end;
            let uptime = Uptime {
                agreed_s: i128::from(whole) - business(&relief),
                down_s: business(&outages),
                outages: begun.iter().filter(|at| began(**at)).count() as u64,
            };
            found.insert((service.clone(), month), uptime);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relief_is_cut_out_of_outages() {
        let set = |parts: &[(i64, i64)]| {
            let mut outages = Outages::default();
            for (from, to) in parts {
                outages.add(Instant::from_seconds(*from), Instant::from_seconds(*to));
            }
            outages
        };
        let left = unrelieved(
            &set(&[(0, 10), (20, 30), (40, 50)]),
            &set(&[(5, 22), (24, 26), (39, 60)]),
        );
        assert_eq!(left, set(&[(0, 5), (22, 24), (26, 30)]));
        // The last one is covered whole; the second is parted and one still.
        let begun: Vec<i64> = begun(
            &set(&[(0, 10), (20, 30), (40, 50)]),
            &set(&[(5, 22), (24, 26), (39, 60)]),
        )
        .map(Instant::seconds)
        .collect();
        assert_eq!(begun, [0, 20]);
    }
}

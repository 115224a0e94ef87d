//! Comparisons of rates with the baseline's, exact: crude over a scope, and adjusted for the mix of
//! services and priorities. Responsible for the strata; the intervals are those of
//! [`crate::baseline`].
//!
//! A period shorter than a year is compared with the same months of the year of the baseline, so
//! that a season is not taken for a change.

use std::collections::{BTreeMap, BTreeSet};

use super::exposure::ExposureTable;
use super::value::Scope;
use crate::baseline::mix::Stratum;
use crate::measure::cells::Cells;
use crate::time::{Month, Period, months_between};

/// Incidents of one contract by stratum and month, relieved ones left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Strata {
    counts: BTreeMap<(String, u8), BTreeMap<Month, u64>>,
}

/// One side of a comparison and the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rates {
    /// Incidents of the period in months with exposure.
    pub incidents: u64,
    /// Exposure-months of the period.
    pub exposure: f64,
    /// Incidents of the baseline in the same months of the year, with exposure.
    pub base_incidents: u64,
    /// Exposure-months of those.
    pub base_exposure: f64,
    /// Strata of service and priority, with the rate of the baseline as standard.
    pub strata: Vec<Stratum>,
    /// Incidents in strata that the baseline has no exposure for.
    pub without_base: u64,
    /// Services with exposure of their own, with that of the baseline as standard. Priorities have
    /// none.
    pub services: Vec<Stratum>,
    /// Incidents of services without it.
    pub unserved: u64,
    /// A service with exposure in the baseline and none in the period, if there is one.
    pub ended: Option<String>,
}

impl Strata {
    pub(super) fn gather(cells: &Cells, contract_id: &str) -> Strata {
        let mut strata = Strata::default();
        strata.add(cells, contract_id);
        strata
    }

    fn add(&mut self, cells: &Cells, contract_id: &str) {
        for (key, cell) in cells.total.cells_of(contract_id) {
            if cell.incidents > 0 {
                *self
                    .counts
                    .entry((key.service_id.clone(), key.priority))
                    .or_default()
                    .entry(key.month)
                    .or_default() += cell.incidents.saturating_sub(cell.relieved);
            }
        }
    }

    /// These with other cells in some months; `cells` holds those alone.
    pub(super) fn with_cells(
        &self,
        cells: &Cells,
        contract_id: &str,
        months: Period<Month>,
    ) -> Strata {
        let mut strata = self.clone();
        for counts in strata.counts.values_mut() {
            counts.retain(|month, _| !months.contains(*month));
        }
        strata.add(cells, contract_id);
        // A stratum is one that has incidents.
        strata.counts.retain(|_, counts| !counts.is_empty());
        strata
    }

    /// Both sides for a scope and period. `known` are the months whose tickets are known.
    pub(super) fn rates(
        &self,
        scope: &Scope,
        period: Period<Month>,
        baseline: Period<Month>,
        known: Option<Period<Month>>,
        exposure: &ExposureTable,
    ) -> Rates {
        let of_year: BTreeSet<u8> = months_between(period.start(), period.end())
            .map(Month::month_of_year)
            .collect();
        let usable = |m: &Month| known.is_some_and(|k| k.contains(*m));
        let now: Vec<Month> = months_between(period.start(), period.end())
            .filter(usable)
            .collect();
        let before: Vec<Month> = months_between(baseline.start(), baseline.end())
            .filter(|m| of_year.contains(&m.month_of_year()))
            .filter(usable)
            .collect();
        let mut rates = Rates::default();
        let crude = |months: &[Month]| -> f64 {
            months
                .iter()
                .filter_map(|m| exposure.of(scope, *m))
                .map(|e| e as f64)
                .sum()
        };
        rates.exposure = crude(&now);
        rates.base_exposure = crude(&before);
        // Of each service with rows of its own: incidents, exposure, exposure of the baseline.
        let mut served: BTreeMap<&str, (u64, f64, f64)> = BTreeMap::new();
        let all = exposure.services();
        let wanted: Vec<&String> = match scope {
            Scope::Service(service) => all.get(service).into_iter().collect(),
            _ => all.iter().collect(),
        };
        for service in wanted {
            let own = |months: &[Month]| -> f64 {
                let of = |m: &Month| exposure.of_row(service, *m);
                months.iter().filter_map(of).map(|e| e as f64).sum()
            };
            served.insert(service, (0, own(&now), own(&before)));
        }
        for ((service, priority), counts) in &self.counts {
            let inside = match scope {
                Scope::Contract => true,
                Scope::Service(s) => s == service,
                Scope::Priority(p) => p == priority,
                Scope::Supplier(_) => false,
            };
            if !inside {
                continue;
            }
            let happened = now.iter().filter_map(|m| counts.get(m)).sum::<u64>();
            match served.get_mut(service.as_str()) {
                Some((n, _, base)) if *base > 0.0 => *n += happened,
                _ => rates.unserved += happened,
            }
            let sums = |months: &[Month]| -> (u64, f64, u64) {
                let (mut n, mut e, mut crude) = (0, 0.0, 0);
                for m in months {
                    let count = counts.get(m).copied().unwrap_or(0);
                    if exposure.of(scope, *m).is_some() {
                        crude += count;
                    }
                    if let Some(own) = exposure.of_service(service, *m) {
                        n += count;
                        e += own as f64;
                    }
                }
                (n, e, crude)
            };
            let (n, e, of_scope) = sums(&now);
            let (base_n, base_e, base_of_scope) = sums(&before);
            rates.incidents += of_scope;
            rates.base_incidents += base_of_scope;
            if base_e > 0.0 {
                rates.strata.push(Stratum {
                    events: n,
                    exposure: e,
                    standard: base_n as f64 / base_e,
                });
            } else {
                rates.without_base += n;
            }
        }
        let ended = served
            .iter()
            .find(|(_, (_, now, base))| *base > 0.0 && *now <= 0.0);
        rates.ended = ended.map(|(service, _)| (*service).to_owned());
        let standard = served.into_values().filter(|(.., base)| *base > 0.0);
        rates.services = standard
            .map(|(events, exposure, standard)| Stratum {
                events,
                exposure,
                standard,
            })
            .collect();
        rates
    }
}

//! The measures of a contract made again from changed cells, for alignment: the same stages in the
//! same order (baseline, KPI values, measures of the settlement), for what is asked alone. Has no
//! arithmetic of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::contracts::Contract;
use super::measures::{LOWER_BOUNDS, measures, ratios, scope_keys};
use super::prepared::Prepared;
use super::savings::Rates;
use super::settling::{Measured, Small, inputs};
use crate::baseline::saving::SavingResult;
use crate::baseline::{self, BaselineResult, JointRow};
use crate::judge::align::{CellStream, Ratios, Rebuild, Wanted};
use crate::measure::cells::Cells;
use crate::measure::fragment::CellKey;
use crate::measure::plan::MeasurePlan;
use crate::measure::spec::priority;
use crate::measure::without::{Change, Moved};
use crate::money::Decimal;
use crate::score::{self, Changeable, SCORE_PREFIX};
use crate::settle::{Measures, Span};
use crate::time::{Month, Period};

/// Decimals of avoided incidents of one service and priority.
const AVOIDED_DECIMALS: u8 = 4;

/// One contract of a run, with all that its measures are made from.
pub(super) struct Rebuilt<'a> {
    pub(super) contract: &'a Contract,
    pub(super) plan: &'a MeasurePlan,
    pub(super) prepared: &'a Prepared<'a>,
    pub(super) small: &'a Small,
    pub(super) measured: &'a Measured<'a>,
    /// What was invoiced and saved: cells do not change it.
    pub(super) saving: &'a SavingResult,
    /// The rows of the baseline as the run has them.
    pub(super) baseline: &'a BaselineResult,
    /// What is made once, when it is needed.
    pub(super) once: Once,
}

/// What is the same for every change.
#[derive(Default)]
pub(super) struct Once {
    own: OnceLock<Unmoved>,
    /// The measures of the cells as they are, by the period around which they were asked for.
    unchanged: Mutex<BTreeMap<Span, (Measures, Ratios)>>,
}

/// The contract's own cells as they are, as far as they are read, and what its KPI values are made
/// from.
struct Unmoved {
    cells: Cells,
    basis: Changeable,
}

/// The KPIs that the wanted measures are made of.
fn kpis(wanted: &Wanted) -> BTreeSet<&str> {
    let names: BTreeSet<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
    if names
        .iter()
        .any(|n| n.starts_with(SCORE_PREFIX) || *n == "quality_score")
    {
        // A score is made of all that have a target.
        let all = score::catalogue::all().map(|entry| entry.id);
        return all.chain(names).collect();
    }
    let bounded = LOWER_BOUNDS
        .iter()
        .filter(|(_, bound)| names.contains(bound))
        .map(|(kpi, _)| *kpi);
    bounded.chain(names.iter().copied()).collect()
}

fn months(period: Span) -> Period<Month> {
    Period::spanning(period.from, period.to)
}

impl Rebuilt<'_> {
    fn id(&self) -> &str {
        &self.contract.entry.id
    }

    fn own(&self, kpis: &BTreeSet<&str>, rates: &Rates) -> &Unmoved {
        self.once.own.get_or_init(|| {
            let all = self.prepared.own.cells;
            let cells = score::cells_for(all, self.id(), kpis.iter().copied());
            let basis = Changeable::new(&self.inputs(self.baseline, &cells, rates));
            Unmoved { cells, basis }
        })
    }

    fn inputs<'i>(
        &'i self,
        baseline: &'i BaselineResult,
        cells: &'i Cells,
        rates: &'i Rates,
    ) -> score::Inputs<'i> {
        inputs(
            self.contract,
            self.plan,
            self.prepared,
            self.small,
            self.measured,
            (baseline, self.saving, cells),
            rates,
        )
    }

    /// What a service and priority avoided in the months of a period, where all are known.
    fn avoided(&self, service: &str, number: u8, period: Period<Month>) -> Option<Decimal> {
        let rows = self.baseline.months.iter().filter(|row| {
            row.key.contract_id == self.id()
                && row.key.service_id == service
                && priority(&row.key.priority) == Some(number)
                && period.contains(row.month)
        });
        let mut sum = None;
        for row in rows {
            let own = Decimal::from_f64_rounded(row.avoided?, AVOIDED_DECIMALS).ok()?;
            sum = Some(sum.unwrap_or(Decimal::ZERO).checked_add(own).ok()?);
        }
        sum
    }
}

impl Rebuild for Rebuilt<'_> {
    fn streams(&self, period: Span) -> Vec<CellStream> {
        let period = months(period);
        let mut streams: BTreeMap<(String, u8), CellStream> = BTreeMap::new();
        for (key, cell) in self.prepared.own.cells.total.cells_of(self.id()) {
            let incidents = cell.incidents.saturating_sub(cell.relieved);
            if !period.contains(key.month) {
                continue;
            }
            let stream = streams
                .entry((key.service_id.clone(), key.priority))
                .or_insert_with(|| CellStream {
                    service: key.service_id.clone(),
                    priority: key.priority,
                    incidents: 0,
                    met: 0,
                    late: 0,
                    avoided: self.avoided(&key.service_id, key.priority, period),
                });
            stream.incidents += incidents;
            stream.met += cell.restore_met;
            stream.late += cell.restore_breached;
        }
        streams.into_values().filter(|s| s.incidents > 0).collect()
    }

    fn changed(
        &self,
        streams: &BTreeSet<(String, u8)>,
        period: Span,
        change: Change,
        by: i64,
        wanted: &Wanted,
    ) -> (Measures, Ratios) {
        if by != 0 {
            return self.make(streams, period, change, by, wanted);
        }
        let known = || {
            self.once
                .unchanged
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let made = known().get(&period).cloned();
        made.unwrap_or_else(|| {
            // Not while holding it: what works side by side may take on this again.
            let made = self.make(streams, period, change, 0, wanted);
            known().insert(period, made.clone());
            made
        })
    }
}

impl Rebuilt<'_> {
    /// The joint results around a period when incidents have left some cells.
    fn joint(
        &self,
        gone: &BTreeMap<CellKey, i64>,
        period: Period<Month>,
        is_wanted: &(dyn Fn(&score::Scope) -> bool + Sync),
    ) -> Vec<JointRow> {
        let mut series = self.prepared.series.clone();
        for (key, taken) in gone {
            let name = format!("P{}", key.priority);
            let own = series
                .iter_mut()
                .find(|s| s.key.service_id == key.service_id && s.key.priority == name);
            let count = own.and_then(|s| {
                let at = usize::try_from(key.month.months_since(s.first_month)).ok()?;
                s.counts.get_mut(at)?.as_mut()
            });
            if let Some(count) = count {
                *count = count.saturating_add_signed(taken.saturating_neg());
            }
        }
        let asked = baseline::Asked {
            months: period,
            scope: &|scope| score::scope_of(scope).is_some_and(|scope| is_wanted(&scope)),
        };
        let circumstances = &self.prepared.circumstances;
        baseline::estimate_joint(&series, &self.contract.baseline, circumstances, asked)
    }

    fn make(
        &self,
        streams: &BTreeSet<(String, u8)>,
        period: Span,
        change: Change,
        by: i64,
        wanted: &Wanted,
    ) -> (Measures, Ratios) {
        let period = months(period);
        let kpis = kpis(wanted);
        let rates = Rates::of(self.contract, &self.small.saving.fx);
        let own = self.own(&kpis, &rates);
        let (cells, gone) = own.cells.without(&Moved {
            contract_id: self.id(),
            streams,
            months: period,
            change,
            by,
        });
        let scopes: BTreeSet<&Option<String>> = wanted.iter().map(|(_, scope)| scope).collect();
        let is_wanted =
            |scope: &score::Scope| scope_keys(scope).iter().any(|key| scopes.contains(key));
        let again;
        let baseline = if gone.is_empty() {
            self.baseline
        } else {
            again = BaselineResult {
                joint: self.joint(&gone, period, &is_wanted),
                ..BaselineResult::default()
            };
            &again
        };
        let inputs = self.inputs(baseline, &own.cells, &rates);
        let values = score::score_some(
            &inputs,
            &own.basis.with(&inputs, &cells, period),
            score::Wanted {
                months: period,
                scope: &is_wanted,
                kpi: &|kpi| kpis.contains(kpi),
            },
        );
        let asked = |name: &str, scope: Option<&str>| {
            wanted.contains(&(name.to_owned(), scope.map(str::to_owned)))
        };
        let all = measures(self.id(), &values);
        let mut measures = Measures::new();
        for (key, name, scope, value) in all.values(self.id()) {
            if asked(name, scope) {
                measures.insert(self.id(), key, name, scope, value.clone());
            }
        }
        (measures, ratios(&values))
    }
}

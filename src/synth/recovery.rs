//! Does the baseline find the truth of example worlds? Runs the estimator on the counts of many
//! seeds, which come from a generator that is not the estimator's model, and compares with what
//! was really prevented. Not responsible for the worlds or the estimator.

use rayon::prelude::*;

use super::counts::{TrueMonth, true_months};
use super::world::{BASELINE_MONTHS, CONTRACTS, MONTHS, year_month};
use super::{Options, Scenario, SynthError};
use crate::baseline::calibration::Calibration;
use crate::baseline::{
    BaselineSpec, ChangeKind, KnownChange, Model, PeriodKind, Scope, Series, SeriesKey, estimate,
};
use crate::time::{Month, Period};

/// The terms of the worlds: 24 months of baseline, 12 measured, everything else at its default.
#[must_use]
pub fn terms() -> BaselineSpec {
    let month = |n: usize| {
        let (year, month) = year_month(n as i64);
        Month::from_ordinal(year as i32 * 12 + month as i32 - 1)
    };
    BaselineSpec::new(
        Period::spanning(month(0), month(BASELINE_MONTHS)),
        Period::spanning(month(BASELINE_MONTHS), month(MONTHS)),
    )
}

/// Runs the estimator with `spec` on `worlds` worlds of six contracts each, seeds `seed` and on,
/// and counts how often the interval of a contract and performance period holds the incidents
/// that its supplier really prevented.
///
/// A service is followed under the position it has, whatever its name; outages are left out, as
/// the parties of the example agreed; the reorganisation of one contract is a known change.
///
/// # Errors
/// When the scale makes no sense.
pub fn recover(
    spec: &BaselineSpec,
    seed: u64,
    worlds: u64,
    scale: f64,
    scenario: Scenario,
) -> Result<Calibration, SynthError> {
    let each: Vec<Result<Calibration, SynthError>> = (0..worlds)
        .into_par_iter()
        .map(|n| {
            let months = true_months(&Options {
                seed: seed.wrapping_add(n),
                scale,
                scenario,
                ..Options::new(0)
            })?;
            let mut sum = Calibration::default();
            for c in &CONTRACTS {
                let own: Vec<&TrueMonth> =
                    months.iter().filter(|m| m.contract_id == c.id).collect();
                let mut spec = spec.clone();
                // A plain rate cannot learn an agreed change, and its terms may not have one.
                if let Some((at, _)) = c.reorganisation
                    && spec.model == Model::Regression
                {
                    spec.known_changes.push(KnownChange {
                        month: spec.baseline.start().plus(i32::try_from(at).unwrap_or(0)),
                        kind: ChangeKind::Step,
                        reason: "reorganisation".to_owned(),
                        service: None,
                    });
                }
                sum.add(&one(&own, &spec));
            }
            Ok(sum)
        })
        .collect();
    let mut sum = Calibration::default();
    for one in each {
        sum.add(&one?);
    }
    Ok(sum.averaged())
}

fn one(months: &[&TrueMonth], spec: &BaselineSpec) -> Calibration {
    let services = months.iter().map(|m| m.service).max().map_or(0, |n| n + 1);
    let mut series = Vec::with_capacity(services);
    let mut truth = 0;
    for service in 0..services {
        let own: Vec<&&TrueMonth> = months.iter().filter(|m| m.service == service).collect();
        truth += own
            .iter()
            .skip(BASELINE_MONTHS)
            .map(|m| m.removed_by_supplier)
            .sum::<u64>();
        let contract = own.first().map_or("", |m| m.contract_id);
        series.push(Series::complete(
            SeriesKey::new(contract, &format!("S{service}"), ""),
            spec.baseline.start(),
            &own.iter().map(|m| m.happened).collect::<Vec<u64>>(),
            &own.iter().map(|m| m.users).collect::<Vec<f64>>(),
        ));
    }
    let result = estimate(&series, spec);
    let total = result
        .joint
        .iter()
        .find(|r| r.scope == Scope::Contract && r.period_kind == PeriodKind::Performance);
    Calibration::of(total, truth as f64)
}

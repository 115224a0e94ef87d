//! KPI values as the settlement reads them. Names and places only; no arithmetic.

use crate::judge::align;
use crate::score;
use crate::settle::{self, Measures};
use crate::time::{Month, Period};

/// KPIs whose lower end of the interval is a measure of its own, with its name.
pub(super) const LOWER_BOUNDS: [(&str, &str); 3] = [
    ("incidents_avoided", "incidents_avoided_lower"),
    ("incidents_credited", "incidents_credited_lower"),
    ("verified_saving", "verified_saving_lower"),
];

/// KPI values as the settlement reads them: by their ids, and lower ends of intervals by the names
/// of [`LOWER_BOUNDS`].
///
/// A scope is known by its kind and name (`service:mail`, `priority:P1`) and by its name alone
/// (`mail`, `P1`), except for a service that has the name of a priority. What names no service
/// has no scope of its own.
pub(super) fn measures(contract_id: &str, kpis: &[score::KpiValue]) -> Measures {
    let mut measures = Measures::new();
    for value in score::measured(kpis) {
        let measured = match value.value {
            Ok(decimal) => settle::Measured::Value(decimal),
            Err(reason) => settle::Measured::NotMeasurable(reason),
        };
        let place = (contract_id, value.period, value.name.as_str());
        insert(&mut measures, place, &value.scope, &measured);
    }
    for (kpi, bound) in LOWER_BOUNDS {
        for value in kpis.iter().filter(|v| v.kpi == kpi) {
            let lower = match value.ci_low {
                Some(low) if !value.provisional => settle::Measured::Value(low),
                _ => settle::Measured::NotMeasurable(value.reason.clone()),
            };
            let place = (contract_id, value.period, bound);
            insert(&mut measures, place, &value.scope, &lower);
        }
    }
    measures
}

fn insert(
    measures: &mut Measures,
    (contract_id, period, name): (&str, Period<Month>, &str),
    scope: &score::Scope,
    value: &settle::Measured,
) {
    let span = settle::PeriodKey::Span(settle::Span {
        from: period.start(),
        to: period.end(),
    });
    for key in scope_keys(scope) {
        measures.insert(contract_id, span, name, key.as_deref(), value.clone());
    }
}

/// The names by which settlement knows a scope; see [`measures`].
pub(super) fn scope_keys(scope: &score::Scope) -> Vec<Option<String>> {
    let (qualified, plain) = (scope.to_string(), scope.value());
    match scope {
        score::Scope::Contract => vec![None],
        score::Scope::Supplier(_) => Vec::new(),
        score::Scope::Service(id) if id.is_empty() => Vec::new(),
        score::Scope::Service(id) if crate::measure::spec::priority(id).is_some() => {
            vec![Some(qualified)]
        }
        _ => vec![Some(qualified), Some(plain)],
    }
}

/// The KPI values that are a quotient of two numbers, so that alignment can move the two.
pub(super) fn ratios(kpis: &[score::KpiValue]) -> align::Ratios {
    let mut ratios = align::Ratios::new();
    for value in kpis {
        let (Some(is), Some(numerator), Some(denominator)) =
            (value.value, value.numerator, value.denominator)
        else {
            continue;
        };
        let times = [1, 100, 1_000].map(crate::money::Decimal::from_i64);
        let found = times.into_iter().find_map(|times| {
            let ratio = align::Ratio {
                numerator,
                denominator,
                times,
                decimals: is.scale(),
            };
            let again = numerator.checked_mul(times).ok()?.div(
                denominator,
                ratio.decimals,
                crate::money::Rounding::HalfEven,
            );
            (again.ok()? == is).then_some(ratio)
        });
        let Some(ratio) = found else { continue };
        let span = settle::Span {
            from: value.period.start(),
            to: value.period.end(),
        };
        for key in scope_keys(&value.scope) {
            ratios.insert((span, value.kpi.to_string(), key), ratio);
        }
    }
    ratios
}

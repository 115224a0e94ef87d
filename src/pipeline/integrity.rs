//! Tests for gaming within a run: which months are compared, who cleared a flag, and the findings.
//! Names and places only; the tests are in [`crate::judge::integrity`].

use super::contracts::Contract;
use super::overrides::OverrideRow;
use super::prepared::Prepared;
use crate::finding::{Finding, Severity, Stage};
use crate::judge::integrity::{self, IntegrityRow, PeriodOf};
use crate::measure::plan::MeasurePlan;
use crate::settle::{self, Measures};
use crate::time::{Month, Period};

/// The measure that tells a clause whether nothing stands against the supplier.
const CLEARED: &str = "integrity_cleared";

/// The tests of one contract: its performance period so far against its baseline period.
pub(super) fn test(
    contract: &Contract,
    plan: &MeasurePlan,
    prepared: &Prepared<'_>,
) -> Vec<IntegrityRow> {
    let id = &contract.entry.id;
    let Some(observed) = prepared.observed else {
        return Vec::new();
    };
    let spec = &contract.baseline;
    let within = |period: &Period<Month>| period.intersect(&observed);
    let (Some(before), Some(now)) = (within(&spec.baseline), within(&spec.performance)) else {
        return Vec::new();
    };
    let counts = |months: Period<Month>| {
        let of = PeriodOf {
            contract_id: id,
            months,
            orders: plan.approval_limit.map(|_| &prepared.own.billing.orders),
            impact: plan.impact_calendar().is_some(),
        };
        integrity::counts(prepared.own.cells, &of, |month| {
            Some(prepared.exposure.of_contract(month)? as f64)
        })
    };
    let period = settle::Span {
        from: now.start(),
        to: now.end(),
    };
    let mut rows = integrity::test(id, &period.to_string(), &counts(before), &counts(now));
    for row in &mut rows {
        let mut cleared = contract.score.cleared.iter();
        row.cleared = cleared
            .rfind(|c| c.test == row.kind.name())
            .map(|c| format!("{} ({})", c.reason, c.agreed_by));
    }
    rows
}

/// One finding per flag. A flag that was looked into is a note.
pub(super) fn findings(rows: &[IntegrityRow]) -> impl Iterator<Item = Finding> + '_ {
    rows.iter().filter(|r| r.flagged).map(|row| {
        let (severity, detail) = match &row.cleared {
            None => (Severity::Warning, row.verdict.clone()),
            Some(why) => (Severity::Note, format!("{} Cleared: {why}", row.verdict)),
        };
        Finding::new(Stage::Judge, severity, "integrity_flagged", detail)
            .with_contract(&row.contract_id)
            .with_evidence(format!("{}: {}", row.kind.name(), row.evidence))
    })
}

/// The flags that somebody cleared, as decisions.
pub(super) fn overrides(contract: &Contract) -> impl Iterator<Item = OverrideRow> + '_ {
    contract.score.cleared.iter().map(|c| OverrideRow {
        contract_id: contract.entry.id.clone(),
        code: c.test.clone(),
        service_id: None,
        reason: c.reason.clone(),
        agreed_by: c.agreed_by.clone(),
        streams: 0,
    })
}

/// Sets the measure `integrity_cleared` in every period that the contract has.
pub(super) fn measure(contract_id: &str, rows: &[IntegrityRow], measures: &mut Measures) {
    let value = match integrity::cleared(rows) {
        Some(cleared) => settle::Measured::Value(crate::money::Decimal::from_i64(cleared.into())),
        None => settle::Measured::NotMeasurable(
            "no test for gaming could be made: see the table integrity".to_owned(),
        ),
    };
    let periods: Vec<settle::PeriodKey> = measures.periods(contract_id).collect();
    for period in periods {
        measures.insert(contract_id, period, CLEARED, None, value.clone());
    }
}

//! Cells, baseline, invoice lines, findings and rejects as output tables with the column names of
//! the table contracts. KPI values and money owed are in [`super::statements`].

use super::table::{Table, decimal, float, integer, text};
use crate::baseline::{BaselineResult, Status};
use crate::finding::Finding;
use crate::ingest::record::Reject;
use crate::measure::cell::COLUMNS;
use crate::measure::cells::Cells;
use crate::measure::fragment::{Cell, CellKey, Clock};

/// Decimals of money in output tables.
pub const MONEY_SCALE: u8 = 15;

pub(super) fn count(n: u64) -> Option<i64> {
    i64::try_from(n).ok()
}

fn wide(n: i128) -> Option<i64> {
    i64::try_from(n).ok()
}

pub(super) fn owned(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// `cells`, of one contract: sums per contract, service, priority and month. The columns are those that the cell
/// declares, and its histograms.
pub fn cells(cells: &Cells) -> Table {
    let rows: Vec<(&CellKey, &Cell)> = cells.total.cells.iter().collect();
    let mut columns = vec![
        text(
            "contract_id",
            "The contract",
            rows.iter().map(|(k, _)| owned(&k.contract_id)),
        ),
        text(
            "service_id",
            "The service; absent when unknown",
            rows.iter().map(|(k, _)| owned(&k.service_id)),
        ),
        text(
            "priority",
            "The highest priority held",
            rows.iter().map(|(k, _)| Some(format!("P{}", k.priority))),
        ),
        text(
            "month",
            "Month in the contract's zone",
            rows.iter().map(|(k, _)| Some(k.month.to_string())),
        ),
    ];
    for column in COLUMNS {
        let values = rows.iter().map(|(_, cell)| (column.get)(cell));
        columns.push(if column.unit.starts_with("s × ppm") {
            decimal(
                column.name,
                column.unit,
                column.description,
                0,
                values.map(|v| crate::money::Decimal::new(v, 0).ok()),
            )
        } else {
            integer(
                column.name,
                column.unit,
                column.description,
                values.map(wide),
            )
        });
    }
    for clock in Clock::ALL {
        let (name, description) = histogram_column(clock);
        let shown = rows.iter().map(|(key, _)| {
            let found = cells.total.histograms.get(&((*key).clone(), clock))?;
            let buckets: Vec<String> = found.iter().map(|(b, n)| format!("{b}:{n}")).collect();
            Some(buckets.join(" "))
        });
        columns.push(text(name, description, shown));
    }
    Table {
        name: "cells",
        description: "Mergeable sums per contract, service, priority and month",
        columns,
    }
}

fn histogram_column(clock: Clock) -> (&'static str, &'static str) {
    match clock {
        Clock::RestoreBusiness => (
            "restore_business_histogram",
            "Time to restore in business time: bucket:count; 64 buckets an octave",
        ),
        Clock::RestoreWall => (
            "restore_wall_histogram",
            "Time to restore in wall time: bucket:count; 64 buckets an octave",
        ),
        Clock::RespondBusiness => (
            "respond_business_histogram",
            "Time to respond in business time, by month of the answer: bucket:count",
        ),
        Clock::RespondWall => (
            "respond_wall_histogram",
            "Time to respond in wall time, by month of the answer: bucket:count",
        ),
        Clock::Notify => (
            "notify_histogram",
            "Wall time from knowing to telling, by month of opening: bucket:count",
        ),
        Clock::WarningLead => (
            "warning_lead_histogram",
            "Wall time from a warning to its breach, by month of the due time: bucket:count",
        ),
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Overridden => "overridden",
        Status::NotMeasurable => "not_measurable",
    }
}

/// `baseline`: expected against actual incidents per cell and month.
pub fn baseline(result: &BaselineResult) -> Table {
    let rows = &result.months;
    Table {
        name: "baseline",
        description: "Expected and avoided incidents per contract, service, priority and month",
        columns: vec![
            text(
                "contract_id",
                "The contract",
                rows.iter().map(|r| owned(&r.key.contract_id)),
            ),
            text(
                "service_id",
                "The service",
                rows.iter().map(|r| owned(&r.key.service_id)),
            ),
            text(
                "priority",
                "The priority",
                rows.iter().map(|r| owned(&r.key.priority)),
            ),
            text(
                "month",
                "Month in the contract's zone",
                rows.iter().map(|r| Some(r.month.to_string())),
            ),
            text(
                "model",
                "What was fitted",
                rows.iter().map(|r| owned(&r.model)),
            ),
            integer(
                "actual",
                "incidents",
                "Incidents counted",
                rows.iter().map(|r| r.actual.and_then(count)),
            ),
            float(
                "expected",
                "incidents",
                "Incidents expected had nothing changed",
                rows.iter().map(|r| r.expected),
            ),
            float(
                "avoided",
                "incidents",
                "Expected less actual, signed",
                rows.iter().map(|r| r.avoided),
            ),
            float(
                "ci_low",
                "incidents",
                "Lower end of the interval of avoided, this month alone",
                rows.iter().map(|r| r.ci_low),
            ),
            float(
                "ci_high",
                "incidents",
                "Upper end of the interval of avoided, this month alone",
                rows.iter().map(|r| r.ci_high),
            ),
            float(
                "exposure",
                "exposure units",
                "What the rate is divided by",
                rows.iter().map(|r| r.exposure),
            ),
            float(
                "dispersion",
                "",
                "Pearson dispersion of the baseline fit",
                rows.iter().map(|r| r.dispersion),
            ),
            float(
                "theta",
                "",
                "NB2 theta by maximum likelihood: variance = mean + mean² / theta; absent where the model is not negative binomial, as the column model says",
                rows.iter().map(|r| r.theta),
            ),
            text(
                "method",
                "How the interval was made",
                rows.iter().map(|r| owned(&r.method)),
            ),
            text(
                "baseline_hash",
                "Hash of the frozen baseline",
                rows.iter().map(|r| owned(&r.baseline_hash)),
            ),
            text(
                "contract_hash",
                "Hash of the contract's whole baseline: what `frozen_hash` of the terms names",
                rows.iter().map(|r| {
                    result
                        .hashes
                        .iter()
                        .find(|h| h.contract_id == r.key.contract_id)
                        .map(|h| h.baseline_hash.clone())
                }),
            ),
            text(
                "frozen_at",
                "When the baseline was frozen",
                rows.iter().map(|r| r.frozen_at.clone()),
            ),
            text(
                "status",
                "ok, overridden or not_measurable",
                rows.iter().map(|r| Some(status(r.status).to_owned())),
            ),
            text(
                "reason",
                "Why not, as a finding code",
                rows.iter().map(|r| owned(&r.reason)),
            ),
            text(
                "rule",
                "The rule by which the model was chosen",
                rows.iter().map(|r| owned(&r.rule)),
            ),
        ],
    }
}

/// `findings`: what the run noticed.
pub fn findings(rows: &[Finding]) -> Table {
    Table {
        name: "findings",
        description: "What the run noticed, one row per kind and place",
        columns: vec![
            text(
                "run_stage",
                "The stage that noticed it",
                rows.iter().map(|f| Some(f.stage.to_string())),
            ),
            text(
                "code",
                "Stable name of the kind",
                rows.iter().map(|f| owned(&f.code)),
            ),
            text(
                "severity",
                "note, warning or disqualifying",
                rows.iter().map(|f| Some(f.severity.to_string())),
            ),
            text(
                "contract_id",
                "The contract",
                rows.iter().map(|f| f.contract_id.clone()),
            ),
            text(
                "file",
                "The input file",
                rows.iter().map(|f| f.file.clone()),
            ),
            integer(
                "line",
                "",
                "First line concerned",
                rows.iter().map(|f| f.line.and_then(count)),
            ),
            text(
                "column",
                "The source column",
                rows.iter().map(|f| f.column.clone()),
            ),
            integer(
                "count",
                "count",
                "How many are concerned",
                rows.iter().map(|f| count(f.count)),
            ),
            text(
                "detail",
                "What was seen and what to do",
                rows.iter().map(|f| owned(&f.detail)),
            ),
            text(
                "evidence",
                "Samples and figures",
                rows.iter().map(|f| owned(&f.evidence)),
            ),
        ],
    }
}

/// `rejects`: rows that could not be read, as they stand in their file.
pub fn rejects(rows: &[Reject]) -> Table {
    Table {
        name: "rejects",
        description: "Rows that could not be read, as they stand in their file",
        columns: vec![
            text(
                "table",
                "The canonical table",
                rows.iter().map(|r| owned(&r.table)),
            ),
            text(
                "file",
                "The input file",
                rows.iter().map(|r| owned(&r.file)),
            ),
            integer(
                "line",
                "",
                "Line of the row, from 1",
                rows.iter().map(|r| count(r.line)),
            ),
            text(
                "code",
                "Why, as a stable name",
                rows.iter().map(|r| owned(&r.code)),
            ),
            text(
                "column",
                "The source column at fault",
                rows.iter().map(|r| r.column.clone()),
            ),
            text(
                "raw",
                "The row as it stands in the file",
                rows.iter().map(|r| Some(r.raw.clone())),
            ),
        ],
    }
}

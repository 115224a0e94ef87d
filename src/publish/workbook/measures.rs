//! The sheet of measures, and where on it each stands that a formula may refer to. Not responsible
//! for the other sheets (see [`super::content`]).

use std::collections::HashMap;

use foldhash::fast::FixedState;
use rayon::prelude::*;

use super::content::{MOST, number, text};
use super::formula::At;
use super::sheet::{Cell, Sheet};
use crate::money::Decimal;
use crate::publish::reading::decimal;
use crate::publish::report::facts::{Facts, Line};
use crate::publish::report::kpis::KpiRow;

/// Rows that one thread makes at a time.
const ROWS_AT_ONCE: usize = 4_096;

/// A measure of a contract over some months.
type Named<'a> = (&'a str, &'a str, (i32, i32));

/// Where the measures stand: row and column of the sheet, and the value there.
#[derive(Default)]
pub(super) struct Measures<'a> {
    // Looked up only, so that no order of it shows.
    at: HashMap<Named<'a>, (usize, char, Decimal), FixedState>,
}

/// A row of the sheet, and the values in it that formulas may refer to, with their columns.
struct MeasureRow<'a> {
    cells: Vec<Cell<'a>>,
    named: [Option<(Named<'a>, char, Decimal)>; 2],
}

impl<'a> MeasureRow<'a> {
    fn new(row: KpiRow<'a>) -> MeasureRow<'a> {
        let kpi = row.kpi();
        let contract = row.contract();
        let put = |name: &'a str, column: char, value: Option<Decimal>| {
            Some(((contract, name, kpi.span?), column, value?))
        };
        let low = match kpi.id {
            "incidents_avoided" => put("incidents_avoided_lower", 'I', kpi.low),
            _ => None,
        };
        let named = [put(kpi.id, 'D', kpi.value), low];
        let cells = vec![
            text(contract),
            text(kpi.period),
            text(kpi.id),
            number(kpi.value),
            text(kpi.unit),
            number(decimal(kpi.n)),
            number(kpi.baseline),
            number(kpi.target),
            number(kpi.low),
            number(kpi.high),
            text(kpi.status),
            text(kpi.reason),
        ];
        MeasureRow { cells, named }
    }
}

impl<'a> Measures<'a> {
    /// Measures of whole contracts, of every period that is settled or longer than a month.
    pub(super) fn sheet(&mut self, facts: &'a Facts) -> Sheet<'a> {
        let wanted = |row: &KpiRow<'_>| {
            row.span
                .is_none_or(|span| span.1 > span.0 + 1 || facts.settled.contains(&span))
        };
        let count = facts.measures.len();
        let parts: Vec<Vec<MeasureRow<'a>>> = (0..count.div_ceil(ROWS_AT_ONCE))
            .into_par_iter()
            .map(|part| {
                let rows = part * ROWS_AT_ONCE..count.min((part + 1) * ROWS_AT_ONCE);
                let rows = rows.filter_map(|row| facts.measures.row(row));
                rows.filter(wanted).map(MeasureRow::new).collect()
            })
            .collect();
        let mut rows = Vec::with_capacity(parts.iter().map(Vec::len).sum());
        for measure in parts.into_iter().flatten().take(MOST) {
            let r = rows.len() + 2;
            for (key, column, value) in measure.named.into_iter().flatten() {
                self.at.entry(key).or_insert((r, column, value));
            }
            rows.push(measure.cells);
        }
        Sheet {
            name: "KPIs",
            header: vec![
                "contract",
                "period",
                "measure",
                "value",
                "unit",
                "n",
                "baseline",
                "target",
                "interval from",
                "interval to",
                "status",
                "reason",
            ],
            widths: vec![14, 18, 26, 18, 22, 10, 16, 12, 16, 16, 16, 60],
            rows,
            ranges: vec![
                ("kpi_contract", 0),
                ("kpi_period", 1),
                ("kpi_name", 2),
                ("kpi_value", 3),
            ],
        }
    }

    pub(super) fn find(&self, line: &Line, contract: &str, name: &str) -> Option<At> {
        let (r, column, value) = *self.at.get(&(contract, name, line.span?))?;
        let cell = format!("KPIs!${column}${r}");
        Some(At { cell, value })
    }
}

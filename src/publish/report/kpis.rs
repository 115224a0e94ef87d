//! The values of `kpi` for whole contracts as the report and the workbook need them, each read where
//! it is asked for: there are hundreds of thousands. Responsible for finding columns and periods;
//! not for which values are shown (see [`super::facts`]).

use super::facts::months;
use crate::money::Decimal;
use crate::publish::reading::{ReadTable, decimal};
use crate::publish::rows::Cells;

/// The columns that are read, in the order of [`Place`].
pub(super) const COLUMNS: [&str; 13] = [
    "contract_id",
    "kpi",
    "period",
    "value",
    "unit",
    "n",
    "baseline",
    "target",
    "ci_low",
    "ci_high",
    "ci_level",
    "status",
    "reason",
];

/// A place in [`COLUMNS`].
#[derive(Clone, Copy)]
enum Place {
    Contract,
    Id,
    Period,
    Value,
    Unit,
    N,
    Baseline,
    Target,
    Low,
    High,
    Level,
    Status,
    Reason,
}

/// Months from and to (exclusive), counted from the year 0.
type Span = (i32, i32);

/// Rows of `kpi`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kpis {
    table: ReadTable,
    places: [Option<usize>; COLUMNS.len()],
    /// The period of each row, as far as it is one.
    spans: Vec<Option<Span>>,
}

impl Kpis {
    /// Of a table that was read.
    pub(crate) fn of(table: ReadTable) -> Kpis {
        let place = |name| table.columns.iter().position(|c| c.name == name);
        let places = COLUMNS.map(place);
        let period = places.get(Place::Period as usize).copied().flatten();
        let mut before: Option<(&str, Option<Span>)> = None;
        let spans = table.rows.iter().map(|cells| {
            let text = period.and_then(|at| cells.get(at)).unwrap_or_default();
            let span = match before {
                Some((known, span)) if known == text => span,
                _ => months(text),
            };
            before = Some((text, span));
            span
        });
        Kpis {
            spans: spans.collect(),
            places,
            table,
        }
    }

    /// How many rows.
    pub(crate) fn len(&self) -> usize {
        self.table.rows.len()
    }

    /// A row.
    pub(crate) fn row(&self, row: usize) -> Option<KpiRow<'_>> {
        Some(KpiRow {
            cells: self.table.rows.get(row)?,
            span: self.spans.get(row).copied().flatten(),
            places: &self.places,
        })
    }
}

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KpiRow<'a> {
    cells: Cells<'a>,
    places: &'a [Option<usize>; COLUMNS.len()],
    /// Its period, as far as it is one.
    pub(crate) span: Option<Span>,
}

impl<'a> KpiRow<'a> {
    fn text(self, place: Place) -> &'a str {
        let column = self.places.get(place as usize).copied().flatten();
        let text = column.and_then(|column| self.cells.get(column));
        text.unwrap_or_default()
    }

    fn number(self, place: Place) -> Option<Decimal> {
        decimal(self.text(place))
    }

    /// The contract.
    pub(crate) fn contract(self) -> &'a str {
        self.text(Place::Contract)
    }

    /// The name of the KPI.
    pub(crate) fn id(self) -> &'a str {
        self.text(Place::Id)
    }

    /// The period as the table writes it.
    pub(crate) fn period(self) -> &'a str {
        self.text(Place::Period)
    }

    /// How many months it is over; 0 where it is no period.
    pub(crate) fn months(self) -> i32 {
        self.span.map_or(0, |(from, to)| to - from)
    }

    /// Whether it could be measured.
    pub(crate) fn status(self) -> &'a str {
        self.text(Place::Status)
    }

    /// All that it says.
    pub(crate) fn kpi(self) -> Kpi<'a> {
        Kpi {
            id: self.id(),
            period: self.period(),
            span: self.span,
            value: self.number(Place::Value),
            unit: self.text(Place::Unit),
            n: self.text(Place::N),
            baseline: self.number(Place::Baseline),
            target: self.number(Place::Target),
            low: self.number(Place::Low),
            high: self.number(Place::High),
            level: self.number(Place::Level),
            status: self.status(),
            reason: self.text(Place::Reason),
        }
    }
}

/// One value of `kpi` for a whole contract.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kpi<'a> {
    pub(crate) id: &'a str,
    pub(crate) period: &'a str,
    pub(crate) span: Option<Span>,
    pub(crate) value: Option<Decimal>,
    pub(crate) unit: &'a str,
    pub(crate) n: &'a str,
    pub(crate) baseline: Option<Decimal>,
    pub(crate) target: Option<Decimal>,
    pub(crate) low: Option<Decimal>,
    pub(crate) high: Option<Decimal>,
    pub(crate) level: Option<Decimal>,
    pub(crate) status: &'a str,
    pub(crate) reason: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_that_of_its_column() {
        let all = [
            (Place::Contract, "contract_id"),
            (Place::Id, "kpi"),
            (Place::Period, "period"),
            (Place::Value, "value"),
            (Place::Unit, "unit"),
            (Place::N, "n"),
            (Place::Baseline, "baseline"),
            (Place::Target, "target"),
            (Place::Low, "ci_low"),
            (Place::High, "ci_high"),
            (Place::Level, "ci_level"),
            (Place::Status, "status"),
            (Place::Reason, "reason"),
        ];
        for (place, name) in all {
            assert_eq!(COLUMNS[place as usize], name);
        }
        assert_eq!(all.len(), COLUMNS.len());
    }
}

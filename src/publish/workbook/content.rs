//! What the sheets hold: summary, settlement with its formulas, measures, findings, dictionary and
//! provenance. Responsible for which published value stands where; formulas are made in
//! [`super::formula`] and checked there against what was published.

use std::collections::BTreeSet;

use super::formula::{At, Formula, expression, step, translate};
use super::measures::Measures;
use super::sheet::{Cell, Look, Sheet, letters};
use crate::money::{Decimal, Rounding};
use crate::publish::reading::{Published, ReadTable, ReadingError};
use crate::publish::report::facts::{Contract, Facts, Line, plus};

/// Rows of a sheet; Excel holds 1,048,576.
pub(super) const MOST: usize = 1_000_000;

pub(super) fn text(value: &str) -> Cell<'_> {
    match value.is_empty() {
        true => Cell::Empty,
        false => Cell::Text(value.into()),
    }
}

/// A text that is held nowhere else.
fn own(value: String) -> Cell<'static> {
    match value.is_empty() {
        true => Cell::Empty,
        false => Cell::Text(value.into()),
    }
}

pub(super) fn number(value: Option<Decimal>) -> Cell<'static> {
    value.map_or(Cell::Empty, |v| Cell::Number(v, Look::Plain))
}

fn money(value: Option<Decimal>) -> Cell<'static> {
    value.map_or(Cell::Empty, |v| Cell::Number(v, Look::Money))
}

/// All sheets, in order.
pub(super) fn sheets<'a>(
    facts: &'a Facts,
    noticed: &'a ReadTable,
    published: &'a Published,
) -> Result<Vec<Sheet<'a>>, ReadingError> {
    let ((measures, settlement), dictionary) = rayon::join(
        || {
            let mut kpis = Measures::default();
            let measures = kpis.sheet(facts);
            let settlement = settlement(facts, &kpis);
            (measures, settlement)
        },
        || dictionary(published),
    );
    Ok(vec![
        summary(facts),
        settlement,
        measures,
        findings(noticed),
        dictionary?,
        provenance(published),
    ])
}

/// Columns of the settlement sheet that formulas refer to.
const BEFORE: usize = 6;
const RATE: usize = 7;
const AMOUNT: usize = 8;
const PUBLISHED: usize = 12;

/// Every step with a formula that leads from the measures to the amount.
fn settlement<'a>(facts: &'a Facts, kpis: &Measures<'a>) -> Sheet<'a> {
    let mut rows: Vec<Vec<Cell<'a>>> = Vec::new();
    for contract in &facts.contracts {
        let mut book = Book {
            contract,
            kpis,
            due: Vec::new(),
        };
        // Totals stand among the calculations by their sequence.
        let mut lines: Vec<(&Line, bool)> = Vec::new();
        for calculation in &contract.calculations {
            lines.extend(
                calculation
                    .lines
                    .iter()
                    .enumerate()
                    .map(|(i, l)| (l, i == 0)),
            );
        }
        lines.extend(contract.totals.iter().map(|l| (l, true)));
        lines.sort_by_key(|(l, _)| l.seq.parse::<u64>().unwrap_or(u64::MAX));
        let mut before: Option<At> = None;
        for (line, first) in lines.into_iter().take(MOST - rows.len().min(MOST)) {
            if first {
                before = None;
            }
            let r = rows.len() + 2;
            let (cells, at) = book.row(line, before.as_ref(), r);
            rows.push(cells);
            before = at;
        }
    }
    Sheet {
        name: "Settlement",
        header: vec![
            "contract",
            "supplier",
            "period",
            "clause",
            "seq",
            "step",
            "before",
            "rate or limit",
            "amount",
            "currency",
            "kind",
            "status",
            "published",
            "difference",
            "made by",
            "overridden",
            "rule",
            "in words",
        ],
        widths: vec![
            14, 12, 12, 22, 6, 14, 16, 16, 16, 9, 10, 14, 16, 11, 12, 22, 26, 90,
        ],
        rows,
        ranges: vec![
            ("settlement_contract", 0),
            ("settlement_supplier", 1),
            ("settlement_step", 5),
            ("settlement_amount", AMOUNT),
            ("settlement_currency", 9),
            ("settlement_published", PUBLISHED),
            ("settlement_difference", 13),
        ],
    }
}

/// The rows of one contract, and what of them is due so far.
struct Book<'a, 'k> {
    contract: &'a Contract,
    kpis: &'k Measures<'a>,
    /// Due amounts: line, cell, and whether a total has taken them up.
    due: Vec<(&'a Line, At, bool)>,
}

impl<'a> Book<'a, '_> {
    fn row(
        &mut self,
        line: &'a Line,
        before: Option<&At>,
        r: usize,
    ) -> (Vec<Cell<'a>>, Option<At>) {
        let cell = |column: usize| format!("{}{r}", letters(column));
        let basis = match (before, line.basis) {
            (Some(at), Some(basis)) if at.value == basis => {
                Some(Cell::Formula(at.cell.clone(), basis, Look::Plain))
            }
            _ => None,
        };
        let rate = self.rate(line);
        let at_before = line.basis.map(|value| At {
            cell: cell(BEFORE),
            value,
        });
        let at_rate = line.rate.map(|value| At {
            cell: cell(RATE),
            value,
        });
        let made = line.amount.and_then(|amount| {
            let formula = match line.kind.as_str() {
                "gross" => translate(expression(&line.explanation, "", amount)?, |name| {
                    self.kpis.find(line, &self.contract.id, name)
                }),
                "payable" => due(line, before?),
                "total" => self.total(line),
                _ => step(
                    &line.step,
                    at_before.as_ref()?,
                    at_rate.as_ref(),
                    self.counts_from_first(&line.clause),
                ),
            };
            formula.filter(|f| f.value == amount)
        });
        let by = match (&made, line.kind.as_str(), line.amount) {
            (_, _, None) => "",
            (Some(_), ..) => "formula",
            (None, "gross", _) => "measure",
            (None, ..) => "engine",
        };
        let look = if matches!(line.kind.as_str(), "payable" | "total") {
            Look::Money
        } else {
            Look::Plain
        };
        let amount = match (&made, line.amount) {
            (Some(f), _) => Cell::Formula(f.text.clone(), f.value, look),
            (None, Some(amount)) => Cell::Number(amount, look),
            (None, None) => Cell::Empty,
        };
        let difference = match line.amount {
            Some(_) => Cell::Formula(
                format!("ROUND({}-{},4)", cell(AMOUNT), cell(PUBLISHED)),
                Decimal::ZERO,
                Look::Plain,
            ),
            None => Cell::Empty,
        };
        let here = line.amount.map(|value| At {
            cell: cell(AMOUNT),
            value,
        });
        if let Some(at) = here.clone().filter(|_| line.kind == "payable") {
            self.due.push((line, at, false));
        }
        let cells = vec![
            text(&self.contract.id),
            text(&line.supplier),
            text(&line.period),
            text(&line.clause),
            number(line.seq.parse().ok()),
            text(&line.step),
            basis.unwrap_or_else(|| number(line.basis)),
            rate,
            amount,
            text(&line.currency),
            text(&line.kind),
            text(&line.status),
            match look {
                Look::Money => money(line.amount),
                Look::Plain => number(line.amount),
            },
            difference,
            text(by),
            text(&line.overridden),
            text(&line.rule),
            text(&line.explanation),
        ];
        (cells, here)
    }

    /// Whether a minimum of a clause counts everything once it is reached.
    fn counts_from_first(&self, clause: &str) -> bool {
        !self
            .contract
            .calculations
            .iter()
            .flat_map(|c| &c.lines)
            .any(|l| {
                l.clause == clause && l.step == "minimum" && l.explanation.contains("what exceeds")
            })
    }

    /// The rate or limit: from the measures where its expression can be followed.
    fn rate(&self, line: &Line) -> Cell<'static> {
        let Some(rate) = line.rate else {
            return Cell::Empty;
        };
        let formula = if line.step == "paid_before" {
            let span = line.span;
            let paid: Vec<&At> = self
                .due
                .iter()
                .filter(|(l, ..)| {
                    l.clause == line.clause
                        && l.supplier == line.supplier
                        && span
                            .zip(l.span)
                            .is_some_and(|(year, part)| part.0 >= year.0 && part.1 <= year.1)
                })
                .map(|(_, at, _)| at)
                .collect();
            sum(&paid)
        } else {
            expression(&line.explanation, &line.step, rate).and_then(|text| {
                translate(text, |name| self.kpis.find(line, &self.contract.id, name))
            })
        };
        match formula.filter(|f| f.value == rate) {
            Some(f) => Cell::Formula(f.text, f.value, Look::Plain),
            None => Cell::Number(rate, Look::Plain),
        }
    }

    /// What is due since the last total of the same supplier and currency.
    fn total(&mut self, line: &Line) -> Option<Formula> {
        let mut parts = Vec::new();
        for (due, at, taken) in &mut self.due {
            let ours = due.supplier == line.supplier && due.currency == line.currency;
            if ours && !*taken {
                *taken = true;
                if matches!(due.status.as_str(), "final" | "provisional") {
                    parts.push(&*at);
                }
            }
        }
        sum(&parts)
    }
}

/// What is due, from the last step: rounded to the cent, or as it is.
fn due(line: &Line, before: &At) -> Option<Formula> {
    let rounded = Formula {
        text: format!("ROUND({},2)", before.cell),
        value: before.value.round(2, Rounding::HalfUp),
    };
    let plain = Formula {
        text: before.cell.clone(),
        value: before.value,
    };
    [rounded, plain]
        .into_iter()
        .find(|f| Some(f.value) == line.amount)
}

fn sum(parts: &[&At]) -> Option<Formula> {
    if parts.is_empty() || parts.len() > 200 {
        return None;
    }
    let cells: Vec<&str> = parts.iter().map(|at| at.cell.as_str()).collect();
    let mut value = Decimal::ZERO;
    for part in parts {
        value = value.checked_add(part.value).ok()?;
    }
    Some(Formula {
        text: format!("SUM({})", cells.join(",")),
        value,
    })
}

/// What every contract comes to, added up from the settlement sheet.
fn summary(facts: &Facts) -> Sheet<'_> {
    let mut rows = Vec::new();
    for contract in &facts.contracts {
        for ((supplier, currency), parts) in contract.owed() {
            let r = rows.len() + 2;
            let pick = |range: &str| {
                format!(
                    "SUMPRODUCT((settlement_contract=A{r})*(settlement_supplier=B{r})*(settlement_currency=C{r})*(settlement_step=\"total\")*{range})"
                )
            };
            let year = contract.year();
            let other: Option<Decimal> = contract
                .schemes
                .iter()
                .filter(|((scheme, c), _)| scheme != "this_contract" && *c == currency)
                .find_map(|(_, sum)| *sum);
            rows.push(vec![
                text(&contract.id),
                own(supplier),
                own(currency),
                Cell::Formula(pick("settlement_amount"), parts[0], Look::Money),
                money(Some(parts[1])),
                Cell::Formula(
                    format!("D{r}-E{r}"),
                    plus(parts[0], Some(-parts[1])),
                    Look::Money,
                ),
                money(other),
                number(year.and_then(|y| y.value)),
                number(year.and_then(|y| y.low)),
                number(year.and_then(|y| y.high)),
                Cell::Says(
                    format!(
                        "IF(ABS(D{r}-{})<0.005,\"equal\",\"differs\")",
                        pick("settlement_published")
                    ),
                    "equal".to_owned(),
                ),
            ]);
        }
    }
    rows.push(vec![
        text("all differences between recomputed and published amounts"),
        Cell::Empty,
        Cell::Empty,
        Cell::Formula(
            "SUMPRODUCT(ABS(settlement_difference))".to_owned(),
            Decimal::ZERO,
            Look::Money,
        ),
    ]);
    Sheet {
        name: "Summary",
        header: vec![
            "contract",
            "supplier",
            "currency",
            "statements come to",
            "settled before",
            "to pay",
            "other contract",
            "incidents avoided",
            "interval from",
            "interval to",
            "recomputed and published",
        ],
        widths: vec![16, 14, 10, 20, 16, 16, 16, 18, 14, 14, 24],
        rows,
        ranges: vec![("summary_contract", 0), ("summary_to_pay", 5)],
    }
}

fn findings(table: &ReadTable) -> Sheet<'_> {
    let rows = table
        .iter()
        .take(MOST)
        .map(|row| {
            let mut cells: Vec<Cell<'_>> = ["severity", "code", "contract_id", "file"]
                .iter()
                .map(|name| text(row.text(name)))
                .collect();
            cells.push(number(row.number("line")));
            cells.push(text(row.text("column")));
            cells.push(number(row.number("count")));
            cells.push(text(row.text("detail")));
            cells.push(text(row.text("evidence")));
            cells
        })
        .collect();
    Sheet {
        name: "Findings",
        header: vec![
            "weight",
            "code",
            "contract",
            "file",
            "line",
            "column",
            "how many",
            "what was seen and what to do",
            "evidence",
        ],
        widths: vec![14, 24, 14, 34, 8, 20, 10, 90, 40],
        rows,
        ranges: Vec::new(),
    }
}

/// The columns of every table; of one that has a file per month those of the first.
fn dictionary(published: &Published) -> Result<Sheet<'_>, ReadingError> {
    let mut rows = Vec::new();
    let mut known = BTreeSet::new();
    let outputs = published.manifest.get("outputs").and_then(|o| o.as_array());
    for file in outputs.into_iter().flatten() {
        let name = file
            .get("file")
            .and_then(|f| f.as_str())
            .unwrap_or_default();
        let Some(name) = name.strip_suffix(".parquet") else {
            continue;
        };
        let table = name.split_once('/').map_or(name, |(table, _)| table);
        if !known.insert(table) {
            continue;
        }
        for column in published.columns(name)?.unwrap_or_default() {
            rows.push(vec![
                text(table),
                own(column.name),
                text(if column.numeric { "number" } else { "text" }),
                own(column.unit),
                own(column.description),
            ]);
        }
    }
    Ok(Sheet {
        name: "Dictionary",
        header: vec!["table", "column", "type", "unit", "what"],
        widths: vec![20, 28, 10, 18, 90],
        rows,
        ranges: Vec::new(),
    })
}

fn provenance(published: &Published) -> Sheet<'_> {
    let mut rows = Vec::new();
    for key in [
        "gainshare",
        "schema_version",
        "zone_database",
        "project",
        "as_of",
        "configuration_hash",
        "inputs_hash",
    ] {
        let value = published.manifest.get(key);
        let shown = value
            .and_then(|v| v.as_str().map(str::to_owned))
            .or_else(|| value.map(ToString::to_string))
            .unwrap_or_default();
        rows.push(vec![text("run"), text(key), own(shown)]);
    }
    if let Some(terms) = published.manifest.get("terms").and_then(|t| t.as_object()) {
        for (contract, hash) in terms {
            rows.push(vec![
                text("terms"),
                text(contract),
                text(hash.as_str().unwrap_or_default()),
            ]);
        }
    }
    for (kind, list) in [("input", "inputs"), ("table", "outputs")] {
        let files = published.manifest.get(list).and_then(|l| l.as_array());
        for file in files.into_iter().flatten() {
            let of = |key: &str| file.get(key).and_then(|v| v.as_str()).unwrap_or_default();
            if kind == "input" || of("file").ends_with(".parquet") {
                rows.push(vec![text(kind), text(of("file")), text(of("blake3"))]);
            }
        }
    }
    Sheet {
        name: "Provenance",
        header: vec!["what", "name", "version or hash"],
        widths: vec![10, 40, 70],
        rows,
        ranges: Vec::new(),
    }
}

//! The comparison of schemes month by month: whatever a contract's settlement period, its rows are
//! months, and over them stands what was settled, to the cent.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use gainshare::judge::align::Given;
use gainshare::judge::backtest::{Scheme, SchemeRow, backtest};
use gainshare::money::Decimal;
use gainshare::settle::{AmountKind, Detail, Facts, LineStatus, PeriodKey, SettlementLine, settle};
use gainshare::terms::Terms;

use crate::cases;

fn sum(values: impl Iterator<Item = Decimal>) -> Decimal {
    values.fold(Decimal::ZERO, |sum, v| sum.checked_add(v).unwrap())
}

fn month_of(row: &SchemeRow) -> gainshare::settle::Span {
    let PeriodKey::Span(span) = row.period.parse().unwrap() else {
        panic!("{} is no run of months", row.period);
    };
    assert_eq!(span.months(), 1, "{}", row.period);
    span
}

fn span_of(line: &SettlementLine) -> gainshare::settle::Span {
    let PeriodKey::Span(span) = line.period.parse().unwrap() else {
        panic!("{} is no run of months", line.period);
    };
    span
}

/// Of every golden contract: each row is a month, none is left out, each payment stands in the
/// last month of its period, and the rows add up to what was settled.
#[test]
fn the_rows_are_months_and_add_up_to_what_was_settled() {
    let mut longer = 0;
    for entry in std::fs::read_dir(cases::folder()).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.is_dir() || folder.join("refused.txt").exists() {
            continue;
        }
        let Ok((terms, facts)) = cases::load(&folder) else {
            continue;
        };
        let settled = settle(&terms.settle, &facts, Detail::Amounts);
        let schemes = [Scheme {
            name: "this",
            spec: &terms.settle,
        }];
        let (rows, _) = backtest(&schemes, &terms.settle, &facts, &Given::default());
        let mut due: BTreeMap<(String, String), Vec<&SettlementLine>> = BTreeMap::new();
        for line in &settled.lines {
            if line.amount_kind == AmountKind::Payable {
                let span = span_of(line);
                longer += usize::from(span.months() > 1);
                let last = span.to.previous().to_string();
                let place = (line.contract_id.clone(), last);
                due.entry(place).or_default().push(line);
            }
        }
        let mut before: BTreeMap<&str, gainshare::settle::Span> = BTreeMap::new();
        let mut found = 0;
        for row in &rows {
            let month = month_of(row);
            if let Some(last) = before.insert(&row.contract_id, month) {
                assert_eq!(last.to, month.from, "{}: a gap", folder.display());
            }
            let place = (row.contract_id.clone(), row.period.clone());
            let lines = due.get(&place).map(Vec::as_slice).unwrap_or_default();
            found += lines.len();
            let unknown = lines
                .iter()
                .any(|l| l.status == LineStatus::NotMeasurable || l.currency != row.currency);
            let counted = lines.iter().filter(|l| {
                matches!(
                    l.status,
                    LineStatus::Final | LineStatus::Provisional | LineStatus::Disputed
                )
            });
            let expected = (!unknown).then(|| sum(counted.filter_map(|l| l.amount)));
            assert_eq!(
                row.supplier_revenue,
                expected,
                "{} {}",
                folder.display(),
                row.period
            );
        }
        let all: usize = due.values().map(Vec::len).sum();
        assert_eq!(found, all, "{}: every line has a row", folder.display());
    }
    assert!(longer > 20, "only {longer} lines settle more than a month");
}

const HEAD: &str = "schema = 1\n[contract]\nid = \"C1\"\ncurrency = \"EUR\"\nstart = 2024-01-01\nend = 2025-01-01\n";
const FEE: &str = "[[clause]]\nid = \"fee\"\nkind = \"fixed_fee\"\namount = 1_000.01\n";

fn terms(per: &str, alignment: &str) -> Terms {
    let text = format!("{HEAD}per = \"{per}\"\n{alignment}{FEE}");
    Terms::parse("t", &text).unwrap_or_else(|e| {
        let problems: Vec<_> = e.problems().collect();
        panic!("{problems:?}")
    })
}

/// 10, 20, … 120 tickets, and an impact of 7 each, by month.
fn monthly() -> Facts {
    let mut facts = Facts::default();
    for month in 1..=12 {
        let key: PeriodKey = format!("2024-{month:02}").parse().unwrap();
        for (name, value) in [("ticket_count", 10 * month), ("impact_cost", 70 * month)] {
            let value = Decimal::from_i64(value);
            facts.measures.insert("C1", key, name, None, value);
        }
    }
    facts
}

fn rows(terms: &Terms, facts: &Facts) -> Vec<SchemeRow> {
    let schemes = [Scheme {
        name: "this",
        spec: &terms.settle,
    }];
    let (rows, findings) = backtest(&schemes, &terms.settle, facts, &Given::default());
    assert!(findings.is_empty(), "{findings:?}");
    rows
}

/// Costs of 3 per ticket and the impact stand in the months in which they fell, whether the
/// contract settles by the month, the quarter or the year.
#[test]
fn costs_and_impact_fall_in_their_months() {
    for (per, months) in [("month", 1), ("quarter", 3), ("contract_year", 12)] {
        let rows = rows(&terms(per, "[alignment]\ncost_to_serve = 3\n"), &monthly());
        assert_eq!(rows.len(), 12, "{per}");
        for (at, row) in (1_i64..).zip(&rows) {
            let paid = if at % months == 0 {
                "1000.01".parse().unwrap()
            } else {
                Decimal::ZERO
            };
            let cost = Decimal::from_i64(30 * at);
            let impact = Decimal::from_i64(70 * at);
            assert_eq!(row.supplier_revenue, Some(paid), "{per} {}", row.period);
            assert_eq!(row.supplier_profit, paid.checked_sub(cost).ok(), "{per}");
            assert_eq!(row.impact_cost, Some(impact), "{per}");
            assert_eq!(row.customer_total_cost, paid.checked_add(impact).ok());
            assert_eq!(row.reason, "", "{per}");
        }
    }
}

/// A cost that is written for the settlement period, and an impact that is given for the quarter,
/// stand in the last month of the quarter, once.
#[test]
fn what_is_known_by_the_quarter_stands_in_its_last_month() {
    let mut facts = Facts::default();
    for quarter in 1..=4 {
        let key: PeriodKey = format!("2024-Q{quarter}").parse().unwrap();
        for (name, value) in [("ticket_count", 60), ("impact_cost", 500)] {
            let value = Decimal::from_i64(value);
            facts.measures.insert("C1", key, name, None, value);
        }
    }
    let rows = rows(
        &terms("quarter", "[alignment]\nperiod_cost = 400\n"),
        &facts,
    );
    assert_eq!(rows.len(), 12);
    for (at, row) in (1..).zip(&rows) {
        let (profit, impact) = if at % 3 == 0 {
            ("600.01".parse().unwrap(), Decimal::from_i64(500))
        } else {
            assert!(row.reason.contains("stands in its last month"), "{row:?}");
            (Decimal::ZERO, Decimal::ZERO)
        };
        assert_eq!(row.supplier_profit, Some(profit), "{}", row.period);
        assert_eq!(row.impact_cost, Some(impact), "{}", row.period);
    }
}

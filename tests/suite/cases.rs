//! The golden corpus: every folder of `tests/cases` is a terms file, its tables and the rows that
//! must come out. `expected.csv` names the columns that are compared; its rows are found by
//! contract, period, clause and step (`amount` when there is no step column). A folder with
//! `refused.txt` instead must be refused with those words.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gainshare::money::Decimal;
use gainshare::settle::{
    Agreements, Detail, Facts, PeriodKey, Settled, Settlement, Table, read_attribution,
    read_disputes, read_fx_rates, read_measures, read_parameters, read_relief, read_settled,
    settle,
};
use gainshare::terms::{StartSource, Terms};

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

fn read(path: &Path) -> Option<Vec<u8>> {
    std::fs::read(path).ok()
}

pub(crate) fn table(path: &Path, separator: char) -> Option<Table> {
    let bytes = read(path)?;
    Some(Table::from_csv(&path.display().to_string(), &bytes, separator).unwrap())
}

/// Terms and facts of a case folder.
pub(crate) fn load(case: &Path) -> Result<(Terms, Facts), String> {
    let text = std::fs::read_to_string(case.join("terms.toml")).unwrap();
    let terms = Terms::parse("terms.toml", &text).map_err(|e| {
        e.problems()
            .map(|p| format!("{p:?}"))
            .collect::<Vec<_>>()
            .join("\n")
    })?;
    let spec = &terms.settle;
    let separator = spec
        .source
        .input
        .as_ref()
        .and_then(|i| i.separator)
        .unwrap_or(',');
    let mut facts = Facts::default();
    let measures: Vec<Table> = table(&case.join("measures.csv"), separator)
        .into_iter()
        .collect();
    read_measures(spec, &measures, &mut facts.measures).map_err(|e| e.to_string())?;
    let parameters = case.join("parameters.csv");
    let parameters = if parameters.exists() {
        parameters
    } else {
        case.join("measures.csv")
    };
    let parameters: Vec<Table> = table(&parameters, separator).into_iter().collect();
    read_parameters(spec, &parameters, &mut facts.parameters).map_err(|e| e.to_string())?;
    if let Some(ledger) = table(&case.join("settled.csv"), ',') {
        let mut settled = Settled::new();
        read_settled(&ledger, &mut settled).map_err(|e| e.to_string())?;
        facts.settled = Arc::new(settled);
    }
    if let Some(rates) = table(&case.join("fx_rates.csv"), ',') {
        facts.fx = Arc::new(read_fx_rates(&rates).map_err(|e| e.to_string())?);
    }
    if let Some(disputes) = table(&case.join("disputes.csv"), ',') {
        facts.disputes = Arc::new(read_disputes(&disputes).map_err(|e| e.to_string())?);
    }
    let mut agreements = Agreements::new();
    if let Some(relief) = table(&case.join("relief.csv"), ',') {
        read_relief(&relief, &mut agreements).map_err(|e| e.to_string())?;
    }
    if let Some(weights) = table(&case.join("attribution.csv"), ',') {
        read_attribution(&weights, &mut agreements).map_err(|e| e.to_string())?;
    }
    facts.agreements = Arc::new(agreements);
    if let Some(periods) = read(&case.join("periods.txt")) {
        let key: PeriodKey = String::from_utf8(periods).unwrap().trim().parse().unwrap();
        let StartSource::Day(start) = &spec.source.contract.start.value else {
            panic!("a start")
        };
        facts.months = Some(key.span(start.0.month()));
    }
    Ok((terms, facts))
}

/// A settlement as the texts of its table, by column.
fn rows(settlement: &Settlement) -> Vec<BTreeMap<String, String>> {
    settlement
        .lines
        .iter()
        .map(|line| {
            let serde_json::Value::Object(row) = serde_json::to_value(line).unwrap() else {
                panic!("a row is an object")
            };
            row.into_iter()
                .map(|(k, v)| {
                    let text = match v {
                        serde_json::Value::Null => String::new(),
                        serde_json::Value::String(text) => text,
                        other => other.to_string(),
                    };
                    (k, text)
                })
                .collect()
        })
        .collect()
}

fn same(found: &str, expected: &str) -> bool {
    match (found.parse::<Decimal>(), expected.parse::<Decimal>()) {
        (Ok(a), Ok(b)) => a == b,
        _ => found == expected,
    }
}

fn check(case: &Path) -> Vec<String> {
    let name = case.file_name().unwrap().to_string_lossy().into_owned();
    let loaded = load(case);
    if let Some(words) = read(&case.join("refused.txt")) {
        let words = String::from_utf8(words).unwrap();
        return match loaded {
            Ok(_) => vec![format!("{name}: accepted, but must be refused")],
            Err(error) => words
                .lines()
                .filter(|w| !w.trim().is_empty() && !error.contains(w.trim()))
                .map(|w| format!("{name}: the refusal does not say `{w}`: {error}"))
                .collect(),
        };
    }
    let (terms, facts) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => return vec![format!("{name}: {error}")],
    };
    let found = rows(&settle(&terms.settle, &facts, Detail::Steps));
    let Some(expected) = table(&case.join("expected.csv"), ',') else {
        return vec![format!("{name}: no expected.csv")];
    };
    let mut failures = Vec::new();
    for (line, row) in &expected.rows {
        let wanted: BTreeMap<&str, &str> = expected
            .header
            .iter()
            .map(String::as_str)
            .zip(row.iter().map(String::as_str))
            .collect();
        let key = |column: &str| wanted.get(column).copied();
        let matches: Vec<_> = found
            .iter()
            .filter(|r| {
                ["contract_id", "supplier_id", "period", "clause_id"]
                    .iter()
                    .all(|c| key(c).is_none_or(|w| w == r[*c]))
                    && match key("step") {
                        Some(step) => r["step"] == step,
                        None => r["step"] == "amount" || r["step"] == "total",
                    }
            })
            .collect();
        let [only] = matches.as_slice() else {
            failures.push(format!(
                "{name}, expected line {line}: {} rows match {row:?}",
                matches.len()
            ));
            continue;
        };
        for (column, value) in &wanted {
            if *column != "note" && !same(&only[*column], value) {
                failures.push(format!(
                    "{name}, expected line {line}: {column} is {} instead of {value} ({})",
                    only[*column], only["explanation"]
                ));
            }
        }
    }
    failures
}

#[test]
fn golden_cases_give_the_published_rows() {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_dir())
        .collect();
    folders.sort();
    assert!(folders.len() >= 15, "the corpus is there");
    let failures: Vec<String> = folders.iter().flat_map(|f| check(f)).collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// Golden A6: 482 published settlements from one template. Published rates are rounded, so a
/// payment may differ by a dollar; none does by more.
#[test]
fn one_template_settles_a_year_of_published_settlements() {
    let case = folder().join("a6_mssp_py2022");
    let (terms, facts) = load(&case).unwrap();
    let settlement = settle(&terms.settle, &facts, Detail::Amounts);
    assert!(settlement.findings.is_empty(), "{:?}", settlement.findings);
    let published = table(&case.join("measures.csv"), ',').unwrap();
    let column = |name: &str| published.header.iter().position(|h| h == name).unwrap();
    let (id, paid, relief) = (column("ACO_ID"), column("EarnSaveLoss"), column("DisAdj"));
    let amounts = |clause: &str| -> BTreeMap<&str, Decimal> {
        settlement
            .lines
            .iter()
            .filter(|l| l.clause_id == clause)
            .map(|l| (l.contract_id.as_str(), l.amount.unwrap()))
            .collect()
    };
    let totals = amounts("total");
    assert_eq!((published.rows.len(), totals.len()), (482, 482));
    let (mut positive, mut zero, mut losses) = (0, 0, 0);
    for (_, row) in &published.rows {
        let published: Decimal = row[paid].parse().unwrap();
        let ours = totals[row[id].as_str()];
        let off = ours.checked_sub(published).unwrap().abs();
        assert!(
            off <= Decimal::ONE,
            "{}: {ours} against {published}",
            row[id]
        );
        if published.is_zero() {
            zero += 1;
            assert!(ours.is_zero(), "{}: {ours} against nothing", row[id]);
        } else {
            positive += 1;
        }
        losses += usize::from(!row[relief].is_empty());
    }
    assert_eq!((positive, zero, losses), (303, 179, 15));
}

//! Agreements through the whole program: payment basis and rebasing reach the settlement, a frozen
//! baseline is recognised, an override is recorded and marks what rests on it, relief is the same
//! in baseline and performance, and a contract says beforehand what it can prove.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;

use polars::prelude::*;

use crate::tiny::{Said, Tiny, run};

const TERMS: &str = r#"schema = 1

[contract]
customer = "Customer"
supplier = "Supplier"
currency = "EUR"
start = 2024-01-01
end = 2026-01-01
per = "contract_year"

[[clause]]
id = "prevention"
kind = "incident_reduction"
price = "10"
quantity = "incidents_creditable"
signed = true

[measure]
zone = "UTC"

[baseline]
baseline = { start = "2022-01", end = "2024-01" }
performance = { start = "2024-01", end = "2026-01" }
model = "mean_rate"
family = "poisson"
errors = "model"
payment_basis = "estimate"
"#;

/// Ten incidents a month in 2022 and 2023, eight in 2024 and 2025.
fn tickets() -> String {
    let mut text =
        String::from("ticket_id,contract_id,opened_at,resolved_at,priority,service_id\n");
    let mut id = 0;
    for year in 2022..=2025 {
        for month in 1..=12 {
            for n in 1..=(if year < 2024 { 10 } else { 8 }) {
                id += 1;
                let at = format!("{year}-{month:02}-{n:02}T10:00:00Z");
                let _ = writeln!(text, "T{id},CT-1,{at},{at},P3,mail");
            }
        }
    }
    text
}

pub(crate) fn project() -> Tiny {
    let tiny = Tiny::new();
    tiny.write("terms.toml", TERMS);
    tiny.write("tickets.csv", tickets());
    tiny.replace(
        "gainshare.toml",
        "as_of = \"2025-06-01T00:00:00Z\"",
        "as_of = \"2026-02-01T00:00:00Z\"",
    );
    tiny
}

pub(crate) fn table(tiny: &Tiny, name: &str) -> DataFrame {
    let file = File::open(tiny.path(&format!("out/{name}.parquet"))).unwrap();
    ParquetReader::new(file).finish().unwrap()
}

pub(crate) fn column(frame: &DataFrame, name: &str) -> Vec<String> {
    let column = frame.column(name).unwrap();
    (0..frame.height())
        .map(|i| match column.get(i).unwrap() {
            AnyValue::Null => String::new(),
            AnyValue::String(s) => s.to_owned(),
            AnyValue::StringOwned(s) => s.to_string(),
            other => other.to_string(),
        })
        .collect()
}

/// What the clause comes to per contract year, as the program prints it.
pub(crate) fn paid(said: &Said) -> Vec<String> {
    said.out
        .lines()
        .filter(|l| l.contains(" prevention "))
        .map(|l| l.split_whitespace().nth(3).unwrap().to_owned())
        .collect()
}

#[test]
fn payment_basis_and_rebasing_reach_the_settlement_over_the_years() {
    let tiny = project();
    // A year: 120 expected − 96 counted = 24, at 10.00.
    assert_eq!(paid(&tiny.run().with(0, &[])), ["240.00", "240.00"]);
    // Against the two years before: 2025 expects 9 a month, 108 − 96 = 12.
    tiny.append("terms.toml", "ratchet = { rule = \"rolling\" }\n");
    assert_eq!(paid(&tiny.run().with(0, &[])), ["240.00", "120.00"]);
    tiny.replace(
        "terms.toml",
        "{ rule = \"rolling\" }",
        "{ rule = \"partial\", weight = 0.5 }",
    );
    assert_eq!(paid(&tiny.run().with(0, &[])), ["240.00", "180.00"]);
    // The lower bound of 24 avoided lies below zero: 120 ± 1.96 √(120 × 1.5).
    tiny.replace(
        "terms.toml",
        "payment_basis = \"estimate\"",
        "payment_basis = \"lower_bound\"",
    );
    assert_eq!(paid(&tiny.run().with(0, &[])), ["0.00", "0.00"]);
    // A share that shrinks with uncertainty, against a frozen baseline:
    // 24 × 24² ÷ (24² + 120 × 1.5) = 18.2857.
    tiny.replace(
        "terms.toml",
        "payment_basis = \"lower_bound\"",
        "payment_basis = \"shrunk\"",
    );
    tiny.replace(
        "terms.toml",
        "ratchet = { rule = \"partial\", weight = 0.5 }\n",
        "",
    );
    assert_eq!(paid(&tiny.run().with(0, &[])), ["182.86", "182.86"]);
}

#[test]
fn a_changed_frozen_baseline_pays_nothing_until_somebody_decides_so_on_record() {
    let tiny = project();
    tiny.run().with(0, &[]);
    let hash = column(&table(&tiny, "baseline"), "contract_hash")[0].clone();
    assert_eq!(hash.len(), 64);
    tiny.append("terms.toml", format!("frozen_hash = \"{hash}\"\n"));
    assert_eq!(paid(&tiny.run().with(0, &[])), ["240.00", "240.00"]);

    // One more incident in 2022 appears in the export.
    tiny.append(
        "tickets.csv",
        "LATE,CT-1,2022-03-09T10:00:00Z,2022-03-09T11:00:00Z,P3,mail\n",
    );
    let said = tiny.run().with(0, &["baseline_changed"]);
    assert!(!said.out.contains("240.00"), "{}", said.out);

    tiny.append(
        "terms.toml",
        "[[baseline.overrides]]\ncode = \"baseline_changed\"\nreason = \"late ticket\"\n\
         agreed_by = \"Ann and Bob\"\n",
    );
    let said = tiny.run().with(0, &["settlement_overridden"]);
    assert!(said.out.contains("overridden"), "{}", said.out);
    let overrides = table(&tiny, "overrides");
    assert_eq!(column(&overrides, "agreed_by"), ["Ann and Bob"]);
    assert_eq!(column(&overrides, "used"), ["true"]);
    assert_eq!(column(&overrides, "override_id"), ["baseline_changed"]);
    let lines = table(&tiny, "settlement");
    let marked = column(&lines, "explanation")
        .iter()
        .zip(column(&lines, "clause_id"))
        .all(|(text, clause)| clause != "prevention" || text.contains("baseline_changed"));
    assert!(marked);
    // The mark is a column of its own, beside a status that stays what it is; the total of the
    // statement carries it as well.
    let mark = column(&lines, "overridden");
    let kinds = column(&lines, "amount_kind");
    let status = column(&lines, "status");
    assert!(kinds.iter().any(|k| k == "total"));
    for ((mark, kind), status) in mark.iter().zip(&kinds).zip(&status) {
        if kind == "payable" || kind == "total" {
            assert_eq!(
                (mark.as_str(), status.as_str()),
                ("baseline_changed", "final")
            );
        }
    }
    // Where the status is shown: console, report, workbook's sheet, explain.
    let report = std::fs::read_to_string(tiny.path("out/report.html")).unwrap();
    assert!(
        report.contains("overridden"),
        "the report does not show the mark"
    );
    let folder = tiny.path("");
    let told = run(&[
        "explain",
        "CT-1",
        "2024",
        "prevention",
        folder.to_str().unwrap(),
    ]);
    assert!(
        told.out.contains("final, overridden: baseline_changed"),
        "{}{}",
        told.out,
        told.err
    );
}

#[test]
fn relief_leaves_incidents_out_of_baseline_and_performance_alike() {
    let tiny = project();
    // In June 2022 and June 2024 the customer broke something for five days.
    tiny.write(
        "relief.csv",
        "relief_id,contract_id,kind,service_id,from,to,kpis,claimed_at,accepted_at\n\
         R1,CT-1,customer_caused,mail,2022-06-01T00:00:00Z,2022-06-06T00:00:00Z,incidents,\
         2022-06-10T00:00:00Z,2022-06-12T00:00:00Z\n\
         R2,CT-1,customer_caused,mail,2024-06-01T00:00:00Z,2024-06-06T00:00:00Z,incidents,\
         2024-06-10T00:00:00Z,2024-06-12T00:00:00Z\n\
         R3,CT-1,customer_caused,mail,2024-08-01T00:00:00Z,2024-08-06T00:00:00Z,incidents,\
         2024-12-10T00:00:00Z,2024-12-12T00:00:00Z\n",
    );
    tiny.append(
        "gainshare.toml",
        "\n[[source]]\nname = \"office\"\ntable = \"relief_events\"\nfiles = [\"relief.csv\"]\n",
    );
    tiny.append(
        "terms.toml",
        "relief = true\n\n[relief]\nclaim_within_days = 30\n",
    );
    let said = tiny.run().with(0, &["relief_late"]);
    // Baseline 240 − 5 = 235 in 24 months, 117.5 a year; 2024 counts 96 − 5: 26.5; 2025: 21.5.
    assert_eq!(paid(&said), ["265.00", "215.00"]);
}

#[test]
fn check_says_what_a_contract_can_prove() {
    let tiny = project();
    let folder = tiny.path("");
    let check = |arguments: &[&str]| {
        let mut all = vec!["check", folder.to_str().unwrap()];
        all.extend(arguments);
        run(&all)
    };
    let said = check(&[]).with(0, &["nothing contradicts itself"]);
    assert!(
        said.out.contains("not known before a first run"),
        "{}",
        said.out
    );
    tiny.run().with(0, &[]);
    let said = check(&[]).with(0, &[]);
    // A year: E = 120, s² = 120 (1 + 12/24) = 180; 120 δ − 1.95996 × 13.4164 =
    // 0.841621 √(180 + 120 δ (1 − δ)) at δ = 0.31982 (38.38 incidents).
    let line = |text: &str, period: &str| -> String {
        text.lines()
            .find(|l| l.trim_start().starts_with(period))
            .unwrap_or_else(|| panic!("no {period} in {text}"))
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        line(&said.out, "first year"),
        "first year 32.0 % (39 of 120 incidents)"
    );
    // The same from a volume that is said, without any data.
    let terms = tiny.path("terms.toml");
    let said = run(&[
        "check",
        terms.to_str().unwrap(),
        "--incidents-per-month",
        "10",
    ])
    .with(0, &[]);
    assert_eq!(
        line(&said.out, "a contract year"),
        "a contract year 32.0 % (39 of 120 incidents)"
    );
    let wrong = run(&[
        "check",
        Path::new(&terms).to_str().unwrap(),
        "--incidents-per-month",
        "0",
    ]);
    wrong.with(2, &["--incidents-per-month must be above zero"]);
}

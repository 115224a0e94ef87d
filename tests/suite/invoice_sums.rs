//! Charge lines of an invoice against what the invoice itself says, from FOCUS (cost and usage
//! beside invoice detail) and from UBL totals beside lines of another list. Expected sums were
//! worked out by hand.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use gainshare::config::project::Project;
use gainshare::ingest::{self, Ingested};

const CHARGES: &str = "focus_1.4_charges.csv";
const INVOICES: &str = "focus_1.4_invoices.csv";

/// A fixture's text.
fn fixture(file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exports");
    std::fs::read_to_string(folder.join(file)).unwrap()
}

/// A source: its name, mapping or table, file, text of the file.
type Given<'a> = (&'a str, &'a str, &'a str, String);

fn read(sources: &[Given<'_>]) -> Ingested {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "schema = 1\nname = \"one\"\nas_of = \"2025-06-01T00:00:00Z\"\n".to_owned();
    for (name, reads, file, content) in sources {
        std::fs::write(folder.path().join(file), content).unwrap();
        let set = match reads.contains("totals") {
            true => "",
            false => "set = { contract_id = \"CT-1\" }\n",
        };
        text.push_str(&format!(
            "[[source]]\nname = \"{name}\"\n{reads}\nfiles = [\"{file}\"]\n{set}"
        ));
    }
    text.push_str(
        "[[contract]]\nid = \"CT-1\"\nsupplier = \"S\"\ncustomer = \"C\"\nterms = \"t\"\n",
    );
    std::fs::write(folder.path().join("gainshare.toml"), text).unwrap();
    let project = Project::read(folder.path()).unwrap();
    let ingested = ingest::ingest(&project, &|_, _| {}).unwrap();
    for account in &ingested.accounts {
        assert!(account.closes(), "{account:?}");
    }
    ingested
}

fn focus(charges: String, invoices: String) -> Ingested {
    read(&[
        ("cloud", "mapping = \"focus\"", CHARGES, charges),
        (
            "cloud",
            "mapping = \"focus-invoice-totals\"",
            INVOICES,
            invoices,
        ),
    ])
}

/// Findings about sums of invoices, as code, count and evidence.
fn found(ingested: &Ingested) -> Vec<(&str, u64, &str)> {
    ingested
        .findings
        .iter()
        .filter(|f| f.code.starts_with("invoice_") || f.code == "lines_without_invoice")
        .map(|f| (f.code.as_str(), f.count, f.evidence.as_str()))
        .collect()
}

#[test]
fn equal_differing_without_lines_and_without_invoice() {
    let mut ingested = focus(fixture(CHARGES), fixture(INVOICES));
    ingested.findings.sort_by(|a, b| a.code.cmp(&b.code));
    assert_eq!(
        found(&ingested),
        [
            (
                "invoice_sum",
                1,
                "cloud I-2 of Cloud Ltd EUR: 2 lines are 4.50, the invoice says 4.51 \
                 (difference -0.01)"
            ),
            // 10.004 + 20.004 rounds to 30.01; 7.00 of another issuer under the same number; yen
            // have no cents.
            ("invoice_sums_equal", 3, ""),
            ("invoice_without_lines", 1, "cloud I-3 of Cloud Ltd EUR 8"),
            // Not invoiced yet: the account stands for the invoice.
            (
                "lines_without_invoice",
                1,
                "cloud acc of Cloud Ltd EUR 3.25"
            ),
        ]
    );
    let sum = ingested.findings.iter().find(|f| f.code == "invoice_sum");
    assert!(sum.unwrap().detail.starts_with("1 of 4 invoices"));
    // What an invoice says is evidence, never a cost.
    assert_eq!(ingested.tables["billing"].len(), 7);
    assert_eq!(ingested.tables["invoice_totals"].len(), 6);
}

#[test]
fn an_invoice_that_is_put_right_is_no_longer_found() {
    let ingested = focus(fixture(CHARGES), fixture(INVOICES).replace("4.51", "4.50"));
    let codes: Vec<&str> = found(&ingested).into_iter().map(|f| f.0).collect();
    assert!(!codes.contains(&"invoice_sum"), "{codes:?}");
    assert!(found(&ingested).contains(&("invoice_sums_equal", 4, "")));
}

#[test]
fn lines_count_once_and_out_of_scope_too() {
    // The same lines again are duplicates, and another contract's lines are on the invoice as well.
    let lines = fixture(CHARGES);
    let (_, again) = lines.split_once('\n').unwrap();
    let twice = focus(format!("{lines}{again}"), fixture(INVOICES));
    assert!(found(&twice).contains(&("invoice_sums_equal", 3, "")));
    let canonical = |contract: &str| {
        format!(
            "invoice_id,line_id,contract_id,period_start,period_end,amount,currency\n\
             A,1,CT-1,2025-01-01T00:00:00Z,2025-02-01T00:00:00Z,1.10,EUR\n\
             A,2,{contract},2025-01-01T00:00:00Z,2025-02-01T00:00:00Z,2.20,EUR\n"
        )
    };
    for contract in ["CT-1", "CT-OTHER"] {
        let ingested = read(&[
            (
                "erp",
                "table = \"billing\"",
                "lines.csv",
                canonical(contract),
            ),
            (
                "erp",
                "table = \"invoice_totals\"",
                "totals.csv",
                "invoice_id,amount,currency,issuer\nA,3.30,EUR,Somebody\n".to_owned(),
            ),
        ]);
        // The lines name no issuer, so that the invoice's does not tell them apart.
        assert_eq!(found(&ingested), [("invoice_sums_equal", 1, "")]);
    }
}

#[test]
fn totals_of_ubl_against_lines_of_another_list() {
    let lines = "invoice_id,line_id,period_start,period_end,amount,currency\n\
                 INV-7,1,2025-01-01T00:00:00Z,2025-02-01T00:00:00Z,144.75,EUR\n\
                 CN-1,1,2025-01-01T00:00:00Z,2025-02-01T00:00:00Z,14.00,EUR\n";
    let all = |lines: &str, named: &str| {
        let totals = "mapping = \"ubl-totals\"";
        let ingested = read(&[
            ("erp", "table = \"billing\"", "lines.csv", lines.to_owned()),
            (named, totals, "invoice.xml", fixture("ubl_invoice.xml")),
            (named, totals, "credit.xml", fixture("ubl_credit_note.xml")),
        ]);
        let mut all: Vec<String> = found(&ingested)
            .into_iter()
            .map(|(code, n, shown)| format!("{code} x{n} {shown}"))
            .collect();
        all.sort();
        all
    };
    assert_eq!(
        all(lines, "erp"),
        [
            "invoice_sum x1 erp CN-1 EUR: 1 lines are 14.00, the invoice says -14.00 \
             (difference 28.00)",
            "invoice_sums_equal x1 ",
        ]
    );
    let right = lines.replace(",14.00", ",-14.00");
    assert_eq!(all(&right, "erp"), ["invoice_sums_equal x2 "]);
    // Sources of other names number for themselves: nothing is taken for granted.
    assert_eq!(
        all(&right, "invoices"),
        ["invoice_without_lines x2 invoices CN-1 EUR -14 | invoices INV-7 of 12345678 EUR 144.75"]
    );
}

#[test]
fn invoices_without_any_line_at_all() {
    let ingested = read(&[(
        "cloud",
        "mapping = \"focus-invoice-totals\"",
        INVOICES,
        fixture(INVOICES),
    )]);
    let found = found(&ingested);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].0, found[0].1), ("invoice_without_lines", 5));
}

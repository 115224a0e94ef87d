//! Report, workbook, explanation and comparison through the program, with names that try to be
//! more than names. How they look is checked in a browser and a spreadsheet by `.ci/run`.

use std::path::Path;

use gainshare::money::Decimal;
use gainshare::publish::table::{Column, Table, Values, decimal, text as column};

use super::tiny::{Tiny, run};

const HOSTILE: &str = "<script>alert(1)</script>";
const FORMULA: &str = "=HYPERLINK(\"http://example.invalid\")";

/// A tiny project whose contract, supplier and service try to be markup and a formula.
fn hostile() -> Tiny {
    let tiny = Tiny::new();
    tiny.replace(
        "gainshare.toml",
        "id = \"CT-1\"",
        &format!("id = '{HOSTILE}'"),
    );
    tiny.replace(
        "gainshare.toml",
        "supplier = \"Supplier\"",
        &format!("supplier = '{FORMULA}'"),
    );
    tiny.replace(
        "terms.toml",
        "supplier = \"Supplier\"",
        &format!("supplier = '{FORMULA}'"),
    );
    for file in ["tickets.csv", "billing.csv"] {
        let text = std::fs::read_to_string(tiny.path(file)).unwrap();
        tiny.write(
            file,
            text.replace("CT-1", HOSTILE)
                .replace("mail", "\u{202e}mail"),
        );
    }
    tiny.run().with(0, &[]);
    tiny
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()
}

#[test]
fn hostile_names_are_text_in_the_report() {
    let tiny = hostile();
    let page = text(&tiny.path("out/report.html"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert_eq!(page.matches("<script>").count(), 1, "only our own");
    assert!(!page.contains('\u{202e}'));
    for fetched in ["src=", "href=\"http", "url(", "@import"] {
        assert!(!page.contains(fetched), "{fetched}");
    }
}

#[test]
fn the_report_of_a_run_is_the_report_of_its_folder() {
    let tiny = hostile();
    let out = tiny.path("out");
    let said = run(&["report", out.to_str().unwrap()]).with(0, &[]);
    assert_eq!(said.out, text(&out.join("report.html")));
    let dutch = run(&["report", out.to_str().unwrap(), "--language", "nl"]).with(0, &[]);
    assert!(dutch.out.contains("<html lang=\"nl\""));
    assert!(dutch.out.contains("Afrekening"));
}

#[test]
fn a_project_says_the_language_of_its_report() {
    let tiny = Tiny::new();
    tiny.replace(
        "gainshare.toml",
        "\n[[source]]",
        "\n[output]\nlanguage = \"nl\"\n\n[[source]]",
    );
    tiny.run().with(0, &[]);
    assert!(text(&tiny.path("out/report.html")).contains("<html lang=\"nl\""));
}

#[test]
fn the_report_says_what_is_not_there() {
    let tiny = Tiny::new();
    tiny.run().with(0, &[]);
    let page = text(&tiny.path("out/report.html"));
    // Three tickets and no exposure: nothing to expect, and no other contract to compare with.
    assert!(page.contains("could not be measured"), "{page}");
    assert!(page.contains("is not in this output: name it under"));
    // The script asks `Number.isNaN`; no figure is one.
    assert!(!page.replace("isNaN", "").contains("NaN"));
}

/// Test, q value, effect, whether flagged, evidence.
type Tested = (String, Option<Decimal>, Option<Decimal>, bool, String);

/// The tests for gaming, as another run would publish them, put where an older version wrote none.
#[test]
fn integrity_is_told_in_plain_words() {
    let tiny = Tiny::new();
    tiny.run().with(0, &[]);
    let out = tiny.path("out");
    std::fs::remove_file(out.join("integrity.parquet")).unwrap();
    let report = |language: &str| {
        run(&["report", out.to_str().unwrap(), "--language", language])
            .with(0, &[])
            .out
    };
    assert!(report("en").contains("Gaming was not tested: this output has no table integrity."));
    assert!(report("nl").contains("niet getoetst"));
    let row = |test: &str, q: Option<&str>, effect: Option<&str>, flagged: bool, evidence: &str| {
        (
            test.to_owned(),
            q.map(|q| q.parse::<Decimal>().unwrap()),
            effect.map(|e| e.parse::<Decimal>().unwrap()),
            flagged,
            evidence.to_owned(),
        )
    };
    let rows = [
        row(
            "hold_before_breach",
            Some("0.000012"),
            Some("2.41"),
            true,
            "41 of 312 holds began late; for example <b>INC7</b>",
        ),
        row("split_orders", Some("0.4"), Some("1.05"), false, "3 of 80"),
        row("a_test_of_tomorrow", None, None, false, "too few"),
    ];
    let number =
        |name, get: fn(&Tested) -> Option<Decimal>| decimal(name, "", "", 9, rows.iter().map(get));
    let table = Table {
        name: "integrity",
        description: "",
        columns: vec![
            column(
                "contract_id",
                "",
                rows.iter().map(|_| Some("CT-1".to_owned())),
            ),
            column(
                "period",
                "",
                rows.iter().map(|_| Some("2025-01/2025-04".to_owned())),
            ),
            column("test", "", rows.iter().map(|r| Some(r.0.clone()))),
            number("q_value", |r| r.1),
            number("effect", |r| r.2),
            column(
                "effect_unit",
                "",
                rows.iter().map(|_| Some("ratio of rates".to_owned())),
            ),
            Column {
                name: "flagged",
                unit: "",
                description: "",
                values: Values::Boolean(rows.iter().map(|r| Some(r.3)).collect()),
            },
            column("evidence", "", rows.iter().map(|r| Some(r.4.clone()))),
        ],
    };
    let file = out.join(format!("{}.parquet", table.name));
    table.write_as(&file, &[]).unwrap();
    let page = report("en");
    for text in [
        "1 of 2 tests was flagged",
        "Clocks stopped just before a breach",
        "2.4 times the baseline (ratio of rates)",
        "less than 0.1\u{a0}%",
        "for example &lt;b&gt;INC7&lt;/b&gt;",
        "a test of tomorrow",
        "too little to test",
        "Integrity tests raised 1 flag.",
    ] {
        assert!(page.contains(text), "{text}");
    }
    let page = report("nl");
    for text in [
        "Klokken stilgezet vlak voor een overschrijding",
        "2,4 maal de basisperiode",
    ] {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn nothing_of_the_input_is_a_formula_in_the_workbook() {
    let tiny = hostile();
    let sheets = unzipped(&std::fs::read(tiny.path("out/settlement.xlsx")).unwrap());
    let all: String = sheets.concat();
    assert!(all.contains("=HYPERLINK(&quot;http://example.invalid&quot;)"));
    for formula in all.split("<f>").skip(1) {
        let formula = formula.split("</f>").next().unwrap();
        assert!(!formula.contains("HYPERLINK"), "{formula}");
        assert!(!formula.contains("script"), "{formula}");
    }
    assert!(all.contains("<f>"), "there are formulas");
}

/// The files of a container as we write it: local headers one after the other.
fn unzipped(bytes: &[u8]) -> Vec<String> {
    let number = |at: usize, n: usize| -> usize {
        bytes[at..at + n]
            .iter()
            .rev()
            .fold(0, |sum, b| sum << 8 | usize::from(*b))
    };
    let mut files = Vec::new();
    let mut at = 0;
    while bytes[at..].starts_with(b"PK\x03\x04") {
        let (packed, whole) = (number(at + 18, 4), number(at + 22, 4));
        let start = at + 30 + number(at + 26, 2);
        let file = miniz_oxide::inflate::decompress_to_vec(&bytes[start..start + packed]).unwrap();
        assert_eq!(file.len(), whole);
        files.push(String::from_utf8(file).unwrap());
        at = start + packed;
    }
    assert!(files.len() >= 11, "{} files", files.len());
    files
}

#[test]
fn an_amount_is_explained_down_to_its_tickets() {
    let tiny = Tiny::new();
    tiny.run().with(0, &[]);
    let project = tiny.path("");
    let folder = project.to_str().unwrap();
    let said = run(&["explain", "CT-1", "2025-Q1", "tickets", folder, "--rows"]).with(0, &[]);
    // Three tickets at 10.
    assert!(said.out.contains("30.00 EUR"), "{}", said.out);
    for ticket in ["T1", "T2", "T3"] {
        assert!(said.out.contains(ticket), "{}", said.out);
    }
    assert!(said.out.contains("3 tickets listed"), "{}", said.out);
    let said = run(&[
        "explain",
        "CT-1",
        "2025-02",
        "actual_cost",
        folder,
        "--rows",
    ])
    .with(0, &[]);
    assert!(said.out.contains("I2/1"), "{}", said.out);
}

#[test]
fn what_was_mistyped_is_named() {
    let tiny = Tiny::new();
    tiny.run().with(0, &[]);
    let project = tiny.path("");
    let folder = project.to_str().unwrap();
    run(&["explain", "CT-1", "2025-Q1", "tikets", folder]).with(2, &["did you mean `tickets`?"]);
    run(&["explain", "CT-1", "2025-Q7", "tickets", folder])
        .with(2, &["was not settled for `2025-Q7`", "2025-Q1"]);
    run(&["explain", "CT-9", "2025-Q1", "tickets", folder]).with(2, &["contract `CT-9`"]);
    run(&["explain", "CT-1", "2025-Q1"]).with(2, &["name a contract, a period and a clause"]);
    run(&["explain", "CT-1", "2025-Q1", "tickets", "nowhere"]).with(3, &["_manifest.json"]);
    run(&["report", "nowhere"]).with(3, &["_manifest.json"]);
    run(&["diff", "nowhere", folder]).with(3, &["_manifest.json"]);
    run(&["rapport"]).with(2, &["report"]);
    run(&["generate", "completions", "bas"]).with(2, &["bash"]);
}

/// 3 tickets become 4, and the price 10 becomes 12: what changed is split by cause and closes.
#[test]
fn two_runs_are_compared_to_the_cent() {
    let (a, b, c) = (Tiny::new(), Tiny::new(), Tiny::new());
    b.append("tickets.csv", "T4,CT-1,2025-03-04T10:00:00Z,,P2,mail,\n");
    c.replace("terms.toml", "price = \"10\"", "price = \"12\"");
    for tiny in [&a, &b, &c] {
        tiny.run().with(0, &[]);
    }
    let (a, b, c) = (a.path(""), b.path(""), c.path(""));
    let compared = |x: &Path, y: &Path| run(&["diff", x.to_str().unwrap(), y.to_str().unwrap()]);
    let late = compared(&a, &b).with(0, &[]).out;
    assert!(late.contains("input tickets.csv: changed"), "{late}");
    assert!(late.contains("because of data: 10.00 EUR"), "{late}");
    assert!(
        late.contains("together: 30.00 + 10.00 = 40.00 EUR"),
        "{late}"
    );
    let price = compared(&a, &c).with(0, &[]).out;
    assert!(price.contains("terms of CT-1: changed"), "{price}");
    assert!(
        price.contains("because of terms or rates: 6.00 EUR"),
        "{price}"
    );
    assert!(price.contains("price 10 → 12"), "{price}");
    assert!(
        price.contains("together: 30.00 + 6.00 = 36.00 EUR"),
        "{price}"
    );
    let both = compared(&b, &c).with(0, &[]).out;
    assert!(
        both.contains("because of measures and terms: -4.00 EUR"),
        "{both}"
    );
    let same = compared(&a, &a).with(0, &[]).out;
    assert!(same.contains("no amount changed"), "{same}");
    let json = run(&[
        "diff",
        a.to_str().unwrap(),
        b.to_str().unwrap(),
        "--format",
        "json",
    ])
    .out;
    let row: serde_json::Value = serde_json::from_str(json.trim()).unwrap();
    assert_eq!(
        (&row["before"], &row["after"], &row["change"]),
        (&"30.00".into(), &"40.00".into(), &"10.00".into())
    );
}

#[test]
fn completions_know_the_commands() {
    // The reference is made from the same definition: a heading per command.
    let reference = run(&["generate", "reference"]).with(0, &[]).out;
    let commands: Vec<&str> = reference
        .lines()
        .filter_map(|line| line.strip_prefix("## gainshare "))
        .flat_map(|line| line.split(' '))
        .collect();
    assert!(commands.len() > 15, "{commands:?}");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let said = run(&["generate", "completions", shell]).with(0, &[]);
        for command in &commands {
            assert!(
                said.out.contains(command),
                "{shell} does not name {command}"
            );
        }
        for option in ["incident-facts", "format"] {
            assert!(
                said.out.contains(option),
                "{shell} does not name --{option}"
            );
        }
    }
    let tiny = Tiny::new();
    run(&["generate", "man", tiny.path("man").to_str().unwrap()]).with(0, &[]);
    let page = text(&tiny.path("man/gainshare-diff.1"));
    assert!(page.starts_with(".ie") || page.contains(".TH"), "{page}");
    assert!(page.contains("which amounts changed"));
}

//! What a person reads in the terminal, as transcripts: the main commands on the examples, and what
//! is said about a mistake. Without a terminal nothing is folded or coloured, so that they are the
//! same everywhere. After a change that is meant: `INSTA_UPDATE=always cargo test --test suite
//! terminal`, and read the difference.

use std::path::Path;

use super::end_to_end::shared;
use super::tiny::{Tiny, run};

/// Command, both streams and the exit code; folders of this run by their part in the tale.
fn transcript(arguments: &[&str], places: &[(&str, &str)]) -> String {
    let said = run(arguments);
    let mut text = format!("$ gainshare {}\n{}", arguments.join(" "), said.out);
    if !said.err.is_empty() {
        text.push_str(&format!("--- stderr\n{}", said.err));
    }
    text.push_str(&format!("--- exit code {}\n", said.code.unwrap_or(-1)));
    for (place, name) in places {
        text = text.replace(place, name);
    }
    text
}

/// A transcript of a command on the complete example, which stands at `EXAMPLE`.
fn example(name: &str, arguments: &[&str]) {
    let project = shared("complete").to_str().unwrap();
    let arguments: Vec<&str> = arguments
        .iter()
        .map(|a| if *a == "EXAMPLE" { project } else { a })
        .collect();
    insta::assert_snapshot!(name, transcript(&arguments, &[(project, "EXAMPLE")]));
}

fn shipped(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_run_says_what_became_of_every_row() {
    let tiny = Tiny::new();
    let project = tiny.path("");
    let project = project.to_str().unwrap().trim_end_matches('/');
    insta::assert_snapshot!(
        "run",
        transcript(&["run", project], &[(project, "PROJECT")])
    );
}

#[test]
fn amounts_are_explained_on_paper() {
    example(
        "explain_clause",
        &["explain", "CT-A1", "2025", "gain_share", "EXAMPLE"],
    );
    example(
        "explain_tickets",
        &[
            "explain", "CT-C2", "2025-02", "breaches", "EXAMPLE", "--rows",
        ],
    );
    example(
        "explain_invoices",
        &["explain", "CT-A1", "2025-02", "actual_cost", "EXAMPLE"],
    );
    example(
        "explain_moments",
        &[
            "explain",
            "CT-B1",
            "2025-03",
            "contact_moments_held",
            "EXAMPLE",
            "--rows",
        ],
    );
    example(
        "explain_score",
        &["explain", "CT-C1", "2025", "quality_score", "EXAMPLE"],
    );
}

#[test]
fn a_project_is_checked_and_an_export_inspected() {
    example("check", &["check", "EXAMPLE"]);
    let export = shipped("data/complete/input/cedar_incidents.csv.gz");
    let place = [(export.as_str(), "cedar_incidents.csv.gz")];
    insta::assert_snapshot!(
        "inspect",
        transcript(&["inspect", &export, "--zone", "UTC"], &place)
    );
    insta::assert_snapshot!("kpis", transcript(&["kpis", "incidents_avoided"], &[]));
}

#[test]
fn terms_are_settled_and_aligned_without_a_project() {
    let folder = shipped("tests/cases/r_savings_threshold_scale");
    let (terms, table) = (
        format!("{folder}/terms.toml"),
        format!("{folder}/measures.csv"),
    );
    let place = [(folder.as_str(), "CASE")];
    insta::assert_snapshot!(
        "settle",
        transcript(&["settle", &terms, "--measures", &table], &place)
    );
    let folder = shipped("tests/fixtures/alignment");
    let (terms, table) = (
        format!("{folder}/shares.toml"),
        format!("{folder}/shares.csv"),
    );
    let place = [(folder.as_str(), "FIXTURE")];
    insta::assert_snapshot!(
        "align",
        transcript(&["align", &terms, "--measures", &table], &place)
    );
}

#[test]
fn two_runs_are_told_apart() {
    let (a, b) = (Tiny::new(), Tiny::new());
    b.append("tickets.csv", "T4,CT-1,2025-03-04T10:00:00Z,,P2,mail,\n");
    b.replace("terms.toml", "price = \"10\"", "price = \"12\"");
    for tiny in [&a, &b] {
        tiny.run().with(0, &[]);
    }
    let (a, b) = (a.path(""), b.path(""));
    let (a, b) = (a.to_str().unwrap(), b.to_str().unwrap());
    let places = [(a, "BEFORE"), (b, "AFTER")];
    insta::assert_snapshot!("diff", transcript(&["diff", a, b], &places));
}

#[test]
fn what_was_mistyped_is_named() {
    let project = shared("complete").to_str().unwrap();
    let mistakes: [&[&str]; 9] = [
        &["setle"],
        &["run"],
        &["run", "nowhere"],
        &["check", "no-such-terms.toml"],
        &["inspect", "no-such-file.csv"],
        &["explain", "CT-A9", "2025", "gain_share", project],
        &["explain", "CT-A1", "2025", "gain_shares", project],
        &["explain", "CT-A1", "2025-Q7", "breaches", project],
        &["kpis", "incident_avoided"],
    ];
    let text: Vec<String> = mistakes
        .iter()
        .map(|arguments| transcript(arguments, &[(project, "EXAMPLE")]))
        .collect();
    insta::assert_snapshot!("mistakes", text.join("\n"));
}

/// Escape sequences and marks of direction in names and files reach no terminal, and a name of ten
/// thousand letters no report whole.
#[test]
fn hostile_names_are_harmless_in_the_terminal() {
    let tiny = Tiny::new();
    let long = "n".repeat(10_000);
    let hostile = "a\\u001b[2J\\u202eb";
    tiny.replace(
        "gainshare.toml",
        "id = \"CT-1\"",
        &format!("id = \"{hostile}\""),
    );
    for file in ["tickets.csv", "billing.csv"] {
        let text = std::fs::read_to_string(tiny.path(file)).unwrap();
        let text = text
            .replace("CT-1", "a\u{1b}[2J\u{202e}b")
            .replace("mail", &long);
        tiny.write(file, text);
    }
    tiny.append(
        "tickets.csv",
        "T\u{7}9,a\u{1b}[2J\u{202e}b,\u{1b}]0;x,,P2,web,\n",
    );
    let project = tiny.path("");
    let project = project.to_str().unwrap();
    let id = "a\u{1b}[2J\u{202e}b";
    for arguments in [
        vec!["run", project],
        vec!["check", project],
        vec!["explain", id, "2025-Q1", "tickets", project, "--rows"],
        vec!["explain", id, "2025-Q1", "nothing", project],
        vec![
            "inspect",
            tiny.path("tickets.csv").to_str().unwrap(),
            "--zone",
            "UTC",
        ],
        vec!["diff", project, project],
    ] {
        let said = run(&arguments);
        for text in [&said.out, &said.err] {
            let acts = |c: char| (c.is_control() && c != '\n' && c != '\t') || c == '\u{202e}';
            assert!(!text.contains(acts), "{arguments:?}: {text:?}");
        }
    }
    let page = std::fs::read_to_string(tiny.path("out/report.html")).unwrap();
    assert!(!page.contains(&"n".repeat(100)) && !page.contains('\u{1b}'));
}

//! Project files and terms that are wrong in one way: exit code 2, the place, and what to do.
#![allow(clippy::unwrap_used)]

use super::tiny::{Tiny, run};

#[test]
fn mistakes_in_the_project_file() {
    let cases = [
        (
            "as_of =",
            "as_off =",
            vec!["unknown field `as_off`", "did you mean `as_of`?", ":3:1"],
        ),
        (
            "table = \"incidents\"",
            "mapping = \"servicenow-incidents\"",
            vec![
                "there is no mapping `servicenow-incidents`",
                "did you mean `servicenow-incident`?",
                ":7:11",
            ],
        ),
        (
            "tickets.csv",
            "tickts.csv",
            vec![
                "no file matches `tickts.csv`",
                "relative to the project folder",
                ":8:10",
            ],
        ),
        (
            "tickets.csv",
            "s3://me:secret@bucket/tickets.csv",
            vec!["holds no credentials", "environment variables", ":8:10"],
        ),
        (
            "tickets.csv",
            "ftp://host/tickets.csv",
            vec!["no known kind of store", "s3://", ":8:10"],
        ),
        (
            "zone = \"Europe/Amsterdam\"\nweekly",
            "zone = \"Europe/Amsterdm\"\nweekly",
            vec![
                "unknown time zone `Europe/Amsterdm`",
                "did you mean `Europe/Amsterdam`?",
            ],
        ),
        (
            "table = \"incidents\"",
            "table = \"incident\"",
            vec![
                "`incident` is not a canonical table",
                "did you mean `incidents`?",
                ":7:9",
            ],
        ),
        (
            "2025-06-01T00:00:00Z",
            "2025-06-01T00:00:00",
            vec!["is not a moment with an offset", "write it as", ":3:10"],
        ),
        (
            "terms = \"terms.toml\"",
            "terms = \"other.toml\"",
            vec![
                "other.toml: the terms file",
                "cannot be read",
                "relative to the project folder",
            ],
        ),
        (
            "[[contract]]\nid = \"CT-1\"",
            "[[contract]]\nid = \"CT-1\"\nsupplier = \"S\"\ncustomer = \"C\"\nterms = \"terms.toml\"\n\n[[contract]]\nid = \"CT-1\"",
            vec!["contract `CT-1` stands here twice"],
        ),
    ];
    for (from, to, texts) in cases {
        let tiny = Tiny::new();
        tiny.replace("gainshare.toml", from, to);
        tiny.run().with(2, &texts);
    }
}

#[test]
fn a_zone_of_a_source_that_does_not_exist() {
    let tiny = Tiny::new();
    tiny.replace(
        "gainshare.toml",
        "files = [\"billing.csv\"]\nzone = \"Europe/Amsterdam\"",
        "files = [\"billing.csv\"]\nzone = \"Europe/Amsterdm\"",
    );
    tiny.run()
        .with(2, &["gainshare.toml", "`Europe/Amsterdm`", "did you mean"]);
}

#[test]
fn a_folder_without_a_project() {
    let tiny = Tiny::new();
    std::fs::remove_file(tiny.path("gainshare.toml")).unwrap();
    tiny.run().with(
        2,
        &[
            "gainshare.toml: there is no such file",
            "a project is a folder",
        ],
    );
    run(&["run"]).with(2, &["Usage"]);
}

/// Checking a project reaches no store; reading one takes a build that can.
#[test]
#[cfg(not(feature = "stores"))]
fn an_object_store_and_a_build_that_reads_none() {
    let tiny = Tiny::new();
    tiny.replace("gainshare.toml", "tickets.csv", "s3://bucket/tickets_*.csv");
    let project = tiny.path("");
    let project = project.to_str().unwrap();
    let said = run(&["check", project]).with(0, &[]);
    let told = format!("{}{}", said.out, said.err);
    assert!(told.contains("s3://bucket/tickets_*.csv"), "{told}");
    for command in ["run", "ingest"] {
        run(&[command, project]).with(
            3,
            &[
                "s3://bucket/tickets_*.csv",
                "this build reads local files only",
                "cargo build --release --features stores",
            ],
        );
    }
}

#[test]
fn mistakes_in_the_terms() {
    let tiny = Tiny::new();
    tiny.replace(
        "terms.toml",
        "calendar = \"office\"",
        "calendar = \"ofice\"",
    );
    tiny.run().with(
        2,
        &[
            "terms.toml",
            "impact.calendar",
            "there is no calendar `ofice`",
            "office",
        ],
    );
    let tiny = Tiny::new();
    tiny.replace(
        "terms.toml",
        "price = \"10\"",
        "price = \"10\"\n\n[[clause]]\nid = \"share\"\nkind = \"gain_share\"\n\
         title = \"Bands\"\nbasis = \"gross_saving\"\nbands = [\n\
         \x20 { to = \"1000\", share = \"20%\" },\n\
         \x20 { from = \"500\", share = \"50%\" },\n]",
    );
    tiny.run().with(
        2,
        &[
            "terms.toml",
            "the bands overlap between 1000 and 500",
            "end a band where the next one starts",
            "24 │",
        ],
    );
    let tiny = Tiny::new();
    tiny.replace(
        "terms.toml",
        "kind = \"per_ticket\"",
        "kind = \"per_tickt\"",
    );
    tiny.run()
        .with(2, &["terms.toml", "per_tickt", "per_ticket"]);
}

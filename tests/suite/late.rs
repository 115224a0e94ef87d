//! A late or corrected export of an old month: only that month of the store becomes other bytes,
//! only that month's amounts change, and `gainshare diff` says by how much and why.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::interrupted::tree;
use super::tiny::{Said, Tiny, run};

const MAPPING: &str = "schema = 1\nname = \"own\"\ntable = \"incidents\"\nlatest = [\"updated_at\"]\n\
    latest_formats = [\"iso8601\"]\n[columns]\nticket_id = { from = \"ticket_id\" }\n\
    contract_id = { from = \"contract_id\" }\nopened_at = { from = \"opened_at\" }\n\
    resolved_at = { from = \"resolved_at\" }\npriority = { from = \"priority\" }\n\
    service_id = { from = \"service_id\" }\nticket_type = { from = \"ticket_type\" }\n";

const HEADER: &str =
    "ticket_id,contract_id,opened_at,resolved_at,priority,service_id,ticket_type,updated_at\n";

/// Two incidents in each of the first three months of 2025, exported at the end of March.
fn project() -> Tiny {
    let tiny = Tiny::new();
    tiny.tickets_from("mapping = \"own.toml\"\nfiles = [\"tickets*.csv\"]");
    tiny.write("own.toml", MAPPING);
    // A price per ticket, settled month by month.
    tiny.replace("terms.toml", "per = \"quarter\"", "per = \"month\"");
    let mut text = HEADER.to_owned();
    for month in 1..=3 {
        for n in 1..=2 {
            text.push_str(&format!(
                "T{month}{n},CT-1,2025-0{month}-1{n}T10:00:00Z,2025-0{month}-1{n}T12:00:00Z,P2,mail,\
                 incident,2025-03-31T00:00:00Z\n"
            ));
        }
    }
    tiny.write("tickets.csv", text);
    tiny
}

/// Files of the store that are other bytes, new or gone.
fn changed(tiny: &Tiny, before: &std::collections::BTreeMap<PathBuf, Vec<u8>>) -> Vec<String> {
    let after = tree(&tiny.path("store"));
    let names: BTreeSet<&PathBuf> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| name.to_str().unwrap().to_owned())
        .collect()
}

/// The former output, put aside.
fn aside(tiny: &Tiny) -> PathBuf {
    let former = tiny.path("out-before");
    fs::create_dir(&former).unwrap();
    for (name, bytes) in tree(&tiny.path("out")) {
        let path = former.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    former
}

fn diff(tiny: &Tiny, former: &std::path::Path) -> Said {
    let out = tiny.path("out");
    run(&["diff", former.to_str().unwrap(), out.to_str().unwrap()]).with(0, &[])
}

#[test]
fn a_corrected_export_of_an_old_month_restates_that_month_alone() {
    let tiny = project();
    tiny.run().with(0, &[]);
    let before = tree(&tiny.path("store"));
    let first = tree(&tiny.path("out"));
    let former = aside(&tiny);

    // February again, in May: two tickets came late, one was a request (and is paid like any
    // other), one has another end.
    tiny.write(
        "tickets_2025-02.csv",
        format!(
            "{HEADER}T21,CT-1,2025-02-11T10:00:00Z,2025-02-12T09:30:00Z,P3,mail,incident,2025-05-02T00:00:00Z\n\
             T22,CT-1,2025-02-12T10:00:00Z,2025-02-12T12:00:00Z,P2,mail,request,2025-05-02T00:00:00Z\n\
             T23,CT-1,2025-02-20T10:00:00Z,2025-02-20T12:00:00Z,P2,mail,incident,2025-05-02T00:00:00Z\n\
             T24,CT-1,2025-02-21T10:00:00Z,2025-02-21T12:00:00Z,P2,mail,incident,2025-05-02T00:00:00Z\n"
        ),
    );
    tiny.run().with(0, &["tickets_2025-02.csv"]);
    // The month of the contract, and the store's own lists.
    assert_eq!(
        changed(&tiny, &before),
        [
            "_index.json",
            "_ingest.json",
            "incidents/CT-1/2025-02.parquet"
        ]
    );
    let said = diff(&tiny, &former);
    let amounts: Vec<&str> = said.out.lines().filter(|l| l.starts_with("CT-1")).collect();
    assert_eq!(amounts.len(), 1, "{}", said.out);
    for word in ["2025-02", "20.00", "40.00", "20.00 EUR", "basis 2 → 4"] {
        assert!(amounts[0].contains(word), "no `{word}` in {}", amounts[0]);
    }
    assert!(
        said.out.contains("tickets_2025-02.csv"),
        "no input named in {}",
        said.out
    );

    // Without it everything is as it was, byte for byte.
    fs::remove_file(tiny.path("tickets_2025-02.csv")).unwrap();
    tiny.run().with(0, &[]);
    assert_eq!(changed(&tiny, &before), Vec::<String>::new());
    assert_eq!(tree(&tiny.path("out")), first);
}

#[test]
fn a_corrected_invoice_restates_its_months_alone() {
    let tiny = project();
    tiny.replace(
        "terms.toml",
        "[measure]\n",
        "[[clause]]\nid = \"charges\"\nkind = \"formula\"\nbasis = \"actual_cost\"\n\n[measure]\n",
    );
    tiny.run().with(0, &[]);
    let before = tree(&tiny.path("store"));
    let former = aside(&tiny);
    tiny.replace("billing.csv", "100.00", "90.00");
    tiny.run().with(0, &[]);
    // January begins on the evening before, by UTC.
    assert_eq!(
        changed(&tiny, &before),
        [
            "_index.json",
            "_ingest.json",
            "billing/CT-1/2024-12.parquet"
        ]
    );
    let said = diff(&tiny, &former);
    let amounts: Vec<&str> = said.out.lines().filter(|l| l.starts_with("CT-1")).collect();
    assert_eq!(amounts.len(), 1, "{}", said.out);
    for word in ["2025-01", "charges", "100.00", "90.00", "-10.00 EUR"] {
        assert!(amounts[0].contains(word), "no `{word}` in {}", amounts[0]);
    }
}

//! Names of people: replaced before anything is stored or published, reversible by the key alone.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use gainshare::config::project::Project;
use gainshare::ingest::{self, Ingested};

use super::tiny::{Tiny, run};

const NAMES: [&str; 3] = ["Ada Example", "Bob Sample", "Grace Proof"];

const TICKETS: &str = "\
ticket_id,contract_id,opened_at,priority,assignee,caller,notes
T1,CT-1,2025-01-03T10:00:00Z,P2,Ada Example,Bob Sample,Bob Sample rang
T2,CT-1,2025-02-03T10:00:00Z,P3, ada example ,Grace Proof,
T3,CT-1,2025-02-03T10:00:00Z,urgent,Ada Example,Grace Proof,call Grace Proof
T4,CT-1,2025-02-03T10:00:00Z,P1,Ada Example,Grace Proof,one,field,too many
";

const EVENTS: &str = "\
ticket_id,at,field,from,to
T1,2025-01-03T10:05:00Z,assignee,Bob Sample,Ada Example
T1,2025-01-03T10:05:00Z,state,New,Active
";

fn project(people: &str) -> Tiny {
    let tiny = Tiny::new();
    tiny.write("tickets.csv", TICKETS);
    tiny.write("events.csv", EVENTS);
    tiny.replace(
        "gainshare.toml",
        "[[source]]\nname = \"erp\"",
        &format!(
            "{people}\n[[source]]\nname = \"tool\"\ntable = \"incident_events\"\n\
             files = [\"events.csv\"]\n\n[[source]]\nname = \"erp\""
        ),
    );
    tiny
}

fn column(ingested: &Ingested, table: &str, name: &str) -> Vec<String> {
    let columns = &ingested.tables[table];
    let mut rows: Vec<String> = (0..columns.len()).map(|r| columns.shown(name, r)).collect();
    rows.sort();
    rows
}

/// Whether a name stands anywhere in the files of a folder, whole or as bytes of a column.
fn found(folder: &Path) -> bool {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = match path.extension().and_then(|e| e.to_str()) {
                Some("parquet") => {
                    let table =
                        gainshare::publish::reading::read(&path, Default::default(), |_| true)
                            .unwrap();
                    let rows = table.rows.iter();
                    let texts: Vec<&str> = rows.flat_map(|row| row.iter()).collect();
                    texts.join("\n")
                }
                _ => String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned(),
            };
            let text = text.to_lowercase();
            if NAMES.iter().any(|n| text.contains(&n.to_lowercase())) {
                return true;
            }
        }
    }
    false
}

#[test]
fn no_name_reaches_the_store_or_the_output() {
    let key = "[people]\nkey_file = \"people.key\"\n";
    let tiny = project(key);
    tiny.write("people.key", "0123456789abcdef0123456789abcdef\n");
    tiny.run().with(0, &["unknown_priority", "field_count"]);
    assert!(!found(&tiny.path("out")));
    assert!(!found(&tiny.path("store")));
    let manifest = std::fs::read_to_string(tiny.path("out/_manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["people"]["names"], "pseudonymous");
    assert_eq!(manifest["people"]["key"], "file people.key");
    let columns = manifest["people"]["columns"].to_string();
    assert!(
        columns.contains("tool: assignee") && columns.contains("tool: caller"),
        "{columns}"
    );

    let ingested = tiny.ingest();
    assert_eq!(
        ingested
            .findings
            .iter()
            .filter(|f| f.code == "people_without_key")
            .count(),
        0
    );
    // The same person, however the name is spelled, in tickets and history; another is another.
    let assignees: BTreeSet<String> = column(&ingested, "incidents", "assignee")
        .into_iter()
        .collect();
    let callers = column(&ingested, "incidents", "caller");
    assert_eq!(assignees.len(), 1);
    let ada = assignees.first().unwrap();
    assert!(ada.starts_with("p-") && ada.len() == 22, "{ada}");
    assert_eq!(callers.len(), 2);
    assert_ne!(callers[0], callers[1]);
    assert!(column(&ingested, "incident_events", "to").contains(ada));
    assert!(column(&ingested, "incident_events", "to").contains(&"Active".to_owned()));
    // The raw text keeps what the mapping uses, without names; what cannot be split is withheld.
    let raw: Vec<&str> = ingested.rejects.iter().map(|r| r.raw.as_str()).collect();
    assert!(
        raw[0].starts_with("T3,CT-1,2025-02-03T10:00:00Z,urgent,p-"),
        "{raw:?}"
    );
    assert!(raw[0].ends_with(",…"), "{raw:?}");
    assert!(raw[1].starts_with("(withheld"), "{raw:?}");

    // Reversed by who holds the key: the pseudonym of a name is found again.
    let people = gainshare::ingest::people::Pseudonyms::new(b"0123456789abcdef0123456789abcdef");
    assert_eq!(people.of("Ada Example").as_str(), *ada);
    tiny.write("people.key", "another key of sixteen bytes");
    assert_ne!(column(&tiny.ingest(), "incidents", "assignee")[0], *ada);
}

#[test]
fn the_key_may_come_from_a_variable_and_a_missing_or_short_one_is_said() {
    let tiny = project("[people]\nkey_env = \"GAINSHARE_TEST_KEY\"\n");
    tiny.run().with(2, &["GAINSHARE_TEST_KEY", "is not set"]);
    let read = |key: &str| {
        let key = key.as_bytes().to_vec();
        Project::read_with(&tiny.path(""), &move |name| {
            (name == "GAINSHARE_TEST_KEY").then(|| key.clone())
        })
    };
    let error = read("short").unwrap_err();
    assert!(error.to_string().contains("fewer than 16 bytes"), "{error}");
    let ingested = ingest::ingest(&read("a key that is long enough").unwrap(), &|_, _| {}).unwrap();
    let people = gainshare::ingest::people::Pseudonyms::new(b"a key that is long enough");
    assert_eq!(
        column(&ingested, "incidents", "assignee")[0],
        people.of("Ada Example").as_str()
    );
    let tiny = project("[people]\nkey_file = \"none.key\"\n");
    tiny.run().with(2, &["none.key", "cannot be read"]);
    let tiny = project("[people]\nnames = \"as_given\"\nkey_file = \"none.key\"\n");
    tiny.run().with(2, &["needs no key"]);
}

#[test]
fn without_a_key_names_are_replaced_and_the_note_says_what_that_is_worth() {
    let tiny = project("");
    tiny.run().with(0, &["people_without_key"]);
    assert!(!found(&tiny.path("out")) && !found(&tiny.path("store")));
    let kept = project("[people]\nnames = \"as_given\"\n");
    kept.run().with(0, &[]);
    assert!(found(&kept.path("store")));
    let assignee = column(&kept.ingest(), "incidents", "assignee");
    assert_eq!(assignee, ["Ada Example", "ada example"]);
}

#[test]
fn templates_and_mappings_are_written_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t");
    let shown = path.to_str().unwrap();
    run(&["generate", "templates", shown]).with(0, &["wrote", "templates"]);
    let exposure = std::fs::read_to_string(path.join("exposure.csv")).unwrap();
    assert_eq!(
        exposure,
        "contract_id,service_id,month,users,cis,transactions\n"
    );
    let tables = gainshare::store::schema::TABLES.len();
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), tables);
    // What somebody filled in is not written over.
    std::fs::write(path.join("exposure.csv"), "mine").unwrap();
    run(&["generate", "templates", shown]).with(0, &["wrote 0 templates"]);
    assert_eq!(
        std::fs::read_to_string(path.join("exposure.csv")).unwrap(),
        "mine"
    );
    let list = run(&["generate", "mapping"]).with(0, &[]).out;
    for name in list.lines() {
        let text = run(&["generate", "mapping", name]).with(0, &[]).out;
        assert!(text.contains(&format!("name = \"{name}\"")), "{text}");
    }
    run(&["generate", "mapping", "focuss"]).with(2, &["did you mean `focus`?"]);
}

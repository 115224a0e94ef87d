//! Tests for gaming through the whole program: on the complete example the gaming supplier is found
//! by what it really does and the honest ones are not; flags are findings and never change a payment
//! by themselves; a holdback waits for them until somebody clears them.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use gainshare::config::project::Project;
use gainshare::judge::integrity::Kind;
use gainshare::money::Decimal;
use gainshare::pipeline::{self, Rows};
use gainshare::settle::AmountKind;

/// A copy of the complete example with other terms for the five contracts in euro, run.
fn run(change: impl Fn(String) -> String) -> Rows {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/complete");
    let to = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for folder in ["", "terms", "mappings", "input"] {
        fs::create_dir_all(to.path().join(folder)).unwrap();
        for entry in fs::read_dir(from.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.file_name().unwrap();
                fs::copy(&path, to.path().join(folder).join(name)).unwrap();
            }
        }
    }
    let terms = to.path().join("terms/gain.toml");
    let text = change(fs::read_to_string(&terms).unwrap());
    fs::write(&terms, text).unwrap();
    let project = Project::read(to.path()).unwrap();
    pipeline::rows(&project, &pipeline::repairing()).unwrap()
}

/// Payable amounts by contract, period and clause.
fn paid(outcome: &Rows) -> BTreeMap<(String, String, String), Decimal> {
    outcome
        .settlement
        .iter()
        .filter(|l| l.amount_kind == AmountKind::Payable)
        .filter_map(|l| {
            let place = (l.contract_id.clone(), l.period.clone(), l.clause_id.clone());
            Some((place, l.amount?))
        })
        .collect()
}

/// truth/gaming.csv says what Cedar does, truth/communication.csv that it tells afterwards.
#[test]
fn the_gaming_supplier_is_found_by_what_it_does_and_the_honest_are_not() {
    let outcome = run(|terms| terms);
    let mut flagged: BTreeMap<&str, BTreeSet<Kind>> = BTreeMap::new();
    for row in outcome.integrity.iter().filter(|r| r.flagged) {
        flagged
            .entry(&row.contract_id)
            .or_default()
            .insert(row.kind);
    }
    let does = BTreeSet::from([
        Kind::BunchingBeforeDeadline,
        Kind::HoldBeforeBreach,
        Kind::PriorityLoweredLate,
        Kind::RequestsForIncidents,
        Kind::ReopenedUnderNewNumber,
        Kind::ToldAfterwards,
        Kind::SplitOrders,
    ]);
    let expected = BTreeMap::from([("CT-C1", does.clone()), ("CT-C2", does)]);
    assert_eq!(flagged, expected);
    assert_eq!(outcome.integrity.len(), 6 * Kind::ALL.len());
    let findings: Vec<_> = outcome
        .findings
        .iter()
        .filter(|f| f.code == "integrity_flagged")
        .collect();
    assert_eq!(findings.len(), 14);

    // The numbers named are of tickets that the truth names as well.
    let truth = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/complete/truth/tricks.csv");
    let truth = fs::read_to_string(truth).unwrap();
    let held = outcome
        .integrity
        .iter()
        .find(|r| r.contract_id == "CT-C1" && r.kind == Kind::PriorityLoweredLate)
        .unwrap();
    let (_, named) = held.evidence.split_once("for example ").unwrap();
    for ticket in named.split(", ") {
        assert!(
            truth.contains(&format!("{ticket},CT-C1")),
            "{ticket} in {}",
            held.evidence
        );
    }
}

/// A tenth of every positive statement is held back until the tests are cleared.
const HOLDBACK: &str = r#"
[[clause]]
id = "kept_back"
kind = "holdback"
share = "10%"
release = "integrity_cleared"

[measure]
"#;

#[test]
fn a_holdback_waits_for_flags_until_they_are_cleared() {
    let plain = paid(&run(|terms| terms));
    let with = |terms: String| terms.replacen("\n[measure]\n", HOLDBACK, 1);
    let held = paid(&run(with));
    // Nothing else changes: a flag is no penalty.
    for (place, amount) in &plain {
        if place.2 != "total" {
            assert_eq!(held.get(place), Some(amount), "{place:?}");
        }
    }
    let quarters = |paid: &BTreeMap<(String, String, String), Decimal>, contract: &str| {
        ["2025-Q1", "2025-Q2", "2025-Q3"].map(|quarter| {
            let of = |clause: &str| {
                let place = (contract.to_owned(), quarter.to_owned(), clause.to_owned());
                paid.get(&place).copied()
            };
            of("kept_back").unwrap()
        })
    };
    // The honest supplier gets what was held back in the same statement, the other waits.
    assert_eq!(quarters(&held, "CT-A1"), [Decimal::ZERO; 3]);
    assert!(quarters(&held, "CT-C1").iter().all(|a| a.is_negative()));

    let cleared: String = Kind::ALL
        .iter()
        .map(|kind| {
            format!(
                "\n[[score.cleared]]\ntest = \"{}\"\nreason = \"looked into\"\nagreed_by = \"both\"\n",
                kind.name()
            )
        })
        .collect();
    let outcome = run(|terms| with(terms) + &cleared);
    assert_eq!(quarters(&paid(&outcome), "CT-C1"), [Decimal::ZERO; 3]);
    let decisions = outcome.integrity.iter().filter(|r| r.flagged);
    assert_eq!(decisions.clone().count(), 14);
    for row in decisions {
        assert_eq!(row.cleared.as_deref(), Some("looked into (both)"));
    }
}

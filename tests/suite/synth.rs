//! The generator of example worlds: same bytes everywhere, truths that add up, tricks that show.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use gainshare::synth::{
    Options, Scenario, SynthError, generate, recover, recovery_terms, true_months,
};

const SHIPPED_SEED: u64 = 20_250_101;

fn shipped() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/data/complete"))
}

fn world(out: &Path, seed: u64, scale: f64) -> gainshare::synth::Summary {
    let options = Options {
        scale,
        ..Options::new(seed)
    };
    generate(out, &options, &mut |_, _| {}).unwrap()
}

fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for part in ["input", "truth"] {
        for entry in fs::read_dir(folder.join(part)).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{part}/{}", path.file_name().unwrap().to_string_lossy());
            files.insert(name, fs::read(path).unwrap());
        }
    }
    files
}

/// Rows of a table as maps from column to value.
fn rows(folder: &Path, file: &str) -> Vec<HashMap<String, String>> {
    let mut text = Vec::new();
    let raw = fs::read(folder.join(file)).unwrap();
    if file.ends_with(".gz") {
        flate2::read::GzDecoder::new(raw.as_slice())
            .read_to_end(&mut text)
            .unwrap();
    } else {
        text = raw;
    }
    let delimiter = if file.contains("birch") { b';' } else { b',' };
    csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .from_reader(text.as_slice())
        .deserialize()
        .map(|row| row.unwrap())
        .collect()
}

fn number(row: &HashMap<String, String>, column: &str) -> f64 {
    row[column]
        .parse()
        .unwrap_or_else(|_| panic!("{column}: {:?}", row[column]))
}

fn cents(text: &str) -> i64 {
    text.replace('.', "").parse().unwrap()
}

#[test]
fn the_shipped_files_are_what_the_seed_gives() {
    let folder = tempfile::tempdir().unwrap();
    world(folder.path(), SHIPPED_SEED, 1.0);
    let (made, shipped) = (bytes(folder.path()), bytes(shipped()));
    assert_eq!(
        made.keys().collect::<Vec<_>>(),
        shipped.keys().collect::<Vec<_>>()
    );
    for (name, content) in &made {
        assert!(
            content == &shipped[name],
            "{name} differs from the shipped file"
        );
    }
    let total: usize = shipped.values().map(Vec::len).sum();
    assert!(total < 8_000_000, "{total} bytes");
    for (name, content) in &shipped {
        assert!(content.len() < 1_400_000, "{name}: {} bytes", content.len());
    }
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let make = |threads: usize| {
        let folder = tempfile::tempdir().unwrap();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| world(folder.path(), 7, 0.1));
        bytes(folder.path())
    };
    let one = make(1);
    assert!(one == make(2) && one == make(5));
}

#[test]
fn another_seed_is_another_world() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    world(a.path(), 1, 0.1);
    world(b.path(), 2, 0.1);
    let file = "input/cedar_incidents.csv.gz";
    assert!(bytes(a.path())[file] != bytes(b.path())[file]);
}

#[test]
fn what_is_there_is_replaced_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("example");
    let run = |force: bool, seed: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gainshare"));
        command
            .arg("synth")
            .arg(&out)
            .args(["--scale", "0.05", "--seed", seed]);
        if force {
            command.arg("--force");
        }
        command.output().unwrap()
    };
    assert!(run(false, "1").status.success());
    fs::write(out.join("gainshare.toml"), "# written by hand\n").unwrap();
    let before = bytes(&out);
    let refused = run(false, "2");
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("--force"), "{said}");
    assert!(before == bytes(&out));
    assert!(run(true, "2").status.success());
    assert!(before != bytes(&out));
    assert!(out.join("gainshare.toml").exists());
    assert!(!out.join(".synth.tmp").exists());
}

#[test]
fn a_scale_that_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for scale in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        let options = Options {
            scale,
            ..Options::new(1)
        };
        let error = generate(folder.path(), &options, &mut |_, _| {}).unwrap_err();
        assert!(matches!(error, SynthError::Scale { .. }), "{error}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn true_removal_is_close_to_what_is_declared() {
    let folder = tempfile::tempdir().unwrap();
    world(folder.path(), 3, 4.0);
    let effects: HashMap<(String, String), f64> = rows(folder.path(), "truth/effects.csv")
        .iter()
        .map(|r| {
            (
                (r["contract_id"].clone(), r["service_id"].clone()),
                number(r, "incident_effect"),
            )
        })
        .collect();
    let mut seen: HashMap<(String, String), [f64; 3]> = HashMap::new();
    for row in rows(folder.path(), "truth/incidents.csv") {
        let key = (row["contract_id"].clone(), row["service_id"].clone());
        let removed = number(&row, "removed_by_supplier");
        let drawn = number(&row, "drawn_counterfactual");
        let customer = number(&row, "removed_by_customer");
        assert_eq!(drawn - customer - removed, number(&row, "happened"));
        if row["month"].as_str() < "2025-01" {
            assert_eq!(removed + customer, 0.0, "{row:?}");
        } else if row["month"].as_str() >= "2025-07" {
            let cell = seen.entry(key).or_default();
            cell[0] += drawn - customer;
            cell[1] += removed;
            cell[2] += (drawn - customer) * number(&row, "expected_removal_share");
        }
    }
    for (key, effect) in &effects {
        let [n, removed, expected] = seen[key];
        let sd = (n * effect * (1.0 - effect)).sqrt().max(1e-9);
        assert!(
            (removed - expected).abs() <= 4.5 * sd,
            "{key:?}: {removed} of {n}"
        );
        assert!(
            (expected / n - effect).abs() < 1e-6,
            "{key:?}: {} for {effect}",
            expected / n
        );
    }
    assert_eq!(effects.values().filter(|e| **e > 0.2).count(), 6);
}

#[test]
fn the_truth_counts_what_the_files_show() {
    let mut shown: HashMap<String, i64> = HashMap::new();
    for row in rows(shipped(), "truth/incidents.csv") {
        *shown.entry(row["contract_id"].clone()).or_default() +=
            number(&row, "shown_as_incident") as i64;
    }
    let mut duplicates: HashMap<String, i64> = HashMap::new();
    for row in rows(shipped(), "truth/defects.csv") {
        if row["table"] == "tickets" && row["defect"] == "duplicate_row" {
            *duplicates.entry(row["supplier_id"].clone()).or_default() += 1;
        }
    }
    let count = |file, kind: (&str, &str), keep: &dyn Fn(&HashMap<String, String>) -> bool| {
        rows(shipped(), file)
            .iter()
            .filter(|r| r[kind.0] == kind.1 && keep(r))
            .count() as i64
    };
    let alder = count(
        "input/alder_incidents.csv.gz",
        ("sys_class_name", "Incident"),
        &|r| r["business_service"] != "facilities",
    );
    let birch = count("input/birch_tickets.csv.gz", ("Type", "Incident"), &|r| {
        r["Resolver Group"] != "Facilities"
    });
    let cedar = count(
        "input/cedar_incidents.csv.gz",
        ("ticket_type", "incident"),
        &|r| r["contract_id"] != "CT-C9",
    );
    for (supplier, found, contracts) in [
        ("SUP-A", alder, ["CT-A1", "CT-A2"]),
        ("SUP-B", birch, ["CT-B1", "CT-B2"]),
        ("SUP-C", cedar, ["CT-C1", "CT-C2"]),
    ] {
        let twice = duplicates.get(supplier).copied().unwrap_or(0);
        assert_eq!(
            found - twice,
            shown[contracts[0]] + shown[contracts[1]],
            "{supplier}"
        );
    }
    let all: i64 = shown.values().sum();
    assert!((18_000..24_000).contains(&all), "{all} incidents");
}

#[test]
fn usage_billed_is_the_true_cost_to_the_cent() {
    let mut truth: HashMap<String, (i64, i64)> = HashMap::new();
    for row in rows(shipped(), "truth/savings.csv") {
        let entry = truth.entry(row["contract_id"].clone()).or_default();
        entry.0 += cents(&row["actual_usage"]);
        entry.1 += cents(&row["ticket_fees"]);
        assert_eq!(
            cents(&row["counterfactual_usage"])
                - cents(&row["saved_by_customer"])
                - cents(&row["saved_by_supplier"]),
            cents(&row["actual_usage"])
        );
    }
    let mut billed: HashMap<String, (i64, i64)> = HashMap::new();
    let mut add = |contract: &str, description: &str, amount: &str| {
        let entry = billed.entry(contract.to_owned()).or_default();
        if description.contains("cost centre") {
            entry.0 += cents(amount);
        } else if description == "handled incidents" {
            entry.1 += cents(amount);
        }
    };
    let mut lines = 0;
    for row in rows(shipped(), "input/alder_billing_focus.csv.gz") {
        add(
            &row["SubAccountId"],
            &row["ChargeDescription"],
            &row["BilledCost"],
        );
        lines += 1;
    }
    for row in rows(shipped(), "input/billing.csv.gz") {
        add(&row["contract_id"], &row["description"], &row["amount"]);
        lines += 1;
    }
    assert!((27_000..33_000).contains(&lines), "{lines} lines");
    for (contract, expected) in &truth {
        assert_eq!(&billed[contract], expected, "{contract}");
    }
}

/// Shares of a supplier's restore clocks by where in its target the work ended.
fn clock_shares(prefix: char, performance: bool) -> (f64, f64) {
    let targets = [
        4.0 * 3600.0,
        8.0 * 3600.0,
        16.0 * 3600.0,
        40.0 * 3600.0,
        80.0 * 3600.0,
    ];
    let (mut all, mut just, mut missed) = (0.0, 0.0, 0.0);
    for row in rows(shipped(), "input/sla_clocks.csv.gz") {
        let own = row["ticket_id"].starts_with(prefix);
        if row["kind"] != "restore" || !own || (row["started_at"].as_str() >= "2025") != performance
        {
            continue;
        }
        let priority: usize = row["sla_name"][row["sla_name"].len() - 1..]
            .parse()
            .unwrap();
        let share = number(&row, "business_elapsed_s") / targets[priority - 1];
        all += 1.0;
        just += f64::from(u8::from((0.96..=1.0).contains(&share)));
        missed += f64::from(u8::from(row["breached"] == "true"));
    }
    (just / all, missed / all)
}

#[test]
fn the_gaming_suppliers_tricks_can_be_seen_and_the_honest_have_none() {
    let (honest_just, honest_missed) = clock_shares('I', true);
    let (before_just, before_missed) = clock_shares('C', false);
    let (after_just, after_missed) = clock_shares('C', true);
    assert!(after_just > 3.0 * before_just && after_just > 3.0 * honest_just);
    assert!(after_missed < 0.6 * before_missed && honest_missed > 0.8 * before_missed);

    let share_of_requests = |performance: bool| {
        let (mut requests, mut all) = (0.0, 0.0);
        for row in rows(shipped(), "input/cedar_incidents.csv.gz") {
            if row["opened_at"].starts_with('2')
                && (row["opened_at"].as_str() >= "2025") == performance
            {
                all += 1.0;
                requests += f64::from(u8::from(row["ticket_type"] == "request"));
            }
        }
        requests / all
    };
    assert!(share_of_requests(true) > share_of_requests(false) + 0.09);

    let mut tricks: HashMap<String, usize> = HashMap::new();
    for row in rows(shipped(), "truth/tricks.csv") {
        assert!(row["contract_id"].starts_with("CT-C"));
        *tricks.entry(row["trick"].clone()).or_default() += 1;
    }
    assert_eq!(tricks.len(), 5);
    assert!(tricks.values().all(|n| *n >= 10), "{tricks:?}");

    // Truly nothing was prevented, but it looks like about 15 %.
    let (mut happened, mut shown) = (0.0, 0.0);
    for row in rows(shipped(), "truth/incidents.csv") {
        if row["contract_id"].starts_with("CT-C") && row["month"].as_str() >= "2025" {
            assert_eq!(row["removed_by_supplier"], "0");
            happened += number(&row, "happened");
            shown += number(&row, "shown_as_incident");
        }
    }
    let looks = 1.0 - shown / happened;
    assert!((0.12..0.18).contains(&looks), "{looks}");
}

#[test]
fn identifiers_are_unique_and_references_lead_somewhere() {
    for (file, key) in [
        ("initiatives.csv", "initiative_id"),
        ("proactive_hours.csv", "line_id"),
        ("contact_moments.csv", "moment_id"),
        ("satisfaction.csv", "response_id"),
        ("interactions.csv", "interaction_id"),
        ("blockers.csv", "blocker_id"),
        ("changes.csv", "change_id"),
        ("problems.csv", "problem_id"),
        ("adjustments.csv", "adjustment_id"),
        ("relief_events.csv", "relief_id"),
        ("disputes.csv", "dispute_id"),
        ("settled.csv", "statement_id"),
        ("notices.csv.gz", "notice_id"),
    ] {
        let table = rows(shipped(), &format!("input/{file}"));
        let distinct: std::collections::HashSet<_> = table.iter().map(|r| &r[key]).collect();
        assert_eq!(distinct.len(), table.len(), "{file}");
    }
    let ids = |file: &str, key: &str| -> std::collections::HashSet<String> {
        rows(shipped(), &format!("input/{file}"))
            .into_iter()
            .map(|mut r| r.remove(key).unwrap())
            .collect()
    };
    let (changes, problems) = (
        ids("changes.csv", "change_id"),
        ids("problems.csv", "problem_id"),
    );
    let initiatives = ids("initiatives.csv", "initiative_id");
    let tickets = ids("cedar_incidents.csv.gz", "ticket_id");
    for row in rows(shipped(), "input/cedar_incidents.csv.gz") {
        let known = |value: &String, set: &std::collections::HashSet<String>| {
            value.is_empty() || set.contains(value)
        };
        assert!(known(&row["caused_by_change_id"], &changes), "{row:?}");
        assert!(known(&row["problem_id"], &problems), "{row:?}");
        assert!(known(&row["parent_id"], &tickets), "{row:?}");
    }
    for row in rows(shipped(), "input/proactive_hours.csv") {
        let id = &row["initiative_id"];
        assert!(id.is_empty() || initiatives.contains(id), "{row:?}");
    }
    let outage: Vec<_> = rows(shipped(), "input/alder_incidents.csv.gz")
        .into_iter()
        .filter(|r| r["caused_by"] == "CHG-OUTAGE-2" || !r["parent"].is_empty())
        .collect();
    assert!(outage.len() > 40);
    let first_hour = outage
        .iter()
        .filter(|r| {
            r["opened_at"].starts_with("14/5/2025 09") || r["opened_at"].starts_with("14/5/2025 10")
        })
        .count();
    assert!(
        first_hour * 10 > outage.len() * 8,
        "{first_hour} of {}",
        outage.len()
    );
}

#[test]
fn scenarios_change_what_suppliers_do_and_nothing_else() {
    let months = |scenario| {
        true_months(&Options {
            scenario,
            ..Options::new(9)
        })
        .unwrap()
    };
    let declared = months(Scenario::Declared);
    let honest = months(Scenario::Honest);
    let idle = months(Scenario::Idle);
    assert_eq!(declared.len(), 6 * 36 * 5);
    for (a, b) in declared.iter().zip(&honest) {
        assert_eq!(b.shown_as_incident, b.happened + b.outage_tickets);
        if a.year < 2025 {
            assert_eq!(a, b);
        }
    }
    let removed = |m: &[gainshare::synth::TrueMonth]| -> u64 {
        m.iter().map(|m| m.removed_by_supplier).sum()
    };
    assert!(removed(&honest) > 400 && removed(&idle) == 0);
    assert!(idle.iter().any(|m| m.removed_by_customer > 0));
}

#[test]
fn true_months_are_what_the_truth_file_says() {
    let values = true_months(&Options::new(SHIPPED_SEED)).unwrap();
    let mut file = HashMap::new();
    for row in rows(shipped(), "truth/incidents.csv") {
        let key = (
            row["contract_id"].clone(),
            row["service_id"].clone(),
            row["month"].clone(),
        );
        file.insert(key, row);
    }
    assert_eq!(values.len(), file.len());
    for value in values {
        let month = format!("{}-{:02}", value.year, value.month);
        let row = &file[&(
            value.contract_id.to_owned(),
            value.service_id.to_owned(),
            month,
        )];
        assert_eq!(
            number(row, "removed_by_supplier") as u64,
            value.removed_by_supplier
        );
        assert_eq!(
            number(row, "drawn_counterfactual") as u64,
            value.drawn_counterfactual
        );
        assert_eq!(
            number(row, "shown_as_incident") as u64,
            value.shown_as_incident
        );
        assert_eq!(number(row, "users"), value.users);
    }
}

/// The estimator on worlds of a generator that is not its model: 204 contracts in which nobody
/// prevents anything, and 204 in which they do. Of 1,998 contracts 97.7 % of the intervals hold the
/// truth (docs/baseline.md); the limits leave room for the luck of 204.
#[test]
fn the_baseline_recovers_the_truth_of_example_worlds() {
    let spec = recovery_terms();
    let idle = recover(&spec, 1, 34, 1.0, Scenario::Idle).unwrap();
    assert_eq!((idle.contracts, idle.measured), (204, 204));
    assert!((0.92..=0.99).contains(&idle.coverage()), "{idle:?}");
    assert!(idle.paid_share() <= 0.03, "{idle:?}");
    let honest = recover(&spec, 1, 34, 1.0, Scenario::Honest).unwrap();
    assert!((0.92..=0.99).contains(&honest.coverage()), "{honest:?}");
    // Prevention shows: the estimates are near the truth on average.
    assert!(honest.mean_error.abs() < 0.05, "{honest:?}");
}

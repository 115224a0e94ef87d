//! Both shipped projects through the program: what is published, that it is the same for both
//! parties, that a run that fails changes nothing, and that the known truth is found.
//!
//! Same bytes are asked for where the same files and terms are read. Where a project file or an
//! input file is written in another order, the hashes of the configuration and of the inputs
//! differ by right, and with them the metadata of every output: then the columns are compared,
//! all rows in order, and lines of files left out where the lines moved.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use gainshare::money::Decimal;
use gainshare::store::disk;
use polars::prelude::*;

/// A copy of a shipped project, without anything that a run wrote.
fn copied(project: &str) -> tempfile::TempDir {
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data")
        .join(project);
    // Beside the program, so that exits without clean-up leave nothing outside the build.
    let to = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    copy(&from, to.path());
    to
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name == "out" || name == "store" || name.starts_with('.') {
            continue;
        }
        let target = to.join(name);
        if path.is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn run(project: &Path, threads: u32) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gainshare"))
        .arg("run")
        .arg(project)
        .env("NO_COLOR", "1")
        .env("RAYON_NUM_THREADS", threads.to_string())
        .env("POLARS_MAX_THREADS", threads.to_string())
        .output()
        .unwrap()
}

fn good(project: &Path, threads: u32) -> String {
    let output = run(project, threads);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    said
}

/// A project, copied and run once for all tests that only look.
pub(crate) fn shared(project: &str) -> &'static Path {
    static COMPLETE: OnceLock<PathBuf> = OnceLock::new();
    static REAL: OnceLock<PathBuf> = OnceLock::new();
    let cell = if project == "complete" {
        &COMPLETE
    } else {
        &REAL
    };
    cell.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("shared-{project}"));
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir_all(&folder).unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("data")
            .join(project);
        copy(&from, &folder);
        good(&folder, 2);
        folder
    })
}

const PROJECTS: [&str; 2] = ["complete", "servicenow_focus"];

/// All published files.
pub(crate) fn bytes(project: &Path) -> BTreeMap<String, Vec<u8>> {
    fn add(folder: &Path, before: &str, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{before}{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() {
                add(&path, &format!("{name}/"), found);
            } else {
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    add(&project.join("out"), "", &mut found);
    found
}

fn manifest(project: &Path) -> serde_json::Value {
    let text = fs::read_to_string(project.join("out/_manifest.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn table(project: &Path, name: &str) -> DataFrame {
    let path = project.join("out").join(format!("{name}.parquet"));
    ParquetReader::new(fs::File::open(path).unwrap())
        .finish()
        .unwrap()
}

/// A column as texts; decimals keep the digits of the file, absent values are empty.
fn texts(frame: &DataFrame, column: &str) -> Vec<String> {
    let column = frame.column(column).unwrap();
    (0..frame.height())
        .map(|i| match column.get(i).unwrap() {
            AnyValue::Null => String::new(),
            AnyValue::String(s) => s.to_owned(),
            other => other.to_string(),
        })
        .collect()
}

/// The rows of a table as maps, without the columns named.
fn rows(project: &Path, name: &str, without: &[&str]) -> Vec<BTreeMap<String, String>> {
    let folder = project.join("out").join(name);
    if folder.is_dir() {
        // A file per month, in order.
        let mut files: Vec<PathBuf> = fs::read_dir(&folder)
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        files.sort();
        return files
            .iter()
            .flat_map(|f| {
                let month = f.file_stem().unwrap().to_str().unwrap();
                rows(project, &format!("{name}/{month}"), without)
            })
            .collect();
    }
    let frame = table(project, name);
    let mut rows = vec![BTreeMap::new(); frame.height()];
    for column in frame.get_column_names() {
        if without.contains(&column.as_str()) {
            continue;
        }
        for (row, text) in rows.iter_mut().zip(texts(&frame, column)) {
            row.insert(column.to_string(), text);
        }
    }
    rows
}

fn number(text: &str) -> Decimal {
    text.parse().unwrap()
}

#[test]
fn the_manifest_lists_what_was_written_with_rows_and_hashes() {
    for project in PROJECTS {
        let folder = shared(project);
        let manifest = manifest(folder);
        let mut listed = BTreeSet::from(["_manifest.json".to_owned()]);
        for output in manifest["outputs"].as_array().unwrap() {
            let file = output["file"].as_str().unwrap();
            let path = folder.join("out").join(file);
            let hash = blake3::hash(&fs::read(&path).unwrap()).to_hex().to_string();
            assert_eq!(output["blake3"], hash.as_str(), "{file}");
            if let Some(name) = file.strip_suffix(".parquet") {
                let frame = table(folder, name);
                assert_eq!(output["rows"], frame.height() as u64, "{file}");
            }
            assert!(listed.insert(file.to_owned()));
        }
        let written: BTreeSet<String> = bytes(folder).into_keys().collect();
        assert_eq!(listed, written);
        for input in manifest["inputs"].as_array().unwrap() {
            let bytes = fs::read(folder.join(input["file"].as_str().unwrap())).unwrap();
            let hash = blake3::hash(&bytes).to_hex().to_string();
            assert_eq!(input["blake3"], hash.as_str());
        }
        assert!(!folder.join(".out.new").exists());
        assert!(!folder.join(".store.new").exists());
    }
}

#[test]
fn every_row_and_every_cent_is_accounted_for() {
    for project in PROJECTS {
        let folder = shared(project);
        let mut files = BTreeSet::new();
        let rejects = rows(folder, "rejects", &[]);
        for input in manifest(folder)["inputs"].as_array().unwrap() {
            let file = input["file"].as_str().unwrap().to_owned();
            let n = |name: &str| input[name].as_u64().unwrap();
            assert_eq!(
                n("rows_in"),
                n("accepted") + n("duplicate") + n("rejected") + n("out_of_scope"),
                "{file}"
            );
            let mine = rejects.iter().filter(|r| r["file"] == file).count();
            assert_eq!(n("rejected"), mine as u64, "{file}");
            for (currency, money) in input["money"].as_object().unwrap() {
                let d = |name: &str| number(money[name].as_str().unwrap());
                let mut sum = Decimal::ZERO;
                for part in ["accepted", "duplicate", "rejected", "out_of_scope"] {
                    sum = sum.checked_add(d(part)).unwrap();
                }
                assert_eq!(sum, d("amount_in"), "{file} {currency}");
            }
            // The lines of the file itself, counted by another reader.
            let mut text = Vec::new();
            let raw = fs::read(folder.join(&file)).unwrap();
            if file.ends_with(".gz") {
                flate2::read::MultiGzDecoder::new(raw.as_slice())
                    .read_to_end(&mut text)
                    .unwrap();
            } else {
                text = raw;
            }
            let lines = String::from_utf8(text).unwrap().lines().count() as u64;
            assert_eq!(n("rows_in") + 1, lines, "{file}");
            files.insert(file);
        }
        let project = gainshare::config::project::Project::read(folder).unwrap();
        let named: BTreeSet<String> = project
            .sources
            .iter()
            .flat_map(|s| s.files.iter().map(|(name, _)| name.clone()))
            .collect();
        assert_eq!(files, named);
    }
}

#[test]
fn the_money_accepted_is_the_money_in_the_billing_facts() {
    for project in PROJECTS {
        let folder = shared(project);
        let mut wanted: BTreeMap<String, Decimal> = BTreeMap::new();
        for input in manifest(folder)["inputs"].as_array().unwrap() {
            if input["table"] == "billing" {
                for (currency, money) in input["money"].as_object().unwrap() {
                    let sum = wanted.entry(currency.clone()).or_insert(Decimal::ZERO);
                    let amount = number(money["accepted"].as_str().unwrap());
                    *sum = sum.checked_add(amount).unwrap();
                }
            }
        }
        let mut found: BTreeMap<String, Decimal> = BTreeMap::new();
        for row in rows(folder, "billing_facts", &[]) {
            let sum = found
                .entry(row["currency"].clone())
                .or_insert(Decimal::ZERO);
            *sum = sum.checked_add(number(&row["amount"])).unwrap();
        }
        assert_eq!(found, wanted, "{project}");
    }
}

#[test]
fn every_accepted_ticket_is_in_a_cell() {
    for project in PROJECTS {
        let folder = shared(project);
        let accepted: u64 = manifest(folder)["inputs"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|i| i["table"] == "incidents")
            .map(|i| i["accepted"].as_u64().unwrap())
            .sum();
        let counted = rows(folder, "cells", &[]);
        let counted: u64 = counted
            .iter()
            .map(|r| r["tickets"].parse::<u64>().unwrap())
            .sum();
        assert_eq!(counted, accepted, "{project}");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    for project in PROJECTS {
        let folder = copied(project);
        let wanted = bytes(shared(project));
        for threads in [1, 2, 8] {
            good(folder.path(), threads);
            let found = bytes(folder.path());
            for (file, content) in &wanted {
                assert!(
                    found[file] == *content,
                    "{project}/{file}, {threads} threads"
                );
            }
            assert_eq!(found.len(), wanted.len());
        }
    }
}

/// What a run found about its inputs, without the order and hashes of files that were rewritten.
fn inputs(project: &Path, rewritten: &[&str]) -> Vec<serde_json::Value> {
    let mut inputs = manifest(project)["inputs"].as_array().unwrap().clone();
    for input in &mut inputs {
        if rewritten.contains(&input["file"].as_str().unwrap()) {
            input["blake3"] = serde_json::Value::Null;
        }
    }
    inputs
}

fn same_content(project: &str, other: &Path, rewritten: &[&str]) {
    let wanted = shared(project);
    assert_eq!(inputs(wanted, rewritten), inputs(other, rewritten));
    for output in manifest(wanted)["outputs"].as_array().unwrap() {
        let file = output["file"].as_str().unwrap();
        // Report and workbook show what the tables hold, lines of moved rows included.
        let Some(name) = file.strip_suffix(".parquet") else {
            continue;
        };
        if !rewritten.is_empty() && ["rejects", "findings"].contains(&name) {
            // Lines moved, and with them which row of a kind is shown as the first.
            let without: &[&str] = if name == "rejects" {
                &["line"]
            } else {
                &["line", "evidence"]
            };
            let mut a = rows(wanted, name, without);
            let mut b = rows(other, name, without);
            a.sort();
            b.sort();
            assert_eq!(a, b, "{project}/{file}");
            continue;
        }
        let (a, b) = (table(wanted, name), table(other, name));
        if !a.equals_missing(&b) {
            let (a, b) = (rows(wanted, name, &[]), rows(other, name, &[]));
            let first = a.iter().zip(&b).find(|(a, b)| a != b);
            panic!(
                "{project}/{file}: {} and {} rows: {first:#?}",
                a.len(),
                b.len()
            );
        }
    }
}

#[test]
fn the_order_of_sources_does_not_matter() {
    for project in PROJECTS {
        let folder = copied(project);
        let path = folder.path().join("gainshare.toml");
        let text = fs::read_to_string(&path).unwrap();
        let mut parsed: toml::Table = toml::from_str(&text).unwrap();
        parsed["source"].as_array_mut().unwrap().reverse();
        fs::write(&path, toml::to_string(&parsed).unwrap()).unwrap();
        good(folder.path(), 2);
        same_content(project, folder.path(), &[]);
    }
}

/// Writes the lines of a compressed file below its header in another order.
fn shuffled(path: &Path) {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(fs::File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    let body = &mut lines[1..];
    let hash = |line: &str| *blake3::hash(line.as_bytes()).as_bytes();
    body.sort_by_key(|line| hash(line));
    let mut out =
        flate2::write::GzEncoder::new(fs::File::create(path).unwrap(), flate2::Compression::fast());
    out.write_all(lines.join("\n").as_bytes()).unwrap();
    out.write_all(b"\n").unwrap();
    out.finish().unwrap();
}

#[test]
fn the_order_of_rows_in_a_file_does_not_matter() {
    let cases: [(&str, &[&str]); 2] = [
        (
            "complete",
            &[
                "input/alder_incidents.csv.gz",
                "input/alder_audit.csv.gz",
                "input/cedar_incident_events.csv.gz",
                "input/billing.csv.gz",
            ],
        ),
        (
            "servicenow_focus",
            &["incident_event_log.csv.gz", "focus_sample_1.0.csv.gz"],
        ),
    ];
    for (project, files) in cases {
        let folder = copied(project);
        for file in files {
            shuffled(&folder.path().join(file));
        }
        good(folder.path(), 2);
        same_content(project, folder.path(), files);
    }
}

#[test]
fn a_run_that_fails_leaves_the_former_output_whole() {
    let folder = copied("servicenow_focus");
    good(folder.path(), 2);
    let before = bytes(folder.path());
    let log = folder.path().join("incident_event_log.csv.gz");
    let whole = fs::read(&log).unwrap();
    fs::write(&log, &whole[..whole.len() / 2]).unwrap();
    let output = run(folder.path(), 2);
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("incident_event_log.csv.gz"), "{said}");
    assert!(before == bytes(folder.path()));
    assert!(!folder.path().join(".out.new").exists());
    assert!(!folder.path().join(".store.new").exists());
    fs::write(&log, &whole).unwrap();
    good(folder.path(), 2);
    assert!(before == bytes(folder.path()));
}

#[test]
fn a_run_that_was_killed_leaves_the_former_output_whole() {
    let folder = copied("complete");
    good(folder.path(), 2);
    let before = bytes(folder.path());
    for wait_ms in [50, 400, 1200] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gainshare"))
            .arg("run")
            .arg(folder.path())
            .arg("--quiet")
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait_ms));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(before == bytes(folder.path()), "killed after {wait_ms} ms");
    }
    good(folder.path(), 2);
    assert!(before == bytes(folder.path()));
}

#[test]
fn a_folder_that_another_run_holds_is_refused() {
    let folder = copied("servicenow_focus");
    let lock = fs::File::create(folder.path().join(".out.lock")).unwrap();
    lock.lock().unwrap();
    let output = run(folder.path(), 2);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("another run is using this folder"), "{said}");
    assert!(said.contains("wait until it has ended"), "{said}");
    assert!(!folder.path().join("out").exists());
    lock.unlock().unwrap();
    good(folder.path(), 2);
}

#[test]
fn what_is_payable_adds_up_to_the_total() {
    for project in PROJECTS {
        // A statement ends with its total; a true-up over the year stands in the statement that
        // settles it.
        let mut lines = rows(shared(project), "settlement", &[]);
        lines.sort_by_key(|l| (l["contract_id"].clone(), l["seq"].parse::<u32>().unwrap()));
        let (mut sum, mut contract, mut totals) = (Decimal::ZERO, String::new(), BTreeSet::new());
        for line in lines {
            if line["contract_id"] != contract {
                assert_eq!(
                    sum,
                    Decimal::ZERO,
                    "{project}: {contract} ends without a total"
                );
                contract.clone_from(&line["contract_id"]);
            }
            let Ok(amount) = line["amount"].parse::<Decimal>() else {
                continue;
            };
            match line["amount_kind"].as_str() {
                "payable" => sum = sum.checked_add(amount).unwrap(),
                "total" => {
                    assert_eq!(sum, amount, "{project}: {line:#?}");
                    assert!(totals.insert((contract.clone(), line["period"].clone())));
                    sum = Decimal::ZERO;
                }
                _ => {}
            }
        }
        assert_eq!(
            sum,
            Decimal::ZERO,
            "{project}: {contract} ends without a total"
        );
        let wanted = if project == "complete" { 6 * 4 } else { 2 + 1 };
        assert_eq!(totals.len(), wanted, "{totals:?}");
    }
}

#[test]
fn repeats_are_those_of_a_plain_count_over_the_store() {
    let folder = shared("complete");
    let mut openings: BTreeMap<(String, String, String), Vec<i64>> = BTreeMap::new();
    let store = folder.join("store");
    for partition in disk::partitions(&store, "incidents").unwrap() {
        let file = fs::File::open(partition.path(&store, "incidents")).unwrap();
        let frame = ParquetReader::new(file).finish().unwrap();
        let text = |name: &str| texts(&frame, name);
        let (contract, ci, category) = (text("contract_id"), text("ci_id"), text("category"));
        let kind = text("ticket_type");
        let opened = frame.column("opened_at").unwrap().to_physical_repr();
        let opened = opened.i64().unwrap();
        for i in 0..frame.height() {
            let incident = kind[i].is_empty() || kind[i] == "incident";
            if incident && !ci[i].is_empty() && !category[i].is_empty() {
                let item = (contract[i].clone(), ci[i].clone(), category[i].clone());
                openings
                    .entry(item)
                    .or_default()
                    .push(opened.get(i).unwrap());
            }
        }
    }
    let mut wanted: BTreeMap<String, u64> = BTreeMap::new();
    for ((contract, _, _), mut list) in openings {
        list.sort_unstable();
        let near = |w: &&[i64]| (w[1] - w[0]) / 1_000_000 <= 30 * 86_400;
        *wanted.entry(contract).or_default() += list.windows(2).filter(near).count() as u64;
    }
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for cell in rows(folder, "cells", &[]) {
        let repeats: u64 = cell["repeats"].parse().unwrap();
        *found.entry(cell["contract_id"].clone()).or_default() += repeats;
    }
    assert_eq!(found, wanted);
    assert!(found.values().sum::<u64>() > 1000, "{found:?}");
}

/// Incidents that the parties truly removed in the performance year, per contract.
fn removed() -> BTreeMap<String, u64> {
    let path = shared("complete").join("truth/incidents.csv");
    let mut reader = csv::Reader::from_path(path).unwrap();
    let header = reader.headers().unwrap().clone();
    let at = |name: &str| header.iter().position(|h| h == name).unwrap();
    let mut removed = BTreeMap::new();
    for record in reader.records() {
        let record = record.unwrap();
        if &record[at("month")] >= "2025-01" {
            let n = |name: &str| record[at(name)].parse::<u64>().unwrap();
            *removed.entry(record[0].to_owned()).or_default() +=
                n("removed_by_customer") + n("removed_by_supplier");
        }
    }
    removed
}

#[test]
fn the_interval_of_avoided_incidents_covers_the_truth() {
    let folder = shared("complete");
    let kpis = rows(folder, "kpi", &[]);
    for contract in ["CT-A1", "CT-A2"] {
        let row = kpis
            .iter()
            .find(|r| {
                r["contract_id"] == contract
                    && r["kpi"] == "incidents_avoided"
                    && r["scope"] == "contract"
                    && r["period"] == "2025-01/2026-01"
            })
            .unwrap_or_else(|| panic!("no avoided incidents of {contract} over the year"));
        let bound = |name: &str| number(&row[name]).to_f64_lossy();
        let truth = removed()[contract] as f64;
        assert!(
            bound("ci_low") <= truth && truth <= bound("ci_high"),
            "{contract}: {truth} is not in {row:#?}"
        );
    }
}

#[test]
fn the_real_example_pays_no_reduction_and_says_why() {
    let folder = shared("servicenow_focus");
    let findings = rows(folder, "findings", &[]);
    assert!(findings.iter().any(|f| {
        f["code"] == "baseline_too_short"
            && f["severity"] == "disqualifying"
            && f["contract_id"] == "DEMO-1"
    }));
    let kpis = rows(folder, "kpi", &[]);
    let repeats: Vec<_> = kpis
        .iter()
        .filter(|k| k["kpi"] == "repeat_rate" && k["contract_id"] == "DEMO-1")
        .collect();
    assert!(!repeats.is_empty());
    for kpi in repeats {
        assert_eq!(kpi["status"], "not_measurable", "{kpi:#?}");
        assert!(!kpi["reason"].is_empty(), "{kpi:#?}");
        assert!(kpi["value"].is_empty(), "{kpi:#?}");
    }
    let mut paid = 0;
    for line in rows(folder, "settlement", &[]) {
        if line["clause_id"] == "incident_reduction" {
            assert_eq!(line["status"], "not_measurable", "{line:#?}");
            assert!(line["amount"].is_empty(), "{line:#?}");
            paid += 1;
        }
    }
    assert!(paid > 0);
}

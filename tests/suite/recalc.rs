//! Recalculation: whatever changed since the former run, the output is, byte for byte, that of a
//! run that never saw the former state; and only what changed is worked out again.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::Path;

use gainshare::config::project::Project;
use gainshare::pipeline::{self, Asked, Exports, Outcome};
use gainshare::publish::reading::{self, Part};
use gainshare::store::disk;
use polars::prelude::{ParquetCompression, ParquetWriter};
use proptest::prelude::*;

use super::end_to_end::bytes;
use super::tiny::run;

/// A small world: the complete example with a hundredth of its incidents.
fn world() -> &'static Path {
    static WORLD: std::sync::OnceLock<tempfile::TempDir> = std::sync::OnceLock::new();
    WORLD
        .get_or_init(|| {
            let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            let out = folder.path().to_str().unwrap();
            run(&["synth", out, "--seed", "7", "--scale", "0.03"]).with(0, &[]);
            let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/complete");
            copy(&example.join("mappings"), &folder.path().join("mappings"));
            copy(&example.join("terms"), &folder.path().join("terms"));
            fs::copy(
                example.join("gainshare.toml"),
                folder.path().join("gainshare.toml"),
            )
            .unwrap();
            // As plain files, so that an edit is one of lines.
            for entry in fs::read_dir(folder.path().join("input")).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|e| e == "gz") {
                    let mut text = Vec::new();
                    flate2::read::GzDecoder::new(fs::File::open(&path).unwrap())
                        .read_to_end(&mut text)
                        .unwrap();
                    fs::write(path.with_extension(""), text).unwrap();
                    fs::remove_file(&path).unwrap();
                }
            }
            edit(&folder.path().join("gainshare.toml"), |t| {
                // The first contract has terms of its own.
                t.replace(".csv.gz\"", ".csv\"")
                    .replacen("terms/gain.toml", "terms/own.toml", 1)
            });
            fs::copy(
                example.join("terms/gain.toml"),
                folder.path().join("terms/own.toml"),
            )
            .unwrap();
            folder
        })
        .path()
}

/// Copies a project, without anything that a run wrote.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if ["out", "store", "truth"].contains(&name) || name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

fn copied(from: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    copy(from, folder.path());
    folder
}

fn edit(path: &Path, change: impl Fn(&str) -> String) {
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, change(&text)).unwrap();
}

fn calculated(folder: &Path, exports: Exports) -> Outcome {
    let project = Project::read(folder).unwrap();
    let asked = Asked {
        exports,
        ..Asked::default()
    };
    pipeline::run(&project, asked, &|_| {}).unwrap()
}

/// The files kept of parts of the store, each with the hash of what it was made of.
fn kept(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn add(folder: &Path, before: &str, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{before}/{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() {
                add(&path, &name, found);
            } else {
                found.insert(name, fs::read(path).unwrap()[..32].to_vec());
            }
        }
    }
    let mut found = BTreeMap::new();
    if folder.join(".store.cache").is_dir() {
        add(&folder.join(".store.cache"), "", &mut found);
    }
    found
}

/// What is kept and was made of something else before.
fn renewed(before: &BTreeMap<String, Vec<u8>>, folder: &Path) -> BTreeSet<String> {
    kept(folder)
        .into_iter()
        .filter(|(name, made_of)| before.get(name) != Some(made_of))
        .map(|(name, _)| name)
        .collect()
}

/// Something that a person does to a project between two runs.
#[derive(Debug, Clone)]
enum Edit {
    /// The row of an input file, counted around, goes; `true` brings the file back as it was.
    Row(&'static str, usize, bool),
    /// A text of a file of the project is replaced by another.
    Text(Text),
    /// Another moment of the export.
    AsOf(u8),
    /// Something that was kept is cut off, counted around.
    Damage(usize, usize),
    /// All that was kept is removed.
    Forget,
}

const TABLES: &[&str] = &[
    "alder_incidents.csv",
    "alder_audit.csv",
    "birch_tickets.csv",
    "birch_history.csv",
    "cedar_incidents.csv",
    "cedar_incident_events.csv",
    "notices.csv",
    "sla_clocks.csv",
    "alder_billing_focus.csv",
    "billing.csv",
    "problems.csv",
    "relief_events.csv",
    "exposure.csv",
    "initiatives.csv",
    "calendars.csv",
    "changes.csv",
];

fn edits() -> impl Strategy<Value = Edit> {
    prop_oneof![
        5 => (prop::sample::select(TABLES), 0usize..100_000, prop::bool::weighted(0.25))
            .prop_map(|(table, row, back)| Edit::Row(table, row, back)),
        4 => prop::sample::select(TEXTS).prop_map(Edit::Text),
        1 => (0u8..3).prop_map(Edit::AsOf),
        1 => (0usize..1000, 0usize..200).prop_map(|(file, at)| Edit::Damage(file, at)),
        1 => Just(Edit::Forget),
    ]
}

/// A text of a file, and what it becomes; done again, the edit is taken back.
type Text = (&'static str, &'static str, &'static str);

const REPEATS: Text = (
    "terms/own.toml",
    "repeat_window_days = 30",
    "repeat_window_days = 12",
);
const SHARE: Text = ("terms/own.toml", "share = \"50%\"", "share = \"40%\"");

const TEXTS: &[Text] = &[
    REPEATS,
    SHARE,
    ("terms/gain.toml", "within = \"8h\"", "within = \"9h\""),
];

fn apply(edit_: &Edit, folder: &Path) {
    match edit_ {
        Edit::Row(table, row, back) => {
            let path = folder.join("input").join(table);
            if *back {
                fs::copy(world().join("input").join(table), &path).unwrap();
                return;
            }
            edit(&path, |text| {
                let mut lines: Vec<&str> = text.lines().collect();
                if lines.len() > 2 {
                    lines.remove(1 + row % (lines.len() - 1));
                }
                lines.join("\n") + "\n"
            });
        }
        Edit::Text((file, from, to)) => edit(&folder.join(file), |text| {
            if text.contains(from) {
                text.replace(from, to)
            } else {
                assert!(text.contains(to), "{file} has neither `{from}` nor `{to}`");
                text.replace(to, from)
            }
        }),
        Edit::AsOf(n) => edit(&folder.join("gainshare.toml"), |text| {
            let line = text.lines().find(|l| l.starts_with("as_of")).unwrap();
            text.replace(line, &format!("as_of = \"2026-01-{}T05:00:00Z\"", 15 + n))
        }),
        Edit::Damage(file, at) => {
            let names: Vec<String> = kept(folder).into_keys().collect();
            // Nothing is kept after it was forgotten.
            let Some(name) = names.get(file % names.len().max(1)) else {
                return;
            };
            let path = folder.join(format!(".store.cache{name}"));
            let whole = fs::read(&path).unwrap();
            fs::write(&path, &whole[..(*at).min(whole.len())]).unwrap();
        }
        Edit::Forget => {
            let cache = folder.join(".store.cache");
            if cache.is_dir() {
                fs::remove_dir_all(cache).unwrap();
            }
        }
    }
}

fn same(folder: &Path, what: &str) {
    let fresh = copied(folder);
    calculated(fresh.path(), Exports::WhenChanged);
    let (own, wanted) = (bytes(folder), bytes(fresh.path()));
    let differing: Vec<&String> = wanted
        .iter()
        .filter(|(name, bytes)| own.get(*name) != Some(bytes))
        .map(|(name, _)| name)
        .collect();
    assert!(
        differing.is_empty() && own.len() == wanted.len(),
        "{what}: {differing:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_any_edits_the_bytes_are_those_of_a_run_from_nothing(
        edits in prop::collection::vec(prop::collection::vec(edits(), 1..4), 2..4),
    ) {
        let folder = copied(world());
        calculated(folder.path(), Exports::WhenChanged);
        for step in &edits {
            for edit in step {
                apply(edit, folder.path());
            }
            calculated(folder.path(), Exports::WhenChanged);
            same(folder.path(), &format!("{step:?} of {edits:?}"));
        }
    }
}

#[test]
fn only_what_changed_is_worked_out_again() {
    let folder = copied(world());
    let project = folder.path();
    assert!(calculated(project, Exports::WhenChanged).filled);
    let mut before = kept(project);
    assert!(before.keys().any(|n| n == "/cells/CT-A1"), "{before:?}");

    // Nothing changed: no export is read, nothing is measured.
    assert!(!calculated(project, Exports::WhenChanged).filled);
    assert_eq!(renewed(&before, project), BTreeSet::new());

    // Other prices only settle that contract again.
    apply(&Edit::Text(SHARE), project);
    assert!(!calculated(project, Exports::WhenChanged).filled);
    let settled = BTreeSet::from(["/documents", "/worked/CT-A1"].map(str::to_owned));
    assert_eq!(renewed(&before, project), settled);
    same(project, "other prices");
    before = kept(project);

    // What is measured of one contract measures that one again.
    apply(&Edit::Text(REPEATS), project);
    assert!(!calculated(project, Exports::WhenChanged).filled);
    let changed = renewed(&before, project);
    let months = fs::read_dir(project.join("store/incidents/CT-A1")).unwrap();
    let mut wanted: BTreeSet<String> = months
        .map(|m| m.unwrap().path())
        .map(|m| {
            format!(
                "/fragments/CT-A1/{}",
                m.file_stem().unwrap().to_str().unwrap()
            )
        })
        .collect();
    for name in [
        "cells/CT-A1",
        "documents",
        "history/CT-A1",
        "worked/CT-A1",
        "suppliers",
    ] {
        wanted.insert(format!("/{name}"));
    }
    assert_eq!(changed, wanted);
    same(project, "another window of repeats");
    before = kept(project);

    // A ticket of one month that comes late restates that month of its contract.
    let tickets = project.join("input/cedar_incidents.csv");
    edit(&tickets, |text| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let former = &lines[lines.len() / 2];
        let number = former.split(',').nth(1).unwrap();
        let late = former.replacen(number, &format!("{number}-late"), 1);
        lines.push(late);
        lines.join("\n") + "\n"
    });
    assert!(calculated(project, Exports::WhenChanged).filled);
    let changed: Vec<String> = renewed(&before, project).into_iter().collect();
    let wanted = [
        "/cells/CT-C",
        "/documents",
        "/fragments/CT-C",
        "/history/CT-C",
        "/suppliers",
        "/worked/CT-C",
    ];
    assert_eq!(changed.len(), wanted.len(), "{changed:?}");
    for (changed, wanted) in changed.iter().zip(wanted) {
        assert!(changed.starts_with(wanted), "{changed} is no {wanted}");
    }
    same(project, "a late ticket");

    // Of a contract that goes nothing stays.
    assert!(kept(project).keys().any(|n| n.contains("CT-C2")));
    edit(&project.join("gainshare.toml"), |text| {
        let (before, last) = text.rsplit_once("[[contract]]").unwrap();
        assert!(last.contains("\"CT-C2\""), "{last}");
        before.to_owned()
    });
    assert!(calculated(project, Exports::WhenChanged).filled);
    let left: Vec<String> = kept(project).into_keys().collect();
    assert!(!left.iter().any(|n| n.contains("CT-C2")), "{left:?}");
    assert!(left.iter().any(|n| n.contains("CT-C1")), "{left:?}");
    same(project, "one contract less");
}

/// New terms of payment are settled on the kept measures as a run would settle them.
#[test]
fn a_project_settles_from_what_was_measured_before() {
    let folder = copied(world());
    let project = folder.path();
    let name = project.to_str().unwrap();
    run(&["settle", name]).with(3, &["there is no store", "gainshare ingest"]);
    calculated(project, Exports::WhenChanged);
    let published = bytes(project);
    let rows = |file: &Path| {
        let table = reading::read(file, Part::default(), |_| true).unwrap();
        (table.columns, table.rows)
    };
    let settled = project.join("settled.parquet");
    let output = settled.to_str().unwrap();
    let settle = |project: &Path| {
        let said = run(&[
            "settle",
            project.to_str().unwrap(),
            "-o",
            output,
            "--fail-on",
            "never",
        ]);
        said.with(0, &[]);
        rows(&settled)
    };
    let first = settle(project);
    assert_eq!(first, rows(&project.join("out/settlement.parquet")));

    // Other prices: nothing that is kept is made again, and nothing published.
    let before = kept(project);
    apply(&Edit::Text(SHARE), project);
    let second = settle(project);
    assert_ne!(first, second);
    assert_eq!(renewed(&before, project), BTreeSet::new());
    assert_eq!(bytes(project), published);
    calculated(project, Exports::Never);
    assert_eq!(second, rows(&project.join("out/settlement.parquet")));

    // Another window of repeats: measured again first, of this contract alone.
    let before = kept(project);
    apply(&Edit::Text(REPEATS), project);
    let third = settle(project);
    let changed = renewed(&before, project);
    assert!(changed.contains("/history/CT-A1"), "{changed:?}");
    assert!(
        !changed.iter().any(|name| name.contains("CT-C")),
        "{changed:?}"
    );
    calculated(project, Exports::Never);
    assert_eq!(third, rows(&project.join("out/settlement.parquet")));

    // One contract, and what cannot be asked for.
    let one = run(&[
        "settle",
        name,
        "--contract",
        "CT-A1",
        "--format",
        "csv",
        "--fail-on",
        "never",
    ]);
    assert!(one.out.contains("CT-A1,"), "{}", one.out);
    assert!(!one.out.contains("CT-C1,"), "{}", one.out);
    run(&["settle", name, "--contract", "CT-A"]).with(2, &["no contract `CT-A`", "CT-A1"]);
    run(&["settle", name, "--measures", output]).with(2, &["its own tables"]);
}

#[test]
fn recalc_goes_on_from_the_store_without_exports() {
    let folder = copied(world());
    let project = folder.path();
    let name = project.to_str().unwrap();
    run(&["recalc", name]).with(3, &["there is no store", "gainshare ingest"]);
    let said = run(&["ingest", name]).with(0, &["alder_incidents.csv", "gainshare recalc"]);
    assert!(said.out.is_empty(), "{}", said.out);
    assert!(!project.join("out").exists());

    // The exports are on another machine.
    let away = project.join("away");
    fs::rename(project.join("input"), &away).unwrap();
    run(&["run", name]).with(2, &["no file matches"]);
    run(&["recalc", name]).with(0, &["were not read again", "wrote"]);
    fs::rename(&away, project.join("input")).unwrap();
    same(project, "recalc");

    // A part of the store that is gone is not taken for a month without notices.
    let notices = project.join("store/notices");
    fs::rename(&notices, project.join("aside")).unwrap();
    run(&["recalc", name]).with(3, &["it is not there", "gainshare ingest"]);
    fs::rename(project.join("aside"), &notices).unwrap();

    // A comment changes nothing; another supplier changes what the store says.
    edit(&project.join("mappings/cedar-events.toml"), |text| {
        format!("# A remark.\n{text}")
    });
    run(&["recalc", name]).with(0, &[]);
    edit(&project.join("gainshare.toml"), |text| {
        text.replacen("supplier = \"SUP-A\"", "supplier = \"SUP-X\"", 1)
    });
    run(&["recalc", name]).with(
        3,
        &["changed since the exports were read", "gainshare ingest"],
    );
}

/// Writes every file of a store anew, with so many rows in a row group and uncompressed.
fn regrouped(folder: &Path, rows: usize) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += regrouped(&path, rows);
        } else if path.extension().is_some_and(|e| e == "parquet") {
            let mut frame = disk::read(&path).unwrap().unwrap();
            ParquetWriter::new(fs::File::create(&path).unwrap())
                .with_compression(ParquetCompression::Uncompressed)
                .with_row_group_size(Some(rows))
                .finish(&mut frame)
                .unwrap();
            files += 1;
        }
    }
    files
}

#[test]
fn row_groups_and_packing_of_the_store_change_nothing() {
    let folder = copied(world());
    let project = folder.path();
    calculated(project, Exports::WhenChanged);
    let wanted = bytes(project);
    for rows in [7, 64, 1_000_000] {
        assert!(regrouped(&project.join("store"), rows) > 500);
        // Nothing of former passes and outputs is taken over.
        fs::remove_dir_all(project.join(".store.cache")).unwrap();
        fs::remove_dir_all(project.join("out")).unwrap();
        calculated(project, Exports::Never);
        let found = bytes(project);
        for (name, content) in &wanted {
            assert!(found.get(name) == Some(content), "{name}, {rows} rows");
        }
        assert_eq!(found.len(), wanted.len());
    }
}

#[test]
fn an_export_in_several_files_in_any_order_gives_the_same_store() {
    let folder = copied(world());
    let project = folder.path();
    calculated(project, Exports::WhenChanged);
    let stored = |name: &str| fs::read(project.join("store").join(name)).unwrap();
    let names: Vec<String> = disk::partitions(&project.join("store"), "incidents")
        .unwrap()
        .iter()
        .flat_map(|p| ["incidents", "incident_events", "notices"].map(|t| p.name(t)))
        .collect();
    let before: Vec<Vec<u8>> = names.iter().map(|n| stored(n)).collect();
    // Without what the file says of the inputs.
    let cells = || {
        disk::read(&project.join("out/cells.parquet"))
            .unwrap()
            .unwrap()
    };
    let counted = cells();

    // Thirds of the tickets, the last third in the file that is read first.
    let whole = project.join("input/cedar_incidents.csv");
    let text = fs::read_to_string(&whole).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    let rows: Vec<&str> = rows.lines().collect();
    for (i, name) in ["z", "m", "a"].into_iter().enumerate() {
        let third: Vec<&str> = rows.iter().skip(i).step_by(3).rev().copied().collect();
        let part = format!("{header}\n{}\n", third.join("\n"));
        fs::write(project.join(format!("input/cedar_{name}_part.csv")), part).unwrap();
    }
    fs::remove_file(&whole).unwrap();
    edit(&project.join("gainshare.toml"), |t| {
        t.replace("input/cedar_incidents.csv", "input/cedar_*_part.csv")
    });
    calculated(project, Exports::WhenChanged);
    for (name, content) in names.iter().zip(&before) {
        assert!(stored(name) == *content, "{name}");
    }
    assert!(cells().equals_missing(&counted));
}

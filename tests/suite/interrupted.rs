//! Runs that meet and runs that are killed: two at once never mix what they write, the second is
//! told which lock it waits for, and after a run was killed at any point the next one gives the
//! bytes of a run that nobody disturbed.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::tiny::{Tiny, run};

fn started(command: &str, project: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_gainshare"))
        .args([command, "--quiet"])
        .arg(project)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn done(command: &str, project: &Path) {
    let child = started(command, project).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&child.stderr).into_owned();
    assert!(child.status.success(), "{command}: {said}");
}

/// All files of a folder by their path in it; nothing where there is none.
pub(crate) fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn add(folder: &Path, root: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        let Ok(entries) = fs::read_dir(folder) else {
            return;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                add(&path, root, found);
            } else {
                let name = path.strip_prefix(root).unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    add(folder, folder, &mut found);
    found
}

/// Store and output of a project.
fn written(project: &Path) -> [BTreeMap<PathBuf, Vec<u8>>; 2] {
    [tree(&project.join("store")), tree(&project.join("out"))]
}

/// Nothing that belongs to an unfinished run is left beside what was written.
fn tidy(project: &Path) {
    for left in [".store.new", ".out.new"] {
        assert!(!project.join(left).exists(), "{left} is left");
    }
}

/// A project with tickets enough for a run to be met in the middle of it.
fn world() -> Tiny {
    let tiny = Tiny::new();
    let mut text = "ticket_id,contract_id,opened_at,resolved_at,priority,service_id\n".to_owned();
    for n in 0..24_000 {
        let (month, day) = (1 + n / 2000, 1 + n % 28);
        text.push_str(&format!(
            "T{n},CT-1,2024-{month:02}-{day:02}T10:00:00Z,2024-{month:02}-{day:02}T12:00:00Z,\
             P{},service-{}\n",
            1 + n % 5,
            n % 7
        ));
    }
    tiny.write("tickets.csv", text);
    tiny
}

/// Takes a ticket away: exports that differ from those read before.
fn corrected(tiny: &Tiny) {
    let text = fs::read_to_string(tiny.path("tickets.csv")).unwrap();
    let kept: Vec<&str> = text.lines().filter(|l| !l.starts_with("T9000,")).collect();
    assert!(kept.len() < text.lines().count());
    tiny.write("tickets.csv", kept.join("\n") + "\n");
}

/// When a run is killed.
#[derive(Debug, Clone, Copy)]
enum Point {
    /// After so many hundredths of the time of a whole run.
    After(u32),
    /// As soon as a file or folder is there.
    Once(&'static str),
}

fn killed(command: &str, project: &Path, point: Point, whole: Duration) {
    let mut child = started(command, project);
    let start = Instant::now();
    let reached = |project: &Path| match point {
        Point::After(hundredths) => start.elapsed() >= whole * hundredths / 100,
        Point::Once(path) => project.join(path).exists(),
    };
    // A run that ends before its point is not killed, which is a case as well.
    while child.try_wait().unwrap().is_none() && !reached(project) {
        std::thread::sleep(Duration::from_micros(200));
    }
    // SIGKILL: nothing of the process gets to tidy up.
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Over nothing.
const FIRST: &[Point] = &[
    Point::After(3),
    Point::Once(".store.new/_ingest.json"),
    Point::Once("store/_index.json"),
    Point::Once(".out.new"),
    Point::Once(".out.new/_manifest.json"),
];

/// Over former results, two in a row each.
const AGAIN: &[[Point; 2]] = &[
    [Point::Once(".store.new"), Point::After(25)],
    [Point::Once(".store.new/incidents"), Point::After(60)],
    [Point::Once(".out.new/settlement.parquet"), Point::After(95)],
];

/// While exports are read.
const READING: &[Point] = &[
    Point::Once(".store.new"),
    Point::After(50),
    Point::Once(".store.new/incidents"),
    Point::Once(".store.new/_ingest.json"),
    Point::After(99),
];

#[test]
fn a_run_killed_at_any_point_is_made_good_by_the_next() {
    let tiny = world();
    let fresh = tiny.path("");
    let start = Instant::now();
    done("run", &fresh);
    let whole = start.elapsed();
    let wanted = written(&fresh);
    // From nothing.
    for point in FIRST {
        let tiny = world();
        let folder = tiny.path("");
        killed("run", &folder, *point, whole);
        done("run", &folder);
        assert!(written(&folder) == wanted, "{point:?}");
        tidy(&folder);
    }
    // Over former results, with exports that changed; killed twice in a row.
    corrected(&tiny);
    done("run", &fresh);
    let changed = written(&fresh);
    assert!(changed != wanted);
    for pair in AGAIN {
        let tiny = world();
        let folder = tiny.path("");
        done("run", &folder);
        corrected(&tiny);
        for point in pair {
            killed("run", &folder, *point, whole);
            let [store, out] = written(&folder);
            let is_whole = |found, at: usize| found == wanted[at] || found == changed[at];
            assert!(is_whole(store, 0), "the store after {point:?}");
            assert!(is_whole(out, 1), "the output after {point:?}");
        }
        done("run", &folder);
        assert!(written(&folder) == changed, "{pair:?}");
        tidy(&folder);
    }
}

#[test]
fn an_ingest_killed_at_any_point_is_made_good_by_the_next() {
    let tiny = world();
    let fresh = tiny.path("");
    let start = Instant::now();
    done("ingest", &fresh);
    let whole = start.elapsed();
    let former = tree(&fresh.join("store"));
    corrected(&tiny);
    done("ingest", &fresh);
    let wanted = tree(&fresh.join("store"));
    assert!(former != wanted);
    for point in READING {
        let tiny = world();
        let folder = tiny.path("");
        done("ingest", &folder);
        corrected(&tiny);
        killed("ingest", &folder, *point, whole);
        let found = tree(&folder.join("store"));
        assert!(found == former || found == wanted, "after {point:?}");
        done("ingest", &folder);
        assert!(tree(&folder.join("store")) == wanted, "{point:?}");
        tidy(&folder);
    }
}

#[test]
fn a_second_run_is_told_which_lock_it_waits_for() {
    let tiny = world();
    let folder = tiny.path("");
    let project = folder.as_path();
    let name = project.to_str().unwrap();
    done("run", project);
    let before = written(project);
    let locked = |file: &str| {
        let lock = fs::File::create(project.join(file)).unwrap();
        lock.lock().unwrap();
        lock
    };
    let told = |command: &str, file: &str, folder: &str| {
        run(&[command, name]).with(
            3,
            &[
                folder,
                "another run is using this folder",
                &format!("it holds the lock {}", project.join(file).display()),
                "wait until it has ended",
            ],
        );
    };
    let lock = locked(".store.lock");
    for command in ["ingest", "run", "recalc"] {
        told(command, ".store.lock", "store");
    }
    drop(lock);
    let lock = locked(".out.lock");
    for command in ["run", "recalc"] {
        told(command, ".out.lock", "out");
    }
    drop(lock);
    // Several may read a store at once; none may replace it meanwhile.
    let lock = fs::File::create(project.join(".store.lock")).unwrap();
    lock.lock_shared().unwrap();
    done("recalc", project);
    told("ingest", ".store.lock", "store");
    drop(lock);
    assert!(written(project) == before);
    done("run", project);
    assert!(written(project) == before);
}

#[test]
fn runs_at_once_leave_what_one_run_leaves() {
    let tiny = world();
    let fresh = tiny.path("");
    done("run", &fresh);
    let wanted = written(&fresh);
    let tiny = world();
    let folder = tiny.path("");
    for commands in [
        ["ingest", "ingest", "run", "run"],
        ["run", "ingest", "recalc", "run"],
    ] {
        let children: Vec<Child> = commands
            .iter()
            .map(|command| started(command, &folder))
            .collect();
        let mut ended = 0;
        for child in children {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            match output.status.code() {
                Some(0) => ended += 1,
                // Told that another one is at it, or that there is no store yet.
                Some(3) => assert!(
                    said.contains(".lock") || said.contains("there is no store"),
                    "{said}"
                ),
                other => panic!("{other:?}: {said}"),
            }
        }
        assert!(ended > 0, "none of {commands:?} went through");
        done("run", &folder);
        assert!(written(&folder) == wanted);
        tidy(&folder);
    }
}

//! KPIs worked by hand: the projects in `tests/kpis`, run as a user would, against the values in
//! their `expected.csv`. Every KPI of the catalogue has a line there or a test by hand beside.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gainshare::config::project::Project;
use gainshare::money::Decimal;
use gainshare::pipeline;
use gainshare::score::{KpiStatus, catalogue, period_text};

/// KPIs whose case is still owed; a name goes as soon as there is one.
const OWED: [&str; 0] = [];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kpis")
}

/// The lines of an `expected.csv`: KPI, scope, period, value, working.
fn expected(case: &Path) -> Vec<[String; 5]> {
    let mut reader = csv::ReaderBuilder::new()
        .from_path(case.join("expected.csv"))
        .unwrap();
    reader
        .records()
        .map(|line| {
            let line = line.unwrap();
            std::array::from_fn(|i| line[i].to_owned())
        })
        .collect()
}

fn copied(case: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(folder().join(case)).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    copy
}

fn check(case: &str) {
    let copy = copied(case);
    let project = Project::read(copy.path()).unwrap();
    let outcome = pipeline::rows(&project, &pipeline::repairing()).unwrap();
    let mut wrong = Vec::new();
    for [kpi, scope, period, value, working] in expected(&folder().join(case)) {
        let found = outcome.kpis.iter().find(|v| {
            v.kpi == kpi
                && v.scope.to_string() == scope
                && period_text(&v.period) == period
                && matches!(v.contract_id.as_str(), "C1" | "")
        });
        let Some(found) = found else {
            wrong.push(format!("{kpi} {scope} {period}: no such row"));
            continue;
        };
        let wanted: Option<Decimal> = (!value.is_empty()).then(|| value.parse().unwrap());
        if found.value != wanted || (found.status == KpiStatus::Ok) != wanted.is_some() {
            wrong.push(format!(
                "{kpi} {scope} {period}: {:?} ({}), by hand {value} ({working})",
                found.value.map(|v| v.to_string()),
                found.reason
            ));
        }
        if wanted.is_none() {
            assert!(!found.reason.is_empty(), "{kpi} {scope} {period}");
        }
    }
    assert!(wrong.is_empty(), "{case}:\n{}", wrong.join("\n"));
}

#[test]
fn communication_by_hand() {
    check("communication");
}

#[test]
fn service_by_hand() {
    check("service");
}

#[test]
fn working_together_by_hand() {
    check("together");
}

#[test]
fn proposals_and_cost_by_hand() {
    check("economy");
}

#[test]
fn currencies_by_hand() {
    check("currencies");
}

#[test]
fn prevention_by_hand() {
    check("prevention");
}

#[test]
fn knowledge_by_hand() {
    check("knowledge");
}

#[test]
fn nights_by_hand() {
    check("nights");
}

#[test]
fn clocks_by_hand() {
    check("clocks");
}

#[test]
fn the_clock_audit_says_on_which_tickets_the_policy_decides() {
    let copy = copied("clocks");
    let project = copy.path().to_str().unwrap();
    let said = super::tiny::run(&[
        "run",
        "--quiet",
        "--clock-audit",
        "--format",
        "csv",
        project,
    ])
    .with(0, &[]);
    let lines: BTreeSet<&str> = said.out.lines().collect();
    // T1 was opened as P3 and would have had 4 h; T2 was closed for an hour before it came back.
    let wanted = [
        "contract_id,policy,judged,stricter,milder,sample",
        "C1,priority = initial,2,0,1,T1",
        "C1,priority = current_at_end,2,0,0,",
        "C1,priority = restart_at_change,2,0,0,",
        "C1,schedule = last,2,0,0,",
        "C1,schedule = of_counted_priority,2,0,0,",
        "C1,reopened = first_resolution,2,0,0,",
        "C1,closed_time = included,2,1,0,T2",
    ];
    assert_eq!(lines, BTreeSet::from(wanted));
    // The tables are the same with the audit and without.
    let manifest = || std::fs::read(copy.path().join("out/_manifest.json")).unwrap();
    let audited = manifest();
    super::tiny::run(&["run", "--quiet", project]).with(0, &[]);
    assert_eq!(manifest(), audited);
}

#[test]
fn every_kpi_has_a_case_and_every_entry_says_everything() {
    let mut covered = BTreeSet::new();
    for case in std::fs::read_dir(folder()).unwrap() {
        let case = case.unwrap().path();
        if case.is_dir() {
            let lines = expected(&case)
                .into_iter()
                .filter(|line| !line[3].is_empty());
            covered.extend(lines.map(|[kpi, ..]| kpi));
        }
    }
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite");
    let mut texts = String::new();
    let own = Path::new(file!()).file_name().unwrap().to_owned();
    let mut folders = vec![suite];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs")
                && path.file_name() != Some(own.as_os_str())
            {
                texts.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    for kpi in catalogue::all() {
        let by_hand = covered.contains(kpi.id) || texts.contains(&format!("\"{}\"", kpi.id));
        assert_eq!(
            by_hand,
            !OWED.contains(&kpi.id),
            "{}: a case worked by hand in tests/kpis, or its name in OWED",
            kpi.id
        );
        for (what, text) in [
            ("title", kpi.title),
            ("formula", kpi.formula),
            ("parts", kpi.parts),
            ("rule", kpi.rule),
            ("source", kpi.source),
            ("example", kpi.example),
        ] {
            assert!(!text.is_empty(), "{}: {what}", kpi.id);
        }
    }
}

//! The judge on a project: `simulate` and `backtest` take its folder, draw from its baselines and
//! settle its history under other terms; a path that is none says what to give instead.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// A copy of the complete example.
fn complete() -> tempfile::TempDir {
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
    to
}

fn gainshare(arguments: &[&str], threads: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gainshare"))
        .args(arguments)
        .env("NO_COLOR", "1")
        .env("RAYON_NUM_THREADS", threads)
        .output()
        .unwrap()
}

const FIXED: &str = "schema = 1\n[contract]\ncurrency = \"EUR\"\nstart = 2025-01-01\nend = 2026-01-01\n\
per = \"quarter\"\n[[clause]]\nid = \"fee\"\nkind = \"fixed_fee\"\namount = 100_000\n";

#[test]
fn a_project_is_simulated_and_settled_under_other_terms() {
    let folder = complete();
    let project = folder.path().to_str().unwrap();
    let simulate = |threads: &str| {
        let output = gainshare(
            &[
                "simulate",
                project,
                "--contract",
                "CT-A1",
                "--paths",
                "60",
                "--format",
                "csv",
                "--fail-on",
                "never",
            ],
            threads,
        );
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        (String::from_utf8(output.stdout).unwrap(), said)
    };
    let (rows, said) = simulate("1");
    assert!(
        said.contains("a baseline as fitted, with a standard error of "),
        "{said}"
    );
    assert!(said.contains("60 years drawn with seed 1"), "{said}");
    assert!(
        rows.lines().skip(1).all(|l| l.starts_with("CT-A1,")),
        "{rows}"
    );
    for scenario in [
        "prevents",
        "idles",
        "games",
        "volume_grows",
        "fewer_users",
        "major_outage",
    ] {
        assert!(
            rows.contains(&format!("CT-A1,{scenario},incentive,")),
            "{rows}"
        );
    }
    assert_eq!(rows, simulate("4").0);

    let fixed = folder.path().join("fixed-fee.toml");
    fs::write(&fixed, FIXED).unwrap();
    let output = gainshare(
        &[
            "backtest",
            project,
            fixed.to_str().unwrap(),
            "--contract",
            "CT-A1",
            "--format",
            "csv",
            "--fail-on",
            "never",
        ],
        "2",
    );
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let rows = String::from_utf8(output.stdout).unwrap();
    // By month for all; the fee of a quarter stands in its last month.
    for month in 1..=12 {
        for scheme in ["this_contract", "ticket_count", "fixed-fee"] {
            let place = format!("CT-A1,2025-{month:02},{scheme},");
            assert_eq!(rows.matches(&place).count(), 1, "{place}: {rows}");
        }
        let fee = if month % 3 == 0 { "100000.00" } else { "0" };
        let fee = format!("CT-A1,2025-{month:02},fixed-fee,{fee},");
        assert!(rows.contains(&fee), "{fee}: {rows}");
    }

    let output = gainshare(&["backtest", project, "--contract", "CT-X"], "2");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("there is no contract `CT-X`"), "{said}");
}

#[test]
fn a_path_that_is_no_terms_file_says_what_to_give() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gain.toml"), FIXED).unwrap();
    let nope = folder.path().join("nope.toml");
    for command in ["align", "backtest", "simulate", "settle"] {
        let output = gainshare(&[command, nope.to_str().unwrap()], "2");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains("nope.toml cannot be read"), "{said}");
        assert!(said.contains("gain.toml"), "{said}");
        assert!(said.contains("the folder of a project"), "{said}");
    }
}

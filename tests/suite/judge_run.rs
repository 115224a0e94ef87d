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

/// Rows of `gainshare align` as records.
fn aligned(project: &Path) -> Vec<csv::StringRecord> {
    let output = gainshare(
        &[
            "align",
            project.to_str().unwrap(),
            "--no-repair",
            "--format",
            "csv",
            "--fail-on",
            "never",
        ],
        "2",
    );
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let mut reader = csv::Reader::from_reader(output.stdout.as_slice());
    reader.records().map(Result::unwrap).collect()
}

/// Each service and priority of a project has a driver of its own, and no more than thirteen of a
/// kind. What one more avoided incident is paid with is what becomes of the settlement when the
/// incident is struck from the export.
#[test]
fn an_incident_that_is_struck_from_the_export_pays_what_alignment_says() {
    let folder = complete();
    let rows = aligned(folder.path());
    // contract_id, clause_id, period, driver, unit, kind, …
    let of = |contract: &str, driver: &str, clause: &str| -> Vec<&csv::StringRecord> {
        let rows = rows.iter().filter(|r| &r[0] == contract && &r[1] == clause);
        rows.filter(|r| &r[3] == driver && &r[5] == "region")
            .collect()
    };
    for contract in ["CT-A1", "CT-B1", "CT-C2"] {
        let mut drivers: Vec<&str> = rows
            .iter()
            .filter(|r| &r[0] == contract)
            .map(|r| &r[3])
            .collect();
        drivers.retain(|d| d.starts_with("avoided_incident["));
        drivers.sort_unstable();
        drivers.dedup();
        assert_eq!(drivers.len(), 13, "{contract}: {drivers:?}");
    }
    // A service without a baseline: nobody is credited for its incidents.
    assert!(of("CT-B1", "avoided_incident[voice P3]", "incident_reduction").is_empty());
    let paid = of(
        "CT-A1",
        "avoided_incident[desktop P2]",
        "incident_reduction",
    );
    assert_eq!((paid.len(), &paid[0][10]), (1, "35"));

    let paid = of(
        "CT-C2",
        "avoided_incident[checkout P3]",
        "incident_reduction",
    );
    assert_eq!((paid.len(), &paid[0][10]), (1, "60"));

    let before = paid_in_all(folder.path());
    strike_one(folder.path());
    let after = paid_in_all(folder.path());
    let change = after.checked_sub(before).unwrap();
    assert_eq!(change, gainshare::money::Decimal::from_i64(60));
}

/// What CT-C2 pays over all months, true-up included; invoices are not struck.
fn paid_in_all(project: &Path) -> gainshare::money::Decimal {
    let project = project.to_str().unwrap();
    let arguments = [
        "backtest",
        project,
        "--contract",
        "CT-C2",
        "--format",
        "csv",
    ];
    let output = gainshare(&[&arguments[..], &["--fail-on", "never"]].concat(), "2");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let mut reader = csv::Reader::from_reader(output.stdout.as_slice());
    let rows = reader.records().map(Result::unwrap);
    // contract_id, period, scheme, supplier_revenue, …
    rows.filter(|r| &r[2] == "this_contract")
        .map(|r| r[3].parse().unwrap())
        .reduce(|sum: gainshare::money::Decimal, paid| sum.checked_add(paid).unwrap())
        .unwrap()
}

/// Takes one incident of checkout, P3, opened in November 2025, out of Cedar's export.
fn strike_one(project: &Path) {
    let path = project.join("input/cedar_incidents.csv.gz");
    let file = flate2::read::GzDecoder::new(fs::File::open(&path).unwrap());
    let mut reader = csv::Reader::from_reader(file);
    let headers = reader.headers().unwrap().clone();
    let at = |name: &str| headers.iter().position(|h| h == name).unwrap();
    let wanted = [
        ("contract_id", "CT-C2"),
        ("service_id", "checkout"),
        ("priority", "P3"),
        ("initial_priority", "P3"),
        ("ticket_type", "incident"),
        ("parent_id", ""),
        ("is_major", "false"),
    ]
    .map(|(name, value)| (at(name), value));
    let opened = at("opened_at");
    let file = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut writer = csv::Writer::from_writer(file);
    writer.write_record(&headers).unwrap();
    let mut struck = 0;
    for row in reader.records() {
        let row = row.unwrap();
        let is = wanted.iter().all(|(place, value)| &row[*place] == *value);
        if struck == 0 && is && row[opened].starts_with("2025-11-1") {
            struck += 1;
            continue;
        }
        writer.write_record(&row).unwrap();
    }
    assert_eq!(struck, 1);
    let bytes = writer.into_inner().unwrap().finish().unwrap();
    fs::write(&path, bytes).unwrap();
}

/// A statement period says the same whether it is looked at alone or among all of them.
#[test]
fn a_period_is_aligned_alike_alone_and_among_all() {
    let folder = complete();
    let terms = folder.path().join("terms/gain.toml");
    let text = fs::read_to_string(&terms).unwrap();
    let level = "\n[[clause]]\nid = \"level\"\nkind = \"service_credit\"\n\
                 levels = [{ id = \"l\", measure = \"sla_attainment\", target = \"95%\", \
                 bands = [{ to = \"95%\", amount = 1_000 }, { amount = 0 }] }]\n";
    fs::write(&terms, text + level).unwrap();
    let project = folder.path().to_str().unwrap();
    let rows = |periods: &[&str]| -> Vec<String> {
        let arguments = [&["align", project, "--format", "csv"], periods].concat();
        let output = gainshare(&arguments, "2");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() < Some(2), "{said}");
        let text = String::from_utf8(output.stdout).unwrap();
        let of_third = text.lines().filter(|l| l.contains(",2025-Q3,"));
        of_third.map(str::to_owned).collect()
    };
    let alone = rows(&["--period", "2025-Q3"]);
    assert!(alone.iter().any(|row| row.contains(",level,")), "{alone:?}");
    assert_eq!(rows(&["--all-periods"]), alone);
}

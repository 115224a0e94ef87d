//! `gainshare inspect` as a person sees it: whole transcripts, compared exactly. To take over an
//! intended change: `INSPECT_WRITE=1 cargo test --test suite inspect`, and read the difference.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

/// Runs `inspect` from the root of the repository, so that paths read the same everywhere.
fn transcript(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_gainshare"))
        .arg("inspect")
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    format!(
        "$ gainshare inspect {}\n{}{}exit {}\n",
        arguments.join(" "),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
        output.status.code().unwrap()
    )
}

fn compare(name: &str, arguments: &[&str]) {
    let found = transcript(arguments);
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/inspect")
        .join(name);
    if std::env::var_os("INSPECT_WRITE").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    for (i, (found, wanted)) in found.lines().zip(wanted.lines()).enumerate() {
        assert_eq!(found, wanted, "{name}, line {}", i + 1);
    }
    assert_eq!(found.len(), wanted.len(), "{name}:\n{found}");
}

#[test]
fn the_real_cloud_invoice() {
    let file = "data/servicenow_focus/focus_sample_1.0.csv.gz";
    compare("focus.txt", &[file]);
}

#[test]
fn the_real_incident_log() {
    let file = "data/servicenow_focus/incident_event_log.csv.gz";
    compare("log.txt", &[file, "--zone", "Etc/UTC"]);
    compare("log_without_zone.txt", &[file]);
}

#[test]
fn the_start_of_a_mapping_reads_as_a_mapping() {
    let file = "data/servicenow_focus/incident_event_log.csv.gz";
    let arguments = [file, "--zone", "Etc/UTC", "--mapping"];
    compare("log_mapping.txt", &arguments);
    let text = transcript(&arguments);
    let mut lines: Vec<&str> = text.lines().collect();
    lines.remove(0);
    lines.pop();
    let mapping: gainshare::config::mapping::Mapping = toml::from_str(&lines.join("\n")).unwrap();
    mapping.check(&Default::default()).unwrap();
    assert_eq!(mapping.zone.as_deref(), Some("Etc/UTC"));
}

#[test]
fn a_file_that_fits_nothing() {
    let file = "tests/fixtures/inspect/weather.csv";
    compare("weather.txt", &[file]);
    compare("weather_mapping.txt", &[file, "--mapping"]);
}

#[test]
fn a_file_that_fits_almost() {
    compare("almost.txt", &["tests/fixtures/inspect/almost.csv"]);
}

#[test]
fn a_zone_or_file_that_does_not_exist() {
    let file = "tests/fixtures/inspect/weather.csv";
    compare("zone.txt", &[file, "--zone", "Europe/Amsterdm"]);
    let missing = transcript(&["tests/fixtures/inspect/none.csv"]);
    assert!(missing.ends_with("exit 3\n"), "{missing}");
    assert!(missing.contains("cannot be read"), "{missing}");
}

#[test]
fn exports_of_other_kinds() {
    let folder = "tests/fixtures/exports";
    let zone = ["--zone", "Europe/Amsterdam"];
    for (name, file, more) in [
        ("workbook.txt", "servicenow_incident.xlsx", &zone[..]),
        ("json.txt", "servicenow_incident.json", &zone[..]),
        ("cycles.txt", "jira.json", &zone[..]),
        ("rest.txt", "bmc_rest.json", &[]),
        ("invoice.txt", "ubl_invoice.xml", &zone[..]),
        ("xes.txt", "helpdesk.xes", &[]),
        ("utf16.txt", "sap_utf16.txt", &["--zone", "Europe/Berlin"]),
        (
            "windows.txt",
            "topdesk_nl.csv",
            &["--encoding", "windows-1252", "--zone", "Europe/Amsterdam"],
        ),
        (
            "sheet.txt",
            "exposure_1904.xlsx",
            &["--sheet", "Exposure", "--header-line", "3"],
        ),
    ] {
        let path = format!("{folder}/{file}");
        let mut arguments = vec![path.as_str()];
        arguments.extend(more);
        compare(name, &arguments);
    }
}

#[test]
fn an_encoding_that_nobody_knows() {
    let said = transcript(&[
        "tests/fixtures/exports/topdesk_nl.csv",
        "--encoding",
        "latin",
    ]);
    assert!(said.ends_with("exit 2\n"), "{said}");
    assert!(said.contains("windows-1252"), "{said}");
    let said = transcript(&[
        "tests/fixtures/exports/sap_utf16.txt",
        "--encoding",
        "utf-8",
    ]);
    // The byte-order mark goes before what is said.
    assert!(said.ends_with("exit 0\n"), "{said}");
}

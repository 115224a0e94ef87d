//! The same export in every form in which tools write it: compressed, in other encodings, as
//! another kind of file. Each form gives the same rows; what the rows are is in `exports`.
#![allow(clippy::unwrap_used)]

use std::io::Write as _;
use std::path::Path;

use super::exports::{check, clocks_of, project, read, rows};

fn fixture(file: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exports");
    std::fs::read(folder.join(file)).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 3).unwrap()
}

/// Accepted rows of a table, where the fixture lies in the project under another name and in other
/// bytes.
fn as_file(mapping: &str, file: &str, (name, bytes): (&str, &[u8]), more: &str) -> Vec<String> {
    let folder = project(mapping, file, more);
    std::fs::remove_file(folder.path().join(file)).unwrap();
    std::fs::write(folder.path().join(name), bytes).unwrap();
    let text = std::fs::read_to_string(folder.path().join("gainshare.toml")).unwrap();
    let text = text.replace(&format!("\"{file}\""), &format!("\"{name}\""));
    std::fs::write(folder.path().join("gainshare.toml"), text).unwrap();
    let ingested = read(&folder);
    assert_eq!(ingested.rejects, [], "{name}");
    let table = ingested.tables.keys().next().unwrap();
    rows(&ingested, table)
}

const OURS: &str = "zone = \"Europe/Amsterdam\"\nset = { contract_id = \"CT-1\" }";

#[test]
fn every_kind_of_file_plain_gzipped_and_as_zstd() {
    for (mapping, file) in [
        ("xes-cases", "helpdesk.xes"),
        ("ubl", "ubl_invoice.xml"),
        ("ubl", "ubl_credit_note.xml"),
        ("jira-issues-json", "jira.json"),
        ("servicenow-incident", "servicenow_incident.json"),
        ("servicenow-incident", "servicenow_incident.xlsx"),
        ("servicenow-incident", "servicenow_incident.csv"),
    ] {
        let whole = fixture(file);
        let plain = as_file(mapping, file, (file, &whole), OURS);
        assert!(!plain.is_empty(), "{file}");
        let packed = [("gz", gzip(&whole)), ("zst", zst(&whole))];
        for (ending, bytes) in &packed {
            let name = format!("{file}.{ending}");
            assert_eq!(
                as_file(mapping, file, (&name, bytes), OURS),
                plain,
                "{name}"
            );
        }
        // What a file is packed in shows in its first bytes, not only in its name.
        assert_eq!(as_file(mapping, file, (file, &packed[0].1), OURS), plain);
    }
}

#[test]
fn event_logs_as_xes_plain_and_gzipped() {
    let events = |name: &str, bytes: &[u8]| clocks_of("xes-events", (name, bytes), &["Case 1"]);
    let whole = fixture("helpdesk.xes");
    let plain = events("helpdesk.xes", &whole);
    assert_eq!(plain.len(), 4, "{plain:?}");
    assert!(plain[3].ends_with("field=state from=Assign \"seriousness\" to=Closed"));
    assert_eq!(events("helpdesk.xes.gz", &gzip(&whole)), plain);
    // In two members, as some tools append.
    let (first, second) = whole.split_at(whole.len() / 2);
    let members = [gzip(first), gzip(second)].concat();
    assert_eq!(events("helpdesk.xes.gz", &members), plain);
    // Cut off, it is refused as a whole.
    let folder = project("xes-events", "helpdesk.xes", "");
    let cut = gzip(&whole);
    std::fs::write(folder.path().join("helpdesk.xes"), &cut[..cut.len() / 2]).unwrap();
    let opened = gainshare::config::project::Project::read(folder.path()).unwrap();
    let error = gainshare::ingest::ingest(&opened, &|_, _| {}).unwrap_err();
    assert!(error.to_string().contains("damaged gzip stream"), "{error}");
}

#[test]
fn nested_files_in_utf_16_and_with_a_mark() {
    for (mapping, file) in [
        ("xes-cases", "helpdesk.xes"),
        ("ubl", "ubl_invoice.xml"),
        ("jira-issues-json", "jira.json"),
    ] {
        let whole = fixture(file);
        let plain = as_file(mapping, file, (file, &whole), OURS);
        let text = String::from_utf8(whole).unwrap();
        let marked = format!("\u{feff}{text}");
        let wide = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            marked.encode_utf16().flat_map(bytes).collect()
        };
        for bytes in [
            marked.clone().into_bytes(),
            wide(u16::to_le_bytes),
            wide(u16::to_be_bytes),
            text.replace('\n', "\r\n").into_bytes(),
        ] {
            assert_eq!(
                as_file(mapping, file, (file, &bytes), OURS),
                plain,
                "{file}"
            );
        }
    }
}

#[test]
fn servicenow_list_as_csv_with_breaks_in_texts_and_the_latest_update() {
    let ingested = check(
        "servicenow-incident",
        "servicenow_incident.csv",
        OURS,
        "incidents",
        &[
            "ticket_id=INC0010001 supplier_id=S ticket_type=incident opened_at=2025-01-03T09:00:00Z \
             resolved_at=2025-01-03T10:30:15Z closed_at=2025-01-10T11:00:00Z priority=2 \
             service_id=Remote access ci_id=vpn-gw-1 category=Network subcategory=VPN \
             assignment_group=Workplace assignee=Ada Example caller=Bob Sample channel=Phone \
             reassignments=1 reopens=0 state=Closed close_code=Solved (Permanently)",
            "ticket_id=INC0010002 supplier_id=S ticket_type=incident opened_at=2025-03-30T10:00:00Z \
             priority=4 category=Inquiry / Help assignment_group=Service Desk caller=Carol Sample \
             channel=Self-service reassignments=1 reopens=0 state=In Progress",
        ],
    );
    let account = &ingested.accounts[0];
    assert_eq!((account.rows_in, account.duplicate), (3, 1));
    // What the tool judged by an engine of old is evidence, and free text is not kept.
    let found = ingested
        .findings
        .iter()
        .find(|f| f.code == "unmapped_columns");
    let unmapped = &found.unwrap().evidence;
    for column in [
        "made_sla",
        "sla_due",
        "business_duration",
        "short_description",
    ] {
        assert!(unmapped.contains(column), "{unmapped}");
    }
}

#[test]
fn servicenow_audit_log_of_real_incidents() {
    let zone = "zone = \"Etc/UTC\"\nset = { contract_id = \"CT-1\" }";
    let ingested = read(&project("servicenow-audit", "servicenow_audit.csv", zone));
    let account = &ingested.accounts[0];
    assert_eq!(
        (account.rows_in, account.accepted, account.duplicate),
        (8, 2, 6)
    );
    let tickets = rows(&ingested, "incidents");
    assert!(tickets[0].starts_with(
        "ticket_id=INC0000060 supplier_id=S ticket_type=incident opened_at=2016-02-29T06:38:00Z \
         resolved_at=2016-03-02T12:06:00Z closed_at=2016-03-07T13:00:00Z priority=3"
    ));
    let events = rows(&ingested, "incident_events");
    let of = |ticket: &str, field: &str| -> Vec<&str> {
        let of_ticket = format!("ticket_id={ticket} ");
        let marked = format!("field={field} ");
        let found = events.iter().filter(|e| e.starts_with(&of_ticket));
        found
            .filter_map(|e| e.split_once(&marked).map(|(_, change)| change))
            .collect()
    };
    assert_eq!(
        of("INC0000060", "state"),
        [
            "to=New",
            "from=New to=Active",
            "from=Active to=Resolved",
            "from=Resolved to=Closed"
        ]
    );
    assert_eq!(of("INC0000062", "priority"), ["to=P3", "from=P3 to=P2"]);
    assert_eq!(
        of("INC0000062", "group"),
        ["to=Group 70", "from=Group 70 to=Group 23"]
    );
}

#[test]
fn a_table_of_ones_own_as_text_and_json() {
    let csv = "change_id,contract_id,planned_start,planned_end,emergency\n\
               C1,CT-1,2025-01-03T21:00:00Z,2025-01-04T01:00:00Z,false\n\
               C2,CT-1,2025-02-03T21:00:00Z,,true\n";
    let one = |id: &str, day: &str, end: &str, emergency: bool| {
        format!(
            "{{\"change_id\":\"{id}\",\"contract_id\":\"CT-1\",\"planned_start\":\"{day}\",\
             \"planned_end\":{end},\"emergency\":{emergency}}}"
        )
    };
    let first = one(
        "C1",
        "2025-01-03T21:00:00Z",
        "\"2025-01-04T01:00:00Z\"",
        false,
    );
    let second = one("C2", "2025-02-03T21:00:00Z", "null", true);
    let forms = [
        ("changes.csv", csv.to_owned()),
        ("changes.txt", csv.replace(',', "\t")),
        ("changes.psv", csv.replace(',', "|")),
        ("changes.json", format!("[{first},\n{second}]")),
        ("changes.json", format!("{{\"rows\":[{first},{second}]}}")),
        ("changes.ndjson", format!("{first}\n{second}\n")),
    ];
    let mut found: Vec<Vec<String>> = Vec::new();
    for (name, text) in &forms {
        let folder = project("servicenow-change", "servicenow_change.csv", "");
        std::fs::write(folder.path().join(name), text).unwrap();
        let path = folder.path().join("gainshare.toml");
        let project = std::fs::read_to_string(&path).unwrap();
        let project = project
            .replace("mapping = \"servicenow-change\"", "table = \"changes\"")
            .replace("servicenow_change.csv", name);
        std::fs::write(&path, project).unwrap();
        found.push(rows(&read(&folder), "changes"));
    }
    assert_eq!(
        found[0],
        [
            "change_id=C1 planned_start=2025-01-03T21:00:00Z planned_end=2025-01-04T01:00:00Z \
             emergency=false",
            "change_id=C2 planned_start=2025-02-03T21:00:00Z emergency=true",
        ]
    );
    assert!(found.iter().all(|f| *f == found[0]), "{found:#?}");
}

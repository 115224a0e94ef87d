//! Every shipped mapping on a small export of its tool: what each row becomes. The workbooks were
//! written by openpyxl (`tests/fixtures/exports/make.py`), the rest by hand after the tools' own
//! documentation; the expected values were worked out by hand.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use gainshare::config::project::Project;
use gainshare::config::shipped::BUILTIN;
use gainshare::ingest::{self, Ingested};
use gainshare::store::schema::Kind;
use gainshare::time::Instant;

/// A project with one source over a file of the fixtures, with names kept as given.
pub(crate) fn project(mapping: &str, file: &str, more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/exports")
        .join(file);
    std::fs::copy(from, folder.path().join(file)).unwrap();
    let text = format!(
        "schema = 1\nname = \"one\"\nas_of = \"2025-06-01T00:00:00Z\"\n\
         [people]\nnames = \"as_given\"\n\
         [[source]]\nname = \"s\"\nmapping = \"{mapping}\"\nfiles = [\"{file}\"]\n{more}\n\
         [[contract]]\nid = \"CT-1\"\nsupplier = \"S\"\ncustomer = \"C\"\nterms = \"t.toml\"\n"
    );
    std::fs::write(folder.path().join("gainshare.toml"), text).unwrap();
    folder
}

pub(crate) fn read(folder: &tempfile::TempDir) -> Ingested {
    let project = Project::read(folder.path()).unwrap();
    let ingested = ingest::ingest(&project, &|_, _| {}).unwrap();
    for account in &ingested.accounts {
        assert!(account.closes(), "{account:?}");
    }
    ingested
}

/// Accepted rows as `column=value`, instants as RFC 3339, money without trailing zeros.
pub(crate) fn rows(ingested: &Ingested, table: &str) -> Vec<String> {
    let Some(columns) = ingested.tables.get(table) else {
        return Vec::new();
    };
    let mut rows: Vec<String> = (0..columns.len())
        .map(|row| {
            let parts: Vec<String> = columns
                .table
                .columns
                .iter()
                .filter_map(|c| {
                    let text = columns.shown(c.name, row);
                    if text.is_empty() || c.name == "source" || c.name == "contract_id" {
                        return None;
                    }
                    let shown = match c.kind {
                        Kind::Instant => Instant::from_micros(text.parse().unwrap()).to_string(),
                        Kind::Decimal => ingest::account::shown(text.parse().unwrap()),
                        _ => text,
                    };
                    Some(format!("{}={shown}", c.name))
                })
                .collect();
            parts.join(" ")
        })
        .collect();
    rows.sort();
    rows
}

pub(crate) fn check(
    mapping: &str,
    file: &str,
    more: &str,
    table: &str,
    expected: &[&str],
) -> Ingested {
    let ingested = read(&project(mapping, file, more));
    assert_eq!(rows(&ingested, table), expected, "{mapping} on {file}");
    ingested
}

const OURS: &str = "set = { contract_id = \"CT-1\" }";
const AMSTERDAM: &str = "zone = \"Europe/Amsterdam\"\nset = { contract_id = \"CT-1\" }";
const UTC: &str = "zone = \"Etc/UTC\"\nset = { contract_id = \"CT-1\" }";

fn codes(ingested: &Ingested) -> Vec<&str> {
    let mut codes: Vec<&str> = ingested.findings.iter().map(|f| f.code.as_str()).collect();
    codes.retain(|c| *c != "column_absent" && *c != "unmapped_columns");
    codes
}

#[test]
fn shipped_mappings_say_nothing_wrong() {
    for builtin in BUILTIN {
        let mapping: gainshare::config::mapping::Mapping =
            toml::from_str(builtin.text).unwrap_or_else(|e| panic!("{}: {e}", builtin.name));
        assert_eq!(mapping.name, builtin.name);
        assert!(!mapping.description.is_empty(), "{}", builtin.name);
        let checked = mapping.check(&Default::default());
        assert!(checked.is_ok(), "{}: {checked:?}", builtin.name);
    }
}

#[test]
fn servicenow_workbook_with_captions_and_typed_dates() {
    let ingested = check(
        "servicenow-incident",
        "servicenow_incident.xlsx",
        AMSTERDAM,
        "incidents",
        &[
            "ticket_id=INC0010001 supplier_id=S ticket_type=incident opened_at=2025-01-03T09:00:00Z \
             resolved_at=2025-01-03T10:30:15Z priority=2 category=Network \
             assignment_group=Workplace assignee=Ada Example caller=Bob Sample reassignments=1 \
             state=Closed",
            "ticket_id=INC0010002 supplier_id=S ticket_type=incident opened_at=2025-03-30T10:00:00Z \
             priority=4 category=Inquiry & help <b> assignment_group=Workplace \
             caller=Carol Sample reassignments=0 state=New",
        ],
    );
    assert_eq!(ingested.tables["incidents"].line, [2, 3]);
}

#[test]
fn servicenow_json_with_references_and_display_values() {
    check(
        "servicenow-incident",
        "servicenow_incident.json",
        UTC,
        "incidents",
        &[
            "ticket_id=INC0010001 supplier_id=S ticket_type=incident opened_at=2025-01-03T10:00:00Z \
             resolved_at=2025-01-03T11:30:15Z priority=2 assignment_group=Workplace \
             assignee=Ada Example",
            "ticket_id=INC0010002 supplier_id=S ticket_type=incident opened_at=2025-03-30T01:30:00Z \
             priority=4 assignment_group=287ebd7da9fe198100f92cc8d1d2154f",
        ],
    );
}

#[test]
fn servicenow_clocks_without_the_cancelled_ones() {
    let ingested = read(&project(
        "servicenow-task-sla",
        "servicenow_task_sla.csv",
        UTC_ONLY,
    ));
    let account = &ingested.accounts[0];
    // No ticket is there, so none belongs to one; the cancelled one was left out before.
    assert_eq!((account.rows_in, account.out_of_scope), (3, 3));
    assert_eq!(
        clocks(
            "servicenow-task-sla",
            "servicenow_task_sla.csv",
            UTC_ONLY,
            &["INC1", "INC2"]
        ),
        [
            "ticket_id=INC1 sla_name=P2 resolution started_at=2025-01-03T10:00:00Z \
             stopped_at=2025-01-03T11:30:00Z due_at=2025-01-03T14:00:00Z business_elapsed_s=5400 \
             paused_s=600 breached=false",
            "ticket_id=INC2 sla_name=P2 resolution started_at=2025-01-04T10:00:00Z \
             due_at=2025-01-04T14:00:00Z business_elapsed_s=90030 paused_s=0 breached=true",
        ]
    );
}

const UTC_ONLY: &str = "zone = \"Etc/UTC\"";

/// Clocks beside the tickets that they belong to.
fn clocks(mapping: &str, file: &str, more: &str, tickets: &[&str]) -> Vec<String> {
    beside_tickets(&project(mapping, file, more), tickets)
}

/// The same of a file of that name and with those bytes.
pub(crate) fn clocks_of(
    mapping: &str,
    (file, bytes): (&str, &[u8]),
    tickets: &[&str],
) -> Vec<String> {
    let folder = project(mapping, "helpdesk.xes", "");
    std::fs::write(folder.path().join(file), bytes).unwrap();
    let path = folder.path().join("gainshare.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        text.replace("\"helpdesk.xes\"", &format!("\"{file}\"")),
    )
    .unwrap();
    beside_tickets(&folder, tickets)
}

fn beside_tickets(folder: &tempfile::TempDir, tickets: &[&str]) -> Vec<String> {
    let text = std::fs::read_to_string(folder.path().join("gainshare.toml")).unwrap();
    let text = text.replace(
        "[[contract]]",
        "[[source]]\nname = \"s\"\ntable = \"incidents\"\nfiles = [\"tickets.csv\"]\n[[contract]]",
    );
    std::fs::write(folder.path().join("gainshare.toml"), text).unwrap();
    let mut csv = "ticket_id,opened_at,priority,contract_id\n".to_owned();
    for ticket in tickets {
        csv.push_str(&format!("{ticket},2012-01-01T00:00:00Z,P1,CT-1\n"));
    }
    std::fs::write(folder.path().join("tickets.csv"), csv).unwrap();
    let ingested = read(folder);
    let table = ["sla_clocks", "incident_events"]
        .into_iter()
        .find(|t| ingested.tables.contains_key(t))
        .unwrap();
    rows(&ingested, table)
}

#[test]
fn servicenow_changes_and_problems() {
    check(
        "servicenow-change",
        "servicenow_change.csv",
        AMSTERDAM,
        "changes",
        &[
            "change_id=CHG1 service_id=mail planned_start=2025-01-03T21:00:00Z \
             planned_end=2025-01-04T01:00:00Z actual_start=2025-01-03T21:05:00Z \
             actual_end=2025-01-04T00:00:00Z emergency=false outcome=successful",
            "change_id=CHG2 planned_start=2025-01-05T11:00:00Z planned_end=2025-01-05T12:00:00Z \
             emergency=true outcome=failed",
        ],
    );
    check(
        "servicenow-problem",
        "servicenow_problem.csv",
        UTC,
        "problems",
        &[
            "problem_id=PRB1 opened_at=2025-01-03T10:00:00Z fixed_at=2025-02-03T10:00:00Z \
             ci_id=srv-1 category=Network",
        ],
    );
}

#[test]
fn jira_csv_with_headers_twice_line_breaks_and_the_latest_update() {
    let ingested = check(
        "jira-service-management",
        "jira.csv",
        UTC,
        "incidents",
        &[
            "ticket_id=ITSM-1 supplier_id=S ticket_type=incident opened_at=2025-01-03T09:05:00Z \
             resolved_at=2025-01-03T13:15:00Z priority=2 category=Report an issue \
             assignee=Ada Example caller=Bob Sample state=Resolved close_code=Done",
            "ticket_id=ITSM-2 supplier_id=S ticket_type=request opened_at=2025-02-04T00:00:00Z \
             priority=4 category=Get access caller=Carol Sample state=Waiting for support",
        ],
    );
    let account = &ingested.accounts[0];
    assert_eq!(
        (account.rows_in, account.accepted, account.duplicate),
        (3, 2, 1)
    );
    assert_eq!(codes(&ingested), Vec::<&str>::new());
    // A record over two lines counts as both.
    assert_eq!(ingested.tables["incidents"].line, [2, 4]);
}

#[test]
fn jira_json_and_its_sla_cycles() {
    check(
        "jira-issues-json",
        "jira.json",
        OURS,
        "incidents",
        &[
            "ticket_id=ITSM-1 supplier_id=S ticket_type=incident opened_at=2025-01-03T09:00:00Z \
             resolved_at=2025-01-03T13:15:00Z priority=2 assignee=Ada Example caller=Bob Sample \
             state=Resolved close_code=Done",
        ],
    );
    assert_eq!(
        clocks("jira-sla-json", "jira.json", "", &["ITSM-1"]),
        [
            "ticket_id=ITSM-1 sla_name=Time to first response started_at=2025-01-03T09:00:00Z \
             due_at=2025-01-03T10:00:00Z business_elapsed_s=60 breached=false",
            "ticket_id=ITSM-1 sla_name=Time to resolution started_at=2025-01-03T09:00:00Z \
             stopped_at=2025-01-03T10:30:00Z due_at=2025-01-03T13:00:00Z business_elapsed_s=5400 \
             breached=false",
            "ticket_id=ITSM-1 sla_name=Time to resolution started_at=2025-01-03T11:00:00Z \
             stopped_at=2025-01-03T13:15:00Z due_at=2025-01-03T13:00:00Z business_elapsed_s=8100 \
             breached=true",
        ]
    );
}

#[test]
fn topdesk_in_dutch_english_and_from_the_database() {
    let declared = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/mappings");
    let text = std::fs::read_to_string(declared.join("topdesk-completed.toml")).unwrap();
    let folder = project("own.toml", "topdesk_nl.csv", AMSTERDAM);
    let own = text.replace("schema = 1\n", "schema = 1\nencoding = \"windows-1252\"\n");
    std::fs::write(folder.path().join("own.toml"), own).unwrap();
    let dutch = "ticket_id=M2501 001 supplier_id=S ticket_type=incident \
                 opened_at=2025-01-03T09:00:00Z resolved_at=2025-01-03T10:30:00Z \
                 closed_at=2025-01-10T08:00:00Z priority=2 category=Netwerk € \
                 assignment_group=Werkplek assignee=José Voorbeeld caller=Zoë Proef channel=phone \
                 state=Gesloten";
    let second = "ticket_id=M2501 002 supplier_id=S ticket_type=request \
                  opened_at=2025-03-30T10:00:00Z priority=4 category=Software \
                  assignment_group=Werkplek caller=Zoë Proef channel=email state=In behandeling";
    assert_eq!(rows(&read(&folder), "incidents"), [dutch, second]);
    // Without the declaration nothing is guessed: rows with such bytes are rejected.
    let guessed = read(&project("topdesk-completed", "topdesk_nl.csv", AMSTERDAM));
    let rejected: Vec<(u64, &str)> = guessed
        .rejects
        .iter()
        .map(|r| (r.line, r.code.as_str()))
        .collect();
    assert_eq!(rejected, [(2, "not_utf8"), (3, "not_utf8")]);

    let english = "ticket_id=I2501 001 supplier_id=S ticket_type=incident \
                   opened_at=2025-01-03T09:00:00Z resolved_at=2025-01-03T10:30:00Z \
                   closed_at=2025-01-10T08:00:00Z priority=1 assignment_group=Workplace \
                   assignee=Ada Example caller=Bob Sample channel=phone state=Closed";
    check(
        "topdesk-completed",
        "topdesk_en.csv",
        AMSTERDAM,
        "incidents",
        &[english],
    );
    let closed = english.replace(
        "resolved_at=2025-01-03T10:30:00Z",
        "resolved_at=2025-01-10T08:00:00Z",
    );
    check(
        "topdesk-closed",
        "topdesk_en.csv",
        AMSTERDAM,
        "incidents",
        &[&closed],
    );
    let database = check(
        "topdesk-completed",
        "topdesk_db.txt",
        AMSTERDAM,
        "incidents",
        &[
            "ticket_id=I2501 001 supplier_id=S ticket_type=incident opened_at=2025-01-03T09:00:00Z \
             resolved_at=2025-01-03T10:30:00Z priority=1 assignment_group=Workplace \
             assignee=Ada Example caller=Bob Sample on_hold_s=5400 is_major=true",
        ],
    );
    assert_eq!(codes(&database), ["delimiter_detected"]);
}

#[test]
fn zendesk_json_and_csv_with_bare_carriage_returns() {
    check(
        "zendesk",
        "zendesk.json",
        OURS,
        "incidents",
        &[
            "ticket_id=35436 supplier_id=S ticket_type=incident opened_at=2025-01-03T10:00:00Z \
             resolved_at=2025-01-03T11:30:00Z priority=1 assignee=235323 caller=20978392 \
             channel=portal reopens=1 on_hold_s=900 problem_id=9873764 state=solved"
                .replace("priority=1 ", "priority=1 assignment_group=98738 ")
                .as_str(),
        ],
    );
    let ingested = check(
        "zendesk",
        "zendesk_cr.csv",
        UTC,
        "incidents",
        &[
            "ticket_id=35436 supplier_id=S ticket_type=request opened_at=2025-01-03T10:00:00Z \
             resolved_at=2025-01-03T11:30:00Z priority=2 assignment_group=Support \
             assignee=Ada Example caller=Bob Sample channel=email reopens=0 state=Closed",
        ],
    );
    let reject = &ingested.rejects[0];
    assert_eq!(
        (reject.line, reject.code.as_str()),
        (3, "required_value_absent")
    );
    // `2,5` is no number without a declared decimal comma; the row is kept without it.
    assert_eq!(
        codes(&ingested),
        [
            "delimiter_detected",
            "number_format",
            "required_value_absent"
        ]
    );
}

#[test]
fn freshservice_and_bmc() {
    check(
        "freshservice",
        "freshservice.csv",
        UTC,
        "incidents",
        &[
            "ticket_id=INC-1 supplier_id=S ticket_type=incident opened_at=2025-01-03T10:00:00Z \
             resolved_at=2025-01-03T11:30:00Z closed_at=2025-01-06T09:00:00Z priority=1 \
             category=Hardware subcategory=Printer assignment_group=Workplace \
             assignee=Ada Example caller=Bob Sample channel=phone state=Closed",
            "ticket_id=SR-2 supplier_id=S ticket_type=request opened_at=2025-01-04T10:00:00Z \
             priority=4 caller=Carol Sample channel=portal state=Open",
        ],
    );
    let ingested = check(
        "bmc-helix",
        "bmc.csv",
        OURS,
        "incidents",
        &[
            "ticket_id=INC000000000101 supplier_id=S ticket_type=incident \
             opened_at=2025-01-03T10:00:00Z resolved_at=2025-01-03T11:30:00Z priority=2 \
             assignment_group=Service Desk assignee=Ada Example state=4",
            "ticket_id=INC000000000102 supplier_id=S ticket_type=request \
             opened_at=2025-01-03T10:00:00Z priority=4 assignment_group=Service Desk state=1",
        ],
    );
    assert_eq!(ingested.accounts[0].duplicate, 1);
    check(
        "bmc-helix-rest",
        "bmc_rest.json",
        OURS,
        "incidents",
        &[
            "ticket_id=INC000000000201 supplier_id=S ticket_type=incident \
             opened_at=2025-01-03T10:00:00Z resolved_at=2025-01-03T11:30:00Z priority=2 \
             assignment_group=Service Desk assignee=Ada Example reassignments=2 state=Resolved",
            "ticket_id=INC000000000202 supplier_id=S ticket_type=request \
             opened_at=2025-01-04T10:00:00Z priority=4 assignment_group=Service Desk \
             reassignments=0 state=Assigned",
        ],
    );
    // The latest by the moment, not by the text: the 22nd is later than the 3rd.
    check(
        "bmc-helix",
        "bmc_form.csv",
        UTC,
        "incidents",
        &[
            "ticket_id=INC000000000301 supplier_id=S ticket_type=incident \
             opened_at=2025-10-22T11:53:33Z resolved_at=2025-10-22T12:53:33Z priority=1 \
             assignment_group=Service Desk assignee=Ada Example caller=Bob Sample state=Resolved",
            "ticket_id=INC000000000302 supplier_id=S ticket_type=request \
             opened_at=2026-02-08T18:33:00Z priority=4 assignment_group=Service Desk \
             caller=Carol Sample state=Assigned",
        ],
    );
}

#[test]
fn help_desk_logs() {
    check(
        "helpdesk-log-cases",
        "helpdesk.csv",
        "zone = \"Europe/Rome\"\nset = { contract_id = \"CT-1\" }",
        "incidents",
        &[
            "ticket_id=Case 1 supplier_id=S ticket_type=incident opened_at=2012-10-09T12:50:17Z \
             priority=1 service_id=Value 3 category=Value 1 assignment_group=Value 1 caller=Value 7",
            "ticket_id=Case 2 supplier_id=S ticket_type=incident opened_at=2012-10-10T07:00:00Z \
             priority=2 service_id=Value 3 category=Value 2 assignment_group=Value 1 caller=Value 8",
        ],
    );
    let rome = "zone = \"Europe/Rome\"";
    assert_eq!(
        clocks("helpdesk-log-events", "helpdesk.csv", rome, &["Case 1"]),
        [
            "ticket_id=Case 1 at=2012-10-09T12:50:17Z field=assignee to=Value 1",
            "ticket_id=Case 1 at=2012-10-09T12:50:17Z field=state to=Assign seriousness",
            "ticket_id=Case 1 at=2012-10-09T12:51:01Z field=assignee from=Value 1 to=Value 2",
            "ticket_id=Case 1 at=2012-10-09T12:51:01Z field=state from=Assign seriousness \
             to=Take in charge ticket",
            "ticket_id=Case 1 at=2012-11-09T11:54:39Z field=assignee from=Value 2 to=Value 3",
            "ticket_id=Case 1 at=2012-11-09T11:54:39Z field=state from=Take in charge ticket \
             to=Closed",
        ]
    );
    check(
        "xes-cases",
        "helpdesk.xes",
        OURS,
        "incidents",
        &[
            "ticket_id=Case 1 supplier_id=S ticket_type=incident opened_at=2012-10-09T12:50:17Z \
             priority=3",
        ],
    );
    assert_eq!(
        clocks("xes-events", "helpdesk.xes", "", &["Case 1"]),
        [
            "ticket_id=Case 1 at=2012-10-09T12:50:17Z field=assignee to=Value 1",
            "ticket_id=Case 1 at=2012-10-09T12:50:17Z field=state to=Assign \"seriousness\"",
            "ticket_id=Case 1 at=2012-11-09T11:54:39Z field=assignee from=Value 1 to=Value 3",
            "ticket_id=Case 1 at=2012-11-09T11:54:39Z field=state from=Assign \"seriousness\" \
             to=Closed",
        ]
    );
}

#[test]
fn focus_with_an_invoice_number_and_its_laws() {
    let ingested = read(&project("focus", "focus_1.2.csv", OURS));
    let found = rows(&ingested, "billing");
    assert_eq!(found.len(), 2);
    assert!(found[0].starts_with("invoice_id=F-1 "), "{}", found[0]);
    assert!(
        found[0].contains("amount=12.000000000000001 "),
        "{}",
        found[0]
    );
    // Not invoiced yet: the account stands for the invoice.
    assert!(found[1].starts_with("invoice_id=acc "), "{}", found[1]);
    let mut broken: Vec<(u64, Option<u64>, &str)> = ingested
        .findings
        .iter()
        .filter(|f| f.code == "law_broken")
        .map(|f| (f.count, f.line, f.evidence.as_str()))
        .collect();
    broken.sort_unstable();
    assert_eq!(
        broken,
        [
            (1, Some(3), "0.5 x 24 is not 1"),
            (
                1,
                Some(3),
                "2025-01-02T00:00:00Z is not before 2025-01-02T00:00:00Z"
            ),
        ]
    );
    let ingested = check(
        "focus-invoice-detail",
        "focus_invoice_detail.csv",
        OURS,
        "billing",
        &[
            "invoice_id=F-1 line_id=D-1 supplier_id=Cloud Ltd issuer=Cloud Ltd \
             period_start=2025-01-01T00:00:00Z period_end=2025-02-01T00:00:00Z amount=12 currency=EUR charge_category=usage \
             corrects_invoice_id=F-1 description=Compute",
        ],
    );
    assert_eq!(codes(&ingested), Vec::<&str>::new());
}

#[test]
fn clouds_in_their_own_formats() {
    let lines = |mapping: &str, file: &str| -> Vec<String> {
        let ingested = read(&project(mapping, file, OURS));
        assert_eq!(ingested.rejects, []);
        let found = rows(&ingested, "billing");
        // Without the hash that stands for the line's number.
        let without = |r: &String| {
            let parts = r.split(' ').filter(|p| !p.starts_with("line_id="));
            parts.collect::<Vec<_>>().join(" ")
        };
        let mut found: Vec<String> = found.iter().map(without).collect();
        found.sort();
        found
    };
    assert_eq!(
        lines("aws-cur", "aws_cur.csv"),
        [
            "invoice_id=123456789012 supplier_id=S period_start=2025-01-01T00:00:00Z \
             period_end=2025-01-01T01:00:00Z amount=0.096 currency=USD quantity=1 unit=Hrs \
             unit_price=0.096 charge_category=usage service_id=AmazonEC2 \
             description=$0.096 per Hour"
        ]
    );
    assert_eq!(
        lines("azure-cost", "azure.csv"),
        [
            "invoice_id=G00012345 supplier_id=S period_start=2025-01-31T00:00:00Z \
             period_end=2025-02-01T00:00:00Z amount=2.5 currency=EUR quantity=25 unit=1 Hour \
             unit_price=0.1 charge_category=usage service_id=Virtual Machines description=D2",
            "invoice_id=G00012345 supplier_id=S period_start=2025-02-01T00:00:00Z \
             period_end=2025-02-02T00:00:00Z amount=-1 currency=EUR charge_category=credit \
             service_id=Virtual Machines description=D2",
        ]
    );
}

#[test]
fn peppol_invoice_and_credit_note() {
    let invoice = read(&project(
        "ubl",
        "ubl_invoice.xml",
        "zone = \"Europe/Amsterdam\"",
    ));
    let found = rows(&invoice, "billing");
    assert_eq!(found.len(), 4);
    // The line's own period; its last day, 30 March, had 23 hours; 15 per 10 pieces.
    assert!(found.iter().any(|r| r
        == "invoice_id=INV-7 line_id=1 supplier_id=12345678 period_start=2025-01-15T23:00:00Z \
            period_end=2025-03-30T22:00:00Z amount=150 currency=EUR quantity=100 unit=C62 \
            unit_price=1.5 document_type=invoice service_id=desk description=Handled incidents"));
    // The period of the document; the allowance is in the line's amount already.
    assert!(found.iter().any(|r| r
        == "invoice_id=INV-7 line_id=2 supplier_id=12345678 period_start=2024-12-31T23:00:00Z \
            period_end=2025-01-31T23:00:00Z amount=2.25 currency=EUR quantity=1 unit=HUR \
            unit_price=3 document_type=invoice description=Extra"));
    let has = |part: &str| found.iter().filter(|r| r.contains(part)).count();
    assert_eq!(has("amount=-10 currency=EUR"), 1);
    assert_eq!(has("amount=2.5 currency=EUR"), 1);
    assert_eq!(codes(&invoice), Vec::<&str>::new());
    // All four lie at the line of the file where they begin.
    assert_eq!(
        invoice.accounts[0].money["EUR"].accepted,
        144_750_000_000_000_000
    );

    let credit = read(&project(
        "ubl",
        "ubl_credit_note.xml",
        "zone = \"Europe/Amsterdam\"",
    ));
    let found = rows(&credit, "billing");
    assert_eq!(found.len(), 2);
    assert_eq!(
        credit.accounts[0].money["EUR"].accepted,
        -14_000_000_000_000_000
    );
    assert!(
        found
            .iter()
            .all(|r| r.contains("document_type=credit_note"))
    );
    assert!(
        found
            .iter()
            .all(|r| r.contains("corrects_invoice_id=INV-7"))
    );
    assert_eq!(codes(&credit), Vec::<&str>::new());

    let folder = project("ubl", "ubl_invoice.xml", "zone = \"Europe/Amsterdam\"");
    let path = folder.path().join("ubl_invoice.xml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("144.75", "144.76")).unwrap();
    let broken = read(&folder);
    let law = broken
        .findings
        .iter()
        .find(|f| f.code == "law_broken")
        .unwrap();
    assert_eq!(law.evidence, "INV-7: 144.75 is not 144.76");
}

#[test]
fn sap_list_in_utf_16_and_a_spend_file() {
    let ingested = check(
        "sap-list",
        "sap_utf16.txt",
        "zone = \"Europe/Berlin\"\nset = { contract_id = \"CT-1\" }",
        "billing",
        &[
            "invoice_id=5100000001 line_id=001 supplier_id=0000100200 \
             period_start=2025-01-30T23:00:00Z period_end=2025-01-31T23:00:00Z amount=1234.56 \
             currency=EUR service_id=4711 description=Desk – Januar",
            "invoice_id=5100000002 line_id=001 supplier_id=0000100200 \
             period_start=2025-02-27T23:00:00Z period_end=2025-02-28T23:00:00Z amount=-34.5 \
             currency=EUR service_id=4711 description=Gutschrift",
            "invoice_id=5100000003 line_id=001 supplier_id=0000100200 \
             period_start=2025-02-27T23:00:00Z period_end=2025-02-28T23:00:00Z amount=-10 \
             currency=EUR service_id=4711 description=Storno",
        ],
    );
    assert_eq!(ingested.rejects[0].code, "unknown_sign");
    assert_eq!(ingested.rejects[0].line, 5);
    let folder = project("own.toml", "supplier_spend.csv", AMSTERDAM);
    let text = BUILTIN
        .iter()
        .find(|b| b.name == "supplier-spend")
        .unwrap()
        .text;
    let own = text.replace("schema = 1\n", "schema = 1\nminus = \"parentheses\"\n");
    std::fs::write(folder.path().join("own.toml"), own).unwrap();
    let ingested = read(&folder);
    assert_eq!(ingested.rejects, []);
    assert_eq!(
        ingested.accounts[0].money["EUR"].accepted,
        80_100_000_000_000_000
    );
    // Lines as an editor counts them, with `sep=;` and a break in a text above.
    assert_eq!(ingested.tables["billing"].line, [3, 5]);
}

#[test]
fn a_workbook_of_1904_with_sheets_a_title_and_all_types() {
    let mapping = |more: &str| {
        let folder = project("own.toml", "exposure_1904.xlsx", "");
        let text = format!(
            "schema = 1\nname = \"own\"\ntable = \"exposure\"\n{more}\nkeep = [\"rate\", \"hold\", \"vip\", \"month\"]\n\
             [columns]\ncontract_id = {{ value = \"CT-1\" }}\nmonth = {{ from = \"month\" }}\n\
             users = {{ from = \"users\" }}\nservice_id = {{ from = \"service\" }}\n"
        );
        std::fs::write(folder.path().join("own.toml"), text).unwrap();
        folder
    };
    let declared = read(&mapping("sheet = \"Exposure\"\nheader_line = 3"));
    assert_eq!(
        rows(&declared, "exposure"),
        [
            "month=2025-02 users=12345678901",
            "service_id=mail month=2025-01 users=1200"
        ]
    );
    let kept = &declared.tables["exposure"].kept;
    let texts = |name: &str| -> Vec<&str> {
        let (_, values) = kept.iter().find(|(n, _)| n == name).unwrap();
        values.iter().map(|v| v.unwrap_or("")).collect()
    };
    assert_eq!(texts("rate"), ["0.1", "1234.5678"]);
    assert_eq!(texts("hold"), ["30:05:00", ""]);
    assert_eq!(texts("vip"), ["true", "false"]);
    assert_eq!(
        texts("month"),
        ["2025-01-01T00:00:00", "2025-02-28T23:59:59"]
    );
    for (more, wanted) in [
        ("", "it has several sheets: Notes, Exposure"),
        ("sheet = \"Expo\"", "it has no sheet `Expo`"),
        ("sheet = \"Exposure\"", "is not in the header"),
    ] {
        let folder = mapping(more);
        let project = Project::read(folder.path()).unwrap();
        let error = ingest::ingest(&project, &|_, _| {})
            .unwrap_err()
            .to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

//! Generic mappings: dialects, units, zones and their changes of the clock, audit logs.
#![allow(clippy::unwrap_used)]

mod columnar;

use std::collections::BTreeMap;

use gainshare::ingest::Ingested;
use gainshare::store::{disk, frame::Reading, prepare};

use super::tiny::{TICKETS, Tiny};

/// Accepted rows of a table, each as the columns that have a value.
fn rows(ingested: &Ingested, table: &str) -> Vec<BTreeMap<&'static str, String>> {
    let columns = &ingested.tables[table];
    let mut rows: Vec<BTreeMap<&'static str, String>> = (0..columns.len())
        .map(|row| {
            columns
                .table
                .columns
                .iter()
                .map(|c| (c.name, columns.shown(c.name, row)))
                .filter(|(_, v)| !v.is_empty())
                .collect()
        })
        .collect();
    rows.sort();
    rows
}

/// One column of the tickets, by number of the ticket.
fn column(ingested: &Ingested, name: &str) -> Vec<String> {
    let mut found: Vec<String> = rows(ingested, "incidents")
        .iter()
        .map(|r| format!("{} {}", r["ticket_id"], r.get(name).map_or("-", |v| v)))
        .collect();
    found.sort();
    found
}

fn rejected(ingested: &Ingested) -> Vec<String> {
    ingested
        .rejects
        .iter()
        .map(|r| format!("{} {}", r.line, r.code))
        .collect()
}

fn micros(text: &str) -> String {
    let at: gainshare::time::Instant = text.parse().unwrap();
    at.micros().to_string()
}

/// A project whose tickets come through a mapping.
fn mapped(mapping: &str, tickets: impl AsRef<[u8]>) -> Tiny {
    let tiny = Tiny::new();
    tiny.tickets_from("mapping = \"own.toml\"\nfiles = [\"tickets.csv\"]");
    tiny.write(
        "own.toml",
        format!("schema = 1\nname = \"own\"\ntable = \"incidents\"\n{mapping}"),
    );
    tiny.write("tickets.csv", tickets);
    tiny
}

#[test]
fn semicolons_decimal_commas_percentages_and_minutes() {
    let tiny = mapped(
        r#"
delimiter = ";"
decimal = ","
thousands = "."
null = ["", "n/a"]
zone = "Europe/Amsterdam"
[columns]
ticket_id = { from = "Nr" }
contract_id = { from = "Contract", value = "CT-1" }
opened_at = { from = "Reported", formats = ["%d-%m-%Y %H:%M", "%d %b %Y %H:%M"] }
priority = { from = "Level", values = { "Hoog" = "P1", "Laag" = "P4" } }
affected_share = { from = "Users", percent = true }
on_hold_s = { from = "Hold", unit = "minutes" }
is_major = { from = "Major", values = { "J" = "true", "N" = "false" } }
"#,
        "Nr;Contract;Reported;Level;Users;Hold;Major\n\
         007;;03-01-2025 10:00;Hoog;12,5%;1.090;J\n\
         008; CT-1 ;3 Jan 2025 10:00;Laag;100;1,5;N\n\
         009;n/a;03-07-2025 10:00;P3;0,0001;n/a;maybe\n\
         010;\"CT-1\";31-02-2025 10:00;P3;;;\n\
         011;;03-01-2025 10:00;Midden;;;\n",
    );
    let ingested = tiny.ingest();
    let of = |name: &str| column(&ingested, name);
    let winter = micros("2025-01-03T09:00:00Z");
    let summer = micros("2025-07-03T08:00:00Z");
    assert_eq!(
        of("opened_at"),
        [
            format!("007 {winter}"),
            format!("008 {winter}"),
            format!("009 {summer}")
        ]
    );
    assert_eq!(of("contract_id"), ["007 CT-1", "008 CT-1", "009 CT-1"]);
    assert_eq!(of("priority"), ["007 1", "008 4", "009 3"]);
    assert_eq!(of("affected_share"), ["007 125000", "008 1000000", "009 1"]);
    assert_eq!(of("on_hold_s"), ["007 65400", "008 90", "009 -"]);
    assert_eq!(of("is_major"), ["007 true", "008 false", "009 -"]);
    assert_eq!(rejected(&ingested), ["5 date_format", "6 unknown_priority"]);
    assert!(ingested.findings.iter().any(|f| {
        f.code == "boolean_spelling" && f.line == Some(4) && f.column.as_deref() == Some("Major")
    }));
}

#[test]
fn local_times_that_the_clock_skips_or_shows_twice() {
    let tickets = "n,t\n1,2025-03-30 01:59:59\n2,2025-03-30 02:30:00\n3,2025-03-30 03:00:00\n\
                   4,2025-10-26 02:30:00\n5,2025-10-26T02:30:00+01:00\n6,2025-10-26 03:00:00\n";
    let read = |fold: &str| {
        let tiny = mapped(
            &format!(
                "zone = \"Europe/Amsterdam\"\n{fold}\n[columns]\nticket_id = {{ from = \"n\" }}\n\
                 contract_id = {{ value = \"CT-1\" }}\npriority = {{ value = \"P1\" }}\n\
                 opened_at = {{ from = \"t\" }}\n"
            ),
            tickets,
        );
        let ingested = tiny.ingest();
        (column(&ingested, "opened_at"), rejected(&ingested))
    };
    let line = |n: u8, at: &str| format!("{n} {}", micros(at));
    let before = line(1, "2025-03-30T00:59:59Z");
    let after = line(3, "2025-03-30T01:00:00Z");
    let own = line(5, "2025-10-26T01:30:00Z");
    let last = line(6, "2025-10-26T02:00:00Z");
    let skipped = "3 local_time_skipped".to_owned();
    let twice = |at: &str| {
        vec![
            before.clone(),
            after.clone(),
            line(4, at),
            own.clone(),
            last.clone(),
        ]
    };
    assert_eq!(
        read(""),
        (twice("2025-10-26T00:30:00Z"), vec![skipped.clone()])
    );
    assert_eq!(
        read("fold = \"later\""),
        (twice("2025-10-26T01:30:00Z"), vec![skipped.clone()])
    );
    let rest = vec![before.clone(), after.clone(), own.clone(), last.clone()];
    assert_eq!(
        read("fold = \"reject\""),
        (rest, vec![skipped, "5 local_time_twice".to_owned()])
    );
}

#[test]
fn local_times_without_a_zone_are_not_guessed() {
    let tiny = Tiny::new();
    tiny.write("tickets.csv", TICKETS.replace("10:00:00Z", "10:00:00"));
    let ingested = tiny.ingest();
    assert_eq!(
        rejected(&ingested),
        ["2 zone_missing", "3 zone_missing", "4 zone_missing"]
    );
    tiny.run().with(0, &["zone_missing", "declare `zone`"]);
}

#[test]
fn seconds_since_1970_fixed_values_and_set() {
    let tiny = mapped(
        "[columns]\nticket_id = { from = \"n\" }\n\
         opened_at = { from = \"t\", formats = [\"epoch_s\"] }\n\
         priority = { from = \"p\", value = \"P4\" }\ncontract_id = { value = \"CT-1\" }\n",
        "n,t,p\n1,1735898400,P1\n2,0,\n3,-1,P2\n4,1735898400.5,P2\n",
    );
    tiny.replace(
        "gainshare.toml",
        "files = [\"tickets.csv\"]",
        "files = [\"tickets.csv\"]\nset = { service_id = \"mail\" }",
    );
    let ingested = tiny.ingest();
    let of = |name: &str| column(&ingested, name);
    assert_eq!(of("opened_at"), ["1 1735898400000000", "2 0", "3 -1000000"]);
    assert_eq!(of("priority"), ["1 1", "2 4", "3 2"]);
    assert_eq!(of("service_id"), ["1 mail", "2 mail", "3 mail"]);
    assert_eq!(rejected(&ingested), ["5 date_format"]);
}

#[test]
fn rows_of_interest_and_columns_kept() {
    let tiny = mapped(
        "keep = [\"Cost Centre\"]\nonly = { kind = [\"INC\", \"REQ\"] }\n[columns]\n\
         ticket_id = { from = \"n\" }\nopened_at = { from = \"t\" }\n\
         priority = { value = \"P4\" }\ncontract_id = { value = \"CT-1\" }\n\
         ticket_type = { from = \"kind\", values = { INC = \"incident\", REQ = \"request\" } }\n",
        "n,t,kind,Cost Centre\n1,2025-01-03T10:00:00Z,INC,4711\n2,2025-01-03T10:00:00Z,PRB,4712\n\
         3,2025-01-03T10:00:00Z,REQ,\n4,not read,TASK,1\n5,not read,INC,1\n",
    );
    let ingested = tiny.ingest();
    let account = &ingested.accounts[0];
    assert!(account.closes());
    let parts = (account.accepted, account.out_of_scope, account.rejected);
    assert_eq!(parts, (2, 2, 1));
    assert_eq!(
        column(&ingested, "ticket_type"),
        ["1 incident", "3 request"]
    );
    let folder = tempfile::tempdir().unwrap();
    prepare::write_all(folder.path(), &ingested.tables).unwrap();
    let stored = disk::read(&folder.path().join("incidents/CT-1/2025-01.parquet"))
        .unwrap()
        .unwrap();
    let kept = Reading::new(&stored).text("x_Cost Centre").unwrap();
    assert_eq!(kept, [Some("4711"), None]);
}

/// An audit log in minutes: T1 waits and goes on within one minute, and its rows are shuffled.
const AUDIT: &str = "\
number,mod,opened,updated,state,priority,resolved
T1,3,2025-01-03 10:00,2025-01-03 10:30,Active,P3,2025-01-03 12:00
T1,0,2025-01-03 10:00,2025-01-03 10:00,New,P3,2025-01-03 12:00
T1,10,2025-01-03 10:00,2025-01-03 12:00,Resolved,P2,2025-01-03 12:00
T1,2,2025-01-03 10:00,2025-01-03 10:30,Waiting,P3,2025-01-03 12:00
T1,1,2025-01-03 10:00,2025-01-03 10:30,Active,P3,2025-01-03 12:00
T1,9,2025-01-03 10:00,2025-01-03 11:00,Active,P2,2025-01-03 12:00
T2,1,2025-01-04 10:00,2025-01-04 10:00,New,P4,
";

const AUDIT_MAPPING: &str = r#"
zone = "Etc/UTC"
latest = ["mod"]
[columns]
ticket_id = { from = "number" }
contract_id = { value = "CT-1" }
opened_at = { from = "opened" }
resolved_at = { from = "resolved" }
priority = { from = "priority" }
state = { from = "state" }
[history]
at = "updated"
fields = { state = "state", priority = "priority" }
"#;

fn events(ingested: &Ingested) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    prepare::write_all(folder.path(), &ingested.tables).unwrap();
    let stored = disk::read(&folder.path().join("incident_events/CT-1/2025-01.parquet"))
        .unwrap()
        .unwrap();
    let reading = Reading::new(&stored);
    let text = |name: &str| reading.text(name).unwrap();
    let (ticket, field, from, to) = (text("ticket_id"), text("field"), text("from"), text("to"));
    let at = reading.integer("at").unwrap();
    let start: i64 = micros("2025-01-03T10:00:00Z").parse().unwrap();
    (0..reading.height())
        .map(|i| {
            format!(
                "{} +{}m {} {}>{}",
                ticket[i].unwrap(),
                (at[i].unwrap() - start) / 60_000_000,
                field[i].unwrap(),
                from[i].unwrap_or(""),
                to[i].unwrap()
            )
        })
        .collect()
}

#[test]
fn the_latest_row_of_an_audit_log_stands_and_the_rest_is_its_history() {
    let tiny = mapped(AUDIT_MAPPING, AUDIT);
    let ingested = tiny.ingest();
    assert_eq!(column(&ingested, "state"), ["T1 Resolved", "T2 New"]);
    assert_eq!(column(&ingested, "priority"), ["T1 2", "T2 4"]);
    let account = &ingested.accounts[0];
    assert!(account.closes());
    let counts = (account.rows_in, account.accepted, account.duplicate);
    assert_eq!(counts, (7, 2, 5));
    let expected = [
        "T1 +0m priority >P3",
        "T1 +0m state >New",
        "T1 +30m state New>Active",
        "T1 +30m state Active>Waiting",
        "T1 +30m state Waiting>Active",
        "T1 +60m priority P3>P2",
        "T1 +120m state Active>Resolved",
        "T2 +1440m priority >P4",
        "T2 +1440m state >New",
    ];
    assert_eq!(events(&ingested), expected);
    // Later rows before earlier ones and after them, with those of another ticket between them.
    let mut lines: Vec<&str> = AUDIT.lines().collect();
    for _ in 0..2 {
        lines[1..].reverse();
        for _ in 1..lines.len() {
            lines[1..].rotate_left(1);
            let turned = mapped(AUDIT_MAPPING, lines.join("\n")).ingest();
            assert_eq!(column(&turned, "state"), ["T1 Resolved", "T2 New"]);
            assert_eq!(turned.accounts[0].duplicate, 5);
            assert_eq!(events(&turned), expected);
        }
    }
}

#[test]
fn a_pause_of_no_length_does_not_stop_the_clock() {
    let tiny = mapped(AUDIT_MAPPING, AUDIT);
    tiny.replace(
        "terms.toml",
        "[measure.impact]",
        "[measure.clock]\npauses = [\"Waiting\"]\nresolved = [\"Resolved\"]\n\n[measure.impact]",
    );
    tiny.run().with(0, &["wrote"]);
    let cells = disk::read(&tiny.path("out/cells.parquet"))
        .unwrap()
        .unwrap();
    let reading = Reading::new(&cells);
    let wall: i64 = reading
        .integer("restore_wall_s")
        .unwrap()
        .into_iter()
        .flatten()
        .sum();
    assert_eq!(wall, 2 * 3600);
}

#[test]
fn a_log_in_two_files_is_one_history() {
    let tiny = mapped(AUDIT_MAPPING, "");
    let whole = mapped(AUDIT_MAPPING, AUDIT);
    let header = AUDIT.lines().next().unwrap();
    let (late, early): (Vec<&str>, Vec<&str>) = AUDIT
        .lines()
        .skip(1)
        .partition(|l| l.starts_with("T1,9") || l.starts_with("T1,10"));
    tiny.write("tickets.csv", format!("{header}\n{}\n", early.join("\n")));
    tiny.write("a_later.csv", format!("{header}\n{}\n", late.join("\n")));
    tiny.replace(
        "gainshare.toml",
        "files = [\"tickets.csv\"]",
        "files = [\"tickets.csv\", \"a_later.csv\"]",
    );
    assert_eq!(events(&tiny.ingest()), events(&whole.ingest()));
}

#[test]
fn text_with_a_mark_quotes_and_other_line_ends() {
    let plain = Tiny::new().ingest();
    let tiny = Tiny::new();
    let dressed = TICKETS.replace('\n', "\r\n").replace("mail", "\"mail\"");
    tiny.write("tickets.csv", format!("\u{feff}{dressed}"));
    assert_eq!(rows(&tiny.ingest(), "incidents"), rows(&plain, "incidents"));
    tiny.write("tickets.csv", TICKETS.trim_end());
    assert_eq!(rows(&tiny.ingest(), "incidents"), rows(&plain, "incidents"));
}

#[test]
fn the_latest_update_stands_across_overlapping_exports_and_sources() {
    let mapping = "zone = \"Etc/UTC\"\nlatest = [\"updated\"]\nlatest_formats = [\"%d/%m/%Y %H:%M\"]\n\
                   [columns]\nticket_id = { from = \"n\" }\nopened_at = { from = \"t\" }\n\
                   priority = { from = \"p\" }\ncontract_id = { value = \"CT-1\" }\n";
    let head = "n,t,p,updated\n";
    // By its bytes 09/02 would be later than 10/01 of the year after; the same row twice; a tie.
    let first = "1,2025-01-03T10:00:00Z,P1,09/02/2024 10:00\n2,2025-01-03T10:00:00Z,P2,01/01/2025 00:00\n\
                 3,2025-01-03T10:00:00Z,P3,01/01/2025 00:00\n";
    let second = "1,2025-01-03T10:00:00Z,P4,10/01/2025 10:00\n2,2025-01-03T10:00:00Z,P2,01/01/2025 00:00\n\
                  3,2025-01-03T10:00:00Z,P5,01/01/2025 00:00\n";
    let read = |a: &str, b: &str, two_sources: bool| {
        let tiny = mapped(mapping, format!("{head}{a}"));
        tiny.write("more.csv", format!("{head}{b}"));
        let files = "files = [\"tickets.csv\"]";
        let more = if two_sources {
            "files = [\"tickets.csv\"]\n\n[[source]]\nname = \"tool\"\nmapping = \"own.toml\"\n\
             files = [\"more.csv\"]"
        } else {
            "files = [\"*.csv\"]"
        };
        if !two_sources {
            std::fs::rename(tiny.path("billing.csv"), tiny.path("billing.tsv")).unwrap();
            tiny.replace("gainshare.toml", "billing.csv", "billing.tsv");
        }
        tiny.replace("gainshare.toml", files, more);
        let ingested = tiny.ingest();
        for account in &ingested.accounts {
            assert!(account.closes());
        }
        let duplicates: u64 = ingested.accounts.iter().map(|a| a.duplicate).sum();
        assert_eq!(duplicates, 3);
        let conflicts = ingested.findings.iter();
        let conflicts = conflicts.filter(|f| f.code == "conflicting_duplicates");
        let conflicts: Vec<String> = conflicts.map(|f| f.evidence.clone()).collect();
        assert_eq!(conflicts, ["tool 3"]);
        column(&ingested, "priority")
    };
    let found = read(first, second, false);
    assert_eq!(found[..2], ["1 4".to_owned(), "2 2".to_owned()]);
    for (a, b, two) in [
        (second, first, false),
        (first, second, true),
        (second, first, true),
    ] {
        assert_eq!(read(a, b, two), found);
    }
}

#[test]
fn files_that_were_cut_off_by_the_tool_and_dates_that_read_both_ways() {
    let mapping = |formats: &str, more: &str| {
        format!(
            "zone = \"Etc/UTC\"\n{more}\n[columns]\nticket_id = {{ from = \"n\" }}\n\
             opened_at = {{ from = \"t\", formats = [\"{formats}\"] }}\n\
             priority = {{ value = \"P1\" }}\ncontract_id = {{ value = \"CT-1\" }}\n"
        )
    };
    let table = |rows: usize, last: &str| {
        let mut text = "n,t\n".to_owned();
        for i in 1..rows {
            text.push_str(&format!(
                "{i},{:02}/{:02}/2025 10:00\n",
                i % 12 + 1,
                (i + 1) % 12 + 1
            ));
        }
        text + last
    };
    let codes = |tiny: &Tiny| -> Vec<String> {
        let mut codes: Vec<String> = tiny
            .ingest()
            .findings
            .iter()
            .map(|f| f.code.clone())
            .filter(|c| c != "column_absent")
            .collect();
        codes.sort();
        codes
    };
    let day_first = "%d/%m/%Y %H:%M";
    let ambiguous = mapped(&mapping(day_first, ""), table(31, "31,01/02/2025 10:00\n"));
    assert_eq!(codes(&ambiguous), ["ambiguous_dates"]);
    // One day above 12 says it all.
    let decided = mapped(&mapping(day_first, ""), table(31, "31,13/02/2025 10:00\n"));
    assert_eq!(codes(&decided), Vec::<String>::new());
    let few = mapped(&mapping(day_first, ""), table(5, "5,01/02/2025 10:00\n"));
    assert_eq!(codes(&few), Vec::<String>::new());
    let capped = mapped(
        &mapping(day_first, "export_caps = [31]"),
        table(31, "31,13/02/2025 10:00\n"),
    );
    assert_eq!(codes(&capped), ["export_cap"]);
    let tenthousand = mapped(
        &mapping(day_first, ""),
        table(10_000, "x,13/02/2025 10:00\n"),
    );
    assert_eq!(codes(&tenthousand), ["export_cap"]);
    let more = mapped(
        &mapping(day_first, ""),
        table(10_001, "x,13/02/2025 10:00\n"),
    );
    assert_eq!(codes(&more), Vec::<String>::new());
}

#[test]
fn months_by_name_durations_and_other_spellings() {
    let tiny = mapped(
        "delimiter = \"|\"\nlocale = \"nl\"\nzone = \"Europe/Amsterdam\"\nyes = [\"Ja\"]\nno = [\"Nee\"]\n\
         [columns]\nticket_id = { from = \"n\" }\npriority = { value = \"P1\" }\n\
         contract_id = { value = \"CT-1\" }\n\
         opened_at = { from = \"t\", formats = [\"%d %b %Y %H:%M\", \"%d-%b-%y %I:%M %p\"] }\n\
         on_hold_s = { from = \"h\", unit = [\"clock\", \"since1970\", \"words\", \"hours\"] }\n\
         is_major = { from = \"m\" }\n",
        "n|t|h|m\n1|3 mrt 2025 10:00|26:05|Ja\n2|03-mei-25 12:15 AM|1970-01-02 01:00:01|nee\n\
         3|3 augustus 2025 10:00|1 Day 2 Hours 5 Minutes|true\n4|3 okt. 2025 10:00|1.5|0\n\
         5|3 ju 2025 10:00||\n6|3 march 2025 10:00||\n7|3 jul 2025 10:00|2 Hours 1 Day|\n\
         8|3 jul 2025 10:00|12:60|\n",
    );
    let ingested = tiny.ingest();
    let opened = |n: usize, at: &str| format!("{n} {}", micros(at));
    assert_eq!(
        column(&ingested, "opened_at"),
        [
            opened(1, "2025-03-03T09:00:00Z"),
            opened(2, "2025-05-02T22:15:00Z"),
            opened(3, "2025-08-03T08:00:00Z"),
            opened(4, "2025-10-03T08:00:00Z"),
            opened(7, "2025-07-03T08:00:00Z"),
            opened(8, "2025-07-03T08:00:00Z"),
        ]
    );
    assert_eq!(rejected(&ingested), ["6 date_format", "7 date_format"]);
    assert_eq!(
        column(&ingested, "on_hold_s"),
        ["1 93900", "2 90001", "3 93900", "4 5400", "7 -", "8 -"]
    );
    assert_eq!(
        column(&ingested, "is_major"),
        ["1 true", "2 false", "3 true", "4 false", "7 -", "8 -"]
    );
}

#[test]
fn the_same_text_in_every_encoding_line_end_and_compression() {
    let plain = Tiny::new();
    let text = TICKETS.replace("mail", "méil–€");
    plain.write("tickets.csv", &text);
    let expected = rows(&plain.ingest(), "incidents");
    let utf16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        "\u{feff}"
            .encode_utf16()
            .chain(text.encode_utf16())
            .flat_map(bytes)
            .collect()
    };
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, text.as_bytes()).unwrap();
    let files: Vec<Vec<u8>> = vec![
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
        format!("\u{feff}{text}").into_bytes(),
        text.replace('\n', "\r\n").into_bytes(),
        text.replace('\n', "\r").into_bytes(),
        gzip.finish().unwrap(),
        zstd::stream::encode_all(text.as_bytes(), 3).unwrap(),
        text.replace(',', "\t").into_bytes(),
        format!("sep=|\r\n{}", text.replace(',', "|")).into_bytes(),
    ];
    for (i, bytes) in files.iter().enumerate() {
        let tiny = Tiny::new();
        tiny.write("tickets.csv", bytes);
        assert_eq!(rows(&tiny.ingest(), "incidents"), expected, "{i}");
    }
}

#[test]
fn a_moment_before_year_one_is_refused_and_the_first_one_is_not() {
    let tiny = mapped(
        "zone = \"UTC\"\n[columns]\nticket_id = { from = \"n\" }\npriority = { value = \"P1\" }\n\
         contract_id = { value = \"CT-1\" }\n\
         opened_at = { from = \"t\", formats = [\"iso8601\", \"%d %b %Y %T %z\", \"epoch_s\"] }\n",
        "n,t\n1,03 Jan -2025 10:00:00 +0100\n2,-99999999999\n3,-002025-01-03T10:00:00Z\n\
         4,0001-01-01T00:00:00Z\n5,0001-01-01T00:00:00+01:00\n6,03 Jan 2025 10:00:00 +0100\n",
    );
    let ingested = tiny.ingest();
    let lines: Vec<String> = [2, 3, 4, 6].map(|l| format!("{l} date_format")).into();
    assert_eq!(rejected(&ingested), lines);
    assert_eq!(
        column(&ingested, "opened_at"),
        [
            format!("4 {}", micros("0001-01-01T00:00:00Z")),
            format!("6 {}", micros("2025-01-03T09:00:00Z")),
        ]
    );
}

#[test]
fn a_month_may_have_a_spelling_of_its_own() {
    let tiny = Tiny::new();
    tiny.write(
        "months.toml",
        "schema = 1\nname = \"months\"\ntable = \"exposure\"\n[columns]\n\
         contract_id = { value = \"CT-1\" }\nusers = { from = \"users\" }\n\
         month = { from = \"period\", formats = [\"%d/%m/%Y\"], values = { P1 = \"2025-01\", P2 = \"01/02/2025\" } }\n",
    );
    tiny.write(
        "months.csv",
        "period,users\nP1,1\nP2,2\n15/03/2025,3\nP4,4\n",
    );
    tiny.append(
        "gainshare.toml",
        "\n[[source]]\nname = \"users\"\nmapping = \"months.toml\"\nfiles = [\"months.csv\"]\n",
    );
    let ingested = tiny.ingest();
    let found = rows(&ingested, "exposure");
    let months: Vec<&str> = found.iter().map(|row| row["month"].as_str()).collect();
    assert_eq!(months, ["2025-01", "2025-02", "2025-03"]);
    assert_eq!(rejected(&ingested), ["5 date_format"]);
}

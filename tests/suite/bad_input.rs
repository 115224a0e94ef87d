//! Input that is wrong in one way: the exit code, and a message that names the file, the line or
//! column, what was expected and what to do. Bad rows never stop a run; bad files always do.
#![allow(clippy::unwrap_used)]

use std::io::Write;

use proptest::prelude::*;

use super::tiny::{TICKETS, Tiny};

/// The finding of that code as `file:line column xcount`.
fn finding(tiny: &Tiny, code: &str) -> String {
    let ingested = tiny.ingest();
    let found = ingested.findings.iter().find(|f| f.code == code);
    let Some(f) = found else {
        panic!("no finding {code} in {:#?}", ingested.findings);
    };
    format!(
        "{}:{} {} x{}",
        f.file.as_deref().unwrap_or("-"),
        f.line.map(|l| l.to_string()).unwrap_or_default(),
        f.column.as_deref().unwrap_or("-"),
        f.count
    )
}

/// Rows of the tickets' file: in, accepted, duplicate, rejected, out of scope.
fn account(tiny: &Tiny) -> [u64; 5] {
    let ingested = tiny.ingest();
    for account in &ingested.accounts {
        assert!(account.closes(), "{account:?}");
    }
    let a = ingested.accounts.iter().find(|a| a.table == "incidents");
    let a = a.unwrap();
    [
        a.rows_in,
        a.accepted,
        a.duplicate,
        a.rejected,
        a.out_of_scope,
    ]
}

#[test]
fn the_project_that_is_broken_below_is_whole() {
    Tiny::new().run().with(0, &["wrote"]);
}

#[test]
fn a_required_column_that_is_missing() {
    let tiny = Tiny::new();
    tiny.replace("tickets.csv", "opened_at", "open_at");
    tiny.run().with(
        3,
        &[
            "tickets.csv: line 1: required column `opened_at`",
            "is not in the header",
            "did you mean `open_at`?",
        ],
    );
}

#[test]
fn a_header_in_another_delimiter() {
    let tiny = Tiny::new();
    tiny.write("tickets.csv", TICKETS.replace(',', ";"));
    tiny.run().with(0, &["delimiter_detected", "tickets.csv"]);
    assert_eq!(account(&tiny), [3, 3, 0, 0, 0]);
    // A delimiter that is declared is not looked for.
    tiny.tickets_from("mapping = \"own.toml\"\nfiles = [\"tickets.csv\"]");
    tiny.write(
        "own.toml",
        "schema = 1\nname = \"own\"\ntable = \"incidents\"\ndelimiter = \",\"\n[columns]\n\
         ticket_id = { from = \"ticket_id\" }\nopened_at = { from = \"opened_at\" }\n\
         priority = { from = \"priority\" }\n",
    );
    tiny.run().with(
        3,
        &["reads as one column", "`delimiter = \",\"`", "tickets.csv"],
    );
}

#[test]
fn a_date_in_another_format_rejects_its_row_and_the_run_goes_on() {
    let tiny = Tiny::new();
    tiny.append("tickets.csv", "T4,CT-1,03/01/2025 10:00,,P2,mail,\n");
    let said = tiny.run().with(
        0,
        &[
            "date_format",
            "tickets.csv:5",
            "opened_at",
            "formats",
            "03/01/2025 10:00",
        ],
    );
    assert!(said.has("wrote"));
    assert_eq!(finding(&tiny, "date_format"), "tickets.csv:5 opened_at x1");
    assert_eq!(account(&tiny), [4, 3, 0, 1, 0]);
    let reject = &tiny.ingest().rejects[0];
    assert_eq!(reject.raw, "T4,CT-1,03/01/2025 10:00,,P2,mail,");
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    let bad = "T4,CT-1,yesterday,,P2,mail,";
    for (newline, blank) in [("\n", ""), ("\r\n", ""), ("\n", "\n"), ("\r\n", "\r\n")] {
        let tiny = Tiny::new();
        let text = format!("{TICKETS}{blank}{bad}\n").replace('\n', newline);
        let text = text.replace("\r\r\n", "\r\n");
        let line = text.lines().position(|l| l == bad).unwrap() + 1;
        tiny.write("tickets.csv", &text);
        let found = finding(&tiny, "date_format");
        assert_eq!(found, format!("tickets.csv:{line} opened_at x1"));
        assert_eq!(tiny.ingest().rejects[0].raw, bad, "{newline:?} {blank:?}");
        assert_eq!(account(&tiny), [4, 3, 0, 1, 0]);
    }
}

#[test]
fn the_same_ticket_twice() {
    let tiny = Tiny::new();
    let row = TICKETS.lines().nth(1).unwrap();
    tiny.append("tickets.csv", format!("{row}\n{row}\n"));
    tiny.run().with(0, &[]);
    assert_eq!(account(&tiny), [5, 3, 2, 0, 0]);
    let ingested = tiny.ingest();
    let conflict = |f: &gainshare::finding::Finding| f.code == "conflicting_duplicates";
    assert!(!ingested.findings.iter().any(conflict));
}

#[test]
fn a_ticket_twice_with_other_content() {
    let tiny = Tiny::new();
    tiny.append(
        "tickets.csv",
        "T1,CT-1,2025-01-03T10:00:00Z,2025-01-03T12:00:00Z,P2,mail,0\n",
    );
    tiny.run()
        .with(0, &["conflicting_duplicates", "incidents", "latest"]);
    assert_eq!(account(&tiny), [4, 3, 1, 0, 0]);
}

#[test]
fn conflicting_rows_of_two_sources_whatever_their_order() {
    let other = "ticket_id,contract_id,opened_at,resolved_at,priority,service_id,on_hold_s
T1,CT-1,2025-01-03T10:00:00Z,2025-01-03T12:00:00Z,P2,mail,0
T2,CT-1,2025-02-03T10:00:00Z,2025-02-04T11:30:00Z,P3,web,61
T2,CT-1,2025-02-03T10:00:00Z,2025-02-04T11:30:00Z,P3,web,60
";
    let both = |first: &str, second: &str| {
        let tiny = Tiny::new();
        tiny.write("more.csv", other);
        let source = |file: &str| format!("table = \"incidents\"\nfiles = [\"{file}\"]");
        tiny.tickets_from(&format!(
            "{}\n\n[[source]]\nname = \"tool\"\n{}",
            source(first),
            source(second)
        ));
        let ingested = tiny.ingest();
        let incidents = &ingested.tables["incidents"];
        let mut rows: Vec<(String, Option<i64>, Option<i64>)> = (0..incidents.len())
            .map(|r| {
                (
                    incidents.shown("ticket_id", r),
                    incidents.integer("resolved_at", r),
                    incidents.integer("on_hold_s", r),
                )
            })
            .collect();
        rows.sort();
        let found: Vec<_> = ingested
            .findings
            .into_iter()
            .filter(|f| f.code == "conflicting_duplicates")
            .map(|f| (f.count, f.evidence))
            .collect();
        (rows, found)
    };
    let (rows, found) = both("tickets.csv", "more.csv");
    assert_eq!(rows.len(), 3);
    assert_eq!(found, [(2, "tool T1; tool T2".to_owned())]);
    assert_eq!((rows, found), both("more.csv", "tickets.csv"));
}

#[test]
fn resolved_before_opened() {
    let tiny = Tiny::new();
    tiny.append(
        "tickets.csv",
        "T4,CT-1,2025-01-03T10:00:00Z,2025-01-02T10:00:00Z,P2,mail,\n",
    );
    tiny.run()
        .with(0, &["resolved_before_opened", "tickets.csv:5", "correct"]);
    assert_eq!(
        finding(&tiny, "resolved_before_opened"),
        "tickets.csv:5 resolved_at x1"
    );
    assert_eq!(account(&tiny), [4, 3, 0, 1, 0]);
}

#[test]
fn a_negative_duration_is_left_out_and_its_row_stays() {
    let tiny = Tiny::new();
    tiny.append(
        "tickets.csv",
        "T4,CT-1,2025-01-03T10:00:00Z,2025-01-03T12:00:00Z,P2,mail,-60\n",
    );
    tiny.run()
        .with(0, &["negative", "tickets.csv:5", "on_hold_s", "correct it"]);
    assert_eq!(finding(&tiny, "negative"), "tickets.csv:5 on_hold_s x1");
    assert_eq!(account(&tiny), [4, 4, 0, 0, 0]);
}

#[test]
fn an_unknown_contract() {
    let tiny = Tiny::new();
    tiny.append(
        "tickets.csv",
        "T4,CT1,2025-01-03T10:00:00Z,,P2,mail,\nT5,CT1,2025-01-03T10:00:00Z,,P2,mail,\n",
    );
    tiny.append("billing.csv", "I9,1,CT1,2025-01-01,2025-02-01,5,EUR\n");
    tiny.run().with(
        0,
        &[
            "unknown_contract",
            "contract `CT1`",
            "out of scope",
            "did you mean `CT-1`?",
            "tickets.csv",
        ],
    );
    assert_eq!(finding(&tiny, "unknown_contract"), "billing.csv:4 - x1");
    assert_eq!(account(&tiny), [5, 3, 0, 0, 2]);
}

#[test]
fn nothing_in_the_file() {
    for bytes in [&b""[..], b"\n\n", b"\xef\xbb\xbf", b"  \r\n"] {
        let tiny = Tiny::new();
        tiny.write("tickets.csv", bytes);
        tiny.run().with(
            3,
            &[
                "tickets.csv: line 1: expected a header row, found an empty file",
                "export it again",
            ],
        );
    }
}

#[test]
fn a_header_and_no_rows() {
    let tiny = Tiny::new();
    tiny.write("tickets.csv", TICKETS.lines().next().unwrap());
    tiny.run()
        .with(0, &["no_rows", "[tickets.csv]", "a header and no rows"]);
    assert_eq!(account(&tiny), [0; 5]);
}

#[test]
fn files_that_are_no_text() {
    let utf16: Vec<u8> = TICKETS.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: [(&[u8], &str, &str); 5] = [
        (
            b"\x7fELF\x02\x01\x01\x00\x00",
            "expected delimited text, found binary data (a NUL byte at byte 7)",
            "renaming a file to .csv does not convert it",
        ),
        (
            b"PK\x03\x04\x14\x00\x06\x00",
            "not a whole Excel workbook: its directory is missing",
            "export it again as .xlsx",
        ),
        (
            b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            "found binary data",
            "export the table as CSV text",
        ),
        (
            &utf16,
            "expected delimited text, found binary data (a NUL byte at byte 1)",
            "UTF-16 without a byte-order mark needs `encoding`",
        ),
        (
            b"PAR1\x15\x04PAR1",
            "not a whole Parquet file",
            "write or copy it again",
        ),
    ];
    for (bytes, what, hint) in cases {
        let tiny = Tiny::new();
        tiny.write("tickets.csv", bytes);
        tiny.run().with(3, &["tickets.csv: ", what, hint]);
    }
}

#[test]
fn files_that_were_cut_off() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(TICKETS.as_bytes()).unwrap();
    let mut whole = gzip.finish().unwrap();
    let tiny = Tiny::new();
    tiny.write("tickets.csv", &whole);
    tiny.run().with(0, &["wrote"]);
    whole.truncate(whole.len() - 20);
    tiny.write("tickets.csv", &whole);
    tiny.run().with(
        3,
        &["tickets.csv: cannot be read: damaged gzip", "copy it again"],
    );
}

#[test]
fn parquet_that_is_damaged_or_none() {
    use polars::prelude::*;
    let mut frame = DataFrame::new(
        500,
        vec![
            Column::new("ticket_id".into(), (0..500).collect::<Vec<i64>>()),
            Column::new("opened_at".into(), vec!["2025-01-03T10:00:00Z"; 500]),
            Column::new("priority".into(), vec!["P2"; 500]),
            Column::new("contract_id".into(), vec!["CT-1"; 500]),
        ],
    )
    .unwrap();
    let mut whole = Vec::new();
    ParquetWriter::new(&mut whole).finish(&mut frame).unwrap();
    let tiny = Tiny::new();
    tiny.tickets_from("table = \"incidents\"\nfiles = [\"tickets.parquet\"]");
    tiny.write("tickets.parquet", &whole);
    tiny.run().with(0, &["wrote"]);
    assert_eq!(account(&tiny), [500, 500, 0, 0, 0]);
    for cut in [whole.len() - 1, whole.len() / 2, 100, 5] {
        tiny.write("tickets.parquet", &whole[..cut]);
        tiny.run().with(
            3,
            &[
                "tickets.parquet: cannot be read",
                "copy it again",
                "not a whole Parquet file",
            ],
        );
    }
    // The footer is there and what it points at is not.
    let mut holed = whole[..8].to_vec();
    holed.extend_from_slice(&whole[whole.len() / 2..]);
    tiny.write("tickets.parquet", &holed);
    tiny.run().with(3, &["tickets.parquet: cannot be read"]);
    let mut flipped = whole.clone();
    for byte in &mut flipped[20..200] {
        *byte ^= 0xff;
    }
    tiny.write("tickets.parquet", &flipped);
    tiny.run().with(3, &["tickets.parquet: cannot be read"]);
    tiny.write("tickets.parquet", TICKETS);
    tiny.run().with(
        3,
        &[
            "tickets.parquet",
            "no Parquet file",
            "give it the ending .csv",
        ],
    );
    tiny.write("tickets.parquet", "");
    tiny.run().with(3, &["tickets.parquet", "an empty file"]);
}

#[test]
fn rows_that_are_no_rows() {
    let tiny = Tiny::new();
    let mut rows = b"T4,CT-1,2025-01-03T10:00:00Z,,P2,caf\xe9,\n".to_vec();
    rows.extend_from_slice(b"T5,CT-1,2025-01-03T10:00:00Z,,P2\n");
    rows.extend_from_slice(b"T6,CT-1,2025-01-03T10:00:00Z,,P2,mail,,extra\n");
    rows.extend_from_slice(b",CT-1,2025-01-03T10:00:00Z,,P2,mail,\n");
    rows.extend_from_slice(b"T8,CT-1,2025-01-03T10:00:00Z,,Urgent,mail,\n");
    tiny.append("tickets.csv", rows);
    tiny.run().with(
        0,
        &[
            "not_utf8",
            "tickets.csv:5",
            "save the file as UTF-8",
            "field_count",
            "tickets.csv:6",
            "more or fewer fields",
            "required_value_absent",
            "tickets.csv:8",
            "unknown_priority",
            "tickets.csv:9",
            "priority",
        ],
    );
    assert_eq!(finding(&tiny, "not_utf8"), "tickets.csv:5 - x1");
    assert_eq!(finding(&tiny, "field_count"), "tickets.csv:6 - x2");
    assert_eq!(
        finding(&tiny, "required_value_absent"),
        "tickets.csv:8 ticket_id x1"
    );
    assert_eq!(
        finding(&tiny, "unknown_priority"),
        "tickets.csv:9 priority x1"
    );
    assert_eq!(account(&tiny), [8, 3, 0, 5, 0]);
}

#[test]
fn money_of_rejected_rows_is_accounted_for() {
    let tiny = Tiny::new();
    tiny.append(
        "billing.csv",
        "I3,1,CT-1,2025-02-01,2025-01-01,7.5,EUR\nI4,1,CT-9,2025-01-01,2025-02-01,3,EUR\n\
         I1,1,CT-1,2025-01-01,2025-02-01,100.00,EUR\nI5,1,CT-1,2025-01-01,2025-02-01,1e3x,EUR\n",
    );
    let ingested = tiny.ingest();
    let account = &ingested.accounts[1];
    assert!(account.closes(), "{account:?}");
    let money = serde_json::to_value(account).unwrap()["money"]["EUR"].clone();
    let wanted = serde_json::json!({
        "amount_in": "269.51", "accepted": "159.01", "duplicate": "100",
        "rejected": "7.5", "out_of_scope": "3",
    });
    assert_eq!(money, wanted);
}

#[test]
fn amounts_too_large_for_money_are_rejected_and_sums_hold() {
    let tiny = Tiny::new();
    let mut rows = String::new();
    for i in 0..40 {
        let amount = "9".repeat(8 + i);
        rows += &format!("L{i},1,CT-1,2025-01-01,2025-04-01,{amount}.99,EUR\n");
    }
    tiny.append("billing.csv", rows);
    tiny.run()
        .with(0, &["number_range", "billing.csv", "amount"]);
    for account in tiny.ingest().accounts {
        assert!(account.closes());
    }
}

#[test]
fn dates_far_from_any_contract_do_not_stop_a_run() {
    let tiny = Tiny::new();
    tiny.append(
        "tickets.csv",
        "T4,CT-1,0025-01-03T10:00:00Z,2025-01-03T12:00:00Z,P2,mail,\n\
         T5,CT-1,2025-01-03T10:00:00Z,9999-12-31T23:59:59Z,P2,mail,\n\
         T6,CT-1,-009999-01-03T10:00:00Z,,P2,mail,\n",
    );
    tiny.append("billing.csv", "I9,1,CT-1,0025-01-01,9999-01-01,5.01,EUR\n");
    tiny.run().with(0, &["wrote"]);
    let seconds = Tiny::new();
    seconds.tickets_from("mapping = \"seconds.toml\"\nfiles = [\"tickets.csv\"]");
    seconds.write(
        "seconds.toml",
        "schema = 1\nname = \"seconds\"\ntable = \"incidents\"\n[columns]\n\
         ticket_id = { from = \"n\" }\ncontract_id = { value = \"CT-1\" }\n\
         opened_at = { from = \"s\", formats = [\"epoch_s\"] }\npriority = { value = \"P1\" }\n",
    );
    seconds.write(
        "tickets.csv",
        "n,s\n1,1735900000\n2,9000000000000\n3,-9000000000000\n4,99999999999999999999\n",
    );
    seconds.run().with(0, &["date_format", "tickets.csv:3"]);
}

#[test]
fn a_ticket_that_fits_two_contracts() {
    let tiny = Tiny::new();
    tiny.append(
        "gainshare.toml",
        "\n[[contract]]\nid = \"CT-2\"\nsupplier = \"S\"\ncustomer = \"C\"\nterms = \"terms.toml\"\n\
         \n[[source]]\nname = \"scope\"\ntable = \"contract_scope\"\nfiles = [\"scope.csv\"]\n",
    );
    tiny.write(
        "scope.csv",
        "contract_id,service_id\nCT-1,mail\nCT-1,print\nCT-2,mail\n",
    );
    tiny.append(
        "tickets.csv",
        "T4,,2025-01-03T10:00:00Z,,P2,mail,\nT5,,2025-01-03T10:00:00Z,,P2,print,\n\
         T6,,2025-01-03T10:00:00Z,,P2,other,\n",
    );
    tiny.run().with(
        0,
        &[
            "ambiguous_scope",
            "CT-1, CT-2",
            "narrow the lines of contract_scope",
            "out_of_scope",
        ],
    );
    assert_eq!(account(&tiny), [6, 4, 0, 0, 2]);
}

/// What happens to a file on its way: bytes change, lines are cut, marks are added.
#[derive(Debug, Clone)]
enum Damage {
    Flip(proptest::sample::Index, u8),
    Cut(proptest::sample::Index, u8),
    Insert(proptest::sample::Index, &'static str),
    Truncate(proptest::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    use proptest::sample::{Index, select};
    let marks = vec![
        "\"",
        "\"\"",
        "\n",
        "\r",
        "\r\n",
        ",",
        ";",
        "\u{feff}",
        "\0",
        "é",
        "9999999999999999999999",
        "-",
        "T1,CT-1,2025-01-03T10:00:00Z,,P2,mail,\n",
        " ",
        "e9",
    ];
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(i, b)| Damage::Flip(i, b)),
        (any::<Index>(), any::<u8>()).prop_map(|(i, n)| Damage::Cut(i, n)),
        (any::<Index>(), select(marks)).prop_map(|(i, m)| Damage::Insert(i, m)),
        any::<Index>().prop_map(Damage::Truncate),
    ]
}

fn damaged(text: &str, damages: &[Damage]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for damage in damages {
        let length = bytes.len().max(1);
        match damage {
            Damage::Flip(at, byte) => {
                if let Some(b) = bytes.get_mut(at.index(length)) {
                    *b = *byte;
                }
            }
            Damage::Cut(at, n) => {
                let from = at.index(length).min(bytes.len());
                let to = (from + usize::from(*n)).min(bytes.len());
                bytes.drain(from..to);
            }
            Damage::Insert(at, mark) => {
                let at = at.index(length).min(bytes.len());
                bytes.splice(at..at, mark.bytes());
            }
            Damage::Truncate(at) => {
                // Mostly keep most of the file.
                bytes.truncate(length - at.index(length) / 4);
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_text_never_panics_and_every_row_is_accounted_for(
        tickets in proptest::collection::vec(damage(), 0..8),
        billing in proptest::collection::vec(damage(), 0..8),
    ) {
        use gainshare::config::project::Project;
        let tiny = Tiny::new();
        let more = "I3,1,CT-1,2025-03-01,2025-04-01,\"1,000.50\",EUR\nI4,1,CT-9,2025-01-01,2025-02-01,-3,USD\n";
        let bills = std::fs::read_to_string(tiny.path("billing.csv")).unwrap() + more;
        tiny.write("tickets.csv", damaged(TICKETS, &tickets));
        tiny.write("billing.csv", damaged(&bills, &billing));
        let project = Project::read(&tiny.path("")).unwrap();
        match gainshare::pipeline::run(&project, gainshare::pipeline::Asked::default(), &|_| {}) {
            Ok(outcome) => {
                for account in &outcome.accounts {
                    prop_assert!(account.closes(), "{:?}", account);
                }
            }
            // A file that is none any more: the message names it.
            Err(error) => prop_assert!(error.to_string().contains(".csv"), "{error}"),
        }
    }
}

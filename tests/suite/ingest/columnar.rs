//! Parquet exports: every kind of value, packing and row group.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::*;

fn parquet_file(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    parquet_with(columns, WriterProperties::default())
}

fn parquet_with(columns: Vec<(&str, ArrayRef)>, properties: WriterProperties) -> Vec<u8> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(n, a)| Field::new(*n, a.data_type().clone(), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, a)| a).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    let mut bytes = Vec::new();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

const TYPED: &str = "\
ticket_id,contract_id,opened_at,resolved_at,closed_at,priority,is_major,affected_share,on_hold_s,service_id
7,CT-1,2025-01-03T10:00:00Z,2025-01-03T11:00:00.25Z,2025-01-04T00:00:00Z,P2,true,0.25,90,mail
8,CT-1,2025-02-03T10:00:00Z,,,P3,false,,,web
9,CT-1,1969-12-31T23:59:59.5Z,2025-02-03T10:00:00Z,,P1,,1,0,
";

#[test]
fn parquet_and_csv_of_the_same_data_are_the_same_rows() {
    let csv = Tiny::new();
    csv.write("tickets.csv", TYPED);
    let at = |text: &str| micros(text).parse::<i64>().unwrap();
    let opened = [
        "2025-01-03T10:00:00Z",
        "2025-02-03T10:00:00Z",
        "1969-12-31T23:59:59.5Z",
    ]
    .map(|t| Some(at(t)))
    .to_vec();
    let resolved = vec![
        Some(at("2025-01-03T11:00:00.25Z") / 1000),
        None,
        Some(at("2025-02-03T10:00:00Z") / 1000),
    ];
    let share = Decimal128Array::from(vec![Some(25), None, Some(100)]);
    let level: DictionaryArray<Int32Type> = vec!["P2", "P3", "P1"].into_iter().collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("ticket_id", Arc::new(Int64Array::from(vec![7, 8, 9]))),
        (
            "contract_id",
            Arc::new(LargeStringArray::from(vec!["CT-1"; 3])),
        ),
        (
            "opened_at",
            Arc::new(TimestampMicrosecondArray::from(opened).with_timezone("UTC")),
        ),
        (
            "resolved_at",
            Arc::new(TimestampMillisecondArray::from(resolved).with_timezone("Europe/Amsterdam")),
        ),
        (
            "closed_at",
            Arc::new(StringArray::from(vec![
                Some("2025-01-04T00:00:00Z"),
                None,
                None,
            ])),
        ),
        ("priority", Arc::new(level)),
        (
            "is_major",
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])),
        ),
        (
            "affected_share",
            Arc::new(share.with_precision_and_scale(18, 2).unwrap()),
        ),
        (
            "on_hold_s",
            Arc::new(Int32Array::from(vec![Some(90), None, Some(0)])),
        ),
        (
            "service_id",
            Arc::new(StringArray::from(vec![Some("mail"), Some("web"), None])),
        ),
    ];
    let parquet = Tiny::new();
    parquet.tickets_from("table = \"incidents\"\nfiles = [\"tickets.parquet\"]");
    parquet.write("tickets.parquet", parquet_file(columns));
    let (a, b) = (csv.ingest(), parquet.ingest());
    assert_eq!(b.rejects, []);
    assert_eq!(rows(&a, "incidents"), rows(&b, "incidents"));
    assert_eq!(rows(&a, "incidents").len(), 3);
}

#[test]
fn parquet_of_naive_times_dates_floats_and_money() {
    let tiny = Tiny::new();
    tiny.replace("gainshare.toml", "billing.csv", "billing.parquet");
    let day = |text: &str| {
        let date: gainshare::time::Date = text.parse().unwrap();
        date.days_since_epoch()
    };
    // 00:00 on the clock of no particular zone: the zone of the source decides.
    let naive = TimestampNanosecondArray::from(vec![1_738_368_000_000_000_000i64; 2]);
    let amounts = Decimal128Array::from(vec![Some(123_456_789_012), Some(-5)]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("invoice_id", Arc::new(StringArray::from(vec!["I1", "I2"]))),
        ("line_id", Arc::new(UInt32Array::from(vec![1, 1]))),
        ("contract_id", Arc::new(StringArray::from(vec!["CT-1"; 2]))),
        (
            "period_start",
            Arc::new(Date32Array::from(vec![day("2025-01-01"); 2])),
        ),
        ("period_end", Arc::new(naive)),
        (
            "amount",
            Arc::new(amounts.with_precision_and_scale(20, 3).unwrap()),
        ),
        ("quantity", Arc::new(Float64Array::from(vec![0.1, 3.0]))),
        ("currency", Arc::new(StringArray::from(vec!["EUR"; 2]))),
    ];
    tiny.write("billing.parquet", parquet_file(columns));
    let ingested = tiny.ingest();
    assert_eq!(ingested.rejects, []);
    let rows = rows(&ingested, "billing");
    let part = |i: usize, name: &str| {
        let row = rows.iter().find(|r| r["invoice_id"] == ["I1", "I2"][i]);
        row.unwrap()[name].clone()
    };
    assert_eq!(part(0, "period_start"), micros("2024-12-31T23:00:00Z"));
    assert_eq!(part(0, "period_end"), micros("2025-01-31T23:00:00Z"));
    assert_eq!(part(0, "amount"), "123456789012000000000000");
    assert_eq!(part(1, "amount"), "-5000000000000");
    assert_eq!(part(0, "quantity"), "100000000000000");
}

/// Tickets 1 to `n` in the types that programs write, packed and in row groups as asked for.
fn many_tickets(n: u16, properties: WriterProperties) -> Vec<u8> {
    let all = || 1..=n;
    let noon = |i: u16| i64::from(i) * 60_000_000 + 1_735_732_800_000_000;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("ticket_id", Arc::new(UInt16Array::from_iter_values(all()))),
        (
            "contract_id",
            Arc::new(BinaryArray::from_iter_values(all().map(|_| "CT-1"))),
        ),
        (
            "opened_at",
            Arc::new(
                TimestampMicrosecondArray::from_iter_values(all().map(noon)).with_timezone("UTC"),
            ),
        ),
        (
            "priority",
            Arc::new(Int8Array::from_iter_values(
                all().map(|i| (i % 5) as i8 + 1),
            )),
        ),
    ];
    parquet_with(columns, properties)
}

#[test]
fn parquet_in_any_packing_and_row_groups_of_any_size_gives_the_same_rows() {
    let properties = |packing, rows| {
        WriterProperties::builder()
            .set_compression(packing)
            .set_max_row_group_row_count(Some(rows))
            .build()
    };
    let csv = Tiny::new();
    let mut tickets = "ticket_id,contract_id,opened_at,priority\n".to_owned();
    // More rows than one batch has, and a part of one.
    for i in 1..=9_000_u32 {
        let at = i64::from(i) * 60 + 1_735_732_800;
        let at = jiff::Timestamp::from_second(at).unwrap();
        tickets += &format!("{i},CT-1,{at},{}\n", i % 5 + 1);
    }
    csv.write("tickets.csv", tickets);
    let expected = rows(&csv.ingest(), "incidents");
    assert_eq!(expected.len(), 9_000);
    for (packing, rows_of_group) in [
        (Compression::UNCOMPRESSED, 1_000_000),
        (Compression::SNAPPY, 1_000),
        (Compression::GZIP(Default::default()), 4_096),
        (Compression::BROTLI(Default::default()), 8_999),
        (Compression::LZ4, 100_000),
        (Compression::LZ4_RAW, 100_000),
        (Compression::ZSTD(Default::default()), 777),
    ] {
        let tiny = Tiny::new();
        tiny.tickets_from("table = \"incidents\"\nfiles = [\"tickets.parquet\"]");
        let file = many_tickets(9_000, properties(packing, rows_of_group));
        tiny.write("tickets.parquet", &file);
        let ingested = tiny.ingest();
        assert_eq!(ingested.rejects, [], "{packing:?}");
        assert_eq!(rows(&ingested, "incidents"), expected, "{packing:?}");
        // The same, compressed as a whole.
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, &file).unwrap();
        tiny.write("tickets.parquet", packed.finish().unwrap());
        assert_eq!(rows(&tiny.ingest(), "incidents"), expected, "{packing:?}");
    }
}

#[test]
fn parquet_of_times_lists_and_what_no_text_stands_for() {
    let tiny = Tiny::new();
    tiny.tickets_from(
        "table = \"incidents\"\nfiles = [\"tickets.parquet\"]\nmapping = \"own.toml\"",
    );
    let mapping = |category: &str| {
        let mapping = format!(
            "schema = 1\nname = \"own\"\ntable = \"incidents\"\n\
             [columns.ticket_id]\nfrom = \"id\"\n[columns.contract_id]\nvalue = \"CT-1\"\n\
             [columns.opened_at]\nfrom = \"opened\"\n[columns.priority]\nvalue = \"P2\"\n\
             [columns.category]\nfrom = \"{category}\"\n"
        );
        tiny.write("own.toml", mapping);
    };
    let names = StringArray::from(vec!["disk", "", "mail"]);
    let mut lists = arrow::array::ListBuilder::new(arrow::array::StringBuilder::new());
    for words in [vec!["disk", "full"], vec![], vec!["mail"]] {
        words
            .iter()
            .for_each(|word| lists.values().append_value(word));
        lists.append(true);
    }
    let inner = Arc::new(Field::new("name", DataType::Utf8, true));
    let nested = StructArray::from(vec![(inner, Arc::new(names) as ArrayRef)]);
    let opened =
        TimestampMillisecondArray::from(vec![1_735_732_800_500_i64; 3]).with_timezone("UTC");
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3]))),
        ("opened", Arc::new(opened)),
        ("words", Arc::new(lists.finish())),
        ("nested", Arc::new(nested)),
        (
            "hour",
            Arc::new(Time64MicrosecondArray::from(vec![
                Some(36_061_250_000),
                None,
                Some(0),
            ])),
        ),
        ("far", Arc::new(Date32Array::from(vec![i32::MAX; 3]))),
    ];
    tiny.write("tickets.parquet", parquet_file(columns));
    for (category, expected) in [
        ("words", ["1 disk; full", "2 -", "3 mail"]),
        ("hour", ["1 10:01:01.25", "2 -", "3 00:00:00"]),
        (
            "far",
            [
                "1 2147483647 (outside of the calendar)",
                "2 2147483647 (outside of the calendar)",
                "3 2147483647 (outside of the calendar)",
            ],
        ),
    ] {
        mapping(category);
        let ingested = tiny.ingest();
        assert_eq!(ingested.rejects, []);
        assert_eq!(column(&ingested, "category"), expected);
        let at = micros("2025-01-01T12:00:00.5Z");
        assert!(
            rows(&ingested, "incidents")
                .iter()
                .all(|r| r["opened_at"] == at)
        );
    }
    mapping("nested");
    tiny.run().with(
        3,
        &[
            "tickets.parquet",
            "column `nested` holds Struct",
            "columns of their own",
        ],
    );
}

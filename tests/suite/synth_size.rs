//! Large example worlds: as many rows as asked for, the same bytes however many threads share the
//! slices, sums that stay the truth, and a few items and resources that carry most.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::Path;
use std::process::Command;

use gainshare::synth::{Compression, Options, Split, Summary, generate, scale_for, true_months};

/// A world whose large contracts are cut into slices in every month, the small ones in busy
/// months only, and all invoices of which are cut.
fn sliced() -> Options {
    let options = Options {
        invoice_lines: Some(800_000),
        compression: Compression::None,
        split: Split::Year,
        ..Options::new(11)
    };
    Options {
        scale: scale_for(&options, 280_000).unwrap(),
        ..options
    }
}

fn world(out: &Path, options: &Options) -> Summary {
    generate(out, options, &mut |_, _| {}).unwrap()
}

fn names(folder: &Path, part: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder.join(part))
        .unwrap()
        .map(|e| format!("{part}/{}", e.unwrap().file_name().to_string_lossy()))
        .collect();
    names.sort();
    names
}

fn digests(folder: &Path) -> BTreeMap<String, String> {
    let mut digests = BTreeMap::new();
    for name in ["input", "truth"].iter().flat_map(|p| names(folder, p)) {
        let mut hasher = blake3::Hasher::new();
        let file = File::open(folder.join(&name)).unwrap();
        std::io::copy(&mut BufReader::new(file), &mut hasher).unwrap();
        digests.insert(name, hasher.finalize().to_hex().to_string());
    }
    digests
}

/// Calls `row` with the wanted columns of every row of the files of a table, in order.
fn each(folder: &Path, table: &str, columns: &[&str], row: &mut dyn FnMut(&[&str])) {
    let delimiter = if table.starts_with("birch") {
        b';'
    } else {
        b','
    };
    let stem = format!("input/{table}_20");
    let of_table = names(folder, "input")
        .into_iter()
        .filter(|n| n.starts_with(&stem));
    for name in of_table {
        let file: Box<dyn Read> = Box::new(File::open(folder.join(&name)).unwrap());
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .from_reader(BufReader::new(file));
        let header = reader.headers().unwrap().clone();
        let at: Vec<usize> = columns
            .iter()
            .map(|c| header.iter().position(|h| h == *c).unwrap())
            .collect();
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record).unwrap() {
            let values: Vec<&str> = at.iter().map(|i| &record[*i]).collect();
            row(&values);
        }
    }
}

fn cents(text: &str) -> i64 {
    text.replace('.', "").parse().unwrap()
}

/// Share of the sum that the largest fifth has.
fn top_fifth(mut values: Vec<i64>) -> f64 {
    values.sort_unstable_by(|a, b| b.cmp(a));
    let top: i64 = values.iter().take(values.len() / 5).sum();
    top as f64 / values.iter().sum::<i64>() as f64
}

/// What the exports of the three suppliers say of incidents, whatever their dialect.
#[derive(Default)]
struct Incidents {
    all: u64,
    by_item: HashMap<String, i64>,
    by_service: HashMap<String, i64>,
    /// Those of the baseline by month of the year.
    by_month: [f64; 12],
    ids: HashSet<String>,
    rows: u64,
}

fn incidents(folder: &Path) -> Incidents {
    let mut found = Incidents::default();
    let tables = [
        (
            "alder_incidents",
            [
                "number",
                "sys_class_name",
                "cmdb_ci",
                "business_service",
                "opened_at",
            ],
        ),
        (
            "birch_tickets",
            ["Ticket No", "Type", "Object", "Service", "Reported"],
        ),
        (
            "cedar_incidents",
            [
                "ticket_id",
                "ticket_type",
                "ci_id",
                "service_id",
                "opened_at",
            ],
        ),
    ];
    for (table, columns) in tables {
        each(folder, table, &columns, &mut |row| {
            found.rows += 1;
            found.ids.insert(row[0].to_owned());
            if !row[1].eq_ignore_ascii_case("incident") {
                return;
            }
            found.all += 1;
            *found.by_item.entry(row[2].to_owned()).or_default() += 1;
            *found.by_service.entry(row[3].to_owned()).or_default() += 1;
            let parts: Vec<&str> = row[4].split(['-', '/', 'T', ' ']).collect();
            let year = if table == "cedar_incidents" {
                parts[0]
            } else {
                parts[2]
            };
            if let (true, Ok(month)) = (year < "2025", parts[1].parse::<usize>())
                && let Some(count) = found.by_month.get_mut(month.wrapping_sub(1))
            {
                *count += 1.0;
            }
        });
    }
    found
}

#[test]
fn a_world_of_slices_has_the_rows_the_sums_and_the_skew() {
    let folder = tempfile::tempdir().unwrap();
    let options = sliced();
    let summary = world(folder.path(), &options);

    let found = incidents(folder.path());
    let off = found.all as f64 / 280_000.0 - 1.0;
    assert!(off.abs() < 0.03, "{} incidents", found.all);
    // Numbers go on from slice to slice: only the few rows that stand there twice on purpose
    // have a number again.
    let twice = found.rows - found.ids.len() as u64;
    assert!((1..=18).contains(&twice), "{twice} numbers are there twice");
    // A fifth of the items has most incidents, a fifth of the services about a third.
    let items = top_fifth(found.by_item.values().copied().collect());
    assert!(
        (0.6..0.9).contains(&items),
        "{items} on a fifth of the items"
    );
    let services = top_fifth(found.by_service.values().copied().collect());
    assert!(
        (0.28..0.45).contains(&services),
        "{services} on a fifth of the services"
    );
    let (january, august) = (found.by_month[0], found.by_month[7]);
    assert!(august < 0.9 * january, "{:?}", found.by_month);
    // Repeats: most incidents are on an item that had one before.
    assert!(found.by_item.len() as u64 * 20 < found.all);

    // The truth counts what the slices wrote.
    let truth = true_months(&options).unwrap();
    let shown: u64 = truth.iter().map(|m| m.shown_as_incident).sum();
    let outside = found.by_service.get("facilities").copied().unwrap_or(0) as u64;
    assert!(found.all >= shown + outside && found.all <= shown + outside + 30);

    let mut lines = 0_i64;
    let mut billed: HashMap<String, i64> = HashMap::new();
    let mut usage = Vec::new();
    let mut numbers: HashMap<String, (u64, u64)> = HashMap::new();
    for (table, columns) in [
        (
            "alder_billing_focus",
            [
                "SubAccountId",
                "ChargeDescription",
                "BilledCost",
                "x_InvoiceId",
                "x_LineId",
            ],
        ),
        (
            "billing",
            [
                "contract_id",
                "description",
                "amount",
                "invoice_id",
                "line_id",
            ],
        ),
    ] {
        each(folder.path(), table, &columns, &mut |row| {
            lines += 1;
            if row[1].contains("cost centre") {
                *billed.entry(row[0].to_owned()).or_default() += cents(row[2]);
                usage.push(cents(row[2]));
            }
            let seen = numbers.entry(row[3].to_owned()).or_default();
            seen.0 = seen.0.max(row[4].parse().unwrap());
            seen.1 += 1;
        });
    }
    assert!(
        (lines as f64 / 800_000.0 - 1.0).abs() < 0.02,
        "{lines} lines"
    );
    assert_eq!(numbers.len(), 216);
    for (invoice, (last, count)) in &numbers {
        assert!(count - last <= 1, "{invoice}: {count} lines up to {last}");
    }
    let resources = top_fifth(usage);
    assert!(
        (0.55..0.9).contains(&resources),
        "{resources} on a fifth of the resources"
    );
    let mut expected: HashMap<String, i64> = HashMap::new();
    let mut savings = csv::Reader::from_path(folder.path().join("truth/savings.csv")).unwrap();
    for row in savings.deserialize::<HashMap<String, String>>() {
        let row = row.unwrap();
        *expected.entry(row["contract_id"].clone()).or_default() += cents(&row["actual_usage"]);
    }
    assert_eq!(billed, expected);

    // A file a year, listed with its rows.
    for table in ["alder_incidents", "billing", "notices", "sla_clocks"] {
        for year in 2023..=2025 {
            assert!(summary.rows(&format!("input/{table}_{year}.csv")).unwrap() > 0);
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_byte_of_a_world_of_slices() {
    let options = sliced();
    let make = |threads: usize| {
        let folder = tempfile::tempdir().unwrap();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| world(folder.path(), &options));
        digests(folder.path())
    };
    let one = make(1);
    assert!(one.len() > 50);
    assert!(one == make(2) && one == make(8));
}

#[test]
fn layouts_hold_the_same_rows() {
    let options = Options {
        scale: 0.1,
        ..Options::new(3)
    };
    let read = |compression, split, table: &str, files: usize| {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            compression,
            split,
            ..options
        };
        world(folder.path(), &options);
        let prefix = format!("input/{table}");
        let own: Vec<String> = names(folder.path(), "input")
            .into_iter()
            .filter(|n| n.starts_with(&prefix))
            .collect();
        assert_eq!(own.len(), files, "{own:?}");
        let mut rows: Vec<String> = Vec::new();
        for name in &own {
            let mut text = String::new();
            let mut file = File::open(folder.path().join(name)).unwrap();
            if compression == Compression::Gzip {
                assert!(name.ends_with(".csv.gz"));
                flate2::read::GzDecoder::new(file)
                    .read_to_string(&mut text)
                    .unwrap();
            } else {
                assert!(name.ends_with(".csv"));
                file.read_to_string(&mut text).unwrap();
            }
            let skip = usize::from(!rows.is_empty());
            rows.extend(text.lines().skip(skip).map(str::to_owned));
        }
        rows
    };
    for table in ["cedar_incidents", "alder_audit", "billing"] {
        let one = read(Compression::Gzip, Split::Never, table, 1);
        assert!(one.len() > 300, "{table}");
        assert!(
            one == read(Compression::None, Split::Year, table, 3),
            "{table}"
        );
        assert!(
            one == read(Compression::Gzip, Split::Month, table, 36),
            "{table}"
        );
    }
}

#[test]
fn sizes_that_make_no_sense_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("world");
    for (arguments, expected) in [
        (&["--incidents", "0"][..], "at least 1"),
        (&["--incidents", "-5"], "at least 1"),
        (&["--incidents", "many"], "whole number"),
        (&["--incidents", "1e6"], "1_000_000"),
        (
            &["--incidents", "1000000000000"],
            "between 1 and 2000000000",
        ),
        (&["--invoice-lines", "0"], "at least 1"),
        (&["--invoice-lines", "100"], "between 7643 and"),
        (
            &["--incidents", "1_000", "--invoice-lines", "1000000000000"],
            "more incidents",
        ),
        (&["--incidents", "5", "--scale", "2"], "cannot be used with"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_gainshare"))
            .arg("synth")
            .arg(&out)
            .args(["--seed", "1"])
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.contains(expected),
            "{arguments:?}: {said}"
        );
        assert!(!out.exists());
    }
}

#[test]
fn small_worlds_have_about_the_incidents_asked_for() {
    for (seed, wanted) in [(1, 2_000), (2, 20_000), (3, 60_000)] {
        let options = Options::new(seed);
        let scale = scale_for(&options, wanted).unwrap();
        let months = true_months(&Options { scale, ..options }).unwrap();
        let shown: u64 = months.iter().map(|m| m.shown_as_incident).sum();
        let off = shown as f64 / wanted as f64 - 1.0;
        // Chance alone is 1/sqrt(n), on top of the noise of the months.
        let allowed = 0.03 + 3.0 / (wanted as f64).sqrt();
        assert!(off.abs() < allowed, "{shown} of {wanted}");
    }
}

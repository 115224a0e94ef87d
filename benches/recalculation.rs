//! The measuring pass over a large store, against two things measured in the same run: the floor
//! (polars decoding the same columns and nothing else) and the KPIs of the first release (their
//! columns and their terms only, by the same pass). The store is that of a project, every row of
//! its partitions repeated as often as asked for: as many contracts, services and months, more
//! tickets and invoice lines in each.
//!
//! ```sh
//! cargo bench --profile dev --bench recalculation -- data/complete 16
//! ```
//!
//! (`--profile dev` shares the build of the first run.) Prints medians of three, ratios and the peak of memory. Times are for comparison on one machine.

#![allow(clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Instant;

use gainshare::config::project::Project;
use gainshare::measure::invoices::{self, BILLING, InvoiceLine};
use gainshare::measure::read::{self, CLOCKS, EVENTS, NOTICES, Pass, Plans, TICKETS};
use gainshare::measure::spec::{MeasureSpec, Notices};
use gainshare::store::cache::Cache;
use gainshare::store::disk::{self, Partition, StoreError};
use gainshare::store::index::Index;
use gainshare::store::prepare::{self, TICKET_ROW};
use gainshare::{ingest, pipeline};
use polars::prelude::{DataFrame, IdxCa, IdxSize, NamedFrom, ParquetReader, SerReader, Series};
use rayon::prelude::*;

/// The tables of the pass with their columns.
const ALL: &[(&str, &[&str])] = &[
    ("incidents", TICKETS),
    ("incident_events", EVENTS),
    ("notices", NOTICES),
    ("sla_clocks", CLOCKS),
    ("billing", BILLING),
];
/// What the KPIs of the first release need of them: counts, repeats, service levels, times to
/// restore, impact.
const FIRST: &[(&str, &[&str])] = &[
    (
        "incidents",
        &[
            "source",
            "ticket_id",
            "contract_id",
            "ticket_type",
            "opened_at",
            "resolved_at",
            "priority",
            "initial_priority",
            "service_id",
            "ci_id",
            "category",
            "item_gap_s",
            "parent_id",
            "affected_share",
            "on_hold_s",
            "state",
        ],
    ),
    ("incident_events", &["ticket_row", "at", "field", "to"]),
];

/// The partitions of a store with every row repeated; only the columns given. A ticket's events,
/// notices and clocks follow each of its copies.
fn repeated(from: &Path, to: &Path, tables: &[(&str, &[&str])], copies: usize) {
    for (table, columns) in tables {
        for partition in disk::partitions(from, table).expect("a store") {
            let frame = disk::read(&partition.path(from, table))
                .expect("a partition")
                .expect("a partition");
            let held: Vec<&str> = columns
                .iter()
                .copied()
                .filter(|c| frame.column(c).is_ok())
                .collect();
            let frame = frame.select(held).expect("its own columns");
            let mut frame = match frame.column(TICKET_ROW).ok().cloned() {
                None => frame
                    .take(&every(0..frame.height(), copies))
                    .expect("its rows"),
                Some(rows) => {
                    let rows: Vec<i64> = rows
                        .i64()
                        .expect("rows of tickets")
                        .into_no_null_iter()
                        .collect();
                    beside(frame, &rows, copies)
                }
            };
            disk::write(&partition.path(to, table), &mut frame).expect("a partition");
        }
    }
}

/// Each row as often as asked for.
fn every(rows: std::ops::Range<usize>, copies: usize) -> IdxCa {
    let repeated = rows.flat_map(|row| std::iter::repeat_n(row as IdxSize, copies));
    IdxCa::from_vec("row".into(), repeated.collect())
}

/// Rows beside tickets, once for every copy of their ticket.
fn beside(mut frame: DataFrame, rows: &[i64], copies: usize) -> DataFrame {
    let (mut taken, mut of) = (Vec::new(), Vec::new());
    let mut first = 0;
    for ticket in rows.chunk_by(|a, b| a == b) {
        for copy in 0..copies {
            for (i, row) in ticket.iter().enumerate() {
                taken.push((first + i) as IdxSize);
                of.push(row * copies as i64 + copy as i64);
            }
        }
        first += ticket.len();
    }
    frame = frame
        .take(&IdxCa::from_vec("row".into(), taken))
        .expect("its rows");
    frame
        .with_column(Series::new(TICKET_ROW.into(), of).into())
        .expect("its length");
    frame
}

/// Polars decodes the columns of every partition.
fn floor(store: &Path) {
    for (table, columns) in ALL {
        for partition in disk::partitions(store, table).expect("a store") {
            let path = partition.path(store, table);
            let wanted: Vec<String> = columns.iter().map(|c| (*c).to_owned()).collect();
            let frame = ParquetReader::new(File::open(&path).expect("a partition"))
                .with_columns(Some(wanted))
                .finish()
                .expect("it decodes");
            std::hint::black_box(frame.height());
        }
    }
}

/// The most memory that this process had, in MB, where the system tells.
fn peak_mb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM:"));
    let kb = line.and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok());
    kb.unwrap_or_default() / 1024
}

fn main() {
    let given: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/complete");
    let folder = given.first().map_or(own, PathBuf::from);
    let copies: usize = given
        .get(1)
        .map_or(1, |n| n.parse().expect("a number of copies"));
    let project = Project::read(&folder).expect("a project");
    let scratch = tempfile::tempdir_in(&folder).expect("a temporary folder");
    let store = scratch.path().join("store");
    let read = ingest::ingest(&project, &|_, _| {}).expect("the project reads");
    prepare::write_all(&store, &read.tables).expect("a store");
    let mut calendars = project.file.calendars.clone();
    if let Some(rows) = read.tables.get("calendars") {
        calendars.extend(ingest::calendars::definitions(rows).0);
    }
    drop(read);
    let (mut whole, mut first): (Plans, Plans) = (BTreeMap::new(), BTreeMap::new());
    for (contract, plan) in pipeline::check(&project).expect("good terms") {
        let id = contract.entry.id.clone();
        let spec = MeasureSpec {
            respond: Vec::new(),
            outage: None,
            notices: Notices::default(),
            ..contract.measure.clone()
        };
        first.insert(id.clone(), spec.plan(&id, &calendars).expect("good terms"));
        whole.insert(id, plan);
    }
    let (large, small) = (scratch.path().join("large"), scratch.path().join("small"));
    repeated(&store, &large, ALL, copies);
    repeated(&store, &small, FIRST, copies);

    let passing = |store, plans| {
        let cells = read::tickets(
            &Pass {
                store,
                index: &Index::default(),
                cache: &Cache::none(),
                plans,
            },
            false,
            &|_| {},
        )
        .expect("the store reads");
        cells.total.cells.values().map(|c| c.tickets).sum::<u64>()
    };
    let billing = || {
        let pass = Pass {
            store: &large,
            index: &Index::default(),
            cache: &Cache::none(),
            plans: &whole,
        };
        let parts = read::of_contracts(&pass, "billing").expect("a store");
        let one = |plan, partition: Partition| {
            let tell = |_: &InvoiceLine<'_>| Ok::<(), StoreError>(());
            let path = partition.path(&large, "billing");
            let billed = invoices::measure(&path, plan, tell).expect("the store reads");
            billed.cells.values().map(|c| c.lines).sum::<u64>()
        };
        parts
            .into_par_iter()
            .flat_map(|(plan, partitions)| partitions.into_par_iter().map(move |p| (plan, p)))
            .map(|(plan, partition)| one(plan, partition))
            .sum::<u64>()
    };
    let (tickets, lines) = (passing(&large, &whole), billing());
    assert_eq!(
        tickets,
        passing(&small, &first),
        "both passes count all tickets"
    );
    // From here on the peak is that of the passes, where the system lets it be reset.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let mut seconds: [Vec<f64>; 4] = Default::default();
    // In turns, so that a busy moment of the machine falls on all of them.
    for _ in 0..3 {
        let steps: [&dyn Fn(); 4] = [
            &|| floor(&large),
            &|| _ = std::hint::black_box(passing(&large, &whole)),
            &|| _ = std::hint::black_box(passing(&small, &first)),
            &|| _ = std::hint::black_box(billing()),
        ];
        for (step, taken) in steps.iter().zip(&mut seconds) {
            let began = Instant::now();
            step();
            taken.push(began.elapsed().as_secs_f64());
        }
    }
    let median = |of: Vec<f64>| {
        let mut sorted = of;
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    };
    let [floor, whole, first, billed] = seconds.map(median);
    println!("tickets                {tickets}");
    println!("invoice lines          {lines}");
    println!("floor of both          {floor:.2} s");
    println!("tickets                {whole:.2} s");
    println!("invoice lines          {billed:.2} s");
    println!(
        "both                   {:.2} s = {:.2} floors",
        whole + billed,
        (whole + billed) / floor
    );
    println!(
        "KPIs of first release  {first:.2} s for the tickets; the whole catalogue is {:.2} times that",
        whole / first
    );
    println!("peak memory            {} MB", peak_mb());
}

//! The measuring pass over a large store, against what is measured in the same run: the floor
//! (polars decoding the named canonical columns of the plain canonical Parquet, and nothing else),
//! the decoding of the store's own columns, and the KPIs of the first release (their columns and
//! their terms only, by the same pass). The store is that of a project, grown: every ticket and
//! invoice line of its partitions gets as many copies as asked for, each with a number of its own
//! and moments of its own, so that nothing packs better than in a store of as many real rows. As
//! many contracts, services and months, more tickets and invoice lines in each.
//!
//! ```sh
//! cargo bench --profile dev --bench recalculation -- data/complete 16     # as many invoice lines
//! cargo bench --profile dev --bench recalculation -- data/complete 16 48  # three times as many
//! cargo bench --profile dev --bench recalculation -- data/complete 3600 10800 --passes
//! ```
//!
//! (`--profile dev` shares the build of the first run.) Prints medians of three, ratios and the
//! peak of memory; with `--passes` nothing but one round of the passes, for sizes of which nothing
//! else is to be written. Times are for comparison on one machine.

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
use gainshare::store::columnar::Batches;
use gainshare::store::disk::{self, Partition, StoreError};
use gainshare::store::frame;
use gainshare::store::index::Index;
use gainshare::store::prepare::{self, TICKET_ROW};
use gainshare::{ingest, pipeline};
use polars::prelude::{
    DataFrame, DataType, IdxCa, IdxSize, NamedFrom, ParquetReader, ParquetWriter, SerReader, Series,
};
use rayon::prelude::*;

/// The tables of the pass with their columns.
const ALL: &[(&str, &[&str])] = &[
    ("incidents", TICKETS),
    ("incident_events", EVENTS),
    ("notices", NOTICES),
    ("sla_clocks", CLOCKS),
    ("billing", BILLING),
];
/// The floor: the canonical columns that the pass needs something of, whatever a store has made of
/// them. Named here once and kept, so that a better store does not change what it is compared with.
const FLOOR: &[(&str, &[&str])] = &[
    (
        "incidents",
        &[
            "source",
            "ticket_id",
            "contract_id",
            "ticket_type",
            "opened_at",
            "responded_at",
            "detected_at",
            "resolved_at",
            "priority",
            "initial_priority",
            "service_id",
            "ci_id",
            "category",
            "caller",
            "parent_id",
            "affected_share",
            "on_hold_s",
            "state",
            "assignee",
            "channel",
            "reassignments",
            "reopens",
            "problem_id",
            "caused_by_change_id",
        ],
    ),
    (
        "incident_events",
        &["source", "ticket_id", "at", "field", "from", "to"],
    ),
    (
        "notices",
        &[
            "ref_id",
            "sent_at",
            "kind",
            "about",
            "audience_level",
            "stated_impact",
            "has_status",
            "has_scope",
            "has_impact",
            "has_eta",
            "has_workaround",
        ],
    ),
    (
        "sla_clocks",
        &["ticket_id", "kind", "breached", "stopped_at"],
    ),
    (
        "billing",
        &[
            "source",
            "invoice_id",
            "line_id",
            "contract_id",
            "service_id",
            "period_start",
            "period_end",
            "amount",
            "currency",
            "charge_category",
            "settlement_ref",
            "description",
        ],
    ),
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

/// How often each row is there.
#[derive(Clone, Copy)]
struct Copies {
    tickets: usize,
    lines: usize,
}

impl Copies {
    fn of(self, table: &str) -> usize {
        match table {
            "billing" => self.lines,
            _ => self.tickets,
        }
    }
}

/// The partitions of a store, grown; only the columns given. A ticket's events, notices and clocks
/// follow each of its copies.
fn grown(from: &Path, to: &Path, tables: &[(&str, &[&str])], copies: Copies) {
    for (table, columns) in tables {
        let copies = copies.of(table);
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
            let frame = copied(frame, copies);
            frame::write(&partition.path(to, table), &frame).expect("a partition");
        }
    }
}

/// The plain canonical Parquet of a store, grown: a file per table and UTC month with the canonical
/// columns of [`FLOOR`] alone, as polars writes it where nothing is asked for.
fn plain(from: &Path, to: &Path, copies: Copies) {
    for (table, columns) in FLOOR {
        let copies = copies.of(table);
        let mut months: BTreeMap<String, Vec<Partition>> = BTreeMap::new();
        for partition in disk::partitions(from, table).expect("a store") {
            let month = months.entry(partition.month.clone()).or_default();
            month.push(partition);
        }
        fs::create_dir_all(to.join(table)).expect("a folder");
        for (month, partitions) in months {
            let mut all: Option<DataFrame> = None;
            for partition in partitions {
                let frame = disk::read(&partition.path(from, table))
                    .expect("a partition")
                    .expect("a partition");
                // Beside tickets the row of the ticket tells its copies apart.
                let wanted = columns.iter().copied().chain([TICKET_ROW]);
                let held: Vec<&str> = wanted.filter(|c| frame.column(c).is_ok()).collect();
                let frame = copied(frame.select(held).expect("its own columns"), copies);
                let frame = frame.select(columns.iter().copied()).expect("all of them");
                all = Some(match all {
                    None => frame,
                    Some(mut all) => {
                        all.vstack_mut_owned(frame).expect("the same columns");
                        all
                    }
                });
            }
            let path = to.join(table).join(format!("{month}.parquet"));
            let file = File::create(path).expect("a file");
            let mut all = all.expect("a month has partitions");
            all.rechunk_mut();
            ParquetWriter::new(file)
                .finish(&mut all)
                .expect("it is written");
        }
    }
}

/// Every row as often as asked for, the copies of a ticket's row beside each other.
fn copied(frame: DataFrame, copies: usize) -> DataFrame {
    let rows: Option<Vec<i64>> = frame.column(TICKET_ROW).ok().map(|rows| {
        let rows = rows.i64().expect("rows of tickets");
        rows.into_no_null_iter().collect()
    });
    // Which row, and the copy of which ticket.
    let (mut taken, mut of): (Vec<IdxSize>, Vec<(i64, usize)>) = (Vec::new(), Vec::new());
    match rows {
        None => {
            for row in 0..frame.height() {
                for copy in 0..copies {
                    taken.push(row as IdxSize);
                    of.push((row as i64, copy));
                }
            }
        }
        Some(rows) => {
            let mut first = 0;
            for ticket in rows.chunk_by(|a, b| a == b) {
                for copy in 0..copies {
                    for (i, row) in ticket.iter().enumerate() {
                        taken.push((first + i) as IdxSize);
                        of.push((*row, copy));
                    }
                }
                first += ticket.len();
            }
        }
    }
    let taken = IdxCa::from_vec("row".into(), taken);
    let mut frame = frame.take(&taken).expect("its rows");
    if frame.column(TICKET_ROW).is_ok() {
        let rows: Vec<i64> = of
            .iter()
            .map(|(row, copy)| row * copies as i64 + *copy as i64)
            .collect();
        let rows = Series::new(TICKET_ROW.into(), rows);
        frame.with_column(rows.into()).expect("its length");
    }
    for name in ["ticket_id", "ref_id", "line_id"] {
        if let Ok(texts) = frame.column(name) {
            let texts = texts.str().expect("texts").iter().zip(&of);
            let texts: Vec<Option<String>> = texts
                .map(|(text, (_, copy))| Some(format!("{}-{copy}", text?)))
                .collect();
            let texts = Series::new(name.into(), texts);
            frame.with_column(texts.into()).expect("its length");
        }
    }
    let moments = [
        "opened_at",
        "responded_at",
        "detected_at",
        "resolved_at",
        "at",
        "sent_at",
        "stopped_at",
    ];
    for name in moments {
        if let Ok(column) = frame.column(name) {
            let kind = column.dtype().clone();
            let whole = column.cast(&DataType::Int64).expect("moments");
            let later: Vec<Option<i64>> = whole
                .i64()
                .expect("moments")
                .iter()
                .zip(&of)
                .map(|(at, (row, copy))| Some(at? + later_s(*row, *copy) * 1_000_000))
                .collect();
            let later = Series::new(name.into(), later)
                .cast(&kind)
                .expect("moments");
            frame.with_column(later.into()).expect("its length");
        }
    }
    frame
}

/// By how many seconds a copy of a ticket is later than the ticket: less than two hours, and
/// without any order (the finalizer of SplitMix64; Steele, Lea and Flood 2014).
fn later_s(row: i64, copy: usize) -> i64 {
    if copy == 0 {
        return 0;
    }
    let mut z = (row as u64)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(copy as u64);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) % 7_200) as i64
}

/// Polars decodes the floor's columns.
fn floor(plain: &Path) {
    for (table, columns) in FLOOR {
        let wanted: Vec<String> = columns.iter().map(|c| (*c).to_owned()).collect();
        for file in fs::read_dir(plain.join(table)).expect("a folder") {
            let path = file.expect("a file").path();
            let frame = ParquetReader::new(File::open(&path).expect("a file"))
                .with_columns(Some(wanted.clone()))
                .finish()
                .expect("it decodes");
            std::hint::black_box(frame.height());
        }
    }
}

/// The store's columns are decoded as the passes do it, and nothing is made of them.
fn decoded(store: &Path) {
    for (table, columns) in ALL {
        disk::partitions(store, table)
            .expect("a store")
            .into_par_iter()
            .for_each(|partition| {
                let batches = Batches::open(&partition.path(store, table), columns);
                let mut batches = batches.expect("a partition").expect("a partition");
                while let Some(rows) = batches.next_rows().expect("it decodes") {
                    std::hint::black_box(rows.height());
                }
            });
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
        .filter(|a| !a.starts_with("--"))
        .collect();
    let passes_alone = std::env::args().any(|a| a == "--passes");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/complete");
    let folder = given.first().map_or(own, PathBuf::from);
    let number = |at: usize| {
        given
            .get(at)
            .map(|n| n.parse().expect("a number of copies"))
    };
    let tickets = number(1).unwrap_or(1);
    let lines = number(2).unwrap_or(tickets);
    let copies = Copies { tickets, lines };
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
    let canonical = scratch.path().join("plain");
    grown(&store, &large, ALL, copies);
    if !passes_alone {
        grown(&store, &small, FIRST, copies);
        plain(&store, &canonical, copies);
    }

    let passing = |store, plans| {
        let cells = read::tickets(
            &Pass {
                store,
                index: &Index::default(),
                cache: &Cache::none(),
                plans,
                only: None,
            },
            false,
            &|_| {},
        )
        .expect("the store reads");
        let all = cells.values().flat_map(|of| of.total.cells.values());
        all.map(|c| c.tickets).sum::<u64>()
    };
    let billing = || {
        let pass = Pass {
            store: &large,
            index: &Index::default(),
            cache: &Cache::none(),
            plans: &whole,
            only: None,
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
    if passes_alone {
        let _ = fs::write("/proc/self/clear_refs", "5");
        let began = Instant::now();
        println!("tickets                {}", passing(&large, &whole));
        println!(
            "                       {:.2} s",
            began.elapsed().as_secs_f64()
        );
        let began = Instant::now();
        println!("invoice lines          {}", billing());
        println!(
            "                       {:.2} s",
            began.elapsed().as_secs_f64()
        );
        println!("peak memory            {} MB", peak_mb());
        return;
    }
    let (tickets, lines) = (passing(&large, &whole), billing());
    assert_eq!(
        tickets,
        passing(&small, &first),
        "both passes count all tickets"
    );
    // From here on the peak is that of the passes, where the system lets it be reset.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let mut seconds: [Vec<f64>; 5] = Default::default();
    // In turns, so that a busy moment of the machine falls on all of them.
    for _ in 0..3 {
        let steps: [&dyn Fn(); 5] = [
            &|| floor(&canonical),
            &|| decoded(&large),
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
    let [floor, decoded, whole, first, billed] = seconds.map(median);
    println!("tickets                {tickets}");
    println!("invoice lines          {lines}");
    println!("floor of both          {floor:.2} s");
    println!("decoding the store     {decoded:.2} s");
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

//! One bench per heavy stage of the main job, on the complete example: ingest, store, measure,
//! and baseline with score and settle behind it. Numbers are for comparison on one machine.

#![allow(clippy::expect_used, missing_docs)]

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gainshare::config::project::Project;
use gainshare::measure::invoices;
use gainshare::measure::read::{self, Pass};
use gainshare::pipeline::{Asked, Exports};
use gainshare::store::cache::Cache;
use gainshare::store::disk::StoreError;
use gainshare::store::index::Index;
use gainshare::{ingest, pipeline, store};

fn example() -> Project {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/complete");
    Project::read(&folder).expect("the complete example is in the repository")
}

fn stages(c: &mut Criterion) {
    let project = example();
    let read = ingest::ingest(&project, &|_, _| {}).expect("the example reads");
    let rows: u64 = read.accounts.iter().map(|a| a.rows_in).sum();
    let mut group = c.benchmark_group("stages");
    group.sample_size(10);
    group.throughput(Throughput::Elements(rows));
    group.bench_function("ingest", |b| {
        b.iter(|| ingest::ingest(black_box(&project), &|_, _| {}).expect("the example reads"));
    });
    let folder = tempfile::tempdir().expect("a temporary folder");
    group.bench_function("store", |b| {
        b.iter(|| {
            store::prepare::write_all(folder.path(), black_box(&read.tables)).expect("it writes");
        });
    });
    let contracts = pipeline::check(&project).expect("the terms are good");
    let plans = contracts
        .into_iter()
        .map(|(c, plan)| (c.entry.id, plan))
        .collect();
    let pass = Pass {
        store: folder.path(),
        index: &Index::default(),
        cache: &Cache::none(),
        plans: &plans,
        only: None,
    };
    group.bench_function("measure_tickets", |b| {
        b.iter(|| read::tickets(black_box(&pass), false, &|_| {}).expect("the store reads"));
    });
    group.bench_function("measure_billing", |b| {
        let parts = read::of_contracts(&pass, "billing").expect("a store");
        b.iter(|| {
            for (plan, partitions) in &parts {
                for partition in partitions {
                    let path = partition.path(folder.path(), "billing");
                    let tell = |_: &invoices::InvoiceLine<'_>| Ok::<(), StoreError>(());
                    black_box(invoices::measure(&path, plan, tell).expect("the store reads"));
                }
            }
        });
    });
    let mut own = project.clone();
    own.file.output.path = folder.path().join("out");
    own.file.output.store = folder.path().join("store");
    let run = |exports| {
        let asked = Asked {
            exports,
            ..Asked::default()
        };
        pipeline::run(black_box(&own), asked, &|_| {}).expect("the example runs")
    };
    group.bench_function("whole_run", |b| {
        b.iter(|| {
            // Nothing of an earlier run.
            let _ = std::fs::remove_dir_all(own.cache_folder());
            run(Exports::Always)
        });
    });
    group.bench_function("recalculation_without_change", |b| {
        b.iter(|| run(Exports::Never))
    });
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);

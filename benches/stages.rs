//! One bench per heavy stage of the main job, on the complete example: ingest, store, measure,
//! and baseline with score and settle behind it. Numbers are for comparison on one machine.

#![allow(clippy::expect_used, missing_docs)]

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gainshare::config::project::Project;
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
    group.bench_function("measure_tickets", |b| {
        b.iter(|| {
            gainshare::measure::read::tickets(folder.path(), black_box(&plans), false, &|| {})
                .expect("the store reads")
        });
    });
    group.bench_function("measure_billing", |b| {
        b.iter(|| {
            gainshare::measure::read::billing(folder.path(), black_box(&plans))
                .expect("the store reads")
        });
    });
    group.bench_function("whole_run", |b| {
        let mut project = project.clone();
        project.file.output.path = folder.path().join("out");
        project.file.output.store = folder.path().join("store");
        b.iter(|| pipeline::run(black_box(&project), &|_| {}).expect("the example runs"));
    });
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);

//! Speed of the baseline stage: 10,000 series of 36 months, seasonal NB2 with theta and interval.

use criterion::{Criterion, criterion_group, criterion_main};
use gainshare::baseline::calibration::{World, calibrate, simulate, terms};
use gainshare::baseline::{Family, Seasonality, Series, Trend, estimate};

/// One contract per series; 24 months of baseline and 12 measured make the 36.
fn ten_thousand() -> (Vec<Series>, gainshare::baseline::BaselineSpec) {
    let world = World {
        baseline_months: 24,
        services: vec![80.0],
        ..World::default()
    };
    let series = (0..10_000)
        .flat_map(|path| {
            let mut all = simulate(&world, 1, path).series;
            for s in &mut all {
                s.key.contract_id = format!("C{path:05}");
            }
            all
        })
        .collect();
    (series, terms(&world))
}

fn series_of_36_months(c: &mut Criterion) {
    let (series, spec) = ten_thousand();
    let mut group = c.benchmark_group("baseline");
    group.sample_size(10);
    group.bench_function("10000 series, all choices automatic", |b| {
        b.iter_with_large_drop(|| estimate(&series, &spec));
    });
    let mut fixed = spec.clone();
    fixed.family = Family::NegativeBinomial;
    fixed.seasonality = Seasonality::Harmonics2;
    fixed.trend = Trend::Linear;
    group.bench_function("10000 series, nb2 with two harmonics and trend", |b| {
        b.iter_with_large_drop(|| estimate(&series, &fixed));
    });
    // All 36 months in the fit: the segmented design.
    let mut segmented = fixed.clone();
    segmented.fit_on = gainshare::baseline::FitOn::Segmented;
    group.bench_function("10000 series, segmented nb2 over all 36 months", |b| {
        b.iter_with_large_drop(|| estimate(&series, &segmented));
    });
    group.finish();
}

fn coverage(c: &mut Criterion) {
    let world = World::default();
    let spec = terms(&world);
    let mut group = c.benchmark_group("calibration");
    group.sample_size(10);
    group.bench_function("200 simulated contracts", |b| {
        b.iter(|| calibrate(&world, &spec, 1, 200));
    });
    group.finish();
}

criterion_group!(benches, series_of_36_months, coverage);
criterion_main!(benches);

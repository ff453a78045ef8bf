//! What follows from the example lab: reading it, joining, the rules, the reports.
#![allow(
    missing_docs,
    reason = "criterion's macros make undocumented functions"
)]
#![allow(clippy::unwrap_used, reason = "a bench without a lab must stop")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use homelab::Lab;
use homelab::report::{self, TextOptions};
use homelab_benches::EXAMPLE;
use homelab_model::{Topology, findings};

fn analysis(c: &mut Criterion) {
    let lab = Lab::from_file(EXAMPLE).unwrap();
    let mut group = c.benchmark_group("analyse the example lab");
    group.bench_function("read the inventory", |b| {
        b.iter(|| Lab::from_file(EXAMPLE).unwrap());
    });
    group.bench_function("topology", |b| {
        b.iter(|| Topology::from_inventory(black_box(lab.inventory())));
    });
    group.bench_function("findings", |b| {
        b.iter(|| findings(black_box(lab.topology())));
    });
    group.bench_function("text report", |b| {
        b.iter(|| report::text(&lab, &TextOptions::default()));
    });
    group.bench_function("html report", |b| b.iter(|| report::html(&lab)));
    group.finish();
}

criterion_group!(benches, analysis);
criterion_main!(benches);

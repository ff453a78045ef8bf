//! 10,000 rows of `GET /cluster/resources`, from text to objects: our tolerant
//! types against the plainest struct that `serde_json` can fill, and against
//! `serde_json::Value`. All in one run, since only the ratios are worth anything.
#![allow(
    missing_docs,
    reason = "criterion's macros make undocumented functions"
)]
#![allow(clippy::unwrap_used, reason = "a bench that cannot decode must stop")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use homelab_benches::cluster_resources;
use proxmox_client::endpoints::Resource;
use serde::Deserialize;

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

/// Every key of the body, with the type it mostly has and no tolerance.
#[derive(Deserialize)]
#[allow(dead_code, reason = "decoded, not read")]
struct Plain {
    id: String,
    r#type: String,
    vmid: u32,
    name: Option<String>,
    node: Option<String>,
    status: Option<String>,
    template: Option<u8>,
    maxcpu: Option<f64>,
    cpu: Option<f64>,
    maxmem: Option<u64>,
    mem: Option<u64>,
    memhost: Option<u64>,
    maxdisk: Option<u64>,
    disk: Option<u64>,
    diskread: Option<u64>,
    diskwrite: Option<u64>,
    netin: Option<u64>,
    netout: Option<u64>,
    uptime: Option<u64>,
    tags: Option<String>,
    pool: Option<String>,
    hastate: Option<String>,
}

fn decode(c: &mut Criterion) {
    let body = cluster_resources(10_000);
    let mut group = c.benchmark_group("decode 10,000 resources");
    group
        .throughput(Throughput::Bytes(body.len() as u64))
        .sample_size(30);
    group.bench_function("ours", |b| {
        b.iter(|| {
            serde_json::from_str::<Envelope<Vec<Resource>>>(black_box(&body))
                .unwrap()
                .data
                .len()
        });
    });
    group.bench_function("plain struct", |b| {
        b.iter(|| {
            serde_json::from_str::<Envelope<Vec<Plain>>>(black_box(&body))
                .unwrap()
                .data
                .len()
        });
    });
    group.bench_function("serde_json::Value", |b| {
        b.iter(|| {
            serde_json::from_str::<Envelope<Vec<serde_json::Value>>>(black_box(&body))
                .unwrap()
                .data
                .len()
        });
    });
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);

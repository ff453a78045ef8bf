//! One look at the simulated lab, over real TLS, gRPC and REST: with connections
//! already open, at 0 and at 20 ms latency, and once cold, connections included.
#![allow(
    missing_docs,
    reason = "criterion's macros make undocumented functions"
)]
#![allow(clippy::unwrap_used, reason = "a bench without a lab must stop")]

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use homelab::{Credentials, Lab, LiveLab};
use homelab_benches::EXAMPLE;
use homelab_sim::{Sim, SimOptions};
use tokio::runtime::Runtime;

async fn connect(lab: Lab, sim: &Sim) -> LiveLab {
    let env = sim.env();
    let credentials = Credentials::from_vars(|name| env.get(name).cloned()).unwrap();
    lab.connect(credentials).await.unwrap()
}

fn observe(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = c.benchmark_group("observe the example lab");
    group.sample_size(20);
    for latency in [0, 20] {
        let options = SimOptions::default().latency(Duration::from_millis(latency));
        let lab = Lab::from_file(EXAMPLE).unwrap();
        let sim = runtime
            .block_on(Sim::start(lab.inventory(), options))
            .unwrap();
        let live = runtime.block_on(connect(lab.clone(), &sim));
        let seen = runtime.block_on(live.observe()).unwrap();
        assert!(
            seen.failures().is_empty(),
            "a partial observation is not what is measured: {:?}",
            seen.failures()
        );
        group.bench_function(format!("warm, {latency} ms"), |b| {
            b.iter(|| runtime.block_on(live.observe()).unwrap());
        });
        group.bench_function(format!("cold, {latency} ms"), |b| {
            b.iter(|| {
                runtime.block_on(async {
                    let live = connect(lab.clone(), &sim).await;
                    live.observe().await.unwrap()
                })
            });
        });
        runtime.block_on(sim.stop());
    }
    group.finish();
}

criterion_group!(benches, observe);
criterion_main!(benches);

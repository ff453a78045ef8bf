//! The Talos client beside what it could be at best: bare tonic, bare TLS, and
//! the official Go client where Go is installed.
//!
//! ```sh
//! cargo bench --bench talos                  # everything, five rounds
//! cargo bench --bench talos -- snapshot      # snapshot, fan-out, watch or logs
//! ROUNDS=2 SNAPSHOT_MIB=256 cargo bench --bench talos
//! ```
//!
//! Every contestant is a process of its own (`src/bin`), servers
//! are in this one. Lines say the median of all rounds and the ratio that counts.
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on must stop")]
#![allow(
    clippy::cast_precision_loss,
    reason = "ratios are shown with two digits"
)]
#![allow(clippy::print_stdout, reason = "it prints what it measures")]

mod certificates;
mod fan_out;
mod follow;
mod snapshot;

use std::path::Path;

use homelab_benches::contest::{Cost, median, run};

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let asked = |name: &str| wanted.is_empty() || wanted.iter().any(|w| w == name);
    // One worker: a stream's sender fills the queue before the connection writes,
    // so frames leave in writes of 32 KiB, as a node's do. With more, each frame
    // would be a write, and a TLS record, of its own.
    let servers = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    if asked("snapshot") {
        snapshot::contest(&servers);
    }
    if asked("fan-out") {
        fan_out::contest(&servers);
    }
    for name in ["watch", "logs"] {
        if asked(name) {
            follow::contest(&servers, name);
        }
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(default)
}

/// All contestants in each round, each round in another order.
fn rounds(contestants: &[&str], mut one: impl FnMut(&str) -> Cost) -> Vec<Cost> {
    let count = usize::try_from(number("ROUNDS", 5)).unwrap();
    let mut costs = vec![Vec::new(); contestants.len()];
    for round in 0..count {
        for n in 0..contestants.len() {
            let at = (n + round) % contestants.len();
            costs[at].push(one(contestants[at]));
        }
    }
    costs.iter().map(|c| median(c)).collect()
}

fn child(name: &str, folder: &Path) -> Cost {
    let folder = folder.display().to_string();
    let (program, contest) = match name.strip_suffix(", bare") {
        Some(contest) => (env!("CARGO_BIN_EXE_talos-bare"), contest),
        None => (env!("CARGO_BIN_EXE_talos-ours"), name),
    };
    let cost = run(Path::new(program), &[contest, &folder], &[]);
    cost.unwrap_or_else(|why| panic!("{name}: {why}"))
}

fn line(what: &str, cost: &Cost, ratio: &str) {
    println!(
        "{what:<38} {:>9.1} ms {:>8.0} CPU ms {:>6.1} MiB  {ratio}",
        cost.wall_seconds * 1e3,
        cost.cpu_seconds * 1e3,
        cost.peak_rss_mib
    );
}

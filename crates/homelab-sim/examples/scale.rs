//! Starts a lab of 50 hosts and 1,000 Talos nodes, asks one of each, and prints
//! how long the start took and how much memory the process ever had.
//!
//! ```sh
//! cargo run --release -p homelab-sim --example scale
//! ```

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::fmt::Write as _;
use std::time::Instant;

use homelab_core::{Error, ErrorKind, Result};
use homelab_model::Inventory;
use homelab_sim::{Sim, SimOptions};

const HOSTS: usize = 50;
const CLUSTERS: usize = 10;
const NODES: usize = 1000;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::new(ErrorKind::Io, "cannot start").source(e))?;
    runtime.block_on(run())
}

async fn run() -> Result<()> {
    let nothing = |path: &str| Err(Error::new(ErrorKind::NotFound, path));
    let inventory = Inventory::parse("scale.yaml", &lab(), &nothing)?;
    let begun = Instant::now();
    let sim = Sim::start(&inventory, SimOptions::default()).await?;
    let took = begun.elapsed();
    let listeners = sim.listeners();
    println!("listeners:  {}", listeners.len());
    println!("start:      {:.2} s", took.as_secs_f64());
    println!("peak RSS:   {}", peak());
    for name in ["host-7", "node-777"] {
        let address = listeners.get(name).copied();
        let address = address.ok_or_else(|| Error::new(ErrorKind::Internal, "no listener"))?;
        tokio::net::TcpStream::connect(address)
            .await
            .map_err(|e| Error::new(ErrorKind::Io, format!("{name} does not answer: {e}")))?;
    }
    sim.stop().await;
    Ok(())
}

fn lab() -> String {
    let mut text = String::from("name: scale\nhosts:\n");
    for host in 0..HOSTS {
        let _ = writeln!(
            text,
            "  - {{name: host-{host}, address: 10.1.0.{}, memory: 512GB}}",
            host + 1
        );
    }
    text.push_str("clusters:\n");
    let each = NODES / CLUSTERS;
    for cluster in 0..CLUSTERS {
        let _ = writeln!(text, "  - name: cluster-{cluster}\n    nodes:");
        for member in 0..each {
            let node = cluster * each + member;
            let role = if member < 3 {
                "control-plane"
            } else {
                "worker"
            };
            let (high, low) = (node / 250, node % 250 + 1);
            let _ = writeln!(
                text,
                "      - {{name: node-{node}, role: {role}, host: host-{}, address: 10.2.{high}.{low}}}",
                node % HOSTS
            );
        }
    }
    text
}

/// The largest resident set that this process had, as Linux tells it.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.map_or_else(
        || "unknown on this system".into(),
        |kb| kb.trim().to_owned(),
    )
}

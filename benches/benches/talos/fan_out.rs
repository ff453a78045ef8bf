//! Version of 100 nodes through one endpoint, beside bare tonic and the official
//! Go client.

use std::path::{Path, PathBuf};

use homelab_benches::contest::{FAN_OUTS, NODES, addresses, run};
use homelab_core::{Error, ErrorKind};
use homelab_model::Inventory;
use homelab_sim::{ClientCert, Sim, SimOptions};

use crate::{child, line, rounds};

pub(crate) fn contest(servers: &tokio::runtime::Runtime) {
    let inventory = many_nodes();
    let sim = servers
        .block_on(Sim::start(&inventory, SimOptions::default()))
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = sim.talosconfig(&ClientCert::admin()).unwrap();
    std::fs::write(folder.path().join("talosconfig"), &text).unwrap();
    let peer = go_peer();
    let mut names = vec!["fan-out, bare", "fan-out"];
    if peer.is_some() {
        names.push("go");
    }
    let talosconfig = folder.path().join("talosconfig").display().to_string();
    let costs = rounds(&names, |name| match (name, &peer) {
        ("go", Some(peer)) => {
            let nodes = addresses().join(",");
            let count = FAN_OUTS.to_string();
            run(peer, &[&nodes, &count], &[("TALOSCONFIG", &talosconfig)])
                .unwrap_or_else(|why| panic!("go: {why}"))
        }
        _ => child(name, folder.path()),
    });
    println!("\nVersion of {NODES} nodes through one endpoint, warm, {FAN_OUTS} times");
    let (tonic, ours) = (&costs[0], &costs[1]);
    line("bare tonic", tonic, "");
    let ratio = format!(
        "{:.2} x bare tonic in wall time (target 1.3), {:.2} x in CPU",
        ours.wall_seconds / tonic.wall_seconds,
        ours.cpu_seconds / tonic.cpu_seconds
    );
    line("nodes().version()", ours, &ratio);
    match costs.get(2) {
        Some(go) => {
            let ratio = format!(
                "ours: {:.2} x its wall time (target 1), {:.2} x its memory (target 0.33)",
                ours.wall_seconds / go.wall_seconds,
                ours.peak_rss_mib / go.peak_rss_mib
            );
            line("official Go client", go, &ratio);
        }
        None => println!("SKIPPED: the official Go client, as Go or its modules are not there"),
    }
    servers.block_on(sim.stop());
}

fn many_nodes() -> Inventory {
    use std::fmt::Write as _;
    let mut text = String::from("name: bench\nhosts:\n");
    for host in 1..=4 {
        let _ = writeln!(
            text,
            "  - {{name: pve{host}, address: 172.16.1.{host}, memory: 512GB}}"
        );
    }
    text.push_str("clusters:\n  - name: kubernetes\n    nodes:\n");
    for (n, address) in addresses().iter().enumerate() {
        let role = if n < 3 { "control-plane" } else { "worker" };
        let _ = writeln!(
            text,
            "      - {{name: node-{n}, role: {role}, host: pve{}, vmid: {}, address: {address}}}",
            1 + n % 4,
            200 + n
        );
    }
    let none = |path: &str| Err(Error::new(ErrorKind::NotFound, path));
    Inventory::parse("bench.yaml", &text, &none).unwrap()
}

/// The driver of the official client, where it can be built.
fn go_peer() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/talos-go");
    let binary = Path::new(env!("CARGO_TARGET_TMPDIR")).join("talos-go");
    let built = std::process::Command::new("go")
        .args(["build", "-o", &binary.display().to_string(), "."])
        .current_dir(folder)
        .status();
    built.is_ok_and(|status| status.success()).then_some(binary)
}

//! `cargo run --bin talos`: a round of the chores that a Talos node needs.
//!
//! Reads its logs, watches its cluster, takes a snapshot of etcd that is verified,
//! and shows what a change of its configuration would do, without doing it. Without
//! arguments it starts the simulated lab and upgrades the node there at the end.
//!
//! ```sh
//! cargo run --bin talos
//! cargo run --bin talos -- --node 172.16.1.50                     # of ~/.talos/config; changes nothing
//! cargo run --bin talos -- --node 172.16.1.50 --upgrade ghcr.io/siderolabs/installer:v1.13.9
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use futures_util::StreamExt as _;
use homelab_core::Result;
use homelab_sim::{ClientCert, Sim, SimOptions};
use talos_client::cosi::{WatchEventKind, WatchOptions};
use talos_client::machine_config::Patch;
use talos_client::{
    ApplyOptions, ClientOptions, FlowOptions, LogOptions, Member, NodeClient, TalosClient,
    TalosConfig, UpgradeOptions,
};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../labs/ragas/homelab.yaml");

const PATCH: &str = "machine: {sysctls: {vm.nr_hugepages: '1024'}}";

#[derive(Default)]
struct Arguments {
    node: Option<String>,
    upgrade: Option<String>,
    out: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = Arguments {
        out: std::env::temp_dir(),
        ..Arguments::default()
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match (word.as_str(), words.next()) {
            ("--node", Some(value)) => arguments.node = Some(value),
            ("--upgrade", Some(value)) => arguments.upgrade = Some(value),
            ("--out", Some(value)) => arguments.out = value.into(),
            _ => {
                eprintln!("talos: [--node ADDRESS] [--upgrade IMAGE] [--out FOLDER]");
                return ExitCode::from(2);
            }
        }
    }
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("talos: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(mut arguments: Arguments) -> Result<()> {
    let mut sim = None;
    let config = if arguments.node.is_some() {
        TalosConfig::search()?.0
    } else {
        let started = sim.insert(Sim::start_file(EXAMPLE, SimOptions::default()).await?);
        arguments.node = Some("172.16.1.50".into());
        arguments.upgrade = Some("ghcr.io/siderolabs/installer:v1.12.4".into());
        started.talosconfig(&ClientCert::admin())?.parse()?
    };
    let talos = TalosClient::connect(config.context(None)?, ClientOptions::default()).await?;
    let node = talos.node(arguments.node.unwrap_or_default());

    logs(&node).await?;
    members(&node).await?;

    let snapshot = node
        .etcd_snapshot(arguments.out.join("etcd.db"), |_| {})
        .await?;
    println!(
        "snapshot: {}, revision {}, verified",
        snapshot.path.display(),
        snapshot.database.revision
    );

    let mut config = node.machine_config().await?;
    config.apply(&Patch::parse("hugepages.yaml", PATCH)?)?;
    let plan = node
        .plan_configuration(&config, ApplyOptions::default())
        .await?;
    for change in &plan.changes {
        println!(
            "would change: {} {:?} {:?}",
            change.path, change.old, change.new
        );
    }

    if let Some(image) = arguments.upgrade {
        // A simulated node is looked at more often than one of metal.
        let poll = Duration::from_millis(if sim.is_some() { 100 } else { 2000 });
        let options = FlowOptions::default().poll(poll);
        let done = node
            .upgrade_and_wait(UpgradeOptions::new(image), options, |p| {
                println!("  {}", p.message);
            })
            .await?;
        println!("upgraded: {} -> {}", done.from, done.to);
    }
    Ok(())
}

/// The last lines of a service's log.
async fn logs(node: &NodeClient) -> Result<()> {
    let mut lines = node.logs("etcd", LogOptions::default().tail(3));
    while let Some(line) = lines.next().await {
        println!("etcd: {}", line?);
    }
    Ok(())
}

/// All members of the cluster; one who went on would see each change.
async fn members(node: &NodeClient) -> Result<()> {
    let mut changes = node.watch::<Member>(WatchOptions::default()).await?;
    while let Some(change) = changes.next().await {
        let change = change?;
        if change.kind == WatchEventKind::Bootstrapped {
            break;
        }
        if let Some(member) = change.spec {
            println!("member: {} {}", member.hostname, member.operating_system);
        }
    }
    Ok(())
}

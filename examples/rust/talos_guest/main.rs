//! `cargo run --bin talos-guest`: makes a Talos guest on Proxmox VE, from the
//! look at one's rights to its first boot, and takes it away again.
//!
//! Without arguments it does so in the simulated lab. With an installer's disc
//! and the names of a node and two storages it does so on a real cluster:
//!
//! ```sh
//! cargo run --bin talos-guest -- metal-amd64.iso pve1 local local-lvm
//! ```
//!
//! Credentials come from `HOMELAB_PROXMOX_ENDPOINTS`, `HOMELAB_PROXMOX_TOKEN`
//! and `HOMELAB_PROXMOX_CA`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use homelab::Lab;
use homelab_core::{Error, ErrorKind, Result};
use homelab_sim::{Sim, SimOptions};
use proxmox_client::endpoints::{CreateQemu, StartQemu};
use proxmox_client::{
    DataLoss, DestroyScope, ProxmoxClient, TalosGuest, UploadOptions, WaitOptions,
};

const LAB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../labs/ragas/homelab.yaml");

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => simulated().await,
        [iso, node, files, disks] => match client(|name| std::env::var(name).ok()) {
            Ok(pve) => make(&pve, Path::new(iso), node, files, disks).await,
            Err(error) => Err(error),
        },
        _ => {
            eprintln!("talos-guest [ISO NODE STORAGE_FOR_FILES STORAGE_FOR_DISKS]");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("talos-guest: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn make(pve: &ProxmoxClient, iso: &Path, node: &str, files: &str, disks: &str) -> Result<()> {
    // 1. What would be refused later is known now.
    let create = pve.preflight(&CreateQemu::new(node, 100)).await?;
    let start = pve.preflight(&StartQemu::new(node, 100)).await?;
    for missing in create.missing.iter().chain(&start.missing) {
        println!(
            "missing: {} on {}",
            missing.one_of.join(" or "),
            missing.path
        );
    }

    // 2. The disc, from here to the node; the server verifies its checksum.
    let options = UploadOptions::default()
        .verify(true)
        .overwrite(DataLoss::Accepted);
    let disc = pve
        .node(node)
        .upload(files, iso, options, |sent| {
            println!("sent {} of {} bytes", sent.sent_bytes, sent.total_bytes);
        })
        .await?;
    disc.wait(WaitOptions::default()).await?;

    // 3. The guest, in one call; safe to repeat.
    let wish = TalosGuest::new(node, "talos-example", disks)
        .memory_gib(4)
        .cores(2);
    let made = wish
        .from_iso(pve, disc.volume(), |p| {
            println!("{}: {}", p.step, p.message);
        })
        .await?;
    println!("guest {} with MAC {}", made.vmid, made.macs.join(", "));

    // 4. Any action becomes a task, which tells how far it has come.
    let guest = pve.node(node).qemu(made.vmid);
    let stop = guest.stop().await?;
    stop.wait_with(WaitOptions::default(), |p| println!("{}", p.message))
        .await?;
    let end = guest.destroy(DestroyScope::Everything).await?;
    end.wait(WaitOptions::default()).await?;
    println!("gone");
    Ok(())
}

/// The client that some variables describe.
fn client(variable: impl Fn(&str) -> Option<String>) -> Result<ProxmoxClient> {
    let needed = |name: &str| {
        variable(name)
            .ok_or_else(|| Error::new(ErrorKind::InvalidArgument, format!("{name} is not set")))
    };
    let token = needed("HOMELAB_PROXMOX_TOKEN")?;
    let (id, secret) = token.split_once('=').unwrap_or((&token, ""));
    let ca = needed("HOMELAB_PROXMOX_CA")?;
    let ca = std::fs::read(&ca).map_err(|e| Error::io("read", Path::new(&ca), e))?;
    let mut builder = ProxmoxClient::builder().token(id, secret).ca_pem(ca);
    for url in needed("HOMELAB_PROXMOX_ENDPOINTS")?.split(',') {
        builder = builder.endpoint(url);
    }
    builder.build()
}

async fn simulated() -> Result<()> {
    let lab = Lab::from_file(Path::new(LAB))?;
    let sim = Sim::start(lab.inventory(), SimOptions::default()).await?;
    let env: BTreeMap<String, String> = sim.env();
    let iso = std::env::temp_dir().join(format!("talos-example-{}.iso", std::process::id()));
    std::fs::write(&iso, "not really a disc").map_err(|e| Error::io("write", &iso, e))?;
    let done = match client(|name| env.get(name).cloned()) {
        Ok(pve) => make(&pve, &iso, "pve1", "local", "vm-storage").await,
        Err(error) => Err(error),
    };
    let _ = std::fs::remove_file(&iso);
    sim.stop().await;
    done
}

//! Puts a simulation together: world, certificates, listeners.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use homelab_core::{Clock, Error, ErrorKind, Result};
use tokio_util::sync::DropGuard;

use crate::keep::{Health, Keeper};
use crate::options::SimOptions;
use crate::pki::PvePki;
use crate::pve::{Accounts, PveCluster, PveOptions};
use crate::shared::{Places, Shared};
use crate::state_dir::Saved;
use crate::talos;
use crate::world::{State, World, WorldSeed, derive};

/// What a lab comes from.
pub(crate) enum Origin {
    /// A description.
    Seed(Box<WorldSeed>),
    /// A lab that was saved.
    Saved(Box<Saved>),
}

/// A simulation that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) keeper: Keeper,
    /// Where the hosts listen.
    pub(crate) hosts: BTreeMap<String, SocketAddr>,
    /// The Talos nodes and where they listen.
    pub(crate) nodes: talos::Nodes,
    _stop: DropGuard,
}

/// A lab without its listeners.
struct Inside {
    shared: Shared,
    pve: PveCluster,
    pve_pki: PvePki,
}

/// Starts everything. When one part fails, those before it stop.
pub(crate) fn start(origin: Origin, options: &SimOptions) -> Result<Parts> {
    let inside = match origin {
        Origin::Seed(seed) => fresh(*seed, options)?,
        Origin::Saved(saved) => resumed(*saved, options)?,
    };
    let Inside {
        shared,
        pve,
        pve_pki,
    } = inside;
    let stop = shared.stop.clone().drop_guard();
    let mut hosts = BTreeMap::new();
    for name in shared.world.read(host_names) {
        let (address, serve) = pve.serve(&name)?;
        tokio::spawn(serve);
        hosts.insert(name, address);
    }
    let nodes = talos::Nodes::start(&shared)?;
    spawn_time(&shared);
    Ok(Parts {
        keeper: Keeper {
            shared,
            pve,
            pve_pki,
            hosts: hosts.clone(),
            nodes: nodes.clone(),
            health: Health::default(),
        },
        hosts,
        nodes,
        _stop: stop,
    })
}

fn fresh(mut seed: WorldSeed, options: &SimOptions) -> Result<Inside> {
    apply(options, &mut seed);
    let world = World::new(&seed, options.clock.clone())?;
    let shared = shared(world, options, BTreeMap::new())?;
    let clock = shared.world.clock().clone();
    let pve_pki = PvePki::new(&cluster_id(seed.seed), clock.now())?;
    let accounts = Accounts::standard(seed.seed);
    let pve = PveCluster::new(shared.clone(), accounts, pve_options(options), &pve_pki)?;
    talos::seed_configs(&shared.world)?;
    Ok(Inside {
        shared,
        pve,
        pve_pki,
    })
}

fn resumed(mut saved: Saved, options: &SimOptions) -> Result<Inside> {
    let clock = options.clock.clone();
    clock.resume(saved.now, saved.elapsed);
    saved.world.interrupt_tasks();
    let world = World::of(saved.world, clock.clone());
    world.log().resume(saved.log);
    // What else listens there by now keeps its port.
    let free = |port: u16| std::net::TcpListener::bind((options.listen, port)).is_ok();
    let ports = saved.ports.into_iter().filter(|(_, port)| free(*port));
    let shared = shared(world, options, ports.collect())?;
    let pve_pki = PvePki::restore(&saved.proxmox_ca)?;
    let pve = PveCluster::resume(
        shared.clone(),
        saved.accounts,
        pve_options(options),
        &pve_pki,
        &saved.hosts,
    )?;
    Ok(Inside {
        shared,
        pve,
        pve_pki,
    })
}

/// Opens the log and settles where everybody listens.
fn shared(world: World, options: &SimOptions, kept: BTreeMap<String, u16>) -> Result<Shared> {
    if let Some(path) = &options.log {
        world.log().write_to(path)?;
    }
    let ports = match options.ports {
        None => kept,
        Some(first) => consecutive(first, &world.read(names))?,
    };
    let mut shared = Shared::new(world, options.latency);
    shared.places = Arc::new(Places {
        ip: options.listen,
        ports,
    });
    Ok(shared)
}

fn consecutive(first: u16, names: &[String]) -> Result<BTreeMap<String, u16>> {
    let last = usize::from(first) + names.len();
    if first == 0 || last > usize::from(u16::MAX) + 1 {
        let message = format!(
            "ports from {first} on: the lab needs {} of them, from 1 to 65535",
            names.len()
        );
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    Ok(names.iter().cloned().zip(first..).collect())
}

fn pve_options(options: &SimOptions) -> PveOptions {
    PveOptions {
        fencing_delay: options.fencing,
        ..PveOptions::default()
    }
}

fn cluster_id(seed: u64) -> String {
    derive::uuid(seed, "pve/ca")
}

fn apply(options: &SimOptions, seed: &mut WorldSeed) {
    seed.seed = options.seed;
    let millis = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    if let Some(boot) = options.boot {
        seed.boot_ms = millis(boot);
    }
    if let Some(ready) = options.ready {
        seed.ready_ms = millis(ready);
    }
    if let Some(bytes) = options.etcd_db_bytes {
        for cluster in &mut seed.clusters {
            cluster.etcd_db_bytes = bytes;
        }
    }
}

/// Lets the world's time pass until the simulation stops.
fn spawn_time(shared: &Shared) {
    let (world, stop) = (shared.world.clone(), shared.stop.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = world.run() => {}
            () = stop.cancelled() => {}
        }
        world.close();
    });
}

pub(crate) fn host_names(state: &State) -> Vec<String> {
    state.hosts.iter().map(|h| h.name.clone()).collect()
}

fn names(state: &State) -> Vec<String> {
    let nodes = state.nodes.iter().map(|n| n.name.clone());
    host_names(state).into_iter().chain(nodes).collect()
}

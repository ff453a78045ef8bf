//! Puts a simulation together: world, certificates, listeners.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use homelab_core::Result;
use tokio_util::sync::DropGuard;

use crate::options::SimOptions;
use crate::pki::PvePki;
use crate::pve::{Accounts, PveCluster, PveOptions};
use crate::shared::Shared;
use crate::talos;
use crate::world::{State, World, WorldSeed, derive};

/// A simulation that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) shared: Shared,
    pub(crate) pve: PveCluster,
    pub(crate) pve_ca_pem: String,
    /// Where the hosts listen.
    pub(crate) hosts: BTreeMap<String, SocketAddr>,
    /// The Talos nodes and where they listen.
    pub(crate) nodes: talos::Nodes,
    _stop: DropGuard,
}

/// Starts everything. When one part fails, those before it stop.
pub(crate) fn start(mut seed: WorldSeed, options: &SimOptions) -> Result<Parts> {
    apply(options, &mut seed);
    let world = World::new(&seed, options.clock.clone())?;
    let shared = Shared::new(world, options.latency);
    let stop = shared.stop.clone().drop_guard();
    let now = shared.world.now();

    let cluster_id = derive::uuid(seed.seed, "pve/ca");
    let pve_pki = PvePki::new(&cluster_id, now)?;
    let accounts = Accounts::standard(seed.seed);
    let pve = PveCluster::new(shared.clone(), accounts, PveOptions::default(), &pve_pki)?;
    let mut hosts = BTreeMap::new();
    for name in shared.world.read(host_names) {
        let (address, serve) = pve.serve(&name)?;
        tokio::spawn(serve);
        hosts.insert(name, address);
    }

    talos::seed_configs(&shared.world)?;
    let nodes = talos::Nodes::start(&shared)?;
    spawn_time(&shared);
    Ok(Parts {
        shared,
        pve,
        pve_ca_pem: pve_pki.ca_pem(),
        hosts,
        nodes,
        _stop: stop,
    })
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

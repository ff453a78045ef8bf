//! Puts a simulation together: world, certificates, listeners.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use homelab_core::Result;
use tokio_util::sync::DropGuard;

use crate::net::Listener;
use crate::options::SimOptions;
use crate::pki::{PvePki, TalosPki, Validity};
use crate::pve::{Accounts, PveCluster, PveOptions};
use crate::shared::Shared;
use crate::talos::{self, Director, NodeTls};
use crate::world::{State, World, WorldSeed, derive};

/// How long the certificate of a Talos node counts. Real ones are renewed twice
/// a day; these live as long as any simulation.
const NODE_DAYS: u32 = 30;

/// A simulation that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) shared: Shared,
    pub(crate) pve: PveCluster,
    pub(crate) pve_ca_pem: String,
    /// Where the hosts listen.
    pub(crate) hosts: BTreeMap<String, SocketAddr>,
    /// Where the Talos nodes listen.
    pub(crate) nodes: BTreeMap<String, SocketAddr>,
    /// The CA of each Talos cluster.
    pub(crate) clusters: BTreeMap<String, TalosPki>,
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

    let mut clusters = BTreeMap::new();
    for cluster in &seed.clusters {
        clusters.insert(cluster.name.clone(), TalosPki::new(now)?);
    }
    let director = Director::new(&shared);
    let mut nodes = BTreeMap::new();
    for (name, address, cluster) in shared.world.read(node_addresses) {
        let Some(pki) = clusters.get(&cluster) else {
            continue;
        };
        let tls = NodeTls {
            valid: pki.server(&name, address, Validity::days(now, NODE_DAYS))?,
            expired: pki.server(&name, address, Validity::expired(now))?,
        };
        let listener = Listener::bind(&name, &shared)?;
        nodes.insert(name.clone(), listener.address());
        talos::serve(listener, &name, tls, &director, &shared)?;
    }
    spawn_time(&shared);
    Ok(Parts {
        shared,
        pve,
        pve_ca_pem: pve_pki.ca_pem(),
        hosts,
        nodes,
        clusters,
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

fn node_addresses(state: &State) -> Vec<(String, IpAddr, String)> {
    state
        .nodes
        .iter()
        .map(|n| (n.hostname.clone(), n.address, n.cluster.clone()))
        .collect()
}

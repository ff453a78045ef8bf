//! The simulation as a whole: starts it, says how to reach it, breaks it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result, nearest};
use homelab_model::Inventory;
use tempfile::TempDir;

use crate::access::{self, ClusterAccess};
use crate::net::Listener;
use crate::options::{ClientCert, SimOptions};
use crate::pki::{PvePki, TalosPki, Validity};
use crate::pve::{Accounts, PveCluster, PveOptions};
use crate::seed;
use crate::shared::Shared;
use crate::stats::Stats;
use crate::talos::{Director, NodeTls};
use crate::world::{Down, State, World, WorldSeed};
use crate::{Fault, talos};

/// How long a server certificate counts: Talos renews them every 12 hours, a
/// simulation does not live that long.
const SERVER_DAYS: u32 = 1;

/// A running lab: one HTTPS listener for each host, one gRPC listener for each
/// Talos node, all on ports of 127.0.0.1 that the system chose.
///
/// It stops when dropped. The credentials and certificates that
/// [`env`](Sim::env) names lie in a private temporary folder that goes with it.
///
/// ```
/// # use homelab_model::Inventory;
/// # use homelab_core::{Error, ErrorKind};
/// # let runtime = tokio::runtime::Runtime::new().unwrap();
/// # runtime.block_on(async {
/// use homelab_sim::{Sim, SimOptions};
///
/// let text = "
/// name: tiny
/// hosts:
///   - {name: pve1, address: 192.168.1.2, memory: 32GB}
/// clusters:
///   - name: home
///     nodes:
///       - {name: cp-1, role: control-plane, host: pve1, address: 192.168.1.50}
/// ";
/// let nothing = |path: &str| Err(Error::new(ErrorKind::NotFound, path));
/// let inventory = Inventory::parse("homelab.yaml", text, &nothing)?;
/// let sim = Sim::start(&inventory, SimOptions::default()).await?;
/// assert!(sim.proxmox_endpoint("pve1")?.starts_with("https://127.0.0.1:"));
/// sim.stop().await;
/// # Ok::<(), Error>(()) }).unwrap();
/// ```
pub struct Sim {
    shared: Shared,
    pve: PveCluster,
    pve_ca_pem: String,
    hosts: BTreeMap<String, SocketAddr>,
    nodes: BTreeMap<String, SocketAddr>,
    clusters: BTreeMap<String, TalosPki>,
    files: TempDir,
    env: BTreeMap<String, String>,
}

impl Sim {
    /// Starts a lab as the inventory describes it: every host up, every guest
    /// running, every Talos node ready. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// `Config` or `InvalidArgument` when the inventory cannot be a lab (an
    /// address that is none, a VMID used twice), `Io` when no port or no
    /// temporary folder can be had.
    pub async fn start(inventory: &Inventory, options: SimOptions) -> Result<Sim> {
        Sim::start_world(seed::from_inventory(inventory)?, options).await
    }

    /// Starts a lab that is described in the simulator's own terms.
    ///
    /// # Errors
    /// As [`start`](Sim::start).
    #[expect(
        clippy::unused_async,
        reason = "must run within a runtime, and may come to wait"
    )]
    pub async fn start_world(mut seed: WorldSeed, options: SimOptions) -> Result<Sim> {
        apply(&options, &mut seed);
        let world = World::new(&seed, options.clock.clone())?;
        let shared = Shared::new(world, options.latency);
        let now = shared.world.now();

        let cluster_id = shared
            .world
            .read(|state| crate::world::derive::uuid(state.seed, "pve/ca"));
        let pve_pki = PvePki::new(&cluster_id, now)?;
        let pve = PveCluster::new(
            shared.clone(),
            Accounts::standard(seed.seed),
            PveOptions::default(),
            &pve_pki,
        )?;
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
                valid: pki.server(&name, address, Validity::days(now, SERVER_DAYS))?,
                expired: pki.server(&name, address, Validity::expired(now))?,
            };
            let listener = Listener::bind(&name, &shared)?;
            nodes.insert(name.clone(), listener.address());
            talos::serve(listener, &name, tls, &director, &shared)?;
        }
        spawn_time(&shared);

        let files = tempfile::Builder::new()
            .prefix("homelab-sim-")
            .tempdir()
            .map_err(|e| Error::new(ErrorKind::Io, "cannot make a temporary folder").source(e))?;
        let mut sim = Sim {
            shared,
            pve,
            pve_ca_pem: pve_pki.ca_pem(),
            hosts,
            nodes,
            clusters,
            files,
            env: BTreeMap::new(),
        };
        sim.env = sim.write_env()?;
        Ok(sim)
    }

    /// The environment variables with which the SDK, and anything else that
    /// reads them, reaches this lab: Proxmox endpoints, token and CA,
    /// `TALOSCONFIG` and its context. Files that they name live as long as this.
    pub fn env(&self) -> BTreeMap<String, String> {
        self.env.clone()
    }

    /// The folder with the files that [`env`](Sim::env) names.
    pub fn files(&self) -> &Path {
        self.files.path()
    }

    /// A talosconfig with one context for each cluster; the first one is current.
    ///
    /// # Errors
    /// `Internal` when no certificate can be made.
    pub fn talosconfig(&self, certificate: &ClientCert) -> Result<String> {
        let now = self.shared.world.now();
        let validity = if certificate.expired {
            Validity::expired(now)
        } else {
            Validity::days(now, 365)
        };
        let roles: Vec<_> = certificate.roles.iter().map(String::as_str).collect();
        let names: Vec<_> = self
            .world()
            .read(|state| state.clusters.iter().map(|c| c.name.clone()).collect());
        let mut contexts = Vec::new();
        for name in names {
            let Some(pki) = self.clusters.get(&name) else {
                continue;
            };
            contexts.push(ClusterAccess {
                endpoints: self.endpoints_of(&name),
                nodes: self.world().read(|state| {
                    state
                        .nodes_of(&name)
                        .map(|n| n.address.to_string())
                        .collect()
                }),
                ca: pki.ca_pem(),
                client: pki.client(&roles, validity)?,
                name,
            });
        }
        Ok(access::talosconfig(&contexts))
    }

    /// `https://127.0.0.1:<port>` of a host.
    ///
    /// # Errors
    /// `NotFound` for an unknown host.
    pub fn proxmox_endpoint(&self, host: &str) -> Result<String> {
        Ok(format!("https://{}", known(&self.hosts, "host", host)?))
    }

    /// `127.0.0.1:<port>` of a Talos node.
    ///
    /// # Errors
    /// `NotFound` for an unknown node.
    pub fn talos_endpoint(&self, node: &str) -> Result<String> {
        Ok(known(&self.nodes, "node", node)?.to_string())
    }

    /// SHA-256 of a host's certificate, upper-case hex with colons.
    ///
    /// # Errors
    /// `NotFound` for an unknown host.
    pub fn fingerprint(&self, host: &str) -> Result<String> {
        known(&self.hosts, "host", host)?;
        let fingerprint = self.pve.fingerprint(host).map(str::to_owned);
        fingerprint.ok_or_else(|| Error::new(ErrorKind::NotFound, "no certificate").target(host))
    }

    /// The CA of the PVE cluster as PEM.
    pub fn proxmox_ca_pem(&self) -> String {
        self.pve_ca_pem.clone()
    }

    /// The password of a PVE user, such as `root@pam`, if there is one.
    pub fn proxmox_password(&self, user: &str) -> Option<String> {
        self.pve.accounts().password(user).map(str::to_owned)
    }

    /// A host loses power or its network: its guests go with it.
    ///
    /// # Errors
    /// `NotFound` for an unknown host.
    pub fn host_down(&self, host: &str, how: Down) -> Result<()> {
        self.world().host_down(host, how)
    }

    /// A host comes back and starts the guests that ran before.
    ///
    /// # Errors
    /// `NotFound` for an unknown host.
    pub fn host_up(&self, host: &str) -> Result<()> {
        self.world().host_up(host)
    }

    /// Powers a guest on; the Talos node in it boots.
    ///
    /// # Errors
    /// `NotFound` for an unknown VMID, `FailedPrecondition` when its host is
    /// down or it runs already.
    pub fn guest_start(&self, vmid: u32) -> Result<()> {
        self.world().guest_start(vmid)
    }

    /// Powers a guest off; the Talos node in it is gone at once.
    ///
    /// # Errors
    /// `NotFound` for an unknown VMID, `FailedPrecondition` when it is not running.
    pub fn guest_stop(&self, vmid: u32) -> Result<()> {
        self.world().guest_stop(vmid)
    }

    /// Makes something go wrong at a host or Talos node until
    /// [`clear_faults`](Sim::clear_faults).
    ///
    /// # Errors
    /// `NotFound` for a name that is neither.
    pub fn fault(&self, target: &str, fault: Fault) -> Result<()> {
        if !self.hosts.contains_key(target) {
            known(&self.nodes, "host or node", target)?;
        }
        self.shared.faults.add(target, fault);
        Ok(())
    }

    /// Everything that [`fault`](Sim::fault) broke works again.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// What the listeners saw since the start.
    pub fn stats(&self) -> Stats {
        self.shared.counters.snapshot()
    }

    /// The state behind both sides, to look at and to change.
    pub fn world(&self) -> &World {
        &self.shared.world
    }

    /// Names of the hosts and of the Talos nodes, with where they listen.
    pub fn listeners(&self) -> BTreeMap<String, SocketAddr> {
        self.hosts
            .iter()
            .chain(&self.nodes)
            .map(|(n, a)| (n.clone(), *a))
            .collect()
    }

    /// Ends the simulation: all connections close, all ports are free.
    pub async fn stop(self) {
        self.shared.stop.cancel();
        // Listeners and connections end at their next poll.
        let limit = Duration::from_secs(1);
        let closed = async {
            while self.stats().open_connections > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let _ = tokio::time::timeout(limit, closed).await;
    }

    /// Where the control planes of a cluster listen.
    fn endpoints_of(&self, cluster: &str) -> Vec<String> {
        let names: Vec<_> = self.world().read(|state| {
            let nodes = state.nodes_of(cluster).filter(|n| n.control_plane());
            nodes.map(|n| n.hostname.clone()).collect()
        });
        names
            .iter()
            .filter_map(|n| self.nodes.get(n))
            .map(SocketAddr::to_string)
            .collect()
    }

    fn write_env(&self) -> Result<BTreeMap<String, String>> {
        let talosconfig = self.talosconfig(&ClientCert::admin())?;
        let urls: Vec<_> = self
            .world()
            .read(host_names)
            .iter()
            .filter_map(|h| self.hosts.get(h))
            .map(|a| format!("https://{a}"))
            .collect();
        let mut env = BTreeMap::new();
        env.insert("HOMELAB_PROXMOX_ENDPOINTS".into(), urls.join(","));
        if let Some(token) = self.pve.accounts().token_text(access::TOKEN) {
            env.insert("HOMELAB_PROXMOX_TOKEN".into(), token);
        }
        let folder = self.files.path();
        let ca = access::write(folder, "pve-root-ca.pem", &self.pve_ca_pem)?;
        env.insert("HOMELAB_PROXMOX_CA".into(), ca);
        env.insert(
            "TALOSCONFIG".into(),
            access::write(folder, "talosconfig", &talosconfig)?,
        );
        let first = self
            .world()
            .read(|state| state.clusters.first().map(|c| c.name.clone()));
        if let Some(context) = first {
            env.insert("HOMELAB_TALOS_CONTEXT".into(), context);
        }
        Ok(env)
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim")
            .field("hosts", &self.hosts)
            .field("nodes", &self.nodes)
            .finish_non_exhaustive()
    }
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
    });
}

fn host_names(state: &State) -> Vec<String> {
    state.hosts.iter().map(|h| h.name.clone()).collect()
}

fn node_addresses(state: &State) -> Vec<(String, std::net::IpAddr, String)> {
    state
        .nodes
        .iter()
        .map(|n| (n.hostname.clone(), n.address, n.cluster.clone()))
        .collect()
}

fn known<'a, T>(all: &'a BTreeMap<String, T>, what: &str, name: &str) -> Result<&'a T> {
    all.get(name).ok_or_else(|| {
        let hint = nearest(name, all.keys().map(String::as_str))
            .map_or(String::new(), |n| format!("; did you mean {n}?"));
        Error::new(
            ErrorKind::NotFound,
            format!("the lab has no such {what}{hint}"),
        )
        .target(name)
    })
}

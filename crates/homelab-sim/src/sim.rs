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
use crate::clock::SimClock;
use crate::options::{ClientCert, SimOptions};
use crate::pki::{TalosPki, Validity};
use crate::start::{self, Parts, host_names};
use crate::stats::Stats;
use crate::world::{Down, World, WorldSeed};
use crate::{Fault, seed};

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
    pub(crate) parts: Parts,
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
    pub async fn start_world(seed: WorldSeed, options: SimOptions) -> Result<Sim> {
        let parts = start::start(seed, &options)?;
        let files = tempfile::Builder::new()
            .prefix("homelab-sim-")
            .tempdir()
            .map_err(|e| Error::new(ErrorKind::Io, "cannot make a temporary folder").source(e))?;
        let mut sim = Sim {
            parts,
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
        let now = self.parts.shared.world.now();
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
            let Ok((crt, key)) = self.talos_ca(&name) else {
                continue;
            };
            let pki = TalosPki::from_pem(&crt, &key)?;
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

    /// The CA of a Talos cluster's API: certificate and key as PEM, as a secrets
    /// bundle of the cluster holds them.
    ///
    /// # Errors
    /// `NotFound` for an unknown cluster.
    pub fn talos_ca(&self, cluster: &str) -> Result<(String, String)> {
        let ca = self
            .world()
            .read(|state| state.cluster(cluster).map(|c| c.ca.clone()));
        match ca {
            Some(Some(ca)) => {
                let key = ca.key.ok_or_else(|| {
                    let message = "no control plane node has brought the key of the CA yet";
                    Error::new(ErrorKind::FailedPrecondition, message).target(cluster)
                })?;
                Ok((ca.crt, key))
            }
            _ => Err(Error::new(ErrorKind::NotFound, "no such cluster").target(cluster)),
        }
    }

    /// `https://127.0.0.1:<port>` of a host.
    ///
    /// # Errors
    /// `NotFound` for an unknown host.
    pub fn proxmox_endpoint(&self, host: &str) -> Result<String> {
        Ok(format!(
            "https://{}",
            known(&self.parts.hosts, "host", host)?
        ))
    }

    /// `127.0.0.1:<port>` of a Talos node.
    ///
    /// # Errors
    /// `NotFound` for an unknown node.
    pub fn talos_endpoint(&self, node: &str) -> Result<String> {
        Ok(known(&self.parts.nodes.all(), "node", node)?.to_string())
    }

    /// SHA-256 of a host's certificate, upper-case hex with colons.
    ///
    /// # Errors
    /// `NotFound` for an unknown host.
    pub fn fingerprint(&self, host: &str) -> Result<String> {
        known(&self.parts.hosts, "host", host)?;
        let fingerprint = self.parts.pve.fingerprint(host).map(str::to_owned);
        fingerprint.ok_or_else(|| Error::new(ErrorKind::NotFound, "no certificate").target(host))
    }

    /// The CA of the PVE cluster as PEM.
    pub fn proxmox_ca_pem(&self) -> String {
        self.parts.pve_ca_pem.clone()
    }

    /// The password of a PVE user, such as `root@pam`, if there is one.
    pub fn proxmox_password(&self, user: &str) -> Option<String> {
        self.parts.pve.accounts().password(user)
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
        if !self.parts.hosts.contains_key(target) {
            known(&self.parts.nodes.all(), "host or node", target)?;
        }
        self.parts.shared.faults.add(target, fault);
        Ok(())
    }

    /// Everything that [`fault`](Sim::fault) broke works again.
    pub fn clear_faults(&self) {
        self.parts.shared.faults.clear();
    }

    /// What the listeners saw since the start.
    pub fn stats(&self) -> Stats {
        self.parts.shared.counters.snapshot()
    }

    /// The state behind both sides, to look at and to change.
    pub fn world(&self) -> &World {
        &self.parts.shared.world
    }

    /// The lab's clock: to pause it, to change its pace, or to give to a client
    /// that is to live in the lab's time.
    pub fn clock(&self) -> &SimClock {
        self.world().clock()
    }

    /// Moves the lab's time on. What falls due meanwhile (boots, ends of
    /// tasks, elections) has happened, in order, when this returns. For a
    /// [paused](SimClock::paused) clock; a running one jumps.
    ///
    /// ```
    /// # use homelab_model::Inventory;
    /// # use homelab_core::{Clock, Error, ErrorKind};
    /// # let runtime = tokio::runtime::Runtime::new().unwrap();
    /// # runtime.block_on(async {
    /// use std::time::Duration;
    /// use homelab_sim::{Sim, SimClock, SimOptions};
    ///
    /// # let text = "{name: tiny, hosts: [{name: pve1, address: 192.168.1.2, memory: 32GB}]}";
    /// # let nothing = |path: &str| Err(Error::new(ErrorKind::NotFound, path));
    /// # let inventory = Inventory::parse("homelab.yaml", text, &nothing)?;
    /// let sim = Sim::start(&inventory, SimOptions::default().clock(SimClock::paused())).await?;
    /// let before = sim.clock().now();
    /// sim.advance(Duration::from_secs(3600));
    /// assert_eq!(sim.clock().now(), before + Duration::from_secs(3600));
    /// # Ok::<(), Error>(()) }).unwrap();
    /// ```
    pub fn advance(&self, duration: Duration) {
        self.world().advance(duration);
    }

    /// Names of the hosts and of the Talos nodes, with where they listen.
    pub fn listeners(&self) -> BTreeMap<String, SocketAddr> {
        let mut all = self.parts.nodes.all();
        all.extend(self.parts.hosts.iter().map(|(n, a)| (n.clone(), *a)));
        all
    }

    /// Ends the simulation: all connections close, all ports are free.
    pub async fn stop(self) {
        self.parts.shared.stop.cancel();
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
            nodes.map(|n| n.name.clone()).collect()
        });
        names
            .iter()
            .filter_map(|n| self.parts.nodes.address(n))
            .map(|address| address.to_string())
            .collect()
    }

    fn write_env(&self) -> Result<BTreeMap<String, String>> {
        let talosconfig = self.talosconfig(&ClientCert::admin())?;
        let urls: Vec<_> = self
            .world()
            .read(host_names)
            .iter()
            .filter_map(|h| self.parts.hosts.get(h))
            .map(|a| format!("https://{a}"))
            .collect();
        let mut env = BTreeMap::new();
        env.insert("HOMELAB_PROXMOX_ENDPOINTS".into(), urls.join(","));
        if let Some(token) = self.parts.pve.accounts().token_text(access::TOKEN) {
            env.insert("HOMELAB_PROXMOX_TOKEN".into(), token);
        }
        let folder = self.files.path();
        let ca = access::write(folder, "pve-root-ca.pem", &self.parts.pve_ca_pem)?;
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

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim")
            .field("hosts", &self.parts.hosts)
            .field("nodes", &self.parts.nodes.all())
            .finish_non_exhaustive()
    }
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

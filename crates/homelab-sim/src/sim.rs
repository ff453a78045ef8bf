//! The simulation as a whole: starts it, says how to reach it, breaks it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result, nearest};
use homelab_model::Inventory;
use tempfile::TempDir;

use crate::access::{self, ClusterAccess};
use crate::clock::SimClock;
use crate::control::Control;
use crate::keep::LAB;
use crate::log::Draft;
use crate::options::{ClientCert, SimOptions};
use crate::pki::{TalosPki, Validity};
use crate::start::{self, Origin, Parts, host_names};
use crate::state_dir::{self, StateDir};
use crate::world::{World, WorldSeed};
use crate::{placement, seed};

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
    files: Files,
    env: BTreeMap<String, String>,
    control: Option<ControlAccess>,
    warnings: Vec<String>,
}

/// Where a lab keeps the files that clients need.
#[derive(Debug)]
enum Files {
    /// In a folder that goes with it.
    Passing(TempDir),
    /// In its own folder.
    Kept(StateDir),
}

impl Files {
    fn folder(&self) -> &Path {
        match self {
            Files::Passing(folder) => folder.path(),
            Files::Kept(state) => state.folder(),
        }
    }
}

/// How to reach the control endpoint.
#[derive(Clone)]
pub struct ControlAccess {
    /// `http://127.0.0.1:<port>`; docs/simulator.md lists the calls.
    pub url: String,
    /// Goes into the header `Authorization: Bearer …` of every call.
    pub token: String,
}

impl ControlAccess {
    /// As environment variables: `HOMELAB_SIM_CONTROL`, `HOMELAB_SIM_TOKEN`.
    pub fn env(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("HOMELAB_SIM_CONTROL".to_owned(), self.url.clone()),
            ("HOMELAB_SIM_TOKEN".to_owned(), self.token.clone()),
        ])
    }
}

impl fmt::Debug for ControlAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlAccess")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Sim {
    /// Starts a lab as the inventory describes it: every host up, every guest
    /// running, every Talos node ready. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// `Config` or `InvalidArgument` when the inventory cannot be a lab (an
    /// address that is none, a VMID used twice, a guest on a host that has not
    /// its disk's pool or its device), `Io` when no port or no
    /// temporary folder can be had.
    pub async fn start(inventory: &Inventory, options: SimOptions) -> Result<Sim> {
        let warnings = placement::check(inventory)?;
        let mut sim = Sim::start_world(seed::from_inventory(inventory)?, options).await?;
        for warning in &warnings {
            let entry = Draft::new(LAB, "lab.warning").with("text", warning);
            sim.world().log().write(sim.world().now(), entry);
        }
        sim.warnings = warnings;
        Ok(sim)
    }

    /// What is unwise about the lab, each in a sentence with file and line:
    /// hosts whose guests want more memory than there is. The log tells it as
    /// well, as `lab.warning`.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Starts a lab as an inventory file describes it, with what the file names.
    ///
    /// # Errors
    /// `Config` with file and line when it is no inventory, `Io` or `NotFound`
    /// when it cannot be read; those of [`start`](Sim::start).
    pub async fn start_file(path: impl AsRef<Path>, options: SimOptions) -> Result<Sim> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))
        };
        let inventory = Inventory::parse(&path.to_string_lossy(), &text, &read)?;
        Sim::start(&inventory, options).await
    }

    /// Starts a lab that is described in the simulator's own terms.
    ///
    /// # Errors
    /// As [`start`](Sim::start).
    pub async fn start_world(seed: WorldSeed, options: SimOptions) -> Result<Sim> {
        Sim::begin(Some(seed), options).await
    }

    /// Goes on with a lab that was saved: by [`save`](Sim::save), or because
    /// it was started with [`SimOptions::state`]. It is kept in the same folder
    /// from then on. Seed and sizes among the options count no more.
    ///
    /// # Errors
    /// `NotFound` when the folder holds no lab, `Unsupported` for one of
    /// another version, `Corrupt` for half a one, `FailedPrecondition` when
    /// another simulator runs it; each names the file.
    pub async fn load(folder: impl Into<PathBuf>, options: SimOptions) -> Result<Sim> {
        Sim::begin(None, options.state(folder)).await
    }

    /// Whether a folder holds a saved lab.
    pub fn saved_in(folder: &Path) -> bool {
        state_dir::holds_lab(folder)
    }

    #[expect(
        clippy::unused_async,
        reason = "must run within a runtime, and may come to wait"
    )]
    async fn begin(seed: Option<WorldSeed>, options: SimOptions) -> Result<Sim> {
        let state = options.state.as_deref();
        let (files, saved) = if let Some(folder) = state {
            if seed.is_none() && !state_dir::holds_lab(folder) {
                let message = format!("{}: there is no saved lab", folder.display());
                return Err(Error::new(ErrorKind::NotFound, message));
            }
            let state = StateDir::take(folder)?;
            let saved = state.load()?;
            (Files::Kept(state), saved)
        } else {
            let folder = tempfile::Builder::new().prefix("homelab-sim-").tempdir();
            let folder = folder.map_err(|e| {
                Error::new(ErrorKind::Io, "cannot make a temporary folder").source(e)
            })?;
            (Files::Passing(folder), None)
        };
        let origin = match (saved, seed) {
            (Some(saved), _) => Origin::Saved(Box::new(saved)),
            (None, Some(seed)) => Origin::Seed(Box::new(seed)),
            (None, None) => {
                return Err(Error::new(ErrorKind::NotFound, "there is no saved lab"));
            }
        };
        let parts = start::start(origin, &options)?;
        let mut sim = Sim {
            parts,
            files,
            env: BTreeMap::new(),
            control: None,
            warnings: Vec::new(),
        };
        sim.env = sim.write_env()?;
        if let Files::Kept(state) = &sim.files {
            sim.parts.keeper.save(state.folder())?;
            let keeper = sim.parts.keeper.clone();
            tokio::spawn(keeper.keep(state.folder().to_owned()));
        }
        if let Some(port) = options.control {
            let control = Control::bind(port)?;
            sim.control = Some(ControlAccess {
                url: control.url(),
                token: control.token().to_owned(),
            });
            let keeper = sim.parts.keeper.clone();
            tokio::spawn(control.serve(keeper, sim.env(), sim.listeners()));
        }
        Ok(sim)
    }

    /// Writes the lab as it is into a folder, from where [`load`](Sim::load)
    /// goes on with it. Tasks that run end with the saved lab as those of a
    /// host that lost power.
    ///
    /// ```
    /// # use homelab_model::Inventory;
    /// # use homelab_core::{Error, ErrorKind};
    /// # let runtime = tokio::runtime::Runtime::new().unwrap();
    /// # runtime.block_on(async {
    /// use homelab_sim::{Sim, SimOptions};
    ///
    /// # let text = "{name: tiny, hosts: [{name: pve1, address: 192.168.1.2, memory: 32GB}]}";
    /// # let nothing = |path: &str| Err(Error::new(ErrorKind::NotFound, path));
    /// # let inventory = Inventory::parse("homelab.yaml", text, &nothing)?;
    /// let folder = tempfile::tempdir().unwrap();
    /// let sim = Sim::start(&inventory, SimOptions::default()).await?;
    /// let fingerprint = sim.fingerprint("pve1")?;
    /// sim.save(folder.path())?;
    /// sim.stop().await;
    /// let again = Sim::load(folder.path(), SimOptions::default()).await?;
    /// assert_eq!(again.fingerprint("pve1")?, fingerprint);
    /// # again.stop().await;
    /// # Ok::<(), Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// `Io` when it cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        self.parts.keeper.save(folder)
    }

    /// Why the lab could not be written into its folder
    /// ([`SimOptions::state`]) the last time that it changed; nothing when all
    /// is well. The log tells as well: `state.failed`, later `state.saved`.
    pub fn state_error(&self) -> Option<String> {
        self.parts.keeper.health.error()
    }

    /// How to reach the control endpoint, if it was asked for with
    /// [`SimOptions::control`].
    pub fn control(&self) -> Option<&ControlAccess> {
        self.control.as_ref()
    }

    /// The environment variables with which the SDK, and anything else that
    /// reads them, reaches this lab: Proxmox endpoints, token and CA,
    /// `TALOSCONFIG` and its context. Files that they name live as long as this.
    pub fn env(&self) -> BTreeMap<String, String> {
        self.env.clone()
    }

    /// The folder with the files that [`env`](Sim::env) names.
    pub fn files(&self) -> &Path {
        self.files.folder()
    }

    /// A talosconfig with one context for each cluster; the first one is current.
    ///
    /// # Errors
    /// `Internal` when no certificate can be made.
    pub fn talosconfig(&self, certificate: &ClientCert) -> Result<String> {
        let now = self.parts.keeper.shared.world.now();
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
        let fingerprint = self.parts.keeper.pve.fingerprint(host).map(str::to_owned);
        fingerprint.ok_or_else(|| Error::new(ErrorKind::NotFound, "no certificate").target(host))
    }

    /// The CA of the PVE cluster as PEM.
    pub fn proxmox_ca_pem(&self) -> String {
        self.parts.keeper.pve_pki.ca_pem()
    }

    /// The password of a PVE user, such as `root@pam`, if there is one.
    pub fn proxmox_password(&self, user: &str) -> Option<String> {
        self.parts.keeper.pve.accounts().password(user)
    }

    /// The state behind both sides, to look at and to change.
    pub fn world(&self) -> &World {
        &self.parts.keeper.shared.world
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
    ///
    /// A lab with a folder of its own ([`SimOptions::state`]) is written there
    /// once more; a folder that cannot be written to keeps what it had, see
    /// [`state_error`](Sim::state_error) for how to know before.
    pub async fn stop(self) {
        if let Files::Kept(state) = &self.files {
            // Written down in the log, if it fails.
            let _ = self.parts.keeper.save_kept(state.folder());
        }
        self.parts.keeper.shared.stop.cancel();
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
        if let Some(token) = self.parts.keeper.pve.accounts().token_text(access::TOKEN) {
            env.insert("HOMELAB_PROXMOX_TOKEN".into(), token);
        }
        let folder = self.files.folder();
        let ca = access::write(folder, "pve-root-ca.pem", &self.proxmox_ca_pem())?;
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
        let lines: Vec<_> = env.iter().map(access::export).collect();
        access::write(folder, "env", &lines.concat())?;
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

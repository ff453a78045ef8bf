//! What a Talos guest shall be.

use std::fmt;
use std::time::Duration;

use homelab_core::SecretString;

use crate::CidataIso;

const GIB: u64 = 1 << 30;

/// A Talos guest to be made. What is not said is what suits Talos on Proxmox
/// VE: machine `q35` with UEFI, 2 cores of `x86-64-v2-AES`, 4 GiB without
/// ballooning, a 20 GiB disk on `virtio-scsi-single` with its own thread and
/// discard, a virtio card on `vmbr0`, a serial console, the guest agent, tag
/// `talos`.
///
/// ```no_run
/// # async fn example(pve: proxmox_client::ProxmoxClient) -> homelab_core::Result<()> {
/// use proxmox_client::TalosGuest;
///
/// let guest = TalosGuest::new("pve1", "talos-cp-1", "local-lvm")
///     .vmid(101)
///     .cores(4)
///     .memory_gib(8)
///     .config(std::fs::read_to_string("controlplane.yaml").unwrap(), "local");
/// let made = guest.from_image(&pve, "local:import/nocloud-amd64.qcow2", |p| {
///     eprintln!("{} {}", p.step, p.message);
/// }).await?;
/// println!("{} {:?}", made.vmid, made.uuid);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct TalosGuest {
    pub(super) node: String,
    pub(super) name: String,
    pub(super) disk_storage: String,
    pub(super) vmid: Option<u32>,
    pub(super) cores: u32,
    pub(super) cpu: String,
    pub(super) memory_bytes: u64,
    pub(super) disk_bytes: u64,
    pub(super) bridge: String,
    pub(super) vlan: Option<u32>,
    pub(super) mac: Option<String>,
    pub(super) secure_boot: bool,
    pub(super) tpm: bool,
    pub(super) tags: Vec<String>,
    pub(super) pool: Option<String>,
    pub(super) start_on_boot: bool,
    pub(super) start: bool,
    pub(super) linked_clone: bool,
    pub(super) config: Option<Config>,
    pub(super) network_config: Option<String>,
    pub(super) extra: Vec<(String, String)>,
    pub(super) timeout: Duration,
}

/// A machine configuration, and the storage for the disc that carries it.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) machine: SecretString,
    pub(super) iso_storage: String,
}

impl TalosGuest {
    /// A guest `name` on `node` with its disks on `disk_storage`.
    pub fn new(
        node: impl Into<String>,
        name: impl Into<String>,
        disk_storage: impl Into<String>,
    ) -> Self {
        TalosGuest {
            node: node.into(),
            name: name.into(),
            disk_storage: disk_storage.into(),
            vmid: None,
            cores: 2,
            cpu: "x86-64-v2-AES".into(),
            memory_bytes: 4 * GIB,
            disk_bytes: 20 * GIB,
            bridge: "vmbr0".into(),
            vlan: None,
            mac: None,
            secure_boot: false,
            tpm: false,
            tags: vec!["talos".into()],
            pool: None,
            start_on_boot: true,
            start: true,
            linked_clone: false,
            config: None,
            network_config: None,
            extra: Vec::new(),
            timeout: Duration::from_secs(1800),
        }
    }

    /// Its id. With it, making the guest again finds the one that is there;
    /// without, one of this name and tags is looked for, then a free id taken.
    pub fn vmid(mut self, vmid: u32) -> Self {
        self.vmid = Some(vmid);
        self
    }

    /// How many cores; 2 unless set.
    pub fn cores(mut self, cores: u32) -> Self {
        self.cores = cores;
        self
    }

    /// The CPU model: `x86-64-v2-AES` unless set, which every host since 2013
    /// has and which lets guests migrate; `host` is fastest on equal hosts.
    pub fn cpu(mut self, model: impl Into<String>) -> Self {
        self.cpu = model.into();
        self
    }

    /// How much memory; 4 GiB unless set. Whole mebibytes.
    pub fn memory_bytes(mut self, bytes: u64) -> Self {
        self.memory_bytes = bytes;
        self
    }

    /// How much memory, in GiB.
    pub fn memory_gib(self, gib: u64) -> Self {
        self.memory_bytes(gib.saturating_mul(GIB))
    }

    /// The size of its disk; 20 GiB unless set. An image or template is
    /// enlarged to it. Whole gibibytes.
    pub fn disk_bytes(mut self, bytes: u64) -> Self {
        self.disk_bytes = bytes;
        self
    }

    /// The size of its disk, in GiB.
    pub fn disk_gib(self, gib: u64) -> Self {
        self.disk_bytes(gib.saturating_mul(GIB))
    }

    /// The bridge of its network card; `vmbr0` unless set.
    pub fn bridge(mut self, bridge: impl Into<String>) -> Self {
        self.bridge = bridge.into();
        self
    }

    /// The VLAN of its network card.
    pub fn vlan(mut self, vlan: u32) -> Self {
        self.vlan = Some(vlan);
        self
    }

    /// The MAC address of its network card; the server makes one unless set.
    pub fn mac(mut self, mac: impl Into<String>) -> Self {
        self.mac = Some(mac.into());
        self
    }

    /// For Talos' Secure Boot images: firmware with no keys enrolled, so that
    /// Talos enrols its own, and a TPM.
    pub fn secure_boot(mut self, on: bool) -> Self {
        self.secure_boot = on;
        self
    }

    /// Adds a TPM 2.0, for disks that are encrypted with it.
    pub fn tpm(mut self, on: bool) -> Self {
        self.tpm = on;
        self
    }

    /// Its tags; `talos` unless set. By them and its name it is known again.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// Puts it into this pool.
    pub fn pool(mut self, pool: impl Into<String>) -> Self {
        self.pool = Some(pool.into());
        self
    }

    /// Whether it starts with its host; it does unless told otherwise.
    pub fn start_on_boot(mut self, on: bool) -> Self {
        self.start_on_boot = on;
        self
    }

    /// Whether it is started once it is made; it is unless told otherwise.
    pub fn start(mut self, on: bool) -> Self {
        self.start = on;
        self
    }

    /// Makes a linked clone of a template: at once there, but tied to it.
    pub fn linked_clone(mut self, on: bool) -> Self {
        self.linked_clone = on;
        self
    }

    /// Hands it its machine configuration by a small disc with the label
    /// `cidata`, kept on `iso_storage`. For images of platform `nocloud`; the
    /// platform `metal` does not look for it.
    ///
    /// The disc holds the cluster's secrets for as long as it is there.
    pub fn config(
        mut self,
        machine: impl Into<SecretString>,
        iso_storage: impl Into<String>,
    ) -> Self {
        self.config = Some(Config {
            machine: machine.into(),
            iso_storage: iso_storage.into(),
        });
        self
    }

    /// Adds `network-config` to that disc: addresses that the guest has before
    /// it reads its configuration.
    pub fn network_config(mut self, yaml: impl Into<String>) -> Self {
        self.network_config = Some(yaml.into());
        self
    }

    /// Sets any other key of its configuration, in the server's words; it wins
    /// over what is set here: `("hostpci0", "mapping=gpu,pcie=1")`.
    pub fn set(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.extra.push((key.into(), value.into()));
        self
    }

    /// How long each of its tasks may take; half an hour unless set.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// The disc, if there is one to be made.
    pub(super) fn disc(&self, vmid: u32) -> Option<CidataIso> {
        let config = self.config.as_ref()?;
        let disc = CidataIso::new(format!("talos-{vmid}"), config.machine.clone());
        let disc = disc.hostname(self.name.clone());
        Some(match &self.network_config {
            Some(yaml) => disc.network_config(yaml.clone()),
            None => disc,
        })
    }
}

impl fmt::Debug for TalosGuest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TalosGuest")
            .field("node", &self.node)
            .field("name", &self.name)
            .field("vmid", &self.vmid)
            .finish_non_exhaustive()
    }
}

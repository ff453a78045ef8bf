//! Backups: made by `vzdump`, restored into guests.

use homelab_core::{Error, ErrorKind, Result, Sent};
use proxmox_endpoints::params::{Params, Rule, segment};
use proxmox_endpoints::{Method, Upid};
use serde::Deserialize;

use crate::task::ByHand;
use crate::{DataLoss, Node, Task};

const BACKUP: &str = "POST /nodes/{node}/vzdump";
const RESTORE_QEMU: &str = "POST /nodes/{node}/qemu";
const RESTORE_LXC: &str = "POST /nodes/{node}/lxc";

/// How a running guest is treated while it is backed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackupMode {
    /// It goes on; the shortest interruption.
    #[default]
    Snapshot,
    /// It is held for a while.
    Suspend,
    /// It is shut down, backed up from its start on, and started anew.
    Stop,
}

/// How a backup is packed. Ignored by a Proxmox Backup Server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackupCompression {
    /// Not at all.
    None,
    /// Fast and small.
    #[default]
    Zstd,
    /// Slow, read everywhere.
    Gzip,
    /// Fast and large.
    Lzo,
}

/// How to back up.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct BackupOptions {
    /// Where to; the node's own default unless set.
    pub storage: Option<String>,
    /// How a running guest is treated.
    pub mode: BackupMode,
    /// How it is packed.
    pub compression: BackupCompression,
    /// Protects it from being removed by hand or by pruning.
    pub protected: bool,
    /// Notes, with `{{guestname}}`, `{{vmid}}`, `{{node}}`, `{{cluster}}` filled in.
    pub notes_template: Option<String>,
    /// Which older ones are kept, such as `keep-last=3`. Without it none is removed.
    prune: Option<String>,
    /// At most so many KiB a second.
    pub bandwidth_kib: Option<u32>,
}

impl BackupOptions {
    /// Says where to.
    #[must_use]
    pub fn storage(mut self, storage: impl Into<String>) -> Self {
        self.storage = Some(storage.into());
        self
    }

    /// Says how a running guest is treated.
    #[must_use]
    pub fn mode(mut self, mode: BackupMode) -> Self {
        self.mode = mode;
        self
    }

    /// Says how it is packed.
    #[must_use]
    pub fn compression(mut self, compression: BackupCompression) -> Self {
        self.compression = compression;
        self
    }

    /// Protects it from being removed.
    #[must_use]
    pub fn protected(mut self, protected: bool) -> Self {
        self.protected = protected;
        self
    }

    /// Notes, with placeholders.
    #[must_use]
    pub fn notes_template(mut self, notes: impl Into<String>) -> Self {
        self.notes_template = Some(notes.into());
        self
    }

    /// Removes older ones but these: `keep-last=3`.
    #[must_use]
    pub fn prune(mut self, keep: impl Into<String>, _loss: DataLoss) -> Self {
        self.prune = Some(keep.into());
        self
    }

    /// At most so many KiB a second.
    #[must_use]
    pub fn bandwidth_kib(mut self, kib: u32) -> Self {
        self.bandwidth_kib = Some(kib);
        self
    }
}

/// How to restore.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the server's own"
)]
pub struct RestoreOptions {
    /// Where its disks go; where they were unless set.
    pub storage: Option<String>,
    /// Replaces a guest that has the id. Its disks are lost.
    pub replace: Option<DataLoss>,
    /// Gives it new MAC addresses and a new UUID, for a second copy.
    pub unique: bool,
    /// Starts it afterwards.
    pub start: bool,
    /// Starts it at once and restores meanwhile (virtual machines, from a
    /// Proxmox Backup Server).
    pub live: bool,
    /// Puts it into this pool.
    pub pool: Option<String>,
    /// At most so many KiB a second.
    pub bandwidth_kib: Option<u32>,
}

impl RestoreOptions {
    /// Says where its disks go.
    #[must_use]
    pub fn storage(mut self, storage: impl Into<String>) -> Self {
        self.storage = Some(storage.into());
        self
    }

    /// Replaces a guest that has the id. Its disks are lost.
    #[must_use]
    pub fn replace(mut self, loss: DataLoss) -> Self {
        self.replace = Some(loss);
        self
    }

    /// Gives it new MAC addresses and a new UUID.
    #[must_use]
    pub fn unique(mut self, unique: bool) -> Self {
        self.unique = unique;
        self
    }

    /// Starts it afterwards.
    #[must_use]
    pub fn start(mut self, start: bool) -> Self {
        self.start = start;
        self
    }

    /// Starts it at once and restores meanwhile.
    #[must_use]
    pub fn live(mut self, live: bool) -> Self {
        self.live = live;
        self
    }

    /// Puts it into this pool.
    #[must_use]
    pub fn pool(mut self, pool: impl Into<String>) -> Self {
        self.pool = Some(pool.into());
        self
    }

    /// At most so many KiB a second.
    #[must_use]
    pub fn bandwidth_kib(mut self, kib: u32) -> Self {
        self.bandwidth_kib = Some(kib);
        self
    }

    fn params(&self, vmid: u32) -> Params {
        let mut params = Params::new();
        params.push("vmid", vmid.to_string());
        let words = [("storage", &self.storage), ("pool", &self.pool)];
        for (name, word) in words {
            if let Some(word) = word {
                params.push(name, word.as_str());
            }
        }
        let flags = [
            ("force", self.replace.is_some()),
            ("unique", self.unique),
            ("start", self.start),
        ];
        for (name, set) in flags {
            if set {
                params.push(name, "1");
            }
        }
        if let Some(kib) = self.bandwidth_kib {
            params.push("bwlimit", kib.to_string());
        }
        params
    }
}

impl Node {
    /// Backs up guests of this node, one after the other, in one task. `None`
    /// when none of them is on this node: there is nothing to do then.
    ///
    /// # Errors
    /// `InvalidArgument`: no guests, an id out of range; otherwise see
    /// [`ProxmoxClient::send`](crate::ProxmoxClient::send). That a guest could
    /// not be backed up is the failure of the task.
    pub async fn backup(&self, vmids: &[u32], options: &BackupOptions) -> Result<Option<Task>> {
        let named = |e: Error| e.operation(BACKUP);
        let base = self.base(BACKUP)?;
        if vmids.is_empty() {
            return Err(named(Error::new(
                ErrorKind::InvalidArgument,
                "parameter vmid: there is no guest to back up",
            )));
        }
        for vmid in vmids {
            check_vmid(*vmid).map_err(named)?;
        }
        let list: Vec<_> = vmids.iter().map(u32::to_string).collect();
        let mut params = Params::new();
        params.push("vmid", list.join(","));
        params.push(
            "mode",
            match options.mode {
                BackupMode::Snapshot => "snapshot",
                BackupMode::Suspend => "suspend",
                BackupMode::Stop => "stop",
            },
        );
        params.push(
            "compress",
            match options.compression {
                BackupCompression::None => "0",
                BackupCompression::Zstd => "zstd",
                BackupCompression::Gzip => "gzip",
                BackupCompression::Lzo => "lzo",
            },
        );
        let words = [
            ("storage", &options.storage),
            ("notes-template", &options.notes_template),
            ("prune-backups", &options.prune),
        ];
        for (name, word) in words {
            if let Some(word) = word {
                params.push(name, word.as_str());
            }
        }
        // Removing others takes the word.
        if options.prune.is_none() {
            params.push("remove", "0");
        }
        if options.protected {
            params.push("protected", "1");
        }
        if let Some(kib) = options.bandwidth_kib {
            params.push("bwlimit", kib.to_string());
        }
        let path = format!("{base}/vzdump");
        let answer: String = self
            .client()
            .call(BACKUP, Method::Post, &path, &params)
            .await?;
        // Where none of the guests is on the node it just says so.
        if answer == "OK" {
            return Ok(None);
        }
        let upid: Upid = answer
            .parse()
            .map_err(|e: Error| named(e).sent(Sent::Yes))?;
        Ok(Some(self.client().task(upid)))
    }

    /// Restores a virtual machine from a backup: `archive` is the volume
    /// (`local:backup/vzdump-qemu-100-….vma.zst`).
    ///
    /// # Errors
    /// * `AlreadyExists`: a guest has the id, and `replace` is not set.
    /// * `FailedPrecondition`: the guest to be replaced runs.
    /// * otherwise see [`ProxmoxClient::send`](crate::ProxmoxClient::send).
    pub async fn restore_qemu(
        &self,
        vmid: u32,
        archive: &str,
        options: &RestoreOptions,
    ) -> Result<Task> {
        let base = self.base(RESTORE_QEMU)?;
        check_vmid(vmid).map_err(|e| e.operation(RESTORE_QEMU))?;
        let mut params = options.params(vmid);
        params.push("archive", archive);
        if options.live {
            params.push("live-restore", "1");
        }
        let path = format!("{base}/qemu");
        let client = self.client();
        client.begin(ByHand::post(RESTORE_QEMU, path, params)).await
    }

    /// Restores a container from a backup.
    ///
    /// # Errors
    /// As [`restore_qemu`](Node::restore_qemu); `InvalidArgument` for `live`,
    /// which only virtual machines have.
    pub async fn restore_lxc(
        &self,
        vmid: u32,
        archive: &str,
        options: &RestoreOptions,
    ) -> Result<Task> {
        let named = |e: Error| e.operation(RESTORE_LXC);
        let base = self.base(RESTORE_LXC)?;
        check_vmid(vmid).map_err(named)?;
        if options.live {
            return Err(named(Error::new(
                ErrorKind::InvalidArgument,
                "a container cannot be started while it is restored",
            )));
        }
        let mut params = options.params(vmid);
        params.push("restore", "1");
        params.push("ostemplate", archive);
        let path = format!("{base}/lxc");
        let client = self.client();
        client.begin(ByHand::post(RESTORE_LXC, path, params)).await
    }

    /// The node's own path.
    pub(crate) fn base(&self, operation: &'static str) -> Result<String> {
        let name = self.name().to_owned();
        Params::check_path("node", &name, Rule::Node).map_err(|e: Error| e.operation(operation))?;
        Ok(format!("/nodes/{}", segment(&name)))
    }
}

pub(crate) fn check_vmid(vmid: u32) -> Result<()> {
    Params::check_path("vmid", &vmid, Rule::Range(100.0, 999_999_999.0))
}

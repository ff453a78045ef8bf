//! Storages of the PVE cluster.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::Guest;

/// A file on a storage that is no guest's disk: an ISO image, a container
/// template, a disk image to import, a backup.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Volume {
    /// Its name on the storage, such as `iso/talos.iso`.
    pub name: String,
    /// The host it lies on, where the storage is not shared.
    pub host: String,
    /// `iso`, `vztmpl`, `import`, `backup` or `snippets`.
    pub content: String,
    /// Its format, such as `iso`, `qcow2`, `vma.zst`.
    pub format: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// When it was made.
    pub created_at: SystemTime,
    /// What somebody wrote about it.
    pub notes: Option<String>,
    /// Whether it may not be removed.
    pub protected: bool,
    /// The guest as it was, in a backup.
    pub guest: Option<Box<Guest>>,
    /// Its checksums, as far as anybody computed them, by algorithm.
    pub checksums: BTreeMap<String, String>,
}

/// A storage as `/storage` and `/nodes/{node}/storage` know it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Storage {
    /// Its id, such as `vm-storage`.
    pub id: String,
    /// Its type, such as `rbd`, `dir`, `nfs`.
    pub kind: String,
    /// What it may hold, such as `images`, `rootdir`.
    pub content: Vec<String>,
    /// Whether all hosts see the same content.
    pub shared: bool,
    /// The hosts that have it; empty means all.
    pub hosts: Vec<String>,
    /// The Ceph pool behind it, for `rbd`.
    pub pool: Option<String>,
    /// The server behind it, for `nfs` and `pbs`.
    pub server: Option<String>,
    /// Size in bytes.
    pub total_bytes: u64,
    /// Bytes in use.
    pub used_bytes: u64,
    /// Files that are no guest's disk.
    pub volumes: Vec<Volume>,
    /// Further keys of its definition, verbatim.
    pub options: BTreeMap<String, String>,
}

impl Storage {
    /// Whether `host` has this storage.
    pub fn on_host(&self, host: &str) -> bool {
        self.hosts.is_empty() || self.hosts.iter().any(|h| h == host)
    }

    /// Whether it keeps files, in which a volume has a folder and a suffix.
    pub fn keeps_files(&self) -> bool {
        ["dir", "nfs", "cifs", "btrfs", "cephfs"].contains(&self.kind.as_str())
    }

    /// Where a storage of files lies on its host.
    pub fn path(&self) -> String {
        match (self.options.get("path"), self.id.as_str()) {
            (Some(path), _) => path.clone(),
            (None, "local") => "/var/lib/vz".into(),
            (None, id) => format!("/mnt/pve/{id}"),
        }
    }

    /// The folder of a kind of files below the storage's own.
    pub fn folder(content: &str) -> &str {
        match content {
            "iso" => "template/iso",
            "vztmpl" => "template/cache",
            "backup" => "dump",
            other => other,
        }
    }

    /// Keeps a file; one of the same name on the same host is overwritten.
    ///
    /// # Errors
    /// What the system says when there is no room.
    pub fn keep(&mut self, volume: Volume) -> Result<(), String> {
        let shared = self.shared;
        let same = |v: &Volume| v.name == volume.name && (shared || v.host == volume.host);
        let replaced: u64 = self
            .volumes
            .iter()
            .filter(|v| same(v))
            .map(|v| v.size_bytes)
            .sum();
        let used = self.used_bytes.saturating_sub(replaced) + volume.size_bytes;
        if used > self.total_bytes {
            return Err("No space left on device".into());
        }
        self.used_bytes = used;
        self.volumes.retain(|v| !same(v));
        self.volumes.push(volume);
        Ok(())
    }

    /// Forgets a file, as `host` sees it.
    pub fn forget(&mut self, name: &str, host: &str) -> Option<Volume> {
        let shared = self.shared;
        let here = |v: &Volume| v.name == name && (shared || v.host == host);
        let at = self.volumes.iter().position(here)?;
        let volume = self.volumes.remove(at);
        self.used_bytes = self.used_bytes.saturating_sub(volume.size_bytes);
        Some(volume)
    }

    /// A file by its name, as `host` sees it.
    pub fn volume(&self, name: &str, host: &str) -> Option<&Volume> {
        let here = |v: &&Volume| v.name == name && (self.shared || v.host == host);
        self.volumes.iter().find(here)
    }
}

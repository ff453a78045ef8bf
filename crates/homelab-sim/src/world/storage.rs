//! Storages of the PVE cluster.

use std::time::SystemTime;

use super::Guest;

/// A file on a storage that is no guest's disk: an ISO image, a container
/// template, a disk image to import, a backup.
#[derive(Clone, Debug)]
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
}

/// A storage as `/storage` and `/nodes/{node}/storage` know it.
#[derive(Clone, Debug)]
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

    /// A file by its name, as `host` sees it.
    pub fn volume(&self, name: &str, host: &str) -> Option<&Volume> {
        let here = |v: &&Volume| v.name == name && (self.shared || v.host == host);
        self.volumes.iter().find(here)
    }
}

//! Storages of the PVE cluster.

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
}

impl Storage {
    /// Whether `host` has this storage.
    pub fn on_host(&self, host: &str) -> bool {
        self.hosts.is_empty() || self.hosts.iter().any(|h| h == host)
    }
}

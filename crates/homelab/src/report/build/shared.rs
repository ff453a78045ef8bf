//! What machines share: clusters, storage, addresses.

use homelab_model::inventory::NodeRole;
use homelab_model::topology::{Address, Cluster, Node, Pool};

use super::Builder;
use crate::report::view::{AddressView, ClusterView, Etcd, Level, OsdHost, PoolView};

impl Builder<'_> {
    pub(super) fn cluster(&self, cluster: &Cluster) -> ClusterView {
        let nodes: Vec<&Node> = self.topology.nodes_of(&cluster.name).collect();
        let voters: Vec<_> = self.topology.voters_of(&cluster.name).collect();
        let etcd: Vec<Etcd> = nodes.iter().map(|n| self.etcd(n)).collect();
        let leader = nodes
            .iter()
            .zip(&etcd)
            .find(|(_, e)| **e == Etcd::Leader)
            .map(|(n, _)| n.name.clone());
        ClusterView {
            name: cluster.name.clone(),
            vip: cluster.vip.clone(),
            talos: versions(
                nodes.iter().map(|n| n.talos_version.as_deref()),
                cluster.talos_version.as_deref(),
            ),
            kubernetes: versions(
                nodes.iter().map(|n| n.kubernetes_version.as_deref()),
                cluster.kubernetes_version.as_deref(),
            ),
            control_planes: nodes
                .iter()
                .filter(|n| n.role == NodeRole::ControlPlane)
                .count(),
            workers: nodes.iter().filter(|n| n.role == NodeRole::Worker).count(),
            members: voters.len(),
            members_answering: etcd
                .iter()
                .filter(|e| matches!(e, Etcd::Leader | Etcd::Member))
                .count(),
            leader: leader.or_else(|| {
                voters
                    .iter()
                    .find(|m| m.leader)
                    .map(|m| m.node.clone().unwrap_or(m.name.clone()))
            }),
            answered: nodes.iter().filter_map(|n| n.answered).max(),
            badges: self.badges(&[&cluster.name]),
        }
    }

    pub(super) fn pools(&self) -> Vec<PoolView> {
        let t = self.topology;
        let mut pools: Vec<PoolView> = t
            .pools
            .iter()
            .map(|p| self.pool(&p.name, &p.kind, pool_words(p)))
            .collect();
        // Storages that only Proxmox knows, when a guest's disk lies on them.
        for storage in &t.storages {
            let used = t
                .guests
                .iter()
                .any(|g| g.disks.iter().any(|d| d.storage == storage.name));
            if used && !pools.iter().any(|p| p.name == storage.name) {
                let words = format!(
                    "{}, {}",
                    storage.kind,
                    if storage.shared {
                        "shared"
                    } else {
                        "local to its host"
                    }
                );
                pools.push(self.pool(&storage.name, &storage.kind, words));
            }
        }
        pools
    }

    fn pool(&self, name: &str, kind: &str, words: String) -> PoolView {
        let t = self.topology;
        let storage = t.storages.iter().find(|s| s.name == name);
        let disks: Vec<_> = t
            .guests
            .iter()
            .flat_map(|g| &g.disks)
            .filter(|d| d.storage == name)
            .collect();
        let ceph = kind.contains("ceph") || kind == "rbd";
        let health = t.ceph.as_ref().filter(|_| ceph).map(|c| {
            let level = match c.health.as_str() {
                "HEALTH_OK" => Level::Ok,
                "HEALTH_WARN" => Level::Warning,
                _ => Level::Critical,
            };
            let mut words = vec![c.health.replace("HEALTH_", "Ceph ")];
            if let (Some(all), Some(up)) = (c.osds, c.osds_up) {
                words.push(format!("{up} of {all} OSDs up"));
            }
            (level, words.join(", "))
        });
        let osd_hosts = if ceph {
            t.hosts
                .iter()
                .filter(|h| h.osds > 0)
                .map(|h| OsdHost {
                    host: h.name.clone(),
                    osds: h.osds,
                    gone: h.online == Some(false),
                })
                .collect()
        } else {
            Vec::new()
        };
        PoolView {
            name: name.to_owned(),
            kind: words,
            health,
            used_bytes: storage.and_then(|s| s.used_bytes),
            total_bytes: storage.and_then(|s| s.total_bytes),
            osd_hosts,
            disks: u32::try_from(disks.len()).unwrap_or(u32::MAX),
            disk_bytes: disks.iter().filter_map(|d| d.size_bytes).sum(),
            badges: self.badges(&[name]),
        }
    }

    /// Addresses that stand for more than one machine's own.
    pub(super) fn address(&self, address: &Address) -> Option<AddressView> {
        let kind = ["vip", "load-balancer", "appliance"]
            .into_iter()
            .find(|kind| address.owners.iter().any(|o| o.kind == *kind))?;
        let owners: Vec<String> = address
            .owners
            .iter()
            .map(|o| {
                if o.kind == "vip" {
                    format!("VIP of {}", o.name)
                } else {
                    o.name.clone()
                }
            })
            .collect();
        Some(AddressView {
            address: address.address.clone(),
            owner: owners.join(" + "),
            kind,
            badges: self.badges(&[&address.address]),
        })
    }
}

/// A pool's kind in the field's words.
fn pool_words(pool: &Pool) -> String {
    let kind = match pool.kind.as_str() {
        "ceph-rbd" | "rbd" => "Ceph RBD",
        "cephfs" => "CephFS",
        "nfs" => "NFS",
        other => other,
    };
    let mut words = vec![kind.to_owned()];
    words.extend(pool.size.map(|s| format!("size {s}")));
    words.extend(pool.min_size.map(|s| format!("min_size {s}")));
    words.join(", ")
}

/// The versions seen, each once; what is written down when none was seen.
fn versions<'a>(seen: impl Iterator<Item = Option<&'a str>>, written: Option<&str>) -> String {
    let mut all: Vec<&str> = seen.flatten().collect();
    all.sort_unstable();
    all.dedup();
    if all.is_empty() {
        all.extend(written);
    }
    all.join(", ")
}

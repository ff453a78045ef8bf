//! From the topology to the [`View`] that the writers arrange.

use homelab_model::inventory::NodeRole;
use homelab_model::topology::{Address, Cluster, Guest, Host, Node, Pool};
use homelab_model::{Finding, Severity, Topology};

use super::losses::{self, HostLoss};
use super::view::{
    AddressView, Badge, ClusterView, Etcd, Ghost, GuestView, HostView, Level, Numbered, OsdHost,
    PoolView, Role, Status, View,
};

pub(crate) fn view(topology: &Topology, findings: &[Finding]) -> View {
    let mut numbered: Vec<Numbered> = findings
        .iter()
        .map(|finding| Numbered {
            number: 0,
            level: match finding.severity {
                Severity::Critical => Level::Critical,
                Severity::Warning => Level::Warning,
                Severity::Info => Level::Info,
            },
            finding: finding.clone(),
        })
        .collect();
    // Worst first; the rules' own order within.
    numbered.sort_by_key(|n| std::cmp::Reverse(n.level));
    for (i, n) in numbered.iter_mut().enumerate() {
        n.number = i + 1;
    }

    let losses = losses::all(topology);
    let builder = Builder {
        topology,
        findings: &numbered,
        losses: &losses,
    };
    let hosts = topology.hosts.iter().map(|h| builder.host(h)).collect();
    let unplaced = topology
        .guests
        .iter()
        .filter(|g| {
            !topology
                .hosts
                .iter()
                .any(|h| Some(h.name.as_str()) == g.host.as_deref())
        })
        .map(|g| builder.guest(g, None))
        .chain(
            topology
                .nodes
                .iter()
                .filter(|n| n.guest.is_none() && n.host.is_none())
                .map(|n| builder.lone_node(n)),
        )
        .collect();
    View {
        name: topology.name.clone(),
        observed_at: topology.observed_at.clone(),
        hosts,
        unplaced,
        pools: builder.pools(),
        networks: topology.subnet.iter().cloned().collect(),
        addresses: topology
            .addresses
            .iter()
            .filter_map(|a| builder.address(a))
            .collect(),
        clusters: topology
            .clusters
            .iter()
            .map(|c| builder.cluster(c))
            .collect(),
        quorum: topology.quorum.clone(),
        joins: topology.joins.clone(),
        mismatches: topology.mismatches.clone(),
        failures: topology.failures.clone(),
        findings: numbered.clone(),
        losses: losses.clone(),
    }
}

struct Builder<'a> {
    topology: &'a Topology,
    findings: &'a [Numbered],
    losses: &'a [HostLoss],
}

impl Builder<'_> {
    /// Marks of the findings about any of `names`, or whose fix moves one of them.
    fn badges(&self, names: &[&str]) -> Vec<Badge> {
        let moved = |f: &Finding| {
            f.fix
                .iter()
                .flat_map(|fix| &fix.moves)
                .any(|m| names.contains(&m.guest.as_str()))
        };
        self.findings
            .iter()
            .filter(|n| names.contains(&n.finding.subject.as_str()) || moved(&n.finding))
            .map(|n| Badge {
                number: n.number,
                level: n.level,
            })
            .collect()
    }

    fn observed(&self) -> bool {
        self.topology.observed_at.is_some()
    }

    fn host(&self, host: &Host) -> HostView {
        let status = match host.online {
            Some(true) => Status::Up,
            Some(false) => Status::Down,
            None if self.observed() && self.failed(&host.name) => Status::Silent,
            None => Status::Planned,
        };
        let mut guests: Vec<&Guest> = self
            .topology
            .guests
            .iter()
            .filter(|g| g.host.as_deref() == Some(host.name.as_str()))
            .collect();
        let role = |g: &Guest| self.node_of(g).map(|n| n.role == NodeRole::Worker);
        // Control planes at the bottom, then workers, then the rest.
        guests.sort_by_key(|g| (role(g).is_none(), role(g), g.name.clone()));
        let loss = self.losses.iter().find(|l| l.host == host.name);
        HostView {
            name: host.name.clone(),
            status,
            address: host.address.clone().unwrap_or_default(),
            model: host.cpu_model.clone().unwrap_or_default(),
            version: host.pve_version.clone().unwrap_or_default(),
            memory_bytes: host.memory_bytes.unwrap_or(0),
            overhead_bytes: host.overhead_bytes,
            osds: host.osds,
            gpus: host.gpus.clone(),
            guests: guests
                .into_iter()
                .map(|g| self.guest(g, Some(status)))
                .collect(),
            ghosts: self.ghosts(&host.name),
            badges: self.badges(&[&host.name]),
            loss: loss.map(HostLoss::lines).unwrap_or_default(),
        }
    }

    /// What the worst finding that moving mends would move to `host`.
    fn ghosts(&self, host: &str) -> Vec<Ghost> {
        let worst = self
            .findings
            .iter()
            .find(|n| n.finding.fix.as_ref().is_some_and(|f| !f.moves.is_empty()));
        worst
            .iter()
            .flat_map(|n| {
                n.finding
                    .fix
                    .iter()
                    .flat_map(|f| &f.moves)
                    .map(|m| (n.number, m))
            })
            .filter(|(_, m)| m.to == host)
            .map(|(number, m)| Ghost {
                guest: m.guest.clone(),
                memory_bytes: m.memory_bytes,
                number,
            })
            .collect()
    }

    fn failed(&self, target: &str) -> bool {
        self.topology
            .failures
            .iter()
            .any(|f| f.target == target || f.target == crate::observe::PROXMOX)
    }

    fn node_of(&self, guest: &Guest) -> Option<&Node> {
        self.topology
            .nodes
            .iter()
            .find(|n| Some(n.name.as_str()) == guest.node.as_deref())
    }

    fn guest(&self, guest: &Guest, host: Option<Status>) -> GuestView {
        let node = self.node_of(guest);
        let answered = node.and_then(|n| n.answered);
        let status = match (host, guest.status.as_deref(), answered) {
            (_, _, Some(true)) => Status::Up,
            (Some(Status::Down), _, _) | (_, Some("stopped"), _) => Status::Down,
            (_, _, Some(false)) => Status::Silent,
            (_, Some("running"), None) => Status::Up,
            _ => Status::Planned,
        };
        let mut names = vec![guest.name.as_str()];
        names.extend(guest.node.as_deref());
        names.dedup();
        GuestView {
            name: guest.name.clone(),
            vmid: guest.vmid,
            status,
            role: node.map_or(Role::Other, |n| role(n.role)),
            etcd: node.map_or(Etcd::None, |n| self.etcd(n)),
            memory_bytes: guest.memory_bytes.unwrap_or(0),
            cores: guest.cores,
            address: node
                .and_then(|n| n.address.clone())
                .or_else(|| guest.address.clone())
                .unwrap_or_default(),
            version: node
                .and_then(|n| n.talos_version.clone())
                .unwrap_or_default(),
            badges: self.badges(&names),
        }
    }

    /// A node that no guest was found for.
    fn lone_node(&self, node: &Node) -> GuestView {
        GuestView {
            name: node.name.clone(),
            vmid: None,
            status: match node.answered {
                Some(true) => Status::Up,
                Some(false) => Status::Silent,
                None => Status::Planned,
            },
            role: role(node.role),
            etcd: self.etcd(node),
            memory_bytes: 0,
            cores: None,
            address: node.address.clone().unwrap_or_default(),
            version: node.talos_version.clone().unwrap_or_default(),
            badges: self.badges(&[&node.name]),
        }
    }

    fn etcd(&self, node: &Node) -> Etcd {
        let member = self
            .topology
            .members
            .iter()
            .any(|m| m.node.as_deref() == Some(node.name.as_str()));
        if !member && node.role != NodeRole::ControlPlane {
            return Etcd::None;
        }
        let seen = self.topology.etcd.iter().find(|e| {
            Some(e.node.as_str()) == node.address.as_deref()
                || node.addresses.iter().any(|a| a == &e.node)
        });
        match seen {
            Some(e) if e.leader_id.is_none() => Etcd::NoLeader,
            Some(e) if e.leader_id == e.member_id => Etcd::Leader,
            Some(_) => Etcd::Member,
            None => Etcd::Unknown,
        }
    }

    fn cluster(&self, cluster: &Cluster) -> ClusterView {
        let nodes: Vec<&Node> = self
            .topology
            .nodes
            .iter()
            .filter(|n| n.cluster == cluster.name)
            .collect();
        let voters: Vec<_> = self
            .topology
            .members
            .iter()
            .filter(|m| m.cluster == cluster.name && !m.learner)
            .collect();
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

    fn pools(&self) -> Vec<PoolView> {
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
    fn address(&self, address: &Address) -> Option<AddressView> {
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

fn role(role: NodeRole) -> Role {
    match role {
        NodeRole::ControlPlane => Role::ControlPlane,
        NodeRole::Worker => Role::Worker,
    }
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

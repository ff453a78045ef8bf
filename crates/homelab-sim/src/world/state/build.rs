//! From a seed to the first state.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use homelab_core::{Error, ErrorKind, Result, nearest};

use super::State;
use super::machines::{guest, host, lower, talos_node};
use crate::faults::FaultTable;
use crate::world::seed::{ClusterSeed, GuestSeed, WorldSeed};
use crate::world::{
    Ceph, Etcd, EtcdMember, Ha, Monitor, Osd, Pool, Registry, Storage, TalosCluster, derive,
};

/// How long everything has been up when the simulation starts.
const UPTIME: Duration = Duration::from_secs(14 * 24 * 3600);

impl State {
    pub(in crate::world) fn build(
        seed: &WorldSeed,
        now: SystemTime,
        elapsed: Duration,
    ) -> Result<State> {
        let booted = now.checked_sub(UPTIME).unwrap_or(SystemTime::UNIX_EPOCH);
        let mut state = State {
            lab: seed.lab.clone(),
            seed: seed.seed,
            hosts: (1..)
                .zip(&seed.hosts)
                .map(|(id, h)| host(id, h, booted))
                .collect(),
            guests: Vec::new(),
            nodes: Vec::new(),
            clusters: Vec::new(),
            storages: Vec::new(),
            ceph: None,
            ha: Ha {
                resources: seed.ha_resources.clone(),
                rules: seed.ha_rules.clone(),
                ..Ha::default()
            },
            pools: BTreeMap::new(),
            agents: BTreeMap::new(),
            registry: Registry::default(),
            schedulers: BTreeMap::new(),
            faults: FaultTable::default(),
            tasks: Vec::new(),
            image_defects: Vec::new(),
            now,
            elapsed,
            boot: Duration::from_millis(seed.boot_ms),
            ready: Duration::from_millis(seed.ready_ms),
            due: Vec::new(),
            serial: 0,
        };
        state.add_guests(&seed.guests, booted)?;
        state.add_nodes(seed, booted)?;
        state.add_clusters(&seed.clusters)?;
        state.add_ceph(seed);
        state.add_storages(seed);
        state.check_unique()?;
        let running: Vec<_> = seed
            .guests
            .iter()
            .filter(|g| g.running)
            .map(|g| g.name.clone())
            .collect();
        state.power_on_all(&running, booted);
        Ok(state)
    }

    fn add_guests(&mut self, seeds: &[GuestSeed], created_at: SystemTime) -> Result<()> {
        let mut taken: BTreeSet<u32> = seeds.iter().filter_map(|g| g.vmid).collect();
        let mut macs: BTreeSet<String> = seeds.iter().flat_map(|g| lower(&g.macs)).collect();
        let mut free = 100..=u32::MAX;
        for seed in seeds {
            if self.host(&seed.host).is_none() {
                let names = self.hosts.iter().map(|h| h.name.as_str());
                let hint = nearest(&seed.host, names)
                    .map_or(String::new(), |n| format!("; did you mean {n}?"));
                return Err(invalid(format!(
                    "guest {} is placed on unknown host {}{hint}",
                    seed.name, seed.host
                )));
            }
            let vmid = match seed.vmid {
                Some(vmid) => vmid,
                None => free.find(|id| !taken.contains(id)).unwrap_or(100),
            };
            taken.insert(vmid);
            let mut guest = guest(self.seed, vmid, seed, created_at);
            if seed.macs.is_empty()
                && let Some(nic) = guest.nics.first_mut()
            {
                // Among thousands, two may come out alike.
                for again in 1.. {
                    if macs.insert(nic.mac.clone()) {
                        break;
                    }
                    nic.mac = derive::mac(self.seed, &format!("guest/{}/net0/{again}", seed.name));
                }
            }
            self.guests.push(guest);
        }
        self.guests.sort_by_key(|g| g.vmid);
        Ok(())
    }

    fn add_nodes(&mut self, seed: &WorldSeed, booted: SystemTime) -> Result<()> {
        for node in &seed.nodes {
            let Some(cluster) = seed.clusters.iter().find(|c| c.name == node.cluster) else {
                return Err(invalid(format!(
                    "node {} belongs to unknown cluster {}",
                    node.hostname, node.cluster
                )));
            };
            let guest = match &node.guest {
                Some(name) => match self.guests.iter_mut().find(|g| g.name == *name) {
                    Some(guest) => {
                        guest.node = Some(node.hostname.clone());
                        Some(&*guest)
                    }
                    None => {
                        return Err(invalid(format!(
                            "node {} runs in unknown guest {name}",
                            node.hostname
                        )));
                    }
                },
                None => None,
            };
            let node = talos_node(self.seed, node, cluster, guest, booted);
            self.nodes.push(node);
        }
        Ok(())
    }

    fn add_clusters(&mut self, seeds: &[ClusterSeed]) -> Result<()> {
        for seed in seeds {
            let label = |what: &str| format!("cluster/{}/{what}", seed.name);
            // Whole pages, and room for what is always in it.
            let db_bytes = seed.etcd_db_bytes.max(1 << 20).div_ceil(4096) * 4096;
            let members: Vec<_> = self
                .nodes_of(&seed.name)
                .filter(|n| n.control_plane())
                .map(|n| EtcdMember {
                    id: derive::number(self.seed, &label(&n.hostname)),
                    name: n.hostname.clone(),
                    peer_url: format!("https://{}:2380", host_part(n.address)),
                    client_url: format!("https://{}:2379", host_part(n.address)),
                    learner: false,
                    running: false,
                    defragmented: false,
                })
                .collect();
            for member in &members {
                if let Some(node) = self.node_mut(&member.name) {
                    node.etcd_data = Some(member.id);
                }
            }
            if self.clusters.iter().any(|c| c.name == seed.name) {
                return Err(invalid(format!("cluster {} is there twice", seed.name)));
            }
            self.clusters.push(TalosCluster {
                name: seed.name.clone(),
                vip: seed.vip,
                vip_holder: None,
                ca: None,
                kubernetes_ca: None,
                etcd: Etcd {
                    members,
                    term: 6,
                    db_bytes,
                    db_used_bytes: db_bytes / 4096 / 5 * 3 * 4096,
                    index: 4_000_000 + derive::number(self.seed, &label("index")) % 1_000_000,
                    ..Etcd::empty(derive::number(self.seed, &label("etcd")), self.now)
                },
            });
        }
        Ok(())
    }

    fn add_ceph(&mut self, seed: &WorldSeed) {
        let Some(ceph) = &seed.ceph else { return };
        let osds: Vec<_> = (0..)
            .zip(
                seed.hosts
                    .iter()
                    .flat_map(|h| h.osd_bytes.iter().map(move |size| (h, *size))),
            )
            .map(|(id, (host, size_bytes))| Osd {
                id,
                host: host.name.clone(),
                size_bytes,
                out: false,
            })
            .collect();
        let raw: u64 = osds.iter().map(|o| o.size_bytes).sum();
        self.ceph = Some(Ceph {
            fsid: derive::uuid(self.seed, "ceph/fsid"),
            version: ceph.version.clone(),
            osds,
            monitors: seed
                .hosts
                .iter()
                .filter(|h| h.monitor)
                .map(|h| Monitor {
                    name: h.name.clone(),
                    host: h.name.clone(),
                })
                .collect(),
            pools: (1..)
                .zip(&ceph.pools)
                .map(|(id, (name, size, min_size))| Pool {
                    id,
                    name: name.clone(),
                    size: *size,
                    min_size: *min_size,
                    pg_num: 32,
                    stored_bytes: raw / u64::from((*size).max(1)) / 5,
                })
                .collect(),
        });
    }

    fn add_storages(&mut self, seed: &WorldSeed) {
        for storage in &seed.storages {
            let pool = storage.pool.as_deref().and_then(|name| {
                let ceph = self.ceph.as_ref()?;
                let pool = ceph.pools.iter().find(|p| p.name == name)?;
                let raw: u64 = ceph.osds.iter().map(|o| o.size_bytes).sum();
                Some((raw / u64::from(pool.size.max(1)), pool.stored_bytes))
            });
            let (total_bytes, used_bytes) =
                pool.unwrap_or((storage.total_bytes, storage.total_bytes / 4));
            self.storages.push(Storage {
                id: storage.id.clone(),
                kind: storage.kind.clone(),
                content: storage.content.clone(),
                shared: storage.shared,
                hosts: storage.hosts.clone(),
                pool: storage.pool.clone(),
                server: storage.server.clone(),
                volumes: Vec::new(),
                options: BTreeMap::new(),
                total_bytes,
                used_bytes,
            });
        }
    }

    fn check_unique(&self) -> Result<()> {
        once("host", self.hosts.iter().map(|h| h.name.clone()))?;
        once("VMID", self.guests.iter().map(|g| g.vmid.to_string()))?;
        once("guest", self.guests.iter().map(|g| g.name.clone()))?;
        once("node", self.nodes.iter().map(|n| n.hostname.clone()))?;
        once(
            "MAC",
            self.guests
                .iter()
                .flat_map(|g| g.nics.iter().map(|n| n.mac.clone())),
        )?;
        let hosts = self.hosts.iter().map(|h| h.address.to_string());
        let nodes = self.nodes.iter().map(|n| n.address.to_string());
        once("address", hosts.chain(nodes))
    }
}

/// An address as it stands in a URL: IPv6 in brackets.
fn host_part(address: IpAddr) -> String {
    match address {
        IpAddr::V4(a) => a.to_string(),
        IpAddr::V6(a) => format!("[{a}]"),
    }
}

fn once(what: &str, values: impl Iterator<Item = String>) -> Result<()> {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable();
    match values.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(invalid(format!("{what} {} is used twice", pair[0]))),
        None => Ok(()),
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

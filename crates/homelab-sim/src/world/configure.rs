//! What a machine config makes of a Talos node: its name, its address, its
//! cluster. How a config comes onto a node, and how it goes.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::transitions::Step;
use super::{
    ClusterCa, Etcd, EventPayload, MachineConfig, Order, Role, Stage, State, TalosCluster,
    TalosNode, derive,
};

/// How a config is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apply {
    /// Kept, and the node starts again with it.
    Reboot,
    /// Kept, and in force at once.
    Live,
    /// Kept, and in force after the next start.
    Staged,
    /// In force at once, not kept, and gone after so long.
    Try(Duration),
}

impl State {
    /// Gives a node a config. In maintenance mode the node goes on to boot with
    /// it; a machine with nothing on its disk is installed first.
    pub fn apply_config(&mut self, name: &str, config: MachineConfig, how: Apply, actor: &str) {
        let Some(node) = self.node_mut(name) else {
            return;
        };
        let maintenance = node.stage == Stage::Maintenance;
        let installed = node.installed.is_some();
        node.trial = None;
        if !matches!(how, Apply::Try(_)) {
            node.stored_config = Some(config.clone());
        }
        match how {
            Apply::Try(time) => self.try_config(name, config, time),
            Apply::Staged if !maintenance => {}
            Apply::Live if !maintenance => self.configure(name, config),
            Apply::Reboot if !maintenance => {
                node.reboot_waits = true;
                self.order(name, Order::Reboot { force: false }, actor);
            }
            _ if installed => self.answer(name),
            _ => {
                self.configure(name, config);
                self.order(name, Order::Install, actor);
            }
        }
        self.settle();
    }

    fn try_config(&mut self, name: &str, config: MachineConfig, time: Duration) {
        let trial = self.next_serial();
        self.configure(name, config);
        if let Some(node) = self.node_mut(name) {
            node.trial = Some(trial);
        }
        self.later(time, name, Step::Revert(trial));
    }

    /// A config that was only tried goes again.
    pub(super) fn revert(&mut self, name: &str, trial: u32) {
        let Some(node) = self.node_mut(name).filter(|n| n.trial == Some(trial)) else {
            return;
        };
        node.trial = None;
        match node.stored_config.clone() {
            Some(config) => self.configure(name, config),
            None => node.forget_config(),
        }
        self.kernel(name, "[talos] the configuration that was tried is reverted");
        self.settle();
    }

    /// A config comes into force.
    pub(super) fn configure(&mut self, name: &str, config: MachineConfig) {
        let cluster = self.cluster_for(name, &config);
        let Some(node) = self.node_mut(name) else {
            return;
        };
        let before = (node.address, node.hostname.clone());
        let kubelet = node.kubernetes_version.clone();
        node.role = config.role;
        node.cluster = cluster;
        if let Some(hostname) = &config.hostname {
            node.hostname.clone_from(hostname);
        }
        (node.address, node.prefix) = config.address.unwrap_or(node.lease);
        node.gateway = config.gateway.or(node.gateway);
        if let Some(version) = &config.kubernetes_version {
            node.kubernetes_version.clone_from(version);
        }
        if node.installed.is_none()
            && let Some(disk) = &config.install_disk
        {
            node.install_disk.clone_from(disk);
        }
        node.config = Some(config);
        let (after, newer) = (
            (node.address, node.hostname.clone()),
            node.kubernetes_version != kubelet,
        );
        if newer && self.node(name).and_then(|n| n.service("kubelet")).is_some() {
            self.service_restart(name, "kubelet");
        }
        if before != after {
            self.etcd_renamed(name);
            self.emit_own(
                name,
                EventPayload::Address {
                    hostname: after.1,
                    address: after.0,
                },
            );
        }
    }

    /// The cluster that a config belongs to: the one with its CA. The first
    /// node of a cluster makes it.
    fn cluster_for(&mut self, name: &str, config: &MachineConfig) -> String {
        let own = self
            .node(name)
            .map_or("", |n| n.cluster.as_str())
            .to_owned();
        if config.ca.is_empty() {
            return own;
        }
        let known = self
            .clusters
            .iter_mut()
            .find(|c| c.ca.as_ref().is_some_and(|ca| ca.crt == config.ca));
        if let Some(cluster) = known {
            if let (Some(ca), Some(key)) = (&mut cluster.ca, &config.ca_key) {
                ca.key.get_or_insert_with(|| key.clone());
            }
            cluster.vip = config.vip.or(cluster.vip);
            return cluster.name.clone();
        }
        let wanted = config.cluster_name.as_str();
        let cluster = (1..=self.clusters.len() + 1)
            .map(|n| match n {
                1 => wanted.to_owned(),
                n => format!("{wanted}-{n}"),
            })
            .find(|name| self.cluster(name).is_none())
            .unwrap_or_default();
        let serial = self.next_serial();
        self.clusters.push(TalosCluster {
            name: cluster.clone(),
            vip: config.vip,
            vip_holder: None,
            kubernetes_ca: None,
            ca: Some(ClusterCa {
                crt: config.ca.clone(),
                key: config.ca_key.clone(),
            }),
            etcd: Etcd::empty(
                derive::number(self.seed, &format!("cluster/{cluster}/etcd/{serial}")),
                self.now,
            ),
        });
        cluster
    }

    /// An address that nobody in the lab has, as a DHCP server would lease it:
    /// in the network of the nodes or, without any, of the hosts.
    pub(super) fn free_address(&self) -> (IpAddr, u8, Option<IpAddr>) {
        let (near, prefix, gateway) = match self.nodes.first() {
            Some(node) => (node.address, node.prefix, node.gateway),
            None => match self.hosts.first() {
                Some(host) => (host.address, 24, None),
                None => (IpAddr::V4(Ipv4Addr::new(10, 99, 1, 1)), 24, None),
            },
        };
        let IpAddr::V4(near) = near else {
            // A network of IPv6 alone has a network of IPv4 beside it.
            return (IpAddr::V4(Ipv4Addr::new(10, 99, 1, 100)), 24, None);
        };
        let taken = |address: IpAddr| {
            self.hosts.iter().any(|h| h.address == address)
                || self
                    .nodes
                    .iter()
                    .any(|n| n.address == address || n.lease.0 == address)
                || self.clusters.iter().any(|c| c.vip == Some(address))
                || gateway == Some(address)
        };
        let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
        let base = near.to_bits() & mask;
        let last = !mask;
        let free = (100..last)
            .chain(2..100)
            .map(|n| IpAddr::V4(Ipv4Addr::from_bits(base + n)))
            .find(|address| !taken(*address));
        (free.unwrap_or(IpAddr::V4(near)), prefix, gateway)
    }
}

impl TalosNode {
    /// The node is nobody's any more.
    pub(super) fn forget_config(&mut self) {
        self.config = None;
        self.cluster.clear();
        self.role = Role::Worker;
        self.hostname = maintenance_hostname(&self.smbios_uuid);
        (self.address, self.prefix) = self.lease;
    }
}

/// The name that a machine has before it is given one: `talos-` and something
/// that it always comes to on this machine.
pub(super) fn maintenance_hostname(uuid: &str) -> String {
    let hash = derive::hex(&derive::bytes(0, uuid));
    format!("talos-{}-{}", &hash[..3], &hash[3..6])
}

//! Hosts that go away.

use serde::{Deserialize, Serialize};

use super::packing::{Restart, restart};
use super::quorum::quorum_of;
use crate::inventory::NodeRole;
use crate::topology::{Cluster, Pool, Topology};

/// What is gone and what is left when hosts are lost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Loss {
    /// The hosts that are down: those asked about and those that were offline before.
    pub hosts: Vec<String>,
    /// The guests that go with them.
    pub guests_down: Vec<String>,
    /// What is left of each cluster.
    pub clusters: Vec<ClusterLoss>,
    /// What is left of the Proxmox VE cluster.
    pub pve: HostQuorumLoss,
    /// What is left of each shared pool.
    pub pools: Vec<PoolLoss>,
    /// Whether the lost guests fit on the remaining hosts.
    pub restart: Restart,
}

/// What is left of one Talos cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ClusterLoss {
    /// The cluster.
    pub cluster: String,
    /// Voting etcd members before.
    pub members: u32,
    /// Voting etcd members left.
    pub members_left: u32,
    /// Names of the members that are lost.
    pub members_lost: Vec<String>,
    /// How many must be up.
    pub quorum: u32,
    /// Whether enough are. Without quorum the Kubernetes API stops, and a VIP that Talos moves
    /// goes too.
    pub has_quorum: bool,
    /// Workers before.
    pub workers: u32,
    /// Workers left.
    pub workers_left: u32,
    /// All Talos nodes that are lost.
    pub nodes_lost: Vec<String>,
}

/// What is left of the Proxmox VE cluster, one vote a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct HostQuorumLoss {
    /// Votes before.
    pub votes: u32,
    /// Votes left.
    pub votes_left: u32,
    /// How many are needed. Without them guests run on but none starts, moves or is recovered.
    pub quorum: u32,
    /// Whether enough are left.
    pub has_quorum: bool,
}

/// What is left of one replicated pool whose copies are on different hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PoolLoss {
    /// The pool.
    pub pool: String,
    /// Hosts with its data before.
    pub hosts: u32,
    /// Hosts with its data left.
    pub hosts_left: u32,
    /// Copies that the worst-off object has left, if the pool keeps copies.
    pub copies_left: Option<u32>,
    /// Whether reads and writes go on for every object.
    pub io_continues: bool,
    /// Whether copies are missing.
    pub degraded: bool,
    /// Whether enough hosts are left to make the missing copies anew.
    pub can_heal: bool,
}

/// What breaks when these hosts are lost. Hosts that are offline already are
/// lost too; names that no host has are ignored.
pub fn lose_hosts(topology: &Topology, hosts: &[&str]) -> Loss {
    let down: Vec<&str> = topology
        .hosts
        .iter()
        .filter(|host| hosts.contains(&host.name.as_str()) || host.online == Some(false))
        .map(|host| host.name.as_str())
        .collect();
    let gone = |host: Option<&str>| host.is_some_and(|host| down.contains(&host));
    let guests = topology
        .guests
        .iter()
        .filter(|guest| gone(guest.host.as_deref()));
    let votes = topology.hosts.len();
    let votes_left = votes - down.len();
    Loss {
        guests_down: guests.map(|guest| guest.name.clone()).collect(),
        clusters: topology
            .clusters
            .iter()
            .map(|c| cluster_loss(topology, c, &gone))
            .collect(),
        pve: HostQuorumLoss {
            votes: small(votes),
            votes_left: small(votes_left),
            quorum: small(quorum_of(votes)),
            has_quorum: votes_left >= quorum_of(votes),
        },
        pools: topology
            .pools
            .iter()
            .map(|pool| pool_loss(pool, &down))
            .collect(),
        restart: restart(topology, &down, &[]),
        hosts: down.iter().map(|host| (*host).to_owned()).collect(),
    }
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn cluster_loss(
    topology: &Topology,
    cluster: &Cluster,
    gone: &impl Fn(Option<&str>) -> bool,
) -> ClusterLoss {
    let voters: Vec<_> = topology.voters_of(&cluster.name).collect();
    let lost: Vec<_> = voters
        .iter()
        .filter(|member| gone(member.host.as_deref()))
        .collect();
    let left = voters.len() - lost.len();
    let workers = || {
        topology
            .nodes_of(&cluster.name)
            .filter(|n| n.role == NodeRole::Worker)
    };
    let nodes_lost = topology
        .nodes_of(&cluster.name)
        .filter(|n| gone(n.host.as_deref()));
    ClusterLoss {
        cluster: cluster.name.clone(),
        members: small(voters.len()),
        members_left: small(left),
        members_lost: lost.iter().map(|member| member.name.clone()).collect(),
        quorum: small(quorum_of(voters.len())),
        has_quorum: left >= quorum_of(voters.len()),
        workers: small(workers().count()),
        workers_left: small(workers().filter(|n| !gone(n.host.as_deref())).count()),
        nodes_lost: nodes_lost.map(|node| node.name.clone()).collect(),
    }
}

fn pool_loss(pool: &Pool, down: &[&str]) -> PoolLoss {
    let lost = pool
        .hosts
        .iter()
        .filter(|host| down.contains(&host.as_str()))
        .count();
    let left = pool.hosts.len() - lost;
    // The worst-off object had a copy on as many of the lost hosts as it could.
    let copies_left = pool.size.map(|size| size.saturating_sub(small(lost)));
    PoolLoss {
        pool: pool.name.clone(),
        hosts: small(pool.hosts.len()),
        hosts_left: small(left),
        copies_left,
        io_continues: match (copies_left, pool.min_size) {
            (Some(copies), min) => copies >= min.unwrap_or(1),
            (None, _) => lost == 0 || pool.hosts.is_empty(),
        },
        degraded: lost > 0,
        can_heal: pool.size.is_none_or(|size| small(left) >= size),
    }
}

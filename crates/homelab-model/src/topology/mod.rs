//! The topology: one picture of the lab, joined from what is written down and
//! what was seen.
//!
//! Order of trust when two views of one machine are matched: MAC address,
//! SMBIOS UUID, address, name. Every match is kept as a [`Join`] with its
//! evidence; evidence that points elsewhere, and everything else that does not
//! fit, becomes a [`Mismatch`]. Where a value is both written down and seen,
//! what was seen counts.

mod addresses;
mod evidence;
mod guests;
mod hosts;
mod members;
mod node_guests;
mod nodes;
mod types;

#[cfg(test)]
pub(crate) mod tests;

use crate::inventory::Inventory;
use crate::observation::Observation;

pub use types::{
    Address, Cluster, Disk, Guest, Host, Join, Member, Mismatch, Node, Owner, Pool, Storage,
    Topology,
};

impl Topology {
    /// The lab as it is written down: what it is meant to be.
    pub fn from_inventory(inventory: &Inventory) -> Topology {
        build(inventory, None)
    }

    /// The lab as it was seen, joined with what is written down.
    pub fn join(inventory: &Inventory, observation: &Observation) -> Topology {
        build(inventory, Some(observation))
    }

    /// The host of this name.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| host.name == name)
    }

    /// The guest of this name.
    pub fn guest(&self, name: &str) -> Option<&Guest> {
        self.guests.iter().find(|guest| guest.name == name)
    }

    /// The Talos node of this name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The guests on a host.
    pub fn guests_on<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a Guest> {
        self.guests
            .iter()
            .filter(move |guest| guest.host.as_deref() == Some(host))
    }

    /// The Talos nodes of a cluster.
    pub fn nodes_of<'a>(&'a self, cluster: &'a str) -> impl Iterator<Item = &'a Node> {
        self.nodes
            .iter()
            .filter(move |node| node.cluster == cluster)
    }

    /// The voting etcd members of a cluster.
    pub fn voters_of<'a>(&'a self, cluster: &'a str) -> impl Iterator<Item = &'a Member> {
        self.members
            .iter()
            .filter(move |member| member.cluster == cluster && !member.learner)
    }
}

fn build(inventory: &Inventory, seen: Option<&Observation>) -> Topology {
    let mut topology = Topology {
        name: inventory.name.clone(),
        subnet: inventory.network.subnet.clone(),
        contradictions: inventory.contradictions.clone(),
        claims: inventory.claims.clone(),
        assumptions: inventory.assumptions.clone(),
        ..Topology::default()
    };
    if let Some(seen) = seen {
        topology.observed_at = Some(seen.observed_at.clone());
        topology.quorum.clone_from(&seen.quorum);
        topology.ceph.clone_from(&seen.ceph);
        topology.etcd.clone_from(&seen.etcd);
        topology.talos_endpoints.clone_from(&seen.talos_endpoints);
        topology.failures.clone_from(&seen.failures);
    }
    hosts::add(&mut topology, inventory, seen);
    guests::add(&mut topology, inventory, seen);
    nodes::add(&mut topology, inventory, seen);
    node_guests::join(&mut topology, seen);
    members::add(&mut topology, inventory, seen);
    addresses::add(&mut topology, inventory);
    topology
}

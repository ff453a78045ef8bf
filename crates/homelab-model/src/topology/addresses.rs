//! Every address with all its owners.

use super::{Address, Owner, Topology};
use crate::inventory::Inventory;

pub(super) fn add(topology: &mut Topology, inventory: &Inventory) {
    let mut found: Vec<Address> = Vec::new();
    let mut own = |address: &str, kind: &str, name: &str| {
        let owner = Owner {
            kind: kind.to_owned(),
            name: name.to_owned(),
        };
        match found.iter_mut().find(|entry| entry.address == address) {
            Some(entry) if entry.owners.contains(&owner) => {}
            Some(entry) => entry.owners.push(owner),
            None => found.push(Address {
                address: address.to_owned(),
                owners: vec![owner],
            }),
        }
    };
    for host in &topology.hosts {
        if let Some(address) = &host.address {
            own(address, "host", &host.name);
        }
    }
    for node in &topology.nodes {
        for address in &node.addresses {
            own(address, "node", &node.name);
        }
    }
    for guest in topology.guests.iter().filter(|guest| guest.node.is_none()) {
        if let Some(address) = &guest.address {
            own(address, "guest", &guest.name);
        }
    }
    for cluster in &topology.clusters {
        if let Some(vip) = &cluster.vip {
            own(vip, "vip", &cluster.name);
        }
        for balancer in &cluster.load_balancers {
            own(&balancer.address, "load-balancer", &balancer.name);
        }
    }
    for appliance in &inventory.appliances {
        own(&appliance.address, "appliance", &appliance.name);
    }
    topology.addresses = found;
}

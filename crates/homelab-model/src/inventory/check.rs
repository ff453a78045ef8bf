//! What holds across a whole inventory: names exist, nothing is given twice.

use std::collections::HashMap;
use std::net::IpAddr;

use homelab_core::{Error, Location, Result, nearest};
use ipnet::IpNet;

use super::{Inventory, NodeSpec, Warning};

/// Every host, cluster and pool that is named exists.
pub(super) fn references(inventory: &Inventory) -> Result<()> {
    let hosts: Vec<&str> = inventory.hosts.iter().map(|h| h.name.as_str()).collect();
    let host = |name: &str, what: &str, at: &Location| {
        if hosts.contains(&name) {
            return Ok(());
        }
        let hint = match nearest(name, hosts.iter().copied()) {
            Some(near) => format!("; did you mean `{near}`?"),
            None => format!("; known are {}", hosts.join(", ")),
        };
        let message = format!("{what} is on host `{name}`, which is not in `hosts`{hint}");
        Err(Error::config(at.clone(), message))
    };
    for node in inventory.clusters.iter().flat_map(|c| &c.nodes) {
        if let Some(name) = &node.host {
            let at = node.places.get("host").unwrap_or(&node.location);
            host(name, &format!("node `{}`", node.name), at)?;
        }
    }
    for guest in &inventory.guests {
        if let Some(name) = &guest.host {
            host(name, &format!("guest `{}`", guest.name), &guest.location)?;
        }
    }
    for pool in &inventory.pools {
        for name in &pool.hosts {
            host(name, &format!("pool `{}`", pool.name), &pool.location)?;
        }
    }
    for claim in &inventory.claims {
        if let Some(name) = &claim.cluster
            && !inventory.clusters.iter().any(|c| &c.name == name)
        {
            let message = format!("the claim is about cluster `{name}`, which does not exist");
            return Err(Error::config(claim.location.clone(), message));
        }
    }
    Ok(())
}

/// One thing that must be unique, with its owner and place.
struct Registry {
    /// `(kind, value)` to owner and place.
    seen: HashMap<(&'static str, String), (String, Location)>,
}

impl Registry {
    fn new() -> Registry {
        Registry {
            seen: HashMap::new(),
        }
    }

    fn claim(
        &mut self,
        kind: &'static str,
        value: impl Into<String>,
        owner: String,
        at: &Location,
    ) -> Result<()> {
        let value = value.into();
        match self.seen.get(&(kind, value.clone())) {
            None => {
                self.seen.insert((kind, value), (owner, at.clone()));
                Ok(())
            }
            Some((first, there)) => Err(Error::config(
                at.clone(),
                format!("{kind} {value} is given twice: to {owner} here and to {first} at {there}"),
            )),
        }
    }

    fn node(&mut self, node: &NodeSpec) -> Result<()> {
        let owner = || format!("node `{}`", node.name);
        let place = |key: &str| node.places.get(key).unwrap_or(&node.location);
        self.claim("guest name", &node.name, owner(), place("name"))?;
        for address in &node.addresses {
            self.claim("address", address, owner(), place("address"))?;
        }
        for mac in &node.macs {
            self.claim("MAC address", mac, owner(), place("mac"))?;
        }
        match node.vmid {
            Some(vmid) => self.claim("VMID", vmid.to_string(), owner(), place("vmid")),
            None => Ok(()),
        }
    }
}

/// Names, addresses, MAC addresses and VMIDs of nodes are each given once.
pub(crate) fn unique_nodes(nodes: &[NodeSpec]) -> Result<()> {
    let mut registry = Registry::new();
    nodes.iter().try_for_each(|node| registry.node(node))
}

/// Names, addresses, MAC addresses and VMIDs are each given once.
///
/// Load balancer addresses are left out: two owners of such an address are a
/// finding with an explanation, not a slip in the file.
pub(super) fn duplicates(inventory: &Inventory) -> Result<()> {
    let mut registry = Registry::new();
    for host in &inventory.hosts {
        let owner = format!("host `{}`", host.name);
        registry.claim("host name", &host.name, owner.clone(), &host.location)?;
        if let Some(address) = &host.address {
            registry.claim("address", address, owner, &host.location)?;
        }
    }
    for pool in &inventory.pools {
        let owner = format!("pool `{}`", pool.name);
        registry.claim("pool name", &pool.name, owner, &pool.location)?;
    }
    for cluster in &inventory.clusters {
        let owner = format!("cluster `{}`", cluster.name);
        let place = |key: &str| cluster.places.get(key).unwrap_or(&cluster.location);
        registry.claim("cluster name", &cluster.name, owner, place("name"))?;
        cluster
            .nodes
            .iter()
            .try_for_each(|node| registry.node(node))?;
        if let Some(vip) = &cluster.vip {
            let owner = format!("the VIP of cluster `{}`", cluster.name);
            registry.claim("address", vip, owner, place("vip"))?;
        }
        for balancer in &cluster.load_balancers {
            let owner = format!("`{}`", balancer.name);
            let kind = "load balancer address";
            registry.claim(kind, &balancer.address, owner, &balancer.location)?;
        }
    }
    for guest in &inventory.guests {
        let owner = format!("guest `{}`", guest.name);
        registry.claim("guest name", &guest.name, owner.clone(), &guest.location)?;
        for mac in &guest.macs {
            registry.claim("MAC address", mac, owner.clone(), &guest.location)?;
        }
        if let Some(address) = &guest.address {
            registry.claim("address", address, owner.clone(), &guest.location)?;
        }
        if let Some(vmid) = guest.vmid {
            registry.claim("VMID", vmid.to_string(), owner, &guest.location)?;
        }
    }
    for appliance in &inventory.appliances {
        let owner = format!("appliance `{}`", appliance.name);
        registry.claim(
            "appliance name",
            &appliance.name,
            owner.clone(),
            &appliance.location,
        )?;
        registry.claim("address", &appliance.address, owner, &appliance.location)?;
    }
    Ok(())
}

/// Addresses outside the subnet, disks on pools that are nearly named right.
pub(super) fn oddities(inventory: &Inventory) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let subnet: Option<IpNet> = inventory
        .network
        .subnet
        .as_ref()
        .and_then(|s| s.parse().ok());
    let mut inside = |address: &str, owner: String, at: &Location| {
        let ip: Option<IpAddr> = address.parse().ok();
        if let (Some(net), Some(ip)) = (subnet, ip)
            && net.addr().is_ipv4() == ip.is_ipv4()
            && !net.contains(&ip)
        {
            warnings.push(Warning {
                location: at.clone(),
                message: format!("address {ip} of {owner} is outside the subnet {net}"),
            });
        }
    };
    for host in &inventory.hosts {
        if let Some(address) = &host.address {
            inside(address, format!("host `{}`", host.name), &host.location);
        }
    }
    for cluster in &inventory.clusters {
        for node in &cluster.nodes {
            if let Some(address) = &node.address {
                let at = node.places.get("address").unwrap_or(&node.location);
                inside(address, format!("node `{}`", node.name), at);
            }
        }
        if let Some(vip) = &cluster.vip {
            let at = cluster.places.get("vip").unwrap_or(&cluster.location);
            inside(vip, format!("the VIP of cluster `{}`", cluster.name), at);
        }
        for balancer in &cluster.load_balancers {
            inside(
                &balancer.address,
                format!("`{}`", balancer.name),
                &balancer.location,
            );
        }
    }
    for guest in &inventory.guests {
        if let Some(address) = &guest.address {
            inside(address, format!("guest `{}`", guest.name), &guest.location);
        }
    }
    for appliance in &inventory.appliances {
        let owner = format!("appliance `{}`", appliance.name);
        inside(&appliance.address, owner, &appliance.location);
    }
    warnings.extend(misspelt_pools(inventory));
    warnings
}

/// A disk may be on a storage that is no pool (a local one), so only a near miss is odd.
fn misspelt_pools(inventory: &Inventory) -> Vec<Warning> {
    let pools: Vec<&str> = inventory.pools.iter().map(|p| p.name.as_str()).collect();
    let nodes = inventory.clusters.iter().flat_map(|c| &c.nodes);
    let of_nodes = nodes.flat_map(|n| {
        n.disks
            .iter()
            .map(|d| (d, n.places.get("disks").unwrap_or(&n.location)))
    });
    let of_guests = inventory
        .guests
        .iter()
        .flat_map(|g| g.disks.iter().map(|d| (d, &g.location)));
    of_nodes
        .chain(of_guests)
        .filter(|(disk, _)| !pools.contains(&disk.storage.as_str()))
        .filter_map(|(disk, at)| {
            let near = nearest(&disk.storage, pools.iter().copied())?;
            Some(Warning {
                location: at.clone(),
                message: format!(
                    "no pool is named `{}`; did you mean `{near}`?",
                    disk.storage
                ),
            })
        })
        .collect()
}

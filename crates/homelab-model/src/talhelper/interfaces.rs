//! `networkInterfaces`: MAC addresses, addresses and the VIP.

use homelab_core::{Location, Result};

use crate::yaml::convert::{boolean, mac, name};
use crate::yaml::{Bad, Node, Source};

/// What the interfaces of one node say.
#[derive(Debug, Default)]
pub(super) struct Interfaces {
    pub(super) macs: Vec<String>,
    pub(super) mac_at: Option<Location>,
    pub(super) addresses: Vec<String>,
    pub(super) vip: Option<(String, Location)>,
}

pub(super) fn interfaces(source: &Source<'_>, list: &[std::rc::Rc<Node>]) -> Result<Interfaces> {
    let mut found = Interfaces::default();
    for node in list {
        interface(source, node, &mut found)?;
    }
    Ok(found)
}

fn interface(source: &Source<'_>, node: &Node, found: &mut Interfaces) -> Result<()> {
    let mut f = source.fields(node, "a network interface")?;
    f.ignore(&[
        "interface",
        "routes",
        "bridge",
        "mtu",
        "ignore",
        "dummy",
        "dhcpOptions",
        "wireguard",
        "bridgePort",
    ]);
    f.opt("dhcp", boolean)?;
    if let Some(node) = f.node("deviceSelector") {
        selector(source, node, found)?;
    }
    common(&mut f, source, found)?;
    if let Some(node) = f.node("bond") {
        // Only the selectors matter; the many tuning keys are left to Talos.
        if let Some(list) = node.get("deviceSelectors") {
            for node in crate::yaml::items(list).map_err(|bad| source.error(bad))? {
                selector(source, node, found)?;
            }
        }
    }
    for node in f.list("vlans")? {
        let mut f = source.fields(node, "a VLAN")?;
        f.ignore(&["vlanId", "routes", "mtu", "dhcp", "dhcpOptions"]);
        common(&mut f, source, found)?;
        f.finish();
    }
    f.finish();
    Ok(())
}

/// What interfaces and VLANs have in common.
fn common(
    f: &mut crate::yaml::Fields<'_>,
    source: &Source<'_>,
    found: &mut Interfaces,
) -> Result<()> {
    let old = f.opt("cidr", address_with_prefix)?;
    for address in f
        .each("addresses", address_with_prefix)?
        .into_iter()
        .chain(old)
    {
        if !found.addresses.contains(&address) {
            found.addresses.push(address);
        }
    }
    if let Some(node) = f.node("vip") {
        let mut f = source.fields(node, "a VIP")?;
        f.ignore(&["equinixMetal", "hcloud"]);
        if let Some(ip) = f.opt("ip", crate::yaml::convert::address)? {
            found
                .vip
                .get_or_insert((ip, source.at(node.get("ip").map_or(node.at, |n| n.at))));
        }
        f.finish();
    }
    Ok(())
}

fn selector(source: &Source<'_>, node: &Node, found: &mut Interfaces) -> Result<()> {
    let mut f = source.fields(node, "a device selector")?;
    f.ignore(&["busPath", "pciID", "driver", "physical", "permanentAddr"]);
    for key in ["hardwareAddr", "permanentAddr"] {
        let Some(value) = f.node(key) else { continue };
        // Talos takes patterns here, which name no single device.
        if name(value).is_ok_and(|text| text.contains(['*', '?', '['])) {
            continue;
        }
        let mac = f.req(key, mac)?;
        found.mac_at.get_or_insert(source.at(value.at));
        if !found.macs.contains(&mac) {
            found.macs.push(mac);
        }
    }
    f.finish();
    Ok(())
}

/// `172.16.1.50/24` or `172.16.1.50`, without the prefix length.
pub(super) fn address_with_prefix(node: &Node) -> std::result::Result<String, Bad> {
    let text = name(node)?;
    let parsed = match text.parse::<ipnet::IpNet>() {
        Ok(net) => Some(net.addr()),
        Err(_) => text.parse().ok(),
    };
    parsed.map(|ip| ip.to_string()).ok_or_else(|| {
        Bad::new(
            node.at,
            format!(
                "expected an address such as 172.16.1.50/24, got {}",
                node.describe()
            ),
        )
    })
}

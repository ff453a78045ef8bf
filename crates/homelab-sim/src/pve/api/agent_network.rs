//! The network cards of a VM, as its guest agent tells of them.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::agent::talos_node;
use super::load;
use crate::world::{Guest, State, TalosNode};

pub(super) fn interfaces(state: &State, guest: &Guest) -> Vec<Value> {
    let load = load::guest(state, guest, state.now);
    let mut result = vec![json!({
        "name": "lo",
        "hardware-address": "00:00:00:00:00:00",
        "statistics": statistics(0, 0),
        "ip-addresses": [
            { "ip-address": "127.0.0.1", "ip-address-type": "ipv4", "prefix": 8 },
            { "ip-address": "::1", "ip-address-type": "ipv6", "prefix": 128 },
        ],
    })];
    for (n, nic) in guest.nics.iter().enumerate() {
        let mut addresses = Vec::new();
        if n == 0
            && let Some(node) = talos_node(state, guest)
        {
            addresses.push(address(node.address, node.prefix));
            addresses.extend(virtual_address(state, node).map(|vip| address(vip, 32)));
        }
        addresses.extend(link_local(&nic.mac).map(|ip| address(ip, 64)));
        result.push(json!({
            "name": format!("ens{}", 18 + n),
            "hardware-address": nic.mac,
            "statistics": statistics(load.netin, load.netout),
            "ip-addresses": addresses,
        }));
    }
    result
}

fn statistics(received: u64, sent: u64) -> Value {
    json!({
        "rx-bytes": received, "rx-packets": received / 500, "rx-dropped": 0, "rx-errs": 0,
        "tx-bytes": sent, "tx-packets": sent / 500, "tx-dropped": 0, "tx-errs": 0,
    })
}

fn address(ip: IpAddr, prefix: u8) -> Value {
    let kind = if ip.is_ipv4() { "ipv4" } else { "ipv6" };
    json!({ "ip-address": ip.to_string(), "ip-address-type": kind, "prefix": prefix })
}

/// The cluster's virtual address, on the node that holds it.
fn virtual_address(state: &State, node: &TalosNode) -> Option<IpAddr> {
    let cluster = state.cluster(&node.cluster)?;
    (cluster.vip_holder.as_deref() == Some(&node.name)).then_some(cluster.vip)?
}

/// The address that an interface gives itself from its MAC (EUI-64): the MAC
/// with `ff:fe` in its middle and the second lowest bit of its first byte flipped.
pub(super) fn link_local(mac: &str) -> Option<IpAddr> {
    let mac: Vec<u8> = mac
        .split(':')
        .filter_map(|part| u8::from_str_radix(part, 16).ok())
        .collect();
    let mac: [u8; 6] = mac.try_into().ok()?;
    let mut address = [0; 16];
    address[..2].copy_from_slice(&[0xfe, 0x80]);
    address[8..11].copy_from_slice(&mac[..3]);
    address[8] ^= 2;
    address[11..13].copy_from_slice(&[0xff, 0xfe]);
    address[13..].copy_from_slice(&mac[3..]);
    Some(IpAddr::from(address))
}

#[cfg(test)]
mod tests {
    use super::link_local;

    #[test]
    fn link_local_addresses_follow_from_the_mac() {
        let ip = link_local("bc:24:11:aa:bb:cc").unwrap();
        assert_eq!(ip.to_string(), "fe80::be24:11ff:feaa:bbcc");
        assert_eq!(link_local("nonsense"), None);
    }
}

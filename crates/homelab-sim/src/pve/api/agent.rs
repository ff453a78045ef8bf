//! `…/agent/…`: what the guest agent of a VM tells.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::router::{Access, Call, Route, Wait, get};
use super::guests;
use crate::world::{Guest, GuestKind, Stage, State, TalosNode};

/// Whether the guest in the path has an agent that is switched on but silent:
/// the call then takes until the agent is given up.
pub(in super::super) fn will_not_answer(call: &Call<'_>) -> bool {
    call.cluster.world().read(|state| {
        guests::find(state, call, GuestKind::Qemu)
            .is_ok_and(|guest| guest.agent && guest.running() && !answers(state, guest))
    })
}

/// A guest without a Talos node is a usual Linux with its agent installed.
fn answers(state: &State, guest: &Guest) -> bool {
    match talos_node(state, guest) {
        None => true,
        Some(node) => {
            node.stage != Stage::Off && node.extensions.iter().any(|e| e.name == "qemu-guest-agent")
        }
    }
}

fn talos_node<'s>(state: &'s State, guest: &Guest) -> Option<&'s TalosNode> {
    state.node(guest.node.as_deref()?)
}

fn interfaces(call: &Call<'_>) -> Result<Answer> {
    call.cluster.world().read(|state| {
        let guest = guests::find(state, call, GuestKind::Qemu)?;
        if !guest.agent {
            return Err(ApiError::die("No QEMU guest agent configured"));
        }
        if !guest.running() {
            return Err(ApiError::die(format!("VM {} is not running", guest.vmid)));
        }
        if !answers(state, guest) {
            return Err(ApiError::die("QEMU guest agent is not running"));
        }
        let mut result = vec![json!({
            "name": "lo",
            "hardware-address": "00:00:00:00:00:00",
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
                "ip-addresses": addresses,
            }));
        }
        Ok(json!({ "result": result }).into())
    })
}

fn address(ip: IpAddr, prefix: u8) -> Value {
    let kind = if ip.is_ipv4() { "ipv4" } else { "ipv6" };
    json!({ "ip-address": ip.to_string(), "ip-address-type": kind, "prefix": prefix })
}

/// The cluster's virtual address, on the node that holds it.
fn virtual_address(state: &State, node: &TalosNode) -> Option<IpAddr> {
    let cluster = state.cluster(&node.cluster)?;
    (cluster.vip_holder.as_deref() == Some(&node.hostname)).then_some(cluster.vip)?
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

pub(super) const ROUTES: &[Route] = &[Route {
    wait: Wait::Agent,
    ..get(
        "/nodes/{node}/qemu/{vmid}/agent/network-get-interfaces",
        Access::Any(
            "/vms/{vmid}",
            &["VM.GuestAgent.Audit", "VM.GuestAgent.Unrestricted"],
        ),
        interfaces,
    )
}];

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

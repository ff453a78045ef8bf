//! Names, addresses and links.

use std::net::IpAddr;

use serde_json::json;
use talos_proto::common;
use talos_proto::definitions::{enums, network};

use super::Draft;
use super::machine::octets;
use crate::world::{State, TalosNode};

/// How the kernel names the first virtual network card in a Proxmox guest.
const FIRST_CARD: usize = 18;

pub(super) fn resources(state: &State, node: &TalosNode) -> Vec<Draft> {
    let mut all = vec![hostname(node)];
    all.extend(addresses(state, node));
    all.extend(links(state, node));
    all.push(address(node));
    all.extend(node.gateway.map(route));
    all
}

/// The default route.
fn route(gateway: IpAddr) -> Draft {
    let link = format!("ens{FIRST_CARD}");
    let (family, word) = if gateway.is_ipv4() {
        (enums::NethelpersFamily::FamilyInet4, "inet4")
    } else {
        (enums::NethelpersFamily::FamilyInet6, "inet6")
    };
    let proto = network::RouteStatusSpec {
        family: family.into(),
        gateway: Some(common::NetIp {
            ip: octets(gateway),
        }),
        out_link_index: 2,
        out_link_name: link.clone(),
        table: enums::NethelpersRoutingTable::TableMain.into(),
        priority: 1024,
        scope: enums::NethelpersScope::ScopeGlobal.into(),
        r#type: enums::NethelpersRouteType::TypeUnicast.into(),
        protocol: enums::NethelpersRouteProtocol::ProtocolStatic.into(),
        ..network::RouteStatusSpec::default()
    };
    let yaml = json!({
        "family": word,
        "dst": "",
        "src": "",
        "gateway": gateway,
        "outLinkIndex": 2,
        "outLinkName": link,
        "table": "main",
        "priority": 1024,
        "scope": "global",
        "type": "unicast",
        "flags": "",
        "protocol": "static",
    });
    Draft::new(
        "RouteStatuses.net.talos.dev",
        format!("{word}/{gateway}//1024"),
        "network.RouteStatusController",
        &proto,
        &yaml,
    )
}

/// The address on the first card.
fn address(node: &TalosNode) -> Draft {
    let link = format!("ens{FIRST_CARD}");
    let family = if node.address.is_ipv4() {
        enums::NethelpersFamily::FamilyInet4
    } else {
        enums::NethelpersFamily::FamilyInet6
    };
    let proto = network::AddressStatusSpec {
        address: Some(common::NetIpPrefix {
            ip: octets(node.address),
            prefix_length: i32::from(node.prefix),
        }),
        family: family.into(),
        link_index: 2,
        link_name: link.clone(),
        ..network::AddressStatusSpec::default()
    };
    let cidr = format!("{}/{}", node.address, node.prefix);
    let yaml = json!({
        "address": cidr,
        "family": if node.address.is_ipv4() { "inet4" } else { "inet6" },
        "linkIndex": 2,
        "linkName": link,
        "scope": "global",
        "flags": "permanent",
    });
    Draft::new(
        "AddressStatuses.net.talos.dev",
        format!("{link}/{cidr}"),
        "network.AddressStatusController",
        &proto,
        &yaml,
    )
}

fn hostname(node: &TalosNode) -> Draft {
    let (name, domain) = match node.hostname.split_once('.') {
        Some((name, domain)) => (name, domain),
        None => (node.hostname.as_str(), ""),
    };
    let proto = network::HostnameStatusSpec {
        hostname: name.to_owned(),
        domainname: domain.to_owned(),
    };
    let yaml = json!({"hostname": name, "domainname": domain});
    Draft::new(
        "HostnameStatuses.net.talos.dev",
        "hostname",
        "network.HostnameSpecController",
        &proto,
        &yaml,
    )
}

/// `default` is the first address; the others hold the virtual address as
/// well, on the node that has it.
fn addresses(state: &State, node: &TalosNode) -> Vec<Draft> {
    let own = (node.address, node.prefix);
    let vip = state
        .cluster(&node.cluster)
        .filter(|c| c.vip_holder.as_deref() == Some(&node.name))
        .and_then(|c| c.vip)
        .map(|vip| (vip, if vip.is_ipv4() { 32 } else { 128 }));
    ["default", "current", "routed", "accumulative"]
        .into_iter()
        .map(|id| {
            let list: Vec<(IpAddr, u8)> = match id {
                "default" => vec![own],
                _ => [own].into_iter().chain(vip).collect(),
            };
            let proto = network::NodeAddressSpec {
                addresses: list
                    .iter()
                    .map(|(ip, prefix)| common::NetIpPrefix {
                        ip: octets(*ip),
                        prefix_length: i32::from(*prefix),
                    })
                    .collect(),
                sort_algorithm: enums::NethelpersAddressSortAlgorithm::AddressSortAlgorithmV1
                    .into(),
            };
            let yaml = json!({
                "addresses": list.iter().map(|(ip, p)| format!("{ip}/{p}")).collect::<Vec<_>>(),
                "sortAlgorithm": "v1",
            });
            let owner = "network.NodeAddressController";
            Draft::new("NodeAddresses.net.talos.dev", id, owner, &proto, &yaml)
        })
        .collect()
}

fn links(state: &State, node: &TalosNode) -> Vec<Draft> {
    let macs: Vec<String> = match node.vmid.and_then(|vmid| state.guest(vmid)) {
        Some(guest) => guest.nics.iter().map(|n| n.mac.clone()).collect(),
        None => vec![node.mac.clone()],
    };
    let cards = macs
        .iter()
        .enumerate()
        .map(|(n, mac)| ethernet(2 + n, &format!("ens{}", FIRST_CARD + n), mac));
    [loopback()].into_iter().chain(cards).collect()
}

fn loopback() -> Draft {
    let proto = network::LinkStatusSpec {
        index: 1,
        r#type: enums::NethelpersLinkType::LinkLoopbck.into(),
        flags: 0x1_0049,
        hardware_addr: vec![0; 6],
        broadcast_addr: vec![0; 6],
        mtu: 65536,
        queue_disc: "noqueue".into(),
        operational_state: enums::NethelpersOperationalState::OperStateUnknown.into(),
        link_state: true,
        ..network::LinkStatusSpec::default()
    };
    let yaml = json!({
        "index": 1,
        "type": "loopback",
        "linkIndex": 0,
        "flags": "UP,LOOPBACK,RUNNING,LOWER_UP",
        "hardwareAddr": "00:00:00:00:00:00",
        "broadcastAddr": "00:00:00:00:00:00",
        "mtu": 65536,
        "queueDisc": "noqueue",
        "operationalState": "unknown",
        "kind": "",
        "slaveKind": "",
        "linkState": true,
    });
    link("lo", &proto, &yaml)
}

fn ethernet(index: usize, name: &str, mac: &str) -> Draft {
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    let address = mac_bytes(mac);
    let bus = format!("0000:06:{:02x}.0", 16 + index);
    let proto = network::LinkStatusSpec {
        index,
        r#type: enums::NethelpersLinkType::LinkEther.into(),
        flags: 0x1_1043,
        hardware_addr: address.clone(),
        permanent_addr: address,
        broadcast_addr: vec![0xff; 6],
        mtu: 1500,
        queue_disc: "pfifo_fast".into(),
        operational_state: enums::NethelpersOperationalState::OperStateUp.into(),
        bus_path: bus.clone(),
        driver: "virtio_net".into(),
        driver_version: "1.0.0".into(),
        vendor: "Red Hat, Inc.".into(),
        product: "Virtio network device".into(),
        vendor_id: "0x1af4".into(),
        product_id: "0x1000".into(),
        link_state: true,
        port: enums::NethelpersPort::Other.into(),
        duplex: enums::NethelpersDuplex::Unknown.into(),
        ..network::LinkStatusSpec::default()
    };
    let yaml = json!({
        "index": index,
        "type": "ether",
        "linkIndex": 0,
        "flags": "UP,BROADCAST,RUNNING,MULTICAST,LOWER_UP",
        "hardwareAddr": mac,
        "permanentAddr": mac,
        "broadcastAddr": "ff:ff:ff:ff:ff:ff",
        "mtu": 1500,
        "queueDisc": "pfifo_fast",
        "operationalState": "up",
        "kind": "",
        "slaveKind": "",
        "busPath": bus,
        "driver": "virtio_net",
        "driverVersion": "1.0.0",
        "productID": "0x1000",
        "vendorID": "0x1af4",
        "product": "Virtio network device",
        "vendor": "Red Hat, Inc.",
        "linkState": true,
        "port": "Other",
        "duplex": "Unknown",
    });
    link(name, &proto, &yaml)
}

fn link(name: &str, proto: &network::LinkStatusSpec, yaml: &serde_json::Value) -> Draft {
    Draft::new(
        "LinkStatuses.net.talos.dev",
        name,
        "network.LinkStatusController",
        proto,
        yaml,
    )
}

fn mac_bytes(mac: &str) -> Vec<u8> {
    mac.split(':')
        .filter_map(|part| u8::from_str_radix(part, 16).ok())
        .collect()
}

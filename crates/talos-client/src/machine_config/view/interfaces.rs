//! Network interfaces, from all documents that make or change one.

use super::InterfaceView;
use super::value::{by_name, flag, items, text, texts};
use crate::machine_config::MachineConfig;
use crate::yaml::Value;

/// Kinds of documents that configure one interface, by name, all alike in what is
/// read here.
const LINKS: [&str; 10] = [
    "LinkConfig",
    "BondConfig",
    "BridgeConfig",
    "VLANConfig",
    "VRFConfig",
    "DummyLinkConfig",
    "WireguardConfig",
    "VethConfig",
    "MacVLANConfig",
    "VXLANConfig",
];

pub(super) fn interfaces(config: &MachineConfig, main: &Value) -> Vec<InterfaceView> {
    let mut found = Found::default();
    for interface in items(main, &["machine", "network", "interfaces"]) {
        let name = text(interface, &["interface"]);
        found.0.push(InterfaceView {
            selector: by_name(interface, &["deviceSelector"]),
            ..of_main(interface, name.clone())
        });
        for vlan in items(interface, &["vlans"]) {
            // As Talos calls it; a selector's interface has its name on the node only.
            let id = text(vlan, &["vlanId"]);
            let name = name
                .as_ref()
                .zip(id)
                .map(|(name, id)| format!("{name}.{id}"));
            found.0.push(of_main(vlan, name));
        }
    }
    for document in LINKS.iter().flat_map(|kind| config.of_kind(kind)) {
        found.link(document.value());
        // The other end of a pair is an interface too.
        if let Some(peer) = document
            .value()
            .get("peer")
            .filter(|p| p.as_map().is_some())
        {
            found.link(peer);
        }
    }
    for kind in ["DHCPv4Config", "DHCPv6Config"] {
        for document in config.of_kind(kind) {
            let name = text(document.value(), &["name"]);
            found.named(name, |interface| interface.dhcp = Some(true));
        }
    }
    for kind in ["Layer2VIPConfig", "HCloudVIPConfig"] {
        for document in config.of_kind(kind) {
            let address = text(document.value(), &["name"]);
            found.named(text(document.value(), &["link"]), |interface| {
                interface.vip = interface.vip.take().or(address);
            });
        }
    }
    for document in config.of_kind("LinkAliasConfig") {
        let alias = text(document.value(), &["name"]).unwrap_or_default();
        for interface in &mut found.0 {
            if interface
                .name
                .as_deref()
                .is_some_and(|name| is(name, &alias))
            {
                interface.selector = by_name(document.value(), &["selector"]);
            }
        }
    }
    found.0
}

/// An interface of the `v1alpha1` document, or a VLAN on one.
fn of_main(value: &Value, name: Option<String>) -> InterfaceView {
    InterfaceView {
        name,
        addresses: texts(value, &["addresses"]),
        dhcp: flag(value, &["dhcp"]),
        mtu: value.get("mtu").and_then(Value::as_u64),
        vip: text(value, &["vip", "ip"]),
        ..InterfaceView::default()
    }
}

/// Whether an alias means an interface: `net%d` is `net0`, `net1` and so on.
fn is(name: &str, alias: &str) -> bool {
    let Some((before, after)) = alias.split_once("%d") else {
        return name == alias;
    };
    let number = name
        .strip_prefix(before)
        .and_then(|rest| rest.strip_suffix(after));
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

#[derive(Default)]
struct Found(Vec<InterfaceView>);

impl Found {
    /// Says more of the interface with this name, which is there from now on.
    fn named(&mut self, name: Option<String>, say: impl FnOnce(&mut InterfaceView)) {
        let known = |i: &&mut InterfaceView| name.is_some() && i.name == name;
        if let Some(interface) = self.0.iter_mut().find(known) {
            return say(interface);
        }
        let mut interface = InterfaceView {
            name,
            ..InterfaceView::default()
        };
        say(&mut interface);
        self.0.push(interface);
    }

    /// Says what a document configures of its interface.
    fn link(&mut self, value: &Value) {
        let addresses = items(value, &["addresses"]).iter();
        let addresses = addresses.filter_map(|a| text(a, &["address"]));
        let mtu = value.get("mtu").and_then(Value::as_u64);
        self.named(text(value, &["name"]), |interface| {
            interface.addresses.extend(addresses);
            interface.mtu = mtu.or(interface.mtu);
        });
    }
}

//! The parts of a configuration that the rest of the SDK needs.
//!
//! Newer releases move parts of the `v1alpha1` document into documents of their
//! own; a view looks in both places.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::config::MachineConfig;
use crate::yaml::Value;

/// What a machine configuration says, as far as the SDK needs it. Holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct MachineConfigView {
    /// `controlplane` or `worker`.
    pub machine_type: Option<String>,
    /// The host name.
    pub hostname: Option<String>,
    /// Names and addresses that the node's certificate carries beside its own.
    pub cert_sans: Vec<String>,
    /// Name servers.
    pub nameservers: Vec<String>,
    /// Network interfaces.
    pub interfaces: Vec<InterfaceView>,
    /// Where and what Talos installs.
    pub install: InstallView,
    /// The kubelet.
    pub kubelet: KubeletView,
    /// The cluster.
    pub cluster: ClusterView,
    /// Encrypted partitions, by name: `STATE`, `EPHEMERAL`, a volume's name.
    pub encryption: BTreeMap<String, DiskEncryption>,
    /// Switches of `machine.features`: name to value.
    pub features: BTreeMap<String, bool>,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct InterfaceView {
    /// Its name, such as `eth0`, or `eth0.20` for a VLAN; absent when a selector
    /// finds it.
    pub name: Option<String>,
    /// What finds it: `hardwareAddr` and the like, by name.
    pub selector: BTreeMap<String, String>,
    /// Addresses with prefix length.
    pub addresses: Vec<String>,
    /// Whether it asks a DHCP server.
    pub dhcp: Option<bool>,
    /// Largest packet.
    pub mtu: Option<u64>,
    /// The address that the control planes share.
    pub vip: Option<String>,
}

/// Where and what Talos installs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct InstallView {
    /// The disk: `/dev/sda`.
    pub disk: Option<String>,
    /// The installer's image.
    pub image: Option<String>,
    /// Whether the disk is wiped first.
    pub wipe: Option<bool>,
}

/// The kubelet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct KubeletView {
    /// Its image.
    pub image: Option<String>,
    /// Subnets out of which the node's address is taken.
    pub node_ip_subnets: Vec<String>,
}

/// The cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ClusterView {
    /// Its name.
    pub name: Option<String>,
    /// Where Kubernetes' API is: `https://172.16.1.49:6443`.
    pub endpoint: Option<String>,
    /// Names and addresses that the API server's certificate carries.
    pub api_server_cert_sans: Vec<String>,
    /// Whether pods may run on control planes.
    pub schedule_on_control_planes: Option<bool>,
    /// Which network plugin Talos installs: `flannel`, `custom`, or `none` when
    /// that is left to others. Talos takes flannel when it is absent.
    pub cni: Option<String>,
}

/// How a partition is encrypted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct DiskEncryption {
    /// `luks2`.
    pub provider: Option<String>,
    /// How keys come about: `static`, `nodeID`, `kms`, `tpm`, in order of slots.
    pub key_kinds: Vec<String>,
}

impl MachineConfigView {
    pub(super) fn of(config: &MachineConfig) -> Self {
        let empty = Value::Map(crate::yaml::Map::default());
        let main = config.main().map_or(&empty, |d| d.value());
        let hostname = text(main, &["machine", "network", "hostname"]).or_else(|| {
            config
                .of_kind("HostnameConfig")
                .find_map(|d| text(d.value(), &["hostname"]))
        });
        MachineConfigView {
            machine_type: text(main, &["machine", "type"]),
            hostname,
            cert_sans: texts(main, &["machine", "certSANs"]),
            nameservers: nameservers(config, main),
            interfaces: interfaces(config, main),
            install: InstallView {
                disk: text(main, &["machine", "install", "disk"]),
                image: text(main, &["machine", "install", "image"]),
                wipe: flag(main, &["machine", "install", "wipe"]),
            },
            kubelet: KubeletView {
                image: text(main, &["machine", "kubelet", "image"]),
                node_ip_subnets: texts(main, &["machine", "kubelet", "nodeIP", "validSubnets"]),
            },
            cluster: ClusterView {
                name: text(main, &["cluster", "clusterName"]),
                endpoint: text(main, &["cluster", "controlPlane", "endpoint"]),
                api_server_cert_sans: texts(main, &["cluster", "apiServer", "certSANs"]),
                schedule_on_control_planes: flag(
                    main,
                    &["cluster", "allowSchedulingOnControlPlanes"],
                ),
                cni: text(main, &["cluster", "network", "cni", "name"]),
            },
            encryption: encryption(config, main),
            features: pairs(main, &["machine", "features"])
                .filter_map(|(key, value)| Some((key.to_owned(), value.as_bool()?)))
                .collect(),
        }
    }
}

fn text(value: &Value, path: &[&str]) -> Option<String> {
    value.path(path)?.as_str().map(str::to_owned)
}

fn flag(value: &Value, path: &[&str]) -> Option<bool> {
    value.path(path)?.as_bool()
}

fn items<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    value.path(path).map_or(&[], Value::items)
}

fn texts(value: &Value, path: &[&str]) -> Vec<String> {
    let items = items(value, path).iter();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn pairs<'a>(value: &'a Value, path: &[&str]) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let map = value.path(path).and_then(Value::as_map);
    map.into_iter().flat_map(crate::yaml::Map::iter)
}

fn nameservers(config: &MachineConfig, main: &Value) -> Vec<String> {
    let mut found = texts(main, &["machine", "network", "nameservers"]);
    for document in config.of_kind("ResolverConfig") {
        let servers = items(document.value(), &["nameservers"]);
        found.extend(servers.iter().filter_map(|s| text(s, &["address"])));
    }
    found
}

/// Kinds of documents that configure one interface, by name, all alike in what is
/// read here.
const LINKS: [&str; 7] = [
    "LinkConfig",
    "BondConfig",
    "BridgeConfig",
    "VLANConfig",
    "VRFConfig",
    "DummyLinkConfig",
    "WireguardConfig",
];

fn interfaces(config: &MachineConfig, main: &Value) -> Vec<InterfaceView> {
    let mut found = Vec::new();
    for interface in items(main, &["machine", "network", "interfaces"]) {
        let name = text(interface, &["interface"]);
        found.push(InterfaceView {
            selector: pairs(interface, &["deviceSelector"])
                .filter_map(|(key, value)| Some((key.to_owned(), value.as_str()?.to_owned())))
                .collect(),
            ..interface_of_main(interface, name.clone())
        });
        for vlan in items(interface, &["vlans"]) {
            // As Talos calls it; a selector's interface has its name on the node only.
            let id = text(vlan, &["vlanId"]);
            let name = name
                .as_ref()
                .zip(id)
                .map(|(name, id)| format!("{name}.{id}"));
            found.push(interface_of_main(vlan, name));
        }
    }
    for document in LINKS.iter().flat_map(|kind| config.of_kind(kind)) {
        let value = document.value();
        let addresses = items(value, &["addresses"]).iter();
        let addresses = addresses.filter_map(|a| text(a, &["address"]));
        let mtu = value.get("mtu").and_then(Value::as_u64);
        named(
            &mut found,
            document.name().map(str::to_owned),
            |interface| {
                interface.addresses.extend(addresses);
                interface.mtu = mtu.or(interface.mtu);
            },
        );
    }
    for kind in ["DHCPv4Config", "DHCPv6Config"] {
        for document in config.of_kind(kind) {
            let name = document.name().map(str::to_owned);
            named(&mut found, name, |interface| interface.dhcp = Some(true));
        }
    }
    for kind in ["Layer2VIPConfig", "HCloudVIPConfig"] {
        for document in config.of_kind(kind) {
            let link = text(document.value(), &["link"]);
            let address = document.name().map(str::to_owned);
            named(&mut found, link, |interface| interface.vip = address);
        }
    }
    found
}

/// An interface of the `v1alpha1` document, or a VLAN on one.
fn interface_of_main(value: &Value, name: Option<String>) -> InterfaceView {
    InterfaceView {
        name,
        selector: BTreeMap::new(),
        addresses: texts(value, &["addresses"]),
        dhcp: flag(value, &["dhcp"]),
        mtu: value.get("mtu").and_then(Value::as_u64),
        vip: text(value, &["vip", "ip"]),
    }
}

/// Says more of the interface with this name, which is there from now on.
fn named(
    found: &mut Vec<InterfaceView>,
    name: Option<String>,
    say: impl FnOnce(&mut InterfaceView),
) {
    let known = |i: &&mut InterfaceView| name.is_some() && i.name == name;
    if let Some(interface) = found.iter_mut().find(known) {
        return say(interface);
    }
    let mut interface = InterfaceView {
        name,
        ..InterfaceView::default()
    };
    say(&mut interface);
    found.push(interface);
}

fn encryption(config: &MachineConfig, main: &Value) -> BTreeMap<String, DiskEncryption> {
    let read = |value: &Value| DiskEncryption {
        provider: text(value, &["provider"]),
        key_kinds: items(value, &["keys"])
            .iter()
            .flat_map(|key| pairs(key, &[]))
            .map(|(kind, _)| kind)
            .filter(|kind| matches!(*kind, "static" | "nodeID" | "kms" | "tpm"))
            .map(str::to_owned)
            .collect(),
    };
    let mut found: BTreeMap<_, _> = pairs(main, &["machine", "systemDiskEncryption"])
        .map(|(name, value)| (name.to_uppercase(), read(value)))
        .collect();
    for document in config.documents() {
        if let (Some(name), Some(value)) = (document.name(), document.value().get("encryption")) {
            found.insert(name.to_owned(), read(value));
        }
    }
    found
}

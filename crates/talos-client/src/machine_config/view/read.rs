//! Where each part of a view stands.

use std::collections::BTreeMap;

use super::interfaces::interfaces;
use super::value::{by_name, flag, items, pairs, text, texts};
use super::{ClusterView, DiskEncryption, InstallView, KubeletView, MachineConfigView};
use crate::machine_config::{Document, MachineConfig};
use crate::yaml::{Map, Value};

/// The taint that keeps pods off control planes.
const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";

impl MachineConfigView {
    pub(in crate::machine_config) fn of(config: &MachineConfig) -> Self {
        let empty = Value::Map(Map::default());
        let main = config.main().map_or(&empty, |d| d.value());
        let hostname = config
            .of_kind("HostnameConfig")
            .find_map(|d| text(d.value(), &["hostname"]));
        MachineConfigView {
            machine_type: text(main, &["machine", "type"]),
            hostname: hostname.or_else(|| text(main, &["machine", "network", "hostname"])),
            cert_sans: texts(main, &["machine", "certSANs"]),
            nameservers: nameservers(config, main),
            interfaces: interfaces(config, main),
            install: install(config, main),
            kubelet: kubelet(config, main),
            cluster: cluster(config, main),
            encryption: encryption(config, main),
            features: features(config, main),
        }
    }
}

/// The one document of a kind that has no names.
fn only<'a>(config: &'a MachineConfig, kind: &str) -> Option<&'a Value> {
    config.of_kind(kind).next().map(Document::value)
}

fn nameservers(config: &MachineConfig, main: &Value) -> Vec<String> {
    let mut found = texts(main, &["machine", "network", "nameservers"]);
    for document in config.of_kind("ResolverConfig") {
        let servers = items(document.value(), &["nameservers"]);
        found.extend(servers.iter().filter_map(|s| text(s, &["address"])));
    }
    found
}

fn install(config: &MachineConfig, main: &Value) -> InstallView {
    if let Some(document) = only(config, "UnattendedInstallConfig") {
        let selector = by_name(document, &["provisioning", "diskSelector"]);
        return InstallView {
            disk: selector.get("match").and_then(|m| disk_of(m)),
            selector,
            image: text(document, &["installer", "image"]),
            wipe: Some(flag(document, &["provisioning", "wipe"]).unwrap_or(true)),
        };
    }
    InstallView {
        disk: text(main, &["machine", "install", "disk"]),
        selector: by_name(main, &["machine", "install", "diskSelector"]),
        image: text(main, &["machine", "install", "image"]),
        wipe: flag(main, &["machine", "install", "wipe"]),
    }
}

/// The disk of an expression that compares a path and nothing else, as
/// `talosctl gen config` writes it.
fn disk_of(expression: &str) -> Option<String> {
    let (path, disk) = expression.split_once("==")?;
    let disk = disk.trim();
    let quote = disk.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let disk = disk.strip_prefix(quote)?.strip_suffix(quote)?;
    (path.trim() == "disk.dev_path" && !disk.contains(['"', '\'', '\\'])).then(|| disk.to_owned())
}

fn kubelet(config: &MachineConfig, main: &Value) -> KubeletView {
    KubeletView {
        image: match only(config, "KubeletConfig") {
            Some(document) => text(document, &["image"]),
            None => text(main, &["machine", "kubelet", "image"]),
        },
        node_ip_subnets: match only(config, "KubeNodeConfig") {
            Some(document) => texts(document, &["nodeIP", "validSubnets"]),
            None => texts(main, &["machine", "kubelet", "nodeIP", "validSubnets"]),
        },
    }
}

fn cluster(config: &MachineConfig, main: &Value) -> ClusterView {
    let of_main = |path: &[&str]| text(main, path);
    let document = only(config, "KubeClusterConfig");
    let said = |key: &str| document.and_then(|d| text(d, &[key]));
    ClusterView {
        name: said("clusterName").or_else(|| of_main(&["cluster", "clusterName"])),
        endpoint: said("endpoint").or_else(|| of_main(&["cluster", "controlPlane", "endpoint"])),
        api_server_cert_sans: match only(config, "KubeAPIServerConfig") {
            Some(document) => texts(document, &["certExtraSANs"]),
            None => texts(main, &["cluster", "apiServer", "certSANs"]),
        },
        schedule_on_control_planes: schedule_on_control_planes(config, main),
        cni: cni(config, main),
    }
}

fn is_control_plane(main: &Value) -> bool {
    text(main, &["machine", "type"]).as_deref() == Some("controlplane")
}

fn schedule_on_control_planes(config: &MachineConfig, main: &Value) -> Option<bool> {
    match only(config, "KubeNodeConfig") {
        // Its taints are all there are; those of a worker say nothing of the others.
        Some(document) => {
            is_control_plane(main).then(|| document.path(&["taints", CONTROL_PLANE]).is_none())
        }
        None => flag(main, &["cluster", "allowSchedulingOnControlPlanes"])
            .or_else(|| flag(main, &["cluster", "allowSchedulingOnMasters"])),
    }
}

fn cni(config: &MachineConfig, main: &Value) -> Option<String> {
    if only(config, "KubeFlannelCNIConfig").is_some() {
        return Some("flannel".to_owned());
    }
    // Only control planes have the document, so that only there its absence speaks.
    let none = only(config, "KubeNetworkConfig").is_some() && is_control_plane(main);
    text(main, &["cluster", "network", "cni", "name"]).or_else(|| none.then(|| "none".to_owned()))
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

fn features(config: &MachineConfig, main: &Value) -> BTreeMap<String, bool> {
    let mut found = BTreeMap::new();
    for (name, value) in pairs(main, &["machine", "features"]) {
        // A switch, or a group that has one.
        let switch = flag(value, &[]).or_else(|| flag(value, &["enabled"]));
        // The image cache's concerns the local disk.
        let switch = switch.or_else(|| flag(value, &["localEnabled"]));
        found.extend(switch.map(|on| (name.to_owned(), on)));
    }
    let mut say = |name: &str, on: Option<bool>| {
        found.extend(on.map(|on| (name.to_owned(), on)));
    };
    // These are on by being there.
    for (kind, name) in [
        ("KubePrismConfig", "kubePrism"),
        ("KubeTalosAPIAccessConfig", "kubernetesTalosAPIAccess"),
    ] {
        say(name, only(config, kind).map(|_| true));
    }
    for (kind, path, name) in [
        ("ResolverConfig", ["hostDNS", "enabled"], "hostDNS"),
        ("ImageCacheConfig", ["local", "enabled"], "imageCache"),
    ] {
        say(name, only(config, kind).and_then(|d| flag(d, &path)));
    }
    let auto = only(config, "HostnameConfig").and_then(|d| text(d, &["auto"]));
    say("stableHostname", auto.map(|auto| auto == "stable"));
    found
}

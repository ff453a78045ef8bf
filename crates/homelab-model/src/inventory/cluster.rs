//! One cluster of the inventory file, with its nodes.

use std::collections::BTreeMap;

use homelab_core::{Error, Location, Result};

use super::parse::{Read, disk, named_address};
use super::{ClusterSpec, Inventory, NodeRole, NodeSpec, merge};
use crate::talhelper;
use crate::yaml::convert::{address, boolean, mac, name, number, size, subnet, text};
use crate::yaml::{Bad, Node, Source};

/// Decodes a cluster, imports its talconfig if it names one, merges both into the inventory.
pub(super) fn cluster(
    source: &Source<'_>,
    node: &Node,
    read: &Read<'_>,
    inventory: &mut Inventory,
) -> Result<()> {
    let mut f = source.fields(node, "a cluster")?;
    let mut cluster = ClusterSpec::empty(f.location());
    cluster.talconfig = f.opt("talconfig", name)?;
    let talenv = f.opt("talenv", name)?;
    cluster.name = f.opt("name", name)?.unwrap_or_default();
    cluster.endpoint = f.opt("endpoint", text)?;
    cluster.vip = f.opt("vip", address)?;
    cluster.talos_version = f.opt("talos_version", name)?;
    cluster.kubernetes_version = f.opt("kubernetes_version", name)?;
    cluster.allow_scheduling_on_control_planes =
        f.opt("allow_scheduling_on_control_planes", boolean)?;
    cluster.cni = f.opt("cni", name)?;
    cluster.kube_proxy_disabled = f.opt("kube_proxy_disabled", boolean)?;
    cluster.nameservers = f.each("nameservers", address)?;
    cluster.pod_subnets = f.each("pod_subnets", subnet)?;
    cluster.service_subnets = f.each("service_subnets", subnet)?;
    cluster.places = places(source, node);
    for node in f.list("load_balancers")? {
        cluster.load_balancers.push(named_address(source, node)?);
    }
    for node in f.list("nodes")? {
        cluster.nodes.push(cluster_node(source, node)?);
    }
    f.finish();
    if let Some(path) = &cluster.talconfig {
        let at = cluster.places.get("talconfig").unwrap_or(&cluster.location);
        let import = talhelper::import_named(at, source.file, path, talenv.as_deref(), read)?;
        inventory.warnings.extend(import.warnings);
        inventory.contradictions.extend(import.contradictions);
        let found = merge::merge(&mut cluster, import.cluster);
        inventory.contradictions.extend(found);
    }
    if cluster.name.is_empty() {
        return Err(source.error(Bad::new(node.at, "a cluster needs the key `name`")));
    }
    for node in &cluster.nodes {
        // With a talconfig, a node that it lacks is a contradiction and counts as a worker.
        if cluster.talconfig.is_none() && !node.places.contains_key("role") {
            return Err(Error::config(
                node.location.clone(),
                format!(
                    "node `{}` needs the key `role`: control-plane or worker",
                    node.name
                ),
            ));
        }
    }
    inventory.clusters.push(cluster);
    Ok(())
}

fn cluster_node(source: &Source<'_>, node: &Node) -> Result<NodeSpec> {
    let mut f = source.fields(node, "a node")?;
    let mut spec = NodeSpec::empty(f.req("name", name)?, f.location());
    spec.role = f.opt("role", role)?.unwrap_or(NodeRole::Worker);
    spec.host = f.opt("host", name)?;
    spec.vmid = f.opt("vmid", number)?;
    spec.address = f.opt("address", address)?;
    spec.addresses = spec.address.iter().cloned().collect();
    for more in f.each("addresses", address)? {
        if !spec.addresses.contains(&more) {
            spec.addresses.push(more);
        }
    }
    spec.macs = f.opt("mac", mac)?.into_iter().collect();
    for more in f.each("macs", mac)? {
        if !spec.macs.contains(&more) {
            spec.macs.push(more);
        }
    }
    spec.cores = f.opt("cores", number)?;
    spec.memory_bytes = f.opt("memory", size)?;
    for node in f.list("disks")? {
        spec.disks.push(disk(source, node)?);
    }
    spec.gpus = f.each("gpus", text)?;
    spec.install_disk = f.opt("install_disk", name)?;
    spec.image = f.opt("image", name)?;
    spec.schematic = f.opt("schematic", name)?;
    spec.extensions = f.node("extensions").is_some().then(Vec::new);
    if let Some(list) = &mut spec.extensions {
        *list = f.each("extensions", name)?;
    }
    spec.secure_boot = f.opt("secure_boot", boolean)?;
    spec.places = places(source, node);
    f.finish();
    if spec.address.is_none() {
        spec.address = spec.addresses.first().cloned();
    }
    if let Some(list) = spec.places.remove("macs") {
        spec.places.entry("mac".to_owned()).or_insert(list);
    }
    if let Some(list) = spec.places.remove("addresses") {
        spec.places.entry("address".to_owned()).or_insert(list);
    }
    Ok(spec)
}

fn role(node: &Node) -> std::result::Result<NodeRole, Bad> {
    match name(node)?.to_ascii_lowercase().as_str() {
        "control-plane" | "controlplane" | "control_plane" => Ok(NodeRole::ControlPlane),
        "worker" => Ok(NodeRole::Worker),
        _ => Err(Bad::new(
            node.at,
            format!("expected control-plane or worker, got {}", node.describe()),
        )),
    }
}

/// Where each key's value stands.
pub(crate) fn places(source: &Source<'_>, node: &Node) -> BTreeMap<String, Location> {
    let crate::yaml::Value::Mapping(entries) = &node.value else {
        return BTreeMap::new();
    };
    entries
        .iter()
        .filter(|entry| !entry.value.is_null())
        .map(|entry| (entry.key.clone(), source.at(entry.value.at)))
        .collect()
}

impl ClusterSpec {
    pub(crate) fn empty(location: Location) -> ClusterSpec {
        ClusterSpec {
            name: String::new(),
            endpoint: None,
            vip: None,
            load_balancers: Vec::new(),
            talos_version: None,
            kubernetes_version: None,
            allow_scheduling_on_control_planes: None,
            cni: None,
            kube_proxy_disabled: None,
            nameservers: Vec::new(),
            pod_subnets: Vec::new(),
            service_subnets: Vec::new(),
            talconfig: None,
            nodes: Vec::new(),
            location,
            places: BTreeMap::new(),
        }
    }
}

impl NodeSpec {
    pub(crate) fn empty(name: String, location: Location) -> NodeSpec {
        NodeSpec {
            name,
            role: NodeRole::Worker,
            host: None,
            vmid: None,
            address: None,
            addresses: Vec::new(),
            macs: Vec::new(),
            cores: None,
            memory_bytes: None,
            disks: Vec::new(),
            gpus: Vec::new(),
            install_disk: None,
            image: None,
            schematic: None,
            extensions: None,
            secure_boot: None,
            location,
            talconfig_location: None,
            places: BTreeMap::new(),
        }
    }
}

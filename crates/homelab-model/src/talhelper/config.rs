//! `talconfig.yaml` itself.

use std::collections::BTreeMap;

use homelab_core::{Location, Result};

use super::TalhelperImport;
use super::interfaces::{Interfaces, interfaces};
use super::patches::{Files, Patches, interface_vip};
use crate::inventory::{ClusterSpec, Contradiction, NodeRole, NodeSpec, Place, check};
use crate::yaml::convert::{address, boolean, name, subnet, text};
use crate::yaml::{Bad, Fields, Node, Source, items};

/// What may stand on a node and on its group alike.
#[derive(Default)]
struct Settings {
    image: Option<String>,
    extensions: Option<Vec<String>>,
    secure_boot: Option<bool>,
    nameservers: Vec<String>,
    interfaces: Interfaces,
    patches: Patches,
}

pub(super) fn cluster(
    source: &Source<'_>,
    document: &Node,
    files: &Files<'_>,
) -> Result<TalhelperImport> {
    let mut f = source.fields(document, "talconfig")?;
    f.ignore(&[
        "domain",
        "additionalMachineCertSans",
        "additionalApiServerCertSans",
        "imageFactory",
        "filenameTmpl",
        "inlineManifests",
        "clusterInlineManifests",
        "imageSchematic",
    ]);
    let mut cluster = ClusterSpec::empty(f.location());
    cluster.name = f.req("clusterName", name)?;
    cluster.endpoint = f.opt("endpoint", name)?;
    cluster.talos_version = f.opt("talosVersion", name)?;
    cluster.kubernetes_version = f.opt("kubernetesVersion", name)?;
    let masters = f.opt("allowSchedulingOnMasters", boolean)?;
    cluster.allow_scheduling_on_control_planes = f
        .opt("allowSchedulingOnControlPlanes", boolean)?
        .or(masters);
    cluster.pod_subnets = f.each("clusterPodNets", subnet)?;
    cluster.service_subnets = f.each("clusterSvcNets", subnet)?;
    let cni = |node: &Node| {
        node.get("name")
            .map_or_else(|| Err(Bad::new(node.at, "no name")), |n| name(n))
    };
    cluster.cni = f.node("cniConfig").and_then(|node| cni(node).ok());
    let image = f.opt("talosImageURL", name)?;
    let mut global = Patches::default();
    global.add(source, files, f.list("patches")?)?;
    let groups = (
        group(source, &mut f, "controlPlane", files)?,
        group(source, &mut f, "worker", files)?,
    );
    cluster.places = places(source, document);
    let mut contradictions = Vec::new();
    let mut vip: Option<(String, Location)> = None;
    let mut of_nodes = Vec::new();
    for item in f.list("nodes")? {
        let (node, settings) = node(source, item, files, &groups, image.as_deref())?;
        let control_plane = node.role == NodeRole::ControlPlane;
        let own_vip = settings.interfaces.vip.clone();
        match (&vip, own_vip.filter(|_| control_plane)) {
            (Some(first), Some(other)) if first.0 != other.0 => {
                contradictions.push(Contradiction {
                    subject: cluster.name.clone(),
                    field: "vip".to_owned(),
                    first: place(first),
                    second: place(&other),
                });
            }
            (None, found) => vip = found,
            _ => {}
        }
        add(&mut cluster.nameservers, settings.nameservers);
        of_nodes.push((control_plane, settings.patches));
        cluster.nodes.push(node);
    }
    f.finish();
    let (control_plane, worker) = groups;
    // What comes later in talhelper's order wins: all nodes, then the group, then the node.
    let of_nodes_cp = of_nodes
        .iter()
        .filter(|(is_cp, _)| *is_cp)
        .map(|(_, patches)| patches);
    let scopes: Vec<&Patches> = of_nodes_cp
        .chain([&control_plane.patches, &global])
        .collect();
    let of_all = of_nodes.iter().map(|(_, patches)| patches);
    for patches in of_all.chain([&global, &control_plane.patches, &worker.patches]) {
        add(&mut cluster.nameservers, patched_nameservers(patches));
    }
    add(&mut cluster.nameservers, control_plane.nameservers);
    add(&mut cluster.nameservers, worker.nameservers);
    let vip = vip
        .or(control_plane.interfaces.vip)
        .or_else(|| scopes.iter().find_map(|patches| patched_vip(patches)));
    if let Some((address, at)) = vip {
        cluster.vip = Some(address);
        cluster.places.insert("vip".to_owned(), at);
    }
    from_patches(&mut cluster, &scopes);
    check::unique_nodes(&cluster.nodes)?;
    Ok(TalhelperImport {
        cluster,
        warnings: Vec::new(),
        contradictions,
    })
}

/// Flags that people set in patches rather than in the talconfig itself.
fn from_patches(cluster: &mut ClusterSpec, scopes: &[&Patches]) {
    let flag = |path: &[&str]| scopes.iter().find_map(|p| p.value(path, boolean));
    for key in ["allowSchedulingOnControlPlanes", "allowSchedulingOnMasters"] {
        if let Some((value, at)) = flag(&["cluster", key]) {
            cluster.allow_scheduling_on_control_planes = Some(value);
            cluster
                .places
                .insert("allow_scheduling_on_control_planes".to_owned(), at);
            break;
        }
    }
    if let Some((value, at)) = flag(&["cluster", "proxy", "disabled"]) {
        cluster.kube_proxy_disabled = Some(value);
        cluster.places.insert("kube_proxy_disabled".to_owned(), at);
    }
    let cni = ["cluster", "network", "cni", "name"];
    if let Some((value, at)) = scopes.iter().find_map(|p| p.value(&cni, name)) {
        cluster.cni = Some(value);
        cluster.places.insert("cni".to_owned(), at);
    }
}

fn patched_nameservers(patches: &Patches) -> Vec<String> {
    let list = |node: &Node| items(node)?.iter().map(|item| address(item)).collect();
    let path = ["machine", "network", "nameservers"];
    let mut found: Vec<String> = patches
        .value(&path, list)
        .map(|(list, _)| list)
        .unwrap_or_default();
    for (document, _) in patches.documents("ResolverConfig") {
        let listed = document
            .get("nameservers")
            .and_then(|node| items(node).ok());
        let addresses = listed.unwrap_or_default().iter();
        found.extend(addresses.filter_map(|item| address(item.get("address")?).ok()));
    }
    found
}

fn add(list: &mut Vec<String>, more: Vec<String>) {
    for item in more {
        if !list.contains(&item) {
            list.push(item);
        }
    }
}

fn patched_vip(patches: &Patches) -> Option<(String, Location)> {
    let in_document = patches
        .documents("Layer2VIPConfig")
        .find_map(|(document, at)| Some((address(document.get("name")?).ok()?, at.clone())));
    in_document.or_else(|| patches.value(&["machine", "network", "interfaces"], interface_vip))
}

fn place(of: &(String, Location)) -> Place {
    Place {
        value: Some(of.0.clone()),
        location: of.1.clone(),
    }
}

fn group(
    source: &Source<'_>,
    f: &mut Fields<'_>,
    key: &'static str,
    files: &Files<'_>,
) -> Result<Settings> {
    let Some(node) = f.node(key) else {
        return Ok(Settings::default());
    };
    let mut f = source.fields(node, key)?;
    let settings = settings(source, &mut f, files)?;
    f.finish();
    Ok(settings)
}

fn settings(source: &Source<'_>, f: &mut Fields<'_>, files: &Files<'_>) -> Result<Settings> {
    f.ignore(&[
        "nodeLabels",
        "nodeAnnotations",
        "nodeTaints",
        "machineDisks",
        "machineFiles",
        "disableSearchDomain",
        "kernelModules",
        "extraManifests",
        "ingressFirewall",
        "certSANs",
        "extensionServices",
        "volumes",
        "userVolumes",
        "noSchematicValidate",
        "domain",
        "overridePatches",
        "overrideExtraManifests",
        "overrideMachineCertSANs",
        "overrideNodeLabels",
        "overrideNodeAnnotations",
        "overrideNodeTaints",
        "overrideMachineDisks",
        "overrideMachineFiles",
        "overrideKernelModules",
        "overrideNetworkInterfaces",
        "overrideNameservers",
        "overrideVolumes",
        "overrideUserVolumes",
        "overrideExtensionServices",
        "overrideSchematic",
    ]);
    let mut settings = Settings {
        image: f.opt("talosImageURL", name)?,
        nameservers: f.each("nameservers", address)?,
        interfaces: interfaces(source, f.list("networkInterfaces")?)?,
        ..Settings::default()
    };
    if let Some(node) = f.node("machineSpec") {
        let mut f = source.fields(node, "machineSpec")?;
        f.ignore(&["mode", "arch", "useUKI", "bootMethod", "imageSuffix"]);
        settings.secure_boot = f.opt("secureboot", boolean)?;
        f.finish();
    }
    if let Some(node) = f.node("schematic") {
        let list = node.path(&["customization", "systemExtensions", "officialExtensions"]);
        let listed = list.and_then(|list| items(list).ok()).unwrap_or_default();
        settings.extensions = Some(listed.iter().filter_map(|item| text(item).ok()).collect());
    }
    if let Some(node) = f.node("extensions") {
        // Before schematics, extensions were images.
        let listed = items(node).unwrap_or_default();
        let images = listed
            .iter()
            .filter_map(|item| text(item.get("image")?).ok());
        settings.extensions.get_or_insert_default().extend(images);
    }
    settings.patches.add(source, files, f.list("patches")?)?;
    settings
        .patches
        .add(source, files, f.list("configPatches")?)?;
    if let Some(node) = f.shared("inlinePatch") {
        settings.patches.add_node(source.at(node.at), node);
    }
    Ok(settings)
}

/// One node, and its own settings.
fn node(
    source: &Source<'_>,
    item: &Node,
    files: &Files<'_>,
    groups: &(Settings, Settings),
    image: Option<&str>,
) -> Result<(NodeSpec, Settings)> {
    let mut f = source.fields(item, "a node")?;
    f.ignore(&["installDiskSelector", "ignoreHostname"]);
    let mut spec = NodeSpec::empty(f.req("hostname", name)?, f.location());
    spec.places = places(source, item);
    spec.talconfig_location = Some(spec.location.clone());
    let control_plane = f.opt("controlPlane", boolean)?.unwrap_or(false);
    spec.role = if control_plane {
        NodeRole::ControlPlane
    } else {
        NodeRole::Worker
    };
    let whole = spec.location.clone();
    spec.places.entry("role".to_owned()).or_insert(whole);
    spec.addresses = f.req("ipAddress", addresses)?;
    spec.address = spec.addresses.first().cloned();
    spec.install_disk = f.opt("installDisk", name)?;
    let own = settings(source, &mut f, files)?;
    f.finish();
    let group = if control_plane { &groups.0 } else { &groups.1 };
    let found = &own.interfaces;
    spec.macs.clone_from(&found.macs);
    if let Some(at) = &found.mac_at {
        spec.places.insert("mac".to_owned(), at.clone());
    }
    for address in &found.addresses {
        if !spec.addresses.contains(address) {
            spec.addresses.push(address.clone());
        }
    }
    let install = own
        .patches
        .value(&["machine", "install", "image"], name)
        .map(|(image, _)| image);
    spec.image = own
        .image
        .clone()
        .or_else(|| group.image.clone())
        .or(install);
    spec.image = spec.image.or_else(|| image.map(str::to_owned));
    spec.schematic = spec.image.as_deref().and_then(schematic_of);
    let extensions = own.extensions.as_ref().or(group.extensions.as_ref());
    spec.extensions = extensions.cloned();
    spec.secure_boot = own.secure_boot.or(group.secure_boot);
    Ok((spec, own))
}

/// One or several addresses, separated by commas.
fn addresses(node: &Node) -> std::result::Result<Vec<String>, Bad> {
    let wrong = || {
        let got = node.describe();
        Bad::new(
            node.at,
            format!("expected an IP address such as 172.16.1.50, got {got}"),
        )
    };
    name(node)?
        .split(',')
        .map(|part| {
            part.trim()
                .parse::<std::net::IpAddr>()
                .map(|ip| ip.to_string())
        })
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| wrong())
}

/// The schematic id in an image of an image factory: the path part of 64 hex digits.
pub(crate) fn schematic_of(image: &str) -> Option<String> {
    let hex = |part: &&str| part.len() == 64 && part.bytes().all(|b| b.is_ascii_hexdigit());
    image
        .split(['/', ':', '@'])
        .find(hex)
        .map(str::to_ascii_lowercase)
}

/// Where each property is written, by our names for them.
fn places(source: &Source<'_>, node: &Node) -> BTreeMap<String, Location> {
    let own = [
        ("clusterName", "name"),
        ("talosVersion", "talos_version"),
        ("kubernetesVersion", "kubernetes_version"),
        ("clusterPodNets", "pod_subnets"),
        ("clusterSvcNets", "service_subnets"),
        ("cniConfig", "cni"),
        (
            "allowSchedulingOnMasters",
            "allow_scheduling_on_control_planes",
        ),
        (
            "allowSchedulingOnControlPlanes",
            "allow_scheduling_on_control_planes",
        ),
        ("hostname", "name"),
        ("ipAddress", "address"),
        ("controlPlane", "role"),
        ("installDisk", "install_disk"),
        ("talosImageURL", "image"),
        ("machineSpec", "secure_boot"),
        ("schematic", "extensions"),
    ];
    let written = crate::inventory::places(source, node);
    let name = |key: &str| {
        own.iter()
            .find(|(theirs, _)| *theirs == key)
            .map_or_else(|| key.to_owned(), |(_, ours)| (*ours).to_owned())
    };
    written
        .into_iter()
        .map(|(key, at)| (name(&key), at))
        .collect()
}

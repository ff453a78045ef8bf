//! `bindings/api` and the dispatch table name the same methods.

use std::collections::{BTreeMap, BTreeSet};

/// Class, a file that dispatches it, the function in it. A class with many
/// methods has several.
const CLASSES: &[(&str, &str, &str)] = &[
    ("Lab", include_str!("../src/lab.rs"), "fn lab("),
    ("LiveLab", include_str!("../src/lab.rs"), "fn live("),
    (
        "ClusterHandle",
        include_str!("../src/lab.rs"),
        "fn cluster(",
    ),
    ("Seen", include_str!("../src/lab.rs"), "fn seen("),
    (
        "TalosConfig",
        include_str!("../src/talos/config.rs"),
        "fn config(",
    ),
    (
        "TalosClient",
        include_str!("../src/talos/client.rs"),
        "fn client(",
    ),
    (
        "TalosNode",
        include_str!("../src/talos/node.rs"),
        "fn node(",
    ),
    (
        "TalosNode",
        include_str!("../src/talos/reads.rs"),
        "fn reads(",
    ),
    (
        "TalosNode",
        include_str!("../src/talos/resources.rs"),
        "fn resources(",
    ),
    (
        "TalosNode",
        include_str!("../src/talos/etcd.rs"),
        "fn etcd(",
    ),
    (
        "TalosNode",
        include_str!("../src/talos/orders.rs"),
        "fn orders(",
    ),
    (
        "TalosNode",
        include_str!("../src/talos/images.rs"),
        "fn images(",
    ),
    (
        "TalosNode",
        include_str!("../src/talos/storage.rs"),
        "fn storage(",
    ),
    (
        "TalosNode",
        include_str!("../src/talos/flows.rs"),
        "fn flows(",
    ),
    (
        "TalosNodes",
        include_str!("../src/talos/nodes.rs"),
        "fn nodes(",
    ),
    (
        "DebugContainer",
        include_str!("../src/talos/debug.rs"),
        "fn container(",
    ),
    (
        "MaintenanceClient",
        include_str!("../src/talos/maintenance.rs"),
        "fn machine(",
    ),
    (
        "TalosConfig",
        include_str!("../src/talos/machine_config.rs"),
        "fn config(",
    ),
    (
        "MachineConfig",
        include_str!("../src/talos/machine_config.rs"),
        "fn machine(",
    ),
    (
        "SecretsBundle",
        include_str!("../src/talos/machine_config.rs"),
        "fn secrets(",
    ),
    (
        "TalosNode",
        include_str!("../src/talos/streams.rs"),
        "fn node(",
    ),
    (
        "ProxmoxClient",
        include_str!("../src/proxmox/mod.rs"),
        "fn client(",
    ),
    (
        "ProxmoxCluster",
        include_str!("../src/proxmox/cluster.rs"),
        "fn cluster(",
    ),
    (
        "ProxmoxHa",
        include_str!("../src/proxmox/cluster.rs"),
        "fn ha(",
    ),
    (
        "ProxmoxSdn",
        include_str!("../src/proxmox/cluster.rs"),
        "fn sdn(",
    ),
    (
        "ProxmoxFirewall",
        include_str!("../src/proxmox/cluster.rs"),
        "fn firewall(",
    ),
    (
        "ProxmoxAccess",
        include_str!("../src/proxmox/access.rs"),
        "fn access(",
    ),
    (
        "ProxmoxNode",
        include_str!("../src/proxmox/node.rs"),
        "fn node(",
    ),
    (
        "ProxmoxNode",
        include_str!("../src/proxmox/node.rs"),
        "fn hardware(",
    ),
    (
        "ProxmoxNodeStorage",
        include_str!("../src/proxmox/node.rs"),
        "fn node_storage(",
    ),
    (
        "ProxmoxCeph",
        include_str!("../src/proxmox/node.rs"),
        "fn ceph(",
    ),
    (
        "ProxmoxQemu",
        include_str!("../src/proxmox/guest.rs"),
        "fn qemu(",
    ),
    (
        "ProxmoxLxc",
        include_str!("../src/proxmox/guest.rs"),
        "fn lxc(",
    ),
    (
        "ProxmoxStorageDefinition",
        include_str!("../src/proxmox/definitions.rs"),
        "fn storage(",
    ),
    (
        "ProxmoxPoolDefinition",
        include_str!("../src/proxmox/definitions.rs"),
        "fn pool(",
    ),
    (
        "ProxmoxTask",
        include_str!("../src/proxmox/task.rs"),
        "fn task(",
    ),
    (
        "ProxmoxClient",
        include_str!("../src/proxmox/recipes.rs"),
        "fn client(",
    ),
    (
        "ProxmoxNode",
        include_str!("../src/proxmox/data.rs"),
        "fn node(",
    ),
    (
        "ProxmoxQemu",
        include_str!("../src/proxmox/inside.rs"),
        "fn qemu(",
    ),
    (
        "ProxmoxAgent",
        include_str!("../src/proxmox/inside.rs"),
        "fn agent(",
    ),
    (
        "ProxmoxTerminal",
        include_str!("../src/proxmox/inside.rs"),
        "fn terminal(",
    ),
    (
        "ProxmoxScreen",
        include_str!("../src/proxmox/screen.rs"),
        "fn screen(",
    ),
    (
        "ProxmoxGuest",
        include_str!("../src/proxmox/found.rs"),
        "fn guest(",
    ),
    (
        "ProxmoxLogin",
        include_str!("../src/proxmox/login.rs"),
        "fn login(",
    ),
    (
        "Simulator",
        include_str!("../src/simulator.rs"),
        "async fn call(",
    ),
    (
        "Simulator",
        include_str!("../src/simulator.rs"),
        "fn trouble(",
    ),
    (
        "Simulator",
        include_str!("../src/simulator.rs"),
        "fn reach(",
    ),
];
const MANIFEST: &[&str] = &[
    include_str!("../../api/lab.toml"),
    include_str!("../../api/talos.toml"),
    include_str!("../../api/talos_node.toml"),
    include_str!("../../api/talos_cluster.toml"),
    include_str!("../../api/talos_config.toml"),
    include_str!("../../api/proxmox.toml"),
    include_str!("../../api/proxmox_node.toml"),
    include_str!("../../api/proxmox_guest.toml"),
    include_str!("../../api/proxmox_cluster.toml"),
    include_str!("../../api/proxmox_access.toml"),
    include_str!("../../api/proxmox_files.toml"),
    include_str!("../../api/proxmox_inside.toml"),
    include_str!("../../api/proxmox_recipes.toml"),
    include_str!("../../api/proxmox_definitions.toml"),
    include_str!("../../api/simulator.toml"),
];
const ROOT: &str = include_str!("../src/root.rs");

/// The names that the arms of `match method` in a function have.
fn arms<'a>(source: &'a str, function: &str) -> Option<BTreeSet<&'a str>> {
    let (_, body) = source.split_once(function)?;
    let (_, body) = body.split_once("match method {")?;
    let (body, _) = body.split_once("\n}\n")?;
    // The arms of this match, not of one inside it: those as far in as the first.
    let first = body.lines().find(|line| !line.trim().is_empty())?;
    let margin = " ".repeat(first.len() - first.trim_start().len());
    let names = body.lines().filter_map(|line| {
        let arm = line.strip_prefix(&margin)?.strip_prefix('"')?;
        let (name, _) = arm.split_once("\" =>")?;
        Some(name)
    });
    Some(names.collect())
}

#[test]
fn manifest_and_dispatch_agree() {
    let manifest = MANIFEST.iter().flat_map(|text| {
        let file: toml::Value = toml::from_str(text).unwrap();
        file["class"].as_array().unwrap().clone()
    });
    let (mut constructors, mut classes) = (BTreeSet::new(), BTreeMap::new());
    for class in manifest {
        let name = class["name"].as_str().unwrap().to_owned();
        let methods = class["method"].as_array().unwrap().clone();
        classes.entry(name).or_insert_with(Vec::new).extend(methods);
    }
    for (name, all) in &classes {
        let dispatched: BTreeSet<&str> = CLASSES
            .iter()
            .filter(|(c, ..)| c == name)
            .flat_map(|(_, source, function)| arms(source, function).unwrap())
            .collect();
        let mut methods = BTreeSet::new();
        for method in all {
            let method_name = method["name"].as_str().unwrap();
            if method.get("static").is_some() {
                constructors.insert(format!("{name}.{method_name}"));
            } else {
                methods.insert(method_name);
            }
        }
        assert_eq!(methods, dispatched, "{name}");
    }
    let dispatched: BTreeSet<String> = arms(ROOT, "fn call(")
        .unwrap()
        .into_iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(constructors, dispatched);
}

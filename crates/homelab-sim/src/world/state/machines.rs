//! One machine of the first state: a host, a guest, a Talos node.

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::world::seed::{ClusterSeed, GuestSeed, HostSeed, NodeSeed};
use crate::world::{
    Extension, Guest, GuestDisk, GuestKind, Host, Installed, MachineConfig, Nic, Role, TalosNode,
    derive,
};

pub(super) fn host(node_id: u32, seed: &HostSeed, booted_at: SystemTime) -> Host {
    Host {
        name: seed.name.clone(),
        address: seed.address,
        node_id,
        votes: seed.votes,
        memory_bytes: seed.memory_bytes,
        cpus: seed.cpus.unwrap_or(8),
        cpu_model: seed
            .cpu_model
            .clone()
            .unwrap_or_else(|| "QEMU Virtual CPU".into()),
        root_bytes: 94 << 30,
        pve_version: seed.pve_version.clone().unwrap_or_else(|| "9.2.11".into()),
        kernel: "6.14.8-2-pve".into(),
        pci: seed.pci.clone(),
        down: None,
        stopping: false,
        booted_at,
    }
}

pub(super) fn guest(seed: u64, vmid: u32, from: &GuestSeed, created_at: SystemTime) -> Guest {
    let label = |what: &str| format!("guest/{}/{what}", from.name);
    let macs = if from.macs.is_empty() {
        vec![derive::mac(seed, &label("net0"))]
    } else {
        lower(&from.macs).collect()
    };
    let qemu = from.kind == GuestKind::Qemu;
    let mut guest = Guest {
        name: from.name.clone(),
        cores: from.cores,
        memory_bytes: from.memory_bytes,
        smbios_uuid: from.smbios_uuid.as_ref().map_or_else(
            || derive::uuid(seed, &label("smbios")),
            |u| u.to_ascii_lowercase(),
        ),
        hostpci: from.hostpci.clone(),
        agent: from.agent,
        onboot: from.onboot,
        tags: from.tags.clone(),
        bios: if qemu { "ovmf" } else { "" }.into(),
        extra: options(if qemu { QEMU_OPTIONS } else { LXC_OPTIONS }),
        ..Guest::new(vmid, &from.host, from.kind, created_at)
    };
    for (index, mac) in (0..).zip(macs) {
        guest.nics.push(Nic {
            index,
            model: "virtio".into(),
            mac,
            bridge: from.bridge.clone(),
            vlan: None,
            options: options(if qemu { &[] } else { &[("ip", "dhcp")] }),
        });
    }
    for (n, (storage, size_bytes)) in from.disks.iter().enumerate() {
        guest.disks.push(GuestDisk {
            slot: match (qemu, n) {
                (true, n) => format!("scsi{n}"),
                (false, 0) => "rootfs".into(),
                (false, n) => format!("mp{n}"),
            },
            storage: storage.clone(),
            volume: format!("vm-{vmid}-disk-{n}"),
            size_bytes: *size_bytes,
            format: if qemu { "qcow2" } else { "raw" }.into(),
            base: None,
            options: options(if qemu { &[("iothread", "1")] } else { &[] }),
        });
    }
    if let Some(first) = guest.disks.first().filter(|_| qemu) {
        guest.side_disks.push(GuestDisk {
            slot: "efidisk0".into(),
            volume: guest.free_volume(),
            size_bytes: 4 << 20,
            options: options(&[("efitype", "4m"), ("pre-enrolled-keys", "0")]),
            ..first.clone()
        });
    }
    guest
}

/// What a VM is usually made with.
const QEMU_OPTIONS: &[(&str, &str)] = &[
    ("cpu", "host"),
    ("machine", "q35"),
    ("numa", "0"),
    ("ostype", "l26"),
    ("scsihw", "virtio-scsi-single"),
    ("sockets", "1"),
];
/// What a container is usually made with.
const LXC_OPTIONS: &[(&str, &str)] = &[
    ("arch", "amd64"),
    ("features", "nesting=1"),
    ("ostype", "debian"),
    ("swap", "512"),
    ("unprivileged", "1"),
];

fn options(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

pub(super) fn talos_node(
    seed: u64,
    from: &NodeSeed,
    cluster: &ClusterSeed,
    guest: Option<&Guest>,
    booted_at: SystemTime,
) -> TalosNode {
    let label = |what: &str| format!("node/{}/{what}", from.hostname);
    let mac = guest
        .and_then(|g| g.nics.first())
        .map(|n| n.mac.clone())
        .or_else(|| from.mac.as_ref().map(|m| m.to_ascii_lowercase()))
        .unwrap_or_else(|| derive::mac(seed, &label("mac")));
    let config = MachineConfig {
        role: from.role,
        hostname: Some(from.hostname.clone()),
        cluster_name: cluster.name.clone(),
        vip: cluster.vip,
        install_disk: Some(from.install_disk.clone()),
        etcd_ca: from.role == Role::ControlPlane,
        ..MachineConfig::default()
    };
    let mut node = TalosNode {
        cluster: from.cluster.clone(),
        address: from.address,
        prefix: from.prefix,
        lease: (from.address, from.prefix),
        gateway: from.gateway,
        role: from.role,
        vmid: guest.map(|g| g.vmid),
        talos_version: with_v(&cluster.talos_version),
        kubernetes_version: with_v(&cluster.kubernetes_version),
        schematic: from
            .schematic
            .clone()
            .unwrap_or_else(|| derive::hex(&derive::bytes(seed, "schematic"))),
        install_disk: from.install_disk.clone(),
        secure_boot: from.secure_boot,
        extensions: from
            .extensions
            .iter()
            .map(|name| Extension {
                name: name.trim_start_matches("siderolabs/").to_owned(),
                version: cluster.talos_version.trim_start_matches('v').to_owned(),
            })
            .collect(),
        mac,
        smbios_uuid: guest.map_or_else(
            || derive::uuid(seed, &label("smbios")),
            |g| g.smbios_uuid.clone(),
        ),
        memory_bytes: guest.map_or(from.memory_bytes, |g| g.memory_bytes),
        cpus: guest.map_or(from.cpus, |g| g.cores),
        identity: derive::hex(&derive::bytes(seed, &label("identity"))),
        config: Some(config.clone()),
        stored_config: Some(config),
        ..TalosNode::blank(&from.hostname, booted_at)
    };
    node.installed = Some(Installed {
        boot: node.system(),
        fallback: None,
    });
    node
}

/// Each text in lower case.
pub(super) fn lower(texts: &[String]) -> impl Iterator<Item = String> {
    texts.iter().map(|text| text.to_ascii_lowercase())
}

fn with_v(version: &str) -> String {
    format!("v{}", version.trim_start_matches('v'))
}

//! From Proxmox VE's words to the model's. Pure.

use homelab_model::observation::{
    ObservedCeph, ObservedDisk, ObservedGuest, ObservedHost, ObservedQuorum, ObservedStorage,
};
use proxmox_client::ClusterStatus;
use proxmox_client::endpoints::{
    CephStatus, HaStatusEntry, NodeState, NodeStatus, NodeStorage, NodeSummary, QemuConfig,
    Resource, ResourceKind,
};

/// Hosts as the cluster counts them.
pub(super) fn hosts(status: Option<&ClusterStatus>, nodes: &[NodeSummary]) -> Vec<ObservedHost> {
    let mut hosts: Vec<ObservedHost> = status
        .iter()
        .flat_map(|s| &s.nodes)
        .map(|node| ObservedHost {
            name: node.name.clone(),
            online: Some(node.online),
            address: node.address.clone().filter(|a| !a.is_empty()),
            ..ObservedHost::default()
        })
        .collect();
    for node in nodes {
        let index = hosts
            .iter()
            .position(|h| h.name == node.node)
            .unwrap_or_else(|| {
                hosts.push(ObservedHost {
                    name: node.node.clone(),
                    ..ObservedHost::default()
                });
                hosts.len() - 1
            });
        if let Some(host) = hosts.get_mut(index) {
            host.online = host.online.or(match node.status {
                NodeState::Online => Some(true),
                NodeState::Offline => Some(false),
                _ => None,
            });
            host.cpus = node.cpu_count;
            host.memory_bytes = node.memory_bytes.filter(|b| *b > 0);
            host.memory_used_bytes = node.memory_used_bytes;
            host.uptime_seconds = node.uptime_seconds;
        }
    }
    hosts.sort_by(|a, b| a.name.cmp(&b.name));
    hosts
}

/// What a host says about itself, over what the cluster says about it.
pub(super) fn host_status(host: &mut ObservedHost, status: &NodeStatus) {
    if let Some(memory) = &status.memory {
        host.memory_bytes = memory.total_bytes.or(host.memory_bytes);
        host.memory_used_bytes = memory.used_bytes.or(host.memory_used_bytes);
    }
    if let Some(cpu) = &status.processor {
        host.cpus = cpu.threads.or(host.cpus);
        host.cpu_model.clone_from(&cpu.model);
    }
    host.uptime_seconds = status.uptime_seconds.or(host.uptime_seconds);
    host.pve_version = status.pve_version.as_deref().map(version);
}

/// `9.0.3` from `pve-manager/9.0.3/abcdef`.
fn version(text: &str) -> String {
    text.split('/').nth(1).unwrap_or(text).to_owned()
}

/// The cluster's quorum; `None` for a host that stands alone.
pub(super) fn quorum(status: &ClusterStatus) -> Option<ObservedQuorum> {
    Some(ObservedQuorum {
        cluster: status.name.clone()?,
        expected: count(status.nodes.len()),
        online: count(status.nodes.iter().filter(|n| n.online).count()),
        quorate: status.quorate,
    })
}

/// A guest as the list of resources shows it; `None` for other resources.
pub(super) fn guest(resource: &Resource) -> Option<ObservedGuest> {
    if !matches!(resource.kind, ResourceKind::Qemu | ResourceKind::Lxc) {
        return None;
    }
    Some(ObservedGuest {
        vmid: resource.vmid?,
        kind: if resource.kind == ResourceKind::Lxc {
            "lxc"
        } else {
            "qemu"
        }
        .to_owned(),
        name: resource.name.clone().unwrap_or_default(),
        host: resource.node.clone().unwrap_or_default(),
        status: resource.status.clone().unwrap_or_default(),
        memory_bytes: resource.memory_bytes.filter(|b| *b > 0),
        cores: resource.cpu_count.filter(|c| *c > 0.0).map(whole),
        template: resource.template.unwrap_or(false),
        ha_state: resource.ha_state.clone(),
        lock: resource.lock.clone(),
        tags: resource.tags.clone(),
        ..ObservedGuest::default()
    })
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and few CPUs"
)]
fn whole(cpus: f64) -> u32 {
    cpus.ceil() as u32
}

/// What a VM's configuration adds.
pub(super) fn guest_config(guest: &mut ObservedGuest, config: &QemuConfig) {
    if let Some(name) = &config.name {
        guest.name.clone_from(name);
    }
    guest.memory_bytes = config.memory_bytes.or(guest.memory_bytes);
    guest.cores = Some(config.cpu_count());
    guest.macs = config
        .networks
        .values()
        .filter_map(|net| net.mac_address.as_ref())
        .map(|mac| mac.to_ascii_lowercase())
        .collect();
    guest.smbios_uuid = config.smbios_uuid();
    guest.agent_enabled = Some(
        config
            .agent
            .as_ref()
            .and_then(|a| a.enabled)
            .unwrap_or(false),
    );
    guest.disks = config
        .disks
        .iter()
        .filter(|(_, disk)| !disk.is_cdrom())
        .filter_map(|(slot, disk)| {
            let storage = disk.storage()?;
            Some(ObservedDisk {
                slot: slot.clone(),
                storage: storage.to_owned(),
                volume: disk
                    .volume
                    .split_once(':')
                    .map_or("", |(_, volume)| volume)
                    .to_owned(),
                size_bytes: disk.size_bytes,
            })
        })
        .collect();
    guest.hostpci = config
        .host_devices
        .values()
        .map(|device| {
            device
                .mapping
                .clone()
                .unwrap_or_else(|| device.host.join(";"))
        })
        .filter(|device| !device.is_empty())
        .collect();
    guest.lock = config.lock.clone().or_else(|| guest.lock.take());
}

/// Storages as the cluster lists them: one for each host that sees them.
pub(super) fn storage(resource: &Resource) -> Option<ObservedStorage> {
    if resource.kind != ResourceKind::Storage {
        return None;
    }
    Some(ObservedStorage {
        name: resource.storage.clone()?,
        host: resource.node.clone()?,
        kind: resource.storage_type.clone().unwrap_or_default(),
        shared: resource.shared.unwrap_or(false),
        active: resource.status.as_deref().map(|s| s == "available"),
        total_bytes: resource.disk_bytes.filter(|b| *b > 0),
        used_bytes: resource.disk_used_bytes,
        content: resource.content.clone(),
    })
}

/// A storage as its host sees it.
pub(super) fn host_storage(host: &str, storage: &NodeStorage) -> ObservedStorage {
    ObservedStorage {
        name: storage.storage.clone(),
        host: host.to_owned(),
        kind: storage.storage_type.clone(),
        shared: storage.shared.unwrap_or(false),
        active: storage.active,
        total_bytes: storage.total_bytes.filter(|b| *b > 0),
        used_bytes: storage.used_bytes,
        content: storage.content.clone(),
    }
}

/// Ceph's own status document.
pub(super) fn ceph(status: &CephStatus) -> ObservedCeph {
    let health = status.health.as_ref();
    ObservedCeph {
        health: health.and_then(|h| h.status.clone()).unwrap_or_default(),
        checks: health
            .map(|h| h.checks.keys().cloned().collect())
            .unwrap_or_default(),
        osds: status.osds.as_ref().and_then(|o| o.osd_count),
        osds_up: status.osds.as_ref().and_then(|o| o.up_count),
        osds_in: status.osds.as_ref().and_then(|o| o.in_count),
        monitors_in_quorum: status.quorum_monitors.clone(),
    }
}

/// The HA manager's word on each guest it looks after, by VMID.
pub(super) fn ha_states(status: &[HaStatusEntry]) -> impl Iterator<Item = (u32, String)> {
    status.iter().filter_map(|entry| {
        let (_, vmid) = entry.service.as_deref()?.split_once(':')?;
        Some((vmid.parse().ok()?, entry.state.clone()?))
    })
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_read_from_what_the_server_writes() {
        let row = serde_json::json!({
            "id": "qemu/101", "type": "qemu", "vmid": "101", "name": "talos-cp-1", "node": "pve1",
            "status": "running", "maxmem": "8589934592", "maxcpu": 4, "template": 0, "tags": "talos;cp"
        });
        let mut guest = guest(&serde_json::from_value(row).unwrap()).unwrap();
        assert_eq!(
            (guest.vmid, guest.cores, guest.memory_bytes),
            (101, Some(4), Some(8 << 30))
        );
        let config = serde_json::json!({
            "memory": "8192", "cores": 4, "net0": "virtio=BC:24:11:50:A3:31,bridge=vmbr0,firewall=1",
            "smbios1": "uuid=6B2C1FE0-0001-4000-8000-000000000001", "scsi0": "vm-storage:vm-101-disk-0,size=100G",
            "ide2": "none,media=cdrom", "hostpci0": "mapping=igpu,pcie=1"
        });
        guest_config(&mut guest, &serde_json::from_value(config).unwrap());
        assert_eq!(guest.macs, ["bc:24:11:50:a3:31"]);
        assert_eq!(
            guest.smbios_uuid.as_deref(),
            Some("6b2c1fe0-0001-4000-8000-000000000001")
        );
        assert_eq!(guest.disks.len(), 1);
        assert_eq!(guest.disks[0].size_bytes, Some(100 << 30));
        assert_eq!(guest.hostpci, ["igpu"]);
        assert_eq!(guest.agent_enabled, Some(false));
    }
}

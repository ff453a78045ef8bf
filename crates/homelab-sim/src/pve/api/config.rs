//! `…/config` of guests: flat keys, devices as property strings, some numbers
//! as text because they once were.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::super::answer::{Answer, Result};
use super::super::params::{Kind, optional};
use super::super::router::{Access, Call, Route, get};
use super::super::unix;
use super::guests;
use crate::world::{Guest, GuestDisk, GuestKind, State, derive};

fn qemu_config(call: &Call<'_>) -> Result<Answer> {
    call.cluster.world().read(|state| {
        let guest = guests::find(state, call, GuestKind::Qemu)?;
        Ok(with_digest(qemu_keys(state, guest)).into())
    })
}

fn lxc_config(call: &Call<'_>) -> Result<Answer> {
    call.cluster.world().read(|state| {
        let guest = guests::find(state, call, GuestKind::Lxc)?;
        Ok(with_digest(lxc_keys(state, guest)).into())
    })
}

fn qemu_keys(state: &State, guest: &Guest) -> Map<String, Value> {
    let created = unix(guest.started_at.unwrap_or(state.now)) / 86_400 * 86_400;
    let mut keys = object(json!({
        "name": guest.name,
        "cores": guest.cores,
        "sockets": 1,
        "cpu": "host",
        // A property string since 8.1, hence text.
        "memory": (guest.memory_bytes >> 20).to_string(),
        "numa": 0,
        "ostype": "l26",
        "scsihw": "virtio-scsi-single",
        "machine": "q35",
        "smbios1": format!("uuid={}", guest.smbios_uuid),
        "vmgenid": derive::uuid(state.seed, &format!("vmgenid/{}", guest.vmid)),
        "meta": format!("creation-qemu=10.0.2,ctime={created}"),
        "boot": boot_order(guest),
    }));
    for disk in &guest.disks {
        let volume = volume_id(state, guest, disk);
        let size = size(disk.size_bytes);
        keys.insert(
            disk.slot.clone(),
            format!("{volume},iothread=1,size={size}").into(),
        );
    }
    if guest.bios == "ovmf" {
        keys.insert("bios".into(), "ovmf".into());
        if let Some(first) = guest.disks.first() {
            let vars = GuestDisk {
                slot: "efidisk0".into(),
                volume: format!("vm-{}-disk-{}", guest.vmid, guest.disks.len()),
                size_bytes: 4 << 20,
                ..first.clone()
            };
            let volume = volume_id(state, guest, &vars);
            let value = format!("{volume},efitype=4m,pre-enrolled-keys=0,size=4M");
            keys.insert("efidisk0".into(), value.into());
        }
    }
    for (n, nic) in guest.nics.iter().enumerate() {
        let mut value = format!(
            "{}={},bridge={}",
            nic.model,
            nic.mac.to_uppercase(),
            nic.bridge
        );
        if let Some(vlan) = nic.vlan {
            let _ = write!(value, ",tag={vlan}");
        }
        keys.insert(format!("net{n}"), value.into());
    }
    for (n, device) in guest.hostpci.iter().enumerate() {
        keys.insert(format!("hostpci{n}"), device.as_str().into());
    }
    if guest.agent {
        keys.insert("agent".into(), "1".into());
    }
    common(guest, &mut keys);
    keys
}

fn lxc_keys(state: &State, guest: &Guest) -> Map<String, Value> {
    let mut keys = object(json!({
        "hostname": guest.name,
        "arch": "amd64",
        "ostype": "debian",
        "cores": guest.cores,
        "memory": guest.memory_bytes >> 20,
        "swap": 512,
        "unprivileged": 1,
        "features": "nesting=1",
    }));
    for disk in &guest.disks {
        let volume = volume_id(state, guest, disk);
        keys.insert(
            disk.slot.clone(),
            format!("{volume},size={}", size(disk.size_bytes)).into(),
        );
    }
    for (n, nic) in guest.nics.iter().enumerate() {
        let mut value = format!(
            "name=eth{n},bridge={},hwaddr={},ip=dhcp",
            nic.bridge,
            nic.mac.to_uppercase()
        );
        if let Some(vlan) = nic.vlan {
            let _ = write!(value, ",tag={vlan}");
        }
        keys.insert(format!("net{n}"), (value + ",type=veth").into());
    }
    common(guest, &mut keys);
    keys
}

fn common(guest: &Guest, keys: &mut Map<String, Value>) {
    if guest.onboot {
        keys.insert("onboot".into(), 1.into());
    }
    if guest.template {
        keys.insert("template".into(), 1.into());
    }
    if !guest.tags.is_empty() {
        keys.insert("tags".into(), guest.tags.join(";").into());
    }
    if let Some(lock) = &guest.lock {
        keys.insert("lock".into(), lock.as_str().into());
    }
    for (key, value) in &guest.extra {
        keys.insert(key.clone(), value.as_str().into());
    }
}

/// 40 hexadecimal digits that change with the content.
fn with_digest(mut keys: Map<String, Value>) -> Value {
    let text = Value::Object(keys.clone()).to_string();
    let digest = derive::hex(&derive::bytes(0, &text)[..20]);
    keys.insert("digest".into(), digest.into());
    Value::Object(keys)
}

fn boot_order(guest: &Guest) -> String {
    let disk = guest.disks.first().map(|d| d.slot.clone());
    let nic = (!guest.nics.is_empty()).then(|| "net0".to_owned());
    let order: Vec<_> = disk.into_iter().chain(nic).collect();
    // PVE writes a space when nothing can be booted from.
    if order.is_empty() {
        " ".into()
    } else {
        format!("order={}", order.join(";"))
    }
}

/// `STORAGE:VOLUME`; file storages keep a folder per guest.
pub(super) fn volume_id(state: &State, guest: &Guest, disk: &GuestDisk) -> String {
    let kind = state
        .storages
        .iter()
        .find(|s| s.id == disk.storage)
        .map(|s| s.kind.as_str());
    match kind {
        Some("dir" | "nfs" | "cifs" | "btrfs" | "cephfs") => {
            let format = if guest.kind == GuestKind::Qemu {
                "qcow2"
            } else {
                "raw"
            };
            format!("{}:{}/{}.{format}", disk.storage, guest.vmid, disk.volume)
        }
        _ => format!("{}:{}", disk.storage, disk.volume),
    }
}

/// A size with the largest unit that is exact.
fn size(bytes: u64) -> String {
    for (shift, unit) in [(40, 'T'), (30, 'G'), (20, 'M'), (10, 'K')] {
        if bytes > 0 && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

const AUDIT: Access = Access::Any("/vms/{vmid}", &["VM.Audit"]);

pub(super) const ROUTES: &[Route] = &[
    get("/nodes/{node}/qemu/{vmid}/config", AUDIT, qemu_config).with(&[
        optional("current", Kind::Bool),
        optional("snapshot", Kind::Text),
    ]),
    get("/nodes/{node}/lxc/{vmid}/config", AUDIT, lxc_config).with(&[
        optional("current", Kind::Bool),
        optional("snapshot", Kind::Text),
    ]),
];

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_written_in_the_largest_exact_unit() {
        assert_eq!(size(100 << 30), "100G");
        assert_eq!(size(4 << 20), "4M");
        assert_eq!(size(1536 << 20), "1536M");
        assert_eq!(size(1 << 40), "1T");
        assert_eq!(size(1000), "1000");
    }
}

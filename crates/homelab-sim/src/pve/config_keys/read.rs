//! From a guest to the keys of its config: devices as property strings, some
//! numbers as text because they once were.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::super::unix;
use super::schema;
use crate::world::{Guest, GuestDisk, GuestKind, Nic, State, derive};

/// All keys of a guest, as JSON has them.
pub(in super::super) fn keys(state: &State, guest: &Guest) -> Map<String, Value> {
    texts(state, guest)
        .into_iter()
        .map(|(key, value)| {
            let value = json(guest.kind, &key, value);
            (key, value)
        })
        .collect()
}

/// A value as JSON has it.
pub(in super::super) fn json(kind: GuestKind, key: &str, value: String) -> Value {
    let number = schema::is_number(key) || kind == GuestKind::Lxc && key == "memory";
    match value.parse::<i64>() {
        Ok(n) if number => n.into(),
        _ => value.into(),
    }
}

/// All keys of a guest as text.
pub(in super::super) fn texts(state: &State, guest: &Guest) -> BTreeMap<String, String> {
    let mut keys = guest.extra.clone();
    let mut put = |key: &str, value: String| {
        keys.insert(key.to_owned(), value);
    };
    put("cores", guest.cores.to_string());
    put("memory", (guest.memory_bytes >> 20).to_string());
    if guest.kind == GuestKind::Qemu {
        // What lists call a guest without a name.
        if guest.name != format!("VM {}", guest.vmid) {
            put("name", guest.name.clone());
        }
        put("smbios1", smbios(guest));
        let id = derive::uuid(state.seed, &format!("vmgenid/{}", guest.vmid));
        put("vmgenid", id);
        let created = unix(guest.created_at);
        put("meta", format!("creation-qemu=10.0.2,ctime={created}"));
        if !guest.extra.contains_key("boot") {
            put("boot", boot_order(guest));
        }
        if guest.bios != "seabios" {
            put("bios", guest.bios.clone());
        }
        if guest.agent && !guest.extra.contains_key("agent") {
            put("agent", "1".into());
        }
        for (n, device) in guest.hostpci.iter().enumerate() {
            put(&format!("hostpci{n}"), device.clone());
        }
    } else {
        put("hostname", guest.name.clone());
    }
    for disk in guest.volumes() {
        put(&disk.slot, drive(state, guest, disk));
    }
    for nic in &guest.nics {
        put(&format!("net{}", nic.index), network(guest.kind, nic));
    }
    if guest.onboot {
        put("onboot", "1".into());
    }
    if guest.template {
        put("template", "1".into());
    }
    if !guest.tags.is_empty() {
        put("tags", guest.tags.join(";"));
    }
    if let Some(lock) = &guest.lock {
        put("lock", lock.clone());
    }
    keys
}

/// 40 hexadecimal digits that change with the content.
pub(in super::super) fn digest(state: &State, guest: &Guest) -> String {
    let text = format!("{:?} {:?}", texts(state, guest), guest.pending);
    derive::hex(&derive::bytes(0, &text)[..20])
}

/// The identity that the guest's firmware tells, and what else was set.
fn smbios(guest: &Guest) -> String {
    match guest.extra.get("smbios1") {
        Some(more) => format!("uuid={},{more}", guest.smbios_uuid),
        None => format!("uuid={}", guest.smbios_uuid),
    }
}

/// The value of `net0`.
pub(in super::super) fn network(kind: GuestKind, nic: &Nic) -> String {
    let mac = nic.mac.to_uppercase();
    let mut rest = nic.options.clone();
    if !nic.bridge.is_empty() {
        rest.insert("bridge".into(), nic.bridge.clone());
    }
    if let Some(vlan) = nic.vlan {
        rest.insert("tag".into(), vlan.to_string());
    }
    let mut value = match kind {
        GuestKind::Qemu => {
            let bridge = rest.remove("bridge").map(|b| format!(",bridge={b}"));
            format!("{}={mac}{}", nic.model, bridge.unwrap_or_default())
        }
        GuestKind::Lxc => {
            let name = rest.remove("name");
            rest.insert("hwaddr".into(), mac);
            rest.insert("type".into(), "veth".into());
            format!(
                "name={}",
                name.unwrap_or_else(|| format!("eth{}", nic.index))
            )
        }
    };
    for (key, option) in &rest {
        let _ = write!(value, ",{key}={option}");
    }
    value
}

/// The value of `scsi0`: volume, options by name, size among them.
pub(in super::super) fn drive(state: &State, guest: &Guest, disk: &GuestDisk) -> String {
    let volume = volume_id(state, guest, disk);
    if disk.slot.starts_with("unused") {
        return volume;
    }
    let mut options = disk.options.clone();
    if !options.contains_key("media") {
        options.insert("size".into(), size(disk.size_bytes));
    }
    options
        .iter()
        .fold(volume, |text, (key, value)| format!("{text},{key}={value}"))
}

fn boot_order(guest: &Guest) -> String {
    let disk = guest.disks.first().map(|d| d.slot.clone());
    let cdrom = guest
        .extra
        .iter()
        .find(|(key, value)| schema::is_drive(key) && value.contains("media=cdrom"))
        .map(|(key, _)| key.clone());
    let nic = guest.nics.first().map(|nic| format!("net{}", nic.index));
    let order: Vec<_> = disk.into_iter().chain(cdrom).chain(nic).collect();
    // PVE writes a space when nothing can be booted from.
    if order.is_empty() {
        " ".into()
    } else {
        format!("order={}", order.join(";"))
    }
}

/// `STORAGE:VOLUME`; file storages keep a folder per guest. A linked clone's
/// volume is named after its base.
pub(in super::super) fn volume_id(state: &State, guest: &Guest, disk: &GuestDisk) -> String {
    let files = state
        .storages
        .iter()
        .any(|s| s.id == disk.storage && s.keeps_files());
    let mut name = String::new();
    if let Some(base) = &disk.base {
        name = format!("{base}/");
    }
    if files {
        let _ = write!(name, "{}/{}.{}", guest.vmid, disk.volume, disk.format);
    } else {
        name += &disk.volume;
    }
    format!("{}:{name}", disk.storage)
}

/// A size with the largest unit that is exact.
pub(in super::super) fn size(bytes: u64) -> String {
    for (shift, unit) in [(40, 'T'), (30, 'G'), (20, 'M'), (10, 'K')] {
        if bytes > 0 && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}

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

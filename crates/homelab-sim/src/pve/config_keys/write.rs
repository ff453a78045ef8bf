//! From a key of a config and its value to the guest.

use std::collections::BTreeSet;

use super::super::answer::{ApiError, Result};
use super::{disks, property, schema};
use crate::world::{Guest, GuestKind, Nic, State, derive};

/// Sets a key. `log` gets what the server tells while it does.
pub(in super::super) fn set(
    state: &State,
    guest: &mut Guest,
    key: &str,
    value: &str,
    log: &mut Vec<String>,
) -> Result<()> {
    let bad = |text| ApiError::param(key, text);
    match key {
        "name" | "hostname" => value.clone_into(&mut guest.name),
        "cores" => guest.cores = value.parse().unwrap_or(guest.cores),
        "memory" => guest.memory_bytes = property::memory(value).map_err(bad)? << 20,
        "onboot" => guest.onboot = value == "1",
        "template" => guest.template = value == "1",
        "bios" => value.clone_into(&mut guest.bios),
        "lock" => guest.lock = Some(value.to_owned()),
        "tags" => guest.tags = tags(value),
        "agent" => {
            let parts = property::parse(value, "enabled");
            guest.agent = parts
                .get("enabled")
                .is_some_and(|on| on == "1" || on == "on");
            guest.extra.insert(key.to_owned(), value.to_owned());
        }
        "smbios1" => smbios(guest, value),
        _ if schema::is_drive(key) => disks::attach(state, guest, key, value, log)?,
        _ => {
            if let Some(index) = schema::indexed(key, "net") {
                let nic = nic(state, guest, key, index, value).map_err(bad)?;
                guest.nics.retain(|nic| nic.index != index);
                let at = guest.nics.partition_point(|nic| nic.index < index);
                guest.nics.insert(at, nic);
            } else if let Some(index) = schema::indexed(key, "hostpci") {
                let index = index as usize;
                match guest.hostpci.get_mut(index) {
                    Some(device) => value.clone_into(device),
                    None => guest.hostpci.push(value.to_owned()),
                }
            } else {
                guest.extra.insert(key.to_owned(), value.to_owned());
            }
        }
    }
    Ok(())
}

/// Removes a key; what it said falls back to what PVE assumes without it.
pub(in super::super) fn unset(guest: &mut Guest, key: &str) {
    let blank = Guest::new(guest.vmid, &guest.host, guest.kind, guest.created_at);
    match key {
        "name" | "hostname" => guest.name = blank.name,
        "cores" => guest.cores = blank.cores,
        "memory" => guest.memory_bytes = blank.memory_bytes,
        "onboot" => guest.onboot = false,
        "bios" => guest.bios = blank.bios,
        "lock" => guest.lock = None,
        "tags" => guest.tags.clear(),
        "agent" => guest.agent = false,
        _ if schema::is_drive(key) => disks::detach(guest, key),
        _ => {
            if let Some(index) = schema::indexed(key, "net") {
                guest.nics.retain(|nic| nic.index != index);
            } else if let Some(index) = schema::indexed(key, "hostpci") {
                let index = index as usize;
                if index < guest.hostpci.len() {
                    guest.hostpci.remove(index);
                }
            }
        }
    }
    guest.extra.remove(key);
}

/// Makes true what waited for a cold start. What cannot be is left waiting.
pub(in super::super) fn apply_pending(state: &mut State, vmid: u32) {
    let Some(mut guest) = state.guest(vmid).cloned() else {
        return;
    };
    let mut left = std::mem::take(&mut guest.pending);
    left.retain(|key, value| match value {
        None => {
            unset(&mut guest, key);
            false
        }
        Some(value) => set(state, &mut guest, key, value, &mut Vec::new()).is_err(),
    });
    guest.pending = left;
    if let Some(slot) = state.guest_mut(vmid) {
        *slot = guest;
    }
}

/// Tags are kept in lower case, once each, sorted.
fn tags(text: &str) -> Vec<String> {
    let tags: BTreeSet<String> = text
        .split([',', ';', ' '])
        .filter(|tag| !tag.is_empty())
        .map(str::to_lowercase)
        .collect();
    tags.into_iter().collect()
}

/// The UUID is kept apart from what else the firmware tells.
fn smbios(guest: &mut Guest, value: &str) {
    let mut parts = property::parse(value, "uuid");
    if let Some(uuid) = parts.remove("uuid") {
        guest.smbios_uuid = uuid.to_ascii_lowercase();
    }
    let rest: Vec<_> = parts.iter().map(|(k, v)| format!("{k}={v}")).collect();
    if rest.is_empty() {
        guest.extra.remove("smbios1");
    } else {
        guest.extra.insert("smbios1".into(), rest.join(","));
    }
}

fn nic(
    state: &State,
    guest: &Guest,
    key: &str,
    index: u32,
    value: &str,
) -> std::result::Result<Nic, String> {
    let made_up = || derive::mac(state.seed, &format!("vm/{}/{key}", guest.vmid));
    let (model, mac, mut options) = match guest.kind {
        GuestKind::Qemu => {
            let network = property::network(key, value)?;
            (network.model, network.mac, network.options)
        }
        GuestKind::Lxc => {
            let mut options = property::parse(value, "name");
            let kind = options.remove("type").unwrap_or_else(|| "veth".into());
            (kind, options.remove("hwaddr"), options)
        }
    };
    Ok(Nic {
        index,
        model,
        mac: mac.map_or_else(made_up, |mac| mac.to_ascii_lowercase()),
        bridge: options.remove("bridge").unwrap_or_default(),
        vlan: options.remove("tag").and_then(|tag| tag.parse().ok()),
        options,
    })
}

//! Disks of guests: allocated, attached, detached.

use std::collections::BTreeMap;

use super::super::answer::{ApiError, Result};
use super::{property, read, schema};
use crate::world::{Guest, GuestDisk, GuestKind, State, Storage};

/// Size of what keeps the variables of an UEFI firmware.
const EFI_VARS_BYTES: u64 = 540_672;
/// Size of a software TPM's state and of a cloud-init drive.
const SMALL_BYTES: u64 = 4 << 20;

/// Gives a guest the drive that a property string describes.
pub(super) fn attach(
    state: &State,
    guest: &mut Guest,
    slot: &str,
    text: &str,
    log: &mut Vec<String>,
) -> Result<()> {
    let mut options = property::parse(text, "file");
    // Containers call it a volume.
    let source = options.remove("file").or_else(|| options.remove("volume"));
    let source = source.unwrap_or_default();
    let Some((storage, name)) = source.split_once(':') else {
        return attach_medium(guest, slot, &source, text);
    };
    let store = storage_for(state, guest, storage)?;
    let same = guest
        .volumes()
        .find(|disk| read::volume_id(state, guest, disk) == source)
        .cloned();
    if let Some(disk) = same {
        remove(guest, &disk.slot);
        detach(guest, slot);
        options.remove("size");
        let slot = slot.to_owned();
        add(
            guest,
            GuestDisk {
                slot,
                options,
                ..disk
            },
        );
        return Ok(());
    }
    if name == "cloudinit" {
        options.insert("media".into(), "cdrom".into());
        let volume = format!("vm-{}-cloudinit", guest.vmid);
        let format = options.remove("format").unwrap_or_else(|| "qcow2".into());
        let disk = blank(slot, store, volume, SMALL_BYTES, format, options);
        return allocate(state, guest, disk, log);
    }
    if let Some(gib) = gib(name) {
        let bytes = match slot {
            "efidisk0" => EFI_VARS_BYTES,
            "tpmstate0" => SMALL_BYTES,
            _ => match options.remove("import-from") {
                Some(from) => {
                    let bytes = imported(state, guest, slot, &from, log)?;
                    guest.imported.get_or_insert(from);
                    bytes
                }
                None => gib,
            },
        };
        if !holds_disks(store, guest.kind) {
            let what = if guest.kind == GuestKind::Qemu {
                "vm images"
            } else {
                "container directories"
            };
            let text = format!("storage '{storage}' does not support {what}");
            return Err(ApiError::param("storage", text));
        }
        let format = options.remove("format").unwrap_or_else(|| "raw".into());
        let volume = guest.free_volume();
        let disk = blank(slot, store, volume, bytes, format, options);
        return allocate(state, guest, disk, log);
    }
    match store.volume(name, &guest.host) {
        // An image that was allocated for the guest.
        Some(volume) if volume.content == "images" => {
            let file = name.rsplit('/').next().unwrap_or(name);
            let file = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
            let (size, format) = (volume.size_bytes, volume.format.clone());
            options.remove("size");
            detach(guest, slot);
            add(
                guest,
                blank(slot, store, file.to_owned(), size, format, options),
            );
            Ok(())
        }
        Some(volume) => {
            let size = read::size(volume.size_bytes);
            let text = format!("{source},media=cdrom,size={size}");
            attach_medium(guest, slot, "cdrom", &text)
        }
        None => Err(ApiError::die(format!("volume '{source}' does not exist"))),
    }
}

/// Takes the drive out of a slot: a disk is kept as an unused volume.
pub(super) fn detach(guest: &mut Guest, slot: &str) {
    guest.extra.remove(slot);
    let Some(mut disk) = remove(guest, slot) else {
        return;
    };
    // What it was attached with goes with it, and so do small generated drives.
    disk.options.clear();
    if !slot.starts_with("unused") && !disk.volume.ends_with("-cloudinit") {
        disk.slot = free_unused(guest);
        guest.side_disks.push(disk);
    }
}

/// A slot for a volume that the guest keeps without using it.
pub(in super::super) fn free_unused(guest: &Guest) -> String {
    let taken = |slot: &String| guest.side_disks.iter().any(|d| d.slot == *slot);
    (0..256)
        .map(|n| format!("unused{n}"))
        .find(|slot| !taken(slot))
        .unwrap_or_default()
}

/// Takes a volume out of a guest for good.
pub(in super::super) fn take(guest: &mut Guest, slot: &str) -> Option<GuestDisk> {
    remove(guest, slot)
}

/// Gives a guest a volume that exists.
pub(in super::super) fn give(guest: &mut Guest, disk: GuestDisk) {
    add(guest, disk);
}

/// Whether guests of a kind may have their disks on a storage.
pub(in super::super) fn holds_disks(storage: &Storage, kind: GuestKind) -> bool {
    let wanted = match kind {
        GuestKind::Qemu => "images",
        GuestKind::Lxc => "rootdir",
    };
    storage.content.iter().any(|content| content == wanted)
}

/// Where a volume's file lies; what stands for it on storages without files.
pub(in super::super) fn path(storage: &Storage, vmid: u32, disk: &GuestDisk) -> String {
    if storage.keeps_files() {
        format!(
            "{}/images/{vmid}/{}.{}",
            storage.path(),
            disk.volume,
            disk.format
        )
    } else {
        format!("/dev/{}/{}", storage.id, disk.volume)
    }
}

/// What a disk takes on a storage of files: images grow as they are written.
pub(in super::super) fn used(disk: &GuestDisk) -> u64 {
    disk.size_bytes / 8
}

fn storage_for<'s>(state: &'s State, guest: &Guest, id: &str) -> Result<&'s Storage> {
    let missing = || ApiError::die(format!("storage '{id}' does not exist"));
    state.storage(id, &guest.host).ok_or_else(missing)
}

/// A drive with a medium that is no disk of the guest's own, or with none.
fn attach_medium(guest: &mut Guest, slot: &str, medium: &str, text: &str) -> Result<()> {
    if !["none", "cdrom"].contains(&medium) {
        let error = format!("unable to parse volume ID '{medium}'\n");
        return Err(ApiError::param(slot, error));
    }
    detach(guest, slot);
    guest.extra.insert(slot.to_owned(), text.to_owned());
    Ok(())
}

/// The size of the image that a disk is made from.
fn imported(
    state: &State,
    guest: &Guest,
    slot: &str,
    from: &str,
    log: &mut Vec<String>,
) -> Result<u64> {
    if from.starts_with('/') {
        let text = format!("Only root can pass arbitrary filesystem paths for '{slot}'");
        return Err(ApiError::die(text));
    }
    let missing = || ApiError::die(format!("volume '{from}' does not exist"));
    let (storage, name) = from.split_once(':').ok_or_else(missing)?;
    let store = storage_for(state, guest, storage)?;
    let found = store.volume(name, &guest.host);
    let (content, bytes) = if let Some(volume) = found {
        (volume.content.as_str(), volume.size_bytes)
    } else {
        let guests = state.guests.iter();
        let mut disks = guests.flat_map(|g| g.volumes().map(move |d| (g, d)));
        let same = |(g, d): &(&Guest, &GuestDisk)| {
            d.storage == store.id && read::volume_id(state, g, d) == from
        };
        let (_, disk) = disks.find(same).ok_or_else(missing)?;
        ("images", disk.size_bytes)
    };
    if !["images", "import"].contains(&content) {
        let text =
            format!("'{from}' has wrong type '{content}' - needs to be 'images' or 'import'");
        return Err(ApiError::param(slot, text));
    }
    log.extend(progress(bytes));
    Ok(bytes)
}

/// What `qemu-img` tells while it copies.
pub(in super::super) fn progress(bytes: u64) -> Vec<String> {
    let total = human(bytes);
    let line = |percent: u64| {
        let done = human(bytes / 100 * percent + bytes % 100 * percent / 100);
        format!("transferred {done} of {total} ({percent}.00%)")
    };
    // The last line comes twice.
    let mut lines: Vec<_> = (0..=100).step_by(10).map(line).collect();
    lines.extend(lines.last().cloned());
    lines
}

/// `442.1 MiB`.
pub(in super::super) fn human(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    while unit + 1 < units.len() && bytes >> (10 * (unit + 1)) > 0 {
        unit += 1;
    }
    let tenths = (u128::from(bytes) * 10) >> (10 * unit);
    let name = units.get(unit).copied().unwrap_or_default();
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// A size in GiB, whole or decimal, as it stands for a new disk.
fn gib(text: &str) -> Option<u64> {
    let number = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    (number && !text.is_empty())
        .then(|| property::size(&format!("{text}G")))
        .flatten()
}

fn blank(
    slot: &str,
    storage: &Storage,
    volume: String,
    size_bytes: u64,
    format: String,
    options: BTreeMap<String, String>,
) -> GuestDisk {
    GuestDisk {
        slot: slot.to_owned(),
        storage: storage.id.clone(),
        volume,
        size_bytes,
        format,
        base: None,
        options,
    }
}

fn allocate(
    state: &State,
    guest: &mut Guest,
    disk: GuestDisk,
    log: &mut Vec<String>,
) -> Result<()> {
    detach(guest, &disk.slot);
    let store = storage_for(state, guest, &disk.storage)?;
    if store.keeps_files() {
        let path = path(store, guest.vmid, &disk);
        let (format, size) = (&disk.format, disk.size_bytes);
        log.push(format!(
            "Formatting '{path}', fmt={format} size={size} preallocation=off"
        ));
    }
    let value = read::drive(state, guest, &disk);
    log.push(format!(
        "{}: successfully created disk '{value}'",
        disk.slot
    ));
    add(guest, disk);
    Ok(())
}

fn add(guest: &mut Guest, disk: GuestDisk) {
    let seen = schema::is_drive(&disk.slot)
        && !["efidisk0", "tpmstate0"].contains(&disk.slot.as_str())
        && !disk.slot.starts_with("unused")
        && !disk.options.contains_key("media");
    if seen {
        guest.disks.push(disk);
    } else {
        guest.side_disks.push(disk);
    }
}

fn remove(guest: &mut Guest, slot: &str) -> Option<GuestDisk> {
    for disks in [&mut guest.disks, &mut guest.side_disks] {
        if let Some(at) = disks.iter().position(|disk| disk.slot == slot) {
            return Some(disks.remove(at));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_reads_as_from_qemu_img() {
        let lines = progress(2_684_354_560);
        assert_eq!(lines[0], "transferred 0.0 B of 2.5 GiB (0.00%)");
        assert_eq!(lines[1], "transferred 256.0 MiB of 2.5 GiB (10.00%)");
        assert_eq!(
            lines.last(),
            Some(&"transferred 2.5 GiB of 2.5 GiB (100.00%)".to_owned())
        );
    }

    #[test]
    fn new_disks_are_given_in_gib() {
        assert_eq!(gib("8"), Some(8 << 30));
        assert_eq!(gib("0.5"), Some(1 << 29));
        assert_eq!(gib("vm-100-disk-0"), None);
        assert_eq!(gib(""), None);
    }
}

//! Disks of VMs after they were made: resize, unlink, move to another storage.

use serde_json::{Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::config_keys::{disks, property, read, write};
use super::super::operation::Job;
use super::super::params::{Kind, Param, optional, required};
use super::super::router::{Access, Call, Route, get};
use super::guests;
use crate::world::{Guest, GuestDisk, GuestKind, State};

/// `PUT …/resize`: to a size, or by one after `+`.
fn resize(call: &Call<'_>) -> Result<Answer> {
    let (node, vmid) = (call.node(), call.vmid());
    let slot = call.text("disk").unwrap_or_default();
    let size = call.text("size").unwrap_or_default();
    call.cluster
        .world()
        .read(|state| check_digest(call, state, guests::find(state, call, GuestKind::Qemu)?))?;
    let job = Job::new(call, "resize", vmid, move |state| {
        let here = |g: &&mut Guest| g.host == node;
        let missing = || guests::missing(&node, vmid, GuestKind::Qemu);
        let guest = state.guest_mut(vmid).filter(here).ok_or_else(missing)?;
        if let Some(text) = guests::locked(guest) {
            return Err(text);
        }
        let disk = guest.disks.iter_mut().find(|disk| disk.slot == slot);
        let disk = disk.ok_or_else(|| format!("disk '{slot}' does not exist"))?;
        let wanted = match size.strip_prefix('+') {
            Some(more) => property::size(more).and_then(|n| disk.size_bytes.checked_add(n)),
            None => property::size(&size),
        };
        let wanted = wanted.ok_or_else(|| format!("unable to parse size '{size}'"))?;
        if wanted < disk.size_bytes {
            return Err("shrinking disks is not supported".into());
        }
        disk.size_bytes = wanted;
        Ok(())
    });
    Ok(job.start(call))
}

fn check_digest(call: &Call<'_>, state: &State, guest: &Guest) -> Result<()> {
    let digest = call.text("digest");
    if digest.is_some_and(|digest| digest != read::digest(state, guest)) {
        let text = "checksum mismatch (file change by other user?)";
        return Err(ApiError::die(text));
    }
    Ok(())
}

/// A size as `resize` takes it.
fn disk_size(text: &str) -> std::result::Result<(), String> {
    let number = text.strip_prefix('+').unwrap_or(text);
    match property::size(number) {
        Some(_) => Ok(()),
        None => Err("value does not match the regex pattern".into()),
    }
}

/// `PUT …/unlink`: detaches disks; a second time, or with `force`, destroys them.
fn unlink(call: &Call<'_>) -> Result<Answer> {
    let (slots, force, vmid) = (call.list("idlist"), call.flag("force"), call.vmid());
    call.cluster.world().change(|state| {
        let mut guest = guests::find(state, call, GuestKind::Qemu)?.clone();
        if let Some(text) = guests::locked(&guest) {
            return Err(ApiError::die(text));
        }
        for slot in &slots {
            let volume = guest.volumes().find(|disk| disk.slot == *slot);
            let volume = volume.map(|disk| disk.volume.clone());
            write::unset(&mut guest, slot);
            if let (true, Some(volume)) = (force, volume) {
                guest.side_disks.retain(|disk| disk.volume != volume);
            }
        }
        if let Some(place) = state.guest_mut(vmid) {
            *place = guest;
        }
        Ok(Value::Null.into())
    })
}

/// `POST …/move_disk`: to another storage.
fn move_disk(call: &Call<'_>) -> Result<Answer> {
    let (node, vmid) = (call.node(), call.vmid());
    let slot = call.text("disk").unwrap_or_default();
    let storage = call.text("storage").unwrap_or_default();
    let delete = call.flag("delete");
    let (bytes, mut lines) = call.cluster.world().read(|state| {
        let guest = guests::find(state, call, GuestKind::Qemu)?;
        check_digest(call, state, guest)?;
        let missing = || ApiError::die(format!("disk '{slot}' does not exist"));
        let disk = guest.volumes().find(|disk| disk.slot == slot);
        let disk = disk.ok_or_else(missing)?;
        let missing = || ApiError::die(format!("storage '{storage}' does not exist"));
        let target = state.storage(&storage, &node).ok_or_else(missing)?;
        let format = call.text("format").unwrap_or_else(|| disk.format.clone());
        if disk.storage == storage && disk.format == format {
            let text = "you can't move to the same storage with same format";
            return Err(ApiError::die(text));
        }
        if !disks::holds_disks(target, GuestKind::Qemu) {
            let text = format!("storage '{storage}' does not support vm images");
            return Err(ApiError::param("storage", text));
        }
        let id = read::volume_id(state, guest, disk);
        let line = format!("create full clone of drive {slot} ({id})");
        Ok((disk.size_bytes, vec![line]))
    })?;
    lines.extend(disks::progress(bytes));
    let format = call.text("format");
    let job = Job::new(call, "qmmove", vmid, move |state| {
        let guest = state.guest_mut(vmid).filter(|guest| guest.host == node);
        let guest = guest.ok_or_else(|| guests::missing(&node, vmid, GuestKind::Qemu))?;
        if let Some(text) = guests::locked(guest) {
            return Err(text);
        }
        let volume = guest.free_volume();
        let all = guest.disks.iter_mut().chain(&mut guest.side_disks);
        let disk = all.into_iter().find(|disk| disk.slot == slot);
        let disk = disk.ok_or_else(|| format!("disk '{slot}' does not exist"))?;
        let old = disk.clone();
        disk.storage = storage;
        disk.volume = volume;
        disk.base = None;
        if let Some(format) = format {
            disk.format = format;
        }
        if !delete {
            let taken = |n: &u32| {
                guest
                    .side_disks
                    .iter()
                    .any(|d| d.slot == format!("unused{n}"))
            };
            let free = (0..256).find(|n| !taken(n)).unwrap_or_default();
            guest.side_disks.push(GuestDisk {
                slot: format!("unused{free}"),
                ..old
            });
        }
        Ok(())
    });
    let speed = call.cluster.0.options.copy_bytes_per_second;
    Ok(job.lines(lines).carries(bytes, speed).start(call))
}

/// `GET …/feature`: whether a snapshot, clone or copy can be made.
fn feature(call: &Call<'_>) -> Result<Answer> {
    let wanted = call.text("feature").unwrap_or_default();
    call.cluster.world().read(|state| {
        let guest = guests::find(state, call, GuestKind::Qemu)?;
        let can = guest.disks.iter().all(|disk| {
            let kind = state.storages.iter().find(|s| s.id == disk.storage);
            let snapshots = kind.is_some_and(|s| {
                ["rbd", "zfspool", "lvmthin", "btrfs"].contains(&s.kind.as_str())
                    || s.keeps_files() && disk.format == "qcow2"
            });
            match wanted.as_str() {
                "snapshot" => snapshots && !guest.template,
                "clone" => guest.template,
                _ => true,
            }
        });
        let local = super::copies::uses_local_storage(state, guest);
        let nodes: Vec<_> = state
            .hosts
            .iter()
            .filter(|host| !local || host.name == guest.host)
            .map(|host| host.name.as_str())
            .collect();
        Ok(json!({ "hasFeature": u8::from(can), "nodes": nodes }).into())
    })
}

const DISK: Access = Access::Any("/vms/{vmid}", &["VM.Config.Disk"]);
const RESIZE: &[Param] = &[
    required("disk", Kind::Text),
    required("size", Kind::Format(disk_size)),
    optional("digest", Kind::Text),
    optional("skiplock", Kind::Bool),
];
const MOVE: &[Param] = &[
    required("disk", Kind::Text),
    required("storage", Kind::Text),
    optional("bwlimit", Kind::Int { min: 0 }),
    optional("delete", Kind::Bool),
    optional("digest", Kind::Text),
    optional("format", Kind::Word(&["raw", "qcow2", "vmdk"])),
];

pub(super) const ROUTES: &[Route] = &[
    get("/nodes/{node}/qemu/{vmid}/resize", DISK, resize)
        .method("PUT")
        .with(RESIZE),
    get("/nodes/{node}/qemu/{vmid}/unlink", DISK, unlink)
        .method("PUT")
        .with(&[
            required("idlist", Kind::List),
            optional("force", Kind::Bool),
        ]),
    get("/nodes/{node}/qemu/{vmid}/move_disk", DISK, move_disk)
        .method("POST")
        .with(MOVE),
    get(
        "/nodes/{node}/qemu/{vmid}/feature",
        Access::Any("/vms/{vmid}", &["VM.Audit"]),
        feature,
    )
    .with(&[
        required("feature", Kind::Word(&["snapshot", "clone", "copy"])),
        optional("snapname", Kind::Text),
    ]),
];

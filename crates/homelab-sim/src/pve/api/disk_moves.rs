//! Disks of guests after they were made: resize, unlink, move to another
//! storage or to another guest.

use serde_json::{Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::config_keys::{disks, property, read, write};
use super::super::operation::Job;
use super::super::params::{Kind, Param, optional, required};
use super::super::router::{Access, Call, Route, get};
use super::{config, guests};
use crate::world::{Guest, GuestDisk, GuestKind, State};

/// `PUT …/resize`: to a size, or by one after `+`.
fn resize(call: &Call<'_>, kind: GuestKind) -> Result<Answer> {
    let (node, vmid) = (call.node(), call.vmid());
    let slot = call.text("disk").unwrap_or_default();
    let size = call.text("size").unwrap_or_default();
    call.cluster
        .world()
        .read(|state| check_digest(call, state, guests::find(state, call, kind)?))?;
    let job = Job::new(call, "resize", vmid, move |state| {
        let here = |g: &&mut Guest| g.host == node;
        let missing = || guests::missing(&node, vmid, kind);
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
        return Err(ApiError::die(config::changed(guest.kind)));
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

/// `POST …/move_disk` and `…/move_volume`: to another storage, or with
/// `target-vmid` to another guest.
fn move_disk(call: &Call<'_>, kind: GuestKind) -> Result<Answer> {
    let (node, vmid) = (call.node(), call.vmid());
    let name = if kind == GuestKind::Qemu {
        "disk"
    } else {
        "volume"
    };
    let slot = call.text(name).unwrap_or_default();
    match (call.text("storage"), call.number("target-vmid")) {
        (Some(_), Some(_)) => {
            let text = "either set 'storage' or 'target-vmid', but not both";
            return Err(ApiError::param("storage", text));
        }
        (None, None) => {
            let text = "either 'storage' or 'target-vmid' has to be set";
            return Err(ApiError::param("storage", text));
        }
        (None, Some(target)) => return hand_over(call, kind, &slot, target),
        (Some(_), None) => {}
    }
    let storage = call.text("storage").unwrap_or_default();
    let delete = call.flag("delete");
    let (bytes, mut lines) = call.cluster.world().read(|state| {
        let guest = guests::find(state, call, kind)?;
        check_digest(call, state, guest)?;
        let missing = || ApiError::die(format!("{name} '{slot}' does not exist"));
        let disk = guest.volumes().find(|disk| disk.slot == slot);
        let disk = disk.ok_or_else(missing)?;
        let missing = || ApiError::die(format!("storage '{storage}' does not exist"));
        let target = state.storage(&storage, &node).ok_or_else(missing)?;
        let format = call.text("format").unwrap_or_else(|| disk.format.clone());
        if disk.storage == storage && disk.format == format {
            let text = "you can't move to the same storage with same format";
            return Err(ApiError::die(text));
        }
        if kind == GuestKind::Qemu && !disks::holds_disks(target, kind) {
            let text = format!("storage '{storage}' does not support vm images");
            return Err(ApiError::param("storage", text));
        }
        let id = read::volume_id(state, guest, disk);
        let line = format!("create full clone of drive {slot} ({id})");
        Ok((disk.size_bytes, vec![line]))
    })?;
    lines.extend(disks::progress(bytes));
    let format = call.text("format");
    let task = if kind == GuestKind::Qemu {
        "qmmove"
    } else {
        "move_volume"
    };
    let job = Job::new(call, task, vmid, move |state| {
        let holds = state
            .storage(&storage, &node)
            .is_some_and(|target| disks::holds_disks(target, kind));
        if !holds {
            let text = "does not support container directories";
            return Err(format!("storage '{storage}' {text}"));
        }
        let guest = state.guest_mut(vmid).filter(|guest| guest.host == node);
        let guest = guest.ok_or_else(|| guests::missing(&node, vmid, kind))?;
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
            let slot = disks::free_unused(guest);
            guest.side_disks.push(GuestDisk { slot, ..old });
        }
        Ok(())
    });
    let speed = call.cluster.0.options.copy_bytes_per_second;
    Ok(job.lines(lines).carries(bytes, speed).start(call))
}

/// A disk that becomes another guest's, under a name of its own.
fn hand_over(call: &Call<'_>, kind: GuestKind, slot: &str, target: u32) -> Result<Answer> {
    let (vmid, slot) = (call.vmid(), slot.to_owned());
    let name = if kind == GuestKind::Qemu {
        "target-disk"
    } else {
        "target-volume"
    };
    let to = call.text(name).unwrap_or_else(|| slot.clone());
    call.need(&format!("/vms/{target}"), "VM.Config.Disk")?;
    if target == vmid {
        let text = "must be different than source VMID to reassign disk";
        return Err(ApiError::param("target-vmid", text));
    }
    call.cluster.world().read(|state| {
        let guest = guests::find(state, call, kind)?;
        check_digest(call, state, guest)?;
        if !guest.volumes().any(|disk| disk.slot == slot) {
            return Err(ApiError::die(format!(
                "Disk '{slot}' for VM {vmid} does not exist"
            )));
        }
        let word = kind.noun();
        let Some(other) = state.guest(target) else {
            return Err(ApiError::die(format!("{word} {target} does not exist")));
        };
        if other.kind != kind {
            return Err(ApiError::die("Both guests need to be of the same type"));
        }
        if other.host != guest.host {
            let text = "Both guests need to be on the same node";
            return Err(ApiError::die(text));
        }
        if other.volumes().any(|disk| disk.slot == to) {
            let text = format!("Target disk key '{to}' is already in use for VM '{target}'");
            return Err(ApiError::die(text));
        }
        Ok(())
    })?;
    let id = format!("{vmid}-{slot}>{target}-{to}").replace('>', "-");
    let job = Job::new(call, "qmmove", id, move |state| {
        let free = state
            .guest(target)
            .map(Guest::free_volume)
            .unwrap_or_default();
        let taken = state
            .guest_mut(vmid)
            .and_then(|guest| disks::take(guest, &slot));
        let disk = taken.ok_or_else(|| format!("disk '{slot}' does not exist"))?;
        let gone = || guests::missing("", target, kind);
        let other = state.guest_mut(target).ok_or_else(gone)?;
        disks::give(
            other,
            GuestDisk {
                slot: to,
                volume: free,
                ..disk
            },
        );
        Ok(())
    });
    Ok(job.start(call))
}

/// `GET …/feature`: whether a snapshot, clone or copy can be made.
fn feature(call: &Call<'_>, kind: GuestKind) -> Result<Answer> {
    let wanted = call.text("feature").unwrap_or_default();
    call.cluster.world().read(|state| {
        let guest = guests::find(state, call, kind)?;
        let can = match wanted.as_str() {
            "snapshot" => can_snapshot(state, guest) && !guest.template,
            "clone" => guest.template,
            _ => true,
        };
        let local = super::copies::uses_local_storage(state, guest);
        let nodes: Vec<_> = state
            .hosts
            .iter()
            .filter(|host| !local || host.name == guest.host)
            .map(|host| host.name.as_str())
            .collect();
        let mut data = json!({ "hasFeature": u8::from(can) });
        if kind == GuestKind::Qemu {
            data["nodes"] = nodes.into();
        }
        Ok(data.into())
    })
}

/// Whether the storages of all disks can take snapshots of them.
pub(super) fn can_snapshot(state: &State, guest: &Guest) -> bool {
    guest.disks.iter().all(|disk| {
        let storage = state.storages.iter().find(|s| s.id == disk.storage);
        storage.is_some_and(|s| {
            ["rbd", "zfspool", "lvmthin", "btrfs", "cephfs"].contains(&s.kind.as_str())
                || s.keeps_files() && disk.format == "qcow2"
        })
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
    optional("storage", Kind::Text),
    optional("bwlimit", Kind::Int { min: 0 }),
    optional("delete", Kind::Bool),
    optional("digest", Kind::Text),
    optional("format", Kind::Word(&["raw", "qcow2", "vmdk"])),
    optional("target-digest", Kind::Text),
    optional("target-disk", Kind::Text),
    optional("target-vmid", Kind::Vmid),
];
const MOVE_LXC: &[Param] = &[
    required("volume", Kind::Text),
    optional("storage", Kind::Text),
    optional("bwlimit", Kind::Number),
    optional("delete", Kind::Bool),
    optional("digest", Kind::Text),
    optional("target-digest", Kind::Text),
    optional("target-volume", Kind::Text),
    optional("target-vmid", Kind::Vmid),
];
const FEATURE: &[Param] = &[
    required("feature", Kind::Word(&["snapshot", "clone", "copy"])),
    optional("snapname", Kind::Text),
];

fn qemu_resize(call: &Call<'_>) -> Result<Answer> {
    resize(call, GuestKind::Qemu)
}

fn lxc_resize(call: &Call<'_>) -> Result<Answer> {
    resize(call, GuestKind::Lxc)
}

fn qemu_move(call: &Call<'_>) -> Result<Answer> {
    move_disk(call, GuestKind::Qemu)
}

fn lxc_move(call: &Call<'_>) -> Result<Answer> {
    move_disk(call, GuestKind::Lxc)
}

fn qemu_feature(call: &Call<'_>) -> Result<Answer> {
    feature(call, GuestKind::Qemu)
}

fn lxc_feature(call: &Call<'_>) -> Result<Answer> {
    feature(call, GuestKind::Lxc)
}

const AUDIT: Access = Access::Any("/vms/{vmid}", &["VM.Audit"]);

pub(super) const ROUTES: &[Route] = &[
    get("/nodes/{node}/qemu/{vmid}/resize", DISK, qemu_resize)
        .method("PUT")
        .with(RESIZE),
    get("/nodes/{node}/lxc/{vmid}/resize", DISK, lxc_resize)
        .method("PUT")
        .with(RESIZE),
    get("/nodes/{node}/qemu/{vmid}/unlink", DISK, unlink)
        .method("PUT")
        .with(&[
            required("idlist", Kind::List),
            optional("force", Kind::Bool),
        ]),
    get("/nodes/{node}/qemu/{vmid}/move_disk", DISK, qemu_move)
        .method("POST")
        .with(MOVE),
    get("/nodes/{node}/lxc/{vmid}/move_volume", DISK, lxc_move)
        .method("POST")
        .with(MOVE_LXC),
    get("/nodes/{node}/qemu/{vmid}/feature", AUDIT, qemu_feature).with(FEATURE),
    get("/nodes/{node}/lxc/{vmid}/feature", AUDIT, lxc_feature).with(FEATURE),
];

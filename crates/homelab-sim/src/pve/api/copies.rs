//! Templates and clones of VMs.

use std::collections::BTreeMap;

use super::super::answer::{Answer, ApiError, Result};
use super::super::config_keys::{disks, read};
use super::super::operation::Job;
use super::super::params::{Kind, Param, optional, required};
use super::super::router::{Access, Call, Route, get};
use super::{create, guests, lifecycle};
use crate::world::{Guest, GuestDisk, GuestKind, Power, State, derive};

/// `POST …/template`: the guest and its volumes can no longer change.
fn template(call: &Call<'_>) -> Result<Answer> {
    let (node, vmid) = (call.node(), call.vmid());
    call.cluster.world().read(|state| {
        let guest = guests::find(state, call, GuestKind::Qemu)?;
        if guest.template && !call.params.contains_key("disk") {
            return Err(ApiError::die("you can't convert a template to a template"));
        }
        if guest.running() {
            let text = "you can't convert a VM to template if VM is running";
            return Err(ApiError::die(text));
        }
        if !guest.snapshots.is_empty() {
            return Err(ApiError::die(
                "unable to create template, because VM contains snapshots",
            ));
        }
        Ok(())
    })?;
    let job = Job::new(call, "qmtemplate", vmid, move |state| {
        lifecycle::lock(state, &node, vmid, "create")?;
        lifecycle::unlock(state, vmid);
        if let Some(guest) = state.guest_mut(vmid) {
            guest.template = true;
            for disk in guest.disks.iter_mut().chain(&mut guest.side_disks) {
                disk.volume = disk.volume.replacen("vm-", "base-", 1);
            }
        }
        Ok(())
    });
    Ok(job.start(call))
}

/// A clone in the making.
struct Copy {
    guest: Guest,
    lines: Vec<String>,
    /// What is copied; a linked clone copies next to nothing.
    bytes: u64,
}

fn clone(call: &Call<'_>) -> Result<Answer> {
    let (node, vmid) = (call.node(), call.vmid());
    call.need_quorum()?;
    let newid: u32 = call.number("newid").unwrap_or_default();
    call.need(&format!("/vms/{newid}"), "VM.Allocate")?;
    let target = call.text("target").unwrap_or_else(|| node.clone());
    create::refuse_pool(call)?;
    let copy = call.cluster.world().read(|state| {
        let source = guests::find(state, call, GuestKind::Qemu)?;
        if state.guest(newid).is_some() {
            let text = format!("unable to create VM {newid}: config file already exists");
            return Err(ApiError::die(text));
        }
        if state.host(&target).is_none() {
            return Err(ApiError::die(format!("no such cluster node '{target}'")));
        }
        if target != node && uses_local_storage(state, source) {
            return Err(ApiError::die(format!(
                "can't clone VM to node '{target}' (VM uses local storage)"
            )));
        }
        prepare(call, state, source, newid, &target)
    })?;
    let Copy {
        guest,
        lines,
        bytes,
    } = copy;
    let mut shell = Guest::new(newid, &node, GuestKind::Qemu, guest.created_at);
    shell.lock = Some("clone".into());
    let note = " qmclone temporary file";
    shell.extra.insert("description".into(), note.into());
    let job = Job::new(call, "qmclone", vmid, move |state| {
        let current = state.guest_mut(newid);
        let current = current.ok_or_else(|| guests::missing(&target, newid, GuestKind::Qemu))?;
        *current = guest;
        Ok(())
    });
    let job = job
        .first(move |state| {
            let source = state.guest(vmid).filter(|guest| guest.host == node);
            let source = source.ok_or_else(|| guests::missing(&node, vmid, GuestKind::Qemu))?;
            if let Some(text) = guests::locked(source) {
                return Err(text);
            }
            state
                .guest_add(shell)
                .map_err(|_| format!("unable to create VM {newid}: config file already exists"))
        })
        // A stopped clone takes its target with it.
        .undo(move |state| drop(state.guest_remove(newid)))
        .lines(lines)
        .carries(bytes, call.cluster.0.options.copy_bytes_per_second);
    Ok(job.start(call))
}

fn prepare(
    call: &Call<'_>,
    state: &State,
    source: &Guest,
    newid: u32,
    target: &str,
) -> Result<Copy> {
    let of = match call.text("snapname") {
        None => source,
        Some(name) => {
            let snapshot = source.snapshots.iter().find(|s| s.name == name);
            let missing = || ApiError::die(format!("snapshot '{name}' does not exist"));
            &snapshot.ok_or_else(missing)?.guest
        }
    };
    // Only templates can be cloned without copying.
    let full = if call.params.contains_key("full") {
        call.flag("full")
    } else {
        !source.template
    };
    if !full && !source.template {
        return Err(ApiError::param(
            "full",
            "Full clone feature is not supported for linked clones of a VM that is no template",
        ));
    }
    if !full && (call.params.contains_key("storage") || call.params.contains_key("format")) {
        let text = "parameter 'storage' not allowed for linked clones";
        return Err(ApiError::param("storage", text));
    }
    let storage = call.text("storage");
    if let Some(id) = &storage
        && state.storage(id, target).is_none()
    {
        return Err(ApiError::die(format!("storage '{id}' does not exist")));
    }
    let mut guest = Guest {
        vmid: newid,
        host: target.to_owned(),
        name: call
            .text("name")
            .unwrap_or_else(|| format!("Copy-of-VM-{}", of.name)),
        smbios_uuid: derive::uuid(state.seed, &format!("vm/{newid}/{}", state.tasks.len())),
        template: false,
        lock: None,
        power: Power::Stopped,
        paused: false,
        started_at: None,
        pid: 0,
        node: None,
        resume_with_host: false,
        pending: BTreeMap::new(),
        snapshots: Vec::new(),
        parent: None,
        created_at: state.now,
        disks: Vec::new(),
        side_disks: Vec::new(),
        ..of.clone()
    };
    if let Some(description) = call.text("description") {
        guest.extra.insert("description".into(), description);
    }
    for nic in &mut guest.nics {
        nic.mac = derive::mac(state.seed, &format!("vm/{newid}/net{}", nic.index));
    }
    let mut lines = vec![format!(
        "creating a clone of VM {} with ID {newid}",
        source.vmid
    )];
    let mut bytes = 0;
    for disk in of.volumes() {
        let id = read::volume_id(state, source, disk);
        let generated = disk.volume.ends_with("-cloudinit");
        let linked = !full && !generated;
        let how = if linked { "linked" } else { "full" };
        lines.push(format!("create {how} clone of drive {} ({id})", disk.slot));
        let volume = if generated {
            format!("vm-{newid}-cloudinit")
        } else {
            guest.free_volume()
        };
        let copy = GuestDisk {
            volume,
            base: linked
                .then(|| id.split_once(':').map(|(_, name)| name.to_owned()))
                .flatten(),
            storage: storage.clone().unwrap_or_else(|| disk.storage.clone()),
            ..disk.clone()
        };
        if !linked {
            bytes += disk.size_bytes;
            lines.extend(disks::progress(disk.size_bytes));
        }
        // Volumes get their names in turn, so each must be there before the next.
        if of.disks.iter().any(|d| d.slot == disk.slot) {
            guest.disks.push(copy);
        } else {
            guest.side_disks.push(copy);
        }
    }
    Ok(Copy {
        guest,
        lines,
        bytes,
    })
}

/// Whether a guest has volumes that no other host reaches.
pub(super) fn uses_local_storage(state: &State, guest: &Guest) -> bool {
    guest.volumes().any(|disk| {
        !state
            .storages
            .iter()
            .any(|s| s.id == disk.storage && s.shared)
    })
}

const CLONE: &[Param] = &[
    required("newid", Kind::Vmid),
    optional("bwlimit", Kind::Int { min: 0 }),
    optional("description", Kind::Text),
    optional("format", Kind::Word(&["raw", "qcow2", "vmdk"])),
    optional("full", Kind::Bool),
    optional("name", Kind::Text),
    optional("pool", Kind::Text),
    optional("snapname", Kind::Text),
    optional("storage", Kind::Text),
    optional("target", Kind::Text),
];

pub(super) const ROUTES: &[Route] = &[
    get(
        "/nodes/{node}/qemu/{vmid}/clone",
        Access::Any("/vms/{vmid}", &["VM.Clone"]),
        clone,
    )
    .method("POST")
    .with(CLONE),
    get(
        "/nodes/{node}/qemu/{vmid}/template",
        Access::Any("/vms/{vmid}", &["VM.Allocate"]),
        template,
    )
    .method("POST")
    .with(&[optional("disk", Kind::Text)]),
];

//! Templates and clones of guests.

use std::collections::BTreeMap;

use super::super::answer::{Answer, ApiError, Result};
use super::super::config_keys::{disks, read};
use super::super::operation::Job;
use super::super::params::{Kind, Param, optional, required};
use super::super::router::{Access, Call, Route, get};
use super::{guests, lifecycle, pools};
use crate::world::GuestKind::{Lxc, Qemu};
use crate::world::{Guest, GuestDisk, GuestKind, Power, State, derive};

/// `POST …/template`: the guest and its volumes can no longer change.
fn template(call: &Call<'_>, kind: GuestKind) -> Result<Answer> {
    let (node, vmid, word) = (call.node(), call.vmid(), kind.noun());
    call.cluster.world().read(|state| {
        let guest = guests::find(state, call, kind)?;
        if guest.template && !call.params.contains_key("disk") {
            return Err(ApiError::die("you can't convert a template to a template"));
        }
        if guest.running() {
            let text = format!("you can't convert a {word} to template if {word} is running");
            return Err(ApiError::die(text));
        }
        if !guest.snapshots.is_empty() {
            return Err(ApiError::die(format!(
                "unable to create template, because {word} contains snapshots"
            )));
        }
        Ok(())
    })?;
    let job = Job::new(
        call,
        task(kind, "qmtemplate", "vztemplate"),
        vmid,
        move |state| {
            lifecycle::lock(state, &node, (kind, vmid), "create")?;
            lifecycle::unlock(state, vmid);
            if let Some(guest) = state.guest_mut(vmid) {
                guest.template = true;
                for disk in guest.disks.iter_mut().chain(&mut guest.side_disks) {
                    disk.volume = disk.volume.replacen("vm-", "base-", 1);
                }
            }
            Ok(())
        },
    );
    Ok(job.start(call))
}

/// The type of a task.
fn task(kind: GuestKind, qemu: &'static str, lxc: &'static str) -> &'static str {
    if kind == Qemu { qemu } else { lxc }
}

fn taken(kind: GuestKind, vmid: u32) -> String {
    let word = kind.noun();
    format!("unable to create {word} {vmid}: config file already exists")
}

/// A clone in the making.
struct Copy {
    guest: Guest,
    lines: Vec<String>,
    /// What is copied; a linked clone copies next to nothing.
    bytes: u64,
}

fn clone(call: &Call<'_>, kind: GuestKind) -> Result<Answer> {
    let (node, vmid) = (call.node(), call.vmid());
    call.need_quorum()?;
    let newid: u32 = call.number("newid").unwrap_or_default();
    call.need(&format!("/vms/{newid}"), "VM.Allocate")?;
    let target = call.text("target").unwrap_or_else(|| node.clone());
    pools::check(call)?;
    let pool = call.text("pool");
    let copy = call.cluster.world().read(|state| {
        let source = guests::find(state, call, kind)?;
        if state.guest(newid).is_some() {
            let text = taken(kind, newid);
            return Err(ApiError::die(text));
        }
        if state.host(&target).is_none() {
            return Err(ApiError::die(format!("no such cluster node '{target}'")));
        }
        if target != node && uses_local_storage(state, source) {
            let word = kind.noun();
            return Err(ApiError::die(format!(
                "can't clone {word} to node '{target}' ({word} uses local storage)"
            )));
        }
        prepare(call, state, source, newid, &target)
    })?;
    let Copy {
        guest,
        lines,
        bytes,
    } = copy;
    let mut shell = Guest::new(newid, &node, kind, guest.created_at);
    shell.lock = Some("clone".into());
    if kind == Qemu {
        let note = " qmclone temporary file";
        shell.extra.insert("description".into(), note.into());
    }
    let job = Job::new(call, task(kind, "qmclone", "vzclone"), vmid, move |state| {
        let current = state.guest_mut(newid);
        let current = current.ok_or_else(|| guests::missing(&target, newid, kind))?;
        *current = guest;
        pools::enter(state, pool.as_deref(), newid);
        Ok(())
    });
    let job = job
        .first(move |state| {
            let source = state.guest(vmid).filter(|guest| guest.host == node);
            let source = source.ok_or_else(|| guests::missing(&node, vmid, kind))?;
            if let Some(text) = guests::locked(source) {
                return Err(text);
            }
            state.guest_add(shell).map_err(|_| taken(kind, newid))
        })
        // A stopped clone takes its target with it.
        .undo(move |state| drop(state.guest_remove(newid)))
        .stopped("clone failed")
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
            .or_else(|| call.text("hostname"))
            .unwrap_or_else(|| format!("Copy-of-{}-{}", of.kind.noun(), of.name)),
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
    if source.kind == Lxc && source.running() && !call.params.contains_key("snapname") {
        let text = "Full clone of a running container is only possible from a snapshot";
        return Err(ApiError::die(text));
    }
    let mut lines = vec![format!(
        "creating a clone of {} {} with ID {newid}",
        source.kind.noun(),
        source.vmid
    )];
    let bytes = copy_disks(state, (source, of), &mut guest, (full, storage), &mut lines);
    Ok(Copy {
        guest,
        lines,
        bytes,
    })
}

/// Gives a clone its disks; how many bytes have to be copied.
fn copy_disks(
    state: &State,
    (source, of): (&Guest, &Guest),
    guest: &mut Guest,
    (full, storage): (bool, Option<String>),
    lines: &mut Vec<String>,
) -> u64 {
    let newid = guest.vmid;
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
    bytes
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

const CLONE_LXC: &[Param] = &[
    required("newid", Kind::Vmid),
    optional("bwlimit", Kind::Number),
    optional("description", Kind::Text),
    optional("full", Kind::Bool),
    optional("hostname", Kind::Text),
    optional("pool", Kind::Text),
    optional("snapname", Kind::Text),
    optional("storage", Kind::Text),
    optional("target", Kind::Text),
];
const MAY_CLONE: Access = Access::Any("/vms/{vmid}", &["VM.Clone"]);
const MAY_ALLOCATE: Access = Access::Any("/vms/{vmid}", &["VM.Allocate"]);

fn qemu_clone(call: &Call<'_>) -> Result<Answer> {
    clone(call, Qemu)
}

fn lxc_clone(call: &Call<'_>) -> Result<Answer> {
    clone(call, Lxc)
}

fn qemu_template(call: &Call<'_>) -> Result<Answer> {
    template(call, Qemu)
}

fn lxc_template(call: &Call<'_>) -> Result<Answer> {
    template(call, Lxc)
}

const fn post(
    path: &'static str,
    access: Access,
    run: fn(&Call<'_>) -> Result<Answer>,
    params: &'static [Param],
) -> Route {
    get(path, access, run).method("POST").with(params)
}

pub(super) const ROUTES: &[Route] = &[
    post(
        "/nodes/{node}/qemu/{vmid}/clone",
        MAY_CLONE,
        qemu_clone,
        CLONE,
    ),
    post(
        "/nodes/{node}/lxc/{vmid}/clone",
        MAY_CLONE,
        lxc_clone,
        CLONE_LXC,
    ),
    post(
        "/nodes/{node}/qemu/{vmid}/template",
        MAY_ALLOCATE,
        qemu_template,
        &[optional("disk", Kind::Text)],
    ),
    post(
        "/nodes/{node}/lxc/{vmid}/template",
        MAY_ALLOCATE,
        lxc_template,
        &[],
    ),
];

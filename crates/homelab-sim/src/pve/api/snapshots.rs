//! Snapshots of guests.

use serde_json::{Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::config_keys::read;
use super::super::operation::Job;
use super::super::params::{Kind, Param, optional, required};
use super::super::router::{Access, Call, Route, get};
use super::super::unix;
use super::{disk_moves, guests, lifecycle};
use crate::world::{Guest, GuestKind, Snapshot, State};

/// All snapshots, and the present state as one more.
fn list(call: &Call<'_>, kind: GuestKind) -> Result<Answer> {
    call.cluster.world().read(|state| {
        let guest = guests::find(state, call, kind)?;
        let mut rows: Vec<Value> = guest.snapshots.iter().map(row).collect();
        let mut current = json!({
            "name": "current", "description": "You are here!",
            "digest": read::digest(state, guest),
        });
        if kind == GuestKind::Qemu {
            current["running"] = u8::from(guest.running()).into();
        }
        if let Some(parent) = &guest.parent {
            current["parent"] = parent.as_str().into();
        }
        rows.push(current);
        Ok(Value::Array(rows).into())
    })
}

fn row(snapshot: &Snapshot) -> Value {
    let mut row = json!({
        "name": snapshot.name, "description": snapshot.description,
        "snaptime": unix(snapshot.taken_at),
    });
    if snapshot.guest.kind == GuestKind::Qemu {
        row["vmstate"] = u8::from(snapshot.with_memory).into();
    }
    if let Some(parent) = &snapshot.parent {
        row["parent"] = parent.as_str().into();
    }
    row
}

/// `GET …/snapshot/{snapname}/config`: secrets included, as on real hosts.
fn config(call: &Call<'_>, kind: GuestKind) -> Result<Answer> {
    let name = call.text("snapname").unwrap_or_default();
    call.cluster.world().read(|state| {
        let guest = guests::find(state, call, kind)?;
        let snapshot = find(guest, &name).map_err(ApiError::die)?;
        let mut keys = read::keys(state, &snapshot.guest);
        keys.insert("snaptime".into(), unix(snapshot.taken_at).into());
        if !snapshot.description.is_empty() {
            keys.insert("description".into(), snapshot.description.as_str().into());
        }
        if let Some(parent) = &snapshot.parent {
            keys.insert("parent".into(), parent.as_str().into());
        }
        Ok(Value::Object(keys).into())
    })
}

/// `PUT …/snapshot/{snapname}/config`: only its description can change.
fn describe(call: &Call<'_>, kind: GuestKind) -> Result<Answer> {
    let name = call.text("snapname").unwrap_or_default();
    let vmid = call.vmid();
    call.cluster.world().change(|state| {
        guests::find(state, call, kind)?;
        let snapshots = state.guest_mut(vmid).map(|guest| &mut guest.snapshots);
        let snapshot = snapshots.and_then(|all| all.iter_mut().find(|s| s.name == name));
        let missing = || ApiError::die(format!("snapshot '{name}' does not exist"));
        let snapshot = snapshot.ok_or_else(missing)?;
        if let Some(text) = call.text("description") {
            snapshot.description = text;
        }
        Ok(Value::Null.into())
    })
}

/// The type of a guest's task.
fn task(kind: GuestKind, what: &str) -> String {
    match kind {
        GuestKind::Qemu => format!("qm{what}"),
        GuestKind::Lxc => format!("vz{what}"),
    }
}

fn find<'g>(guest: &'g Guest, name: &str) -> std::result::Result<&'g Snapshot, String> {
    let found = guest.snapshots.iter().find(|s| s.name == name);
    found.ok_or_else(|| format!("snapshot '{name}' does not exist"))
}

/// A name: a letter, then letters, digits, dashes and underscores.
fn snapshot_name(text: &str) -> std::result::Result<(), String> {
    let rest = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    let mut bytes = text.bytes();
    let good = bytes.next().is_some_and(|b| b.is_ascii_alphabetic()) && bytes.all(rest);
    if !good || text.len() < 2 {
        return Err(format!(
            "invalid format - invalid configuration ID '{text}'\n"
        ));
    }
    if text.len() > 40 {
        return Err("value may only be 40 characters long".into());
    }
    Ok(())
}

fn take(call: &Call<'_>, kind: GuestKind) -> Result<Answer> {
    let (node, vmid) = (call.node(), call.vmid());
    let name = call.text("snapname").unwrap_or_default();
    if ["current", "pending"].contains(&name.as_str()) {
        return Err(ApiError::die(format!(
            "unable to use snapshot name '{name}' (reserved name)"
        )));
    }
    let description = call.text("description").unwrap_or_default();
    let with_memory = call.flag("vmstate");
    let (mut lines, bytes) = call.cluster.world().read(|state| {
        let guest = state.guest(vmid);
        let disks = guest.map(|guest| {
            let line = |disk: &crate::world::GuestDisk| {
                let id = read::volume_id(state, guest, disk);
                format!("snapshotting 'drive-{}' ({id})", disk.slot)
            };
            guest.disks.iter().map(line).collect::<Vec<_>>()
        });
        let memory = guest.map_or(0, |guest| guest.memory_bytes);
        (
            disks.unwrap_or_default(),
            if with_memory { memory } else { 0 },
        )
    });
    if with_memory {
        lines.insert(0, "saving VM state and RAM using storage 'local'".into());
    }
    let (lock_node, lock_name) = (node, name.clone());
    let job = Job::new(call, &task(kind, "snapshot"), vmid, move |state| {
        let at = state.now;
        let guest = state.guest_mut(vmid).ok_or("VM is gone")?;
        guest.lock = None;
        let mut saved = guest.clone();
        saved.snapshots.clear();
        saved.pending.clear();
        guest.snapshots.push(Snapshot {
            name: name.clone(),
            description,
            parent: guest.parent.replace(name),
            taken_at: at,
            with_memory: with_memory && saved.running(),
            guest: Box::new(saved),
        });
        Ok(())
    });
    let job = job
        .first(move |state| {
            if let Some(guest) = state.guest(vmid)
                && find(guest, &lock_name).is_ok()
            {
                return Err(format!("snapshot name '{lock_name}' already used"));
            }
            if let Some(guest) = state.guest(vmid)
                && !disk_moves::can_snapshot(state, guest)
            {
                return Err("snapshot feature is not available".into());
            }
            lifecycle::lock(state, &lock_node, (kind, vmid), "snapshot")
        })
        .undo(move |state| lifecycle::unlock(state, vmid))
        .lines(lines)
        .carries(bytes, call.cluster.0.options.copy_bytes_per_second);
    Ok(job.start(call))
}

fn rollback(call: &Call<'_>, kind: GuestKind) -> Result<Answer> {
    let (node, vmid) = (call.node(), call.vmid());
    let name = call.text("snapname").unwrap_or_default();
    let start = call.flag("start");
    let wanted = name.clone();
    let job = Job::new(call, &task(kind, "rollback"), vmid, move |state| {
        lifecycle::unlock(state, vmid);
        roll_back(state, vmid, &name, start)
    });
    let job = job
        .first(move |state| {
            if let Some(guest) = state.guest(vmid) {
                find(guest, &wanted)?;
            }
            lifecycle::lock(state, &node, (kind, vmid), "rollback")
        })
        .undo(move |state| lifecycle::unlock(state, vmid));
    Ok(job.start(call))
}

/// The guest becomes what it was. It runs again if the snapshot holds its
/// memory.
fn roll_back(
    state: &mut State,
    vmid: u32,
    name: &str,
    start: bool,
) -> std::result::Result<(), String> {
    let words = |e: homelab_core::Error| e.message().to_owned();
    let guest = state.guest(vmid).ok_or("VM is gone")?;
    let snapshot = find(guest, name)?.clone();
    if guest.running() {
        state.guest_stop(vmid).map_err(words)?;
    }
    if let Some(guest) = state.guest_mut(vmid) {
        *guest = Guest {
            host: guest.host.clone(),
            power: guest.power,
            pid: guest.pid,
            started_at: guest.started_at,
            resume_with_host: false,
            paused: false,
            node: guest.node.clone(),
            lock: None,
            snapshots: std::mem::take(&mut guest.snapshots),
            parent: Some(name.to_owned()),
            ..*snapshot.guest
        };
    }
    if start || snapshot.with_memory {
        state.guest_start(vmid).map_err(words)?;
    }
    Ok(())
}

fn remove(call: &Call<'_>, kind: GuestKind) -> Result<Answer> {
    let (node, vmid) = (call.node(), call.vmid());
    let name = call.text("snapname").unwrap_or_default();
    let wanted = name.clone();
    let job = Job::new(call, &task(kind, "delsnapshot"), vmid, move |state| {
        let guest = state.guest_mut(vmid).ok_or("VM is gone")?;
        guest.lock = None;
        let at = guest.snapshots.iter().position(|s| s.name == name);
        let Some(at) = at else {
            return Err(format!("snapshot '{name}' does not exist"));
        };
        let gone = guest.snapshots.remove(at);
        // What came after it now comes after the one before.
        let parents = guest.snapshots.iter_mut().map(|s| &mut s.parent);
        for parent in parents.chain(std::iter::once(&mut guest.parent)) {
            if parent.as_deref() == Some(&name) {
                parent.clone_from(&gone.parent);
            }
        }
        Ok(())
    });
    let job = job
        .first(move |state| {
            if let Some(guest) = state.guest(vmid) {
                find(guest, &wanted)?;
            }
            lifecycle::lock(state, &node, (kind, vmid), "snapshot-delete")
        })
        .undo(move |state| lifecycle::unlock(state, vmid));
    Ok(job.start(call))
}

const AUDIT: Access = Access::Any("/vms/{vmid}", &["VM.Audit"]);
const LOOK: Access = Access::Any(
    "/vms/{vmid}",
    &["VM.Snapshot", "VM.Snapshot.Rollback", "VM.Audit"],
);
const SNAPSHOT: Access = Access::Any("/vms/{vmid}", &["VM.Snapshot"]);
const ROLLBACK: Access = Access::Any("/vms/{vmid}", &["VM.Snapshot", "VM.Snapshot.Rollback"]);
const TAKE: &[Param] = &[
    required("snapname", Kind::Format(snapshot_name)),
    optional("description", Kind::Text),
    optional("vmstate", Kind::Bool),
];

const TAKE_LXC: &[Param] = &[
    required("snapname", Kind::Format(snapshot_name)),
    optional("description", Kind::Text),
];

/// One function for each kind of guest.
macro_rules! both {
    ($($qemu:ident $lxc:ident = $name:ident;)*) => {
        $(fn $qemu(call: &Call<'_>) -> Result<Answer> {
            $name(call, GuestKind::Qemu)
        }
        fn $lxc(call: &Call<'_>) -> Result<Answer> {
            $name(call, GuestKind::Lxc)
        })*
    };
}

both! {
    qemu_list lxc_list = list;
    qemu_take lxc_take = take;
    qemu_remove lxc_remove = remove;
    qemu_config lxc_config = config;
    qemu_describe lxc_describe = describe;
    qemu_rollback lxc_rollback = rollback;
}

macro_rules! routes {
    ($($kind:literal $list:ident $take:ident($params:ident) $remove:ident $config:ident $describe:ident
        $rollback:ident;)*) => {
        &[$(
            get(concat!("/nodes/{node}/", $kind, "/{vmid}/snapshot"), AUDIT, $list),
            get(concat!("/nodes/{node}/", $kind, "/{vmid}/snapshot"), SNAPSHOT, $take)
                .method("POST")
                .with($params),
            get(concat!("/nodes/{node}/", $kind, "/{vmid}/snapshot/{snapname}"), SNAPSHOT, $remove)
                .method("DELETE")
                .with(&[optional("force", Kind::Bool)]),
            get(concat!("/nodes/{node}/", $kind, "/{vmid}/snapshot/{snapname}/config"), LOOK, $config),
            get(
                concat!("/nodes/{node}/", $kind, "/{vmid}/snapshot/{snapname}/config"),
                SNAPSHOT,
                $describe,
            )
            .method("PUT")
            .with(&[optional("description", Kind::Text)]),
            get(
                concat!("/nodes/{node}/", $kind, "/{vmid}/snapshot/{snapname}/rollback"),
                ROLLBACK,
                $rollback,
            )
            .method("POST")
            .with(&[optional("start", Kind::Bool)]),
        )*]
    };
}

pub(super) const ROUTES: &[Route] = routes! {
    "qemu" qemu_list qemu_take(TAKE) qemu_remove qemu_config qemu_describe qemu_rollback;
    "lxc" lxc_list lxc_take(TAKE_LXC) lxc_remove lxc_config lxc_describe lxc_rollback;
};

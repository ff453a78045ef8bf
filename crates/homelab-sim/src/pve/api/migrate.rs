//! `…/migrate`: whether and how a guest moves to another host.
//!
//! What runs in it does not notice: the Talos node goes on living.

use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::config_keys::read;
use super::super::operation::{Job, Work};
use super::super::params::{Kind, Param, optional, required};
use super::super::router::{Access, Call, Route, get};
use super::super::unix;
use super::{guests, ha, lifecycle};
use crate::world::{Guest, GuestDisk, GuestKind, HaStep, State};

/// `GET …/migrate`: what stands in the way.
fn preconditions(call: &Call<'_>) -> Result<Answer> {
    call.need_quorum()?;
    call.cluster.world().read(|state| {
        let guest = guests::find(state, call, GuestKind::Qemu)?;
        let local_disks: Vec<_> = local_disks(state, guest)
            .map(|disk| local_disk(state, guest, disk))
            .collect();
        let resources: Vec<_> = local_resources(guest).collect();
        let mut data = json!({
            "running": u8::from(guest.running()),
            "local_disks": local_disks, "local_resources": resources,
            "mapped-resources": mapped(guest).collect::<Vec<_>>(), "mapped-resource-info": {},
            "has-dbus-vmstate": 1,
        });
        if !guest.running() {
            let others = state.hosts.iter().filter(|h| h.name != guest.host);
            let (mut allowed, mut not) = (Vec::new(), Map::new());
            for host in others {
                let missing: Vec<_> = missing_storages(state, guest, &host.name).collect();
                if missing.is_empty() {
                    allowed.push(host.name.clone());
                    // An empty object here means allowed as well.
                    not.insert(host.name.clone(), json!({}));
                } else {
                    let why = json!({ "unavailable_storages": missing });
                    not.insert(host.name.clone(), why);
                }
            }
            data["allowed_nodes"] = allowed.into();
            data["not_allowed_nodes"] = not.into();
        }
        Ok(data.into())
    })
}

fn local_disk(state: &State, guest: &Guest, disk: &GuestDisk) -> Value {
    let is = |yes: bool| u8::from(yes);
    let unused = disk.slot.starts_with("unused");
    json!({
        "volid": read::volume_id(state, guest, disk), "drivename": disk.slot,
        "size": disk.size_bytes, "shared": 0, "replicate": 1, "is_vmstate": 0,
        "cdrom": is(disk.options.contains_key("media")),
        "is_cloudinit": is(disk.volume.ends_with("-cloudinit")),
        "is_tpmstate": is(disk.slot == "tpmstate0"), "is_unused": is(unused),
        "is_attached": is(!unused),
    })
}

/// Volumes that no other host reaches.
fn local_disks<'g>(state: &'g State, guest: &'g Guest) -> impl Iterator<Item = &'g GuestDisk> {
    guest.volumes().filter(|disk| {
        !state
            .storages
            .iter()
            .any(|s| s.id == disk.storage && s.shared)
    })
}

/// Devices of the host that the VM holds.
fn local_resources(guest: &Guest) -> impl Iterator<Item = String> {
    let pci = (0..).zip(&guest.hostpci);
    let raw = pci.filter(|(_, device)| !device.starts_with("mapping="));
    raw.map(|(n, _): (u32, _)| format!("hostpci{n}"))
}

fn mapped(guest: &Guest) -> impl Iterator<Item = String> {
    let pci = (0..).zip(&guest.hostpci);
    let mapped = pci.filter(|(_, device)| device.starts_with("mapping="));
    mapped.map(|(n, _): (u32, _)| format!("hostpci{n}"))
}

fn missing_storages<'g>(
    state: &'g State,
    guest: &'g Guest,
    host: &'g str,
) -> impl Iterator<Item = String> {
    guest
        .volumes()
        .filter(|disk| state.storage(&disk.storage, host).is_none())
        .map(|disk| disk.storage.clone())
}

/// `GET …/lxc/…/migrate`: as for a VM, in fewer words.
fn lxc_preconditions(call: &Call<'_>) -> Result<Answer> {
    call.need_quorum()?;
    call.cluster.world().read(|state| {
        let guest = guests::find(state, call, GuestKind::Lxc)?;
        let mut data = json!({ "running": u8::from(guest.running()) });
        let (mut allowed, mut not) = (Vec::new(), Map::new());
        for host in state.hosts.iter().filter(|h| h.name != guest.host) {
            let missing: Vec<_> = missing_storages(state, guest, &host.name).collect();
            if missing.is_empty() {
                allowed.push(host.name.clone());
            } else {
                let why = json!({ "unavailable-storages": missing });
                not.insert(host.name.clone(), why);
            }
        }
        data["allowed-nodes"] = allowed.into();
        data["not-allowed-nodes"] = not.into();
        Ok(data.into())
    })
}

fn migrate(call: &Call<'_>, kind: GuestKind) -> Result<Answer> {
    let (node, vmid) = (call.node(), call.vmid());
    call.need_quorum()?;
    let target = call.text("target").unwrap_or_default();
    if !call.is_root() {
        for name in ["force", "migration_type", "migration_network"] {
            if call.params.contains_key(name) {
                return Err(ApiError::param(name, "Only root may use this option."));
            }
        }
    }
    if target == node {
        return Err(ApiError::param("target", "target is local node."));
    }
    let online = call.flag("online");
    let with_disks = call.flag("with-local-disks");
    let (guest, sid) = call.cluster.world().read(|state| {
        if state.host(&target).is_none() {
            return Err(ApiError::die(format!("no such cluster node '{target}'")));
        }
        let guest = guests::find(state, call, kind)?;
        if guest.running() && kind == GuestKind::Lxc {
            if online {
                return Err(ApiError::die(
                    "lxc live migration is currently not implemented",
                ));
            }
            if !call.flag("restart") {
                let text = "can't migrate running container without --online or --restart";
                return Err(ApiError::die(text));
            }
        }
        if guest.running() && kind == GuestKind::Qemu {
            if !online {
                return Err(ApiError::die("can't migrate running VM without --online"));
            }
            let local: Vec<_> = local_resources(guest).collect();
            if !local.is_empty() {
                let text = format!(
                    "can't migrate running VM which uses local devices: {}",
                    local.join(", ")
                );
                return Err(ApiError::die(text));
            }
        }
        let mut missing = missing_storages(state, guest, &target);
        if let Some(storage) = missing.next()
            && !call.params.contains_key("targetstorage")
            && !call.params.contains_key("target-storage")
        {
            let text = format!("storage '{storage}' is not available on node '{target}'");
            return Err(ApiError::die(text));
        }
        let sid = ha::managed(state, guest);
        Ok((guest.clone(), sid))
    })?;
    if let Some(sid) = sid {
        return Ok(through_ha(call, kind, (vmid, sid), target));
    }
    Ok(job(call, &guest, target, with_disks).start(call))
}

/// The task that moves a guest.
fn job(call: &Call<'_>, guest: &Guest, target: String, with_disks: bool) -> Job {
    let (node, vmid, kind) = (call.node(), guest.vmid, guest.kind);
    let restarts = kind == GuestKind::Lxc && guest.running();
    let options = &call.cluster.0.options;
    let (lines, disks) = call.cluster.world().read(|state| {
        let bytes: u64 = local_disks(state, guest).map(|d| d.size_bytes).sum();
        let lines = match stuck(state, vmid, with_disks) {
            Some(reason) => aborted(state, guest, &target, &reason),
            None => lines(state, guest, &target),
        };
        (lines, bytes)
    });
    let memory = if guest.running() && kind == GuestKind::Qemu {
        guest.memory_bytes
    } else {
        0
    };
    let (from, to) = (node.clone(), target.clone());
    let task = if kind == GuestKind::Qemu {
        "qmigrate"
    } else {
        "vzmigrate"
    };
    let job = Job::new(call, task, vmid, move |state| {
        let here = state.guest(vmid).is_some_and(|guest| guest.host == node);
        if !here {
            return Err(guests::missing(&node, vmid, kind));
        }
        lifecycle::unlock(state, vmid);
        let moved = match stuck(state, vmid, with_disks) {
            Some(_) => false,
            None => state.guest_move(vmid, &target).is_ok(),
        };
        if !moved {
            return Err("migration aborted".into());
        }
        if restarts {
            lifecycle::power_on(state, vmid)?;
        }
        Ok(())
    });
    job.first(move |state| {
        lifecycle::lock(state, &from, (kind, vmid), "migrate")?;
        if restarts && state.guest_stop(vmid).is_err() {
            lifecycle::unlock(state, vmid);
            return Err("migration aborted".into());
        }
        if !state.host_online(&to) {
            lifecycle::unlock(state, vmid);
            return Err("Can't connect to destination address using public key".into());
        }
        Ok(())
    })
    .undo(move |state| lifecycle::unlock(state, vmid))
    .lines(lines)
    .carries(memory, options.migration_bytes_per_second)
    .carries(disks, options.copy_bytes_per_second)
}

/// Why a guest cannot be moved as it is.
fn stuck(state: &State, vmid: u32, with_disks: bool) -> Option<String> {
    let guest = state.guest(vmid).filter(|g| g.running() && !with_disks)?;
    let local = local_disks(state, guest).next()?;
    (guest.kind == GuestKind::Qemu).then(|| {
        format!(
            "Problem found while scanning volumes - can't migrate local disk '{}': can't live \
             migrate attached local disks without with-local-disks option",
            read::volume_id(state, guest, local)
        )
    })
}

/// What a task tells that does not get far.
fn aborted(state: &State, guest: &Guest, target: &str, reason: &str) -> Vec<String> {
    let mut lines = lines(state, guest, target);
    lines.truncate(1);
    let at = clock(state.now);
    lines.push(format!("{at} ERROR: {reason}"));
    lines.push(format!("{at} aborting phase 1 - cleanup resources"));
    lines.push(format!(
        "{at} ERROR: migration aborted (duration 00:00:00): {reason}"
    ));
    lines
}

/// What the task tells on its way.
fn lines(state: &State, guest: &Guest, target: &str) -> Vec<String> {
    let (vmid, at) = (guest.vmid, clock(state.now));
    let address = state.host(target).map(|h| h.address.to_string());
    let address = address.unwrap_or_default();
    let mut lines = Vec::new();
    let mut say = |text: String| lines.push(format!("{at} {text}"));
    say(format!(
        "starting migration of {} {vmid} to node '{target}' ({address})",
        guest.kind.noun()
    ));
    for disk in local_disks(state, guest) {
        let id = read::volume_id(state, guest, disk);
        say(format!("found local disk '{id}' (attached)"));
    }
    if guest.running() && guest.kind == GuestKind::Qemu {
        say(format!("starting VM {vmid} on remote node '{target}'"));
        say("start remote tunnel".into());
        say("ssh tunnel ver 1".into());
        let socket = format!("unix:/run/qemu-server/{vmid}.migrate");
        say(format!("starting online/live migration on {socket}"));
        say("set migration capabilities".into());
        say("migration downtime limit: 100 ms".into());
        say(format!("start migrate command to {socket}"));
        let gib = |quarter: u64| {
            let tenths = (guest.memory_bytes / 4 * quarter * 10) >> 30;
            format!("{}.{} GiB", tenths / 10, tenths % 10)
        };
        for quarter in 1..4 {
            say(format!(
                "migration active, transferred {} of {} VM-state, 1.1 GiB/s",
                gib(quarter),
                gib(4)
            ));
        }
        say("average migration speed: 1.1 GiB/s - downtime 61 ms".into());
        say(format!(
            "migration completed, transferred {} VM-state",
            gib(4)
        ));
        say("migration status: completed".into());
    }
    say("migration finished successfully (duration 00:00:02)".into());
    lines
}

/// `2026-11-22 18:45:55`.
fn clock(time: SystemTime) -> String {
    i64::try_from(unix(time))
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map(|time| time.strftime("%Y-%m-%d %H:%M:%S").to_string())
        .unwrap_or_default()
}

/// A guest under HA: the task only leaves a request for the manager.
fn through_ha(call: &Call<'_>, kind: GuestKind, (vmid, sid): (u32, String), to: String) -> Answer {
    let word = kind.noun();
    let line = format!("Requesting HA migration for {word} {vmid} to node {to}");
    let pace = call.cluster.pace();
    let work: Work = Box::new(move |state| {
        state.ha_request(&sid, HaStep::Migrate(to), pace);
        Ok(())
    });
    Job::new(call, "hamigrate", vmid, work)
        .lines([line])
        .start(call)
}

const MIGRATE: Access = Access::Any("/vms/{vmid}", &["VM.Migrate"]);
const PARAMS: &[Param] = &[
    required("target", Kind::Text),
    optional("bwlimit", Kind::Int { min: 0 }),
    optional("force", Kind::Bool),
    optional("migration_network", Kind::Text),
    optional("migration_type", Kind::Word(&["secure", "insecure"])),
    optional("online", Kind::Bool),
    optional("targetstorage", Kind::Text),
    optional("with-conntrack-state", Kind::Bool),
    optional("with-local-disks", Kind::Bool),
];

const LXC_PARAMS: &[Param] = &[
    required("target", Kind::Text),
    optional("bwlimit", Kind::Number),
    optional("online", Kind::Bool),
    optional("restart", Kind::Bool),
    optional("target-storage", Kind::Text),
    optional("timeout", Kind::Int { min: 0 }),
];

pub(super) fn qemu_migrate(call: &Call<'_>) -> Result<Answer> {
    migrate(call, GuestKind::Qemu)
}

pub(super) fn lxc_migrate(call: &Call<'_>) -> Result<Answer> {
    migrate(call, GuestKind::Lxc)
}

pub(super) const ROUTES: &[Route] = &[
    get("/nodes/{node}/qemu/{vmid}/migrate", MIGRATE, preconditions)
        .with(&[optional("target", Kind::Text)]),
    get("/nodes/{node}/qemu/{vmid}/migrate", MIGRATE, qemu_migrate)
        .method("POST")
        .with(PARAMS),
    get(
        "/nodes/{node}/lxc/{vmid}/migrate",
        MIGRATE,
        lxc_preconditions,
    )
    .with(&[optional("target", Kind::Text)]),
    get("/nodes/{node}/lxc/{vmid}/migrate", MIGRATE, lxc_migrate)
        .method("POST")
        .with(LXC_PARAMS),
];

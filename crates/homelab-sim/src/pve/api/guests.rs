//! `/nodes/{node}/qemu` and `/nodes/{node}/lxc`: lists and current state.

use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::params::{Kind, optional};
use super::super::router::{Access, Call, Route, get};
use super::{ha, load};
use crate::world::{Guest, GuestKind, State};

/// The guest in the path, if it lives on the host in the path.
pub(super) fn find<'s>(state: &'s State, call: &Call<'_>, kind: GuestKind) -> Result<&'s Guest> {
    let (node, vmid) = (call.node(), call.vmid());
    state
        .guest(vmid)
        .filter(|guest| guest.host == node && guest.kind == kind)
        .ok_or_else(|| ApiError::die(missing(&node, vmid, kind)))
}

/// What PVE says about a guest that is not on the host.
pub(super) fn missing(node: &str, vmid: u32, kind: GuestKind) -> String {
    let folder = match kind {
        GuestKind::Qemu => "qemu-server",
        GuestKind::Lxc => "lxc",
    };
    format!("Configuration file 'nodes/{node}/{folder}/{vmid}.conf' does not exist")
}

/// What PVE says about a guest that some operation holds.
pub(super) fn locked(guest: &Guest) -> Option<String> {
    let lock = guest.lock.as_ref()?;
    Some(format!("{} is locked ({lock})", guest.kind.noun()))
}

fn list(call: &Call<'_>, kind: GuestKind) -> Result<Answer> {
    let node = call.node();
    let full = call.flag("full");
    let now = call.cluster.world().now();
    let rows: Vec<Value> = call.cluster.world().read(|state| {
        state
            .guests_on(&node)
            .filter(|guest| guest.kind == kind)
            .filter(|guest| call.may(&format!("/vms/{}", guest.vmid), "VM.Audit"))
            .map(|guest| Value::Object(row(state, guest, now, full)))
            .collect()
    });
    Ok(Value::Array(rows).into())
}

/// A row of a list; `full` asks QEMU itself.
fn row(state: &State, guest: &Guest, now: SystemTime, full: bool) -> Map<String, Value> {
    let load = load::guest(state, guest, now);
    let mut row = json!({
        "vmid": guest.vmid,
        "name": guest.name,
        "status": guest.power.as_str(),
        "cpus": guest.cores,
        "cpu": load.cpu,
        "mem": load.mem,
        "maxmem": guest.memory_bytes,
        "disk": 0,
        "maxdisk": boot_disk_bytes(guest),
        "netin": load.netin,
        "netout": load.netout,
        "uptime": load.uptime,
    });
    let put = |row: &mut Value, key: &str, value: Value| row[key] = value;
    if guest.kind == GuestKind::Qemu {
        put(&mut row, "memhost", load.memhost.into());
        if full {
            let halted = if guest.paused {
                "paused"
            } else {
                guest.power.as_str()
            };
            put(&mut row, "qmpstatus", halted.into());
        }
    } else {
        put(&mut row, "type", "lxc".into());
        put(&mut row, "swap", 0.into());
        put(&mut row, "maxswap", (512 << 20).into());
    }
    if guest.running() || guest.kind == GuestKind::Lxc {
        put(&mut row, "diskread", load.diskread.into());
        put(&mut row, "diskwrite", load.diskwrite.into());
    }
    if full && (0..4).any(|n| guest.extra.contains_key(&format!("serial{n}"))) {
        put(&mut row, "serial", 1.into());
    }
    if full && guest.running() && guest.kind == GuestKind::Qemu {
        put(&mut row, "nics", nics(state, guest, now));
    }
    if guest.running() {
        put(&mut row, "pid", guest.pid.into());
        for kind in [
            "cpusome",
            "cpufull",
            "iosome",
            "iofull",
            "memorysome",
            "memoryfull",
        ] {
            // Containers read these from files and pass the text on.
            let none = if guest.kind == GuestKind::Lxc {
                json!("0.00")
            } else {
                json!(0)
            };
            put(&mut row, &format!("pressure{kind}"), none);
        }
    }
    if guest.template {
        put(&mut row, "template", 1.into());
    }
    if let Some(lock) = &guest.lock {
        put(&mut row, "lock", lock.as_str().into());
    }
    if !guest.tags.is_empty() {
        put(&mut row, "tags", guest.tags.join(";").into());
    }
    match row {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Size of the first disk: what lists call `maxdisk`.
pub(super) fn boot_disk_bytes(guest: &Guest) -> u64 {
    guest.disks.first().map_or(0, |disk| disk.size_bytes)
}

fn current(call: &Call<'_>, kind: GuestKind) -> Result<Answer> {
    let now = call.cluster.world().now();
    call.cluster.world().read(|state| {
        let guest = find(state, call, kind)?;
        let mut row = row(state, guest, now, true);
        row.insert("ha".into(), ha::of_guest(state, guest));
        if guest.kind == GuestKind::Qemu {
            if guest.agent {
                row.insert("agent".into(), 1.into());
            }
            if guest.running() {
                row.insert("running-machine".into(), "pc-q35-10.0+pve1".into());
                row.insert("running-qemu".into(), "10.0.2".into());
            }
        }
        Ok(Value::Object(row).into())
    })
}

fn nics(state: &State, guest: &Guest, now: SystemTime) -> Value {
    let load = load::guest(state, guest, now);
    let count = guest.nics.len().max(1) as u64;
    let nics = (0..guest.nics.len()).map(|n| {
        let counters = json!({ "netin": load.netin / count, "netout": load.netout / count });
        (format!("tap{}i{n}", guest.vmid), counters)
    });
    Value::Object(nics.collect())
}

fn qemu_list(call: &Call<'_>) -> Result<Answer> {
    list(call, GuestKind::Qemu)
}

fn qemu_current(call: &Call<'_>) -> Result<Answer> {
    current(call, GuestKind::Qemu)
}

fn lxc_list(call: &Call<'_>) -> Result<Answer> {
    list(call, GuestKind::Lxc)
}

fn lxc_current(call: &Call<'_>) -> Result<Answer> {
    current(call, GuestKind::Lxc)
}

const AUDIT: Access = Access::Any("/vms/{vmid}", &["VM.Audit"]);

pub(super) const ROUTES: &[Route] = &[
    get("/nodes/{node}/qemu", Access::User, qemu_list).with(&[optional("full", Kind::Bool)]),
    get(
        "/nodes/{node}/qemu/{vmid}/status/current",
        AUDIT,
        qemu_current,
    ),
    get("/nodes/{node}/lxc", Access::User, lxc_list),
    get(
        "/nodes/{node}/lxc/{vmid}/status/current",
        AUDIT,
        lxc_current,
    ),
];

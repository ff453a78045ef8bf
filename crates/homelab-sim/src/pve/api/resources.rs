//! `/cluster/resources`: everything in one cheap call, rows of all kinds mixed.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::super::answer::{Answer, Result};
use super::super::params::{Kind, optional};
use super::super::router::{Access, Call, Route, get};
use super::{guests, ha, load, nodes, storage};
use crate::world::{Guest, Host, State, Storage, pools};

fn resources(call: &Call<'_>) -> Result<Answer> {
    let kind = call.text("type");
    let wants = |wanted: &str| kind.as_deref().is_none_or(|kind| kind == wanted);
    let now = call.cluster.world().now();
    let rows = call.cluster.world().read(|state| {
        let mut rows = Vec::with_capacity(state.guests.len() + 64);
        if wants("vm") {
            // One privilege for all is the usual case and saves 10,000 look-ups.
            let all = call.may("/", "VM.Audit");
            let seen = |g: &&Guest| all || call.may(&format!("/vms/{}", g.vmid), "VM.Audit");
            rows.extend(
                state
                    .guests
                    .iter()
                    .filter(seen)
                    .map(|g| guest_row(state, g, now)),
            );
        }
        if wants("node") {
            rows.extend(
                state
                    .hosts
                    .iter()
                    .map(|host| node_row(call, state, host, now)),
            );
        }
        if wants("storage") {
            for place in &state.storages {
                let path = format!("/storage/{}", place.id);
                if !call.may(&path, "Datastore.Audit")
                    && !call.may(&path, "Datastore.AllocateSpace")
                {
                    continue;
                }
                let hosts = state.hosts.iter().filter(|host| place.on_host(&host.name));
                rows.extend(hosts.map(|host| storage_row(state, place, host)));
            }
        }
        if kind.is_none() {
            for pool in state.pools.keys() {
                if call.may(&format!("/pool/{pool}"), "Pool.Audit") {
                    rows.push(
                        json!({ "id": format!("/pool/{pool}"), "type": "pool", "pool": pool }),
                    );
                }
            }
        }
        // These come only without a filter, for whom they are new is anyone's guess.
        if kind.is_none() && call.may("/sdn/zones/localnetwork", "SDN.Audit") {
            rows.extend(state.hosts.iter().map(|host| {
                json!({
                    "id": format!("network/{}/zone/localnetwork", host.name), "type": "network",
                    "network": "localnetwork", "network-type": "zone", "node": host.name,
                    "status": if host.online() { "ok" } else { "unknown" },
                })
            }));
        }
        rows
    });
    Ok(Value::Array(rows).into())
}

/// A guest; of one on a host that is not heard of only its place is known.
pub(super) fn guest_row(state: &State, guest: &Guest, now: SystemTime) -> Value {
    let kind = guest.kind.as_str();
    let status = state.guest_status(guest);
    let mut row = json!({
        "id": format!("{kind}/{}", guest.vmid), "type": kind, "vmid": guest.vmid,
        "node": guest.host, "status": status,
    });
    if let Some(resource) = ha::resource(state, guest) {
        row["hastate"] = resource.state.as_str().into();
    }
    if let Some(pool) = pools::pool_of(&state.pools, guest.vmid) {
        row["pool"] = pool.into();
    }
    if status == "unknown" {
        return row;
    }
    if guest.paused {
        row["status"] = "paused".into();
    }
    let load = load::guest(state, guest, now);
    row["name"] = guest.name.as_str().into();
    row["template"] = u8::from(guest.template).into();
    row["cpu"] = load.cpu.into();
    row["maxcpu"] = guest.cores.into();
    row["mem"] = load.mem.into();
    row["memhost"] = load.memhost.into();
    row["maxmem"] = guest.memory_bytes.into();
    row["disk"] = 0.into();
    row["maxdisk"] = guests::boot_disk_bytes(guest).into();
    row["netin"] = load.netin.into();
    row["netout"] = load.netout.into();
    row["diskread"] = load.diskread.into();
    row["diskwrite"] = load.diskwrite.into();
    row["uptime"] = load.uptime.into();
    if !guest.tags.is_empty() {
        row["tags"] = guest.tags.join(";").into();
    }
    if let Some(lock) = &guest.lock {
        row["lock"] = lock.as_str().into();
    }
    row
}

fn node_row(call: &Call<'_>, state: &State, host: &Host, now: SystemTime) -> Value {
    let mut row = nodes::row(call, state, host, now);
    row["cgroup-mode"] = 2.into();
    if !state.ha.resources.is_empty() {
        row["hastate"] = if host.online() { "online" } else { "unknown" }.into();
    }
    row
}

pub(super) fn storage_row(state: &State, place: &Storage, host: &Host) -> Value {
    let available = host.online() && storage::active(state, place);
    let mut row = json!({
        "id": format!("storage/{}/{}", host.name, place.id), "type": "storage",
        "storage": place.id, "node": host.name, "plugintype": place.kind,
        "content": place.content.join(","), "shared": u8::from(place.shared),
        "status": if available { "available" } else { "unknown" },
    });
    if available {
        row["disk"] = place.used_bytes.into();
        row["maxdisk"] = place.total_bytes.into();
    }
    row
}

pub(super) const ROUTES: &[Route] = &[get("/cluster/resources", Access::User, resources).with(&[
    optional("type", Kind::Word(&["vm", "storage", "node", "sdn"])),
])];

//! Networks of a host, and replication from it.

use serde_json::{Map, Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::operation::Job;
use super::super::params;
use super::super::router::{Access, Call, Route, get};
use super::host_info::{MODIFY, ask, host, post};
use crate::world::{Host, State};

/// What a network that was configured tells beyond what was written.
pub(in super::super) fn complete(row: &mut Map<String, Value>) {
    let text = |row: &Map<String, Value>, key: &str| row.get(key).map(params::text);
    if let Some(cidr) = text(row, "cidr")
        && let Some((address, prefix)) = cidr.split_once('/')
    {
        row.insert("address".into(), address.into());
        row.insert("netmask".into(), prefix.into());
    }
    let method = |key: &str| {
        if row.contains_key(key) {
            "static"
        } else {
            "manual"
        }
    };
    let methods = [("method", method("cidr")), ("method6", method("cidr6"))];
    for (key, value) in methods {
        row.insert(key.into(), value.into());
    }
    row.insert("families".into(), json!(["inet"]));
    row.insert("priority".into(), 4.into());
    if text(row, "type").as_deref() == Some("bridge") {
        let mut usual = |key: &str, value: &str| {
            row.entry(key).or_insert_with(|| value.into());
        };
        usual("bridge_stp", "off");
        usual("bridge_fd", "0");
        if text(row, "bridge_vlan_aware").as_deref() == Some("1") {
            row.entry("bridge_vids").or_insert_with(|| "2-4094".into());
        }
    }
}

/// What a new network must not be.
pub(in super::super) fn check(
    state: &State,
    path: &str,
    iface: &str,
    values: &Map<String, Value>,
) -> Result<()> {
    let text = |key: &str| values.get(key).map(params::text).unwrap_or_default();
    let kind = text("type");
    if kind.starts_with("OVS") {
        return Err(ApiError::die(
            "Open VSwitch is not installed (need package 'openvswitch-switch')",
        ));
    }
    let known = |name: &str| match name {
        "nic0" => "eth".to_owned(),
        name => {
            let object = state.registry.object(path, name);
            let kind = object.and_then(|object| object.values.get("type"));
            kind.map(params::text).unwrap_or_default()
        }
    };
    if kind == "bond" {
        let slaves = text("slaves");
        let wrong = slaves
            .split([' ', ',', ';'])
            .filter(|slave| !slave.is_empty())
            .map(|slave| (slave, known(slave)))
            .find(|(_, kind)| kind != "eth" && kind != "bond");
        if let Some((slave, kind)) = wrong {
            return Err(ApiError::die(format!(
                "bond '{iface}' - wrong interface type on slave '{slave}' ('{kind}' != 'eth or bond')"
            )));
        }
    }
    if values.contains_key("gateway") {
        return Err(ApiError::param(
            "gateway",
            "Default gateway already exists on interface 'vmbr0'.",
        ));
    }
    Ok(())
}

/// The card, and the bridge over it, that every host has.
fn on_every_host(host: &Host) -> Vec<Value> {
    let address = host.address.to_string();
    let gateway = match address.rsplit_once('.') {
        Some((network, _)) => format!("{network}.1"),
        None => "fe80::1".into(),
    };
    vec![
        json!({
            "iface": "nic0", "type": "eth", "method": "manual", "method6": "manual",
            "families": ["inet"], "exists": 1, "active": 1, "priority": 3,
        }),
        json!({
            "iface": "vmbr0", "type": "bridge", "method": "static", "method6": "manual",
            "address": address, "netmask": "24", "cidr": format!("{address}/24"),
            "families": ["inet"], "bridge_ports": "nic0", "bridge_stp": "off",
            "gateway": gateway, "bridge_fd": "0", "active": 1, "autostart": 1, "priority": 4,
        }),
    ]
}

/// One of them, as it is told alone.
pub(in super::super) fn of_the_host(state: &State, node: &str, iface: &str) -> Option<Value> {
    let host = state.host(node)?;
    let mut row = on_every_host(host)
        .into_iter()
        .find(|row| row["iface"] == iface)?;
    if let Some(row) = row.as_object_mut() {
        row.remove("iface");
    }
    Some(row)
}

/// Cards, the bridge over the first one, and what was configured.
fn network(call: &Call<'_>) -> Result<Answer> {
    let wanted = call.text("type");
    host(call, |state, host| {
        let mut rows = on_every_host(host);
        let configured = state
            .registry
            .objects(&format!("/nodes/{}/network", host.name));
        rows.extend(configured.iter().map(|object| {
            let mut row = object.values.clone();
            complete(&mut row);
            row.insert("iface".into(), object.id.as_str().into());
            Value::Object(row)
        }));
        let like = |row: &Value| match wanted.as_deref() {
            None => true,
            Some("any_bridge" | "any_local_bridge") => row["type"] == "bridge",
            Some(kind) => row["type"] == kind,
        };
        rows.retain(like);
        Value::Array(rows).into()
    })
}

/// `PUT /nodes/{node}/network`: what was configured comes true, in a task.
fn reload_network(call: &Call<'_>) -> Result<Answer> {
    Ok(Job::new(call, "srvreload", "networking", |_| Ok(())).start(call))
}

/// `DELETE /nodes/{node}/network`: what was configured is forgotten.
fn revert_network(call: &Call<'_>) -> Result<Answer> {
    let path = format!("/nodes/{}/network", call.node());
    call.cluster
        .world()
        .change(|state| state.registry.objects_mut(&path).clear());
    Ok(Value::Null.into())
}

/// Replication jobs of guests on a host, as plain as they were made.
fn replication(call: &Call<'_>) -> Result<Answer> {
    let guest = call.number::<u32>("guest");
    host(call, |state, host| {
        let jobs = state.registry.objects("/cluster/replication").iter();
        let rows = jobs.filter_map(|job| {
            let vmid: u32 = job.id.split('-').next()?.parse().ok()?;
            let here = state.guest(vmid).is_some_and(|g| g.host == host.name);
            let asked = guest.is_none_or(|guest| guest == vmid);
            (here && asked).then(|| {
                let mut row = job.values.clone();
                row.insert("id".into(), job.id.as_str().into());
                row.insert("guest".into(), vmid.into());
                row.insert("fail_count".into(), 0.into());
                Value::Object(row)
            })
        });
        Value::Array(rows.collect()).into()
    })
}

fn replication_job(call: &Call<'_>) -> Result<(String, u32)> {
    let id = call.text("id").unwrap_or_default();
    let known = call
        .cluster
        .world()
        .read(|state| state.registry.object("/cluster/replication", &id).is_some());
    let vmid = id.split('-').next().and_then(|n| n.parse().ok());
    match vmid.filter(|_| known) {
        Some(vmid) => Ok((id, vmid)),
        None => Err(ApiError::die(format!("no such replication job '{id}'"))),
    }
}

fn replication_status(call: &Call<'_>) -> Result<Answer> {
    let (id, vmid) = replication_job(call)?;
    Ok(json!({ "id": id, "guest": vmid, "fail_count": 0 }).into())
}

fn replication_log(call: &Call<'_>) -> Result<Answer> {
    replication_job(call)?;
    Ok(Answer::page(vec![json!({ "n": 1, "t": "no content" })], 1))
}

fn replication_now(call: &Call<'_>) -> Result<Answer> {
    replication_job(call)?;
    Ok(Value::Null.into())
}

pub(super) const ROUTES: &[Route] = &[
    ask("/nodes/{node}/network", Access::User, network),
    get("/nodes/{node}/network", MODIFY, reload_network)
        .method("PUT")
        .by_schema(),
    get("/nodes/{node}/network", MODIFY, revert_network)
        .method("DELETE")
        .by_schema(),
    ask("/nodes/{node}/replication", Access::User, replication),
    ask(
        "/nodes/{node}/replication/{id}/status",
        Access::User,
        replication_status,
    ),
    ask(
        "/nodes/{node}/replication/{id}/log",
        Access::User,
        replication_log,
    ),
    post(
        "/nodes/{node}/replication/{id}/schedule_now",
        Access::User,
        replication_now,
    ),
];

//! Software-defined networks: what is configured becomes the running
//! configuration when it is applied. The objects themselves are plain
//! configuration: see `store`.

use proxmox_endpoints::describe::Call as Described;
use serde_json::{Map, Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::catalogue;
use super::super::operation::Job;
use super::super::router::Call;
use super::super::store::expand;
use crate::world::{Object, State, derive};

/// Collections that have a running side.
const PENDING: &[(&str, &str)] = &[
    ("/cluster/sdn/zones", "zone"),
    ("/cluster/sdn/vnets", "vnet"),
    ("/cluster/sdn/controllers", "controller"),
    ("/cluster/sdn/vnets/{vnet}/subnets", "subnet"),
];

/// Where the lock of the configuration is kept.
const LOCK: &str = "/cluster/sdn/lock";

/// Whether calls of this path are answered here, whatever their parameters.
pub(in super::super) fn knows(call: &Described) -> bool {
    let method = catalogue::word(call.method);
    OWN.contains(&(method, call.path))
}

const OWN: &[(&str, &str)] = &[
    ("PUT", "/cluster/sdn"),
    ("POST", "/cluster/sdn/lock"),
    ("DELETE", "/cluster/sdn/lock"),
    ("POST", "/cluster/sdn/rollback"),
    ("GET", "/cluster/sdn/ipams/{ipam}/status"),
    ("GET", "/nodes/{node}/sdn/zones"),
    ("GET", "/nodes/{node}/sdn/zones/{zone}/content"),
];

/// Answers a call on the networks; `None` leaves it to the store.
pub(in super::super) fn answer(call: &Call<'_>, described: &Described) -> Option<Result<Answer>> {
    if !described.path.starts_with("/cluster/sdn") && !knows(described) {
        return None;
    }
    let method = catalogue::word(described.method);
    match (method, described.path) {
        ("PUT", "/cluster/sdn") => return Some(apply(call)),
        ("POST", "/cluster/sdn/lock") => return Some(lock(call)),
        ("DELETE", "/cluster/sdn/lock") => return Some(unlock(call)),
        ("POST", "/cluster/sdn/rollback") => return Some(roll_back(call)),
        ("GET", "/cluster/sdn/ipams/{ipam}/status") => return Some(Ok(json!([]).into())),
        ("GET", "/nodes/{node}/sdn/zones") => return Some(Ok(node_zones(call))),
        ("GET", "/nodes/{node}/sdn/zones/{zone}/content") => return Some(Ok(zone_vnets(call))),
        _ => {}
    }
    if method != "GET" {
        return check_write(call, described, method).err().map(Err);
    }
    let (path, id, one) = PENDING.iter().find_map(|(path, id)| {
        let rest = described.path.strip_prefix(path)?;
        match rest {
            "" => Some((*path, *id, false)),
            rest if rest == format!("/{{{id}}}") => Some((*path, *id, true)),
            _ => None,
        }
    })?;
    let (pending, running) = (call.flag("pending"), call.flag("running"));
    if !(pending || running) {
        return None;
    }
    let path = expand(call, path);
    let rows = call.cluster.world().read(|state| {
        if pending {
            pending_rows(state, &path, id)
        } else {
            let objects = state.registry.objects(&running_path(&path)).iter();
            objects.map(|o| row(o, &path, id)).collect()
        }
    });
    if !one {
        return Some(Ok(Value::Array(rows).into()));
    }
    let wanted = call.text(id).unwrap_or_default();
    let found = rows.into_iter().find(|row| row[id] == wanted.as_str());
    let what = if id == "vnet" { "sdn vnet" } else { "sdn" };
    let missing = || ApiError::die(format!("{what} '{wanted}' does not exist"));
    Some(found.map(Answer::from).ok_or_else(missing))
}

/// Where the running side of a collection is kept.
fn running_path(path: &str) -> String {
    path.replacen("/cluster/sdn", "/running/sdn", 1)
}

fn row(object: &Object, path: &str, id: &str) -> Value {
    let mut row = object.values.clone();
    row.insert(id.into(), object.id.as_str().into());
    row.insert("digest".into(), Value::Null);
    if path.ends_with("/vnets") {
        row.insert("type".into(), "vnet".into());
    }
    Value::Object(row)
}

/// What is configured beside what runs.
fn pending_rows(state: &State, path: &str, id: &str) -> Vec<Value> {
    let configured = state.registry.objects(path);
    let running_path = running_path(path);
    let running = state.registry.objects(&running_path);
    let mut rows = Vec::new();
    for object in configured {
        let old = running.iter().find(|o| o.id == object.id);
        let base = match old {
            Some(old) => row(old, path, id),
            None => row(
                &Object {
                    id: object.id.clone(),
                    values: Map::new(),
                },
                path,
                id,
            ),
        };
        let changed = |(key, value): &(&String, &Value)| {
            old.is_none_or(|old| old.values.get(*key) != Some(*value)) && *key != "type"
        };
        let new: Map<_, _> = object
            .values
            .iter()
            .filter(changed)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let mut row = base;
        if let Some(kind) = object.values.get("type") {
            row["type"] = kind.clone();
        }
        if old.is_none() || !new.is_empty() {
            row["state"] = if old.is_none() { "new" } else { "changed" }.into();
            row["pending"] = Value::Object(new);
        }
        rows.push(row);
    }
    let gone = running
        .iter()
        .filter(|old| !configured.iter().any(|o| o.id == old.id));
    for old in gone {
        let mut row = row(old, path, id);
        row["state"] = "deleted".into();
        row["pending"] = json!({});
        rows.push(row);
    }
    rows
}

fn paths(state: &State) -> Vec<String> {
    let collections = state.registry.collections();
    let configured = collections.filter(|path| path.starts_with("/cluster/sdn/"));
    configured
        .filter(|path| !path.contains("/firewall"))
        .map(str::to_owned)
        .collect()
}

fn wrong_token(prefix: &str) -> ApiError {
    ApiError::die(format!(
        "{prefix}invalid lock token provided! at /usr/share/perl5/PVE/Network/SDN.pm line 291."
    ))
}

/// The token of whoever locked the configuration.
fn held(state: &State) -> Option<String> {
    let lock = state.registry.document(LOCK);
    lock.get("token")?.as_str().map(str::to_owned)
}

/// Writes need the lock's token while it is held, and what they refer to.
fn check_write(call: &Call<'_>, described: &Described, method: &str) -> Result<()> {
    let (verb, path) = match method {
        "POST" => ("create", described.path),
        "PUT" => ("update", described.path),
        _ => ("delete", described.path),
    };
    let kind = ["zone", "vnet", "controller", "subnet", "dns", "ipam"]
        .into_iter()
        .find(|kind| path.contains(&format!("/{kind}s")) || path.contains(&format!("{{{kind}}}")));
    let Some(kind) = kind.filter(|_| !path.contains("/firewall")) else {
        return Ok(());
    };
    call.need_quorum()?;
    let prefix = format!("{verb} sdn {kind} object failed: ");
    call.cluster.world().read(|state| {
        if let Some(token) = held(state)
            && call.text("lock-token") != Some(token)
        {
            return Err(wrong_token(&prefix));
        }
        let used_by = |collection: &str, key: &str, id: &str| {
            let objects = state.registry.objects(collection).iter();
            objects
                .filter(|object| object.values.get(key).is_some_and(|v| v == id))
                .map(|object| object.id.clone())
                .next()
        };
        match (method, described.path) {
            ("POST", "/cluster/sdn/vnets") => {
                let zone = call.text("zone").unwrap_or_default();
                if state.registry.object("/cluster/sdn/zones", &zone).is_none() {
                    return Err(ApiError::die(format!(
                        "{prefix}cannot lookup undefined type! at \
                         /usr/share/perl5/PVE/API2/Network/SDN/Vnets.pm line 326."
                    )));
                }
            }
            ("DELETE", "/cluster/sdn/vnets/{vnet}") => {
                let vnet = call.text("vnet").unwrap_or_default();
                let subnets = format!("/cluster/sdn/vnets/{vnet}/subnets");
                if !state.registry.objects(&subnets).is_empty() {
                    return Err(ApiError::die(format!(
                        "{prefix}400 Parameter verification failed.\n\
                         vnet: Can't delete vnet if subnets exists"
                    )));
                }
            }
            ("DELETE", "/cluster/sdn/controllers/{controller}") => {
                let id = call.text("controller").unwrap_or_default();
                if let Some(zone) = used_by("/cluster/sdn/zones", "controller", &id) {
                    return Err(ApiError::die(format!(
                        "{prefix}controller {id} is used by {zone} at \
                         /usr/share/perl5/PVE/Network/SDN/Controllers/EvpnPlugin.pm line 476."
                    )));
                }
            }
            ("POST", "/cluster/sdn/zones") => check_zone(call, &prefix)?,
            ("DELETE", "/cluster/sdn/zones/{zone}") => {
                let zone = call.text("zone").unwrap_or_default();
                if let Some(vnet) = used_by("/cluster/sdn/vnets", "zone", &zone) {
                    return Err(ApiError::die(format!(
                        "{prefix}zone {zone} is used by vnet {vnet} at \
                         /usr/share/perl5/PVE/Network/SDN/Zones/Plugin.pm line 149."
                    )));
                }
            }
            _ => {}
        }
        Ok(())
    })
}

/// What a zone of a type cannot do without.
fn check_zone(call: &Call<'_>, prefix: &str) -> Result<()> {
    let has = |key: &str| call.params.contains_key(key);
    match call.text("type").unwrap_or_default().as_str() {
        "vlan" | "qinq" if !has("bridge") => {
            Err(ApiError::die("missing value for required option 'bridge'"))
        }
        "evpn" if !has("controller") => Err(ApiError::die(
            "missing value for required option 'controller'",
        )),
        "vxlan" if has("peers") == has("fabric") => Err(ApiError::die(format!(
            "{prefix}400 Parameter verification failed.\npeers: must have exactly one of peers / \
             fabric defined\nfabric: must have exactly one of peers / fabric defined"
        ))),
        _ => Ok(()),
    }
}

/// `PUT /cluster/sdn`: a task makes it the running configuration.
fn apply(call: &Call<'_>) -> Result<Answer> {
    call.need_quorum()?;
    let release = call.text("release-lock").as_deref() != Some("0");
    call.cluster.world().read(|state| match held(state) {
        Some(token) if call.text("lock-token") != Some(token.clone()) => Err(wrong_token("")),
        _ => Ok(()),
    })?;
    let lines: Vec<_> = call.cluster.world().read(|state| {
        let up = state.hosts.iter().filter(|host| host.online());
        up.map(|host| format!("{}: reloading network config", host.name))
            .collect()
    });
    let job = Job::new(call, "reloadnetworkall", "", move |state| {
        for path in paths(state) {
            state.registry.copy(&path, &running_path(&path));
        }
        if release {
            state.registry.document_mut(LOCK).clear();
        }
        Ok(())
    });
    Ok(job.lines(lines).start(call))
}

fn roll_back(call: &Call<'_>) -> Result<Answer> {
    call.need_quorum()?;
    call.cluster.world().change(|state| {
        for path in paths(state) {
            state.registry.copy(&running_path(&path), &path);
        }
        Ok(Value::Null.into())
    })
}

fn lock(call: &Call<'_>) -> Result<Answer> {
    const FAILED: &str = "could not acquire lock for SDN config: ";
    call.need_quorum()?;
    call.cluster.world().change(|state| {
        if held(state).is_some() {
            return Err(wrong_token(FAILED));
        }
        let pending = PENDING.iter().any(|(path, id)| {
            let rows = pending_rows(state, path, id);
            rows.iter().any(|row| row.get("state").is_some())
        });
        if pending && !call.flag("allow-pending") {
            return Err(ApiError::die(format!(
                "{FAILED}configuration has pending changes at \
                 /usr/share/perl5/PVE/API2/Network/SDN.pm line 150."
            )));
        }
        let token = derive::uuid(state.seed, &format!("sdn lock {}", state.next_serial()));
        let document = state.registry.document_mut(LOCK);
        document.insert("token".into(), token.as_str().into());
        Ok(Value::String(token).into())
    })
}

fn unlock(call: &Call<'_>) -> Result<Answer> {
    call.cluster.world().change(|state| {
        let token = held(state);
        if token.is_some() && !call.flag("force") && call.text("lock-token") != token {
            return Err(wrong_token("could not release lock: "));
        }
        state.registry.document_mut(LOCK).clear();
        Ok(Value::Null.into())
    })
}

fn node_zones(call: &Call<'_>) -> Answer {
    let rows = call.cluster.world().read(|state| {
        let zones = state.registry.objects("/running/sdn/zones").iter();
        let names = zones.map(|zone| zone.id.as_str()).chain(["localnetwork"]);
        names
            .map(|zone| json!({ "zone": zone, "status": "available" }))
            .collect()
    });
    Value::Array(rows).into()
}

fn zone_vnets(call: &Call<'_>) -> Answer {
    let zone = call.text("zone").unwrap_or_default();
    let rows = call.cluster.world().read(|state| {
        let vnets = state.registry.objects("/running/sdn/vnets").iter();
        let mine = vnets.filter(|vnet| vnet.values.get("zone").is_some_and(|z| *z == zone));
        mine.map(|vnet| json!({ "vnet": vnet.id, "status": "available" }))
            .collect()
    });
    Value::Array(rows).into()
}

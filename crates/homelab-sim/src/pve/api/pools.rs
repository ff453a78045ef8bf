//! `/pools`: guests and storages under one name.

use serde_json::{Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::params::{Kind, Param, optional, required};
use super::super::router::{Access, Call, Route, get};
use super::resources;
use crate::world::{ResourcePool, State, pools};

/// Whether a guest is in a pool or in one below it.
pub(super) fn holds(state: &State, pool: &str, vmid: u32) -> bool {
    pools::pool_of(&state.pools, vmid)
        .is_some_and(|of| of == pool || of.starts_with(&format!("{pool}/")))
}

/// Fails for a pool that is not there, or in which the caller may not put a guest.
pub(super) fn check(call: &Call<'_>) -> Result<()> {
    let Some(pool) = call.text("pool") else {
        return Ok(());
    };
    let known = call
        .cluster
        .world()
        .read(|state| state.pools.contains_key(&pool));
    if !known {
        return Err(missing(&pool));
    }
    call.need(&format!("/pool/{pool}"), "VM.Allocate")
}

/// Puts a guest into a pool, and out of the one that it was in.
pub(super) fn enter(state: &mut State, pool: Option<&str>, vmid: u32) {
    if let Some(pool) = pool {
        leave(state, vmid);
        if let Some(pool) = state.pools.get_mut(pool) {
            pool.vmids.push(vmid);
        }
    }
}

/// Takes a guest out of its pool.
pub(super) fn leave(state: &mut State, vmid: u32) {
    for pool in state.pools.values_mut() {
        pool.vmids.retain(|other| *other != vmid);
    }
}

fn list(call: &Call<'_>) -> Result<Answer> {
    if let Some(pool) = call.text("poolid") {
        call.need(&format!("/pool/{pool}"), "Pool.Audit")?;
        return Ok(Value::Array(vec![details(call, &pool)?]).into());
    }
    let rows = call.cluster.world().read(|state| {
        let visible = |id: &&String| call.may(&format!("/pool/{id}"), "Pool.Audit");
        let ids = state.pools.keys().filter(visible);
        ids.map(|id| row(id, &state.pools[id])).collect()
    });
    Ok(Value::Array(rows).into())
}

fn row(id: &str, pool: &ResourcePool) -> Value {
    let mut row = json!({ "poolid": id });
    if let Some(comment) = &pool.comment {
        row["comment"] = comment.as_str().into();
    }
    row
}

fn details(call: &Call<'_>, id: &str) -> Result<Value> {
    let kind = call.text("type");
    let wants = |what: &str| kind.as_ref().is_none_or(|kind| kind == what);
    let now = call.cluster.world().now();
    call.cluster.world().read(|state| {
        let pool = state.pools.get(id).ok_or_else(|| missing(id))?;
        let guests = pool.vmids.iter().filter_map(|vmid| state.guest(*vmid));
        let mut members: Vec<_> = guests
            .filter(|guest| wants(guest.kind.as_str()))
            .map(|guest| resources::guest_row(state, guest, now))
            .collect();
        if wants("storage") {
            let storages = state.storages.iter();
            for storage in storages.filter(|s| pool.storages.contains(&s.id)) {
                let hosts = state.hosts.iter().filter(|h| storage.on_host(&h.name));
                members.extend(hosts.map(|host| resources::storage_row(state, storage, host)));
            }
        }
        let mut row = row(id, pool);
        row["members"] = members.into();
        Ok(row)
    })
}

/// `GET /pools/{poolid}`: the older form.
fn one(call: &Call<'_>) -> Result<Answer> {
    Ok(details(call, &call.text("poolid").unwrap_or_default())?.into())
}

fn missing(pool: &str) -> ApiError {
    ApiError::die(format!("pool '{pool}' does not exist"))
}

fn create(call: &Call<'_>) -> Result<Answer> {
    let id = call.text("poolid").unwrap_or_default();
    call.need_lock("file-user_cfg", "create pool failed: ")?;
    call.cluster.world().change(|state| {
        if state.pools.contains_key(&id) {
            return Err(failed(
                "create pool",
                &format!("pool '{id}' already exists"),
            ));
        }
        if let Some((parent, _)) = id.rsplit_once('/')
            && !state.pools.contains_key(parent)
        {
            let text = format!("parent '{parent}' of pool '{id}' does not exist");
            return Err(failed("create pool", &text));
        }
        let pool = ResourcePool {
            comment: call.text("comment"),
            ..ResourcePool::default()
        };
        state.pools.insert(id, pool);
        Ok(Value::Null.into())
    })
}

fn failed(what: &str, why: &str) -> ApiError {
    ApiError::die(format!("{what} failed: {why}"))
}

fn update(call: &Call<'_>) -> Result<Answer> {
    let id = call.text("poolid").unwrap_or_default();
    let vmids: Vec<u32> = call
        .list("vms")
        .iter()
        .filter_map(|n| n.parse().ok())
        .collect();
    let storages = call.list("storage");
    for vmid in &vmids {
        call.need(&format!("/vms/{vmid}"), "VM.Allocate")
            .or_else(|_| call.need(&format!("/vms/{vmid}"), "Permissions.Modify"))?;
    }
    for storage in &storages {
        call.need(&format!("/storage/{storage}"), "Datastore.Allocate")?;
    }
    call.need_lock("file-user_cfg", "update pools failed: ")?;
    let (delete, moves) = (call.flag("delete"), call.flag("allow-move"));
    call.cluster.world().change(|state| {
        let text = format!("pool '{id}' does not exist");
        let Some(pool) = state.pools.get(&id) else {
            return Err(failed("update pools", &text));
        };
        for vmid in &vmids {
            let inside = pool.vmids.contains(vmid);
            let of = pools::pool_of(&state.pools, *vmid);
            match (delete, inside, of) {
                (true, false, _) => {
                    let text = format!("VM {vmid} is not a pool member");
                    return Err(failed("update pools", &text));
                }
                (false, true, _) => {
                    let text = format!("VM {vmid} is already a pool member");
                    return Err(failed("update pools", &text));
                }
                (false, false, Some(other)) if !moves => {
                    let text = format!(
                        "VM {vmid} belongs already to pool '{other}' and 'allow-move' is not set"
                    );
                    return Err(failed("update pools", &text));
                }
                _ => {}
            }
        }
        for storage in &storages {
            let text = match (delete, pool.storages.contains(storage)) {
                (true, false) => format!("Storage '{storage}' is not a pool member"),
                (false, true) => format!("Storage '{storage}' is already a pool member"),
                _ => continue,
            };
            return Err(failed("update pools", &text));
        }
        for vmid in vmids {
            leave(state, vmid);
            if !delete {
                enter(state, Some(&id), vmid);
            }
        }
        if let Some(pool) = state.pools.get_mut(&id) {
            if delete {
                pool.storages.retain(|other| !storages.contains(other));
            } else {
                pool.storages.extend(storages);
            }
            if let Some(comment) = call.text("comment") {
                pool.comment = Some(comment);
            }
        }
        Ok(Value::Null.into())
    })
}

fn delete(call: &Call<'_>) -> Result<Answer> {
    let id = call.text("poolid").unwrap_or_default();
    call.need_lock("file-user_cfg", "delete pool failed: ")?;
    call.cluster.world().change(|state| {
        let Some(pool) = state.pools.get(&id) else {
            return Err(failed(
                "delete pool",
                &format!("pool '{id}' does not exist"),
            ));
        };
        let below = format!("{id}/");
        if let Some(child) = state.pools.keys().find(|other| other.starts_with(&below)) {
            let text = format!("pool '{id}' is not empty (contains pool '{child}')");
            return Err(failed("delete pool", &text));
        }
        let here = pool.vmids.iter().find_map(|vmid| state.guest(*vmid));
        if let Some(guest) = here {
            let text = format!("pool '{id}' is not empty (contains VM {})", guest.vmid);
            return Err(failed("delete pool", &text));
        }
        if let Some(storage) = pool.storages.first() {
            let text = format!("pool '{id}' is not empty (contains storage '{storage}')");
            return Err(failed("delete pool", &text));
        }
        state.pools.remove(&id);
        Ok(Value::Null.into())
    })
}

/// Up to three names, each a letter or digit and then more of them.
fn pool_id(text: &str) -> std::result::Result<(), String> {
    let name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    if text.split('/').count() <= 3 && text.split('/').all(name) {
        Ok(())
    } else {
        Err(format!(
            "invalid format - value '{text}' is not a valid pool name\n"
        ))
    }
}

/// A list of guests' numbers.
fn vmids(text: &str) -> std::result::Result<(), String> {
    let good = |word: &str| {
        word.parse::<u32>()
            .is_ok_and(|n| (100..1_000_000_000).contains(&n))
    };
    if text
        .split([',', ';', ' '])
        .filter(|w| !w.is_empty())
        .all(good)
    {
        Ok(())
    } else {
        Err("invalid format - value does not look like a valid VM ID\n".into())
    }
}

const TYPE: Kind = Kind::Word(&["qemu", "lxc", "storage"]);
const UPDATE: &[Param] = &[
    optional("allow-move", Kind::Bool),
    optional("comment", Kind::Text),
    optional("delete", Kind::Bool),
    optional("storage", Kind::List),
    optional("vms", Kind::Format(vmids)),
];
const UPDATE_BY_PARAMETER: &[Param] = &[
    required("poolid", Kind::Format(pool_id)),
    optional("allow-move", Kind::Bool),
    optional("comment", Kind::Text),
    optional("delete", Kind::Bool),
    optional("storage", Kind::List),
    optional("vms", Kind::Format(vmids)),
];
const ALLOCATE: Access = Access::Any("/pool/{poolid}", &["Pool.Allocate"]);

pub(super) const ROUTES: &[Route] = &[
    get("/pools", Access::User, list).with(&[
        optional("poolid", Kind::Format(pool_id)),
        optional("type", TYPE),
    ]),
    get("/pools", ALLOCATE, create).method("POST").with(&[
        required("poolid", Kind::Format(pool_id)),
        optional("comment", Kind::Text),
    ]),
    get("/pools", ALLOCATE, update)
        .method("PUT")
        .with(UPDATE_BY_PARAMETER),
    get("/pools", ALLOCATE, delete)
        .method("DELETE")
        .with(&[required("poolid", Kind::Format(pool_id))]),
    get(
        "/pools/{poolid}",
        Access::Any("/pool/{poolid}", &["Pool.Audit"]),
        one,
    )
    .with(&[optional("type", TYPE)]),
    get("/pools/{poolid}", ALLOCATE, update)
        .method("PUT")
        .with(UPDATE),
    get("/pools/{poolid}", ALLOCATE, delete).method("DELETE"),
];

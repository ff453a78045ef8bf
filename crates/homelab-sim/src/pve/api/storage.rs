//! `/storage` and the storages of a host.

use serde_json::{Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::params::{Kind, optional};
use super::super::router::{Access, Call, Route, get};
use super::ceph::share;
use crate::world::{State, Storage, derive};

/// Whether a storage can be used: one on Ceph needs its pool.
pub(super) fn active(state: &State, storage: &Storage) -> bool {
    if storage.options.get("disable").is_some_and(|off| off == "1") {
        return false;
    }
    let Some(ceph) = state.ceph.as_ref().filter(|_| storage.pool.is_some()) else {
        return true;
    };
    let pool = ceph
        .pools
        .iter()
        .find(|p| storage.pool.as_ref() == Some(&p.name));
    !state.monitors_in_quorum(ceph).is_empty()
        && pool.is_none_or(|p| state.copies_left(ceph) >= p.min_size as usize)
}

fn visible(call: &Call<'_>, storage: &Storage) -> bool {
    let path = format!("/storage/{}", storage.id);
    ["Datastore.Audit", "Datastore.AllocateSpace"]
        .iter()
        .any(|p| call.may(&path, p))
}

fn holds(storage: &Storage, wanted: Option<&str>) -> bool {
    let kinds = wanted.into_iter().flat_map(|w| w.split(','));
    let mut kinds = kinds.peekable();
    kinds.peek().is_none() || kinds.any(|kind| storage.content.iter().any(|c| c == kind))
}

/// `GET /nodes/{node}/storage`.
fn of_node(call: &Call<'_>) -> Result<Answer> {
    let (node, only, content) = (call.node(), call.text("storage"), call.text("content"));
    let rows = call.cluster.world().read(|state| {
        let storages = state.storages.iter().filter(|s| {
            s.on_host(&node)
                && visible(call, s)
                && only.as_ref().is_none_or(|only| *only == s.id)
                && holds(s, content.as_deref())
        });
        storages.map(|s| usage(state, s)).collect()
    });
    Ok(Value::Array(rows).into())
}

/// A storage with its use; one that is not active shows zeros.
fn usage(state: &State, storage: &Storage) -> Value {
    let active = active(state, storage);
    let (total, used) = if active {
        (storage.total_bytes, storage.used_bytes)
    } else {
        (0, 0)
    };
    json!({
        "storage": storage.id, "type": storage.kind, "content": storage.content.join(","),
        "shared": u8::from(storage.shared), "enabled": 1, "active": u8::from(active),
        "total": total, "used": used, "avail": total.saturating_sub(used),
        "used_fraction": share(used, total),
    })
}

fn find<'s>(state: &'s State, call: &Call<'_>) -> Option<&'s Storage> {
    let (node, id) = (call.node(), call.text("storage")?);
    state
        .storages
        .iter()
        .find(|s| s.id == id && s.on_host(&node))
}

/// `GET /nodes/{node}/storage/{storage}/status`.
fn status(call: &Call<'_>) -> Result<Answer> {
    call.cluster.world().read(|state| {
        let storage = find(state, call);
        let storage = storage.ok_or_else(|| ApiError::param("storage", "No such storage."))?;
        let mut data = usage(state, storage);
        if let Some(map) = data.as_object_mut() {
            map.retain(|key, _| key != "storage" && key != "used_fraction");
        }
        Ok(data.into())
    })
}

fn definition(state: &State, storage: &Storage) -> Value {
    let mut row = json!({
        "storage": storage.id, "type": storage.kind, "content": storage.content.join(","),
        "digest": digest(state),
    });
    if storage.shared {
        row["shared"] = 1.into();
    }
    for (key, value) in [("pool", &storage.pool), ("server", &storage.server)] {
        if let Some(value) = value {
            row[key] = value.as_str().into();
        }
    }
    if ["dir", "nfs", "cifs", "btrfs"].contains(&storage.kind.as_str()) {
        row["path"] = match storage.id.as_str() {
            "local" => "/var/lib/vz".into(),
            id => format!("/mnt/pve/{id}").into(),
        };
    }
    if !storage.hosts.is_empty() {
        row["nodes"] = storage.hosts.join(",").into();
    }
    for (key, value) in &storage.options {
        row[key] = match (key.as_str(), value.parse::<u8>()) {
            ("shared" | "disable" | "mkdir", Ok(number)) => number.into(),
            _ => value.as_str().into(),
        };
    }
    row
}

/// Of all definitions together.
pub(super) fn digest(state: &State) -> String {
    let written: Vec<_> = state
        .storages
        .iter()
        .map(|s| {
            format!(
                "{} {} {:?} {:?} {:?}",
                s.id, s.kind, s.content, s.hosts, s.options
            )
        })
        .collect();
    derive::hex(&derive::bytes(state.seed, &written.join("\n"))[..20])
}

/// `GET /storage`.
fn definitions(call: &Call<'_>) -> Result<Answer> {
    let kind = call.text("type");
    let rows = call.cluster.world().read(|state| {
        let wanted =
            |s: &&Storage| visible(call, s) && kind.as_ref().is_none_or(|kind| *kind == s.kind);
        state
            .storages
            .iter()
            .filter(wanted)
            .map(|s| definition(state, s))
            .collect()
    });
    Ok(Value::Array(rows).into())
}

/// `GET /storage/{storage}`.
fn definition_of(call: &Call<'_>) -> Result<Answer> {
    let id = call.text("storage").unwrap_or_default();
    call.cluster.world().read(|state| {
        let storage = state.storages.iter().find(|s| s.id == id);
        let missing = || ApiError::die(format!("storage '{id}' does not exist"));
        Ok(definition(state, storage.ok_or_else(missing)?).into())
    })
}

const AUDIT: Access = Access::Any(
    "/storage/{storage}",
    &["Datastore.Audit", "Datastore.AllocateSpace"],
);

pub(super) const ROUTES: &[Route] = &[
    get("/storage", Access::User, definitions).with(&[optional("type", Kind::Text)]),
    get("/storage/{storage}", AUDIT, definition_of),
    get("/nodes/{node}/storage", Access::User, of_node).with(&[
        optional("content", Kind::Text),
        optional("enabled", Kind::Bool),
        optional("format", Kind::Bool),
        optional("storage", Kind::Text),
        optional("target", Kind::Text),
    ]),
    get("/nodes/{node}/storage/{storage}/status", AUDIT, status),
];

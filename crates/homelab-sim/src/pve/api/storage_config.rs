//! Definitions of storages: made, changed, removed.

use serde_json::{Map, Value, json};

use super::super::answer::{Answer, ApiError, CHANGED, Result};
use super::super::params;
use super::super::router::{Access, Call, Route, get};
use super::storage::digest;
use crate::world::{State, Storage};

const LOCK: &str = "file-storage_cfg";

/// How large a storage is whose disk nobody knows.
const SIZE: u64 = 500 << 30;

/// What each kind cannot do without.
fn needs(kind: &str) -> &'static [&'static str] {
    match kind {
        "dir" | "btrfs" => &["path"],
        "nfs" => &["server", "export"],
        "cifs" => &["server", "share"],
        "lvm" => &["vgname"],
        "lvmthin" => &["thinpool", "vgname"],
        "zfspool" => &["pool"],
        "pbs" => &["server", "datastore"],
        "iscsi" => &["portal", "target"],
        _ => &[],
    }
}

/// Whether all hosts see the same, whatever its definition says.
fn always_shared(kind: &str) -> bool {
    [
        "nfs",
        "cifs",
        "rbd",
        "cephfs",
        "pbs",
        "iscsi",
        "iscsidirect",
        "esxi",
    ]
    .contains(&kind)
}

fn usual_content(kind: &str) -> &'static [&'static str] {
    match kind {
        "pbs" => &["backup"],
        "cephfs" => &["backup", "iso", "vztmpl"],
        "esxi" => &["import"],
        _ => &["images", "rootdir"],
    }
}

fn list(text: &str) -> Vec<String> {
    let words = text.split([',', ';', ' ']).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// Keys of a definition that have a place of their own, and those that are
/// about the call.
const APART: &[&str] = &[
    "storage",
    "type",
    "content",
    "nodes",
    "digest",
    "delete",
    "password",
    "encryption-key",
    "keyring",
];

/// Writes keys into a definition.
fn put(storage: &mut Storage, params: &Map<String, Value>) {
    for (key, value) in params {
        let text = params::text(value);
        match key.as_str() {
            "content" => storage.content = list(&text),
            "nodes" => storage.hosts = list(&text),
            _ if APART.contains(&key.as_str()) => {}
            key => {
                if key == "shared" {
                    storage.shared = text == "1" || always_shared(&storage.kind);
                }
                if key == "server" {
                    storage.server = Some(text.clone());
                }
                if key == "pool" && storage.kind == "rbd" {
                    storage.pool = Some(text.clone());
                }
                storage.options.insert(key.to_owned(), text);
            }
        }
    }
}

fn create(call: &Call<'_>) -> Result<Answer> {
    const FAILED: &str = "create storage failed: ";
    let text = |key: &str| call.text(key).unwrap_or_default();
    let (id, kind) = (text("storage"), text("type"));
    let missing = needs(&kind)
        .iter()
        .find(|key| !call.params.contains_key(**key));
    if let Some(key) = missing {
        return Err(ApiError::die(format!(
            "missing value for required option '{key}'"
        )));
    }
    call.need_lock(LOCK, FAILED)?;
    call.cluster.world().change(|state| {
        if state.storages.iter().any(|storage| storage.id == id) {
            return Err(ApiError::die(format!(
                "{FAILED}storage ID '{id}' already defined"
            )));
        }
        let content = usual_content(&kind)
            .iter()
            .map(|c| (*c).to_owned())
            .collect();
        let mut storage = Storage {
            id: id.clone(),
            kind: kind.clone(),
            content,
            shared: always_shared(&kind),
            hosts: Vec::new(),
            pool: None,
            server: None,
            total_bytes: SIZE,
            used_bytes: 0,
            volumes: Vec::new(),
            options: [].into(),
        };
        put(&mut storage, &call.params);
        state.storages.push(storage);
        Ok(json!({ "storage": id, "type": kind }).into())
    })
}

fn find<'s>(state: &'s mut State, id: &str, failed: &str) -> Result<&'s mut Storage> {
    let storage = state.storages.iter_mut().find(|storage| storage.id == id);
    storage.ok_or_else(|| ApiError::die(format!("{failed}storage '{id}' does not exist")))
}

fn update(call: &Call<'_>) -> Result<Answer> {
    const FAILED: &str = "update storage failed: ";
    let id = call.text("storage").unwrap_or_default();
    call.need_lock(LOCK, FAILED)?;
    call.cluster.world().change(|state| {
        let now = digest(state);
        let storage = find(state, &id, FAILED)?;
        if call.text("digest").is_some_and(|digest| digest != now) {
            return Err(ApiError::die(format!("{FAILED}{CHANGED}")));
        }
        for key in call.list("delete") {
            if needs(&storage.kind).contains(&key.as_str()) {
                return Err(ApiError::die(format!(
                    "{FAILED}unable to delete required option '{key}'"
                )));
            }
            match key.as_str() {
                "nodes" => storage.hosts.clear(),
                "shared" => storage.shared = always_shared(&storage.kind),
                _ => {}
            }
            storage.options.remove(&key);
        }
        put(storage, &call.params);
        Ok(json!({ "storage": id, "type": storage.kind }).into())
    })
}

/// What lies on it stays where it is: only the definition goes.
fn remove(call: &Call<'_>) -> Result<Answer> {
    const FAILED: &str = "delete storage failed: ";
    let id = call.text("storage").unwrap_or_default();
    call.need_lock(LOCK, FAILED)?;
    call.cluster.world().change(|state| {
        find(state, &id, FAILED)?;
        state.storages.retain(|storage| storage.id != id);
        Ok(Value::Null.into())
    })
}

const ALLOCATE: Access = Access::Any("/storage", &["Datastore.Allocate"]);

pub(super) const ROUTES: &[Route] = &[
    get("/storage", ALLOCATE, create).method("POST").by_schema(),
    get("/storage/{storage}", ALLOCATE, update)
        .method("PUT")
        .by_schema(),
    get("/storage/{storage}", ALLOCATE, remove)
        .method("DELETE")
        .by_schema(),
];

//! What firewall rules refer to: aliases, sets of addresses, groups of rules.

use serde_json::{Map, Value};

use super::super::answer::{Answer, ApiError, Result};
use super::super::router::Call;
use super::firewall::{Place, check_digest};
use crate::world::{Object, State};

fn alias_row(object: &Object) -> Map<String, Value> {
    let mut row = object.values.clone();
    row.insert("name".into(), object.id.as_str().into());
    let cidr = row.get("cidr").and_then(Value::as_str).unwrap_or_default();
    let version = if cidr.contains(':') { 6 } else { 4 };
    row.insert("ipversion".into(), version.into());
    row
}

pub(super) fn aliases(call: &Call<'_>, place: &Place) -> Answer {
    let path = format!("{}/aliases", place.base);
    let rows = call.cluster.world().read(|state| {
        let digest = state.registry.digest(&path);
        let objects = state.registry.objects(&path).iter();
        objects
            .map(|object| {
                let mut row = alias_row(object);
                row.insert("digest".into(), digest.as_str().into());
                Value::Object(row)
            })
            .collect()
    });
    Value::Array(rows).into()
}

fn alias_values(call: &Call<'_>) -> Map<String, Value> {
    ["cidr", "comment"]
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), call.text(key)?.into())))
        .collect()
}

pub(super) fn add_alias(call: &Call<'_>, place: &Place) -> Result<Answer> {
    let path = format!("{}/aliases", place.base);
    let name = call.text("name").unwrap_or_default();
    call.cluster.world().change(|state| {
        let objects = state.registry.objects_mut(&path);
        if objects.iter().any(|o| o.id.eq_ignore_ascii_case(&name)) {
            let text = format!("alias '{name}' already exists");
            return Err(ApiError::param("name", text));
        }
        objects.push(Object {
            id: name,
            values: alias_values(call),
        });
        Ok(Value::Null.into())
    })
}

/// Aliases are found whatever the case.
pub(super) fn alias(call: &Call<'_>, place: &Place, method: &str) -> Result<Answer> {
    let path = format!("{}/aliases", place.base);
    let name = call.text("name").unwrap_or_default();
    let missing = || ApiError::param("name", "no such alias");
    call.cluster.world().change(|state| {
        let at = state
            .registry
            .objects(&path)
            .iter()
            .position(|o| o.id.eq_ignore_ascii_case(&name));
        if method != "GET" {
            check_digest(call, state, &path)?;
        }
        let objects = state.registry.objects_mut(&path);
        match (method, at) {
            ("GET", Some(at)) => Ok(Value::Object(alias_row(&objects[at])).into()),
            ("PUT", Some(at)) => {
                objects[at].values = alias_values(call);
                if let Some(rename) = call.text("rename") {
                    objects[at].id = rename;
                }
                Ok(Value::Null.into())
            }
            ("DELETE", Some(at)) => {
                objects.remove(at);
                Ok(Value::Null.into())
            }
            // What is not there is gone already.
            ("DELETE", None) => Ok(Value::Null.into()),
            _ => Err(missing()),
        }
    })
}

/// Sets of addresses and groups of rules: objects that hold further ones.
pub(super) struct Set {
    folder: &'static str,
    /// The parameter that names one.
    id: &'static str,
    word: &'static str,
    missing: &'static str,
}

pub(super) const IPSET: Set = Set {
    folder: "ipset",
    id: "name",
    word: "IPSet",
    missing: "no such IPSet",
};
pub(super) const GROUP: Set = Set {
    folder: "groups",
    id: "group",
    word: "Security group",
    missing: "no such security group",
};

pub(super) fn sets(call: &Call<'_>, place: &Place, folder: &str) -> Answer {
    let path = format!("{}/{folder}", place.base);
    let id = if folder == "ipset" { "name" } else { "group" };
    let rows = call.cluster.world().read(|state| {
        let digest = state.registry.digest(&path);
        let objects = state.registry.objects(&path).iter();
        objects
            .map(|object| {
                let mut row = object.values.clone();
                row.insert(id.into(), object.id.as_str().into());
                row.insert("digest".into(), digest.as_str().into());
                Value::Object(row)
            })
            .collect()
    });
    Value::Array(rows).into()
}

/// A new set, or with `rename` another name or comment for one.
pub(super) fn add_set(call: &Call<'_>, place: &Place, set: &Set) -> Result<Answer> {
    let path = format!("{}/{}", place.base, set.folder);
    let id = call.text(set.id).unwrap_or_default();
    let comment = call.text("comment");
    let values: Map<_, _> = comment
        .into_iter()
        .map(|text| ("comment".to_owned(), text.into()))
        .collect();
    call.cluster.world().change(|state| {
        check_digest(call, state, &path)?;
        let taken = state.registry.object(&path, &id).is_some();
        let word = set.word;
        if let Some(old) = call.text("rename") {
            if state.registry.object(&path, &old).is_none() {
                let text = format!("{word} '{old}' does not exist");
                return Err(ApiError::param(set.id, text));
            }
            if taken && id != old {
                let text = format!("{word} '{id}' already exists");
                return Err(ApiError::param(set.id, text));
            }
            state
                .registry
                .copy(&format!("{path}/{old}"), &format!("{path}/{id}"));
            let objects = state.registry.objects_mut(&path);
            if let Some(object) = objects.iter_mut().find(|o| o.id == old) {
                object.id = id;
                object.values.extend(values);
            }
            return Ok(Value::Null.into());
        }
        if taken {
            let text = format!("{word} '{id}' already exists");
            return Err(ApiError::param(set.id, text));
        }
        state.registry.objects_mut(&format!("{path}/{id}")).clear();
        state
            .registry
            .objects_mut(&path)
            .push(Object { id, values });
        Ok(Value::Null.into())
    })
}

pub(super) fn remove_set(call: &Call<'_>, place: &Place, set: &Set) -> Result<Answer> {
    let path = format!("{}/{}", place.base, set.folder);
    let id = call.text(set.id).unwrap_or_default();
    let force = call.flag("force");
    call.cluster.world().change(|state| {
        if state.registry.object(&path, &id).is_none() {
            return Err(ApiError::die(format!("{} '{id}'", set.missing)));
        }
        let content = format!("{path}/{id}");
        if !force && !state.registry.objects(&content).is_empty() {
            return Err(ApiError::die(format!("{} '{id}' is not empty", set.word)));
        }
        state.registry.objects_mut(&path).retain(|o| o.id != id);
        state.registry.objects_mut(&content).clear();
        Ok(Value::Null.into())
    })
}

/// Where the entries of the set in the path are kept.
fn entries_path(state: &State, call: &Call<'_>, place: &Place) -> Result<String> {
    let path = format!("{}/ipset", place.base);
    let name = call.text("name").unwrap_or_default();
    if state.registry.object(&path, &name).is_none() {
        return Err(ApiError::die(format!("no such IPSet '{name}'")));
    }
    Ok(format!("{path}/{name}"))
}

fn entry_row(state: &State, path: &str, object: &Object) -> Value {
    let mut row = object.values.clone();
    row.insert("cidr".into(), object.id.as_str().into());
    row.insert("digest".into(), state.registry.digest(path).into());
    Value::Object(row)
}

pub(super) fn entries(call: &Call<'_>, place: &Place) -> Result<Answer> {
    call.cluster.world().read(|state| {
        let path = entries_path(state, call, place)?;
        let objects = state.registry.objects(&path).iter();
        let rows = objects.map(|object| entry_row(state, &path, object));
        Ok(Value::Array(rows.collect()).into())
    })
}

fn entry_values(call: &Call<'_>) -> Map<String, Value> {
    let mut values = Map::new();
    if let Some(comment) = call.text("comment") {
        values.insert("comment".into(), comment.into());
    }
    if call.flag("nomatch") {
        values.insert("nomatch".into(), 1.into());
    }
    values
}

pub(super) fn add_entry(call: &Call<'_>, place: &Place) -> Result<Answer> {
    let cidr = call.text("cidr").unwrap_or_default();
    if cidr.ends_with("/0") {
        let text = "a zero prefix is not allowed in ipset entries";
        return Err(ApiError::param("cidr", text));
    }
    call.cluster.world().change(|state| {
        let path = entries_path(state, call, place)?;
        let objects = state.registry.objects_mut(&path);
        if objects.iter().any(|object| object.id == cidr) {
            let text = format!("address '{cidr}' already exists");
            return Err(ApiError::param("cidr", text));
        }
        let values = entry_values(call);
        objects.insert(0, Object { id: cidr, values });
        Ok(Value::Null.into())
    })
}

pub(super) fn entry(call: &Call<'_>, place: &Place, method: &str) -> Result<Answer> {
    let cidr = call.text("cidr").unwrap_or_default();
    call.cluster.world().change(|state| {
        let path = entries_path(state, call, place)?;
        if method != "GET" {
            check_digest(call, state, &path)?;
        }
        let at = state
            .registry
            .objects(&path)
            .iter()
            .position(|o| o.id == cidr);
        match (method, at) {
            ("GET", Some(at)) => {
                let object = &state.registry.objects(&path)[at];
                Ok(entry_row(state, &path, object).into())
            }
            ("PUT", Some(at)) => {
                state.registry.objects_mut(&path)[at].values = entry_values(call);
                Ok(Value::Null.into())
            }
            ("DELETE", at) => {
                if let Some(at) = at {
                    state.registry.objects_mut(&path).remove(at);
                }
                Ok(Value::Null.into())
            }
            _ => Err(ApiError::param("cidr", "no such IP/Network")),
        }
    })
}

//! Objects of a collection made, changed and deleted.

use serde_json::{Map, Value};

use super::super::answer::{Answer, ApiError, CHANGED, Result};
use super::super::api::host_network;
use super::super::router::Call;
use super::{Collection, Described, given, name, normal};
use crate::world::Object;

pub(super) fn create(
    call: &Call<'_>,
    described: &Described,
    collection: &Collection,
    path: &str,
) -> Result<Answer> {
    let made_up = || format!("{:08x}", call.cluster.world().revision());
    let id = call.text(collection.id).unwrap_or_else(made_up);
    let id = normal(collection, id);
    collection.need_lock(call)?;
    let values = given(call, described, &[collection.id]);
    call.cluster.world().change(|state| {
        if state.registry.object(path, &id).is_some()
            && let Some(error) = collection.duplicate.error(collection.create, &id)
        {
            return Err(error);
        }
        needs(collection, collection.create, &values)?;
        match collection.id {
            "realm" => realm_needs(collection.create, &values)?,
            "iface" => host_network::check(state, path, &id, &values)?,
            _ => {}
        }
        let object = Object {
            id: id.clone(),
            values,
        };
        state.registry.objects_mut(path).push(object);
        Ok(Value::Null.into())
    })
}

/// What a realm of a kind cannot do without.
fn realm_needs(prefix: &str, values: &Map<String, Value>) -> Result<()> {
    let keys: &[&str] = match values.get("type").and_then(Value::as_str) {
        Some("ldap") => &["server1", "base_dn", "user_attr"],
        Some("ad") => &["server1", "domain"],
        Some("openid") => &["issuer-url", "client-id"],
        _ => &[],
    };
    match keys.iter().find(|key| !values.contains_key(**key)) {
        Some(key) => Err(ApiError::die(format!(
            "{prefix}missing value for required option '{key}'"
        ))),
        None => Ok(()),
    }
}

fn needs(collection: &Collection, prefix: &str, values: &Map<String, Value>) -> Result<()> {
    match collection
        .needs
        .iter()
        .find(|key| !values.contains_key(**key))
    {
        Some(key) => Err(ApiError::die(format!(
            "{prefix}missing value for required option '{key}'"
        ))),
        None => Ok(()),
    }
}

pub(super) fn update(
    call: &Call<'_>,
    described: &Described,
    collection: &Collection,
    path: &str,
) -> Result<Answer> {
    let id = name(call, collection);
    collection.need_lock(call)?;
    let values = given(call, described, &[collection.id]);
    let delete = call.list("delete");
    call.cluster.world().change(|state| {
        let unmade = collection.unmade(state, path).find(|o| o.id == id);
        if let Some(object) = unmade {
            state.registry.objects_mut(path).push(object);
        }
        if state.registry.object(path, &id).is_none() {
            return match collection.missing[1].error(collection.update, &id) {
                Some(error) => Err(error),
                None => Ok(Value::Null.into()),
            };
        }
        if call
            .text("digest")
            .is_some_and(|digest| digest != state.registry.digest(path))
        {
            return Err(ApiError::die(format!("{}{CHANGED}", collection.update)));
        }
        needs(collection, collection.update, &values)?;
        let objects = state.registry.objects_mut(path);
        if let Some(object) = objects.iter_mut().find(|object| object.id == id) {
            object.values.retain(|key, _| !delete.contains(key));
            object.values.extend(values);
        }
        Ok(Value::Null.into())
    })
}

pub(super) fn delete(call: &Call<'_>, collection: &Collection, path: &str) -> Result<Answer> {
    let id = name(call, collection);
    collection.need_lock(call)?;
    call.cluster.world().change(|state| {
        if state.registry.object(path, &id).is_none()
            && !collection.builtin.iter().any(|(known, _)| *known == id)
            && let Some(error) = collection.missing[2].error(collection.delete, &id)
        {
            return Err(error);
        }
        let objects = state.registry.objects_mut(path);
        objects.retain(|object| object.id != id);
        Ok(Value::Null.into())
    })
}

//! Single documents of plain configuration: read, and written in parts.

use proxmox_endpoints::describe::Call as Described;
use serde_json::{Map, Value};

use super::super::answer::{Answer, ApiError, CHANGED, Result};
use super::super::router::Call;
use super::{Document, given};

pub(super) fn read(call: &Call<'_>, document: &Document, path: &str) -> Answer {
    call.cluster.world().read(|state| {
        let mut data = Map::new();
        for (key, value) in document.defaults {
            data.insert((*key).into(), (*value).into());
        }
        let stored = state.registry.document(path).into_iter();
        data.extend(stored.map(|(key, value)| match value {
            Value::Number(number) if document.texts => (key, number.to_string().into()),
            value => (key, value),
        }));
        if document.digest {
            data.insert("digest".into(), state.registry.document_digest(path).into());
        }
        if let Some(property) = call.text("property") {
            data.retain(|key, _| *key == property || key == "digest");
        }
        Value::Object(data).into()
    })
}

pub(super) fn write(
    call: &Call<'_>,
    described: &Described,
    document: &Document,
    path: &str,
) -> Result<Answer> {
    let values = given(call, described, &[]);
    let delete = call.list("delete");
    if path == "/cluster/options" {
        check_options(&values)?;
    }
    if let Some(lock) = document.lock {
        call.need_lock(lock, "")?;
    } else if path.ends_with("/config") {
        need_file(call, &format!("{path}.tmp"))?;
    }
    for key in &delete {
        if described.param(key).is_none()
            && let Some(error) = document.unknown.error("", key)
        {
            return Err(error);
        }
    }
    call.cluster.world().change(|state| {
        if call
            .text("digest")
            .is_some_and(|digest| digest != state.registry.document_digest(path))
        {
            return Err(ApiError::die(format!("{}{CHANGED}", document.prefix)));
        }
        let stored = state.registry.document_mut(path);
        if document.replaces {
            stored.clear();
        }
        stored.retain(|key, _| !delete.contains(key));
        stored.extend(values);
        Ok(Value::Null.into())
    })
}

/// Fails when a file below `/etc/pve` cannot be written.
fn need_file(call: &Call<'_>, path: &str) -> Result<()> {
    if call.need_quorum().is_ok() {
        return Ok(());
    }
    let pid = std::process::id();
    Err(ApiError::die(format!(
        "unable to open file '/etc/pve{path}.{pid}' - Permission denied"
    )))
}

/// What the options of the cluster must be beyond their formats.
fn check_options(values: &Map<String, Value>) -> Result<()> {
    let Some(range) = values.get("next-id").and_then(Value::as_str) else {
        return Ok(());
    };
    let bound = |name: &str, usual: u32| {
        let mut parts = range.split(',').filter_map(|part| part.split_once('='));
        let found = parts.find(|(key, _)| *key == name);
        found.and_then(|(_, n)| n.parse().ok()).unwrap_or(usual)
    };
    let (lower, upper) = (bound("lower", 100), bound("upper", 1_000_000));
    if lower <= upper {
        return Ok(());
    }
    Err(ApiError::die(format!(
        "lower ({lower}) <= upper ({upper}) boundary rule broken"
    )))
}

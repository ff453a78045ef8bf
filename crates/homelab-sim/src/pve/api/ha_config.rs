//! `/cluster/ha/resources`: what the HA manager looks after. By which rules:
//! see `ha_rules`.

use serde_json::{Value, json};

use super::super::answer::{Answer, ApiError, CHANGED, Result};
use super::super::params::{Kind, Param, optional, required};
use super::super::router::{Call, Route, get};
use super::ha::{self, AUDIT, CONSOLE};
use crate::world::{Guest, HaResource, HaStep, State, derive};

/// 40 hexadecimal digits that change with the content.
pub(super) fn digest(what: &impl std::fmt::Debug) -> String {
    derive::hex(&derive::bytes(0, &format!("{what:?}"))[..20])
}

pub(super) fn check_digest(call: &Call<'_>, now: &str) -> Result<()> {
    match call.text("digest") {
        Some(given) if given != now => Err(ApiError::die(CHANGED)),
        _ => Ok(()),
    }
}

/// The resource in the path or in the parameters; a bare number is a guest's.
fn sid(call: &Call<'_>) -> String {
    let given = call.text("sid").unwrap_or_default();
    full_sid(call, &given)
}

pub(super) fn full_sid(call: &Call<'_>, given: &str) -> String {
    let Ok(vmid) = given.parse::<u32>() else {
        return given.to_owned();
    };
    let known = |state: &State| state.guest(vmid).map(State::ha_sid);
    let known = call.cluster.world().read(known);
    known.unwrap_or_else(|| format!("vm:{vmid}"))
}

fn kind_of(sid: &str) -> &str {
    sid.split_once(':').map_or("", |(kind, _)| kind)
}

fn row(state: &State, resource: &HaResource) -> Value {
    let mut row = json!({
        "sid": resource.sid, "type": kind_of(&resource.sid), "state": resource.state,
        "digest": digest(&state.ha.resources),
    });
    for (key, value) in &resource.options {
        row[key] = match value.parse::<u32>() {
            Ok(number) if key != "comment" => number.into(),
            _ => value.as_str().into(),
        };
    }
    row
}

fn resources(call: &Call<'_>) -> Result<Answer> {
    let wanted = call.text("type");
    let rows = call.cluster.world().read(|state| {
        let resources = state.ha.resources.iter();
        resources
            .filter(|r| wanted.as_ref().is_none_or(|kind| kind == kind_of(&r.sid)))
            .map(|resource| {
                let mut row = row(state, resource);
                for key in ["max_restart", "max_relocate", "failback"] {
                    row[key] = ha::number(resource, key).into();
                }
                row
            })
            .collect()
    });
    Ok(Value::Array(rows).into())
}

fn missing(sid: &str) -> ApiError {
    ApiError::die(format!("no such resource '{sid}'"))
}

fn resource(call: &Call<'_>) -> Result<Answer> {
    let sid = sid(call);
    call.cluster.world().read(|state| {
        let resource = state.ha_resource(&sid).ok_or_else(|| missing(&sid))?;
        Ok(row(state, resource).into())
    })
}

/// Keys of a resource beside its state.
const OPTIONS: &[&str] = &[
    "auto-rebalance",
    "comment",
    "failback",
    "max_relocate",
    "max_restart",
];

fn set_options(call: &Call<'_>, resource: &mut HaResource) -> Result<()> {
    if call.params.contains_key("group") {
        return Err(ApiError::die(
            "invalid parameter 'group': ha groups have been migrated to rules",
        ));
    }
    for key in OPTIONS {
        if let Some(value) = call.text(key) {
            resource.options.insert((*key).to_owned(), value);
        }
    }
    if let Some(state) = call.text("state") {
        // `enabled` is another word for it.
        resource.state = if state == "enabled" {
            "started".into()
        } else {
            state
        };
    }
    Ok(())
}

fn add(call: &Call<'_>) -> Result<Answer> {
    let sid = sid(call);
    call.need_quorum()?;
    call.cluster.world().change(|state| {
        let guest = sid
            .split_once(':')
            .and_then(|(_, id)| state.guest(id.parse().ok()?));
        if guest.map(State::ha_sid).as_ref() != Some(&sid) {
            let text = format!("resource '{sid}' does not exist in cluster");
            return Err(ApiError::die(text));
        }
        if state.ha_resource(&sid).is_some() {
            return Err(ApiError::die(format!(
                "resource ID '{sid}' already defined"
            )));
        }
        let mut resource = HaResource::new(sid, "started");
        set_options(call, &mut resource)?;
        state.ha.resources.push(resource);
        Ok(Value::Null.into())
    })
}

fn update(call: &Call<'_>) -> Result<Answer> {
    let sid = sid(call);
    call.need_quorum()?;
    call.cluster.world().change(|state| {
        let now = digest(&state.ha.resources);
        let resources = &mut state.ha.resources;
        let resource = resources.iter_mut().find(|r| r.sid == sid);
        let resource = resource.ok_or_else(|| missing(&sid))?;
        check_digest(call, &now)?;
        for key in call.list("delete") {
            resource.options.remove(&key);
        }
        set_options(call, resource)?;
        // Whoever asks again is given another chance.
        state.ha.errors.retain(|other| *other != sid);
        Ok(Value::Null.into())
    })
}

fn remove(call: &Call<'_>) -> Result<Answer> {
    let sid = sid(call);
    call.need_quorum()?;
    let purge = call.text("purge").as_deref() != Some("0");
    call.cluster.world().change(|state| {
        if state.ha_resource(&sid).is_none() {
            let text = format!("cannot delete service '{sid}', not HA managed!");
            return Err(ApiError::die(text));
        }
        state.ha.resources.retain(|r| r.sid != sid);
        if purge {
            for rule in &mut state.ha.rules {
                rule.resources.retain(|other| *other != sid);
            }
            state.ha.rules.retain(|rule| !rule.resources.is_empty());
        }
        Ok(Value::Null.into())
    })
}

fn migrate(call: &Call<'_>) -> Result<Answer> {
    request(call, HaStep::Migrate)
}

fn relocate(call: &Call<'_>) -> Result<Answer> {
    request(call, HaStep::Relocate)
}

/// Leaves a request for the manager. A host that does not exist, or where the
/// guest is already, is answered in the same way and nothing happens.
fn request(call: &Call<'_>, step: fn(String) -> HaStep) -> Result<Answer> {
    let (sid, node) = (
        full_sid(call, &call.text("sid").unwrap_or_default()),
        call.node(),
    );
    call.need_quorum()?;
    let pace = call.cluster.pace();
    call.cluster.world().change(|state| {
        let resource = state
            .ha_resource(&sid)
            .ok_or_else(|| ApiError::die(format!("no such resource '{sid}'")))?;
        let there = state
            .ha_guest(resource)
            .is_some_and(|guest| guest.host == node);
        if state.host(&node).is_some() && !there {
            let running = state.ha_guest(resource).is_some_and(Guest::running);
            let step = if running {
                step(node.clone())
            } else {
                HaStep::Relocate(node.clone())
            };
            state.ha_request(&sid, step, pace);
        }
        Ok(json!({ "sid": sid, "requested-node": node }).into())
    })
}

const STATES: Kind = Kind::Word(&["started", "stopped", "enabled", "disabled", "ignored"]);
const RESOURCE: &[Param] = &[
    required("sid", Kind::Text),
    optional("auto-rebalance", Kind::Bool),
    optional("comment", Kind::Text),
    optional("failback", Kind::Bool),
    optional("group", Kind::Text),
    optional("max_relocate", Kind::Int { min: 0 }),
    optional("max_restart", Kind::Int { min: 0 }),
    optional("state", STATES),
    optional("type", Kind::Word(&["ct", "vm"])),
];
const CHANGE: &[Param] = &[
    optional("auto-rebalance", Kind::Bool),
    optional("comment", Kind::Text),
    optional("delete", Kind::List),
    optional("digest", Kind::Text),
    optional("failback", Kind::Bool),
    optional("group", Kind::Text),
    optional("max_relocate", Kind::Int { min: 0 }),
    optional("max_restart", Kind::Int { min: 0 }),
    optional("state", STATES),
];
const TO: &[Param] = &[required("node", Kind::Text)];

pub(super) const ROUTES: &[Route] = &[
    get("/cluster/ha/resources", AUDIT, resources)
        .with(&[optional("type", Kind::Word(&["ct", "vm"]))]),
    get("/cluster/ha/resources", CONSOLE, add)
        .method("POST")
        .with(RESOURCE),
    get("/cluster/ha/resources/{sid}", AUDIT, resource),
    get("/cluster/ha/resources/{sid}", CONSOLE, update)
        .method("PUT")
        .with(CHANGE),
    get("/cluster/ha/resources/{sid}", CONSOLE, remove)
        .method("DELETE")
        .with(&[optional("purge", Kind::Bool)]),
    get("/cluster/ha/resources/{sid}/migrate", CONSOLE, migrate)
        .method("POST")
        .with(TO),
    get("/cluster/ha/resources/{sid}/relocate", CONSOLE, relocate)
        .method("POST")
        .with(TO),
];

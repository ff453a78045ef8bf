//! `/cluster/ha/resources` and `/cluster/ha/rules`: what the HA manager looks
//! after, and how.

use serde_json::{Map, Value, json};

use super::super::answer::{Answer, ApiError, CHANGED, Result};
use super::super::params::{Kind, Param, optional, required};
use super::super::router::{Call, Route, get};
use super::ha::{self, AUDIT, CONSOLE};
use crate::world::{Guest, HaResource, HaRule, HaStep, State, derive};

/// 40 hexadecimal digits that change with the content.
fn digest(what: &impl std::fmt::Debug) -> String {
    derive::hex(&derive::bytes(0, &format!("{what:?}"))[..20])
}

fn check_digest(call: &Call<'_>, now: &str) -> Result<()> {
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

fn full_sid(call: &Call<'_>, given: &str) -> String {
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

fn rule_row(state: &State, order: usize, rule: &HaRule) -> Value {
    let mut row = json!({
        "rule": rule.rule, "type": rule.kind, "resources": rule.resources.join(","),
        "order": order, "digest": digest(&state.ha.rules),
    });
    if !rule.nodes.is_empty() {
        row["nodes"] = rule.nodes.join(",").into();
        row["strict"] = u8::from(rule.strict).into();
    }
    if let Some(affinity) = &rule.affinity {
        row["affinity"] = affinity.as_str().into();
    }
    if let Some(comment) = &rule.comment {
        row["comment"] = comment.as_str().into();
    }
    if rule.disabled {
        row["disable"] = 1.into();
    }
    row
}

fn rules(call: &Call<'_>) -> Result<Answer> {
    let kind = call.text("type");
    let about = call.text("resource").map(|sid| full_sid(call, &sid));
    let rows = call.cluster.world().read(|state| {
        let wanted = state.ha.rules.iter().filter(|rule| {
            kind.as_ref().is_none_or(|kind| *kind == rule.kind)
                && about
                    .as_ref()
                    .is_none_or(|sid| rule.resources.contains(sid))
        });
        (1..)
            .zip(wanted)
            .map(|(order, rule)| rule_row(state, order, rule))
            .collect()
    });
    Ok(Value::Array(rows).into())
}

fn no_rule(id: &str) -> ApiError {
    ApiError::die(format!("no such ha rule '{id}'"))
}

fn rule(call: &Call<'_>) -> Result<Answer> {
    let id = call.text("rule").unwrap_or_default();
    call.cluster.world().read(|state| {
        let at = state.ha.rules.iter().position(|rule| rule.rule == id);
        let at = at.ok_or_else(|| no_rule(&id))?;
        Ok(rule_row(state, at + 1, &state.ha.rules[at]).into())
    })
}

/// The parameters that a kind of rule cannot do without are told together.
fn need(call: &Call<'_>, kind: &str) -> Result<()> {
    let names: &[&str] = match kind {
        "node-affinity" => &["nodes", "resources"],
        _ => &["affinity", "resources"],
    };
    let mut errors = Map::new();
    for name in names
        .iter()
        .filter(|name| !call.params.contains_key(**name))
    {
        let key = if *name == "resources" {
            (*name).to_owned()
        } else {
            format!("oneOf[{kind}].{name}")
        };
        errors.insert(key, "property is missing and it is not optional".into());
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(ApiError::params(errors))
    }
}

fn set_rule(call: &Call<'_>, rule: &mut HaRule) {
    let sids = call.list("resources");
    if !sids.is_empty() {
        rule.resources = sids.iter().map(|sid| full_sid(call, sid)).collect();
    }
    if call.params.contains_key("nodes") {
        rule.nodes = call.list("nodes");
    }
    if let Some(affinity) = call.text("affinity") {
        rule.affinity = Some(affinity);
    }
    if call.params.contains_key("strict") {
        rule.strict = call.flag("strict");
    }
    if call.params.contains_key("disable") {
        rule.disabled = call.flag("disable");
    }
    if let Some(comment) = call.text("comment") {
        rule.comment = Some(comment);
    }
}

fn add_rule(call: &Call<'_>) -> Result<Answer> {
    let id = call.text("rule").unwrap_or_default();
    let kind = call.text("type").unwrap_or_default();
    need(call, &kind)?;
    call.need_quorum()?;
    let mut rule = HaRule {
        rule: id.clone(),
        kind,
        ..HaRule::default()
    };
    set_rule(call, &mut rule);
    call.cluster.world().change(|state| {
        if state.ha.rules.iter().any(|other| other.rule == id) {
            return Err(ApiError::die(format!("HA rule '{id}' already defined")));
        }
        if let Some(node) = rule
            .nodes
            .iter()
            .map(|node| node.split(':').next().unwrap_or(node))
            .find(|node| state.host(node).is_none())
        {
            return Err(ApiError::die(format!("node '{node}' does not exist")));
        }
        state.ha.rules.push(rule);
        Ok(Value::Null.into())
    })
}

fn update_rule(call: &Call<'_>) -> Result<Answer> {
    let id = call.text("rule").unwrap_or_default();
    call.need_quorum()?;
    call.cluster.world().change(|state| {
        let now = digest(&state.ha.rules);
        let mut rule = state
            .ha
            .rules
            .iter()
            .find(|rule| rule.rule == id)
            .cloned()
            .ok_or_else(|| no_rule(&id))?;
        check_digest(call, &now)?;
        for key in call.list("delete") {
            match key.as_str() {
                "comment" => rule.comment = None,
                "disable" => rule.disabled = false,
                "strict" => rule.strict = false,
                _ => {}
            }
        }
        set_rule(call, &mut rule);
        if let Some(slot) = state.ha.rules.iter_mut().find(|r| r.rule == id) {
            *slot = rule;
        }
        Ok(Value::Null.into())
    })
}

/// A rule that is not there is gone already.
fn remove_rule(call: &Call<'_>) -> Result<Answer> {
    let id = call.text("rule").unwrap_or_default();
    call.need_quorum()?;
    call.cluster
        .world()
        .change(|state| state.ha.rules.retain(|rule| rule.rule != id));
    Ok(Value::Null.into())
}

const STATES: Kind = Kind::Word(&["started", "stopped", "enabled", "disabled", "ignored"]);
const KINDS: Kind = Kind::Word(&["node-affinity", "resource-affinity"]);
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
const RULE: &[Param] = &[
    required("rule", Kind::Text),
    required("type", KINDS),
    optional("affinity", Kind::Word(&["positive", "negative"])),
    optional("comment", Kind::Text),
    optional("disable", Kind::Bool),
    optional("nodes", Kind::List),
    optional("resources", Kind::List),
    optional("strict", Kind::Bool),
];
const CHANGE_RULE: &[Param] = &[
    required("type", KINDS),
    optional("affinity", Kind::Word(&["positive", "negative"])),
    optional("comment", Kind::Text),
    optional("delete", Kind::List),
    optional("digest", Kind::Text),
    optional("disable", Kind::Bool),
    optional("nodes", Kind::List),
    optional("resources", Kind::List),
    optional("strict", Kind::Bool),
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
    get("/cluster/ha/rules", AUDIT, rules)
        .with(&[optional("type", KINDS), optional("resource", Kind::Text)]),
    get("/cluster/ha/rules", CONSOLE, add_rule)
        .method("POST")
        .with(RULE),
    get("/cluster/ha/rules/{rule}", AUDIT, rule),
    get("/cluster/ha/rules/{rule}", CONSOLE, update_rule)
        .method("PUT")
        .with(CHANGE_RULE),
    get("/cluster/ha/rules/{rule}", CONSOLE, remove_rule).method("DELETE"),
];

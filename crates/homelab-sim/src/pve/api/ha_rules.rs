//! `/cluster/ha/rules`: where the guests under HA may be, and with whom.

use serde_json::{Map, Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::params::{Kind, Param, optional, required};
use super::super::router::{Call, Route, get};
use super::ha::{AUDIT, CONSOLE};
use super::ha_config::{check_digest, digest, full_sid};
use crate::world::{HaRule, State};

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

const KINDS: Kind = Kind::Word(&["node-affinity", "resource-affinity"]);
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

pub(super) const ROUTES: &[Route] = &[
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

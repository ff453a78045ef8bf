//! `/version` and what `/cluster` knows about itself.

use serde_json::{Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::config_keys::property;
use super::super::params::{self, Kind, optional};
use super::super::router::{Access, Call, Route, get};
use crate::world::derive;

/// `GET /version` and `GET /nodes/{node}/version`.
fn version(call: &Call<'_>) -> Result<Answer> {
    let node = call.node();
    call.cluster.world().read(|state| {
        let version = state
            .host(&node)
            .map(|h| h.pve_version.clone())
            .unwrap_or_default();
        let release = version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
        let repoid = derive::hex(&derive::bytes(0, &version)[..8]);
        Ok(json!({ "version": version, "release": release, "repoid": repoid }).into())
    })
}

fn status(call: &Call<'_>) -> Result<Answer> {
    let rows = call.cluster.world().read(|state| {
        let mut rows = Vec::new();
        let alone = state.hosts.len() == 1;
        if !alone {
            rows.push(json!({
                "id": "cluster", "type": "cluster", "name": state.lab, "version": 4,
                "nodes": state.hosts.len(), "quorate": u8::from(state.quorate_at(call.contacted)),
            }));
        }
        rows.extend(state.hosts.iter().map(|host| {
            json!({
                "id": format!("node/{}", host.name), "type": "node", "name": host.name,
                "nodeid": if alone { 0 } else { host.node_id },
                "ip": host.address.to_string(), "level": "",
                "online": u8::from(state.sees(call.contacted, &host.name)),
                "local": u8::from(host.name == call.contacted),
            })
        }));
        rows
    });
    Ok(Value::Array(rows).into())
}

/// A free VMID, as text. With `vmid` a question whether that one is free.
fn next_id(call: &Call<'_>) -> Result<Answer> {
    call.cluster.world().read(|state| {
        if let Some(vmid) = call.number::<u32>("vmid") {
            return match state.guest(vmid) {
                None => Ok(Value::String(vmid.to_string()).into()),
                Some(_) => Err(ApiError::param("vmid", format!("VM {vmid} already exists"))),
            };
        }
        let options = state.registry.document("/cluster/options");
        let range = options.get("next-id").map(params::text).unwrap_or_default();
        let lower = property::parse(&range, "lower").remove("lower");
        let mut free = lower.and_then(|n| n.parse().ok()).unwrap_or(100);
        // Guests are sorted by VMID.
        for guest in &state.guests {
            if guest.vmid == free {
                free += 1;
            }
        }
        Ok(Value::String(free.to_string()).into())
    })
}

fn options(call: &Call<'_>) -> Result<Answer> {
    let tags = call.cluster.world().read(|state| {
        let mut tags: Vec<_> = state.guests.iter().flat_map(|g| g.tags.clone()).collect();
        tags.sort_unstable();
        tags.dedup();
        tags
    });
    let mut data = json!({ "allowed-tags": tags });
    if call.may("/", "Sys.Audit") {
        data["mac_prefix"] = "BC:24:11".into();
        data["description"] = "".into();
        let set = call
            .cluster
            .world()
            .read(|state| state.registry.document("/cluster/options"));
        for (key, value) in set {
            data[&key] = option(&key, &value);
        }
    }
    Ok(data.into())
}

/// Some options are told apart, others as they were given.
fn option(key: &str, value: &Value) -> Value {
    const APART: &[(&str, &str)] = &[
        ("consent-text", ""),
        ("crs", "ha"),
        ("ha", "shutdown_policy"),
        ("migration", "type"),
        ("next-id", "lower"),
        ("notify", "fencing"),
        ("tag-style", "color-map"),
        ("u2f", "appid"),
        ("user-tag-access", "user-allow"),
        ("webauthn", "id"),
    ];
    let text = params::text(value);
    match (key, APART.iter().find(|(name, _)| *name == key)) {
        ("description", _) => format!("{text}\n").into(),
        ("registered-tags", _) => params::list(value).into(),
        (_, Some((_, default))) if !default.is_empty() => {
            let parts = property::parse(&text, default);
            let told = parts.into_iter().map(|(name, part)| {
                let list = ["user-allow-list"].contains(&name.as_str());
                let part = if list {
                    part.split(';').collect::<Vec<_>>().into()
                } else {
                    Value::String(part)
                };
                (name, part)
            });
            Value::Object(told.collect())
        }
        (_, _) => text.into(),
    }
}

/// The hosts as corosync knows them: all values are text.
fn config_nodes(call: &Call<'_>) -> Result<Answer> {
    let rows = call.cluster.world().read(|state| {
        let in_cluster = state.hosts.iter().filter(|_| state.hosts.len() > 1);
        in_cluster
            .map(|host| {
                json!({
                    "node": host.name, "name": host.name,
                    "nodeid": host.node_id.to_string(),
                    "quorum_votes": host.votes.to_string(),
                    "ring0_addr": host.address.to_string(),
                })
            })
            .collect()
    });
    Ok(Value::Array(rows).into())
}

/// What another host would need to join: the fingerprints of all.
fn config_join(call: &Call<'_>) -> Result<Answer> {
    call.cluster.world().read(|state| {
        if state.hosts.len() == 1 {
            let text = "node is not in a cluster, no join info available!";
            return Err(ApiError::raise(424, text));
        }
        let nodes: Vec<_> = state
            .hosts
            .iter()
            .map(|host| {
                let address = host.address.to_string();
                json!({
                    "name": host.name,
                    "nodeid": host.node_id.to_string(),
                    "quorum_votes": host.votes.to_string(),
                    "ring0_addr": address,
                    "pve_addr": address,
                    "pve_fp": call.cluster.tls(&host.name).map(|tls| tls.fingerprint.clone()),
                })
            })
            .collect();
        Ok(json!({
            "preferred_node": call.text("node").unwrap_or_else(|| call.contacted.to_owned()),
            "nodelist": nodes,
            "totem": {
                "cluster_name": state.lab, "config_version": "4", "token_coefficient": "125", "interface": { "0": { "linknumber": "0" } },
                "ip_version": "ipv4-6", "link_mode": "passive", "secauth": "on", "version": "2",
            },
            "config_digest": derive::hex(&derive::bytes(state.seed, "corosync.conf")[..20]),
        })
        .into())
    })
}

const AUDIT: Access = Access::Any("/", &["Sys.Audit"]);

pub(super) const ROUTES: &[Route] = &[
    get("/version", Access::User, version),
    get("/nodes/{node}/version", Access::User, version),
    get("/cluster/status", AUDIT, status),
    get("/cluster/nextid", Access::User, next_id).with(&[optional("vmid", Kind::Vmid)]),
    get("/cluster/options", Access::User, options),
    get("/cluster/config/nodes", AUDIT, config_nodes),
    get("/cluster/config/join", AUDIT, config_join).with(&[optional("node", Kind::Text)]),
];

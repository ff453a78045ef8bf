//! `/cluster/ha`: managed guests, rules, and what the manager is doing.

use serde_json::{Map, Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::params::{Kind, optional};
use super::super::router::{Access, Call, Route, get};
use crate::world::{Guest, GuestKind, HaResource, State, derive};

/// The HA resource of a guest, if it is managed.
pub(super) fn resource<'s>(state: &'s State, guest: &Guest) -> Option<&'s HaResource> {
    let word = if guest.kind == GuestKind::Qemu {
        "vm"
    } else {
        "ct"
    };
    let sid = format!("{word}:{}", guest.vmid);
    state.ha.resources.iter().find(|r| r.sid == sid)
}

/// The `ha` object in a guest's current state.
pub(super) fn of_guest(state: &State, guest: &Guest) -> Value {
    match resource(state, guest) {
        None => json!({ "managed": 0 }),
        Some(resource) => json!({ "managed": 1, "state": service_state(state, resource) }),
    }
}

fn guest_of<'s>(state: &'s State, resource: &HaResource) -> Option<&'s Guest> {
    state.guest(resource.sid.split_once(':')?.1.parse().ok()?)
}

/// Where the manager is on its way to the requested state.
fn service_state(state: &State, resource: &HaResource) -> &'static str {
    let guest = guest_of(state, resource);
    let running = guest.is_some_and(Guest::running);
    match resource.state.as_str() {
        "started" | "enabled" if running => "started",
        "started" | "enabled" => match guest {
            Some(guest) if !state.host_online(&guest.host) => "fence",
            _ => "starting",
        },
        "stopped" if running => "request_stop",
        "ignored" => "ignored",
        _ => "stopped",
    }
}

/// The host that the manager runs on: the first one that is up.
fn master(state: &State) -> Option<&str> {
    let managed = !state.ha.resources.is_empty();
    let up = state.hosts.iter().find(|h| h.online());
    up.filter(|_| managed).map(|h| h.name.as_str())
}

fn current(call: &Call<'_>) -> Result<Answer> {
    let now = call.cluster.unix_now();
    let time = clock_text(now);
    let rows = call.cluster.world().read(|state| {
        let here = call.contacted;
        let quorate = state.quorate();
        let status = if quorate {
            "OK".to_owned()
        } else {
            format!("No quorum on node '{here}'!")
        };
        let mut rows = vec![json!({
            "id": "quorum", "type": "quorum", "node": here, "status": status,
            "quorate": u8::from(quorate),
        })];
        if let Some(master) = master(state) {
            let status = format!("{master} (active, {time})");
            rows.push(json!({
                "id": "master", "type": "master", "node": master, "status": status,
                "timestamp": now,
            }));
        }
        rows.push(json!({
            "id": "fencing", "type": "fencing", "node": master(state).unwrap_or(here),
            "status": "armed (CRM watchdog active)", "armed-state": "armed",
        }));
        if master(state).is_some() {
            rows.extend(state.hosts.iter().map(|host| {
                let doing = if host.online() {
                    "active"
                } else {
                    "old timestamp - dead?"
                };
                let name = &host.name;
                json!({
                    "id": format!("lrm:{name}"), "type": "lrm", "node": name,
                    "status": format!("{name} ({doing}, {time})"), "timestamp": now,
                })
            }));
        }
        rows.extend(
            state
                .ha
                .resources
                .iter()
                .map(|resource| service(state, resource)),
        );
        rows
    });
    Ok(Value::Array(rows).into())
}

fn service(state: &State, resource: &HaResource) -> Value {
    let node = guest_of(state, resource).map_or("", |guest| guest.host.as_str());
    let sid = &resource.sid;
    let doing = service_state(state, resource);
    json!({
        "id": format!("service:{sid}"), "type": "service", "sid": sid, "node": node,
        "state": doing, "crm_state": doing, "request_state": resource.state,
        "status": format!("{sid} ({node}, {doing})"),
        "max_restart": 1, "max_relocate": 1, "failback": 1,
    })
}

fn manager_status(call: &Call<'_>) -> Result<Answer> {
    let now = call.cluster.unix_now();
    let data = call.cluster.world().read(|state| {
        // Perl's truth as text: "1" or "".
        let quorate = if state.quorate() { "1" } else { "" };
        let quorum = json!({ "quorate": quorate, "node": call.contacted });
        let Some(master) = master(state) else {
            return json!({ "manager_status": { "node_status": {} }, "quorum": quorum });
        };
        let by_host = |value: &dyn Fn(bool) -> Value| {
            let pairs = state
                .hosts
                .iter()
                .map(|h| (h.name.clone(), value(h.online())));
            Value::Object(pairs.collect::<Map<_, _>>())
        };
        let services: Map<_, _> = state
            .ha
            .resources
            .iter()
            .map(|resource| {
                let node = guest_of(state, resource).map(|guest| guest.host.clone());
                let value = json!({ "state": service_state(state, resource), "node": node });
                (resource.sid.clone(), value)
            })
            .collect();
        json!({
            "manager_status": {
                "master_node": master,
                "timestamp": now,
                "node_status": by_host(&|up| if up { "online" } else { "unknown" }.into()),
                "service_status": services,
            },
            "lrm_status": by_host(&|_| json!({
                "mode": "active", "state": "active", "timestamp": now, "results": {},
            })),
            "quorum": quorum,
        })
    });
    Ok(data.into())
}

fn digest(state: &State, what: &str) -> String {
    derive::hex(&derive::bytes(state.seed, what)[..20])
}

fn resources(call: &Call<'_>) -> Result<Answer> {
    let wanted = call.text("type");
    let rows = call.cluster.world().read(|state| {
        let kind = |r: &HaResource| {
            r.sid
                .split_once(':')
                .map_or("", |(kind, _)| kind)
                .to_owned()
        };
        state
            .ha
            .resources
            .iter()
            .filter(|r| wanted.as_ref().is_none_or(|wanted| *wanted == kind(r)))
            .map(|r| {
                json!({
                    "sid": r.sid, "type": kind(r), "state": r.state, "max_restart": 1,
                    "max_relocate": 1, "failback": 1, "digest": digest(state, "ha resources"),
                })
            })
            .collect()
    });
    Ok(Value::Array(rows).into())
}

fn resource_by_id(call: &Call<'_>) -> Result<Answer> {
    let sid = call.text("sid").unwrap_or_default();
    // A bare number means a VM.
    let sid = if sid.contains(':') {
        sid
    } else {
        format!("vm:{sid}")
    };
    call.cluster.world().read(|state| {
        let resource = state.ha.resources.iter().find(|r| r.sid == sid);
        let resource =
            resource.ok_or_else(|| ApiError::die(format!("no such resource '{sid}'")))?;
        let kind = sid.split_once(':').map_or("", |(kind, _)| kind);
        Ok(json!({
            "sid": sid, "type": kind, "state": resource.state,
            "digest": digest(state, "ha resources"),
        })
        .into())
    })
}

fn rules(call: &Call<'_>) -> Result<Answer> {
    let (kind, about) = (call.text("type"), call.text("resource"));
    let rows = call.cluster.world().read(|state| {
        let wanted = state.ha.rules.iter().filter(|rule| {
            kind.as_ref().is_none_or(|kind| *kind == rule.kind)
                && about
                    .as_ref()
                    .is_none_or(|sid| rule.resources.contains(sid))
        });
        (1..)
            .zip(wanted)
            .map(|(order, rule)| {
                let mut row = json!({
                    "rule": rule.rule, "type": rule.kind, "resources": rule.resources.join(","),
                    "order": order, "digest": digest(state, "ha rules"),
                });
                if !rule.nodes.is_empty() {
                    row["nodes"] = rule.nodes.join(",").into();
                    row["strict"] = u8::from(rule.strict).into();
                }
                if let Some(affinity) = &rule.affinity {
                    row["affinity"] = affinity.as_str().into();
                }
                row
            })
            .collect()
    });
    Ok(Value::Array(rows).into())
}

/// `Sun Nov 22 19:35:49 2026`, as Perl writes the time.
fn clock_text(unix_seconds: u64) -> String {
    i64::try_from(unix_seconds)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map(|time| time.strftime("%a %b %e %H:%M:%S %Y").to_string())
        .unwrap_or_default()
}

const AUDIT: Access = Access::Any("/", &["Sys.Audit"]);

pub(super) const ROUTES: &[Route] = &[
    get("/cluster/ha/status/current", AUDIT, current),
    get("/cluster/ha/status/manager_status", AUDIT, manager_status),
    get("/cluster/ha/resources", AUDIT, resources)
        .with(&[optional("type", Kind::Word(&["ct", "vm"]))]),
    get("/cluster/ha/resources/{sid}", AUDIT, resource_by_id),
    get("/cluster/ha/rules", AUDIT, rules).with(&[
        optional("type", Kind::Word(&["node-affinity", "resource-affinity"])),
        optional("resource", Kind::Text),
    ]),
];

#[cfg(test)]
mod tests {
    use super::clock_text;

    #[test]
    fn times_read_as_perl_writes_them() {
        assert_eq!(clock_text(1_795_376_149), "Sun Nov 22 19:35:49 2026");
    }
}

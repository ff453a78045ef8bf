//! `/cluster/ha/status`: what the HA manager is doing. What it manages, by
//! which rules: see `ha_config`.

use serde_json::{Map, Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::params::{Kind, Param, optional, required};
use super::super::router::{Access, Call, Route, get};
use crate::world::{Guest, HaResource, HaStep, State};

/// The HA resource of a guest, if it is one.
pub(super) fn resource<'s>(state: &'s State, guest: &Guest) -> Option<&'s HaResource> {
    state.ha_resource(&State::ha_sid(guest))
}

/// The id under which the manager handles a guest: orders go through it then.
/// A resource that is `ignored` is handled directly.
pub(super) fn managed(state: &State, guest: &Guest) -> Option<String> {
    resource(state, guest)
        .filter(|resource| resource.state != "ignored")
        .map(|resource| resource.sid.clone())
}

/// The `ha` object in a guest's current state.
pub(super) fn of_guest(state: &State, guest: &Guest) -> Value {
    match resource(state, guest) {
        None => json!({ "managed": 0 }),
        Some(resource) => json!({ "managed": 1, "state": service_state(state, resource) }),
    }
}

/// Where the manager is on its way to the requested state.
pub(super) fn service_state(state: &State, resource: &HaResource) -> &'static str {
    if state.ha.errors.contains(&resource.sid) {
        return "error";
    }
    if state.ha.disarmed && resource.state != "ignored" {
        return "freeze";
    }
    let running = state.ha_guest(resource).is_some_and(Guest::running);
    let step = state.ha.services.get(&resource.sid).map(|s| &s.step);
    match (step, resource.state.as_str()) {
        (_, "ignored") => "ignored",
        (Some(HaStep::Migrate(_)), _) => "migrate",
        (Some(HaStep::Relocate(_)), _) => "relocate",
        (Some(HaStep::Fence), _) => "fence",
        (Some(HaStep::Recover), _) => "recovery",
        (Some(HaStep::Stop), _) => "request_stop",
        (None, "started" | "enabled") if running => "started",
        (Some(HaStep::Start), _) | (None, "started" | "enabled") => "starting",
        (None, _) if running => "request_stop",
        (None, _) => "stopped",
    }
}

/// The host that the manager runs on: the first one that is up.
fn master(state: &State) -> Option<&str> {
    let managed = !state.ha.resources.is_empty();
    let up = state.hosts.iter().find(|h| h.online());
    up.filter(|_| managed).map(|h| h.name.as_str())
}

fn current(call: &Call<'_>) -> Result<Answer> {
    let now = call.unix_now();
    let time = clock_text(now);
    let rows = call.cluster.world().read(|state| {
        let here = call.contacted;
        let quorate = state.quorate_at(here);
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
        let (word, text) = match (state.ha.disarmed, master(state)) {
            (true, _) => ("disarmed", "disarmed"),
            (false, Some(_)) => ("armed", "armed (CRM watchdog active)"),
            (false, None) => ("standby", "standby (CRM watchdog standby)"),
        };
        rows.push(json!({
            "id": "fencing", "type": "fencing", "node": master(state).unwrap_or(here),
            "status": text, "armed-state": word,
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
    let node = state
        .ha_guest(resource)
        .map_or("", |guest| guest.host.as_str());
    let sid = &resource.sid;
    let doing = service_state(state, resource);
    json!({
        "id": format!("service:{sid}"), "type": "service", "sid": sid, "node": node,
        "state": doing, "crm_state": doing, "request_state": resource.state,
        "status": format!("{sid} ({node}, {doing})"),
        "max_restart": number(resource, "max_restart"),
        "max_relocate": number(resource, "max_relocate"),
        "failback": number(resource, "failback"),
    })
}

/// A number of a resource's config; each of them is 1 unless set.
pub(super) fn number(resource: &HaResource, key: &str) -> u32 {
    let value = resource.options.get(key);
    value.and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn manager_status(call: &Call<'_>) -> Result<Answer> {
    let now = call.unix_now();
    let data = call.cluster.world().read(|state| {
        // Perl's truth as text: "1" or "".
        let quorate = if state.quorate_at(call.contacted) {
            "1"
        } else {
            ""
        };
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
                let node = state.ha_guest(resource).map(|guest| guest.host.clone());
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

/// `POST …/disarm-ha`: the manager keeps its hands off.
fn disarm(call: &Call<'_>) -> Result<Answer> {
    arming(call, true)
}

fn arm(call: &Call<'_>) -> Result<Answer> {
    arming(call, false)
}

fn arming(call: &Call<'_>, disarmed: bool) -> Result<Answer> {
    call.need_quorum()?;
    call.cluster
        .world()
        .change(|state| state.ha.disarmed = disarmed);
    Ok(Value::Null.into())
}

/// Since PVE 9 there are rules in place of groups.
fn no_groups(what: &str) -> Result<Answer> {
    Err(ApiError::die(format!(
        "cannot {what}: ha groups have been migrated to rules"
    )))
}

fn groups(_: &Call<'_>) -> Result<Answer> {
    no_groups("index groups")
}

fn group(_: &Call<'_>) -> Result<Answer> {
    no_groups("read group")
}

fn create_group(_: &Call<'_>) -> Result<Answer> {
    no_groups("create group")
}

fn update_group(_: &Call<'_>) -> Result<Answer> {
    no_groups("update group")
}

fn delete_group(_: &Call<'_>) -> Result<Answer> {
    no_groups("delete group")
}

/// `Sun Nov 22 19:35:49 2026`, as Perl writes the time.
fn clock_text(unix_seconds: u64) -> String {
    i64::try_from(unix_seconds)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map(|time| time.strftime("%a %b %e %H:%M:%S %Y").to_string())
        .unwrap_or_default()
}

pub(super) const AUDIT: Access = Access::Any("/", &["Sys.Audit"]);
pub(super) const CONSOLE: Access = Access::Any("/", &["Sys.Console"]);
const GROUP: &[Param] = &[
    optional("group", Kind::Text),
    optional("nodes", Kind::Text),
    optional("comment", Kind::Text),
    optional("nofailback", Kind::Bool),
    optional("restricted", Kind::Bool),
    optional("type", Kind::Text),
    optional("delete", Kind::Text),
    optional("digest", Kind::Text),
];

pub(super) const ROUTES: &[Route] = &[
    get("/cluster/ha/status/current", AUDIT, current),
    get("/cluster/ha/status/manager_status", AUDIT, manager_status),
    get("/cluster/ha/status/disarm-ha", CONSOLE, disarm)
        .method("POST")
        .with(&[required("resource-mode", Kind::Word(&["freeze", "ignore"]))]),
    get("/cluster/ha/status/arm-ha", CONSOLE, arm).method("POST"),
    get("/cluster/ha/groups", AUDIT, groups),
    get("/cluster/ha/groups", CONSOLE, create_group)
        .method("POST")
        .with(GROUP),
    get("/cluster/ha/groups/{group}", AUDIT, group),
    get("/cluster/ha/groups/{group}", CONSOLE, update_group)
        .method("PUT")
        .with(GROUP),
    get("/cluster/ha/groups/{group}", CONSOLE, delete_group).method("DELETE"),
];

#[cfg(test)]
mod tests {
    use super::clock_text;

    #[test]
    fn times_read_as_perl_writes_them() {
        assert_eq!(clock_text(1_795_376_149), "Sun Nov 22 19:35:49 2026");
    }
}

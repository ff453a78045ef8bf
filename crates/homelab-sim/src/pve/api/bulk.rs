//! Many guests at once: `/cluster/bulk-action/guest/…` for those of all hosts,
//! `/nodes/{node}/{startall,stopall,suspendall,migrateall}` for those of one.
//!
//! What happens to each guest is the call for one guest, with its own task:
//! see `bulk_task`.

use super::super::answer::{Answer, ApiError, Result};
use super::super::router::{Access, Call, Route, get};
use super::bulk_act::Act;
use super::bulk_task::{Bulk, Scope, TIMEOUT};
use crate::world::State;

/// How many guests at a time unless somebody says.
const WORKERS: usize = 4;

/// Fails unless the caller may do it to all guests, or to those it names.
fn check(call: &Call<'_>, vmids: &[u32], privilege: &str) -> Result<()> {
    if !vmids.is_empty() {
        let mut named = vmids.iter();
        return named.try_for_each(|vmid| call.need(&format!("/vms/{vmid}"), privilege));
    }
    call.need("/", privilege)
}

/// How many at a time: as asked, as the cluster has it, or as usual.
fn workers(call: &Call<'_>, usual: usize) -> usize {
    let told = call
        .number("max-workers")
        .or_else(|| call.number("maxworkers"));
    let configured = || {
        let options = call
            .cluster
            .world()
            .read(|state| state.registry.document("/cluster/options"));
        super::super::params::text(options.get("max_workers")?)
            .parse()
            .ok()
    };
    told.or_else(configured).unwrap_or(usual).max(1)
}

fn run(call: &Call<'_>, act: Act, scope: Scope, usual: usize) -> Result<Answer> {
    let vmids: Vec<u32> = call
        .list("vms")
        .iter()
        .filter_map(|n| n.parse().ok())
        .collect();
    let privilege = match act {
        Act::Migrate { .. } => "VM.Migrate",
        _ => "VM.PowerMgmt",
    };
    check(call, &vmids, privilege)?;
    let bulk = Bulk {
        cluster: call.cluster.clone(),
        host: match &scope {
            Scope::Cluster => call.contacted.to_owned(),
            Scope::Host { name, .. } => name.clone(),
        },
        caller: call.caller.clone(),
        workers: workers(call, usual),
        vmids,
        act,
        scope,
        through_manager: true,
    };
    Ok(Answer::from(serde_json::Value::String(bulk.start())))
}

fn start() -> Act {
    Act::Start { onboot: false }
}

fn shutdown(call: &Call<'_>) -> Act {
    Act::Shutdown {
        timeout: call.number("timeout").unwrap_or(TIMEOUT),
        force: call.text("force-stop").as_deref() != Some("0"),
        told: call.flag("force-stop"),
    }
}

fn suspend(call: &Call<'_>) -> Act {
    Act::Suspend {
        to_disk: call.flag("to-disk"),
    }
}

fn migrate(call: &Call<'_>) -> Act {
    Act::Migrate {
        target: call.text("target").unwrap_or_default(),
        online: call.flag("online"),
        with_local_disks: call.flag("with-local-disks"),
    }
}

fn on_host(call: &Call<'_>) -> Scope {
    Scope::Host {
        name: call.node(),
        managed: call.params.contains_key("vms"),
    }
}

fn bulk_start(call: &Call<'_>) -> Result<Answer> {
    run(call, start(), Scope::Cluster, WORKERS)
}

fn bulk_shutdown(call: &Call<'_>) -> Result<Answer> {
    run(call, shutdown(call), Scope::Cluster, WORKERS)
}

fn bulk_suspend(call: &Call<'_>) -> Result<Answer> {
    run(call, suspend(call), Scope::Cluster, WORKERS)
}

fn bulk_migrate(call: &Call<'_>) -> Result<Answer> {
    run(call, migrate(call), Scope::Cluster, 1)
}

/// One after the other.
fn start_all(call: &Call<'_>) -> Result<Answer> {
    call.need_quorum()?;
    let onboot = !call.flag("force");
    run(call, Act::Start { onboot }, on_host(call), 1)
}

fn stop_all(call: &Call<'_>) -> Result<Answer> {
    let cpus = cpus(call);
    run(call, shutdown(call), on_host(call), cpus)
}

fn suspend_all(call: &Call<'_>) -> Result<Answer> {
    let cpus = cpus(call);
    run(call, Act::Suspend { to_disk: true }, on_host(call), cpus)
}

fn cpus(call: &Call<'_>) -> usize {
    let node = call.node();
    call.cluster.world().read(|state| {
        let host = state.host(&node);
        host.map_or(WORKERS, |host| host.cpus as usize)
    })
}

/// Needs to be told how many at a time, here or for the whole cluster.
fn migrate_all(call: &Call<'_>) -> Result<Answer> {
    let to = call.text("target").unwrap_or_default();
    if to == call.node() {
        return Err(ApiError::param("target", "target is local node."));
    }
    call.need_quorum()?;
    if call.cluster.world().read(|state| state.host(&to).is_none()) {
        return Err(ApiError::die(format!("no such cluster node '{to}'")));
    }
    let options = |state: &State| {
        let options = state.registry.document("/cluster/options");
        options.contains_key("max_workers")
    };
    let told = ["max-workers", "maxworkers"]
        .iter()
        .any(|name| call.params.contains_key(*name));
    if !told && !call.cluster.world().read(options) {
        return Err(ApiError::die(
            "either 'max-workers' parameter or max_workers in datacenter.cfg must be set!",
        ));
    }
    let act = Act::Migrate {
        target: to,
        online: true,
        with_local_disks: call.flag("with-local-disks"),
    };
    let scope = Scope::Host {
        name: call.node(),
        managed: true,
    };
    run(call, act, scope, 1)
}

const fn post(path: &'static str, run: fn(&Call<'_>) -> Result<Answer>) -> Route {
    get(path, Access::User, run).method("POST").by_schema()
}

pub(super) const ROUTES: &[Route] = &[
    post("/cluster/bulk-action/guest/start", bulk_start),
    post("/cluster/bulk-action/guest/shutdown", bulk_shutdown),
    post("/cluster/bulk-action/guest/suspend", bulk_suspend),
    post("/cluster/bulk-action/guest/migrate", bulk_migrate),
    post("/nodes/{node}/startall", start_all),
    post("/nodes/{node}/stopall", stop_all),
    post("/nodes/{node}/suspendall", suspend_all),
    post("/nodes/{node}/migrateall", migrate_all),
];

//! Many guests at once: `/cluster/bulk-action/guest/…` for those of all hosts,
//! `/nodes/{node}/{startall,stopall,suspendall,migrateall}` for those of one.

use super::super::answer::{Answer, ApiError, Result};
use super::super::config_keys::write;
use super::super::operation::Job;
use super::super::router::{Access, Call, Route, get};
use super::{guests, ha, migrate};
use crate::world::{Guest, State};

/// What happens to each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Act {
    Start,
    Shutdown,
    Suspend,
    Migrate(String),
}

/// Which guests: those that are named, or all on these hosts.
fn selected(call: &Call<'_>, act: &Act, host: Option<&str>) -> Vec<u32> {
    let named: Vec<u32> = call
        .list("vms")
        .iter()
        .filter_map(|n| n.parse().ok())
        .collect();
    call.cluster.world().read(|state| {
        let here = |guest: &&Guest| host.is_none_or(|host| guest.host == host);
        let privilege = if matches!(act, Act::Migrate(_)) {
            "VM.Migrate"
        } else {
            "VM.PowerMgmt"
        };
        let may = |vmid: u32| call.may(&format!("/vms/{vmid}"), privilege);
        if !named.is_empty() {
            return named.into_iter().filter(|vmid| may(*vmid)).collect();
        }
        let starts = |guest: &Guest| *act != Act::Start || guest.onboot || call.flag("force");
        let all = state.guests.iter().filter(here);
        all.filter(|guest| !guest.template && starts(guest) && may(guest.vmid))
            .map(|guest| guest.vmid)
            .collect()
    })
}

/// The line of a log for one guest, and whether it is only a warning.
fn line(state: &State, vmid: u32, act: &Act, timeout: u64) -> Option<(String, bool)> {
    let guest = state.guest(vmid)?;
    let what = format!("{} {vmid}", guest.kind.noun());
    let skipped = |why: &str| Some((format!("WARN: Skipping {what}, {why}."), true));
    match act {
        Act::Start if guest.running() => skipped("already running"),
        Act::Start => Some((format!("Starting {what}"), false)),
        Act::Shutdown | Act::Suspend if !guest.running() => skipped("not running"),
        Act::Shutdown => Some((
            format!("Shutting down {what} (Timeout = {timeout} seconds)"),
            false,
        )),
        Act::Suspend => Some((format!("Suspending {what}"), false)),
        Act::Migrate(_) => Some((format!("Migrating {what}"), false)),
    }
}

fn apply(state: &mut State, vmid: u32, act: &Act) -> std::result::Result<(), String> {
    let words = |e: homelab_core::Error| e.message().to_owned();
    let Some(guest) = state.guest(vmid) else {
        return Ok(());
    };
    if let Some(text) = guests::locked(guest) {
        return Err(text);
    }
    let running = guest.running();
    let sid = ha::managed(state, guest);
    match act {
        Act::Start if !running => {
            write::apply_pending(state, vmid);
            want(state, sid, "started");
            state.guest_start(vmid).map_err(words)
        }
        Act::Shutdown if running => {
            want(state, sid, "stopped");
            state.guest_stop(vmid).map_err(words)
        }
        Act::Suspend if running => state.guest_pause(vmid, true).map_err(words),
        Act::Migrate(target) => {
            if state.host(target).is_none() {
                return Err(format!("500 no such cluster node '{target}'"));
            }
            let guest = state.guest(vmid).ok_or("gone")?;
            if running && migrate::holds_local_disks(state, guest) {
                return Err(format!("Migrating VM {vmid} failed: migration aborted"));
            }
            state
                .guest_move(vmid, target)
                .map_err(|_| format!("Migrating VM {vmid} failed: migration aborted"))
        }
        _ => Ok(()),
    }
}

/// The manager must not undo what was asked for.
fn want(state: &mut State, sid: Option<String>, wanted: &str) {
    let resources = state.ha.resources.iter_mut();
    if let Some(resource) = sid.and_then(|sid| resources.into_iter().find(|r| r.sid == sid)) {
        wanted.clone_into(&mut resource.state);
    }
}

fn run(call: &Call<'_>, task: &str, act: Act, host: Option<String>) -> Result<Answer> {
    let vmids = selected(call, &act, host.as_deref());
    let timeout = call.number("timeout").unwrap_or(180_u64);
    let names = vmids
        .iter()
        .map(u32::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    let head = match &act {
        Act::Start => format!("Starting guests: {names}"),
        Act::Shutdown => format!("Shutting down guests: {names}"),
        Act::Suspend => format!("Suspending guests: {names}"),
        Act::Migrate(target) => format!("Migrating guests to {target}: {names}"),
    };
    let mut lines = vec![head];
    let mut warnings = 0;
    call.cluster.world().read(|state| {
        for (text, warning) in vmids
            .iter()
            .filter_map(|vmid| line(state, *vmid, &act, timeout))
        {
            warnings += usize::from(warning);
            lines.push(text);
        }
        if let Act::Migrate(target) = &act
            && state.host(target).is_none()
        {
            lines.push(format!("WARN: 500 no such cluster node '{target}'"));
        }
    });
    let runs_on = host.unwrap_or_else(|| call.contacted.to_owned());
    let job = Job::new(call, task, "", move |state| {
        let mut failed = Vec::new();
        for vmid in &vmids {
            if apply(state, *vmid, &act).is_err() {
                failed.push(vmid.to_string());
            }
        }
        if !failed.is_empty() {
            let verb = match act {
                Act::Start => "start",
                Act::Shutdown => "shutdown",
                Act::Suspend => "suspend",
                Act::Migrate(_) => "migrate",
            };
            return Err(format!(
                "Some guests failed to {verb} {}",
                failed.join(", ")
            ));
        }
        if warnings > 0 {
            return Err(format!("WARNINGS: {warnings}"));
        }
        Ok(())
    });
    Ok(job.on(&runs_on).lines(lines).start(call))
}

fn target(call: &Call<'_>) -> Act {
    Act::Migrate(call.text("target").unwrap_or_default())
}

fn bulk_start(call: &Call<'_>) -> Result<Answer> {
    run(call, "bulk-start", Act::Start, None)
}

fn bulk_shutdown(call: &Call<'_>) -> Result<Answer> {
    run(call, "bulk-shutdown", Act::Shutdown, None)
}

fn bulk_suspend(call: &Call<'_>) -> Result<Answer> {
    run(call, "bulk-suspend", Act::Suspend, None)
}

fn bulk_migrate(call: &Call<'_>) -> Result<Answer> {
    run(call, "bulk-migrate", target(call), None)
}

fn start_all(call: &Call<'_>) -> Result<Answer> {
    call.need_quorum()?;
    run(call, "startall", Act::Start, Some(call.node()))
}

fn stop_all(call: &Call<'_>) -> Result<Answer> {
    run(call, "stopall", Act::Shutdown, Some(call.node()))
}

fn suspend_all(call: &Call<'_>) -> Result<Answer> {
    run(call, "suspendall", Act::Suspend, Some(call.node()))
}

/// Needs to be told how many at a time, here or for the whole cluster.
fn migrate_all(call: &Call<'_>) -> Result<Answer> {
    let to = call.text("target").unwrap_or_default();
    if to == call.node() {
        return Err(ApiError::param("target", "target is local node."));
    }
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
    run(call, "migrateall", target(call), Some(call.node()))
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

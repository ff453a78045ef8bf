//! Backup jobs of the cluster: `/cluster/backup`, what they cover, and when
//! they run. Who runs them: see [`scheduler`](super::super::scheduler).

use proxmox_endpoints::describe::Call as Described;
use serde_json::{Map, Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::calendar::CalendarEvent;
use super::super::catalogue;
use super::super::config_keys::{property, read};
use super::super::params;
use super::super::router::{Access, Call, Route, get};
use super::super::scheduler::JOBS;
use super::super::store;
use super::backup_selection::Selection;
use super::pools;
use crate::world::{Guest, Object, State, derive};

/// Options that are told as objects although they are set as texts.
const PROPERTIES: &[(&str, &str)] = &[
    ("prune-backups", "keep-all"),
    ("fleecing", "enabled"),
    ("performance", "max-workers"),
];

/// Options that only root may set.
const ROOT_ONLY: &[&str] = &["dumpdir", "script", "tmpdir"];

const ALL_DAYS: &str = "mon,tue,wed,thu,fri,sat,sun";

/// The guests of a job.
pub(super) fn selection(job: &Object) -> Selection {
    Selection::of(|name| job.values.get(name).map(params::text))
}

/// A job as it is told.
fn row(job: &Object) -> Map<String, Value> {
    let mut row = job.values.clone();
    row.insert("id".into(), job.id.clone().into());
    for (name, first) in PROPERTIES {
        if let Some(text) = row.get(*name).map(params::text) {
            let keys = property::parse(&text, first);
            let keys = keys.iter().map(|(key, value)| (key.clone(), json!(value)));
            row.insert((*name).into(), Value::Object(keys.collect()));
        }
    }
    row
}

/// When a job comes next.
pub(in super::super) fn next_run(values: &Map<String, Value>, now: u64) -> Option<u64> {
    let schedule = values.get("schedule").map(params::text)?;
    CalendarEvent::parse(&schedule).ok()?.next_after(now)
}

fn list(call: &Call<'_>) -> Result<Answer> {
    let now = call.unix_now();
    let rows = call.cluster.world().read(|state| {
        let jobs = state.registry.objects(JOBS).iter();
        jobs.map(|job| {
            let mut row = row(job);
            if let Some(next) = next_run(&job.values, now) {
                row.insert("next-run".into(), next.into());
            }
            Value::Object(row)
        })
        .collect()
    });
    Ok(Value::Array(rows).into())
}

fn missing(id: &str) -> ApiError {
    ApiError::param("id", format!("No such job '{id}'"))
}

/// A refusal of a parameter under the lock of the file, which makes a text of it.
fn wrapped(name: &str, text: &str) -> ApiError {
    ApiError::die(format!(
        "400 Parameter verification failed.\n{name}: {text}"
    ))
}

fn id(call: &Call<'_>) -> String {
    call.text("id").unwrap_or_default()
}

fn one(call: &Call<'_>) -> Result<Answer> {
    let id = id(call);
    let row = call
        .cluster
        .world()
        .read(|state| state.registry.object(JOBS, &id).map(row));
    Ok(Value::Object(row.ok_or_else(|| missing(&id))?).into())
}

/// What is wrong with parameters beyond the schema, before the file is locked.
fn check(call: &Call<'_>, storage_needed: bool) -> Result<()> {
    if !call.is_root() {
        let given = ROOT_ONLY.iter().find(|n| call.params.contains_key(**n));
        if let Some(name) = given {
            return Err(ApiError::param(name, "Only root may set this option."));
        }
        let heavy = ["bwlimit", "ionice", "performance"];
        if heavy.iter().any(|name| call.params.contains_key(*name)) {
            call.need("/", "Sys.Modify")?;
        }
        let usual = storage_needed.then(|| "local".to_owned());
        if let Some(storage) = call.text("storage").or(usual) {
            call.need(&format!("/storage/{storage}"), "Datastore.Allocate")?;
        }
    }
    pools::check(call)
}

/// The schedule among the parameters, in either of its two notations.
fn schedule(call: &Call<'_>) -> Result<Option<String>> {
    match (call.text("schedule"), call.text("starttime")) {
        (Some(_), Some(_)) => Err(ApiError::param(
            "starttime",
            "'starttime' and 'schedule' cannot both be set",
        )),
        (schedule, None) => Ok(schedule),
        (None, Some(start)) => {
            let days = call.list("dow").join(",");
            Ok(Some(match days.as_str() {
                "" | ALL_DAYS => start,
                days => format!("{days} {start}"),
            }))
        }
    }
}

/// The options of a job among the parameters.
fn options(call: &Call<'_>, described: Option<&Described>) -> Result<Map<String, Value>> {
    let without = ["id", "starttime", "dow"];
    let mut values = match described {
        Some(described) => store::given(call, described, &without),
        None => Map::new(),
    };
    if let Some(schedule) = schedule(call)? {
        values.insert("schedule".into(), schedule.into());
    }
    Ok(values)
}

fn create(call: &Call<'_>) -> Result<Answer> {
    check(call, true)?;
    let mut values = options(call, catalogue::described("POST", JOBS))?;
    if !values.contains_key("schedule") {
        let text = "neither 'starttime' nor 'schedule' were set";
        return Err(ApiError::param("schedule", text));
    }
    values.entry("enabled").or_insert_with(|| 1.into());
    values.insert("type".into(), "vzdump".into());
    call.need_lock("file-jobs_cfg", "")?;
    call.cluster.world().change(|state| {
        let made_up = |state: &mut State| {
            let serial = state.next_serial();
            derive::uuid(state.seed, &format!("backup job {serial}"))
        };
        let id = call.text("id").unwrap_or_else(|| made_up(state));
        if state.registry.object(JOBS, &id).is_some() {
            return Err(ApiError::die(format!("Job '{id}' already exists")));
        }
        let job = Object { id, values };
        let job = settled(job)?;
        state.registry.objects_mut(JOBS).push(job);
        Ok(Value::Null.into())
    })
}

/// A job whose options go together.
fn settled(mut job: Object) -> Result<Object> {
    selection(&job)
        .check()
        .map_err(|(name, text)| wrapped(name, text))?;
    let notes = job.values.get("notes-template").map(params::text);
    if notes.is_some_and(|notes| notes.contains('\n')) {
        return Err(wrapped("notes-template", "contains a line feed"));
    }
    if job.values.contains_key("exclude") && !job.values.contains_key("pool") {
        job.values.insert("all".into(), 1.into());
    }
    Ok(job)
}

fn update(call: &Call<'_>) -> Result<Answer> {
    check(call, false)?;
    let described = catalogue::described("PUT", "/cluster/backup/{id}");
    let values = options(call, described)?;
    let delete = call.list("delete");
    call.need_lock("file-jobs_cfg", "")?;
    if values.is_empty() && delete.is_empty() {
        return Err(ApiError::die("no options specified"));
    }
    let id = id(call);
    call.cluster.world().change(|state| {
        let found = state.registry.object(JOBS, &id);
        let mut job = found.cloned().ok_or_else(|| missing(&id))?;
        for key in &delete {
            if described.and_then(|call| call.param(key)).is_none() {
                return Err(wrapped("delete", &format!("unknown option '{key}'")));
            }
            job.values.remove(key);
        }
        // The newest way to say which guests are meant replaces the others.
        let all = values.get("all").map(params::text).as_deref() == Some("1");
        let others = values.contains_key("exclude") && !values.contains_key("pool");
        let gone: &[&str] = if values.contains_key("vmid") {
            &["all", "exclude", "pool"]
        } else if all || others {
            &["vmid", "pool"]
        } else if values.contains_key("pool") {
            &["vmid", "all", "exclude"]
        } else {
            &[]
        };
        job.values.retain(|key, _| !gone.contains(&key.as_str()));
        job.values.extend(values);
        let job = settled(job)?;
        let jobs = state.registry.objects_mut(JOBS).iter_mut();
        if let Some(old) = jobs.into_iter().find(|old| old.id == id) {
            *old = job;
        }
        Ok(Value::Null.into())
    })
}

fn delete(call: &Call<'_>) -> Result<Answer> {
    let id = id(call);
    call.need_lock("file-jobs_cfg", "")?;
    call.cluster.world().change(|state| {
        if state.registry.object(JOBS, &id).is_none() {
            return Err(wrapped("id", &format!("No such job '{id}'")));
        }
        state.registry.objects_mut(JOBS).retain(|job| job.id != id);
        Ok(Value::Null.into())
    })
}

/// `GET /cluster/backup/{id}/included_volumes`: which disks a job takes.
fn included(call: &Call<'_>) -> Result<Answer> {
    let id = id(call);
    call.cluster.world().read(|state| {
        let job = state.registry.object(JOBS, &id);
        let selection = selection(job.ok_or_else(|| missing(&id))?);
        let guests = state.guests.iter();
        let seen = guests.filter(|guest| {
            selection.takes(state, guest) && call.may(&format!("/vms/{}", guest.vmid), "VM.Audit")
        });
        let rows: Vec<_> = seen.map(|guest| volumes(state, guest)).collect();
        Ok(json!({ "children": rows }).into())
    })
}

fn volumes(state: &State, guest: &Guest) -> Value {
    let disks: Vec<_> = guest
        .disks
        .iter()
        .map(|disk| {
            let option = disk.options.get("backup").map(String::as_str);
            let (included, reason) = match option {
                Some("0") => (0, "disabled"),
                _ => (1, "enabled"),
            };
            json!({
                "id": format!("{}:{}", guest.vmid, disk.slot),
                "name": read::volume_id(state, guest, disk),
                "included": included, "reason": reason, "leaf": 1,
            })
        })
        .collect();
    json!({
        "id": guest.vmid, "name": guest.name, "type": guest.kind.as_str(),
        "leaf": u8::from(disks.is_empty()), "children": disks,
    })
}

/// `GET /cluster/backup-info/not-backed-up`: guests that no job takes.
fn not_backed_up(call: &Call<'_>) -> Result<Answer> {
    let rows = call.cluster.world().read(|state| {
        let jobs = state.registry.objects(JOBS).iter();
        let selections: Vec<_> = jobs.map(selection).collect();
        let taken = |guest: &Guest| selections.iter().any(|s| s.takes(state, guest));
        let guests = state.guests.iter().filter(|guest| !taken(guest));
        guests
            .map(|g| json!({ "vmid": g.vmid, "name": g.name, "type": g.kind.as_str() }))
            .collect()
    });
    Ok(Value::Array(rows).into())
}

/// `GET /cluster/jobs/schedule-analyze`: when a schedule comes next.
fn analyze(call: &Call<'_>) -> Result<Answer> {
    let text = call.text("schedule").unwrap_or_default();
    let event = CalendarEvent::parse(&text).map_err(ApiError::die)?;
    let mut at = call.number("starttime").unwrap_or_else(|| call.unix_now());
    let mut rows = Vec::new();
    for _ in 0..call.number("iterations").unwrap_or(10_u32) {
        let Some(next) = event.next_after(at) else {
            break;
        };
        let utc = i64::try_from(next)
            .ok()
            .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
            .map(|time| time.strftime("%a %b %e %H:%M:%S %Y").to_string());
        rows.push(json!({ "timestamp": next, "utc": utc }));
        at = next;
    }
    Ok(Value::Array(rows).into())
}

const AUDIT: Access = Access::Any("/", &["Sys.Audit"]);
const MODIFY: Access = Access::Any("/", &["Sys.Modify"]);

pub(super) const ROUTES: &[Route] = &[
    get(JOBS, AUDIT, list).by_schema(),
    get(JOBS, MODIFY, create).method("POST").by_schema(),
    get("/cluster/backup/{id}", AUDIT, one).by_schema(),
    get("/cluster/backup/{id}", MODIFY, update)
        .method("PUT")
        .by_schema(),
    get("/cluster/backup/{id}", MODIFY, delete)
        .method("DELETE")
        .by_schema(),
    get("/cluster/backup/{id}/included_volumes", AUDIT, included).by_schema(),
    get("/cluster/backup-info/not-backed-up", AUDIT, not_backed_up).by_schema(),
    get("/cluster/jobs/schedule-analyze", Access::User, analyze).by_schema(),
];

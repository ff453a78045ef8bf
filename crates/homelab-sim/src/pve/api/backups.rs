//! Backups: `vzdump` makes them, and what they hold can be read. What its task
//! does: see `backup_task`; what thins them out: `prune`; what is made from them
//! again: `restore`.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::config_keys::read;
use super::super::operation::Job;
use super::super::params::{Kind, Param, optional, required};
use super::super::retention;
use super::super::router::{Access, Call, Route, get};
use super::super::unix;
use super::backup_selection::Selection;
use super::backup_task::Request;
use crate::world::{Guest, State};

/// `POST /nodes/{node}/vzdump`: one task for all guests of that host. The
/// scheduler makes the same call for the jobs of the cluster.
pub(in super::super) fn vzdump(call: &Call<'_>) -> Result<Answer> {
    let node = call.node();
    root_only(call, &["dumpdir", "job-id", "script", "tmpdir"])?;
    let id = call.text("storage").unwrap_or_else(|| "local".into());
    let selection = Selection::of(|name| call.text(name));
    selection
        .check()
        .map_err(|(name, text)| ApiError::param(name, text))?;
    let vmids = call.cluster.world().read(|state| {
        let storage = state.storages.iter().find(|s| s.id == id);
        let missing = || ApiError::die(format!("storage '{id}' does not exist"));
        let storage = storage.ok_or_else(missing)?;
        if !storage.content.iter().any(|c| c == "backup") {
            let text = format!("can't use storage '{id}' for backups - wrong content type");
            return Err(ApiError::die(text));
        }
        Ok(selection.on_host(state, &node))
    })?;
    call.need(&format!("/storage/{id}"), "Datastore.AllocateSpace")?;
    for vmid in &vmids {
        call.need(&format!("/vms/{vmid}"), "VM.Backup")?;
    }
    if vmids.is_empty() {
        // None of them is here: nothing to do is done.
        return Ok(Value::String("OK".into()).into());
    }
    let request = Request {
        storage: id,
        host: node,
        mode: call.text("mode").unwrap_or_else(|| "snapshot".into()),
        compress: call.text("compress").unwrap_or_else(|| "0".into()),
        notes: call.text("notes-template"),
        protected: call.flag("protected"),
        retention: call.text("prune-backups"),
        remove: call.text("remove").as_deref() != Some("0"),
        vmids,
    };
    let task_id = match request.vmids[..] {
        [one] => one.to_string(),
        _ => String::new(),
    };
    let (lines, bytes) = call.cluster.world().read(|state| request.lines(state));
    let (first, last) = (request.clone(), request.clone());
    let job = Job::new(call, "vzdump", task_id, move |state| request.run(state));
    let speed = call.cluster.0.options.copy_bytes_per_second;
    Ok(job
        .first(move |state| first.lock(state))
        .undo(move |state| last.unlock(state))
        .stopped("interrupted by signal")
        .lines(lines)
        .carries(bytes, speed)
        .start(call))
}

fn root_only(call: &Call<'_>, names: &[&str]) -> Result<()> {
    for name in names.iter().filter(|n| call.params.contains_key(**n)) {
        if !call.is_root() {
            return Err(ApiError::param(name, "Only root may set this option."));
        }
    }
    Ok(())
}

/// Bytes of the disks that go into a backup.
pub(super) fn size(guest: &Guest) -> u64 {
    let in_backup = |d: &&crate::world::GuestDisk| d.options.get("backup").is_none_or(|b| b != "0");
    guest
        .disks
        .iter()
        .filter(in_backup)
        .map(|d| d.size_bytes)
        .sum()
}

pub(super) fn clock(time: SystemTime, format: &str) -> String {
    i64::try_from(unix(time))
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map(|time| time.strftime(format).to_string())
        .unwrap_or_default()
}

/// `GET …/vzdump/extractconfig`: the config in a backup, as text.
fn extract_config(call: &Call<'_>) -> Result<Answer> {
    let volid = call.text("volume").unwrap_or_default();
    call.cluster.world().read(|state| {
        let guest = saved(state, &volid, &call.node())?.ok_or_else(|| {
            ApiError::die(format!("unable to find configuration in archive '{volid}'"))
        })?;
        let lines = read::texts(state, guest);
        let lines = lines.iter().map(|(key, value)| format!("{key}: {value}\n"));
        Ok(Value::String(lines.collect()).into())
    })
}

/// The guest in a backup; none when the file holds no backup.
pub(super) fn saved<'s>(state: &'s State, volid: &str, host: &str) -> Result<Option<&'s Guest>> {
    let missing = || ApiError::die(format!("volume '{volid}' does not exist"));
    let (storage, name) = volid.split_once(':').ok_or_else(missing)?;
    let Some(storage) = state.storage(storage, host) else {
        return Err(ApiError::die(format!("storage '{storage}' does not exist")));
    };
    let volume = storage.volume(name, host).ok_or_else(missing)?;
    Ok(volume.guest.as_deref())
}

/// `GET …/vzdump/defaults`.
fn defaults(call: &Call<'_>) -> Result<Answer> {
    let storage = call.text("storage").unwrap_or_else(|| "local".into());
    let pruned = call.cluster.world().read(|state| {
        let storage = state.storage(&storage, &call.node());
        storage.and_then(|s| s.options.get("prune-backups").cloned())
    });
    Ok(json!({
        "all": 0, "bwlimit": 0, "compress": "0", "dumpdir": "/var/lib/vz/dump",
        "fleecing": { "enabled": 0 }, "ionice": 7, "lockwait": 180,
        "mailnotification": "always", "mode": "snapshot", "notification-mode": "auto",
        "performance": { "max-workers": 16, "pbs-entries-max": 1_048_576 }, "pigz": 0,
        "prune-backups": pruned.unwrap_or_else(|| "keep-all=1".into()), "quiet": 0, "remove": 1,
        "stdexcludes": 1, "stop": 0, "stopwait": 10, "storage": storage, "zstd": 1,
    })
    .into())
}

const DUMP: &[Param] = &[
    optional("all", Kind::Bool),
    optional("bwlimit", Kind::Int { min: 0 }),
    optional("compress", Kind::Word(&["0", "1", "gzip", "lzo", "zstd"])),
    optional("dumpdir", Kind::Text),
    optional("exclude", Kind::List),
    optional("exclude-path", Kind::List),
    optional("fleecing", Kind::Text),
    optional("ionice", Kind::Int { min: 0 }),
    optional("job-id", Kind::Text),
    optional("lockwait", Kind::Int { min: 0 }),
    optional("mailnotification", Kind::Word(&["always", "failure"])),
    optional("mailto", Kind::Text),
    optional("mode", Kind::Word(&["snapshot", "suspend", "stop"])),
    optional("notes-template", Kind::Text),
    optional(
        "notification-mode",
        Kind::Word(&["auto", "legacy-sendmail", "notification-system"]),
    ),
    optional(
        "pbs-change-detection-mode",
        Kind::Word(&["legacy", "data", "metadata"]),
    ),
    optional("performance", Kind::Text),
    optional("pigz", Kind::Int { min: 0 }),
    optional("pool", Kind::Text),
    optional("protected", Kind::Bool),
    optional("prune-backups", Kind::Format(retention::check)),
    optional("quiet", Kind::Bool),
    optional("remove", Kind::Bool),
    optional("script", Kind::Text),
    optional("stdexcludes", Kind::Bool),
    optional("stdout", Kind::Bool),
    optional("stop", Kind::Bool),
    optional("stopwait", Kind::Int { min: 0 }),
    optional("storage", Kind::Text),
    optional("tmpdir", Kind::Text),
    optional("vmid", Kind::List),
    optional("zstd", Kind::Int { min: 0 }),
];

pub(super) const ROUTES: &[Route] = &[
    get("/nodes/{node}/vzdump", Access::User, vzdump)
        .method("POST")
        .with(DUMP),
    get("/nodes/{node}/vzdump/defaults", Access::User, defaults)
        .with(&[optional("storage", Kind::Text)]),
    get(
        "/nodes/{node}/vzdump/extractconfig",
        Access::User,
        extract_config,
    )
    .with(&[required("volume", Kind::Text)]),
];

//! Backups: `vzdump` makes them, and what they hold can be read. What thins
//! them out: see `prune`; what is made from them again: see `restore`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::config_keys::{disks, read};
use super::super::operation::Job;
use super::super::params::{Kind, Param, optional, required};
use super::super::retention;
use super::super::router::{Access, Call, Route, get};
use super::super::unix;
use super::backup_selection::Selection;
use super::{guests, prune};
use crate::world::{Guest, GuestKind, State, Storage, Volume};

/// What a backup takes of the disks that are in it: most of them is empty, and
/// the rest is compressed.
const SHARE: u64 = 12;

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

/// What a `vzdump` task was asked for.
#[derive(Clone, Debug)]
struct Request {
    storage: String,
    host: String,
    vmids: Vec<u32>,
    mode: String,
    compress: String,
    notes: Option<String>,
    protected: bool,
    retention: Option<String>,
    remove: bool,
}

impl Request {
    fn lock(&self, state: &mut State) -> std::result::Result<(), String> {
        for vmid in &self.vmids {
            if let Some(guest) = state.guest_mut(*vmid).filter(|guest| guest.lock.is_none()) {
                guest.lock = Some("backup".into());
            }
        }
        Ok(())
    }

    fn unlock(&self, state: &mut State) {
        for vmid in &self.vmids {
            if let Some(guest) = state.guest_mut(*vmid)
                && guest.lock.as_deref() == Some("backup")
            {
                guest.lock = None;
            }
        }
    }

    /// What the task tells, and how much it reads.
    fn lines(&self, state: &State) -> (Vec<String>, u64) {
        let vmids: Vec<_> = self.vmids.iter().map(u32::to_string).collect();
        let (storage, mode) = (&self.storage, &self.mode);
        let mut lines = vec![format!(
            "INFO: starting new backup job: vzdump {} --storage {storage} --mode {mode} --compress {}",
            vmids.join(" "),
            self.compress
        )];
        let mut bytes = 0;
        for guest in self.vmids.iter().filter_map(|vmid| state.guest(*vmid)) {
            if guests::locked(guest).is_none() {
                bytes += size(guest);
                self.tell(state, guest, &mut lines);
            } else {
                let (word, vmid) = (guest.kind.noun(), guest.vmid);
                let why = guests::locked(guest).unwrap_or_default();
                lines.push(format!("ERROR: Backup of {word} {vmid} failed - {why}"));
            }
        }
        (lines, bytes)
    }

    fn tell(&self, state: &State, guest: &Guest, lines: &mut Vec<String>) {
        let mut say = |text: String| lines.push(format!("INFO: {text}"));
        let (vmid, word, kind) = (guest.vmid, guest.kind.noun(), guest.kind.as_str());
        say(format!("Starting Backup of VM {vmid} ({kind})"));
        say(format!(
            "Backup started at {}",
            clock(state.now, "%Y-%m-%d %H:%M:%S")
        ));
        say(format!("status = {}", guest.power.as_str()));
        say(format!("{word} Name: {}", guest.name));
        for disk in &guest.disks {
            let id = read::volume_id(state, guest, disk);
            say(match guest.kind {
                GuestKind::Qemu => format!(
                    "include disk '{}' '{id}' {}",
                    disk.slot,
                    read::size(disk.size_bytes)
                ),
                GuestKind::Lxc => format!("including mount point {} ('/') in backup", disk.slot),
            });
        }
        let mode = if guest.running() {
            self.mode.as_str()
        } else {
            "stop"
        };
        say(format!("backup mode: {mode}"));
        say("ionice priority: 7".into());
        let name = self.file(guest, state.now);
        let folder = state.storage(&self.storage, &self.host).map(Storage::path);
        let path = format!("{}/dump/{name}", folder.unwrap_or_default());
        say(format!("creating vzdump archive '{path}'"));
        let total = size(guest);
        if guest.kind == GuestKind::Qemu {
            let human = gib(total);
            for percent in (0..=100).step_by(20) {
                let done = gib(total / 100 * percent + total % 100 * percent / 100);
                say(format!(
                    "{percent:>3}% ({done} of {human}) in {}s, read: 364.1 MiB/s, write: 45.4 MiB/s",
                    percent / 10
                ));
            }
            say(format!("transferred {human} in 10 seconds (364.1 MiB/s)"));
        } else {
            say(format!(
                "Total bytes written: {total} ({}, 20MiB/s)",
                disks::human(total)
            ));
        }
        say(format!("archive file size: {}MB", (total / SHARE) >> 20));
        if self.notes.is_some() {
            say("adding notes to backup".into());
        }
        say(format!("Finished Backup of VM {vmid} (00:00:10)"));
        say(format!(
            "Backup finished at {}",
            clock(state.now, "%Y-%m-%d %H:%M:%S")
        ));
    }

    /// The name of a backup: who, and when.
    fn file(&self, guest: &Guest, now: SystemTime) -> String {
        let (kind, vmid) = (guest.kind.as_str(), guest.vmid);
        let time = clock(now, "%Y_%m_%d-%H_%M_%S");
        format!("vzdump-{kind}-{vmid}-{time}.{}", self.format(guest.kind))
    }

    fn format(&self, kind: GuestKind) -> String {
        let archive = if kind == GuestKind::Qemu {
            "vma"
        } else {
            "tar"
        };
        match self.compress.as_str() {
            "zstd" => format!("{archive}.zst"),
            "gzip" | "1" => format!("{archive}.gz"),
            "lzo" => format!("{archive}.lzo"),
            _ => archive.to_owned(),
        }
    }

    fn run(&self, state: &mut State) -> std::result::Result<(), String> {
        let mut failed = false;
        for vmid in &self.vmids {
            let Some(guest) = state.guest(*vmid).filter(|g| g.host == self.host) else {
                failed = true;
                continue;
            };
            // Another operation held it all the time.
            if guest.lock.as_deref() != Some("backup") {
                failed = true;
                continue;
            }
            let volume = self.volume(state, guest);
            let kept = match state.storage_mut(&self.storage) {
                Some(storage) => storage.keep(volume),
                None => Err(format!("storage '{}' does not exist", self.storage)),
            };
            failed |= kept.is_err();
            if let Some(setting) = self.setting(state) {
                prune::prune(
                    state,
                    &self.storage,
                    &self.host,
                    &setting,
                    Some(*vmid),
                    None,
                );
            }
        }
        self.unlock(state);
        if failed {
            Err("job errors".into())
        } else {
            Ok(())
        }
    }

    fn setting(&self, state: &State) -> Option<String> {
        let configured = || {
            let storage = state.storage(&self.storage, &self.host)?;
            storage.options.get("prune-backups").cloned()
        };
        let setting = self.retention.clone().or_else(configured);
        setting.filter(|_| self.remove)
    }

    fn volume(&self, state: &State, guest: &Guest) -> Volume {
        let mut saved = guest.clone();
        saved.lock = None;
        saved.snapshots.clear();
        saved.pending.clear();
        saved.parent = None;
        let mut name = self.file(guest, state.now);
        // A second one within the same second waits for the next in reality.
        let taken = |name: &str| {
            let full = format!("backup/{name}");
            state
                .storage(&self.storage, &self.host)
                .is_some_and(|s| s.volume(&full, &self.host).is_some())
        };
        let mut later = state.now;
        while taken(&name) {
            later += std::time::Duration::from_secs(1);
            name = self.file(guest, later);
        }
        let notes = self.notes.as_ref().map(|template| {
            template
                .replace("{{guestname}}", &guest.name)
                .replace("{{vmid}}", &guest.vmid.to_string())
                .replace("{{node}}", &guest.host)
                .replace("{{cluster}}", &state.lab)
                .replace("\\n", "\n")
        });
        Volume {
            name: format!("backup/{name}"),
            host: self.host.clone(),
            content: "backup".into(),
            format: self.format(guest.kind),
            size_bytes: (size(guest) / SHARE).max(1 << 20),
            created_at: later,
            notes,
            protected: self.protected,
            guest: Some(Box::new(saved)),
            checksums: BTreeMap::new(),
        }
    }
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

fn gib(bytes: u64) -> String {
    let tenths = (u128::from(bytes) * 10) >> 30;
    format!("{}.{} GiB", tenths / 10, tenths % 10)
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

//! What a `vzdump` task does: the lines of its log, the files it leaves.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::super::config_keys::{disks, read};
use super::backups::{clock, size};
use super::{guests, prune};
use crate::world::{Guest, GuestKind, State, Storage, Volume};

/// What a backup takes of the disks that are in it: most of them is empty, and
/// the rest is compressed.
const SHARE: u64 = 12;

/// What a `vzdump` task was asked for.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) storage: String,
    pub(super) host: String,
    pub(super) vmids: Vec<u32>,
    pub(super) mode: String,
    pub(super) compress: String,
    pub(super) notes: Option<String>,
    pub(super) protected: bool,
    pub(super) retention: Option<String>,
    pub(super) remove: bool,
}

impl Request {
    pub(super) fn lock(&self, state: &mut State) -> std::result::Result<(), String> {
        for vmid in &self.vmids {
            if let Some(guest) = state.guest_mut(*vmid).filter(|guest| guest.lock.is_none()) {
                guest.lock = Some("backup".into());
            }
        }
        Ok(())
    }

    pub(super) fn unlock(&self, state: &mut State) {
        for vmid in &self.vmids {
            if let Some(guest) = state.guest_mut(*vmid)
                && guest.lock.as_deref() == Some("backup")
            {
                guest.lock = None;
            }
        }
    }

    /// What the task tells, and how much it reads.
    pub(super) fn lines(&self, state: &State) -> (Vec<String>, u64) {
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

    pub(super) fn run(&self, state: &mut State) -> std::result::Result<(), String> {
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

fn gib(bytes: u64) -> String {
    let tenths = (u128::from(bytes) * 10) >> 30;
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}

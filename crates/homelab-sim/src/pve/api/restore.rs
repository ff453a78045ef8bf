//! Guests that are made again from a backup.

use std::collections::BTreeMap;

use super::super::answer::{Answer, ApiError, Result};
use super::super::config_keys::{disks, read, write};
use super::super::operation::Job;
use super::super::router::Call;
use super::{backups, config, create, lifecycle, pools};
use crate::world::{Guest, GuestDisk, GuestKind, Power, State, derive};

/// A guest from `archive`. Keys of the call win over those in the backup.
pub(super) fn restore(call: &Call<'_>, kind: GuestKind, archive: &str) -> Result<Answer> {
    let (node, vmid) = (call.node(), call.vmid());
    let force = call.flag("force");
    let keys = config::given(call, kind);
    let keys: Vec<_> = keys.into_iter().filter(|(key, _)| key != "lock").collect();
    let made = call.cluster.world().read(|state| {
        if force {
            refuse_overwrite(state, vmid)?;
        } else {
            create::refuse_taken(state, vmid, kind, "restore")?;
        }
        let saved = backups::saved(state, archive, &node)?;
        saved
            .map(|saved| prepare(call, state, saved, &keys))
            .transpose()
    })?;
    pools::check(call)?;
    let pool = call.text("pool");
    let task = if kind == GuestKind::Qemu {
        "qmrestore"
    } else {
        "vzrestore"
    };
    let what = kind.noun();
    let Some((guest, lines)) = made else {
        // A file of that name, but no backup.
        let why = match kind {
            GuestKind::Qemu => "vma: ERROR: can't read VMA header",
            GuestKind::Lxc => "ERROR: archive contains no configuration file",
        };
        let text = format!("unable to restore {what} {vmid} - {why}");
        return Ok(Job::new(call, task, vmid, |_| Err(text)).start(call));
    };
    let bytes = backups::size(&guest);
    let start = call.flag("start");
    let before = call
        .cluster
        .world()
        .read(|state| state.guest(vmid).cloned());
    let old = before.clone();
    let making = Guest {
        lock: Some("create".into()),
        ..guest
    };
    let job = Job::new(call, task, vmid, move |state| {
        if let Some(guest) = state.guest_mut(vmid) {
            guest.lock = None;
        }
        pools::enter(state, pool.as_deref(), vmid);
        if start {
            lifecycle::power_on(state, vmid)?;
        }
        Ok(())
    });
    let job = job
        .first(move |state| {
            if before.is_some() {
                refuse_overwrite(state, vmid).map_err(|e| e.text.trim_end().to_owned())?;
                let _ = state.guest_remove(vmid);
            }
            state.guest_add(making).map_err(|e| e.message().to_owned())
        })
        .undo(move |state| {
            let _ = state.guest_remove(vmid);
            // What was overwritten is lost; its empty place stays.
            if let Some(mut old) = old {
                old.disks.clear();
                old.side_disks.clear();
                let _ = state.guest_add(old);
            }
        })
        .stopped("interrupted by signal")
        .lines(lines)
        .carries(bytes, call.cluster.0.options.copy_bytes_per_second);
    Ok(job.start(call))
}

fn refuse_overwrite(state: &State, vmid: u32) -> Result<()> {
    match state.guest(vmid) {
        Some(guest) if guest.running() => Err(ApiError::die(format!(
            "unable to restore {} {vmid} - {} is running",
            guest.kind.noun(),
            guest.kind.noun()
        ))),
        Some(guest) if guest.extra.get("protection").is_some_and(|v| v == "1") => {
            Err(ApiError::die(format!(
                "unable to restore {} {vmid} - protection mode enabled",
                guest.kind.noun()
            )))
        }
        _ => Ok(()),
    }
}

fn prepare(
    call: &Call<'_>,
    state: &State,
    saved: &Guest,
    keys: &[(String, String)],
) -> Result<(Guest, Vec<String>)> {
    let (node, vmid) = (call.node(), call.vmid());
    let storage = call.text("storage");
    let mut guest = Guest {
        vmid,
        host: node.clone(),
        power: Power::Stopped,
        paused: false,
        started_at: None,
        pid: 0,
        lock: None,
        node: None,
        resume_with_host: false,
        pending: BTreeMap::new(),
        snapshots: Vec::new(),
        parent: None,
        disks: Vec::new(),
        side_disks: Vec::new(),
        template: false,
        ..saved.clone()
    };
    if call.flag("unique") {
        guest.smbios_uuid = derive::uuid(state.seed, &format!("vm/{vmid}/{}", state.tasks.len()));
        for nic in &mut guest.nics {
            nic.mac = derive::mac(state.seed, &format!("vm/{vmid}/net{}", nic.index));
        }
    }
    let archive = call
        .text("archive")
        .or_else(|| call.text("ostemplate"))
        .unwrap_or_default();
    let mut lines = match saved.kind {
        GuestKind::Qemu => vec![format!("restore vma archive: vma extract -v -r {archive}")],
        GuestKind::Lxc => vec![
            format!("recovering backed-up configuration from '{archive}'"),
            format!("restoring '{archive}' now.."),
        ],
    };
    for (attached, disk) in saved
        .disks
        .iter()
        .map(|disk| (true, disk))
        .chain(saved.side_disks.iter().map(|disk| (false, disk)))
    {
        let to = storage.clone().unwrap_or_else(|| disk.storage.clone());
        let Some(place) = state.storage(&to, &node) else {
            return Err(ApiError::die(format!("storage '{to}' does not exist")));
        };
        if !disks::holds_disks(place, saved.kind) {
            let what = if saved.kind == GuestKind::Qemu {
                "vm images"
            } else {
                "container directories"
            };
            return Err(ApiError::param(
                "storage",
                format!("storage '{to}' does not support {what}"),
            ));
        }
        let volume = if disk.volume.ends_with("-cloudinit") {
            format!("vm-{vmid}-cloudinit")
        } else {
            guest.free_volume()
        };
        let copy = GuestDisk {
            volume,
            storage: to,
            base: None,
            ..disk.clone()
        };
        lines.push(format!(
            "new volume ID is '{}'",
            read::volume_id(state, &guest, &copy)
        ));
        if attached {
            guest.disks.push(copy);
        } else {
            guest.side_disks.push(copy);
        }
    }
    let total = backups::size(saved);
    for percent in (10..=100).step_by(10) {
        let read = total / 100 * percent;
        lines.push(format!(
            "progress {percent}% (read {read} bytes, duration {} sec)",
            percent / 10
        ));
    }
    for (key, value) in keys {
        write::set(state, &mut guest, key, value, &mut lines)?;
    }
    Ok((guest, lines))
}

//! `…/prunebackups`: backups that a setting does not keep.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::operation::Job;
use super::super::params::{Kind, Param, optional};
use super::super::retention::{self, Mark};
use super::super::router::{Access, Call, Route, get};
use super::super::unix;
use super::content;
use crate::world::{State, Storage, Volume};

/// The backups on a storage, with what becomes of them.
fn marked<'s>(
    storage: &'s Storage,
    host: &str,
    setting: &str,
    vmid: Option<u32>,
    kind: Option<&str>,
) -> Vec<(&'s Volume, Mark)> {
    let mut by_guest: BTreeMap<(bool, u32), Vec<&Volume>> = BTreeMap::new();
    for volume in &storage.volumes {
        let here = volume.content == "backup" && (storage.shared || volume.host == host);
        let container = volume.name.contains("vzdump-lxc-");
        let wanted = kind.is_none_or(|kind| (kind == "lxc") == container);
        if let Some(owner) = content::owner(volume).filter(|_| here && wanted)
            && vmid.is_none_or(|vmid| vmid == owner)
        {
            by_guest.entry((container, owner)).or_default().push(volume);
        }
    }
    by_guest
        .into_values()
        .flat_map(|volumes| {
            let times: Vec<_> = volumes
                .iter()
                .map(|v| (unix(v.created_at), v.protected))
                .collect();
            volumes.into_iter().zip(retention::marks(setting, &times))
        })
        .collect()
}

/// Removes what a setting does not keep.
pub(super) fn prune(
    state: &mut State,
    storage: &str,
    host: &str,
    setting: &str,
    vmid: Option<u32>,
    kind: Option<&str>,
) {
    let Some(storage) = state.storage_mut(storage) else {
        return;
    };
    let gone: Vec<_> = marked(storage, host, setting, vmid, kind)
        .into_iter()
        .filter(|(_, mark)| *mark == Mark::Remove)
        .map(|(volume, _)| volume.name.clone())
        .collect();
    for name in gone {
        storage.forget(&name, host);
    }
}

/// The setting of a call, or else of the storage.
fn setting(call: &Call<'_>, storage: &Storage) -> Result<String> {
    let given = call.text("prune-backups");
    let setting = given.or_else(|| storage.options.get("prune-backups").cloned());
    setting.ok_or_else(|| {
        let id = &storage.id;
        ApiError::die(format!(
            "no prune-backups options configured for storage '{id}'"
        ))
    })
}

/// `GET …/prunebackups`: what would happen.
fn prune_preview(call: &Call<'_>) -> Result<Answer> {
    call.cluster.world().read(|state| {
        let storage = content::place(state, call)?;
        let setting = setting(call, storage)?;
        let (vmid, kind) = (call.number("vmid"), call.text("type"));
        let rows = marked(storage, &call.node(), &setting, vmid, kind.as_deref());
        let rows = rows.into_iter().map(|(volume, mark)| {
            let container = volume.name.contains("vzdump-lxc-");
            json!({
                "volid": format!("{}:{}", storage.id, volume.name),
                "ctime": unix(volume.created_at), "mark": mark.as_str(),
                "type": if container { "lxc" } else { "qemu" },
                "vmid": content::owner(volume),
            })
        });
        Ok(Value::Array(rows.collect()).into())
    })
}

/// `DELETE …/prunebackups`: a task.
fn prune_now(call: &Call<'_>) -> Result<Answer> {
    let node = call.node();
    let (vmid, kind) = (call.number::<u32>("vmid"), call.text("type"));
    let id = call.text("storage").unwrap_or_default();
    let own = vmid.is_some_and(|vmid| call.may(&format!("/vms/{vmid}"), "VM.Backup"));
    let path = format!("/storage/{id}");
    if !(own && call.may(&path, "Datastore.AllocateSpace")) {
        call.need(&path, "Datastore.Allocate")?;
    }
    let (setting, lines) = call.cluster.world().read(|state| {
        let storage = content::place(state, call)?;
        let setting = setting(call, storage)?;
        let gone = marked(storage, &node, &setting, vmid, kind.as_deref());
        let gone = gone.into_iter().filter(|(_, mark)| *mark == Mark::Remove);
        let lines: Vec<_> = gone
            .map(|(volume, _)| format!("Removed volume '{}:{}'", storage.id, volume.name))
            .collect();
        Ok::<_, ApiError>((setting, lines))
    })?;
    let task_id = match vmid {
        Some(vmid) => format!("{vmid}@{id}"),
        None => id.clone(),
    };
    let job = Job::new(call, "prunebackups", task_id, move |state| {
        prune(state, &id, &node, &setting, vmid, kind.as_deref());
        Ok(())
    });
    Ok(job.lines(lines).start(call))
}

const LOOK: Access = Access::Any(
    "/storage/{storage}",
    &["Datastore.Audit", "Datastore.AllocateSpace"],
);
const PRUNE: &[Param] = &[
    optional("prune-backups", Kind::Format(retention::check)),
    optional("type", Kind::Word(&["qemu", "lxc"])),
    optional("vmid", Kind::Vmid),
];

pub(super) const ROUTES: &[Route] = &[
    get(
        "/nodes/{node}/storage/{storage}/prunebackups",
        LOOK,
        prune_preview,
    )
    .with(PRUNE),
    get(
        "/nodes/{node}/storage/{storage}/prunebackups",
        Access::User,
        prune_now,
    )
    .method("DELETE")
    .with(PRUNE),
];

//! `/nodes/{node}/storage/{storage}/content`: what lies on a storage.

use serde_json::{Map, Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::config_keys::disks;
use super::super::config_keys::read::volume_id;
use super::super::operation::Job;
use super::super::params::{Kind, Param, optional, required};
use super::super::router::{Access, Call, Route, get};
use super::super::unix;
use super::{content_made, storage};
use crate::world::{Guest, GuestDisk, GuestKind, State, Storage, Volume};

/// A storage in the path, as the host in the path has it.
pub(super) fn place<'s>(state: &'s State, call: &Call<'_>) -> Result<&'s Storage> {
    let id = call.text("storage").unwrap_or_default();
    let node = call.node();
    let known = state.storages.iter().find(|s| s.id == id);
    let known = known.ok_or_else(|| ApiError::die(format!("storage '{id}' does not exist")))?;
    if !known.on_host(&node) {
        let text = format!("storage '{id}' is not available on node '{node}'");
        return Err(ApiError::die(text));
    }
    if !storage::active(state, known) {
        return Err(ApiError::die(format!("storage '{id}' is not online")));
    }
    Ok(known)
}

/// The volume in the path: the storage's id and the volume's name on it. It
/// may be given with or without the storage.
pub(super) fn in_path(call: &Call<'_>, parameter: &str) -> Result<(String, String)> {
    let volume = call.text(parameter).unwrap_or_default();
    let id = call.text("storage").unwrap_or_default();
    match volume.split_once(':') {
        None => Ok((id, volume)),
        Some((storage, name)) if storage == id => Ok((id, name.to_owned())),
        Some((storage, _)) => Err(ApiError::param(
            parameter,
            format!("storage ID missmatch ({storage} != {id})\n"),
        )),
    }
}

/// Where a file lies on its host.
pub(super) fn file_path(storage: &Storage, volume: &Volume) -> String {
    let file = volume.name.split_once('/').map_or("", |(_, file)| file);
    let folder = Storage::folder(&volume.content);
    format!("{}/{folder}/{file}", storage.path())
}

/// `GET …/content`: the guests' disks, and files.
fn list(call: &Call<'_>) -> Result<Answer> {
    let (wanted, vmid) = (call.text("content"), call.number::<u32>("vmid"));
    let node = call.node();
    call.cluster.world().read(|state| {
        let storage = place(state, call)?;
        let wants = |kind: &str| wanted.as_ref().is_none_or(|wanted| wanted == kind);
        let mut rows = Vec::new();
        let mut disks = Vec::new();
        let here = |host: &str| storage.shared || host == node;
        for guest in state.guests.iter().filter(|guest| here(&guest.host)) {
            for disk in guest.volumes().filter(|disk| disk.storage == storage.id) {
                disks.push(volume_id(state, guest, disk));
                let asked = vmid.is_none_or(|vmid| vmid == guest.vmid);
                if asked && wants(kind_of(guest)) {
                    rows.push(disk_row(state, storage, guest, disk));
                }
            }
        }
        for volume in storage.volumes.iter().filter(|v| here(&v.host)) {
            let asked = vmid.is_none_or(|vmid| owner(volume) == Some(vmid));
            let id = format!("{}:{}", storage.id, volume.name);
            if asked && wants(&volume.content) && !disks.contains(&id) {
                rows.push(volume_row(&id, storage, volume));
            }
        }
        rows.sort_by(|a, b| a["volid"].as_str().cmp(&b["volid"].as_str()));
        Ok(Value::Array(rows).into())
    })
}

fn kind_of(guest: &Guest) -> &'static str {
    match guest.kind {
        GuestKind::Qemu => "images",
        GuestKind::Lxc => "rootdir",
    }
}

fn disk_row(state: &State, storage: &Storage, guest: &Guest, disk: &GuestDisk) -> Value {
    let mut row = json!({
        "volid": volume_id(state, guest, disk), "vmid": guest.vmid, "size": disk.size_bytes,
        "content": kind_of(guest), "format": "raw", "ctime": unix(guest.created_at),
    });
    if storage.keeps_files() {
        row["format"] = disk.format.as_str().into();
        row["used"] = disks::used(disk).into();
        row["parent"] = disk.base.clone().into();
    }
    row
}

fn volume_row(id: &str, storage: &Storage, volume: &Volume) -> Value {
    let mut row = json!({
        "volid": id, "content": volume.content, "format": volume.format,
        "size": volume.size_bytes, "ctime": unix(volume.created_at),
    });
    if let Some(vmid) = owner(volume) {
        row["vmid"] = vmid.into();
    }
    match volume.content.as_str() {
        "backup" => {
            let container = volume.name.contains("vzdump-lxc-");
            row["subtype"] = if container { "lxc" } else { "qemu" }.into();
        }
        "images" if storage.keeps_files() => {
            row["used"] = 0.into();
            row["parent"] = Value::Null;
        }
        _ => {}
    }
    // Lists show the first line only.
    if let Some(line) = volume
        .notes
        .as_deref()
        .and_then(|notes| notes.lines().next())
    {
        row["notes"] = line.into();
    }
    if volume.protected {
        row["protected"] = 1.into();
    }
    row
}

/// The guest that a backup or a disk belongs to, by the volume's name.
pub(super) fn owner(volume: &Volume) -> Option<u32> {
    owner_of(&volume.name)
}

pub(super) fn owner_of(name: &str) -> Option<u32> {
    let file = name.rsplit('/').next()?;
    let rest = ["vzdump-qemu-", "vzdump-lxc-", "vm-", "base-", "subvol-"]
        .iter()
        .find_map(|prefix| file.strip_prefix(prefix))?;
    rest.split('-').next()?.parse().ok()
}

/// `GET …/content/{volume}`.
fn one(call: &Call<'_>) -> Result<Answer> {
    let (id, name) = in_path(call, "volume")?;
    let node = call.node();
    call.cluster.world().read(|state| {
        let storage = place(state, call)?;
        let volid = format!("{id}:{name}");
        if let Some(volume) = storage.volume(&name, &node) {
            // Files take whole sectors and blocks.
            let round = |to: u64| volume.size_bytes.div_ceil(to) * to;
            let mut data = json!({
                "path": file_path(storage, volume), "format": "raw",
                "size": round(512), "used": round(4096),
            });
            if ["qcow2", "vmdk"].contains(&volume.format.as_str()) {
                data["format"] = volume.format.as_str().into();
            }
            if let Some(notes) = &volume.notes {
                data["notes"] = notes.as_str().into();
            }
            if volume.protected {
                data["protected"] = 1.into();
            }
            return Ok(data.into());
        }
        let disk = disk(state, &volid).ok_or_else(|| {
            ApiError::die(format!("volume_size_info on '{volid}' failed - no format"))
        })?;
        let (guest, disk) = disk;
        Ok(json!({
            "path": disks::path(storage, guest.vmid, disk), "size": disk.size_bytes,
            "used": disks::used(disk),
            "format": if storage.keeps_files() { disk.format.as_str() } else { "raw" },
        })
        .into())
    })
}

/// A guest's disk by its full id.
pub(super) fn disk<'s>(state: &'s State, volid: &str) -> Option<(&'s Guest, &'s GuestDisk)> {
    let guests = state.guests.iter();
    let mut all = guests.flat_map(|guest| guest.volumes().map(move |disk| (guest, disk)));
    all.find(|(guest, disk)| volume_id(state, guest, disk) == volid)
}

/// `PUT …/content/{volume}`: notes and protection. That a file is not there is
/// no error.
fn annotate(call: &Call<'_>) -> Result<Answer> {
    let (id, name) = in_path(call, "volume")?;
    let node = call.node();
    need_allocate(call, &id)?;
    call.cluster.world().change(|state| {
        place(state, call)?;
        let storage = state.storage_mut(&id);
        let shared = storage.as_ref().is_some_and(|s| s.shared);
        let volumes = storage.map(|s| &mut s.volumes);
        let found = volumes.and_then(|all| {
            all.iter_mut()
                .find(|v| v.name == name && (shared || v.host == node))
        });
        let Some(volume) = found else {
            return Ok(Value::Null.into());
        };
        if volume.content != "backup" {
            let what = if call.params.contains_key("notes") {
                "notes"
            } else {
                "protection"
            };
            let text = format!("attribute '{what}' is not supported for volume '{id}:{name}'");
            return Err(ApiError::die(text));
        }
        if let Some(notes) = call.text("notes") {
            volume.notes = (!notes.is_empty()).then_some(notes);
        }
        if call.params.contains_key("protected") {
            volume.protected = call.flag("protected");
        }
        Ok(Value::Null.into())
    })
}

fn need_allocate(call: &Call<'_>, storage: &str) -> Result<()> {
    call.need(&format!("/storage/{storage}"), "Datastore.Allocate")
}

/// `DELETE …/content/{volume}`: a task, unless it ends within the delay.
fn remove(call: &Call<'_>) -> Result<Answer> {
    let (id, name) = in_path(call, "volume")?;
    let node = call.node();
    let owner = owner_of(&name);
    let own =
        |privilege: &str| owner.is_some_and(|vmid| call.may(&format!("/vms/{vmid}"), privilege));
    // Who may make backups of a guest may remove them.
    let backup = name.starts_with("backup/")
        && own("VM.Backup")
        && call.may(&format!("/storage/{id}"), "Datastore.AllocateSpace");
    if !backup {
        need_allocate(call, &id)?;
    }
    let missing = call.cluster.world().read(|state| {
        let storage = place(state, call)?;
        let volid = format!("{id}:{name}");
        let there = storage.volume(&name, &node).is_some() || disk(state, &volid).is_some();
        let file = name.split_once('/').filter(|_| storage.keeps_files());
        Ok(file.filter(|_| !there).map(|(content, file)| {
            let folder = storage.path();
            format!(
                "disk image '{folder}/{}/{file}' does not exist",
                Storage::folder(content)
            )
        }))
    })?;
    let lines = missing
        .into_iter()
        .chain([format!("Removed volume '{id}:{name}'")]);
    let task_id = match owner {
        Some(vmid) => format!("{vmid}@{id}"),
        None => id.clone(),
    };
    if call.params.contains_key("delay") {
        call.cluster
            .world()
            .change(|state| erase(state, &id, &name, &node))
            .map_err(ApiError::die)?;
        return Ok(Value::Null.into());
    }
    let protected = (id.clone(), name.clone(), node.clone());
    let job = Job::new(call, "imgdel", task_id, move |state| {
        erase(state, &id, &name, &node)
    });
    let job = job.first(move |state| {
        let (id, name, node) = protected;
        match state
            .storage(&id, &node)
            .and_then(|s| s.volume(&name, &node))
        {
            Some(volume) if volume.protected => Err(protected_text(&id, &name)),
            _ => Ok(()),
        }
    });
    Ok(job.lines(lines).start(call))
}

fn protected_text(storage: &str, name: &str) -> String {
    format!("can't remove protected volume '{storage}:{name}'")
}

/// Takes a file or a guest's volume away. One that is not there is no error.
fn erase(state: &mut State, id: &str, name: &str, node: &str) -> std::result::Result<(), String> {
    let storage = state.storage(id, node);
    if storage
        .and_then(|s| s.volume(name, node))
        .is_some_and(|v| v.protected)
    {
        return Err(protected_text(id, name));
    }
    if let Some(storage) = state.storage_mut(id) {
        storage.forget(name, node);
    }
    let found = disk(state, &format!("{id}:{name}")).map(|(g, d)| (g.vmid, d.slot.clone()));
    if let Some((vmid, slot)) = found
        && let Some(guest) = state.guest_mut(vmid)
    {
        guest.disks.retain(|disk| disk.slot != slot);
        guest.side_disks.retain(|disk| disk.slot != slot);
    }
    Ok(())
}

/// `GET …/import-metadata`: what a guest would become that is made from an
/// appliance. The volume comes without its storage, which would be taken for a
/// part of the name.
fn import_metadata(call: &Call<'_>) -> Result<Answer> {
    let id = call.text("storage").unwrap_or_default();
    let name = call.text("volume").unwrap_or_default();
    let node = call.node();
    call.cluster.world().read(|state| {
        let storage = place(state, call)?;
        if !name.starts_with("import/") {
            let text = format!("unable to parse directory volume name '{name}'");
            return Err(ApiError::die(text));
        }
        let missing = || ApiError::die(format!("volume '{id}:{name}' does not exist"));
        let volume = storage.volume(&name, &node).ok_or_else(missing)?;
        if volume.format != "ova" {
            let text =
                format!("storage '{id}' with type 'dir' does not support import of '{name}'");
            return Err(ApiError::die(text));
        }
        let volid = format!("{id}:{name}/disk.vmdk");
        Ok(json!({
            "type": "vm", "source": "manual",
            "create-args": {
                "name": name.trim_start_matches("import/").trim_end_matches(".ova"),
                "memory": "2048", "cores": 2,
            },
            "disks": { "scsi0": { "volid": volid, "size": volume.size_bytes } },
            "net": Map::new(), "warnings": [],
        })
        .into())
    })
}

/// Takes away a guest's volumes that stand in a storage's own list as well.
pub(super) fn forget_volumes(state: &mut State, guest: &Guest) {
    let ids: Vec<_> = guest
        .volumes()
        .map(|disk| (disk.storage.clone(), volume_id(state, guest, disk)))
        .collect();
    for (storage, id) in ids {
        if let (Some(storage), Some((_, name))) = (state.storage_mut(&storage), id.split_once(':'))
        {
            storage.forget(name, &guest.host);
        }
    }
}

const SPACE: Access = Access::Any("/storage/{storage}", &["Datastore.AllocateSpace"]);
const LOOK: Access = Access::Any(
    "/storage/{storage}",
    &["Datastore.Audit", "Datastore.AllocateSpace"],
);
const ALLOCATE: &[Param] = &[
    required("filename", Kind::Text),
    required("size", Kind::Format(content_made::image_size)),
    required("vmid", Kind::Vmid),
    optional("format", Kind::Word(&["raw", "qcow2", "subvol", "vmdk"])),
];

pub(super) const ROUTES: &[Route] = &[
    get("/nodes/{node}/storage/{storage}/content", LOOK, list).with(&[
        optional("content", Kind::Text),
        optional("vmid", Kind::Vmid),
    ]),
    get(
        "/nodes/{node}/storage/{storage}/content",
        SPACE,
        content_made::allocate,
    )
    .method("POST")
    .with(ALLOCATE),
    get(
        "/nodes/{node}/storage/{storage}/content/{volume}",
        Access::User,
        one,
    ),
    get(
        "/nodes/{node}/storage/{storage}/content/{volume}",
        Access::User,
        annotate,
    )
    .method("PUT")
    .with(&[
        optional("notes", Kind::Text),
        optional("protected", Kind::Bool),
    ]),
    get(
        "/nodes/{node}/storage/{storage}/content/{volume}",
        Access::User,
        remove,
    )
    .method("DELETE")
    .with(&[optional("delay", Kind::Int { min: 1 })]),
    get(
        "/nodes/{node}/storage/{storage}/content/{volume}",
        Access::User,
        content_made::copy,
    )
    .method("POST")
    .with(&[
        required("target", Kind::Text),
        optional("target_node", Kind::Text),
    ]),
    get(
        "/nodes/{node}/storage/{storage}/import-metadata",
        LOOK,
        import_metadata,
    )
    .with(&[required("volume", Kind::Text)]),
];

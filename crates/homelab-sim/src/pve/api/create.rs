//! `POST /nodes/{node}/qemu`: a new VM. Templates, clones: see `copies`.

use super::super::answer::{Answer, ApiError, Result};
use super::super::config_keys::{schema, write};
use super::super::operation::Job;
use super::super::params::{Kind, Param, optional, required};
use super::super::router::{Access, Call, Route, get};
use super::{config, lifecycle, pools, restore};
use crate::world::{Guest, GuestKind, State, derive};

fn qemu(call: &Call<'_>) -> Result<Answer> {
    let vmid = call.vmid();
    call.need_quorum()?;
    if !call.may(&format!("/vms/{vmid}"), "VM.Allocate") {
        return Err(ApiError::raise(403, "Permission check failed\n"));
    }
    let keys = config::given(call, GuestKind::Qemu);
    config::check_rights(call, &format!("/vms/{vmid}"), &keys)?;
    if let Some(archive) = call.text("archive") {
        return restore::restore(call, GuestKind::Qemu, &archive);
    }
    pools::check(call)?;
    let (node, now, pool) = (call.node(), call.cluster.world().now(), call.text("pool"));
    let (guest, log) = call.cluster.world().read(|state| {
        refuse_taken(state, vmid, GuestKind::Qemu, "create")?;
        let mut guest = Guest::new(vmid, &node, GuestKind::Qemu, now);
        guest.smbios_uuid = derive::uuid(state.seed, &format!("vm/{vmid}/{}", state.tasks.len()));
        let mut log = Vec::new();
        for (key, value) in &keys {
            write::set(state, &mut guest, key, value, &mut log)?;
        }
        Ok((guest, log))
    })?;
    let start = call.flag("start");
    let bytes = guest.disks.iter().map(|disk| disk.size_bytes).sum();
    let copied = log.iter().any(|line| line.starts_with("transferred"));
    let job = Job::new(call, "qmcreate", vmid, move |state| {
        if let Some(guest) = state.guest_mut(vmid) {
            guest.lock = None;
        }
        pools::enter(state, pool.as_deref(), vmid);
        if start {
            lifecycle::power_on(state, vmid)?;
        }
        Ok(())
    });
    let made = Guest {
        lock: Some("create".into()),
        ..guest
    };
    let job = job
        .lines(log)
        .first(move |state| {
            state
                .guest_add(made)
                .map_err(|_| taken(state, vmid, GuestKind::Qemu, "create"))
        })
        .undo(move |state| drop(state.guest_remove(vmid)))
        .carries(
            if copied { bytes } else { 0 },
            call.cluster.0.options.copy_bytes_per_second,
        );
    Ok(job.start(call))
}

/// Fails when a guest's number is taken.
pub(super) fn refuse_taken(state: &State, vmid: u32, kind: GuestKind, what: &str) -> Result<()> {
    match state.guest(vmid) {
        Some(_) => Err(ApiError::die(taken(state, vmid, kind, what))),
        None => Ok(()),
    }
}

/// What PVE says about a number that is taken.
pub(super) fn taken(state: &State, vmid: u32, kind: GuestKind, what: &str) -> String {
    let guest = state.guest(vmid);
    let (new, old) = (kind.noun(), guest.map_or(kind, |g| g.kind).noun());
    let host = guest.map_or("", |g| g.host.as_str());
    format!("unable to {what} {new} {vmid} - {old} {vmid} already exists on node '{host}'")
}

const CREATE: &[Param] = &[
    required("vmid", Kind::Vmid),
    optional("archive", Kind::Text),
    optional("bwlimit", Kind::Int { min: 0 }),
    optional("force", Kind::Bool),
    optional("import-working-storage", Kind::Text),
    optional("live-restore", Kind::Bool),
    optional("pool", Kind::Text),
    optional("start", Kind::Bool),
    optional("storage", Kind::Text),
    optional("unique", Kind::Bool),
];

pub(super) const ROUTES: &[Route] = &[get("/nodes/{node}/qemu", Access::User, qemu)
    .method("POST")
    .with(CREATE)
    .and(schema::qemu)];

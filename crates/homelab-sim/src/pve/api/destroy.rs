//! `DELETE /nodes/{node}/{qemu,lxc}/{vmid}`: a guest and its volumes go.

use super::super::answer::{Answer, ApiError, Result};
use super::super::config_keys::read;
use super::super::operation::Job;
use super::super::params::{Kind, Param, optional};
use super::super::router::{Access, Call, Route, get};
use super::{config, content, guests, ha, pools};
use crate::world::{Guest, GuestKind, State};

fn destroy(call: &Call<'_>, kind: GuestKind) -> Result<Answer> {
    let (node, vmid, purge) = (call.node(), call.vmid(), call.flag("purge"));
    config::check_rights(call, "", &[])?;
    let force = kind == GuestKind::Lxc && call.flag("force");
    call.cluster.world().read(|state| {
        let guest = guests::find(state, call, kind)?;
        refuse(guest, force).map_err(ApiError::die)?;
        if ha::resource(state, guest).is_some() && !purge {
            return Err(ApiError::die(format!(
                "unable to remove {} {vmid} - used in HA resources and purge parameter not set.",
                kind.noun()
            )));
        }
        Ok(())
    })?;
    let lines = purge.then(|| {
        format!(
            "purging {} {vmid} from related configurations..",
            kind.noun()
        )
    });
    let task = if kind == GuestKind::Qemu {
        "qmdestroy"
    } else {
        "vzdestroy"
    };
    let job = Job::new(call, task, vmid, move |state| {
        let missing = || guests::missing(&node, vmid, kind);
        let here = |g: &&Guest| g.host == node && g.kind == kind;
        let guest = state.guest(vmid).filter(here).ok_or_else(missing)?;
        refuse(guest, force)?;
        if let Some(text) = guests::locked(guest) {
            return Err(text);
        }
        in_use(state, guest)?;
        let gone = state
            .guest_remove(vmid)
            .map_err(|e| e.message().to_owned())?;
        content::forget_volumes(state, &gone);
        pools::leave(state, vmid);
        if purge {
            forget(state, vmid);
        }
        Ok(())
    });
    Ok(job.lines(lines).start(call))
}

fn refuse(guest: &Guest, force: bool) -> std::result::Result<(), String> {
    let (word, vmid) = (guest.kind.noun(), guest.vmid);
    if guest.extra.get("protection").is_some_and(|v| v == "1") {
        return Err(format!(
            "can't remove {word} {vmid} - protection mode enabled"
        ));
    }
    if guest.running() && !force {
        return Err(match guest.kind {
            GuestKind::Qemu => format!("VM {vmid} is running - destroy failed"),
            GuestKind::Lxc => format!("unable to destroy CT {vmid} - container is running"),
        });
    }
    Ok(())
}

/// The volumes of a template stay as long as a linked clone is based on them.
fn in_use(state: &State, guest: &Guest) -> std::result::Result<(), String> {
    for disk in guest.volumes() {
        let id = read::volume_id(state, guest, disk);
        let Some((storage, name)) = id.split_once(':') else {
            continue;
        };
        let based = |other: &&Guest| {
            let mut volumes = other.volumes();
            volumes.any(|d| d.storage == storage && d.base.as_deref() == Some(name))
        };
        if state.guests.iter().any(|other| based(&other)) {
            return Err(format!(
                "base volume '{id}' is still in use by linked cloned"
            ));
        }
    }
    Ok(())
}

/// Nothing refers to the guest any more.
fn forget(state: &mut State, vmid: u32) {
    let own = |sid: &String| {
        sid.split_once(':')
            .is_some_and(|(_, id)| id == vmid.to_string())
    };
    state.ha.resources.retain(|resource| !own(&resource.sid));
    for rule in &mut state.ha.rules {
        rule.resources.retain(|sid| !own(sid));
    }
    state.ha.rules.retain(|rule| !rule.resources.is_empty());
}

fn qemu(call: &Call<'_>) -> Result<Answer> {
    destroy(call, GuestKind::Qemu)
}

fn lxc(call: &Call<'_>) -> Result<Answer> {
    destroy(call, GuestKind::Lxc)
}

const OPTIONS: &[Param] = &[
    optional("destroy-unreferenced-disks", Kind::Bool),
    optional("purge", Kind::Bool),
    optional("skiplock", Kind::Bool),
];
const LXC_OPTIONS: &[Param] = &[
    optional("destroy-unreferenced-disks", Kind::Bool),
    optional("force", Kind::Bool),
    optional("purge", Kind::Bool),
];
const ALLOCATE: Access = Access::Any("/vms/{vmid}", &["VM.Allocate"]);

pub(super) const ROUTES: &[Route] = &[
    get("/nodes/{node}/qemu/{vmid}", ALLOCATE, qemu)
        .method("DELETE")
        .with(OPTIONS),
    get("/nodes/{node}/lxc/{vmid}", ALLOCATE, lxc)
        .method("DELETE")
        .with(LXC_OPTIONS),
];

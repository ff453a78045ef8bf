//! `…/status/{start,stop,shutdown,reset,reboot}` of guests.
//!
//! Most mistakes of the caller fail in the task, after an answer of 200: a
//! guest that is not there, is locked, or runs already. A few fail at once.

use super::super::answer::{Answer, ApiError, Result};
use super::super::config_keys::write;
use super::super::operation::{self, Job, Work};
use super::super::params::{Kind, Param, optional};
use super::super::router::{Access, Call, Route, get};
use super::{button, config, guests, ha};
use crate::world::{Guest, GuestKind, State};

/// What is to be done to a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Start,
    Stop,
    Shutdown,
    Reset,
    Reboot,
    Suspend,
    Resume,
}

impl Action {
    fn word(self) -> &'static str {
        match self {
            Action::Start => "start",
            Action::Stop => "stop",
            Action::Shutdown => "shutdown",
            Action::Reset => "reset",
            Action::Reboot => "reboot",
            Action::Suspend => "pause",
            Action::Resume => "resume",
        }
    }
}

fn run(call: &Call<'_>, kind: GuestKind, action: Action) -> Result<Answer> {
    if action == Action::Start {
        call.need_quorum()?;
    }
    config::check_rights(call, "", &[])?;
    let managed = call.cluster.world().read(|state| {
        let guest = guests::find(state, call, kind).ok();
        refuse_at_once(call, kind, action, guest)?;
        Ok(guest.and_then(|guest| ha::managed(state, guest)))
    })?;
    if let Some(sid) = managed
        && matches!(action, Action::Start | Action::Stop | Action::Shutdown)
    {
        return Ok(through_ha(call, sid, action));
    }
    Ok(directly(call, kind, action))
}

/// Presses the power button of a guest, whoever manages it.
pub(in super::super) fn switch_off(call: &Call<'_>, kind: GuestKind) -> Answer {
    directly(call, kind, Action::Shutdown)
}

fn directly(call: &Call<'_>, kind: GuestKind, action: Action) -> Answer {
    let (node, vmid) = (call.node(), call.vmid());
    let prefix = if kind == GuestKind::Qemu { "qm" } else { "vz" };
    if matches!(action, Action::Shutdown | Action::Reboot)
        && call
            .cluster
            .world()
            .read(|state| button::reaches(state, vmid))
    {
        return button::press(call, kind, action == Action::Reboot);
    }
    let work: Work = Box::new(move |state| apply(state, &node, vmid, kind, action));
    let word = match (kind, action) {
        (GuestKind::Lxc, Action::Suspend) => "suspend",
        (_, action) => action.word(),
    };
    let kind = format!("{prefix}{word}");
    operation::start(call, &kind, &vmid.to_string(), work)
}

/// What real hosts check before they start a task.
fn refuse_at_once(
    call: &Call<'_>,
    kind: GuestKind,
    action: Action,
    guest: Option<&Guest>,
) -> Result<()> {
    let vmid = call.vmid();
    let running = guest.is_some_and(Guest::running);
    match (kind, action, running) {
        (_, Action::Reset | Action::Reboot | Action::Suspend | Action::Resume, _)
        | (GuestKind::Lxc, _, _)
            if guest.is_none() =>
        {
            Err(ApiError::die(guests::missing(&call.node(), vmid, kind)))
        }
        (
            GuestKind::Qemu,
            Action::Reset | Action::Reboot | Action::Suspend | Action::Resume,
            false,
        ) => Err(ApiError::die(format!("VM {vmid} not running"))),
        (GuestKind::Qemu, Action::Shutdown, true)
            if guest.is_some_and(|g| g.paused) && !call.flag("forceStop") =>
        {
            Err(ApiError::die("VM is paused - cannot shutdown"))
        }
        (GuestKind::Lxc, Action::Start, true) => {
            Err(ApiError::die(format!("CT {vmid} already running")))
        }
        (GuestKind::Lxc, Action::Start, false) | (_, _, true) | (GuestKind::Qemu, _, _) => Ok(()),
        (GuestKind::Lxc, _, false) => Err(ApiError::die(format!("CT {vmid} not running"))),
    }
}

/// What the task does when its time has come.
pub(super) fn apply(
    state: &mut State,
    node: &str,
    vmid: u32,
    kind: GuestKind,
    action: Action,
) -> std::result::Result<(), String> {
    let guest = state
        .guest(vmid)
        .filter(|g| g.host == node && g.kind == kind);
    let guest = guest.ok_or_else(|| guests::missing(node, vmid, kind))?;
    let what = kind.noun();
    // Suspended to disk: that is what a start or a stop is for.
    let hibernated = guest.lock.as_deref() == Some("suspended");
    if let Some(text) = guests::locked(guest).filter(|_| !hibernated) {
        return Err(text);
    }
    let running = guest.running();
    if action == Action::Start {
        if guest.template {
            return Err("you can't start a vm if it's a template".into());
        }
        if running {
            return Err(format!("{what} {vmid} already running"));
        }
    }
    // Stopping what does not run is fine.
    let result = match action {
        Action::Start => return power_on(state, vmid),
        Action::Stop | Action::Shutdown if !running => Ok(()),
        Action::Stop | Action::Shutdown => state.guest_stop(vmid),
        // A reset is none of QEMU's business: changes go on waiting.
        Action::Reset => state
            .guest_stop(vmid)
            .and_then(|()| state.guest_start(vmid)),
        Action::Reboot => {
            state.guest_stop(vmid).map_err(|e| e.message().to_owned())?;
            return power_on(state, vmid);
        }
        Action::Suspend => state.guest_pause(vmid, true),
        Action::Resume => state.guest_pause(vmid, false),
    };
    result.map_err(|e| e.message().to_owned())
}

/// A cold start: what waited for it comes true.
pub(super) fn power_on(state: &mut State, vmid: u32) -> std::result::Result<(), String> {
    write::apply_pending(state, vmid);
    state
        .guest_start(vmid)
        .map_err(|e| e.message().to_owned())?;
    if let Some(guest) = state.guest_mut(vmid)
        && guest.lock.as_deref() == Some("suspended")
    {
        guest.lock = None;
    }
    Ok(())
}

/// `POST …/status/suspend`: halts the CPUs, or with `todisk` saves the memory
/// and powers off.
pub(super) fn qemu_suspend(call: &Call<'_>) -> Result<Answer> {
    if !call.flag("todisk") {
        return run(call, GuestKind::Qemu, Action::Suspend);
    }
    let (node, vmid) = (call.node(), call.vmid());
    call.cluster.world().read(|state| {
        let guest = guests::find(state, call, GuestKind::Qemu)?;
        refuse_at_once(call, GuestKind::Qemu, Action::Suspend, Some(guest))
    })?;
    let bytes = call
        .cluster
        .world()
        .read(|state| state.guest(vmid).map_or(0, |guest| guest.memory_bytes));
    let job = Job::new(call, "qmsuspend", vmid, move |state| {
        state.guest_stop(vmid).map_err(|e| e.message().to_owned())?;
        if let Some(guest) = state.guest_mut(vmid) {
            guest.lock = Some("suspended".into());
        }
        Ok(())
    });
    let job = job
        .first(move |state| lock(state, &node, (GuestKind::Qemu, vmid), "suspending"))
        .undo(move |state| unlock(state, vmid))
        .carries(bytes, call.cluster.0.options.copy_bytes_per_second);
    Ok(job.start(call))
}

/// Locks a guest for an operation, unless another holds it.
pub(super) fn lock(
    state: &mut State,
    node: &str,
    (kind, vmid): (GuestKind, u32),
    lock: &str,
) -> std::result::Result<(), String> {
    let here = |g: &&mut Guest| g.host == node && g.kind == kind;
    let missing = || guests::missing(node, vmid, kind);
    let guest = state.guest_mut(vmid).filter(here).ok_or_else(missing)?;
    if let Some(text) = guests::locked(guest) {
        return Err(text);
    }
    guest.lock = Some(lock.to_owned());
    Ok(())
}

/// Ends what [`lock`] began.
pub(super) fn unlock(state: &mut State, vmid: u32) {
    if let Some(guest) = state.guest_mut(vmid) {
        guest.lock = None;
    }
}

/// A guest under HA: the task only leaves a request for the manager, which
/// acts some seconds later.
fn through_ha(call: &Call<'_>, sid: String, action: Action) -> Answer {
    let (kind, wanted) = match action {
        Action::Start => ("hastart", "started"),
        _ => ("hastop", "stopped"),
    };
    let work: Work = Box::new(move |state| {
        if let Some(resource) = state.ha.resources.iter_mut().find(|r| r.sid == sid) {
            wanted.clone_into(&mut resource.state);
        }
        state.ha.errors.retain(|other| *other != sid);
        Ok(())
    });
    operation::start(call, kind, &call.vmid().to_string(), work)
}

macro_rules! actions {
    ($($name:ident: $kind:ident $action:ident,)*) => {
        $(pub(super) fn $name(call: &Call<'_>) -> Result<Answer> {
            run(call, GuestKind::$kind, Action::$action)
        })*
    };
}

actions! {
    qemu_start: Qemu Start,
    qemu_stop: Qemu Stop,
    qemu_shutdown: Qemu Shutdown,
    qemu_reset: Qemu Reset,
    qemu_reboot: Qemu Reboot,
    qemu_resume: Qemu Resume,
    lxc_start: Lxc Start,
    lxc_stop: Lxc Stop,
    lxc_shutdown: Lxc Shutdown,
    lxc_reboot: Lxc Reboot,
    lxc_suspend: Lxc Suspend,
    lxc_resume: Lxc Resume,
}

const START: &[Param] = &[
    optional("skiplock", Kind::Bool),
    optional("timeout", Kind::Int { min: 0 }),
    optional("machine", Kind::Text),
    optional("force-cpu", Kind::Text),
    optional("migratedfrom", Kind::Text),
    optional("migration_network", Kind::Text),
    optional("migration_type", Kind::Word(&["secure", "insecure"])),
    optional("nets-host-mtu", Kind::Text),
    optional("stateuri", Kind::Text),
    optional("targetstorage", Kind::Text),
    optional("with-conntrack-state", Kind::Bool),
];
const STOP: &[Param] = &[
    optional("skiplock", Kind::Bool),
    optional("timeout", Kind::Int { min: 0 }),
    optional("keepActive", Kind::Bool),
    optional("migratedfrom", Kind::Text),
    optional("overrule-shutdown", Kind::Bool),
];
const SHUTDOWN: &[Param] = &[
    optional("skiplock", Kind::Bool),
    optional("timeout", Kind::Int { min: 0 }),
    optional("keepActive", Kind::Bool),
    optional("forceStop", Kind::Bool),
];
const LXC_SHUTDOWN: &[Param] = &[
    optional("timeout", Kind::Int { min: 0 }),
    optional("forceStop", Kind::Bool),
];
const TIMEOUT: &[Param] = &[optional("timeout", Kind::Int { min: 0 })];
const SKIP_LOCK: &[Param] = &[optional("skiplock", Kind::Bool)];
const SUSPEND: &[Param] = &[
    optional("skiplock", Kind::Bool),
    optional("statestorage", Kind::Text),
    optional("todisk", Kind::Bool),
];
const RESUME: &[Param] = &[
    optional("skiplock", Kind::Bool),
    optional("nocheck", Kind::Bool),
];
const LXC_START: &[Param] = &[
    optional("skiplock", Kind::Bool),
    optional("debug", Kind::Bool),
];
const LXC_STOP: &[Param] = &[
    optional("skiplock", Kind::Bool),
    optional("overrule-shutdown", Kind::Bool),
];

const fn post(
    path: &'static str,
    run: fn(&Call<'_>) -> Result<Answer>,
    params: &'static [Param],
) -> Route {
    get(path, Access::Any("/vms/{vmid}", &["VM.PowerMgmt"]), run)
        .method("POST")
        .with(params)
}

pub(super) const ROUTES: &[Route] = &[
    post("/nodes/{node}/qemu/{vmid}/status/start", qemu_start, START),
    post("/nodes/{node}/qemu/{vmid}/status/stop", qemu_stop, STOP),
    post(
        "/nodes/{node}/qemu/{vmid}/status/shutdown",
        qemu_shutdown,
        SHUTDOWN,
    ),
    post(
        "/nodes/{node}/qemu/{vmid}/status/reset",
        qemu_reset,
        SKIP_LOCK,
    ),
    post(
        "/nodes/{node}/qemu/{vmid}/status/reboot",
        qemu_reboot,
        TIMEOUT,
    ),
    post(
        "/nodes/{node}/qemu/{vmid}/status/suspend",
        qemu_suspend,
        SUSPEND,
    ),
    post(
        "/nodes/{node}/qemu/{vmid}/status/resume",
        qemu_resume,
        RESUME,
    ),
    post(
        "/nodes/{node}/lxc/{vmid}/status/start",
        lxc_start,
        LXC_START,
    ),
    post("/nodes/{node}/lxc/{vmid}/status/stop", lxc_stop, LXC_STOP),
    post(
        "/nodes/{node}/lxc/{vmid}/status/shutdown",
        lxc_shutdown,
        LXC_SHUTDOWN,
    ),
    post(
        "/nodes/{node}/lxc/{vmid}/status/reboot",
        lxc_reboot,
        TIMEOUT,
    ),
    post("/nodes/{node}/lxc/{vmid}/status/suspend", lxc_suspend, &[]),
    post("/nodes/{node}/lxc/{vmid}/status/resume", lxc_resume, &[]),
];

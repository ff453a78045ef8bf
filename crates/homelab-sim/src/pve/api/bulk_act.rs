//! What a bulk action does to one guest: whether there is anything to do, the
//! call that does it, and the words for it.

use super::super::answer::{Answer, Result};
use super::super::call::Call;
use super::super::config_keys::property;
use super::super::params::Params;
use super::{lifecycle, migrate};
use crate::world::{Guest, GuestKind};

/// What happens to each of them.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// All, or only those that start with their host.
    Start { onboot: bool },
    /// Their power button is pressed; what runs on after so many seconds loses
    /// power if `force` says so, and `told` whether somebody asked for that.
    Shutdown {
        timeout: u64,
        force: bool,
        told: bool,
    },
    /// Their CPUs are halted, or their memory is saved and they are off.
    Suspend { to_disk: bool },
    /// They move to another host.
    Migrate {
        target: String,
        online: bool,
        with_local_disks: bool,
    },
}

/// Why nothing happens to a guest.
pub(super) enum Skip {
    /// Not worth a word.
    Silent,
    /// Worth a line.
    Line(String),
    /// Worth a warning.
    Warning(String),
}

/// The call for one guest.
pub(super) struct Asked {
    /// What the log says about it.
    pub(super) line: String,
    pub(super) params: Params,
    pub(super) run: fn(&Call<'_>) -> Result<Answer>,
}

impl Act {
    /// The task of it, for the guests of all hosts or of one.
    pub(super) fn task(&self, everywhere: bool) -> &'static str {
        match (self, everywhere) {
            (Act::Start { .. }, true) => "bulk-start",
            (Act::Shutdown { .. }, true) => "bulk-shutdown",
            (Act::Suspend { .. }, true) => "bulk-suspend",
            (Act::Migrate { .. }, true) => "bulk-migrate",
            (Act::Start { .. }, false) => "startall",
            (Act::Shutdown { .. }, false) => "stopall",
            (Act::Suspend { .. }, false) => "suspendall",
            (Act::Migrate { .. }, false) => "migrateall",
        }
    }

    /// What the task begins with.
    pub(super) fn head(&self, vmids: &[u32]) -> String {
        let (verb, to) = match self {
            Act::Start { .. } => ("Starting", String::new()),
            Act::Shutdown { .. } => ("Shutting down", String::new()),
            Act::Suspend { .. } => ("Suspending", String::new()),
            Act::Migrate { target, .. } => ("Migrating", format!(" to {target}")),
        };
        if vmids.is_empty() {
            format!("{verb} all guests{to}")
        } else {
            format!("{verb} guests{to}: {}", list(vmids))
        }
    }

    /// What the task ends with when it did not work for these.
    pub(super) fn failed(&self, vmids: &[u32]) -> String {
        let verb = match self {
            Act::Start { .. } => "start:",
            Act::Shutdown { .. } => "shutdown",
            Act::Suspend { .. } => "suspend",
            Act::Migrate { .. } => "migrate",
        };
        format!("Some guests failed to {verb} {}", list(vmids))
    }

    /// What the log calls it when it fails for a guest.
    pub(super) fn doing(&self) -> &'static str {
        match self {
            Act::Start { .. } => "Starting",
            Act::Migrate { .. } => "Migrating",
            Act::Shutdown { .. } | Act::Suspend { .. } => "Stopping",
        }
    }

    /// Why there is nothing to do to a guest, if so.
    pub(super) fn skips(&self, guest: &Guest, everywhere: bool) -> Option<Skip> {
        let (vmid, running) = (guest.vmid, guest.running());
        let what = named(guest);
        let warning = |why: &str| Some(Skip::Warning(format!("Skipping {what}, {why}.")));
        match self {
            Act::Start { .. } if !running || (guest.paused && everywhere) => None,
            Act::Start { .. } if everywhere => warning("already running"),
            Act::Shutdown { .. } if !running && everywhere => warning("not running"),
            Act::Shutdown { told: false, .. } if guest.paused && everywhere => {
                warning("resume paused VM before shutdown")
            }
            Act::Suspend { .. } if guest.kind == GuestKind::Lxc => {
                let text = format!("skipping {vmid}, only VMs can be suspended");
                Some(Skip::Warning(text))
            }
            Act::Suspend { .. } if !running && everywhere => warning("not running"),
            Act::Suspend { .. } if !running => {
                let text = format!("{what} not running, skipping suspension");
                Some(Skip::Line(text))
            }
            Act::Migrate { target, .. } if guest.host == *target => {
                let text = format!("{what} already on {target}, skipping.");
                Some(Skip::Warning(text))
            }
            Act::Start { .. } => Some(Skip::Silent),
            Act::Shutdown { .. } if !running => Some(Skip::Silent),
            _ => None,
        }
    }

    /// The call that does it to a guest. `managed` leaves guests under HA to
    /// their manager.
    pub(super) fn ask(&self, guest: &Guest, everywhere: bool, managed: bool) -> Asked {
        let what = named(guest);
        let mut params = Params::new();
        let (run, line): (fn(&Call<'_>) -> Result<_>, _) = match (self, guest.kind) {
            (Act::Start { .. }, kind) => {
                let run = match (kind, guest.running()) {
                    (GuestKind::Qemu, false) => lifecycle::qemu_start,
                    (GuestKind::Qemu, true) => lifecycle::qemu_resume,
                    (GuestKind::Lxc, false) => lifecycle::lxc_start,
                    (GuestKind::Lxc, true) => lifecycle::lxc_resume,
                };
                (run, format!("Starting {what}"))
            }
            (Act::Shutdown { timeout, force, .. }, kind) => {
                let timeout = startup(guest, "down").unwrap_or(*timeout);
                params.insert("timeout".into(), timeout.into());
                params.insert("forceStop".into(), u8::from(*force).into());
                let run = match kind {
                    GuestKind::Qemu if managed => lifecycle::qemu_shutdown,
                    GuestKind::Lxc if managed => lifecycle::lxc_shutdown,
                    GuestKind::Qemu => switch_off_vm,
                    GuestKind::Lxc => switch_off_container,
                };
                let line = if everywhere {
                    format!("Shutting down {what} (Timeout = {timeout} seconds)")
                } else {
                    format!("Stopping {what} (timeout = {timeout} seconds)")
                };
                (run, line)
            }
            (Act::Suspend { to_disk }, _) => {
                params.insert("todisk".into(), u8::from(*to_disk).into());
                (lifecycle::qemu_suspend, format!("Suspending {what}"))
            }
            (
                Act::Migrate {
                    target,
                    online,
                    with_local_disks,
                },
                kind,
            ) => {
                params.insert("target".into(), target.clone().into());
                let run = if kind == GuestKind::Qemu {
                    let online = *online && (everywhere || guest.running());
                    params.insert("online".into(), u8::from(online).into());
                    let with = u8::from(*with_local_disks);
                    params.insert("with-local-disks".into(), with.into());
                    migrate::qemu_migrate
                } else {
                    params.insert("restart".into(), u8::from(*online).into());
                    migrate::lxc_migrate
                };
                (run, format!("Migrating {what}"))
            }
        };
        Asked { line, params, run }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "calls share one signature")]
fn switch_off_vm(call: &Call<'_>) -> Result<Answer> {
    Ok(lifecycle::switch_off(call, GuestKind::Qemu))
}

#[expect(clippy::unnecessary_wraps, reason = "calls share one signature")]
fn switch_off_container(call: &Call<'_>) -> Result<Answer> {
    Ok(lifecycle::switch_off(call, GuestKind::Lxc))
}

/// `VM 100`.
fn named(guest: &Guest) -> String {
    format!("{} {}", guest.kind.noun(), guest.vmid)
}

/// A number of a guest's `startup`: `order`, `up` or `down`.
pub(super) fn startup(guest: &Guest, key: &str) -> Option<u64> {
    let text = guest.extra.get("startup")?;
    property::parse(text, "order").get(key)?.parse().ok()
}

fn list(vmids: &[u32]) -> String {
    let texts: Vec<_> = vmids.iter().map(u32::to_string).collect();
    texts.join(", ")
}

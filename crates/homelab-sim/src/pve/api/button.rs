//! The power button of a guest: shutdown and reboot ask what runs in it, and
//! wait until it is off.
//!
//! Talos answers ACPI and the guest agent with its shutdown sequence, which
//! takes over from whatever else it does.

use std::time::Duration;

use super::super::answer::Answer;
use super::super::operation::Job;
use super::super::router::Call;
use super::lifecycle;
use crate::faults::Fault;
use crate::world::{Guest, GuestKind, State};

/// How long a guest is waited for unless the caller says.
const USUAL: Duration = Duration::from_secs(60);

/// Whether something runs in a guest that hears its power button.
pub(super) fn reaches(state: &State, vmid: u32) -> bool {
    let Some(guest) = state.guest(vmid).filter(|g| g.running() && !g.paused) else {
        return false;
    };
    let node = guest.node.as_deref().and_then(|name| state.node(name));
    guest.lock.is_none() && node.is_some_and(|node| node.reachable() && !state.frozen(&node.name))
}

/// Starts the task that presses the button and waits. A reboot starts the
/// guest again, with what waited for its next start.
pub(super) fn press(call: &Call<'_>, kind: GuestKind, again: bool) -> Answer {
    let (host, vmid) = (call.node(), call.vmid());
    let limit = call.number("timeout").map_or(USUAL, Duration::from_secs);
    let force = call.flag("forceStop");
    let word = if again { "reboot" } else { "shutdown" };
    let prefix = if kind == GuestKind::Qemu { "qm" } else { "vz" };
    let told = host.clone();
    let job = Job::new(call, &format!("{prefix}{word}"), vmid, move |state| {
        let running = |state: &State| state.guest(vmid).is_some_and(Guest::running);
        if running(state) {
            if !force {
                return Err("VM quit/powerdown failed - got timeout".into());
            }
            lifecycle::apply(state, &host, vmid, kind, lifecycle::Action::Stop)?;
        }
        if again {
            lifecycle::power_on(state, vmid)?;
        }
        Ok(())
    });
    let job = job.first(move |state| {
        let name = state.guest(vmid).and_then(|guest| guest.node.clone());
        if let Some(name) = name
            && !state.faults.has(&told, Fault::TaskFailure)
        {
            state.power_button(&name);
        }
        Ok(())
    });
    job.until(limit, move |state| {
        state.guest(vmid).is_none_or(|guest| !guest.running())
    })
    .start(call)
}

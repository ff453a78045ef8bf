//! How busy hosts and guests are: plausible numbers that depend on the seed
//! and on time only, so that counters grow and runs are repeatable.

use std::time::SystemTime;

use crate::world::{Guest, Host, State};

/// Load of a guest. All zero when it does not run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GuestLoad {
    pub(super) uptime: u64,
    /// 0 to 1, of its own CPUs.
    pub(super) cpu: f64,
    pub(super) mem: u64,
    /// What it costs its host.
    pub(super) memhost: u64,
    pub(super) netin: u64,
    pub(super) netout: u64,
    pub(super) diskread: u64,
    pub(super) diskwrite: u64,
}

/// Load of `guest` at `now`.
pub(super) fn guest(state: &State, guest: &Guest, now: SystemTime) -> GuestLoad {
    if !guest.running() {
        return GuestLoad::default();
    }
    let uptime = seconds_since(guest.started_at.unwrap_or(now), now);
    let share = 45 + noise(state, guest) % 30;
    let mem = guest.memory_bytes / 100 * share;
    GuestLoad {
        uptime,
        cpu: fraction(noise(state, guest) % 23_000_000),
        mem,
        memhost: (mem + guest.memory_bytes / 10).min(guest.memory_bytes + (64 << 20)),
        netin: uptime * (2_000 + noise(state, guest) % 9_000),
        netout: uptime * (1_000 + noise(state, guest) % 7_000),
        diskread: uptime * 300 + (300 << 20),
        diskwrite: uptime * 40_000,
    }
}

/// CPU use of a host, 0 to 1.
pub(super) fn host_cpu(state: &State, host: &Host, now: SystemTime) -> f64 {
    let used: f64 = state
        .guests_on(&host.name)
        .filter(|g| g.running())
        .map(|g| guest(state, g, now).cpu * f64::from(g.cores))
        .sum();
    (used / f64::from(host.cpus.max(1)) + 0.012).min(1.0)
}

/// Seconds from `start` to `now`.
pub(super) fn seconds_since(start: SystemTime, now: SystemTime) -> u64 {
    now.duration_since(start).map_or(0, |t| t.as_secs())
}

/// Cheap, because lists of 10,000 guests need many of these.
fn noise(state: &State, guest: &Guest) -> u64 {
    (state.seed ^ u64::from(guest.vmid))
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .rotate_right(23)
}

#[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
fn fraction(parts: u64) -> f64 {
    0.004 + parts as f64 / 1e8
}

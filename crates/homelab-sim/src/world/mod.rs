//! The state both sides share: what the simulated lab *is*, in one place.
//!
//! The Proxmox side and the Talos side only read this state and change it
//! through the small methods here, so that stopping a guest over REST is seen
//! over gRPC. No protocol lives here: no protobuf, no JSON, no TLS.
//!
//! | file | what |
//! |---|---|
//! | [`seed`] | [`WorldSeed`]: what a world is made from |
//! | [`host`], [`guest`], [`node`] | the machines: PVE host, VM, Talos node |
//! | [`etcd`] | members, leader, quorum |
//! | [`storage`], [`ceph`], [`ha`] | what the hosts offer together |
//! | [`task`] | tasks of the hosts, with UPIDs and logs |
//! | [`event`] | events of a Talos node |
//! | [`moves`] | guests that are made, moved, paused and removed |
//! | [`transitions`] | what happens when a host or guest goes or comes |
//! | [`mod@derive`] | names and numbers derived from one seed |

pub mod ceph;
pub mod derive;
pub mod etcd;
pub mod event;
pub mod guest;
pub mod ha;
pub mod host;
pub mod moves;
pub mod node;
pub mod seed;
pub mod state;
pub mod storage;
pub mod task;
#[cfg(test)]
mod tests;
pub mod transitions;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use homelab_core::{Clock, Result};
use tokio::sync::watch;

pub use ceph::{Ceph, CephHealth, Monitor, Osd, Pool};
pub use etcd::{Etcd, EtcdMember};
pub use event::{EventPayload, TalosEvent};
pub use guest::{Guest, GuestDisk, GuestKind, Nic, Power, Snapshot};
pub use ha::{Ha, HaResource, HaRule};
pub use host::{Down, Host, PciDevice};
pub use node::{Extension, Role, Service, Stage, TalosCluster, TalosNode};
pub use seed::WorldSeed;
pub use state::State;
pub use storage::{Storage, Volume};
pub use task::{Task, TaskEnd};

/// A handle to the world; cheap to clone, shared by all listeners.
#[derive(Clone)]
pub struct World(Arc<Inner>);

struct Inner {
    state: RwLock<State>,
    revision: watch::Sender<u64>,
    clock: Arc<dyn Clock>,
}

impl World {
    /// Builds a world in which every host is up and every guest that is not a
    /// template runs.
    ///
    /// # Errors
    /// `InvalidArgument` when the seed contradicts itself: a guest on an
    /// unknown host, a VMID, name or address used twice.
    pub fn new(seed: &WorldSeed, clock: Arc<dyn Clock>) -> Result<Self> {
        let state = State::build(seed, clock.now(), clock.elapsed())?;
        Ok(World(Arc::new(Inner {
            state: RwLock::new(state),
            revision: watch::Sender::new(0),
            clock,
        })))
    }

    /// Looks at the state. Keep `look` short: it holds the lock.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.0.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the state and wakes everyone who follows it. Keep `change`
    /// short: it holds the lock.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        state.set_time(self.0.clock.now(), self.0.clock.elapsed());
        let result = change(&mut state);
        drop(state);
        self.0.revision.send_modify(|revision| *revision += 1);
        result
    }

    /// A receiver that sees every change.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.revision.subscribe()
    }

    /// Counts the changes so far.
    pub fn revision(&self) -> u64 {
        *self.0.revision.borrow()
    }

    /// The world's wall clock.
    pub fn now(&self) -> SystemTime {
        self.0.clock.now()
    }

    /// Completes after `duration` of the world's time.
    pub async fn sleep(&self, duration: Duration) {
        self.0.clock.sleep(duration).await;
    }

    /// A host loses power or its network: its guests go with it.
    ///
    /// # Errors
    /// `NotFound` for an unknown host.
    pub fn host_down(&self, host: &str, how: Down) -> Result<()> {
        self.change(|state| state.host_down(host, how))
    }

    /// A host comes back and starts the guests that ran before.
    ///
    /// # Errors
    /// `NotFound` for an unknown host.
    pub fn host_up(&self, host: &str) -> Result<()> {
        self.change(|state| state.host_up(host))
    }

    /// Powers a guest on; the Talos node in it boots.
    ///
    /// # Errors
    /// `NotFound` for an unknown VMID, `FailedPrecondition` when its host is
    /// down or it runs already.
    pub fn guest_start(&self, vmid: u32) -> Result<()> {
        self.change(|state| state.guest_start(vmid))
    }

    /// Powers a guest off; the Talos node in it is gone at once.
    ///
    /// # Errors
    /// `NotFound` for an unknown VMID, `FailedPrecondition` when it is not running.
    pub fn guest_stop(&self, vmid: u32) -> Result<()> {
        self.change(|state| state.guest_stop(vmid))
    }

    /// Lets time pass: applies what falls due (boot stages), forever.
    pub async fn run(&self) {
        let mut changes = self.subscribe();
        loop {
            changes.borrow_and_update();
            let next = self.read(State::next_due);
            match next {
                Some(due) => {
                    let wait = due.saturating_sub(self.0.clock.elapsed());
                    if wait.is_zero() {
                        self.change(State::apply_due);
                        continue;
                    }
                    tokio::select! {
                        () = self.0.clock.sleep(wait) => self.change(State::apply_due),
                        _ = changes.changed() => {}
                    }
                }
                None => {
                    if changes.changed().await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read(|state| {
            f.debug_struct("World")
                .field("lab", &state.lab)
                .field("hosts", &state.hosts.len())
                .field("guests", &state.guests.len())
                .field("nodes", &state.nodes.len())
                .finish_non_exhaustive()
        })
    }
}

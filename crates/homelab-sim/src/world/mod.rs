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
//! | [`agent`] | what a VM's guest agent remembers |
//! | [`etcd`], [`etcd_life`] | members, leader, quorum; who joins and leaves |
//! | [`machine`] | machines that boot a Talos medium |
//! | [`machine_config`], [`configure`] | machine configs, and what they make of a node |
//! | `power`, `services`, [`sequence`] | how a Talos node starts, stops, is wiped and upgraded |
//! | [`image`] | container images of a Talos node |
//! | [`system`] | the systems that a Talos node can boot |
//! | [`volume`] | what is on the disks of a Talos node |
//! | [`storage`], [`ceph`], [`ha`], [`pools`] | what the hosts offer together |
//! | [`registry`] | configuration that nothing else follows |
//! | [`schedule`] | what the schedulers of hosts remember |
//! | [`task`] | tasks of the hosts, with UPIDs and logs |
//! | [`event`] | events of a Talos node |
//! | [`moves`] | guests that are made, moved, paused and removed |
//! | [`links`] | who reaches whom, and how well |
//! | [`trouble`] | what faults do to machines when they are set and cleared |
//! | `journal` | what a change was, for the log |
//! | [`transitions`] | what happens when a host or guest goes or comes |
//! | [`mod@derive`] | names and numbers derived from one seed |

pub mod agent;
pub mod ceph;
pub mod configure;
pub mod derive;
pub mod etcd;
pub mod etcd_life;
pub mod event;
pub mod guest;
pub mod ha;
pub mod host;
pub mod image;
mod journal;
pub mod links;
pub mod machine;
pub mod machine_config;
pub mod moves;
pub mod node;
pub mod pools;
mod power;
pub mod registry;
pub mod schedule;
pub mod seed;
pub mod sequence;
mod services;
pub mod state;
pub mod storage;
pub mod system;
pub mod task;
#[cfg(test)]
mod tests;
pub mod transitions;
pub mod trouble;
pub mod volume;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use homelab_core::{Clock, Result};
use tokio::sync::watch;

use crate::clock::SimClock;
use crate::log::EventLog;
use crate::process::Processes;

use journal::Journal;

pub use agent::{AgentMemory, Program};
pub use ceph::{Ceph, CephHealth, Monitor, Osd, Pool};
pub use configure::Apply;
pub use etcd::{Etcd, EtcdAlarm, EtcdContent, EtcdMember};
pub use etcd_life::EtcdRefusal;
pub use event::{EventPayload, TalosEvent};
pub use guest::{Guest, GuestDisk, GuestKind, Nic, Power, Snapshot};
pub use ha::{Ha, HaResource, HaRule, HaService, HaStep};
pub use host::{Down, Host, PciDevice};
pub use image::{Image, ImageDefect, ImageStore, Reference};
pub use machine::Machine;
pub use machine_config::{ClusterCa, MachineConfig};
pub use node::{Extension, KernelLine, Role, Service, Stage, TalosCluster, TalosNode};
pub use pools::{ResourcePool, ResourcePools};
pub use registry::{Object, Registry};
pub use schedule::JobMemory;
pub use seed::WorldSeed;
pub use sequence::{Order, Sequence, Wipe};
pub use state::State;
pub use storage::{Storage, Volume};
pub use system::{Installed, PLAIN_SCHEMATIC, SystemImage};
pub use task::{Task, TaskEnd};
pub use volume::{BlockDevice, MdArray, NodeVolumes, UserVolume, VolumeGroup};

/// A handle to the world; cheap to clone, shared by all listeners.
#[derive(Clone)]
pub struct World(Arc<Inner>);

struct Inner {
    state: RwLock<State>,
    revision: watch::Sender<u64>,
    reach: watch::Sender<u64>,
    journal: Mutex<Journal>,
    log: EventLog,
    clock: SimClock,
    processes: Processes,
}

impl World {
    /// Builds a world in which every host is up and every guest that is not a
    /// template runs.
    ///
    /// # Errors
    /// `InvalidArgument` when the seed contradicts itself: a guest on an
    /// unknown host, a VMID, name or address used twice.
    pub fn new(seed: &WorldSeed, clock: SimClock) -> Result<Self> {
        let state = State::build(seed, clock.now(), clock.elapsed())?;
        Ok(World::of(state, clock))
    }

    /// A world in this state.
    pub(crate) fn of(state: State, clock: SimClock) -> Self {
        World(Arc::new(Inner {
            journal: Mutex::new(Journal::new(&state)),
            state: RwLock::new(state),
            revision: watch::Sender::new(0),
            reach: watch::Sender::new(0),
            log: EventLog::default(),
            clock,
            processes: Processes::default(),
        }))
    }

    /// Looks at the state. Keep `look` short: it holds the lock.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.0.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the state and wakes everyone who follows it; processes of the
    /// lab have seen the change when this returns. Keep `change` short: it
    /// holds the lock.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        state.set_time(self.0.clock.now(), self.0.clock.elapsed());
        let result = change(&mut state);
        let mut journal = self
            .0
            .journal
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let changed = journal.compare(&state);
        self.0.log.write_all(state.now, changed.drafts);
        drop(journal);
        drop(state);
        if changed.reach {
            self.0.reach.send_modify(|revision| *revision += 1);
        }
        self.0.revision.send_modify(|revision| *revision += 1);
        self.0.processes.run_ready();
        result
    }

    /// A receiver that sees every change.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.revision.subscribe()
    }

    /// A receiver that sees when somebody may have come into reach or gone
    /// out of it.
    pub(crate) fn reach(&self) -> watch::Receiver<u64> {
        self.0.reach.subscribe()
    }

    /// The log of what happened.
    pub(crate) fn log(&self) -> &EventLog {
        &self.0.log
    }

    /// Counts the changes so far.
    pub fn revision(&self) -> u64 {
        *self.0.revision.borrow()
    }

    /// The world's wall clock.
    pub fn now(&self) -> SystemTime {
        self.0.clock.now()
    }

    /// The world's clock.
    pub fn clock(&self) -> &SimClock {
        &self.0.clock
    }

    /// Completes after `duration` of the world's time.
    pub async fn sleep(&self, duration: Duration) {
        self.0.clock.sleep(duration).await;
    }

    /// Holds an answer back for `duration` of the world's time. While the
    /// clock stands still, no answer is held back: who asked may be the one
    /// who would move it.
    pub async fn hold(&self, duration: Duration) {
        let until = self.0.clock.elapsed().saturating_add(duration);
        if let Some(real) = self.0.clock.real_until(until) {
            tokio::time::sleep(real).await;
        }
    }

    /// Starts something that goes on in the lab by itself: a task, a boot, a
    /// manager. It may wait for [`sleep`](World::sleep) and
    /// [`subscribe`](World::subscribe) and for nothing else, and it must not
    /// use `tokio::select!` without `biased`: then everything happens in the
    /// same order every time. It ends with the simulation.
    pub fn spawn(&self, process: impl Future<Output = ()> + Send + 'static) {
        self.0.processes.spawn(process);
    }

    /// Moves the world's time on by `duration`. Everything that falls due
    /// meanwhile happens in order, each at its own moment, before this returns.
    pub fn advance(&self, duration: Duration) {
        let until = self.0.clock.elapsed().saturating_add(duration);
        self.step(until, true);
        self.0.clock.move_to(until);
    }

    /// Does what falls due by `until`; moves the clock along if asked to.
    fn step(&self, until: Duration, moving: bool) {
        self.0.processes.run_ready();
        while let Some((at, timer)) = self.next_due() {
            if at > until {
                return;
            }
            if moving {
                self.0.clock.move_to(at);
            }
            if timer {
                self.0.clock.fire_first();
                self.0.processes.run_ready();
            } else {
                self.change(State::apply_due);
            }
        }
    }

    /// When the next thing falls due, and whether it is a timer. What the
    /// state holds comes before timers of the same moment.
    fn next_due(&self) -> Option<(Duration, bool)> {
        let timer = self.0.clock.next_timer().map(|at| (at, true));
        let due = self.read(State::next_due).map(|at| (at, false));
        match (due, timer) {
            (Some(due), Some(timer)) => Some(if due.0 <= timer.0 { due } else { timer }),
            (due, timer) => due.or(timer),
        }
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

    /// Lets time pass: does what falls due, forever.
    pub async fn run(&self) {
        let mut changes = self.subscribe();
        loop {
            changes.borrow_and_update();
            self.step(self.0.clock.elapsed(), false);
            let next = self.next_due();
            let wait = next.and_then(|(at, _)| self.0.clock.real_until(at));
            let due = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                () = self.0.clock.changed() => {}
                () = self.0.processes.woken() => {}
                // The sender lives as long as this.
                _ = changes.changed() => {}
            }
        }
    }

    /// Ends all that goes on by itself.
    pub(crate) fn close(&self) {
        self.0.processes.close();
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

//! Faults on demand: what can go wrong, where, and what is wrong right now.
//!
//! | file | what |
//! |---|---|
//! | `fault` | [`Fault`]: everything that can go wrong |
//! | `text` | faults as text, and back |
//! | `table` | which faults are in force where; part of the world's state |
//!
//! What a fault does is decided where it strikes: the network in `net` and
//! [`world::links`](crate::world::links), answers in the two servers, machines
//! in the world. Those places ask the table; nobody tells them.

mod fault;
mod table;
mod text;

pub use fault::Fault;
pub(crate) use fault::Place;
pub use table::{ActiveFault, FaultTable};
pub(crate) use table::{CLIENT, PROXMOX, link, parties};

use crate::world::World;

/// What the listeners of both sides ask: is this wrong here?
#[derive(Clone, Debug)]
pub(crate) struct Faults(World);

impl Faults {
    pub(crate) fn new(world: &World) -> Self {
        Faults(world.clone())
    }

    pub(crate) fn has(&self, target: &str, fault: Fault) -> bool {
        self.0.read(|state| state.faults.has(target, fault))
    }

    /// Completes when the fault is not in force.
    pub(crate) async fn over(&self, target: &str, fault: Fault) {
        let mut changes = self.0.reach();
        while self.has(target, fault) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn add(&self, target: &str, fault: Fault) {
        self.0.change(|state| state.faults.add(target, fault));
    }
}

//! What every listener of both sides holds: the world, the faults in force, the
//! counters, the latency, and the signal to stop.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::faults::{Fault, Faults};
use crate::stats::Counters;
use crate::world::{Down, World};

/// How the network in front of a listener behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// It carries.
    Up,
    /// Connections are refused, open ones reset.
    Refuse,
    /// Connections are accepted and nothing more; open ones fall silent.
    Stall,
}

/// What every listener of both sides holds; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) world: World,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    /// Added to every request and handshake.
    pub(crate) latency: Duration,
    /// Cancelled when the simulation ends.
    pub(crate) stop: CancellationToken,
}

impl Shared {
    pub(crate) fn new(world: World, latency: Duration) -> Self {
        Shared {
            world,
            faults: Faults::new(),
            counters: Counters::default(),
            latency,
            stop: CancellationToken::new(),
        }
    }

    /// How the network to a host or Talos node behaves right now.
    pub(crate) fn link(&self, target: &str) -> Link {
        if self.faults.has(target, Fault::Stall) {
            return Link::Stall;
        }
        if self.faults.has(target, Fault::Refuse) {
            return Link::Refuse;
        }
        self.world.read(|state| {
            let (up, host) = match state.node(target) {
                Some(node) if state.paused(node) => return Link::Stall,
                Some(node) => (node.reachable(), state.host_of_node(node)),
                None => (true, state.host(target)),
            };
            match host.and_then(|h| h.down) {
                Some(Down::Blackhole) => Link::Stall,
                None if up => Link::Up,
                Some(Down::Refuse) | None => Link::Refuse,
            }
        })
    }

    /// Whether what refuses now has said goodbye: a Talos node that stopped its
    /// API by itself. What is gone by force breaks off in the middle.
    pub(crate) fn said_goodbye(&self, target: &str) -> bool {
        self.world.read(|state| {
            let node = state.node(target);
            node.is_some_and(|node| node.orderly && !node.reachable())
        })
    }

    /// Waits as long as a request to `target` takes on its way: in real time,
    /// as the client does.
    pub(crate) async fn delay(&self, target: &str) {
        let delay = self.latency + self.faults.latency(target);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
    }

    /// Sees every change of the world or of the faults.
    pub(crate) fn changes(&self) -> Changes {
        Changes {
            world: self.world.subscribe(),
            faults: self.faults.subscribe(),
        }
    }
}

/// Sees every change of the world or of the faults since it was made.
#[derive(Debug)]
pub(crate) struct Changes {
    world: watch::Receiver<u64>,
    faults: watch::Receiver<u64>,
}

impl Changes {
    /// Completes at the next change.
    pub(crate) async fn next(&mut self) {
        // The senders live as long as `Shared`, which the caller holds.
        tokio::select! {
            _ = self.world.changed() => {}
            _ = self.faults.changed() => {}
        }
    }
}

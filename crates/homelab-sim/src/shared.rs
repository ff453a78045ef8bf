//! What every listener of both sides holds: the world, the faults in force, the
//! counters, the latency, and the signal to stop.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::skewed;
use crate::faults::{CLIENT, Fault, Faults};
use crate::stats::Counters;
use crate::world::{Down, State, World};

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

/// Where the listeners are.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The address that they all listen on.
    pub(crate) ip: IpAddr,
    /// Ports by host or Talos node; the others take what is free.
    pub(crate) ports: BTreeMap<String, u16>,
}

impl Default for Places {
    fn default() -> Self {
        Places {
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: BTreeMap::new(),
        }
    }
}

/// What every listener of both sides holds; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) world: World,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    /// Where the listeners are.
    pub(crate) places: Arc<Places>,
    /// Added to every request and handshake.
    pub(crate) latency: Duration,
    /// Cancelled when the simulation ends.
    pub(crate) stop: CancellationToken,
}

impl Shared {
    pub(crate) fn new(world: World, latency: Duration) -> Self {
        Shared {
            faults: Faults::new(&world),
            world,
            counters: Counters::default(),
            places: Arc::default(),
            latency,
            stop: CancellationToken::new(),
        }
    }

    /// The address and port that `name` listens on; port 0 is any that is free.
    pub(crate) fn place_of(&self, name: &str) -> (IpAddr, u16) {
        let port = self.places.ports.get(name).copied().unwrap_or(0);
        (self.places.ip, port)
    }

    /// How the network to a host or Talos node behaves right now.
    pub(crate) fn link(&self, target: &str) -> Link {
        self.link_between(CLIENT, target)
    }

    /// How the network between two parties behaves right now.
    pub(crate) fn link_between(&self, from: &str, target: &str) -> Link {
        self.world.read(|state| {
            let way = state.way(from, target);
            if way.cut {
                return Link::Stall;
            }
            if way.refused {
                return Link::Refuse;
            }
            let (up, host) = match state.node(target) {
                Some(_) if state.frozen(target) => return Link::Stall,
                Some(node) => (node.reachable(), state.host_of_node(node)),
                None => (true, state.host(target)),
            };
            match host.and_then(|h| h.down) {
                Some(Down::Blackhole | Down::Frozen) => Link::Stall,
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
        self.delay_between(CLIENT, target).await;
    }

    /// Waits as long as a request takes from one party to another.
    pub(crate) async fn delay_between(&self, from: &str, target: &str) {
        let way = self.world.read(|state| state.way(from, target));
        let mut delay = self.latency + way.latency;
        if way.loss > 0 {
            let lost = |s: &mut State| s.faults.resend_delay(s.seed, way.loss);
            delay += self.world.change(lost);
        }
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
    }

    /// The most bytes that one connection to `target` may carry in a second.
    pub(crate) fn bandwidth(&self, target: &str) -> Option<u64> {
        self.world.read(|state| state.way(CLIENT, target).bandwidth)
    }

    /// What a clock at `target` shows.
    pub(crate) fn now_at(&self, target: &str) -> SystemTime {
        let skew = self.world.read(|s| s.faults.clock_skew_seconds(target));
        skewed(self.world.now(), skew)
    }

    /// Holds an answer of `target` back while that is what is wrong with it.
    pub(crate) async fn held(&self, target: &str) {
        self.faults.over(target, Fault::HoldAnswers).await;
    }

    /// Writes down a call that `target` answered.
    pub(crate) fn log_call(&self, target: &str, method: &str, path: &str, status: &str) {
        let log = self.world.log();
        log.call(self.world.now(), target, method, path, status);
    }

    /// To write down a gRPC call of `target` when it is known how it ended.
    pub(crate) fn record(&self, target: &str, path: &str) -> Record {
        Record {
            shared: self.clone(),
            target: target.to_owned(),
            path: path.to_owned(),
        }
    }

    /// Sees when somebody comes into reach or goes out of it, and every fault.
    pub(crate) fn changes(&self) -> Changes {
        Changes(self.world.reach())
    }
}

/// A gRPC call that has not been written down yet.
#[derive(Debug)]
pub(crate) struct Record {
    shared: Shared,
    target: String,
    path: String,
}

impl Record {
    /// It ended with this status.
    pub(crate) fn ended(self, status: &str) {
        self.shared
            .log_call(&self.target, "gRPC", &self.path, status);
    }

    /// It streams from now on.
    pub(crate) fn opened(self) {
        self.shared
            .log_call(&self.target, "gRPC", &self.path, "streams");
    }
}

/// Sees when somebody comes into reach or goes out of it, and every fault.
#[derive(Debug)]
pub(crate) struct Changes(watch::Receiver<u64>);

impl Changes {
    /// Completes at the next change since the last.
    pub(crate) async fn next(&mut self) {
        // The sender lives as long as `Shared`, which the caller holds.
        let _ = self.0.changed().await;
    }
}

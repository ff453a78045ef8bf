//! Events that a Talos node keeps in its ring and sends to followers.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::{Stage, TalosNode, derive};

/// How many events a node remembers (990 of its ring of 1000 are usable).
const RING: usize = 990;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventPayload {
    /// A service changed its state.
    ServiceState {
        /// The service, such as `etcd`.
        service: String,
        /// Its new state, such as `Running`.
        state: String,
        /// What it says about it.
        message: String,
        /// Whether it is healthy, when it knows.
        healthy: Option<bool>,
    },
    /// The machine reached a stage.
    MachineStatus {
        /// The stage.
        stage: Stage,
        /// Whether all conditions are met.
        ready: bool,
        /// Conditions that are not met, by name and reason.
        unmet: Vec<(String, String)>,
    },
    /// A sequence (such as `boot`) started or stopped.
    Sequence {
        /// Its name.
        name: String,
        /// Whether it started rather than stopped.
        started: bool,
    },
    /// A sequence was refused, because another one runs.
    Refused {
        /// Its name.
        name: String,
        /// Which one runs.
        error: String,
    },
    /// A phase of a sequence started or stopped.
    Phase {
        /// Its name.
        name: String,
        /// Whether it started rather than stopped.
        started: bool,
    },
    /// A task of a phase started or stopped.
    Task {
        /// Its name.
        name: String,
        /// Whether it started rather than stopped.
        started: bool,
    },
    /// The node has another name or another address.
    Address {
        /// Its name.
        hostname: String,
        /// Its address.
        address: IpAddr,
    },
}

/// One event of a Talos node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TalosEvent {
    /// Sortable unique id (20 characters of base32hex).
    pub id: String,
    /// When it happened.
    pub at: SystemTime,
    /// Who caused it; empty for the node itself.
    pub actor_id: String,
    /// What happened.
    pub payload: EventPayload,
}

/// The events that a node remembers; empty after a reboot.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct EventRing {
    events: VecDeque<TalosEvent>,
    /// Number of the event at the front of the ring, counted since boot.
    first: u64,
    /// How often the node booted: a follower of an earlier boot is cut off.
    pub boot: u64,
}

impl EventRing {
    /// Forgets everything: the node lost power.
    pub(crate) fn reboot(&mut self) {
        *self = EventRing {
            boot: self.boot + 1,
            ..EventRing::default()
        };
    }

    pub(crate) fn push(&mut self, event: TalosEvent) {
        if self.events.len() == RING {
            self.events.pop_front();
            self.first += 1;
        }
        self.events.push_back(event);
    }

    /// The number that the next event will get.
    pub fn end(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    /// Events with their numbers, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &TalosEvent)> {
        (self.first..).zip(&self.events)
    }

    /// Events from number `from` on; `None` when some of them are forgotten.
    pub fn since(&self, from: u64) -> Option<Vec<TalosEvent>> {
        if from < self.first {
            return None;
        }
        Some(
            self.iter()
                .filter(|(n, _)| *n >= from)
                .map(|(_, e)| e.clone())
                .collect(),
        )
    }
}

/// The id of an event of `node`: an xid, which is 4 bytes of time, 5 of machine
/// and 3 of counter in base32hex.
pub(crate) fn event_id(seed: u64, node: &TalosNode, now: SystemTime, number: u64) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    let time = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let machine = derive::bytes(seed, &node.name);
    let mut bits = u128::from(time & 0xffff_ffff);
    for byte in &machine[..5] {
        bits = bits << 8 | u128::from(*byte);
    }
    bits = bits << 24 | u128::from(number & 0xff_ffff);
    bits <<= 4; // 96 bits in 20 characters of 5
    (0..20)
        .rev()
        .map(|i| char::from(ALPHABET[((bits >> (5 * i)) & 31) as usize]))
        .collect()
}

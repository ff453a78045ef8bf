//! Which endpoint takes a call.
//!
//! Endpoints are shuffled once and used in turn. One that cannot be reached is
//! left alone for a while, so it costs one connect timeout once and not one per
//! call. Connecting fails over for every method, because nothing was sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use homelab_core::{ErrorKind, Sent};

use super::connect::Connection;
use super::endpoint::{Dialer, Endpoint, EndpointHealth, Standing};
use super::fault::Fault;
use crate::config::EndpointAddress;

#[derive(Debug)]
pub(crate) struct Pool {
    endpoints: Vec<Arc<Endpoint>>,
    next: AtomicUsize,
    dialer: Dialer,
}

impl Pool {
    /// `seed` decides the order; the same seed gives the same.
    pub(crate) fn new(mut addresses: Vec<EndpointAddress>, seed: u64, dialer: Dialer) -> Self {
        shuffle(&mut addresses, seed);
        Pool {
            endpoints: addresses
                .into_iter()
                .map(|address| Arc::new(Endpoint::new(address)))
                .collect(),
            next: AtomicUsize::new(0),
            dialer,
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.dialer.clock.elapsed()
    }

    pub(crate) fn health(&self) -> Vec<EndpointHealth> {
        let now = self.now();
        self.endpoints.iter().map(|e| e.health(now)).collect()
    }

    /// A connection to the next endpoint that can be reached.
    pub(crate) async fn connection(&self) -> Result<(Arc<Endpoint>, Connection), Fault> {
        let (candidates, resting) = self.candidates();
        let mut faults = Vec::new();
        for endpoint in candidates {
            match endpoint.connection(&self.dialer).await {
                Ok(connection) => return Ok((endpoint, connection)),
                Err(fault) => faults.push(fault),
            }
        }
        faults.extend(resting);
        Err(all_failed(faults))
    }

    /// In turn: the healthy; then those whose pause is over; then, if there is
    /// nobody else, those that failed at once. And why the others are left alone.
    fn candidates(&self) -> (Vec<Arc<Endpoint>>, Vec<Fault>) {
        let now = self.now();
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        let count = self.endpoints.len();
        let (mut healthy, mut due, mut quick, mut resting) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let in_turn = self.endpoints.iter().cycle().skip(start % count.max(1));
        for endpoint in in_turn.take(count) {
            match endpoint.standing(now) {
                Standing::Healthy => healthy.push(endpoint.clone()),
                Standing::Due => due.push(endpoint.clone()),
                Standing::Quick => quick.push(endpoint.clone()),
                Standing::Resting(fault, wait) => resting.push(fault.again_in(wait)),
            }
        }
        if !healthy.is_empty() {
            // Whether these are well again is found out beside the call, not at its cost.
            for endpoint in &due {
                self.probe(endpoint);
            }
        }
        healthy.extend(due);
        healthy.extend(quick);
        (healthy, resting)
    }
}

impl Pool {
    /// Dials in the background; the outcome shows in the endpoint's standing.
    fn probe(&self, endpoint: &Arc<Endpoint>) {
        let Some(probe) = endpoint.start_probe() else {
            return;
        };
        let dialer = self.dialer.clone();
        tokio::spawn(async move {
            let _ = probe.endpoint().connection(&dialer).await;
        });
    }
}

/// One error for all: distrust tells more than silence, so it decides the kind.
fn all_failed(mut faults: Vec<Fault>) -> Fault {
    if faults.is_empty() {
        return Fault::new(ErrorKind::Config, Sent::No, "there are no endpoints");
    }
    if faults.len() == 1 {
        return faults.remove(0);
    }
    let kind = faults
        .iter()
        .map(Fault::kind)
        .find(|kind| *kind != ErrorKind::Unavailable)
        .unwrap_or(ErrorKind::Unavailable);
    let list: Vec<_> = faults.iter().map(Fault::message).collect();
    let message = format!("no endpoint can be reached: {}", list.join("; "));
    let fault = Fault::new(kind, Sent::No, message);
    match faults.iter().map(Fault::wait).min().flatten() {
        Some(wait) => fault.waiting(wait),
        None => fault,
    }
}

/// Fisher–Yates with `SplitMix64`: fair enough to spread clients over nodes.
fn shuffle<T>(items: &mut [T], mut seed: u64) {
    for last in (1..items.len()).rev() {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        let bound = u64::try_from(last).unwrap_or(u64::MAX).saturating_add(1);
        items.swap(last, usize::try_from(z % bound).unwrap_or(0));
    }
}

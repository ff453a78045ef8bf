//! One endpoint: its connection, its health, its back-off.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homelab_core::Clock;
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};

use super::connect::{Connection, connect};
use super::fault::Fault;
use super::proxy::Proxies;
use crate::config::EndpointAddress;

/// First pause after a failure, and how it grows: 1 s, 1.6 s, … at most 15 s.
/// 15 s is also what the nodes themselves use between each other.
const BACKOFF_FIRST: Duration = Duration::from_secs(1);
const BACKOFF_GROWTH: f64 = 1.6;
const BACKOFF_MAX: Duration = Duration::from_secs(15);

/// A failure this quick (refused, no route) costs so little that a caller who
/// has no other endpoint may try again at once.
const QUICK: Duration = Duration::from_millis(500);

/// How an endpoint is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EndpointHealth {
    /// `host:port`.
    pub address: String,
    /// Whether a connection is open.
    pub connected: bool,
    /// Whether calls go there: true until it fails, and again after it has answered.
    pub healthy: bool,
    /// Failures since it last worked.
    pub failures: u32,
    /// The last failure since it last worked, in words.
    pub last_error: Option<String>,
    /// Milliseconds until it is tried again; absent when healthy.
    pub retry_in_ms: Option<u64>,
}

/// Whether an endpoint may be asked now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Standing {
    /// Not known to fail.
    Healthy,
    /// Failed, and its pause is over.
    Due,
    /// Failed at once: worth another try when there is nobody else.
    Quick,
    /// Failed slowly; asking again would cost the wait again.
    Resting(Fault, Duration),
}

/// How endpoints are dialled.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) proxies: Proxies,
    /// Longest wait, TLS included.
    pub(crate) limit: Duration,
    pub(crate) clock: Arc<dyn Clock>,
}

#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: EndpointAddress,
    /// Held while dialling, so that callers at the same time share one attempt.
    dialling: tokio::sync::Mutex<()>,
    probing: AtomicBool,
    state: Mutex<State>,
}

/// The right to find out, in the background, whether an endpoint is well again.
/// There is one at a time.
#[derive(Debug)]
pub(crate) struct Probe(Arc<Endpoint>);

impl Probe {
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.0
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.0.probing.store(false, Ordering::Release);
    }
}

#[derive(Debug, Default)]
struct State {
    connection: Option<Connection>,
    failure: Option<Failure>,
    /// Grows with every attempt to connect; tells waiters that one has ended.
    attempts: u64,
}

#[derive(Clone, Debug)]
struct Failure {
    fault: Fault,
    count: u32,
    took: Duration,
    retry_at: Duration,
    pause: Duration,
}

impl Endpoint {
    pub(crate) fn new(address: EndpointAddress) -> Self {
        Endpoint {
            address,
            dialling: tokio::sync::Mutex::new(()),
            probing: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn start_probe(self: &Arc<Self>) -> Option<Probe> {
        let free = !self.probing.swap(true, Ordering::AcqRel);
        free.then(|| Probe(self.clone()))
    }

    pub(crate) fn standing(&self, now: Duration) -> Standing {
        match &self.state().failure {
            None => Standing::Healthy,
            Some(f) if now >= f.retry_at => Standing::Due,
            Some(f) if f.took < QUICK => Standing::Quick,
            Some(f) => Standing::Resting(f.fault.clone(), f.retry_at.saturating_sub(now)),
        }
    }

    pub(crate) fn health(&self, now: Duration) -> EndpointHealth {
        let state = self.state();
        let failure = state.failure.as_ref();
        EndpointHealth {
            address: self.address.to_string(),
            connected: state.connection.as_ref().is_some_and(is_open),
            healthy: failure.is_none(),
            failures: failure.map_or(0, |f| f.count),
            last_error: failure.map(|f| f.fault.message().to_owned()),
            retry_in_ms: failure.map(|f| {
                u64::try_from(f.retry_at.saturating_sub(now).as_millis()).unwrap_or(u64::MAX)
            }),
        }
    }

    /// The open connection, or a new one.
    pub(crate) async fn connection(&self, dialer: &Dialer) -> Result<Connection, Fault> {
        let seen = {
            let state = self.state();
            if let Some(open) = state.connection.as_ref().filter(|c| is_open(c)) {
                return Ok(open.clone());
            }
            state.attempts
        };
        let _dialling = self.dialling.lock().await;
        {
            // Somebody else dialled while we waited: their outcome is ours.
            let state = self.state();
            if let Some(open) = state.connection.as_ref().filter(|c| is_open(c)) {
                return Ok(open.clone());
            }
            if let Some(failure) = state.failure.as_ref().filter(|_| state.attempts != seen) {
                return Err(failure.fault.clone());
            }
        }
        let start = dialer.clock.elapsed();
        // Boxed: every call waits here, and few dial.
        let dial = connect(&self.address, &dialer.tls, &dialer.proxies, dialer.limit);
        let result = Box::pin(dial).await;
        let now = dialer.clock.elapsed();
        let mut state = self.state();
        state.attempts += 1;
        match result {
            Ok(connection) => {
                state.failure = None;
                state.connection = Some(connection.clone());
                Ok(connection)
            }
            Err(fault) => {
                let fault = fault.at(&self.address);
                state.connection = None;
                state.fail(fault.clone(), now.saturating_sub(start), now);
                Err(fault)
            }
        }
    }

    /// A call got no single byte until its deadline: the connection is given up.
    /// Not the endpoint: it may be the node behind it that is silent. Dialling
    /// anew tells them apart.
    pub(crate) fn gone_silent(&self, connection: &Connection) {
        let mut state = self.state();
        let ours = state.connection.as_ref();
        if ours.is_some_and(|c| c.received.is(&connection.received)) {
            state.connection = None;
        }
    }
}

impl State {
    fn fail(&mut self, fault: Fault, took: Duration, now: Duration) {
        let (count, pause) = match &self.failure {
            None => (1, BACKOFF_FIRST),
            Some(f) => (
                f.count.saturating_add(1),
                f.pause.mul_f64(BACKOFF_GROWTH).min(BACKOFF_MAX),
            ),
        };
        self.failure = Some(Failure {
            fault,
            count,
            took,
            retry_at: now.saturating_add(pause),
            pause,
        });
    }
}

fn is_open(connection: &Connection) -> bool {
    !connection.sender.is_closed()
}

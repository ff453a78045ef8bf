//! What the listeners saw: how a test proves that a call was made once, that a
//! connection was reused, or that a cancellation reached the wire.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// What all listeners saw since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Stats {
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now.
    pub open_connections: u64,
    /// Requests that arrived.
    pub requests: u64,
    /// Streamed answers (watches, events, snapshots) that are open now.
    pub open_streams: u64,
    /// The same by host or Talos node.
    pub endpoints: BTreeMap<String, EndpointStats>,
}

/// What one listener saw since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct EndpointStats {
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now.
    pub open_connections: u64,
    /// Streamed answers that are open now.
    pub open_streams: u64,
    /// Requests by method: `GET /version` or `/machine.MachineService/Version`.
    pub requests: BTreeMap<String, u64>,
}

/// Counts; shared by all listeners.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters(Arc<Mutex<BTreeMap<String, EndpointStats>>>);

impl Counters {
    /// Counts a connection, which is open as long as the guard lives.
    pub(crate) fn connection(&self, endpoint: &str) -> Guard {
        self.update(endpoint, |e| {
            e.connections += 1;
            e.open_connections += 1;
        });
        self.guard(endpoint, |e| {
            e.open_connections = e.open_connections.saturating_sub(1);
        })
    }

    /// Counts a request.
    pub(crate) fn request(&self, endpoint: &str, method: &str) {
        self.update(endpoint, |e| {
            *e.requests.entry(method.to_owned()).or_default() += 1;
        });
    }

    /// Counts a streamed answer, which is open as long as the guard lives.
    pub(crate) fn stream(&self, endpoint: &str) -> Guard {
        self.update(endpoint, |e| e.open_streams += 1);
        self.guard(endpoint, |e| {
            e.open_streams = e.open_streams.saturating_sub(1);
        })
    }

    pub(crate) fn snapshot(&self) -> Stats {
        let endpoints = self.lock().clone();
        Stats {
            connections: endpoints.values().map(|e| e.connections).sum(),
            open_connections: endpoints.values().map(|e| e.open_connections).sum(),
            requests: endpoints.values().flat_map(|e| e.requests.values()).sum(),
            open_streams: endpoints.values().map(|e| e.open_streams).sum(),
            endpoints,
        }
    }

    fn guard(&self, endpoint: &str, undo: fn(&mut EndpointStats)) -> Guard {
        Guard {
            counters: self.clone(),
            endpoint: endpoint.to_owned(),
            undo,
        }
    }

    fn update(&self, endpoint: &str, change: impl FnOnce(&mut EndpointStats)) {
        change(self.lock().entry(endpoint.to_owned()).or_default());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, EndpointStats>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that is open until this is dropped.
#[derive(Debug)]
pub(crate) struct Guard {
    counters: Counters,
    endpoint: String,
    undo: fn(&mut EndpointStats),
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.counters.update(&self.endpoint, self.undo);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_closes_when_dropped() {
        let counters = Counters::default();
        let connection = counters.connection("pve1");
        let stream = counters.stream("cp-1");
        counters.request("pve1", "GET /version");
        counters.request("pve1", "GET /version");
        let stats = counters.snapshot();
        assert_eq!((stats.connections, stats.open_connections), (1, 1));
        assert_eq!((stats.requests, stats.open_streams), (2, 1));
        drop((connection, stream));
        let stats = counters.snapshot();
        assert_eq!(
            (
                stats.connections,
                stats.open_connections,
                stats.open_streams
            ),
            (1, 0, 0)
        );
    }
}

//! The listener of one host, and one connection to it.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use homelab_core::{Error, ErrorKind, Result};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::{PveCluster, http};
use crate::net::{Connection, Listener, TlsSocket};

/// Most headers that the server reads.
const MAX_HEADERS: usize = 64;

/// What the requests of one connection share.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) cluster: PveCluster,
    /// The host that was asked.
    pub(super) host: String,
    pub(super) connection: Connection,
    requests: AtomicU32,
}

impl Session {
    /// Counts a request; whether the connection ends with its answer.
    pub(super) fn last_request(&self, status: u16) -> bool {
        let asked = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        status >= 400 || asked >= self.cluster.0.options.requests_per_connection
    }
}

impl PveCluster {
    /// Starts the listener of `host` on a free port of 127.0.0.1: where it
    /// listens, and the loop that serves until the simulation stops.
    ///
    /// # Errors
    /// `NotFound` for a host without a certificate, `Io` when no port can be
    /// bound.
    pub(crate) fn serve(
        &self,
        host: &str,
    ) -> Result<(SocketAddr, impl Future<Output = ()> + Send + use<>)> {
        if !self.0.certificates.contains_key(host) {
            let error = Error::new(ErrorKind::NotFound, "the host has no certificate");
            return Err(error.target(host));
        }
        let listener = Listener::bind(host, &self.0.shared)?;
        let address = listener.address();
        let (cluster, name) = (self.clone(), host.to_owned());
        let tls = move || cluster.tls(&name).map(|tls| tls.config.clone());
        let (cluster, name) = (self.clone(), host.to_owned());
        let handle = move |stream, connection| {
            let session = Session {
                cluster: cluster.clone(),
                host: name.clone(),
                connection,
                requests: AtomicU32::new(0),
            };
            connection_loop(Arc::new(session), stream)
        };
        Ok((address, listener.serve(tls, handle)))
    }
}

async fn connection_loop(session: Arc<Session>, stream: TlsSocket) {
    let idle = session.cluster.0.options.idle_timeout;
    let service = service_fn(move |request| http::answer(session.clone(), request));
    // Errors are a client that went away, or a fault that was asked for.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

//! The listener of one node: mutual TLS, HTTP/2, and every call to the director.

use std::convert::Infallible;
use std::sync::Arc;

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::Director;
use super::services::Caller;
use super::tls::NodeTls;
use crate::net::Listener;
use crate::pki::roles_of;

/// HTTP/2 windows of apid, so that a snapshot is not held up by flow control.
const STREAM_WINDOW: u32 = 65_535 * 32;
const CONNECTION_WINDOW: u32 = 65_535 * 16;

/// Starts the listener of the node `name`, until the simulation stops.
pub(crate) fn serve(listener: Listener, name: &str, tls: Arc<NodeTls>, director: &Director) {
    let tls = move || Some(tls.now().config);
    let director = director.clone();
    let name = name.to_owned();
    let accept = listener.serve(tls, move |stream, connection| {
        let director = director.clone();
        let name = name.clone();
        async move {
            let certificates = stream.get_ref().1.peer_certificates();
            let caller = Caller {
                roles: certificates
                    .and_then(<[_]>::first)
                    .map(roles_of)
                    .unwrap_or_default(),
            };
            let service = service_fn(move |request| {
                let (director, name) = (director.clone(), name.clone());
                let (caller, connection) = (caller.clone(), connection.clone());
                async move {
                    let answer = director.handle(&name, &caller, &connection, request).await;
                    Ok::<_, Infallible>(answer)
                }
            });
            // Errors are the client's going away, or a fault that was asked for.
            let _ = http2::Builder::new(TokioExecutor::new())
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    });
    tokio::spawn(accept);
}

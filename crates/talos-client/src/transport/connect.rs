//! From an address to an HTTP/2 connection: TCP, TLS, the server's first bytes.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::AsyncReadExt;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::ServiceExt;

use homelab_core::{ErrorKind, Sent};

use super::carrier::Carrier;
use super::fault::{Fault, root_cause};
use super::proxy::{self, Proxies};
use super::watched::{Received, Watched};
use crate::config::EndpointAddress;

/// Flow-control windows. Talos sends byte streams in 1 KiB messages; below
/// 2 MiB the window, not the network, sets their pace.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;

/// A half-open connection is noticed by TCP after about a minute. HTTP/2 pings
/// would be quicker, but the server hangs up on those who ping too often.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;

/// How long the server may take to speak first. See [`first_bytes`].
const FIRST_BYTES: Duration = Duration::from_secs(1);

/// One HTTP/2 connection: what sends requests, and what has arrived on it.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) sender: SendRequest<tonic::body::Body>,
    pub(crate) received: Received,
}

/// Dials one endpoint within `limit`.
pub(crate) async fn connect(
    address: &EndpointAddress,
    tls: &Arc<ClientConfig>,
    proxies: &Proxies,
    limit: Duration,
) -> Result<Connection, Fault> {
    match tokio::time::timeout(limit, dial(address, tls, proxies)).await {
        Ok(result) => result,
        Err(_) => Err(Fault::unreachable(format!(
            "no connection within {limit:?}"
        ))),
    }
}

async fn dial(
    address: &EndpointAddress,
    tls: &Arc<ClientConfig>,
    proxies: &Proxies,
) -> Result<Connection, Fault> {
    let carrier = carrier(address, proxies).await?;
    let name = ServerName::try_from(address.host().to_owned()).map_err(|_| {
        Fault::new(
            ErrorKind::Config,
            Sent::No,
            "not a name that a certificate can carry",
        )
    })?;
    let mut stream = TlsConnector::from(tls.clone())
        .connect(name, carrier)
        .await
        .map_err(|e| Fault::connecting(&e))?;
    let first = first_bytes(&mut stream).await?;
    let (stream, received) = Watched::new(stream, first);
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|e| Fault::unreachable(format!("HTTP/2 failed: {}", root_cause(&e))))?;
    // Ends when the last sender is dropped or the connection breaks.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(Connection { sender, received })
}

/// TCP to all addresses of the host in turn, IPv6 and IPv4 side by side; or
/// through a proxy, which then finds the host.
async fn carrier(address: &EndpointAddress, proxies: &Proxies) -> Result<Carrier, Fault> {
    let uri: http::Uri = format!("https://{address}")
        .parse()
        .map_err(|_| Fault::new(ErrorKind::Config, Sent::No, "not a host name or address"))?;
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_keepalive(Some(KEEPALIVE_IDLE));
    connector.set_keepalive_interval(Some(KEEPALIVE_INTERVAL));
    connector.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
    if let Some(proxy) = proxies.proxy(address) {
        return proxy::connect(&proxy, uri, connector).await;
    }
    let stream = connector
        .oneshot(uri)
        .await
        .map_err(|e| Fault::unreachable(root_cause(&e)))?;
    Ok(Carrier::Tcp(stream.into_inner()))
}

/// Waits for the server to speak before anything is sent.
///
/// With TLS 1.3 the client is done before the server has looked at the client
/// certificate: a refusal arrives as an alert afterwards, and may be lost when
/// the client has sent something by then. An HTTP/2 server opens with its
/// SETTINGS unasked, so waiting for them costs nothing and makes the refusal
/// certain and certain not to have executed anything. A server that stays
/// silent is given the benefit of the doubt.
async fn first_bytes(stream: &mut TlsStream<Carrier>) -> Result<Bytes, Fault> {
    let mut first = BytesMut::with_capacity(1024);
    match tokio::time::timeout(FIRST_BYTES, stream.read_buf(&mut first)).await {
        Err(_) => Ok(Bytes::new()),
        Ok(Err(e)) => Err(Fault::connecting(&e)),
        Ok(Ok(0)) => Err(Fault::unreachable(
            "the server closed the connection after the TLS handshake",
        )),
        Ok(Ok(_)) if first.starts_with(b"HTTP/1") => Err(Fault::new(
            ErrorKind::Protocol,
            Sent::No,
            "the server speaks HTTP/1, not gRPC",
        )),
        Ok(Ok(_)) => Ok(first.freeze()),
    }
}

//! The accept loop.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{Connection, Socket, TlsSocket};
use crate::shared::{Link, Shared};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// How soon a listener that could not be opened is tried again.
const RETRY: Duration = Duration::from_millis(20);

/// How long a server that stops by itself finishes what it was saying.
const GOODBYE: Duration = Duration::from_millis(200);

/// A loopback port that belongs to one host or Talos node.
#[derive(Debug)]
pub(crate) struct Listener {
    name: String,
    address: SocketAddr,
    shared: Shared,
    accepts: TcpListener,
}

impl Listener {
    /// Takes the port of the host or Talos node `name`; a free one unless the
    /// lab says which.
    ///
    /// # Errors
    /// `Io` when it cannot be had.
    pub(crate) fn bind(name: &str, shared: &Shared) -> Result<Self> {
        let (ip, port) = shared.place_of(name);
        let wanted = SocketAddr::new(ip, port);
        let failed = |e: std::io::Error| refused(name, wanted, &e);
        // A port that others may share would be shared with another lab.
        let free = match port {
            0 => Ok(()),
            _ => std::net::TcpListener::bind(wanted).map(drop),
        };
        let listener = free
            .and_then(|()| socket(wanted))
            .and_then(|socket| socket.listen(BACKLOG))
            .map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Listener {
            name: name.to_owned(),
            address,
            shared: shared.clone(),
            accepts: listener,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts to accept and returns the loop that goes on with it. `tls` is
    /// asked for each connection, `handle` gets it after the handshake. Ends
    /// when the simulation stops.
    ///
    /// Clients may connect from when this returns, before the loop is polled.
    pub(crate) fn serve<T, H, F>(self, tls: T, handle: H) -> impl Future<Output = ()> + Send
    where
        T: Fn() -> Option<Arc<ServerConfig>> + Send + Sync + 'static,
        H: Fn(TlsSocket, Connection) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        self.accept_loop(Arc::new(tls), Arc::new(handle))
    }

    async fn accept_loop<T, H, F>(self, tls: Arc<T>, handle: Arc<H>)
    where
        T: Fn() -> Option<Arc<ServerConfig>> + Send + Sync + 'static,
        H: Fn(TlsSocket, Connection) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let mut changes = self.shared.changes();
        let mut listener = Some(self.accepts);
        // Holds the port while nothing listens, so that "refused" is what a
        // client sees and nobody else gets the port meanwhile.
        let mut port = None;
        loop {
            let refuses = self.shared.link(&self.name) == Link::Refuse;
            if refuses && listener.is_some() {
                port = socket(self.address).ok();
                listener = None;
            } else if !refuses && listener.is_none() {
                listener = socket(self.address)
                    .and_then(|socket| socket.listen(BACKLOG))
                    .ok();
                if listener.is_some() {
                    port = None;
                }
            }
            let _ = &port;
            tokio::select! {
                () = self.shared.stop.cancelled() => return,
                () = changes.next() => {}
                // The port could not be had for a moment: try again.
                () = tokio::time::sleep(RETRY), if !refuses && listener.is_none() => {}
                Ok((tcp, _)) = accept(listener.as_ref()) => {
                    let tls = Arc::clone(&tls);
                    let handle = Arc::clone(&handle);
                    let (shared, name) = (self.shared.clone(), self.name.clone());
                    tokio::spawn(async move {
                        connection(&shared, &name, tcp, move || tls(), handle).await;
                    });
                }
            }
        }
    }
}

/// Serves one connection while the network carries it.
async fn connection<T, H, F>(shared: &Shared, name: &str, tcp: TcpStream, tls: T, handle: Arc<H>)
where
    T: Fn() -> Option<Arc<ServerConfig>> + Send + Sync,
    H: Fn(TlsSocket, Connection) -> F + Send + Sync,
    F: Future<Output = ()> + Send,
{
    let _open = shared.counters.connection(name);
    let _ = tcp.set_nodelay(true);
    let reset = Arc::new(AtomicBool::new(false));
    let cut = CancellationToken::new();
    let handler = Connection { cut: cut.clone() };
    let socket = Socket::new(tcp, Arc::clone(&reset), shared, name);
    let mut serve = pin!(async move {
        shared.delay(name).await;
        let Some(config) = tls() else { return };
        // A failed handshake was answered with a TLS alert; there is nobody to tell.
        if let Ok(stream) = TlsAcceptor::from(config).accept(socket).await {
            handle(stream, handler).await;
        }
    });
    let mut changes = shared.changes();
    let born = shared.world.read(|state| state.faults.serial());
    let mut forgotten = false;
    loop {
        let link = shared.link(name);
        forgotten |= shared
            .world
            .read(|state| state.faults.half_open_since(name))
            .is_some_and(|since| since > born);
        if link == Link::Refuse {
            if shared.said_goodbye(name) {
                // Answers that are under way still get out.
                let _ = tokio::time::timeout(GOODBYE, &mut serve).await;
            }
            reset.store(true, Ordering::Relaxed);
            return;
        }
        tokio::select! {
            () = &mut serve, if link == Link::Up && !forgotten => return,
            () = changes.next() => {}
            () = cut.cancelled() => {
                reset.store(true, Ordering::Relaxed);
                return;
            }
            () = shared.stop.cancelled() => return,
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> std::io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

fn socket(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    // Lets a held port be listened on again, see `accept_loop`.
    #[cfg(unix)]
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Why the port of `name` cannot be had, and what would help.
fn refused(name: &str, address: SocketAddr, error: &std::io::Error) -> Error {
    let message = match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("port {} is taken: stop what listens there", address.port())
        }
        // EMFILE and ENFILE have no kind of their own.
        _ if matches!(error.raw_os_error(), Some(23 | 24)) => {
            "too many open files: each host and Talos node needs one and each connection \
             another; raise the limit (ulimit -n)"
                .to_owned()
        }
        _ => error.to_string(),
    };
    Error::new(
        ErrorKind::Io,
        format!("cannot listen on {address} for {name}: {message}"),
    )
    .target(name)
}

//! The accept loop.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
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
    /// Holds the port while nothing listens, so that "refused" is what a
    /// client sees and nobody else gets the port meanwhile.
    _port: TcpSocket,
}

impl Listener {
    /// Takes a free port of 127.0.0.1 for the host or Talos node `name`.
    pub(crate) fn bind(name: &str, shared: &Shared) -> Result<Self> {
        let port = socket(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = port.local_addr().map_err(|e| io(&e))?;
        Ok(Listener {
            name: name.to_owned(),
            address,
            shared: shared.clone(),
            _port: port,
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
    pub(crate) fn serve<T, H, F>(self, tls: T, handle: H) -> Result<impl Future<Output = ()> + Send>
    where
        T: Fn() -> Arc<ServerConfig> + Send + Sync + 'static,
        H: Fn(TlsSocket, Connection) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let first = listen(self.address)?;
        Ok(self.accept_loop(first, Arc::new(tls), Arc::new(handle)))
    }

    async fn accept_loop<T, H, F>(self, first: TcpListener, tls: Arc<T>, handle: Arc<H>)
    where
        T: Fn() -> Arc<ServerConfig> + Send + Sync + 'static,
        H: Fn(TlsSocket, Connection) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let mut changes = self.shared.changes();
        let mut listener = Some(first);
        loop {
            let refuses = self.shared.link(&self.name) == Link::Refuse;
            if refuses {
                listener = None;
            } else if listener.is_none() {
                listener = listen(self.address).ok();
            }
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
    T: Fn() -> Arc<ServerConfig> + Send + Sync,
    H: Fn(TlsSocket, Connection) -> F + Send + Sync,
    F: Future<Output = ()> + Send,
{
    let _open = shared.counters.connection(name);
    let _ = tcp.set_nodelay(true);
    let reset = Arc::new(AtomicBool::new(false));
    let cut = CancellationToken::new();
    let handler = Connection { cut: cut.clone() };
    let socket = Socket {
        tcp,
        reset: Arc::clone(&reset),
    };
    let mut serve = pin!(async move {
        shared.delay(name).await;
        // A failed handshake was answered with a TLS alert; there is nobody to tell.
        if let Ok(stream) = TlsAcceptor::from(tls()).accept(socket).await {
            handle(stream, handler).await;
        }
    });
    let mut changes = shared.changes();
    loop {
        let link = shared.link(name);
        if link == Link::Refuse {
            if shared.said_goodbye(name) {
                // Answers that are under way still get out.
                let _ = tokio::time::timeout(GOODBYE, &mut serve).await;
            }
            reset.store(true, Ordering::Relaxed);
            return;
        }
        tokio::select! {
            () = &mut serve, if link == Link::Up => return,
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

fn socket(address: SocketAddr) -> Result<TcpSocket> {
    let socket = TcpSocket::new_v4().map_err(|e| io(&e))?;
    socket.set_reuseaddr(true).map_err(|e| io(&e))?;
    #[cfg(unix)]
    socket.set_reuseport(true).map_err(|e| io(&e))?;
    socket.bind(address).map_err(|e| io(&e))?;
    Ok(socket)
}

fn listen(address: SocketAddr) -> Result<TcpListener> {
    socket(address)?.listen(1024).map_err(|e| io(&e))
}

fn io(error: &std::io::Error) -> Error {
    Error::new(
        ErrorKind::Io,
        format!("cannot listen on 127.0.0.1: {error}"),
    )
}

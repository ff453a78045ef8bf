//! One accepted connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::pace::Pace;
use crate::shared::Shared;

/// A TLS stream as handlers get it.
pub(crate) type TlsSocket = tokio_rustls::server::TlsStream<Socket>;

/// The handle that a handler holds of its connection.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(super) cut: CancellationToken,
}

impl Connection {
    /// Resets the connection at once, also for all other requests on it.
    pub(crate) fn reset(&self) {
        self.cut.cancel();
    }
}

/// A TCP stream that can be closed with a reset instead of a goodbye, and that
/// carries no faster than the faults in force allow.
#[derive(Debug)]
pub(crate) struct Socket {
    tcp: TcpStream,
    reset: Arc<AtomicBool>,
    shared: Shared,
    name: String,
    incoming: Pace,
    outgoing: Pace,
}

impl Socket {
    /// A connection to `name`.
    pub(super) fn new(tcp: TcpStream, reset: Arc<AtomicBool>, shared: &Shared, name: &str) -> Self {
        Socket {
            tcp,
            reset,
            shared: shared.clone(),
            name: name.to_owned(),
            incoming: Pace::default(),
            outgoing: Pace::default(),
        }
    }

    fn limit(&self) -> Option<u64> {
        self.shared.bandwidth(&self.name)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            // A lingering time of zero makes the kernel send RST.
            let _ = self.tcp.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.incoming.poll_ready(cx));
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.tcp).poll_read(cx, buf))?;
        let limit = self.limit();
        self.incoming.passed(buf.filled().len() - before, limit);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.outgoing.poll_ready(cx));
        let limit = self.limit();
        let piece = &buf[..buf.len().min(Pace::piece(limit))];
        let written = ready!(Pin::new(&mut self.tcp).poll_write(cx, piece))?;
        self.outgoing.passed(written, limit);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

//! The task that owns a console's websocket: it goes on answering pings and
//! keeping the session alive while nobody reads or writes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message, Utf8Bytes};
use tokio_util::sync::PollSender;

use super::open::Socket;

/// Frames of the server's own size; it takes up to 128 KiB.
pub(super) const LARGEST_FRAME: usize = 32 << 10;
/// So many messages may wait on either side.
const WAITING: usize = 16;
/// How long the goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// What the user's side asks for.
pub(super) enum Order {
    /// Sends one message.
    Send(Bytes),
    /// Answers once all that came before has been sent.
    Flush(oneshot::Sender<()>),
}

/// The user's side of a console.
#[derive(Debug)]
pub(super) struct Duplex {
    pub(super) reader: Reader,
    pub(super) writer: Writer,
}

#[derive(Debug)]
pub(super) struct Reader {
    incoming: mpsc::Receiver<io::Result<Bytes>>,
    rest: Bytes,
}

pub(super) struct Writer {
    orders: PollSender<Order>,
    flushed: Option<oneshot::Receiver<()>>,
}

/// Starts the task. `first` came with the handshake. A terminal's messages are
/// texts where they can be, as the web interface sends them, and `keep_alive`
/// is sent every so often; a screen has neither.
pub(super) fn start(
    socket: Socket,
    first: Bytes,
    keep_alive: Option<(Duration, &'static [u8])>,
) -> Duplex {
    let (orders, waiting) = mpsc::channel(WAITING);
    let (outgoing, incoming) = mpsc::channel(WAITING);
    tokio::spawn(run(socket, waiting, outgoing, keep_alive));
    Duplex {
        reader: Reader {
            incoming,
            rest: first,
        },
        writer: Writer {
            orders: PollSender::new(orders),
            flushed: None,
        },
    }
}

async fn run(
    socket: Socket,
    mut orders: mpsc::Receiver<Order>,
    outgoing: mpsc::Sender<io::Result<Bytes>>,
    keep_alive: Option<(Duration, &'static [u8])>,
) {
    let (mut sink, mut stream) = socket.split();
    let receive = async {
        loop {
            // Nothing is taken off the wire before there is room for it.
            let Ok(room) = outgoing.reserve().await else {
                return; // nobody reads any more
            };
            match stream.next().await {
                Some(Ok(Message::Binary(bytes))) => room.send(Ok(bytes)),
                Some(Ok(Message::Text(text))) => room.send(Ok(text.into())),
                Some(Ok(Message::Close(_))) | None => return,
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    // A server that just goes is how a session ends.
                    if !gone(&error) {
                        room.send(Err(io::Error::other(error)));
                    }
                    return;
                }
            }
        }
    };
    let send = async {
        let (every, beat) = keep_alive.unwrap_or((Duration::from_secs(3600), &[]));
        let mut beats = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
        loop {
            let message = tokio::select! {
                order = orders.recv() => match order {
                    None => return, // nobody writes any more
                    Some(Order::Send(bytes)) => bytes,
                    Some(Order::Flush(done)) => {
                        // Whoever asked may have gone.
                        let _ = done.send(());
                        continue;
                    }
                },
                _ = beats.tick(), if !beat.is_empty() => Bytes::from_static(beat),
            };
            let message = if keep_alive.is_some() {
                text_if_it_is_one(message)
            } else {
                Message::Binary(message)
            };
            if sink.send(message).await.is_err() {
                return; // the reading side learns why
            }
        }
    };
    tokio::select! {
        () = receive => {}
        () = send => {}
    }
    let _ = tokio::time::timeout(GOODBYE, sink.close()).await;
}

/// As the web interface does it; other bytes go as they are.
pub(super) fn text_if_it_is_one(bytes: Bytes) -> Message {
    match Utf8Bytes::try_from(bytes.clone()) {
        Ok(text) => Message::Text(text),
        Err(_) => Message::Binary(bytes),
    }
}

fn gone(error: &SocketError) -> bool {
    match error {
        SocketError::ConnectionClosed
        | SocketError::AlreadyClosed
        | SocketError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => true,
        SocketError::Io(e) => matches!(
            e.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
        ),
        _ => false,
    }
}

impl Reader {
    /// The next bytes, `None` at the end.
    pub(super) async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if !self.rest.is_empty() {
            return Some(Ok(std::mem::take(&mut self.rest)));
        }
        self.incoming.recv().await
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.rest.is_empty() {
            match ready!(this.incoming.poll_recv(cx)) {
                Some(bytes) => this.rest = bytes?,
                None => return Poll::Ready(Ok(())),
            }
        }
        let part = this.rest.len().min(buffer.remaining());
        buffer.put_slice(this.rest.get(..part).unwrap_or_default());
        this.rest.advance(part);
        Poll::Ready(Ok(()))
    }
}

impl Writer {
    /// Sends one message as soon as there is room.
    pub(super) async fn send(&self, message: Bytes) -> io::Result<()> {
        let orders = self.orders.get_ref().ok_or_else(closed)?;
        orders
            .send(Order::Send(message))
            .await
            .map_err(|_| closed())
    }

    pub(super) fn duplicate(&self) -> Self {
        Writer {
            orders: self.orders.clone(),
            flushed: None,
        }
    }

    /// Takes bytes of the user's into one message, made by `frame`.
    pub(super) fn poll_write_framed(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        frame: impl FnOnce(&[u8]) -> Bytes,
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(self.orders.poll_reserve(cx)).map_err(|_| closed())?;
        let part = bytes.get(..bytes.len().min(LARGEST_FRAME)).unwrap_or(bytes);
        self.orders
            .send_item(Order::Send(frame(part)))
            .map_err(|_| closed())?;
        Poll::Ready(Ok(part.len()))
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.flushed.is_none() {
            ready!(self.orders.poll_reserve(cx)).map_err(|_| closed())?;
            let (done, flushed) = oneshot::channel();
            self.orders
                .send_item(Order::Flush(done))
                .map_err(|_| closed())?;
            self.flushed = Some(flushed);
        }
        if let Some(flushed) = &mut self.flushed {
            let outcome = ready!(Pin::new(flushed).poll(cx));
            self.flushed = None;
            outcome.map_err(|_| closed())?;
        }
        Poll::Ready(Ok(()))
    }

    /// Lets go: the session ends once the other writers have gone too.
    pub(super) fn close(&mut self) {
        self.orders.close();
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the console has been closed")
}

impl AsyncRead for Duplex {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().reader).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Duplex {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut()
            .writer
            .poll_write_framed(cx, bytes, Bytes::copy_from_slice)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().writer.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let writer = &mut self.get_mut().writer;
        ready!(writer.poll_flush(cx))?;
        writer.close();
        Poll::Ready(Ok(()))
    }
}

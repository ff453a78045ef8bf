//! A terminal: a guest's serial console, a container, a node's shell.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::{SinkExt, StreamExt};
use homelab_core::{Error, ErrorKind, ExposeSecret, Result, Sent};
use proxmox_endpoints::Params;
use proxmox_endpoints::params::{Rule, segment};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::open::{Socket, open};
use super::pump::{Duplex, LARGEST_FRAME, Reader, Writer, start};
use crate::{Lxc, Node, ProxmoxClient, Qemu};

/// How often the server hears from us, so that it keeps the session.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// A message that says nothing but that we are there.
const HERE: &[u8] = b"2";
/// How long the server may take to look at the ticket.
const GREETING: Duration = Duration::from_secs(10);

const SERIAL: &str = "POST /nodes/{node}/qemu/{vmid}/termproxy";
const CONTAINER: &str = "POST /nodes/{node}/lxc/{vmid}/termproxy";
const SHELL: &str = "POST /nodes/{node}/termproxy";

/// A terminal in both directions: what is read are the bytes that the other
/// side prints, what is written are key strokes.
///
/// It keeps itself alive while nobody reads or writes. Dropping it ends the
/// session.
///
/// ```no_run
/// # async fn example(pve: proxmox_client::ProxmoxClient) -> Result<(), Box<dyn std::error::Error>> {
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// let mut terminal = pve.node("pve1").qemu(100).terminal(None).await?;
/// terminal.resize(120, 40).await?;
/// terminal.write_all(b"\n").await?;
/// let mut screen = [0; 4096];
/// let n = terminal.read(&mut screen).await?;
/// print!("{}", String::from_utf8_lossy(&screen[..n]));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Terminal {
    reader: TerminalReader,
    writer: TerminalWriter,
}

/// The half of a [`Terminal`] that reads.
#[derive(Debug)]
pub struct TerminalReader(Reader);

/// The half of a [`Terminal`] that writes. The session ends when the last
/// clone is gone.
#[derive(Debug)]
pub struct TerminalWriter(Writer);

impl Clone for TerminalWriter {
    fn clone(&self) -> Self {
        TerminalWriter(self.0.duplicate())
    }
}

impl Terminal {
    async fn open(
        client: &ProxmoxClient,
        operation: &'static str,
        base: &str,
        params: &Params,
    ) -> Result<Self> {
        let (ticket, mut socket) = open(client, operation, base, "termproxy", params).await?;
        let hello = format!("{}:{}\n", ticket.user, ticket.ticket.expose_secret());
        let first = timeout(GREETING, greet(&mut socket, hello))
            .await
            .unwrap_or_else(|_| Err(refused("it did not answer in time")))
            .map_err(|error| error.operation(operation))?;
        let Duplex { reader, writer } = start(socket, first, Some((KEEP_ALIVE, HERE)));
        Ok(Terminal {
            reader: TerminalReader(reader),
            writer: TerminalWriter(writer),
        })
    }

    /// Tells the other side how large the window is.
    ///
    /// # Errors
    /// `Unavailable` when the session has ended.
    pub async fn resize(&self, columns: u16, rows: u16) -> Result<()> {
        self.writer.resize(columns, rows).await
    }

    /// Two halves, for a task each.
    pub fn into_split(self) -> (TerminalReader, TerminalWriter) {
        (self.reader, self.writer)
    }
}

impl TerminalReader {
    /// The next bytes, `None` when the session has ended.
    ///
    /// # Errors
    /// `Unavailable` when the connection broke.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        self.0.next().await.transpose().map_err(broke)
    }
}

impl TerminalWriter {
    /// Sends key strokes.
    ///
    /// # Errors
    /// `Unavailable` when the session has ended.
    pub async fn send(&self, keys: &[u8]) -> Result<()> {
        for part in keys.chunks(LARGEST_FRAME) {
            self.0.send(framed(part)).await.map_err(broke)?;
        }
        Ok(())
    }

    /// Tells the other side how large the window is.
    ///
    /// # Errors
    /// `Unavailable` when the session has ended.
    pub async fn resize(&self, columns: u16, rows: u16) -> Result<()> {
        let message = format!("1:{columns}:{rows}:");
        self.0.send(message.into()).await.map_err(broke)
    }
}

fn broke(error: io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, error.to_string())
        .sent(Sent::Maybe)
        .source(error)
}

/// Shows the ticket; what comes behind the server's `OK` is output already.
async fn greet(socket: &mut Socket, hello: String) -> Result<Bytes> {
    let broken = |e: &dyn std::fmt::Display| refused(&e.to_string());
    socket
        .send(Message::Text(hello.into()))
        .await
        .map_err(|e| broken(&e))?;
    loop {
        let mut bytes = match socket.next().await {
            Some(Ok(Message::Binary(bytes))) => bytes,
            Some(Ok(Message::Text(text))) => text.into(),
            Some(Ok(Message::Close(_))) | None => return Err(refused("it hung up")),
            Some(Ok(_)) => continue,
            Some(Err(e)) => return Err(broken(&e)),
        };
        if !bytes.starts_with(b"OK") {
            return Err(refused("it did not accept the ticket"));
        }
        bytes.advance(2);
        return Ok(bytes);
    }
}

fn refused(why: &str) -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        format!(
            "the terminal's server side refused: {why} (before 9.1 it takes no API token: log in with a password)"
        ),
    )
}

/// `0:LENGTH:BYTES`
fn framed(keys: &[u8]) -> Bytes {
    let mut message = format!("0:{}:", keys.len()).into_bytes();
    message.extend_from_slice(keys);
    message.into()
}

impl Qemu {
    /// Opens a serial console: `serial` 0 to 3, or the first there is. The
    /// machine needs a `serialN: socket` device.
    ///
    /// # Errors
    /// * `InvalidArgument`: no such port.
    /// * `Unauthenticated`: an API token before 9.1.
    /// * `PermissionDenied`: without `VM.Console`.
    /// * otherwise see [`ProxmoxClient::send`].
    pub async fn terminal(&self, serial: Option<u8>) -> Result<Terminal> {
        let mut params = Params::new();
        if let Some(port) = serial {
            if port > 3 {
                return Err(Error::new(
                    ErrorKind::InvalidArgument,
                    format!("parameter serial: {port} is not from 0 to 3"),
                )
                .operation(SERIAL));
            }
            params.push("serial", format!("serial{port}"));
        }
        Terminal::open(self.client(), SERIAL, &self.base(SERIAL)?, &params).await
    }

    pub(crate) fn base(&self, operation: &'static str) -> Result<String> {
        guest(self.node(), "qemu", self.vmid()).map_err(|e| e.operation(operation))
    }
}

impl Node {
    /// Opens a shell on the node itself. Needs `Sys.Console`; only root@pam is
    /// let in without a password prompt.
    ///
    /// # Errors
    /// As [`Qemu::terminal`].
    pub async fn shell(&self) -> Result<Terminal> {
        let name = self.name().to_owned();
        Params::check_path("node", &name, Rule::Node).map_err(|e| e.operation(SHELL))?;
        let base = format!("/nodes/{}", segment(&name));
        Terminal::open(self.client(), SHELL, &base, &Params::new()).await
    }
}

impl Lxc {
    /// Opens its console.
    ///
    /// # Errors
    /// As [`Qemu::terminal`].
    pub async fn terminal(&self) -> Result<Terminal> {
        Terminal::open(
            self.client(),
            CONTAINER,
            &self.base(CONTAINER)?,
            &Params::new(),
        )
        .await
    }

    pub(crate) fn base(&self, operation: &'static str) -> Result<String> {
        guest(self.node(), "lxc", self.vmid()).map_err(|e| e.operation(operation))
    }
}

fn guest(node: &str, kind: &str, vmid: u32) -> Result<String> {
    let node = node.to_owned();
    Params::check_path("node", &node, Rule::Node)?;
    Params::check_path("vmid", &vmid, Rule::Range(100.0, 999_999_999.0))?;
    Ok(format!("/nodes/{}/{kind}/{vmid}", segment(&node)))
}

impl AsyncRead for Terminal {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().reader.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Terminal {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        keys: &[u8],
    ) -> Poll<io::Result<usize>> {
        let writer = &mut self.get_mut().writer.0;
        writer.poll_write_framed(cx, keys, framed)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().writer.0.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let writer = &mut self.get_mut().writer.0;
        std::task::ready!(writer.poll_flush(cx))?;
        writer.close();
        Poll::Ready(Ok(()))
    }
}

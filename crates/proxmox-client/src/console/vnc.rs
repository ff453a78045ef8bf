//! A guest's or a node's screen.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use homelab_core::{ExposeSecret, Result, SecretString};
use proxmox_endpoints::Params;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::open::{ConsoleTicket, open};
use super::pump::{Duplex, start};
use crate::{Lxc, Node, ProxmoxClient, Qemu};

const QEMU: &str = "POST /nodes/{node}/qemu/{vmid}/vncproxy";
const LXC: &str = "POST /nodes/{node}/lxc/{vmid}/vncproxy";
const SHELL: &str = "POST /nodes/{node}/vncshell";

/// What VNC's own authentication makes use of.
const PASSWORD_BYTES: usize = 8;

/// The screen of a virtual machine, of a container's console or of a node's shell: RFB, the protocol of VNC, as the viewer
/// speaks it. Bytes in both directions; hand it to a VNC library together with
/// the [`password`](Vnc::password).
///
/// Dropping it ends the session.
#[derive(Debug)]
pub struct Vnc {
    duplex: Duplex,
    password: SecretString,
}

impl Vnc {
    pub(crate) async fn open(
        client: &ProxmoxClient,
        operation: &'static str,
        base: &str,
        proxy: &str,
    ) -> Result<Self> {
        let params: Params = [("websocket", "1")].into_iter().collect();
        let (ticket, socket) = open(client, operation, base, proxy, &params).await?;
        Ok(Vnc {
            password: password(&ticket),
            duplex: start(socket, Bytes::new(), None),
        })
    }

    /// What VNC authentication asks for in this session.
    pub fn password(&self) -> &SecretString {
        &self.password
    }
}

/// The password if the server names one (9.1 and later); before, the start of
/// the ticket is it, as VNC looks at no more.
fn password(ticket: &ConsoleTicket) -> SecretString {
    if let Some(password) = &ticket.password {
        return password.clone();
    }
    let whole = ticket.ticket.expose_secret();
    let start: String = whole.chars().take(PASSWORD_BYTES).collect();
    start.into()
}

impl Qemu {
    /// Opens its screen.
    ///
    /// # Errors
    /// * `FailedPrecondition`: it does not run.
    /// * `PermissionDenied`: without `VM.Console`.
    /// * `Protocol`: something on the way does not let websockets pass.
    /// * otherwise see [`ProxmoxClient::send`].
    ///
    /// # Cancellation
    /// Dropping the future opens nothing; the server gives up after ten seconds.
    pub async fn vnc(&self) -> Result<Vnc> {
        Vnc::open(self.client(), QEMU, &self.base(QEMU)?, "vncproxy").await
    }
}

impl Lxc {
    /// Opens its console as a screen, for viewers that speak VNC alone; what is
    /// on it is the text of [`terminal`](Lxc::terminal).
    ///
    /// # Errors
    /// As [`Qemu::vnc`].
    ///
    /// # Cancellation
    /// As [`Qemu::vnc`].
    pub async fn vnc(&self) -> Result<Vnc> {
        Vnc::open(self.client(), LXC, &self.base(LXC)?, "vncproxy").await
    }
}

impl Node {
    /// Opens a shell on the node as a screen, for viewers that speak VNC alone;
    /// see [`shell`](Node::shell) for the text.
    ///
    /// # Errors
    /// As [`Qemu::vnc`]; `PermissionDenied` without `Sys.Console`.
    ///
    /// # Cancellation
    /// As [`Qemu::vnc`].
    pub async fn vnc_shell(&self) -> Result<Vnc> {
        Vnc::open(self.client(), SHELL, &self.base(SHELL)?, "vncshell").await
    }
}

impl AsyncRead for Vnc {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().duplex).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Vnc {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().duplex).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().duplex).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().duplex).poll_shutdown(cx)
    }
}

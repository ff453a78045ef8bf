//! `pve.guest(100)`: a guest wherever it is.

use homelab_core::{Error, ErrorKind, Result};

use crate::{GuestKind, Lxc, ProxmoxClient, Qemu};

/// So often a guest is looked for again in one call.
const MOVES: u32 = 3;

/// A guest on the node where it was found.
#[derive(Clone, Debug)]
pub enum Guest {
    /// A virtual machine.
    Qemu(Qemu),
    /// A container.
    Lxc(Lxc),
}

impl Guest {
    /// Its id.
    pub fn vmid(&self) -> u32 {
        match self {
            Guest::Qemu(guest) => guest.vmid(),
            Guest::Lxc(guest) => guest.vmid(),
        }
    }

    /// The node it was found on.
    pub fn node(&self) -> &str {
        match self {
            Guest::Qemu(guest) => guest.node(),
            Guest::Lxc(guest) => guest.node(),
        }
    }

    /// The virtual machine.
    ///
    /// # Errors
    /// `FailedPrecondition` when it is a container.
    pub fn qemu(self) -> Result<Qemu> {
        match self {
            Guest::Qemu(guest) => Ok(guest),
            Guest::Lxc(guest) => Err(wrong_kind(
                guest.vmid(),
                "a container, not a virtual machine",
            )),
        }
    }

    /// The container.
    ///
    /// # Errors
    /// `FailedPrecondition` when it is a virtual machine.
    pub fn lxc(self) -> Result<Lxc> {
        match self {
            Guest::Lxc(guest) => Ok(guest),
            Guest::Qemu(guest) => Err(wrong_kind(
                guest.vmid(),
                "a virtual machine, not a container",
            )),
        }
    }
}

fn wrong_kind(vmid: u32, what: &str) -> Error {
    Error::new(
        ErrorKind::FailedPrecondition,
        format!("guest {vmid} is {what}"),
    )
}

impl ProxmoxClient {
    /// Finds a guest by its id; see [`locate`](ProxmoxClient::locate).
    ///
    /// # Errors
    /// Those of [`locate`](ProxmoxClient::locate).
    pub async fn guest(&self, vmid: u32) -> Result<Guest> {
        let place = self.locate(vmid).await?;
        let node = self.node(place.node);
        Ok(match place.kind {
            GuestKind::Qemu => Guest::Qemu(node.qemu(vmid)),
            GuestKind::Lxc => Guest::Lxc(node.lxc(vmid)),
        })
    }

    /// Does something with a guest wherever it is. When it moves away between
    /// the look and the call, which then has changed nothing, it is found
    /// again and `act` called once more.
    ///
    /// ```no_run
    /// # async fn example(pve: proxmox_client::ProxmoxClient) -> homelab_core::Result<()> {
    /// let config = pve.on_guest(100, |guest| async { guest.qemu()?.config().await }).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`locate`](ProxmoxClient::locate) and of `act`.
    pub async fn on_guest<T, F, Fut>(&self, vmid: u32, mut act: F) -> Result<T>
    where
        F: FnMut(Guest) -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        let mut moves = 0;
        loop {
            match act(self.guest(vmid).await?).await {
                Err(error) if moved_away(&error, vmid) && moves < MOVES => moves += 1,
                outcome => return outcome,
            }
        }
    }
}

/// Whether the error, of a call or of a task, says that the guest is not on
/// the node that was asked.
fn moved_away(error: &Error, vmid: u32) -> bool {
    let text = error.message();
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::TaskFailed)
        && text.contains("onfiguration file 'nodes/")
        && text.contains(&format!("/{vmid}.conf' does not exist"))
}

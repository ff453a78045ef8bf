//! `pve.guest(100)`: a guest wherever it is.

use homelab_core::{Error, ErrorKind, Result};

use crate::follow::{MOVES, has_moved, may_have_moved};
use crate::{GuestKind, GuestPlace, Lxc, ProxmoxClient, Qemu};

/// A guest on the node where it was found. Its handles follow it: when HA or a
/// migration moves it, their calls go to the node that it is on by then.
#[derive(Clone, Debug)]
pub enum Guest {
    /// A virtual machine.
    Qemu(Qemu),
    /// A container.
    Lxc(Lxc),
}

impl Guest {
    fn at(client: &ProxmoxClient, place: GuestPlace) -> Self {
        let node = client.node(place.node);
        match place.kind {
            GuestKind::Qemu => Guest::Qemu(node.qemu(place.vmid)),
            GuestKind::Lxc => Guest::Lxc(node.lxc(place.vmid)),
        }
    }

    /// Its id.
    pub fn vmid(&self) -> u32 {
        match self {
            Guest::Qemu(guest) => guest.vmid(),
            Guest::Lxc(guest) => guest.vmid(),
        }
    }

    /// The node it was found on; it may have moved since.
    pub fn node(&self) -> &str {
        match self {
            Guest::Qemu(guest) => guest.node(),
            Guest::Lxc(guest) => guest.node(),
        }
    }

    /// The client of its handles: calls about this guest go where it is, others
    /// as ever.
    pub fn client(&self) -> &ProxmoxClient {
        match self {
            Guest::Qemu(guest) => guest.client(),
            Guest::Lxc(guest) => guest.client(),
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
    /// Finds a guest by its id; see [`locate`](ProxmoxClient::locate). When it
    /// moves later, its handles find it again: a call that the node turns away
    /// since the guest has left, or that did not reach the node, which may be
    /// down and its guests elsewhere, is made once more where the guest is. So
    /// is a call whose task failed for that, by [`Task::wait`](crate::Task::wait).
    ///
    /// # Errors
    /// Those of [`locate`](ProxmoxClient::locate).
    pub async fn guest(&self, vmid: u32) -> Result<Guest> {
        let place = self.locate(vmid).await?;
        Ok(Guest::at(&self.following(place.clone()), place))
    }

    /// Does something with a guest wherever it is, in several calls that belong
    /// together. When it moves away in between, it is found again and `act`
    /// called once more, from its start. A single call needs no such care: the
    /// handles that [`guest`](ProxmoxClient::guest) gives follow the guest.
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
        let mut place = self.locate(vmid).await?;
        let mut moves = 0;
        loop {
            let error = match act(Guest::at(self, place.clone())).await {
                Err(error) if may_have_moved(&error, vmid) && moves < MOVES => error,
                outcome => return outcome,
            };
            let found = self.locate(vmid).await?;
            // It is where it was, and its node is down.
            if found.node == place.node && !has_moved(&error, vmid) {
                return Err(error);
            }
            place = found;
            moves += 1;
        }
    }
}

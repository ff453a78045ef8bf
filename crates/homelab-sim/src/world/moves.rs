//! Guests that are made, moved, paused and removed.

use homelab_core::{Error, ErrorKind, Result};

use super::{Guest, State, TalosNode};

impl State {
    /// Adds a guest.
    ///
    /// # Errors
    /// `AlreadyExists` when its number is taken.
    pub fn guest_add(&mut self, guest: Guest) -> Result<()> {
        if self.guest(guest.vmid).is_some() {
            let message = "the lab has such a guest already";
            return Err(
                Error::new(ErrorKind::AlreadyExists, message).target(guest.vmid.to_string())
            );
        }
        let at = self.guests.partition_point(|g| g.vmid < guest.vmid);
        self.guests.insert(at, guest);
        Ok(())
    }

    /// Takes a guest away, powered or not; the Talos node in it is gone with
    /// its disks and never comes back.
    ///
    /// # Errors
    /// `NotFound` for an unknown VMID.
    pub fn guest_remove(&mut self, vmid: u32) -> Result<Guest> {
        if self.require_guest(vmid)?.running() {
            self.guest_stop(vmid)?;
        }
        let at = self.guests.partition_point(|g| g.vmid < vmid);
        let guest = self.guests.remove(at);
        if let Some(node) = guest.node.as_deref().and_then(|n| self.node_mut(n)) {
            node.vmid = None;
            node.orphaned = true;
        }
        Ok(guest)
    }

    /// Moves a guest to another host; what runs in it does not notice.
    ///
    /// # Errors
    /// `NotFound` for an unknown VMID, `FailedPrecondition` when the host is
    /// unknown or down.
    pub fn guest_move(&mut self, vmid: u32, host: &str) -> Result<()> {
        self.require_guest(vmid)?;
        if !self.host_online(host) {
            let message = format!("host {host} is not there");
            return Err(Error::new(ErrorKind::FailedPrecondition, message).target(vmid.to_string()));
        }
        if let Some(guest) = self.guest_mut(vmid) {
            host.clone_into(&mut guest.host);
        }
        Ok(())
    }

    /// Halts or resumes a guest's CPUs. The Talos node in it falls silent
    /// meanwhile.
    ///
    /// # Errors
    /// `NotFound` for an unknown VMID, `FailedPrecondition` when it is not running.
    pub fn guest_pause(&mut self, vmid: u32, paused: bool) -> Result<()> {
        if !self.require_guest(vmid)?.running() {
            let message = format!("VM {vmid} not running");
            return Err(Error::new(ErrorKind::FailedPrecondition, message).target(vmid.to_string()));
        }
        if let Some(guest) = self.guest_mut(vmid) {
            guest.paused = paused;
        }
        self.settle();
        Ok(())
    }

    /// Whether a Talos node stands still because its guest does.
    pub fn paused(&self, node: &TalosNode) -> bool {
        let guest = node.vmid.and_then(|vmid| self.guest(vmid));
        guest.is_some_and(|guest| guest.paused)
    }
}

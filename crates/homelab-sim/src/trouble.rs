//! What a test does to a lab: power, and everything that can go wrong.

use homelab_core::Result;

use crate::faults::ActiveFault;
use crate::world::Down;
use crate::{Fault, Sim};

impl Sim {
    /// A host loses power or its network: its guests go with it.
    ///
    /// # Errors
    /// `NotFound` for an unknown host.
    pub fn host_down(&self, host: &str, how: Down) -> Result<()> {
        self.world().host_down(host, how)
    }

    /// A host comes back and starts the guests that ran before.
    ///
    /// # Errors
    /// `NotFound` for an unknown host.
    pub fn host_up(&self, host: &str) -> Result<()> {
        self.world().host_up(host)
    }

    /// Powers a guest on; the Talos node in it boots.
    ///
    /// # Errors
    /// `NotFound` for an unknown VMID, `FailedPrecondition` when its host is
    /// down or it runs already.
    pub fn guest_start(&self, vmid: u32) -> Result<()> {
        self.world().guest_start(vmid)
    }

    /// Powers a guest off; the Talos node in it is gone at once.
    ///
    /// # Errors
    /// `NotFound` for an unknown VMID, `FailedPrecondition` when it is not running.
    pub fn guest_stop(&self, vmid: u32) -> Result<()> {
        self.world().guest_stop(vmid)
    }

    /// Makes something go wrong until it is cleared. [`Fault`] says what there
    /// is and where it can strike.
    ///
    /// # Errors
    /// `NotFound` when the lab has no such place, `InvalidArgument` when the
    /// fault cannot strike there.
    pub fn fault(&self, target: &str, fault: Fault) -> Result<()> {
        self.world().change(|state| state.fault_set(target, fault))
    }

    /// Ends the faults of this kind at `target`, whatever their number; how
    /// many there were.
    pub fn clear_fault(&self, target: &str, fault: Fault) -> usize {
        self.world()
            .change(|state| state.fault_clear(Some(target), Some(fault)))
    }

    /// Everything that [`fault`](Sim::fault) broke works again.
    pub fn clear_faults(&self) {
        self.world().change(|state| state.fault_clear(None, None));
    }

    /// What is wrong right now, oldest first.
    pub fn faults(&self) -> Vec<ActiveFault> {
        self.world()
            .read(|state| state.faults.active().cloned().collect())
    }
}

//! Calls that do harm where there is no quorum.
//!
//! Without quorum the server refuses nearly every write at once. The deletion
//! of a guest it starts: the disks go, the configuration cannot, and what is
//! left is a guest without disks.

use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result, Retry, Sent};
use proxmox_endpoints::{Call, ClusterStatusEntry, Method};

use crate::{ClusterStatus, ProxmoxClient, errors};

/// The requests that are held back.
const HARMFUL: &[&str] = &["DeleteQemu", "DeleteLxc"];

impl ProxmoxClient {
    /// Refuses a call that would do harm now. Whoever may not see the cluster's
    /// status is let through.
    pub(crate) async fn require_quorum(&self, call: &Call) -> Result<()> {
        if !self.inner.ask_quorum || !HARMFUL.contains(&call.name) {
            return Ok(());
        }
        let asked: Result<Vec<ClusterStatusEntry>> =
            self.ask(Method::Get, "/cluster/status", None).await;
        match asked.map(|rows| ClusterStatus::from(rows).quorate) {
            Ok(false) => Err(Error::new(
                ErrorKind::FailedPrecondition,
                "the cluster has no quorum: the guest's disks would be deleted and its configuration would stay, so nothing was sent; bring nodes back first",
            )
            .sent(Sent::No)
            .retry(Retry::After(Duration::from_secs(5)))),
            // The call would fail the same way, after as long a wait.
            Err(error) if errors::passes(&error) => Err(error.sent(Sent::No)),
            // A host that stands alone is quorate.
            Ok(true) | Err(_) => Ok(()),
        }
    }
}

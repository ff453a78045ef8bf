//! Moves that the HA manager was asked for without a task: they happen some
//! ten to forty seconds later, or not at all.

use homelab_core::{Error, ErrorKind, Result, Sent};

use super::ha::{OPERATION, Wanted, settled};
use super::wait::WaitOptions;
use crate::Ha;

impl Ha {
    /// Waits until a guest that the manager looks after (`vm:100`) is on a node
    /// and the manager is done with it: after [`migrate`](Ha::migrate) and
    /// [`relocate`](Ha::relocate), which only queue the request.
    ///
    /// ```no_run
    /// # async fn example(pve: proxmox_client::ProxmoxClient) -> homelab_core::Result<()> {
    /// let ha = pve.cluster().ha();
    /// ha.migrate("vm:100", "pve2").await?;
    /// ha.wait_until_on("vm:100", "pve2", Default::default()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// * `InvalidArgument`: `sid` names no guest.
    /// * `NotFound`: the manager does not look after it.
    /// * `TaskFailed`: the manager has given it up (`error`, `fence`).
    /// * `Timeout`: it is not there in time; the manager may still move it.
    /// * otherwise see [`ProxmoxClient::send`](crate::ProxmoxClient::send).
    ///
    /// # Cancellation
    /// Dropping the future stops the looking, not the move.
    pub async fn wait_until_on(&self, sid: &str, node: &str, options: WaitOptions) -> Result<()> {
        let vmid = vmid_of(sid)?;
        let clock = self.client().clock();
        let deadline = clock.elapsed() + options.timeout;
        let wanted = Wanted::Move(sid, node);
        let settled = settled(self.client(), vmid, &wanted, &options, deadline);
        settled.await.map_err(|error| error.target(node))
    }
}

/// The number in `vm:100`, `ct:100` or `100`.
fn vmid_of(sid: &str) -> Result<u32> {
    let number = sid.strip_prefix("vm:").or_else(|| sid.strip_prefix("ct:"));
    number.unwrap_or(sid).parse().map_err(|_| {
        Error::new(
            ErrorKind::InvalidArgument,
            format!("parameter sid: '{sid}' is no guest, such as vm:100"),
        )
        .operation(OPERATION)
        .sent(Sent::No)
    })
}

//! Moves that the HA manager was asked for without a task: they happen some
//! ten to forty seconds later, or not at all.

use homelab_core::{Error, ErrorKind, Result, Sent};

use super::ha::Seen;
use super::wait::WaitOptions;
use crate::{Ha, errors};

const OPERATION: &str = "wait for the HA manager";

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
        // Nothing ever happens to a guest that the manager does not know.
        self.resource(sid).await?;
        let mut pause = options.first_pause;
        loop {
            let (place, trouble) = match Seen::look(self.client(), vmid, deadline).await {
                Ok(seen) if seen.rests_on(node) => return Ok(()),
                Ok(seen) if seen.is_given_up() => {
                    let text = format!(
                        "the HA manager has {sid} on {} in state '{}'",
                        seen.node, seen.ha_state
                    );
                    return Err(Error::new(ErrorKind::TaskFailed, text)
                        .operation(OPERATION)
                        .sent(Sent::Yes)
                        .target(seen.node));
                }
                Ok(seen) => (
                    format!("on {} in state '{}'", seen.node, seen.ha_state),
                    None,
                ),
                // It moves between two looks; connections come back.
                Err(error) if error.kind() == ErrorKind::NotFound || errors::passes(&error) => {
                    ("out of sight".to_owned(), Some(error))
                }
                Err(error) => return Err(error),
            };
            let now = clock.elapsed();
            if now >= deadline {
                let text = format!(
                    "{sid} is not on {node} after {:?}: it is {place}",
                    options.timeout
                );
                let error = Error::new(ErrorKind::Timeout, text).operation(OPERATION);
                let error = error.sent(Sent::Yes).target(node);
                return Err(match trouble {
                    Some(trouble) => error.source(trouble),
                    None => error,
                });
            }
            clock.sleep(pause.min(deadline.saturating_sub(now))).await;
            pause = (pause * 3 / 2).min(options.longest_pause);
        }
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

//! Reboot, shutdown and reset, seen through.

use homelab_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::flow::{Flow, FlowOptions, FlowPhase, FlowProgress};
use super::track::{Goal, Tracker};
use crate::lifecycle::{RebootMode, ResetOptions, ResetScope};
use crate::maintenance::{MachineMode, probe};
use crate::node::NodeClient;

/// A node that was rebooted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Rebooted {
    /// The release that runs now: `v1.13.9`.
    pub version: String,
    /// Seconds from the order until it was ready.
    pub elapsed_seconds: f64,
}

/// A node that was shut down or reset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Stopped {
    /// Whether it waits for a configuration now: after a reset with a reboot.
    pub maintenance: bool,
    /// Seconds from the order until then.
    pub elapsed_seconds: f64,
}

impl NodeClient {
    /// Reboots the node and waits until it runs and is ready again.
    ///
    /// ```no_run
    /// # async fn example(node: talos_client::NodeClient) -> homelab_core::Result<()> {
    /// use std::time::Duration;
    /// use talos_client::{FlowOptions, RebootMode};
    ///
    /// let options = FlowOptions::default().deadline(Duration::from_secs(600));
    /// let done = node
    ///     .reboot_and_wait(RebootMode::Default, options, |p| println!("{}", p.message))
    ///     .await?;
    /// println!("{} after {:.0} s", done.version, done.elapsed_seconds);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As the [module](crate::flows) says; `FailedPrecondition` when the node
    /// refuses, as another sequence runs or it is a container.
    ///
    /// # Cancellation
    /// The node reboots all the same, once it has been told to.
    pub async fn reboot_and_wait(
        &self,
        mode: RebootMode,
        options: FlowOptions,
        on_progress: impl FnMut(FlowProgress),
    ) -> Result<Rebooted> {
        let flow = self.flow("Reboot", options, on_progress);
        let work = Box::pin(async {
            let mut tracker = Tracker::before(self, &flow).await?;
            tracker.order(&flow, self.reboot(mode)).await?;
            tracker.follow(self, &flow, Goal::Back).await?;
            Ok(Rebooted {
                version: self.version().await?.tag,
                elapsed_seconds: flow.elapsed().as_secs_f64(),
            })
        });
        flow.finish(work).await
    }

    /// Shuts the node down and waits until it answers no more. `force` leaves out
    /// moving its pods to other nodes.
    ///
    /// A node is down when it was seen to go and is silent, or when it is silent
    /// for 30 s; whether its power is off, only what powers it can tell.
    ///
    /// # Errors
    /// As [`reboot_and_wait`](NodeClient::reboot_and_wait).
    ///
    /// # Cancellation
    /// The node shuts down all the same, once it has been told to.
    pub async fn shutdown_and_wait(
        &self,
        force: bool,
        options: FlowOptions,
        on_progress: impl FnMut(FlowProgress),
    ) -> Result<Stopped> {
        let flow = self.flow("Shutdown", options, on_progress);
        let work = Box::pin(async {
            let mut tracker = Tracker::before(self, &flow).await?;
            tracker.order(&flow, self.shutdown(force)).await?;
            tracker.follow(self, &flow, Goal::Down).await?;
            Ok(Stopped {
                maintenance: false,
                elapsed_seconds: flow.elapsed().as_secs_f64(),
            })
        });
        flow.finish(work).await
    }

    /// Resets the node as `reset` says and waits for its end: that it is down; that
    /// it runs again, when it reboots and keeps its configuration; that it waits
    /// for a new one, when it reboots and does not.
    ///
    /// For the last, the machine is asked at `maintenance_address`, without
    /// verification and without telling it anything; at its own address when absent.
    ///
    /// # Errors
    /// As [`reboot_and_wait`](NodeClient::reboot_and_wait); `InvalidArgument` for
    /// what nobody could wait for, before anything is sent.
    ///
    /// # Cancellation
    /// The node resets itself all the same, once it has been told to.
    pub async fn reset_and_wait(
        &self,
        reset: ResetOptions,
        maintenance_address: Option<&str>,
        options: FlowOptions,
        on_progress: impl FnMut(FlowProgress),
    ) -> Result<Stopped> {
        let flow = self.flow("Reset", options, on_progress);
        let work = Box::pin(async {
            let forgets = reset.reboot && forgets(&reset.scope);
            let address = maintenance_address.or(self.name());
            if forgets && address.is_none() {
                let message =
                    "to see that it waits for a configuration, the node's address is needed";
                return Err(Error::new(ErrorKind::InvalidArgument, message));
            }
            let reboots = reset.reboot;
            let mut tracker = Tracker::before(self, &flow).await?;
            tracker.order(&flow, self.reset(reset)).await?;
            let goal = match (reboots, forgets) {
                (false, _) => Goal::Down,
                (true, false) => Goal::Back,
                (true, true) => Goal::Forgotten,
            };
            tracker.follow(self, &flow, goal).await?;
            if let (true, Some(address)) = (forgets, address) {
                flow.report(FlowPhase::Away, "the node is down");
                loop {
                    let seen = probe(address, self.shared.options.clone()).await;
                    let seen = seen.map(|seen| match seen.mode {
                        MachineMode::Maintenance => Ok(()),
                        MachineMode::Configured => Err("it still has a configuration".to_owned()),
                    });
                    if let Some(()) = flow.seen(FlowPhase::Starting, seen)? {
                        break;
                    }
                    flow.pause().await;
                }
            }
            Ok(Stopped {
                maintenance: forgets,
                elapsed_seconds: flow.elapsed().as_secs_f64(),
            })
        });
        flow.finish(work).await
    }

    pub(crate) fn flow<F: FnMut(FlowProgress)>(
        &self,
        operation: &'static str,
        options: FlowOptions,
        on_progress: F,
    ) -> Flow<F> {
        let clock = self.shared.options.clock.clone();
        Flow::new(clock, operation, self.target(), options, on_progress)
    }
}

/// Whether a reset takes the configuration along.
fn forgets(scope: &ResetScope) -> bool {
    match scope {
        ResetScope::Everything { .. } | ResetScope::SystemDisk => true,
        ResetScope::Partitions(labels) => labels.iter().any(|label| label == "STATE"),
        ResetScope::UserDisks(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_some_resets_take_the_configuration_along() {
        let partitions = |label: &str| ResetScope::Partitions(vec![label.to_owned()]);
        assert!(forgets(&ResetScope::SystemDisk));
        assert!(forgets(&partitions("STATE")));
        assert!(!forgets(&partitions("EPHEMERAL")));
        assert!(!forgets(&ResetScope::UserDisks(vec!["/dev/sdb".into()])));
    }
}

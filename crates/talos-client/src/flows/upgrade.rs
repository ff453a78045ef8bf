//! Upgrade, on old and new servers, until the new release runs.

use homelab_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::flow::{Flow, FlowOptions, FlowPhase, FlowProgress};
use super::track::{Goal, Tracker};
use crate::images::PullOptions;
use crate::lifecycle::{InstallOptions, RebootMode, UpgradeOptions};
use crate::node::NodeClient;
use crate::release;

/// Which calls an upgrade went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum UpgradePath {
    /// Pull, `LifecycleService.Upgrade`, reboot: since Talos v1.13.
    Lifecycle,
    /// `MachineService.Upgrade`, after which the node reboots by itself.
    Machine,
}

/// A node that was upgraded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Upgraded {
    /// The release before: `v1.12.4`.
    pub from: String,
    /// The release now.
    pub to: String,
    /// Which calls it went through.
    pub path: UpgradePath,
    /// Seconds from the beginning until the node was ready.
    pub elapsed_seconds: f64,
}

impl NodeClient {
    /// Upgrades the node and waits until the new release runs and the node is
    /// ready. Which calls are used depends on what the node offers.
    ///
    /// The image is pulled first; the node keeps running until then. A node that
    /// comes back with the release it had before has rolled back: the new one did
    /// not boot. That shows by the image's tag, so one that names its release
    /// (`…:v1.13.9`) is better than a bare digest.
    ///
    /// Pods are not moved away here, and nothing keeps a cluster from losing its
    /// quorum but Talos' own checks, which only the old call makes: upgrade
    /// control planes one at a time.
    ///
    /// ```no_run
    /// # async fn example(node: talos_client::NodeClient) -> homelab_core::Result<()> {
    /// use talos_client::{FlowOptions, UpgradeOptions};
    ///
    /// let to = UpgradeOptions::new("ghcr.io/siderolabs/installer:v1.13.9");
    /// let done = node
    ///     .upgrade_and_wait(to, FlowOptions::default(), |p| println!("{}", p.message))
    ///     .await?;
    /// println!("{} -> {}", done.from, done.to);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As the [module](crate::flows) says. `TaskFailed` when the installer fails or
    /// the node rolled back; `Unsupported` for
    /// [`stage`](UpgradeOptions::stage) since v1.13, before anything is sent.
    ///
    /// # Cancellation
    /// Before the reboot, the old release stays. After it, the node goes on alone.
    pub async fn upgrade_and_wait(
        &self,
        upgrade: UpgradeOptions,
        options: FlowOptions,
        on_progress: impl FnMut(FlowProgress),
    ) -> Result<Upgraded> {
        let flow = self.flow("Upgrade", options, on_progress);
        let work = Box::pin(async {
            let from = self.version().await?.tag;
            let mut tracker = Tracker::before(self, &flow).await?;
            let path = self
                .change_release(&from, &upgrade, &flow, &mut tracker)
                .await?;
            tracker.follow(self, &flow, Goal::Back).await?;
            let to = self.version().await?.tag;
            arrived(&upgrade.image, &from, &to)?;
            Ok(Upgraded {
                from,
                to,
                path,
                elapsed_seconds: flow.elapsed().as_secs_f64(),
            })
        });
        flow.finish(work).await
    }

    /// From the image to the order after which the node reboots.
    async fn change_release<F: FnMut(FlowProgress)>(
        &self,
        from: &str,
        upgrade: &UpgradeOptions,
        flow: &Flow<F>,
        tracker: &mut Tracker,
    ) -> Result<UpgradePath> {
        if !release::at_least(from, 1, 13) {
            return self.change_by_machine(upgrade, flow, tracker).await;
        }
        if upgrade.stage {
            let message = "since v1.13 an upgrade takes effect at the next reboot anyway: install_upgrade does only that";
            return Err(Error::new(ErrorKind::Unsupported, message).sent(homelab_core::Sent::No));
        }
        flow.report(FlowPhase::Pulling, format!("pulling {}", upgrade.image));
        let pull = PullOptions::default().deadline(flow.options.deadline);
        let image = self
            .pull_image(&upgrade.image, pull, |layer| {
                let message = format!("layer {}: {}", layer.layer, layer.status);
                flow.report(FlowPhase::Pulling, message);
            })
            .await?;
        flow.report(FlowPhase::Installing, format!("installing {image}"));
        let install = InstallOptions::new(&upgrade.image).deadline(flow.options.deadline);
        let installing = self.install_upgrade(install, |line| {
            flow.report(FlowPhase::Installing, line);
        });
        match flow.order(installing).await {
            // A release on the way to v1.13 that has the one service and not the other.
            Err(e) if e.kind() == ErrorKind::Unsupported => {
                return self.change_by_machine(upgrade, flow, tracker).await;
            }
            result => result?,
        }
        let mode = if upgrade.powercycle {
            RebootMode::Powercycle
        } else {
            RebootMode::Default
        };
        tracker.order(flow, self.reboot(mode)).await?;
        Ok(UpgradePath::Lifecycle)
    }

    async fn change_by_machine<F: FnMut(FlowProgress)>(
        &self,
        upgrade: &UpgradeOptions,
        flow: &Flow<F>,
        tracker: &mut Tracker,
    ) -> Result<UpgradePath> {
        flow.report(
            FlowPhase::Pulling,
            format!("the node pulls and checks {}", upgrade.image),
        );
        tracker
            .order(flow, self.upgrade_legacy(upgrade.clone()))
            .await?;
        Ok(UpgradePath::Machine)
    }
}

/// Whether the release that runs is the one that was meant.
fn arrived(image: &str, from: &str, to: &str) -> Result<()> {
    let Some(wanted) = release::of_image(image) else {
        return Ok(());
    };
    if wanted == to {
        return Ok(());
    }
    let message = if from == to {
        format!("the node came back with {from}: {wanted} did not boot and was rolled back")
    } else {
        format!("the node came back with {to} in place of {wanted}, which the image's tag promised")
    };
    Err(Error::new(ErrorKind::TaskFailed, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_release_is_a_rollback() {
        let image = "ghcr.io/siderolabs/installer:v1.13.9";
        assert!(arrived(image, "v1.12.4", "v1.13.9").is_ok());
        assert!(arrived(image, "v1.13.9", "v1.13.9").is_ok());
        let error = arrived(image, "v1.12.4", "v1.12.4").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TaskFailed);
        assert!(error.message().contains("rolled back"));
        let error = arrived(image, "v1.12.4", "v1.13.0").unwrap_err();
        assert!(error.message().contains("in place of"));
        assert!(arrived("installer@sha256:ab", "v1.12.4", "v1.12.4").is_ok());
    }
}

//! Reboot, shutdown, rollback, and the upgrade of releases before v1.13.

use std::time::Duration;

use homelab_core::Result;
use serde::{Deserialize, Serialize};
use talos_proto::machine::{
    RebootRequest, RollbackRequest, ShutdownRequest, UpgradeRequest, reboot_request,
    upgrade_request,
};

use crate::node::NodeClient;

/// The node pulls and checks the image before it answers.
const UPGRADING: Duration = Duration::from_secs(600);

/// How a node reboots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RebootMode {
    /// Services are stopped, then the kernel is loaded anew where that works.
    #[default]
    Default,
    /// Services are stopped, then the machine starts from its firmware.
    Powercycle,
    /// At once, without stopping services (since Talos v1.12).
    Force,
}

/// An upgrade through the call of releases before v1.13.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UpgradeOptions {
    /// The installer image.
    pub image: String,
    /// Install at the next reboot and not now.
    pub stage: bool,
    /// Skip the checks of etcd. They keep a cluster from losing its quorum.
    pub force: bool,
    /// Start from the firmware afterwards.
    pub powercycle: bool,
}

impl UpgradeOptions {
    /// An upgrade to an installer image, now, with all checks.
    pub fn new(image: impl Into<String>) -> Self {
        UpgradeOptions {
            image: image.into(),
            stage: false,
            force: false,
            powercycle: false,
        }
    }

    /// Install at the next reboot and not now.
    #[must_use]
    pub fn stage(mut self) -> Self {
        self.stage = true;
        self
    }

    /// Skip the checks of etcd.
    #[must_use]
    pub fn force(mut self) -> Self {
        self.force = true;
        self
    }

    /// Start from the firmware afterwards.
    #[must_use]
    pub fn powercycle(mut self) -> Self {
        self.powercycle = true;
        self
    }
}

impl NodeClient {
    /// Reboots the node. Answers at once with the id of the action, by which
    /// [`events`](NodeClient::events) can be filtered; the node may still refuse,
    /// which a sequence event with an error says.
    ///
    /// # Errors
    /// `FailedPrecondition` in a container.
    pub async fn reboot(&self, mode: RebootMode) -> Result<String> {
        let mode = match mode {
            RebootMode::Default => reboot_request::Mode::Default,
            RebootMode::Powercycle => reboot_request::Mode::Powercycle,
            RebootMode::Force => reboot_request::Mode::Force,
        };
        let request = RebootRequest { mode: mode.into() };
        let m = self
            .order("Reboot", request, |raw, request| async move {
                raw.machine().reboot(request).await
            })
            .await?;
        Ok(m.actor_id)
    }

    /// Shuts the node down, and gives back the id of the action. `force` leaves out
    /// moving its pods to other nodes. The answer comes at once; the node may still
    /// refuse, as [`reboot`](NodeClient::reboot) says, and
    /// [`shutdown_and_wait`](NodeClient::shutdown_and_wait) sees it through.
    ///
    /// # Errors
    /// `FailedPrecondition` in a container. Needs `os:operator`.
    ///
    /// # Cancellation
    /// It is not known whether the node has been told.
    pub async fn shutdown(&self, force: bool) -> Result<String> {
        let m = self
            .order(
                "Shutdown",
                ShutdownRequest { force },
                |raw, request| async move { raw.machine().shutdown(request).await },
            )
            .await?;
        Ok(m.actor_id)
    }

    /// Goes back to the release that was installed before, and reboots. There is no
    /// action to follow it by: the release that [`version`](NodeClient::version) says
    /// later tells whether it worked.
    ///
    /// # Errors
    /// `FailedPrecondition` in a container; `Unknown` with Talos' words when there is
    /// nothing to go back to. Needs `os:admin`.
    ///
    /// # Cancellation
    /// It is not known whether the node has been told.
    pub async fn rollback(&self) -> Result<()> {
        self.order("Rollback", RollbackRequest {}, |raw, request| async move {
            raw.machine().rollback(request).await
        })
        .await?;
        Ok(())
    }

    /// Upgrades a node before Talos v1.13, which then reboots by itself, and gives
    /// back the id of the action. The image is pulled and checked before the
    /// answer comes; that may take minutes.
    ///
    /// # Errors
    /// `Unsupported` where the call is gone; `FailedPrecondition` with Talos' words
    /// when etcd could not do without the node, as a member is down or there are two.
    pub async fn upgrade_legacy(&self, options: UpgradeOptions) -> Result<String> {
        const OPERATION: &str = "Upgrade";
        let reboot_mode = if options.powercycle {
            upgrade_request::RebootMode::Powercycle
        } else {
            upgrade_request::RebootMode::Default
        };
        let request = UpgradeRequest {
            image: options.image,
            // v1.13 takes it for "skip the checks of etcd", and no installer since
            // v1.8 wipes anything without it.
            preserve: false,
            stage: options.stage,
            force: options.force,
            reboot_mode: reboot_mode.into(),
        };
        let answer = self
            .act(
                OPERATION,
                Some(UPGRADING),
                request,
                |raw, request| async move { raw.machine().upgrade(request).await },
            )
            .await?;
        Ok(self.element(OPERATION, answer)?.actor_id)
    }
}

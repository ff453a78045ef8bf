//! `pve.node("pve1").qemu(100)`: one virtual machine.

use homelab_core::Result;
use proxmox_endpoints::{
    Endpoint, GetQemuConfig, GetQemuStatus, QemuConfig, QemuStatus, ShutdownQemu, StartQemu,
    StopQemu, Upid,
};

use crate::{ProxmoxClient, Task};

/// One virtual machine on a node. HA and migrations move guests: when its node
/// answers `NotFound`, look it up again in the cluster's resources.
#[derive(Clone, Debug)]
pub struct Qemu {
    client: ProxmoxClient,
    node: String,
    vmid: u32,
}

impl Qemu {
    pub(crate) fn new(client: ProxmoxClient, node: String, vmid: u32) -> Self {
        Qemu { client, node, vmid }
    }

    pub(crate) fn client(&self) -> &ProxmoxClient {
        &self.client
    }

    /// The node it is on.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Its id.
    pub fn vmid(&self) -> u32 {
        self.vmid
    }

    /// What it is doing now.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`].
    pub async fn status(&self) -> Result<QemuStatus> {
        self.client
            .send(&GetQemuStatus::new(&self.node, self.vmid))
            .await
    }

    /// Its configuration, changes that wait for its next start included.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`].
    pub async fn config(&self) -> Result<QemuConfig> {
        self.client
            .send(&GetQemuConfig::new(&self.node, self.vmid))
            .await
    }

    /// Starts it. Most refusals (locked, missing, already running) are the
    /// failure of the task. When the HA manager owns it, the task only asks the
    /// manager and ends long before the guest runs.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`].
    pub async fn start(&self) -> Result<Task> {
        self.task(&StartQemu::new(&self.node, self.vmid)).await
    }

    /// Stops it as if its power cord were pulled.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`].
    pub async fn stop(&self) -> Result<Task> {
        self.task(&StopQemu::new(&self.node, self.vmid)).await
    }

    /// Asks it to shut down. The task fails when it does not within its time.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`].
    pub async fn shutdown(&self) -> Result<Task> {
        self.task(&ShutdownQemu::new(&self.node, self.vmid)).await
    }

    async fn task<E: Endpoint<Response = Upid>>(&self, request: &E) -> Result<Task> {
        Ok(self.client.task(self.client.send(request).await?))
    }
}

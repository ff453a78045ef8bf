//! Start, stop and restart of services and containers.

use homelab_core::Result;
use talos_proto::machine::{
    RestartRequest, ServiceRestartRequest, ServiceStartRequest, ServiceStopRequest,
};

use crate::node::NodeClient;
use crate::streams::ContainerNamespace;

impl NodeClient {
    /// Starts a service that is stopped. Gives back Talos' words; whether it came up,
    /// [`services`](NodeClient::services) tells later.
    ///
    /// # Errors
    /// `NotFound` for no service; `Unsupported` for one that is not for users to start
    /// (`apid`, `machined`). Needs `os:operator`.
    pub async fn service_start(&self, id: &str) -> Result<String> {
        let request = ServiceStartRequest { id: id.to_owned() };
        let m = self
            .order("ServiceStart", request, |raw, request| async move {
                raw.machine().service_start(request).await
            })
            .await?;
        Ok(m.resp)
    }

    /// Stops a service. Gives back Talos' words.
    ///
    /// # Errors
    /// As [`service_start`](NodeClient::service_start).
    pub async fn service_stop(&self, id: &str) -> Result<String> {
        let request = ServiceStopRequest { id: id.to_owned() };
        let m = self
            .order("ServiceStop", request, |raw, request| async move {
                raw.machine().service_stop(request).await
            })
            .await?;
        Ok(m.resp)
    }

    /// Restarts a service, or starts it when it does not run. Gives back Talos' words.
    ///
    /// # Errors
    /// As [`service_start`](NodeClient::service_start).
    pub async fn service_restart(&self, id: &str) -> Result<String> {
        let request = ServiceRestartRequest { id: id.to_owned() };
        let m = self
            .order("ServiceRestart", request, |raw, request| async move {
                raw.machine().service_restart(request).await
            })
            .await?;
        Ok(m.resp)
    }

    /// Kills a container's process, whose keeper then starts it again. The id is
    /// written as [`containers`](NodeClient::containers) gives it.
    ///
    /// # Errors
    /// `NotFound` for no container. Needs `os:operator`.
    pub async fn container_restart(&self, namespace: ContainerNamespace, id: &str) -> Result<()> {
        let request = RestartRequest {
            namespace: namespace.name().to_owned(),
            id: id.to_owned(),
            driver: namespace.driver().into(),
        };
        self.order("Restart", request, |raw, request| async move {
            raw.machine().restart(request).await
        })
        .await?;
        Ok(())
    }
}

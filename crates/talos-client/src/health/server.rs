//! The check that a control-plane node makes by itself.

use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result, within};
use talos_proto::cluster::{ClusterInfo, HealthCheckRequest};

use crate::node::NodeClient;

const OPERATION: &str = "HealthCheck";

/// How long an answer may come after the node's own deadline.
const GRACE: Duration = Duration::from_secs(30);

/// What a node's own check looks at.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HealthCheckOptions {
    /// How long the node waits for all to be well. 20 minutes.
    pub wait: Duration,
    /// Addresses of the control-plane nodes; the node looks for itself when both
    /// lists are empty.
    pub control_planes: Vec<String>,
    /// Addresses of the workers.
    pub workers: Vec<String>,
    /// Address of the Kubernetes API in place of the configured one.
    pub kubernetes_endpoint: Option<String>,
}

impl Default for HealthCheckOptions {
    fn default() -> Self {
        HealthCheckOptions {
            wait: Duration::from_secs(20 * 60),
            control_planes: Vec::new(),
            workers: Vec::new(),
            kubernetes_endpoint: None,
        }
    }
}

impl HealthCheckOptions {
    /// How long the node waits for all to be well.
    #[must_use]
    pub fn wait(mut self, limit: Duration) -> Self {
        self.wait = limit;
        self
    }

    /// Addresses of the nodes there should be.
    #[must_use]
    pub fn nodes(
        mut self,
        control_planes: impl IntoIterator<Item = impl Into<String>>,
        workers: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.control_planes = control_planes.into_iter().map(Into::into).collect();
        self.workers = workers.into_iter().map(Into::into).collect();
        self
    }

    /// Address of the Kubernetes API in place of the configured one.
    #[must_use]
    pub fn kubernetes_endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.kubernetes_endpoint = Some(endpoint.into());
        self
    }

    fn request(&self) -> Result<HealthCheckRequest> {
        let wait = prost_types::Duration::try_from(self.wait).ok();
        // The proto's default, 0, would expire at once.
        let wait = wait
            .filter(|w| w.seconds > 0 || w.nanos > 0)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidArgument,
                    "wait: a duration above 0 is needed",
                )
            })?;
        Ok(HealthCheckRequest {
            wait_timeout: Some(wait),
            cluster_info: Some(ClusterInfo {
                control_plane_nodes: self.control_planes.clone(),
                worker_nodes: self.workers.clone(),
                force_endpoint: self.kubernetes_endpoint.clone().unwrap_or_default(),
            }),
        })
    }
}

impl NodeClient {
    /// Makes this control-plane node check the whole cluster, and waits until all
    /// is well. `on_line` gets what it looks at and what it waits for, in Talos'
    /// words. [`wait_for_health`](crate::TalosClient::wait_for_health) looks from
    /// here instead.
    ///
    /// # Errors
    /// - `Timeout` or another kind, with Talos' words, when it is not well in time.
    /// - `Unsupported` from a worker.
    ///
    /// # Cancellation
    /// The node stops looking.
    pub async fn health_check(
        &self,
        options: &HealthCheckOptions,
        mut on_line: impl FnMut(&str),
    ) -> Result<()> {
        let named = |e: Error| e.operation(OPERATION).target(self.target());
        let request = options.request().map_err(named)?;
        let mut frames = self.follow(OPERATION, request, |raw, request| async move {
            raw.cluster().health_check(request).await
        });
        let watching = async {
            while let Some(frame) = frames.next().await? {
                on_line(&frame.message);
            }
            Ok(())
        };
        let limit = options.wait.saturating_add(GRACE);
        within(limit, OPERATION, watching).await.map_err(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_never_nothing() {
        let request = HealthCheckOptions::default().request().unwrap();
        assert_eq!(request.wait_timeout.map(|w| w.seconds), Some(1200));
        let error = HealthCheckOptions::default()
            .wait(Duration::ZERO)
            .request()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
}

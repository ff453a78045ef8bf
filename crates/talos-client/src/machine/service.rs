//! Services of a node: etcd, kubelet, apid and the others.

use homelab_core::Result;
use serde::{Deserialize, Serialize};
use talos_proto::machine::ServiceInfo;

use crate::node::NodeClient;
use crate::timestamp::rfc3339;

/// A service of a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Service {
    /// Its id: `etcd`, `kubelet`, `apid`, …
    pub id: String,
    /// `Running`, `Finished`, `Failed`, … in Talos' own words.
    pub state: String,
    /// Whether its health check passes; absent when it has none or has not run it yet.
    pub healthy: Option<bool>,
    /// The last words of the health check.
    pub health_message: String,
    /// Since when its health is what it is, RFC 3339.
    pub health_changed: Option<String>,
    /// What happened to it, oldest first.
    pub events: Vec<ServiceEvent>,
}

/// Something that happened to a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ServiceEvent {
    /// The state it went into.
    pub state: String,
    /// In words.
    pub message: String,
    /// When, RFC 3339.
    pub at: Option<String>,
}

impl From<ServiceInfo> for Service {
    fn from(info: ServiceInfo) -> Self {
        let health = info.health.unwrap_or_default();
        Service {
            id: info.id,
            state: info.state,
            healthy: (!health.unknown).then_some(health.healthy),
            health_message: health.last_message,
            health_changed: health.last_change.as_ref().and_then(rfc3339),
            events: info
                .events
                .unwrap_or_default()
                .events
                .into_iter()
                .map(|event| ServiceEvent {
                    state: event.state,
                    message: event.msg,
                    at: event.ts.as_ref().and_then(rfc3339),
                })
                .collect(),
        }
    }
}

impl NodeClient {
    /// The services of the node, how they are and what became of them lately.
    ///
    /// ```no_run
    /// # async fn example(node: talos_client::NodeClient) -> homelab_core::Result<()> {
    /// for service in node.services().await? {
    ///     println!("{} {} {:?}", service.id, service.state, service.healthy);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of every call ([`NodeClient`]).
    pub async fn services(&self) -> Result<Vec<Service>> {
        let m = self
            .ask("ServiceList", (), |raw, request| async move {
                raw.machine().service_list(request).await
            })
            .await?;
        Ok(m.services.into_iter().map(Service::from).collect())
    }
}

//! Which nodes there should be.

use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result};

use crate::client::TalosClient;
use crate::cosi::Member;
use crate::flows::FlowOptions;
use crate::nodes::NodesClient;

/// Which nodes there should be, and how long to wait for them to be well.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct HealthOptions {
    /// Addresses of the control planes. Discovery is asked when both lists are empty.
    pub control_planes: Vec<String>,
    /// Addresses of the workers.
    pub workers: Vec<String>,
    /// Longest wait. 20 minutes.
    pub deadline: Option<Duration>,
    /// How often to look. 5 s.
    pub poll: Option<Duration>,
    /// Address of the Kubernetes API (`https://172.16.1.50:6443`) in place of the
    /// one in the node's kubeconfig.
    pub kubernetes_endpoint: Option<String>,
    /// Leave out what only Kubernetes' API knows.
    pub skip_kubernetes: bool,
}

impl HealthOptions {
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

    /// Longest wait.
    #[must_use]
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.deadline = Some(limit);
        self
    }

    /// How often to look.
    #[must_use]
    pub fn poll(mut self, pause: Duration) -> Self {
        self.poll = Some(pause);
        self
    }

    /// Address of the Kubernetes API.
    #[must_use]
    pub fn kubernetes_endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.kubernetes_endpoint = Some(endpoint.into());
        self
    }

    /// Leave out what only Kubernetes' API knows.
    #[must_use]
    pub fn skip_kubernetes(mut self) -> Self {
        self.skip_kubernetes = true;
        self
    }

    pub(super) fn flow(&self) -> FlowOptions {
        FlowOptions::default()
            .deadline(self.deadline.unwrap_or(Duration::from_secs(20 * 60)))
            .poll(self.poll.unwrap_or(Duration::from_secs(5)))
    }
}

/// The nodes that are looked at.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    pub(super) talos: TalosClient,
    pub(super) control_planes: Vec<Machine>,
    pub(super) workers: Vec<Machine>,
    /// Kubernetes' API, once it was asked for.
    #[cfg(feature = "kubernetes")]
    pub(super) kubernetes: tokio::sync::OnceCell<super::kubernetes::Api>,
    /// Whether Talos installs no network plugin, once it was asked for.
    #[cfg(feature = "kubernetes")]
    pub(super) no_cni: tokio::sync::OnceCell<bool>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    /// By which it is asked.
    pub(super) address: String,
    /// All that are known.
    pub(super) addresses: Vec<String>,
}

impl Cluster {
    /// As the options say, or as discovery does.
    pub(super) async fn find(talos: &TalosClient, options: &HealthOptions) -> Result<Cluster> {
        let given = |list: &[String]| {
            list.iter()
                .map(|address| Machine {
                    address: address.clone(),
                    addresses: vec![address.clone()],
                })
                .collect::<Vec<_>>()
        };
        let (mut control_planes, mut workers) =
            (given(&options.control_planes), given(&options.workers));
        if control_planes.is_empty() && workers.is_empty() {
            let members = talos.endpoint().members().await?;
            (control_planes, workers) = discovered(&members);
        }
        if control_planes.is_empty() {
            let message = "no control plane is known: name them, as discovery knows none";
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        Ok(Cluster {
            talos: talos.clone(),
            control_planes,
            workers,
            #[cfg(feature = "kubernetes")]
            kubernetes: tokio::sync::OnceCell::new(),
            #[cfg(feature = "kubernetes")]
            no_cni: tokio::sync::OnceCell::new(),
        })
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Machine> {
        self.control_planes.iter().chain(&self.workers)
    }

    pub(super) fn ask_all(&self) -> NodesClient {
        self.talos.nodes(self.all().map(|m| &m.address))
    }

    pub(super) fn ask_control_planes(&self) -> NodesClient {
        self.talos
            .nodes(self.control_planes.iter().map(|m| &m.address))
    }
}

/// The members of a cluster as control planes and workers, by address.
fn discovered(members: &[Member]) -> (Vec<Machine>, Vec<Machine>) {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by(|a, b| a.hostname.cmp(&b.hostname));
    let machine = |member: &Member| {
        Some(Machine {
            address: member.addresses.first()?.clone(),
            addresses: member.addresses.clone(),
        })
    };
    let (control_planes, workers): (Vec<_>, Vec<_>) = members
        .into_iter()
        .partition(|member| member.machine_type.is_control_plane());
    (
        control_planes.into_iter().filter_map(machine).collect(),
        workers.into_iter().filter_map(machine).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cosi::MachineType;

    #[test]
    fn the_first_address_is_the_internal_one() {
        let member = |name: &str, kind, addresses: &[&str]| Member {
            hostname: name.into(),
            machine_type: kind,
            addresses: addresses.iter().map(|a| (*a).to_owned()).collect(),
            ..Member::default()
        };
        let (control_planes, workers) = discovered(&[
            member("w", MachineType::Worker, &["10.0.0.3"]),
            member("b", MachineType::ControlPlane, &["10.0.0.2", "fd00::2"]),
            member("a", MachineType::Init, &["10.0.0.1"]),
            member("lost", MachineType::ControlPlane, &[]),
        ]);
        let addresses: Vec<_> = control_planes.iter().map(|m| m.address.as_str()).collect();
        assert_eq!(addresses, ["10.0.0.1", "10.0.0.2"]);
        assert_eq!(control_planes[1].addresses.len(), 2);
        assert_eq!(workers.len(), 1);
    }
}

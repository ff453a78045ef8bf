//! The name, the clock, the block devices and the controllers of a node.

use homelab_core::Result;
use serde::{Deserialize, Serialize};
use talos_proto::inspect::{ControllerDependencyEdge, DependencyEdgeType};
use talos_proto::storage::{Disk, disk::DiskType};
use talos_proto::time::{Time, TimeRequest};

use crate::enum_name::name_of;
use crate::node::NodeClient;
use crate::timestamp::rfc3339;

/// The clock of a node and that of a time server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct NodeTime {
    /// The time server that was asked.
    pub server: String,
    /// The node's clock, RFC 3339.
    pub local: Option<String>,
    /// The server's clock, RFC 3339.
    pub remote: Option<String>,
    /// By how much the node's clock is ahead, in seconds; negative when it is behind.
    pub ahead_seconds: Option<f64>,
}

impl From<Time> for NodeTime {
    fn from(time: Time) -> Self {
        let seconds = |t: &prost_types::Timestamp| {
            jiff::Timestamp::new(t.seconds, t.nanos)
                .ok()
                .map(jiff::Timestamp::as_duration)
        };
        let pair = time.localtime.as_ref().zip(time.remotetime.as_ref());
        NodeTime {
            ahead_seconds: pair.and_then(|(local, remote)| {
                let ahead = seconds(local)?.checked_sub(seconds(remote)?)?;
                Some(ahead.as_secs_f64())
            }),
            server: time.server,
            local: time.localtime.as_ref().and_then(rfc3339),
            remote: time.remotetime.as_ref().and_then(rfc3339),
        }
    }
}

/// A block device as the storage service sees it; [`disks`](NodeClient::disks)
/// says more since Talos v1.8.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct StorageDisk {
    /// Its path: `/dev/sda`.
    pub device: String,
    /// Size.
    pub size_bytes: u64,
    /// Its model.
    pub model: String,
    /// Its serial number.
    pub serial: String,
    /// World-wide name.
    pub wwid: String,
    /// UUID of the device.
    pub uuid: String,
    /// `ssd`, `hdd`, `nvme`, `sd`, `cd`, `unknown`.
    pub kind: String,
    /// Where it is connected.
    pub bus_path: String,
    /// Whether Talos is installed on it.
    pub system_disk: bool,
    /// Whether it cannot be written.
    pub read_only: bool,
}

impl From<Disk> for StorageDisk {
    fn from(disk: Disk) -> Self {
        StorageDisk {
            device: disk.device_name,
            size_bytes: disk.size,
            model: disk.model,
            serial: disk.serial,
            wwid: disk.wwid,
            uuid: disk.uuid,
            kind: name_of(disk.r#type, "", DiskType::as_str_name),
            bus_path: disk.bus_path,
            system_disk: disk.system_disk,
            read_only: disk.readonly,
        }
    }
}

/// What a controller of the node reads or writes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ControllerDependency {
    /// The controller.
    pub controller: String,
    /// `output-exclusive`, `output-shared`, `input-strong`, `input-weak` or
    /// `input-destroy-ready`.
    pub edge: String,
    /// Namespace of the resource; empty for outputs.
    pub namespace: String,
    /// Type of the resource.
    pub resource_type: String,
    /// Id of the resource; absent for all of the type.
    pub id: Option<String>,
}

impl From<ControllerDependencyEdge> for ControllerDependency {
    fn from(edge: ControllerDependencyEdge) -> Self {
        ControllerDependency {
            controller: edge.controller_name,
            edge: name_of(edge.edge_type, "", DependencyEdgeType::as_str_name),
            namespace: edge.resource_namespace,
            resource_type: edge.resource_type,
            id: (!edge.resource_id.is_empty()).then_some(edge.resource_id),
        }
    }
}

impl NodeClient {
    /// The host name of the node as its kernel has it;
    /// [`hostname`](NodeClient::hostname) is what it was configured or told.
    ///
    /// # Errors
    /// Those of every call ([`NodeClient`]).
    pub async fn kernel_hostname(&self) -> Result<String> {
        let m = self
            .ask("Hostname", (), |raw, request| async move {
                raw.machine().hostname(request).await
            })
            .await?;
        Ok(m.hostname)
    }

    /// The clock of the node, and that of its own time server.
    ///
    /// # Errors
    /// `Unknown` or `Timeout` with Talos' words when the time server does not answer.
    pub async fn time(&self) -> Result<NodeTime> {
        let m = self
            .ask("Time", (), |raw, request| async move {
                raw.time().time(request).await
            })
            .await?;
        Ok(m.into())
    }

    /// The clock of the node, and that of a time server it is told to ask: a name, an
    /// address, or a PTP device (`/dev/ptp0`).
    ///
    /// # Errors
    /// As [`time`](NodeClient::time).
    pub async fn time_check(&self, server: &str) -> Result<NodeTime> {
        let request = TimeRequest {
            server: server.to_owned(),
        };
        let m = self
            .ask("TimeCheck", request, |raw, request| async move {
                raw.time().time_check(request).await
            })
            .await?;
        Ok(m.into())
    }

    /// The block devices of the node, from the storage service: for machines that wait
    /// for a configuration and releases before v1.8. Later ones tell more in
    /// [`disks`](NodeClient::disks).
    ///
    /// # Errors
    /// Those of every call ([`NodeClient`]).
    pub async fn storage_disks(&self) -> Result<Vec<StorageDisk>> {
        let m = self
            .ask("Disks", (), |raw, request| async move {
                raw.storage().disks(request).await
            })
            .await?;
        Ok(m.disks.into_iter().map(StorageDisk::from).collect())
    }

    /// What the node's controllers read and write, as edges of a graph: for support.
    ///
    /// # Errors
    /// Those of every call ([`NodeClient`]).
    pub async fn controller_dependencies(&self) -> Result<Vec<ControllerDependency>> {
        let m = self
            .ask(
                "ControllerRuntimeDependencies",
                (),
                |raw, request| async move {
                    raw.inspect().controller_runtime_dependencies(request).await
                },
            )
            .await?;
        Ok(m.edges
            .into_iter()
            .map(ControllerDependency::from)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_may_be_ahead_or_behind() {
        let at = |seconds| {
            Some(prost_types::Timestamp {
                seconds,
                nanos: 500_000_000,
            })
        };
        let time = |local, remote| {
            NodeTime::from(Time {
                localtime: local,
                remotetime: remote,
                ..Time::default()
            })
        };
        assert_eq!(time(at(10), at(12)).ahead_seconds, Some(-2.0));
        assert_eq!(time(at(10), None).ahead_seconds, None);
        assert_eq!(time(at(i64::MAX), at(0)).ahead_seconds, None);
    }

    #[test]
    fn values_of_the_future_are_numbers() {
        let disk = StorageDisk::from(Disk {
            r#type: 99,
            ..Disk::default()
        });
        assert_eq!(disk.kind, "99");
        let edge = ControllerDependency::from(ControllerDependencyEdge {
            edge_type: 3,
            ..ControllerDependencyEdge::default()
        });
        assert_eq!(edge.edge, "output-shared");
    }
}

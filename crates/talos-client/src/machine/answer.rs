//! Answers of the machine's services: lists with one element per node asked.

use homelab_core::{PerNode, Result};
use prost::Message;
use talos_proto::common::Metadata;
use talos_proto::{cluster, common, inspect, machine, storage, time};

use super::{element_error, only};

/// A message that may say, in place of data, how a node failed.
pub(crate) trait Element: Message + Default + Send + 'static {
    /// Whose it is and how it failed; nothing in messages that cannot say.
    fn metadata(&self) -> Option<&Metadata>;
}

/// An answer with one element for each node asked. We ask one; clients that
/// still send the header `nodes`, deprecated since Talos v1.14, ask several.
pub trait Answer {
    /// What the answer is about.
    type Element;

    /// The one element, if it is not an error.
    ///
    /// # Errors
    /// The node's, when the element says how it failed; `Protocol` when there is none.
    fn element(self) -> Result<Self::Element>;

    /// The elements of a merged answer, in the order in which the nodes
    /// answered, by the name that was sent for each. The call itself says OK
    /// even when every node failed.
    fn per_node(self) -> PerNode<Self::Element>;
}

fn merged<T>(messages: Vec<T>, metadata: impl Fn(&T) -> Option<&Metadata>) -> PerNode<T> {
    let element = |message: T| {
        let about = metadata(&message);
        let node = about.map(|m| m.hostname.clone()).unwrap_or_default();
        match about.and_then(element_error) {
            Some(error) => (node.clone(), Err(error.target(node))),
            None => (node, Ok(message)),
        }
    };
    messages.into_iter().map(element).collect()
}

macro_rules! elements {
    ($($message:ty,)+) => {
        $(impl Element for $message {
            fn metadata(&self) -> Option<&Metadata> {
                self.metadata.as_ref()
            }
        })+
    };
}

macro_rules! answers {
    ($($answer:ty => $element:ty,)+) => {
        $(impl Answer for $answer {
            type Element = $element;

            fn element(self) -> Result<$element> {
                only(self.messages, |m| m.metadata.as_ref())
            }

            fn per_node(self) -> PerNode<$element> {
                merged(self.messages, |m| m.metadata.as_ref())
            }
        })+
    };
}

/// Messages of newer services have no metadata: their errors are statuses.
macro_rules! bare {
    ($($message:ty,)+) => {
        $(impl Element for $message {
            fn metadata(&self) -> Option<&Metadata> {
                None
            }
        })+
    };
}

elements! {
    cluster::HealthCheckProgress,
    common::Data,
    machine::DiskUsageInfo,
    machine::FileInfo,
    machine::ImageListResponse,
}

bare! {
    machine::DebugContainerRunResponse,
    machine::ImageServiceListResponse,
    machine::ImageServicePullResponse,
    machine::LifecycleServiceInstallResponse,
    machine::LifecycleServiceUpgradeResponse,
}

answers! {
    inspect::ControllerRuntimeDependenciesResponse => inspect::ControllerRuntimeDependency,
    machine::ContainersResponse => machine::Container,
    machine::CpuFreqStatsResponse => machine::CpUsFreqStats,
    machine::CpuInfoResponse => machine::CpUsInfo,
    machine::DiskStatsResponse => machine::DiskStats,
    machine::EtcdAlarmDisarmResponse => machine::EtcdAlarmDisarm,
    machine::EtcdAlarmListResponse => machine::EtcdAlarm,
    machine::EtcdDefragmentResponse => machine::EtcdDefragment,
    machine::EtcdDowngradeCancelResponse => machine::EtcdDowngradeCancel,
    machine::EtcdDowngradeEnableResponse => machine::EtcdDowngradeEnable,
    machine::EtcdDowngradeValidateResponse => machine::EtcdDowngradeValidate,
    machine::EtcdForfeitLeadershipResponse => machine::EtcdForfeitLeadership,
    machine::EtcdLeaveClusterResponse => machine::EtcdLeaveCluster,
    machine::EtcdRecoverResponse => machine::EtcdRecover,
    machine::EtcdRemoveMemberByIdResponse => machine::EtcdRemoveMemberById,
    machine::HostnameResponse => machine::Hostname,
    machine::ImagePullResponse => machine::ImagePull,
    machine::LoadAvgResponse => machine::LoadAvg,
    machine::LogsContainersResponse => machine::LogsContainer,
    machine::MountsResponse => machine::Mounts,
    machine::NetstatResponse => machine::Netstat,
    machine::NetworkDeviceStatsResponse => machine::NetworkDeviceStats,
    machine::ProcessesResponse => machine::Process,
    machine::StatsResponse => machine::Stats,
    machine::ApplyConfigurationResponse => machine::ApplyConfiguration,
    machine::BootstrapResponse => machine::Bootstrap,
    machine::GenerateClientConfigurationResponse => machine::GenerateClientConfiguration,
    machine::MetaDeleteResponse => machine::MetaDelete,
    machine::MetaWriteResponse => machine::MetaWrite,
    machine::RebootResponse => machine::Reboot,
    machine::ResetResponse => machine::Reset,
    machine::RestartResponse => machine::Restart,
    machine::RollbackResponse => machine::Rollback,
    machine::ServiceRestartResponse => machine::ServiceRestart,
    machine::ServiceStartResponse => machine::ServiceStart,
    machine::ServiceStopResponse => machine::ServiceStop,
    machine::ShutdownResponse => machine::Shutdown,
    machine::UpgradeResponse => machine::Upgrade,
    machine::EtcdMemberListResponse => machine::EtcdMembers,
    machine::EtcdStatusResponse => machine::EtcdStatus,
    machine::MemoryResponse => machine::Memory,
    machine::ServiceListResponse => machine::ServiceList,
    machine::SystemStatResponse => machine::SystemStat,
    machine::VersionResponse => machine::Version,
    storage::BlockDeviceWipeResponse => storage::BlockDeviceWipe,
    storage::DisksResponse => storage::Disks,
    time::TimeResponse => time::Time,
}

#[cfg(test)]
mod tests {
    use homelab_core::ErrorKind;
    use talos_proto::google::rpc::Status;

    use super::*;

    #[test]
    fn a_merged_answer_names_who_failed_and_how() {
        let version = |hostname: &str, status: Option<Status>, error: &str| machine::Version {
            metadata: Some(Metadata {
                hostname: hostname.into(),
                error: error.into(),
                status,
            }),
            ..machine::Version::default()
        };
        let down = Status {
            code: 14,
            message: "connection refused".into(),
            details: vec![],
        };
        let answer = machine::VersionResponse {
            messages: vec![
                version("10.0.0.2", None, ""),
                version("10.0.0.1", Some(down), "rpc error"),
                version("10.0.0.3", None, "only words"),
            ],
        };
        let nodes = answer.per_node();
        assert_eq!(nodes.answers().count(), 1);
        let kind = |node: &str| nodes.get(node).unwrap().as_ref().unwrap_err().kind();
        assert_eq!(kind("10.0.0.1"), ErrorKind::Unavailable);
        assert_eq!(kind("10.0.0.3"), ErrorKind::Unknown);
        let failed = nodes.failures().next().unwrap().1;
        assert_eq!(failed.target_name(), Some("10.0.0.1"));
    }

    #[test]
    fn an_answer_without_metadata_is_the_endpoints_own() {
        let answer = machine::VersionResponse {
            messages: vec![machine::Version::default()],
        };
        assert!(answer.per_node().get("").unwrap().is_ok());
    }
}

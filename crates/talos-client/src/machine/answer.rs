//! Answers of the machine's services: lists with one element per node asked.

use homelab_core::Result;
use talos_proto::common::Metadata;
use talos_proto::{common, inspect, machine, storage, time};

use super::only;

/// A message that may say, in place of data, how a node failed.
pub(crate) trait Element: Send + 'static {
    /// Whose it is and how it failed; nothing in messages that cannot say.
    fn metadata(&self) -> Option<&Metadata>;
}

/// An answer with one element for each node asked; we ask one.
pub(crate) trait Answer {
    /// What the answer is about.
    type Element;

    /// The one element, if it is not an error.
    fn element(self) -> Result<Self::Element>;
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
        })+
    };
}

elements! {
    common::Data,
    machine::FileInfo,
    machine::DiskUsageInfo,
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
    storage::DisksResponse => storage::Disks,
    time::TimeResponse => time::Time,
}

//! Care of etcd: members, leadership, alarms, room, versions.
//!
//! All of it changes something, so nothing here is tried twice.

use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use talos_proto::machine::{
    EtcdDowngradeEnableRequest, EtcdDowngradeValidateRequest, EtcdForfeitLeadershipRequest,
    EtcdLeaveClusterRequest, EtcdMemberAlarm, EtcdRemoveMemberByIdRequest, etcd_member_alarm,
};

use super::etcd::member_id;
use crate::enum_name::name_of;
use crate::node::NodeClient;

/// Leaving is tried for up to five minutes by the node itself.
const LEAVING: Duration = Duration::from_secs(330);

/// Defragmenting blocks the member; a large database takes minutes.
const DEFRAGMENTING: Duration = Duration::from_secs(600);

/// An alarm of an etcd member.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EtcdAlarm {
    /// Id of the member, 16 hexadecimal digits.
    pub member_id: String,
    /// `nospace` or `corrupt`.
    pub alarm: String,
}

impl From<EtcdMemberAlarm> for EtcdAlarm {
    fn from(alarm: EtcdMemberAlarm) -> Self {
        EtcdAlarm {
            member_id: member_id(alarm.member_id),
            alarm: name_of(alarm.alarm, "", etcd_member_alarm::AlarmType::as_str_name),
        }
    }
}

/// A member's id from its 16 hexadecimal digits.
fn parse_id(text: &str) -> Result<u64> {
    let hex = !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    hex.then(|| u64::from_str_radix(text, 16).ok())
        .flatten()
        .ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidArgument,
                format!("member id {text:?}: up to 16 hexadecimal digits are needed"),
            )
        })
}

/// Talos wants `3.5`, not `v3.5.9`.
fn minor_version(text: &str) -> Result<String> {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    match text.split('.').collect::<Vec<_>>().as_slice() {
        [major, minor] if number(major) && number(minor) => Ok(text.to_owned()),
        _ => Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("version {text:?}: MAJOR.MINOR is needed, such as 3.5"),
        )),
    }
}

impl NodeClient {
    /// Removes a member from etcd, by the id that
    /// [`etcd_members`](NodeClient::etcd_members) gives. For members whose node is
    /// gone; one that runs should leave by itself.
    ///
    /// # Errors
    /// `InvalidArgument` for an id that is none, before anything is sent;
    /// `NotFound` when there is no such member.
    pub async fn etcd_remove_member(&self, member_id: &str) -> Result<()> {
        const OPERATION: &str = "EtcdRemoveMemberByID";
        let member_id =
            parse_id(member_id).map_err(|e| e.operation(OPERATION).target(self.target()))?;
        self.order(
            OPERATION,
            EtcdRemoveMemberByIdRequest { member_id },
            |raw, request| async move { raw.machine().etcd_remove_member_by_id(request).await },
        )
        .await?;
        Ok(())
    }

    /// Makes this node's member leave etcd and removes its data. The node tries
    /// for up to five minutes. Needs `os:admin`.
    ///
    /// # Errors
    /// `Unsupported` from a worker; `FailedPrecondition` when etcd has no quorum to
    /// decide it; `Timeout` when the answer takes longer than that: look at
    /// [`etcd_members`](NodeClient::etcd_members).
    ///
    /// # Cancellation
    /// The node may have left, or be about to.
    pub async fn etcd_leave(&self) -> Result<()> {
        const OPERATION: &str = "EtcdLeaveCluster";
        let answer = self
            .act(
                OPERATION,
                Some(LEAVING),
                EtcdLeaveClusterRequest {},
                |raw, request| async move { raw.machine().etcd_leave_cluster(request).await },
            )
            .await?;
        self.element(OPERATION, answer)?;
        Ok(())
    }

    /// Hands leadership of etcd to another member and names it; nothing when this
    /// node is not the leader.
    ///
    /// # Errors
    /// `FailedPrecondition` when there is no other member.
    pub async fn etcd_forfeit_leadership(&self) -> Result<Option<String>> {
        let m = self
            .order(
                "EtcdForfeitLeadership",
                EtcdForfeitLeadershipRequest {},
                |raw, request| async move { raw.machine().etcd_forfeit_leadership(request).await },
            )
            .await?;
        Ok((!m.member.is_empty()).then_some(m.member))
    }

    /// The alarms of etcd, as this node's member knows them: out of space, or corrupt.
    ///
    /// # Errors
    /// `Unsupported` from a worker; `Unavailable` or `Timeout` when its member does not run.
    pub async fn etcd_alarms(&self) -> Result<Vec<EtcdAlarm>> {
        let m = self
            .ask("EtcdAlarmList", (), |raw, request| async move {
                raw.machine().etcd_alarm_list(request).await
            })
            .await?;
        Ok(m.member_alarms.into_iter().map(EtcdAlarm::from).collect())
    }

    /// Ends all alarms of etcd and gives back which there were. Room has to be made
    /// before, or they come again.
    ///
    /// # Errors
    /// As [`etcd_alarms`](NodeClient::etcd_alarms). Needs `os:operator`.
    pub async fn etcd_disarm_alarms(&self) -> Result<Vec<EtcdAlarm>> {
        let m = self
            .order("EtcdAlarmDisarm", (), |raw, request| async move {
                raw.machine().etcd_alarm_disarm(request).await
            })
            .await?;
        Ok(m.member_alarms.into_iter().map(EtcdAlarm::from).collect())
    }

    /// Gives room that this node's member no longer uses back to the disk. The
    /// member answers nobody meanwhile: one node at a time.
    ///
    /// # Errors
    /// As [`etcd_alarms`](NodeClient::etcd_alarms); `Timeout` when it takes longer: it
    /// goes on. Needs `os:operator`.
    ///
    /// # Cancellation
    /// The member goes on.
    pub async fn etcd_defragment(&self) -> Result<()> {
        const OPERATION: &str = "EtcdDefragment";
        let answer = self
            .act(
                OPERATION,
                Some(DEFRAGMENTING),
                (),
                |raw, request| async move { raw.machine().etcd_defragment(request).await },
            )
            .await?;
        self.element(OPERATION, answer)?;
        Ok(())
    }

    /// Whether etcd could go back to `version` (`3.5`). Gives back the version it has
    /// now. Since Talos v1.11.
    ///
    /// # Errors
    /// `InvalidArgument` for a version that is not `MAJOR.MINOR`, before anything is
    /// sent, and for one that etcd cannot go back to; `FailedPrecondition` while a
    /// downgrade is under way; `Unsupported` before v1.11 and from a worker.
    pub async fn etcd_downgrade_validate(&self, version: &str) -> Result<String> {
        const OPERATION: &str = "EtcdDowngradeValidate";
        let version =
            minor_version(version).map_err(|e| e.operation(OPERATION).target(self.target()))?;
        let m = self
            .ask(
                OPERATION,
                EtcdDowngradeValidateRequest { version },
                |raw, request| async move { raw.machine().etcd_downgrade_validate(request).await },
            )
            .await?;
        Ok(m.cluster_downgrade.unwrap_or_default().cluster_version)
    }

    /// Allows etcd to go back to `version` (`3.5`): its members may then be replaced by
    /// older ones, one after the other. Gives back the version it has now. Since Talos
    /// v1.11.
    ///
    /// # Errors
    /// As [`etcd_downgrade_validate`](NodeClient::etcd_downgrade_validate). Needs `os:admin`.
    pub async fn etcd_downgrade_enable(&self, version: &str) -> Result<String> {
        const OPERATION: &str = "EtcdDowngradeEnable";
        let version =
            minor_version(version).map_err(|e| e.operation(OPERATION).target(self.target()))?;
        let m = self
            .order(
                OPERATION,
                EtcdDowngradeEnableRequest { version },
                |raw, request| async move { raw.machine().etcd_downgrade_enable(request).await },
            )
            .await?;
        Ok(m.cluster_downgrade.unwrap_or_default().cluster_version)
    }

    /// Takes the permission to go back to an older version away. Gives back the version
    /// it has now. Since Talos v1.11.
    ///
    /// # Errors
    /// `FailedPrecondition` when there is none; `Unsupported` before v1.11 and from a
    /// worker. Needs `os:admin`.
    pub async fn etcd_downgrade_cancel(&self) -> Result<String> {
        let m = self
            .order("EtcdDowngradeCancel", (), |raw, request| async move {
                raw.machine().etcd_downgrade_cancel(request).await
            })
            .await?;
        Ok(m.cluster_downgrade.unwrap_or_default().cluster_version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_hexadecimal() {
        assert_eq!(parse_id("ffffffffffffffff").unwrap(), u64::MAX);
        assert_eq!(parse_id("2a").unwrap(), 42);
        for wrong in ["", "+2a", "0x2a", "10000000000000000", "ä"] {
            assert!(parse_id(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn versions_have_two_numbers() {
        assert_eq!(minor_version("3.5").unwrap(), "3.5");
        for wrong in ["v3.5", "3", "3.5.1", "3.", ""] {
            assert!(minor_version(wrong).is_err(), "{wrong}");
        }
    }
}

//! etcd as its members see it.

use homelab_core::Result;
use serde::{Deserialize, Serialize};
use talos_proto::machine::{EtcdMember as RawMember, EtcdMemberListRequest, EtcdMemberStatus};

use crate::node::NodeClient;

/// A member of etcd, as the asked node sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EtcdMember {
    /// Member id, 16 hexadecimal digits.
    pub id: String,
    /// Host name of its node.
    pub hostname: String,
    /// Where other members reach it.
    pub peer_urls: Vec<String>,
    /// Where clients reach it.
    pub client_urls: Vec<String>,
    /// Whether it has no vote yet.
    pub learner: bool,
}

/// The etcd member on a node, as it sees itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EtcdStatus {
    /// Its own member id, 16 hexadecimal digits.
    pub member_id: String,
    /// The leader's member id; absent when there is none.
    pub leader_id: Option<String>,
    /// Whether it has no vote yet.
    pub learner: bool,
    /// Version of etcd.
    pub protocol_version: String,
    /// Version of the storage format (since Talos v1.11; empty before).
    pub storage_version: String,
    /// Size of the database file.
    pub db_size_bytes: u64,
    /// Part of it that is in use; the rest comes back by defragmenting.
    pub db_size_in_use_bytes: u64,
    /// Raft index.
    pub raft_index: u64,
    /// Raft term; grows with each election.
    pub raft_term: u64,
    /// Raft index that has been applied.
    pub raft_applied_index: u64,
    /// Alarms and other troubles, in etcd's words.
    pub errors: Vec<String>,
}

/// How Talos and etcd show member ids.
pub(crate) fn member_id(id: u64) -> String {
    format!("{id:016x}")
}

impl From<RawMember> for EtcdMember {
    fn from(m: RawMember) -> Self {
        EtcdMember {
            id: member_id(m.id),
            hostname: m.hostname,
            peer_urls: m.peer_urls,
            client_urls: m.client_urls,
            learner: m.is_learner,
        }
    }
}

impl From<EtcdMemberStatus> for EtcdStatus {
    fn from(s: EtcdMemberStatus) -> Self {
        EtcdStatus {
            member_id: member_id(s.member_id),
            leader_id: (s.leader != 0).then(|| member_id(s.leader)),
            learner: s.is_learner,
            protocol_version: s.protocol_version,
            storage_version: s.storage_version,
            db_size_bytes: u64::try_from(s.db_size).unwrap_or(0),
            db_size_in_use_bytes: u64::try_from(s.db_size_in_use).unwrap_or(0),
            raft_index: s.raft_index,
            raft_term: s.raft_term,
            raft_applied_index: s.raft_applied_index,
            errors: s.errors,
        }
    }
}

impl NodeClient {
    /// The members of etcd, as this control-plane node sees them. Without a
    /// quorum this fails or waits for its deadline: the list is read through raft.
    ///
    /// # Errors
    /// `Unsupported` from a worker; `FailedPrecondition` with etcd's words when it has no quorum.
    pub async fn etcd_members(&self) -> Result<Vec<EtcdMember>> {
        let request = EtcdMemberListRequest { query_local: false };
        self.member_list(request).await
    }

    /// The members of etcd from this node's own copy, which works without a quorum and
    /// may be out of date.
    ///
    /// # Errors
    /// As [`etcd_members`](NodeClient::etcd_members), but for the want of a quorum.
    pub async fn etcd_members_local(&self) -> Result<Vec<EtcdMember>> {
        let request = EtcdMemberListRequest { query_local: true };
        self.member_list(request).await
    }

    async fn member_list(&self, request: EtcdMemberListRequest) -> Result<Vec<EtcdMember>> {
        let m = self
            .ask("EtcdMemberList", request, |raw, request| async move {
                raw.machine().etcd_member_list(request).await
            })
            .await?;
        Ok(m.members.into_iter().map(EtcdMember::from).collect())
    }

    /// The state of the etcd member on this node.
    ///
    /// # Errors
    /// `Unsupported` from a worker; `Timeout` with etcd's words when it does not run.
    pub async fn etcd_status(&self) -> Result<EtcdStatus> {
        let m = self
            .ask("EtcdStatus", (), |raw, request| async move {
                raw.machine().etcd_status(request).await
            })
            .await?;
        Ok(m.member_status.unwrap_or_default().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_sixteen_digits_and_no_leader_is_none() {
        let status = EtcdStatus::from(EtcdMemberStatus {
            member_id: 0x2a,
            leader: 0,
            ..EtcdMemberStatus::default()
        });
        assert_eq!(status.member_id, "000000000000002a");
        assert_eq!(status.leader_id, None);
        assert_eq!(member_id(u64::MAX), "ffffffffffffffff");
    }
}

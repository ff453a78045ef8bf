//! What a node says about etcd.

use std::time::SystemTime;

use talos_proto::machine as pb;
use tonic::Status;

use super::etcd_care::alarm;
use crate::world::{Etcd, EtcdAlarm, EtcdMember, State, TalosNode};

/// etcd of the node's cluster and the node's own member, while it runs there.
pub(super) fn local<'a>(
    state: &'a State,
    node: &TalosNode,
) -> Result<(&'a Etcd, &'a EtcdMember), Status> {
    if !node.control_plane() {
        return Err(Status::unimplemented("etcd does not run on worker nodes"));
    }
    let cluster = state
        .cluster(&node.cluster)
        .ok_or_else(|| Status::internal("the node has no cluster"))?;
    let member = cluster
        .etcd
        .member_on(node)
        .filter(|_| node.service("etcd").is_some_and(|s| s.state == "Running"))
        .ok_or_else(|| Status::unknown("error building etcd client: context deadline exceeded"))?;
    Ok((&cluster.etcd, member))
}

/// The members. Unless asked for the local view, etcd confirms the list with a
/// quorum first, so without one it is an error.
pub(super) fn member_list(
    state: &State,
    node: &TalosNode,
    query_local: bool,
) -> Result<pb::EtcdMemberListResponse, Status> {
    let (etcd, _) = local(state, node)?;
    if !query_local && !etcd.has_quorum() {
        return Err(Status::unknown(
            "error listing etcd members: etcdserver: no leader",
        ));
    }
    let members = pb::EtcdMembers {
        metadata: None,
        legacy_members: etcd.members.iter().map(|m| m.name.clone()).collect(),
        members: etcd
            .members
            .iter()
            .map(|m| pb::EtcdMember {
                id: m.id,
                hostname: m.name.clone(),
                peer_urls: vec![m.peer_url.clone()],
                client_urls: vec![m.client_url.clone()],
                is_learner: m.learner,
            })
            .collect(),
    };
    Ok(pb::EtcdMemberListResponse {
        messages: vec![members],
    })
}

/// The local member's own view: answers without a quorum too, with leader 0
/// and an error inside.
pub(super) fn status(
    state: &State,
    node: &TalosNode,
    now: SystemTime,
) -> Result<pb::EtcdStatusResponse, Status> {
    let (etcd, member) = local(state, node)?;
    let index = etcd.raft_index(now);
    let mut errors = match etcd.leader {
        Some(_) => Vec::new(),
        None => vec!["etcdserver: no leader".to_owned()],
    };
    errors.extend(etcd.alarms.iter().map(|(id, alarm)| {
        let kind = match alarm {
            EtcdAlarm::NoSpace => "NOSPACE",
            EtcdAlarm::Corrupt => "CORRUPT",
        };
        format!("memberID:{id} alarm:{kind} ")
    }));
    let bytes = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let status = pb::EtcdMemberStatus {
        storage_version: etcd
            .version
            .rsplit_once('.')
            .map_or(String::new(), |(v, _)| format!("{v}.0")),
        member_id: member.id,
        protocol_version: etcd.version.clone(),
        db_size: bytes(etcd.database_bytes(member)),
        db_size_in_use: bytes(etcd.db_used_bytes),
        leader: etcd.leader.unwrap_or(0),
        raft_index: index,
        raft_term: etcd.term,
        raft_applied_index: index,
        errors,
        is_learner: member.learner,
    };
    let status = pb::EtcdStatus {
        metadata: None,
        member_status: Some(status),
    };
    Ok(pb::EtcdStatusResponse {
        messages: vec![status],
    })
}

pub(super) fn alarm_list(
    state: &State,
    node: &TalosNode,
) -> Result<pb::EtcdAlarmListResponse, Status> {
    let (etcd, _) = local(state, node)?;
    Ok(pb::EtcdAlarmListResponse {
        messages: vec![pb::EtcdAlarm {
            metadata: None,
            member_alarms: etcd.alarms.iter().copied().map(alarm).collect(),
        }],
    })
}

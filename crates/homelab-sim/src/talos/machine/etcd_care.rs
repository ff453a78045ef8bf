//! Calls that change etcd, by the node they are sent to.

use talos_proto::machine as pb;
use tonic::Status;

use super::etcd::local;
use crate::world::{Etcd, State};

/// etcd of the node's cluster, to be changed; the member on the node.
fn change<'a>(state: &'a mut State, hostname: &str) -> Result<(&'a mut Etcd, u64), Status> {
    let node = state
        .node(hostname)
        .ok_or_else(|| Status::unavailable("the node is down"))?;
    let (_, member) = local(state, node)?;
    let (id, cluster) = (member.id, node.cluster.clone());
    let cluster = state.clusters.iter_mut().find(|c| c.name == cluster);
    let cluster = cluster.ok_or_else(|| Status::internal("the node has no cluster"))?;
    Ok((&mut cluster.etcd, id))
}

fn quorum(etcd: &Etcd) -> Result<(), Status> {
    etcd.has_quorum()
        .then_some(())
        .ok_or_else(|| Status::unknown("etcdserver: no leader"))
}

pub(super) fn remove(state: &mut State, hostname: &str, member: u64) -> Result<(), Status> {
    let (etcd, _) = change(state, hostname)?;
    quorum(etcd)?;
    if !etcd.members.iter().any(|m| m.id == member) {
        return Err(Status::not_found("etcdserver: member not found"));
    }
    drop_member(etcd, member);
    Ok(())
}

fn drop_member(etcd: &mut Etcd, member: u64) {
    etcd.members.retain(|m| m.id != member);
    if etcd.leader == Some(member) {
        etcd.leader = etcd.members.iter().find(|m| m.running).map(|m| m.id);
        etcd.term += 1;
    }
}

pub(super) fn leave(state: &mut State, hostname: &str) -> Result<(), Status> {
    let (etcd, own) = change(state, hostname)?;
    quorum(etcd)?;
    drop_member(etcd, own);
    Ok(())
}

/// The name of the new leader; empty when the node was not the leader.
pub(super) fn forfeit(state: &mut State, hostname: &str) -> Result<String, Status> {
    let (etcd, own) = change(state, hostname)?;
    if etcd.members.len() == 1 {
        return Err(Status::unknown(
            "cannot forfeit leadership, only one member",
        ));
    }
    if etcd.leader != Some(own) {
        return Ok(String::new());
    }
    let next = etcd
        .members
        .iter()
        .find(|m| m.id != own && m.running && !m.learner)
        .map(|m| (m.id, m.name.clone()));
    let (id, name) = next.ok_or_else(|| Status::unknown("etcdserver: no leader"))?;
    etcd.leader = Some(id);
    etcd.term += 1;
    Ok(name)
}

pub(super) fn defragment(state: &mut State, hostname: &str) -> Result<(), Status> {
    let (etcd, _) = change(state, hostname)?;
    etcd.db_bytes = etcd.db_used_bytes;
    Ok(())
}

/// Whether etcd could go back to `version`: one minor release, and no further.
pub(super) fn downgrade(
    state: &mut State,
    hostname: &str,
    version: &str,
) -> Result<pb::EtcdClusterDowngrade, Status> {
    let (etcd, _) = change(state, hostname)?;
    let minor = |text: &str| -> Option<(u32, u32)> {
        let mut parts = text.split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    };
    let (wanted, has) = (minor(version), minor(&etcd.version));
    let one_back = has.map(|(major, minor)| (major, minor.saturating_sub(1)));
    if wanted.is_none() || wanted != one_back {
        return Err(Status::unknown(
            "etcdserver: invalid downgrade target version",
        ));
    }
    Ok(current(etcd))
}

pub(super) fn current(etcd: &Etcd) -> pb::EtcdClusterDowngrade {
    pb::EtcdClusterDowngrade {
        cluster_version: etcd.version.clone(),
    }
}

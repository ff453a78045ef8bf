//! etcd of one Talos cluster: who is a member, who leads, is there a quorum.

use std::time::{Duration, SystemTime};

/// Writes that a quiet Kubernetes cluster makes each second.
const WRITES_PER_SECOND: u64 = 4;

/// A member of the etcd cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdMember {
    /// Member id.
    pub id: u64,
    /// The node it runs on, by hostname.
    pub name: String,
    /// `https://<address>:2380`.
    pub peer_url: String,
    /// `https://<address>:2379`.
    pub client_url: String,
    /// Whether it is a learner, which does not vote.
    pub learner: bool,
    /// Whether its process runs and can reach the others.
    pub running: bool,
}

/// etcd of one Talos cluster.
#[derive(Clone, Debug)]
pub struct Etcd {
    /// Cluster id.
    pub cluster_id: u64,
    /// Members in the order they joined.
    pub members: Vec<EtcdMember>,
    /// The leader; none without a quorum.
    pub leader: Option<u64>,
    /// Raft term.
    pub term: u64,
    /// Size of the database in bytes.
    pub db_bytes: u64,
    /// Bytes of it in use.
    pub db_used_bytes: u64,
    /// etcd version, such as `3.6.4`.
    pub version: String,
    pub(crate) index: u64,
    pub(crate) index_since: SystemTime,
}

impl Etcd {
    /// Members that vote.
    pub fn voters(&self) -> usize {
        self.members.iter().filter(|m| !m.learner).count()
    }

    /// Votes needed: more than half.
    pub fn quorum(&self) -> usize {
        self.voters() / 2 + 1
    }

    /// Whether enough voting members run.
    pub fn has_quorum(&self) -> bool {
        let running = self.members.iter().filter(|m| m.running && !m.learner);
        self.voters() > 0 && running.count() >= self.quorum()
    }

    /// The member on a node.
    pub fn member_of(&self, node: &str) -> Option<&EtcdMember> {
        self.members.iter().find(|m| m.name == node)
    }

    /// The raft index at `now`: it grows while there is a leader and stands
    /// still without one.
    pub fn raft_index(&self, now: SystemTime) -> u64 {
        if self.leader.is_none() {
            return self.index;
        }
        let quiet = now
            .duration_since(self.index_since)
            .unwrap_or(Duration::ZERO);
        self.index + quiet.as_secs() * WRITES_PER_SECOND
    }

    /// Holds an election if the leader is gone or a quorum is back, and steps
    /// down if the quorum is lost. The running voter with the lowest id wins:
    /// any would be right, one is repeatable.
    pub(crate) fn elect(&mut self, now: SystemTime) {
        self.index = self.raft_index(now);
        self.index_since = now;
        if !self.has_quorum() {
            self.leader = None;
            return;
        }
        let stays = self
            .members
            .iter()
            .any(|m| Some(m.id) == self.leader && m.running);
        if stays {
            return;
        }
        let winner = self
            .members
            .iter()
            .filter(|m| m.running && !m.learner)
            .map(|m| m.id)
            .min();
        self.leader = winner;
        self.term += 1;
        self.index += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn etcd(running: &[bool]) -> Etcd {
        Etcd {
            cluster_id: 1,
            members: (1..)
                .zip(running)
                .map(|(id, running)| EtcdMember {
                    id,
                    name: format!("cp-{id}"),
                    peer_url: String::new(),
                    client_url: String::new(),
                    learner: false,
                    running: *running,
                })
                .collect(),
            leader: None,
            term: 1,
            db_bytes: 0,
            db_used_bytes: 0,
            version: "3.6.4".into(),
            index: 10,
            index_since: SystemTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_leader_needs_a_quorum_and_the_index_needs_a_leader() {
        let now = SystemTime::UNIX_EPOCH;
        let mut e = etcd(&[true, true, true]);
        e.elect(now);
        assert_eq!((e.leader, e.term), (Some(1), 2));
        e.members[0].running = false;
        e.elect(now);
        assert_eq!((e.leader, e.term), (Some(2), 3));
        e.members[1].running = false;
        e.elect(now);
        assert_eq!((e.leader, e.has_quorum()), (None, false));
        assert_eq!(
            e.raft_index(now + Duration::from_secs(60)),
            e.raft_index(now)
        );
    }

    #[test]
    fn two_members_need_two() {
        assert!(!etcd(&[true, false]).has_quorum());
        assert!(etcd(&[true, true]).has_quorum());
        assert!(!etcd(&[]).has_quorum());
    }
}

//! etcd of one Talos cluster: who is a member, who leads, is there a quorum.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::TalosNode;

/// Writes that a quiet Kubernetes cluster makes each second.
const WRITES_PER_SECOND: u64 = 4;

/// How large the database of a new cluster is, and how much of it is in use.
const NEW_BYTES: u64 = 4 << 20;
const NEW_USED_BYTES: u64 = 1 << 20;

/// Something that a member complains about until it is disarmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EtcdAlarm {
    /// Its database is as large as it may be: nothing is written any more.
    NoSpace,
    /// Its data differs from the others'.
    Corrupt,
}

/// What is stored, where that is not made up: keys as etcd orders them (by
/// revision) with their values, from a snapshot that was restored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtcdContent {
    /// Revision key and stored value.
    pub revisions: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A member of the etcd cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Whether its database was defragmented and has no free pages.
    pub defragmented: bool,
}

/// etcd of one Talos cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// Alarms by member.
    pub alarms: Vec<(u64, EtcdAlarm)>,
    /// The version that a downgrade goes to, such as `3.5`.
    pub downgrade: Option<String>,
    /// What is stored, when it came from a snapshot.
    pub content: Option<EtcdContent>,
    pub(crate) index: u64,
    pub(crate) index_since: SystemTime,
}

impl Etcd {
    /// etcd of a cluster that nobody has begun.
    pub(crate) fn empty(cluster_id: u64, now: SystemTime) -> Self {
        Etcd {
            cluster_id,
            members: Vec::new(),
            leader: None,
            term: 1,
            db_bytes: NEW_BYTES,
            db_used_bytes: NEW_USED_BYTES,
            version: "3.6.4".into(),
            alarms: Vec::new(),
            downgrade: None,
            content: None,
            index: 8,
            index_since: now,
        }
    }

    /// Size of a member's database in bytes.
    pub fn database_bytes(&self, member: &EtcdMember) -> u64 {
        if member.defragmented {
            self.db_used_bytes.div_ceil(4096) * 4096
        } else {
            self.db_bytes
        }
    }

    /// Whether the others would still have a quorum without a member.
    pub(crate) fn survives_without(&self, member: u64) -> bool {
        let others = || self.members.iter().filter(|m| m.id != member && !m.learner);
        let running = others().filter(|m| m.running).count();
        running > others().count() / 2
    }

    /// A member is no more. If it led, another one does.
    pub(crate) fn drop_member(&mut self, member: u64, now: SystemTime) {
        self.members.retain(|m| m.id != member);
        self.alarms.retain(|(id, _)| *id != member);
        if self.leader == Some(member) {
            self.leader = None;
        }
        self.elect(now);
    }

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

    /// The member whose data a node has.
    pub fn member_on(&self, node: &TalosNode) -> Option<&EtcdMember> {
        let own = node.etcd_data?;
        self.members.iter().find(|m| m.id == own)
    }

    /// The member that goes by a hostname.
    pub fn member_of(&self, node: &str) -> Option<&EtcdMember> {
        self.members.iter().find(|m| m.name == node)
    }

    /// A member complains from now on. For lack of space nothing is written
    /// until that is disarmed.
    pub fn raise(&mut self, member: u64, alarm: EtcdAlarm, now: SystemTime) {
        self.hold_index(now);
        if !self.alarms.contains(&(member, alarm)) {
            self.alarms.push((member, alarm));
        }
    }

    /// All alarms end; which there were.
    pub(crate) fn disarm(&mut self, now: SystemTime) -> Vec<(u64, EtcdAlarm)> {
        self.hold_index(now);
        std::mem::take(&mut self.alarms)
    }

    fn hold_index(&mut self, now: SystemTime) {
        self.index = self.raft_index(now);
        self.index_since = now;
    }

    /// Whether what Kubernetes wants to write is refused for lack of space.
    pub fn refuses_writes(&self) -> bool {
        let no_space = |(_, alarm): &(u64, EtcdAlarm)| *alarm == EtcdAlarm::NoSpace;
        self.alarms.iter().any(no_space)
    }

    /// The raft index at `now`: it grows while there is a leader and stands
    /// still without one, and while writes are refused.
    pub fn raft_index(&self, now: SystemTime) -> u64 {
        if self.leader.is_none() || self.refuses_writes() {
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
        self.hold_index(now);
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
            term: 1,
            index: 10,
            members: (1..)
                .zip(running)
                .map(|(id, running)| EtcdMember {
                    id,
                    name: format!("cp-{id}"),
                    peer_url: String::new(),
                    client_url: String::new(),
                    learner: false,
                    running: *running,
                    defragmented: false,
                })
                .collect(),
            ..Etcd::empty(1, SystemTime::UNIX_EPOCH)
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

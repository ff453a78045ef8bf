//! What happens to etcd: members join, are promoted, leave, are removed; a
//! cluster begins, or comes back from a snapshot.

use std::fmt;

use super::transitions::Step;
use super::{Etcd, EtcdContent, EtcdMember, Stage, State, TalosNode, derive};

/// Why etcd refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EtcdRefusal {
    /// etcd does not run on the node.
    NotRunning,
    /// There is no leader, and so no change.
    NoLeader,
    /// No such member.
    NotFound,
    /// Without the member the others would have no quorum.
    Unhealthy,
    /// The leader is alone.
    OnlyMember,
    /// No downgrade goes there.
    InvalidDowngrade,
    /// A downgrade goes on already.
    DowngradeInProgress,
    /// There is none to cancel.
    NoDowngrade,
}

impl fmt::Display for EtcdRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EtcdRefusal::NotRunning => "error building etcd client: context deadline exceeded",
            EtcdRefusal::NoLeader => "etcdserver: no leader",
            EtcdRefusal::NotFound => "etcdserver: member not found",
            EtcdRefusal::Unhealthy => "etcdserver: unhealthy cluster",
            EtcdRefusal::OnlyMember => "cannot forfeit leadership, only one member",
            EtcdRefusal::InvalidDowngrade => "etcdserver: invalid downgrade target version",
            EtcdRefusal::DowngradeInProgress => {
                "etcdserver: cluster has a downgrade job in progress"
            }
            EtcdRefusal::NoDowngrade => "etcdserver: no inflight downgrade job",
        })
    }
}

impl State {
    /// etcd of a node's cluster, with a leader, to be changed; and the node's
    /// own member.
    ///
    /// # Errors
    /// What etcd says instead.
    pub fn etcd_of(&mut self, name: &str) -> Result<(&mut Etcd, u64), EtcdRefusal> {
        let node = self.node(name).ok_or(EtcdRefusal::NotRunning)?;
        let runs = node.service("etcd").is_some_and(|s| s.state == "Running");
        let cluster = node.cluster.clone();
        let own = node.etcd_data.ok_or(EtcdRefusal::NotRunning)?;
        let etcd = self
            .clusters
            .iter_mut()
            .find(|c| c.name == cluster)
            .map(|c| &mut c.etcd)
            .filter(|etcd| runs && etcd.members.iter().any(|m| m.id == own))
            .ok_or(EtcdRefusal::NotRunning)?;
        Ok((etcd, own))
    }

    fn etcd_with_leader(&mut self, name: &str) -> Result<(&mut Etcd, u64), EtcdRefusal> {
        let (etcd, own) = self.etcd_of(name)?;
        if etcd.has_quorum() {
            Ok((etcd, own))
        } else {
            Err(EtcdRefusal::NoLeader)
        }
    }

    /// Takes a member out, through the node `name`. Its process ends.
    ///
    /// # Errors
    /// What etcd says instead.
    pub fn etcd_remove(&mut self, name: &str, member: u64) -> Result<(), EtcdRefusal> {
        let now = self.now;
        let (etcd, _) = self.etcd_with_leader(name)?;
        let gone = etcd
            .members
            .iter()
            .find(|m| m.id == member)
            .cloned()
            .ok_or(EtcdRefusal::NotFound)?;
        if !etcd.survives_without(member) {
            return Err(EtcdRefusal::Unhealthy);
        }
        etcd.drop_member(member, now);
        let cluster = self.node(name).map_or(String::new(), |n| n.cluster.clone());
        let on = self
            .nodes_of(&cluster)
            .find(|n| n.etcd_data == Some(gone.id) && n.service("etcd").is_some())
            .map(|n| n.name.clone());
        if let Some(on) = on {
            let message = "the member has been permanently removed from the cluster";
            self.set_service(&on, "etcd", "Failed", Some(false), message, "");
        }
        self.settle();
        Ok(())
    }

    /// A node leaves etcd, stops it, and removes its data.
    ///
    /// # Errors
    /// What etcd says instead.
    pub fn etcd_leave(&mut self, name: &str) -> Result<(), EtcdRefusal> {
        let now = self.now;
        let node = self.node(name).ok_or(EtcdRefusal::NotRunning)?;
        let (cluster, data) = (node.cluster.clone(), node.etcd_data);
        let own = data.ok_or(EtcdRefusal::NotRunning)?;
        let etcd = self
            .clusters
            .iter_mut()
            .find(|c| c.name == cluster)
            .map(|c| &mut c.etcd)
            .ok_or(EtcdRefusal::NotRunning)?;
        if !etcd.has_quorum() {
            return Err(EtcdRefusal::NoLeader);
        }
        etcd.drop_member(own, now);
        if let Some(node) = self.node_mut(name) {
            node.etcd_data = None;
        }
        self.stop_services(name, &["etcd"], "");
        self.settle();
        Ok(())
    }

    /// The leader hands over; the name of the new one, or nothing when the node
    /// was not the leader.
    ///
    /// # Errors
    /// What etcd says instead.
    pub fn etcd_forfeit(&mut self, name: &str) -> Result<String, EtcdRefusal> {
        let (etcd, own) = self.etcd_with_leader(name)?;
        if etcd.members.len() == 1 {
            return Err(EtcdRefusal::OnlyMember);
        }
        if etcd.leader != Some(own) {
            return Ok(String::new());
        }
        let next = etcd
            .members
            .iter()
            .filter(|m| m.id != own && m.running && !m.learner)
            .min_by_key(|m| m.id)
            .map(|m| (m.id, m.name.clone()));
        let (id, name) = next.ok_or(EtcdRefusal::NoLeader)?;
        etcd.leader = Some(id);
        etcd.term += 1;
        Ok(name)
    }

    /// The node's own database gives back what it does not use.
    ///
    /// # Errors
    /// What etcd says instead.
    pub fn etcd_defragment(&mut self, name: &str) -> Result<(), EtcdRefusal> {
        let (etcd, own) = self.etcd_of(name)?;
        if let Some(member) = etcd.members.iter_mut().find(|m| m.id == own) {
            member.defragmented = true;
        }
        Ok(())
    }

    /// The cluster begins on this node, which is its first member; with
    /// `content`, from a snapshot.
    pub fn etcd_begin(&mut self, name: &str, content: Option<EtcdContent>) {
        let (serial, seed, now) = (self.next_serial(), self.seed, self.now);
        let Some(node) = self.node(name) else { return };
        let (cluster, member) = (node.cluster.clone(), new_member(seed, node, serial));
        let id = member.id;
        let Some(cluster) = self.clusters.iter_mut().find(|c| c.name == cluster) else {
            return;
        };
        let fresh = derive::number(seed, &format!("cluster/{}/etcd/{serial}", cluster.name));
        let etcd = &mut cluster.etcd;
        *etcd = Etcd {
            db_bytes: etcd.db_bytes,
            db_used_bytes: etcd.db_used_bytes,
            ..Etcd::empty(fresh, now)
        };
        etcd.members.push(EtcdMember {
            learner: false,
            ..member
        });
        etcd.content = content;
        if let Some(node) = self.node_mut(name) {
            node.etcd_data = Some(id);
        }
        self.set_service(name, "etcd", "Preparing", None, "Running pre state", "");
        self.settle();
    }

    /// The snapshot that a cluster was to come back from is none: the service
    /// says so, and waits for another one.
    pub fn etcd_recovery_failed(&mut self, name: &str, why: &str) {
        let message = format!("Failed to run pre stage: error restoring etcd snapshot: {why}");
        self.set_service(name, "etcd", "Failed", None, &message, "");
    }

    /// The etcd services that wait do what they can now: start again with what
    /// they have, or join.
    pub(super) fn etcd_progress(&mut self) {
        let waiting: Vec<String> = self
            .nodes
            .iter()
            .filter(|n| n.service("etcd").is_some_and(|s| s.state == "Preparing"))
            .map(|n| n.name.clone())
            .collect();
        for name in waiting {
            if let Some(member) = self.etcd_start(&name) {
                if let Some(node) = self.node_mut(&name) {
                    node.etcd_data = Some(member);
                }
                let message = "Health check successful";
                self.set_service(&name, "etcd", "Running", Some(true), message, "");
            }
        }
    }

    /// The member as which etcd on a node can start, if it can.
    fn etcd_start(&mut self, name: &str) -> Option<u64> {
        let (serial, seed, now) = (self.serial + 1, self.seed, self.now);
        let node = self.node(name)?;
        let (cluster, hostname, data) =
            (node.cluster.clone(), node.hostname.clone(), node.etcd_data);
        let new = new_member(seed, node, serial);
        let cluster = self.clusters.iter_mut().find(|c| c.name == cluster)?;
        let etcd = &mut cluster.etcd;
        if let Some(own) = data {
            let learner = etcd.members.iter().find(|m| m.id == own)?.learner;
            if learner {
                // It had not caught up when it stopped.
                self.later(self.ready / 10, name, Step::Promote(own));
            }
            return Some(own);
        }
        if !etcd.has_quorum() {
            return None;
        }
        // Its data is gone: the member that it was is of no use any more.
        if let Some(old) = etcd.member_of(&hostname).map(|m| m.id) {
            etcd.drop_member(old, now);
        }
        let id = new.id;
        etcd.members.push(new);
        self.next_serial();
        self.later(self.ready / 10, name, Step::Promote(id));
        Some(id)
    }

    /// A learner has caught up and votes from now on.
    pub(super) fn etcd_promote(&mut self, name: &str, member: u64) {
        let Some(cluster) = self.node(name).map(|n| n.cluster.clone()) else {
            return;
        };
        let etcd = self.clusters.iter_mut().find(|c| c.name == cluster);
        let Some(etcd) = etcd.map(|c| &mut c.etcd).filter(|e| e.has_quorum()) else {
            return self.later(self.ready / 10, name, Step::Promote(member));
        };
        if let Some(member) = etcd.members.iter_mut().find(|m| m.id == member) {
            member.learner = false;
        }
        self.settle();
    }

    /// A node has another name or another address, and so has its member.
    pub(super) fn etcd_renamed(&mut self, name: &str) {
        let Some(node) = self.node(name) else { return };
        let (own, hostname, cluster) =
            (node.etcd_data, node.hostname.clone(), node.cluster.clone());
        let (peer_url, client_url) = urls(node);
        let etcd = self.clusters.iter_mut().find(|c| c.name == cluster);
        let member = etcd.and_then(|c| c.etcd.members.iter_mut().find(|m| Some(m.id) == own));
        if let Some(member) = member {
            member.name = hostname;
            member.peer_url = peer_url;
            member.client_url = client_url;
        }
    }

    /// Whether etcd on a node waits for somebody to begin the cluster.
    pub fn etcd_waits(node: &TalosNode) -> bool {
        let waits = |state: &str| matches!(state, "Preparing" | "Failed");
        matches!(node.stage, Stage::Booting | Stage::Running)
            && node.etcd_data.is_none()
            && node.service("etcd").is_some_and(|s| waits(&s.state))
    }
}

fn new_member(seed: u64, node: &TalosNode, serial: u32) -> EtcdMember {
    let label = format!("cluster/{}/{}/{serial}", node.cluster, node.hostname);
    let (peer_url, client_url) = urls(node);
    EtcdMember {
        id: derive::number(seed, &label),
        name: node.hostname.clone(),
        peer_url,
        client_url,
        learner: true,
        running: true,
        defragmented: false,
    }
}

/// Where a node's member is reached by the others and by clients.
fn urls(node: &TalosNode) -> (String, String) {
    let host = match node.address {
        std::net::IpAddr::V4(a) => a.to_string(),
        std::net::IpAddr::V6(a) => format!("[{a}]"),
    };
    (
        format!("https://{host}:2380"),
        format!("https://{host}:2379"),
    )
}

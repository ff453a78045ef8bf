//! What a change of the world was, for the log: found by comparing, so that no
//! code that changes something can forget to tell.

use std::collections::BTreeMap;

use super::{Down, Guest, State, TalosCluster, TalosNode};
use crate::faults::{ActiveFault, PROXMOX};
use crate::log::Draft;

/// What was last written down.
#[derive(Debug, Default)]
pub(super) struct Journal {
    hosts: Vec<Option<Down>>,
    guests: BTreeMap<u32, SeenGuest>,
    nodes: BTreeMap<String, SeenNode>,
    clusters: Vec<SeenCluster>,
    tasks: usize,
    running: Vec<String>,
    quorate: bool,
    faults: Vec<ActiveFault>,
    fault_serial: u64,
}

#[derive(Debug, PartialEq)]
struct SeenGuest {
    host: String,
    power: &'static str,
    paused: bool,
    lock: Option<String>,
}

#[derive(Debug, PartialEq)]
struct SeenNode {
    stage: &'static str,
    vmid: Option<u32>,
}

#[derive(Debug, PartialEq)]
struct SeenCluster {
    name: String,
    leader: Option<u64>,
    quorum: bool,
    vip_holder: Option<String>,
    /// Name, whether it learns, whether it runs.
    members: BTreeMap<u64, (String, bool, bool)>,
}

/// What a change was.
#[derive(Debug, Default)]
pub(super) struct Changed {
    pub(super) drafts: Vec<Draft>,
    /// Whether somebody may have come into reach or gone out of it.
    pub(super) reach: bool,
}

impl Journal {
    /// Knows the world as it is, and has nothing to say about it.
    pub(super) fn new(state: &State) -> Self {
        let mut journal = Journal::default();
        let _ = journal.compare(state);
        journal
    }

    /// What changed since the last time.
    pub(super) fn compare(&mut self, state: &State) -> Changed {
        let mut changed = Changed::default();
        self.faults(state, &mut changed);
        self.hosts(state, &mut changed);
        self.tasks(state, &mut changed.drafts);
        self.guests(state, &mut changed);
        self.nodes(state, &mut changed);
        self.clusters(state, &mut changed.drafts);
        changed
    }

    fn faults(&mut self, state: &State, changed: &mut Changed) {
        let serial = state.faults.serial();
        let count = state.faults.active().count();
        if serial == self.fault_serial && count == self.faults.len() {
            return;
        }
        changed.reach = true;
        let now: Vec<ActiveFault> = state.faults.active().cloned().collect();
        let entry =
            |what, fault: &ActiveFault| Draft::new(&fault.target, what).with("fault", fault.fault);
        let gone = self.faults.iter().filter(|f| !now.contains(f));
        changed
            .drafts
            .extend(gone.map(|f| entry("fault.cleared", f)));
        let new = now.iter().filter(|f| !self.faults.contains(f));
        changed.drafts.extend(new.map(|f| entry("fault.set", f)));
        self.faults = now;
        self.fault_serial = serial;
    }

    fn hosts(&mut self, state: &State, changed: &mut Changed) {
        for (index, host) in state.hosts.iter().enumerate() {
            let before = self.hosts.get(index).copied();
            if before == Some(host.down) {
                continue;
            }
            changed.reach = true;
            match before {
                None => self.hosts.push(host.down),
                Some(_) => self.hosts[index] = host.down,
            }
            changed.drafts.push(match host.down {
                Some(how) => Draft::new(&host.name, "host.down").with("how", how.as_str()),
                None => Draft::new(&host.name, "host.up"),
            });
        }
        let quorate = state.quorate();
        if quorate != self.quorate {
            self.quorate = quorate;
            changed
                .drafts
                .push(Draft::new(PROXMOX, "proxmox.quorum").with("quorate", quorate));
        }
    }

    fn tasks(&mut self, state: &State, drafts: &mut Vec<Draft>) {
        let known = self.tasks.min(state.tasks.len());
        let ended = |upid: &String| {
            let task = state.tasks[..known].iter().rev().find(|t| t.upid == *upid);
            let end = task.and_then(|task| task.end.as_ref());
            (task.is_none() || end.is_some()).then(|| {
                let status = end.map_or("", |end| end.exit_status.as_str());
                (upid.clone(), status.to_owned())
            })
        };
        let over: Vec<_> = self.running.iter().filter_map(ended).collect();
        for (upid, status) in over {
            self.running.retain(|u| *u != upid);
            drafts.push(task_entry(&upid, "task.end").with("status", status));
        }
        for task in &state.tasks[known..] {
            drafts.push(
                task_entry(&task.upid, "task.start")
                    .with("kind", &task.kind)
                    .with("id", &task.id)
                    .with("user", &task.user),
            );
            match &task.end {
                None => self.running.push(task.upid.clone()),
                Some(end) => {
                    drafts
                        .push(task_entry(&task.upid, "task.end").with("status", &end.exit_status));
                }
            }
        }
        self.tasks = state.tasks.len();
    }

    fn guests(&mut self, state: &State, changed: &mut Changed) {
        for guest in &state.guests {
            let Some(seen) = self.guests.get_mut(&guest.vmid) else {
                changed.drafts.push(
                    Draft::new(guest.vmid.to_string(), "guest.created")
                        .with("host", &guest.host)
                        .with("name", &guest.name),
                );
                changed.reach = true;
                self.guests.insert(guest.vmid, SeenGuest::new(guest));
                continue;
            };
            if seen.is(guest) {
                continue;
            }
            changed.reach = true;
            seen.tell(guest, &mut changed.drafts);
            *seen = SeenGuest::new(guest);
        }
        if self.guests.len() > state.guests.len() {
            let gone: Vec<u32> = self
                .guests
                .keys()
                .copied()
                .filter(|vmid| state.guest(*vmid).is_none())
                .collect();
            for vmid in gone {
                self.guests.remove(&vmid);
                changed.reach = true;
                changed
                    .drafts
                    .push(Draft::new(vmid.to_string(), "guest.removed"));
            }
        }
    }

    fn nodes(&mut self, state: &State, changed: &mut Changed) {
        for node in &state.nodes {
            let seen = self.nodes.get(&node.name);
            if seen.is_some_and(|seen| seen.is(node)) {
                continue;
            }
            changed.reach = true;
            let stage = node.stage.as_str();
            if seen.is_none_or(|seen| seen.stage != stage) {
                let from = seen.map_or("", |seen| seen.stage);
                changed.drafts.push(
                    Draft::new(&node.name, "node.stage")
                        .with("from", from)
                        .with("stage", stage),
                );
            }
            self.nodes.insert(node.name.clone(), SeenNode::new(node));
        }
    }

    fn clusters(&mut self, state: &State, drafts: &mut Vec<Draft>) {
        for (index, cluster) in state.clusters.iter().enumerate() {
            let Some(seen) = self.clusters.get_mut(index) else {
                self.clusters.push(SeenCluster::new(cluster));
                continue;
            };
            if seen.is(cluster) {
                continue;
            }
            seen.tell(cluster, drafts);
            *seen = SeenCluster::new(cluster);
        }
        self.clusters.truncate(state.clusters.len());
    }
}

fn task_entry(upid: &str, what: &'static str) -> Draft {
    let host = upid.split(':').nth(1).unwrap_or_default();
    Draft::new(host, what).with("upid", upid)
}

impl SeenGuest {
    fn new(guest: &Guest) -> Self {
        SeenGuest {
            host: guest.host.clone(),
            power: guest.power.as_str(),
            paused: guest.paused,
            lock: guest.lock.clone(),
        }
    }

    fn is(&self, guest: &Guest) -> bool {
        self.power == guest.power.as_str()
            && self.paused == guest.paused
            && self.host == guest.host
            && self.lock == guest.lock
    }

    fn tell(&self, guest: &Guest, drafts: &mut Vec<Draft>) {
        let entry = |what| Draft::new(guest.vmid.to_string(), what);
        if self.host != guest.host {
            let moved = entry("guest.moved").with("from", &self.host);
            drafts.push(moved.with("to", &guest.host));
        }
        if self.power != guest.power.as_str() {
            drafts.push(entry("guest.power").with("power", guest.power.as_str()));
        }
        if self.paused != guest.paused {
            drafts.push(entry("guest.paused").with("paused", guest.paused));
        }
        if self.lock != guest.lock {
            drafts.push(match &guest.lock {
                Some(lock) => entry("guest.locked").with("lock", lock),
                None => entry("guest.unlocked"),
            });
        }
    }
}

impl SeenNode {
    fn new(node: &TalosNode) -> Self {
        SeenNode {
            stage: node.stage.as_str(),
            vmid: node.vmid,
        }
    }

    fn is(&self, node: &TalosNode) -> bool {
        self.stage == node.stage.as_str() && self.vmid == node.vmid
    }
}

impl SeenCluster {
    fn new(cluster: &TalosCluster) -> Self {
        let etcd = &cluster.etcd;
        SeenCluster {
            name: cluster.name.clone(),
            leader: etcd.leader,
            quorum: etcd.has_quorum(),
            vip_holder: cluster.vip_holder.clone(),
            members: etcd
                .members
                .iter()
                .map(|m| (m.id, (m.name.clone(), m.learner, m.running)))
                .collect(),
        }
    }

    fn is(&self, cluster: &TalosCluster) -> bool {
        let etcd = &cluster.etcd;
        self.name == cluster.name
            && self.leader == etcd.leader
            && self.vip_holder == cluster.vip_holder
            && self.quorum == etcd.has_quorum()
            && self.members.len() == etcd.members.len()
            && etcd.members.iter().all(|m| {
                self.members
                    .get(&m.id)
                    .is_some_and(|(name, learner, running)| {
                        *name == m.name && *learner == m.learner && *running == m.running
                    })
            })
    }

    fn tell(&self, cluster: &TalosCluster, drafts: &mut Vec<Draft>) {
        let etcd = &cluster.etcd;
        let entry = |what| Draft::new(&cluster.name, what);
        for member in &etcd.members {
            let new = self.members.get(&member.id);
            let (what, known) = match new {
                None => ("etcd.member-added", false),
                Some((_, learner, running)) => (
                    "etcd.member",
                    *learner == member.learner && *running == member.running,
                ),
            };
            if !known {
                drafts.push(
                    entry(what)
                        .with("member", &member.name)
                        .with("learner", member.learner)
                        .with("running", member.running),
                );
            }
        }
        for (id, (name, _, _)) in &self.members {
            if !etcd.members.iter().any(|m| m.id == *id) {
                drafts.push(entry("etcd.member-removed").with("member", name));
            }
        }
        if self.quorum != etcd.has_quorum() {
            drafts.push(entry("etcd.quorum").with("quorum", etcd.has_quorum()));
        }
        if self.leader != etcd.leader {
            let name = etcd
                .leader
                .and_then(|id| etcd.members.iter().find(|m| m.id == id))
                .map_or("", |m| m.name.as_str());
            drafts.push(
                entry("etcd.leader")
                    .with("leader", name)
                    .with("term", etcd.term),
            );
        }
        if self.vip_holder != cluster.vip_holder {
            let holder = cluster.vip_holder.as_deref().unwrap_or_default();
            drafts.push(entry("cluster.vip").with("holder", holder));
        }
    }
}

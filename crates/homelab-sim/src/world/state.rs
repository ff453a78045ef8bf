//! The state itself: plain data, looked at through [`World::read`](super::World::read).

mod build;
mod machines;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use homelab_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::transitions::Due;
use crate::faults::{Fault, FaultTable, PROXMOX};

use super::{
    AgentMemory, Ceph, Guest, Ha, Host, ImageDefect, JobMemory, Power, Registry, ResourcePools,
    Storage, TalosCluster, TalosNode, Task, TaskEnd, derive,
};

/// Everything that is true in the lab right now.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// Name of the lab and of the PVE cluster.
    pub lab: String,
    /// What everything derived is derived from.
    pub seed: u64,
    /// Hosts in inventory order.
    pub hosts: Vec<Host>,
    /// Guests by VMID.
    pub guests: Vec<Guest>,
    /// Talos nodes in inventory order.
    pub nodes: Vec<TalosNode>,
    /// Talos clusters in inventory order.
    pub clusters: Vec<TalosCluster>,
    /// Storages.
    pub storages: Vec<Storage>,
    /// Ceph, if the lab has it.
    pub ceph: Option<Ceph>,
    /// The HA stack.
    pub ha: Ha,
    /// Resource pools of guests and storages.
    pub pools: ResourcePools,
    /// Configuration that nothing else follows.
    pub registry: Registry,
    /// What the schedulers remember of their jobs, by host and job.
    #[serde(default)]
    pub schedulers: BTreeMap<String, BTreeMap<String, JobMemory>>,
    /// What guest agents remember, by VMID.
    pub agents: BTreeMap<u32, AgentMemory>,
    /// What is wrong.
    pub faults: FaultTable,
    /// Tasks of all hosts, oldest first.
    pub tasks: Vec<Task>,
    /// Images that are broken, by name.
    pub image_defects: Vec<(String, ImageDefect)>,
    /// The wall clock as of the last change.
    pub now: SystemTime,
    pub(super) elapsed: Duration,
    pub(super) boot: Duration,
    pub(super) ready: Duration,
    pub(super) due: Vec<Due>,
    pub(super) serial: u32,
}

impl State {
    pub(super) fn set_time(&mut self, now: SystemTime, elapsed: Duration) {
        self.now = now;
        self.elapsed = elapsed;
    }

    /// A number that no earlier caller got: for process ids and task ids.
    pub fn next_serial(&mut self) -> u32 {
        self.serial += 1;
        self.serial
    }

    /// A host by name.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.iter().find(|h| h.name == name)
    }

    /// A host by name, to change.
    pub fn host_mut(&mut self, name: &str) -> Option<&mut Host> {
        self.hosts.iter_mut().find(|h| h.name == name)
    }

    /// Whether a host is known and up.
    pub fn host_online(&self, name: &str) -> bool {
        self.host(name).is_some_and(Host::online)
    }

    /// Guests on a host, by VMID.
    pub fn guests_on<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a Guest> {
        self.guests.iter().filter(move |g| g.host == host)
    }

    /// A guest by VMID.
    pub fn guest(&self, vmid: u32) -> Option<&Guest> {
        self.guests.iter().find(|g| g.vmid == vmid)
    }

    /// A storage by its id, as a host has it.
    pub fn storage(&self, id: &str, host: &str) -> Option<&Storage> {
        self.storages.iter().find(|s| s.id == id && s.on_host(host))
    }

    /// A storage by its id, to change.
    pub fn storage_mut(&mut self, id: &str) -> Option<&mut Storage> {
        self.storages.iter_mut().find(|s| s.id == id)
    }

    /// A guest by VMID, to change.
    pub fn guest_mut(&mut self, vmid: u32) -> Option<&mut Guest> {
        self.guests.iter_mut().find(|g| g.vmid == vmid)
    }

    /// What the PVE cluster says about a guest: `running`, `stopped`, or
    /// `unknown` when its host is not heard of.
    pub fn guest_status(&self, guest: &Guest) -> &'static str {
        if self.host_online(&guest.host) {
            guest.power.as_str()
        } else {
            "unknown"
        }
    }

    /// A Talos node by the name that the lab has for it.
    pub fn node(&self, name: &str) -> Option<&TalosNode> {
        self.nodes.iter().find(|n| n.name == name)
    }

    /// A Talos node by the name that the lab has for it, to change.
    pub fn node_mut(&mut self, name: &str) -> Option<&mut TalosNode> {
        self.nodes.iter_mut().find(|n| n.name == name)
    }

    /// The Talos node that answers at `target`, an address or hostname. A
    /// cluster's virtual address is its holder's.
    pub fn node_at(&self, target: &str) -> Option<&TalosNode> {
        if let Ok(address) = target.parse::<IpAddr>() {
            if let Some(node) = self.nodes.iter().find(|n| n.address == address) {
                return Some(node);
            }
            let cluster = self.clusters.iter().find(|c| c.vip == Some(address))?;
            return self.node(cluster.vip_holder.as_deref()?);
        }
        self.nodes.iter().find(|n| n.hostname == target)
    }

    /// The host under a Talos node, if it runs in a guest.
    pub fn host_of_node(&self, node: &TalosNode) -> Option<&Host> {
        self.host(&self.guest(node.vmid?)?.host)
    }

    /// A Talos cluster by name.
    pub fn cluster(&self, name: &str) -> Option<&TalosCluster> {
        self.clusters.iter().find(|c| c.name == name)
    }

    /// The Talos nodes of a cluster.
    pub fn nodes_of<'a>(&'a self, cluster: &'a str) -> impl Iterator<Item = &'a TalosNode> {
        self.nodes.iter().filter(move |n| n.cluster == cluster)
    }

    /// Corosync votes of all hosts.
    pub fn votes_expected(&self) -> u32 {
        self.hosts.iter().map(|h| h.votes).sum()
    }

    /// Corosync votes of the hosts that are up.
    pub fn votes_present(&self) -> u32 {
        self.hosts
            .iter()
            .filter(|h| h.online())
            .map(|h| h.votes)
            .sum()
    }

    /// Corosync votes needed.
    pub fn votes_needed(&self) -> u32 {
        self.votes_expected() / 2 + 1
    }

    /// Whether the PVE cluster has its quorum. A host alone always has.
    pub fn quorate(&self) -> bool {
        !self.faults.has(PROXMOX, Fault::QuorumLost)
            && (self.hosts.len() == 1 || self.votes_present() >= self.votes_needed())
    }

    /// RAM that a host uses: its running guests, and what it needs itself.
    pub fn host_memory_used(&self, host: &Host) -> u64 {
        let own = (1_u64 << 30) + host.memory_bytes / 20;
        let guests: u64 = self
            .guests_on(&host.name)
            .filter(|g| g.running())
            .map(|g| g.memory_bytes)
            .sum();
        // KVM takes pages as they are touched: an overcommitted host still
        // reports less than it has.
        (own + guests / 10 * 7).min(host.memory_bytes / 100 * 97)
    }

    /// Records that a task started on a host and returns its UPID.
    pub fn task_start(&mut self, host: &str, kind: &str, id: &str, user: &str) -> String {
        let pid = 1000 + self.next_serial();
        let booted = self.host(host).map_or(self.now, |h| h.booted_at);
        let ticks = self
            .now
            .duration_since(booted)
            .unwrap_or_default()
            .as_millis()
            / 10;
        let pstart = u32::try_from(ticks & 0xffff_ffff).unwrap_or(0);
        let start = self
            .now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let upid = format!(
            "UPID:{host}:{pid:08X}:{pstart:08X}:{:08X}:{kind}:{id}:{user}:",
            start.as_secs()
        );
        self.tasks.push(Task {
            upid: upid.clone(),
            node: host.to_owned(),
            pid,
            pstart,
            started_at: self.now,
            kind: kind.to_owned(),
            id: id.to_owned(),
            user: user.to_owned(),
            stopped: String::new(),
            log: Vec::new(),
            end: None,
        });
        upid
    }

    /// A task by UPID.
    pub fn task(&self, upid: &str) -> Option<&Task> {
        self.tasks.iter().find(|t| t.upid == upid)
    }

    /// What a task's end says before the reason when somebody stops it.
    pub fn task_told(&mut self, upid: &str, stopped: &str) {
        if let Some(task) = self.tasks.iter_mut().find(|t| t.upid == upid) {
            stopped.clone_into(&mut task.stopped);
        }
    }

    /// Adds a line to a task's log.
    pub fn task_log(&mut self, upid: &str, line: impl Into<String>) {
        if let Some(task) = self.tasks.iter_mut().find(|t| t.upid == upid) {
            task.log.push(line.into());
        }
    }

    /// Records how a task ended; the first end stays.
    pub fn task_end(&mut self, upid: &str, exit_status: &str) {
        let at = self.now;
        if let Some(task) = self.tasks.iter_mut().find(|t| t.upid == upid) {
            task.end.get_or_insert(TaskEnd {
                at,
                exit_status: exit_status.to_owned(),
            });
        }
    }

    /// What ran when the lab was saved is over: tasks ended as with a host that
    /// lost power, and what they had locked is free again.
    pub(crate) fn interrupt_tasks(&mut self) {
        let now = self.now;
        let mut concerned = Vec::new();
        for task in self.tasks.iter_mut().filter(|t| t.end.is_none()) {
            concerned.extend(task.id.parse::<u32>());
            task.end = Some(TaskEnd {
                at: now,
                exit_status: "unexpected status".into(),
            });
        }
        for guest in &mut self.guests {
            if concerned.contains(&guest.vmid) {
                guest.lock = None;
            }
        }
    }

    pub(super) fn require_guest(&self, vmid: u32) -> Result<&Guest> {
        self.guest(vmid).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "the lab has no such guest").target(vmid.to_string())
        })
    }

    pub(super) fn set_power(&mut self, vmid: u32, power: Power) -> Option<String> {
        let now = self.now;
        let pid = 1000 + self.next_serial();
        let guest = self.guest_mut(vmid)?;
        guest.power = power;
        guest.resume_with_host = false;
        guest.paused = false;
        guest.started_at = (power == Power::Running).then_some(now);
        guest.pid = if power == Power::Running { pid } else { 0 };
        guest.node.clone()
    }

    /// A value derived from the world's seed.
    pub fn derived(&self, label: &str) -> u64 {
        derive::number(self.seed, label)
    }
}

//! What lies between two parties of the lab: who reaches whom, and how well.
//! Everything here follows from the hosts and the faults in force.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Down, Host, State, TalosCluster};
use crate::faults::{CLIENT, Fault, PROXMOX, link};

/// How the network between two parties behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Way {
    /// No packet passes.
    pub(crate) cut: bool,
    /// Connections are refused.
    pub(crate) refused: bool,
    /// Added to each exchange.
    pub(crate) latency: Duration,
    /// Packets of a hundred that are lost.
    pub(crate) loss: u8,
    /// Most bytes in a second.
    pub(crate) bandwidth: Option<u64>,
}

impl Way {
    fn suffer(&mut self, fault: Fault) {
        match fault {
            Fault::Cut | Fault::Stall => self.cut = true,
            Fault::Refuse => self.refused = true,
            Fault::Latency(ms) => self.latency += Duration::from_millis(ms),
            Fault::Loss(percent) => self.loss = self.loss.max(percent),
            Fault::Bandwidth(bytes) => {
                self.bandwidth = Some(self.bandwidth.map_or(bytes, |b| b.min(bytes)));
            }
            _ => {}
        }
    }
}

impl State {
    /// What lies between two parties: hosts, Talos nodes, or `client`. Whether
    /// either of them has power is another matter.
    pub(crate) fn way(&self, a: &str, b: &str) -> Way {
        let mut way = Way::default();
        if self.faults.is_empty() {
            return way;
        }
        let mut suffer = |place: &str| {
            for fault in self.faults.at(place) {
                way.suffer(fault);
            }
        };
        suffer(a);
        suffer(b);
        suffer(&link(a, b));
        // What a guest sends goes through its host's cables, unless it stays
        // on the host.
        let (host_a, host_b) = (self.cable(a), self.cable(b));
        if host_a != host_b {
            let cut_off =
                |host: Option<&str>| host.is_some_and(|host| self.faults.has(host, Fault::Cut));
            let between = match (host_a, host_b) {
                (Some(a), Some(b)) => self.faults.has(&link(a, b), Fault::Cut),
                _ => false,
            };
            way.cut |= cut_off(host_a) || cut_off(host_b) || between;
        }
        way
    }

    /// The host whose cables a party uses; none for the clients.
    fn cable(&self, party: &str) -> Option<&str> {
        if party == CLIENT {
            return None;
        }
        let host = match self.node(party) {
            Some(node) => self.host_of_node(node),
            None => self.host(party),
        };
        host.map(|host| host.name.as_str())
    }

    /// Whether packets pass between two hosts or Talos nodes.
    pub fn connected(&self, a: &str, b: &str) -> bool {
        a == b || {
            let way = self.way(a, b);
            !way.cut && !way.refused
        }
    }

    /// Whether `host` hears of `other`: both run, and packets pass.
    pub fn sees(&self, host: &str, other: &str) -> bool {
        self.host_online(host) && self.host_online(other) && self.connected(host, other)
    }

    /// The hosts that `host` forms a cluster with at the moment, itself
    /// included; none when it is down.
    pub fn partition_of<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a Host> {
        self.hosts.iter().filter(move |h| self.sees(host, &h.name))
    }

    /// Whether `host` belongs to a part of the PVE cluster that has its quorum.
    pub fn quorate_at(&self, host: &str) -> bool {
        if self.faults.has(PROXMOX, Fault::QuorumLost) {
            return false;
        }
        let votes: u32 = self.partition_of(host).map(|h| h.votes).sum();
        self.hosts.len() == 1 || votes >= self.votes_needed()
    }

    /// The nodes whose etcd has no part in the quorum of a cluster although it
    /// runs: they stand still, or no packet passes between them and the
    /// greatest group of the others.
    pub(super) fn cut_off(&self, cluster: &TalosCluster) -> BTreeSet<String> {
        let running: Vec<&str> = self
            .nodes_of(&cluster.name)
            .filter(|n| n.service("etcd").is_some_and(|s| s.state == "Running"))
            .map(|n| n.name.as_str())
            .collect();
        if self.faults.has(&cluster.name, Fault::QuorumLost) {
            let left = cluster.etcd.quorum().saturating_sub(1);
            let gone = running.iter().skip(left);
            return gone.map(|n| (*n).to_owned()).collect();
        }
        let awake: Vec<&str> = running
            .iter()
            .copied()
            .filter(|n| !self.frozen(n))
            .collect();
        let mut together = awake.clone();
        if !self.faults.is_empty() {
            let group = |of: &str| -> Vec<&str> {
                let near = awake.iter().copied();
                near.filter(|n| self.connected(of, n)).collect()
            };
            // Of two that are equally great, the one with the first member.
            let groups = awake.iter().rev().map(|name| group(name));
            together = groups.max_by_key(Vec::len).unwrap_or_default();
        }
        let alone = running.into_iter().filter(|n| !together.contains(n));
        alone.map(str::to_owned).collect()
    }

    /// Whether a Talos node stands still, by itself or with its host.
    pub(crate) fn frozen(&self, node: &str) -> bool {
        self.node(node).is_some_and(|node| {
            self.paused(node)
                || node.vmid.is_none() && self.faults.has(&node.name, Fault::Freeze)
                || self
                    .host_of_node(node)
                    .is_some_and(|h| h.down == Some(Down::Frozen))
        })
    }
}

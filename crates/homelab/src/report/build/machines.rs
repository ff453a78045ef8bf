//! Hosts, guests and nodes.

use homelab_model::inventory::NodeRole;
use homelab_model::topology::{Guest, Host, Node};

use super::Builder;
use crate::report::losses::HostLoss;
use crate::report::view::{Etcd, Ghost, GuestView, HostView, Role, Status};

impl Builder<'_> {
    pub(super) fn host(&self, host: &Host) -> HostView {
        let status = match host.online {
            Some(true) => Status::Up,
            Some(false) => Status::Down,
            None if self.observed() && self.failed(&host.name) => Status::Silent,
            None => Status::Planned,
        };
        let mut guests: Vec<&Guest> = self.topology.guests_on(&host.name).collect();
        let role = |g: &Guest| self.node_of(g).map(|n| n.role == NodeRole::Worker);
        // Control planes at the bottom, then workers, then the rest.
        guests.sort_by_key(|g| (role(g).is_none(), role(g), g.name.clone()));
        let loss = self.losses.iter().find(|l| l.host == host.name);
        HostView {
            name: host.name.clone(),
            status,
            address: host.address.clone().unwrap_or_default(),
            model: host.cpu_model.clone().unwrap_or_default(),
            version: host.pve_version.clone().unwrap_or_default(),
            memory_bytes: host.memory_bytes.unwrap_or(0),
            overhead_bytes: host.overhead_bytes,
            osds: host.osds,
            gpus: host.gpus.clone(),
            guests: guests
                .into_iter()
                .map(|g| self.guest(g, Some(status)))
                .collect(),
            ghosts: self.ghosts(&host.name),
            badges: self.badges(&[&host.name]),
            loss: loss.map(HostLoss::lines).unwrap_or_default(),
        }
    }

    /// What the worst finding that moving mends would move to `host`.
    fn ghosts(&self, host: &str) -> Vec<Ghost> {
        let worst = self
            .findings
            .iter()
            .find(|n| n.finding.fix.as_ref().is_some_and(|f| !f.moves.is_empty()));
        worst
            .iter()
            .flat_map(|n| {
                n.finding
                    .fix
                    .iter()
                    .flat_map(|f| &f.moves)
                    .map(|m| (n.number, m))
            })
            .filter(|(_, m)| m.to == host)
            .map(|(number, m)| Ghost {
                guest: m.guest.clone(),
                memory_bytes: m.memory_bytes,
                number,
            })
            .collect()
    }

    fn failed(&self, target: &str) -> bool {
        self.topology
            .failures
            .iter()
            .any(|f| f.target == target || f.target == crate::observe::PROXMOX)
    }

    fn node_of(&self, guest: &Guest) -> Option<&Node> {
        self.topology.node(guest.node.as_deref()?)
    }

    pub(super) fn guest(&self, guest: &Guest, host: Option<Status>) -> GuestView {
        let node = self.node_of(guest);
        let answered = node.and_then(|n| n.answered);
        let status = match (host, guest.status.as_deref(), answered) {
            (_, _, Some(true)) => Status::Up,
            (Some(Status::Down), _, _) | (_, Some("stopped"), _) => Status::Down,
            (_, _, Some(false)) => Status::Silent,
            (_, Some("running"), None) => Status::Up,
            _ => Status::Planned,
        };
        let mut names = vec![guest.name.as_str()];
        names.extend(guest.node.as_deref());
        names.dedup();
        GuestView {
            name: guest.name.clone(),
            cluster: node.map(|n| n.cluster.clone()).unwrap_or_default(),
            vmid: guest.vmid,
            status,
            role: node.map_or(Role::Other, |n| role(n.role)),
            etcd: node.map_or(Etcd::None, |n| self.etcd(n)),
            memory_bytes: guest.memory_bytes.unwrap_or(0),
            cores: guest.cores,
            address: node
                .and_then(|n| n.address.clone())
                .or_else(|| guest.address.clone())
                .unwrap_or_default(),
            version: node
                .and_then(|n| n.talos_version.clone())
                .unwrap_or_default(),
            troubles: node.map(troubles).unwrap_or_default(),
            badges: self.badges(&names),
        }
    }

    /// A node that no guest was found for.
    pub(super) fn lone_node(&self, node: &Node) -> GuestView {
        GuestView {
            name: node.name.clone(),
            cluster: node.cluster.clone(),
            vmid: None,
            status: match node.answered {
                Some(true) => Status::Up,
                Some(false) => Status::Silent,
                None => Status::Planned,
            },
            role: role(node.role),
            etcd: self.etcd(node),
            memory_bytes: 0,
            cores: None,
            address: node.address.clone().unwrap_or_default(),
            version: node.talos_version.clone().unwrap_or_default(),
            troubles: troubles(node),
            badges: self.badges(&[&node.name]),
        }
    }

    pub(super) fn etcd(&self, node: &Node) -> Etcd {
        let member = self
            .topology
            .members
            .iter()
            .any(|m| m.node.as_deref() == Some(node.name.as_str()));
        if !member && node.role != NodeRole::ControlPlane {
            return Etcd::None;
        }
        let seen = self.topology.etcd.iter().find(|e| {
            Some(e.node.as_str()) == node.address.as_deref()
                || node.addresses.iter().any(|a| a == &e.node)
        });
        match seen {
            Some(e) if e.leader_id.is_none() => Etcd::NoLeader,
            Some(e) if e.leader_id == e.member_id => Etcd::Leader,
            Some(_) => Etcd::Member,
            None => Etcd::Unknown,
        }
    }
}

fn role(role: NodeRole) -> Role {
    match role {
        NodeRole::ControlPlane => Role::ControlPlane,
        NodeRole::Worker => Role::Worker,
    }
}

fn troubles(node: &Node) -> Vec<String> {
    let mut troubles = Vec::new();
    if let Some(stage) = node.stage.as_deref().filter(|s| *s != "running") {
        troubles.push(format!("stage {stage}"));
    }
    troubles.extend(node.unmet_conditions.iter().cloned());
    troubles.extend(node.unhealthy_services.iter().cloned());
    troubles
}

//! What happens when a host or a guest goes or comes: everything that follows
//! is derived here, once, for both sides.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use homelab_core::{Error, ErrorKind, Result, nearest};
use serde::{Deserialize, Serialize};

use super::{Down, Power, Stage, State, TalosNode};
use crate::faults::Fault;

/// Something that happens later by itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Due {
    at: Duration,
    node: String,
    /// The boot it belongs to: a power cut in between cancels it.
    boot: u64,
    /// The sequence it belongs to: what is told in between cancels a boot.
    steps: u64,
    step: Step,
}

/// What happens to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Step {
    /// Its API answers: it boots, or waits for a config.
    Answer,
    /// The services that need the network start.
    Services,
    /// The next phase of its sequence.
    Phase,
    /// A config that was tried goes again.
    Revert(u32),
    /// Its etcd member becomes a voter.
    Promote(u64),
}

impl State {
    /// A host loses power or its network: its guests go with it, and so do
    /// their Talos nodes and etcd members.
    ///
    /// # Errors
    /// `NotFound` for an unknown host.
    pub fn host_down(&mut self, name: &str, how: Down) -> Result<()> {
        self.require_host(name)?;
        let running: Vec<u32> = self
            .guests_on(name)
            .filter(|g| g.running())
            .map(|g| g.vmid)
            .collect();
        if let Some(host) = self.host_mut(name) {
            host.down = Some(how);
            host.stopping &= how == Down::Frozen;
        }
        if how == Down::Frozen {
            self.settle();
            return Ok(());
        }
        for vmid in running {
            self.cut_power(vmid);
            if let Some(guest) = self.guest_mut(vmid) {
                guest.resume_with_host = true;
            }
        }
        self.settle();
        Ok(())
    }

    /// A host comes back and starts the guests that ran before.
    ///
    /// # Errors
    /// `NotFound` for an unknown host.
    pub fn host_up(&mut self, name: &str) -> Result<()> {
        self.require_host(name)?;
        let now = self.now;
        if let Some(host) = self.host_mut(name)
            && host.down.take().is_some_and(|how| how != Down::Frozen)
        {
            host.booted_at = now;
        }
        let resume: Vec<u32> = self
            .guests_on(name)
            .filter(|g| g.resume_with_host)
            .map(|g| g.vmid)
            .collect();
        for vmid in resume {
            self.guest_start(vmid)?;
        }
        self.settle();
        Ok(())
    }

    /// Powers a guest on; the Talos node in it boots.
    ///
    /// # Errors
    /// `NotFound` for an unknown VMID, `FailedPrecondition` when its host is
    /// down or it runs already.
    pub fn guest_start(&mut self, vmid: u32) -> Result<()> {
        let guest = self.require_guest(vmid)?;
        if !self.host_online(&guest.host) {
            return Err(refused(vmid, format!("host {} is down", guest.host)));
        }
        if guest.running() {
            return Err(refused(vmid, format!("VM {vmid} already running")));
        }
        self.set_power(vmid, Power::Running);
        self.boot_guest(vmid);
        Ok(())
    }

    /// Powers a guest off; the Talos node in it is gone at once.
    ///
    /// # Errors
    /// `NotFound` for an unknown VMID, `FailedPrecondition` when it is not running.
    pub fn guest_stop(&mut self, vmid: u32) -> Result<()> {
        if !self.require_guest(vmid)?.running() {
            return Err(refused(vmid, format!("VM {vmid} not running")));
        }
        self.cut_power(vmid);
        self.settle();
        Ok(())
    }

    pub(super) fn next_due(&self) -> Option<Duration> {
        self.due.iter().map(|d| d.at).min()
    }

    pub(super) fn apply_due(&mut self) {
        let elapsed = self.elapsed;
        let mut due: Vec<Due> = Vec::new();
        self.due.retain(|d| {
            let later = d.at > elapsed;
            if !later {
                due.push(d.clone());
            }
            later
        });
        due.sort_by_key(|d| d.at);
        for Due {
            node,
            boot,
            steps,
            step,
            ..
        } in due
        {
            let valid = self.node(&node).is_some_and(|n| {
                let same = n.boot_steps == steps || !matches!(step, Step::Answer | Step::Services);
                n.events.boot == boot && same
            });
            if !valid {
                continue;
            }
            match step {
                Step::Answer if self.faults.has(&node, Fault::NeverReturns) => {}
                Step::Answer => self.answer(&node),
                Step::Services => self.services_up(&node),
                Step::Phase => self.next_phase(&node),
                Step::Revert(trial) => self.revert(&node, trial),
                Step::Promote(member) => self.etcd_promote(&node, member),
            }
        }
        self.settle();
    }

    /// Everything runs, as if since `booted`: how a world starts.
    pub(super) fn power_on_all(&mut self, guests: &[String], booted: SystemTime) {
        let now = std::mem::replace(&mut self.now, booted);
        let bare: Vec<_> = self
            .nodes
            .iter()
            .filter(|n| n.vmid.is_none())
            .map(|n| n.name.clone())
            .collect();
        let guests: BTreeSet<_> = guests.iter().collect();
        let vmids: Vec<u32> = self
            .guests
            .iter()
            .filter(|g| guests.contains(&g.name))
            .map(|g| g.vmid)
            .collect();
        let in_guests = vmids
            .into_iter()
            .filter_map(|vmid| self.set_power(vmid, Power::Running))
            .collect::<Vec<_>>();
        for name in bare.into_iter().chain(in_guests) {
            if let Some(node) = self.node_mut(&name) {
                node.powered = true;
            }
            self.answer(&name);
            self.start_services(&name, true);
        }
        self.due.clear();
        self.settle();
        self.now = now;
        for cluster in &mut self.clusters {
            cluster.etcd.index_since = now;
        }
    }

    pub(super) fn later(&mut self, delay: Duration, name: &str, step: Step) {
        let Some(node) = self.node(name) else { return };
        let (boot, steps) = (node.events.boot, node.boot_steps);
        self.due.push(Due {
            at: self.elapsed + delay,
            node: name.to_owned(),
            boot,
            steps,
            step,
        });
    }

    fn cut_power(&mut self, vmid: u32) {
        if let Some(name) = self.set_power(vmid, Power::Stopped) {
            self.lose_power(&name);
        }
    }

    /// Brings etcd, its quorum, the virtual address, etcd's health and the ends
    /// of boots in line with what runs.
    pub(super) fn settle(&mut self) {
        self.count_members();
        // One that starts may be what another one waits for.
        for _ in 0..self.nodes.len() {
            let before = self.members_running();
            self.etcd_progress();
            self.count_members();
            if self.members_running() == before {
                break;
            }
        }
        let quorate: Vec<(String, bool)> = self
            .clusters
            .iter()
            .map(|c| (c.name.clone(), c.etcd.has_quorum()))
            .collect();
        let mut health = Vec::new();
        for node in self.nodes.iter().filter(|n| n.control_plane()) {
            let Some(etcd) = node.service("etcd").filter(|s| s.state == "Running") else {
                continue;
            };
            let quorum = quorate.iter().any(|(c, q)| *c == node.cluster && *q);
            if etcd.healthy != Some(quorum) {
                health.push((node.name.clone(), quorum));
            }
        }
        for (name, quorum) in health {
            let message = if quorum {
                "Health check successful"
            } else {
                "Health check failed: context deadline exceeded"
            };
            self.set_service(&name, "etcd", "Running", Some(quorum), message, "");
            if self.node(&name).is_some_and(|n| n.stage == Stage::Running) {
                self.tell_status(&name, "");
            }
        }
        let booted: Vec<String> = self
            .nodes
            .iter()
            .filter(|n| n.stage == Stage::Booting && n.all_up())
            .map(|n| n.name.clone())
            .collect();
        for name in booted {
            self.boot_over(&name);
        }
    }

    fn members_running(&self) -> usize {
        let members = self.clusters.iter().flat_map(|c| &c.etcd.members);
        members.filter(|m| m.running).count()
    }

    /// Which members run, who leads them, and who has the virtual address,
    /// which is held through an election in etcd.
    fn count_members(&mut self) {
        let now = self.now;
        let cut_off: Vec<_> = self.clusters.iter().map(|c| self.cut_off(c)).collect();
        for (cluster, cut_off) in self.clusters.iter_mut().zip(cut_off) {
            let running: Vec<&TalosNode> = self
                .nodes
                .iter()
                .filter(|n| n.cluster == cluster.name && n.control_plane())
                .filter(|n| n.service("etcd").is_some_and(|s| s.state == "Running"))
                .filter(|n| !cut_off.contains(&n.name))
                .collect();
            for member in &mut cluster.etcd.members {
                member.running = running.iter().any(|n| n.etcd_data == Some(member.id));
            }
            cluster.etcd.elect(now);
            let holder_runs = cluster
                .vip_holder
                .as_ref()
                .is_some_and(|holder| running.iter().any(|n| n.name == *holder));
            if cluster.vip.is_none() || !cluster.etcd.has_quorum() {
                cluster.vip_holder = None;
            } else if !holder_runs {
                cluster.vip_holder = running.first().map(|n| n.name.clone());
            }
        }
    }

    fn require_host(&self, name: &str) -> Result<()> {
        if self.host(name).is_some() {
            return Ok(());
        }
        let hint = nearest(name, self.hosts.iter().map(|h| h.name.as_str()))
            .map_or(String::new(), |n| format!("; did you mean {n}?"));
        Err(Error::new(
            ErrorKind::NotFound,
            format!("the lab has no such host{hint}"),
        )
        .target(name))
    }
}

fn refused(vmid: u32, message: String) -> Error {
    Error::new(ErrorKind::FailedPrecondition, message).target(vmid.to_string())
}

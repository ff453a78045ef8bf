//! What happens when a host or a guest goes or comes: everything that follows
//! is derived here, once, for both sides.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use homelab_core::{Error, ErrorKind, Result, nearest};

use super::event::{EventPayload, TalosEvent, event_id};
use super::{Down, Power, Service, Stage, State, TalosNode};

/// Something that happens later by itself.
#[derive(Clone, Debug)]
pub(super) struct Due {
    at: Duration,
    node: String,
    /// The boot it belongs to: a power cut in between cancels it.
    boot: u64,
    stage: Stage,
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
            && host.down.take().is_some()
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
        if let Some(node) = self.set_power(vmid, Power::Running) {
            let now = self.now;
            if let Some(node) = self.node_mut(&node) {
                node.booted_at = now;
                node.events.reboot();
                let boot = node.events.boot;
                let hostname = node.hostname.clone();
                self.later(self.boot, &hostname, boot, Stage::Booting);
                self.later(self.boot + self.ready, &hostname, boot, Stage::Running);
            }
        }
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
        for step in due {
            if self
                .node(&step.node)
                .is_some_and(|n| n.events.boot == step.boot)
            {
                self.enter(&step.node, step.stage);
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
            .map(|n| n.hostname.clone())
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
        for hostname in bare.into_iter().chain(in_guests) {
            self.enter(&hostname, Stage::Booting);
            self.enter(&hostname, Stage::Running);
        }
        self.settle();
        self.now = now;
        for cluster in &mut self.clusters {
            cluster.etcd.index_since = now;
        }
    }

    fn later(&mut self, delay: Duration, node: &str, boot: u64, stage: Stage) {
        self.due.push(Due {
            at: self.elapsed + delay,
            node: node.to_owned(),
            boot,
            stage,
        });
    }

    fn cut_power(&mut self, vmid: u32) {
        if let Some(node) = self.set_power(vmid, Power::Stopped)
            && let Some(node) = self.node_mut(&node)
        {
            node.stage = Stage::Off;
            node.services.clear();
            node.events.reboot();
        }
    }

    /// A node reaches a stage: services, events, and what follows.
    fn enter(&mut self, hostname: &str, stage: Stage) {
        let (seed, now) = (self.seed, self.now);
        let Some(node) = self.node_mut(hostname) else {
            return;
        };
        let mut payloads = Vec::new();
        node.stage = stage;
        match stage {
            Stage::Off => {}
            Stage::Booting => {
                payloads.push(EventPayload::Sequence {
                    name: "boot".into(),
                    started: true,
                });
                payloads.push(EventPayload::MachineStatus {
                    stage,
                    ready: false,
                    unmet: vec![("services".into(), "kubelet not healthy".into())],
                });
                node.services = services(node, now, false);
                payloads.extend(node.services.iter().map(service_event));
            }
            Stage::Running => {
                let all = services(node, now, true);
                let before = std::mem::replace(&mut node.services, all);
                let changed = node
                    .services
                    .iter_mut()
                    .filter_map(|service| {
                        let same = before
                            .iter()
                            .find(|b| b.id == service.id && b.state == service.state);
                        if let Some(same) = same {
                            service.since = same.since;
                            return None;
                        }
                        Some(service_event(service))
                    })
                    .collect::<Vec<_>>();
                payloads.extend(changed);
                payloads.push(EventPayload::Sequence {
                    name: "boot".into(),
                    started: false,
                });
                payloads.push(EventPayload::MachineStatus {
                    stage,
                    ready: true,
                    unmet: Vec::new(),
                });
            }
        }
        for payload in payloads {
            push_event(seed, node, now, payload);
        }
    }

    /// Brings etcd, its quorum, the virtual address and etcd's health in line
    /// with which nodes run.
    fn settle(&mut self) {
        let (seed, now) = (self.seed, self.now);
        for cluster in &mut self.clusters {
            let nodes: Vec<&TalosNode> = self
                .nodes
                .iter()
                .filter(|n| n.cluster == cluster.name && n.control_plane())
                .collect();
            for member in &mut cluster.etcd.members {
                member.running = nodes
                    .iter()
                    .any(|n| n.hostname == member.name && n.stage == Stage::Running);
            }
            cluster.etcd.elect(now);
            // The virtual address is held through an election in etcd.
            let holder_runs = cluster.vip_holder.as_ref().is_some_and(|h| {
                nodes
                    .iter()
                    .any(|n| n.hostname == *h && n.stage == Stage::Running)
            });
            if cluster.vip.is_none() || !cluster.etcd.has_quorum() {
                cluster.vip_holder = None;
            } else if !holder_runs {
                cluster.vip_holder = nodes
                    .iter()
                    .find(|n| n.stage == Stage::Running)
                    .map(|n| n.hostname.clone());
            }
            let quorum = cluster.etcd.has_quorum();
            for node in self.nodes.iter_mut().filter(|n| n.cluster == cluster.name) {
                set_etcd_health(seed, node, quorum, now);
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

/// The services of a node: `apid`, `machined` and friends always, `etcd`,
/// `kubelet` and `trustd` once it is up.
fn services(node: &TalosNode, now: SystemTime, up: bool) -> Vec<Service> {
    let mut services = Vec::new();
    let mut add = |id: &str, checked: bool, early: bool| {
        let running = up || early;
        let (state, message) = if running {
            (
                "Running",
                if checked {
                    "Health check successful"
                } else {
                    "Service is running"
                },
            )
        } else {
            ("Waiting", "Waiting for time sync")
        };
        services.push(Service {
            id: id.to_owned(),
            state: state.to_owned(),
            healthy: (checked && running).then_some(true),
            message: message.to_owned(),
            since: now,
        });
    };
    add("apid", true, true);
    add("auditd", true, true);
    add("containerd", true, true);
    add("cri", true, false);
    add("dashboard", false, true);
    if node.control_plane() {
        add("etcd", true, false);
    }
    for extension in &node.extensions {
        if extension.name == "qemu-guest-agent" {
            add("ext-qemu-guest-agent", false, false);
        }
    }
    add("kubelet", true, false);
    add("machined", true, true);
    add("syslogd", true, true);
    if node.control_plane() {
        add("trustd", true, false);
    }
    add("udevd", true, true);
    services
}

/// etcd runs on without a quorum, but its health check fails.
fn set_etcd_health(seed: u64, node: &mut TalosNode, quorum: bool, now: SystemTime) {
    let Some(etcd) = node
        .services
        .iter_mut()
        .find(|s| s.id == "etcd" && s.state == "Running")
    else {
        return;
    };
    if etcd.healthy == Some(quorum) {
        return;
    }
    etcd.healthy = Some(quorum);
    etcd.since = now;
    etcd.message = if quorum {
        "Health check successful".into()
    } else {
        "Health check failed: context deadline exceeded".into()
    };
    let payload = service_event(etcd);
    push_event(seed, node, now, payload);
}

fn service_event(service: &Service) -> EventPayload {
    EventPayload::ServiceState {
        service: service.id.clone(),
        state: service.state.clone(),
        message: service.message.clone(),
        healthy: service.healthy,
    }
}

fn push_event(seed: u64, node: &mut TalosNode, now: SystemTime, payload: EventPayload) {
    let id = event_id(seed, node, now, node.events.end());
    node.events.push(TalosEvent {
        id,
        at: now,
        actor_id: String::new(),
        payload,
    });
}

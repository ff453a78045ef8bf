//! The HA stack of the PVE cluster: what is managed, by which rules, and where
//! the manager is with it.
//!
//! The manager works in rounds. What it sees in one round it acts on in the
//! next; a guest on a host that is gone is moved when the host has surely been
//! fenced.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Guest, GuestKind, State};

/// A guest under HA.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HaResource {
    /// `vm:<vmid>` or `ct:<vmid>`.
    pub sid: String,
    /// The requested state, such as `started`.
    pub state: String,
    /// Further keys, such as `comment` or `max_restart`, verbatim.
    pub options: BTreeMap<String, String>,
}

impl HaResource {
    /// A resource in a requested state.
    pub fn new(sid: impl Into<String>, state: impl Into<String>) -> Self {
        HaResource {
            sid: sid.into(),
            state: state.into(),
            options: BTreeMap::new(),
        }
    }

    /// The guest's number.
    pub fn vmid(&self) -> Option<u32> {
        self.sid.split_once(':')?.1.parse().ok()
    }
}

/// An HA rule (PVE 9).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HaRule {
    /// Its id.
    pub rule: String,
    /// `node-affinity` or `resource-affinity`.
    pub kind: String,
    /// What it concerns, as `vm:<vmid>`.
    pub resources: Vec<String>,
    /// Hosts, for `node-affinity`, each perhaps with `:priority`.
    pub nodes: Vec<String>,
    /// `positive` or `negative`, for `resource-affinity`.
    pub affinity: Option<String>,
    /// Whether it must rather than should hold.
    pub strict: bool,
    /// Whether it does not count.
    pub disabled: bool,
    /// What somebody wrote about it.
    pub comment: Option<String>,
}

/// What the manager is about to do with a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HaStep {
    /// Power it on.
    Start,
    /// Power it off.
    Stop,
    /// Move it, running, to this host.
    Migrate(String),
    /// Stop it, move it to this host and start it there.
    Relocate(String),
    /// Make sure that its host is off.
    Fence,
    /// Find another host for it.
    Recover,
}

/// Where the manager is with a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HaService {
    /// What comes next.
    pub step: HaStep,
    /// When, in the world's elapsed time.
    pub at: Duration,
}

/// How fast the manager is.
#[derive(Clone, Copy, Debug)]
pub struct HaPace {
    /// From seeing something to acting on it.
    pub round: Duration,
    /// From losing a host to taking its guests elsewhere.
    pub fencing: Duration,
}

/// The HA stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ha {
    /// Guests under HA.
    pub resources: Vec<HaResource>,
    /// Rules.
    pub rules: Vec<HaRule>,
    /// What the manager is about to do, by resource.
    pub services: BTreeMap<String, HaService>,
    /// Resources that the manager gave up.
    pub errors: Vec<String>,
    /// Whether the manager keeps its hands off.
    pub disarmed: bool,
}

impl State {
    /// A resource by its id.
    pub fn ha_resource(&self, sid: &str) -> Option<&HaResource> {
        self.ha.resources.iter().find(|r| r.sid == sid)
    }

    /// The id that a guest has, or would have, as a resource.
    pub fn ha_sid(guest: &Guest) -> String {
        let word = match guest.kind {
            GuestKind::Qemu => "vm",
            GuestKind::Lxc => "ct",
        };
        format!("{word}:{}", guest.vmid)
    }

    /// The guest of a resource.
    pub fn ha_guest(&self, resource: &HaResource) -> Option<&Guest> {
        let guest = self.guest(resource.vmid()?)?;
        (State::ha_sid(guest) == resource.sid).then_some(guest)
    }

    /// What the manager is about to do, given what it sees at `now` (the
    /// world's elapsed time).
    pub fn ha_plan(&self, pace: HaPace, now: Duration) -> BTreeMap<String, HaService> {
        let mut plan = self.ha.services.clone();
        if self.ha.disarmed || !self.quorate() {
            plan.clear();
            return plan;
        }
        plan.retain(|sid, _| self.ha_resource(sid).is_some());
        for resource in &self.ha.resources {
            let sid = &resource.sid;
            let noted = plan.get(sid).map(|service| &service.step);
            match (self.ha_wanted(sid), noted) {
                // On its way, or asked for.
                (Some(HaStep::Fence), Some(HaStep::Fence | HaStep::Recover))
                | (Some(HaStep::Start), Some(HaStep::Relocate(_)))
                | (None, Some(HaStep::Migrate(_) | HaStep::Relocate(_)) | None) => {}
                (None, Some(_)) => drop(plan.remove(sid)),
                (Some(step), noted) if Some(&step) != noted => {
                    let delay = match step {
                        HaStep::Fence => pace.fencing,
                        _ => pace.round,
                    };
                    let at = now + delay;
                    plan.insert(sid.clone(), HaService { step, at });
                }
                (Some(_), _) => {}
            }
        }
        plan
    }

    /// What has to be done about a resource, apart from what was asked for.
    fn ha_wanted(&self, sid: &str) -> Option<HaStep> {
        let resource = self.ha_resource(sid)?;
        let guest = self.ha_guest(resource)?;
        if self.ha.errors.iter().any(|e| e == sid) || resource.state == "ignored" {
            return None;
        }
        if self.host(&guest.host).is_some_and(|host| host.stopping) {
            return None;
        }
        if !self.host_online(&guest.host) {
            let keep = ["stopped", "disabled"].contains(&resource.state.as_str());
            return (!keep).then_some(HaStep::Fence);
        }
        match resource.state.as_str() {
            "started" | "enabled" if !guest.running() && guest.lock.is_none() => {
                Some(HaStep::Start)
            }
            "stopped" | "disabled" if guest.running() && !self.shuts_down(guest.vmid) => {
                Some(HaStep::Stop)
            }
            _ => None,
        }
    }

    /// Whether a task waits for a guest to shut down.
    fn shuts_down(&self, vmid: u32) -> bool {
        let id = vmid.to_string();
        let waits = |task: &super::Task| {
            task.end.is_none() && task.id == id && task.kind.ends_with("shutdown")
        };
        self.tasks.iter().rev().any(waits)
    }

    /// The manager leaves a request for the next round.
    pub fn ha_request(&mut self, sid: &str, step: HaStep, pace: HaPace) {
        let at = self.elapsed + pace.round;
        self.ha
            .services
            .insert(sid.to_owned(), HaService { step, at });
    }

    /// Guests that are powered on now.
    pub fn ha_starting(&self) -> Vec<u32> {
        let due = self
            .ha
            .services
            .iter()
            .filter(|(_, s)| s.at <= self.elapsed);
        due.filter(|(_, service)| service.step == HaStep::Start)
            .filter_map(|(sid, _)| self.ha_resource(sid)?.vmid())
            .collect()
    }

    /// Does what is due. The guests whose power button is to be pressed are left
    /// to the caller.
    #[must_use]
    pub fn ha_act(&mut self, pace: HaPace) -> Vec<u32> {
        let now = self.elapsed;
        let mut pressed = Vec::new();
        let due: Vec<_> = self
            .ha
            .services
            .iter()
            .filter(|(_, service)| service.at <= now)
            .map(|(sid, service)| (sid.clone(), service.step.clone()))
            .collect();
        for (sid, step) in due {
            self.ha.services.remove(&sid);
            if let Some(next) = self.ha_step(&sid, step, &mut pressed) {
                let at = now + pace.round;
                self.ha.services.insert(sid, HaService { step: next, at });
            }
        }
        pressed
    }

    /// One step; what has to follow, if anything.
    fn ha_step(&mut self, sid: &str, step: HaStep, pressed: &mut Vec<u32>) -> Option<HaStep> {
        let resource = self.ha_resource(sid)?;
        let guest = self.ha_guest(resource)?;
        let (vmid, running, host) = (guest.vmid, guest.running(), guest.host.clone());
        match step {
            // What is refused now is noticed and tried again.
            HaStep::Start => drop(self.guest_start(vmid)),
            HaStep::Stop => pressed.push(vmid),
            // What is to run starts there by itself.
            HaStep::Relocate(to) if running => {
                if !self.shuts_down(vmid) {
                    pressed.push(vmid);
                }
                return Some(HaStep::Relocate(to));
            }
            // A host that is gone meanwhile: the request is dropped.
            HaStep::Migrate(to) | HaStep::Relocate(to) => drop(self.guest_move(vmid, &to)),
            HaStep::Fence if !self.host_online(&host) => return Some(HaStep::Recover),
            HaStep::Fence => {}
            HaStep::Recover => {
                // Without a place it waits for one.
                let Some(to) = self.ha_place(sid) else {
                    return Some(HaStep::Recover);
                };
                // Its host is off for good: nothing of it runs any more.
                if let Some(guest) = self.guest_mut(vmid) {
                    guest.resume_with_host = false;
                }
                let _ = self.guest_move(vmid, &to);
                if self.local_disks(vmid) {
                    // Its disks are not there: it cannot start.
                    self.ha.errors.push(sid.to_owned());
                } else {
                    return Some(HaStep::Start);
                }
            }
        }
        None
    }

    fn local_disks(&self, vmid: u32) -> bool {
        let shared = |id: &str| self.storages.iter().any(|s| s.id == id && s.shared);
        self.guest(vmid)
            .is_some_and(|guest| guest.volumes().any(|disk| !shared(&disk.storage)))
    }

    /// The host for a resource that needs one: allowed by the rules, with the
    /// fewest resources on it.
    fn ha_place(&self, sid: &str) -> Option<String> {
        let here = |other: &str| {
            let guest = self.ha_guest(self.ha_resource(other)?)?;
            self.host_online(&guest.host).then(|| guest.host.clone())
        };
        let mut candidates: Vec<&str> = self
            .hosts
            .iter()
            .filter(|host| host.online())
            .map(|host| host.name.as_str())
            .collect();
        let rules = self.ha.rules.iter();
        for rule in rules.filter(|r| !r.disabled && r.resources.iter().any(|r| r == sid)) {
            let others = rule.resources.iter().filter(|other| *other != sid);
            let hosts: Vec<String> = others.filter_map(|other| here(other)).collect();
            let fits = |host: &&&str| match (rule.kind.as_str(), rule.affinity.as_deref()) {
                ("node-affinity", _) => rule
                    .nodes
                    .iter()
                    .any(|n| n.split(':').next() == Some(**host)),
                (_, Some("negative")) => !hosts.iter().any(|h| h == **host),
                _ => hosts.is_empty() || hosts.iter().any(|h| h == **host),
            };
            let fitting: Vec<_> = candidates.iter().filter(fits).copied().collect();
            // A rule that need not hold gives way; the others never do.
            if !fitting.is_empty() || rule.strict || rule.kind != "node-affinity" {
                candidates = fitting;
            }
        }
        let load = |host: &str| {
            let on_host = |r: &&HaResource| self.ha_guest(r).is_some_and(|g| g.host == host);
            self.ha.resources.iter().filter(on_host).count()
        };
        candidates
            .into_iter()
            .min_by_key(|host| load(host))
            .map(str::to_owned)
    }
}

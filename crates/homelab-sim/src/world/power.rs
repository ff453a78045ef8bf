//! How a Talos node starts and stops: power and the stages of a boot.

use super::event::{TalosEvent, event_id};
use super::transitions::Step;
use super::{EventPayload, KernelLine, Power, Stage, State, SystemImage, TalosNode};

/// How many kernel messages a node keeps.
const KERNEL_LINES: usize = 400;

/// A phase of a sequence takes this part of the time from the API to running.
const PHASES: u32 = 20;

impl State {
    /// A machine gets power: what is installed on it starts, else its medium.
    /// Without either nothing ever answers.
    pub(super) fn begin_boot(&mut self, name: &str) {
        let now = self.now;
        let (boot, ready) = (self.boot, self.ready);
        let Some(node) = self.node_mut(name) else {
            return;
        };
        node.powered = true;
        node.booted_at = now;
        node.power_lost();
        let mut wait = boot;
        if let Some(image) = node.staged_upgrade.take() {
            // The first start only writes the new system, the second one is it.
            self.write_system(name, &image);
            wait += boot;
        }
        let Some(node) = self.node_mut(name) else {
            return;
        };
        if node.installed.as_ref().is_some_and(|i| i.boot.broken) {
            // It does not come up, and the boot loader goes back to the other.
            let fallback = node.installed.take().and_then(|i| i.fallback);
            node.installed = fallback.map(|boot| super::Installed {
                boot,
                fallback: None,
            });
            wait += boot + ready;
        }
        let system: Option<SystemImage> = node
            .installed
            .as_ref()
            .map(|i| i.boot.clone())
            .or_else(|| node.medium.clone());
        let Some(system) = system else { return };
        node.talos_version = system.version;
        node.schematic = system.schematic;
        node.extensions = system.extensions;
        self.later(wait, name, Step::Answer);
    }

    /// The API of a node that boots comes up.
    pub(super) fn answer(&mut self, name: &str) {
        let ready = self.ready;
        let Some(node) = self.node_mut(name) else {
            return;
        };
        match node.stored_config.clone() {
            Some(config) => {
                self.configure(name, config);
                self.kernel(name, "[talos] boot sequence: starting");
                self.emit_own(
                    name,
                    EventPayload::Sequence {
                        name: "boot".into(),
                        started: true,
                    },
                );
                self.set_stage(name, Stage::Booting, "");
                self.start_services(name, false);
                self.later(ready, name, Step::Services);
            }
            None => self.maintain(name),
        }
    }

    /// Without a config the node waits for one.
    fn maintain(&mut self, name: &str) {
        let Some(node) = self.node_mut(name) else {
            return;
        };
        node.forget_config();
        self.kernel(
            name,
            "[talos] this machine is reachable in maintenance mode",
        );
        self.set_stage(name, Stage::Maintenance, "");
        self.start_services(name, false);
    }

    /// The services that need the network and a config start.
    pub(super) fn services_up(&mut self, name: &str) {
        self.start_services(name, true);
        self.settle();
    }

    /// All is up: the boot is over.
    pub(super) fn boot_over(&mut self, name: &str) {
        self.kernel(name, "[talos] boot sequence: done");
        self.emit_own(
            name,
            EventPayload::Sequence {
                name: "boot".into(),
                started: false,
            },
        );
        self.set_stage(name, Stage::Running, "");
    }

    /// The machine starts again without having lost power.
    pub(super) fn restart(&mut self, name: &str) {
        if let Some(node) = self.node_mut(name) {
            node.stage = Stage::Off;
        }
        self.begin_boot(name);
    }

    /// The machine switches itself off, and its guest with it.
    pub(super) fn power_off(&mut self, name: &str) {
        let vmid = self.node(name).and_then(|n| n.vmid);
        if let Some(vmid) = vmid {
            self.set_power(vmid, Power::Stopped);
        }
        self.lose_power(name);
    }

    /// The machine is without power from one moment to the next.
    pub(super) fn lose_power(&mut self, name: &str) {
        if let Some(node) = self.node_mut(name) {
            node.powered = false;
            node.power_lost();
        }
    }

    /// Switches a machine on that is no guest.
    ///
    /// # Errors
    /// `NotFound` for an unknown node, `FailedPrecondition` when it runs, or
    /// when it is a guest: then its host switches it.
    pub fn machine_on(&mut self, name: &str) -> homelab_core::Result<()> {
        use homelab_core::{Error, ErrorKind};
        let Some(node) = self.node(name) else {
            return Err(Error::new(ErrorKind::NotFound, "the lab has no such node").target(name));
        };
        if let Some(vmid) = node.vmid {
            return self.guest_start(vmid);
        }
        if node.orphaned {
            let message = "the machine is no more";
            return Err(Error::new(ErrorKind::FailedPrecondition, message).target(name));
        }
        if node.powered {
            let message = "the machine is on already";
            return Err(Error::new(ErrorKind::FailedPrecondition, message).target(name));
        }
        self.begin_boot(name);
        Ok(())
    }

    /// The next phase of the node's sequence comes a little later.
    pub(super) fn phase_later(&mut self, name: &str) {
        self.later(self.ready / PHASES, name, Step::Phase);
    }

    /// A node reaches a stage, and says so.
    pub(super) fn set_stage(&mut self, name: &str, stage: Stage, actor: &str) {
        let Some(node) = self.node_mut(name) else {
            return;
        };
        node.stage = stage;
        self.tell_status(name, actor);
    }

    /// Sends whether a node is ready, and what it lacks.
    pub(super) fn tell_status(&mut self, name: &str, actor: &str) {
        let Some(node) = self.node(name) else { return };
        let (stage, unmet) = (node.stage, node.unmet());
        let payload = EventPayload::MachineStatus {
            stage,
            ready: stage == Stage::Running && unmet.is_empty(),
            unmet,
        };
        self.emit(name, actor, payload);
    }

    /// Writes a line into a node's kernel log.
    pub(super) fn kernel(&mut self, name: &str, text: &str) {
        let at = self.now;
        if let Some(node) = self.node_mut(name) {
            if node.kernel_log.len() == KERNEL_LINES {
                node.kernel_log.pop_front();
                node.kernel_first += 1;
            }
            node.kernel_log.push_back(KernelLine {
                at,
                text: text.to_owned(),
            });
        }
    }

    /// Sends an event of a node that somebody caused.
    pub(super) fn emit(&mut self, name: &str, actor: &str, payload: EventPayload) {
        let (seed, at) = (self.seed, self.now);
        if let Some(node) = self.node_mut(name) {
            let id = event_id(seed, node, at, node.events.end());
            node.events.push(TalosEvent {
                id,
                at,
                actor_id: actor.to_owned(),
                payload,
            });
        }
    }

    /// Sends an event that the node itself caused.
    pub(super) fn emit_own(&mut self, name: &str, payload: EventPayload) {
        self.emit(name, "", payload);
    }
}

impl TalosNode {
    /// What keeps the node from being ready: condition and reason.
    pub fn unmet(&self) -> Vec<(String, String)> {
        let services = |reason: &str| vec![("services".to_owned(), reason.to_owned())];
        let etcd = self.service("etcd");
        match self.stage {
            Stage::Booting => services("kubelet not healthy"),
            Stage::Running if etcd.is_some_and(|etcd| etcd.healthy == Some(false)) => {
                services("etcd not healthy")
            }
            _ => Vec::new(),
        }
    }

    /// Everything that lives in memory is gone.
    fn power_lost(&mut self) {
        self.orderly = false;
        self.stage = Stage::Off;
        self.services.clear();
        self.sequence = None;
        self.installer_runs = false;
        self.trial = None;
        self.reboot_waits = false;
        self.kernel_log.clear();
        self.kernel_first = 0;
        self.events.reboot();
    }
}

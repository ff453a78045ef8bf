//! Sequences of a Talos node: boot, reboot, shutdown, reset, upgrade. Each is a
//! list of phases that pass in the lab's time, tell what they do as events and
//! kernel messages, and leave the node as they say.

use serde::{Deserialize, Serialize};

use super::{EventPayload, Stage, State};

/// What a node is told to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Stop and start again.
    Reboot {
        /// Without stopping anything in an orderly way.
        force: bool,
    },
    /// Stop.
    Shutdown {
        /// Without moving the workload away.
        force: bool,
    },
    /// Wipe.
    Reset(Wipe),
    /// Write another system to the disk, and start it.
    Upgrade {
        /// Installer image.
        image: String,
        /// Only remember it: the next boot does it.
        stage: bool,
    },
    /// Write the first system to the disk, as the config says, and start it.
    Install,
}

/// What a reset wipes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wipe {
    /// Leave etcd and move the workload away first.
    pub graceful: bool,
    /// Start again rather than stay off.
    pub reboot: bool,
    /// The system disk as a whole.
    pub system_disk: bool,
    /// Partitions of the system disk by label; all when empty.
    pub labels: Vec<String>,
    /// Other disks, by path.
    pub user_disks: Vec<String>,
}

/// A sequence that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// What it does.
    pub order: Order,
    /// Who asked for it.
    pub actor: String,
    /// Phases that are over.
    pub done: usize,
}

/// Phase and its tasks, in Talos' own words.
type Phase = (&'static str, &'static [&'static str]);

const DRAIN: Phase = ("drain", &["cordonAndDrainNode"]);
const CLEANUP: Phase = ("cleanup", &["stopAllPods"]);
const LEAVE: Phase = ("leave", &["leaveEtcd"]);
const STOP_SERVICES: Phase = ("stopServices", &["stopServicesEphemeral"]);
const UNMOUNT: Phase = ("umount", &["unmountPodMounts"]);
const STOP_ALL: Phase = ("stopEverything", &["stopAllServices"]);
const REBOOT: Phase = ("reboot", &["reboot"]);
const SHUTDOWN: Phase = ("shutdown", &["shutdown"]);

impl Order {
    /// Talos' name of the sequence.
    pub fn name(&self) -> &'static str {
        match self {
            Order::Reboot { .. } => "reboot",
            Order::Shutdown { .. } => "shutdown",
            Order::Reset(_) => "reset",
            Order::Upgrade { stage: true, .. } => "stageUpgrade",
            Order::Upgrade { .. } => "upgrade",
            Order::Install => "install",
        }
    }

    fn stage(&self) -> Stage {
        match self {
            Order::Reboot { .. } => Stage::Rebooting,
            Order::Shutdown { .. } => Stage::ShuttingDown,
            Order::Reset(_) => Stage::Resetting,
            Order::Upgrade { .. } => Stage::Upgrading,
            Order::Install => Stage::Installing,
        }
    }

    fn phases(&self) -> Vec<Phase> {
        let stop = [STOP_SERVICES, UNMOUNT, STOP_ALL];
        match self {
            Order::Reboot { force: true } => vec![REBOOT],
            Order::Reboot { force: false } => [&[CLEANUP][..], &stop, &[REBOOT]].concat(),
            Order::Shutdown { force } => {
                let first = if *force { CLEANUP } else { DRAIN };
                [&[first][..], &stop, &[SHUTDOWN]].concat()
            }
            Order::Reset(wipe) => {
                let first: &[Phase] = if wipe.graceful {
                    &[DRAIN, LEAVE]
                } else {
                    &[CLEANUP]
                };
                let wiped: &[Phase] = match (wipe.system_disk, wipe.labels.is_empty()) {
                    (true, true) => &[("reset", &["resetSystemDisk"])],
                    (true, false) => &[("reset", &["resetSystemDiskPartitions"])],
                    (false, _) => &[("reset", &["resetUserDisks"])],
                };
                let last = if wipe.reboot { REBOOT } else { SHUTDOWN };
                [first, &stop, wiped, &[last]].concat()
            }
            Order::Upgrade { stage: true, .. } => {
                [&[CLEANUP][..], &stop, &[("reboot", &["reboot"])]].concat()
            }
            Order::Upgrade { .. } => {
                let first = [DRAIN, CLEANUP, STOP_SERVICES, UNMOUNT];
                [&first[..], &[("upgrade", &["upgrade"]), STOP_ALL, REBOOT]].concat()
            }
            Order::Install => vec![
                ("validateConfig", &["validateConfig"]),
                ("saveConfig", &["saveConfig"]),
                ("install", &["install"]),
                REBOOT,
            ],
        }
    }
}

impl State {
    /// A node starts to do what it is told, or refuses because it does
    /// something else already. Either way the caller has been given the id of
    /// the action, and events tell how it went.
    pub fn order(&mut self, name: &str, order: Order, actor: &str) {
        let Some(node) = self.node_mut(name) else {
            return;
        };
        if let Some(running) = &node.sequence {
            let error = format!(
                "sequence is already running: {} ({})",
                running.order.name(),
                running.actor
            );
            let payload = EventPayload::Refused {
                name: order.name().to_owned(),
                error,
            };
            self.emit(name, actor, payload);
            return;
        }
        let stage = order.stage();
        let title = order.name();
        node.orderly = true;
        node.sequence = Some(Sequence {
            order,
            actor: actor.to_owned(),
            done: 0,
        });
        // Whatever the boot had still to do is over.
        node.boot_steps += 1;
        self.emit(
            name,
            actor,
            EventPayload::Sequence {
                name: title.to_owned(),
                started: true,
            },
        );
        self.kernel(name, &format!("[talos] {title} sequence: starting"));
        self.set_stage(name, stage, actor);
        self.phase_later(name);
    }

    /// Somebody presses the power button of a node: it shuts down, whatever
    /// else it does. Without a config there is nothing to stop in order.
    pub fn power_button(&mut self, name: &str) {
        let Some(node) = self.node_mut(name) else {
            return;
        };
        node.sequence = None;
        self.kernel(name, "[talos] shutdown via ACPI received");
        self.order(name, Order::Shutdown { force: true }, "");
    }

    /// The next phase of what a node does.
    pub(super) fn next_phase(&mut self, name: &str) {
        let Some(sequence) = self.node(name).and_then(|n| n.sequence.clone()) else {
            return;
        };
        let phases = sequence.order.phases();
        let Some((phase, tasks)) = phases.get(sequence.done).copied() else {
            return;
        };
        if let Some(running) = self.node_mut(name).and_then(|n| n.sequence.as_mut()) {
            running.done += 1;
        }
        let actor = sequence.actor.clone();
        let (count, number) = (phases.len(), sequence.done + 1);
        self.kernel(
            name,
            &format!(
                "[talos] phase {phase} ({number}/{count}): {} tasks(s)",
                tasks.len()
            ),
        );
        let told = |started| EventPayload::Phase {
            name: phase.to_owned(),
            started,
        };
        self.emit(name, &actor, told(true));
        for task in tasks {
            let told = |started| EventPayload::Task {
                name: (*task).to_owned(),
                started,
            };
            self.kernel(
                name,
                &format!("[talos] task {task} (1/{}): starting", tasks.len()),
            );
            self.emit(name, &actor, told(true));
            // The last task leaves nobody to tell.
            if matches!(*task, "reboot" | "shutdown") {
                self.end_of_sequence(name, *task == "reboot");
                return;
            }
            self.do_task(name, task, &sequence.order, &actor);
            self.emit(name, &actor, told(false));
        }
        self.emit(name, &actor, told(false));
        self.settle();
        self.phase_later(name);
    }

    fn do_task(&mut self, name: &str, task: &str, order: &Order, actor: &str) {
        match (task, order) {
            ("stopServicesEphemeral", _) => {
                self.stop_services(name, &["etcd", "kubelet", "cri", "trustd"], actor);
            }
            ("stopAllServices", _) => self.stop_all_services(name, actor),
            ("leaveEtcd", _) => {
                // Without a quorum the node gives up on it.
                let _ = self.etcd_leave(name);
            }
            (_, Order::Reset(wipe)) if task.starts_with("reset") => self.wipe(name, wipe),
            ("upgrade", Order::Upgrade { image, .. }) => self.write_system(name, image),
            ("install", Order::Install) => self.install_as_configured(name),
            _ => {}
        }
    }

    fn end_of_sequence(&mut self, name: &str, again: bool) {
        let order = self
            .node(name)
            .and_then(|n| n.sequence.clone())
            .map(|s| s.order);
        if let (Some(Order::Upgrade { image, stage: true }), Some(node)) =
            (order, self.node_mut(name))
        {
            node.staged_upgrade = Some(image);
        }
        if again {
            self.restart(name);
        } else {
            self.power_off(name);
        }
        if let Some(node) = self.node_mut(name) {
            node.orderly = true;
        }
        self.settle();
    }

    /// What a reset takes away.
    fn wipe(&mut self, name: &str, wipe: &Wipe) {
        let Some(node) = self.node_mut(name) else {
            return;
        };
        let all = wipe.system_disk && wipe.labels.is_empty();
        let label = |label: &str| all || wipe.system_disk && wipe.labels.iter().any(|l| l == label);
        if label("STATE") {
            node.stored_config = None;
        }
        if label("META") {
            node.meta.clear();
        }
        if label("EPHEMERAL") {
            node.etcd_data = None;
            node.etcd_upload = None;
            node.image_changes = super::image::ImageChanges::default();
        }
        if all {
            node.installed = None;
        }
        let wiped = |device: &str| {
            wipe.user_disks
                .iter()
                .any(|path| path.trim_start_matches("/dev/") == device)
        };
        node.volumes.user.retain(|v| !wiped(&v.device));
    }

    /// The installer of an upgrade writes its system.
    pub(super) fn write_system(&mut self, name: &str, image: &str) {
        let broken = self.image_defect(image) == Some(super::ImageDefect::Boot);
        if let Some(node) = self.node_mut(name) {
            let system = node.system_of(image, broken);
            node.install(system);
        }
    }

    /// The first installation writes what the config asks for.
    fn install_as_configured(&mut self, name: &str) {
        let Some(node) = self.node(name) else { return };
        let config = node.stored_config.clone().unwrap_or_default();
        let image = config.install_image.unwrap_or_else(|| node.system().image);
        let disk = config.install_disk;
        self.write_system(name, &image);
        if let (Some(node), Some(disk)) = (self.node_mut(name), disk) {
            node.install_disk = disk;
        }
    }
}

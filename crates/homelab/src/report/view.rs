//! The lab as every report tells it: names resolved, findings numbered,
//! numbers rounded once. Built from the topology in [`build`](super::build);
//! the writers (text, Mermaid, HTML) only arrange it.

use homelab_core::error::Failure;
use homelab_model::Finding;
use homelab_model::observation::ObservedQuorum;
use homelab_model::topology::{Join, Mismatch};

use super::losses::HostLoss;

/// How bad something is, for colour and order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Ok,
    Info,
    Warning,
    Critical,
}

impl Level {
    /// CSS class.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Info => "info",
            Level::Warning => "warning",
            Level::Critical => "critical",
        }
    }

    /// The mark before a line, also without colour.
    pub(crate) fn mark(self) -> &'static str {
        match self {
            Level::Ok => "✓",
            Level::Info => "·",
            Level::Warning => "!",
            Level::Critical => "✗",
        }
    }
}

/// What is known about whether something runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Seen running.
    Up,
    /// Seen stopped or reported offline.
    Down,
    /// Asked, and nothing came back.
    Silent,
    /// Only a file says that it exists.
    Planned,
}

impl Status {
    pub(crate) fn class(self) -> &'static str {
        match self {
            Status::Up => "up",
            Status::Down => "down",
            Status::Silent => "silent",
            Status::Planned => "planned",
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Status::Up => "up",
            Status::Down => "down",
            Status::Silent => "no answer",
            Status::Planned => "not asked",
        }
    }
}

/// What a guest is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    ControlPlane,
    Worker,
    Other,
}

impl Role {
    pub(crate) fn class(self) -> &'static str {
        match self {
            Role::ControlPlane => "control-plane",
            Role::Worker => "worker",
            Role::Other => "other",
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Role::ControlPlane => "control plane",
            Role::Worker => "worker",
            Role::Other => "",
        }
    }
}

/// A guest's part in etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Etcd {
    /// Not a member.
    None,
    /// A member by the file, or one that did not answer.
    Unknown,
    /// Answers and follows a leader.
    Member,
    /// Leads.
    Leader,
    /// Answers, but the cluster has no leader.
    NoLeader,
}

/// The whole lab.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub(crate) name: String,
    /// When it was observed (RFC 3339), `None` for a file alone.
    pub(crate) observed_at: Option<String>,
    pub(crate) hosts: Vec<HostView>,
    /// Guests whose host is not known.
    pub(crate) unplaced: Vec<GuestView>,
    pub(crate) pools: Vec<PoolView>,
    pub(crate) networks: Vec<String>,
    pub(crate) addresses: Vec<AddressView>,
    pub(crate) clusters: Vec<ClusterView>,
    /// When Proxmox VE told.
    pub(crate) quorum: Option<ObservedQuorum>,
    pub(crate) findings: Vec<Numbered>,
    pub(crate) joins: Vec<Join>,
    pub(crate) mismatches: Vec<Mismatch>,
    pub(crate) failures: Vec<Failure>,
    pub(crate) losses: Vec<HostLoss>,
}

/// A finding with the number that its badges carry.
#[derive(Clone, Debug)]
pub(crate) struct Numbered {
    pub(crate) number: usize,
    pub(crate) level: Level,
    /// The finding before this one that has the same fix.
    pub(crate) fix_as: Option<usize>,
    /// What its rule looks for.
    pub(crate) title: String,
    pub(crate) finding: Finding,
}

/// A badge: the number of a finding, drawn on what it concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Badge {
    pub(crate) number: usize,
    pub(crate) level: Level,
}

#[derive(Clone, Debug)]
pub(crate) struct HostView {
    pub(crate) name: String,
    pub(crate) status: Status,
    pub(crate) address: String,
    /// Processor, in the file's or the host's words.
    pub(crate) model: String,
    pub(crate) version: String,
    /// 0 when unknown.
    pub(crate) memory_bytes: u64,
    /// What the host itself and its OSDs take.
    pub(crate) overhead_bytes: u64,
    pub(crate) osds: u32,
    pub(crate) gpus: Vec<String>,
    pub(crate) guests: Vec<GuestView>,
    /// Guests that the fix of the worst finding would move here.
    pub(crate) ghosts: Vec<Ghost>,
    pub(crate) badges: Vec<Badge>,
    /// What breaks when this host goes; empty when it cannot be said.
    pub(crate) loss: Vec<(Level, String)>,
}

impl HostView {
    /// Overhead and every guest, as configured.
    pub(crate) fn committed_bytes(&self) -> u64 {
        self.overhead_bytes + self.guests.iter().map(|g| g.memory_bytes).sum::<u64>()
    }
}

/// A guest where a fix would put it.
#[derive(Clone, Debug)]
pub(crate) struct Ghost {
    pub(crate) guest: String,
    pub(crate) memory_bytes: u64,
    /// Number of the finding.
    pub(crate) number: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct GuestView {
    pub(crate) name: String,
    /// The cluster whose node runs in it; empty if none does.
    pub(crate) cluster: String,
    pub(crate) vmid: Option<u32>,
    pub(crate) status: Status,
    pub(crate) role: Role,
    pub(crate) etcd: Etcd,
    pub(crate) memory_bytes: u64,
    pub(crate) cores: Option<u32>,
    pub(crate) address: String,
    /// Talos version, when it is a node that answered.
    pub(crate) version: String,
    /// What keeps its node from being well, in Talos' words.
    pub(crate) troubles: Vec<String>,
    pub(crate) badges: Vec<Badge>,
}

#[derive(Clone, Debug)]
pub(crate) struct PoolView {
    pub(crate) name: String,
    /// `Ceph RBD, size 3, min_size 2`.
    pub(crate) kind: String,
    pub(crate) health: Option<(Level, String)>,
    pub(crate) used_bytes: Option<u64>,
    pub(crate) total_bytes: Option<u64>,
    /// Hosts with OSDs.
    pub(crate) osd_hosts: Vec<OsdHost>,
    pub(crate) disks: u32,
    pub(crate) disk_bytes: u64,
    pub(crate) badges: Vec<Badge>,
}

/// A host that gives OSDs to a pool.
#[derive(Clone, Debug)]
pub(crate) struct OsdHost {
    pub(crate) host: String,
    pub(crate) osds: u32,
    /// Whether the host is down.
    pub(crate) gone: bool,
}

impl OsdHost {
    /// `pve1: 1 OSD`.
    pub(crate) fn label(&self) -> String {
        let s = if self.osds == 1 { "" } else { "s" };
        format!("{}: {} OSD{s}", self.host, self.osds)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct AddressView {
    pub(crate) address: String,
    pub(crate) owner: String,
    /// `vip`, `load-balancer`, `appliance`: the CSS class too.
    pub(crate) kind: &'static str,
    pub(crate) badges: Vec<Badge>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ClusterView {
    pub(crate) name: String,
    pub(crate) vip: Option<String>,
    pub(crate) talos: String,
    pub(crate) kubernetes: String,
    pub(crate) control_planes: usize,
    pub(crate) workers: usize,
    /// Voters of etcd by its own list, or control planes by the file.
    pub(crate) members: usize,
    /// Those that answered and follow a leader.
    pub(crate) members_answering: usize,
    pub(crate) leader: Option<String>,
    /// Whether any of its nodes answered; `None` when none was asked.
    pub(crate) answered: Option<bool>,
    pub(crate) badges: Vec<Badge>,
}

impl ClusterView {
    /// A majority of the members.
    pub(crate) fn quorum(&self) -> usize {
        self.members / 2 + 1
    }
}

/// GiB as people say it: `28`, `7.5`.
pub(crate) fn gib(bytes: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let gib = bytes as f64 / f64::from(1u32 << 30);
    if gib >= 10.0 || (gib - gib.round()).abs() < 0.05 {
        format!("{gib:.0}")
    } else {
        format!("{gib:.1}")
    }
}

/// Whole percent, `None` when there is no whole.
pub(crate) fn percent(part: u64, whole: u64) -> Option<u64> {
    (whole > 0)
        .then(|| (u128::from(part) * 100 + u128::from(whole) / 2) / u128::from(whole))
        .and_then(|p| u64::try_from(p).ok())
}

/// What happened, without the operation and target that stand beside it anyway.
pub(crate) fn reason(failure: &Failure) -> &str {
    let error = &failure.error;
    let head = match (&error.operation, &error.target) {
        (Some(operation), Some(target)) => format!("{operation} on {target}: "),
        (Some(operation), None) => format!("{operation}: "),
        (None, Some(target)) => format!("{target}: "),
        (None, None) => String::new(),
    };
    error.message.strip_prefix(&head).unwrap_or(&error.message)
}

//! The key numbers of a lab.

use super::{and, lost_with, or, plural};
use crate::report::view::{ClusterView, HostView, Level, Role, Status, View, gib, percent};

/// One key number.
pub(crate) struct Card {
    /// How bad the number is.
    pub(crate) level: Level,
    /// How bad what the note says is.
    pub(crate) note_level: Level,
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) note: String,
}

/// The key numbers.
pub(crate) fn cards(view: &View) -> Vec<Card> {
    let mut cards = vec![hosts(view)];
    cards.extend(
        view.clusters
            .iter()
            .flat_map(|c| [etcd(c, view), nodes(c, view)]),
    );
    cards.extend(memory(view));
    cards.push(failures(view));
    cards
}

fn hosts(view: &View) -> Card {
    let all = view.hosts.len();
    let down = view
        .hosts
        .iter()
        .filter(|h| matches!(h.status, Status::Down | Status::Silent))
        .count();
    let up = view.hosts.iter().filter(|h| h.status == Status::Up).count();
    let note = match &view.quorum {
        Some(q) if q.quorate => format!("Proxmox cluster {} is quorate", q.cluster),
        Some(q) => format!("Proxmox cluster {} has no quorum", q.cluster),
        None if view.observed_at.is_some() => "quorum of Proxmox not known".to_owned(),
        None => "by the file".to_owned(),
    };
    let quorate = view.quorum.as_ref().is_none_or(|q| q.quorate);
    Card {
        level: if down > 0 { Level::Critical } else { Level::Ok },
        note_level: if quorate { Level::Ok } else { Level::Critical },
        name: "Hosts".to_owned(),
        value: if view.observed_at.is_some() {
            format!("{up} of {all} up")
        } else {
            all.to_string()
        },
        note,
    }
}

fn etcd(cluster: &ClusterView, view: &View) -> Card {
    let fatal = lost_with(view, cluster);
    if cluster.members == 0 {
        return Card {
            level: Level::Ok,
            note_level: Level::Ok,
            name: "etcd members".to_owned(),
            value: "not known".to_owned(),
            note: String::new(),
        };
    }
    let short = cluster.answered == Some(true) && cluster.members_answering < cluster.quorum();
    let note = if short {
        format!("needs {}: no quorum", cluster.quorum())
    } else if fatal.is_empty() {
        format!("needs {}, survives any one host", cluster.quorum())
    } else {
        format!("needs {}, lost with {}", cluster.quorum(), or(&fatal))
    };
    Card {
        level: if short { Level::Critical } else { Level::Ok },
        note_level: if short || !fatal.is_empty() {
            Level::Critical
        } else {
            Level::Ok
        },
        name: "etcd members".to_owned(),
        value: match cluster.answered {
            Some(_) => format!(
                "{} of {} healthy",
                cluster.members_answering, cluster.members
            ),
            None => cluster.members.to_string(),
        },
        note,
    }
}

fn nodes(cluster: &ClusterView, view: &View) -> Card {
    let guests = || {
        view.hosts
            .iter()
            .flat_map(|h| &h.guests)
            .chain(&view.unplaced)
            .filter(|g| g.role != Role::Other)
    };
    let up = guests().filter(|g| g.status == Status::Up).count();
    let all = cluster.control_planes + cluster.workers;
    let missing = guests()
        .filter(|g| matches!(g.status, Status::Down | Status::Silent))
        .count();
    Card {
        level: if missing > 0 {
            Level::Critical
        } else {
            Level::Ok
        },
        note_level: Level::Ok,
        name: "Talos nodes".to_owned(),
        value: if cluster.answered.is_some() {
            format!("{up} of {all} up")
        } else {
            all.to_string()
        },
        note: format!(
            "{}, {}",
            plural(cluster.control_planes, "control plane"),
            plural(cluster.workers, "worker")
        ),
    }
}

fn memory(view: &View) -> Option<Card> {
    let total: u64 = view.hosts.iter().map(|h| h.memory_bytes).sum();
    let committed: u64 = view.hosts.iter().map(HostView::committed_bytes).sum();
    let over: Vec<&str> = view
        .hosts
        .iter()
        .filter(|h| h.memory_bytes > 0 && h.committed_bytes() > h.memory_bytes)
        .map(|h| h.name.as_str())
        .collect();
    Some(Card {
        level: Level::Ok,
        note_level: if over.is_empty() {
            Level::Ok
        } else {
            Level::Warning
        },
        name: "Memory planned".to_owned(),
        value: format!("{} of {} GiB", gib(committed), gib(total)),
        note: if over.is_empty() {
            format!("{} %, no host over its RAM", percent(committed, total)?)
        } else {
            format!("{} planned beyond RAM", and(&over))
        },
    })
}

fn failures(view: &View) -> Card {
    let mut targets: Vec<&str> = view.failures.iter().map(|f| f.target.as_str()).collect();
    targets.sort_unstable();
    targets.dedup();
    Card {
        level: if targets.is_empty() {
            Level::Ok
        } else {
            Level::Warning
        },
        note_level: Level::Ok,
        name: "No answer".to_owned(),
        value: match (view.observed_at.is_some(), targets.len()) {
            (false, _) => "not asked".to_owned(),
            (true, 0) => "none".to_owned(),
            (true, n) => plural(n, "target"),
        },
        note: if targets.is_empty() {
            String::new()
        } else {
            targets.join(", ")
        },
    }
}

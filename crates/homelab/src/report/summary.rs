//! The lab in a few sentences and key numbers, the same in text and HTML.

mod cards;

use super::losses::HostLoss;
use super::view::{ClusterView, Level, Status, View};

pub(crate) use cards::{Card, cards};

/// What the lab is and how it was looked at.
pub(crate) fn lead(view: &View) -> String {
    let mut parts = vec![
        plural(view.hosts.len(), "host"),
        plural(guests(view), "guest"),
    ];
    parts.extend(view.clusters.iter().map(|c| {
        let mut words = vec![format!("cluster {}", c.name)];
        words.extend(Some(format!("Talos {}", c.talos)).filter(|_| !c.talos.is_empty()));
        words.extend(
            Some(format!("Kubernetes {}", c.kubernetes)).filter(|_| !c.kubernetes.is_empty()),
        );
        words.join(", ")
    }));
    let when = match &view.observed_at {
        Some(when) => format!("Observed {}", readable(when)),
        None => "From the inventory file; nothing was asked".to_owned(),
    };
    format!("{}. {when}.", parts.join(" · "))
}

/// `2026-11-22 20:45:24 UTC` from RFC 3339.
fn readable(when: &str) -> String {
    let seconds = when.split('.').next().unwrap_or(when).trim_end_matches('Z');
    format!("{} UTC", seconds.replacen('T', " ", 1))
}

/// The one sentence to remember.
pub(crate) fn verdict(view: &View) -> (Level, String) {
    let down: Vec<&str> = view
        .hosts
        .iter()
        .filter(|h| h.status == Status::Down)
        .map(|h| h.name.as_str())
        .collect();
    let mut sentences = Vec::new();
    let mut gone = false;
    let mut level = view
        .findings
        .iter()
        .map(|f| f.level)
        .max()
        .unwrap_or(Level::Ok);
    if !down.is_empty() {
        level = Level::Critical;
        sentences.push(format!(
            "{} {} down.",
            and(&down),
            if down.len() == 1 { "is" } else { "are" }
        ));
    }
    for cluster in &view.clusters {
        let fatal: Vec<&str> = lost_with(view, cluster);
        let name = &cluster.name;
        let (all, quorum) = (cluster.members, cluster.quorum());
        if view.losses.iter().any(|l| l.stopped_before(name)) {
            level = Level::Critical;
            gone = true;
            let left = view
                .losses
                .iter()
                .filter_map(|l| l.cluster(name))
                .map(|c| c.members_left)
                .max()
                .unwrap_or(0);
            sentences.push(format!("etcd of {name} has {left} of {all} members and needs {quorum}: the Kubernetes API is gone."));
            let back = view
                .hosts
                .iter()
                .filter(|h| h.status == Status::Down)
                .flat_map(|h| &h.guests);
            let back = back.filter(|g| g.etcd != super::view::Etcd::None).count();
            if left as usize + back >= quorum {
                let verb = if down.len() == 1 { "is" } else { "are" };
                sentences.push(format!(
                    "It recovers by itself once {} {verb} back; restoring a snapshot before that would lose writes.",
                    and(&down)
                ));
            }
        } else if !fatal.is_empty() {
            level = Level::Critical;
            let lost = |l: &&HostLoss| fatal.contains(&l.host.as_str());
            let left = view
                .losses
                .iter()
                .filter(lost)
                .filter_map(|l| l.cluster(name))
                .map(|c| c.members_left)
                .min();
            sentences.push(format!(
                "Losing {} stops {name}: etcd would keep {} of {all} members and needs {quorum}.",
                or(&fatal),
                left.unwrap_or(0)
            ));
        } else if view.losses.iter().any(|l| l.cluster(name).is_some()) {
            sentences.push(format!("{name} survives the loss of any one host."));
        }
    }
    if let Some(fix) = view
        .findings
        .iter()
        .filter(|f| f.level == Level::Critical)
        .find_map(|f| f.finding.fix.as_ref())
    {
        let when = if gone {
            "To survive it next time"
        } else {
            "Smallest fix"
        };
        sentences.push(format!("{when}: {}.", fix.summary.trim_end_matches('.')));
    }
    if !view.failures.is_empty() {
        level = level.max(Level::Warning);
        sentences.push(format!(
            "{} stayed open.",
            plural(view.failures.len(), "question")
        ));
    }
    if sentences.is_empty() {
        sentences.push("Nothing to report.".to_owned());
    }
    (level, sentences.join(" "))
}

/// A cluster in a line: versions, nodes, etcd. Its VIP is among the addresses.
pub(crate) fn cluster(cluster: &ClusterView) -> String {
    let mut words = Vec::new();
    if !cluster.talos.is_empty() {
        words.push(format!("Talos {}", cluster.talos));
    }
    if !cluster.kubernetes.is_empty() {
        words.push(format!("Kubernetes {}", cluster.kubernetes));
    }
    words.push(format!(
        "{}, {}",
        plural(cluster.control_planes, "control plane"),
        plural(cluster.workers, "worker")
    ));
    let etcd = match cluster.answered {
        _ if cluster.members == 0 => "etcd members not known".to_owned(),
        Some(_) => format!(
            "etcd {} of {} healthy, needs {}",
            cluster.members_answering,
            cluster.members,
            cluster.quorum()
        ),
        None => format!(
            "etcd {}, needs {}",
            plural(cluster.members, "member"),
            cluster.quorum()
        ),
    };
    words.push(etcd);
    words.extend(cluster.leader.as_ref().map(|l| format!("led by {l}")));
    words.join(" · ")
}

/// `4 critical, 5 warnings, 2 notes`.
pub(crate) fn counts(view: &View) -> String {
    let of = |level: Level| view.findings.iter().filter(|f| f.level == level).count();
    let mut parts = Vec::new();
    match of(Level::Critical) {
        0 => {}
        n => parts.push(format!("{n} critical")),
    }
    match of(Level::Warning) {
        0 => {}
        n => parts.push(plural(n, "warning")),
    }
    match of(Level::Info) {
        0 => {}
        n => parts.push(plural(n, "note")),
    }
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join(", ")
    }
}

/// `1 host`, `2 hosts`.
pub(crate) fn plural(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

fn and(words: &[&str]) -> String {
    join(words, "and")
}

fn or(words: &[&str]) -> String {
    join(words, "or")
}

fn join(words: &[&str], last: &str) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [head @ .., tail] => format!("{} {last} {tail}", head.join(", ")),
    }
}

/// Hosts whose loss takes a cluster's quorum that is there now.
fn lost_with<'a>(view: &'a View, cluster: &ClusterView) -> Vec<&'a str> {
    let fatal = |l: &&HostLoss| {
        !l.stopped_before(&cluster.name) && l.cluster(&cluster.name).is_some_and(|c| !c.has_quorum)
    };
    view.losses
        .iter()
        .filter(fatal)
        .map(|l| l.host.as_str())
        .collect()
}

fn guests(view: &View) -> usize {
    view.hosts.iter().map(|h| h.guests.len()).sum::<usize>() + view.unplaced.len()
}

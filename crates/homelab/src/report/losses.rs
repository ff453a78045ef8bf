//! A host's loss in short lines, for the picture and the text.

use homelab_model::Topology;
use homelab_model::what_if::{ClusterLoss, Loss, PoolLoss, lose_hosts, restart};

use super::view::{Level, gib};

/// What happens when one host goes, from what is true now.
#[derive(Clone, Debug)]
pub(crate) struct HostLoss {
    pub(crate) host: String,
    /// Whether it is offline already.
    pub(crate) already_lost: bool,
    pub(crate) loss: Loss,
    /// Hosts without any one of which the lost guests would find no room.
    pub(crate) depends_on: Vec<String>,
    /// Clusters that have no quorum even before.
    stopped: Vec<String>,
    /// Pools with data on the host.
    pools: Vec<String>,
}

/// For every host, in the topology's order.
pub(crate) fn all(topology: &Topology) -> Vec<HostLoss> {
    let now = lose_hosts(topology, &[]);
    let stopped: Vec<String> = now
        .clusters
        .iter()
        .filter(|c| c.members > 0 && !c.has_quorum)
        .map(|c| c.cluster.clone())
        .collect();
    topology
        .hosts
        .iter()
        .map(|host| {
            let loss = lose_hosts(topology, &[&host.name]);
            let lost: Vec<&str> = loss.hosts.iter().map(String::as_str).collect();
            let others = topology
                .hosts
                .iter()
                .map(|h| h.name.as_str())
                .filter(|h| !lost.contains(h));
            let needed =
                |other: &&str| loss.restart.fits && !restart(topology, &lost, &[other]).fits;
            HostLoss {
                host: host.name.clone(),
                already_lost: host.online == Some(false),
                depends_on: others.filter(needed).map(str::to_owned).collect(),
                stopped: stopped.clone(),
                pools: topology
                    .pools
                    .iter()
                    .filter(|p| p.hosts.contains(&host.name))
                    .map(|p| p.name.clone())
                    .collect(),
                loss,
            }
        })
        .collect()
}

impl HostLoss {
    /// What this loss leaves of a cluster.
    pub(crate) fn cluster(&self, name: &str) -> Option<&ClusterLoss> {
        self.loss
            .clusters
            .iter()
            .find(|c| c.cluster == name && c.members > 0)
    }

    /// Whether a cluster has no quorum even before this loss.
    pub(crate) fn stopped_before(&self, cluster: &str) -> bool {
        self.stopped.iter().any(|s| s == cluster)
    }

    /// The loss in lines.
    pub(crate) fn lines(&self) -> Vec<(Level, String)> {
        let several = self.loss.clusters.len() > 1;
        let mut lines: Vec<_> = self
            .loss
            .clusters
            .iter()
            .flat_map(|c| self.cluster_lines(c, several))
            .collect();
        lines.extend(self.restart_line());
        lines.extend(
            self.loss
                .pools
                .iter()
                .filter(|p| self.pools.contains(&p.pool))
                .filter_map(pool),
        );
        let pve = &self.loss.pve;
        lines.push(if pve.has_quorum {
            (
                Level::Ok,
                format!(
                    "Proxmox keeps {} votes, needs {}",
                    pve.votes_left, pve.quorum
                ),
            )
        } else {
            (
                Level::Critical,
                format!(
                    "Proxmox keeps {} votes, needs {}: read-only",
                    pve.votes_left, pve.quorum
                ),
            )
        });
        lines
    }

    fn cluster_lines(&self, loss: &ClusterLoss, several: bool) -> Vec<(Level, String)> {
        let of = if several {
            format!(" of {}", loss.cluster)
        } else {
            String::new()
        };
        let mut lines = Vec::new();
        if loss.members > 0 {
            let kept = format!("etcd{of} keeps {} of {}", loss.members_left, loss.members);
            let spare = loss.members_left.saturating_sub(loss.quorum);
            lines.push(match () {
                () if self.stopped_before(&loss.cluster) && !self.already_lost => (
                    Level::Critical,
                    format!("{kept} and has no quorum even now"),
                ),
                () if !loss.has_quorum => (
                    Level::Critical,
                    format!("{kept}, needs {}: API and VIP stop", loss.quorum),
                ),
                () if loss.members_left == loss.members => (Level::Ok, kept),
                () if spare == 0 => (
                    Level::Warning,
                    format!("{kept}, needs {}: no more may go", loss.quorum),
                ),
                () => (Level::Ok, format!("{kept}, needs {}", loss.quorum)),
            });
        }
        lines.extend(match (loss.workers, loss.workers_left) {
            (1, 0) => Some((Level::Warning, format!("the only worker{of} goes"))),
            (all, 0) if all > 0 => Some((Level::Warning, format!("all {all} workers{of} go"))),
            (all, left) if left < all => {
                Some((Level::Ok, format!("{left} of {all} workers{of} left")))
            }
            _ => None,
        });
        lines
    }

    fn restart_line(&self) -> Option<(Level, String)> {
        let restart = &self.loss.restart;
        if restart.needed_bytes == 0 && restart.tied.is_empty() {
            return None;
        }
        let total = gib(restart.needed_bytes);
        Some(if !restart.fits {
            let who = match restart.left_out.as_slice() {
                [one] => one.clone(),
                several => format!("{} guests", several.len()),
            };
            (
                Level::Critical,
                format!("of {total} GiB, {who} cannot restart: no room"),
            )
        } else if !restart.tied.is_empty() {
            (
                Level::Warning,
                format!(
                    "{} cannot restart: tied to the host",
                    restart.tied.join(", ")
                ),
            )
        } else if self.depends_on.is_empty() {
            (Level::Ok, format!("{total} GiB of guests fit elsewhere"))
        } else {
            (
                Level::Warning,
                format!(
                    "{total} GiB of guests fit only with {}",
                    self.depends_on.join(" and ")
                ),
            )
        })
    }
}

fn pool(loss: &PoolLoss) -> Option<(Level, String)> {
    if !loss.degraded {
        return None;
    }
    Some(if !loss.io_continues {
        (Level::Critical, format!("{}: I/O stops", loss.pool))
    } else if loss.can_heal {
        (
            Level::Ok,
            format!("{} heals on {} hosts", loss.pool, loss.hosts_left),
        )
    } else {
        (
            Level::Warning,
            format!(
                "{} degraded, cannot heal on {} hosts",
                loss.pool, loss.hosts_left
            ),
        )
    })
}

//! Etcd quorum against the hosts that its members are on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::topology::Topology;

/// How many members of `voters` make a quorum: more than half.
pub const fn quorum_of(voters: usize) -> usize {
    voters / 2 + 1
}

/// What one cluster's etcd survives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EtcdTolerance {
    /// The cluster.
    pub cluster: String,
    /// Voting members.
    pub voters: u32,
    /// How many of them must be up.
    pub quorum: u32,
    /// How many members may be lost, whichever they are.
    pub node_tolerance: u32,
    /// How many hosts may be lost, whichever they are.
    pub host_tolerance: u32,
    /// Members on each host that has any.
    pub members_on: BTreeMap<String, u32>,
    /// Hosts that take the quorum with them when lost alone.
    pub fatal_hosts: Vec<String>,
}

/// Voters of one cluster counted by host; `None` while the host of one is not known.
#[derive(Clone, Debug)]
pub(crate) struct ClusterVoters {
    pub(crate) by_host: BTreeMap<String, usize>,
    pub(crate) voters: usize,
}

impl ClusterVoters {
    pub(crate) fn of(topology: &Topology, cluster: &str) -> Option<ClusterVoters> {
        let mut by_host = BTreeMap::new();
        let mut voters = 0;
        for member in topology.voters_of(cluster) {
            *by_host.entry(member.host.clone()?).or_insert(0) += 1;
            voters += 1;
        }
        (voters > 0).then_some(ClusterVoters { by_host, voters })
    }

    pub(crate) fn counts(&self) -> Vec<usize> {
        self.by_host.values().copied().collect()
    }
}

/// How many hosts may be lost, whichever they are, given the voters on each.
pub(crate) fn tolerance_of(counts: &[usize], voters: usize) -> usize {
    let quorum = quorum_of(voters);
    let mut sorted = counts.to_vec();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    let mut left = voters;
    let mut lost = 0;
    for count in sorted {
        left = left.saturating_sub(count);
        if left < quorum {
            break;
        }
        lost += 1;
    }
    lost
}

/// What the etcd of a cluster survives. `None` when it has no members or the
/// host of one is not known.
pub fn etcd_tolerance(topology: &Topology, cluster: &str) -> Option<EtcdTolerance> {
    let voters = ClusterVoters::of(topology, cluster)?;
    let quorum = quorum_of(voters.voters);
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let fatal = voters
        .by_host
        .iter()
        .filter(|(_, count)| voters.voters - **count < quorum);
    Some(EtcdTolerance {
        cluster: cluster.to_owned(),
        voters: small(voters.voters),
        quorum: small(quorum),
        node_tolerance: small(voters.voters - quorum),
        host_tolerance: small(tolerance_of(&voters.counts(), voters.voters)),
        fatal_hosts: fatal.map(|(host, _)| host.clone()).collect(),
        members_on: voters
            .by_host
            .iter()
            .map(|(host, n)| (host.clone(), small(*n)))
            .collect(),
    })
}

/// The probability that quorum is lost when each host is down with
/// probability `outage`, independent of the others. Exact: it sums over the
/// number of members that are up, host by host.
///
/// ```
/// use homelab_model::what_if::unavailability;
/// let two_hosts = unavailability(&[2, 1], 0.01);
/// let three_hosts = unavailability(&[1, 1, 1], 0.01);
/// assert!((two_hosts - 0.01).abs() < 1e-12);
/// assert!((two_hosts / three_hosts - 33.557).abs() < 0.001);
/// ```
pub fn unavailability(members_on_hosts: &[usize], outage: f64) -> f64 {
    let voters: usize = members_on_hosts.iter().sum();
    // up[n]: probability that n members are up, over the hosts seen so far.
    let mut up = vec![0.0; voters + 1];
    if let Some(none) = up.first_mut() {
        *none = 1.0;
    }
    for count in members_on_hosts {
        let mut next: Vec<f64> = up.iter().map(|p| p * outage).collect();
        for (slot, p) in next.iter_mut().skip(*count).zip(&up) {
            *slot += p * (1.0 - outage);
        }
        up = next;
    }
    up.iter().take(quorum_of(voters)).sum()
}

/// Of all ways to put `members` on `hosts`, how many survive the loss of any
/// one host, and how many there are.
pub(crate) fn placements_that_survive(members: usize, hosts: usize) -> (u128, u128) {
    let most = members - quorum_of(members).min(members);
    // ways[n]: ways to have placed n of the members with at most `most` on each host so far.
    let mut ways = vec![0u128; members + 1];
    if let Some(none) = ways.first_mut() {
        *none = 1;
    }
    for _ in 0..hosts {
        let mut next = vec![0u128; members + 1];
        for (placed, count) in ways.iter().enumerate() {
            for more in 0..=most.min(members - placed) {
                if let Some(slot) = next.get_mut(placed + more) {
                    *slot =
                        slot.saturating_add(count.saturating_mul(choose(members - placed, more)));
                }
            }
        }
        ways = next;
    }
    let all = (hosts as u128).saturating_pow(u32::try_from(members).unwrap_or(u32::MAX));
    (ways.last().copied().unwrap_or(0), all)
}

fn choose(n: usize, k: usize) -> u128 {
    (0..k as u128).fold(1, |product: u128, i| {
        product.saturating_mul(n as u128 - i) / (i + 1)
    })
}

//! Guests on hosts as bare numbers, for searching many placements quickly.

use super::memory::claimed;
use super::quorum::tolerance_of;
use crate::topology::Topology;

/// Where every guest is and what every host can hold.
#[derive(Clone, Debug)]
pub(crate) struct Placement {
    pub(crate) hosts: Vec<PlacedHost>,
    pub(crate) guests: Vec<PlacedGuest>,
    /// For each cluster the guests (by number) that vote in its etcd.
    voters: Vec<Vec<usize>>,
}

#[derive(Clone, Debug)]
pub(crate) struct PlacedHost {
    pub(crate) name: String,
    /// `None` when its memory is not known: then nothing is moved there.
    pub(crate) capacity: Option<u64>,
    pub(crate) committed: u64,
    /// Whether guests may be moved to it.
    pub(crate) usable: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct PlacedGuest {
    pub(crate) name: String,
    pub(crate) host: usize,
    pub(crate) memory: u64,
    /// Nothing ties it to its host.
    pub(crate) movable: bool,
    /// The cluster (by number) in whose etcd it votes.
    pub(crate) votes_in: Option<usize>,
    pub(crate) leader: bool,
}

/// One guest (by number) to one host (by number).
pub(crate) type Step = (usize, usize);

impl Placement {
    /// Guests without a known host are left out.
    pub(crate) fn of(topology: &Topology) -> Placement {
        let mut placement = Placement {
            hosts: Vec::new(),
            guests: Vec::new(),
            voters: vec![Vec::new(); topology.clusters.len()],
        };
        for host in &topology.hosts {
            placement.hosts.push(PlacedHost {
                name: host.name.clone(),
                capacity: host.memory_bytes,
                committed: host.overhead_bytes,
                usable: host.online != Some(false),
            });
        }
        for guest in &topology.guests {
            let on = guest.host.as_deref();
            let Some(host) = placement
                .hosts
                .iter()
                .position(|h| Some(h.name.as_str()) == on)
            else {
                continue;
            };
            let member = topology.members.iter().find(|member| {
                !member.learner && member.node.is_some() && member.node == guest.node
            });
            let cluster = |name: &str| topology.clusters.iter().position(|c| c.name == name);
            let memory = claimed(guest);
            if let Some(host) = placement.hosts.get_mut(host) {
                host.committed = host.committed.saturating_add(memory);
            }
            let votes_in = member.and_then(|member| cluster(&member.cluster));
            if let Some(voters) = votes_in.and_then(|cluster| placement.voters.get_mut(cluster)) {
                voters.push(placement.guests.len());
            }
            placement.guests.push(PlacedGuest {
                name: guest.name.clone(),
                host,
                memory,
                movable: guest.passthrough.is_empty() && guest.memory_bytes.is_some(),
                votes_in,
                leader: member.is_some_and(|member| member.leader),
            });
        }
        placement
    }

    /// How many hosts each cluster's etcd can lose.
    pub(crate) fn tolerances(&self) -> Vec<usize> {
        (0..self.voters.len())
            .map(|cluster| self.tolerance(cluster))
            .collect()
    }

    pub(crate) fn tolerance(&self, cluster: usize) -> usize {
        let voters = self.voters.get(cluster).map_or(&[][..], Vec::as_slice);
        let on = |guest: &usize| self.guests.get(*guest).map(|guest| guest.host);
        let mut hosts: Vec<usize> = voters.iter().filter_map(on).collect();
        hosts.sort_unstable();
        let counts: Vec<usize> = hosts.chunk_by(|a, b| a == b).map(<[_]>::len).collect();
        if voters.is_empty() {
            0
        } else {
            tolerance_of(&counts, voters.len())
        }
    }

    /// Moves one guest. Answers where it was.
    pub(crate) fn apply(&mut self, (guest, to): Step) -> Option<usize> {
        let guest = self.guests.get_mut(guest)?;
        let from = std::mem::replace(&mut guest.host, to);
        if let Some(host) = self.hosts.get_mut(from) {
            host.committed = host.committed.saturating_sub(guest.memory);
        }
        if let Some(host) = self.hosts.get_mut(to) {
            host.committed = host.committed.saturating_add(guest.memory);
        }
        Some(from)
    }

    /// Whether a host holds no more than it has.
    pub(crate) fn fits(&self, host: usize) -> bool {
        self.hosts.get(host).is_some_and(|host| {
            host.capacity
                .is_some_and(|capacity| host.committed <= capacity)
        })
    }

    /// Committed memory in millionths of what a host has.
    pub(crate) fn load(&self, host: usize) -> u64 {
        let Some(PlacedHost {
            capacity: Some(capacity),
            committed,
            ..
        }) = self.hosts.get(host)
        else {
            return 0;
        };
        if *capacity == 0 {
            return u64::MAX;
        }
        let millionths = u128::from(*committed) * 1_000_000 / u128::from(*capacity);
        u64::try_from(millionths).unwrap_or(u64::MAX)
    }
}

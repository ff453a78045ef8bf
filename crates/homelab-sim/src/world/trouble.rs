//! What faults do to machines when they are set and cleared. Most faults only
//! stand in the table and are asked for where they strike.

use homelab_core::{Error, ErrorKind, Result, nearest};

use super::{Down, State};
use crate::faults::{CLIENT, Fault, PROXMOX, Place, parties};

/// The lock that a guest has when some other operation holds it.
const LOCK: &str = "backup";

impl State {
    /// Makes something go wrong at `target` until it is cleared: a host, a
    /// Talos node, two of them (or one and `client`) with a slash between, a
    /// VMID, a storage, a Talos cluster, or `proxmox`.
    ///
    /// # Errors
    /// `NotFound` when there is no such thing, `InvalidArgument` when the
    /// fault cannot strike there.
    pub fn fault_set(&mut self, target: &str, fault: Fault) -> Result<()> {
        let places = self.places(target)?;
        if !places.iter().any(|place| fault.places().contains(place)) {
            let words = |places: &[Place]| {
                let words: Vec<_> = places.iter().map(|place| place.as_str()).collect();
                words.join(", ")
            };
            let message = format!(
                "{fault} strikes at: {}; {target} is: {}",
                words(fault.places()),
                words(&places)
            );
            return Err(Error::new(ErrorKind::InvalidArgument, message).target(target));
        }
        self.faults.add(target, fault);
        match fault {
            Fault::PowerLoss | Fault::Freeze if self.host(target).is_some() => {
                let how = match fault {
                    Fault::Freeze => Down::Frozen,
                    _ => Down::Refuse,
                };
                if self.host_online(target) {
                    self.host_down(target, how)?;
                }
            }
            Fault::PowerLoss => {
                if let Some(vmid) = self.running_guest_of(target) {
                    self.guest_stop(vmid)?;
                } else if self.bare_metal(target) {
                    self.lose_power(target);
                }
            }
            Fault::Freeze => {
                if let Some(vmid) = self.running_guest_of(target) {
                    self.guest_pause(vmid, true)?;
                }
            }
            Fault::Locked => {
                let guest = target.parse().ok().and_then(|vmid| self.guest_mut(vmid));
                if let Some(guest) = guest {
                    guest.lock.get_or_insert_with(|| LOCK.into());
                }
            }
            _ => {}
        }
        self.settle();
        Ok(())
    }

    /// Clears the faults at `target` of the same kind, or all of its faults;
    /// everywhere without a target. How many there were.
    pub fn fault_clear(&mut self, target: Option<&str>, kind: Option<Fault>) -> usize {
        let gone = self.faults.take(target, kind);
        for active in &gone {
            let target = active.target.as_str();
            let node = self.node(target).and_then(|node| node.vmid);
            // What somebody else has switched meanwhile stays as it is.
            let _ = match (active.fault, self.host(target).map(|h| h.down), node) {
                (Fault::PowerLoss, Some(Some(Down::Refuse)), _)
                | (Fault::Freeze, Some(Some(Down::Frozen)), _) => self.host_up(target),
                (Fault::PowerLoss, None, Some(vmid)) => self.guest_start(vmid),
                (Fault::PowerLoss, None, None) => self.machine_on(target),
                (Fault::Freeze, None, Some(vmid)) => self.guest_pause(vmid, false),
                _ => Ok(()),
            };
            if active.fault == Fault::Locked
                && let Some(guest) = target.parse().ok().and_then(|vmid| self.guest_mut(vmid))
                && guest.lock.as_deref() == Some(LOCK)
            {
                guest.lock = None;
            }
        }
        self.settle();
        gone.len()
    }

    /// Whether there is no room on a host, for what lies on `storage`.
    pub fn disk_full(&self, host: &str, storage: Option<&str>) -> bool {
        self.faults.has(host, Fault::DiskFull)
            || storage.is_some_and(|id| self.faults.has(id, Fault::DiskFull))
    }

    /// Whether a node is a machine of its own.
    fn bare_metal(&self, node: &str) -> bool {
        self.node(node).is_some_and(|node| node.vmid.is_none())
    }

    fn running_guest_of(&self, node: &str) -> Option<u32> {
        let guest = self.guest(self.node(node)?.vmid?)?;
        guest.running().then_some(guest.vmid)
    }

    /// What `target` names; one name may be that of a cluster and of a storage.
    fn places(&self, target: &str) -> Result<Vec<Place>> {
        if let Some((a, b)) = parties(target) {
            for party in [a, b] {
                let known =
                    party == CLIENT || self.host(party).is_some() || self.node(party).is_some();
                if !known {
                    return Err(self.unknown_place(party));
                }
            }
            return Ok(vec![Place::Link]);
        }
        let known = [
            (self.host(target).is_some(), Place::Host),
            (self.node(target).is_some(), Place::Node),
            (
                target.parse().is_ok_and(|vmid| self.guest(vmid).is_some()),
                Place::Guest,
            ),
            (self.storages.iter().any(|s| s.id == target), Place::Storage),
            (self.cluster(target).is_some(), Place::Cluster),
            (target == PROXMOX, Place::Proxmox),
        ];
        let places: Vec<_> = known
            .into_iter()
            .filter_map(|(known, place)| known.then_some(place))
            .collect();
        if places.is_empty() {
            return Err(self.unknown_place(target));
        }
        Ok(places)
    }

    fn unknown_place(&self, name: &str) -> Error {
        let hosts = self.hosts.iter().map(|h| h.name.as_str());
        let nodes = self.nodes.iter().map(|n| n.name.as_str());
        let clusters = self.clusters.iter().map(|c| c.name.as_str());
        let hint = nearest(name, hosts.chain(nodes).chain(clusters))
            .map_or(String::new(), |n| format!("; did you mean {n}?"));
        Error::new(
            ErrorKind::NotFound,
            format!("the lab has no such place{hint}"),
        )
        .target(name)
    }
}

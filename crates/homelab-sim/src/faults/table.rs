//! Which faults are in force where.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Fault;
use crate::world::derive;

/// The party at the other end of every connection from outside.
pub(crate) const CLIENT: &str = "client";

/// The name of the PVE cluster as a place for faults.
pub(crate) const PROXMOX: &str = "proxmox";

/// A fault that is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct ActiveFault {
    /// Where: a name, or two with a slash between for a link.
    pub target: String,
    /// What, such as `latency:250`.
    pub fault: Fault,
}

/// Which faults are in force where. Part of the world's state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FaultTable {
    active: Vec<(ActiveFault, u64)>,
    /// How often a fault was set so far.
    serial: u64,
    /// Upgrades that began since `upgrade-fails` was set, by cluster.
    upgrades: BTreeMap<String, u32>,
    /// How often chance was asked so far.
    draws: u64,
}

impl FaultTable {
    /// Adds a fault; a second of the same kind at the same place replaces the
    /// first.
    pub(crate) fn add(&mut self, target: &str, fault: Fault) {
        let target = canonical(target);
        self.active
            .retain(|(a, _)| a.target != target || !a.fault.same_kind(fault));
        self.serial += 1;
        if matches!(fault, Fault::UpgradeFails(_)) {
            self.upgrades.remove(&target);
        }
        self.active
            .push((ActiveFault { target, fault }, self.serial));
    }

    /// Takes away the faults at `target` of the same kind, or all of its
    /// faults; everywhere without a target.
    pub(crate) fn take(&mut self, target: Option<&str>, kind: Option<Fault>) -> Vec<ActiveFault> {
        let target = target.map(canonical);
        let (gone, stay) = std::mem::take(&mut self.active)
            .into_iter()
            .partition(|(a, _)| {
                target.as_ref().is_none_or(|t| a.target == *t)
                    && kind.is_none_or(|k| a.fault.same_kind(k))
            });
        self.active = stay;
        let gone: Vec<(ActiveFault, u64)> = gone;
        gone.into_iter().map(|(active, _)| active).collect()
    }

    /// All that are in force, oldest first.
    pub fn active(&self) -> impl Iterator<Item = &ActiveFault> {
        self.active.iter().map(|(active, _)| active)
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// Whether this very fault is in force at `target`.
    pub fn has(&self, target: &str, fault: Fault) -> bool {
        self.at(target).any(|active| active == fault)
    }

    /// The faults at `target`.
    pub(crate) fn at<'a>(&'a self, target: &'a str) -> impl Iterator<Item = Fault> + 'a {
        let here = self.active().filter(move |a| a.target == target);
        here.map(|a| a.fault)
    }

    /// How many faults had been set when connections at `target` went half-open.
    pub(crate) fn half_open_since(&self, target: &str) -> Option<u64> {
        let half_open =
            |(a, _): &&(ActiveFault, u64)| a.target == target && a.fault == Fault::HalfOpen;
        self.active
            .iter()
            .find(half_open)
            .map(|(_, serial)| *serial)
    }

    /// How often a fault was set so far.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    /// How wrong the clock of `target` is, in seconds.
    pub fn clock_skew_seconds(&self, target: &str) -> i64 {
        self.at(target)
            .find_map(|fault| match fault {
                Fault::ClockSkew(seconds) => Some(seconds),
                _ => None,
            })
            .unwrap_or(0)
    }

    /// Counts a Talos upgrade in `cluster` that begins; whether it is the one
    /// that is to fail.
    pub fn upgrade_begins(&mut self, cluster: &str) -> bool {
        let wanted = self.at(cluster).find_map(|fault| match fault {
            Fault::UpgradeFails(k) => Some(k),
            _ => None,
        });
        let Some(wanted) = wanted else { return false };
        let begun = self.upgrades.entry(cluster.to_owned()).or_default();
        *begun += 1;
        *begun == wanted
    }

    /// How much later something arrives when `percent` of all packets are
    /// lost: each that is lost is sent again after twice as long as the one
    /// before.
    pub(crate) fn resend_delay(&mut self, seed: u64, percent: u8) -> Duration {
        let mut delay = Duration::ZERO;
        let mut wait = Duration::from_millis(200);
        // After five times TCP has waited for more than six seconds, and
        // clients have given up.
        for _ in 0..5 {
            self.draws += 1;
            let draw = derive::number(seed, &format!("loss/{}", self.draws)) % 100;
            if draw >= u64::from(percent) {
                break;
            }
            delay += wait;
            wait *= 2;
        }
        delay
    }
}

/// The two parties of a link, if `target` is one.
pub(crate) fn parties(target: &str) -> Option<(&str, &str)> {
    target.split_once('/')
}

/// A link is the same from both ends.
fn canonical(target: &str) -> String {
    match parties(target) {
        Some((a, b)) if a > b => format!("{b}/{a}"),
        _ => target.to_owned(),
    }
}

/// The target of the link between two parties.
pub(crate) fn link(a: &str, b: &str) -> String {
    canonical(&format!("{a}/{b}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_kind_counts() {
        let mut faults = FaultTable::default();
        faults.add("pve1", Fault::Latency(10));
        faults.add("pve1", Fault::Latency(20));
        assert!(faults.has("pve1", Fault::Latency(20)));
        assert!(!faults.has("pve1", Fault::Latency(10)));
        assert!(!faults.has("pve2", Fault::Latency(20)));
        assert_eq!(faults.take(None, None).len(), 1);
        assert!(faults.is_empty());
    }

    #[test]
    fn a_link_has_no_direction() {
        let mut faults = FaultTable::default();
        faults.add("pve2/pve1", Fault::Cut);
        assert!(faults.has(&link("pve1", "pve2"), Fault::Cut));
        assert!(faults.has(&link("pve2", "pve1"), Fault::Cut));
        assert_eq!(faults.take(Some("pve1/pve2"), Some(Fault::Cut)).len(), 1);
    }

    #[test]
    fn only_one_kind_at_one_place_is_taken() {
        let mut faults = FaultTable::default();
        faults.add("a", Fault::Latency(5));
        faults.add("a", Fault::Stall);
        faults.add("b", Fault::Stall);
        faults.take(Some("a"), Some(Fault::Latency(0)));
        let left: Vec<_> = faults.active().map(|a| a.target.as_str()).collect();
        assert_eq!(left, ["a", "b"]);
    }

    #[test]
    fn the_kth_upgrade_fails_and_no_other() {
        let mut faults = FaultTable::default();
        assert!(!faults.upgrade_begins("home"));
        faults.add("home", Fault::UpgradeFails(2));
        let fails: Vec<_> = (0..4).map(|_| faults.upgrade_begins("home")).collect();
        assert_eq!(fails, [false, true, false, false]);
    }

    #[test]
    fn loss_is_drawn_from_the_seed() {
        let draw = |seed| {
            let mut faults = FaultTable::default();
            (0..20)
                .map(|_| faults.resend_delay(seed, 50))
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let mut faults = FaultTable::default();
        assert_eq!(faults.resend_delay(1, 0), Duration::ZERO);
        assert_eq!(faults.resend_delay(1, 100), Duration::from_millis(6200));
    }
}

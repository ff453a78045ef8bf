//! What one look at the lab gave.

use homelab_core::error::Failure;
use homelab_model::what_if::{Loss, lose_hosts};
use homelab_model::{Finding, Inventory, Observation, Topology, findings};
use serde::{Deserialize, Serialize};

use crate::report::Subject;

/// One look at a lab: what was seen, how it joins with what is written down,
/// and what the rules find in it.
///
/// It may be partial: what did not answer is in [`failures`](Seen::failures),
/// and everything else holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Seen {
    /// What Proxmox VE and Talos showed.
    pub observation: Observation,
    /// Both worlds and the inventory in one picture.
    pub topology: Topology,
    /// What the rules found, in the rules' order.
    pub findings: Vec<Finding>,
}

impl Seen {
    /// Joins an observation with an inventory and applies the rules.
    pub fn new(inventory: &Inventory, observation: Observation) -> Self {
        let topology = Topology::join(inventory, &observation);
        let findings = findings(&topology);
        Seen {
            observation,
            topology,
            findings,
        }
    }

    /// What Proxmox VE and Talos showed.
    pub fn observation(&self) -> &Observation {
        &self.observation
    }

    /// Both worlds and the inventory in one picture.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// What the rules found.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What did not answer, by target. Empty when everything did.
    pub fn failures(&self) -> &[Failure] {
        &self.observation.failures
    }

    /// What breaks when these hosts are lost, from what was seen. Hosts that are
    /// offline already are lost too.
    pub fn what_if_lost(&self, hosts: &[&str]) -> Loss {
        lose_hosts(&self.topology, hosts)
    }
}

impl<'a> From<&'a Seen> for Subject<'a> {
    fn from(seen: &'a Seen) -> Self {
        Subject {
            topology: &seen.topology,
            findings: &seen.findings,
        }
    }
}

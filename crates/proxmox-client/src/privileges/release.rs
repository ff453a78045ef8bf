//! Privileges that have other names in older releases.

use std::collections::BTreeMap;

use homelab_core::Result;
use proxmox_endpoints::Call;

use super::Need;
use crate::{ProxmoxClient, Release};

/// The first release with the privileges `VM.GuestAgent.*`; before, all that
/// concerned the agent and QEMU's monitor needed `VM.Monitor`.
const GUEST_AGENT: Release = Release::new(9, 0);

fn was_monitor(call: &Call) -> bool {
    call.permission.contains("VM.GuestAgent.") || call.name == "RunQemuMonitorCommand"
}

fn monitor() -> Need {
    Need::Privileges {
        path: "/vms/{vmid}".to_owned(),
        names: vec!["VM.Monitor".to_owned()],
        any: false,
        only_with: None,
    }
}

impl ProxmoxClient {
    /// The condition that the description states, in the words of the release
    /// that the node runs.
    pub(super) async fn of_release(
        &self,
        call: &Call,
        given: &BTreeMap<String, String>,
    ) -> Result<Need> {
        let stated = Need::read(call.permission);
        if !was_monitor(call) {
            return Ok(stated);
        }
        let node = given.get("node").map(String::as_str);
        Ok(match self.is_older_than(node, GUEST_AGENT).await? {
            Some(true) => monitor(),
            _ => stated,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calls_that_changed_their_privilege() {
        let was = |name: &str| was_monitor(proxmox_endpoints::call(name).unwrap());
        assert!(was("AgentExec") && was("GetAgentExecStatus"));
        assert!(was("RunQemuMonitorCommand"));
        assert!(!was("StartQemu") && !was("UpdateQemuConfig"));
    }
}

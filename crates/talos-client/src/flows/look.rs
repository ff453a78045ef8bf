//! Is it the same boot, and how far is it?

use homelab_core::{ErrorKind, Result};
use jiff::Timestamp;

use crate::cosi::MachineStatus;
use crate::cosi::types::BootIDs;
use crate::node::NodeClient;

/// New at every boot.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Boot times of one boot differ by less: the kernel derives them from two clocks.
const SAME_BOOT_SECONDS: i64 = 2;

/// Which boot of a machine it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Boot {
    /// By the kernel's own id.
    Id(String),
    /// By the time of the boot, for those who may read no id. A clock that is
    /// set looks like a boot.
    Time(Timestamp),
}

impl Boot {
    /// The boot that `node` is in. Reading the id from its file needs `os:admin`;
    /// since Talos v1.14 there is a resource; the time may be read by everybody.
    pub(super) async fn of(node: &NodeClient) -> Result<Boot> {
        match node.read_file(BOOT_ID, 128).await {
            Ok(id) => return Ok(Boot::Id(String::from_utf8_lossy(&id).trim().to_owned())),
            Err(e) if e.kind() == ErrorKind::PermissionDenied => {}
            Err(e) => return Err(e),
        }
        match node.get::<BootIDs>("boot-id").await {
            Ok(resource) => return Ok(Boot::Id(resource.spec.0.boot_id)),
            Err(e) if matches!(e.kind(), ErrorKind::PermissionDenied | ErrorKind::NotFound) => {}
            Err(e) => return Err(e),
        }
        let time = node.system_stat().await?.boot_time;
        Ok(Boot::Time(time.parse().unwrap_or_default()))
    }

    /// Whether `later` is another boot. `left` is whether the node was seen to
    /// go: without an id nothing else tells a boot from a clock that was set.
    pub(super) fn differs(&self, later: &Boot, left: bool) -> bool {
        match (self, later) {
            (Boot::Id(before), Boot::Id(after)) => before != after,
            (Boot::Time(before), Boot::Time(after)) => {
                left && after.as_second() - before.as_second() > SAME_BOOT_SECONDS
            }
            _ => left,
        }
    }
}

/// How a node is now.
pub(super) struct Look {
    pub(super) boot: Boot,
    pub(super) status: MachineStatus,
}

impl Look {
    pub(super) async fn at(node: &NodeClient) -> Result<Look> {
        let boot = Boot::of(node).await?;
        let status = node.machine_status().await?;
        Ok(Look { boot, status })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_decides_and_a_time_needs_a_departure() {
        let id = |text: &str| Boot::Id(text.into());
        assert!(id("a").differs(&id("b"), false));
        assert!(!id("a").differs(&id("a"), true));
        let time = |seconds| Boot::Time(Timestamp::from_second(seconds).unwrap());
        assert!(time(100).differs(&time(200), true));
        assert!(!time(100).differs(&time(200), false));
        assert!(!time(100).differs(&time(101), true));
        assert!(!time(200).differs(&time(100), true));
    }
}

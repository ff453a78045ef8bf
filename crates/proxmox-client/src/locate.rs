//! Where a guest is now. HA and migrations move guests; their ids stay.

use homelab_core::{Error, ErrorKind, Result};
use proxmox_endpoints::{ListResources, ResourceFilter, ResourceKind};
use serde::{Deserialize, Serialize};

use crate::ProxmoxClient;

/// The two kinds of guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum GuestKind {
    /// A virtual machine.
    Qemu,
    /// A container.
    Lxc,
}

impl GuestKind {
    /// The word in paths: `qemu`, `lxc`.
    pub const fn as_str(self) -> &'static str {
        match self {
            GuestKind::Qemu => "qemu",
            GuestKind::Lxc => "lxc",
        }
    }
}

/// Where a guest is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct GuestPlace {
    /// Its id.
    pub vmid: u32,
    /// A virtual machine or a container.
    pub kind: GuestKind,
    /// The node it is on.
    pub node: String,
}

impl ProxmoxClient {
    /// Where a guest is now, by one look at the cluster's resources.
    ///
    /// # Errors
    /// `NotFound` when no guest has this id, or the caller may not see it;
    /// otherwise see [`send`](ProxmoxClient::send).
    pub async fn locate(&self, vmid: u32) -> Result<GuestPlace> {
        let mut request = ListResources::new();
        request.kind = Some(ResourceFilter::Vm);
        let rows = self.send(&request).await?;
        rows.into_iter()
            .filter(|row| row.vmid == Some(vmid))
            .find_map(|row| {
                let kind = match row.kind {
                    ResourceKind::Qemu => GuestKind::Qemu,
                    ResourceKind::Lxc => GuestKind::Lxc,
                    _ => return None,
                };
                let node = row.node?;
                Some(GuestPlace { vmid, kind, node })
            })
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::NotFound,
                    format!("no guest has the id {vmid}, or the credentials lack VM.Audit on it"),
                )
                .operation("GET /cluster/resources")
            })
    }
}

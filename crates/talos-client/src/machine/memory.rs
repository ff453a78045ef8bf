//! Memory of a node.

use homelab_core::Result;
use serde::{Deserialize, Serialize};
use talos_proto::machine::MemInfo;

use crate::node::NodeClient;

/// Memory of a node, in bytes (Talos reports KiB).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Memory {
    /// All memory that the kernel manages.
    pub total_bytes: u64,
    /// Used for nothing at all.
    pub free_bytes: u64,
    /// What new programs could have without swapping.
    pub available_bytes: u64,
    /// Buffers of block devices.
    pub buffers_bytes: u64,
    /// Page cache.
    pub cached_bytes: u64,
    /// All swap space.
    pub swap_total_bytes: u64,
    /// Unused swap space.
    pub swap_free_bytes: u64,
}

impl From<MemInfo> for Memory {
    fn from(info: MemInfo) -> Self {
        let bytes = |kib: u64| kib.saturating_mul(1024);
        Memory {
            total_bytes: bytes(info.memtotal),
            free_bytes: bytes(info.memfree),
            available_bytes: bytes(info.memavailable),
            buffers_bytes: bytes(info.buffers),
            cached_bytes: bytes(info.cached),
            swap_total_bytes: bytes(info.swaptotal),
            swap_free_bytes: bytes(info.swapfree),
        }
    }
}

impl NodeClient {
    /// Memory of the node, in bytes; Talos sends KiB. What programs can still get is
    /// `available_bytes`, not `free_bytes`.
    ///
    /// ```no_run
    /// # async fn example(node: talos_client::NodeClient) -> homelab_core::Result<()> {
    /// let memory = node.memory().await?;
    /// println!("{} of {} bytes are left", memory.available_bytes, memory.total_bytes);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of every call ([`NodeClient`]).
    pub async fn memory(&self) -> Result<Memory> {
        let m = self
            .ask("Memory", (), |raw, request| async move {
                raw.machine().memory(request).await
            })
            .await?;
        Ok(m.meminfo.unwrap_or_default().into())
    }
}

//! Block devices, wiped.

use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use talos_proto::storage::block_device_wipe_descriptor::Method;
use talos_proto::storage::{BlockDeviceWipeDescriptor, BlockDeviceWipeRequest};

use super::needed;
use crate::node::NodeClient;

const OPERATION: &str = "BlockDeviceWipe";

/// Zeroes take as long as the disk is large.
const WIPING: Duration = Duration::from_secs(24 * 3600);

/// How a device is wiped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WipeMethod {
    /// What says that something is there: partition tables, file systems.
    #[default]
    Fast,
    /// Every byte.
    Zeroes,
}

/// A block device to wipe. There is no default: the device must be named.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BlockDeviceWipe {
    /// Disk or partition: `sdb`, `nvme0n1p3`; with or without `/dev/`.
    pub device: String,
    /// How.
    pub method: WipeMethod,
    /// Do so though Talos keeps a volume on it.
    pub skip_volume_check: bool,
    /// Do so though another device is built on it (since Talos v1.11).
    pub skip_secondary_check: bool,
    /// Remove the partition afterwards (since Talos v1.10).
    pub drop_partition: bool,
}

impl BlockDeviceWipe {
    /// A fast wipe of a device that nobody uses.
    pub fn new(device: impl Into<String>) -> Self {
        BlockDeviceWipe {
            device: device.into(),
            method: WipeMethod::Fast,
            skip_volume_check: false,
            skip_secondary_check: false,
            drop_partition: false,
        }
    }

    /// Every byte.
    #[must_use]
    pub fn zeroes(mut self) -> Self {
        self.method = WipeMethod::Zeroes;
        self
    }

    /// Do so though Talos keeps a volume on it.
    #[must_use]
    pub fn skip_volume_check(mut self) -> Self {
        self.skip_volume_check = true;
        self
    }

    /// Do so though another device is built on it.
    #[must_use]
    pub fn skip_secondary_check(mut self) -> Self {
        self.skip_secondary_check = true;
        self
    }

    /// Remove the partition afterwards.
    #[must_use]
    pub fn drop_partition(mut self) -> Self {
        self.drop_partition = true;
        self
    }

    fn descriptor(&self) -> Result<BlockDeviceWipeDescriptor> {
        // Talos wants the bare name; people know it as a path.
        let name = self.device.strip_prefix("/dev/").unwrap_or(&self.device);
        needed("the device", name)?;
        if name.contains(['/', ' ']) {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("device {:?}: a name such as sdb is needed", self.device),
            ));
        }
        Ok(BlockDeviceWipeDescriptor {
            device: name.to_owned(),
            method: match self.method {
                WipeMethod::Fast => Method::Fast,
                WipeMethod::Zeroes => Method::Zeroes,
            }
            .into(),
            skip_volume_check: self.skip_volume_check,
            skip_secondary_check: self.skip_secondary_check,
            drop_partition: self.drop_partition,
        })
    }
}

impl NodeClient {
    /// Wipes block devices, one after the other. What was on them is gone.
    ///
    /// # Errors
    /// `InvalidArgument` for a device that is none, before anything is sent;
    /// `FailedPrecondition` for one that is in use or cannot be written.
    ///
    /// # Cancellation
    /// The node stops where it is.
    pub async fn wipe_block_devices(&self, devices: &[BlockDeviceWipe]) -> Result<()> {
        let named = |e: Error| e.operation(OPERATION).target(self.target());
        if devices.is_empty() {
            let nothing = Error::new(ErrorKind::InvalidArgument, "no device is named");
            return Err(named(nothing));
        }
        let request = BlockDeviceWipeRequest {
            devices: devices
                .iter()
                .map(BlockDeviceWipe::descriptor)
                .collect::<Result<_>>()
                .map_err(named)?,
        };
        let zeroes = devices.iter().any(|d| d.method == WipeMethod::Zeroes);
        let answer = self
            .act(
                OPERATION,
                zeroes.then_some(WIPING),
                request,
                |raw, request| async move { raw.storage().block_device_wipe(request).await },
            )
            .await?;
        self.element(OPERATION, answer)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_a_bare_name() {
        let wire = |device: &str| BlockDeviceWipe::new(device).descriptor();
        assert_eq!(wire("/dev/sdb").unwrap().device, "sdb");
        assert_eq!(wire("nvme0n1p3").unwrap().device, "nvme0n1p3");
        for wrong in ["", "/dev/", " ", "/dev/disk/by-id/x", "sd b"] {
            let error = wire(wrong).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{wrong}");
        }
    }

    #[test]
    fn checks_are_on_unless_said_otherwise() {
        let wire = BlockDeviceWipe::new("sdb").descriptor().unwrap();
        assert!(!wire.skip_volume_check && !wire.skip_secondary_check && !wire.drop_partition);
        assert_eq!(wire.method, 0);
        assert_eq!(
            BlockDeviceWipe::new("sdb")
                .zeroes()
                .descriptor()
                .unwrap()
                .method,
            1
        );
    }
}

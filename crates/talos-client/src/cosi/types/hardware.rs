use homelab_core::Result;
use serde::{Deserialize, Serialize};
use talos_proto::definitions::hardware::SystemInformationSpec;

use crate::cosi::{Metadata, ResourceType, decode_spec};

/// What SMBIOS says about the machine (`SystemInformations.hardware.talos.dev`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SystemInformation {
    /// Manufacturer: `QEMU` for a guest.
    pub manufacturer: String,
    /// Product.
    pub product_name: String,
    /// Version of the product.
    pub version: String,
    /// Serial number.
    pub serial_number: String,
    /// UUID. For a guest: the one in its configuration on the host.
    pub uuid: String,
    /// SKU number.
    pub sku_number: String,
}

impl ResourceType for SystemInformation {
    const TYPE: &'static str = "SystemInformations.hardware.talos.dev";
    const NAMESPACE: &'static str = "hardware";

    fn decode(_: &Metadata, spec: &[u8]) -> Result<Self> {
        let spec: SystemInformationSpec = decode_spec(spec)?;
        Ok(SystemInformation {
            manufacturer: spec.manufacturer,
            product_name: spec.product_name,
            version: spec.version,
            serial_number: spec.serial_number,
            uuid: spec.uuid,
            sku_number: spec.sku_number,
        })
    }
}

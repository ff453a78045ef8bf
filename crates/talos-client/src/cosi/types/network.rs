use homelab_core::Result;
use serde::{Deserialize, Serialize};
use talos_proto::definitions::enums::{NethelpersLinkType, NethelpersOperationalState};
use talos_proto::definitions::network::{HostnameStatusSpec, LinkStatusSpec, NodeAddressSpec};

use crate::cosi::net_ip::{hardware_address, prefix};
use crate::cosi::{Metadata, ResourceType, decode_spec};
use crate::enum_name::name_of;

/// The node's host name (`HostnameStatuses.net.talos.dev`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct HostnameStatus {
    /// Host name without the domain.
    pub hostname: String,
    /// Domain; may be empty.
    pub domainname: String,
}

impl ResourceType for HostnameStatus {
    const TYPE: &'static str = "HostnameStatuses.net.talos.dev";
    const NAMESPACE: &'static str = "network";

    fn decode(_: &Metadata, spec: &[u8]) -> Result<Self> {
        let spec: HostnameStatusSpec = decode_spec(spec)?;
        Ok(HostnameStatus {
            hostname: spec.hostname,
            domainname: spec.domainname,
        })
    }
}

/// A selection of the node's addresses (`NodeAddresses.net.talos.dev`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct NodeAddress {
    /// Which selection: `default`, `current`, `routed`, `accumulative`, or one
    /// with a filter (`current-no-k8s`).
    pub id: String,
    /// Addresses with prefix length: `172.16.1.50/24`.
    pub addresses: Vec<String>,
}

impl ResourceType for NodeAddress {
    const TYPE: &'static str = "NodeAddresses.net.talos.dev";
    const NAMESPACE: &'static str = "network";

    fn decode(metadata: &Metadata, spec: &[u8]) -> Result<Self> {
        let spec: NodeAddressSpec = decode_spec(spec)?;
        Ok(NodeAddress {
            id: metadata.id.clone(),
            addresses: spec.addresses.iter().filter_map(prefix).collect(),
        })
    }
}

/// A network interface (`LinkStatuses.net.talos.dev`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct LinkStatus {
    /// Its name: `eth0`, `ens18`, `bond0`.
    pub name: String,
    /// Index in the kernel.
    pub index: u32,
    /// What it carries: `ether`, `loopbck`, `none`, …
    pub link_type: String,
    /// Kind of a virtual interface: `bond`, `bridge`, `vlan`, …; empty for hardware.
    pub kind: String,
    /// Whether it is hardware (for a guest: given by the host).
    pub physical: bool,
    /// MAC address in lower case with colons.
    pub hardware_address: Option<String>,
    /// The address it was made with, where it can be changed.
    pub permanent_address: Option<String>,
    /// Largest packet.
    pub mtu: u32,
    /// Whether it is usable: `up`, `down`, `unknown`, …
    pub operational_state: String,
    /// Whether there is a link.
    pub link_state: bool,
    /// Speed in Mbit/s; absent when the driver does not say.
    pub speed_megabits: Option<u32>,
    /// Path on the buses of the machine.
    pub bus_path: String,
    /// Driver.
    pub driver: String,
    /// Vendor.
    pub vendor: String,
    /// Product.
    pub product: String,
    /// Alias (since Talos v1.9).
    pub alias: String,
    /// Other names (since Talos v1.9).
    pub alt_names: Vec<String>,
}

impl ResourceType for LinkStatus {
    const TYPE: &'static str = "LinkStatuses.net.talos.dev";
    const NAMESPACE: &'static str = "network";

    fn decode(metadata: &Metadata, spec: &[u8]) -> Result<Self> {
        let spec: LinkStatusSpec = decode_spec(spec)?;
        let ether = spec.r#type == NethelpersLinkType::LinkEther as i32;
        Ok(LinkStatus {
            name: metadata.id.clone(),
            index: spec.index,
            link_type: name_of(spec.r#type, "LINK_", NethelpersLinkType::as_str_name),
            physical: ether && spec.kind.is_empty(),
            kind: spec.kind,
            hardware_address: hardware_address(&spec.hardware_addr),
            permanent_address: hardware_address(&spec.permanent_addr),
            mtu: spec.mtu,
            operational_state: name_of(
                spec.operational_state,
                "OPER_STATE_",
                NethelpersOperationalState::as_str_name,
            ),
            link_state: spec.link_state,
            // Drivers that do not know say 0, -1, or -1 as an unsigned number.
            speed_megabits: u32::try_from(spec.speed_megabits)
                .ok()
                .filter(|speed| *speed != 0 && *speed != u32::MAX),
            bus_path: spec.bus_path,
            driver: spec.driver,
            vendor: spec.vendor,
            product: spec.product,
            alias: spec.alias,
            alt_names: spec.alt_names,
        })
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[test]
    fn a_guests_interface() {
        let spec = LinkStatusSpec {
            r#type: 1,
            hardware_addr: vec![0xbc, 0x24, 0x11, 0, 0, 0x50],
            operational_state: 6,
            speed_megabits: 4_294_967_295,
            ..LinkStatusSpec::default()
        };
        let metadata = Metadata {
            id: "ens18".into(),
            ..Metadata::default()
        };
        let link = LinkStatus::decode(&metadata, &spec.encode_to_vec()).unwrap();
        assert_eq!(link.name, "ens18");
        assert!(link.physical);
        assert_eq!(link.hardware_address.as_deref(), Some("bc:24:11:00:00:50"));
        assert_eq!(link.operational_state, "up");
        assert_eq!(link.link_type, "ether");
        assert_eq!(link.speed_megabits, None);
    }

    #[test]
    fn an_unknown_state_is_its_number() {
        let spec = LinkStatusSpec {
            operational_state: 77,
            ..LinkStatusSpec::default()
        };
        let link = LinkStatus::decode(&Metadata::default(), &spec.encode_to_vec()).unwrap();
        assert_eq!(link.operational_state, "77");
    }
}

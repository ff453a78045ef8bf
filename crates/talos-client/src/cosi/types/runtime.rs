use homelab_core::Result;
use serde::{Deserialize, Serialize};
use talos_proto::definitions::enums::{RuntimeFipsState, RuntimeMachineStage, RuntimeSeLinuxState};
use talos_proto::definitions::extensions::Layer;
use talos_proto::definitions::runtime::{MachineStatusSpec, SecurityStateSpec};

use crate::cosi::{Metadata, ResourceType, decode_spec};
use crate::enum_name::name_of;

/// Where a machine is in its life.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MachineStage {
    /// Not known.
    #[default]
    Unknown,
    /// Booting.
    Booting,
    /// Installing to disk.
    Installing,
    /// Waiting for a configuration.
    Maintenance,
    /// Running.
    Running,
    /// Rebooting.
    Rebooting,
    /// Shutting down.
    ShuttingDown,
    /// Wiping itself.
    Resetting,
    /// Upgrading.
    Upgrading,
    /// A stage that this release does not know, by its number.
    #[serde(untagged)]
    Other(String),
}

impl MachineStage {
    pub(crate) fn from_wire(value: i32) -> Self {
        use RuntimeMachineStage as Wire;
        match Wire::try_from(value) {
            Ok(Wire::MachineStageUnknown) => MachineStage::Unknown,
            Ok(Wire::MachineStageBooting) => MachineStage::Booting,
            Ok(Wire::MachineStageInstalling) => MachineStage::Installing,
            Ok(Wire::MachineStageMaintenance) => MachineStage::Maintenance,
            Ok(Wire::MachineStageRunning) => MachineStage::Running,
            Ok(Wire::MachineStageRebooting) => MachineStage::Rebooting,
            Ok(Wire::MachineStageShuttingDown) => MachineStage::ShuttingDown,
            Ok(Wire::MachineStageResetting) => MachineStage::Resetting,
            Ok(Wire::MachineStageUpgrading) => MachineStage::Upgrading,
            Err(_) => MachineStage::Other(value.to_string()),
        }
    }
}

/// The stage of a machine and what is missing for ready (`MachineStatuses.runtime.talos.dev`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct MachineStatus {
    /// Where it is in its life.
    pub stage: MachineStage,
    /// Whether all conditions are met.
    pub ready: bool,
    /// What is missing.
    pub unmet_conditions: Vec<UnmetCondition>,
}

/// What keeps a machine from being ready.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct UnmetCondition {
    /// The condition: `services`, `time`, …
    pub name: String,
    /// Why it is not met, in words.
    pub reason: String,
}

impl UnmetCondition {
    pub(crate) fn new(name: String, reason: String) -> Self {
        UnmetCondition { name, reason }
    }
}

impl ResourceType for MachineStatus {
    const TYPE: &'static str = "MachineStatuses.runtime.talos.dev";
    const NAMESPACE: &'static str = "runtime";

    fn decode(_: &Metadata, spec: &[u8]) -> Result<Self> {
        let spec: MachineStatusSpec = decode_spec(spec)?;
        let status = spec.status.unwrap_or_default();
        Ok(MachineStatus {
            stage: MachineStage::from_wire(spec.stage),
            ready: status.ready,
            unmet_conditions: status
                .unmet_conditions
                .into_iter()
                .map(|c| UnmetCondition::new(c.name, c.reason))
                .collect(),
        })
    }
}

/// Secure boot and the like (`SecurityStates.talos.dev`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SecurityState {
    /// Whether the firmware checked the boot image.
    pub secure_boot: bool,
    /// Fingerprint of the key that signed the image.
    pub uki_signing_key_fingerprint: String,
    /// Fingerprint of the key that signs disk encryption policies.
    pub pcr_signing_key_fingerprint: String,
    /// `disabled`, `permissive`, `enforcing` (since Talos v1.10).
    pub selinux_state: String,
    /// `disabled`, `enabled`, `strict` (since Talos v1.11).
    pub fips_state: String,
    /// Whether it was booted from a unified kernel image (since Talos v1.10).
    pub booted_with_uki: bool,
    /// Whether only signed modules load (since Talos v1.12).
    pub module_signature_enforced: bool,
}

impl ResourceType for SecurityState {
    const TYPE: &'static str = "SecurityStates.talos.dev";
    const NAMESPACE: &'static str = "runtime";

    fn decode(_: &Metadata, spec: &[u8]) -> Result<Self> {
        let spec: SecurityStateSpec = decode_spec(spec)?;
        Ok(SecurityState {
            secure_boot: spec.secure_boot,
            uki_signing_key_fingerprint: spec.uki_signing_key_fingerprint,
            pcr_signing_key_fingerprint: spec.pcr_signing_key_fingerprint,
            selinux_state: name_of(
                spec.se_linux_state,
                "SE_LINUX_STATE_",
                RuntimeSeLinuxState::as_str_name,
            ),
            fips_state: name_of(
                spec.fips_state,
                "FIPS_STATE_",
                RuntimeFipsState::as_str_name,
            ),
            booted_with_uki: spec.booted_with_uki,
            module_signature_enforced: spec.module_signature_enforced,
        })
    }
}

/// A system extension in the running image (`ExtensionStatuses.runtime.talos.dev`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ExtensionStatus {
    /// Id of the resource; its order in the image.
    pub id: String,
    /// File of the layer.
    pub image: String,
    /// Name: `qemu-guest-agent`, `iscsi-tools`. `schematic` names the schematic of
    /// an image factory instead of an extension.
    pub name: String,
    /// Version; for `schematic` the id of the schematic.
    pub version: String,
    /// Author.
    pub author: String,
    /// Description.
    pub description: String,
    /// More, in the author's format (since Talos v1.7).
    pub extra_info: String,
}

impl ResourceType for ExtensionStatus {
    const TYPE: &'static str = "ExtensionStatuses.runtime.talos.dev";
    const NAMESPACE: &'static str = "runtime";

    fn decode(metadata: &Metadata, spec: &[u8]) -> Result<Self> {
        let spec: Layer = decode_spec(spec)?;
        let about = spec.metadata.unwrap_or_default();
        Ok(ExtensionStatus {
            id: metadata.id.clone(),
            image: spec.image,
            name: about.name,
            version: about.version,
            author: about.author,
            description: about.description,
            extra_info: about.extra_info,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_plain_strings_and_unknown_ones_survive() {
        let text = |stage: &MachineStage| serde_json::to_string(stage).unwrap();
        assert_eq!(text(&MachineStage::ShuttingDown), "\"shutting-down\"");
        let future = MachineStage::from_wire(42);
        assert_eq!(text(&future), "\"42\"");
        assert_eq!(
            serde_json::from_str::<MachineStage>("\"42\"").unwrap(),
            future
        );
        assert_eq!(
            serde_json::from_str::<MachineStage>("\"running\"").unwrap(),
            MachineStage::Running
        );
    }
}

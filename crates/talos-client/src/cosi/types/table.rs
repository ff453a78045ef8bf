//! Every resource type of Talos v1.9 to v1.14, with the message that its
//! specification is.
//!
//! Namespace, release and sensitivity are those of Talos' own definitions. A
//! type whose specification has no protobuf form stands in [`TYPES`] alone;
//! read it as YAML.

use std::fmt;

use homelab_core::Result;
use talos_proto::{definitions, resource};

use crate::cosi::{Metadata, ResourceType, decode_spec};

/// A resource type that this crate knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KnownType {
    /// Full canonical name.
    pub type_name: &'static str,
    /// The namespace where its resources live.
    pub namespace: &'static str,
    /// The first release that has it; `v1.6` also stands for older ones.
    pub since: &'static str,
    /// Whether reading it needs the role `os:admin`.
    pub sensitive: bool,
    /// Where in `talos_proto` the message of its specification is, if it has one.
    pub message: Option<&'static str>,
}

macro_rules! resource_types {
    (
        typed { $($name:ident: $message:path = $type_name:literal in $namespace:literal since $since:literal $($sensitive:ident)?;)+ }
        untyped { $($untyped:literal in $untyped_namespace:literal since $untyped_since:literal $($untyped_sensitive:ident)?;)+ }
    ) => {
        $(
            #[doc = concat!("A resource of type `", $type_name, "` in namespace `", $namespace, "`: its specification as the generated message.")]
            #[derive(Clone, PartialEq)]
            pub struct $name(pub $message);

            impl ResourceType for $name {
                const TYPE: &'static str = $type_name;
                const NAMESPACE: &'static str = $namespace;

                fn decode(_: &Metadata, spec: &[u8]) -> Result<Self> {
                    decode_spec(spec).map($name)
                }
            }

            /// Shows no content of a sensitive type.
            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    if resource_types!(@$($sensitive)?) {
                        f.debug_tuple(stringify!($name)).finish_non_exhaustive()
                    } else {
                        f.debug_tuple(stringify!($name)).field(&self.0).finish()
                    }
                }
            }
        )+

        /// Every resource type that this crate knows: those with a message,
        /// then those without.
        pub const TYPES: &[KnownType] = &[
            $(KnownType {
                type_name: $type_name,
                namespace: $namespace,
                since: $since,
                sensitive: resource_types!(@$($sensitive)?),
                message: Some(stringify!($message)),
            },)+
            $(KnownType {
                type_name: $untyped,
                namespace: $untyped_namespace,
                since: $untyped_since,
                sensitive: resource_types!(@$($untyped_sensitive)?),
                message: None,
            },)+
        ];
    };
    (@sensitive) => { true };
    (@) => { false };
}

resource_types! {
    typed {
        APIServerConfigs: definitions::k8s::ApiServerConfigSpec = "APIServerConfigs.kubernetes.talos.dev" in "controlplane" since "v1.6" sensitive;
        APIServiceConfigs: definitions::runtime::ApiServiceConfigSpec = "APIServiceConfigs.runtime.talos.dev" in "runtime" since "v1.13";
        AddressSpecs: definitions::network::AddressSpecSpec = "AddressSpecs.net.talos.dev" in "network" since "v1.6";
        AddressStatuses: definitions::network::AddressStatusSpec = "AddressStatuses.net.talos.dev" in "network" since "v1.6";
        AdjtimeStatuses: definitions::time::AdjtimeStatusSpec = "AdjtimeStatuses.v1alpha1.talos.dev" in "runtime" since "v1.6";
        AdmissionControlConfigs: definitions::k8s::AdmissionControlConfigSpec = "AdmissionControlConfigs.kubernetes.talos.dev" in "controlplane" since "v1.6";
        Affiliates: definitions::cluster::AffiliateSpec = "Affiliates.cluster.talos.dev" in "cluster" since "v1.6";
        ApiCertificates: definitions::secrets::ApiCertsSpec = "ApiCertificates.secrets.talos.dev" in "secrets" since "v1.6" sensitive;
        AuditPolicyConfigs: definitions::k8s::AuditPolicyConfigSpec = "AuditPolicyConfigs.kubernetes.talos.dev" in "controlplane" since "v1.6" sensitive;
        AuthenticationConfigs: definitions::k8s::AuthenticationConfigSpec = "AuthenticationConfigs.kubernetes.talos.dev" in "controlplane" since "v1.14" sensitive;
        AuthorizationConfigs: definitions::k8s::AuthorizationConfigSpec = "AuthorizationConfigs.kubernetes.talos.dev" in "controlplane" since "v1.9" sensitive;
        BGPInstanceConfigs: definitions::network::BgpInstanceConfigSpec = "BGPInstanceConfigs.net.talos.dev" in "network" since "v1.14";
        BGPPeerStatuses: definitions::network::BgpPeerStatusSpec = "BGPPeerStatuses.net.talos.dev" in "network" since "v1.14";
        BaseRuntimeSpecConfigs: definitions::cri::BaseRuntimeSpecConfigSpec = "BaseRuntimeSpecConfigs.cri.talos.dev" in "cri" since "v1.14";
        BlockDevices: definitions::block::DeviceSpec = "BlockDevices.block.talos.dev" in "runtime" since "v1.7";
        BlockSymlinks: definitions::block::SymlinkSpec = "BlockSymlinks.block.talos.dev" in "runtime" since "v1.10";
        BootIDs: definitions::runtime::BootIdSpec = "BootIDs.runtime.talos.dev" in "runtime" since "v1.14";
        BootedEntries: definitions::runtime::BootedEntrySpec = "BootedEntries.talos.dev" in "runtime" since "v1.11";
        BootstrapManifestsConfigs: definitions::k8s::BootstrapManifestsConfigSpec = "BootstrapManifestsConfigs.kubernetes.talos.dev" in "controlplane" since "v1.6";
        CPUCores: definitions::hardware::CpuCoreSpec = "CPUCores.hardware.talos.dev" in "hardware" since "v1.14";
        CPUStats: definitions::perf::CpuSpec = "CPUStats.perf.talos.dev" in "perf" since "v1.6";
        CertSANs: definitions::secrets::CertSanSpec = "CertSANs.secrets.talos.dev" in "secrets" since "v1.6" sensitive;
        ConfigStatuses: definitions::k8s::ConfigStatusSpec = "ConfigStatuses.kubernetes.talos.dev" in "controlplane" since "v1.6";
        ContainerSpecs: definitions::containers::ContainerSpecSpec = "ContainerSpecs.containers.talos.dev" in "containers" since "v1.14";
        ControllerManagerConfigs: definitions::k8s::ControllerManagerConfigSpec = "ControllerManagerConfigs.kubernetes.talos.dev" in "controlplane" since "v1.6";
        CustomizationConfigs: definitions::cri::CustomizationConfigSpec = "CustomizationConfigs.cri.talos.dev" in "cri" since "v1.14" sensitive;
        DNSResolveCaches: definitions::network::DnsResolveCacheSpec = "DNSResolveCaches.net.talos.dev" in "network" since "v1.7";
        DeviceConfigSpecs: resource::network::DeviceConfigSpecSpec = "DeviceConfigSpecs.net.talos.dev" in "network" since "v1.6" sensitive;
        DevicesStatuses: definitions::runtime::DevicesStatusSpec = "DevicesStatuses.runtime.talos.dev" in "runtime" since "v1.6";
        Diagnostics: definitions::runtime::DiagnosticSpec = "Diagnostics.runtime.talos.dev" in "runtime" since "v1.8";
        DiscoveredVolumes: definitions::block::DiscoveredVolumeSpec = "DiscoveredVolumes.block.talos.dev" in "runtime" since "v1.7";
        DiscoveredVolumesStatuses: definitions::block::DiscoveredVolumesStatusSpec = "DiscoveredVolumesStatuses.block.talos.dev" in "runtime" since "v1.14";
        DiscoveryConfigs: definitions::cluster::ConfigSpec = "DiscoveryConfigs.cluster.talos.dev" in "config" since "v1.6" sensitive;
        DiscoveryRefreshRequests: definitions::block::DiscoveryRefreshRequestSpec = "DiscoveryRefreshRequests.block.talos.dev" in "runtime" since "v1.8";
        DiscoveryRefreshStatuses: definitions::block::DiscoveryRefreshStatusSpec = "DiscoveryRefreshStatuses.block.talos.dev" in "runtime" since "v1.8";
        Disks: definitions::block::DiskSpec = "Disks.block.talos.dev" in "runtime" since "v1.8";
        EncryptionSalts: definitions::secrets::EncryptionSaltSpec = "EncryptionSalts.secrets.talos.dev" in "secrets" since "v1.11" sensitive;
        Endpoints: definitions::k8s::EndpointSpec = "Endpoints.kubernetes.talos.dev" in "controlplane" since "v1.6";
        Environments: definitions::runtime::EnvironmentSpec = "Environments.runtime.talos.dev" in "runtime" since "v1.13";
        EtcFileSpecs: definitions::files::EtcFileSpecSpec = "EtcFileSpecs.files.talos.dev" in "files" since "v1.6" sensitive;
        EtcFileStatuses: definitions::files::EtcFileStatusSpec = "EtcFileStatuses.files.talos.dev" in "files" since "v1.6";
        EtcdConfigs: definitions::etcd::ConfigSpec = "EtcdConfigs.etcd.talos.dev" in "etcd" since "v1.6";
        EtcdEncryptionConfigs: definitions::k8s::EtcdEncryptionConfigSpec = "EtcdEncryptionConfigs.kubernetes.talos.dev" in "k8s" since "v1.14" sensitive;
        EtcdMembers: definitions::etcd::MemberSpec = "EtcdMembers.etcd.talos.dev" in "etcd" since "v1.6";
        EtcdRootSecrets: definitions::secrets::EtcdRootSpec = "EtcdRootSecrets.secrets.talos.dev" in "secrets" since "v1.6" sensitive;
        EtcdSecrets: definitions::secrets::EtcdCertsSpec = "EtcdSecrets.secrets.talos.dev" in "secrets" since "v1.6" sensitive;
        EtcdSpecs: definitions::etcd::SpecSpec = "EtcdSpecs.etcd.talos.dev" in "etcd" since "v1.6";
        EthernetSpecs: definitions::network::EthernetSpecSpec = "EthernetSpecs.net.talos.dev" in "network" since "v1.10";
        EthernetStatuses: definitions::network::EthernetStatusSpec = "EthernetStatuses.net.talos.dev" in "network" since "v1.10";
        EventSinkConfigs: definitions::runtime::EventSinkConfigSpec = "EventSinkConfigs.runtime.talos.dev" in "runtime" since "v1.6";
        ExtensionServiceConfigStatuses: definitions::runtime::ExtensionServiceConfigStatusSpec = "ExtensionServiceConfigStatuses.runtime.talos.dev" in "runtime" since "v1.7";
        ExtensionServiceConfigs: definitions::runtime::ExtensionServiceConfigSpec = "ExtensionServiceConfigs.runtime.talos.dev" in "runtime" since "v1.7" sensitive;
        ExtensionStatuses: definitions::extensions::Layer = "ExtensionStatuses.runtime.talos.dev" in "runtime" since "v1.6";
        ExtraManifestsConfigs: definitions::k8s::ExtraManifestsConfigSpec = "ExtraManifestsConfigs.kubernetes.talos.dev" in "controlplane" since "v1.6";
        FSScrubSchedules: definitions::block::FsScrubScheduleSpec = "FSScrubSchedules.block.talos.dev" in "runtime" since "v1.14";
        FSScrubStatuses: definitions::block::FsScrubStatusSpec = "FSScrubStatuses.block.talos.dev" in "runtime" since "v1.14";
        HardwareAddresses: definitions::network::HardwareAddrSpec = "HardwareAddresses.net.talos.dev" in "network" since "v1.6";
        HostDNSConfigs: definitions::network::HostDnsConfigSpec = "HostDNSConfigs.net.talos.dev" in "network" since "v1.7";
        HostnameSpecs: definitions::network::HostnameSpecSpec = "HostnameSpecs.net.talos.dev" in "network" since "v1.6";
        HostnameStatuses: definitions::network::HostnameStatusSpec = "HostnameStatuses.net.talos.dev" in "network" since "v1.6";
        Identities: definitions::cluster::IdentitySpec = "Identities.cluster.talos.dev" in "cluster" since "v1.6";
        ImageCacheConfigs: definitions::cri::ImageCacheConfigSpec = "ImageCacheConfigs.cri.talos.dev" in "cri" since "v1.9";
        ImageFactorySchematics: definitions::runtime::ImageFactorySchematicSpec = "ImageFactorySchematics.runtime.talos.dev" in "runtime" since "v1.14";
        ImageVerificationRules: definitions::security::ImageVerificationRuleSpec = "ImageVerificationRules.security.talos.dev" in "security" since "v1.13";
        Infos: definitions::cluster::InfoSpec = "Infos.cluster.talos.dev" in "cluster" since "v1.6";
        KernelCmdlines: definitions::runtime::KernelCmdlineSpec = "KernelCmdlines.runtime.talos.dev" in "runtime" since "v1.11";
        KernelModuleSpecs: definitions::runtime::KernelModuleSpecSpec = "KernelModuleSpecs.runtime.talos.dev" in "runtime" since "v1.6";
        KernelModuleStatuses: definitions::runtime::KernelModuleStatusSpec = "KernelModuleStatuses.runtime.talos.dev" in "runtime" since "v1.14";
        KernelParamDefaultSpecs: definitions::runtime::KernelParamSpecSpec = "KernelParamDefaultSpecs.runtime.talos.dev" in "runtime" since "v1.6";
        KernelParamSpecs: definitions::runtime::KernelParamSpecSpec = "KernelParamSpecs.runtime.talos.dev" in "runtime" since "v1.6";
        KernelParamStatuses: definitions::runtime::KernelParamStatusSpec = "KernelParamStatuses.runtime.talos.dev" in "runtime" since "v1.6";
        KmsgLogConfigs: definitions::runtime::KmsgLogConfigSpec = "KmsgLogConfigs.runtime.talos.dev" in "runtime" since "v1.6";
        KubePrismConfigs: definitions::k8s::KubePrismConfigSpec = "KubePrismConfigs.kubernetes.talos.dev" in "k8s" since "v1.6";
        KubePrismEndpoints: definitions::k8s::KubePrismEndpointsSpec = "KubePrismEndpoints.kubernetes.talos.dev" in "k8s" since "v1.6";
        KubePrismStatuses: definitions::k8s::KubePrismStatusesSpec = "KubePrismStatuses.kubernetes.talos.dev" in "k8s" since "v1.6";
        KubeSpanConfigs: definitions::kubespan::ConfigSpec = "KubeSpanConfigs.kubespan.talos.dev" in "config" since "v1.6" sensitive;
        KubeSpanEndpoints: definitions::kubespan::EndpointSpec = "KubeSpanEndpoints.kubespan.talos.dev" in "kubespan" since "v1.6";
        KubeSpanIdentities: definitions::kubespan::IdentitySpec = "KubeSpanIdentities.kubespan.talos.dev" in "kubespan" since "v1.6" sensitive;
        KubeSpanPeerSpecs: definitions::kubespan::PeerSpecSpec = "KubeSpanPeerSpecs.kubespan.talos.dev" in "kubespan" since "v1.6";
        KubeSpanPeerStatuses: definitions::kubespan::PeerStatusSpec = "KubeSpanPeerStatuses.kubespan.talos.dev" in "kubespan" since "v1.6";
        KubeletConfigs: definitions::k8s::KubeletConfigSpec = "KubeletConfigs.kubernetes.talos.dev" in "k8s" since "v1.6" sensitive;
        KubeletKubeconfigs: definitions::k8s::KubeletKubeconfigSpec = "KubeletKubeconfigs.kubernetes.talos.dev" in "k8s" since "v1.13";
        KubeletSecrets: definitions::secrets::KubeletSpec = "KubeletSecrets.secrets.talos.dev" in "secrets" since "v1.6" sensitive;
        KubeletSpecs: definitions::k8s::KubeletSpecSpec = "KubeletSpecs.kubernetes.talos.dev" in "k8s" since "v1.6" sensitive;
        KubeletStatuses: definitions::k8s::KubeletStatusSpec = "KubeletStatuses.kubernetes.talos.dev" in "k8s" since "v1.14";
        KubernetesAccessConfigs: definitions::kubeaccess::ConfigSpec = "KubernetesAccessConfigs.cluster.talos.dev" in "config" since "v1.6";
        KubernetesDynamicCerts: definitions::secrets::KubernetesDynamicCertsSpec = "KubernetesDynamicCerts.secrets.talos.dev" in "secrets" since "v1.6" sensitive;
        KubernetesRootSecrets: definitions::secrets::KubernetesRootSpec = "KubernetesRootSecrets.secrets.talos.dev" in "secrets" since "v1.6" sensitive;
        KubernetesSecrets: definitions::secrets::KubernetesCertsSpec = "KubernetesSecrets.secrets.talos.dev" in "secrets" since "v1.6" sensitive;
        LVMLogicalVolumeSpecs: definitions::storage::LvmLogicalVolumeSpecSpec = "LVMLogicalVolumeSpecs.storage.talos.dev" in "storage" since "v1.14";
        LVMLogicalVolumeStatuses: definitions::storage::LvmLogicalVolumeStatusSpec = "LVMLogicalVolumeStatuses.storage.talos.dev" in "storage" since "v1.14";
        LVMPhysicalVolumeSpecs: definitions::storage::LvmPhysicalVolumeSpecSpec = "LVMPhysicalVolumeSpecs.storage.talos.dev" in "storage" since "v1.14";
        LVMPhysicalVolumeStatuses: definitions::storage::LvmPhysicalVolumeStatusSpec = "LVMPhysicalVolumeStatuses.storage.talos.dev" in "storage" since "v1.14";
        LVMRefreshRequests: definitions::storage::LvmRefreshRequestSpec = "LVMRefreshRequests.storage.talos.dev" in "storage" since "v1.14";
        LVMValidationErrors: definitions::storage::LvmValidationErrorSpec = "LVMValidationErrors.storage.talos.dev" in "storage" since "v1.14";
        LVMVolumeGroupSpecs: definitions::storage::LvmVolumeGroupSpecSpec = "LVMVolumeGroupSpecs.storage.talos.dev" in "storage" since "v1.14";
        LVMVolumeGroupStatuses: definitions::storage::LvmVolumeGroupStatusSpec = "LVMVolumeGroupStatuses.storage.talos.dev" in "storage" since "v1.14";
        LinkAliasSpecs: definitions::network::LinkAliasSpecSpec = "LinkAliasSpecs.net.talos.dev" in "network" since "v1.12";
        LinkRefreshes: definitions::network::LinkRefreshSpec = "LinkRefreshes.net.talos.dev" in "network" since "v1.6";
        LinkSpecs: definitions::network::LinkSpecSpec = "LinkSpecs.net.talos.dev" in "network" since "v1.6" sensitive;
        LinkStatuses: definitions::network::LinkStatusSpec = "LinkStatuses.net.talos.dev" in "network" since "v1.6";
        LoadedKernelModules: definitions::runtime::LoadedKernelModuleSpec = "LoadedKernelModules.runtime.talos.dev" in "runtime" since "v1.11";
        MDArraySpecs: definitions::storage::MdArraySpecSpec = "MDArraySpecs.storage.talos.dev" in "storage" since "v1.14";
        MDArrayStatuses: definitions::storage::MdArrayStatusSpec = "MDArrayStatuses.storage.talos.dev" in "storage" since "v1.14";
        MDRefreshRequests: definitions::storage::MdRefreshRequestSpec = "MDRefreshRequests.storage.talos.dev" in "storage" since "v1.14";
        MachineConfigs: resource::config::MachineConfigSpec = "MachineConfigs.config.talos.dev" in "config" since "v1.6" sensitive;
        MachineStatuses: definitions::runtime::MachineStatusSpec = "MachineStatuses.runtime.talos.dev" in "runtime" since "v1.6";
        MachineTypes: resource::config::MachineTypeSpec = "MachineTypes.config.talos.dev" in "config" since "v1.6";
        MaintenanceRootSecrets: definitions::secrets::MaintenanceRootSpec = "MaintenanceRootSecrets.secrets.talos.dev" in "secrets" since "v1.6" sensitive;
        MaintenanceServiceConfigs: definitions::runtime::MaintenanceServiceConfigSpec = "MaintenanceServiceConfigs.runtime.talos.dev" in "runtime" since "v1.6";
        ManifestStatuses: definitions::k8s::ManifestStatusSpec = "ManifestStatuses.kubernetes.talos.dev" in "controlplane" since "v1.6";
        Manifests: definitions::k8s::ManifestSpec = "Manifests.kubernetes.talos.dev" in "controlplane" since "v1.6";
        Members: definitions::cluster::MemberSpec = "Members.cluster.talos.dev" in "cluster" since "v1.6";
        MemoryModules: definitions::hardware::MemoryModuleSpec = "MemoryModules.hardware.talos.dev" in "hardware" since "v1.6";
        MemoryStats: definitions::perf::MemorySpec = "MemoryStats.perf.talos.dev" in "perf" since "v1.6";
        MetaKeys: definitions::runtime::MetaKeySpec = "MetaKeys.runtime.talos.dev" in "runtime" since "v1.6";
        MetaLoads: definitions::runtime::MetaLoadedSpec = "MetaLoads.runtime.talos.dev" in "runtime" since "v1.6";
        MountRequests: definitions::block::MountRequestSpec = "MountRequests.block.talos.dev" in "runtime" since "v1.10";
        MountStatuses: definitions::block::MountStatusSpec = "MountStatuses.block.talos.dev" in "runtime" since "v1.10";
        RuntimeMountStatuses: definitions::runtime::MountStatusSpec = "MountStatuses.runtime.talos.dev" in "runtime" since "v1.6";
        NetworkStatuses: definitions::network::StatusSpec = "NetworkStatuses.net.talos.dev" in "network" since "v1.6";
        NfTablesChains: definitions::network::NfTablesChainSpec = "NfTablesChains.net.talos.dev" in "network" since "v1.6";
        NodeAddressFilters: definitions::network::NodeAddressFilterSpec = "NodeAddressFilters.net.talos.dev" in "network" since "v1.6";
        NodeAddressSortAlgorithms: definitions::network::NodeAddressSortAlgorithmSpec = "NodeAddressSortAlgorithms.net.talos.dev" in "network" since "v1.9";
        NodeAddresses: definitions::network::NodeAddressSpec = "NodeAddresses.net.talos.dev" in "network" since "v1.6";
        NodeAnnotationSpecs: definitions::k8s::NodeAnnotationSpecSpec = "NodeAnnotationSpecs.k8s.talos.dev" in "k8s" since "v1.8" sensitive;
        NodeIPConfigs: definitions::k8s::NodeIpConfigSpec = "NodeIPConfigs.kubernetes.talos.dev" in "k8s" since "v1.6";
        NodeIPs: definitions::k8s::NodeIpSpec = "NodeIPs.kubernetes.talos.dev" in "k8s" since "v1.6";
        NodeLabelSpecs: definitions::k8s::NodeLabelSpecSpec = "NodeLabelSpecs.k8s.talos.dev" in "k8s" since "v1.6" sensitive;
        NodeStatuses: definitions::k8s::NodeStatusSpec = "NodeStatuses.kubernetes.talos.dev" in "k8s" since "v1.6";
        NodeTaintSpecs: definitions::k8s::NodeTaintSpecSpec = "NodeTaintSpecs.k8s.talos.dev" in "k8s" since "v1.6" sensitive;
        Nodenames: definitions::k8s::NodenameSpec = "Nodenames.kubernetes.talos.dev" in "k8s" since "v1.6";
        OOMActions: definitions::runtime::OomActionSpec = "OOMActions.talos.dev" in "runtime" since "v1.12" sensitive;
        OSRootSecrets: definitions::secrets::OsRootSpec = "OSRootSecrets.secrets.talos.dev" in "secrets" since "v1.6" sensitive;
        OperatorSpecs: definitions::network::OperatorSpecSpec = "OperatorSpecs.net.talos.dev" in "network" since "v1.6" sensitive;
        PCIDevices: definitions::hardware::PciDeviceSpec = "PCIDevices.hardware.talos.dev" in "hardware" since "v1.8";
        PCIDriverRebindConfigs: definitions::hardware::PciDriverRebindConfigSpec = "PCIDriverRebindConfigs.runtime.talos.dev" in "hardware" since "v1.10";
        PCIDriverRebindStatuses: definitions::hardware::PciDriverRebindStatusSpec = "PCIDriverRebindStatuses.runtime.talos.dev" in "hardware" since "v1.10";
        PKIStatuses: definitions::etcd::PkiStatusSpec = "PKIStatuses.etcd.talos.dev" in "etcd" since "v1.6";
        PlatformConfigs: definitions::network::PlatformConfigSpec = "PlatformConfigs.net.talos.dev" in "network" since "v1.12";
        PlatformMetadatas: definitions::runtime::PlatformMetadataSpec = "PlatformMetadatas.talos.dev" in "runtime" since "v1.6";
        ProbeSpecs: definitions::network::ProbeSpecSpec = "ProbeSpecs.net.talos.dev" in "network" since "v1.6";
        ProbeStatuses: definitions::network::ProbeStatusSpec = "ProbeStatuses.net.talos.dev" in "network" since "v1.6";
        Processors: definitions::hardware::ProcessorSpec = "Processors.hardware.talos.dev" in "hardware" since "v1.6";
        RegistryConfigs: definitions::cri::RegistriesConfigSpec = "RegistryConfigs.cri.talos.dev" in "cri" since "v1.9" sensitive;
        ResolverSpecs: definitions::network::ResolverSpecSpec = "ResolverSpecs.net.talos.dev" in "network" since "v1.6";
        ResolverStatuses: definitions::network::ResolverStatusSpec = "ResolverStatuses.net.talos.dev" in "network" since "v1.6";
        RouteSpecs: definitions::network::RouteSpecSpec = "RouteSpecs.net.talos.dev" in "network" since "v1.6";
        RouteStatuses: definitions::network::RouteStatusSpec = "RouteStatuses.net.talos.dev" in "network" since "v1.6";
        RoutingRuleSpecs: definitions::network::RoutingRuleSpecSpec = "RoutingRuleSpecs.net.talos.dev" in "network" since "v1.13";
        RoutingRuleStatuses: definitions::network::RoutingRuleStatusSpec = "RoutingRuleStatuses.net.talos.dev" in "network" since "v1.13";
        SBOMItems: definitions::runtime::SbomItemSpec = "SBOMItems.talos.dev" in "runtime" since "v1.11";
        SchedulerConfigs: definitions::k8s::SchedulerConfigSpec = "SchedulerConfigs.kubernetes.talos.dev" in "controlplane" since "v1.6";
        SeccompProfiles: definitions::cri::SeccompProfileSpec = "SeccompProfiles.cri.talos.dev" in "cri" since "v1.6";
        SecretStatuses: definitions::k8s::SecretsStatusSpec = "SecretStatuses.kubernetes.talos.dev" in "controlplane" since "v1.6";
        SecurityStates: definitions::runtime::SecurityStateSpec = "SecurityStates.talos.dev" in "runtime" since "v1.6";
        ServicePIDs: definitions::runtime::ServicePidSpec = "ServicePIDs.runtime.talos.dev" in "runtime" since "v1.13";
        Services: definitions::v1alpha1::ServiceSpec = "Services.v1alpha1.talos.dev" in "runtime" since "v1.6";
        SiderolinkConfigs: definitions::siderolink::ConfigSpec = "SiderolinkConfigs.siderolink.talos.dev" in "config" since "v1.6" sensitive;
        SiderolinkStatuses: definitions::siderolink::StatusSpec = "SiderolinkStatuses.siderolink.talos.dev" in "config" since "v1.8";
        SiderolinkTunnels: definitions::siderolink::TunnelSpec = "SiderolinkTunnels.siderolink.talos.dev" in "config" since "v1.7" sensitive;
        StaticHosts: definitions::network::StaticHostSpec = "StaticHosts.net.talos.dev" in "network" since "v1.14";
        StaticPodServerStatuses: definitions::k8s::StaticPodServerStatusSpec = "StaticPodServerStatuses.kubernetes.talos.dev" in "k8s" since "v1.6";
        StaticPodStatuses: definitions::k8s::StaticPodStatusSpec = "StaticPodStatuses.kubernetes.talos.dev" in "k8s" since "v1.6";
        StaticPods: definitions::k8s::StaticPodSpec = "StaticPods.kubernetes.talos.dev" in "k8s" since "v1.6";
        SwapStatuses: definitions::block::SwapStatusSpec = "SwapStatuses.block.talos.dev" in "runtime" since "v1.11";
        SystemDisks: definitions::block::SystemDiskSpec = "SystemDisks.block.talos.dev" in "runtime" since "v1.8";
        SystemInformations: definitions::hardware::SystemInformationSpec = "SystemInformations.hardware.talos.dev" in "hardware" since "v1.6";
        TUFTrustedRoots: definitions::security::TufTrustedRootSpec = "TUFTrustedRoots.security.talos.dev" in "security" since "v1.13";
        TimeServerSpecs: definitions::network::TimeServerSpecSpec = "TimeServerSpecs.net.talos.dev" in "network" since "v1.6";
        TimeServerStatuses: definitions::network::TimeServerStatusSpec = "TimeServerStatuses.net.talos.dev" in "network" since "v1.6";
        TimeStatuses: definitions::time::StatusSpec = "TimeStatuses.v1alpha1.talos.dev" in "runtime" since "v1.6";
        TrustdCertificates: definitions::secrets::TrustdCertsSpec = "TrustdCertificates.secrets.talos.dev" in "secrets" since "v1.6" sensitive;
        UnattendedInstallStatuses: definitions::runtime::UnattendedInstallStatusSpec = "UnattendedInstallStatuses.runtime.talos.dev" in "runtime" since "v1.14";
        UniqueMachineTokens: definitions::runtime::UniqueMachineTokenSpec = "UniqueMachineTokens.runtime.talos.dev" in "runtime" since "v1.6";
        UserDiskConfigStatuses: definitions::block::UserDiskConfigStatusSpec = "UserDiskConfigStatuses.block.talos.dev" in "runtime" since "v1.8";
        Versions: definitions::runtime::VersionSpec = "Versions.runtime.talos.dev" in "runtime" since "v1.10";
        VolumeConfigs: definitions::block::VolumeConfigSpec = "VolumeConfigs.block.talos.dev" in "runtime" since "v1.8" sensitive;
        VolumeMountRequests: definitions::block::VolumeMountRequestSpec = "VolumeMountRequests.block.talos.dev" in "runtime" since "v1.10";
        VolumeMountStatuses: definitions::block::VolumeMountStatusSpec = "VolumeMountStatuses.block.talos.dev" in "runtime" since "v1.10";
        VolumeStatuses: definitions::block::VolumeStatusSpec = "VolumeStatuses.block.talos.dev" in "runtime" since "v1.8";
        VolumeTrimSchedules: definitions::block::VolumeTrimScheduleSpec = "VolumeTrimSchedules.block.talos.dev" in "runtime" since "v1.14";
        WatchdogTimerConfigs: definitions::runtime::WatchdogTimerConfigSpec = "WatchdogTimerConfigs.runtime.talos.dev" in "runtime" since "v1.7";
        WatchdogTimerStatuses: definitions::runtime::WatchdogTimerStatusSpec = "WatchdogTimerStatuses.runtime.talos.dev" in "runtime" since "v1.7";
        ZswapStatuses: definitions::block::ZswapStatusSpec = "ZswapStatuses.block.talos.dev" in "runtime" since "v1.11";
    }
    untyped {
        "AcquireConfigSpecs.v1alpha1.talos.dev" in "runtime" since "v1.6";
        "AcquireConfigStatuses.v1alpha1.talos.dev" in "runtime" since "v1.6";
        "DNSUpstreams.net.talos.dev" in "network" since "v1.7";
        "KubeletLifecycles.kubernetes.talos.dev" in "k8s" since "v1.6";
        "MachineResetSignals.runtime.talos.dev" in "runtime" since "v1.6";
        "MaintenanceServiceRequests.runtime.talos.dev" in "runtime" since "v1.6";
        "NodeCordonedSpecs.k8s.talos.dev" in "k8s" since "v1.6" sensitive;
        "PCRStatuses.hardware.talos.dev" in "hardware" since "v1.10";
        "RebootRequests.runtime.talos.dev" in "runtime" since "v1.14";
        "VolumeLifecycles.block.talos.dev" in "runtime" since "v1.8";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use prost::Message as _;

    use super::*;

    /// One line per type; both sides are brought to this form.
    type Lines = BTreeSet<String>;

    fn lines() -> Lines {
        let line = |t: &KnownType| {
            let message = t.message.unwrap_or("-").replace(' ', "").to_lowercase();
            let KnownType {
                type_name,
                namespace,
                since,
                sensitive,
                ..
            } = t;
            format!("{type_name} {namespace} {since} {sensitive} {message}")
        };
        TYPES.iter().map(line).collect()
    }

    /// Compares the table with one of the API's facts, when there is one: a JSON
    /// file named by `TALOS_API_FACTS`.
    #[test]
    #[allow(clippy::print_stdout, reason = "a skipped test says so")]
    fn the_table_agrees_with_the_facts() {
        let beside = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../../shared/facts/talos/talos-api.json");
        let path = std::env::var_os("TALOS_API_FACTS").map_or(beside, PathBuf::from);
        let Ok(text) = std::fs::read_to_string(&path) else {
            println!("SKIPPED: no facts to compare with; set TALOS_API_FACTS to a talos-api.json");
            return;
        };
        let facts: serde_json::Value = serde_json::from_str(&text).unwrap();
        let facts: Lines = facts["cosi_resources"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(type_name, t)| {
                let message = t["spec"]
                    .as_str()
                    .unwrap_or("-")
                    .replace("talos.resource.definitions", "definitions")
                    .replace('.', "::")
                    .to_lowercase();
                format!(
                    "{type_name} {} {} {} {message}",
                    t["namespace"].as_str().unwrap(),
                    t["since"].as_str().unwrap_or("v1.6"),
                    t["sensitive"].as_bool().unwrap_or_default(),
                )
            })
            .collect();
        assert_eq!(lines(), facts);
    }

    #[test]
    fn names_come_once() {
        assert_eq!(lines().len(), TYPES.len());
        assert_eq!(TYPES.len(), 195);
    }

    #[test]
    fn secrets_do_not_print() {
        let message = definitions::secrets::TrustdCertsSpec::default();
        let shown = format!("{:?}", TrustdCertificates(message));
        assert_eq!(shown, "TrustdCertificates(..)");
        let plain = BootIDs::decode(&Metadata::default(), &[]).unwrap();
        assert!(format!("{plain:?}").contains("BootIdSpec"), "{plain:?}");
        assert!(plain.0.encode_to_vec().is_empty());
    }
}

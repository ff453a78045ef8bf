//! The JSON Schema of every value type that crosses, and the error kinds: what
//! the classes of both bindings are generated from.

use std::collections::BTreeMap;

use homelab_core::ErrorKind;
use proxmox_client::endpoints;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};
use talos_client::cosi;

use crate::proxmox::{
    AgentExecOutput, AgentFileContent, NewGuest, SecondFactorChallenge, StoredVolume,
    TransferProgress,
};
use crate::simulator::TalosCa;
use crate::talos::NewClusterFiles;
use crate::talos::{DebugChunk, ResourceEvent, WatchedEvent};

/// The types of one crate. Types of two crates may have one name; then each
/// gets its crate's prefix.
struct Group {
    prefix: &'static str,
    generator: SchemaGenerator,
}

impl Group {
    fn new(prefix: &'static str) -> Self {
        Group {
            prefix,
            generator: SchemaGenerator::default(),
        }
    }

    fn with<T: JsonSchema>(mut self) -> Self {
        self.generator.subschema_for::<T>();
        self
    }
}

macro_rules! group {
    ($prefix:literal: $($t:ty),+ $(,)?) => {
        Group::new($prefix)$(.with::<$t>())+
    };
}

/// `{"types": {name: schema}, "error_kinds": {code: doc}}`.
///
/// # Errors
/// A sentence that names two types of one crate that share a name.
pub fn schema() -> Result<Value, String> {
    let mut kinds = SchemaGenerator::default();
    let kinds = kinds.root_schema_for::<ErrorKind>().to_value();
    Ok(json!({ "types": merge(groups())?, "error_kinds": error_kinds(&kinds) }))
}

/// Every type that a method returns; what they are made of follows.
fn groups() -> Vec<Group> {
    vec![
        group!("":
            homelab_core::error::ErrorData,
            homelab_model::Finding,
            homelab_model::Inventory,
            homelab_model::Observation,
            homelab_model::Topology,
            homelab_model::what_if::Loss,
        ),
        group!("Talos":
            cosi::LocalEtcdMember,
            cosi::Nodename,
            cosi::ResourceDefinition,
            cosi::SecurityState,
            cosi::SystemInformation,
            DebugChunk,
            talos_client::AppliedConfiguration,
            talos_client::BpfInstruction,
            talos_client::ApplyMode,
            talos_client::Connection,
            talos_client::Container,
            talos_client::ContainerStats,
            talos_client::ContextInfo,
            talos_client::ControllerDependency,
            talos_client::CpuFrequency,
            talos_client::DiskStats,
            NewClusterFiles,
            talos_client::machine_config::Change,
            talos_client::machine_config::ConfigurationPlan,
            talos_client::machine_config::MachineConfigView,
            talos_client::Copied,
            talos_client::CopyProgress,
            talos_client::CaptureProgress,
            talos_client::DiskUsage,
            talos_client::FileInfo,
            talos_client::KernelMessage,
            talos_client::MergedKubeconfig,
            talos_client::PacketCapture,
            talos_client::EndpointHealth,
            talos_client::EtcdAlarm,
            talos_client::EtcdMember,
            talos_client::EtcdStarted,
            talos_client::EtcdStatus,
            talos_client::Event,
            talos_client::FlowProgress,
            talos_client::HealthReport,
            talos_client::Image,
            talos_client::ImageVerification,
            talos_client::ImportProgress,
            talos_client::LoadAverage,
            talos_client::maintenance::Probe,
            talos_client::Memory,
            talos_client::Mount,
            talos_client::NetworkStats,
            talos_client::NodeTime,
            talos_client::Process,
            talos_client::Processor,
            talos_client::PullProgress,
            talos_client::Rebooted,
            talos_client::Resource,
            talos_client::Service,
            talos_client::Snapshot,
            talos_client::SnapshotProgress,
            talos_client::Stopped,
            talos_client::StorageDisk,
            talos_client::SystemStat,
            talos_client::Upgraded,
            talos_client::Version,
            ResourceEvent,
            WatchedEvent<cosi::Disk>,
            WatchedEvent<cosi::ExtensionStatus>,
            WatchedEvent<cosi::HostnameStatus>,
            WatchedEvent<cosi::LinkStatus>,
            WatchedEvent<cosi::MachineStatus>,
            WatchedEvent<cosi::Member>,
            WatchedEvent<cosi::NodeAddress>,
        ),
        group!("Proxmox":
            endpoints::Acl,
            endpoints::AcmeAccount,
            endpoints::AcmeDirectory,
            endpoints::AcmePlugin,
            endpoints::ApplianceTemplate,
            endpoints::AgentOsInfoResult,
            endpoints::AptRepositories,
            endpoints::AptUpdate,
            endpoints::AptVersion,
            endpoints::BackupDefaults,
            endpoints::BackupFile,
            endpoints::BackupJob,
            endpoints::BackupJobVolumes,
            endpoints::CephCommandSafety,
            endpoints::CephCrushRule,
            endpoints::CephFs,
            endpoints::CephFlag,
            endpoints::CephManager,
            endpoints::CephMds,
            endpoints::CephMetadata,
            endpoints::CephMonitor,
            endpoints::CephOsdTree,
            endpoints::CephPool,
            endpoints::CephStatus,
            endpoints::Certificate,
            endpoints::ClusterFirewallOptions,
            endpoints::ClusterLogLine,
            endpoints::ClusterOptions,
            endpoints::CorosyncNode,
            endpoints::CpuModel,
            endpoints::DirectoryMapping,
            endpoints::DirectoryStorage,
            endpoints::DiskInfo,
            endpoints::Dns,
            endpoints::FirewallAlias,
            endpoints::FirewallIpSet,
            endpoints::FirewallIpSetEntry,
            endpoints::FirewallMacro,
            endpoints::FirewallRef,
            endpoints::FirewallRule,
            endpoints::Group,
            endpoints::GuestFeature,
            endpoints::GuestFirewallOptions,
            endpoints::GuestNotBackedUp,
            endpoints::GuestRrdPoint,
            endpoints::GuestSnapshot,
            endpoints::HaGroup,
            endpoints::HaManagerReport,
            endpoints::HaMove,
            endpoints::HaResource,
            endpoints::HaRule,
            endpoints::HaStatusEntry,
            endpoints::HostsFile,
            endpoints::ImportMetadata,
            endpoints::JoinInfo,
            endpoints::LvmThinPool,
            endpoints::LvmTree,
            endpoints::LxcConfig,
            endpoints::LxcInterface,
            endpoints::LxcMigratePreconditions,
            endpoints::LxcStatus,
            endpoints::LxcSummary,
            endpoints::MachineType,
            endpoints::MetricServer,
            endpoints::MetricsExport,
            endpoints::Network,
            endpoints::NewToken,
            endpoints::NodeConfig,
            endpoints::NodeFirewallOptions,
            endpoints::NodeRrdPoint,
            endpoints::NodeSdnZone,
            endpoints::NodeStatus,
            endpoints::NodeStorage,
            endpoints::NodeSummary,
            endpoints::NodeClock,
            endpoints::NodeVersion,
            endpoints::NotificationMatcher,
            endpoints::NotificationTarget,
            endpoints::PciDevice,
            endpoints::PciMapping,
            endpoints::PendingKey,
            endpoints::Pool,
            endpoints::PrunableBackup,
            endpoints::QemuConfig,
            endpoints::QemuMigratePreconditions,
            endpoints::QemuStatus,
            endpoints::QemuSummary,
            endpoints::Realm,
            endpoints::RealmSyncJob,
            endpoints::ReplicationJob,
            endpoints::ReplicationStatus,
            endpoints::Resource,
            endpoints::Role,
            endpoints::ScheduledTime,
            endpoints::SdnController,
            endpoints::SdnIpam,
            endpoints::SdnSubnet,
            endpoints::SdnVnet,
            endpoints::SdnZone,
            endpoints::SecurityGroup,
            endpoints::NodeService,
            endpoints::ServiceState,
            endpoints::Smart,
            endpoints::Storage,
            endpoints::StorageContent,
            endpoints::StorageRrdPoint,
            endpoints::StorageStatus,
            endpoints::Subscription,
            endpoints::TaskLogLine,
            endpoints::TaskStatus,
            endpoints::TaskSummary,
            endpoints::TfaEntry,
            endpoints::Token,
            endpoints::Totem,
            endpoints::UsbDeviceInfo,
            endpoints::UsbMapping,
            endpoints::User,
            endpoints::UserTfa,
            endpoints::Version,
            endpoints::Volume,
            endpoints::ZfsPool,
            proxmox_client::ClusterStatus,
            proxmox_client::EndpointHealth,
            proxmox_client::GuestPlace,
            proxmox_client::MissingPrivilege,
            proxmox_client::ServerCertificate,
            proxmox_client::TaskOutcome,
            proxmox_client::TaskProgress,
            proxmox_client::NodeAffinity,
            proxmox_client::Preflight,
            proxmox_client::Release,
            proxmox_client::AgentAvailability,
            proxmox_client::AgentInfo,
            proxmox_client::BackupEntry,
            proxmox_client::DownloadProgress,
            proxmox_client::Downloaded,
            proxmox_client::FreezeStatus,
            proxmox_client::GuestInterface,
            proxmox_client::MadeGuest,
            proxmox_client::RecipeProgress,
            proxmox_client::UrlMetadata,
            AgentExecOutput,
            AgentFileContent,
            NewGuest,
            SecondFactorChallenge,
            StoredVolume,
            TransferProgress,
        ),
        group!("Simulator":
            homelab_sim::ActiveFault,
            homelab_sim::ClockState,
            homelab_sim::LabEvent,
            homelab_sim::Stats,
            TalosCa,
        ),
    ]
}

fn merge(groups: Vec<Group>) -> Result<BTreeMap<String, Value>, String> {
    let groups: Vec<(&str, Map<String, Value>)> = groups
        .into_iter()
        .map(|mut group| (group.prefix, group.generator.take_definitions(true)))
        .collect();
    let mut types = BTreeMap::new();
    for (index, (prefix, definitions)) in groups.iter().enumerate() {
        // Names that another crate gives to something else.
        let clashes: Vec<&String> = definitions
            .iter()
            .filter(|(name, definition)| {
                groups.iter().enumerate().any(|(other, (_, theirs))| {
                    other != index && theirs.get(*name).is_some_and(|d| d != *definition)
                })
            })
            .map(|(name, _)| name)
            .collect();
        for (name, definition) in definitions {
            let renamed = |n: &str| match clashes.iter().any(|c| *c == n) {
                true => format!("{prefix}{n}"),
                false => n.to_owned(),
            };
            let mut definition = definition.clone();
            rename_references(&mut definition, &renamed);
            let name = renamed(name);
            if types.get(&name).is_some_and(|d| *d != definition) {
                return Err(format!("two types named {name}"));
            }
            types.insert(name, definition);
        }
    }
    Ok(types)
}

fn rename_references(schema: &mut Value, renamed: &impl Fn(&str) -> String) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                match value {
                    Value::String(reference) if key == "$ref" => {
                        let name = reference.rsplit('/').next().unwrap_or_default();
                        *reference = format!("#/$defs/{}", renamed(name));
                    }
                    _ => rename_references(value, renamed),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|i| rename_references(i, renamed)),
        _ => {}
    }
}

fn error_kinds(schema: &Value) -> Map<String, Value> {
    let docs: BTreeMap<&str, &Value> = schema
        .get("oneOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|o| Some((o.get("const")?.as_str()?, o.get("description")?)))
        .collect();
    ErrorKind::ALL
        .iter()
        .map(|kind| {
            let doc = docs.get(kind.code()).map_or(Value::Null, |d| (*d).clone());
            (kind.code().to_owned(), doc)
        })
        .collect()
}

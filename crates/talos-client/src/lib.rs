//! A typed client for the Talos Linux API.
//!
//! It reads talosconfig as talosctl does, connects with mTLS to whichever
//! endpoint can be reached, asks each node for itself, and returns plain data
//! with errors that say what happened to whom.
//!
//! ```no_run
//! # async fn example() -> homelab_core::Result<()> {
//! use talos_client::{ClientOptions, TalosClient, TalosConfig};
//!
//! let (config, _) = TalosConfig::search()?;
//! let talos = TalosClient::connect(config.context(None)?, ClientOptions::default()).await?;
//! for member in talos.endpoint().members().await? {
//!     println!("{} {:?} {:?}", member.hostname, member.machine_type, member.addresses);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`config`] | talosconfig: search order, contexts, roles and expiry of certificates |
//! | [`cosi`] | resources: get, list, watch; typed or as YAML |
//! | [`machine_config`] | machine configuration: read, patched, compared, written |
//! | [`machine`] | version, services, memory, counters, etcd |
//! | [`events`] | what a node does, as it does it |
//! | [`lifecycle`] | reboot, reset, configuration, services: what changes a machine |
//! | [`images`] | container images: list, pull, import, verify |
//! | [`storage`] | disks, LVM volumes and RAID arrays given back |
//! | [`debug`] | a privileged container to look around in |
//! | [`health`] | is the cluster well? |
//! | [`maintenance`] | machines that wait for their first configuration |
//! | [`flows`] | reboot, upgrade, bootstrap and the like, seen through to their end |
//! | [`streams`] | logs, kernel messages, files, packets |
//! | [`snapshot`] | etcd snapshots, verified on their way to disk |
//! | [`pki`] | secrets of a cluster; client certificates signed offline |
//! | [`yaml`] | files that are written back as they were read |
//! | [`raw`] | the generated clients, for everything else |
//!
//! | feature | what |
//! |---|---|
//! | `kubernetes` | those checks of [`health`] that only Kubernetes' own API answers: six GETs with the node's kubeconfig; without it they are skipped and say so |
//! | `schemars` | JSON Schema of the value types |
//!
//! It knows nothing of Proxmox VE, of inventories or of plans; crates above do.
//! Types of tonic are public in [`raw`] alone.

mod client;
pub mod config;
pub mod cosi;
pub mod debug;
mod enum_name;
pub mod events;
pub mod flows;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
pub mod health;
mod hex;
pub mod images;
pub mod lifecycle;
pub mod machine;
pub mod machine_config;
pub mod maintenance;
mod node;
mod nodes;
mod omni;
mod options;
pub mod pki;
pub mod raw;
mod release;
mod selector;
pub mod snapshot;
mod status;
pub mod storage;
pub mod streams;
mod timestamp;
mod transport;
mod unknown;
pub mod yaml;

pub use client::TalosClient;
pub use config::{Context, ContextInfo, TalosConfig};
pub use cosi::{
    Disk, ExtensionStatus, HostnameStatus, LinkStatus, LocalEtcdMember, MachineStatus, Member,
    NodeAddress, Nodename, Resource, SecurityState, SystemInformation,
};
pub use debug::{DebugContainer, DebugInput, DebugOptions, DebugOutput};
pub use events::{Event, EventKind, EventOptions, EventStream};
pub use flows::{
    EtcdStarted, FlowOptions, FlowPhase, FlowProgress, Rebooted, Stopped, UpgradePath, Upgraded,
};
pub use health::{
    CheckName, CheckOutcome, HealthCheck, HealthCheckOptions, HealthOptions, HealthReport,
};
pub use images::{
    Image, ImageCredentials, ImageNamespace, ImageVerification, ImportProgress, PullOptions,
    PullProgress,
};
pub use lifecycle::{
    AppliedConfiguration, ApplyMode, ApplyOptions, BootstrapOptions, ClientCredentials,
    InstallOptions, RebootMode, ResetOptions, ResetScope, UpgradeOptions,
};
pub use machine::{
    Connection, Container, ContainerStats, ControllerDependency, CpuFrequency, DiskCounters,
    DiskStats, EtcdAlarm, EtcdMember, EtcdStatus, LoadAverage, Memory, Mount, NetstatOptions,
    NetworkCounters, NetworkStats, NodeTime, Process, Processor, Service, StorageDisk, SystemStat,
    Version,
};
pub use maintenance::{MaintenanceClient, MaintenanceTrust, SpkiFingerprint};
pub use node::NodeClient;
pub use nodes::NodesClient;
pub use options::ClientOptions;
pub use raw::RawClients;
pub use selector::NodeSelector;
pub use snapshot::{EtcdDatabase, Snapshot, SnapshotProgress};
pub use storage::{BlockDeviceWipe, WipeMethod};
pub use streams::{
    BpfInstruction, CaptureOptions, CaptureProgress, ContainerNamespace, Copied, CopyOptions,
    CopyProgress, DiskUsage, DiskUsageOptions, DmesgOptions, FileInfo, FileKind, KernelMessage,
    KubeconfigMergeOptions, ListOptions, LogOptions, LogStream, MergedKubeconfig, PacketCapture,
    SkippedFile,
};
pub use transport::EndpointHealth;

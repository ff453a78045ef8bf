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
//! | [`streams`] | logs, kernel messages, files, packets |
//! | [`snapshot`] | etcd snapshots, verified on their way to disk |
//! | [`pki`] | secrets of a cluster; client certificates signed offline |
//! | [`yaml`] | files that are written back as they were read |
//! | [`raw`] | the generated clients, for everything else |
//!
//! It knows nothing of Proxmox VE, of inventories or of plans; crates above do.
//! Types of tonic are public in [`raw`] alone.

mod client;
pub mod config;
pub mod cosi;
mod enum_name;
pub mod events;
pub mod lifecycle;
pub mod machine;
pub mod machine_config;
mod node;
mod nodes;
mod options;
pub mod pki;
pub mod raw;
pub mod snapshot;
mod status;
pub mod streams;
mod timestamp;
mod transport;
pub mod yaml;

pub use client::TalosClient;
pub use config::{Context, ContextInfo, TalosConfig};
pub use cosi::{
    Disk, ExtensionStatus, HostnameStatus, LinkStatus, LocalEtcdMember, MachineStatus, Member,
    NodeAddress, Nodename, Resource, SecurityState, SystemInformation,
};
pub use events::{Event, EventKind, EventOptions, EventStream};
pub use lifecycle::{
    AppliedConfiguration, ApplyMode, ApplyOptions, BootstrapOptions, ClientCredentials, RebootMode,
    ResetOptions, ResetScope, UpgradeOptions,
};
pub use machine::{
    Connection, Container, ContainerStats, ControllerDependency, CpuFrequency, DiskCounters,
    DiskStats, EtcdAlarm, EtcdMember, EtcdStatus, LoadAverage, Memory, Mount, NetstatOptions,
    NetworkCounters, NetworkStats, NodeTime, Process, Processor, Service, StorageDisk, SystemStat,
    Version,
};
pub use node::NodeClient;
pub use nodes::NodesClient;
pub use options::ClientOptions;
pub use raw::RawClients;
pub use snapshot::{Snapshot, SnapshotProgress};
pub use streams::{
    BpfInstruction, CaptureOptions, CaptureProgress, ContainerNamespace, Copied, CopyOptions,
    CopyProgress, DiskUsage, DiskUsageOptions, DmesgOptions, FileInfo, FileKind, KernelMessage,
    ListOptions, LogOptions, LogStream, PacketCapture, SkippedFile,
};
pub use transport::EndpointHealth;

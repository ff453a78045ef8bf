//! A typed client for the Proxmox VE API.
//!
//! The words here are Proxmox's own: a *node* is a host that runs Proxmox VE.
//!
//! ```no_run
//! # async fn example() -> homelab_core::Result<()> {
//! use proxmox_client::ProxmoxClient;
//!
//! let pve = ProxmoxClient::builder()
//!     .endpoint("https://pve1.lan:8006")
//!     .endpoint("https://pve2.lan:8006") // used when the first does not answer
//!     .token("monitor@pve!lab", std::env::var("PVE_SECRET").unwrap_or_default())
//!     .fingerprint("A1:EC:16:EE:53:69:DA:69:D8:64:D7:01:22:71:C8:D8:80:48:91:D7:D1:C6:22:6F:4A:B5:18:D8:BA:FF:D3:2A")
//!     .build()?;
//!
//! for row in pve.cluster().resources(None).await? {
//!     println!("{} {:?}", row.id, row.status);
//! }
//! let config = pve.node("pve1").qemu(100).config().await?;
//! let task = pve.node("pve1").qemu(100).start().await?;
//! task.wait(Default::default()).await?; // a lock that passes is waited for
//! # Ok(())
//! # }
//! ```
//!
//! | start here | for |
//! |---|---|
//! | [`ProxmoxClient::builder`] | credentials, trust, endpoints |
//! | [`ProxmoxClient::node`], [`ProxmoxClient::cluster`], [`ProxmoxClient::access`] | the calls people make most |
//! | [`ProxmoxClient::guest`] | a guest, wherever it is |
//! | [`ProxmoxClient::send`], [`ProxmoxClient::send_task`] | every typed request of `proxmox-endpoints` |
//! | [`ProxmoxClient::send_as`] | the same, into a type of your own |
//! | [`ProxmoxClient::request`] | anything else, as JSON |
//! | [`ProxmoxClient::preflight`] | which privileges a call lacks |
//! | [`Task`] | what a started action becomes: wait, progress, log, cancel |
//!
//! # What the client does on its own
//!
//! * **Endpoints**: any node serves the whole API. A connection that cannot be
//!   made moves any call to the next endpoint; after that only reads move. An
//!   endpoint that failed is left alone for a few seconds, growing, so it
//!   costs its connect timeout once.
//! * **Trust**: certificates are always verified, against a CA, the system's
//!   roots or pinned fingerprints; the error shows the fingerprint that was seen.
//! * **Tickets** are renewed at 90 of their 120 minutes; a call that is turned
//!   away with an expired one logs in anew and is repeated once. A
//!   [`SecondFactor`] answers where the server asks for one.
//! * **Limits**: at most four calls at once are made to a node, since a node
//!   works on three; every call has a deadline; an answer's size is bounded.
//! * **Errors** carry the server's own words (which this API sends in the HTTP
//!   reason phrase) and a kind that says what they mean.
//!
//! * **Locks** that pass are waited for: those that the call meets within its
//!   deadline, those that only its task meets by [`Task::wait`], which makes
//!   the call again.
//! * **Quorum** is looked at before a guest is deleted: without, the server
//!   would delete its disks and keep its configuration.
//!
//! No call is retried when the first try may have changed something.

mod agent;
mod answer;
mod auth;
mod backup;
mod builder;
mod call;
mod client;
mod cloud_init;
mod console;
mod download;
mod errors;
mod face;
mod first_contact;
mod follow;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod iso;
mod locate;
mod locks;
mod privileges;
mod quorum;
mod recipes;
mod release;
mod task;
mod tls;
mod transport;
mod upload;
mod vmid;

pub use agent::{
    Agent, AgentAvailability, AgentFile, AgentInfo, ExecOptions, ExecOutput, ExecStatus,
    FreezeStatus, GuestAddress, GuestInterface,
};
pub use auth::{SecondFactor, SecondFactorAnswer, SecondFactorChallenge};
pub use backup::{BackupCompression, BackupMode, BackupOptions, RestoreOptions};
pub use builder::ProxmoxClientBuilder;
pub use client::ProxmoxClient;
pub use cloud_init::CloudInitPart;
pub use console::{Terminal, TerminalReader, TerminalWriter, Vnc};
pub use download::{BackupEntry, DownloadOptions, DownloadProgress, Downloaded, JournalQuery};
pub use face::{
    Access, Ceph, Cluster, ClusterNode, ClusterStatus, DataLoss, DestroyScope, Firewall, Guest, Ha,
    Lxc, Node, NodeAffinity, NodeStorage, Pending, PendingTask, Pool, Qemu, Sdn, Storage,
};
pub use first_contact::ServerCertificate;
pub use iso::CidataIso;
pub use locate::{GuestKind, GuestPlace};
pub use privileges::{MissingPrivilege, Preflight};
pub use proxmox_endpoints as endpoints;
pub use proxmox_endpoints::{Endpoint, Method, Params, Upid};
pub use recipes::{MadeGuest, RecipeProgress, TalosGuest};
pub use release::Release;
pub use task::{Task, TaskOutcome, TaskProgress, WaitOptions};
pub use transport::EndpointHealth;
pub use upload::{
    Checksum, ChecksumAlgorithm, FetchOptions, StoredContent, UploadOptions, UploadProgress,
    UploadSource, UrlMetadata, VolumeTask,
};

//! The living lab: one look at Proxmox VE and Talos together, joined into one
//! topology, with what breaks and the smallest change that mends it.
//!
//! ```no_run
//! # async fn f() -> homelab_core::Result<()> {
//! use homelab::{Credentials, Lab, report};
//!
//! let lab = Lab::from_file("homelab.yaml")?.connect(Credentials::from_env()?).await?;
//! let seen = lab.observe().await?;
//! println!("{}", report::text(&seen, &report::TextOptions::default()));
//!
//! let snapshot = lab.cluster("kubernetes")?.etcd_snapshot("backups", |_| {}).await?;
//! println!("{}", snapshot.path.display());
//! # Ok(())
//! # }
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`lab`] | [`Lab`]: the inventory and what follows from it alone |
//! | [`credentials`] | [`Credentials`]: from variables or a builder |
//! | [`live`] | [`LiveLab`]: the clients, and [`observe`](LiveLab::observe) |
//! | [`seen`] | [`Seen`]: observation, topology, findings |
//! | [`cluster`] | [`ClusterHandle`]: acting on one Talos cluster |
//! | [`report`] | text, JSON, Mermaid, HTML |
//!
//! What belongs here: putting the clients' answers into the model's words, and
//! the model's results into reports. What must never be here: rules about labs
//! (they are in `homelab-model`) and knowledge of a wire (in the clients).

pub mod cluster;
pub mod credentials;
mod files;
pub mod lab;
pub mod live;
mod observe;
pub mod report;
pub mod seen;

pub use cluster::ClusterHandle;
pub use credentials::Credentials;
pub use lab::Lab;
pub use live::{ConnectOptions, LiveLab};
pub use observe::ObserveOptions;
pub use seen::Seen;

pub use homelab_core::{Error, ErrorKind, Result};
pub use homelab_model as model;

/// The README's Rust, compiled as a doc test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

//! Machine configuration: read, patched, compared and written without losing
//! what this crate does not know.
//!
//! | file | what |
//! |---|---|
//! | `config.rs` | the documents: the `v1alpha1` one and those of other kinds |
//! | `patch.rs` | patches, told apart and applied |
//! | `merge.rs` | strategic merge: lists by key |
//! | `delete.rs` | `$patch: delete` |
//! | `json_patch.rs` | JSON patch (RFC 6902) |
//! | `view/` | the parts that the rest of the SDK needs, as typed data |
//! | `cluster.rs` | configurations for a new cluster |
//! | `cluster_documents.rs` | what stands in them |
//! | `running.rs` | the configuration of a node, and what another would change |
//! | `diff.rs` | what differs between two configurations, secrets masked |
//!
//! Order, unknown keys, unknown documents and the spelling of scalars survive;
//! comments do not. Nothing but `running.rs` connects, and nothing validates: a
//! node does that.

mod cluster;
mod cluster_documents;
mod config;
mod delete;
mod diff;
mod json_patch;
mod mask;
mod merge;
mod patch;
mod running;
mod view;

pub use cluster::{ClusterOptions, NewCluster};
pub use config::{Document, MachineConfig};
pub use diff::{Change, ChangeKind};
pub use patch::Patch;
pub use running::ConfigurationPlan;
pub use view::{
    ClusterView, DiskEncryption, InstallView, InterfaceView, KubeletView, MachineConfigView,
};

#[cfg(test)]
mod tests;

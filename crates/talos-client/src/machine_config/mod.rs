//! Machine configuration: read, patched, compared and written without losing
//! what this crate does not know.
//!
//! | file | what |
//! |---|---|
//! | `config.rs` | the documents: the `v1alpha1` one and those of other kinds |
//! | `patch.rs` | patches, told apart and applied |
//! | `merge.rs` | strategic merge: lists by key, `$patch: delete` |
//! | `json_patch.rs` | JSON patch (RFC 6902) |
//! | `view.rs` | the parts that the rest of the SDK needs, as typed data |
//! | `diff.rs` | what differs between two configurations, secrets masked |
//!
//! Order, unknown keys, unknown documents and the spelling of scalars survive;
//! comments do not. Nothing here connects or validates: a node does that.

mod config;
mod diff;
mod json_patch;
mod merge;
mod patch;
mod view;

pub use config::{Document, MachineConfig};
pub use diff::{Change, ChangeKind};
pub use patch::Patch;
pub use view::{
    ClusterView, DiskEncryption, InstallView, InterfaceView, KubeletView, MachineConfigView,
};

#[cfg(test)]
mod tests;

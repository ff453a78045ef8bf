//! Long actions on one node, from the order until the node is well again.
//!
//! Each is one call with a deadline, reports on the way, and ends in one of four
//! ways that the error's kind tells apart:
//!
//! | how it ends | kind |
//! |---|---|
//! | done | no error |
//! | time ran out | `Timeout`; the message says what was still missing |
//! | the node reached a bad state | `TaskFailed`; `FailedPrecondition` when it refused |
//! | nobody could look | the kind of what went wrong: `PermissionDenied`, `Untrusted`, … |
//!
//! An order whose answer got lost on the way is never given twice: the node is
//! looked at, and its state decides. Whether the order went out at all, the
//! error says ([`was_sent`](homelab_core::Error::was_sent)).
//!
//! # Cancellation
//! Dropping a flow stops the looking. What has been ordered goes on.
//!
//! What concerns more than one node (draining, one control plane at a time,
//! guards of etcd's quorum) is not decided here.
//!
//! | file | what |
//! |---|---|
//! | `flow.rs` | deadline, reports and errors of a flow |
//! | `watch.rs` | a node's events, over reconnections |
//! | `look.rs` | boot id and machine status |
//! | `track.rs` | from an order to its end |
//! | `power.rs`, `upgrade.rs`, `etcd.rs` | the flows |

mod etcd;
mod flow;
mod look;
mod power;
mod track;
mod upgrade;
mod watch;

pub use etcd::EtcdStarted;
pub(crate) use flow::{Flow, passes};
pub use flow::{FlowOptions, FlowPhase, FlowProgress};
pub use power::{Rebooted, Stopped};
pub use upgrade::{UpgradePath, Upgraded};

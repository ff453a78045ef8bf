//! Is the cluster well? Asked of a node, or looked at from here.
//!
//! From here means: every node is asked for itself, so what is not well is named
//! with the node it is about, and a node that cannot be asked hides none of the
//! others. The sixteen checks and their order are those of `talosctl health`.
//!
//! | file | what |
//! |---|---|
//! | `server.rs` | the check that a control plane makes by itself |
//! | `cluster.rs` | which nodes there should be |
//! | `report.rs` | the checks by name, and what came of them |
//! | `nodes.rs`, `etcd.rs` | what Talos' API knows |
//! | `kubernetes/` | what Kubernetes' API knows (feature `kubernetes`) |
//! | `wait.rs` | looking once, and until all is well |
//!
//! Without the feature `kubernetes` its checks are skipped, which their messages say.

mod cluster;
mod etcd;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod nodes;
mod report;
mod server;
mod wait;

pub use cluster::HealthOptions;
pub use report::{CheckName, CheckOutcome, HealthCheck, HealthReport};
pub use server::HealthCheckOptions;

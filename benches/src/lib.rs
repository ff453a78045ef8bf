//! What the benches share: data of a realistic shape, the example lab, servers
//! that do nothing but send, contestants in processes of their own.

pub mod bbolt;
pub mod contest;
pub mod grpc;
pub mod http2;
mod resources;
pub mod usage;

pub use resources::cluster_resources;

/// The example lab of this repository: a file for `Lab::from_file`.
pub const EXAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../examples/labs/ragas/homelab.yaml"
);

//! The topology: one picture of the lab, joined from what is written down and
//! what was seen.

mod types;

pub use types::{
    Address, Cluster, Disk, Guest, Host, Join, Member, Mismatch, Node, Owner, Pool, Storage,
    Topology,
};

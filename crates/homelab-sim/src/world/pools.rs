//! Resource pools of the PVE cluster: guests and storages under one name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A resource pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourcePool {
    /// What somebody wrote about it.
    pub comment: Option<String>,
    /// Guests in it, by VMID; those that do not exist are kept.
    pub vmids: Vec<u32>,
    /// Storages in it, by id.
    pub storages: Vec<String>,
}

/// All pools by name; `a/b` lies in `a`.
pub type ResourcePools = BTreeMap<String, ResourcePool>;

/// The pool that a guest is in.
pub fn pool_of(pools: &ResourcePools, vmid: u32) -> Option<&str> {
    let mut all = pools.iter();
    let found = all.find(|(_, pool)| pool.vmids.contains(&vmid))?;
    Some(found.0)
}

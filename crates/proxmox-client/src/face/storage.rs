//! `pve.storage("nfs")`: a storage's definition, which all nodes share.

use proxmox_endpoints::{DeleteStorage, GetStorage, UpdateStorage};

use crate::{Pending, ProxmoxClient};

/// A storage's definition. What is on it, and how it is, each node tells of
/// itself: [`NodeStorage`](crate::NodeStorage).
#[derive(Clone, Debug)]
pub struct Storage {
    client: ProxmoxClient,
    name: String,
}

impl Storage {
    pub(crate) fn new(client: ProxmoxClient, name: String) -> Self {
        Storage { client, name }
    }

    /// Its definition.
    pub fn get(&self) -> Pending<GetStorage> {
        Pending::new(&self.client, GetStorage::new(&self.name))
    }

    /// Changes its definition.
    pub fn update(&self) -> Pending<UpdateStorage> {
        Pending::new(&self.client, UpdateStorage::new(&self.name))
    }

    /// Deletes its definition; what is on it stays.
    pub fn delete(&self) -> Pending<DeleteStorage> {
        Pending::new(&self.client, DeleteStorage::new(&self.name))
    }
}

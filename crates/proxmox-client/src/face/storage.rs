//! `pve.storage("nfs")`: a storage's definition, which all nodes share.

use proxmox_endpoints::{
    CreateStorage, DeleteStorage, GetStorage, StorageIdentityTypeKind, UpdateStorage,
};

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

    /// Defines it; what its kind needs (`path`, `server`, `pool`, …) are fields
    /// of the request.
    pub fn create(&self, kind: StorageIdentityTypeKind) -> Pending<CreateStorage> {
        Pending::new(&self.client, CreateStorage::new(&self.name, kind))
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

//! `pve.pools()`, `pve.pool("lab")`: pools of guests and storages.

use homelab_core::{Error, ErrorKind, Result, Sent};
use proxmox_endpoints::{CreatePool, DeletePool, ListPools, Pool as PoolRow, UpdatePool};

use crate::{Pending, ProxmoxClient};

/// A pool of guests and storages. Nested ones read `a/b`.
#[derive(Clone, Debug)]
pub struct Pool {
    client: ProxmoxClient,
    name: String,
}

impl Pool {
    pub(crate) fn new(client: ProxmoxClient, name: String) -> Self {
        Pool { client, name }
    }

    /// The pool with its guests and storages (8.1 and later).
    ///
    /// # Errors
    /// `NotFound` when there is none of this name; otherwise see
    /// [`ProxmoxClient::send`].
    pub async fn get(&self) -> Result<PoolRow> {
        let request = ListPools {
            poolid: Some(self.name.clone()),
            ..ListPools::new()
        };
        let mut rows = self.client.send(&request).await?;
        if rows.is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("no pool is named '{}'", self.name),
            )
            .sent(Sent::Yes)
            .operation("GET /pools"));
        }
        Ok(rows.swap_remove(0))
    }

    /// Makes it, empty.
    pub fn create(&self) -> Pending<CreatePool> {
        Pending::new(&self.client, CreatePool::new(&self.name))
    }

    /// Adds guests (`vms`) and storages, or with `delete` takes them out.
    pub fn update(&self) -> Pending<UpdatePool> {
        Pending::new(&self.client, UpdatePool::new(&self.name))
    }

    /// Deletes it. It must be empty.
    pub fn delete(&self) -> Pending<DeletePool> {
        Pending::new(&self.client, DeletePool::new(&self.name))
    }
}

//! `ProxmoxStorageDefinition`, `ProxmoxPoolDefinition`: definitions that all nodes share.

use homelab_core::Result;
use proxmox_client::endpoints::{
    CreatePool, CreateStorage, DeletePool, DeleteStorage, GetStorage, UpdatePool, UpdateStorage,
};

use super::place::Place;
use crate::handle::no_method;
use crate::reply::data;
use crate::{Args, Reply};

pub(crate) async fn storage(place: &Place, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "name" => data(place.value("storage")),
        "get" => place.data::<GetStorage>(args).await,
        "create" => place.done::<CreateStorage>(args).await,
        "update" => place.done::<UpdateStorage>(args).await,
        "delete" => place.done::<DeleteStorage>(args).await,
        _ => Err(no_method("ProxmoxStorageDefinition", method)),
    }
}

pub(crate) async fn pool(place: &Place, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "name" => data(place.value("poolid")),
        "get" => data(&place.pve.pool(place.value("poolid")).get().await?),
        "create" => place.done::<CreatePool>(args).await,
        "update" => place.done::<UpdatePool>(args).await,
        "delete" => place.done::<DeletePool>(args).await,
        _ => Err(no_method("ProxmoxPoolDefinition", method)),
    }
}

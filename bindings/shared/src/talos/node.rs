//! One node: where its chain of topics begins.

use homelab_core::Result;
use talos_client::NodeClient;

use super::reads::reads;
use crate::reply::data;
use crate::{Args, Reply};

pub(crate) async fn node(node: &NodeClient, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "name" => data(&node.name()),
        "version" => data(&node.version().await?),
        "services" => data(&node.services().await?),
        "memory" => data(&node.memory().await?),
        "system_stat" => data(&node.system_stat().await?),
        _ => Box::pin(reads(node, method, args)).await,
    }
}

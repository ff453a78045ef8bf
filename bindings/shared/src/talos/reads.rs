//! What a node tells about itself: load, processes, disks, network, time.

use homelab_core::Result;
use talos_client::{NetstatOptions, NodeClient};

use super::resources::resources;
use crate::reply::data;
use crate::{Args, Reply};

pub(super) async fn reads(node: &NodeClient, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "kernel_hostname" => data(&node.kernel_hostname().await?),
        "load_average" => data(&node.load_average().await?),
        "processors" => data(&node.processors().await?),
        "cpu_frequencies" => data(&node.cpu_frequencies().await?),
        "disk_stats" => data(&node.disk_stats().await?),
        "network_stats" => data(&node.network_stats().await?),
        "mounts" => data(&node.mounts().await?),
        "processes" => data(&node.processes().await?),
        "containers" => data(&node.containers(args.take_or_default("namespace")?).await?),
        "container_stats" => data(
            &node
                .container_stats(args.take_or_default("namespace")?)
                .await?,
        ),
        "netstat" => data(&node.netstat(netstat(args)?).await?),
        "time" => data(&node.time().await?),
        "time_check" => data(&node.time_check(&args.take::<String>("server")?).await?),
        "storage_disks" => data(&node.storage_disks().await?),
        "controller_dependencies" => data(&node.controller_dependencies().await?),
        _ => Box::pin(resources(node, method, args)).await,
    }
}

pub(super) fn netstat(args: &mut Args) -> Result<NetstatOptions> {
    let mut options = NetstatOptions::default();
    options.listening = args.take_or_default("listening")?;
    options.all_protocols = args.take_or_default("all_protocols")?;
    options.all_namespaces = args.take_or_default("all_namespaces")?;
    Ok(options)
}

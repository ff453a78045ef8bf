//! Several nodes.

use homelab_core::Result;
use talos_client::NodesClient;

use super::reads::netstat;
use crate::handle::no_method;
use crate::reply::{data, per_node};
use crate::{Args, Reply};

pub(crate) async fn nodes(nodes: &NodesClient, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "version" => per_node(&nodes.version().await),
        "services" => per_node(&nodes.services().await),
        "memory" => per_node(&nodes.memory().await),
        "system_stat" => per_node(&nodes.system_stat().await),
        "etcd_members" => per_node(&nodes.etcd_members().await),
        "etcd_status" => per_node(&nodes.etcd_status().await),
        "members" => per_node(&nodes.each(|n| async move { n.members().await }).await),
        "machine_status" => per_node(
            &nodes
                .each(|n| async move { n.machine_status().await })
                .await,
        ),
        "hostname" => per_node(&nodes.each(|n| async move { n.hostname().await }).await),
        "links" => per_node(&nodes.each(|n| async move { n.links().await }).await),
        "disks" => per_node(&nodes.each(|n| async move { n.disks().await }).await),
        "extensions" => per_node(&nodes.each(|n| async move { n.extensions().await }).await),
        "names" => data(&nodes.iter().filter_map(|n| n.name()).collect::<Vec<_>>()),
        "load_average" => per_node(&nodes.load_average().await),
        "processors" => per_node(&nodes.processors().await),
        "cpu_frequencies" => per_node(&nodes.cpu_frequencies().await),
        "disk_stats" => per_node(&nodes.disk_stats().await),
        "network_stats" => per_node(&nodes.network_stats().await),
        "mounts" => per_node(&nodes.mounts().await),
        "processes" => per_node(&nodes.processes().await),
        "time" => per_node(&nodes.time().await),
        "storage_disks" => per_node(&nodes.storage_disks().await),
        "kernel_hostname" => per_node(&nodes.kernel_hostname().await),
        "etcd_alarms" => per_node(&nodes.etcd_alarms().await),
        "logs_containers" => per_node(&nodes.logs_containers().await),
        "netstat" => per_node(&nodes.netstat(netstat(args)?).await),
        "containers" => per_node(&nodes.containers(args.take_or_default("namespace")?).await),
        "container_stats" => per_node(
            &nodes
                .container_stats(args.take_or_default("namespace")?)
                .await,
        ),
        "images" => {
            let namespace = args.take_or_default("namespace")?;
            per_node(
                &nodes
                    .each(|n| async move { n.images(namespace).await })
                    .await,
            )
        }
        _ => Err(no_method("TalosNodes", method)),
    }
}

//! Calls meant for several nodes.
//!
//! One call per node, each with its own deadline and its own result. The
//! server could merge answers itself, but then one dead node delays all and
//! its error arrives disguised as an answer; newer releases advise against it.

use std::future::Future;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use homelab_core::{PerNode, Result};

use crate::cosi::{ResourceType, Typed};
use crate::machine::{
    Connection, Container, ContainerStats, CpuFrequency, DiskStats, EtcdAlarm, EtcdMember,
    EtcdStatus, LoadAverage, Memory, Mount, NetstatOptions, NetworkStats, NodeTime, Process,
    Processor, Service, StorageDisk, SystemStat, Version,
};
use crate::node::NodeClient;
use crate::streams::ContainerNamespace;

/// Calls meant for several nodes: every result holds every node, in the order asked.
///
/// At most [`max_in_flight`](crate::ClientOptions::max_in_flight) calls run at
/// the same time.
#[derive(Clone, Debug)]
pub struct NodesClient {
    nodes: Vec<NodeClient>,
}

impl NodesClient {
    pub(crate) fn new(nodes: Vec<NodeClient>) -> Self {
        NodesClient { nodes }
    }

    /// Each of the nodes.
    pub fn iter(&self) -> impl Iterator<Item = &NodeClient> {
        self.nodes.iter()
    }

    /// Asks each node `question`; for calls that have no method here.
    ///
    /// ```no_run
    /// # async fn example(talos: talos_client::TalosClient) {
    /// let links = talos
    ///     .nodes(["172.16.1.50", "172.16.1.51"])
    ///     .each(|node| async move { node.links().await })
    ///     .await;
    /// # }
    /// ```
    pub async fn each<T, F>(&self, question: impl Fn(NodeClient) -> F) -> PerNode<T>
    where
        F: Future<Output = Result<T>>,
    {
        join_all(self.nodes.iter().map(|node| {
            let name = node.target().to_owned();
            question(node.clone()).map(|answer| (name, answer))
        }))
        .await
        .into_iter()
        .collect()
    }

    /// [`NodeClient::version`] of each.
    pub async fn version(&self) -> PerNode<Version> {
        self.each(|node| async move { node.version().await }).await
    }

    /// [`NodeClient::services`] of each.
    pub async fn services(&self) -> PerNode<Vec<Service>> {
        self.each(|node| async move { node.services().await }).await
    }

    /// [`NodeClient::memory`] of each.
    pub async fn memory(&self) -> PerNode<Memory> {
        self.each(|node| async move { node.memory().await }).await
    }

    /// [`NodeClient::system_stat`] of each.
    pub async fn system_stat(&self) -> PerNode<SystemStat> {
        self.each(|node| async move { node.system_stat().await })
            .await
    }

    /// [`NodeClient::etcd_members`] of each: do they agree?
    pub async fn etcd_members(&self) -> PerNode<Vec<EtcdMember>> {
        self.each(|node| async move { node.etcd_members().await })
            .await
    }

    /// [`NodeClient::etcd_status`] of each.
    pub async fn etcd_status(&self) -> PerNode<EtcdStatus> {
        self.each(|node| async move { node.etcd_status().await })
            .await
    }

    /// [`NodeClient::load_average`] of each.
    pub async fn load_average(&self) -> PerNode<LoadAverage> {
        self.each(|node| async move { node.load_average().await })
            .await
    }

    /// [`NodeClient::processors`] of each.
    pub async fn processors(&self) -> PerNode<Vec<Processor>> {
        self.each(|node| async move { node.processors().await })
            .await
    }

    /// [`NodeClient::cpu_frequencies`] of each.
    pub async fn cpu_frequencies(&self) -> PerNode<Vec<CpuFrequency>> {
        self.each(|node| async move { node.cpu_frequencies().await })
            .await
    }

    /// [`NodeClient::disk_stats`] of each.
    pub async fn disk_stats(&self) -> PerNode<DiskStats> {
        self.each(|node| async move { node.disk_stats().await })
            .await
    }

    /// [`NodeClient::network_stats`] of each.
    pub async fn network_stats(&self) -> PerNode<NetworkStats> {
        self.each(|node| async move { node.network_stats().await })
            .await
    }

    /// [`NodeClient::mounts`] of each.
    pub async fn mounts(&self) -> PerNode<Vec<Mount>> {
        self.each(|node| async move { node.mounts().await }).await
    }

    /// [`NodeClient::processes`] of each.
    pub async fn processes(&self) -> PerNode<Vec<Process>> {
        self.each(|node| async move { node.processes().await })
            .await
    }

    /// [`NodeClient::time`] of each.
    pub async fn time(&self) -> PerNode<NodeTime> {
        self.each(|node| async move { node.time().await }).await
    }

    /// [`NodeClient::storage_disks`] of each.
    pub async fn storage_disks(&self) -> PerNode<Vec<StorageDisk>> {
        self.each(|node| async move { node.storage_disks().await })
            .await
    }

    /// [`NodeClient::kernel_hostname`] of each.
    pub async fn kernel_hostname(&self) -> PerNode<String> {
        self.each(|node| async move { node.kernel_hostname().await })
            .await
    }

    /// [`NodeClient::logs_containers`] of each.
    pub async fn logs_containers(&self) -> PerNode<Vec<String>> {
        self.each(|node| async move { node.logs_containers().await })
            .await
    }

    /// [`NodeClient::etcd_alarms`] of each.
    pub async fn etcd_alarms(&self) -> PerNode<Vec<EtcdAlarm>> {
        self.each(|node| async move { node.etcd_alarms().await })
            .await
    }

    /// [`NodeClient::containers`] of each.
    pub async fn containers(&self, namespace: ContainerNamespace) -> PerNode<Vec<Container>> {
        self.each(|node| async move { node.containers(namespace).await })
            .await
    }

    /// [`NodeClient::container_stats`] of each.
    pub async fn container_stats(
        &self,
        namespace: ContainerNamespace,
    ) -> PerNode<Vec<ContainerStats>> {
        self.each(|node| async move { node.container_stats(namespace).await })
            .await
    }

    /// [`NodeClient::netstat`] of each.
    pub async fn netstat(&self, options: NetstatOptions) -> PerNode<Vec<Connection>> {
        self.each(|node| async move { node.netstat(options).await })
            .await
    }

    /// [`NodeClient::list`] of each.
    pub async fn list<R: ResourceType>(&self) -> PerNode<Vec<Typed<R>>> {
        self.each(|node| async move { node.list::<R>().await })
            .await
    }
}

//! Calls meant for several nodes.
//!
//! One call per node, each with its own deadline and its own result. The
//! server could merge answers itself, but then one dead node delays all and
//! its error arrives disguised as an answer; newer releases advise against it.

use std::future::Future;

use futures_util::future::join_all;
use homelab_core::{PerNode, Result};

use crate::cosi::{ResourceType, Typed};
use crate::machine::{EtcdMember, EtcdStatus, Memory, Service, SystemStat, Version};
use crate::node::NodeClient;

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
            let answer = question(node.clone());
            async move { (name, answer.await) }
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

    /// [`NodeClient::list`] of each.
    pub async fn list<R: ResourceType>(&self) -> PerNode<Vec<Typed<R>>> {
        self.each(|node| async move { node.list::<R>().await })
            .await
    }
}

//! One Talos cluster of the lab, to do something with.

use std::path::Path;
use std::sync::Arc;

use homelab_core::{Clock, Error, ErrorKind, Result, Sent};
use homelab_model::inventory::{ClusterSpec, NodeRole};
use talos_client::{Snapshot, SnapshotProgress, TalosClient};

use crate::live::TalosWorld;

/// One Talos cluster. Made by [`LiveLab::cluster`](crate::LiveLab::cluster).
#[derive(Clone, Debug)]
pub struct ClusterHandle {
    name: String,
    /// Addresses of the control planes, in the inventory's order.
    control_planes: Vec<String>,
    client: TalosClient,
    clock: Arc<dyn Clock>,
}

impl ClusterHandle {
    pub(crate) fn new(spec: &ClusterSpec, world: &TalosWorld, clock: Arc<dyn Clock>) -> Self {
        let mut control_planes: Vec<String> = spec
            .nodes
            .iter()
            .filter(|n| n.role == NodeRole::ControlPlane)
            .filter_map(|n| n.address.clone())
            .collect();
        if control_planes.is_empty() {
            control_planes.clone_from(&world.context.nodes);
        }
        ClusterHandle {
            name: spec.name.clone(),
            control_planes,
            client: world.client.clone(),
            clock,
        }
    }

    /// The cluster's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The client that reaches it.
    pub fn talos(&self) -> &TalosClient {
        &self.client
    }

    /// Takes a snapshot of etcd into `folder`, named `<cluster>-<time>.db`, from
    /// a healthy member, and falls over to the next member when one fails.
    ///
    /// Members that follow a leader are asked first, and of these the leader
    /// last, since it has most to do. The file is checked (its size and the
    /// SHA-256 that etcd appends) before it appears under its name; a snapshot
    /// that fails leaves no file.
    ///
    /// `on_progress` gets the bytes so far; they start over with another member.
    ///
    /// # Errors
    /// `InvalidArgument`: `folder` is no folder. `PartialFailure` with each
    /// member's own error when none gave a good snapshot; when only one was
    /// there to ask, that one's error.
    ///
    /// # Cancellation
    /// Dropping the future stops the stream and removes the unfinished file.
    pub async fn etcd_snapshot(
        &self,
        folder: impl AsRef<Path>,
        mut on_progress: impl FnMut(SnapshotProgress) + Send,
    ) -> Result<Snapshot> {
        let folder = folder.as_ref();
        if !folder.is_dir() {
            let message = format!("{} is not a folder", folder.display());
            return Err(Error::new(ErrorKind::InvalidArgument, message).operation("EtcdSnapshot"));
        }
        let file = folder.join(format!("{}-{}.db", self.file_name(), self.time()));
        let mut failures = Vec::new();
        for member in self.members().await {
            match self
                .client
                .node(&member)
                .etcd_snapshot(&file, &mut on_progress)
                .await
            {
                Ok(snapshot) => return Ok(snapshot),
                // The disk is full or the folder may not be written: the next
                // member would end the same way.
                Err(error) if error.kind() == ErrorKind::Io => return Err(error),
                Err(error) => failures.push((member, error)),
            }
        }
        let tried = failures.len();
        match failures.pop() {
            None => Err(Error::new(
                ErrorKind::FailedPrecondition,
                format!("no control plane of {} is known", self.name),
            )
            .sent(Sent::No)
            .operation("EtcdSnapshot")),
            Some((_, error)) if tried == 1 => Err(error),
            Some(last) => {
                failures.push(last);
                let first = failures
                    .first()
                    .map(|(_, e)| e.to_string())
                    .unwrap_or_default();
                let message = format!(
                    "no member of {} gave a good snapshot ({tried} tried); first: {first}",
                    self.name
                );
                Err(Error::partial(message, failures).operation("EtcdSnapshot"))
            }
        }
    }

    /// Control planes, the most suitable first: followers, then the leader, then
    /// those without a leader or an answer.
    async fn members(&self) -> Vec<String> {
        let nodes = self
            .client
            .nodes(self.control_planes.iter().map(String::as_str));
        let answers = nodes.etcd_status().await;
        let mut ranked: Vec<(u8, String)> = answers
            .iter()
            .map(|(node, status)| {
                let rank = match status {
                    Ok(s) if s.leader_id.is_none() => 2,
                    Ok(s) if s.leader_id.as_ref() == Some(&s.member_id) => 1,
                    Ok(_) => 0,
                    Err(_) => 3,
                };
                (rank, node.to_owned())
            })
            .collect();
        // Stable: within a rank the inventory's order stays.
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.into_iter().map(|(_, node)| node).collect()
    }

    /// The name without what a file name should not hold.
    fn file_name(&self) -> String {
        self.name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') {
                    c
                } else {
                    '_'
                }
            })
            .collect()
    }

    /// `20261122T204524Z`.
    fn time(&self) -> String {
        jiff::Timestamp::try_from(self.clock.now())
            .map(|t| t.strftime("%Y%m%dT%H%M%SZ").to_string())
            .unwrap_or_default()
    }
}

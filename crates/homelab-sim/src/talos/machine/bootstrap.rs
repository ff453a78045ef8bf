//! How etcd of a cluster begins: anew, or from a snapshot that was uploaded.

use sha2::{Digest, Sha256};
use talos_proto::common::Data;
use talos_proto::machine as pb;
use tonic::{Status, Streaming};

use crate::talos::bbolt;
use crate::talos::local::Local;
use crate::world::{EtcdContent, Stage, State, TalosNode};

/// Bytes of the checksum behind a snapshot.
const SUM: usize = 32;

/// The largest snapshot that the simulator takes: it keeps it in memory.
const LARGEST: usize = 256 << 20;

/// Takes what comes; whether it is a snapshot, only the bootstrap finds out. A
/// failed upload leaves nothing.
pub(super) async fn upload(local: &Local, mut frames: Streaming<Data>) -> Result<(), Status> {
    let ready = local.node(|_, node| {
        if !node.control_plane() {
            return Err(Status::unimplemented("etcd does not run on worker nodes"));
        }
        Ok(node
            .service("kubelet")
            .is_some_and(|s| s.state == "Running"))
    })??;
    if !ready {
        return Err(Status::failed_precondition(
            "the EPHEMERAL partition is not ready",
        ));
    }
    local.change(|node| node.etcd_upload = None)?;
    let mut snapshot = Vec::new();
    while let Some(frame) = frames.message().await? {
        if snapshot.len() + frame.bytes.len() > LARGEST {
            return Err(Status::resource_exhausted("no space left on device"));
        }
        snapshot.extend_from_slice(&frame.bytes);
    }
    local.change(|node| node.etcd_upload = Some(snapshot))
}

/// Begins the cluster. The answer comes before a snapshot is looked at.
pub(super) fn bootstrap(local: &Local, request: pb::BootstrapRequest) -> Result<(), Status> {
    local.node(check)??;
    if !request.recover_etcd {
        local.change_state(|state| state.etcd_begin(&local.name, None));
        return Ok(());
    }
    let upload = local.change(|node| node.etcd_upload.take())?;
    let upload = upload
        .ok_or_else(|| Status::failed_precondition("no etcd snapshot was uploaded to this node"))?;
    let content = restore(&upload, request.recover_skip_hash_check);
    local.change_state(|state| match content {
        Ok(content) => state.etcd_begin(&local.name, Some(content)),
        Err(why) => state.etcd_recovery_failed(&local.name, &why),
    });
    Ok(())
}

/// Whether a node can begin its cluster.
fn check(_: &State, node: &TalosNode) -> Result<(), Status> {
    if !node.control_plane() {
        return Err(Status::unimplemented(
            "bootstrap can only be performed on a control plane node",
        ));
    }
    if node.etcd_data.is_some() {
        return Err(Status::already_exists("etcd data directory is not empty"));
    }
    if node.stage == Stage::Maintenance || !State::etcd_waits(node) {
        return Err(Status::failed_precondition(
            "bootstrap is not available yet",
        ));
    }
    let authority = node.config.as_ref().is_some_and(|c| c.etcd_ca);
    if node.since(14) && !authority {
        return Err(Status::invalid_argument("the config has no etcd CA"));
    }
    Ok(())
}

/// What is in a snapshot: a database and the checksum of it. The copy of a
/// database has no checksum, and then it must not be asked for.
fn restore(snapshot: &[u8], skip_hash_check: bool) -> Result<EtcdContent, String> {
    let summed = snapshot.len() % 512 == SUM;
    if !summed && !skip_hash_check {
        return Err("snapshot missing hash but --skip-hash-check=false".into());
    }
    let end = snapshot.len() - if summed { SUM } else { 0 };
    let (database, sum) = snapshot.split_at(end);
    if !skip_hash_check && Sha256::digest(database).as_slice() != sum {
        return Err("expected sha256 does not match the snapshot".into());
    }
    bbolt::read_keys(database).map(|revisions| EtcdContent { revisions })
}

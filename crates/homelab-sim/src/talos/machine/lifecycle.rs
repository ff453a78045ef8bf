//! Calls that change the machine: power, services, META, the first start of etcd.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tonic::Status;

use crate::shared::Shared;
use crate::world::{State, TalosNode, derive};

/// Between the answer and the end of the API.
const SEQUENCE: Duration = Duration::from_millis(100);

/// Room in the META partition.
const META_BYTES: usize = 256 << 10;

/// Shuts the node's machine down, and starts it again if asked to. The answer,
/// an action's id, comes before.
pub(super) fn power(shared: &Shared, hostname: &str, again: bool) -> Result<String, Status> {
    let (vmid, actor) = shared.world.read(|state| {
        let node = state.node(hostname);
        let vmid = node.and_then(|n| n.vmid);
        let label = format!("{hostname}/action/{}", shared.world.revision());
        (vmid, derive::uuid(state.seed, &label))
    });
    let vmid = vmid.ok_or_else(|| Status::unimplemented("only guests can be switched"))?;
    let world = shared.world.clone();
    shared.world.spawn(async move {
        world.sleep(SEQUENCE).await;
        // Somebody else may have switched the guest meanwhile; then that holds.
        if world.guest_stop(vmid).is_ok() && again {
            let _ = world.guest_start(vmid);
        }
    });
    Ok(actor)
}

/// Brings a service into a state.
pub(super) fn service(
    state: &mut State,
    hostname: &str,
    id: &str,
    running: bool,
) -> Result<(), Status> {
    let service = state
        .node_mut(hostname)
        .and_then(|node| node.services.iter_mut().find(|s| s.id == id))
        .ok_or_else(|| Status::not_found(format!("service {id:?} not defined")))?;
    if matches!(id, "machined" | "apid" | "trustd" | "udevd") && !running {
        return Err(Status::unknown(format!(
            "service {id:?} doesn't support stop operation via API"
        )));
    }
    let word = if running { "Running" } else { "Finished" };
    word.clone_into(&mut service.state);
    service.healthy = service.healthy.map(|_| running);
    Ok(())
}

/// Bootstrap happens once; the lab's clusters have had theirs.
pub(super) fn bootstrap(_: &State, node: &TalosNode) -> Status {
    if node.control_plane() {
        Status::already_exists("etcd data directory is not empty")
    } else {
        Status::unimplemented("bootstrap can only be performed on a control plane node")
    }
}

/// The META partition of a node; it outlives reboots.
#[derive(Clone, Debug, Default)]
pub(super) struct Meta(Arc<Mutex<BTreeMap<u8, Vec<u8>>>>);

impl Meta {
    fn key(key: u32) -> Result<u8, Status> {
        u8::try_from(key).map_err(|_| Status::invalid_argument("key must be a uint8"))
    }

    pub(super) fn write(&self, key: u32, value: Vec<u8>) -> Result<(), Status> {
        let key = Meta::key(key)?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let others: usize = all
            .iter()
            .filter(|(k, _)| **k != key)
            .map(|(_, v)| v.len())
            .sum();
        if others + value.len() > META_BYTES {
            return Err(Status::resource_exhausted("meta write failed"));
        }
        all.insert(key, value);
        Ok(())
    }

    pub(super) fn delete(&self, key: u32) -> Result<(), Status> {
        let key = Meta::key(key)?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&key)
            .map(|_| ())
            .ok_or_else(|| Status::not_found("meta key not found"))
    }
}

//! Calls that change the machine: power, reset, upgrade, services, META.

use talos_proto::machine as pb;
use talos_proto::machine::reset_request::WipeMode;
use tonic::Status;

use crate::faults::Fault;
use crate::talos::local::Local;
use crate::world::{ImageDefect, Order, Reference, State, TalosNode, Wipe};

/// Room in the META partition.
const META_BYTES: usize = 256 << 10;

/// Tells the node to do something. The answer, an action's id, comes before,
/// and even when the node refuses because it is busy.
pub(super) fn order(local: &Local, order: Order) -> Result<String, Status> {
    let actor = local.actor();
    local.node(|_, _| ())?;
    local.change_state(|state| state.order(&local.name, order, &actor));
    Ok(actor)
}

pub(super) fn reboot(local: &Local, request: pb::RebootRequest) -> Result<String, Status> {
    let force = request.mode() == pb::reboot_request::Mode::Force && local.since(12)?;
    order(local, Order::Reboot { force })
}

pub(super) fn reset(local: &Local, request: &pb::ResetRequest) -> Result<String, Status> {
    let labels = &request.system_partitions_to_wipe;
    let disks = &request.user_disks_to_wipe;
    let mode = WipeMode::try_from(request.mode)
        .map_err(|_| Status::invalid_argument(format!("unknown mode {}", request.mode)))?;
    match mode {
        WipeMode::UserDisks if !labels.is_empty() => {
            return Err(Status::unknown(
                "reset failed: system partitions cannot be wiped when only user disks are",
            ));
        }
        WipeMode::SystemDisk if !disks.is_empty() => {
            return Err(Status::unknown(
                "reset failed: user disks cannot be wiped when only the system disk is",
            ));
        }
        _ => {}
    }
    local.node(|state, node| {
        let devices = state.disks_of(node);
        let system = format!("/dev/{}", node.system_disk());
        for disk in disks {
            if *disk == system {
                return Err(Status::unknown(format!("disk {disk} is the system disk")));
            }
            if !devices.iter().any(|d| format!("/dev/{}", d.name) == *disk) {
                return Err(Status::unknown(format!("disk {disk} not found")));
            }
        }
        Ok(())
    })??;
    order(
        local,
        Order::Reset(Wipe {
            graceful: request.graceful,
            reboot: request.reboot,
            system_disk: mode != WipeMode::UserDisks,
            labels: labels
                .iter()
                .filter(|l| l.wipe)
                .map(|l| l.label.clone())
                .collect(),
            user_disks: disks.clone(),
        }),
    )
}

pub(super) fn upgrade(local: &Local, request: &pb::UpgradeRequest) -> Result<String, Status> {
    let image = &request.image;
    if Reference::parse(image).is_none() {
        return Err(Status::invalid_argument(format!(
            "invalid image reference {image:?}"
        )));
    }
    local.node(|state, node| {
        if node.installed.is_none() {
            return Err(Status::failed_precondition("Talos is not installed"));
        }
        if node.installer_runs {
            return Err(Status::failed_precondition(
                "another upgrade is in progress",
            ));
        }
        if state.faults.has(&node.name, Fault::DiskFull) {
            return Err(Status::unknown(format!(
                "error validating installer image {image:?}: failed to extract layer: no space \
                 left on device"
            )));
        }
        match state.image_defect(image) {
            Some(ImageDefect::Missing) => {
                return Err(Status::unknown(format!(
                    "error validating installer image {image:?}: not found"
                )));
            }
            Some(ImageDefect::Install) => {
                return Err(Status::unknown(format!(
                    "error validating installer image {image:?}: exit code 1"
                )));
            }
            Some(ImageDefect::Boot) | None => {}
        }
        if node.control_plane() && !request.force && !request.preserve {
            etcd_bears(state, node)?;
        }
        Ok(())
    })??;
    let world = &local.shared.world;
    let unlucky = world.change(|state| {
        let cluster = state.node(&local.name).map(|node| node.cluster.clone());
        cluster.is_some_and(|cluster| state.faults.upgrade_begins(&cluster))
    });
    if unlucky {
        return Err(Status::unknown(format!(
            "error validating installer image {image:?}: exit code 1"
        )));
    }
    let order_ = Order::Upgrade {
        image: image.clone(),
        stage: request.stage,
    };
    order(local, order_)
}

/// Whether etcd can do without the node for a while.
fn etcd_bears(state: &State, node: &TalosNode) -> Result<(), Status> {
    let etcd = state.cluster(&node.cluster).map(|c| &c.etcd);
    let etcd = etcd.ok_or_else(|| Status::internal("the node has no cluster"))?;
    if etcd.members.len() == 2 {
        return Err(Status::unknown(
            "error validating etcd for upgrade: etcd member count 2 does not bear the loss of one",
        ));
    }
    if let Some(down) = etcd.members.iter().find(|m| !m.running) {
        return Err(Status::unknown(format!(
            "error validating etcd for upgrade: member {} is not healthy",
            down.name
        )));
    }
    Ok(())
}

pub(super) fn rollback(local: &Local) -> Result<(), Status> {
    let actor = local.actor();
    local.node(|_, _| ())?;
    local.change_state(|state| {
        let fallback = state
            .node_mut(&local.name)
            .and_then(|n| n.installed.as_mut());
        let swapped = fallback.and_then(|installed| {
            let fallback = installed.fallback.take()?;
            installed.fallback = Some(std::mem::replace(&mut installed.boot, fallback));
            Some(())
        });
        swapped
            .ok_or_else(|| Status::failed_precondition("there is no other system to go back to"))?;
        state.order(&local.name, Order::Reboot { force: false }, &actor);
        Ok(())
    })
}

/// What to do with a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Start,
    Stop,
    Restart,
}

pub(super) fn service(local: &Local, id: &str, act: Act) -> Result<String, Status> {
    local.node(|_, node| {
        if node.service(id).is_none() {
            return Err(Status::not_found(format!("service {id:?} not defined")));
        }
        if matches!(id, "machined" | "apid" | "trustd" | "udevd") && act != Act::Start {
            return Err(Status::unknown(format!(
                "service {id:?} doesn't support stop operation via API"
            )));
        }
        Ok(())
    })??;
    local.change_state(|state| match act {
        Act::Start => state.service_start(&local.name, id),
        Act::Stop => state.service_stop(&local.name, id),
        Act::Restart => state.service_restart(&local.name, id),
    });
    let done = match act {
        Act::Start => "started",
        Act::Stop => "stopped",
        Act::Restart => "restarted",
    };
    Ok(format!("Service {id:?} {done}"))
}

fn meta_key(key: u32) -> Result<u8, Status> {
    u8::try_from(key).map_err(|_| Status::invalid_argument("key must be a uint8"))
}

pub(super) fn meta_write(local: &Local, key: u32, value: Vec<u8>) -> Result<(), Status> {
    let key = meta_key(key)?;
    local.change(|node| {
        let others = node.meta.iter().filter(|(k, _)| **k != key);
        let used: usize = others.map(|(_, v)| v.len()).sum();
        if used + value.len() > META_BYTES {
            return Err(Status::resource_exhausted("meta write failed"));
        }
        node.meta.insert(key, value);
        Ok(())
    })?
}

pub(super) fn meta_delete(local: &Local, key: u32) -> Result<(), Status> {
    let key = meta_key(key)?;
    let removed = local.change(|node| node.meta.remove(&key))?;
    removed
        .map(|_| ())
        .ok_or_else(|| Status::not_found("meta key not found"))
}

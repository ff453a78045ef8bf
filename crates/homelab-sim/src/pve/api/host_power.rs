//! What is done to a host as a whole: shut down, rebooted, woken.

use serde_json::Value;

use super::super::answer::{Answer, ApiError, Result};
use super::super::router::{Access, Call, Route};
use super::host_info::post;
use super::{bulk_task, ha};
use crate::world::{Down, Guest, State};

/// `POST /nodes/{node}/status`: the host goes down, with all that runs on it.
/// When told to reboot it comes back.
fn power(call: &Call<'_>) -> Result<Answer> {
    let (node, reboots) = (
        call.node(),
        call.text("command").as_deref() == Some("reboot"),
    );
    let (cluster, delay) = (call.cluster.clone(), call.cluster.0.options.reboot);
    let soon = call.cluster.0.options.task_duration;
    call.cluster.world().spawn(async move {
        let world = cluster.world();
        world.sleep(soon).await;
        world.change(|state| {
            if let Some(host) = state.host_mut(&node) {
                host.stopping = true;
            }
        });
        bulk_task::stop_guests(&cluster, &node).await;
        let _ = world.host_down(&node, Down::Refuse);
        if reboots {
            world.sleep(delay).await;
            world.change(|state| starts_with_host(state, &node));
            let _ = world.host_up(&node);
        }
    });
    Ok(Value::Null.into())
}

/// Marks the guests that a host starts by itself; the manager has its own.
fn starts_with_host(state: &mut State, host: &str) {
    let starts =
        |guest: &&Guest| guest.onboot && !guest.template && ha::managed(state, guest).is_none();
    let vmids: Vec<u32> = state
        .guests_on(host)
        .filter(starts)
        .map(|g| g.vmid)
        .collect();
    for vmid in vmids {
        if let Some(guest) = state.guest_mut(vmid) {
            guest.resume_with_host = true;
        }
    }
}

/// `POST …/wakeonlan`: needs to know the card.
fn wake(call: &Call<'_>) -> Result<Answer> {
    let node = call.text("node").unwrap_or_default();
    if node == call.contacted {
        let text = format!("'{node}' is local node, cannot wake my self!");
        return Err(ApiError::die(text));
    }
    let mac = call.cluster.world().read(|state| {
        let config = state.registry.document(&format!("/nodes/{node}/config"));
        config
            .get("wakeonlan")
            .and_then(Value::as_str)
            .map(str::to_owned)
    });
    let Some(mac) = mac else {
        let text = format!("No wake on LAN MAC address defined for '{node}'!");
        return Err(ApiError::die(text));
    };
    let mac = mac.split(',').next().unwrap_or_default().to_owned();
    if !call.cluster.world().read(|state| state.host_online(&node)) {
        let _ = call.cluster.world().host_up(&node);
    }
    Ok(Value::String(mac).into())
}

const POWER: Access = Access::Any("/nodes/{node}", &["Sys.PowerMgmt"]);

pub(super) const ROUTES: &[Route] = &[
    post("/nodes/{node}/status", POWER, power),
    post("/nodes/{node}/wakeonlan", POWER, wake),
];

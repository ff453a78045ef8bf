//! Asking Proxmox VE: first what any host knows about all of them, then each
//! host about itself, then each guest's configuration.

use futures_util::future::join_all;
use homelab_core::{Error, ErrorKind, Result, Sent};
use homelab_model::Observation;
use homelab_model::observation::{ObservedGuest, ObservedHost};
use proxmox_client::ProxmoxClient;
use proxmox_client::endpoints::NodeStatus;

use super::collect::Collector;
use super::{PROXMOX, Shared, proxmox_map as map};

const STATUS: &str = "GET /cluster/status";
const NODES: &str = "GET /nodes";
const RESOURCES: &str = "GET /cluster/resources";

/// Fills the Proxmox half of the observation. Gives whether anything answered.
pub(super) async fn observe(pve: &ProxmoxClient, asked: &Collector, out: &Shared) -> bool {
    let cluster = pve.cluster();
    let (status, list, resources) = tokio::join!(
        asked.attempt(PROXMOX, STATUS, cluster.status()),
        asked.attempt(PROXMOX, NODES, pve.nodes()),
        asked.attempt(PROXMOX, RESOURCES, cluster.resources(None)),
    );
    let (status, list, resources) = match (status, list, resources) {
        // No endpoint, no trust, no login: one cause, said once.
        (Err(error), Err(_), Err(_)) => {
            asked.failed(PROXMOX, STATUS, error);
            return false;
        }
        (status, list, resources) => (
            kept(asked, STATUS, status),
            kept(asked, NODES, list),
            kept(asked, RESOURCES, resources),
        ),
    };
    let hosts = map::hosts(status.as_ref(), &list.unwrap_or_default());
    let resources = resources.unwrap_or_default();
    let guests: Vec<ObservedGuest> = resources.iter().filter_map(map::guest).collect();
    out.write(|o: &mut Observation| {
        o.quorum = status.as_ref().and_then(map::quorum);
        o.hosts.clone_from(&hosts);
        o.guests.clone_from(&guests);
        o.storages = resources.iter().filter_map(map::storage).collect();
    });

    for host in hosts.iter().filter(|h| h.online == Some(false)) {
        let words = "the Proxmox cluster reports this host offline; it was not asked";
        let error = Error::new(ErrorKind::Unavailable, words).sent(Sent::No);
        asked.failed(&host.name, "GET /nodes/{node}/status", error);
    }
    tokio::join!(
        each_host(pve, asked, out, &hosts),
        each_guest(pve, asked, out, &hosts, &guests),
        ceph(pve, asked, out),
        ha(pve, asked, out),
    );
    true
}

fn kept<T>(asked: &Collector, operation: &'static str, answer: Result<T>) -> Option<T> {
    answer
        .map_err(|error| asked.failed(PROXMOX, operation, error))
        .ok()
}

fn reachable(hosts: &[ObservedHost], name: &str) -> bool {
    hosts
        .iter()
        .all(|h| h.name != name || h.online != Some(false))
}

async fn each_host(pve: &ProxmoxClient, asked: &Collector, out: &Shared, hosts: &[ObservedHost]) {
    let online = hosts.iter().filter(|h| h.online != Some(false));
    join_all(online.map(|host| async move {
        let node = pve.node(&host.name);
        let (status, storages) = tokio::join!(
            asked.ask(&host.name, "GET /nodes/{node}/status", node.status()),
            asked.ask(&host.name, "GET /nodes/{node}/storage", node.storages()),
        );
        out.write(|o| {
            let seen = o.hosts.iter_mut().find(|h| h.name == host.name);
            if let (Some(seen), Some(status)) = (seen, &status) {
                let status: &NodeStatus = status;
                map::host_status(seen, status);
            }
            if let Some(storages) = storages {
                o.storages.retain(|s| s.host != host.name);
                o.storages
                    .extend(storages.iter().map(|s| map::host_storage(&host.name, s)));
            }
        });
    }))
    .await;
}

async fn each_guest(
    pve: &ProxmoxClient,
    asked: &Collector,
    out: &Shared,
    hosts: &[ObservedHost],
    guests: &[ObservedGuest],
) {
    // A silent host's failure already speaks for the guests on it.
    let vms = guests
        .iter()
        .filter(|g| g.kind == "qemu" && reachable(hosts, &g.host));
    join_all(vms.map(|guest| async move {
        let vm = pve.node(&guest.host).qemu(guest.vmid);
        let config = asked
            .ask(
                &label(guest),
                "GET /nodes/{node}/qemu/{vmid}/config",
                vm.config(),
            )
            .await;
        if let Some(config) = config {
            out.write(|o| {
                if let Some(seen) = o.guests.iter_mut().find(|g| g.vmid == guest.vmid) {
                    map::guest_config(seen, &config);
                }
            });
        }
    }))
    .await;
}

fn label(guest: &ObservedGuest) -> String {
    if guest.name.is_empty() {
        format!("VM {}", guest.vmid)
    } else {
        guest.name.clone()
    }
}

async fn ceph(pve: &ProxmoxClient, asked: &Collector, out: &Shared) {
    let status = asked
        .ask_optional(
            PROXMOX,
            "GET /cluster/ceph/status",
            pve.cluster().ceph_status(),
        )
        .await;
    if let Some(status) = status {
        out.write(|o| o.ceph = Some(map::ceph(&status)));
    }
}

async fn ha(pve: &ProxmoxClient, asked: &Collector, out: &Shared) {
    let status = asked
        .ask_optional(
            PROXMOX,
            "GET /cluster/ha/status/current",
            pve.cluster().ha().status(),
        )
        .await;
    let Some(status) = status else { return };
    out.write(|o| {
        for (vmid, state) in map::ha_states(&status) {
            if let Some(guest) = o.guests.iter_mut().find(|g| g.vmid == vmid) {
                guest.ha_state = Some(state);
            }
        }
    });
}

//! Asking Talos: every node that the inventory, the talosconfig or the
//! cluster's own discovery knows. One question finds out whether a node
//! answers; only then come the others, so a dead node is one failure and not
//! a dozen.

use futures_util::future::join_all;
use homelab_model::inventory::NodeRole;
use homelab_model::observation::ObservedNode;
use talos_client::NodeClient;
use talos_client::cosi::Member;

use super::collect::Collector;
use super::{Shared, talos_map as map};
use crate::live::{LiveLab, TalosWorld};

/// Someone to ask.
struct Target {
    address: String,
    /// `None` when nobody said what it is.
    role: Option<NodeRole>,
}

/// Fills the Talos half of the observation.
pub(super) async fn observe(live: &LiveLab, asked: &Collector, out: &Shared) {
    join_all(
        live.worlds()
            .iter()
            .map(|world| each_world(live, world, asked, out)),
    )
    .await;
}

async fn each_world(live: &LiveLab, world: &TalosWorld, asked: &Collector, out: &Shared) {
    // An endpoint on this machine is a tunnel or a simulation: it says nothing
    // about the lab's own addresses.
    let endpoints = world.context.endpoints.iter().filter(|e| !is_loopback(e));
    out.write(|o| o.talos_endpoints.extend(endpoints.cloned()));
    let members = each_node(world, targets(live, world), asked, out).await;

    // Nodes that only discovery knows: asked once, after the others.
    let new: Vec<Target> = out.write(|o| {
        let mut new: Vec<Target> = Vec::new();
        for member in &members {
            let Some(address) = map::unknown_member(member, &o.nodes) else {
                continue;
            };
            if !new.iter().any(|t| t.address == address) {
                let role = if member.machine_type.is_control_plane() {
                    NodeRole::ControlPlane
                } else {
                    NodeRole::Worker
                };
                new.push(Target {
                    address: address.to_owned(),
                    role: Some(role),
                });
            }
        }
        new
    });
    each_node(world, new, asked, out).await;
    out.write(|o| {
        for node in &mut o.nodes {
            node.machine_type = node
                .machine_type
                .take()
                .or_else(|| map::machine_type(node, &members));
        }
    });
}

fn is_loopback(endpoint: &str) -> bool {
    let authority = endpoint
        .split_once("://")
        .map_or(endpoint, |(_, rest)| rest);
    authority.starts_with("127.")
        || authority.starts_with("localhost")
        || authority.contains("::1]")
        || authority == "::1"
}

/// Who is written down: in the inventory, then in the talosconfig.
fn targets(live: &LiveLab, world: &TalosWorld) -> Vec<Target> {
    let clusters = &live.lab().inventory().clusters;
    let specs = clusters
        .iter()
        .filter(|c| Some(&c.name) == world.cluster.as_ref())
        .flat_map(|c| &c.nodes);
    let mut targets: Vec<Target> = specs
        .clone()
        .filter_map(|n| {
            Some(Target {
                address: n.address.clone()?,
                role: Some(n.role),
            })
        })
        .collect();
    for node in &world.context.nodes {
        let known = specs
            .clone()
            .any(|n| n.name == *node || n.addresses.contains(node));
        if !known && !targets.iter().any(|t| t.address == *node) {
            targets.push(Target {
                address: node.clone(),
                role: None,
            });
        }
    }
    targets
}

/// Asks all of them at once. Gives the members that their discovery knows.
async fn each_node(
    world: &TalosWorld,
    targets: Vec<Target>,
    asked: &Collector,
    out: &Shared,
) -> Vec<Member> {
    let known = join_all(
        targets
            .into_iter()
            .map(|target| each_one(world, target, asked, out)),
    )
    .await;
    // Every node knows the same members; the longest list has waited for none.
    known.into_iter().max_by_key(Vec::len).unwrap_or_default()
}

async fn each_one(
    world: &TalosWorld,
    target: Target,
    asked: &Collector,
    out: &Shared,
) -> Vec<Member> {
    let mut node = ObservedNode {
        address: target.address.clone(),
        cluster: world.cluster.clone(),
        ..ObservedNode::default()
    };
    // Written down first, so that a node cut off by the deadline is still listed.
    out.write(|o| o.nodes.push(node.clone()));
    let client = world.client.node(&target.address);
    let Some(version) = asked
        .ask(&target.address, "Version", client.version())
        .await
    else {
        return Vec::new();
    };
    node.answered = true;
    node.talos_version = Some(version.tag).filter(|v| !v.is_empty());
    out.write(|o| replace(&mut o.nodes, &node));

    let at = target.address.as_str();
    let (running, hardware, members, ()) = tokio::join!(
        running(&client, at, asked),
        hardware(&client, at, asked),
        asked.ask(at, "List Members", client.members()),
        async {
            if target.role == Some(NodeRole::ControlPlane) {
                etcd(&client, at, asked, out).await;
            }
        },
    );
    let has_etcd = running.has_etcd;
    running.tell(&mut node);
    hardware.tell(&mut node);
    out.write(|o| replace(&mut o.nodes, &node));
    if target.role.is_none() && has_etcd {
        etcd(&client, at, asked, out).await;
    }
    members.unwrap_or_default()
}

fn replace(nodes: &mut [ObservedNode], node: &ObservedNode) {
    // What etcd's half wrote meanwhile stays.
    if let Some(slot) = nodes.iter_mut().find(|n| n.address == node.address) {
        let id = slot
            .etcd_member_id
            .take()
            .or_else(|| node.etcd_member_id.clone());
        slot.clone_from(node);
        slot.etcd_member_id = id;
    }
}

/// An answer, to be written into the node that gave it.
struct Tell<F> {
    has_etcd: bool,
    write: F,
}

impl<F: FnOnce(&mut ObservedNode)> Tell<F> {
    fn tell(self, node: &mut ObservedNode) {
        (self.write)(node);
    }
}

/// What runs on the node, and under which names.
async fn running(
    client: &NodeClient,
    at: &str,
    asked: &Collector,
) -> Tell<impl FnOnce(&mut ObservedNode)> {
    let (services, status, hostname, addresses, nodename) = tokio::join!(
        asked.ask(at, "ServiceList", client.services()),
        asked.ask(at, "Get MachineStatuses", client.machine_status()),
        asked.ask(at, "Get HostnameStatuses", client.hostname()),
        asked.ask(at, "List NodeAddresses", client.node_addresses()),
        asked.ask_optional(at, "Get Nodenames", client.nodename()),
    );
    Tell {
        has_etcd: services.iter().flatten().any(|s| s.id == "etcd"),
        write: move |node: &mut ObservedNode| {
            node.unhealthy_services = services.map(|s| map::unhealthy(&s)).unwrap_or_default();
            if let Some(status) = status {
                map::machine_status(node, &status);
            }
            node.hostname = hostname.map(|h| h.hostname).filter(|h| !h.is_empty());
            node.addresses = addresses.map(|a| map::addresses(&a)).unwrap_or_default();
            node.nodename = nodename.map(|n| n.nodename).filter(|n| !n.is_empty());
        },
    }
}

/// What the node is made of: the keys that it is recognised by.
async fn hardware(
    client: &NodeClient,
    at: &str,
    asked: &Collector,
) -> Tell<impl FnOnce(&mut ObservedNode)> {
    let (memory, links, system, extensions, security) = tokio::join!(
        asked.ask(at, "Memory", client.memory()),
        asked.ask(at, "List LinkStatuses", client.links()),
        asked.ask(at, "Get SystemInformations", client.system_information()),
        asked.ask(at, "List ExtensionStatuses", client.extensions()),
        asked.ask_optional(at, "Get SecurityStates", client.security_state()),
    );
    Tell {
        has_etcd: false,
        write: move |node: &mut ObservedNode| {
            node.memory_bytes = memory.as_ref().map(|m| m.total_bytes);
            node.memory_available_bytes = memory.map(|m| m.available_bytes);
            node.macs = links.map(|l| map::macs(&l)).unwrap_or_default();
            node.smbios_uuid = system
                .map(|s| s.uuid.to_ascii_lowercase())
                .filter(|u| !u.is_empty());
            if let Some(extensions) = extensions {
                map::extensions(node, &extensions);
            }
            node.secure_boot = security.map(|s| s.secure_boot);
        },
    }
}

/// Etcd as this node sees it. The list is the node's own copy: the one that
/// goes through raft hangs exactly when there is most to tell.
async fn etcd(client: &NodeClient, at: &str, asked: &Collector, out: &Shared) {
    let (status, members, local) = tokio::join!(
        asked.ask(at, "EtcdStatus", client.etcd_status()),
        asked.ask(at, "EtcdMemberList", client.etcd_members_local()),
        asked.ask_optional(at, "Get EtcdMembers", client.etcd_member()),
    );
    out.write(|o| {
        if let (Some(local), Some(node)) = (local, o.nodes.iter_mut().find(|n| n.address == at)) {
            node.etcd_member_id = Some(local.member_id);
        }
        o.etcd.extend(map::etcd(at, status, members));
    });
}

//! What the machine is and what it does: members, stage, services, extensions.

use std::net::IpAddr;

use serde_json::json;
use talos_proto::definitions::{cluster, enums, etcd, extensions, k8s, runtime, v1alpha1};
use talos_proto::{common, resource};

use super::Draft;
use crate::world::{Role, Stage, State, TalosNode, derive};

pub(super) fn resources(state: &State, node: &TalosNode) -> Vec<Draft> {
    let mut all = vec![machine_status(node), security_state(node)];
    all.extend(extension_statuses(node));
    all.extend(node.services.iter().map(service));
    if !node.configured() {
        return all;
    }
    let members = state.nodes_of(&node.cluster).filter(|n| n.configured());
    all.extend(members.map(member));
    all.extend([
        identity(node),
        info(state, node),
        machine_type(node),
        nodename(node),
    ]);
    all.extend(etcd_member(state, node));
    all
}

fn member(node: &TalosNode) -> Draft {
    let system = format!("Talos ({})", node.talos_version);
    let proto = cluster::MemberSpec {
        node_id: node.identity.clone(),
        addresses: vec![common::NetIp {
            ip: octets(node.address),
        }],
        hostname: node.hostname.clone(),
        machine_type: kind(node.role).into(),
        operating_system: system.clone(),
        control_plane: node.control_plane().then_some(cluster::ControlPlane {
            api_server_port: 6443,
        }),
    };
    let mut yaml = json!({
        "nodeId": node.identity,
        "addresses": [node.address],
        "hostname": node.hostname,
        "machineType": node.role.as_str(),
        "operatingSystem": system,
    });
    if node.control_plane() {
        yaml["controlPlane"] = json!({"port": 6443});
    }
    Draft::new(
        "Members.cluster.talos.dev",
        &node.hostname,
        "cluster.MemberController",
        &proto,
        &yaml,
    )
}

fn identity(node: &TalosNode) -> Draft {
    let proto = cluster::IdentitySpec {
        node_id: node.identity.clone(),
    };
    let yaml = json!({"nodeId": node.identity});
    Draft::new(
        "Identities.cluster.talos.dev",
        "local",
        "cluster.NodeIdentityController",
        &proto,
        &yaml,
    )
}

fn info(state: &State, node: &TalosNode) -> Draft {
    let id = derive::hex(&derive::bytes(
        state.seed,
        &format!("cluster/{}/id", node.cluster),
    ));
    let proto = cluster::InfoSpec {
        cluster_id: id.clone(),
        cluster_name: node.cluster.clone(),
    };
    let yaml = json!({"clusterId": id, "clusterName": node.cluster});
    Draft::new(
        "Infos.cluster.talos.dev",
        "current",
        "cluster.InfoController",
        &proto,
        &yaml,
    )
}

fn machine_type(node: &TalosNode) -> Draft {
    let proto = resource::config::MachineTypeSpec {
        machine_type: machine_type_number(node.role),
    };
    Draft::new(
        "MachineTypes.config.talos.dev",
        "machine-type",
        "config.MachineTypeController",
        &proto,
        &json!(node.role.as_str()),
    )
}

fn machine_status(node: &TalosNode) -> Draft {
    use enums::RuntimeMachineStage as Machine;
    let stage = match node.stage {
        Stage::Off => Machine::MachineStageUnknown,
        Stage::Booting => Machine::MachineStageBooting,
        Stage::Installing => Machine::MachineStageInstalling,
        Stage::Maintenance => Machine::MachineStageMaintenance,
        Stage::Running => Machine::MachineStageRunning,
        Stage::Rebooting => Machine::MachineStageRebooting,
        Stage::ShuttingDown => Machine::MachineStageShuttingDown,
        Stage::Resetting => Machine::MachineStageResetting,
        Stage::Upgrading => Machine::MachineStageUpgrading,
    };
    let unmet: Vec<_> = node
        .unmet()
        .into_iter()
        .map(|(name, reason)| runtime::UnmetCondition { name, reason })
        .collect();
    let ready = node.stage == Stage::Running && unmet.is_empty();
    let yaml = json!({
        "stage": node.stage.as_str(),
        "status": {
            "ready": ready,
            "unmetConditions": unmet
                .iter()
                .map(|c| json!({"name": c.name, "reason": c.reason}))
                .collect::<Vec<_>>(),
        },
    });
    let proto = runtime::MachineStatusSpec {
        stage: stage.into(),
        status: Some(runtime::MachineStatusStatus {
            ready,
            unmet_conditions: unmet,
        }),
    };
    Draft::new(
        "MachineStatuses.runtime.talos.dev",
        "machine",
        "runtime.MachineStatusController",
        &proto,
        &yaml,
    )
}

fn security_state(node: &TalosNode) -> Draft {
    let proto = runtime::SecurityStateSpec {
        secure_boot: node.secure_boot,
        booted_with_uki: node.secure_boot,
        se_linux_state: enums::RuntimeSeLinuxState::SeLinuxStatePermissive.into(),
        ..runtime::SecurityStateSpec::default()
    };
    let yaml = json!({
        "secureBoot": node.secure_boot,
        "uki": "",
        "bootedWithUKI": node.secure_boot,
        "selinuxState": "enabled, permissive",
        "fipsState": "disabled",
        "moduleSignatureEnforced": false,
    });
    Draft::new(
        "SecurityStates.talos.dev",
        "securitystate",
        "runtime.SecurityStateController",
        &proto,
        &yaml,
    )
}

fn nodename(node: &TalosNode) -> Draft {
    let proto = k8s::NodenameSpec {
        nodename: node.hostname.clone(),
        hostname_version: "1".into(),
        skip_node_registration: false,
    };
    let yaml = json!({
        "nodename": node.hostname,
        "hostnameVersion": "1",
        "skipNodeRegistration": false,
    });
    Draft::new(
        "Nodenames.kubernetes.talos.dev",
        "nodename",
        "k8s.NodenameController",
        &proto,
        &yaml,
    )
}

/// The node's own member id, while etcd runs on it.
fn etcd_member(state: &State, node: &TalosNode) -> Option<Draft> {
    let member = state.cluster(&node.cluster)?.etcd.member_on(node)?;
    if !member.running {
        return None;
    }
    let id = format!("{:016x}", member.id);
    let yaml = json!({"memberID": id});
    let proto = etcd::MemberSpec { member_id: id };
    Some(Draft::new(
        "EtcdMembers.etcd.talos.dev",
        "local",
        "etcd.MemberController",
        &proto,
        &yaml,
    ))
}

/// One for each extension; an image of the factory names its schematic as one more.
fn extension_statuses(node: &TalosNode) -> Vec<Draft> {
    let schematic = (
        "schematic".to_owned(),
        node.schematic.clone(),
        "Image Factory",
        "Virtual extension which specifies the schematic of the image built with Image Factory.",
    );
    node.extensions
        .iter()
        .map(|e| {
            (
                e.name.clone(),
                e.version.clone(),
                "Sidero Labs",
                "A system extension.",
            )
        })
        .chain([schematic])
        .enumerate()
        .map(|(n, (name, version, author, description))| {
            let image = format!("{n:03}.ghcr.io-siderolabs-{name}-{version}");
            let yaml = json!({
                "image": image,
                "metadata": {
                    "name": name,
                    "version": version,
                    "author": author,
                    "description": description,
                    "compatibility": {"talos": {"version": ">= v1.0.0"}},
                },
            });
            let proto = extensions::Layer {
                image: image.clone(),
                metadata: Some(extensions::Metadata {
                    name,
                    version,
                    author: author.into(),
                    description: description.into(),
                    compatibility: Some(extensions::Compatibility {
                        talos: Some(extensions::Constraint {
                            version: ">= v1.0.0".into(),
                        }),
                    }),
                    extra_info: String::new(),
                }),
            };
            Draft::new(
                "ExtensionStatuses.runtime.talos.dev",
                n.to_string(),
                "runtime.ExtensionStatusController",
                &proto,
                &yaml,
            )
        })
        .collect()
}

fn service(service: &crate::world::Service) -> Draft {
    let running = service.state == "Running";
    let proto = v1alpha1::ServiceSpec {
        running,
        healthy: service.healthy == Some(true),
        unknown: service.healthy.is_none(),
    };
    let yaml = json!({
        "running": running,
        "healthy": service.healthy == Some(true),
        "unknown": service.healthy.is_none(),
    });
    Draft::new(
        "Services.v1alpha1.talos.dev",
        &service.id,
        "v1alpha1.ServiceController",
        &proto,
        &yaml,
    )
}

fn kind(role: Role) -> enums::MachineType {
    match role {
        Role::ControlPlane => enums::MachineType::TypeControlPlane,
        Role::Worker => enums::MachineType::TypeWorker,
    }
}

fn machine_type_number(role: Role) -> i32 {
    kind(role).into()
}

/// 4 or 16 bytes.
pub(super) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    }
}

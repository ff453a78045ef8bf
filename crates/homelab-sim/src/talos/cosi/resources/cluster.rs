//! What the node knows of Kubernetes, of its clock and of its name servers.

use std::net::{IpAddr, Ipv4Addr};

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value as ProtoValue};
use serde_json::{Value, json};
use talos_proto::common;
use talos_proto::definitions::{k8s, network, time};

use super::Draft;
use super::machine::octets;
use crate::world::{State, TalosNode};

/// The static pods of a control plane.
const PODS: [&str; 3] = ["apiserver", "controller-manager", "scheduler"];

/// Whom the node asks for names and for the time, unless its config says.
const RESOLVER: IpAddr = IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1));
const TIME_SERVER: &str = "time.cloudflare.com";

pub(super) fn resources(state: &State, node: &TalosNode) -> Vec<Draft> {
    let mut all = vec![clock(state, node), time_servers(), resolvers()];
    let kubelet = node
        .service("kubelet")
        .is_some_and(|s| s.state == "Running");
    if !node.configured() || !kubelet {
        return all;
    }
    let ready = state
        .cluster(&node.cluster)
        .is_some_and(|c| c.etcd.has_quorum());
    all.push(node_ip(node));
    if ready {
        all.push(node_status(node));
    }
    if ready && node.control_plane() {
        all.extend(PODS.map(|part| static_pod(node, part)));
    }
    all
}

fn clock(state: &State, node: &TalosNode) -> Draft {
    let synced = state.faults.clock_skew_seconds(&node.name) == 0;
    let proto = time::StatusSpec {
        synced,
        epoch: 1,
        ..time::StatusSpec::default()
    };
    let yaml = json!({"synced": synced, "epoch": 1, "syncDisabled": false});
    let owner = "time.SyncController";
    Draft::new(
        "TimeStatuses.v1alpha1.talos.dev",
        "node",
        owner,
        &proto,
        &yaml,
    )
}

fn time_servers() -> Draft {
    let proto = network::TimeServerStatusSpec {
        ntp_servers: vec![TIME_SERVER.into()],
        ..network::TimeServerStatusSpec::default()
    };
    let yaml = json!({"timeServers": [TIME_SERVER]});
    Draft::new(
        "TimeServerStatuses.net.talos.dev",
        "timeservers",
        "network.TimeServerSpecController",
        &proto,
        &yaml,
    )
}

fn resolvers() -> Draft {
    let proto = network::ResolverStatusSpec {
        dns_servers: vec![common::NetIp {
            ip: octets(RESOLVER),
        }],
        ..network::ResolverStatusSpec::default()
    };
    let yaml = json!({"dnsServers": [RESOLVER], "searchDomains": []});
    Draft::new(
        "ResolverStatuses.net.talos.dev",
        "resolvers",
        "network.ResolverSpecController",
        &proto,
        &yaml,
    )
}

fn node_ip(node: &TalosNode) -> Draft {
    let proto = k8s::NodeIpSpec {
        addresses: vec![common::NetIp {
            ip: octets(node.address),
        }],
    };
    let yaml = json!({"addresses": [node.address]});
    let owner = "k8s.NodeIPController";
    Draft::new(
        "NodeIPs.kubernetes.talos.dev",
        "kubelet",
        owner,
        &proto,
        &yaml,
    )
}

fn node_status(node: &TalosNode) -> Draft {
    let mut labels = vec![
        ("kubernetes.io/hostname".to_owned(), node.hostname.clone()),
        ("kubernetes.io/os".to_owned(), "linux".to_owned()),
    ];
    if node.control_plane() {
        let role = "node-role.kubernetes.io/control-plane".to_owned();
        labels.push((role, String::new()));
    }
    let yaml = json!({
        "nodename": node.hostname,
        "nodeReady": true,
        "unschedulable": false,
        "labels": labels.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "annotations": {},
    });
    let proto = k8s::NodeStatusSpec {
        nodename: node.hostname.clone(),
        node_ready: true,
        labels: labels.into_iter().collect(),
        ..k8s::NodeStatusSpec::default()
    };
    Draft::new(
        "NodeStatuses.kubernetes.talos.dev",
        &node.hostname,
        "k8s.NodeStatusController",
        &proto,
        &yaml,
    )
}

fn static_pod(node: &TalosNode, part: &str) -> Draft {
    let condition = |kind: &str| json!({"type": kind, "status": "True"});
    let status = json!({
        "phase": "Running",
        "hostIP": node.address,
        "podIP": node.address,
        "conditions": [
            condition("Initialized"),
            condition("Ready"),
            condition("ContainersReady"),
            condition("PodScheduled"),
        ],
    });
    let proto = k8s::StaticPodStatusSpec {
        pod_status: Some(object(&status)),
    };
    Draft::new(
        "StaticPodStatuses.kubernetes.talos.dev",
        format!("kube-system/kube-{part}-{}", node.hostname),
        "k8s.KubeletStaticPodController",
        &proto,
        &status,
    )
}

fn object(value: &Value) -> Struct {
    let fields = value.as_object().into_iter().flatten();
    Struct {
        fields: fields.map(|(k, v)| (k.clone(), dynamic(v))).collect(),
    }
}

fn dynamic(value: &Value) -> ProtoValue {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(b) => Kind::BoolValue(*b),
        Value::Number(n) => Kind::NumberValue(n.as_f64().unwrap_or_default()),
        Value::String(s) => Kind::StringValue(s.clone()),
        Value::Array(list) => Kind::ListValue(ListValue {
            values: list.iter().map(dynamic).collect(),
        }),
        Value::Object(_) => Kind::StructValue(object(value)),
    };
    ProtoValue { kind: Some(kind) }
}

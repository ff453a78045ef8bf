//! The official client and ours make the same calls to the simulator, and see
//! the same answers.

use futures_util::TryStreamExt;
use homelab_core::{ErrorKind, ExposeSecret, Result};
use homelab_sim::ClientCert;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use talos_client::cosi::{Disk, HostnameStatus, LinkStatus, MachineStatus, Member};
use talos_client::{
    ContainerNamespace, DiskUsageOptions, DmesgOptions, ListOptions, LogOptions, NodeClient,
};

use crate::peer;
use crate::support::{CP1, WORKER, client, lab};

#[derive(Clone, Copy, Serialize)]
struct Call {
    name: &'static str,
    node: &'static str,
    arg: &'static str,
}

#[derive(Deserialize)]
struct Answer {
    value: Value,
    code: String,
}

const fn call(name: &'static str, node: &'static str, arg: &'static str) -> Call {
    Call { name, node, arg }
}

const CALLS: &[Call] = &[
    call("version", CP1, ""),
    call("version", WORKER, ""),
    call("memory", CP1, ""),
    call("services", CP1, ""),
    call("services", WORKER, ""),
    call("mounts", CP1, ""),
    call("processes", CP1, ""),
    call("containers", CP1, ""),
    call("etcd_members", CP1, ""),
    call("etcd_members", WORKER, ""),
    call("etcd_status", CP1, ""),
    call("etcd_status", WORKER, ""),
    call("etcd_snapshot", CP1, ""),
    call("etcd_snapshot", WORKER, ""),
    call("read", CP1, "/proc/sys/kernel/random/boot_id"),
    call("read", CP1, "/no/such/file"),
    call("kubeconfig", CP1, ""),
    call("kubeconfig", WORKER, ""),
    call("list", CP1, "/etc"),
    call("disk_usage", CP1, "/etc"),
    call("dmesg", CP1, ""),
    call("logs", CP1, "etcd"),
    call("logs_containers", CP1, ""),
    call("members", CP1, ""),
    call("links", CP1, ""),
    call("disks", CP1, ""),
    call("hostname", WORKER, ""),
    call("machine_status", CP1, ""),
    call("absent", CP1, ""),
    call("unknown_type", CP1, ""),
    call("service_restart", CP1, "kubelet"),
    call("service_restart", CP1, "nothing"),
    call("version", "172.16.9.9", ""),
];

async fn ours(node: &NodeClient, call: Call) -> Result<Value> {
    let all = |items: Vec<Value>| Value::Array(items);
    Ok(match call.name {
        "version" => {
            let v = node.version().await?;
            json!({"tag": v.tag, "arch": v.arch, "platform": v.platform, "mode": v.mode, "rbac": v.rbac})
        }
        "memory" => json!(node.memory().await?.total_bytes),
        "services" => all(node
            .services()
            .await?
            .into_iter()
            .map(|s| json!({"id": s.id, "state": s.state, "healthy": s.healthy.unwrap_or(true)}))
            .collect()),
        "mounts" => all(node
            .mounts()
            .await?
            .into_iter()
            .map(|m| json!({"source": m.source, "target": m.target, "size": m.size_bytes}))
            .collect()),
        "processes" => all(node
            .processes()
            .await?
            .into_iter()
            .map(|p| json!({"pid": p.pid, "command": p.command}))
            .collect()),
        "containers" => {
            let containers = node.containers(ContainerNamespace::Kubernetes).await?;
            json!(containers.into_iter().map(|c| c.id).collect::<Vec<_>>())
        }
        "etcd_members" => all(node
            .etcd_members()
            .await?
            .into_iter()
            .map(|m| json!({"id": m.id, "hostname": m.hostname, "peer_urls": m.peer_urls, "learner": m.learner}))
            .collect()),
        "etcd_status" => {
            let s = node.etcd_status().await?;
            json!({"member": s.member_id, "leader": s.leader_id, "version": s.protocol_version, "size": s.db_size_bytes, "term": s.raft_term})
        }
        "etcd_snapshot" => {
            let folder = tempfile::tempdir().unwrap();
            let s = node.etcd_snapshot(folder.path(), |_| ()).await?;
            json!({"size": s.size_bytes, "sha256": s.sha256})
        }
        "read" => json!(String::from_utf8(node.read_file(call.arg, 1 << 20).await?).unwrap()),
        "kubeconfig" => json!(node.kubeconfig().await?.expose_secret().contains("kind: Config")),
        "list" => {
            let files = node.list_files(call.arg, ListOptions::default().recurse()).await?;
            all(files
                .map_ok(|f| {
                    json!({"path": f.path, "size": f.size_bytes, "permissions": f.permissions & 0o777, "link": f.link.unwrap_or_default()})
                })
                .try_collect()
                .await?)
        }
        "disk_usage" => {
            let folders = node.disk_usage(&[call.arg], DiskUsageOptions::default().depth(1))?;
            all(folders
                .map_ok(|d| json!({"path": d.path, "size": d.size_bytes}))
                .try_collect()
                .await?)
        }
        "dmesg" => {
            let messages = node.dmesg(DmesgOptions::default());
            all(messages.map_ok(|m| json!(m.message)).try_collect().await?)
        }
        "logs" => {
            let lines = node.logs(call.arg, LogOptions::default());
            all(lines.map_ok(Value::from).try_collect().await?)
        }
        "logs_containers" => json!(node.logs_containers().await?),
        "members" => all(node
            .list::<Member>()
            .await?
            .into_iter()
            .map(|m| json!({"id": m.metadata.id, "hostname": m.spec.hostname, "type": m.spec.machine_type, "addresses": m.spec.addresses}))
            .collect()),
        "links" => all(node
            .list::<LinkStatus>()
            .await?
            .into_iter()
            .map(|l| json!({"id": l.metadata.id, "mac": l.spec.hardware_address.unwrap_or_default(), "mtu": l.spec.mtu}))
            .collect()),
        "disks" => all(node
            .list::<Disk>()
            .await?
            .into_iter()
            .map(|d| json!({"id": d.metadata.id, "size": d.spec.size_bytes, "path": d.spec.dev_path}))
            .collect()),
        "hostname" => {
            let h = node.get::<HostnameStatus>("hostname").await?.spec;
            json!({"hostname": h.hostname, "domain": h.domainname})
        }
        "machine_status" => {
            let m = node.get::<MachineStatus>("machine").await?.spec;
            json!({"stage": m.stage, "ready": m.ready})
        }
        "absent" => {
            node.get::<HostnameStatus>("nothing").await?;
            Value::Null
        }
        "unknown_type" => {
            node.list_dynamic("network", "Nothings.net.talos.dev").await?;
            Value::Null
        }
        "service_restart" => json!(node.service_restart(call.arg).await?),
        other => panic!("no call {other}"),
    })
}

/// The kind of error that a status must become.
fn kind(code: &str) -> ErrorKind {
    match code {
        "NotFound" => ErrorKind::NotFound,
        "PermissionDenied" => ErrorKind::PermissionDenied,
        "Unimplemented" => ErrorKind::Unsupported,
        "Unavailable" => ErrorKind::Unavailable,
        "InvalidArgument" => ErrorKind::InvalidArgument,
        "FailedPrecondition" => ErrorKind::FailedPrecondition,
        "Unknown" => ErrorKind::Unknown,
        other => panic!("no kind for {other}"),
    }
}

/// Lists come in any order, and nobody writes enums like everybody else.
fn normal(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(normal).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(map) => {
            let mut pairs: Vec<_> = map.into_iter().map(|(k, v)| (k, normal(v))).collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(pairs.into_iter().collect())
        }
        Value::Number(number) => json!(number.as_f64()),
        other => other,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_sees_the_same() {
    let sim = lab().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("talosconfig");
    std::fs::write(&path, sim.talosconfig(&ClientCert::admin()).unwrap()).unwrap();
    let path = path.display().to_string();
    let asking = tokio::task::spawn_blocking(move || {
        peer::ask::<Vec<Answer>>("calls", &CALLS, &[("TALOSCONFIG", &path)])
    });
    let Some(theirs) = asking.await.unwrap() else {
        return;
    };
    assert_eq!(theirs.len(), CALLS.len());
    let talos = client(&sim).await;
    let mut differences = Vec::new();
    let (mut values, mut errors) = (0, 0);
    for (call, theirs) in CALLS.iter().zip(theirs) {
        let name = format!("{} {} {}", call.name, call.node, call.arg);
        match ours(&talos.node(call.node), *call).await {
            Ok(value) => {
                values += 1;
                let (ours, theirs) = (normal(value), normal(theirs.value));
                if ours != theirs {
                    differences.push(format!("{name}:\n  theirs {theirs}\n  ours   {ours}"));
                }
            }
            Err(error) => {
                errors += 1;
                if theirs.code.is_empty() || kind(&theirs.code) != error.kind() {
                    differences.push(format!("{name}: theirs {:?}, ours {error}", theirs.code));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(
        values >= 22 && errors >= 8,
        "{values} answers, {errors} errors"
    );
}

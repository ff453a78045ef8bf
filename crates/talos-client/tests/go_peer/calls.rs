//! The official client and ours make the same calls to the simulator, and see
//! the same answers.

use std::time::{Duration, SystemTime};

use homelab_core::ErrorKind;
use homelab_sim::{ClientCert, SimClock, SimOptions};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ours::ours;
use crate::peer;
use crate::support::{CP1, CP2, CP3, WORKER, client, lab_of};

#[derive(Clone, Copy, Serialize)]
pub(crate) struct Call {
    pub(crate) name: &'static str,
    pub(crate) node: &'static str,
    pub(crate) arg: &'static str,
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
    call("kernel_hostname", CP1, ""),
    call("load_average", CP1, ""),
    call("processors", CP1, ""),
    call("cpu_frequencies", CP1, ""),
    call("disk_stats", CP1, ""),
    call("network_stats", CP1, ""),
    call("netstat", CP1, ""),
    call("system_stat", CP1, ""),
    call("time", CP1, ""),
    call("time_check", CP1, "time.example.org"),
    call("storage_disks", CP1, ""),
    call("controller_dependencies", CP1, ""),
    call("container_stats", CP1, ""),
    call("images", CP1, ""),
    call("image_verify", CP1, "registry.example/a:1"),
    call("credentials", CP1, "os:reader"),
    call("credentials", WORKER, "os:reader"),
    call("events", CP1, "3"),
    call("watch", CP1, "Services.v1alpha1.talos.dev"),
    // From here on something changes.
    call("service_restart", CP1, "kubelet"),
    call("service_restart", CP1, "nothing"),
    call("service_stop", CP1, "ext-a"),
    call("service_stop", WORKER, "machined"),
    call("service_start", CP1, "nothing"),
    call("container_restart", CP1, "nothing"),
    call("meta_write", CP1, "12 text"),
    call("meta_delete", CP1, "12"),
    call("meta_delete", CP1, "12"),
    call("apply_dry", CP1, "machine: {}"),
    call("apply_dry", CP1, "a: ["),
    call("bootstrap", CP1, ""),
    call("bootstrap", WORKER, ""),
    call("etcd_alarms", CP1, ""),
    call("etcd_alarms", WORKER, ""),
    call("etcd_disarm", CP1, ""),
    call("etcd_defragment", CP1, ""),
    call("etcd_downgrade_validate", CP1, "3.5"),
    call("etcd_downgrade_validate", CP1, "3.4"),
    call("etcd_downgrade_enable", CP1, "3.5"),
    call("etcd_downgrade_cancel", CP1, ""),
    call("etcd_downgrade_cancel", CP1, ""),
    call("etcd_remove", CP1, "00000000000000ff"),
    call("etcd_forfeit", CP1, ""),
    call("etcd_forfeit", CP2, ""),
    call("etcd_forfeit", CP3, ""),
    call("etcd_members", CP2, ""),
    call("etcd_leave", WORKER, ""),
    call("wipe", CP1, "sda"),
    call("wipe", CP1, "nothing"),
    call("capture", CP1, "nothing"),
    call("install", CP1, "registry.example/installer:1"),
    call("image_remove", CP1, "registry.example/a:1"),
    call("image_pull", CP1, "registry.example/no/such:1"),
    call("rollback", CP1, ""),
    call("reboot", CP2, ""),
    call("shutdown", CP3, ""),
    call("reset", WORKER, ""),
    call("version", "172.16.9.9", ""),
];

/// Where a node says `UNKNOWN` and a sentence, which ours knows.
const READ: &[(&str, &str, ErrorKind)] = &[
    ("service_stop", "machined", ErrorKind::Unsupported),
    ("etcd_downgrade_validate", "3.4", ErrorKind::InvalidArgument),
    ("etcd_downgrade_cancel", "", ErrorKind::FailedPrecondition),
];

/// The kind of error that a status must become; `None` for a call that succeeded.
fn kind(code: &str) -> Option<ErrorKind> {
    Some(match code {
        "" => return None,
        "NotFound" => ErrorKind::NotFound,
        "PermissionDenied" => ErrorKind::PermissionDenied,
        "Unimplemented" => ErrorKind::Unsupported,
        "Unavailable" => ErrorKind::Unavailable,
        "InvalidArgument" => ErrorKind::InvalidArgument,
        "FailedPrecondition" => ErrorKind::FailedPrecondition,
        "AlreadyExists" => ErrorKind::AlreadyExists,
        "ResourceExhausted" => ErrorKind::ResourceExhausted,
        "Unauthenticated" => ErrorKind::Unauthenticated,
        "DeadlineExceeded" => ErrorKind::Timeout,
        "Internal" => ErrorKind::Internal,
        "Unknown" => ErrorKind::Unknown,
        other => panic!("no kind for {other}"),
    })
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
    // Each client gets a lab of its own, both alike to the second.
    let now = SystemTime::UNIX_EPOCH
        + Duration::from_secs(
            SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap()
                .as_secs(),
        );
    let twin = || {
        lab_of(
            "v1.13.9",
            SimOptions::default().clock(SimClock::paused_at(now)),
        )
    };
    let (sim, other) = (twin().await, twin().await);
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
    let talos = client(&other).await;
    let mut differences = Vec::new();
    let (mut values, mut errors) = (0, 0);
    for (call, theirs) in CALLS.iter().zip(theirs) {
        let name = format!("{} {} {}", call.name, call.node, call.arg);
        match ours(&talos.node(call.node), *call).await {
            Ok(value) => {
                values += 1;
                let (ours, theirs, code) = (normal(value), normal(theirs.value), theirs.code);
                if ours != theirs {
                    differences.push(format!(
                        "{name}:\n  theirs {theirs} {code}\n  ours   {ours}"
                    ));
                }
            }
            Err(error) => {
                errors += 1;
                let said = kind(&theirs.code);
                // `UNKNOWN` says nothing; ours reads the text.
                let read = (call.name, call.arg, error.kind());
                if said != Some(error.kind())
                    && !(said == Some(ErrorKind::Unknown) && READ.contains(&read))
                {
                    differences.push(format!("{name}: theirs {:?}, ours {error:?}", theirs.code));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(
        values >= 45 && errors >= 25,
        "{values} answers, {errors} errors"
    );
}

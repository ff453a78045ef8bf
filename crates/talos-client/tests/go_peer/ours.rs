//! The calls of the table as our client makes them, with what is compared.

#![allow(clippy::too_many_lines, reason = "a table of calls")]

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use homelab_core::{ExposeSecret, Result};
use serde_json::{Value, json};
use talos_client::cosi::{
    Disk, HostnameStatus, LinkStatus, MachineStatus, Member, WatchEventKind, WatchOptions,
};
use talos_client::{
    ApplyOptions, BlockDeviceWipe, BootstrapOptions, CaptureOptions, ContainerNamespace,
    DiskUsageOptions, DmesgOptions, EventKind, EventOptions, ImageNamespace, InstallOptions,
    ListOptions, LogOptions, NetstatOptions, NodeClient, PullOptions, RebootMode, ResetOptions,
    ResetScope,
};

use crate::calls::Call;

pub(crate) async fn ours(node: &NodeClient, call: Call) -> Result<Value> {
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
        _ => match look(node, call).await {
            Some(looked) => looked?,
            None => act(node, call).await?,
        },
    })
}

/// Calls that change nothing and are asked less often; `None`: not one of them.
async fn look(node: &NodeClient, call: Call) -> Option<Result<Value>> {
    let looked = async {
        let value = match call.name {
            "kernel_hostname" => json!(node.kernel_hostname().await?),
            "load_average" => {
                let l = node.load_average().await?;
                json!([{"a": l.one_minute}, {"b": l.five_minutes}, {"c": l.fifteen_minutes}])
            }
            "processors" => list(
                node.processors().await?,
                |p| json!({"number": p.number, "model": p.model, "vendor": p.vendor, "mhz": p.mhz, "flags": p.flags}),
            ),
            "cpu_frequencies" => list(
                node.cpu_frequencies().await?,
                |f| json!({"now": f.current_hz, "most": f.maximum_hz, "governor": f.governor}),
            ),
            "disk_stats" => list(
                node.disk_stats().await?.devices,
                |d| json!({"name": d.name, "reads": d.reads, "read": d.read_bytes, "written": d.written_bytes}),
            ),
            "network_stats" => list(
                node.network_stats().await?.devices,
                |d| json!({"name": d.name, "received": d.received_bytes, "sent": d.sent_bytes, "packets": d.sent_packets}),
            ),
            "netstat" => list(
                node.netstat(NetstatOptions::default().listening()).await?,
                |c| json!({"protocol": c.protocol, "port": c.local_port, "pid": c.pid.unwrap_or(0)}),
            ),
            "system_stat" => {
                let s = node.system_stat().await?;
                json!({"boot": s.boot_time, "cpus": s.cpus.len(), "switches": s.context_switches, "user": s.cpu_total.user_seconds})
            }
            "time" => {
                let t = node.time().await?;
                json!({"server": t.server, "remote": t.remote.is_some()})
            }
            "time_check" => {
                let t = node.time_check(call.arg).await?;
                json!({"server": t.server, "remote": t.remote.is_some()})
            }
            "storage_disks" => list(
                node.storage_disks().await?,
                |d| json!({"device": d.device, "size": d.size_bytes, "serial": d.serial, "system": d.system_disk, "kind": d.kind}),
            ),
            "controller_dependencies" => list(
                node.controller_dependencies().await?,
                |e| json!({"controller": e.controller, "type": e.resource_type, "namespace": e.namespace, "id": e.id.unwrap_or_default()}),
            ),
            "container_stats" => {
                let stats = node.container_stats(ContainerNamespace::Kubernetes).await?;
                list(
                    stats,
                    |s| json!({"id": s.id, "memory": s.memory_bytes, "cpu": s.cpu_nanoseconds}),
                )
            }
            "images" => list(
                node.images(ImageNamespace::Cri).await?,
                |i| json!({"name": i.name, "digest": i.digest, "size": i.size_bytes}),
            ),
            "image_verify" => {
                let v = node.verify_image(call.arg, None).await?;
                json!({"verified": v.verified, "message": v.message})
            }
            "credentials" => {
                let c = node
                    .generate_client_configuration(&[call.arg], Duration::from_secs(3600))
                    .await?;
                let named = c
                    .talosconfig
                    .expose_secret()
                    .contains(&format!("{}@", call.arg));
                json!({"crt": c.crt.contains("CERTIFICATE"), "named": named})
            }
            "events" => {
                let count: usize = call.arg.parse().unwrap();
                let options = EventOptions::default().tail_events(i32::try_from(count).unwrap());
                let events = node.events(options).await?.take(count);
                let kinds: Vec<_> = events.try_collect().await?;
                list(kinds, |event| {
                    assert!(!matches!(event.kind, EventKind::Other(_)), "{event:?}");
                    json!(event.type_url.rsplit('/').next())
                })
            }
            "watch" => {
                let options = WatchOptions::default();
                let mut events = node.watch_dynamic("runtime", call.arg, options).await?;
                let mut ids = Vec::new();
                while let Some(event) = events.try_next().await? {
                    if event.kind == WatchEventKind::Bootstrapped {
                        break;
                    }
                    ids.push(json!(event.metadata.map(|m| m.id)));
                }
                Value::Array(ids)
            }
            _ => return Ok(None),
        };
        Ok(Some(value))
    };
    looked.await.transpose()
}

/// Calls that change something, or would.
async fn act(node: &NodeClient, call: Call) -> Result<Value> {
    let arg = call.arg;
    Ok(match call.name {
        "service_restart" => json!(node.service_restart(arg).await?),
        "service_stop" => json!(node.service_stop(arg).await?),
        "service_start" => json!(node.service_start(arg).await?),
        "container_restart" => {
            json!(
                node.container_restart(ContainerNamespace::Kubernetes, arg)
                    .await?
            )
        }
        "meta_write" => {
            let (key, value) = arg.split_once(' ').unwrap();
            json!(node.meta_write(key.parse().unwrap(), value).await?)
        }
        "meta_delete" => json!(node.meta_delete(arg.parse().unwrap()).await?),
        "apply_dry" => {
            let options = ApplyOptions::default().dry_run();
            json!(node.apply_configuration(arg, options).await?.warnings)
        }
        "bootstrap" => json!(node.bootstrap(BootstrapOptions::default()).await?),
        "etcd_alarms" => json!(node.etcd_alarms().await?.len()),
        "etcd_disarm" => json!(node.etcd_disarm_alarms().await?.len()),
        "etcd_defragment" => json!(node.etcd_defragment().await?),
        "etcd_forfeit" => json!(node.etcd_forfeit_leadership().await?.unwrap_or_default()),
        "etcd_remove" => json!(node.etcd_remove_member(arg).await?),
        "etcd_leave" => json!(node.etcd_leave().await?),
        "etcd_downgrade_validate" => json!(node.etcd_downgrade_validate(arg).await?),
        "etcd_downgrade_enable" => json!(node.etcd_downgrade_enable(arg).await?),
        "etcd_downgrade_cancel" => json!(node.etcd_downgrade_cancel().await?),
        "wipe" => json!(
            node.wipe_block_devices(&[BlockDeviceWipe::new(arg)])
                .await?
        ),
        "capture" => {
            let folder = tempfile::tempdir().unwrap();
            let options = CaptureOptions::new(arg, Duration::from_secs(1));
            let file = folder.path().join("x.pcap");
            json!(node.packet_capture(file, options, |_| ()).await?.packets)
        }
        "image_remove" => json!(node.remove_image(arg, ImageNamespace::Cri).await?),
        "image_pull" => {
            let options = PullOptions::default().namespace(ImageNamespace::Cri);
            json!(node.pull_image(arg, options, |_| ()).await?)
        }
        "install" => {
            let options = InstallOptions::new(arg);
            json!(node.install("/dev/sda", options, |_| ()).await?)
        }
        "rollback" => json!(node.rollback().await?),
        "reboot" => json!(!node.reboot(RebootMode::Default).await?.is_empty()),
        "shutdown" => json!(!node.shutdown(false).await?.is_empty()),
        "reset" => {
            let options = ResetOptions::new(ResetScope::Everything {
                user_disks: Vec::new(),
            })
            .reboot();
            json!(!node.reset(options).await?.is_empty())
        }
        other => panic!("no call {other}"),
    })
}

fn list<T>(items: Vec<T>, view: impl Fn(T) -> Value) -> Value {
    Value::Array(items.into_iter().map(view).collect())
}

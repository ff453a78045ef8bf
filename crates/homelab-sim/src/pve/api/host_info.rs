//! What a host tells about itself: time, services, packages, disks, devices,
//! load over time; and what can be done to it as a whole.

use serde_json::{Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::operation::Job;
use super::super::router::{Access, Call, Route, get};
use super::super::unix;
use super::load;
use crate::world::{Down, Guest, Host, State, derive};

fn host<T>(call: &Call<'_>, tell: impl FnOnce(&State, &Host) -> T) -> Result<T> {
    let node = call.node();
    call.cluster.world().read(|state| {
        let host = state.host(&node);
        host.map(|host| tell(state, host))
            .ok_or_else(|| ApiError::die(format!("no such cluster node '{node}'")))
    })
}

fn time(call: &Call<'_>) -> Result<Answer> {
    let now = call.cluster.unix_now();
    let node = call.node();
    let zone = call.cluster.world().read(|state| {
        let config = state.registry.document(&format!("/nodes/{node}/time"));
        config
            .get("timezone")
            .cloned()
            .unwrap_or_else(|| "UTC".into())
    });
    Ok(json!({ "time": now, "localtime": now, "timezone": zone }).into())
}

fn set_time(call: &Call<'_>) -> Result<Answer> {
    let zone = call.text("timezone").unwrap_or_default();
    let path = format!("/nodes/{}/time", call.node());
    call.cluster.world().change(|state| {
        let document = state.registry.document_mut(&path);
        document.insert("timezone".into(), zone.into());
    });
    Ok(Value::Null.into())
}

/// The daemons of a host, with what they are for.
const SERVICES: &[(&str, &str)] = &[
    ("chrony", "chrony, an NTP client/server"),
    ("corosync", "Corosync Cluster Engine"),
    ("cron", "Regular background program processing daemon"),
    ("ksmtuned", "Kernel Samepage Merging (KSM) Tuning Daemon"),
    ("postfix", "Postfix Mail Transport Agent"),
    ("pve-cluster", "The Proxmox VE cluster filesystem"),
    ("pve-firewall", "Proxmox VE firewall"),
    ("pve-ha-crm", "PVE Cluster HA Resource Manager Daemon"),
    ("pve-ha-lrm", "PVE Local HA Resource Manager Daemon"),
    ("pvedaemon", "PVE API Daemon"),
    ("pveproxy", "PVE API Proxy Server"),
    ("pvescheduler", "Proxmox VE scheduler"),
    ("pvestatd", "PVE Status Daemon"),
    ("qmeventd", "PVE Qemu Event Daemon"),
    ("spiceproxy", "PVE SPICE Proxy Server"),
    ("sshd", "OpenBSD Secure Shell server"),
    ("systemd-journald", "Journal Service"),
];

fn service(state: &State, host: &Host, name: &str, text: &str) -> Value {
    let stopped = state
        .registry
        .document(&format!("/nodes/{}/services", host.name));
    // A host alone has no corosync.
    let idle = name == "corosync" && state.hosts.len() == 1;
    let running = !idle && !stopped.contains_key(name);
    let (word, active) = if running {
        ("running", "active")
    } else {
        ("dead", "inactive")
    };
    json!({
        "service": name, "name": name, "desc": text, "state": word, "active-state": active,
        "unit-state": if idle { "not-found" } else { "enabled" },
    })
}

fn services(call: &Call<'_>) -> Result<Answer> {
    host(call, |state, host| {
        let rows = SERVICES.iter();
        let rows = rows.map(|(name, text)| service(state, host, name, text));
        Value::Array(rows.collect()).into()
    })
}

fn service_state(call: &Call<'_>) -> Result<Answer> {
    let name = call.text("service").unwrap_or_default();
    host(call, |state, host| {
        let text = SERVICES.iter().find(|(known, _)| *known == name);
        service(state, host, &name, text.map_or("", |(_, text)| text)).into()
    })
}

/// A task that starts or stops a daemon. Nothing else in the lab notices.
fn order(call: &Call<'_>, task: &str, running: bool) -> Result<Answer> {
    let name = call.text("service").unwrap_or_default();
    let path = format!("/nodes/{}/services", call.node());
    let key = name.clone();
    let job = Job::new(call, task, name, move |state| {
        let stopped = state.registry.document_mut(&path);
        if running {
            stopped.remove(&key);
        } else {
            stopped.insert(key, 1.into());
        }
        Ok(())
    });
    Ok(job.start(call))
}

fn service_start(call: &Call<'_>) -> Result<Answer> {
    order(call, "srvstart", true)
}

fn service_stop(call: &Call<'_>) -> Result<Answer> {
    order(call, "srvstop", false)
}

fn service_restart(call: &Call<'_>) -> Result<Answer> {
    order(call, "srvrestart", true)
}

fn service_reload(call: &Call<'_>) -> Result<Answer> {
    order(call, "srvreload", true)
}

/// Keys are capitalised here, and nowhere else.
fn packages(call: &Call<'_>) -> Result<Answer> {
    host(call, |state, host| {
        let version = &host.pve_version;
        let package = |name: &str, version: &str| {
            json!({
                "Package": name, "Title": name, "Version": version, "OldVersion": version,
                "CurrentState": "Installed", "Origin": "Proxmox", "Section": "admin",
                "Priority": "optional", "Arch": "amd64", "Description": name,
            })
        };
        let mut manager = package("pve-manager", version);
        manager["ManagerVersion"] = version.as_str().into();
        let mut kernel = package("proxmox-ve", version);
        kernel["RunningKernel"] = host.kernel.as_str().into();
        let mut rows = vec![kernel, manager, package("qemu-server", "9.2.6")];
        if let Some(ceph) = &state.ceph {
            rows.push(package("ceph", &ceph.version));
        }
        Value::Array(rows).into()
    })
}

fn refresh_packages(call: &Call<'_>) -> Result<Answer> {
    let line = "starting apt-get update".to_owned();
    let job = Job::new(call, "aptupdate", "", |_| Ok(()));
    Ok(job.lines([line]).start(call))
}

/// Disks: the system's, and one for each OSD.
fn disks(call: &Call<'_>) -> Result<Answer> {
    host(call, |state, host| {
        let disk = |n: u8, size: u64, used: Value| {
            let serial = derive::number(state.seed, &format!("disk/{}/{n}", host.name));
            json!({
                "devpath": format!("/dev/sd{}", char::from(b'a' + n % 26)), "size": size,
                "type": "ssd", "model": "SIMULATED_SSD", "vendor": "ATA     ", "gpt": 1,
                "health": "PASSED", "serial": format!("S{serial:X}"), "rpm": 0,
                "wearout": 97, "osdid": -1, "osdid-list": null, "used": used,
                "wwn": format!("0x{serial:016x}"),
            })
        };
        let mut rows = vec![disk(0, host.root_bytes, "BIOS boot".into())];
        let osds = state.ceph.iter().flat_map(|ceph| &ceph.osds);
        for (n, osd) in (1..).zip(osds.filter(|osd| osd.host == host.name)) {
            let mut row = disk(n, osd.size_bytes, "LVM".into());
            row["osdid"] = osd.id.into();
            row["osdid-list"] = json!([osd.id]);
            rows.push(row);
        }
        Value::Array(rows).into()
    })
}

fn pci(call: &Call<'_>) -> Result<Answer> {
    host(call, |_, host| {
        let rows = host.pci.iter().map(|device| {
            json!({
                "id": device.address, "vendor": device.vendor, "device": device.device,
                "class": device.class, "device_name": device.name, "vendor_name": "",
                "iommugroup": 1,
            })
        });
        Value::Array(rows.collect()).into()
    })
}

fn machines(_: &Call<'_>) -> Result<Answer> {
    let mut rows = Vec::new();
    for (version, changes) in [
        ("10.0+pve1", Some("Set host_mtu vNIC option for migration.")),
        ("10.0", None),
        ("9.2+pve1", None),
        ("9.2", None),
    ] {
        for kind in ["i440fx", "q35"] {
            let mut row = json!({
                "id": format!("pc-{kind}-{version}"), "type": kind, "version": version,
            });
            if let Some(changes) = changes {
                row["changes"] = changes.into();
            }
            rows.push(row);
        }
    }
    Ok(Value::Array(rows).into())
}

fn cpus(call: &Call<'_>) -> Result<Answer> {
    let mut rows: Vec<_> = [
        ("host", "default"),
        ("kvm64", "default"),
        ("x86-64-v2-AES", "default"),
        ("x86-64-v3", "default"),
        ("EPYC", "AuthenticAMD"),
        ("Skylake-Server", "GenuineIntel"),
    ]
    .iter()
    .map(|(name, vendor)| json!({ "name": name, "vendor": vendor, "custom": 0 }))
    .collect();
    call.cluster.world().read(|state| {
        let models = state.registry.objects("/cluster/qemu/custom-cpu-models");
        rows.extend(models.iter().map(|model| {
            json!({ "name": format!("custom-{}", model.id), "vendor": "default", "custom": 1 })
        }));
    });
    Ok(Value::Array(rows).into())
}

/// Text numbers, one row for each card of a guest that runs.
fn netstat(call: &Call<'_>) -> Result<Answer> {
    let now = call.cluster.world().now();
    host(call, |state, host| {
        let mut rows = Vec::new();
        for guest in state.guests_on(&host.name).filter(|g| g.running()) {
            let load = load::guest(state, guest, now);
            rows.extend(guest.nics.iter().map(|nic| {
                json!({
                    "vmid": guest.vmid.to_string(), "dev": format!("net{}", nic.index),
                    "in": load.netin.to_string(), "out": load.netout.to_string(),
                })
            }));
        }
        Value::Array(rows).into()
    })
}

/// Seconds from one sample to the next, and how many there are.
fn samples(timeframe: &str) -> (u64, u64) {
    match timeframe {
        "hour" => (60, 60),
        "day" => (60, 1440),
        "week" => (1800, 336),
        "month" => (1800, 1488),
        "year" => (21_600, 1460),
        _ => (604_800, 520),
    }
}

/// Rows up to now; before the lab began there is nothing but the time.
fn rows(call: &Call<'_>, since: u64, fill: impl Fn(&mut Value, u64)) -> Answer {
    let timeframe = call.text("timeframe").unwrap_or_default();
    let (step, count) = samples(&timeframe);
    let end = call.cluster.unix_now() / step * step;
    let rows = (0..count).rev().map(|n| {
        let at = end.saturating_sub(n * step);
        let mut row = json!({ "time": at });
        if at >= since {
            fill(&mut row, at);
        }
        row
    });
    Value::Array(rows.collect()).into()
}

fn host_load(call: &Call<'_>) -> Result<Answer> {
    let now = call.cluster.world().now();
    let (since, sample) = host(call, |state, host| {
        let cpu = load::host_cpu(state, host, now);
        let used = state.host_memory_used(host);
        (
            unix(host.booted_at),
            json!({
                "cpu": cpu, "maxcpu": host.cpus, "iowait": 0.0, "loadavg": cpu * f64::from(host.cpus),
                "memtotal": host.memory_bytes, "memused": used,
                "memavailable": host.memory_bytes - used, "swaptotal": 0, "swapused": 0,
                "roottotal": host.root_bytes, "rootused": host.root_bytes / 8,
                "netin": 12_000.5, "netout": 9000.25, "arcsize": 0,
            }),
        )
    })?;
    Ok(rows(call, since, |row, _| extend(row, &sample)))
}

fn extend(row: &mut Value, sample: &Value) {
    if let (Value::Object(row), Value::Object(sample)) = (row, sample) {
        row.extend(sample.clone());
    }
}

fn guest_load(call: &Call<'_>) -> Result<Answer> {
    let now = call.cluster.world().now();
    let vmid = call.vmid();
    let sample = call.cluster.world().read(|state| {
        let guest = state.guest(vmid)?;
        let load = load::guest(state, guest, now);
        let since = guest.started_at.filter(|_| guest.running()).map(unix);
        let disk = guest.disks.first().map_or(0, |disk| disk.size_bytes);
        let mut sample = json!({
            "cpu": load.cpu, "maxcpu": guest.cores, "mem": load.mem, "maxmem": guest.memory_bytes,
            "disk": 0, "maxdisk": disk, "netin": 120.5, "netout": 80.25, "diskread": 300.0,
            "diskwrite": 40_000.0,
        });
        if guest.kind == crate::world::GuestKind::Qemu {
            sample["memhost"] = load.memhost.into();
        }
        Some((since.unwrap_or(u64::MAX), sample))
    });
    let (since, sample) = sample.unwrap_or((u64::MAX, json!({})));
    Ok(rows(call, since, |row, _| extend(row, &sample)))
}

fn storage_load(call: &Call<'_>) -> Result<Answer> {
    let id = call.text("storage").unwrap_or_default();
    let node = call.node();
    let (total, used) = call.cluster.world().read(|state| {
        let storage = state.storage(&id, &node);
        storage.map_or((0, 0), |s| (s.total_bytes, s.used_bytes))
    });
    Ok(rows(call, 0, |row, _| {
        row["total"] = total.into();
        row["used"] = used.into();
    }))
}

/// The journal as lines of text.
fn journal(call: &Call<'_>) -> Result<Answer> {
    let now = call.cluster.unix_now();
    host(call, |_, host| {
        let line = |text: &str| format!("{now} {} {text}", host.name);
        json!([
            line("systemd[1]: Started pveproxy.service - PVE API Proxy Server."),
            line("pvedaemon[1001]: starting 3 worker(s)"),
        ])
        .into()
    })
}

fn syslog(call: &Call<'_>) -> Result<Answer> {
    host(call, |_, host| {
        let text = format!("{} pvedaemon[1001]: starting 3 worker(s)", host.name);
        Answer::page(vec![json!({ "n": 1, "t": text })], 1)
    })
}

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
        let _ = world.host_down(&node, Down::Refuse);
        if reboots {
            world.sleep(delay).await;
            let _ = world.host_up(&node);
        }
    });
    Ok(Value::Null.into())
}

/// `POST …/wakeonlan`: needs to know the card.
fn wake(call: &Call<'_>) -> Result<Answer> {
    let node = call.text("node").unwrap_or_default();
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

/// Cards, the bridge over the first one, and what was configured.
fn network(call: &Call<'_>) -> Result<Answer> {
    let wanted = call.text("type");
    host(call, |state, host| {
        let address = host.address.to_string();
        let mut rows = vec![
            json!({
                "iface": "nic0", "type": "eth", "method": "manual", "method6": "manual",
                "families": ["inet"], "exists": 1, "active": 1, "priority": 3,
            }),
            json!({
                "iface": "vmbr0", "type": "bridge", "method": "static", "method6": "manual",
                "address": address, "netmask": "24", "cidr": format!("{address}/24"),
                "families": ["inet"], "bridge_ports": "nic0", "bridge_stp": "off",
                "bridge_fd": "0", "active": 1, "autostart": 1, "priority": 4,
            }),
        ];
        let configured = state
            .registry
            .objects(&format!("/nodes/{}/network", host.name));
        rows.extend(configured.iter().map(|object| {
            let mut row = object.values.clone();
            row.insert("iface".into(), object.id.as_str().into());
            Value::Object(row)
        }));
        let like = |row: &Value| match wanted.as_deref() {
            None => true,
            Some("any_bridge" | "any_local_bridge") => row["type"] == "bridge",
            Some(kind) => row["type"] == kind,
        };
        rows.retain(like);
        Value::Array(rows).into()
    })
}

/// `PUT /nodes/{node}/network`: what was configured comes true, in a task.
fn reload_network(call: &Call<'_>) -> Result<Answer> {
    Ok(Job::new(call, "srvreload", "networking", |_| Ok(())).start(call))
}

/// `DELETE /nodes/{node}/network`: what was configured is forgotten.
fn revert_network(call: &Call<'_>) -> Result<Answer> {
    let path = format!("/nodes/{}/network", call.node());
    call.cluster
        .world()
        .change(|state| state.registry.objects_mut(&path).clear());
    Ok(Value::Null.into())
}

/// Replication jobs of guests on a host, as plain as they were made.
fn replication(call: &Call<'_>) -> Result<Answer> {
    let guest = call.number::<u32>("guest");
    host(call, |state, host| {
        let jobs = state.registry.objects("/cluster/replication").iter();
        let rows = jobs.filter_map(|job| {
            let vmid: u32 = job.id.split('-').next()?.parse().ok()?;
            let here = state.guest(vmid).is_some_and(|g| g.host == host.name);
            let asked = guest.is_none_or(|guest| guest == vmid);
            (here && asked).then(|| {
                let mut row = job.values.clone();
                row.insert("id".into(), job.id.as_str().into());
                row.insert("guest".into(), vmid.into());
                row.insert("fail_count".into(), 0.into());
                Value::Object(row)
            })
        });
        Value::Array(rows.collect()).into()
    })
}

fn replication_job(call: &Call<'_>) -> Result<(String, u32)> {
    let id = call.text("id").unwrap_or_default();
    let known = call
        .cluster
        .world()
        .read(|state| state.registry.object("/cluster/replication", &id).is_some());
    let vmid = id.split('-').next().and_then(|n| n.parse().ok());
    match vmid.filter(|_| known) {
        Some(vmid) => Ok((id, vmid)),
        None => Err(ApiError::die(format!("no such replication job '{id}'"))),
    }
}

fn replication_status(call: &Call<'_>) -> Result<Answer> {
    let (id, vmid) = replication_job(call)?;
    Ok(json!({ "id": id, "guest": vmid, "fail_count": 0 }).into())
}

fn replication_log(call: &Call<'_>) -> Result<Answer> {
    replication_job(call)?;
    Ok(Answer::page(vec![json!({ "n": 1, "t": "no content" })], 1))
}

fn replication_now(call: &Call<'_>) -> Result<Answer> {
    replication_job(call)?;
    Ok(Value::Null.into())
}

/// Guests that no backup job covers.
fn not_backed_up(call: &Call<'_>) -> Result<Answer> {
    let rows = call.cluster.world().read(|state| {
        let jobs = state.registry.objects("/cluster/backup");
        let covered = |guest: &Guest| {
            jobs.iter().any(|job| {
                let text = |key: &str| job.values.get(key).map(super::super::params::text);
                text("all").as_deref() == Some("1")
                    || text("vmid").is_some_and(|list| {
                        list.split(',')
                            .any(|id| id.trim() == guest.vmid.to_string())
                    })
            })
        };
        let guests = state.guests.iter().filter(|guest| !covered(guest));
        guests
            .map(|g| json!({ "vmid": g.vmid, "name": g.name, "type": g.kind.as_str() }))
            .collect()
    });
    Ok(Value::Array(rows).into())
}

const AUDIT: Access = Access::Any("/nodes/{node}", &["Sys.Audit"]);
const ROOT_AUDIT: Access = Access::Any("/", &["Sys.Audit"]);
const MODIFY: Access = Access::Any("/nodes/{node}", &["Sys.Modify"]);
const SYSLOG: Access = Access::Any("/nodes/{node}", &["Sys.Syslog"]);
const POWER: Access = Access::Any("/nodes/{node}", &["Sys.PowerMgmt"]);
const VM: Access = Access::Any("/vms/{vmid}", &["VM.Audit"]);
const STORAGE: Access = Access::Any(
    "/storage/{storage}",
    &["Datastore.Audit", "Datastore.AllocateSpace"],
);

const fn post(path: &'static str, access: Access, run: fn(&Call<'_>) -> Result<Answer>) -> Route {
    get(path, access, run).method("POST").by_schema()
}

const fn ask(path: &'static str, access: Access, run: fn(&Call<'_>) -> Result<Answer>) -> Route {
    get(path, access, run).by_schema()
}

pub(super) const ROUTES: &[Route] = &[
    ask("/nodes/{node}/time", AUDIT, time),
    get("/nodes/{node}/time", MODIFY, set_time)
        .method("PUT")
        .by_schema(),
    ask("/nodes/{node}/services", AUDIT, services),
    ask(
        "/nodes/{node}/services/{service}/state",
        AUDIT,
        service_state,
    ),
    post(
        "/nodes/{node}/services/{service}/start",
        MODIFY,
        service_start,
    ),
    post(
        "/nodes/{node}/services/{service}/stop",
        MODIFY,
        service_stop,
    ),
    post(
        "/nodes/{node}/services/{service}/restart",
        MODIFY,
        service_restart,
    ),
    post(
        "/nodes/{node}/services/{service}/reload",
        MODIFY,
        service_reload,
    ),
    ask("/nodes/{node}/apt/versions", AUDIT, packages),
    post("/nodes/{node}/apt/update", MODIFY, refresh_packages),
    ask("/nodes/{node}/disks/list", AUDIT, disks),
    ask("/nodes/{node}/hardware/pci", AUDIT, pci),
    ask(
        "/nodes/{node}/capabilities/qemu/machines",
        Access::User,
        machines,
    ),
    ask("/nodes/{node}/capabilities/qemu/cpu", Access::User, cpus),
    ask("/nodes/{node}/netstat", AUDIT, netstat),
    ask("/nodes/{node}/rrddata", AUDIT, host_load),
    ask("/nodes/{node}/qemu/{vmid}/rrddata", VM, guest_load),
    ask("/nodes/{node}/lxc/{vmid}/rrddata", VM, guest_load),
    ask(
        "/nodes/{node}/storage/{storage}/rrddata",
        STORAGE,
        storage_load,
    ),
    ask("/nodes/{node}/journal", SYSLOG, journal),
    ask("/nodes/{node}/syslog", SYSLOG, syslog),
    post("/nodes/{node}/status", POWER, power),
    post("/nodes/{node}/wakeonlan", POWER, wake),
    ask(
        "/cluster/backup-info/not-backed-up",
        ROOT_AUDIT,
        not_backed_up,
    ),
    ask("/nodes/{node}/network", Access::User, network),
    get("/nodes/{node}/network", MODIFY, reload_network)
        .method("PUT")
        .by_schema(),
    get("/nodes/{node}/network", MODIFY, revert_network)
        .method("DELETE")
        .by_schema(),
    ask("/nodes/{node}/replication", Access::User, replication),
    ask(
        "/nodes/{node}/replication/{id}/status",
        Access::User,
        replication_status,
    ),
    ask(
        "/nodes/{node}/replication/{id}/log",
        Access::User,
        replication_log,
    ),
    post(
        "/nodes/{node}/replication/{id}/schedule_now",
        Access::User,
        replication_now,
    ),
];

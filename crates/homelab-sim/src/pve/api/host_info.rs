//! What a host tells about itself: time, services, packages, disks, devices.
//! What can be done to it as a whole: see `host_power`.

use serde_json::{Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::operation::Job;
use super::super::router::{Access, Call, Route, get};
use super::load;
use crate::world::{Host, State, derive};

/// Tells something of the host in the path.
pub(super) fn host<T>(call: &Call<'_>, tell: impl FnOnce(&State, &Host) -> T) -> Result<T> {
    let node = call.node();
    call.cluster.world().read(|state| {
        let host = state.host(&node);
        host.map(|host| tell(state, host))
            .ok_or_else(|| ApiError::die(format!("no such cluster node '{node}'")))
    })
}

fn time(call: &Call<'_>) -> Result<Answer> {
    let node = call.node();
    let now = call.cluster.unix_now_at(&node);
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
                // Nobody sells it under another name.
                "subsystem_device": device.device, "subsystem_vendor": device.vendor,
                "subsystem_vendor_name": "",
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
    .map(|(name, vendor)| {
        let mut model = json!({ "name": name, "vendor": vendor, "custom": 0 });
        // Sets of features that no real processor is.
        if name.starts_with("x86-64-") {
            model["abstract"] = 1.into();
        }
        model
    })
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

/// The journal as lines of text.
fn journal(call: &Call<'_>) -> Result<Answer> {
    let now = call.unix_now();
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

pub(super) const AUDIT: Access = Access::Any("/nodes/{node}", &["Sys.Audit"]);
pub(super) const MODIFY: Access = Access::Any("/nodes/{node}", &["Sys.Modify"]);
const SYSLOG: Access = Access::Any("/nodes/{node}", &["Sys.Syslog"]);

/// A `POST` with the parameters of the schema.
pub(super) const fn post(
    path: &'static str,
    access: Access,
    run: fn(&Call<'_>) -> Result<Answer>,
) -> Route {
    get(path, access, run).method("POST").by_schema()
}

/// A `GET` with the parameters of the schema.
pub(super) const fn ask(
    path: &'static str,
    access: Access,
    run: fn(&Call<'_>) -> Result<Answer>,
) -> Route {
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
    ask("/nodes/{node}/journal", SYSLOG, journal),
    ask("/nodes/{node}/syslog", SYSLOG, syslog),
];

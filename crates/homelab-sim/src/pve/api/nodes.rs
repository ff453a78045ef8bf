//! `/nodes` and the status of a host.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::router::{Access, Call, Route, get};
use super::load;
use crate::world::{Host, State};

fn list(call: &Call<'_>) -> Result<Answer> {
    let now = call.cluster.world().now();
    let rows = call.cluster.world().read(|state| {
        let rows = state.hosts.iter().map(|host| {
            let mut row = row(call, state, host, now);
            let tls = call.cluster.tls(&host.name);
            row["ssl_fingerprint"] = tls.map(|tls| tls.fingerprint.clone()).into();
            row
        });
        rows.collect()
    });
    Ok(Value::Array(rows).into())
}

/// A host in a list. Numbers need a privilege, and those that change need the
/// host to be up.
pub(super) fn row(call: &Call<'_>, state: &State, host: &Host, now: SystemTime) -> Value {
    let name = &host.name;
    let online = state.sees(call.contacted, name);
    let mut row = json!({
        "id": format!("node/{name}"), "type": "node", "node": name, "level": "",
        "status": if online { "online" } else { "offline" },
    });
    if !call.may(&format!("/nodes/{name}"), "Sys.Audit") {
        return row;
    }
    row["maxcpu"] = host.cpus.into();
    row["maxmem"] = host.memory_bytes.into();
    row["maxdisk"] = host.root_bytes.into();
    if online {
        row["cpu"] = load::host_cpu(state, host, now).into();
        row["mem"] = state.host_memory_used(host).into();
        row["disk"] = root_used(host).into();
        row["uptime"] = load::seconds_since(host.booted_at, now).into();
    }
    row
}

fn root_used(host: &Host) -> u64 {
    host.root_bytes / 8
}

fn status(call: &Call<'_>) -> Result<Answer> {
    let now = call.cluster.world().now();
    call.cluster.world().read(|state| {
        let host = state
            .host(&call.node())
            .ok_or_else(|| ApiError::die("no such node"))?;
        let cpu = load::host_cpu(state, host, now);
        let used = state.host_memory_used(host);
        let kernel = &host.kernel;
        let build = "#1 SMP PREEMPT_DYNAMIC PMX";
        // The load average comes as text.
        let busy = cpu * f64::from(host.cpus);
        let loadavg = [1.1, 1.0, 0.9].map(|factor| format!("{:.2}", busy * factor));
        Ok(json!({
            "cpu": cpu,
            "wait": 0,
            "idle": 0,
            "uptime": load::seconds_since(host.booted_at, now),
            "loadavg": loadavg,
            "memory": {
                "total": host.memory_bytes,
                "used": used,
                "free": (host.memory_bytes - used) / 2,
                "available": host.memory_bytes - used,
            },
            "swap": { "total": 0, "used": 0, "free": 0 },
            "rootfs": {
                "total": host.root_bytes,
                "used": root_used(host),
                "free": host.root_bytes - root_used(host),
                "avail": host.root_bytes / 100 * 82,
            },
            "ksm": { "shared": 0 },
            "cpuinfo": {
                "model": host.cpu_model,
                "cpus": host.cpus,
                "cores": (host.cpus / 2).max(1),
                "sockets": 1,
                "mhz": "3200.000",
                "hvm": "1",
                "flags": "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr",
                "user_hz": 100,
            },
            "kversion": format!("Linux {kernel} {build}"),
            "current-kernel": {
                "sysname": "Linux", "release": kernel, "version": build, "machine": "x86_64",
            },
            "boot-info": { "mode": "efi", "secureboot": 0 },
            "pveversion": format!("pve-manager/{}/simulated", host.pve_version),
        })
        .into())
    })
}

pub(super) const ROUTES: &[Route] = &[
    get("/nodes", Access::User, list),
    get(
        "/nodes/{node}/status",
        Access::Any("/nodes/{node}", &["Sys.Audit"]),
        status,
    ),
];

//! Load over time: the same numbers since the beginning, as samples.

use serde_json::{Value, json};

use super::super::answer::{Answer, Result};
use super::super::router::{Access, Call, Route};
use super::super::unix;
use super::host_info::{AUDIT, ask, host};
use super::load;

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
    let end = call.unix_now() / step * step;
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

/// How long something waits for CPU, disk and memory, in percent.
const PRESSURE: &[&str] = &[
    "pressurecpusome",
    "pressurecpufull",
    "pressureiosome",
    "pressureiofull",
    "pressurememorysome",
    "pressurememoryfull",
];

fn extend(row: &mut Value, sample: &Value) {
    if let (Value::Object(row), Value::Object(sample)) = (row, sample) {
        row.extend(sample.clone());
        let none = |key: &&str| ((*key).to_owned(), Value::from(0.0));
        row.extend(PRESSURE.iter().map(none));
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

const VM: Access = Access::Any("/vms/{vmid}", &["VM.Audit"]);
const STORAGE: Access = Access::Any(
    "/storage/{storage}",
    &["Datastore.Audit", "Datastore.AllocateSpace"],
);

pub(super) const ROUTES: &[Route] = &[
    ask("/nodes/{node}/rrddata", AUDIT, host_load),
    ask("/nodes/{node}/qemu/{vmid}/rrddata", VM, guest_load),
    ask("/nodes/{node}/lxc/{vmid}/rrddata", VM, guest_load),
    ask(
        "/nodes/{node}/storage/{storage}/rrddata",
        STORAGE,
        storage_load,
    ),
];

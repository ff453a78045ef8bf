//! What a node says about itself.

use std::time::SystemTime;

use talos_proto::machine as pb;

use super::super::timestamp;
use crate::world::{Service, State, TalosNode};

pub(super) fn version(_: &State, node: &TalosNode) -> pb::VersionResponse {
    let version = pb::Version {
        metadata: None,
        version: Some(pb::VersionInfo {
            tag: node.talos_version.clone(),
            sha: "c1a2b3d4".into(),
            built: String::new(),
            go_version: "go1.25.5".into(),
            os: "linux".into(),
            arch: "amd64".into(),
        }),
        platform: Some(pb::PlatformInfo {
            name: "metal".into(),
            mode: "metal".into(),
        }),
        features: Some(pb::FeaturesInfo { rbac: true }),
    };
    pb::VersionResponse {
        messages: vec![version],
    }
}

pub(super) fn services(_: &State, node: &TalosNode) -> pb::ServiceListResponse {
    let list = pb::ServiceList {
        metadata: None,
        services: node.services.iter().map(service).collect(),
    };
    pb::ServiceListResponse {
        messages: vec![list],
    }
}

fn service(service: &Service) -> pb::ServiceInfo {
    let event = pb::ServiceEvent {
        msg: service.message.clone(),
        state: service.state.clone(),
        ts: Some(timestamp(service.since)),
    };
    pb::ServiceInfo {
        id: service.id.clone(),
        state: service.state.clone(),
        events: Some(pb::ServiceEvents {
            events: vec![event],
        }),
        health: Some(health(service.healthy, &service.message, service.since)),
    }
}

/// A service's health; without a check it is unknown and not healthy.
pub(super) fn health(healthy: Option<bool>, message: &str, since: SystemTime) -> pb::ServiceHealth {
    pb::ServiceHealth {
        unknown: healthy.is_none(),
        healthy: healthy == Some(true),
        last_message: if healthy.is_some() {
            message.to_owned()
        } else {
            String::new()
        },
        last_change: Some(timestamp(since)),
    }
}

/// `/proc/meminfo`: values in KiB, the total a little below what is installed.
pub(super) fn memory(_: &State, node: &TalosNode) -> pb::MemoryResponse {
    let total = node.memory_bytes / 1024 / 100 * 98;
    let share = |percent: u64| total / 100 * percent;
    let info = pb::MemInfo {
        memtotal: total,
        memfree: share(20),
        memavailable: share(55),
        buffers: share(1),
        cached: share(33),
        active: share(30),
        inactive: share(35),
        anonpages: share(24),
        mapped: share(6),
        slab: share(5),
        sreclaimable: share(3),
        sunreclaim: share(2),
        pagetables: share(1),
        commitlimit: share(50),
        committedas: share(40),
        hugepagesize: 2048,
        ..pb::MemInfo::default()
    };
    let memory = pb::Memory {
        metadata: None,
        meminfo: Some(info),
    };
    pb::MemoryResponse {
        messages: vec![memory],
    }
}

/// `/proc/stat`: boot time in seconds, CPU times in seconds since boot.
pub(super) fn system_stat(node: &TalosNode, now: SystemTime) -> pb::SystemStatResponse {
    let boot = node
        .booted_at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let up = now.duration_since(node.booted_at).unwrap_or_default();
    let cpu = pb::CpuStat {
        user: up.as_secs_f64() * 0.06,
        system: up.as_secs_f64() * 0.03,
        idle: up.as_secs_f64() * 0.90,
        iowait: up.as_secs_f64() * 0.01,
        ..pb::CpuStat::default()
    };
    let cpus = f64::from(node.cpus);
    let total = pb::CpuStat {
        user: cpu.user * cpus,
        system: cpu.system * cpus,
        idle: cpu.idle * cpus,
        iowait: cpu.iowait * cpus,
        ..pb::CpuStat::default()
    };
    let stat = pb::SystemStat {
        boot_time: boot.as_secs(),
        cpu_total: Some(total),
        cpu: vec![cpu; node.cpus as usize],
        irq_total: up.as_secs() * 900,
        context_switches: up.as_secs() * 4000,
        process_created: up.as_secs() * 3,
        process_running: 2,
        soft_irq_total: up.as_secs() * 600,
        soft_irq: Some(pb::SoftIrqStat::default()),
        ..pb::SystemStat::default()
    };
    pb::SystemStatResponse {
        messages: vec![stat],
    }
}

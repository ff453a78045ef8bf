//! Hosts and nodes as cells of a table.

use crate::report::view::{Etcd, GuestView, HostView, Level, Status, gib, percent};

pub(super) fn host_level(host: &HostView) -> Level {
    match host.status {
        Status::Down | Status::Silent => Level::Critical,
        _ if host.memory_bytes > 0 && host.committed_bytes() > host.memory_bytes => Level::Warning,
        _ => Level::Ok,
    }
}

pub(super) fn host_cells(host: &HostView) -> Vec<String> {
    let committed = host.committed_bytes();
    let memory = match percent(committed, host.memory_bytes) {
        Some(p) => format!(
            "{} of {} GiB, {p} %",
            gib(committed),
            gib(host.memory_bytes)
        ),
        None => format!("{} GiB", gib(committed)),
    };
    let guests: Vec<String> = host
        .guests
        .iter()
        .map(|g| format!("{} {}", g.name, gib(g.memory_bytes)))
        .collect();
    let mut hardware = vec![host.model.clone()];
    match host.osds {
        0 => {}
        1 => hardware.push("1 OSD".to_owned()),
        n => hardware.push(format!("{n} OSDs")),
    }
    hardware.extend(host.gpus.iter().map(|g| format!("GPU {g}")));
    hardware.retain(|h| !h.is_empty());
    let mut name = host.name.clone();
    if matches!(host.status, Status::Down | Status::Silent) {
        name = format!("{name} ({})", host.status.word());
    }
    vec![
        status_mark(host.status, host_level(host)).into(),
        name,
        host.address.clone(),
        memory,
        gib(host.overhead_bytes),
        guests.join(", "),
        hardware.join(", "),
    ]
}

pub(super) fn guest_level(guest: &GuestView) -> Level {
    match guest.status {
        Status::Down | Status::Silent => Level::Critical,
        Status::Up | Status::Planned => Level::Ok,
    }
}

pub(super) fn node_cells(guest: &GuestView, host: &str) -> Vec<String> {
    let etcd = match guest.etcd {
        Etcd::None => "",
        Etcd::Unknown if guest.status == Status::Planned => "member",
        Etcd::Unknown => "not known",
        Etcd::Member => "follows",
        Etcd::Leader => "leads",
        Etcd::NoLeader => "NO LEADER",
    };
    let vm = guest.vmid.map(|v| format!("VM {v}")).unwrap_or_default();
    let version = match guest.status {
        Status::Down | Status::Silent => guest.status.word().to_owned(),
        Status::Up | Status::Planned => guest.version.clone(),
    };
    vec![
        status_mark(guest.status, guest_level(guest)).into(),
        guest.name.clone(),
        guest.address.clone(),
        guest.role.word().into(),
        vm,
        host.to_owned(),
        etcd.into(),
        version,
    ]
}

pub(super) fn status_mark(status: Status, level: Level) -> &'static str {
    match status {
        Status::Planned if level == Level::Ok => "·",
        _ => level.mark(),
    }
}

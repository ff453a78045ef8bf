//! How busy a node is, and what runs on it.

use std::time::{Duration, SystemTime};

use talos_proto::common::ContainerDriver;
use talos_proto::machine as pb;
use tonic::Status;

use super::logs;
use crate::world::TalosNode;

pub(super) fn load(node: &TalosNode) -> pb::LoadAvgResponse {
    let load = f64::from(node.cpus) * 0.1;
    let messages = vec![pb::LoadAvg {
        load1: load,
        load5: load * 0.9,
        load15: load * 0.8,
        ..pb::LoadAvg::default()
    }];
    pb::LoadAvgResponse { messages }
}

pub(super) fn cpu_info(node: &TalosNode) -> pb::CpuInfoResponse {
    let cpu_info = (0..node.cpus).map(|processor| pb::CpuInfo {
        processor,
        vendor_id: "GenuineIntel".into(),
        model_name: "Intel(R) N100".into(),
        cpu_mhz: 2400.0,
        physical_id: "0".into(),
        core_id: processor.to_string(),
        siblings: node.cpus,
        cpu_cores: node.cpus,
        cache_size: "6144 KB".into(),
        flags: vec!["aes".into(), "vmx".into()],
        ..pb::CpuInfo::default()
    });
    let messages = vec![pb::CpUsInfo {
        metadata: None,
        cpu_info: cpu_info.collect(),
    }];
    pb::CpuInfoResponse { messages }
}

/// In kHz; a guest has no control over its clock and reports zeros.
pub(super) fn cpu_frequencies(node: &TalosNode) -> pb::CpuFreqStatsResponse {
    let stats = match node.vmid {
        Some(_) => pb::CpuFreqStats::default(),
        None => pb::CpuFreqStats {
            current_frequency: 2_400_000,
            minimum_frequency: 800_000,
            maximum_frequency: 3_400_000,
            governor: "performance".into(),
        },
    };
    let messages = vec![pb::CpUsFreqStats {
        metadata: None,
        cpu_freq_stats: vec![stats; node.cpus as usize],
    }];
    pb::CpuFreqStatsResponse { messages }
}

fn uptime(node: &TalosNode, now: SystemTime) -> u64 {
    now.duration_since(node.booted_at)
        .unwrap_or(Duration::ZERO)
        .as_secs()
}

/// In sectors of 512 bytes.
pub(super) fn disks(node: &TalosNode, now: SystemTime) -> pb::DiskStatsResponse {
    let up = uptime(node, now);
    let disk = |name: &str| pb::DiskStat {
        name: name.to_owned(),
        read_completed: 1000 + up,
        read_sectors: 80_000 + up * 8,
        write_completed: 500 + up * 4,
        write_sectors: 40_000 + up * 64,
        io_time_ms: 300 + up * 2,
        ..pb::DiskStat::default()
    };
    let name = node.install_disk.trim_start_matches("/dev/");
    let messages = vec![pb::DiskStats {
        metadata: None,
        total: Some(disk("total")),
        devices: vec![disk(name)],
    }];
    pb::DiskStatsResponse { messages }
}

pub(super) fn network(node: &TalosNode, now: SystemTime) -> pb::NetworkDeviceStatsResponse {
    let up = uptime(node, now);
    let device = |name: &str| pb::NetDev {
        name: name.to_owned(),
        rx_bytes: 1_000_000 + up * 90_000,
        rx_packets: 1000 + up * 100,
        tx_bytes: 900_000 + up * 80_000,
        tx_packets: 900 + up * 90,
        ..pb::NetDev::default()
    };
    let messages = vec![pb::NetworkDeviceStats {
        metadata: None,
        total: Some(device("total")),
        devices: vec![device("eth0")],
    }];
    pb::NetworkDeviceStatsResponse { messages }
}

/// What is not asked for by name is not answered.
pub(super) fn netstat(node: &TalosNode, request: &pb::NetstatRequest) -> pb::NetstatResponse {
    use pb::connect_record::State;
    use pb::netstat_request::Filter;
    let pid = request.feature.is_some_and(|f| f.pid);
    let l4 = request.l4proto.unwrap_or_default();
    let host = request
        .netns
        .as_ref()
        .is_some_and(|n| n.hostnetwork || n.allnetns);
    let record = |l4proto: &str, port: u32, state: State, name: &str| pb::ConnectRecord {
        l4proto: l4proto.to_owned(),
        localip: node.address.to_string(),
        localport: port,
        state: state.into(),
        process: pid.then(|| pb::connect_record::Process {
            pid: 1000 + port % 1000,
            name: name.to_owned(),
        }),
        ..pb::ConnectRecord::default()
    };
    let all = [
        (l4.tcp, record("tcp", 50_000, State::Listen, "apid")),
        (l4.tcp, record("tcp", 41_000, State::Established, "kubelet")),
        (l4.tcp6, record("tcp6", 10_250, State::Listen, "kubelet")),
        (l4.udp, record("udp", 68, State::Close, "machined")),
    ];
    let wanted = |state: i32| match Filter::try_from(request.filter) {
        Ok(Filter::Listening) => state == i32::from(State::Listen),
        Ok(Filter::Connected) => state == i32::from(State::Established),
        _ => true,
    };
    let connectrecord = all
        .into_iter()
        .filter(|(asked, record)| *asked && host && wanted(record.state))
        .map(|(_, record)| record)
        .collect();
    let messages = vec![pb::Netstat {
        metadata: None,
        connectrecord,
    }];
    pb::NetstatResponse { messages }
}

pub(super) fn mounts(node: &TalosNode) -> pb::MountsResponse {
    let mount = |filesystem: &str, mounted_on: &str, size: u64| pb::MountStat {
        filesystem: filesystem.to_owned(),
        mounted_on: mounted_on.to_owned(),
        size,
        available: size / 2,
    };
    let messages = vec![pb::Mounts {
        metadata: None,
        stats: vec![
            mount("tmpfs", "/run", node.memory_bytes / 2),
            mount(&format!("{}4", node.install_disk), "/var", 40 << 30),
        ],
    }];
    pb::MountsResponse { messages }
}

pub(super) fn processes(node: &TalosNode) -> pb::ProcessesResponse {
    let process = |pid: i32, command: &str| pb::ProcessInfo {
        pid,
        ppid: i32::from(pid != 1),
        state: "S".into(),
        threads: 12,
        cpu_time: 4.5,
        virtual_memory: 1 << 30,
        resident_memory: 64 << 20,
        command: command.to_owned(),
        executable: format!("/usr/bin/{command}"),
        args: format!("/usr/bin/{command} --quiet"),
        ..pb::ProcessInfo::default()
    };
    let services = (100..)
        .zip(&node.services)
        .map(|(pid, s)| process(pid, &s.id));
    let messages = vec![pb::Process {
        metadata: None,
        processes: std::iter::once(process(1, "machined"))
            .chain(services)
            .collect(),
    }];
    pb::ProcessesResponse { messages }
}

/// CRI can be asked about Kubernetes' containers only.
fn ids(node: &TalosNode, namespace: &str, driver: i32) -> Result<Vec<String>, Status> {
    match namespace {
        "k8s.io" => Ok(logs::containers(node)),
        _ if driver == i32::from(ContainerDriver::Cri) => Err(Status::invalid_argument(
            "CRI inspector is supported only for K8s namespace",
        )),
        _ => Ok(node.services.iter().map(|s| s.id.clone()).collect()),
    }
}

pub(super) fn containers(
    node: &TalosNode,
    request: &pb::ContainersRequest,
) -> Result<pb::ContainersResponse, Status> {
    let ids = ids(node, &request.namespace, request.driver)?;
    let containers = (2000..).zip(ids).map(|(pid, id)| pb::ContainerInfo {
        namespace: request.namespace.clone(),
        name: id.split(':').nth(1).unwrap_or(&id).to_owned(),
        pod_id: id
            .split_once(':')
            .map_or(String::new(), |(pod, _)| pod.to_owned()),
        id,
        image: "registry.k8s.io/pause:3.10".into(),
        pid,
        status: "RUNNING".into(),
        ..pb::ContainerInfo::default()
    });
    let messages = vec![pb::Container {
        metadata: None,
        containers: containers.collect(),
    }];
    Ok(pb::ContainersResponse { messages })
}

/// Whether a container that is to be restarted is there.
pub(super) fn known_container(
    node: &TalosNode,
    request: &pb::RestartRequest,
) -> Result<(), Status> {
    let ids = ids(node, &request.namespace, i32::from(request.driver()))?;
    if ids.contains(&request.id) {
        return Ok(());
    }
    Err(Status::not_found(format!(
        "container {:?} not found",
        request.id
    )))
}

pub(super) fn container_stats(
    node: &TalosNode,
    request: &pb::StatsRequest,
) -> Result<pb::StatsResponse, Status> {
    let ids = ids(node, &request.namespace, request.driver)?;
    let stats = ids.into_iter().map(|id| pb::Stat {
        namespace: request.namespace.clone(),
        name: id.split(':').nth(1).unwrap_or(&id).to_owned(),
        id,
        memory_usage: 64 << 20,
        cpu_usage: 4_500_000_000,
        ..pb::Stat::default()
    });
    let messages = vec![pb::Stats {
        metadata: None,
        stats: stats.collect(),
    }];
    Ok(pb::StatsResponse { messages })
}

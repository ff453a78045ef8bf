//! Which roles may call what. The roles are the `O` values of the client
//! certificate.

/// Everything.
pub(super) const ADMIN: &str = "os:admin";
const OPERATOR: &str = "os:operator";
pub(super) const READER: &str = "os:reader";
const ETCD_BACKUP: &str = "os:etcd:backup";
const META_WRITER: &str = "os:meta:writer";
const IMAGE_VERIFIER: &str = "os:image:verifier";

/// Methods of `machine.MachineService` that read.
const MACHINE_READ: &[&str] = &[
    "CPUFreqStats",
    "CPUInfo",
    "Containers",
    "DiskStats",
    "DiskUsage",
    "Dmesg",
    "Events",
    "Hostname",
    "ImageList",
    "List",
    "LoadAvg",
    "Logs",
    "LogsContainers",
    "Memory",
    "Mounts",
    "NetworkDeviceStats",
    "Netstat",
    "Processes",
    "ServiceList",
    "Stats",
    "SystemStat",
    "Version",
];

/// Methods of `machine.MachineService` that operate.
const MACHINE_OPERATE: &[&str] = &[
    "EtcdAlarmDisarm",
    "EtcdDefragment",
    "ImagePull",
    "PacketCapture",
    "Reboot",
    "Restart",
    "ServiceRestart",
    "ServiceStart",
    "ServiceStop",
    "Shutdown",
];

/// Whether a caller with `roles` may call `path` (`/package.Service/Method`).
/// What is not known here is for administrators.
pub(super) fn allowed(path: &str, roles: &[String]) -> bool {
    let may = rights(path);
    roles
        .iter()
        .any(|role| role == ADMIN || may.contains(&role.as_str()))
}

fn rights(path: &str) -> &'static [&'static str] {
    let Some((service, method)) = path.trim_start_matches('/').split_once('/') else {
        return &[];
    };
    match (service, method) {
        ("machine.MachineService", m) if MACHINE_READ.contains(&m) => &[OPERATOR, READER],
        ("machine.MachineService", m) if MACHINE_OPERATE.contains(&m) => &[OPERATOR],
        ("machine.MachineService", "EtcdAlarmList" | "EtcdMemberList" | "EtcdStatus") => {
            &[OPERATOR, READER, ETCD_BACKUP]
        }
        ("machine.MachineService", "EtcdSnapshot") => &[OPERATOR, ETCD_BACKUP],
        ("machine.MachineService", "MetaWrite" | "MetaDelete") => &[META_WRITER],
        ("machine.ImageService", "Pull") => &[OPERATOR],
        ("machine.ImageService", "Verify") => &[OPERATOR, READER, IMAGE_VERIFIER],
        ("cosi.resource.State", "Get" | "List" | "Watch")
        | ("machine.ImageService", "List")
        | ("cluster.ClusterService", "HealthCheck")
        | ("inspect.InspectService", "ControllerRuntimeDependencies")
        | ("storage.StorageService", "Disks")
        | ("time.TimeService", "Time" | "TimeCheck") => &[OPERATOR, READER],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_open_what_they_should() {
        let may = |path: &str, role: &str| allowed(path, &[role.to_owned()]);
        assert!(may("/machine.MachineService/Version", "os:reader"));
        assert!(may(
            "/machine.MachineService/EtcdSnapshot",
            "os:etcd:backup"
        ));
        assert!(!may("/machine.MachineService/EtcdSnapshot", "os:reader"));
        assert!(!may("/machine.MachineService/Reset", "os:operator"));
        assert!(may("/machine.MachineService/Reset", "os:admin"));
        assert!(!may("/machine.MachineService/Version", "os:etcd:backup"));
        assert!(!may("/no.Such/Method", "os:operator"));
        assert!(!allowed("/machine.MachineService/Version", &[]));
    }
}

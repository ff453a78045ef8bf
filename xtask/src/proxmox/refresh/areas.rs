//! Which file of the schema, and which module, a call belongs to.

/// The area that a path belongs to: a file of the schema and a module.
pub(super) fn area_of(path: &str) -> &'static str {
    const AREAS: [(&str, &str); 33] = [
        ("/access", "access"),
        ("/cluster/acme", "certificates"),
        ("/cluster/backup", "backup"),
        ("/cluster/bulk-action", "bulk"),
        ("/cluster/ceph", "ceph"),
        ("/cluster/firewall", "firewall"),
        ("/cluster/ha", "ha"),
        ("/cluster/jobs", "jobs"),
        ("/cluster/mapping", "mapping"),
        ("/cluster/metrics", "metrics"),
        ("/cluster/notifications", "notifications"),
        ("/cluster/qemu", "capabilities"),
        ("/cluster/replication", "replication"),
        ("/cluster/sdn/vnets/{vnet}/firewall", "firewall"),
        ("/cluster/sdn", "sdn"),
        ("/cluster", "cluster"),
        ("/nodes/{node}/apt", "apt"),
        ("/nodes/{node}/capabilities", "capabilities"),
        ("/nodes/{node}/ceph", "ceph"),
        ("/nodes/{node}/certificates", "certificates"),
        ("/nodes/{node}/disks", "disks"),
        ("/nodes/{node}/firewall", "firewall"),
        ("/nodes/{node}/hardware", "hardware"),
        ("/nodes/{node}/network", "network"),
        ("/nodes/{node}/replication", "replication"),
        ("/nodes/{node}/sdn", "sdn"),
        ("/nodes/{node}/services", "services"),
        ("/nodes/{node}/tasks", "tasks"),
        ("/nodes/{node}/vzdump", "backup"),
        ("/pools", "pools"),
        ("/version", "access"),
        ("/storage", "storage"),
        ("/nodes", "nodes"),
    ];
    for guest in ["/nodes/{node}/qemu/{vmid}", "/nodes/{node}/lxc/{vmid}"] {
        if let Some(below) = path.strip_prefix(guest) {
            if below.starts_with("/firewall") {
                return "firewall";
            }
            if below.starts_with("/agent") {
                return "agent";
            }
        }
    }
    for (prefix, area) in [
        ("/nodes/{node}/qemu", "qemu"),
        ("/nodes/{node}/lxc", "lxc"),
        ("/nodes/{node}/storage", "storage"),
        ("/nodes/{node}/scan", "storage"),
        ("/nodes/{node}/aplinfo", "storage"),
        ("/nodes/{node}/query-", "storage"),
    ] {
        if path.starts_with(prefix) {
            return area;
        }
    }
    AREAS
        .iter()
        .find(|(prefix, _)| path.starts_with(prefix))
        .map_or("cluster", |(_, area)| area)
}

//! The privileges and built-in roles of PVE 9.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// Every privilege.
pub(super) const ALL: &[&str] = &[
    "Datastore.Allocate",
    "Datastore.AllocateSpace",
    "Datastore.AllocateTemplate",
    "Datastore.Audit",
    "Group.Allocate",
    "Mapping.Audit",
    "Mapping.Modify",
    "Mapping.Use",
    "Permissions.Modify",
    "Pool.Allocate",
    "Pool.Audit",
    "Realm.Allocate",
    "Realm.AllocateUser",
    "SDN.Allocate",
    "SDN.Audit",
    "SDN.Use",
    "Sys.AccessNetwork",
    "Sys.Audit",
    "Sys.Console",
    "Sys.Incoming",
    "Sys.Modify",
    "Sys.PowerMgmt",
    "Sys.Syslog",
    "User.Modify",
    "VM.Allocate",
    "VM.Audit",
    "VM.Backup",
    "VM.Clone",
    "VM.Config.CDROM",
    "VM.Config.CPU",
    "VM.Config.Cloudinit",
    "VM.Config.Disk",
    "VM.Config.HWType",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
    "VM.Console",
    "VM.GuestAgent.Audit",
    "VM.GuestAgent.FileRead",
    "VM.GuestAgent.FileSystemMgmt",
    "VM.GuestAgent.FileWrite",
    "VM.GuestAgent.Unrestricted",
    "VM.Migrate",
    "VM.PowerMgmt",
    "VM.Replicate",
    "VM.Snapshot",
    "VM.Snapshot.Rollback",
];

/// The built-in roles.
pub(super) const NAMES: &[&str] = &[
    "Administrator",
    "NoAccess",
    "PVEAuditor",
    "PVEDatastoreAdmin",
    "PVEDatastoreUser",
    "PVEPoolUser",
    "PVESysAdmin",
    "PVEVMAdmin",
    "PVEVMUser",
];

/// The privileges of a role; `None` for a role that does not exist.
pub(super) fn privileges(role: &str) -> Option<Vec<&'static str>> {
    let select = |keep: &dyn Fn(&str) -> bool| ALL.iter().copied().filter(|p| keep(p)).collect();
    Some(match role {
        "Administrator" => ALL.to_vec(),
        "NoAccess" => Vec::new(),
        "PVEAuditor" => select(&|p| p.ends_with(".Audit")),
        "PVEVMAdmin" => select(&|p| p.starts_with("VM.")),
        "PVEVMUser" => select(&|p| {
            p.starts_with("VM.GuestAgent.") && p != "VM.GuestAgent.Unrestricted"
                || ["VM.Audit", "VM.Backup", "VM.Console", "VM.PowerMgmt"].contains(&p)
                || ["VM.Config.CDROM", "VM.Config.Cloudinit"].contains(&p)
        }),
        "PVEDatastoreUser" => vec!["Datastore.AllocateSpace", "Datastore.Audit"],
        "PVEDatastoreAdmin" => select(&|p| p.starts_with("Datastore.")),
        "PVEPoolUser" => vec!["Pool.Audit"],
        "PVESysAdmin" => vec!["Sys.Audit", "Sys.Console", "Sys.Syslog"],
        _ => return None,
    })
}

/// Reads roles of our own; a privilege that is none any more is left out.
pub(super) fn read<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Vec<&'static str>>, D::Error> {
    let known = |privilege: &String| ALL.iter().copied().find(|known| known == privilege);
    let roles = BTreeMap::<String, Vec<String>>::deserialize(deserializer)?;
    Ok(roles
        .into_iter()
        .map(|(role, privileges)| (role, privileges.iter().filter_map(known).collect()))
        .collect())
}

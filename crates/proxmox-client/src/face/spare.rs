//! What calls without the word do not do: each function says what a request
//! would lose, and which method is for that.

use proxmox_endpoints::{
    ConfigureQemu, CreateLxc, CreateQemu, CreateReplicationJob, MoveLxcVolume, MoveQemuDisk,
    RemoteMigrateLxc, RemoteMigrateQemu, UnlinkQemuDisks, UpdateLxcConfig, UpdateQemuConfig,
    UpdateReplicationJob,
};

/// Whether the key is that of a volume which nothing uses. To take one out of
/// a configuration is to delete the volume.
pub(super) fn is_unused(key: &str) -> bool {
    key.strip_prefix("unused")
        .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

fn set(flag: Option<bool>, why: &str) -> Option<String> {
    (flag == Some(true)).then(|| why.to_owned())
}

fn unused(param: &str, keys: &[String], method: &str) -> Option<String> {
    let keys = keys.iter().flat_map(|list| list.split([',', ';', ' ']));
    let key = keys.map(str::trim).find(|key| is_unused(key))?;
    Some(format!(
        "parameter {param}: taking out {key} deletes its volume: {method} is for that, and wants the word"
    ))
}

pub(super) fn unlink(request: &UnlinkQemuDisks) -> Option<String> {
    set(
        request.force,
        "parameter force: unlink_disks leaves the volumes: delete_disks deletes them, and wants the word",
    )
    .or_else(|| unused("idlist", &request.idlist, "delete_disks"))
}

const FORCE_CONFIG: &str = "parameter force: the volumes of what is taken out would be deleted: delete_disks is for that, and wants the word";

pub(super) fn update_qemu(request: &UpdateQemuConfig) -> Option<String> {
    set(request.force, FORCE_CONFIG).or_else(|| unused("delete", &request.delete, "delete_disks"))
}

pub(super) fn configure_qemu(request: &ConfigureQemu) -> Option<String> {
    set(request.force, FORCE_CONFIG).or_else(|| unused("delete", &request.delete, "delete_disks"))
}

pub(super) fn update_lxc(request: &UpdateLxcConfig) -> Option<String> {
    unused("delete", &request.delete, "delete_unused")
}

pub(super) fn not_unused(request: &UpdateLxcConfig) -> Option<String> {
    let other = request.delete.iter().find(|key| !is_unused(key))?;
    Some(format!(
        "parameter delete: '{other}' is not the key of an unused volume, such as unused0: update_config takes a mount point out first"
    ))
}

pub(super) fn move_disk(request: &MoveQemuDisk) -> Option<String> {
    set(
        request.delete,
        "parameter delete: move_disk keeps the source as an unused volume: move_disk_and_delete_source deletes it, and wants the word",
    )
}

pub(super) fn move_volume(request: &MoveLxcVolume) -> Option<String> {
    set(
        request.delete,
        "parameter delete: move_volume keeps the source as an unused volume: move_volume_and_delete_source deletes it, and wants the word",
    )
}

const REMOTE: &str = "parameter delete: remote_migrate keeps the guest here, stopped: remote_migrate_and_delete_source deletes it, and wants the word";

pub(super) fn remote_migrate_qemu(request: &RemoteMigrateQemu) -> Option<String> {
    set(request.delete, REMOTE)
}

pub(super) fn remote_migrate_lxc(request: &RemoteMigrateLxc) -> Option<String> {
    set(request.delete, REMOTE)
}

pub(super) fn create_qemu(request: &CreateQemu) -> Option<String> {
    set(
        request.force,
        "parameter force: the guest that has the id would be lost: restore_qemu replaces one, and wants the word",
    )
}

pub(super) fn create_lxc(request: &CreateLxc) -> Option<String> {
    set(
        request.force,
        "parameter force: the guest that has the id would be lost: restore_lxc replaces one, and wants the word",
    )
}

const REMOVE_JOB: &str = "parameter remove_job: the job would remove itself and its copies: delete_replication_job is for that, and wants the word";

pub(super) fn create_replication(request: &CreateReplicationJob) -> Option<String> {
    request.remove_job.is_some().then(|| REMOVE_JOB.to_owned())
}

pub(super) fn update_replication(request: &UpdateReplicationJob) -> Option<String> {
    request.remove_job.is_some().then(|| REMOVE_JOB.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_looked_through_however_they_are_written() {
        for keys in ["unused0", "scsi1,unused12", "scsi1; unused3"] {
            let request = UnlinkQemuDisks::new("pve1", 100, vec![keys.to_owned()]);
            let why = unlink(&request).unwrap_or_default();
            assert!(why.contains("delete_disks"), "{keys}: {why}");
        }
        let request = UnlinkQemuDisks::new("pve1", 100, vec!["scsi1".into(), "unused".into()]);
        assert_eq!(unlink(&request), None);
    }
}

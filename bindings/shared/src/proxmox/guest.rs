//! `ProxmoxQemu`, `ProxmoxLxc`.

use homelab_core::Result;
use proxmox_client::endpoints::{
    CloneLxc, CloneQemu, ConfigureQemu, ConvertLxcToTemplate, ConvertQemuToTemplate,
    CreateLxcFirewallRule, CreateLxcSnapshot, CreateQemuFirewallRule, CreateQemuSnapshot,
    DeleteLxc, DeleteLxcFirewallRule, DeleteLxcSnapshot, DeleteQemu, DeleteQemuFirewallRule,
    DeleteQemuSnapshot, GetLxcConfig, GetLxcFeature, GetLxcFirewallOptions,
    GetLxcMigratePreconditions, GetLxcRrdData, GetLxcSnapshotConfig, GetLxcStatus, GetQemuConfig,
    GetQemuFeature, GetQemuFirewallOptions, GetQemuMigratePreconditions, GetQemuRrdData,
    GetQemuSnapshotConfig, GetQemuStatus, ListLxcFirewallRules, ListLxcInterfaces,
    ListLxcPendingConfig, ListLxcSnapshots, ListQemuFirewallRules, ListQemuPendingConfig,
    ListQemuSnapshots, MigrateLxc, MigrateQemu, MoveLxcVolume, MoveQemuDisk, RebootLxc, RebootQemu,
    RemoteMigrateLxc, RemoteMigrateQemu, ResetQemu, ResizeLxcDisk, ResizeQemuDisk, ResumeLxc,
    ResumeQemu, RollbackLxcSnapshot, RollbackQemuSnapshot, RunQemuMonitorCommand, SendQemuKey,
    ShutdownLxc, ShutdownQemu, StartLxc, StartQemu, StopLxc, StopQemu, SuspendLxc, SuspendQemu,
    UnlinkQemuDisks, UpdateLxcConfig, UpdateLxcFirewallOptions, UpdateLxcFirewallRule,
    UpdateQemuConfig, UpdateQemuFirewallOptions, UpdateQemuFirewallRule, UpdateQemuSnapshotConfig,
};

use super::inside;
use super::place::{Place, accepted, destroy};
use crate::handle::no_method;
use crate::reply::data;
use crate::{Args, Reply};

pub(crate) async fn qemu(place: &Place, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "node" => data(place.value("node")),
        "vmid" => data(&place.vmid()?),
        "destroy" => destroy::<DeleteQemu>(place, args).await,
        "status" => place.data::<GetQemuStatus>(args).await,
        "config" => place.data::<GetQemuConfig>(args).await,
        "pending" => place.data::<ListQemuPendingConfig>(args).await,
        "update_config" => place.done::<UpdateQemuConfig>(args).await,
        "configure" => place.maybe_task::<ConfigureQemu>(args).await,
        "start" => place.task::<StartQemu>(args).await,
        "stop" => place.task::<StopQemu>(args).await,
        "shutdown" => place.task::<ShutdownQemu>(args).await,
        "reboot" => place.task::<RebootQemu>(args).await,
        "reset" => place.task::<ResetQemu>(args).await,
        "suspend" => place.task::<SuspendQemu>(args).await,
        "resume" => place.task::<ResumeQemu>(args).await,
        "send_key" => place.done::<SendQemuKey>(args).await,
        "monitor" => place.data::<RunQemuMonitorCommand>(args).await,
        "snapshots" => place.data::<ListQemuSnapshots>(args).await,
        "snapshot" => place.task::<CreateQemuSnapshot>(args).await,
        "snapshot_config" => place.data::<GetQemuSnapshotConfig>(args).await,
        "update_snapshot" => place.done::<UpdateQemuSnapshotConfig>(args).await,
        "rollback" => {
            accepted(args)?;
            place.task::<RollbackQemuSnapshot>(args).await
        }
        "delete_snapshot" => place.task::<DeleteQemuSnapshot>(args).await,
        "clone_to" => place.task::<CloneQemu>(args).await,
        "migration" => place.data::<GetQemuMigratePreconditions>(args).await,
        "migrate" => place.task::<MigrateQemu>(args).await,
        "remote_migrate" => place.task::<RemoteMigrateQemu>(args).await,
        "resize_disk" => place.maybe_task::<ResizeQemuDisk>(args).await,
        "move_disk" => place.task::<MoveQemuDisk>(args).await,
        "unlink_disks" => place.done::<UnlinkQemuDisks>(args).await,
        "template" => place.task::<ConvertQemuToTemplate>(args).await,
        "feature" => place.data::<GetQemuFeature>(args).await,
        "rrd_data" => place.data::<GetQemuRrdData>(args).await,
        "firewall_options" => place.data::<GetQemuFirewallOptions>(args).await,
        "update_firewall_options" => place.done::<UpdateQemuFirewallOptions>(args).await,
        "firewall_rules" => place.data::<ListQemuFirewallRules>(args).await,
        "create_firewall_rule" => place.done::<CreateQemuFirewallRule>(args).await,
        "update_firewall_rule" => place.done::<UpdateQemuFirewallRule>(args).await,
        "delete_firewall_rule" => place.done::<DeleteQemuFirewallRule>(args).await,
        _ => inside::qemu(place, method, args).await,
    }
}

pub(crate) async fn lxc(place: &Place, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "node" => data(place.value("node")),
        "vmid" => data(&place.vmid()?),
        "destroy" => destroy::<DeleteLxc>(place, args).await,
        "status" => place.data::<GetLxcStatus>(args).await,
        "config" => place.data::<GetLxcConfig>(args).await,
        "pending" => place.data::<ListLxcPendingConfig>(args).await,
        "update_config" => place.done::<UpdateLxcConfig>(args).await,
        "start" => place.task::<StartLxc>(args).await,
        "stop" => place.task::<StopLxc>(args).await,
        "shutdown" => place.task::<ShutdownLxc>(args).await,
        "reboot" => place.task::<RebootLxc>(args).await,
        "suspend" => place.task::<SuspendLxc>(args).await,
        "resume" => place.task::<ResumeLxc>(args).await,
        "terminal" => Ok(inside::opened(place.lxc()?.terminal().await?)),
        "interfaces" => place.data::<ListLxcInterfaces>(args).await,
        "snapshots" => place.data::<ListLxcSnapshots>(args).await,
        "snapshot" => place.task::<CreateLxcSnapshot>(args).await,
        "snapshot_config" => place.data::<GetLxcSnapshotConfig>(args).await,
        "rollback" => {
            accepted(args)?;
            place.task::<RollbackLxcSnapshot>(args).await
        }
        "delete_snapshot" => place.task::<DeleteLxcSnapshot>(args).await,
        "clone_to" => place.task::<CloneLxc>(args).await,
        "migration" => place.data::<GetLxcMigratePreconditions>(args).await,
        "migrate" => place.task::<MigrateLxc>(args).await,
        "remote_migrate" => place.task::<RemoteMigrateLxc>(args).await,
        "resize_disk" => place.maybe_task::<ResizeLxcDisk>(args).await,
        "move_volume" => place.task::<MoveLxcVolume>(args).await,
        "template" => place.done::<ConvertLxcToTemplate>(args).await,
        "feature" => place.data::<GetLxcFeature>(args).await,
        "rrd_data" => place.data::<GetLxcRrdData>(args).await,
        "firewall_options" => place.data::<GetLxcFirewallOptions>(args).await,
        "update_firewall_options" => place.done::<UpdateLxcFirewallOptions>(args).await,
        "firewall_rules" => place.data::<ListLxcFirewallRules>(args).await,
        "create_firewall_rule" => place.done::<CreateLxcFirewallRule>(args).await,
        "update_firewall_rule" => place.done::<UpdateLxcFirewallRule>(args).await,
        "delete_firewall_rule" => place.done::<DeleteLxcFirewallRule>(args).await,
        _ => Err(no_method("ProxmoxLxc", method)),
    }
}

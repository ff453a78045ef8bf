//! `ProxmoxQemu`, `ProxmoxLxc`.

use homelab_core::{ExposeSecret, Result};
use proxmox_client::DataLoss;
use proxmox_client::endpoints::{
    CloneLxc, CloneQemu, ConvertLxcToTemplate, ConvertQemuToTemplate, CreateLxcFirewallRule,
    CreateLxcSnapshot, CreateQemuFirewallRule, CreateQemuSnapshot, DeleteLxc,
    DeleteLxcFirewallRule, DeleteLxcSnapshot, DeleteQemu, DeleteQemuFirewallRule,
    DeleteQemuSnapshot, GetLxcConfig, GetLxcFeature, GetLxcFirewallOptions,
    GetLxcMigratePreconditions, GetLxcRrdData, GetLxcSnapshotConfig, GetLxcStatus, GetQemuConfig,
    GetQemuFeature, GetQemuFirewallOptions, GetQemuMigratePreconditions, GetQemuRrdData,
    GetQemuSnapshotConfig, GetQemuStatus, ListLxcFirewallRules, ListLxcInterfaces,
    ListLxcPendingConfig, ListLxcSnapshots, ListQemuCloudInitPending, ListQemuFirewallRules,
    ListQemuPendingConfig, ListQemuSnapshots, MigrateLxc, MigrateQemu, MoveLxcVolume, MoveQemuDisk,
    RebootLxc, RebootQemu, RemoteMigrateLxc, RemoteMigrateQemu, ResetQemu, ResizeLxcDisk,
    ResizeQemuDisk, ResumeLxc, ResumeQemu, RollbackLxcSnapshot, RollbackQemuSnapshot,
    RunQemuMonitorCommand, SendQemuKey, ShutdownLxc, ShutdownQemu, StartLxc, StartQemu, StopLxc,
    StopQemu, SuspendLxc, SuspendQemu, UnlinkQemuDisks, UpdateLxcFirewallOptions,
    UpdateLxcFirewallRule, UpdateQemuFirewallOptions, UpdateQemuFirewallRule,
    UpdateQemuSnapshotConfig,
};

use super::place::{Place, accepted, destroy};
use super::{inside, new_guest, screen, started};
use crate::handle::no_method;
use crate::reply::{data, done};
use crate::{Args, Reply};

pub(crate) async fn qemu(place: &Place, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "node" => data(place.value("node")),
        "vmid" => data(&place.vmid()?),
        "destroy" => destroy::<DeleteQemu>(place, args).await,
        "status" => place.data::<GetQemuStatus>(args).await,
        "config" => place.data::<GetQemuConfig>(args).await,
        "pending" => place.data::<ListQemuPendingConfig>(args).await,
        "cloud_init_pending" => place.data::<ListQemuCloudInitPending>(args).await,
        "update_config" => {
            place.asked(place.qemu()?.update_config(), args).await?;
            Ok(done())
        }
        "configure" => {
            let task = place.asked(place.qemu()?.configure(), args).await?;
            Ok(task.map_or_else(done, started))
        }
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
        "delete_snapshot" => {
            accepted(args)?;
            place.task::<DeleteQemuSnapshot>(args).await
        }
        "clone_to" => place.task::<CloneQemu>(args).await,
        "clone_to_new_id" => {
            new_guest::made(place, args, "newid", |place| Ok(place.qemu()?.clone_to(0)))
        }
        "migration" => place.data::<GetQemuMigratePreconditions>(args).await,
        "migrate" => place.task::<MigrateQemu>(args).await,
        "remote_migrate" => {
            let call = place.qemu()?.remote_migrate(Vec::new(), "", Vec::new());
            place.begun(call, args).await
        }
        "remote_migrate_and_delete_source" => {
            place
                .task::<RemoteMigrateQemu>(with_word(args, "delete")?)
                .await
        }
        "resize_disk" => place.maybe_task::<ResizeQemuDisk>(args).await,
        "move_disk" => place.begun(place.qemu()?.move_disk(""), args).await,
        "move_disk_and_delete_source" => {
            place.task::<MoveQemuDisk>(with_word(args, "delete")?).await
        }
        "unlink_disks" => {
            let call = place.qemu()?.unlink_disks(Vec::new());
            place.asked(call, args).await?;
            Ok(done())
        }
        "delete_disks" => {
            place
                .done::<UnlinkQemuDisks>(with_word(args, "force")?)
                .await
        }
        "template" => place.task::<ConvertQemuToTemplate>(args).await,
        "feature" => place.data::<GetQemuFeature>(args).await,
        "rrd_data" => place.data::<GetQemuRrdData>(args).await,
        "firewall_options" => place.data::<GetQemuFirewallOptions>(args).await,
        "update_firewall_options" => place.done::<UpdateQemuFirewallOptions>(args).await,
        "firewall_rules" => place.data::<ListQemuFirewallRules>(args).await,
        "create_firewall_rule" => place.done::<CreateQemuFirewallRule>(args).await,
        "update_firewall_rule" => place.done::<UpdateQemuFirewallRule>(args).await,
        "delete_firewall_rule" => place.done::<DeleteQemuFirewallRule>(args).await,
        _ => Box::pin(inside::qemu(place, method, args)).await,
    }
}

/// The arguments of a call that loses data, with the flag that makes it do so;
/// an error unless the word is among them.
fn with_word<'a>(args: &'a mut Args, flag: &str) -> Result<&'a mut Args> {
    accepted(args)?;
    args.set(flag, true);
    Ok(args)
}

pub(crate) async fn lxc(place: &Place, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "node" => data(place.value("node")),
        "vmid" => data(&place.vmid()?),
        "destroy" => destroy::<DeleteLxc>(place, args).await,
        "status" => place.data::<GetLxcStatus>(args).await,
        "config" => place.data::<GetLxcConfig>(args).await,
        "pending" => place.data::<ListLxcPendingConfig>(args).await,
        "update_config" => {
            place.asked(place.lxc()?.update_config(), args).await?;
            Ok(done())
        }
        "delete_unused" => {
            accepted(args)?;
            let keys: Vec<String> = args.take("keys")?;
            place.lxc()?.delete_unused(keys, DataLoss::Accepted).await?;
            Ok(done())
        }
        "start" => place.task::<StartLxc>(args).await,
        "stop" => place.task::<StopLxc>(args).await,
        "shutdown" => place.task::<ShutdownLxc>(args).await,
        "reboot" => place.task::<RebootLxc>(args).await,
        "suspend" => place.task::<SuspendLxc>(args).await,
        "resume" => place.task::<ResumeLxc>(args).await,
        "terminal" => Ok(inside::opened(place.lxc()?.terminal().await?)),
        "spice_viewer_file" => data(place.lxc()?.spice_viewer_file().await?.expose_secret()),
        "vnc" => Ok(screen::opened(place.lxc()?.vnc().await?)),
        "interfaces" => place.data::<ListLxcInterfaces>(args).await,
        "snapshots" => place.data::<ListLxcSnapshots>(args).await,
        "snapshot" => place.task::<CreateLxcSnapshot>(args).await,
        "snapshot_config" => place.data::<GetLxcSnapshotConfig>(args).await,
        "rollback" => {
            accepted(args)?;
            place.task::<RollbackLxcSnapshot>(args).await
        }
        "delete_snapshot" => {
            accepted(args)?;
            place.task::<DeleteLxcSnapshot>(args).await
        }
        "clone_to" => place.task::<CloneLxc>(args).await,
        "clone_to_new_id" => {
            new_guest::made(place, args, "newid", |place| Ok(place.lxc()?.clone_to(0)))
        }
        "migration" => place.data::<GetLxcMigratePreconditions>(args).await,
        "migrate" => place.task::<MigrateLxc>(args).await,
        "remote_migrate" => {
            let call = place.lxc()?.remote_migrate(Vec::new(), "", Vec::new());
            place.begun(call, args).await
        }
        "remote_migrate_and_delete_source" => {
            place
                .task::<RemoteMigrateLxc>(with_word(args, "delete")?)
                .await
        }
        "resize_disk" => place.maybe_task::<ResizeLxcDisk>(args).await,
        "move_volume" => place.begun(place.lxc()?.move_volume(""), args).await,
        "move_volume_and_delete_source" => {
            place
                .task::<MoveLxcVolume>(with_word(args, "delete")?)
                .await
        }
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

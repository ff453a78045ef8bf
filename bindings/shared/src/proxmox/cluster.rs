//! `ProxmoxCluster` and what belongs to it.

use homelab_core::Result;
use proxmox_client::endpoints::{
    AcquireSdnLock, AnalyzeSchedule, ApplySdn, ArmHa, BulkMigrateGuests, BulkShutdownGuests,
    BulkStartGuests, CreateBackupJob, CreateClusterFirewallAlias, CreateClusterFirewallIpSet,
    CreateClusterFirewallIpSetEntry, CreateClusterFirewallRule, CreateHaResource, CreateSdnVnet,
    CreateSdnZone, CreateSecurityGroup, DeleteBackupJob, DeleteClusterFirewallAlias,
    DeleteClusterFirewallIpSet, DeleteClusterFirewallIpSetEntry, DeleteClusterFirewallRule,
    DeleteHaResource, DeleteHaRule, DeleteReplicationJob, DeleteSdnVnet, DeleteSdnZone,
    DeleteSecurityGroup, DisarmHa, ExportMetrics, GetAcmeAccount, GetBackupJob,
    GetBackupJobVolumes, GetCephMetadata, GetCephStatus, GetClusterFirewallOptions, GetClusterLog,
    GetClusterOptions, GetHaManagerStatus, GetHaResource, GetHaRule, GetHaStatus, GetJoinInfo,
    GetQdevice, GetReplicationJob, GetSdnVnet, GetSdnZone, GetTotem, HaRuleKind, ListAcmeAccounts,
    ListAcmeDirectories, ListAcmePlugins, ListBackupJobs, ListCephFlags,
    ListClusterFirewallAliases, ListClusterFirewallIpSetEntries, ListClusterFirewallIpSets,
    ListClusterFirewallRefs, ListClusterFirewallRules, ListClusterTasks, ListCorosyncNodes,
    ListDirectoryMappings, ListFirewallMacros, ListGuestsNotBackedUp, ListHaGroups,
    ListHaResources, ListHaRules, ListMetricServers, ListNotificationMatchers,
    ListNotificationTargets, ListPciMappings, ListRealmSyncJobs, ListReplicationJobs,
    ListSdnControllers, ListSdnIpams, ListSdnSubnets, ListSdnVnets, ListSdnZones,
    ListSecurityGroupRules, ListSecurityGroups, ListUsbMappings, MigrateHaResource, ReleaseSdnLock,
    RelocateHaResource, RollbackSdn, TestNotificationTarget, UpdateBackupJob, UpdateCephFlag,
    UpdateClusterFirewallOptions, UpdateClusterFirewallRule, UpdateClusterOptions,
    UpdateHaResource, UpdateHaRule, UpdateSdnVnet, UpdateSdnZone,
};

use super::data::waiting;
use super::place::{Place, accepted};
use crate::handle::{Object, no_method};
use crate::reply::{data, done};
use crate::{Args, Reply};

pub(crate) async fn cluster(place: &Place, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "ha" => Ok(place.same(Object::ProxmoxHa)),
        "firewall" => Ok(place.same(Object::ProxmoxFirewall)),
        "sdn" => Ok(place.same(Object::ProxmoxSdn)),
        "status" => data(&place.pve.cluster().status().await?),
        "next_id" => data(&place.pve.cluster().next_id().await?),
        "tasks" => place.data::<ListClusterTasks>(args).await,
        "log" => place.data::<GetClusterLog>(args).await,
        "options" => place.data::<GetClusterOptions>(args).await,
        "update_options" => place.done::<UpdateClusterOptions>(args).await,
        "corosync_nodes" => place.data::<ListCorosyncNodes>(args).await,
        "join_info" => place.data::<GetJoinInfo>(args).await,
        "qdevice" => place.data::<GetQdevice>(args).await,
        "totem" => place.data::<GetTotem>(args).await,
        "metrics" => place.data::<ExportMetrics>(args).await,
        "metric_servers" => place.data::<ListMetricServers>(args).await,
        "guests_not_backed_up" => place.data::<ListGuestsNotBackedUp>(args).await,
        "bulk_start" => place.task::<BulkStartGuests>(args).await,
        "bulk_shutdown" => place.task::<BulkShutdownGuests>(args).await,
        "bulk_migrate" => place.task::<BulkMigrateGuests>(args).await,
        "ceph_status" => place.data::<GetCephStatus>(args).await,
        "ceph_metadata" => place.data::<GetCephMetadata>(args).await,
        "ceph_flags" => place.data::<ListCephFlags>(args).await,
        "set_ceph_flag" => place.done::<UpdateCephFlag>(args).await,
        "backup_jobs" => place.data::<ListBackupJobs>(args).await,
        "backup_job" => place.data::<GetBackupJob>(args).await,
        "create_backup_job" => place.done::<CreateBackupJob>(args).await,
        "update_backup_job" => place.done::<UpdateBackupJob>(args).await,
        "delete_backup_job" => place.done::<DeleteBackupJob>(args).await,
        "backup_job_volumes" => place.data::<GetBackupJobVolumes>(args).await,
        "replication_jobs" => place.data::<ListReplicationJobs>(args).await,
        "replication_job" => place.data::<GetReplicationJob>(args).await,
        "create_replication_job" => {
            let call = place.pve.cluster().create_replication_job("", "", "");
            place.asked(call, args).await?;
            Ok(done())
        }
        "update_replication_job" => {
            let call = place.pve.cluster().update_replication_job("");
            place.asked(call, args).await?;
            Ok(done())
        }
        "delete_replication_job" => {
            accepted(args)?;
            place.done::<DeleteReplicationJob>(args).await
        }
        "realm_sync_jobs" => place.data::<ListRealmSyncJobs>(args).await,
        "analyze_schedule" => place.data::<AnalyzeSchedule>(args).await,
        "pci_mappings" => place.data::<ListPciMappings>(args).await,
        "usb_mappings" => place.data::<ListUsbMappings>(args).await,
        "directory_mappings" => place.data::<ListDirectoryMappings>(args).await,
        "notification_targets" => place.data::<ListNotificationTargets>(args).await,
        "test_notification_target" => place.done::<TestNotificationTarget>(args).await,
        "notification_matchers" => place.data::<ListNotificationMatchers>(args).await,
        "acme_accounts" => place.data::<ListAcmeAccounts>(args).await,
        "acme_account" => place.data::<GetAcmeAccount>(args).await,
        "acme_plugins" => place.data::<ListAcmePlugins>(args).await,
        "acme_directories" => place.data::<ListAcmeDirectories>(args).await,
        _ => Err(no_method("ProxmoxCluster", method)),
    }
}

pub(crate) async fn ha(place: &Place, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "status" => place.data::<GetHaStatus>(args).await,
        "manager_status" => place.data::<GetHaManagerStatus>(args).await,
        "resources" => place.data::<ListHaResources>(args).await,
        "resource" => place.data::<GetHaResource>(args).await,
        "add" => place.done::<CreateHaResource>(args).await,
        "update" => place.done::<UpdateHaResource>(args).await,
        "remove" => place.done::<DeleteHaResource>(args).await,
        "migrate" => place.data::<MigrateHaResource>(args).await,
        "relocate" => place.data::<RelocateHaResource>(args).await,
        "wait_until_on" => {
            let (sid, node): (String, String) = (args.take("sid")?, args.take("node")?);
            let options = waiting(args)?;
            place
                .pve
                .cluster()
                .ha()
                .wait_until_on(&sid, &node, options)
                .await?;
            Ok(done())
        }
        "rules" => place.data::<ListHaRules>(args).await,
        "node_affinity" => data(&place.pve.cluster().ha().node_affinity().await?),
        "rule" => place.data::<GetHaRule>(args).await,
        "create_rule" => {
            let kind = HaRuleKind::NodeAffinity;
            let call = place.pve.cluster().ha().create_rule(kind, Vec::new(), "");
            place.asked(call, args).await?;
            Ok(done())
        }
        "update_rule" => place.done::<UpdateHaRule>(args).await,
        "delete_rule" => place.done::<DeleteHaRule>(args).await,
        "groups" => place.data::<ListHaGroups>(args).await,
        "arm" => place.done::<ArmHa>(args).await,
        "disarm" => place.done::<DisarmHa>(args).await,
        _ => Err(no_method("ProxmoxHa", method)),
    }
}

pub(crate) async fn sdn(place: &Place, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "zones" => place.data::<ListSdnZones>(args).await,
        "zone" => place.data::<GetSdnZone>(args).await,
        "create_zone" => place.done::<CreateSdnZone>(args).await,
        "update_zone" => place.done::<UpdateSdnZone>(args).await,
        "delete_zone" => place.done::<DeleteSdnZone>(args).await,
        "vnets" => place.data::<ListSdnVnets>(args).await,
        "vnet" => place.data::<GetSdnVnet>(args).await,
        "create_vnet" => place.done::<CreateSdnVnet>(args).await,
        "update_vnet" => place.done::<UpdateSdnVnet>(args).await,
        "delete_vnet" => place.done::<DeleteSdnVnet>(args).await,
        "subnets" => place.data::<ListSdnSubnets>(args).await,
        "controllers" => place.data::<ListSdnControllers>(args).await,
        "ipams" => place.data::<ListSdnIpams>(args).await,
        "lock" => place.data::<AcquireSdnLock>(args).await,
        "unlock" => place.done::<ReleaseSdnLock>(args).await,
        "apply" => place.task::<ApplySdn>(args).await,
        "roll_back" => place.done::<RollbackSdn>(args).await,
        _ => Err(no_method("ProxmoxSdn", method)),
    }
}

pub(crate) async fn firewall(place: &Place, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "options" => place.data::<GetClusterFirewallOptions>(args).await,
        "update_options" => place.done::<UpdateClusterFirewallOptions>(args).await,
        "rules" => place.data::<ListClusterFirewallRules>(args).await,
        "create_rule" => place.done::<CreateClusterFirewallRule>(args).await,
        "update_rule" => place.done::<UpdateClusterFirewallRule>(args).await,
        "delete_rule" => place.done::<DeleteClusterFirewallRule>(args).await,
        "groups" => place.data::<ListSecurityGroups>(args).await,
        "group_rules" => place.data::<ListSecurityGroupRules>(args).await,
        "create_group" => place.done::<CreateSecurityGroup>(args).await,
        "delete_group" => place.done::<DeleteSecurityGroup>(args).await,
        "aliases" => place.data::<ListClusterFirewallAliases>(args).await,
        "create_alias" => place.done::<CreateClusterFirewallAlias>(args).await,
        "delete_alias" => place.done::<DeleteClusterFirewallAlias>(args).await,
        "ip_sets" => place.data::<ListClusterFirewallIpSets>(args).await,
        "ip_set" => place.data::<ListClusterFirewallIpSetEntries>(args).await,
        "create_ip_set" => place.done::<CreateClusterFirewallIpSet>(args).await,
        "add_to_ip_set" => place.done::<CreateClusterFirewallIpSetEntry>(args).await,
        "remove_from_ip_set" => place.done::<DeleteClusterFirewallIpSetEntry>(args).await,
        "delete_ip_set" => place.done::<DeleteClusterFirewallIpSet>(args).await,
        "macros" => place.data::<ListFirewallMacros>(args).await,
        "refs" => place.data::<ListClusterFirewallRefs>(args).await,
        _ => Err(no_method("ProxmoxFirewall", method)),
    }
}

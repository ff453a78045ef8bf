//! `ProxmoxNode` and what is on it.

use homelab_core::Result;
use proxmox_client::endpoints::{
    AllocateVolume, CheckCephCommandSafety, CreateCephFs, CreateCephManager, CreateCephMds,
    CreateCephMonitor, CreateCephOsd, CreateCephPool, CreateNetwork, CreateNodeFirewallRule,
    CreateZfsPool, DeleteCephManager, DeleteCephMds, DeleteCephMonitor, DeleteCephOsd,
    DeleteCephPool, DeleteCustomCertificate, DeleteNetwork, DeleteVolume,
    DownloadApplianceTemplate, ExtractBackupConfig, GetAptChangelog, GetAptRepositories,
    GetBackupDefaults, GetCephCrushMap, GetCephLog, GetCephOsdTree, GetCephPool, GetDns,
    GetHostsFile, GetJournal, GetLvmTree, GetNetwork, GetNodeCephStatus, GetNodeConfig,
    GetNodeFirewallOptions, GetNodeReport, GetNodeRrdData, GetNodeStatus, GetNodeTime,
    GetNodeVersion, GetServiceState, GetSmart, GetStorageRrdData, GetStorageStatus,
    GetSubscription, GetSyslog, GetVolume, GetZfsPool, InitializeDisk, ListApplianceTemplates,
    ListAptUpdates, ListAptVersions, ListCephCrushRules, ListCephFs, ListCephManagers, ListCephMds,
    ListCephMonitors, ListCephPools, ListCertificates, ListCpuModels, ListDirectoryStorages,
    ListDisks, ListLvmThinPools, ListLxc, ListMachineTypes, ListNetworks, ListNodeFirewallRules,
    ListNodeReplication, ListNodeSdnZones, ListNodeStorage, ListPciDevices, ListPrunableBackups,
    ListQemu, ListServices, ListStorageContent, ListTasks, ListUsbDevices, ListZfsPools,
    MarkCephOsdIn, MarkCephOsdOut, MigrateAll, OrderAcmeCertificate, PruneBackups, PullOciImage,
    ReloadNetwork, ReloadService, RenewAcmeCertificate, RestartCeph, RestartService,
    RevertNetworkChanges, ScheduleReplicationNow, ScrubCephOsd, SetNodeTimezone, ShutdownNode,
    StartAll, StartCeph, StartService, StopAll, StopCeph, StopService, SuspendAll,
    UpdateAptDatabase, UpdateCephPool, UpdateDns, UpdateHostsFile, UpdateNetwork, UpdateNodeConfig,
    UpdateNodeFirewallOptions, UpdateVolume, UploadCustomCertificate, WakeNode, WipeDisk,
};

use super::data as files;
use super::new_guest;
use super::place::{Place, accepted};
use crate::handle::{Object, no_method};
use crate::reply::data;
use crate::{Args, Reply};

pub(crate) async fn node(place: &Place, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "name" => data(place.value("node")),
        "qemu" => Ok(place.at(
            "vmid",
            args.take::<u32>("vmid")?.to_string(),
            Object::ProxmoxQemu,
        )),
        "lxc" => Ok(place.at(
            "vmid",
            args.take::<u32>("vmid")?.to_string(),
            Object::ProxmoxLxc,
        )),
        "storage" => Ok(place.at("storage", args.take("storage")?, Object::ProxmoxNodeStorage)),
        "ceph" => Ok(place.same(Object::ProxmoxCeph)),
        "power" => place.done::<ShutdownNode>(args).await,
        "status" => place.data::<GetNodeStatus>(args).await,
        "version" => place.data::<GetNodeVersion>(args).await,
        "wake" => place.data::<WakeNode>(args).await,
        "qemu_list" => place.data::<ListQemu>(args).await,
        "create_qemu" => place.begun(place.node().create_qemu(0), args).await,
        "create_qemu_with_new_id" => {
            new_guest::made(place, args, "vmid", |place| Ok(place.node().create_qemu(0)))
        }
        "lxc_list" => place.data::<ListLxc>(args).await,
        "create_lxc" => place.begun(place.node().create_lxc(0, ""), args).await,
        "create_lxc_with_new_id" => {
            let call = |place: &Place| Ok(place.node().create_lxc(0, ""));
            new_guest::made(place, args, "vmid", call)
        }
        "start_all" => place.task::<StartAll>(args).await,
        "stop_all" => place.task::<StopAll>(args).await,
        "suspend_all" => place.task::<SuspendAll>(args).await,
        "migrate_all" => place.task::<MigrateAll>(args).await,
        "tasks" => place.data::<ListTasks>(args).await,
        "services" => place.data::<ListServices>(args).await,
        "service" => place.data::<GetServiceState>(args).await,
        "start_service" => place.task::<StartService>(args).await,
        "stop_service" => place.task::<StopService>(args).await,
        "restart_service" => place.task::<RestartService>(args).await,
        "reload_service" => place.task::<ReloadService>(args).await,
        "networks" => place.data::<ListNetworks>(args).await,
        "network" => place.data::<GetNetwork>(args).await,
        "create_network" => place.done::<CreateNetwork>(args).await,
        "update_network" => place.done::<UpdateNetwork>(args).await,
        "delete_network" => place.done::<DeleteNetwork>(args).await,
        "reload_network" => place.task::<ReloadNetwork>(args).await,
        "revert_network" => place.done::<RevertNetworkChanges>(args).await,
        "dns" => place.data::<GetDns>(args).await,
        "update_dns" => place.done::<UpdateDns>(args).await,
        "time" => place.data::<GetNodeTime>(args).await,
        "set_timezone" => place.done::<SetNodeTimezone>(args).await,
        "hosts" => place.data::<GetHostsFile>(args).await,
        "update_hosts" => place.done::<UpdateHostsFile>(args).await,
        "config" => place.data::<GetNodeConfig>(args).await,
        "update_config" => place.done::<UpdateNodeConfig>(args).await,
        "syslog" => place.data::<GetSyslog>(args).await,
        "journal" => place.data::<GetJournal>(args).await,
        "report" => place.data::<GetNodeReport>(args).await,
        "rrd_data" => place.data::<GetNodeRrdData>(args).await,
        "subscription" => place.data::<GetSubscription>(args).await,
        "apt_updates" => place.data::<ListAptUpdates>(args).await,
        "refresh_apt" => place.task::<UpdateAptDatabase>(args).await,
        "apt_versions" => place.data::<ListAptVersions>(args).await,
        "apt_repositories" => place.data::<GetAptRepositories>(args).await,
        "apt_changelog" => place.data::<GetAptChangelog>(args).await,
        "certificates" => place.data::<ListCertificates>(args).await,
        "upload_certificate" => place.data::<UploadCustomCertificate>(args).await,
        "delete_certificate" => place.done::<DeleteCustomCertificate>(args).await,
        "order_certificate" => place.task::<OrderAcmeCertificate>(args).await,
        "renew_certificate" => place.task::<RenewAcmeCertificate>(args).await,
        "storages" => place.data::<ListNodeStorage>(args).await,
        "appliance_templates" => place.data::<ListApplianceTemplates>(args).await,
        "download_appliance_template" => place.task::<DownloadApplianceTemplate>(args).await,
        "backup_defaults" => place.data::<GetBackupDefaults>(args).await,
        "extract_backup_config" => place.data::<ExtractBackupConfig>(args).await,
        "replication" => place.data::<ListNodeReplication>(args).await,
        "replicate_now" => place.data::<ScheduleReplicationNow>(args).await,
        "firewall_options" => place.data::<GetNodeFirewallOptions>(args).await,
        "update_firewall_options" => place.done::<UpdateNodeFirewallOptions>(args).await,
        "firewall_rules" => place.data::<ListNodeFirewallRules>(args).await,
        "create_firewall_rule" => place.done::<CreateNodeFirewallRule>(args).await,
        "sdn_zones" => place.data::<ListNodeSdnZones>(args).await,
        _ => Box::pin(hardware(place, method, args)).await,
    }
}

/// Disks and what is made of them, devices, what guests can be given.
async fn hardware(place: &Place, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "disks" => place.data::<ListDisks>(args).await,
        "smart" => place.data::<GetSmart>(args).await,
        "initialize_disk" => {
            accepted(args)?;
            place.task::<InitializeDisk>(args).await
        }
        "wipe_disk" => {
            accepted(args)?;
            place.task::<WipeDisk>(args).await
        }
        "zfs_pools" => place.data::<ListZfsPools>(args).await,
        "zfs_pool" => place.data::<GetZfsPool>(args).await,
        "create_zfs_pool" => place.task::<CreateZfsPool>(args).await,
        "lvm" => place.data::<GetLvmTree>(args).await,
        "lvm_thin_pools" => place.data::<ListLvmThinPools>(args).await,
        "directories" => place.data::<ListDirectoryStorages>(args).await,
        "pci_devices" => place.data::<ListPciDevices>(args).await,
        "usb_devices" => place.data::<ListUsbDevices>(args).await,
        "machine_types" => place.data::<ListMachineTypes>(args).await,
        "cpu_models" => place.data::<ListCpuModels>(args).await,
        _ => Box::pin(files::node(place, method, args)).await,
    }
}

pub(crate) async fn node_storage(place: &Place, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "name" => data(place.value("storage")),
        "status" => place.data::<GetStorageStatus>(args).await,
        "content" => place.data::<ListStorageContent>(args).await,
        "volume" => place.data::<GetVolume>(args).await,
        "allocate" => place.data::<AllocateVolume>(args).await,
        "update_volume" => place.done::<UpdateVolume>(args).await,
        "delete_volume" => {
            accepted(args)?;
            place.maybe_task::<DeleteVolume>(args).await
        }
        "prunable_backups" => place.data::<ListPrunableBackups>(args).await,
        "prune_backups" => {
            accepted(args)?;
            place.data::<PruneBackups>(args).await
        }
        "import_metadata" => {
            let storage = place.node().storage(place.value("storage"));
            let volume: String = args.take("volume")?;
            data(&storage.import_metadata(volume).await?)
        }
        "pull_oci_image" => place.task::<PullOciImage>(args).await,
        "rrd_data" => place.data::<GetStorageRrdData>(args).await,
        _ => Err(no_method("ProxmoxNodeStorage", method)),
    }
}

pub(crate) async fn ceph(place: &Place, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "status" => place.data::<GetNodeCephStatus>(args).await,
        "osds" => place.data::<GetCephOsdTree>(args).await,
        "create_osd" => place.task::<CreateCephOsd>(args).await,
        "destroy_osd" => {
            accepted(args)?;
            place.task::<DeleteCephOsd>(args).await
        }
        "osd_in" => place.done::<MarkCephOsdIn>(args).await,
        "osd_out" => place.done::<MarkCephOsdOut>(args).await,
        "scrub_osd" => place.done::<ScrubCephOsd>(args).await,
        "pools" => place.data::<ListCephPools>(args).await,
        "pool" => place.data::<GetCephPool>(args).await,
        "create_pool" => place.task::<CreateCephPool>(args).await,
        "update_pool" => place.task::<UpdateCephPool>(args).await,
        "destroy_pool" => {
            accepted(args)?;
            place.task::<DeleteCephPool>(args).await
        }
        "monitors" => place.data::<ListCephMonitors>(args).await,
        "create_monitor" => place.task::<CreateCephMonitor>(args).await,
        "destroy_monitor" => place.task::<DeleteCephMonitor>(args).await,
        "managers" => place.data::<ListCephManagers>(args).await,
        "create_manager" => place.task::<CreateCephManager>(args).await,
        "destroy_manager" => place.task::<DeleteCephManager>(args).await,
        "metadata_servers" => place.data::<ListCephMds>(args).await,
        "create_metadata_server" => place.task::<CreateCephMds>(args).await,
        "destroy_metadata_server" => place.task::<DeleteCephMds>(args).await,
        "file_systems" => place.data::<ListCephFs>(args).await,
        "create_file_system" => place.task::<CreateCephFs>(args).await,
        "rules" => place.data::<ListCephCrushRules>(args).await,
        "crush_map" => place.data::<GetCephCrushMap>(args).await,
        "log" => place.data::<GetCephLog>(args).await,
        "start" => place.task::<StartCeph>(args).await,
        "stop" => place.task::<StopCeph>(args).await,
        "restart" => place.task::<RestartCeph>(args).await,
        "command_safety" => place.data::<CheckCephCommandSafety>(args).await,
        _ => Err(no_method("ProxmoxCeph", method)),
    }
}

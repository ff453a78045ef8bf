//! What the cluster keeps: jobs, mappings, notifications, ACME, metric servers.

use proxmox_endpoints::{
    AnalyzeSchedule, CreateBackupJob, CreateReplicationJob, DeleteBackupJob, DeleteReplicationJob,
    ExportMetrics, GetAcmeAccount, GetBackupJob, GetBackupJobVolumes, GetReplicationJob,
    ListAcmeAccounts, ListAcmeDirectories, ListAcmePlugins, ListBackupJobs, ListDirectoryMappings,
    ListGuestsNotBackedUp, ListMetricServers, ListNotificationMatchers, ListNotificationTargets,
    ListPciMappings, ListRealmSyncJobs, ListReplicationJobs, ListUsbMappings,
    TestNotificationTarget, UpdateBackupJob, UpdateReplicationJob,
};

use super::spare;
use crate::{Cluster, DataLoss, Pending};

impl Cluster {
    /// The latest metrics of everything in one call (8.3 and later).
    pub fn metrics(&self) -> Pending<ExportMetrics> {
        Pending::new(&self.client, ExportMetrics::new())
    }

    /// The servers that metrics are sent to.
    pub fn metric_servers(&self) -> Pending<ListMetricServers> {
        Pending::new(&self.client, ListMetricServers::new())
    }

    /// The guests that no backup job covers.
    pub fn guests_not_backed_up(&self) -> Pending<ListGuestsNotBackedUp> {
        Pending::new(&self.client, ListGuestsNotBackedUp::new())
    }

    /// The backup jobs.
    pub fn backup_jobs(&self) -> Pending<ListBackupJobs> {
        Pending::new(&self.client, ListBackupJobs::new())
    }

    /// One backup job.
    pub fn backup_job(&self, id: impl Into<String>) -> Pending<GetBackupJob> {
        Pending::new(&self.client, GetBackupJob::new(id))
    }

    /// Makes a backup job; `schedule` is a calendar event such as `sat 02:00`.
    pub fn create_backup_job(&self) -> Pending<CreateBackupJob> {
        Pending::new(&self.client, CreateBackupJob::new())
    }

    /// Changes a backup job.
    pub fn update_backup_job(&self, id: impl Into<String>) -> Pending<UpdateBackupJob> {
        Pending::new(&self.client, UpdateBackupJob::new(id))
    }

    /// Deletes a backup job; the backups stay.
    pub fn delete_backup_job(&self, id: impl Into<String>) -> Pending<DeleteBackupJob> {
        Pending::new(&self.client, DeleteBackupJob::new(id))
    }

    /// Which volumes a backup job saves and which not.
    pub fn backup_job_volumes(&self, id: impl Into<String>) -> Pending<GetBackupJobVolumes> {
        Pending::new(&self.client, GetBackupJobVolumes::new(id))
    }

    /// The replication jobs.
    pub fn replication_jobs(&self) -> Pending<ListReplicationJobs> {
        Pending::new(&self.client, ListReplicationJobs::new())
    }

    /// One replication job.
    pub fn replication_job(&self, id: impl Into<String>) -> Pending<GetReplicationJob> {
        Pending::new(&self.client, GetReplicationJob::new(id))
    }

    /// Makes a replication job: `id` reads `100-0`, `kind` is `local`.
    pub fn create_replication_job(
        &self,
        id: impl Into<String>,
        target: impl Into<String>,
        kind: impl Into<String>,
    ) -> Pending<CreateReplicationJob> {
        Pending::new(&self.client, CreateReplicationJob::new(id, target, kind))
            .refusing(spare::create_replication)
    }

    /// Changes a replication job.
    pub fn update_replication_job(&self, id: impl Into<String>) -> Pending<UpdateReplicationJob> {
        Pending::new(&self.client, UpdateReplicationJob::new(id))
            .refusing(spare::update_replication)
    }

    /// Has a replication job removed, its copies on the target too unless `keep`.
    pub fn delete_replication_job(
        &self,
        id: impl Into<String>,
        _loss: DataLoss,
    ) -> Pending<DeleteReplicationJob> {
        Pending::new(&self.client, DeleteReplicationJob::new(id))
    }

    /// The jobs that copy users from directories.
    pub fn realm_sync_jobs(&self) -> Pending<ListRealmSyncJobs> {
        Pending::new(&self.client, ListRealmSyncJobs::new())
    }

    /// When a calendar event comes next.
    pub fn analyze_schedule(&self, schedule: impl Into<String>) -> Pending<AnalyzeSchedule> {
        Pending::new(&self.client, AnalyzeSchedule::new(schedule))
    }

    /// The PCI devices that have a name on all nodes.
    pub fn pci_mappings(&self) -> Pending<ListPciMappings> {
        Pending::new(&self.client, ListPciMappings::new())
    }

    /// The USB devices that have a name on all nodes.
    pub fn usb_mappings(&self) -> Pending<ListUsbMappings> {
        Pending::new(&self.client, ListUsbMappings::new())
    }

    /// The directories that have a name on all nodes (8.4 and later).
    pub fn directory_mappings(&self) -> Pending<ListDirectoryMappings> {
        Pending::new(&self.client, ListDirectoryMappings::new())
    }

    /// Where notifications go (8.1 and later).
    pub fn notification_targets(&self) -> Pending<ListNotificationTargets> {
        Pending::new(&self.client, ListNotificationTargets::new())
    }

    /// Sends a test to a target.
    pub fn test_notification_target(
        &self,
        name: impl Into<String>,
    ) -> Pending<TestNotificationTarget> {
        Pending::new(&self.client, TestNotificationTarget::new(name))
    }

    /// Which notifications go where.
    pub fn notification_matchers(&self) -> Pending<ListNotificationMatchers> {
        Pending::new(&self.client, ListNotificationMatchers::new())
    }

    /// The ACME accounts.
    pub fn acme_accounts(&self) -> Pending<ListAcmeAccounts> {
        Pending::new(&self.client, ListAcmeAccounts::new())
    }

    /// One ACME account. A token of root is not enough.
    pub fn acme_account(&self, name: impl Into<String>) -> Pending<GetAcmeAccount> {
        Pending::new(&self.client, GetAcmeAccount::new(name))
    }

    /// The ways to answer ACME challenges.
    pub fn acme_plugins(&self) -> Pending<ListAcmePlugins> {
        Pending::new(&self.client, ListAcmePlugins::new())
    }

    /// The known ACME services.
    pub fn acme_directories(&self) -> Pending<ListAcmeDirectories> {
        Pending::new(&self.client, ListAcmeDirectories::new())
    }
}

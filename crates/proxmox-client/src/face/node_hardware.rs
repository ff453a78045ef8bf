//! What a node has: disks, devices, certificates.

use proxmox_endpoints::{
    CreateZfsPool, DeleteCustomCertificate, GetLvmTree, GetSmart, GetZfsPool, InitializeDisk,
    ListCertificates, ListCpuModels, ListDirectoryStorages, ListDisks, ListLvmThinPools,
    ListMachineTypes, ListPciDevices, ListUsbDevices, ListZfsPools, OrderAcmeCertificate,
    Raidlevel, RenewAcmeCertificate, UploadCustomCertificate, WipeDisk,
};

use crate::{DataLoss, Node, Pending, PendingTask};

impl Node {
    /// Its disks: size, model, health, what uses them.
    pub fn disks(&self) -> Pending<ListDisks> {
        Pending::new(&self.client, ListDisks::new(&self.name))
    }

    /// A disk's S.M.A.R.T. values.
    pub fn smart(&self, disk: impl Into<String>) -> Pending<GetSmart> {
        Pending::new(&self.client, GetSmart::new(&self.name, disk))
    }

    /// Gives a disk an empty GPT partition table.
    pub fn initialize_disk(
        &self,
        disk: impl Into<String>,
        _loss: DataLoss,
    ) -> PendingTask<InitializeDisk> {
        PendingTask::task(&self.client, InitializeDisk::new(&self.name, disk))
    }

    /// Wipes a disk or partition. Only root@pam itself may.
    pub fn wipe_disk(&self, disk: impl Into<String>, _loss: DataLoss) -> PendingTask<WipeDisk> {
        PendingTask::task(&self.client, WipeDisk::new(&self.name, disk))
    }

    /// Its ZFS pools.
    pub fn zfs_pools(&self) -> Pending<ListZfsPools> {
        Pending::new(&self.client, ListZfsPools::new(&self.name))
    }

    /// One ZFS pool with its devices and errors.
    pub fn zfs_pool(&self, name: impl Into<String>) -> Pending<GetZfsPool> {
        Pending::new(&self.client, GetZfsPool::new(&self.name, name))
    }

    /// Makes a ZFS pool of disks (a list with commas): `single`, `mirror`, `raidz`, …
    pub fn create_zfs_pool(
        &self,
        devices: Vec<String>,
        name: impl Into<String>,
        raidlevel: Raidlevel,
    ) -> PendingTask<CreateZfsPool> {
        PendingTask::task(
            &self.client,
            CreateZfsPool::new(&self.name, devices, name, raidlevel),
        )
    }

    /// Its LVM volume groups with their devices.
    pub fn lvm(&self) -> Pending<GetLvmTree> {
        Pending::new(&self.client, GetLvmTree::new(&self.name))
    }

    /// Its LVM thin pools.
    pub fn lvm_thin_pools(&self) -> Pending<ListLvmThinPools> {
        Pending::new(&self.client, ListLvmThinPools::new(&self.name))
    }

    /// Its directories on disks of their own.
    pub fn directories(&self) -> Pending<ListDirectoryStorages> {
        Pending::new(&self.client, ListDirectoryStorages::new(&self.name))
    }

    /// Its PCI devices.
    pub fn pci_devices(&self) -> Pending<ListPciDevices> {
        Pending::new(&self.client, ListPciDevices::new(&self.name))
    }

    /// Its USB devices.
    pub fn usb_devices(&self) -> Pending<ListUsbDevices> {
        Pending::new(&self.client, ListUsbDevices::new(&self.name))
    }

    /// The machine types that its QEMU offers.
    pub fn machine_types(&self) -> Pending<ListMachineTypes> {
        Pending::new(&self.client, ListMachineTypes::new(&self.name))
    }

    /// The CPU models that its QEMU offers.
    pub fn cpu_models(&self) -> Pending<ListCpuModels> {
        Pending::new(&self.client, ListCpuModels::new(&self.name))
    }

    /// Its certificates, with fingerprints and dates.
    pub fn certificates(&self) -> Pending<ListCertificates> {
        Pending::new(&self.client, ListCertificates::new(&self.name))
    }

    /// Gives the API its own certificate (PEM). With `restart` the daemon restarts and
    /// connections drop.
    pub fn upload_certificate(
        &self,
        certificates: impl Into<String>,
    ) -> Pending<UploadCustomCertificate> {
        Pending::new(
            &self.client,
            UploadCustomCertificate::new(&self.name, certificates),
        )
    }

    /// Goes back to the certificate that the cluster's CA signed.
    pub fn delete_certificate(&self) -> Pending<DeleteCustomCertificate> {
        Pending::new(&self.client, DeleteCustomCertificate::new(&self.name))
    }

    /// Orders a certificate by ACME.
    pub fn order_certificate(&self) -> PendingTask<OrderAcmeCertificate> {
        PendingTask::task(&self.client, OrderAcmeCertificate::new(&self.name))
    }

    /// Renews it.
    pub fn renew_certificate(&self) -> PendingTask<RenewAcmeCertificate> {
        PendingTask::task(&self.client, RenewAcmeCertificate::new(&self.name))
    }
}

//! What is looked at before anything is made.

use homelab_core::{Error, ErrorKind, Result, Sent};
use proxmox_endpoints::params::{Params, Rule};
use proxmox_endpoints::{ListStorageContent, Resource, ResourceKind};

use super::hardware::{From, UNFINISHED, unfinished_name};
use super::spec::TalosGuest;
use crate::backup::check_vmid;
use crate::iso::is_host_name;
use crate::{ProxmoxClient, cloud_init};

/// What Talos itself asks for at least.
const LEAST_MEMORY: u64 = 1 << 30;
const LEAST_DISK: u64 = 10 << 30;

/// How errors name the whole.
pub(super) const OPERATION: &str = "make a Talos guest";

/// What was found.
pub(super) enum Found {
    /// The way is free. For a clone: the node that the template is on.
    Nothing { template_node: Option<String> },
    /// The guest is there, made by an earlier call.
    Guest { vmid: u32, node: String },
}

pub(super) fn refused(kind: ErrorKind, message: String) -> Error {
    Error::new(kind, message)
        .sent(Sent::No)
        .operation(OPERATION)
}

impl TalosGuest {
    /// What can be told without asking anybody.
    pub(super) fn check(&self, from: From<'_>) -> Result<()> {
        let bad = |message: String| Err(refused(ErrorKind::InvalidArgument, message));
        let named = |e: Error| e.operation(OPERATION);
        Params::check_path("node", &self.node, Rule::Node).map_err(named)?;
        Params::check_path("storage", &self.disk_storage, Rule::Id).map_err(named)?;
        if let Some(vmid) = self.vmid {
            check_vmid(vmid).map_err(named)?;
        }
        if !is_host_name(&self.name) {
            return bad(format!("name: '{}' is no host name", self.name));
        }
        if self.cores == 0 || self.cores > 8192 {
            return bad(format!("cores: {} is not from 1 to 8192", self.cores));
        }
        if self.memory_bytes < LEAST_MEMORY || !self.memory_bytes.is_multiple_of(1 << 20) {
            return bad(format!(
                "memory: {} bytes; Talos needs at least 1 GiB, in whole MiB",
                self.memory_bytes
            ));
        }
        if self.disk_bytes < LEAST_DISK || !self.disk_bytes.is_multiple_of(1 << 30) {
            return bad(format!(
                "disk: {} bytes; Talos needs at least 10 GiB, in whole GiB",
                self.disk_bytes
            ));
        }
        if self.vlan.is_some_and(|vlan| !(1..=4094).contains(&vlan)) {
            return bad("vlan: it is from 1 to 4094".into());
        }
        if let Some(mac) = &self.mac
            && !is_unicast_mac(mac)
        {
            return bad(format!("mac: '{mac}' is no unicast MAC address"));
        }
        for (what, text) in [("bridge", &self.bridge), ("cpu", &self.cpu)] {
            if text.is_empty() || text.contains([',', ';']) && what == "bridge" {
                return bad(format!("{what}: '{text}' cannot be"));
            }
        }
        let plain = |tag: &String| {
            !tag.is_empty()
                && tag
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.+".contains(&b))
        };
        match self.tags.iter().find(|tag| !plain(tag)) {
            Some(tag) => {
                return bad(format!(
                    "tags: '{tag}' is none: lower-case letters, digits, '-_.+'"
                ));
            }
            None if self.tags.is_empty() => {
                return bad("tags: without one, the guest could not be known again".into());
            }
            None => {}
        }
        if self.network_config.is_some() && self.config.is_none() {
            return bad(
                "network_config: it travels on the disc of the configuration, and there is none"
                    .into(),
            );
        }
        if let Some(disc) = self.disc(self.vmid.unwrap_or(100)) {
            disc.to_bytes().map_err(named)?;
        }
        if let From::Image(volume) = from {
            cloud_init::importable(volume).map_err(named)?;
        }
        Ok(())
    }

    /// What only the cluster can tell.
    pub(super) async fn look(&self, pve: &ProxmoxClient, from: From<'_>) -> Result<Found> {
        let rows = pve.cluster().resources(None).await?;
        if let Some(found) = self.known(&rows)? {
            return Ok(found);
        }
        self.node_is_up(&rows)?;
        self.storage_takes(&rows, &self.disk_storage, "images")?;
        if let Some(config) = &self.config {
            self.storage_takes(&rows, &config.iso_storage, "iso")?;
        }
        let template_node = match from {
            From::Iso(volume) => {
                self.volume_is_there(pve, volume, "iso").await?;
                None
            }
            From::Image(volume) => {
                self.volume_is_there(pve, volume, "import").await?;
                None
            }
            From::Template(vmid) => Some(template(&rows, vmid)?),
        };
        Ok(Found::Nothing { template_node })
    }

    /// A guest that this wish has made before, or one that is in its way.
    fn known(&self, rows: &[Resource]) -> Result<Option<Found>> {
        let guests = rows
            .iter()
            .filter(|row| matches!(row.kind, ResourceKind::Qemu | ResourceKind::Lxc));
        let ours = |row: &Resource| {
            row.kind == ResourceKind::Qemu
                && row.name.as_deref() == Some(&self.name)
                && self.tags.iter().all(|tag| row.tags.contains(tag))
                && row.template != Some(true)
        };
        // Cloned for this name, but not configured: it has its template's tags.
        let clone = unfinished_name(&self.name);
        let bare = |row: &Resource| {
            row.kind == ResourceKind::Qemu && row.name.as_deref() == Some(clone.as_str())
        };
        let candidates: Vec<&Resource> = match self.vmid {
            Some(vmid) => guests.filter(|row| row.vmid == Some(vmid)).collect(),
            None => guests.filter(|row| ours(row) || bare(row)).collect(),
        };
        let (Some(first), rest) = (candidates.first(), candidates.len()) else {
            return Ok(None);
        };
        let vmid = first.vmid.unwrap_or_default();
        if rest > 1 {
            return Err(refused(
                ErrorKind::FailedPrecondition,
                format!(
                    "there are {rest} guests named {} with these tags: say which id",
                    self.name
                ),
            ));
        }
        if bare(first) {
            return Err(refused(
                ErrorKind::FailedPrecondition,
                format!(
                    "guest {vmid} was left half-made by an earlier call (named {clone}): remove it and call again"
                ),
            ));
        }
        if !ours(first) {
            return Err(refused(
                ErrorKind::AlreadyExists,
                format!(
                    "id {vmid} belongs to {} on {}, which is not {} with tags {}",
                    first.name.as_deref().unwrap_or("another guest"),
                    first.node.as_deref().unwrap_or("another node"),
                    self.name,
                    self.tags.join(", ")
                ),
            ));
        }
        if first.tags.iter().any(|tag| tag == UNFINISHED) {
            return Err(refused(
                ErrorKind::FailedPrecondition,
                format!(
                    "guest {vmid} was left half-made by an earlier call (tag {UNFINISHED}): remove it, or finish it by hand and take the tag off"
                ),
            ));
        }
        Ok(Some(Found::Guest {
            vmid,
            node: first.node.clone().unwrap_or_default(),
        }))
    }

    fn node_is_up(&self, rows: &[Resource]) -> Result<()> {
        let mut nodes = rows.iter().filter(|row| row.kind == ResourceKind::Node);
        let node = nodes.find(|row| row.node.as_deref() == Some(&self.node));
        match node {
            None => Err(refused(
                ErrorKind::NotFound,
                format!("there is no node {}", self.node),
            )),
            Some(node) if node.status.as_deref() == Some("offline") => Err(refused(
                ErrorKind::Unavailable,
                format!("node {} is offline", self.node),
            )),
            Some(_) => Ok(()),
        }
    }

    fn storage_takes(&self, rows: &[Resource], storage: &str, content: &str) -> Result<()> {
        let row = rows.iter().find(|row| {
            row.kind == ResourceKind::Storage
                && row.storage.as_deref() == Some(storage)
                && row.node.as_deref() == Some(&self.node)
        });
        let Some(row) = row else {
            return Err(refused(
                ErrorKind::NotFound,
                format!(
                    "node {} has no storage {storage}, or the credentials lack Datastore.Audit on it",
                    self.node
                ),
            ));
        };
        if row.status.as_deref() != Some("available") {
            return Err(refused(
                ErrorKind::FailedPrecondition,
                format!("storage {storage} is not available on node {}", self.node),
            ));
        }
        if !row.content.is_empty() && !row.content.iter().any(|c| c == content) {
            return Err(refused(
                ErrorKind::FailedPrecondition,
                format!(
                    "storage {storage} does not take content {content}, only {}",
                    row.content.join(", ")
                ),
            ));
        }
        Ok(())
    }

    async fn volume_is_there(
        &self,
        pve: &ProxmoxClient,
        volume: &str,
        content: &str,
    ) -> Result<()> {
        let storage = volume.split_once(':').map_or("", |(storage, _)| storage);
        // A disk inside an appliance is not listed; its file is.
        let file = volume.split_inclusive('/').take(2).collect::<String>();
        let file = file.trim_end_matches('/');
        let list = ListStorageContent::new(&self.node, storage);
        let volumes = pve.send(&list).await?;
        if volumes
            .iter()
            .any(|v| v.volume == file || v.volume == volume)
        {
            return Ok(());
        }
        let others: Vec<&str> = volumes
            .iter()
            .filter(|v| v.content.as_deref() == Some(content))
            .map(|v| v.volume.as_str())
            .collect();
        let hint = homelab_core::nearest(volume, others.iter().copied())
            .map(|near| format!("; did you mean {near}?"))
            .unwrap_or_default();
        Err(refused(
            ErrorKind::NotFound,
            format!("there is no volume {volume} on node {}{hint}", self.node),
        ))
    }
}

/// The node that a template is on.
fn template(rows: &[Resource], vmid: u32) -> Result<String> {
    let guest = rows.iter().find(|row| row.vmid == Some(vmid));
    match guest {
        Some(row) if row.kind == ResourceKind::Qemu && row.template == Some(true) => {
            Ok(row.node.clone().unwrap_or_default())
        }
        Some(_) => Err(refused(
            ErrorKind::FailedPrecondition,
            format!("guest {vmid} is no template of a virtual machine"),
        )),
        None => Err(refused(
            ErrorKind::NotFound,
            format!("there is no template {vmid}"),
        )),
    }
}

fn is_unicast_mac(mac: &str) -> bool {
    let bytes: Vec<&str> = mac.split(':').collect();
    let hex = |b: &&str| b.len() == 2 && b.bytes().all(|c| c.is_ascii_hexdigit());
    bytes.len() == 6
        && bytes.iter().all(hex)
        && bytes
            .first()
            .and_then(|b| u8::from_str_radix(b, 16).ok())
            .is_some_and(|first| first & 1 == 0)
}

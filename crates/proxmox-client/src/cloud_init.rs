//! Cloud-init of virtual machines: what the server generates, and disks that
//! are imported.

use homelab_core::{Error, ErrorKind, Result};
use proxmox_endpoints::{Method, Params};
use serde::Deserialize;

use crate::task::ByHand;
use crate::{Qemu, Task};

const DUMP: &str = "GET /nodes/{node}/qemu/{vmid}/cloudinit/dump";
const REGENERATE: &str = "PUT /nodes/{node}/qemu/{vmid}/cloudinit";
const CONFIGURE: &str = "POST /nodes/{node}/qemu/{vmid}/config";

/// Which part of what the server generates for cloud-init.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CloudInitPart {
    /// `user-data`: users, keys, packages. Not a Talos machine configuration.
    User,
    /// `network-config`: the one part that Talos makes use of.
    Network,
    /// `meta-data`: the instance's id.
    Meta,
}

impl Qemu {
    /// What the server generates for its cloud-init drive, as YAML. The part
    /// [`User`](CloudInitPart::User) holds the password in clear.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`](crate::ProxmoxClient::send).
    pub async fn cloud_init_dump(&self, part: CloudInitPart) -> Result<String> {
        let path = format!("{}/cloudinit/dump", self.base(DUMP)?);
        let word = match part {
            CloudInitPart::User => "user",
            CloudInitPart::Network => "network",
            CloudInitPart::Meta => "meta",
        };
        let params: Params = [("type", word)].into_iter().collect();
        self.client().call(DUMP, Method::Get, &path, &params).await
    }

    /// Writes its cloud-init drive anew from the configuration as it is now.
    /// The guest sees it when it looks at the drive next, usually at its boot.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`](crate::ProxmoxClient::send).
    pub async fn cloud_init_regenerate(&self) -> Result<()> {
        let path = format!("{}/cloudinit", self.base(REGENERATE)?);
        self.client()
            .call::<Option<serde_json::Value>>(REGENERATE, Method::Put, &path, &Params::new())
            .await
            .map(|_| ())
    }

    /// Imports a disk: `slot` is where it is attached (`scsi1`), `source` a
    /// volume with content `import` or `images` (`local:import/talos.qcow2`,
    /// or `local:import/x.ova/disk.vmdk`), `storage` where the copy goes.
    /// The task's progress is that of the copy.
    ///
    /// # Errors
    /// `InvalidArgument`: a slot that is no disk's, an ISO as the source (the
    /// server imports only `import` and `images`); otherwise see
    /// [`ProxmoxClient::send`](crate::ProxmoxClient::send).
    pub async fn import_disk(&self, slot: &str, storage: &str, source: &str) -> Result<Task> {
        let bad = |why: String| Error::new(ErrorKind::InvalidArgument, why).operation(CONFIGURE);
        let family = slot.trim_end_matches(|c: char| c.is_ascii_digit());
        if !matches!(family, "scsi" | "virtio" | "sata" | "ide") || family.len() == slot.len() {
            return Err(bad(format!(
                "parameter slot: '{slot}' is no place for a disk, such as scsi1"
            )));
        }
        importable(source).map_err(|e| e.operation(CONFIGURE))?;
        let path = format!("{}/config", self.base(CONFIGURE)?);
        let mut params = Params::new();
        params.push(slot.to_owned(), format!("{storage}:0,import-from={source}"));
        let client = self.client();
        client.begin(ByHand::post(CONFIGURE, path, params)).await
    }
}

/// Whether a volume can be imported from; the server says so only in the task.
pub(crate) fn importable(source: &str) -> Result<()> {
    let bad = |why: String| Err(Error::new(ErrorKind::InvalidArgument, why));
    if source.contains(',') {
        return bad(format!("'{source}' is no volume: it holds a comma"));
    }
    let Some((_, name)) = source.split_once(':') else {
        return bad(format!(
            "'{source}' is no volume: it reads STORAGE:import/FILE"
        ));
    };
    match name.split('/').next() {
        Some(kind @ ("iso" | "vztmpl" | "backup" | "snippets")) if name.contains('/') => {
            bad(format!(
                "{source} has content {kind}, but a disk is imported from content import or images: upload it as .qcow2 or .raw with content import"
            ))
        }
        _ => Ok(()),
    }
}

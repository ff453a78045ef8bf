//! What a recipe has made, and how it is taken back when a step fails.

use homelab_core::{Error, ErrorKind, Result, Sent};
use proxmox_endpoints::params::{Params, segment};
use proxmox_endpoints::{Method, Upid};

use super::hardware::{UNFINISHED, unfinished_name};
use super::preflight::{OPERATION, refused};
use crate::task::ByHand;
use crate::{ProxmoxClient, WaitOptions};

/// What this call has made so far.
pub(super) struct Made {
    pub(super) node: String,
    pub(super) vmid: u32,
    /// A disc that was not there before.
    pub(super) disc: Option<String>,
}

impl Made {
    /// The guest's path.
    pub(super) fn path(&self) -> String {
        format!("/nodes/{}/qemu/{}", segment(&self.node), self.vmid)
    }

    /// Removes what this call has made, unless it is not sure how the failed
    /// step ended, and gives the error to report.
    pub(super) async fn take_back(
        &self,
        pve: &ProxmoxClient,
        name: &str,
        waiting: WaitOptions,
        error: Error,
    ) -> Error {
        let left = format!(
            "guest {} on {} (marked {UNFINISHED}){}",
            self.vmid,
            self.node,
            self.disc
                .as_ref()
                .map(|volume| format!(" and volume {volume}"))
                .unwrap_or_default()
        );
        if error.was_sent() == Sent::Maybe || error.kind() == ErrorKind::Timeout {
            let text = format!(
                "{}; it is not known how that ended, so what was made is left: {left}",
                error.message()
            );
            return again(&error, text).source(error);
        }
        match self.remove(pve, name, waiting).await {
            Ok(()) => again(
                &error,
                format!("{}; what was made is removed again", error.message()),
            )
            .source(error),
            Err(stuck) => {
                let text = format!(
                    "{}; what was made could not be removed ({}): {left}",
                    error.message(),
                    stuck.message()
                );
                again(&error, text).source(error)
            }
        }
    }

    async fn remove(&self, pve: &ProxmoxClient, name: &str, waiting: WaitOptions) -> Result<()> {
        // Looked at once more: whatever has this id must be what we self.
        let config = pve
            .node(self.node.as_str())
            .qemu(self.vmid)
            .config()
            .await?;
        let clone = unfinished_name(name);
        if ![Some(name), Some(clone.as_str())].contains(&config.name.as_deref()) {
            return Err(refused(
                ErrorKind::Conflict,
                format!("guest {} is another one by now", self.vmid),
            ));
        }
        let params: Params = [("purge", "1"), ("destroy-unreferenced-disks", "0")]
            .into_iter()
            .collect();
        let delete = ByHand {
            operation: "DELETE /nodes/{node}/qemu/{vmid}",
            method: Method::Delete,
            path: self.path(),
            params,
        };
        pve.run(delete, &waiting, None).await?;
        if let Some(volume) = &self.disc {
            let storage = volume.split(':').next().unwrap_or_default().to_owned();
            let path = format!(
                "/nodes/{}/storage/{}/content/{}",
                segment(&self.node),
                segment(&storage),
                segment(volume)
            );
            let operation = "DELETE /nodes/{node}/storage/{storage}/content/{volume}";
            let upid: Option<Upid> = pve
                .call(operation, Method::Delete, &path, &Params::new())
                .await?;
            if let Some(upid) = upid {
                pve.task(upid).wait(waiting).await?;
            }
        }
        Ok(())
    }
}

/// The same error with another text.
pub(super) fn again(error: &Error, text: String) -> Error {
    let mut same = Error::new(error.kind(), text)
        .sent(error.was_sent())
        .operation(OPERATION);
    if let Some(target) = error.target_name() {
        same = same.target(target);
    }
    if let Some(upid) = error.reference() {
        same = same.request_ref(upid);
    }
    same
}

//! Reset: the node forgets what it is.

use homelab_core::{Error, ErrorKind, Result};
use talos_proto::machine::{ResetPartitionSpec, ResetRequest, reset_request};

use crate::node::NodeClient;

/// What a reset wipes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResetScope {
    /// The system disk and these user disks (`/dev/sdb`).
    Everything {
        /// Paths of the user disks.
        user_disks: Vec<String>,
    },
    /// The whole system disk.
    SystemDisk,
    /// Partitions of the system disk by label: `STATE`, `EPHEMERAL`.
    Partitions(Vec<String>),
    /// These user disks (`/dev/sdb`) and nothing of Talos'.
    UserDisks(Vec<String>),
}

/// How to reset. There is no default: the scope must be spelled out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ResetOptions {
    /// What is wiped.
    pub scope: ResetScope,
    /// Move pods to other nodes and leave etcd before. Yes.
    pub graceful: bool,
    /// Reboot afterwards and not shut down. No.
    pub reboot: bool,
}

impl ResetOptions {
    /// A graceful reset that ends with a shutdown.
    pub fn new(scope: ResetScope) -> Self {
        ResetOptions {
            scope,
            graceful: true,
            reboot: false,
        }
    }

    /// Neither move pods nor leave etcd: for nodes whose cluster is lost.
    #[must_use]
    pub fn forced(mut self) -> Self {
        self.graceful = false;
        self
    }

    /// Reboot afterwards.
    #[must_use]
    pub fn reboot(mut self) -> Self {
        self.reboot = true;
        self
    }

    fn request(self) -> Result<ResetRequest> {
        use reset_request::WipeMode;
        let named = |list: &[String], what: &str| {
            if list.is_empty() {
                let message = format!("a reset of {what} must name them");
                return Err(Error::new(ErrorKind::InvalidArgument, message));
            }
            Ok(())
        };
        let (mode, disks, labels) = match self.scope {
            ResetScope::Everything { user_disks } => (WipeMode::All, user_disks, Vec::new()),
            ResetScope::SystemDisk => (WipeMode::SystemDisk, Vec::new(), Vec::new()),
            ResetScope::Partitions(labels) => {
                // Without any, the whole disk would be wiped.
                named(&labels, "partitions")?;
                (WipeMode::SystemDisk, Vec::new(), labels)
            }
            ResetScope::UserDisks(disks) => {
                named(&disks, "user disks")?;
                (WipeMode::UserDisks, disks, Vec::new())
            }
        };
        Ok(ResetRequest {
            graceful: self.graceful,
            reboot: self.reboot,
            system_partitions_to_wipe: labels
                .into_iter()
                .map(|label| ResetPartitionSpec { label, wipe: true })
                .collect(),
            user_disks_to_wipe: disks,
            mode: mode.into(),
        })
    }
}

impl NodeClient {
    /// Wipes the node as `options` say, and gives back the id of the action. What
    /// is wiped is gone.
    ///
    /// # Errors
    /// `InvalidArgument` for a scope that names nothing, before anything is sent.
    pub async fn reset(&self, options: ResetOptions) -> Result<String> {
        const OPERATION: &str = "Reset";
        let request = options
            .request()
            .map_err(|e| e.operation(OPERATION).target(self.target()))?;
        let m = self
            .order(OPERATION, request, |raw, request| async move {
                raw.machine().reset(request).await
            })
            .await?;
        Ok(m.actor_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_wipes_what_it_says() {
        let wire = |scope| ResetOptions::new(scope).request().unwrap();
        let request = wire(ResetScope::Partitions(vec!["EPHEMERAL".into()]));
        assert_eq!(request.mode, 1);
        assert!(request.system_partitions_to_wipe[0].wipe);
        assert!(request.graceful && !request.reboot);
        let request = wire(ResetScope::UserDisks(vec!["/dev/sdb".into()]));
        assert_eq!((request.mode, request.user_disks_to_wipe.len()), (2, 1));
        assert_eq!(wire(ResetScope::SystemDisk).mode, 1);
    }

    #[test]
    fn nothing_named_is_not_everything() {
        for scope in [
            ResetScope::Partitions(vec![]),
            ResetScope::UserDisks(vec![]),
        ] {
            let error = ResetOptions::new(scope).request().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
    }
}

//! Ids for new guests. The server tells a free one but keeps it for nobody, so
//! two who create at the same time are told the same.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result};
use proxmox_endpoints::cluster::GetNextId;

use crate::ProxmoxClient;

/// So many ids are tried before the last refusal is reported.
const TRIES: u32 = 12;

/// Ids that calls of this client are creating guests with.
#[derive(Debug, Default)]
pub(crate) struct Claims(Mutex<BTreeSet<u32>>);

/// An id that no other call of this client takes while this lives.
struct Claim<'a> {
    claims: &'a Claims,
    vmid: u32,
}

impl Claims {
    fn take(&self, vmid: u32) -> Option<Claim<'_>> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Lazily: a claim that is not given must not be given back.
        taken.insert(vmid).then(|| Claim { claims: self, vmid })
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut taken = self.claims.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.remove(&self.vmid);
    }
}

impl ProxmoxClient {
    /// Creates something with a free guest id. `create` gets an id that was
    /// free a moment ago; when somebody else was faster it is called again
    /// with another. Calls of one client never get the same id.
    ///
    /// ```no_run
    /// # async fn example(pve: proxmox_client::ProxmoxClient) -> homelab_core::Result<()> {
    /// use proxmox_client::{Method, Params};
    ///
    /// let upid = pve.with_new_vmid(|vmid| {
    ///     let pve = pve.clone();
    ///     async move {
    ///         let mut params = Params::new();
    ///         params.push("newid", vmid.to_string());
    ///         pve.request(Method::Post, "/nodes/pve1/qemu/9000/clone", &params).await
    ///     }
    /// })
    /// .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What `create` fails with for another reason than a taken id, or after
    /// twelve ids; see also [`send`](ProxmoxClient::send).
    ///
    /// # Cancellation
    /// As that of `create`.
    pub async fn with_new_vmid<T, F, Fut>(&self, mut create: F) -> Result<T>
    where
        F: FnMut(u32) -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        let mut tries = 0;
        loop {
            let claim = self.claim().await?;
            match create(claim.vmid).await {
                Err(error) if taken(&error, claim.vmid) && tries < TRIES => {
                    tries += 1;
                    drop(claim);
                    // Whoever raced us would otherwise do so again.
                    self.clock().sleep(jitter()).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// The lowest free id that no other call of this client has.
    async fn claim(&self) -> Result<Claim<'_>> {
        let mut vmid = self.free_id(None).await?.unwrap_or(100);
        loop {
            if let Some(claim) = self.inner.vmids.take(vmid) {
                return Ok(claim);
            }
            vmid += 1;
            while self.free_id(Some(vmid)).await?.is_none() {
                vmid += 1;
            }
        }
    }

    /// A free id, or whether `wanted` is free.
    async fn free_id(&self, wanted: Option<u32>) -> Result<Option<u32>> {
        match self.send(&GetNextId { vmid: wanted }).await {
            Ok(free) => Ok(Some(free.0)),
            Err(error) if wanted.is_some_and(|vmid| taken(&error, vmid)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether the error says that a guest with this id exists.
fn taken(error: &Error, vmid: u32) -> bool {
    let exists = matches!(
        error.kind(),
        ErrorKind::AlreadyExists | ErrorKind::TaskFailed | ErrorKind::InvalidArgument
    );
    let text = error.message();
    exists && text.contains("already exists") && text.contains(&vmid.to_string())
}

fn jitter() -> Duration {
    Duration::from_millis(20 + RandomState::new().hash_one(0) % 180)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors::from_answer;

    #[test]
    fn an_id_is_claimed_once_until_it_is_given_back() {
        let claims = Claims::default();
        let first = claims.take(100);
        assert!(first.is_some() && claims.take(100).is_none());
        drop(first);
        assert!(claims.take(100).is_some());
    }

    #[test]
    fn a_taken_id_is_known_in_every_form() {
        for (status, text, body) in [
            (
                500,
                "unable to create VM 100 - VM 100 already exists on node 'pve1'",
                "",
            ),
            (
                500,
                "unable to create VM 100: config file already exists",
                "",
            ),
            (
                400,
                "Parameter verification failed.",
                r#"{"errors":{"vmid":"VM 100 already exists\n"}}"#,
            ),
        ] {
            let error = from_answer(status, text, body);
            assert!(taken(&error, 100), "{error}");
            assert!(!taken(&error, 101));
        }
        assert!(!taken(
            &from_answer(500, "pool 'x' already exists", ""),
            100
        ));
    }
}

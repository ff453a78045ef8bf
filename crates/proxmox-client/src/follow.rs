//! A guest that is followed: HA and migrations move guests, their ids stay.
//!
//! A call to a node that the guest has left changes nothing there. The handles
//! of a guest that was found look for it again then, and make the call where
//! it is now.

use std::sync::{PoisonError, RwLock};

use homelab_core::{Error, ErrorKind, Result, Sent};
use proxmox_endpoints::params::segment;

use crate::transport::{Call, Reply};
use crate::{GuestPlace, ProxmoxClient};

/// So often a guest is looked for again in one call.
pub(crate) const MOVES: u32 = 3;

/// A guest that was found, where it was seen last. Its handles share it.
#[derive(Debug)]
pub(crate) struct Followed(RwLock<GuestPlace>);

impl Followed {
    pub(crate) fn new(place: GuestPlace) -> Self {
        Followed(RwLock::new(place))
    }

    fn place(&self) -> GuestPlace {
        let place = self.0.read().unwrap_or_else(PoisonError::into_inner);
        place.clone()
    }

    /// The same path where the guest is by what is known, and that node.
    pub(crate) fn path(&self, path: &str) -> Option<(String, String)> {
        let place = self.place();
        let rest = below(&place, path)?;
        let (kind, vmid) = (place.kind.as_str(), place.vmid);
        let path = format!("/nodes/{}/{kind}/{vmid}{rest}", segment(&place.node));
        Some((path, place.node))
    }

    /// Looks for the guest; whether it is on another node than the one that was
    /// known.
    pub(crate) async fn find_again(&self, client: &ProxmoxClient) -> Result<bool> {
        let found = client.unfollowing().locate(self.place().vmid).await?;
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let moved = known.node != found.node;
        *known = found;
        Ok(moved)
    }

    /// Whether the error may come from the guest's having left the node.
    pub(crate) fn may_have_left(&self, error: &Error) -> bool {
        may_have_moved(error, self.place().vmid)
    }

    /// Makes a call where the guest is.
    pub(crate) async fn perform(&self, client: &ProxmoxClient, call: &Call<'_>) -> Result<Reply> {
        let deadline = client.clock().elapsed() + client.request_timeout();
        let mut moves = 0;
        loop {
            let Some((path, node)) = self.path(call.path) else {
                return client.perform_there(call).await;
            };
            let there = Call {
                path: &path,
                node: Some(&node),
                ..*call
            };
            let client = client.until(deadline);
            let error = match client.perform_there(&there).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            // What stands in the way of looking is not what went wrong.
            let look = self.may_have_left(&error) && moves < MOVES;
            if !look || !self.find_again(&client).await.unwrap_or(false) {
                return Err(error);
            }
            moves += 1;
        }
    }
}

/// What is below the guest's own path, if the path is one of those.
fn below<'a>(place: &GuestPlace, path: &'a str) -> Option<&'a str> {
    let (_, rest) = path.strip_prefix("/nodes/")?.split_once('/')?;
    let rest = rest.strip_prefix(place.kind.as_str())?.strip_prefix('/')?;
    let rest = rest.strip_prefix(&place.vmid.to_string())?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// Whether the error may come from the guest's not being on the node that was
/// asked, and nothing was done: the node says so, in a call or in a task, or it
/// cannot be reached, as when HA has taken its guests elsewhere.
pub(crate) fn may_have_moved(error: &Error, vmid: u32) -> bool {
    let unreachable = error.kind() == ErrorKind::Unavailable && error.was_sent() == Sent::No;
    unreachable || has_moved(error, vmid)
}

/// Whether a node says that it does not have the guest.
pub(crate) fn has_moved(error: &Error, vmid: u32) -> bool {
    let text = error.message();
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::TaskFailed)
        && text.contains("onfiguration file 'nodes/")
        && text.contains(&format!("/{vmid}.conf' does not exist"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GuestKind;

    #[test]
    fn only_the_guests_own_paths_are_led_elsewhere() {
        let followed = Followed::new(GuestPlace {
            vmid: 100,
            kind: GuestKind::Qemu,
            node: "c2".to_owned(),
        });
        let path = |path: &str| followed.path(path).map(|(path, _)| path);
        let config = path("/nodes/c1/qemu/100/config");
        assert_eq!(config.as_deref(), Some("/nodes/c2/qemu/100/config"));
        assert_eq!(
            path("/nodes/c1/qemu/100").as_deref(),
            Some("/nodes/c2/qemu/100")
        );
        for other in [
            "/nodes/c1/qemu/1001/config",
            "/nodes/c1/lxc/100/config",
            "/nodes/c1/status",
            "/cluster/resources",
        ] {
            assert_eq!(path(other), None, "{other}");
        }
    }
}

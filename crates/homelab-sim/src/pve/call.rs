//! A call on its way to the function that answers it.

use std::collections::BTreeMap;

use super::answer::{ApiError, Held, Result};
use super::params::{self, Params};
use super::upload::Received;
use super::{PveCluster, accounts};

/// A call that passed everything before it.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) cluster: &'a PveCluster,
    /// The host that was asked.
    pub(super) contacted: &'a str,
    /// `user@realm` or `user@realm!token`; empty for open calls.
    pub(super) caller: String,
    /// Path and other parameters.
    pub(super) params: Params,
    /// A file that came with it.
    pub(super) file: Option<Received>,
    /// The pool of each guest that is in one.
    pub(super) pools: BTreeMap<u32, String>,
    /// Whether the client wants the connection to become a WebSocket.
    pub(super) upgrades: bool,
}

impl<'a> Call<'a> {
    /// One that nobody sent: the server makes it itself, on a host and for a
    /// user, as its own tasks do.
    pub(super) fn inside(
        cluster: &'a PveCluster,
        host: &'a str,
        caller: &str,
        params: Params,
    ) -> Self {
        Call {
            cluster,
            contacted: host,
            caller: caller.to_owned(),
            params,
            file: None,
            pools: cluster.pools(),
            upgrades: false,
        }
    }
}

impl Call<'_> {
    /// A parameter as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.params.get(name).map(params::text)
    }

    /// A parameter as a number.
    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    /// Whether a flag is given and set.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.text(name).as_deref() == Some("1")
    }

    /// A parameter as a list; empty when it is not given.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        self.params.get(name).map(params::list).unwrap_or_default()
    }

    /// The host in the path; the contacted one without.
    pub(super) fn node(&self) -> String {
        match self.text("node") {
            Some(node) if node != "localhost" => node,
            _ => self.contacted.to_owned(),
        }
    }

    /// The guest in the path.
    pub(super) fn vmid(&self) -> u32 {
        self.number("vmid").unwrap_or_default()
    }

    /// Whether the caller has a privilege.
    pub(super) fn may(&self, path: &str, privilege: &str) -> bool {
        // The world may be locked by who asks: nothing here may look at it.
        let has = self.cluster.privileges(&self.caller, path, &self.pools);
        has.contains(privilege)
    }

    /// Fails unless the caller has a privilege.
    pub(super) fn need(&self, path: &str, privilege: &str) -> Result<()> {
        if self.may(path, privilege) {
            Ok(())
        } else {
            Err(ApiError::forbidden(&format!("{path}, {privilege}")))
        }
    }

    /// Whether the caller is root itself; a token of root is not.
    pub(super) fn is_root(&self) -> bool {
        self.caller == accounts::ROOT
    }

    /// What the clock of the host that was asked shows.
    pub(super) fn unix_now(&self) -> u64 {
        self.cluster.unix_now_at(self.contacted)
    }

    /// Fails when the cluster has no quorum: its locks are waited for in vain.
    pub(super) fn need_lock(&self, lock: &str, prefix: &str) -> Result<()> {
        if self.cluster.world().read(|s| s.quorate_at(self.contacted)) {
            return Ok(());
        }
        Err(ApiError {
            held: Held::Lock,
            ..ApiError::die(format!("{prefix}cfs-lock '{lock}' error: no quorum!"))
        })
    }

    /// Fails when the cluster has no quorum: nothing can be written then.
    pub(super) fn need_quorum(&self) -> Result<()> {
        if self.cluster.world().read(|s| s.quorate_at(self.contacted)) {
            Ok(())
        } else {
            Err(ApiError::die("cluster not ready - no quorum?"))
        }
    }
}

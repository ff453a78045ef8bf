//! Which privileges a call needs, and which of them are missing.

mod config;
mod need;
mod release;

use std::collections::{BTreeMap, BTreeSet};

use homelab_core::{Error, ErrorKind, Result};
use proxmox_endpoints::{Call, Endpoint, Method, Params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ProxmoxClient;
pub(crate) use need::Need;
use need::in_code;

/// A privilege that the credentials lack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct MissingPrivilege {
    /// Where: `/vms/100`, `/storage/local`, `/`.
    pub path: String,
    /// Which: one of these is needed, or each when there is one only.
    pub one_of: Vec<String>,
}

/// What is known about a call's rights before it is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Preflight {
    /// What is missing. Where several ways lead to the right, the one that
    /// lacks least.
    pub missing: Vec<MissingPrivilege>,
    /// Only root@pam itself may make the call, with its password: no privilege
    /// and no token opens it, and the credentials are not that.
    pub root_only: bool,
    /// API tokens may not make the call, and the credentials are one: log in
    /// with user and password.
    pub token_refused: bool,
    /// The server decides more than its description tells, by the values that
    /// are given (disks, devices, networks): the call may still be refused.
    pub incomplete: bool,
}

impl Preflight {
    /// Whether nothing is known to stand in the way.
    pub fn allowed(&self) -> bool {
        self.missing.is_empty() && !self.root_only && !self.token_refused
    }
}

impl ProxmoxClient {
    /// Says which privileges the credentials lack for a call, without making it.
    ///
    /// ```no_run
    /// # async fn example(pve: proxmox_client::ProxmoxClient) -> homelab_core::Result<()> {
    /// use proxmox_client::endpoints::StartQemu;
    ///
    /// let preflight = pve.preflight(&StartQemu::new("pve1", 100)).await?;
    /// for missing in &preflight.missing {
    ///     println!("{} on {}", missing.one_of.join(" or "), missing.path);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `InvalidArgument` when the request breaks a rule; otherwise see
    /// [`send`](ProxmoxClient::send).
    pub async fn preflight<E: Endpoint>(&self, request: &E) -> Result<Preflight> {
        let mut given = path_arguments(E::PATH, &request.path());
        for (name, value) in request.params()?.iter() {
            given.insert(name.to_owned(), value.to_owned());
        }
        self.preflight_of(E::call(), &given).await
    }

    /// Like [`preflight`](ProxmoxClient::preflight), for a call that is known
    /// by its name: path arguments and parameters in one list, as for
    /// [`call_by_name`](ProxmoxClient::call_by_name).
    ///
    /// # Errors
    /// `NotFound`: no call has this name; `InvalidArgument`: a parameter breaks
    /// its rule; otherwise see [`send`](ProxmoxClient::send).
    pub async fn preflight_by_name(&self, name: &str, params: &Params) -> Result<Preflight> {
        let call = crate::call::named(name)?;
        call.check(params)
            .map_err(|e| e.operation(format!("{} {}", call.method, call.path)))?;
        let given = params.iter();
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.preflight_of(call, &given.collect()).await
    }

    async fn preflight_of(
        &self,
        call: &Call,
        given: &BTreeMap<String, String>,
    ) -> Result<Preflight> {
        let need = match config::by_keys(call, given) {
            Some(need) => need,
            None => match in_code(call.method, call.path) {
                Some(need) => need,
                None => self.of_release(call, given).await?,
            },
        };
        let found = self.lacking(need, given).await?;
        Ok(Preflight {
            token_refused: !call.token && self.inner.auth.is_token(),
            ..found
        })
    }

    /// Says which of these privileges (a path and a privilege each) the
    /// credentials lack.
    ///
    /// # Errors
    /// See [`send`](ProxmoxClient::send).
    pub async fn missing_privileges(
        &self,
        needed: &[(&str, &str)],
    ) -> Result<Vec<MissingPrivilege>> {
        let all = needed
            .iter()
            .map(|(path, privilege)| Need::Privileges {
                path: (*path).to_owned(),
                names: vec![(*privilege).to_owned()],
                any: false,
                only_with: None,
            })
            .collect();
        Ok(self
            .lacking(Need::All(all), &BTreeMap::new())
            .await?
            .missing)
    }

    async fn lacking(&self, need: Need, given: &BTreeMap<String, String>) -> Result<Preflight> {
        let mut paths = BTreeSet::new();
        need.paths(given, &mut paths);
        let mut held = BTreeMap::new();
        for path in paths {
            held.insert(path.clone(), self.privileges_on(&path).await?);
        }
        let root = self.inner.auth.who() == Some("root@pam");
        Ok(need.check(given, &held, root))
    }

    /// The privileges that the credentials have on a path, inherited ones included.
    ///
    /// # Errors
    /// See [`send`](ProxmoxClient::send).
    pub async fn privileges_on(&self, path: &str) -> Result<BTreeSet<String>> {
        let mut params = Params::new();
        params.push("path", path);
        let answer = self
            .request(Method::Get, "/access/permissions", &params)
            .await?;
        let by_path = answer.as_object().ok_or_else(|| {
            Error::new(ErrorKind::Protocol, "the privileges are no map of paths")
                .operation("GET /access/permissions")
        })?;
        let held = by_path.get(path).and_then(Value::as_object);
        Ok(held.into_iter().flat_map(|p| p.keys().cloned()).collect())
    }
}

/// The arguments in a call's path, by name.
fn path_arguments(template: &str, path: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    template
        .split('/')
        .zip(path.split('/'))
        .filter_map(|(part, value)| {
            let name = part.strip_prefix('{')?.strip_suffix('}')?;
            Some((name.to_owned(), decode(value)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::need::filled;
    use super::*;

    #[test]
    fn arguments_are_found_in_paths() {
        let args = path_arguments("/nodes/{node}/qemu/{vmid}", "/nodes/pve1/qemu/100");
        assert_eq!(filled("/vms/{vmid}", &args).as_deref(), Some("/vms/100"));
        assert_eq!(filled("/pool/{pool}", &args), None);
    }
}

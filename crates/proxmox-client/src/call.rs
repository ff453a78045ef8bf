//! Calls by the name of their request, for callers that know it only at run time.

use homelab_core::{Error, ErrorKind, Result};
use proxmox_endpoints::params::segment;
use proxmox_endpoints::{Call, Method, Params, route};

use crate::ProxmoxClient;

impl ProxmoxClient {
    /// Makes any call by the name of its request type (`ListQemu`): path
    /// arguments and parameters in one list, checked before anything is sent.
    /// Returns what is in `data`. From Rust, [`send`](ProxmoxClient::send) with
    /// the type itself is better: its answer has a type too.
    ///
    /// ```no_run
    /// # async fn example(pve: proxmox_client::ProxmoxClient) -> homelab_core::Result<()> {
    /// let params = [("node", "pve1"), ("full", "1")].into_iter().collect();
    /// for guest in pve.call_by_name("ListQemu", &params).await?.as_array().into_iter().flatten() {
    ///     println!("{}", guest["name"]);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// * `NotFound`: no request has this name; similar ones are named.
    /// * `InvalidArgument`: a parameter is missing, unknown, or breaks its rule.
    /// * See [`send`](ProxmoxClient::send).
    pub async fn call_by_name(&self, name: &str, params: &Params) -> Result<serde_json::Value> {
        let call = named(name)?;
        let named = |error: Error| error.operation(format!("{} {}", call.method, call.path));
        call.check(params).map_err(named)?;
        let (path, rest) = split(call, params);
        let node = params.iter().find(|(name, _)| *name == "node");
        let node = node.filter(|_| call.is_in_path("node")).map(|(_, n)| n);
        self.require_release(call, node, params)
            .await
            .map_err(named)?;
        self.require_quorum(call).await.map_err(named)?;
        self.request(call.method, &path, &rest).await
    }

    /// Checks a call by method and path the way [`call_by_name`](ProxmoxClient::call_by_name)
    /// does, without making it. A path that is not known is let through: the
    /// server may be newer than this library.
    ///
    /// # Errors
    /// `InvalidArgument`: a parameter is missing, unknown, or breaks its rule.
    pub fn check_request(method: Method, path: &str, params: &Params) -> Result<()> {
        checked(method, path, params)
            .map(|_| ())
            .map_err(|error| error.operation(format!("{method} {path}")))
    }
}

/// Which call this is, if it is known; its parameters are checked then.
pub(crate) fn checked(
    method: Method,
    path: &str,
    params: &Params,
) -> Result<Option<&'static Call>> {
    let Some((call, arguments)) = route(method, path) else {
        return Ok(None);
    };
    let mut all: Params = arguments.into_iter().collect();
    for (name, value) in params.iter() {
        // A path argument may be repeated, when it says the same.
        let argument = all.iter().find(|(given, _)| *given == name);
        if argument.is_none_or(|(_, given)| given != value) || !call.is_in_path(name) {
            all.push(name.to_owned(), value);
        }
    }
    call.check(&all)?;
    Ok(Some(call))
}

/// The path with its arguments, and the parameters that are left.
fn split(call: &Call, params: &Params) -> (String, Params) {
    let mut rest = Params::new();
    let mut path = call.path.to_owned();
    for (name, value) in params.iter() {
        if call.is_in_path(name) {
            path = path.replace(&format!("{{{name}}}"), &segment(&value.to_owned()));
        } else {
            rest.push(name.to_owned(), value);
        }
    }
    (path, rest)
}

/// The call of this name.
pub(crate) fn named(name: &str) -> Result<&'static Call> {
    proxmox_endpoints::call(name).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Error {
    let wanted = name.to_lowercase();
    let similar: Vec<&str> = proxmox_endpoints::calls()
        .iter()
        .map(|call| call.name)
        .filter(|known| {
            let known = known.to_lowercase();
            known.contains(&wanted) || wanted.contains(&known)
        })
        .take(8)
        .collect();
    let hint = if similar.is_empty() {
        "docs/proxmox-coverage.md lists them".to_owned()
    } else {
        format!("similar: {}", similar.join(", "))
    };
    Error::new(
        ErrorKind::NotFound,
        format!("no call of Proxmox VE has the name {name}; {hint}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(method: Method, path: &str, params: &[(&str, &str)]) -> String {
        let params = params.iter().copied().collect();
        match ProxmoxClient::check_request(method, path, &params) {
            Ok(()) => String::new(),
            Err(error) => error.message().to_owned(),
        }
    }

    #[test]
    fn what_is_known_is_checked_and_the_rest_let_through() {
        let path = "/nodes/pve1/qemu/100/config";
        assert_eq!(checked(Method::Get, path, &[("current", "1")]), "");
        assert_eq!(checked(Method::Get, path, &[("vmid", "100")]), "");
        assert!(checked(Method::Get, path, &[("vmid", "101")]).contains("vmid"));
        assert!(checked(Method::Get, path, &[("currant", "1")]).contains("currant"));
        assert!(checked(Method::Get, "/nodes/pve1/qemu/7/config", &[]).contains("at least 100"));
        assert_eq!(checked(Method::Get, "/no/such/path", &[("a", "b")]), "");
    }

    #[test]
    fn paths_are_filled_in_and_the_rest_stays() {
        let call = proxmox_endpoints::call("GetVolume").unwrap();
        let params = [
            ("volume", "local:iso/x.iso"),
            ("node", "pve1"),
            ("storage", "local"),
        ]
        .into_iter()
        .collect();
        let (path, rest) = split(call, &params);
        assert_eq!(
            path,
            "/nodes/pve1/storage/local/content/local%3Aiso%2Fx.iso"
        );
        assert!(rest.is_empty());
        assert!(unknown("listqemus").message().contains("ListQemu"));
    }
}

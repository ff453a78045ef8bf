//! Which privileges a call needs, and which of them are missing.

use std::collections::{BTreeMap, BTreeSet};

use homelab_core::{Error, ErrorKind, Result};
use proxmox_endpoints::{Call, Endpoint, Method, Params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ProxmoxClient;

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
    /// The server decides more than its description tells, by the values that
    /// are given (disks, devices, networks): the call may still be refused.
    pub incomplete: bool,
}

impl Preflight {
    /// Whether nothing is known to stand in the way.
    pub fn allowed(&self) -> bool {
        self.missing.is_empty() && !self.root_only
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
        let need = in_code(call.method, call.path).unwrap_or_else(|| Need::read(call.permission));
        self.lacking(need, given).await
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

/// The server's condition for a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Need {
    Nothing,
    Root,
    /// Decided by the server's code.
    Unknown,
    All(Vec<Need>),
    Any(Vec<Need>),
    Privileges {
        /// With `{name}` where a parameter goes.
        path: String,
        names: Vec<String>,
        any: bool,
        /// Does not hold unless this parameter is given.
        only_with: Option<String>,
    },
}

/// Conditions that the server's description leaves to its code.
fn in_code(method: Method, path: &str) -> Option<Need> {
    let creates = matches!(path, "/nodes/{node}/qemu" | "/nodes/{node}/lxc");
    (creates && method == Method::Post).then(|| {
        let allocate = |path: &str, only_with: Option<&str>| Need::Privileges {
            path: path.to_owned(),
            names: vec!["VM.Allocate".to_owned()],
            any: false,
            only_with: only_with.map(str::to_owned),
        };
        Need::All(vec![
            Need::Any(vec![
                allocate("/vms/{vmid}", None),
                allocate("/pool/{pool}", Some("pool")),
            ]),
            // Storages, networks and devices are looked at one by one.
            Need::Unknown,
        ])
    })
}

impl Need {
    /// Reads `any-authenticated`, `root-only`, … or a JSON list such as
    /// `["perm", "/vms/{vmid}", ["VM.Audit"]]`.
    pub(crate) fn read(text: &str) -> Self {
        match text {
            "" | "any-authenticated" | "no-auth" => Need::Nothing,
            "root-only" => Need::Root,
            _ => serde_json::from_str(text).map_or(Need::Unknown, |value| Need::parse(&value)),
        }
    }

    fn parse(value: &Value) -> Self {
        let Some(items) = value.as_array() else {
            return value.as_str().map_or(Need::Unknown, Need::read);
        };
        let mut items = items.iter();
        let word = items.next().and_then(Value::as_str).unwrap_or_default();
        match word {
            "and" => Need::All(items.map(Need::parse).collect()),
            "or" => Need::Any(items.map(Need::parse).collect()),
            "perm" => {
                let path = items
                    .next()
                    .and_then(Value::as_str)
                    .unwrap_or("/")
                    .to_owned();
                let names = words(items.next());
                let (mut any, mut only_with) = (false, None);
                while let (Some(option), Some(value)) = (items.next(), items.next()) {
                    match option.as_str() {
                        Some("any") => any = value.as_u64() != Some(0),
                        Some("require_param") => only_with = value.as_str().map(str::to_owned),
                        _ => {}
                    }
                }
                Need::Privileges {
                    path,
                    names,
                    any,
                    only_with,
                }
            }
            // Whoever may allocate on a path may hand out rights there too.
            "perm-modify" => {
                let path = items.next().and_then(Value::as_str).unwrap_or("/");
                let allocate = match path.split('/').nth(1) {
                    Some("storage") => "Datastore.Allocate",
                    Some("vms") => "VM.Allocate",
                    Some("pool") => "Pool.Allocate",
                    _ => "Permissions.Modify",
                };
                Need::Privileges {
                    path: path.to_owned(),
                    names: vec!["Permissions.Modify".to_owned(), allocate.to_owned()],
                    any: true,
                    only_with: None,
                }
            }
            // On the groups that the user is in; on all of them is enough.
            "userid-group" => Need::All(vec![
                Need::Privileges {
                    path: "/access/groups".to_owned(),
                    names: words(items.next()),
                    any: true,
                    only_with: None,
                },
                Need::Unknown,
            ]),
            _ => Need::Unknown,
        }
    }

    fn paths(&self, given: &BTreeMap<String, String>, out: &mut BTreeSet<String>) {
        match self {
            Need::All(needs) | Need::Any(needs) => {
                for need in needs {
                    need.paths(given, out);
                }
            }
            Need::Privileges {
                path, only_with, ..
            } if only_with
                .as_ref()
                .is_none_or(|name| given.contains_key(name)) =>
            {
                out.extend(filled(path, given));
            }
            _ => {}
        }
    }

    fn check(
        &self,
        given: &BTreeMap<String, String>,
        held: &BTreeMap<String, BTreeSet<String>>,
        root: bool,
    ) -> Preflight {
        match self {
            Need::Nothing => Preflight::default(),
            Need::Root => Preflight {
                root_only: !root,
                ..Preflight::default()
            },
            Need::Unknown => Preflight {
                incomplete: !root,
                ..Preflight::default()
            },
            Need::All(needs) => {
                let mut all = Preflight::default();
                for need in needs {
                    let part = need.check(given, held, root);
                    all.missing.extend(part.missing);
                    all.root_only |= part.root_only;
                    all.incomplete |= part.incomplete;
                }
                all
            }
            // The cheapest way is what people want to hear of.
            Need::Any(needs) => needs
                .iter()
                .map(|need| need.check(given, held, root))
                .min_by_key(|way| (way.root_only, way.missing.len(), way.incomplete))
                .unwrap_or_default(),
            Need::Privileges {
                path,
                names,
                any,
                only_with,
            } => {
                let applies = only_with
                    .as_ref()
                    .is_none_or(|name| given.contains_key(name));
                let Some(path) = filled(path, given).filter(|_| applies) else {
                    return Preflight {
                        missing: vec![missing(path, names)],
                        ..Preflight::default()
                    };
                };
                let none = BTreeSet::new();
                let held = held.get(&path).unwrap_or(&none);
                let lacks: Vec<&String> = names.iter().filter(|n| !held.contains(*n)).collect();
                let missing = match any {
                    true if lacks.len() < names.len() || names.is_empty() => Vec::new(),
                    true => vec![missing(&path, names)],
                    false => lacks
                        .iter()
                        .map(|name| missing(&path, std::slice::from_ref(*name)))
                        .collect(),
                };
                Preflight {
                    missing,
                    ..Preflight::default()
                }
            }
        }
    }
}

fn missing(path: &str, names: &[String]) -> MissingPrivilege {
    MissingPrivilege {
        path: path.to_owned(),
        one_of: names.to_vec(),
    }
}

fn words(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|word| word.as_str().map(str::to_owned))
        .collect()
}

/// A path with its parameters filled in; `None` when one is not given.
fn filled(template: &str, given: &BTreeMap<String, String>) -> Option<String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        out.push_str(before);
        out.push_str(given.get(name)?);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
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
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(n, v): &(&str, &str)| ((*n).to_owned(), (*v).to_owned());
        pairs.iter().map(owned).collect()
    }

    fn held(path: &str, names: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
        let names = names.iter().map(|n| (*n).to_owned()).collect();
        BTreeMap::from([(path.to_owned(), names)])
    }

    #[test]
    fn each_missing_privilege_is_named_with_its_path() {
        let need = Need::read(r#"["perm","/vms/{vmid}",["VM.Audit","VM.Clone"]]"#);
        let args = given(&[("vmid", "100")]);
        let found = need.check(&args, &held("/vms/100", &["VM.Audit"]), false);
        assert_eq!(
            found.missing,
            [missing("/vms/100", &["VM.Clone".to_owned()])]
        );
        let any = Need::read(r#"["perm","/vms/{vmid}",["VM.Audit","VM.Clone"],"any",1]"#);
        assert!(
            any.check(&args, &held("/vms/100", &["VM.Audit"]), false)
                .allowed()
        );
        let none = any.check(&args, &BTreeMap::new(), false);
        assert_eq!(none.missing[0].one_of, ["VM.Audit", "VM.Clone"]);
    }

    #[test]
    fn of_several_ways_the_one_that_applies_and_lacks_least_is_told() {
        let need = Need::read(
            r#"["and",["perm","/vms/{vmid}",["VM.Clone"]],["or",["perm","/vms/{newid}",["VM.Allocate"]],["perm","/pool/{pool}",["VM.Allocate"],"require_param","pool"]]]"#,
        );
        let mut args = given(&[("vmid", "100"), ("newid", "101")]);
        let mut rights = held("/vms/100", &["VM.Clone"]);
        rights.extend(held("/pool/lab", &["VM.Allocate"]));
        let found = need.check(&args, &rights, false);
        assert_eq!(found.missing[0].path, "/vms/101");
        args.insert("pool".to_owned(), "lab".to_owned());
        assert!(need.check(&args, &rights, false).allowed());
        let mut paths = BTreeSet::new();
        need.paths(&args, &mut paths);
        assert!(paths.contains("/pool/lab") && paths.len() == 3);
    }

    #[test]
    fn what_only_root_may_is_told_apart() {
        let need = Need::read("root-only");
        assert!(need.check(&given(&[]), &BTreeMap::new(), false).root_only);
        assert!(need.check(&given(&[]), &BTreeMap::new(), true).allowed());
        let unclear = Need::read("in-code").check(&given(&[]), &BTreeMap::new(), false);
        assert!(unclear.allowed() && unclear.incomplete);
    }

    #[test]
    fn arguments_are_found_in_paths() {
        let args = path_arguments("/nodes/{node}/qemu/{vmid}", "/nodes/pve1/qemu/100");
        assert_eq!(filled("/vms/{vmid}", &args).as_deref(), Some("/vms/100"));
        assert_eq!(filled("/pool/{pool}", &args), None);
    }
}

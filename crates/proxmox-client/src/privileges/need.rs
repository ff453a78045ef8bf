//! [`Need`]: what the server wants to be held before it makes a call.

use std::collections::{BTreeMap, BTreeSet};

use proxmox_endpoints::Method;
use serde_json::Value;

use super::{MissingPrivilege, Preflight};

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
pub(super) fn in_code(method: Method, path: &str) -> Option<Need> {
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

    pub(super) fn paths(&self, given: &BTreeMap<String, String>, out: &mut BTreeSet<String>) {
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

    pub(super) fn check(
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
pub(super) fn filled(template: &str, given: &BTreeMap<String, String>) -> Option<String> {
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
}

//! [`Permission`]: who may make a call.

use serde_json::Value;

use crate::describe::Call;

/// Who may make a call. Paths hold `{name}` where an argument of the call goes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Permission {
    /// Everybody, without logging in.
    Anyone,
    /// Everybody who is logged in. Lists leave out what the caller may not see.
    LoggedIn,
    /// `root@pam` with a ticket; a token of root will not do.
    Root,
    /// Decided by the server's code, case by case.
    InCode,
    /// Privileges on a path.
    Privileges {
        /// The path: `/vms/{vmid}`.
        path: String,
        /// The privileges: `VM.Audit`.
        names: Vec<String>,
        /// Whether one of them is enough.
        any: bool,
    },
    /// All of these.
    And(Vec<Permission>),
    /// One of these.
    Or(Vec<Permission>),
    /// A rule about the user that the call concerns, in the server's own form.
    Other(String),
}

impl Permission {
    /// Who may make `call`.
    pub fn of(call: &Call) -> Self {
        match call.permission {
            "no-auth" => Permission::Anyone,
            "any-authenticated" => Permission::LoggedIn,
            "root-only" => Permission::Root,
            "in-code" => Permission::InCode,
            json => serde_json::from_str(json)
                .map_or(Permission::InCode, |value: Value| Permission::read(&value)),
        }
    }

    fn read(value: &Value) -> Self {
        let Some(parts) = value.as_array() else {
            return Permission::InCode;
        };
        let text = |at: usize| parts.get(at).and_then(Value::as_str).unwrap_or_default();
        let below = || parts.iter().skip(1).map(Permission::read).collect();
        match text(0) {
            "perm" => Permission::Privileges {
                path: text(1).to_owned(),
                names: parts
                    .get(2)
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(|name| name.as_str().map(str::to_owned))
                    .collect(),
                any: text(3) == "any",
            },
            "and" => Permission::And(below()),
            "or" => Permission::Or(below()),
            _ => Permission::Other(value.to_string()),
        }
    }

    /// What is lacking, given the arguments of the call and what may be done
    /// where: `None` when nothing is, or when only the server can tell.
    /// Says the privilege and the path: `VM.PowerMgmt on /vms/100`.
    pub fn lacking(
        &self,
        argument: &dyn Fn(&str) -> Option<String>,
        may: &dyn Fn(&str, &str) -> bool,
    ) -> Option<String> {
        match self {
            Permission::Privileges { path, names, any } => {
                let path = fill(path, argument)?;
                let missing: Vec<&str> = names
                    .iter()
                    .map(String::as_str)
                    .filter(|name| !may(&path, name))
                    .collect();
                let enough = missing.is_empty() || *any && missing.len() < names.len();
                let word = if *any { " or " } else { ", " };
                (!enough).then(|| format!("{} on {path}", missing.join(word)))
            }
            Permission::And(all) => all.iter().find_map(|one| one.lacking(argument, may)),
            Permission::Or(some) => {
                let mut lacks = Vec::new();
                for one in some {
                    lacks.push(one.lacking(argument, may)?);
                }
                (!lacks.is_empty()).then(|| lacks.join(", or "))
            }
            _ => None,
        }
    }
}

/// The path with its arguments; `None` when one of them is not known.
fn fill(path: &str, argument: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut out = String::new();
    for part in path.split('{') {
        match part.split_once('}') {
            None => out.push_str(part),
            Some((name, rest)) => {
                out.push_str(&argument(name)?);
                out.push_str(rest);
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_named() {
        let call = crate::call("StartQemu").unwrap();
        let permission = Permission::of(call);
        let argument = |name: &str| (name == "vmid").then(|| "100".to_owned());
        assert_eq!(
            permission.lacking(&argument, &|_, _| false).as_deref(),
            Some("VM.PowerMgmt on /vms/100")
        );
        let may = |path: &str, name: &str| path == "/vms/100" && name == "VM.PowerMgmt";
        assert_eq!(permission.lacking(&argument, &may), None);
    }

    #[test]
    fn every_permission_is_understood() {
        let mut other = Vec::new();
        for call in crate::calls() {
            if let Permission::Privileges { path, names, .. } = Permission::of(call) {
                assert!(path.starts_with('/') && !names.is_empty(), "{}", call.name);
            }
            if call.permission.starts_with('[') && Permission::of(call) == Permission::InCode {
                other.push(call.name);
            }
        }
        assert!(other.is_empty(), "{other:?}");
    }
}

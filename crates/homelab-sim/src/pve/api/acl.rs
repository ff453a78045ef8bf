//! `/access/acl` and `/access/roles`: who has which role where, and what
//! roles are.

use serde_json::{Map, Value, json};

use super::super::accounts::{Directory, Grant};
use super::super::answer::{Answer, ApiError, Result};
use super::super::params::{Kind, Param, optional, required};
use super::super::roles;
use super::super::router::{Access, Call, Route, get};
use super::users::need_quorum;

/// `GET /access/acl`: all grants, or those at paths the caller may change.
fn acl(call: &Call<'_>) -> Result<Answer> {
    let all = call.may("/access", "Sys.Audit");
    let grants = call
        .cluster
        .accounts()
        .read(|accounts| accounts.grants.clone());
    let rows = grants
        .iter()
        .filter(|grant| all || call.may(&grant.path, "Permissions.Modify"))
        .map(|grant| {
            let group = grant.subject.strip_prefix('@');
            let kind = match group {
                Some(_) => "group",
                None if grant.subject.contains('!') => "token",
                None => "user",
            };
            json!({
                "path": grant.path, "ugid": group.unwrap_or(&grant.subject), "roleid": grant.role, "type": kind,
                "propagate": u8::from(grant.propagate),
            })
        })
        .collect();
    Ok(Value::Array(rows).into())
}

/// `PUT /access/acl`: grants, or with `delete` takes back.
fn acl_update(call: &Call<'_>) -> Result<Answer> {
    let given = call.text("path").unwrap_or_default();
    let path = format!("/{}", given.trim_matches('/'));
    let top = path.split('/').nth(1).unwrap_or_default();
    if ![
        "", "access", "mapping", "nodes", "pool", "sdn", "storage", "vms",
    ]
    .contains(&top)
    {
        return Err(ApiError::param(
            "path",
            format!("invalid ACL path '{given}'"),
        ));
    }
    call.need(&path, "Permissions.Modify")?;
    need_quorum(call, "ACL update failed")?;
    let delete = call.flag("delete");
    let propagate = !call.params.contains_key("propagate") || call.flag("propagate");
    let (users, tokens) = (call.list("users"), call.list("tokens"));
    let groups = call.list("groups");
    call.cluster.accounts().change(|accounts| {
        let failed = |text: String| ApiError::die(format!("ACL update failed: {text}"));
        let roles = call.list("roles");
        if let Some(role) = roles.iter().find(|role| accounts.role(role).is_none()) {
            return Err(failed(format!("role '{role}' does not exist")));
        }
        if let Some(user) = users
            .iter()
            .find(|user| !accounts.users.contains_key(*user))
        {
            return Err(failed(format!("user '{user}' does not exist")));
        }
        if let Some(id) = tokens.iter().find(|id| !accounts.tokens.contains_key(*id)) {
            return Err(failed(format!("no such token '{id}'")));
        }
        if let Some(group) = groups.iter().find(|g| !accounts.groups.contains_key(*g)) {
            return Err(failed(format!("group '{group}' does not exist")));
        }
        let groups: Vec<_> = groups.iter().map(|group| format!("@{group}")).collect();
        for subject in users.iter().chain(&tokens).chain(&groups) {
            for role in &roles {
                let same = |grant: &Grant| {
                    grant.path == path && grant.subject == *subject && grant.role == *role
                };
                accounts.grants.retain(|grant| !same(grant));
                if !delete {
                    accounts.grants.push(Grant {
                        path: path.clone(),
                        subject: subject.clone(),
                        role: role.clone(),
                        propagate,
                    });
                }
            }
        }
        Ok(Value::Null.into())
    })
}

fn roles_list(call: &Call<'_>) -> Result<Answer> {
    let rows = call.cluster.accounts().read(|accounts| {
        let row = |id: &str, special: u8, accounts: &Directory| {
            let privileges = accounts.role(id).unwrap_or_default();
            json!({ "roleid": id, "privs": privileges.join(","), "special": special })
        };
        let built_in = roles::NAMES.iter().map(|id| row(id, 1, accounts));
        let own = accounts.roles.keys().map(|id| row(id, 0, accounts));
        built_in.chain(own).collect()
    });
    Ok(Value::Array(rows).into())
}

fn role(call: &Call<'_>) -> Result<Answer> {
    let id = call.text("roleid").unwrap_or_default();
    call.cluster.accounts().read(|accounts| {
        let missing = || ApiError::die(format!("role '{id}' does not exist"));
        let privileges = accounts.role(&id).ok_or_else(missing)?;
        let map: Map<_, _> = privileges
            .iter()
            .map(|p| ((*p).to_owned(), 1.into()))
            .collect();
        Ok(Value::Object(map).into())
    })
}

fn role_create(call: &Call<'_>) -> Result<Answer> {
    let id = call.text("roleid").unwrap_or_default();
    need_quorum(call, "create role failed")?;
    let mut privileges = Vec::new();
    for name in call.list("privs") {
        let known = roles::ALL.iter().find(|known| **known == name);
        let unknown = || ApiError::die(format!("create role failed: invalid privilege '{name}'"));
        privileges.push(*known.ok_or_else(unknown)?);
    }
    call.cluster.accounts().change(|accounts| {
        if accounts.role(&id).is_some() {
            let text = format!("create role failed: role '{id}' already exists");
            return Err(ApiError::die(text));
        }
        accounts.roles.insert(id, privileges);
        Ok(Value::Null.into())
    })
}

fn role_remove(call: &Call<'_>) -> Result<Answer> {
    let id = call.text("roleid").unwrap_or_default();
    call.cluster.accounts().change(|accounts| {
        if roles::privileges(&id).is_some() {
            let text = format!("auto-generated role '{id}' cannot be deleted");
            return Err(ApiError::die(text));
        }
        let missing = || ApiError::die(format!("delete role failed: role '{id}' does not exist"));
        accounts.roles.remove(&id).ok_or_else(missing)?;
        accounts.grants.retain(|grant| grant.role != id);
        Ok(Value::Null.into())
    })
}

const ACL: &[Param] = &[
    required("path", Kind::Text),
    required("roles", Kind::List),
    optional("delete", Kind::Bool),
    optional("groups", Kind::List),
    optional("propagate", Kind::Bool),
    optional("tokens", Kind::List),
    optional("users", Kind::List),
];
const ROLES: Access = Access::Any("/access", &["Sys.Modify"]);

pub(super) const ROUTES: &[Route] = &[
    get("/access/acl", Access::User, acl),
    get("/access/acl", Access::User, acl_update)
        .method("PUT")
        .with(ACL),
    get("/access/roles", Access::User, roles_list),
    get("/access/roles", ROLES, role_create)
        .method("POST")
        .with(&[
            required("roleid", Kind::Text),
            optional("privs", Kind::List),
        ]),
    get("/access/roles/{roleid}", Access::User, role),
    get("/access/roles/{roleid}", ROLES, role_remove).method("DELETE"),
];

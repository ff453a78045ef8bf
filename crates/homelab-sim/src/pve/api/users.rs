//! `/access/users` and their tokens, `/access/acl`, `/access/roles`,
//! `/access/password`.

use serde_json::{Map, Value, json};

use super::super::accounts::{Directory, Grant, ROOT, Token, User, owner};
use super::super::answer::{Answer, ApiError, Result};
use super::super::params::{Kind, Param, optional, required};
use super::super::roles;
use super::super::router::{Access, Call, Route, get};
use crate::world::{State, derive};

/// What a user tells about itself.
const ABOUT: [&str; 4] = ["comment", "email", "firstname", "lastname"];

/// Writes need a quorum; `what` is what failed without.
fn need_quorum(call: &Call<'_>, what: &str) -> Result<()> {
    if call.cluster.world().read(State::quorate) {
        return Ok(());
    }
    let text = format!("{what}: cfs-lock 'file-user_cfg' error: no quorum!");
    Err(ApiError::die(text))
}

fn no_user(id: &str) -> ApiError {
    ApiError::die(format!("no such user ('{id}')"))
}

fn no_token(user: &str, id: &str) -> ApiError {
    ApiError::die(format!("no such token '{id}' for user '{user}'"))
}

/// `GET /access/users`: oneself, and with the privilege everybody.
fn list(call: &Call<'_>) -> Result<Answer> {
    let all = ["User.Modify", "Sys.Audit"]
        .iter()
        .any(|p| call.may("/access/groups", p));
    let (full, enabled) = (call.flag("full"), call.text("enabled"));
    let rows = call.cluster.accounts().read(|accounts| {
        let visible = accounts.users.iter().filter(|(id, user)| {
            (all || **id == call.caller)
                && enabled
                    .as_deref()
                    .is_none_or(|wanted| (wanted == "1") == user.enabled)
        });
        visible
            .map(|(id, user)| {
                let mut row = describe(user);
                row["userid"] = id.as_str().into();
                row["realm-type"] = id.rsplit_once('@').map_or("", |(_, realm)| realm).into();
                if full {
                    let tokens: Vec<_> = accounts.tokens_of(id).map(token_row).collect();
                    row["tokens"] = if tokens.is_empty() {
                        Value::Null
                    } else {
                        tokens.into()
                    };
                    row["groups"] = "".into();
                }
                row
            })
            .collect()
    });
    Ok(Value::Array(rows).into())
}

fn describe(user: &User) -> Value {
    let mut row = json!({ "enable": u8::from(user.enabled), "expire": user.expire });
    for (key, value) in &user.about {
        row[key] = value.as_str().into();
    }
    row
}

fn one(call: &Call<'_>) -> Result<Answer> {
    let id = call.text("userid").unwrap_or_default();
    call.cluster.accounts().read(|accounts| {
        let user = accounts.users.get(&id).ok_or_else(|| no_user(&id))?;
        let mut data = describe(user);
        let tokens: Map<_, _> = accounts
            .tokens_of(&id)
            .map(|(name, token)| (name.to_owned(), token_data(token)))
            .collect();
        data["tokens"] = if tokens.is_empty() {
            Value::Null
        } else {
            tokens.into()
        };
        data["groups"] = json!([]);
        Ok(data.into())
    })
}

fn create(call: &Call<'_>) -> Result<Answer> {
    let id = call.text("userid").unwrap_or_default();
    let Some((name, realm)) = id.rsplit_once('@') else {
        let text = format!("value '{id}' does not look like a valid user name");
        return Err(ApiError::die(text));
    };
    if name.is_empty() {
        return Err(ApiError::die(format!("user name '{id}' is too short")));
    }
    call.need(&format!("/access/realm/{realm}"), "Realm.AllocateUser")?;
    call.need("/access/groups", "User.Modify")?;
    need_quorum(call, "create user failed")?;
    call.cluster.accounts().change(|accounts| {
        if accounts.users.contains_key(&id) {
            let text = format!("create user failed: user '{id}' already exists");
            return Err(ApiError::die(text));
        }
        let mut user = User {
            password: call.text("password"),
            enabled: true,
            expire: 0,
            about: std::collections::BTreeMap::new(),
            totp: None,
        };
        fill(call, &mut user)?;
        accounts.users.insert(id.clone(), user);
        Ok(Value::Null.into())
    })
}

fn fill(call: &Call<'_>, user: &mut User) -> Result<()> {
    if let Some(group) = call.list("groups").first() {
        let text = format!("update user failed: no such group '{group}'");
        return Err(ApiError::die(text));
    }
    for key in ABOUT {
        match call.text(key) {
            Some(text) if text.is_empty() => drop(user.about.remove(key)),
            Some(text) => drop(user.about.insert(key.to_owned(), text)),
            None => {}
        }
    }
    if call.params.contains_key("enable") {
        user.enabled = call.flag("enable");
    }
    if let Some(expire) = call.number("expire") {
        user.expire = expire;
    }
    Ok(())
}

fn update(call: &Call<'_>) -> Result<Answer> {
    let id = call.text("userid").unwrap_or_default();
    need_quorum(call, "update user failed")?;
    call.cluster.accounts().change(|accounts| {
        let user = accounts.users.get_mut(&id).ok_or_else(|| no_user(&id))?;
        fill(call, user)?;
        Ok(Value::Null.into())
    })
}

/// With the user go its tokens and what was granted to either.
fn remove(call: &Call<'_>) -> Result<Answer> {
    let id = call.text("userid").unwrap_or_default();
    need_quorum(call, "delete user failed")?;
    call.cluster.accounts().change(|accounts| {
        accounts.users.remove(&id).ok_or_else(|| no_user(&id))?;
        accounts.tokens.retain(|token, _| owner(token) != id);
        accounts.grants.retain(|grant| owner(&grant.subject) != id);
        Ok(Value::Null.into())
    })
}

fn token_data(token: &Token) -> Value {
    let mut data = json!({
        "privsep": u8::from(token.separated), "expire": token.expires_at.unwrap_or(0),
    });
    if let Some(comment) = &token.comment {
        data["comment"] = comment.as_str().into();
    }
    data
}

fn token_row((name, token): (&str, &Token)) -> Value {
    let mut row = token_data(token);
    row["tokenid"] = name.into();
    row
}

/// Users see to their own tokens; others need the privilege.
fn tokens_allowed(call: &Call<'_>, user: &str) -> Result<()> {
    if call.caller == user || call.may("/access/groups", "User.Modify") {
        return Ok(());
    }
    Err(ApiError::forbidden("/access/groups, User.Modify"))
}

fn tokens(call: &Call<'_>) -> Result<Answer> {
    let user = call.text("userid").unwrap_or_default();
    tokens_allowed(call, &user)?;
    call.cluster.accounts().read(|accounts| {
        if !accounts.users.contains_key(&user) {
            return Err(no_user(&user));
        }
        let rows = accounts.tokens_of(&user).map(token_row).collect();
        Ok(Value::Array(rows).into())
    })
}

fn token_ids(call: &Call<'_>) -> (String, String, String) {
    let user = call.text("userid").unwrap_or_default();
    let id = call.text("tokenid").unwrap_or_default();
    let full = format!("{user}!{id}");
    (user, id, full)
}

fn token(call: &Call<'_>) -> Result<Answer> {
    let (user, id, full) = token_ids(call);
    tokens_allowed(call, &user)?;
    call.cluster.accounts().read(|accounts| {
        let token = accounts.tokens.get(&full);
        Ok(token_data(token.ok_or_else(|| no_token(&user, &id))?).into())
    })
}

/// The secret is told in this answer and never again.
fn token_create(call: &Call<'_>) -> Result<Answer> {
    let (user, _, full) = token_ids(call);
    tokens_allowed(call, &user)?;
    need_quorum(call, "generating token failed")?;
    let label = call
        .cluster
        .world()
        .change(|state| format!("token {full} {}", state.next_serial()));
    let secret = call
        .cluster
        .world()
        .read(|state| derive::uuid(state.seed, &label));
    call.cluster.accounts().change(|accounts| {
        if !accounts.users.contains_key(&user) {
            return Err(no_user(&user));
        }
        if accounts.tokens.contains_key(&full) {
            return Err(ApiError::param("tokenid", "Token already exists."));
        }
        let token = Token {
            secret: secret.clone(),
            separated: !call.params.contains_key("privsep") || call.flag("privsep"),
            expires_at: call.number("expire").filter(|end| *end > 0),
            comment: call.text("comment"),
        };
        // What was given comes back as the text it was.
        let mut info = json!({ "privsep": 1 });
        for key in ["privsep", "comment", "expire"] {
            if let Some(text) = call.text(key) {
                info[key] = text.into();
            }
        }
        accounts.tokens.insert(full.clone(), token);
        Ok(json!({ "full-tokenid": full, "info": info, "value": secret }).into())
    })
}

fn token_update(call: &Call<'_>) -> Result<Answer> {
    let (user, id, full) = token_ids(call);
    tokens_allowed(call, &user)?;
    call.cluster.accounts().change(|accounts| {
        let token = accounts.tokens.get_mut(&full);
        let token = token.ok_or_else(|| no_token(&user, &id))?;
        if call.params.contains_key("privsep") {
            token.separated = call.flag("privsep");
        }
        if let Some(expire) = call.number("expire") {
            token.expires_at = Some(expire).filter(|end| *end > 0);
        }
        if let Some(comment) = call.text("comment") {
            token.comment = Some(comment);
        }
        Ok(token_data(token).into())
    })
}

fn token_remove(call: &Call<'_>) -> Result<Answer> {
    let (user, id, full) = token_ids(call);
    tokens_allowed(call, &user)?;
    call.cluster.accounts().change(|accounts| {
        let gone = accounts.tokens.remove(&full);
        gone.ok_or_else(|| no_token(&user, &id))?;
        accounts.grants.retain(|grant| grant.subject != full);
        Ok(Value::Null.into())
    })
}

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
            let kind = if grant.subject.contains('!') {
                "token"
            } else {
                "user"
            };
            json!({
                "path": grant.path, "ugid": grant.subject, "roleid": grant.role, "type": kind,
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
        for subject in users.iter().chain(&tokens) {
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

/// `PUT /access/password`: one's own, or anybody's for root.
fn password(call: &Call<'_>) -> Result<Answer> {
    if call.caller.contains('!') {
        return Err(ApiError::raise(
            403,
            "URI '/access/password' not available with API token, need proper ticket.\n",
        ));
    }
    let id = call.text("userid").unwrap_or_default();
    if call.caller != id && call.caller != ROOT {
        call.need("/access/groups", "User.Modify")?;
    }
    // Root is asked for its own password and not held to it.
    let own = call.cluster.accounts().password(&call.caller);
    if call.caller != ROOT && own != call.text("confirmation-password") {
        return Err(ApiError::login_failed());
    }
    call.cluster.accounts().change(|accounts| {
        let user = accounts.users.get_mut(&id);
        let missing = || ApiError::die(format!("user '{id}' does not exist"));
        user.ok_or_else(missing)?.password = call.text("password");
        Ok(Value::Null.into())
    })
}

/// A password: 8 to 64 characters.
fn new_password(text: &str) -> std::result::Result<(), String> {
    match text.chars().count() {
        0..8 => Err("value must be at least 8 characters long".into()),
        65.. => Err("value may only be 64 characters long".into()),
        _ => Ok(()),
    }
}

/// Something with an `@` in its middle.
fn email(text: &str) -> std::result::Result<(), String> {
    match text.split_once('@') {
        Some((name, host)) if !name.is_empty() && !host.is_empty() => Ok(()),
        None if text.is_empty() => Ok(()),
        _ => Err("invalid format - value does not look like a valid email address\n".into()),
    }
}

const USER: &[Param] = &[
    optional("append", Kind::Bool),
    optional("comment", Kind::Text),
    optional("email", Kind::Format(email)),
    optional("enable", Kind::Bool),
    optional("expire", Kind::Int { min: 0 }),
    optional("firstname", Kind::Text),
    optional("groups", Kind::List),
    optional("keys", Kind::Text),
    optional("lastname", Kind::Text),
];
const NEW_USER: &[Param] = &[
    required("userid", Kind::Text),
    optional("comment", Kind::Text),
    optional("email", Kind::Format(email)),
    optional("enable", Kind::Bool),
    optional("expire", Kind::Int { min: 0 }),
    optional("firstname", Kind::Text),
    optional("groups", Kind::List),
    optional("keys", Kind::Text),
    optional("lastname", Kind::Text),
    optional("password", Kind::Format(new_password)),
];
const TOKEN: &[Param] = &[
    optional("comment", Kind::Text),
    optional("expire", Kind::Int { min: 0 }),
    optional("privsep", Kind::Bool),
];
const ACL: &[Param] = &[
    required("path", Kind::Text),
    required("roles", Kind::List),
    optional("delete", Kind::Bool),
    optional("groups", Kind::List),
    optional("propagate", Kind::Bool),
    optional("tokens", Kind::List),
    optional("users", Kind::List),
];
const PASSWORD: &[Param] = &[
    required("userid", Kind::Text),
    required("password", Kind::Format(new_password)),
    optional("confirmation-password", Kind::Text),
];
const LOOK: Access = Access::Any("/access/groups", &["User.Modify", "Sys.Audit"]);
const MODIFY: Access = Access::Any("/access/groups", &["User.Modify"]);
const ROLES: Access = Access::Any("/access", &["Sys.Modify"]);
const TOKEN_PATH: &str = "/access/users/{userid}/token/{tokenid}";

pub(super) const ROUTES: &[Route] = &[
    get("/access/users", Access::User, list).with(&[
        optional("enabled", Kind::Bool),
        optional("full", Kind::Bool),
    ]),
    get("/access/users", Access::User, create)
        .method("POST")
        .with(NEW_USER),
    get("/access/users/{userid}", LOOK, one),
    get("/access/users/{userid}", MODIFY, update)
        .method("PUT")
        .with(USER),
    get("/access/users/{userid}", MODIFY, remove).method("DELETE"),
    get("/access/users/{userid}/token", Access::User, tokens),
    get(TOKEN_PATH, Access::User, token),
    get(TOKEN_PATH, Access::User, token_create)
        .method("POST")
        .with(TOKEN),
    get(TOKEN_PATH, Access::User, token_update)
        .method("PUT")
        .with(TOKEN),
    get(TOKEN_PATH, Access::User, token_remove).method("DELETE"),
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
    get("/access/password", Access::User, password)
        .method("PUT")
        .with(PASSWORD),
];

//! `/access/users` and `/access/password`. Their tokens: see `tokens`.

use serde_json::{Map, Value, json};

use super::super::accounts::{Directory, ROOT, User, owner};
use super::super::answer::{Answer, ApiError, Result};
use super::super::params::{Kind, Param, optional, required};
use super::super::router::{Access, Call, Route, get};
use super::tokens;
use crate::world::State;

/// What a user tells about itself.
const ABOUT: [&str; 4] = ["comment", "email", "firstname", "lastname"];

/// Writes need a quorum; `what` is what failed without.
pub(super) fn need_quorum(call: &Call<'_>, what: &str) -> Result<()> {
    if call.cluster.world().read(State::quorate) {
        return Ok(());
    }
    let text = format!("{what}: cfs-lock 'file-user_cfg' error: no quorum!");
    Err(ApiError::die(text))
}

pub(super) fn no_user(id: &str) -> ApiError {
    ApiError::die(format!("no such user ('{id}')"))
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
                    let tokens: Vec<_> = accounts.tokens_of(id).map(tokens::token_row).collect();
                    row["tokens"] = if tokens.is_empty() {
                        Value::Null
                    } else {
                        tokens.into()
                    };
                    let groups: Vec<_> = user.groups.iter().map(String::as_str).collect();
                    row["groups"] = groups.join(",").into();
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
            .map(|(name, token)| (name.to_owned(), tokens::token_data(token)))
            .collect();
        data["tokens"] = if tokens.is_empty() {
            Value::Null
        } else {
            tokens.into()
        };
        data["groups"] = user.groups.iter().cloned().collect::<Vec<_>>().into();
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
            groups: std::collections::BTreeSet::new(),
        };
        join_groups(call, accounts, &mut user, "create user failed")?;
        fill(call, &mut user);
        accounts.users.insert(id.clone(), user);
        Ok(Value::Null.into())
    })
}

/// The groups that are named; with `append` beside those before.
fn join_groups(call: &Call<'_>, accounts: &Directory, user: &mut User, what: &str) -> Result<()> {
    let groups = call.list("groups");
    if let Some(group) = groups.iter().find(|g| !accounts.groups.contains_key(*g)) {
        return Err(ApiError::die(format!("{what}: no such group '{group}'")));
    }
    if call.params.contains_key("groups") && !call.flag("append") {
        user.groups.clear();
    }
    user.groups.extend(groups);
    Ok(())
}

fn fill(call: &Call<'_>, user: &mut User) {
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
}

fn update(call: &Call<'_>) -> Result<Answer> {
    let id = call.text("userid").unwrap_or_default();
    need_quorum(call, "update user failed")?;
    call.cluster.accounts().change(|accounts| {
        let mut user = accounts
            .users
            .get(&id)
            .cloned()
            .ok_or_else(|| no_user(&id))?;
        join_groups(call, accounts, &mut user, "update user failed")?;
        fill(call, &mut user);
        accounts.users.insert(id, user);
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
const PASSWORD: &[Param] = &[
    required("userid", Kind::Text),
    required("password", Kind::Format(new_password)),
    optional("confirmation-password", Kind::Text),
];
const LOOK: Access = Access::Any("/access/groups", &["User.Modify", "Sys.Audit"]);
const MODIFY: Access = Access::Any("/access/groups", &["User.Modify"]);

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
    get("/access/password", Access::User, password)
        .method("PUT")
        .with(PASSWORD),
];

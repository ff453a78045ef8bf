//! API tokens of users.

use serde_json::{Value, json};

use super::super::accounts::Token;
use super::super::answer::{Answer, ApiError, Result};
use super::super::params::{Kind, Param, optional};
use super::super::router::{Access, Call, Route, get};
use super::users::{need_quorum, no_user};
use crate::world::derive;

fn no_token(user: &str, id: &str) -> ApiError {
    ApiError::die(format!("no such token '{id}' for user '{user}'"))
}

pub(super) fn token_data(token: &Token) -> Value {
    let mut data = json!({
        "privsep": u8::from(token.separated), "expire": token.expires_at.unwrap_or(0),
    });
    if let Some(comment) = &token.comment {
        data["comment"] = comment.as_str().into();
    }
    data
}

pub(super) fn token_row((name, token): (&str, &Token)) -> Value {
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

const TOKEN: &[Param] = &[
    optional("comment", Kind::Text),
    optional("expire", Kind::Int { min: 0 }),
    optional("privsep", Kind::Bool),
];
const TOKEN_PATH: &str = "/access/users/{userid}/token/{tokenid}";

pub(super) const ROUTES: &[Route] = &[
    get("/access/users/{userid}/token", Access::User, tokens),
    get(TOKEN_PATH, Access::User, token),
    get(TOKEN_PATH, Access::User, token_create)
        .method("POST")
        .with(TOKEN),
    get(TOKEN_PATH, Access::User, token_update)
        .method("PUT")
        .with(TOKEN),
    get(TOKEN_PATH, Access::User, token_remove).method("DELETE"),
];

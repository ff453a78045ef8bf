//! `/access/groups`: users under one name.

use serde_json::{Value, json};

use super::super::accounts::Directory;
use super::super::answer::{Answer, ApiError, Result};
use super::super::router::{Access, Call, Route, get};
use super::users::need_quorum;

fn members<'a>(accounts: &'a Directory, group: &'a str) -> Vec<&'a str> {
    let users = accounts.users.iter();
    let inside = users.filter(|(_, user)| user.groups.contains(group));
    inside.map(|(id, _)| id.as_str()).collect()
}

fn list(call: &Call<'_>) -> Result<Answer> {
    let rows = call.cluster.accounts().read(|accounts| {
        let groups = accounts.groups.iter();
        groups
            .map(|(id, comment)| {
                let mut row = json!({ "groupid": id, "users": members(accounts, id).join(",") });
                if let Some(comment) = comment {
                    row["comment"] = comment.as_str().into();
                }
                row
            })
            .collect()
    });
    Ok(Value::Array(rows).into())
}

fn missing(prefix: &str, id: &str) -> ApiError {
    ApiError::die(format!("{prefix}group '{id}' does not exist"))
}

fn one(call: &Call<'_>) -> Result<Answer> {
    let id = call.text("groupid").unwrap_or_default();
    call.cluster.accounts().read(|accounts| {
        let comment = accounts.groups.get(&id).ok_or_else(|| missing("", &id))?;
        let mut data = json!({ "members": members(accounts, &id) });
        if let Some(comment) = comment {
            data["comment"] = comment.as_str().into();
        }
        Ok(data.into())
    })
}

fn create(call: &Call<'_>) -> Result<Answer> {
    let id = call.text("groupid").unwrap_or_default();
    need_quorum(call, "create group failed")?;
    call.cluster.accounts().change(|accounts| {
        if accounts.groups.contains_key(&id) {
            let text = format!("create group failed: group '{id}' already exists");
            return Err(ApiError::die(text));
        }
        accounts.groups.insert(id, call.text("comment"));
        Ok(Value::Null.into())
    })
}

fn update(call: &Call<'_>) -> Result<Answer> {
    let id = call.text("groupid").unwrap_or_default();
    need_quorum(call, "update group failed")?;
    call.cluster.accounts().change(|accounts| {
        let group = accounts.groups.get_mut(&id);
        let group = group.ok_or_else(|| missing("update group failed: ", &id))?;
        if let Some(comment) = call.text("comment") {
            *group = Some(comment);
        }
        Ok(Value::Null.into())
    })
}

/// With the group goes what was granted to it.
fn remove(call: &Call<'_>) -> Result<Answer> {
    let id = call.text("groupid").unwrap_or_default();
    need_quorum(call, "delete group failed")?;
    call.cluster.accounts().change(|accounts| {
        if accounts.groups.remove(&id).is_none() {
            return Err(missing("delete group failed: ", &id));
        }
        for user in accounts.users.values_mut() {
            user.groups.remove(&id);
        }
        let subject = format!("@{id}");
        accounts.grants.retain(|grant| grant.subject != subject);
        Ok(Value::Null.into())
    })
}

const ALLOCATE: Access = Access::Any("/access/groups", &["Group.Allocate"]);
const LOOK: Access = Access::Any("/access/groups", &["Sys.Audit", "Group.Allocate"]);

pub(super) const ROUTES: &[Route] = &[
    get("/access/groups", Access::User, list).by_schema(),
    get("/access/groups", ALLOCATE, create)
        .method("POST")
        .by_schema(),
    get("/access/groups/{groupid}", LOOK, one).by_schema(),
    get("/access/groups/{groupid}", ALLOCATE, update)
        .method("PUT")
        .by_schema(),
    get("/access/groups/{groupid}", ALLOCATE, remove)
        .method("DELETE")
        .by_schema(),
];

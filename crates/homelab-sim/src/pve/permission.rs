//! Who may make a call, by the expression that the schema gives.

use serde_json::Value;

use super::accounts::{self, owner};
use super::answer::{ApiError, Result};
use super::params;
use super::router::Call;

/// Fails unless the caller may make the call.
pub(super) fn check(call: &Call<'_>, expression: &str) -> Result<()> {
    match expression {
        "no-auth" | "any-authenticated" => Ok(()),
        "root-only" if call.caller == accounts::ROOT => Ok(()),
        "root-only" => Err(ApiError::forbidden("user != root@pam")),
        list => match serde_json::from_str(list) {
            Ok(value) => holds(call, &value),
            // The table is ours; what it cannot say nobody may do.
            Err(_) => Err(ApiError::forbidden("no permission")),
        },
    }
}

fn holds(call: &Call<'_>, expression: &Value) -> Result<()> {
    if let Some(word) = expression.as_str() {
        return check(call, word);
    }
    let empty = Vec::new();
    let parts = expression.as_array().unwrap_or(&empty);
    let (Some(head), rest) = (parts.first().and_then(Value::as_str), parts.get(1..)) else {
        return Err(ApiError::forbidden("no permission"));
    };
    let rest = rest.unwrap_or_default();
    match head {
        "and" => rest.iter().try_for_each(|part| holds(call, part)),
        // The last refusal is the one that is told.
        "or" => {
            let mut refusal = Ok(());
            for part in rest {
                refusal = holds(call, part);
                if refusal.is_ok() {
                    return Ok(());
                }
            }
            refusal
        }
        "perm" => privileges(call, rest),
        "perm-modify" => {
            let path = filled(call, rest.first().and_then(Value::as_str).unwrap_or("/"));
            call.need(&path, "Permissions.Modify")
        }
        "userid-param" => match rest.first().and_then(Value::as_str) {
            Some("self") if call.text("userid").as_deref() == Some(owner(&call.caller)) => Ok(()),
            Some("self") => Err(ApiError::forbidden("not the user itself")),
            _ => {
                let user = call.text("userid").unwrap_or_default();
                let realm = user.rsplit('@').next().unwrap_or_default();
                call.need(&format!("/access/realm/{realm}"), "Realm.AllocateUser")
            }
        },
        "userid-group" => {
            let wanted = words(rest.first());
            if wanted.iter().any(|p| call.may("/access/groups", p)) {
                return Ok(());
            }
            Err(ApiError::forbidden(&format!(
                "/access/groups, {}",
                wanted.join("|")
            )))
        }
        _ => Err(ApiError::forbidden("no permission")),
    }
}

/// `["perm", PATH, [PRIVILEGES], "any", 1]`; all of them without the last two.
fn privileges(call: &Call<'_>, rest: &[Value]) -> Result<()> {
    let path = filled(call, rest.first().and_then(Value::as_str).unwrap_or("/"));
    let wanted = words(rest.get(1));
    let option = rest.get(2).and_then(Value::as_str);
    // Only asked when the parameter is there.
    if option == Some("require_param")
        && !rest
            .get(3)
            .and_then(Value::as_str)
            .is_some_and(|name| call.params.contains_key(name))
    {
        return Ok(());
    }
    // A path that cannot be one belongs to nobody.
    let good = |b: u8| b.is_ascii_alphanumeric() || b"._-/@!:".contains(&b);
    let path = if path.bytes().all(good) {
        path
    } else {
        String::new()
    };
    if path.is_empty() && !call.is_root() {
        return Err(ApiError::forbidden(&format!(", {}", wanted.join("|"))));
    }
    if option == Some("any") {
        if wanted.iter().any(|p| call.may(&path, p)) {
            return Ok(());
        }
        return Err(ApiError::forbidden(&format!(
            "{path}, {}",
            wanted.join("|")
        )));
    }
    wanted.iter().try_for_each(|p| call.need(&path, p))
}

fn words(value: Option<&Value>) -> Vec<&str> {
    let list = value.and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// A path with its variable parts filled in.
fn filled(call: &Call<'_>, template: &str) -> String {
    let parts = template.split('/').map(|part| {
        let name = super::catalogue::variable(part);
        match name.map(|name| call.params.get(name)) {
            Some(value) => value.map(params::text).unwrap_or_default(),
            None => part.to_owned(),
        }
    });
    let path = parts.collect::<Vec<_>>().join("/");
    if path.len() > 1 {
        path.trim_end_matches('/').to_owned()
    } else {
        path
    }
}

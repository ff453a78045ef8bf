//! `/access`: login, realms, one's own permissions.

use serde_json::{Map, Value, json};

use super::super::accounts::ROOT;
use super::super::answer::{Answer, ApiError, Result};
use super::super::params::{Kind, optional, required};
use super::super::router::{Access, Call, Route, get};

/// `GET /access/ticket`: nothing, for browsers.
fn look(_: &Call<'_>) -> Result<Answer> {
    Ok(Value::Null.into())
}

/// `POST /access/ticket`: login, or renewal with the old ticket as password.
fn login(call: &Call<'_>) -> Result<Answer> {
    let name = call.text("username").unwrap_or_default();
    let user = match call.text("realm") {
        Some(realm) => format!("{name}@{realm}"),
        None => name,
    };
    let password = call.text("password").unwrap_or_default();
    let now = call.unix_now();
    let accounts = call.cluster.accounts();
    let right = accounts.password(&user).as_ref() == Some(&password)
        || call
            .cluster
            .0
            .key
            .verify(&password, now)
            // A ticket of root may stand for anybody's password.
            .is_some_and(|owner| owner == user || owner == ROOT);
    let key = &call.cluster.0.key;
    // The answer to a challenge proves the password as well.
    let answered = call.text("tfa-challenge").map(|challenge| {
        key.verify_challenge(&challenge, &user, now) && code_is_right(call, &user, &password)
    });
    if !answered.unwrap_or(right) || !accounts.active(&user, now) {
        return Err(ApiError::login_failed());
    }
    // Asked about a privilege, the login fails without it.
    if let (Some(path), privileges) = (call.text("path"), call.list("privs")) {
        let has = accounts.privileges(&user, &path);
        if !privileges.iter().all(|p| has.contains(p.as_str())) {
            return Err(ApiError::login_failed());
        }
    }
    let renewed = key.verify(&password, now).is_some();
    let second = accounts.read(|all| all.users.get(&user).is_some_and(|u| u.totp.is_some()));
    let mut data = if second && answered.is_none() && !renewed && !call.params.contains_key("otp") {
        json!({
            "username": user, "ticket": key.challenge(&user, now), "NeedTFA": 1,
            "CSRFPreventionToken": key.csrf(&user, now),
        })
    } else {
        if let Some(code) = call.text("otp").filter(|_| second)
            && !code_is_right(call, &user, &code)
        {
            return Err(ApiError::login_failed());
        }
        json!({
            "username": user, "ticket": key.ticket(&user, now),
            "CSRFPreventionToken": key.csrf(&user, now), "cap": capabilities(call, &user),
        })
    };
    let name = call
        .cluster
        .world()
        .read(|s| (s.hosts.len() > 1).then(|| s.lab.clone()));
    if let Some(name) = name {
        data["clustername"] = name.into();
    }
    Ok(data.into())
}

/// Whether `answer` is `totp:` and the code that the user's second factor
/// accepts.
fn code_is_right(call: &Call<'_>, user: &str, answer: &str) -> bool {
    let wanted = call
        .cluster
        .accounts()
        .read(|all| all.users.get(user)?.totp.clone());
    wanted.is_some() && answer.strip_prefix("totp:") == wanted.as_deref()
}

/// What a web page would enable, by area.
fn capabilities(call: &Call<'_>, user: &str) -> Value {
    const AREAS: &[(&str, &str, &[&str])] = &[
        ("vms", "/vms", &["VM.", "Permissions.Modify"]),
        ("storage", "/storage", &["Datastore.", "Permissions.Modify"]),
        (
            "access",
            "/access",
            &["User.", "Group.", "Permissions.Modify"],
        ),
        ("nodes", "/nodes", &["Sys.", "Permissions.Modify"]),
        ("sdn", "/sdn", &["SDN.", "Permissions.Modify"]),
        ("dc", "/", &["Sys.Audit", "Sys.Modify", "SDN."]),
        ("mapping", "/mapping", &["Mapping.", "Permissions.Modify"]),
    ];
    let mut cap = Map::new();
    for (area, path, prefixes) in AREAS {
        let privileges = call.cluster.accounts().privileges(user, path);
        let some: Map<_, _> = privileges
            .iter()
            .filter(|p| prefixes.iter().any(|prefix| p.starts_with(prefix)))
            .map(|p| ((*p).to_owned(), 1.into()))
            .collect();
        cap.insert((*area).to_owned(), some.into());
    }
    cap.into()
}

/// `GET /access/domains`: open to all, for login pages.
fn domains(call: &Call<'_>) -> Result<Answer> {
    let mut rows = vec![
        json!({ "realm": "pam", "type": "pam", "comment": "Linux PAM standard authentication" }),
        json!({ "realm": "pve", "type": "pve", "comment": "Proxmox VE authentication server" }),
    ];
    call.cluster.world().read(|state| {
        for realm in state.registry.objects("/access/domains") {
            let mut row = realm.values.clone();
            row.retain(|key, _| ["type", "comment", "default", "tfa"].contains(&key.as_str()));
            row.insert("realm".into(), realm.id.as_str().into());
            let same = |r: &Value| r["realm"] == realm.id.as_str();
            rows.retain(|r| !same(r));
            rows.push(Value::Object(row));
        }
    });
    Ok(Value::Array(rows).into())
}

/// `GET /access/permissions`: path to privileges; the value says whether it
/// propagates.
fn permissions(call: &Call<'_>) -> Result<Answer> {
    let whose = call.text("userid").unwrap_or_else(|| call.caller.clone());
    if whose != call.caller && !call.may("/access", "Sys.Audit") {
        return Err(ApiError::forbidden("/access, Sys.Audit"));
    }
    let accounts = call.cluster.accounts();
    let all = [
        "/", "/access", "/mapping", "/nodes", "/pool", "/sdn", "/storage", "/vms",
    ];
    let mut paths: Vec<String> = match call.text("path") {
        Some(path) => vec![path],
        None => accounts.granted_paths(&whose).into_iter().collect(),
    };
    let everywhere = !accounts.privileges(&whose, "/").is_empty();
    if call.text("path").is_none() && everywhere {
        paths.extend(all.map(str::to_owned));
        paths.sort_unstable();
        paths.dedup();
    }
    let mut data = Map::new();
    for path in paths {
        let privileges = accounts.privileges(&whose, &path);
        if !privileges.is_empty() {
            let map: Map<_, _> = privileges
                .iter()
                .map(|p| ((*p).to_owned(), 1.into()))
                .collect();
            data.insert(path, map.into());
        }
    }
    Ok(Value::Object(data).into())
}

pub(super) const ROUTES: &[Route] = &[
    get("/access/ticket", Access::Open, look),
    get("/access/ticket", Access::Open, login)
        .method("POST")
        .with(&[
            required("username", Kind::Text),
            required("password", Kind::Text),
            optional("realm", Kind::Text),
            optional("new-format", Kind::Bool),
            optional("otp", Kind::Text),
            optional("path", Kind::Text),
            optional("privs", Kind::Text),
            optional("tfa-challenge", Kind::Text),
        ]),
    get("/access/domains", Access::Open, domains),
    get("/access/permissions", Access::User, permissions)
        .with(&[optional("path", Kind::Text), optional("userid", Kind::Text)]),
];

//! Requests that were made to a real PVE server, made again here: the status
//! line has to be the same, and data has to have the same keys and types.
//!
//! The recordings are not part of the repository. `PVE_RECORDINGS` names their
//! folder; without it and without `../shared/facts/pve/recorded` beside the
//! repository the test says that it skips.

use std::path::PathBuf;

use serde_json::Value;

use super::Reply;
use super::recorded_lab::recorded_host;

pub(super) fn folder() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let beside = root.join("../shared/facts/pve/recorded");
    std::env::var_os("PVE_RECORDINGS")
        .map(PathBuf::from)
        .or(Some(beside))
        .filter(|path| path.join("errors-and-http.jsonl").is_file())
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Tokens that the recordings used with success, with their secrets.
pub(super) fn tokens(exchanges: &[Value]) -> Vec<(String, String)> {
    let mut tokens = Vec::new();
    for exchange in exchanges {
        let data = serde_json::from_str::<Value>(text(&exchange["response"]["body"]));
        if let Ok(data) = data
            && let Some(id) = data["data"]["full-tokenid"].as_str()
        {
            tokens.push((id.to_owned(), text(&data["data"]["value"]).to_owned()));
        }
    }
    tokens
}

/// The request as it was sent, but for a ticket of another server.
fn request(exchange: &Value, ticket: &str) -> String {
    use std::fmt::Write as _;
    let request = &exchange["request"];
    let mut raw = format!("{}\r\n", text(&request["line"]));
    for header in request["headers"].as_array().into_iter().flatten() {
        let (name, value) = (text(&header[0]), text(&header[1]));
        let valid = !text(&exchange["response"]["status_line"]).ends_with("Authentication failed!");
        let value = if valid && value.contains("PVEAuthCookie=") {
            &format!("PVEAuthCookie={ticket}")
        } else {
            value
        };
        let _ = write!(raw, "{name}: {value}\r\n");
    }
    raw + "\r\n" + text(&request["body"])
}

#[tokio::test]
async fn status_lines_are_those_of_a_real_server() {
    let Some(folder) = folder() else {
        eprintln!("SKIPPED: no recordings; PVE_RECORDINGS names their folder");
        return;
    };
    let mut exchanges: Vec<Value> = Vec::new();
    for file in ["auth.jsonl", "errors-and-http.jsonl"] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        exchanges.extend(text.lines().map(|line| serde_json::from_str(line).unwrap()));
    }
    let lab = recorded_host(&tokens(&exchanges));
    let login = "username=root%40pam&password=pverootpw";
    let login = lab
        .call_with("pve1", "POST", "/access/ticket", "", login)
        .await
        .data();
    let ticket = text(&login["ticket"]).to_owned();

    let (mut compared, mut wrong) = (0, Vec::new());
    for exchange in &exchanges {
        let name = text(&exchange["name"]);
        let line = text(&exchange["request"]["line"]);
        let early = exchange["response"]["status_line"]
            .as_str()
            .is_some_and(|status| {
                status.contains(" 501 ") || status.contains(" 506 ") || status.contains(" 401 ")
            });
        // Grants are made between recordings; what follows them is other state.
        let granted = name.contains("-with-acl") && name.starts_with("a8");
        if !(line.starts_with("GET ") || early) || granted {
            continue;
        }
        let reply = lab.raw("pve1", &request(exchange, &ticket)).await;
        compared += 1;
        let want = text(&exchange["response"]["status_line"]).trim_start_matches("HTTP/1.1 ");
        let got = reply.as_ref().map_or_else(ToString::to_string, Reply::line);
        if got != want {
            wrong.push(format!("{name}: {line}\n    real: {want}\n    here: {got}"));
        }
    }
    eprintln!("{compared} recorded requests compared");
    assert!(
        wrong.is_empty(),
        "{} of {compared} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(compared > 40, "{compared}");
}

/// Keys that a simulated host has no reason to tell.
const NOT_TOLD: &[&str] = &["cpuinfo.family", "cpuinfo.vendor"];

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The rows of a list as one object by their `type`, each with all keys seen.
fn merged(rows: &[Value]) -> Value {
    let mut merged = serde_json::Map::new();
    for row in rows {
        let by_type = row["type"].as_str().unwrap_or("row");
        let keys = merged
            .entry(by_type)
            .or_insert_with(|| Value::Object(serde_json::Map::default()));
        match (keys, row) {
            (Value::Object(keys), Value::Object(row)) => keys.extend(row.clone()),
            (slot, other) => *slot = other.clone(),
        }
    }
    Value::Object(merged)
}

/// What `real` has and `here` has not, or has with another type.
pub(super) fn differences(path: &str, real: &Value, here: &Value, found: &mut Vec<String>) {
    match (real, here) {
        (Value::Object(real), Value::Object(here)) => {
            for (key, value) in real {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                match here.get(key) {
                    _ if NOT_TOLD.iter().any(|known| path.ends_with(known)) => {}
                    None => found.push(format!("{path} is missing")),
                    Some(here) => differences(&path, value, here, found),
                }
            }
        }
        (Value::Array(real), Value::Array(here)) if !real.is_empty() => {
            differences(path, &merged(real), &merged(here), found);
        }
        (real, here) if kind(real) != kind(here) => {
            found.push(format!(
                "{path} is {} instead of {}",
                kind(here),
                kind(real)
            ));
        }
        _ => {}
    }
}

/// A virtual disk without a partition table there, an SSD here: each tells what
/// the other has not (`mounted`, how worn it is).
const NOT_HELD: &[&str] = &["/nodes/pve1/disks/list"];

#[tokio::test]
async fn data_has_the_keys_and_types_of_a_real_server() {
    let Some(folder) = folder() else {
        eprintln!("SKIPPED: no recordings; PVE_RECORDINGS names their folder");
        return;
    };
    let secret = "206bc410-924f-43c7-92b4-518110bba10b";
    let mut lab = recorded_host(&[("root@pam!full".into(), secret.into())]);
    lab.token = format!("root@pam!full={secret}");
    // The log tells of tasks.
    lab.done(lab.post("/nodes/pve1/apt/update", "").await).await;
    let (mut compared, mut wrong) = (0, Vec::new());
    for file in ["auth.jsonl", "errors-and-http.jsonl", "reads.jsonl"] {
        let lines = std::fs::read_to_string(folder.join(file)).unwrap();
        for exchange in lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
        {
            let line = text(&exchange["request"]["line"]);
            let Ok(real) = serde_json::from_str::<Value>(text(&exchange["response"]["body"]))
            else {
                continue;
            };
            if !line.starts_with("GET ") || real["data"].is_null() {
                continue;
            }
            let reply = lab.raw("pve1", &request(&exchange, "")).await.unwrap();
            if reply.status != 200 {
                // Not simulated, or with a login that is not there.
                continue;
            }
            compared += 1;
            let mut found = Vec::new();
            if NOT_HELD.iter().any(|path| line.contains(path)) {
                continue;
            }
            differences("", &real["data"], &reply.data(), &mut found);
            if !found.is_empty() {
                wrong.push(format!("{line}: {}", found.join(", ")));
            }
        }
    }
    eprintln!("{compared} recorded answers compared");
    assert!(
        wrong.is_empty(),
        "{} of {compared} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(compared > 20, "{compared}");
}

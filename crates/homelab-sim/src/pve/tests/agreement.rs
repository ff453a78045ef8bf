//! Every recorded exchange that concerns a call which is simulated, made again
//! here in the order in which it was made there: status, reason phrase, names
//! of parameters in errors and their texts, keys and types of the data.
//!
//! What agrees is counted per call in `docs/simulator-agreement.md`; with
//! `UPDATE_DOCS=1` the table is written anew. Without the recordings the test
//! says that it skips.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::recorded_lab::recorded_lab;
use super::recorded_order::{FILES, arrange, by_server};
use super::recordings::{differences, folder, text};
use super::{Lab, Reply};
use crate::pve::{catalogue, generic, router};

/// The call that a request line is about, if it is simulated.
fn concerns(line: &str) -> Option<String> {
    let mut words = line.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let path = target.split('?').next()?;
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    let below = path
        .strip_prefix("/api2/json")
        .or_else(|| path.strip_prefix("/api2/extjs"))?;
    let (call, _) = catalogue::find(method, below)?;
    let own = router::has_route(method, call.path);
    (own || generic::source(call) != generic::Source::Nothing)
        .then(|| format!("{method} {}", call.path))
}

/// Names that only one server gives, as they are called here.
#[derive(Default)]
struct Names(BTreeMap<String, String>);

impl Names {
    fn learn(&mut self, real: &Value, here: &Value) {
        match (real, here) {
            (Value::String(real), Value::String(here)) if real != here => {
                if real.starts_with("PVE:") {
                    let encoded =
                        |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
                    self.0.insert(encoded(real), encoded(here));
                }
                let own = real.starts_with("UPID:")
                    || real.starts_with("PVE:")
                    || real.len() == 40 && real.bytes().all(|b| b.is_ascii_hexdigit())
                    || real.len() == 36 && real.matches('-').count() == 4;
                if own {
                    self.0.insert(real.clone(), here.clone());
                }
            }
            (Value::Object(real), Value::Object(here)) => {
                // Process ids are only known by what asks for them.
                if let (Some(real), Some(here), 1) = (real.get("pid"), here.get("pid"), real.len())
                {
                    self.0
                        .insert(format!("?pid={real} "), format!("?pid={here} "));
                }
                for (key, value) in real {
                    if let Some(here) = here.get(key) {
                        self.learn(value, here);
                    }
                }
            }
            (Value::Array(real), Value::Array(here)) => {
                for (real, here) in real.iter().zip(here) {
                    self.learn(real, here);
                }
            }
            _ => {}
        }
    }

    fn put(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (real, here) in &self.0 {
            text = text.replace(real, here);
        }
        text
    }
}

/// What differs between two servers and says nothing.
fn plain(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let line = word.trim_end_matches('.').parse::<u32>().is_ok()
            && words.last().is_some_and(|last| last == "line");
        let temporary = word.contains(".tmp.");
        words.push(if line || temporary {
            "…".into()
        } else {
            word.to_owned()
        });
    }
    words.join(" ")
}

struct Login {
    ticket: String,
    csrf: String,
}

fn request(exchange: &Value, names: &Names, login: &Login) -> String {
    let request = &exchange["request"];
    let line = names.put(text(&request["line"]));
    let body = names.put(text(&request["body"]));
    let status = text(&exchange["response"]["status_line"]);
    let refused = status.ends_with("401 Authentication failed!");
    let csrf_refused = status.ends_with("invalid csrf token");
    let mut raw = format!("{line}\r\n");
    for header in request["headers"].as_array().into_iter().flatten() {
        let (name, value) = (text(&header[0]), text(&header[1]));
        let value = &names.put(value);
        let value = match name.to_ascii_lowercase().as_str() {
            "content-length" => body.len().to_string(),
            "csrfpreventiontoken" if !refused && !csrf_refused => login.csrf.clone(),
            "cookie" | "authorization" if value.contains("PVEAuthCookie=") && !refused => {
                format!("PVEAuthCookie={}", login.ticket)
            }
            _ => value.to_owned(),
        };
        let _ = write!(raw, "{name}: {value}\r\n");
    }
    raw + "\r\n" + &body
}

/// How an answer differs; nothing when it does not.
fn compare(exchange: &Value, reply: &Reply) -> Vec<String> {
    let want = text(&exchange["response"]["status_line"]).trim_start_matches("HTTP/1.1 ");
    let got = reply.line();
    if plain(&got) != plain(want) {
        return vec![format!("{got} in place of {want}")];
    }
    let Ok(real) = serde_json::from_str::<Value>(text(&exchange["response"]["body"])) else {
        return Vec::new();
    };
    let Ok(here) = serde_json::from_str::<Value>(&reply.body) else {
        return vec!["no JSON".into()];
    };
    let mut found = Vec::new();
    if real.get("errors") != here.get("errors") {
        found.push(format!(
            "errors {} in place of {}",
            here["errors"], real["errors"]
        ));
    }
    differences("", &real["data"], &here["data"], &mut found);
    found
}

#[derive(Default)]
struct Tally {
    agree: usize,
    all: usize,
}

#[tokio::test]
async fn agreement_with_a_real_server_is_what_the_table_says() {
    let Some(folder) = folder() else {
        eprintln!("SKIPPED: no recordings; PVE_RECORDINGS names their folder");
        return;
    };
    let mut calls: BTreeMap<String, Tally> = BTreeMap::new();
    let mut rest: Vec<(String, String)> = Vec::new();
    let parts = FILES.iter().flat_map(|file| by_server(&folder, file));
    for (file, all) in parts {
        let lab = recorded_lab(&file, &all);
        let login = login(&lab).await;
        let mut names = Names::default();
        for exchange in &all {
            let line = text(&exchange["request"]["line"]);
            let Some(call) = concerns(line) else { continue };
            // Shortened bodies cannot be sent again.
            let shortened = text(&exchange["request"]["body"]).starts_with('<')
                || text(&exchange["note"]).contains("body shortened");
            if shortened {
                continue;
            }
            let name = text(&exchange["name"]);
            arrange(&lab, &file, name);
            // Programs were given the time to end.
            if name.ends_with("-status1") || name.ends_with("signal-status") {
                tokio::time::sleep(std::time::Duration::from_millis(120)).await;
            }
            let raw = request(exchange, &names, &login);
            let host = lab.addresses[0].0.clone();
            let found = match lab.raw(&host, &raw).await {
                Ok(reply) => {
                    let real = serde_json::from_str(text(&exchange["response"]["body"]));
                    let here = serde_json::from_str::<Value>(&reply.body);
                    if let (Ok(real), Ok(here)) = (real, here) {
                        names.learn(&real, &here);
                        if here["data"]
                            .as_str()
                            .is_some_and(|d| d.starts_with("UPID:"))
                        {
                            lab.settle(&here["data"]).await;
                        }
                    }
                    compare(exchange, &reply)
                }
                Err(error) => vec![error.to_string()],
            };
            let tally = calls.entry(call).or_default();
            tally.all += 1;
            if found.is_empty() {
                tally.agree += 1;
            } else {
                let name = format!("{file}/{}", text(&exchange["name"]));
                rest.push((name, found.join("; ")));
            }
        }
    }
    let table = table(&calls, &rest);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/simulator-agreement.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let agree: usize = calls.values().map(|t| t.agree).sum();
    let all: usize = calls.values().map(|t| t.all).sum();
    eprintln!("{agree} of {all} recorded exchanges agree");
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let before = counted(&known);
    assert!(
        agree >= before,
        "{agree} agree, and the table says {before}; UPDATE_DOCS=1 writes it anew:\n{}",
        listed(&rest)
    );
}

fn listed(rest: &[(String, String)]) -> String {
    rest.iter().fold(String::new(), |mut text, (name, why)| {
        let _ = writeln!(text, "{name}: {why}");
        text
    })
}

/// How many exchanges a table says agree.
fn counted(table: &str) -> usize {
    let line = table.lines().find(|line| line.starts_with("**"));
    let number = line.and_then(|line| line.trim_start_matches('*').split(' ').next());
    number.and_then(|n| n.parse().ok()).unwrap_or(0)
}

async fn login(lab: &Lab) -> Login {
    let login = "username=root%40pam&password=pverootpw";
    let host = lab.addresses[0].0.clone();
    let login = lab
        .call_with(&host, "POST", "/access/ticket", "", login)
        .await
        .data();
    Login {
        ticket: text(&login["ticket"]).to_owned(),
        csrf: text(&login["CSRFPreventionToken"]).to_owned(),
    }
}

impl Lab {
    /// Lets a task end, however.
    async fn settle(&self, upid: &Value) {
        let upid = upid.as_str().unwrap();
        for _ in 0..400 {
            let running = |s: &crate::world::State| s.task(upid).is_some_and(|t| t.end.is_none());
            if !self.world().read(running) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}

fn table(calls: &BTreeMap<String, Tally>, rest: &[(String, String)]) -> String {
    let agree: usize = calls.values().map(|t| t.agree).sum();
    let all: usize = calls.values().map(|t| t.all).sum();
    let mut text = String::from(
        "# Agreement of the simulated Proxmox VE with a real one\n\n\
         <!-- Generated: UPDATE_DOCS=1 cargo test -p homelab-sim --lib agreement -->\n\n\
         Exchanges that were recorded with a real server of release 9.2, made again with the\n\
         simulator: status, reason phrase, errors, and the keys and types of the data have to be\n\
         the same. The simulator is put into the state that the recordings began with; names\n\
         with `@cluster` were recorded with another server than the rest of their file.\n\n",
    );
    let percent = agree * 100 / all.max(1);
    let _ = writeln!(text, "**{agree} of {all} agree ({percent} %).**\n");
    text.push_str("| call | agree | of |\n|---|---|---|\n");
    for (call, tally) in calls {
        let _ = writeln!(text, "| `{call}` | {} | {} |", tally.agree, tally.all);
    }
    text.push_str("\n## The rest\n\n| recording | what differs |\n|---|---|\n");
    let mut seen = BTreeSet::new();
    for (name, why) in rest {
        let mut why = why.replace('|', "\\|").replace('\n', " ");
        if why.chars().count() > 200 {
            why = why.chars().take(200).collect::<String>() + "…";
        }
        if seen.insert(name) {
            let _ = writeln!(text, "| {name} | {why} |");
        }
    }
    text
}

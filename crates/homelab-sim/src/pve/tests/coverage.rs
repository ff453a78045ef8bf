//! `docs/simulator-coverage.md` says of every call of the API what the
//! simulator answers it from. `UPDATE_DOCS=1` writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use proxmox_endpoints::describe;

use super::Lab;
use crate::pve::generic::{self, Source};
use crate::pve::{catalogue, router};

fn source(call: &'static describe::Call) -> Source {
    if router::has_route(catalogue::word(call.method), call.path) {
        Source::State
    } else {
        generic::source(call)
    }
}

fn table() -> String {
    let mut text = String::from(
        "# What the simulated Proxmox VE answers\n\n\
         <!-- Generated: UPDATE_DOCS=1 cargo test -p homelab-sim --lib coverage -->\n\n\
         Every call of the API (release 9.2) is checked as a real server checks it: who may make\n\
         it, which host it goes to, which parameters it takes. Then it is answered from:\n\n\
         - **state**: the lab, which it may change\n\
         - **index**: the list of what lies below it\n\
         - **empty**: the shape that it has where nothing of the kind exists\n\
         - **501**: it is not simulated\n\n",
    );
    let mut counts: BTreeMap<Source, usize> = BTreeMap::new();
    for call in describe::calls() {
        *counts.entry(source(call)).or_default() += 1;
    }
    let all: usize = counts.values().sum();
    let _ = write!(text, "Of {all} calls:");
    for (source, count) in &counts {
        let _ = write!(text, " {count} {},", source.as_str());
    }
    text.pop();
    text.push_str(".\n\n| call | answered from |\n|---|---|\n");
    for call in describe::calls() {
        let method = catalogue::word(call.method);
        let _ = writeln!(
            text,
            "| `{method} {}` | {} |",
            call.path,
            source(call).as_str()
        );
    }
    text
}

#[test]
fn the_table_of_coverage_is_true() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/simulator-coverage.md");
    let table = table();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        known == table,
        "docs/simulator-coverage.md is old; UPDATE_DOCS=1 writes it anew"
    );
}

/// Every call is answered, with or without parameters, and no answer is a
/// broken one.
#[tokio::test]
async fn every_call_answers() {
    let lab = Lab::start();
    for call in describe::calls() {
        let method = catalogue::word(call.method);
        let mut path = call.path.to_owned();
        for part in call.path.split('/').filter_map(catalogue::variable) {
            let value = match part {
                "node" => "pve1",
                "vmid" => "100",
                "storage" => "vm-storage",
                "userid" => "monitor@pve",
                "pos" | "osdid" => "0",
                _ => "none1",
            };
            path = path.replace(&format!("{{{part}}}"), value);
        }
        // What ends the lab is asked for elsewhere.
        if path == "/nodes/pve1/status" && method == "POST" {
            continue;
        }
        let reply = lab.call("pve1", method, &path, "").await;
        let name = format!("{method} {path}: {reply:?}");
        assert!(
            [200, 400, 401, 403, 404, 424, 500, 501, 596].contains(&reply.status),
            "{name}"
        );
        let silent = [401, 596].contains(&reply.status) || path.ends_with("/upload");
        if !silent {
            let answer: serde_json::Value = serde_json::from_str(&reply.body).expect(&name);
            assert!(answer.get("data").is_some(), "{name}");
        }
        let known = source(call) != Source::Nothing;
        assert!(known || reply.status != 200, "{name}");
    }
}

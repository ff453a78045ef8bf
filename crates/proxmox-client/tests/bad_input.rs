//! Bad parameters: one clear error each, and nothing is sent. What servers say
//! wrong is in `bad_answers.rs`.
//!
//! | what comes | test |
//! |---|---|
//! | one that the call needs is missing | `a_missing_parameter_is_refused_for_every_call` |
//! | wrong types, numbers out of range, unknown words, texts too short or long, unknown names | `a_bad_parameter_is_refused_for_every_call` |
//! | the same in typed requests, also inside property strings | `typed_requests_are_refused_with_parameter_and_rule` |
//! | the same in uploads, downloads, consoles | `uploads_downloads_and_consoles_are_refused_like_typed_calls` |
//! | paths that lead elsewhere | `paths_that_lead_elsewhere_are_refused` |
//!
//! What the parsers make of random input is in `fuzz_bodies.rs` of both crates;
//! uploads and recipes refuse more, in `upload.rs` and `recipes.rs`.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use homelab_core::{Error, ErrorKind, Sent};
use proxmox_client::endpoints::describe::{Kind, Param, Shape};
use proxmox_client::endpoints::{Bios, CreateQemu, ListTasks, calls};
use proxmox_client::{
    DownloadOptions, FetchOptions, JournalQuery, Method, Params, ProxmoxClient, UploadOptions,
    UploadSource,
};
use support::{Server, ok};

/// One parameter alone.
fn only(name: &str, value: &str) -> Params {
    [(name, value)].into_iter().collect()
}

fn refused(error: &Error, name: &str, rule: &str) {
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error:?}");
    assert_eq!(error.was_sent(), Sent::No, "{error:?}");
    let said = error.message();
    assert!(
        said.contains(name) && said.contains(rule),
        "{name} {rule}: {error}"
    );
}

#[tokio::test]
async fn a_missing_parameter_is_refused_for_every_call() {
    let server = Server::start(|_| ok("null")).await;
    let pve = server.client();
    let mut looked_at = 0;
    for call in calls() {
        let Some(first) = call.params.iter().find(|p| p.required) else {
            continue;
        };
        let error = pve.call_by_name(call.name, &Params::new()).await;
        refused(&error.unwrap_err(), first.name, "is missing");
        looked_at += 1;
    }
    assert!(looked_at > 500, "{looked_at}");
    assert!(server.requests().is_empty());
}

/// Values that break a rule of `param`, with the words that name the rule.
fn bad_values(param: &Param) -> Vec<(String, &'static str)> {
    let mut bad: Vec<(String, &'static str)> = match param.kind {
        Kind::Integer => ["x", "1.5", "NaN", ""]
            .map(|text| (text.to_owned(), "must be a whole number"))
            .into(),
        Kind::Number => ["x", "NaN", "inf", ""]
            .map(|text| (text.to_owned(), "must be a number"))
            .into(),
        Kind::Boolean => ["true", "2", ""]
            .map(|text| (text.to_owned(), "must be 1 or 0"))
            .into(),
        Kind::Text => Vec::new(),
    };
    if param.kind == Kind::Integer {
        bad.extend(
            param
                .min
                .map(|n| ((n - 1.0).to_string(), "must be at least")),
        );
        bad.extend(
            param
                .max
                .map(|n| ((n + 1.0).to_string(), "must be at most")),
        );
    }
    if param.kind == Kind::Text {
        if !param.words.is_empty() {
            bad.push(("no such word".to_owned(), "must be one of"));
        }
        if let Some(min) = param.min_length.filter(|n| *n > 0) {
            bad.push(("x".repeat(min - 1), "must have at least"));
        }
        if let Some(max) = param.max_length {
            bad.push(("x".repeat(max + 1), "must have at most"));
        }
    }
    bad
}

#[tokio::test]
async fn a_bad_parameter_is_refused_for_every_call() {
    let server = Server::start(|_| ok("null")).await;
    let pve = server.client();
    let mut looked_at = 0;
    for call in calls() {
        if !call.open {
            let error = pve.call_by_name(call.name, &only("no-such", "1")).await;
            refused(&error.unwrap_err(), "no-such", "is not a parameter");
        }
        for param in &call.params {
            let name = match param.shape {
                Shape::Indexed(_) => format!("{}0", param.name),
                _ => param.name.to_owned(),
            };
            for (value, rule) in bad_values(param) {
                let error = pve.call_by_name(call.name, &only(&name, &value)).await;
                refused(&error.unwrap_err(), &name, rule);
                looked_at += 1;
            }
            if let Shape::Indexed(last) = param.shape {
                let name = format!("{}{}", param.name, last + 1);
                let error = pve.call_by_name(call.name, &only(&name, "x")).await;
                refused(&error.unwrap_err(), &name, "is not a parameter");
            }
            if param.shape == Shape::One {
                let twice = [(name.as_str(), "1"), (name.as_str(), "1")];
                let found = call.violations(twice);
                let words: Vec<String> =
                    found.iter().map(|(n, why)| format!("{n} {why}")).collect();
                let repeated = format!("{name} is given more than once and is no list");
                assert!(words.contains(&repeated), "{} {words:?}", call.name);
            }
        }
    }
    assert!(looked_at > 4500, "{looked_at}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn typed_requests_are_refused_with_parameter_and_rule() {
    async fn create(pve: &ProxmoxClient, change: impl FnOnce(&mut CreateQemu)) -> Error {
        let mut request = CreateQemu::new("pve1", 100);
        change(&mut request);
        pve.send(&request).await.unwrap_err()
    }
    let server = Server::start(|_| ok("null")).await;
    let pve = server.client();
    refused(&create(&pve, |r| r.vmid = 99).await, "vmid", "at least 100");
    refused(
        &create(&pve, |r| r.cores = Some(0)).await,
        "cores",
        "at least 1",
    );
    let word = |r: &mut CreateQemu| r.bios = Some(Bios::Other("uefi".into()));
    refused(&create(&pve, word).await, "bios", "one of: seabios, ovmf");
    let name = |r: &mut CreateQemu| r.name = Some("not_a_name".into());
    refused(&create(&pve, name).await, "name", "not_a_name");
    let nan = |r: &mut CreateQemu| r.cpulimit = Some(f64::NAN);
    refused(&create(&pve, nan).await, "cpulimit", "must be a number");
    let tag = |r: &mut CreateQemu| {
        r.networks
            .insert(0, "virtio,bridge=vmbr0,tag=5000".parse().unwrap());
    };
    refused(&create(&pve, tag).await, "net0", "tag must be at most 4094");
    let far = |r: &mut CreateQemu| {
        r.networks
            .insert(32, "virtio,bridge=vmbr0".parse().unwrap());
    };
    refused(&create(&pve, far).await, "net32", "the last one is net31");
    let error = pve.send(&ListTasks::new("pve 1")).await.unwrap_err();
    refused(&error, "node", "must match");
    assert_eq!(error.operation_name(), Some("GET /nodes/{node}/tasks"));
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn uploads_downloads_and_consoles_are_refused_like_typed_calls() {
    let server = Server::start(|_| ok("[]")).await;
    let pve = server.client();
    let (node, nowhere) = (pve.node("pve1"), pve.node("pve_1"));
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("x");
    let iso = || UploadSource::bytes("a.iso", "x");
    let send = UploadOptions::default;
    let get = DownloadOptions::default();

    let bad = node.upload("no storage", iso(), send(), |_| {}).await;
    refused(&bad.unwrap_err(), "storage", "no storage");
    // Ids of storages have two characters at least: a rule of the call's table.
    let bad = node.upload("x", iso(), send(), |_| {}).await;
    refused(&bad.unwrap_err(), "storage", "must match");
    let bad = nowhere.upload("local", iso(), send(), |_| {}).await;
    refused(&bad.unwrap_err(), "node", "pve_1");
    let options = FetchOptions::default();
    let bad = node.download_url("x", "https://x/y.iso", &options).await;
    refused(&bad.unwrap_err(), "storage", "must match");
    let bad = node.url_metadata("https://").await;
    refused(&bad.unwrap_err(), "https://", "no URL");

    let unit = JournalQuery::default().unit("");
    let bad = node.download_journal(&unit, &to, get, |_| {}).await;
    refused(&bad.unwrap_err(), "unit", "must match");
    let volume = "pbs:backup/vm/100/2026-01-01T00:00:00Z";
    let bad = node.download_from_backup("x", volume, "/", false, &to, get, |_| {});
    refused(&bad.await.unwrap_err(), "storage", "must match");
    let bad = node.backup_entries("x", volume, "/").await;
    refused(&bad.unwrap_err(), "storage", "must match");

    refused(&node.qemu(7).vnc().await.unwrap_err(), "vmid", "100");
    let bad = node.qemu(100).terminal(Some(4)).await;
    refused(&bad.unwrap_err(), "serial", "0 to 3");
    refused(&node.lxc(7).terminal().await.unwrap_err(), "vmid", "100");
    refused(&nowhere.shell().await.unwrap_err(), "node", "pve_1");

    assert!(server.requests().is_empty(), "{:?}", server.requests());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn paths_that_lead_elsewhere_are_refused() {
    let server = Server::start(|_| ok("null")).await;
    let pve = server.client();
    for path in [
        "",
        "version",
        "/a b",
        "/a?b=c",
        "/a#b",
        "/nodes/../access/users",
        "/ä",
    ] {
        let error = pve.request(Method::Get, path, &Params::new()).await;
        refused(&error.unwrap_err(), "a path starts with '/'", "");
    }
    let params = [("node", "pve1"), ("storage", "local"), ("volume", "..")];
    let params = params.into_iter().collect();
    let error = pve.call_by_name("GetVolume", &params).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(server.requests().is_empty());
}

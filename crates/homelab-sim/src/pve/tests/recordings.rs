//! Requests that were made to a real PVE server, made again here: the status
//! line has to be the same, and data has to have the same keys and types.
//!
//! The recordings are not part of the repository. `PVE_RECORDINGS` names their
//! folder; without it and without `../shared/facts/pve/recorded` beside the
//! repository the test says that it skips.

use std::path::PathBuf;

use serde_json::Value;

use super::{Accounts, Lab, Reply, host, quick};
use crate::world::seed::{GuestSeed, StorageSeed, WorldSeed};

pub(super) fn folder() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let beside = root.join("../shared/facts/pve/recorded");
    std::env::var_os("PVE_RECORDINGS")
        .map(PathBuf::from)
        .or(Some(beside))
        .filter(|path| path.join("errors-and-http.jsonl").is_file())
}

/// The server that was recorded: one host, one VM, two local storages.
fn recorded_host(tokens: &[(String, String)]) -> Lab {
    let local = |id: &str, content: &[&str]| StorageSeed {
        id: id.into(),
        kind: "dir".into(),
        content: content.iter().map(|c| (*c).to_owned()).collect(),
        shared: false,
        hosts: Vec::new(),
        pool: None,
        server: None,
        total_bytes: 252 << 30,
    };
    let seed = WorldSeed {
        hosts: vec![host(1)],
        guests: vec![GuestSeed {
            vmid: Some(100),
            disks: vec![("local-dir".into(), 1 << 30)],
            tags: vec!["a".into(), "b".into()],
            ..GuestSeed::new("vm-one", "pve1")
        }],
        storages: vec![
            local("local", &["iso", "vztmpl", "backup"]),
            local("local-dir", &["images", "rootdir"]),
        ],
        ..WorldSeed::default()
    };
    let mut accounts = Accounts::new()
        .user("root@pam", "pverootpw")
        .user("test@pve", "testpassword1")
        .disabled_user("disabled@pve");
    for (id, secret) in tokens {
        accounts = accounts.token(id, secret, !id.starts_with("root@"), None);
    }
    let accounts = accounts.grant("/vms/100", "test@pve", "PVEVMUser");
    let lab = Lab::with(&seed, accounts, quick());
    lab.world().change(|state| {
        let extra = &mut state.guest_mut(100).unwrap().extra;
        extra.insert("description".into(), "text".into());
        extra.insert("cpulimit".into(), "1.5".into());
    });
    lab
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What the name of a file of recordings ends with for those of its exchanges
/// that were made with the cluster instead of the single host.
pub(super) const ELSEWHERE: &str = "@cluster";

/// The lab as it was when a file of recordings was begun.
pub(super) fn recorded_lab(file: &str, exchanges: &[Value]) -> Lab {
    let names: &[&str] = match file {
        "cluster" | "cluster-ha-bulk" | "quorum-lost" => &["c1", "c2"],
        "proxy-errors-and-pools" => &["pve1", "pve2"],
        _ if file.ends_with(ELSEWHERE) => &["c1", "c2"],
        _ => &["pve1"],
    };
    let dir = |id: &str, content: &[&str]| StorageSeed {
        id: id.into(),
        kind: "dir".into(),
        content: content.iter().map(|c| (*c).to_owned()).collect(),
        shared: false,
        hosts: Vec::new(),
        pool: None,
        server: None,
        total_bytes: 252 << 30,
    };
    let seed = WorldSeed {
        lab: "testcl".into(),
        hosts: (1..)
            .zip(names)
            .map(|(n, name)| crate::world::seed::HostSeed {
                name: (*name).into(),
                osd_bytes: Vec::new(),
                monitor: false,
                ..host(n)
            })
            .collect(),
        guests: guests(file),
        storages: vec![
            dir("local", &["iso", "vztmpl", "backup", "import", "snippets"]),
            dir("local-dir", &["images", "rootdir"]),
            dir("local-dir2", &["images", "rootdir"]),
        ]
        .into_iter()
        .filter(|storage| storage.id != "local-dir2" || file == "long-tasks")
        .collect(),
        ..WorldSeed::default()
    };
    let accounts = recorded_accounts(file, exchanges);
    let lab = Lab::with(&seed, accounts, quick());
    lab.world().change(|state| {
        state.hosts.iter_mut().for_each(|host| host.votes = 1);
        written(file, state);
        let at = state.now;
        for name in names {
            for (volume, content, format) in FILES {
                let volume = crate::world::Volume {
                    name: (*volume).into(),
                    host: (*name).into(),
                    content: (*content).into(),
                    format: (*format).into(),
                    size_bytes: 2048,
                    created_at: at,
                    notes: None,
                    protected: false,
                    guest: None,
                    checksums: std::collections::BTreeMap::new(),
                };
                state.storage_mut("local").unwrap().keep(volume).unwrap();
            }
        }
        for storage in &mut state.storages {
            let path = if storage.id == "local" {
                "/var/lib/vz"
            } else {
                "/var/lib/vzdisks"
            };
            storage.options.insert("path".into(), path.into());
        }
        add_tasks(state, exchanges);
        if file == "quorum-lost" {
            let resource = crate::world::HaResource::new("vm:121", "ignored");
            state.ha.resources.push(resource);
        }
        if file == "proxy-errors-and-pools" {
            let _ = state.host_down("pve2", crate::world::Down::Blackhole);
            let pool = crate::world::ResourcePool {
                comment: Some("one".into()),
                vmids: vec![100],
                storages: vec!["local".into()],
            };
            state.pools.insert("p1".into(), pool);
        }
    });
    lab
}

/// Who had an account, and with which token.
fn recorded_accounts(file: &str, exchanges: &[Value]) -> Accounts {
    let mut accounts = Accounts::new().user("root@pam", "pverootpw");
    if file != "auth" {
        accounts = accounts
            .user("test@pve", "testpassword1")
            .disabled_user("disabled@pve")
            .grant("/vms/100", "test@pve", "PVEVMUser");
    }
    // What is made on the way is not there before.
    let made: Vec<_> = tokens(exchanges).into_iter().map(|(id, _)| id).collect();
    let used = used_tokens(exchanges).into_iter();
    for (id, secret) in used.filter(|(id, _)| !made.contains(id)) {
        accounts = accounts.token(&id, &secret, !id.starts_with("root@"), None);
    }
    if file == "access" {
        accounts.change(|all| {
            all.groups.insert("grpa".into(), Some("A".into()));
            all.groups.insert("g1".into(), None);
        });
    }
    accounts
}

/// What had been written into guests before.
fn written(file: &str, state: &mut crate::world::State) {
    let keys: &[(u32, &str, &str)] = match file {
        "quorum-lost" => &[(121, "description", "through c1")],
        "guest-agent" => &[(900, "args", "-kernel /var/lib/vz/guest/vmlinuz")],
        "long-tasks" => &[(133, "description", " qmclone temporary file")],
        _ => &[(100, "description", "text"), (100, "cpulimit", "1.5")],
    };
    for (vmid, key, value) in keys {
        if let Some(guest) = state.guest_mut(*vmid) {
            guest.extra.insert((*key).into(), (*value).into());
        }
    }
    for (vmid, lock) in [(133, "clone"), (150, "create")] {
        if let Some(guest) = state
            .guest_mut(vmid)
            .filter(|_| ["long-tasks", "quorum-lost"].contains(&file))
        {
            guest.lock = Some(lock.into());
        }
    }
}

/// Tasks whose start was not recorded, but what became of them.
fn add_tasks(state: &mut crate::world::State, exchanges: &[Value]) {
    for exchange in exchanges {
        let Ok(body) = serde_json::from_str::<Value>(text(&exchange["response"]["body"])) else {
            continue;
        };
        let rows = match &body["data"] {
            Value::Array(rows) => rows.clone(),
            one => vec![one.clone()],
        };
        for row in rows {
            let upid = text(&row["upid"]);
            let Some(parts) = crate::pve::upid::Upid::parse(upid) else {
                continue;
            };
            // The first of several answers may have come while it ran.
            let ended = row["exitstatus"].is_string();
            if ended {
                state.tasks.retain(|task| task.upid != upid);
            }
            if state.task(upid).is_some() || state.host(&parts.node).is_none() {
                continue;
            }
            let at = |seconds: u64| {
                std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds)
            };
            let end = row["exitstatus"].as_str().or(row["status"].as_str());
            let end = end.filter(|word| !["running", "RUNNING", "stopped"].contains(word));
            state.tasks.push(crate::world::Task {
                upid: upid.into(),
                node: parts.node,
                pid: parts.pid,
                pstart: u32::try_from(parts.pstart).unwrap_or(0),
                started_at: at(parts.starttime),
                kind: parts.kind,
                id: parts.id,
                user: parts.user,
                stopped: String::new(),
                log: Vec::new(),
                end: end.map(|end| crate::world::TaskEnd {
                    at: at(parts.starttime + 1),
                    exit_status: end.into(),
                }),
            });
        }
    }
}

/// Files that lay there before anything was recorded.
const FILES: &[(&str, &str, &str)] = &[
    ("vztmpl/alpine-3.20-tiny_3.20_amd64.tar.gz", "vztmpl", "tgz"),
    ("import/imp.qcow2", "import", "qcow2"),
    ("import/big.raw", "import", "raw"),
    ("iso/tiny.iso", "iso", "iso"),
    (
        "backup/vzdump-qemu-100-2026_11_01-01_00_00.vma.zst",
        "backup",
        "vma.zst",
    ),
    (
        "backup/vzdump-qemu-100-2026_11_10-01_00_00.vma.zst",
        "backup",
        "vma.zst",
    ),
    (
        "backup/vzdump-qemu-100-2026_11_20-01_00_00.vma.zst",
        "backup",
        "vma.zst",
    ),
    (
        "backup/vzdump-lxc-200-2026_11_20-02_00_00.tar.zst",
        "backup",
        "tar.zst",
    ),
];

/// Guests that were there: host, number, name, container, running.
fn guests(file: &str) -> Vec<GuestSeed> {
    let list: &[(&str, u32, &str, bool, bool)] = match file {
        "cluster" => &[("c1", 101, "onc1", false, false)],
        "cluster-ha-bulk" => &[
            ("c1", 100, "onc2", false, false),
            ("c1", 120, "bulk-a", false, false),
            ("c2", 121, "bulk-b", false, false),
        ],
        "quorum-lost" => &[
            ("c1", 121, "bulk-b", false, false),
            ("c2", 123, "other", false, false),
            ("c2", 150, "VM 150", false, false),
        ],
        "guest-agent" => &[
            ("pve1", 100, "vm-one", false, true),
            ("pve1", 900, "agentvm", false, true),
        ],
        "containers-snapshots-backups" => &[
            ("pve1", 100, "vm-one", false, false),
            ("pve1", 101, "vm-two", false, false),
            ("pve1", 111, "vm111", false, false),
            ("pve1", 201, "ct2", true, false),
        ],
        "guests" => &[
            ("pve1", 100, "vm-one", false, true),
            ("pve1", 102, "tmpl", false, false),
            ("pve1", 103, "vm103", false, false),
            ("pve1", 130, "vm130", false, true),
            ("pve1", 140, "vm140", false, false),
        ],
        "storage-and-tasks" => &[
            ("pve1", 100, "vm-one", false, true),
            ("pve1", 120, "vm120", false, false),
        ],
        "long-tasks" => &[
            ("pve1", 100, "vm-one", false, false),
            ("pve1", 131, "clone1", false, false),
            ("pve1", 133, "VM 133", false, false),
            ("pve1", 136, "movevm", false, false),
        ],
        "guest-agent@cluster" => &[("c1", 101, "onc1", false, true)],
        "second-chances@cluster" => &[
            ("c1", 101, "onc1", false, false),
            ("c2", 120, "bulk-a", false, false),
        ],
        "second-chances" => &[
            ("pve1", 100, "vm-one", false, false),
            ("pve1", 134, "vm134", false, false),
        ],
        "access" | "host-writes" | "reads-tour" => &[
            ("pve1", 100, "vm-one", false, false),
            ("pve1", 200, "ct1", true, false),
        ],
        _ => &[("pve1", 100, "vm-one", false, true)],
    };
    let guest =
        |(host, vmid, name, container, running): &(&str, u32, &str, bool, bool)| GuestSeed {
            vmid: Some(*vmid),
            kind: if *container {
                crate::world::GuestKind::Lxc
            } else {
                crate::world::GuestKind::Qemu
            },
            disks: vec![("local-dir".into(), 1 << 30)],
            running: *running,
            tags: if *vmid == 100 {
                vec!["a".into(), "b".into()]
            } else {
                Vec::new()
            },
            ..GuestSeed::new(*name, *host)
        };
    list.iter().map(guest).collect()
}

/// Tokens that were let in, as their requests told them.
fn used_tokens(exchanges: &[Value]) -> Vec<(String, String)> {
    let mut tokens = Vec::new();
    for exchange in exchanges {
        let refused = text(&exchange["response"]["status_line"]).contains(" 401 ");
        let headers = exchange["request"]["headers"].as_array();
        for header in headers.into_iter().flatten().filter(|_| !refused) {
            let value = text(&header[1]).strip_prefix("PVEAPIToken=");
            if let Some((id, secret)) = value.and_then(|value| value.split_once('='))
                && id.contains('!')
            {
                tokens.push((id.to_owned(), secret.to_owned()));
            }
        }
    }
    // Two servers were recorded into one file; the one that was asked more
    // often is the one that is simulated.
    let often = |token: &(String, String)| tokens.iter().filter(|t| *t == token).count();
    let mut best: Vec<(String, String)> = Vec::new();
    for token in &tokens {
        match best.iter_mut().find(|(id, _)| *id == token.0) {
            Some(known) if often(known) < often(token) => known.clone_from(token),
            Some(_) => {}
            None => best.push(token.clone()),
        }
    }
    best
}

/// Tokens that the recordings used with success, with their secrets.
fn tokens(exchanges: &[Value]) -> Vec<(String, String)> {
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

/// Lists that are not empty on the recorded host: its disks and devices, its
/// log. The simulated host has none; the table of agreement counts them.
const NOT_HELD: &[&str] = &[
    "/nodes/pve1/disks/list",
    "/nodes/pve1/hardware/pci",
    "/nodes/pve1/capabilities/qemu/cpu",
    "/cluster/log",
];

#[tokio::test]
async fn data_has_the_keys_and_types_of_a_real_server() {
    let Some(folder) = folder() else {
        eprintln!("SKIPPED: no recordings; PVE_RECORDINGS names their folder");
        return;
    };
    let secret = "206bc410-924f-43c7-92b4-518110bba10b";
    let lab = recorded_host(&[("root@pam!full".into(), secret.into())]);
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

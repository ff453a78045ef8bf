//! Labs in the state that recorded servers were in: users, tokens, storages,
//! guests, tasks.

use serde_json::Value;

use super::recordings::{text, tokens};
use super::{Accounts, Lab, host, quick};
use crate::world::PciDevice;
use crate::world::seed::{GuestSeed, HostSeed, StorageSeed, WorldSeed};

/// The server that was recorded: one host, one VM, two local storages.
pub(super) fn recorded_host(tokens: &[(String, String)]) -> Lab {
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
        hosts: vec![HostSeed {
            pci: vec![PciDevice {
                address: "0000:00:02.0".into(),
                vendor: "0x1af4".into(),
                device: "0x1042".into(),
                name: "Virtio 1.0 block device".into(),
                class: "0x018000".into(),
            }],
            ..host(1)
        }],
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

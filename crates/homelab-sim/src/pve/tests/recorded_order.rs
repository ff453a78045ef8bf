//! In which order recorded exchanges were made, and what happened in between
//! that was not recorded.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::Lab;
use super::recorded_lab::{ELSEWHERE, recorded_lab};
use super::recordings::text;

/// The files, and the part of the lab's history that each belongs to.
pub(super) const FILES: &[&str] = &[
    "auth",
    "errors-and-http",
    "reads",
    "storage-and-tasks",
    "containers",
    "guests",
    "tickets-and-sockets",
    "access",
    "cluster-objects",
    "firewall",
    "sdn",
    "reads-tour",
    "guest-agent",
    "host-writes",
    "containers-snapshots-backups",
    "long-tasks",
    "second-chances",
    "cluster",
    "cluster-ha-bulk",
    "quorum-lost",
    "proxy-errors-and-pools",
];

/// Within one second the recordings are in no order; what they are called
/// tells it.
const ORDER: &[&str] = &[
    "before-create",
    "index",
    "opt-get",
    "create-missing",
    "create-invalid",
    "create-bad",
    "create-no",
    "create",
    "create-duplicate",
    "list",
    "get",
    "get-missing",
    "put-empty",
    "put",
    "update-invalid",
    "update",
    "update-wrong",
    "update-stale",
    "update-missing",
    "after-update",
    "pool-get-q",
    "pool-add",
    "pool-remove",
    "pool-b",
    "pool-b-move",
    "pool-b-move-allowed",
    "pool-b-clear",
    "pool-b-del",
    "pool-child",
    "pool-child-get",
    "rename-missing",
    "rename",
    "get-lower",
    "get-upper",
    "add",
    "add-dup",
    "add-bad",
    "add-missing",
    "add-pos",
    "rule-list",
    "rule-get",
    "entries",
    "entry-get",
    "entry-put",
    "put-wrong",
    "opt-put",
    "opts-put",
    "opts2",
    "opts-del",
    "config-put",
    "config-get",
    "config-del",
    "opt-get2",
    "opt-get-c2",
    "get2",
    "put-bad",
    "rule-put",
    "put-stale",
    "list2",
    "refs",
    "member-again",
    "entry-del",
    "put-delete",
    "get3",
    "opt-get3",
    "del",
    "delete-missing",
    "delete-nonempty",
    "delete-with-child-q",
    "pool-child-del",
    "delete-force",
    "delete",
    "after-delete",
    "delete-again",
    "missing2",
    "list3",
    "lock-with-pending",
    "lock",
    "lock-again",
    "write-no-token",
    "write-wrong-token",
    "write-token",
    "unlock-wrong",
    "unlock",
    "unlock-again",
];

/// Exchanges that followed another one within one second, as what was answered
/// shows: the first could not have been answered so before the second.
const AFTER: &[(&str, &str)] = &[
    ("m03-domains-list", "m03-realm-ldap-get-after-update"),
    ("o01-dc-refs", "o01-dc-ipset-entries"),
    ("o01-dc-refs-alias", "o01-dc-ipset-entries"),
    ("o01-dc-refs-ipset", "o01-dc-ipset-entries"),
    ("o01-dc-ipset-entry-get-missing", "o01-dc-ipset-entry-get"),
    ("o01-dc-ipset-delete-missing2", "o01-dc-ipset-delete-force"),
    ("o04-vm-ipset-entry-get-missing", "o04-vm-ipset-entry-get"),
    ("o04-vm-ipset-delete-missing2", "o04-vm-ipset-delete-force"),
];

fn rank(name: &str) -> usize {
    let longest = (0..ORDER.len())
        .filter(|at| name.contains(ORDER[*at]))
        .max_by_key(|at| ORDER[*at].len());
    longest.unwrap_or(ORDER.iter().position(|word| *word == "get").unwrap_or(0))
}

fn exchanges(folder: &Path, file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join(format!("{file}.jsonl"))).unwrap();
    let mut all: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    all.sort_by_key(|exchange| {
        let name = self::text(&exchange["name"]).to_owned();
        // What a task tells comes after what started it.
        let (plain, later) = match name.rsplit_once("-task") {
            Some((plain, _)) => (plain.to_owned(), 1),
            None => (name.clone(), 0),
        };
        let parts = if plain.starts_with('o') { 3 } else { 2 };
        let object: String = plain.split('-').take(parts).collect::<Vec<_>>().join("-");
        (date(exchange), object, rank(&plain), plain, later, name)
    });
    for (what, after) in AFTER {
        let at = |all: &[Value], name: &str| all.iter().position(|e| e["name"] == name);
        if let (Some(from), Some(_)) = (at(&all, what), at(&all, after)) {
            let exchange = all.remove(from);
            let to = at(&all, after).map_or(from, |to| to + 1);
            all.insert(to, exchange);
        }
    }
    all
}

fn header<'e>(message: &'e Value, name: &str) -> Option<&'e str> {
    let headers = message["headers"].as_array()?;
    let found = headers
        .iter()
        .find(|h| text(&h[0]).eq_ignore_ascii_case(name))?;
    found[1].as_str()
}

/// The address of the server that an exchange was made with, when it tells.
fn server(exchange: &Value) -> Option<&str> {
    header(&exchange["request"], "host").filter(|host| !host.is_empty())
}

/// The exchanges of a file by the server that they were made with: a few of
/// some files are with the cluster, the others with the single host.
pub(super) fn by_server(folder: &Path, file: &str) -> Vec<(String, Vec<Value>)> {
    let all = exchanges(folder, file);
    if recorded_lab(file, &all).addresses.len() > 1 {
        return vec![(file.to_owned(), all)];
    }
    let most = most_common(all.iter().map(server)).map(str::to_owned);
    let (here, elsewhere): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|exchange| server(exchange).is_none_or(|s| Some(s) == most.as_deref()));
    let mut parts = vec![(file.to_owned(), here)];
    if !elsewhere.is_empty() {
        parts.push((format!("{file}{ELSEWHERE}"), elsewhere));
    }
    parts
}

fn most_common<'e>(servers: impl Iterator<Item = Option<&'e str>>) -> Option<&'e str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for server in servers.flatten() {
        *counts.entry(server).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(server, _)| server)
}

/// When it was answered, as text that sorts within one day.
fn date(exchange: &Value) -> String {
    let date = header(&exchange["response"], "date").unwrap_or_default();
    date.split(' ').nth(4).unwrap_or_default().to_owned()
}

/// What happened in between and was not recorded.
pub(super) fn arrange(lab: &Lab, file: &str, name: &str) {
    let topic = name.split('-').next().unwrap_or_default();
    match (file, topic) {
        ("guests", "c10" | "c12" | "c14" | "c15" | "c16" | "c18" | "c90" | "c91" | "c92") => {
            lab.world().change(|state| {
                let _ = state.guest_start(100);
                let silent = topic.starts_with("c9");
                if let Some(guest) = state.guest_mut(100) {
                    guest.paused = silent || topic == "c12";
                    guest.agent = silent;
                    guest.extra.remove("agent");
                }
            });
        }
        ("cluster", "k37" | "k37b") => lab.world().change(|state| {
            if state.ha.resources.is_empty() {
                let resource = crate::world::HaResource::new("vm:101", "started");
                state.ha.resources.push(resource);
            }
        }),
        ("cluster" | "quorum-lost" | "proxy-errors-and-pools", topic) => {
            let down = [
                "k5", "k6", "u02", "u03", "u04", "u05", "u06", "u07", "u08", "e01", "e04",
            ];
            let down = down.iter().any(|start| topic.starts_with(start));
            lab.world().change(|state| {
                let other = state.hosts[1].name.clone();
                if down && state.host_online(&other) {
                    let _ = state.host_down(&other, crate::world::Down::Blackhole);
                } else if !down && !state.host_online(&other) {
                    let _ = state.host_up(&other);
                }
                if topic == "k71" {
                    state.ha.resources.clear();
                    let _ = state.guest_stop(101);
                }
                if topic == "k79" {
                    let _ = state.guest_start(101);
                }
            });
        }
        ("access", "m11") if name.starts_with("m11-pool-delete-nonempty") => {
            lab.world().change(|state| {
                if let Some(pool) = state.pools.get_mut("poola") {
                    pool.vmids.clear();
                    pool.storages.clear();
                }
            });
        }
        ("auth", "a82" | "a83" | "a84" | "a86" | "a87") => {
            for subject in ["test@pve", "test@pve!sep"] {
                let accounts = lab.cluster.accounts().clone();
                drop(accounts.grant("/vms/100", subject, "PVEVMUser"));
            }
        }
        ("sdn", _) if name.starts_with("p03-vnet-delete") || name.starts_with("p18-vnet-del") => {
            lab.world().change(|state| {
                let subnets = state.registry.objects_mut("/cluster/sdn/vnets/vn1/subnets");
                subnets.clear();
                if topic == "p03" {
                    subnets.push(crate::world::Object::default());
                }
            });
        }
        ("guest-agent", topic) => lab.world().change(|state| {
            let off = matches!(topic, "v27" | "v28");
            let silent = matches!(topic, "v05" | "v32") || name.contains("after-resume-ping");
            let paused = silent || name.starts_with("v24-s");
            for vmid in [100, 900] {
                let stopped =
                    topic.ends_with("shutdown-after") || name == "v26-shutdown-agent-after";
                if !stopped && name != "v31-agent-shutdown-after" {
                    let _ = state.guest_start(vmid);
                }
                if let Some(guest) = state.guest_mut(vmid) {
                    guest.paused = paused && guest.running();
                    guest.agent = !off;
                    guest
                        .extra
                        .insert("agent".into(), if off { "0" } else { "1" }.into());
                    guest.extra.insert("serial0".into(), "socket".into());
                }
            }
        }),
        _ => {}
    }
}

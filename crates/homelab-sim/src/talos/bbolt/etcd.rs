//! What is in etcd's database of a Kubernetes cluster.

use bytes::BufMut;
use prost::Message;
use serde_json::json;

use super::Database;
use super::page::Pages;
use super::tree::{self, Entry};
use crate::world::{Etcd, State, TalosNode};

/// Buckets that are there and empty.
const EMPTY: [&str; 6] = [
    "alarm",
    "auth",
    "authRoles",
    "authUsers",
    "lease",
    "members_removed",
];

/// The revision of the first key; etcd starts at 1.
const FIRST_REVISION: u64 = 2;

/// Nodes of a large cluster beyond these are not in it.
const MOST_NODES: usize = 50;

/// A stored value, with the field numbers of etcd's `mvccpb.KeyValue`.
#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(int64, tag = "2")]
    create_revision: i64,
    #[prost(int64, tag = "3")]
    mod_revision: i64,
    #[prost(int64, tag = "4")]
    version: i64,
    #[prost(bytes = "vec", tag = "5")]
    value: Vec<u8>,
    #[prost(int64, tag = "6")]
    lease: i64,
}

/// The database of the member on `node`: the cluster's nodes, leases and
/// namespaces as Kubernetes keeps them, each written several times, so that
/// there are old revisions as in real life.
pub(in crate::talos) fn etcd_database(state: &State, node: &TalosNode, etcd: &Etcd) -> Database {
    let mut pages = Pages::new();
    let mut root: Vec<Entry> = Vec::new();
    let mut bucket = |pages: &mut Pages, name: &str, entries: Vec<Entry>| {
        let page = tree::write(pages, entries);
        root.push(Entry::bucket(name, page));
    };
    for name in EMPTY {
        bucket(&mut pages, name, Vec::new());
    }
    let version = etcd.version.rsplit_once('.').map_or("3.6", |(v, _)| v);
    bucket(
        &mut pages,
        "cluster",
        vec![Entry::new("clusterVersion", format!("{version}.0"))],
    );
    bucket(
        &mut pages,
        "members",
        etcd.members.iter().map(member).collect(),
    );
    let stored = match &etcd.content {
        Some(content) => content
            .revisions
            .iter()
            .map(|(key, value)| Entry::new(key.clone(), value.clone()))
            .collect(),
        None => keys(state, node),
    };
    bucket(&mut pages, "key", stored);
    bucket(&mut pages, "meta", meta(etcd, version, state));
    let root = tree::write(&mut pages, root);
    let size = etcd
        .member_on(node)
        .map_or(etcd.db_bytes, |member| etcd.database_bytes(member));
    pages.finish(root, size, etcd.term + 1000)
}

fn member(member: &crate::world::EtcdMember) -> Entry {
    let value = json!({
        "id": member.id,
        "peerURLs": [member.peer_url],
        "name": member.name,
        "clientURLs": [member.client_url],
    });
    Entry::new(format!("{:016x}", member.id), value.to_string())
}

fn meta(etcd: &Etcd, version: &str, state: &State) -> Vec<Entry> {
    let ids = |learner: bool| {
        let members = etcd.members.iter().filter(move |m| m.learner == learner);
        members.map(|m| m.id).collect::<Vec<_>>()
    };
    let (voters, learners) = (ids(false), ids(true));
    let conf = json!({"voters": voters, "learners": learners, "auto_leave": false});
    vec![
        Entry::new("consistent_index", etcd.raft_index(state.now).to_be_bytes()),
        Entry::new("term", etcd.term.to_be_bytes()),
        Entry::new("confState", conf.to_string()),
        Entry::new("storageVersion", format!("{version}.0")),
    ]
}

/// All revisions of all keys, oldest first.
fn keys(state: &State, node: &TalosNode) -> Vec<Entry> {
    let mut names: Vec<String> = ["default", "kube-node-lease", "kube-public", "kube-system"]
        .iter()
        .map(|namespace| format!("/registry/namespaces/{namespace}"))
        .collect();
    for other in state.nodes_of(&node.cluster).take(MOST_NODES) {
        names.push(format!("/registry/minions/{}", other.hostname));
        names.push(format!(
            "/registry/leases/kube-node-lease/{}",
            other.hostname
        ));
        for pod in ["cilium", "kube-proxy"] {
            names.push(format!(
                "/registry/pods/kube-system/{pod}-{}",
                other.hostname
            ));
        }
    }
    let mut entries = Vec::new();
    let mut revision = FIRST_REVISION;
    for version in 1_i64..=8 {
        for (created, name) in (FIRST_REVISION..).zip(&names) {
            let value = json!({
                "kind": "Object",
                "metadata": {"name": name.rsplit('/').next(), "generation": version},
                "status": {"filler": "x".repeat(200)},
            });
            let stored = KeyValue {
                key: name.clone().into(),
                create_revision: signed(created),
                mod_revision: signed(revision),
                version,
                value: value.to_string().into(),
                lease: 0,
            };
            entries.push(Entry::new(revision_key(revision), stored.encode_to_vec()));
            revision += 1;
        }
    }
    entries
}

/// `<main, 8 bytes>_<sub, 8 bytes>`, both big endian.
fn revision_key(main: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(17);
    key.put_u64(main);
    key.put_u8(b'_');
    key.put_u64(0);
    key
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

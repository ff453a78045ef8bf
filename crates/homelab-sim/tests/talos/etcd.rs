//! etcd: members, quorum, the snapshot.

use homelab_sim::{Down, Fault, Sim, SimOptions};
use sha2::{Digest, Sha256};
use talos_proto::machine::{EtcdMemberListRequest, EtcdMemberStatus, EtcdSnapshotRequest};
use tonic::{Code, Status};

use crate::lab;

async fn status(sim: &Sim, node: &str) -> EtcdMemberStatus {
    let mut client = lab::machine(sim, node);
    let answer = client.etcd_status(()).await.unwrap().into_inner();
    answer.messages[0].member_status.clone().unwrap()
}

async fn snapshot(sim: &Sim, node: &str) -> (Vec<u8>, Option<Status>, Vec<usize>) {
    let mut client = lab::machine(sim, node);
    let mut stream = client
        .etcd_snapshot(EtcdSnapshotRequest {})
        .await
        .unwrap()
        .into_inner();
    let (mut bytes, mut frames) = (Vec::new(), Vec::new());
    loop {
        match stream.message().await {
            Ok(Some(data)) => {
                frames.push(data.bytes.len());
                bytes.extend_from_slice(&data.bytes);
            }
            Ok(None) => return (bytes, None, frames),
            Err(status) => return (bytes, Some(status), frames),
        }
    }
}

#[tokio::test]
async fn quorum_goes_and_comes_with_the_hosts() {
    let sim = lab::start().await;
    let mut client = lab::machine(&sim, "cp-3");
    let list = EtcdMemberListRequest::default();
    let members = client
        .etcd_member_list(list)
        .await
        .unwrap()
        .into_inner()
        .messages;
    assert_eq!(members[0].members.len(), 3);
    assert_eq!(
        members[0].members[0].peer_urls,
        ["https://192.168.1.50:2380"]
    );
    let before = status(&sim, "cp-3").await;
    assert_ne!(before.leader, 0);
    assert!(before.errors.is_empty());
    let mine = members[0]
        .members
        .iter()
        .find(|m| m.hostname == "cp-3")
        .unwrap();
    assert_eq!(before.member_id, mine.id);

    // Two of three members live on pve1.
    sim.host_down("pve1", Down::Refuse).unwrap();
    assert_eq!(
        lab::code(client.etcd_member_list(list).await),
        Code::Unknown
    );
    let local = EtcdMemberListRequest { query_local: true };
    assert!(client.etcd_member_list(local).await.is_ok());
    let without = status(&sim, "cp-3").await;
    assert_eq!(without.leader, 0);
    assert_eq!(without.errors, ["etcdserver: no leader"]);

    sim.host_up("pve1").unwrap();
    lab::eventually("quorum", || {
        sim.world().read(|s| {
            s.cluster("home")
                .unwrap()
                .etcd
                .members
                .iter()
                .all(|m| m.running)
        })
    })
    .await;
    let after = status(&sim, "cp-3").await;
    assert_ne!(after.leader, 0);
    assert!(after.raft_term > before.raft_term);
    assert!(after.raft_index > before.raft_index);
}

#[tokio::test]
async fn workers_have_no_etcd() {
    let sim = lab::start().await;
    let mut client = lab::machine(&sim, "worker-1");
    assert_eq!(lab::code(client.etcd_status(()).await), Code::Unimplemented);
}

#[tokio::test]
async fn a_snapshot_is_a_database_and_its_checksum() {
    let sim = lab::start_with(SimOptions::default().etcd_db_bytes(1 << 20)).await;
    let (bytes, error, frames) = snapshot(&sim, "cp-1").await;
    assert!(error.is_none());
    assert_eq!(bytes.len(), (1 << 20) + 32);
    assert!(frames.iter().all(|size| *size <= 1024));
    let (database, sum) = bytes.split_at(bytes.len() - 32);
    assert_eq!(Sha256::digest(database).as_slice(), sum);
    assert_eq!(database[16..20], 0xED0C_DAED_u32.to_le_bytes());
    let status = status(&sim, "cp-1").await;
    assert_eq!(status.db_size, 1 << 20);
}

#[tokio::test]
async fn damaged_snapshots() {
    let sim = lab::start_with(SimOptions::default().etcd_db_bytes(1 << 20)).await;
    sim.fault("cp-1", Fault::TruncateSnapshot).unwrap();
    let (bytes, error, _) = snapshot(&sim, "cp-1").await;
    assert!(error.is_none(), "ends as if all were well");
    assert_ne!(bytes.len() % 512, 32);

    sim.clear_faults();
    sim.fault("cp-1", Fault::CorruptSnapshot).unwrap();
    let (bytes, error, _) = snapshot(&sim, "cp-1").await;
    assert!(error.is_none());
    assert_eq!(bytes.len() % 512, 32);
    let (database, sum) = bytes.split_at(bytes.len() - 32);
    assert_ne!(Sha256::digest(database).as_slice(), sum);

    sim.clear_faults();
    sim.fault("cp-1", Fault::CutSnapshot).unwrap();
    let (bytes, error, _) = snapshot(&sim, "cp-1").await;
    assert_eq!(error.unwrap().code(), Code::Unknown);
    assert!(!bytes.is_empty());
}

/// Debian's etcd-client reads the file, where it is installed.
#[tokio::test]
async fn etcdctl_accepts_the_snapshot() {
    let sim = lab::start_with(SimOptions::default().etcd_db_bytes(1 << 20)).await;
    let (bytes, _, _) = snapshot(&sim, "cp-1").await;
    let file = sim.files().join("etcd.snapshot");
    std::fs::write(&file, bytes).unwrap();
    let etcdctl = std::process::Command::new("etcdctl")
        .env("ETCDCTL_API", "3")
        .args(["snapshot", "status", "--write-out=json"])
        .arg(&file)
        .output();
    let Ok(output) = etcdctl else {
        eprintln!("SKIPPED: etcdctl is not installed");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(answer["totalKey"].as_u64().unwrap() > 100, "{answer}");
    assert!(answer["revision"].as_u64().unwrap() > 100, "{answer}");
}

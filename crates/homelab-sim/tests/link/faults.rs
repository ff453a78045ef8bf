//! Faults that both sides feel.

use std::time::Duration;

use homelab_sim::world::{EtcdAlarm, Machine};
use homelab_sim::{Fault, Sim};
use serde_json::Value;
use talos_proto::machine as pb;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;

use crate::{answers, ask, done, ended, lab, pass, rest, specs, start};

#[tokio::test]
async fn a_full_storage_fails_the_tasks_that_write_to_it_and_no_others() {
    let sim = start().await;
    sim.fault("vm-storage", Fault::DiskFull).unwrap();
    let resize = "/nodes/pve3/qemu/103/resize";
    let text = ended(&sim, "PUT", resize, "disk=scsi0&size=%2B1G").await;
    assert!(text.contains("No space left on device"), "{text}");
    let create = "vmid=170&name=x&memory=64&scsi0=vm-storage:1";
    let text = ended(&sim, "POST", "/nodes/pve1/qemu", create).await;
    assert!(text.contains("No space left on device"), "{text}");
    done(
        &sim,
        "POST",
        "/nodes/pve1/qemu",
        "vmid=171&name=y&memory=64",
    )
    .await;
    sim.clear_faults();
    done(&sim, "PUT", resize, "disk=scsi0&size=%2B1G").await;
}

#[tokio::test]
async fn a_node_without_room_pulls_no_image() {
    let sim = start().await;
    sim.fault("worker-1", Fault::DiskFull).unwrap();
    let request = || pb::ImagePullRequest {
        namespace: talos_proto::common::ContainerdNamespace::NsCri.into(),
        reference: "docker.io/library/busybox:1.37".into(),
    };
    let mut node = lab::machine(&sim, "worker-1");
    let refused = node.image_pull(request()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unknown);
    assert!(refused.message().contains("no space left on device"));
    let upgrade = pb::UpgradeRequest {
        image: "ghcr.io/siderolabs/installer:v1.13.0".into(),
        ..pb::UpgradeRequest::default()
    };
    let refused = node.upgrade(upgrade).await.unwrap_err();
    assert!(refused.message().contains("no space"), "{refused}");
    sim.clear_faults();
    node.image_pull(request()).await.unwrap();
}

async fn raft_index(sim: &Sim) -> u64 {
    let answer = lab::machine(sim, "cp-1").etcd_status(()).await.unwrap();
    let status = answer
        .into_inner()
        .messages
        .remove(0)
        .member_status
        .unwrap();
    status.raft_index
}

#[tokio::test]
async fn etcd_without_space_writes_nothing_until_it_is_disarmed() {
    let sim = start().await;
    let before = raft_index(&sim).await;
    pass(&sim, 60);
    let full = raft_index(&sim).await;
    assert!(full > before, "a cluster writes");
    sim.world().change(|state| {
        let now = state.now;
        let etcd = &mut state.clusters.first_mut().unwrap().etcd;
        let member = etcd.leader.unwrap();
        etcd.raise(member, EtcdAlarm::NoSpace, now);
    });
    pass(&sim, 600);
    assert_eq!(raft_index(&sim).await, full);
    let mut node = lab::machine(&sim, "cp-1");
    let alarms = node.etcd_alarm_list(()).await.unwrap().into_inner();
    assert_eq!(alarms.messages[0].member_alarms.len(), 1);
    node.etcd_alarm_disarm(()).await.unwrap();
    assert_eq!(raft_index(&sim).await, full);
    pass(&sim, 60);
    assert!(raft_index(&sim).await > full);
}

#[tokio::test]
async fn a_wrong_clock_is_shown_and_judges_certificates() {
    let sim = start().await;
    let synced = async |sim: &Sim| {
        let all = specs(
            sim,
            "worker-1",
            "runtime",
            "TimeStatuses.v1alpha1.talos.dev",
        )
        .await;
        all[0].contains("synced: true")
    };
    assert!(synced(&sim).await);
    sim.fault("worker-1", Fault::ClockSkew(90)).unwrap();
    assert!(!synced(&sim).await);
    let year_and_more = 400 * 24 * 3600;
    sim.fault("worker-1", Fault::ClockSkew(year_and_more))
        .unwrap();
    assert!(!answers(&sim, "worker-1").await, "the client has expired");
    assert!(answers(&sim, "cp-1").await);
    sim.fault("worker-1", Fault::ClockSkew(-year_and_more))
        .unwrap();
    assert!(
        !answers(&sim, "worker-1").await,
        "the client is of the future"
    );
    sim.clear_faults();
    assert!(answers(&sim, "worker-1").await && synced(&sim).await);

    let time = async |sim: &Sim, host: &str| {
        let data = ask(sim, "GET", &format!("/nodes/{host}/time"), "").await;
        data["time"].as_i64().unwrap()
    };
    let right = time(&sim, "pve1").await;
    sim.fault("pve2", Fault::ClockSkew(-3600)).unwrap();
    assert_eq!(time(&sim, "pve2").await, right - 3600);
    assert_eq!(time(&sim, "pve1").await, right);
}

#[tokio::test]
async fn a_host_with_a_wrong_clock_refuses_the_tickets_of_the_others() {
    let sim = start().await;
    let password = sim.proxmox_password("root@pam").unwrap();
    let mut host = rest::Rest::connect(&sim, "pve1").await.unwrap();
    let ticket = host.log_in("root@pam", &password).await.unwrap();
    let mut host = rest::Rest::connect(&sim, "pve2").await.unwrap();
    let reply = host.with_ticket(&ticket, "/version").await.unwrap();
    assert_eq!(reply.status, 200);
    sim.fault("pve2", Fault::ClockSkew(3 * 3600)).unwrap();
    let mut host = rest::Rest::connect(&sim, "pve2").await.unwrap();
    let reply = host.with_ticket(&ticket, "/version").await.unwrap();
    assert_eq!(reply.status, 401);
}

/// Whether anybody at all says anything to what is no TLS.
async fn alive(sim: &Sim, node: &str) -> bool {
    let address = sim.talos_endpoint(node).unwrap();
    let Ok(mut tcp) = TcpStream::connect(&address).await else {
        return false;
    };
    tcp.write_all(b"what is this?\r\n\r\n").await.unwrap();
    let mut answer = [0; 16];
    let limit = Duration::from_secs(2);
    tokio::time::timeout(limit, tcp.read(&mut answer))
        .await
        .is_ok()
}

#[tokio::test]
async fn a_machine_that_is_no_guest_loses_power_and_stands_still_as_well() {
    let sim = start().await;
    sim.add_machine(&Machine::bare("metal-1", "v1.13.0"))
        .unwrap();
    pass(&sim, 600);
    assert!(becomes(&sim, "metal-1", true).await);
    sim.fault("metal-1", Fault::PowerLoss).unwrap();
    assert!(becomes(&sim, "metal-1", false).await);
    sim.clear_fault("metal-1", Fault::PowerLoss);
    pass(&sim, 600);
    assert!(becomes(&sim, "metal-1", true).await);
    sim.fault("metal-1", Fault::Freeze).unwrap();
    assert!(becomes(&sim, "metal-1", false).await);
    sim.clear_faults();
    assert!(becomes(&sim, "metal-1", true).await);
}

/// Listeners open and close a moment after the world says so.
async fn becomes(sim: &Sim, node: &str, wanted: bool) -> bool {
    for _ in 0..50 {
        if alive(sim, node).await == wanted {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

/// What a host says of the cluster: quorate, and who is online.
async fn view(sim: &Sim, host: &str) -> (i64, Vec<String>) {
    let mut connection = rest::Rest::connect(sim, host).await.unwrap();
    let rows = connection
        .send("GET", "/cluster/status")
        .await
        .unwrap()
        .data();
    let rows = rows.as_array().unwrap();
    let cluster = rows.iter().find(|row| row["type"] == "cluster").unwrap();
    let online = |row: &&Value| row["type"] == "node" && row["online"] == 1;
    let names = rows.iter().filter(online);
    let names = names.map(|row| row["name"].as_str().unwrap().to_owned());
    (cluster["quorate"].as_i64().unwrap(), names.collect())
}

#[tokio::test]
async fn each_side_of_a_partition_sees_its_own_quorum() {
    let sim = start().await;
    assert_eq!(view(&sim, "pve3").await.1.len(), 3);
    for link in ["pve1/pve3", "pve2/pve3"] {
        sim.fault(link, Fault::Cut).unwrap();
    }
    assert_eq!(
        view(&sim, "pve1").await,
        (1, vec!["pve1".into(), "pve2".into()])
    );
    assert_eq!(view(&sim, "pve3").await, (0, vec!["pve3".into()]));
    sim.clear_faults();
    assert_eq!(view(&sim, "pve3").await.0, 1);
}

#[tokio::test]
async fn a_control_plane_without_quorum_is_not_ready_and_says_why() {
    let sim = start().await;
    let status = async |sim: &Sim| {
        let all = specs(sim, "cp-1", "runtime", "MachineStatuses.runtime.talos.dev").await;
        all.concat()
    };
    assert!(status(&sim).await.contains("ready: true"));
    sim.fault("home", Fault::QuorumLost).unwrap();
    let lost = status(&sim).await;
    assert!(
        lost.contains("ready: false") && lost.contains("etcd not healthy"),
        "{lost}"
    );
    sim.clear_faults();
    assert!(status(&sim).await.contains("ready: true"));
}

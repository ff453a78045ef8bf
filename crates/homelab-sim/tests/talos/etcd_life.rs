//! etcd as it lives: alarms, leaving, removal, recovery from a snapshot.

use homelab_sim::world::{EtcdAlarm, Stage};
use homelab_sim::{Sim, SimClock, SimOptions};
use talos_proto::common::Data;
use talos_proto::machine as pb;
use tonic::{Code, Status};

use crate::lab;

async fn stopped() -> Sim {
    let options = SimOptions::default().seed(1).etcd_db_bytes(1 << 20);
    lab::start_with(options.clock(SimClock::paused())).await
}

fn pass(sim: &Sim) {
    sim.advance(std::time::Duration::from_secs(1));
}

async fn members(sim: &Sim, node: &str) -> Result<Vec<pb::EtcdMember>, Status> {
    let request = pb::EtcdMemberListRequest::default();
    let answer = lab::machine(sim, node).etcd_member_list(request).await?;
    Ok(answer.into_inner().messages.remove(0).members)
}

#[tokio::test]
async fn alarms_are_there_until_disarmed() {
    let sim = stopped().await;
    let id = members(&sim, "cp-1").await.unwrap()[1].id;
    sim.world().change(|s| {
        let cluster = s.clusters.iter_mut().find(|c| c.name == "home").unwrap();
        cluster.etcd.alarms.push((id, EtcdAlarm::NoSpace));
    });
    let mut client = lab::machine(&sim, "cp-1");
    let list = client.etcd_alarm_list(()).await.unwrap().into_inner();
    assert_eq!(list.messages[0].member_alarms[0].member_id, id);
    let status = client.etcd_status(()).await.unwrap().into_inner();
    let status = status.messages[0].member_status.clone().unwrap();
    assert!(status.errors[0].contains("NOSPACE"), "{status:?}");
    client.etcd_alarm_disarm(()).await.unwrap();
    let list = client.etcd_alarm_list(()).await.unwrap().into_inner();
    assert!(list.messages[0].member_alarms.is_empty());
    client.etcd_defragment(()).await.unwrap();
    let after = client.etcd_status(()).await.unwrap().into_inner();
    let after = after.messages[0].member_status.clone().unwrap();
    assert!(after.db_size < status.db_size);
    let other = lab::machine(&sim, "cp-2").etcd_status(()).await.unwrap();
    let other = other.into_inner().messages[0]
        .member_status
        .clone()
        .unwrap();
    assert_eq!(other.db_size, status.db_size, "one member at a time");
}

#[tokio::test]
async fn who_leads_hands_over_and_who_leaves_is_gone() {
    let sim = stopped().await;
    let leader = || {
        sim.world().read(|s| {
            let etcd = &s.cluster("home").unwrap().etcd;
            let id = etcd.leader.unwrap();
            etcd.members
                .iter()
                .find(|m| m.id == id)
                .unwrap()
                .name
                .clone()
        })
    };
    let before = leader();
    let forfeit = pb::EtcdForfeitLeadershipRequest {};
    let answer = lab::machine(&sim, &before)
        .etcd_forfeit_leadership(forfeit)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.messages[0].member, leader());
    assert_ne!(leader(), before);
    let again = lab::machine(&sim, &before)
        .etcd_forfeit_leadership(forfeit)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(again.messages[0].member, "");

    lab::machine(&sim, "cp-3")
        .etcd_leave_cluster(pb::EtcdLeaveClusterRequest {})
        .await
        .unwrap();
    assert_eq!(members(&sim, "cp-1").await.unwrap().len(), 2);
    assert_eq!(lab::code(members(&sim, "cp-3").await), Code::Unknown);
    // Two of two are needed: none may be taken while both run, and one does.
    let other = members(&sim, "cp-1").await.unwrap();
    let unknown = pb::EtcdRemoveMemberByIdRequest { member_id: 7 };
    let mut client = lab::machine(&sim, "cp-1");
    assert_eq!(
        lab::code(client.etcd_remove_member_by_id(unknown).await),
        Code::NotFound
    );
    let second = other.iter().find(|m| m.hostname == "cp-2").unwrap().id;
    let request = pb::EtcdRemoveMemberByIdRequest { member_id: second };
    client.etcd_remove_member_by_id(request).await.unwrap();
    assert_eq!(members(&sim, "cp-1").await.unwrap().len(), 1);
    let service = sim.world().read(|s| {
        s.node("cp-2")
            .unwrap()
            .service("etcd")
            .unwrap()
            .state
            .clone()
    });
    assert_eq!(service, "Failed");
    let alone = client.etcd_forfeit_leadership(forfeit).await;
    assert_eq!(lab::code(alone), Code::Unknown);
}

async fn upload(sim: &Sim, node: &str, bytes: &[u8]) -> Result<(), Status> {
    let frames: Vec<_> = bytes
        .chunks(64 << 10)
        .map(|chunk| Data {
            metadata: None,
            bytes: chunk.to_vec().into(),
        })
        .collect();
    let frames = tokio_stream::iter(frames);
    lab::machine(sim, node)
        .etcd_recover(frames)
        .await
        .map(|_| ())
}

async fn snapshot(sim: &Sim, node: &str) -> Vec<u8> {
    let request = pb::EtcdSnapshotRequest {};
    let stream = lab::machine(sim, node)
        .etcd_snapshot(request)
        .await
        .unwrap();
    let frames = lab::all(stream).await;
    frames.iter().flat_map(|f| f.bytes.to_vec()).collect()
}

/// How often a database names something.
fn count(database: &[u8], what: &[u8]) -> usize {
    database.windows(what.len()).filter(|w| *w == what).count()
}

#[tokio::test]
async fn a_cluster_comes_back_from_its_snapshot() {
    let sim = stopped().await;
    let before = snapshot(&sim, "cp-1").await;
    let planes = ["cp-1", "cp-2", "cp-3"];
    // Nobody begins a cluster that is there.
    let begin = |recover_etcd: bool, recover_skip_hash_check: bool| pb::BootstrapRequest {
        recover_etcd,
        recover_skip_hash_check,
    };
    let early = lab::machine(&sim, "cp-1")
        .bootstrap(begin(true, false))
        .await;
    assert_eq!(lab::code(early), Code::AlreadyExists);
    // All data is lost.
    for node in planes {
        let reset = pb::ResetRequest {
            reboot: true,
            system_partitions_to_wipe: vec![pb::ResetPartitionSpec {
                label: "EPHEMERAL".into(),
                wipe: true,
            }],
            ..pb::ResetRequest::default()
        };
        lab::machine(&sim, node).reset(reset).await.unwrap();
    }
    let booting = lab::machine(&sim, "cp-1")
        .bootstrap(begin(true, false))
        .await;
    assert!(booting.is_err());
    pass(&sim);
    let stage = |node: &str| sim.world().read(|s| s.node(node).unwrap().stage);
    assert_eq!(stage("cp-1"), Stage::Booting, "etcd waits");
    let mut client = lab::machine(&sim, "cp-1");
    let nothing = client.bootstrap(begin(true, false)).await;
    assert_eq!(lab::code(nothing), Code::FailedPrecondition);

    // A damaged one is taken, and the service says what is wrong with it.
    let mut damaged = before.clone();
    damaged[5000] ^= 1;
    upload(&sim, "cp-1", &damaged).await.unwrap();
    client.bootstrap(begin(true, false)).await.unwrap();
    let etcd = |node: &str| {
        sim.world()
            .read(|s| s.node(node).unwrap().service("etcd").unwrap().clone())
    };
    assert_eq!(etcd("cp-1").state, "Failed");
    assert!(
        etcd("cp-1").message.contains("sha256"),
        "{:?}",
        etcd("cp-1")
    );

    // A copy of the database has no checksum to look at.
    let copy = &before[..before.len() - 32];
    upload(&sim, "cp-1", copy).await.unwrap();
    client.bootstrap(begin(true, true)).await.unwrap();
    pass(&sim);
    for node in planes {
        assert_eq!(stage(node), Stage::Running, "{node}");
    }
    let all = members(&sim, "cp-2").await.unwrap();
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|m| !m.is_learner));
    let after = snapshot(&sim, "cp-3").await;
    let key = b"/registry/minions/worker-1";
    assert_eq!(count(&after, key), count(&before, key));
    let worker = upload(&sim, "worker-1", copy).await;
    assert_eq!(lab::code(worker), Code::Unimplemented);
}

//! The world alone: what follows from what, without any protocol.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use homelab_core::ErrorKind;

use super::seed::{ClusterSeed, GuestSeed, HostSeed, NodeSeed, WorldSeed};
use super::{Down, EventPayload, Role, Stage, World};

fn ip(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
}

fn host(name: &str, last: u8) -> HostSeed {
    HostSeed {
        name: name.into(),
        address: ip(last),
        memory_bytes: 32 << 30,
        cpus: None,
        cpu_model: None,
        votes: 1,
        osd_bytes: vec![1 << 40],
        monitor: true,
        pve_version: None,
        pci: Vec::new(),
    }
}

fn node(name: &str, last: u8, role: Role) -> NodeSeed {
    NodeSeed {
        hostname: name.into(),
        cluster: "home".into(),
        address: ip(last),
        prefix: 24,
        gateway: None,
        role,
        guest: Some(name.into()),
        install_disk: "/dev/sda".into(),
        secure_boot: false,
        extensions: Vec::new(),
        schematic: None,
        mac: None,
        memory_bytes: 0,
        cpus: 0,
    }
}

/// Two control planes on `a`, one on `b`, a worker on `b`, nothing on `c`.
fn seed() -> WorldSeed {
    let placed = [("cp-1", "a"), ("cp-2", "a"), ("cp-3", "b"), ("worker", "b")];
    WorldSeed {
        hosts: vec![host("a", 2), host("b", 3), host("c", 4)],
        guests: placed.map(|(name, host)| GuestSeed::new(name, host)).into(),
        clusters: vec![ClusterSeed {
            name: "home".into(),
            vip: Some(ip(49)),
            etcd_db_bytes: 1 << 20,
            talos_version: "1.12.1".into(),
            kubernetes_version: "v1.35.0".into(),
        }],
        nodes: vec![
            node("cp-1", 50, Role::ControlPlane),
            node("cp-2", 51, Role::ControlPlane),
            node("cp-3", 52, Role::ControlPlane),
            node("worker", 53, Role::Worker),
        ],
        ceph: Some(super::seed::CephSeed {
            version: "19.2.3".into(),
            pools: vec![("vm".into(), 3, 2)],
        }),
        boot_ms: 10,
        ready_ms: 10,
        ..WorldSeed::default()
    }
}

fn world() -> World {
    World::new(&seed(), crate::SimClock::real()).unwrap()
}

/// Lets the boot of everything that boots come to its end.
async fn settle(world: &World) {
    let _ = tokio::time::timeout(Duration::from_millis(100), world.run()).await;
}

#[tokio::test]
async fn starts_with_everything_up() {
    let world = world();
    world.read(|state| {
        assert!(state.guests.iter().all(super::Guest::running));
        assert!(state.nodes.iter().all(|n| n.stage == Stage::Running));
        assert_eq!(state.guests[0].vmid, 100);
        let cluster = state.cluster("home").unwrap();
        assert!(cluster.etcd.leader.is_some());
        assert_eq!(cluster.vip_holder.as_deref(), Some("cp-1"));
        assert_eq!(state.node_at("10.0.0.49").unwrap().hostname, "cp-1");
        assert_eq!(state.node("cp-1").unwrap().talos_version, "v1.12.1");
        assert!(state.quorate());
    });
}

#[tokio::test]
async fn a_host_takes_guests_nodes_quorum_and_address_along() {
    let world = world();
    world.host_down("a", Down::Refuse).unwrap();
    world.read(|state| {
        assert_eq!(state.guest_status(state.guest(100).unwrap()), "unknown");
        assert!(!state.node("cp-1").unwrap().reachable());
        let cluster = state.cluster("home").unwrap();
        assert!(!cluster.etcd.has_quorum());
        assert_eq!(
            (cluster.etcd.leader, cluster.vip_holder.as_deref()),
            (None, None)
        );
        assert!(state.node_at("10.0.0.49").is_none());
        let etcd = state
            .node("cp-3")
            .unwrap()
            .services
            .iter()
            .find(|s| s.id == "etcd");
        assert_eq!(etcd.unwrap().healthy, Some(false));
        assert!(state.quorate(), "two of three hosts");
        assert_eq!(
            state.ceph_health(state.ceph.as_ref().unwrap()).as_str(),
            "HEALTH_WARN"
        );
    });
    world.host_down("b", Down::Blackhole).unwrap();
    world.read(|state| {
        assert!(!state.quorate());
        assert_eq!(
            state.ceph_health(state.ceph.as_ref().unwrap()).as_str(),
            "HEALTH_ERR"
        );
    });
    world.host_up("b").unwrap();
    world.host_up("a").unwrap();
    settle(&world).await;
    world.read(|state| {
        assert!(state.nodes.iter().all(|n| n.stage == Stage::Running));
        assert!(state.cluster("home").unwrap().etcd.leader.is_some());
        assert!(state.cluster("home").unwrap().vip_holder.is_some());
    });
}

#[tokio::test]
async fn the_virtual_address_moves_while_there_is_a_quorum() {
    let world = world();
    let term = world.read(|s| s.cluster("home").unwrap().etcd.term);
    world.guest_stop(100).unwrap();
    world.read(|state| {
        let cluster = state.cluster("home").unwrap();
        assert_eq!(cluster.vip_holder.as_deref(), Some("cp-2"));
        assert!(cluster.etcd.leader.is_some());
        assert!(cluster.etcd.term <= term + 1);
    });
    settle(&world).await;
    world.guest_start(100).unwrap();
    settle(&world).await;
    world.read(|state| {
        // The one who has it keeps it.
        assert_eq!(
            state.cluster("home").unwrap().vip_holder.as_deref(),
            Some("cp-2")
        );
    });
}

#[tokio::test]
async fn a_boot_has_stages_and_power_cuts_end_it() {
    let world = world();
    world.guest_stop(103).unwrap();
    assert_eq!(
        world.guest_stop(103).unwrap_err().kind(),
        ErrorKind::FailedPrecondition
    );
    world.guest_start(103).unwrap();
    assert_eq!(
        world.guest_start(103).unwrap_err().kind(),
        ErrorKind::FailedPrecondition
    );
    assert!(!world.read(|s| s.node("worker").unwrap().reachable()));
    world.guest_stop(103).unwrap();
    settle(&world).await;
    assert!(!world.read(|s| s.node("worker").unwrap().reachable()));
    world.guest_start(103).unwrap();
    settle(&world).await;
    world.read(|state| {
        let node = state.node("worker").unwrap();
        assert_eq!(node.stage, Stage::Running);
        let stages: Vec<_> = node
            .events
            .iter()
            .filter_map(|(_, e)| match &e.payload {
                EventPayload::MachineStatus { stage, .. } => Some(*stage),
                _ => None,
            })
            .collect();
        assert_eq!(stages, [Stage::Booting, Stage::Running]);
        let ids: Vec<_> = node.events.iter().map(|(_, e)| e.id.clone()).collect();
        assert!(ids.is_sorted());
        assert_eq!(ids[0].len(), 20);
    });
}

#[tokio::test]
async fn contradictions_are_refused() {
    let refuse = |change: fn(&mut WorldSeed), expected: &str| {
        let mut seed = seed();
        change(&mut seed);
        let error = World::new(&seed, crate::SimClock::real()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.message().contains(expected), "{error}");
    };
    refuse(|s| s.guests[0].host = "aa".into(), "did you mean a?");
    refuse(
        |s| s.nodes[0].address = ip(2),
        "address 10.0.0.2 is used twice",
    );
    refuse(
        |s| s.nodes[0].cluster = "other".into(),
        "unknown cluster other",
    );
    refuse(
        |s| s.nodes[0].guest = Some("nothing".into()),
        "unknown guest nothing",
    );
    refuse(
        |s| {
            s.guests[0].vmid = Some(7);
            s.guests[1].vmid = Some(7);
        },
        "VMID 7 is used twice",
    );
    let error = world().host_down("d", Down::Refuse).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        world().guest_start(999).unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn tasks_have_upids_and_end_once() {
    let world = world();
    let upid = world.change(|s| s.task_start("a", "qmstart", "100", "root@pam"));
    assert_eq!(upid.split(':').count(), 9);
    assert!(upid.starts_with("UPID:a:") && upid.ends_with(":qmstart:100:root@pam:"));
    world.change(|s| {
        s.task_log(&upid, "starting");
        s.task_end(&upid, "OK");
        s.task_end(&upid, "too late");
    });
    world.read(|s| {
        let task = s.task(&upid).unwrap();
        assert_eq!(task.log, ["starting"]);
        assert_eq!(task.end.as_ref().unwrap().exit_status, "OK");
    });
}

//! Looking at the simulated lab, whole and broken, over the real protocols.

mod common;

use std::time::{Duration, Instant};

use common::{codes, connect, failures, short, simulated};
use homelab::ErrorKind;
use homelab_sim::{Down, Fault};

#[tokio::test]
async fn a_healthy_lab_answers_whole() {
    let (sim, env) = simulated().await;
    let seen = connect(&env).await.observe_with(&short()).await.unwrap();
    assert_eq!(failures(&seen), [""; 0]);

    let observation = &seen.observation;
    assert_eq!(observation.hosts.len(), 4);
    assert!(
        observation
            .hosts
            .iter()
            .all(|h| h.online == Some(true) && h.memory_bytes.is_some() && h.cpu_model.is_some())
    );
    assert!(observation.quorum.as_ref().unwrap().quorate);
    assert_eq!(observation.ceph.as_ref().unwrap().health, "HEALTH_OK");
    assert!(
        observation
            .nodes
            .iter()
            .all(|n| n.answered && n.ready == Some(true)),
        "{:#?}",
        observation.nodes
    );

    let topology = &seen.topology;
    for node in &topology.nodes {
        let join = topology
            .joins
            .iter()
            .find(|j| j.kind == "node-guest" && j.left == node.name);
        let join = join.unwrap_or_else(|| panic!("{} is matched with no guest", node.name));
        assert_eq!(
            (join.evidence.as_str(), join.confidence.as_str()),
            ("mac", "certain"),
            "{join:?}"
        );
    }
    assert_eq!(topology.members.len(), 3);
    assert_eq!(topology.members.iter().filter(|m| m.leader).count(), 1);
    assert!(topology.clusters[0].vip_holder.is_some());
    sim.stop().await;
}

#[tokio::test]
async fn the_findings_have_the_numbers() {
    let (sim, env) = simulated().await;
    let seen = connect(&env).await.observe_with(&short()).await.unwrap();
    for code in [
        "D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8", "D13", "D15", "D20",
    ] {
        // D4 is the fix of D1 where it is no finding of its own.
        assert!(
            code == "D4" || codes(&seen).contains(&code),
            "{code} is not among {:?}",
            codes(&seen)
        );
    }
    let text = |code: &str| {
        let of: Vec<String> = seen
            .findings
            .iter()
            .filter(|f| f.code == code)
            .map(|f| {
                let evidence: Vec<String> = f
                    .evidence
                    .iter()
                    .map(|e| format!("{} {} {}", e.name, e.value, e.unit))
                    .collect();
                let fix = f
                    .fix
                    .as_ref()
                    .map(|x| x.summary.clone())
                    .unwrap_or_default();
                format!("{} {} {} {fix}", f.subject, f.message, evidence.join(" "))
            })
            .collect();
        of.join("\n")
    };
    for (code, numbers) in [
        ("D1", &["pve1", "0 of 8", "talos-cp-2", "pve4"][..]),
        ("D2", &["99.97", "33.6"]),
        ("D5", &["pve2", "31", "28", "111"]),
        ("D6", &["24", "47"]),
        ("D7", &["16"]),
        ("D13", &["172.16.1.49"]),
        ("D20", &["qemu-guest-agent"]),
    ] {
        for number in numbers {
            assert!(
                text(code).contains(number),
                "{code} does not say {number}:\n{}",
                text(code)
            );
        }
    }
    sim.stop().await;
}

#[tokio::test]
async fn a_dead_host_is_a_partial_observation() {
    for down in [Down::Refuse, Down::Blackhole] {
        let (sim, env) = simulated().await;
        sim.host_down("pve1", down).unwrap();
        let start = Instant::now();
        let seen = connect(&env).await.observe_with(&short()).await.unwrap();
        let took = start.elapsed();
        assert!(took < Duration::from_secs(10), "{down:?} took {took:?}");

        let host = |name: &str| seen.topology.hosts.iter().find(|h| h.name == name).unwrap();
        assert_eq!(
            (host("pve1").online, host("pve2").online),
            (Some(false), Some(true)),
            "{down:?}"
        );
        let failed: Vec<&str> = seen.failures().iter().map(|f| f.target.as_str()).collect();
        for target in ["pve1", "172.16.1.50", "172.16.1.51"] {
            assert!(failed.contains(&target), "{down:?}: {failed:?}");
        }
        let answered = |name: &str| {
            seen.topology
                .nodes
                .iter()
                .find(|n| n.name == name)
                .unwrap()
                .answered
        };
        assert_eq!(answered("talos-cp-1"), Some(false), "{down:?}");
        assert_eq!(
            answered("talos-cp-3"),
            Some(true),
            "{down:?}: {:?}",
            failures(&seen)
        );
        assert!(
            seen.topology.etcd.iter().all(|e| e.leader_id.is_none()),
            "one of three members has no leader"
        );
        sim.stop().await;
    }
}

#[tokio::test]
async fn a_dead_talos_endpoint_costs_nothing_but_its_own_answers() {
    let (sim, env) = simulated().await;
    sim.fault("talos-cp-1", Fault::Refuse).unwrap();
    let seen = connect(&env).await.observe_with(&short()).await.unwrap();
    let failed = failures(&seen);
    assert!(
        failed.iter().all(|f| f.starts_with("172.16.1.50 ")),
        "{failed:?}"
    );
    let answered = seen.observation.nodes.iter().filter(|n| n.answered).count();
    assert!(answered >= 3, "{failed:?}");
    sim.stop().await;
}

#[tokio::test]
async fn a_stalled_node_is_bounded_and_named() {
    let (sim, env) = simulated().await;
    sim.fault("talos-worker-1", Fault::Stall).unwrap();
    let start = Instant::now();
    let seen = connect(&env).await.observe_with(&short()).await.unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    let failed = failures(&seen);
    assert!(
        !failed.is_empty() && failed.iter().all(|f| f.starts_with("172.16.1.53 ")),
        "{failed:?}"
    );
    assert_eq!(
        seen.observation.nodes.iter().filter(|n| n.answered).count(),
        3
    );
    sim.stop().await;
}

#[tokio::test]
async fn everything_stalled_ends_at_the_deadline() {
    let (sim, env) = simulated().await;
    for target in [
        "pve1",
        "pve2",
        "pve3",
        "pve4",
        "talos-cp-1",
        "talos-cp-2",
        "talos-cp-3",
        "talos-worker-1",
    ] {
        sim.fault(target, Fault::Stall).unwrap();
    }
    let start = Instant::now();
    let options = short().deadline(Duration::from_secs(2));
    let error = connect(&env)
        .await
        .observe_with(&options)
        .await
        .unwrap_err();
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(error.kind(), ErrorKind::PartialFailure);
    assert!(!error.failures().is_empty());
    sim.stop().await;
}

#[tokio::test]
async fn a_wrong_fingerprint_is_a_failure_of_one_world_only() {
    let (sim, mut env) = simulated().await;
    env.remove("HOMELAB_PROXMOX_CA");
    env.insert(
        "HOMELAB_PROXMOX_FINGERPRINTS".into(),
        vec!["AB"; 32].join(":"),
    );
    let seen = connect(&env).await.observe_with(&short()).await.unwrap();
    let failed = failures(&seen);
    assert!(
        !failed.is_empty() && failed.iter().all(|f| f == "Proxmox VE Untrusted"),
        "{failed:?}"
    );
    let said = &seen.failures()[0].error.message;
    assert!(said.contains("fingerprint"), "{said}");
    assert!(seen.observation.nodes.iter().all(|n| n.answered));
    sim.stop().await;
}

#[tokio::test]
async fn a_wrong_token_is_a_failure_of_one_world_only() {
    let (sim, mut env) = simulated().await;
    let token = env["HOMELAB_PROXMOX_TOKEN"].clone();
    let (id, _) = token.split_once('=').unwrap();
    env.insert(
        "HOMELAB_PROXMOX_TOKEN".into(),
        format!("{id}=00000000-0000-0000-0000-000000000000"),
    );
    let seen = connect(&env).await.observe_with(&short()).await.unwrap();
    let failed = failures(&seen);
    assert!(
        !failed.is_empty() && failed.iter().all(|f| f == "Proxmox VE Unauthenticated"),
        "{failed:?}"
    );
    assert!(seen.observation.nodes.iter().all(|n| n.answered));
    sim.stop().await;
}

#[tokio::test]
async fn html_in_place_of_an_answer_is_said() {
    let (sim, env) = simulated().await;
    for host in ["pve1", "pve2", "pve3", "pve4"] {
        sim.fault(host, Fault::Html).unwrap();
    }
    let seen = connect(&env).await.observe_with(&short()).await.unwrap();
    let failed = failures(&seen);
    assert!(
        !failed.is_empty() && failed.iter().all(|f| f.starts_with("Proxmox VE ")),
        "{failed:?}"
    );
    assert!(seen.observation.nodes.iter().all(|n| n.answered));
    sim.stop().await;
}

#[tokio::test]
async fn a_stopped_guest_is_seen_as_stopped() {
    let (sim, env) = simulated().await;
    let vmid = common::example().inventory().clusters[0]
        .nodes
        .iter()
        .find(|n| n.name == "talos-worker-1")
        .unwrap()
        .vmid;
    sim.guest_stop(vmid.unwrap()).unwrap();
    let seen = connect(&env).await.observe_with(&short()).await.unwrap();
    let guest = seen
        .topology
        .guests
        .iter()
        .find(|g| g.name == "talos-worker-1")
        .unwrap();
    assert_eq!(guest.status.as_deref(), Some("stopped"));
    assert!(
        failures(&seen)
            .iter()
            .all(|f| f.starts_with("172.16.1.53 ")),
        "{:?}",
        failures(&seen)
    );
    sim.stop().await;
}

#[tokio::test]
async fn two_looks_at_one_lab_are_the_same() {
    let (sim, env) = simulated().await;
    let live = connect(&env).await;
    let mut first = live.observe_with(&short()).await.unwrap();
    let second = live.observe_with(&short()).await.unwrap();
    // What moves by itself is not what this is about.
    let still = |seen: &mut homelab::Seen, of: &homelab::Seen| {
        seen.topology
            .observed_at
            .clone_from(&of.topology.observed_at);
        for (a, b) in seen.topology.hosts.iter_mut().zip(&of.topology.hosts) {
            a.memory_used_bytes = b.memory_used_bytes;
        }
        for (a, b) in seen.topology.etcd.iter_mut().zip(&of.topology.etcd) {
            a.revision = b.revision;
        }
    };
    still(&mut first, &second);
    assert_eq!(first.topology.nodes, second.topology.nodes);
    assert_eq!(first.topology.guests, second.topology.guests);
    assert_eq!(first.topology.joins, second.topology.joins);
    assert_eq!(first.findings, second.findings);
    sim.stop().await;
}

#[tokio::test]
async fn a_dropped_observation_ends_on_the_wire() {
    let (sim, env) = simulated().await;
    let live = connect(&env).await;
    for host in ["pve1", "pve2", "pve3", "pve4"] {
        sim.fault(host, Fault::Latency(2_000)).unwrap();
    }
    let cut = tokio::time::timeout(Duration::from_millis(300), live.observe_with(&short())).await;
    assert!(cut.is_err(), "it should still be waiting");
    let before = sim.stats().requests;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(sim.stats().requests, before, "nobody goes on asking");
    sim.stop().await;
}

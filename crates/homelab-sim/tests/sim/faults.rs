//! Each kind of fault, as a client meets it.

use std::io;
use std::time::{Duration, Instant};

use base64::Engine as _;
use homelab_sim::{ClientCert, EventFilter, Fault, Sim, SimOptions};
use talos_proto::machine::machine_service_client::MachineServiceClient;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::rest::{Rest, call, start};

const SHORT: Duration = Duration::from_millis(200);

fn channel(sim: &Sim, config: &str, node: &str) -> Channel {
    let pem = |key: &str| {
        let line = config.lines().find_map(|l| l.trim().strip_prefix(key));
        let pem = base64::engine::general_purpose::STANDARD.decode(line.unwrap().trim());
        String::from_utf8(pem.unwrap()).unwrap()
    };
    // The label that Talos writes is unknown to rustls.
    let key = pem("key:").replace("ED25519 PRIVATE KEY", "PRIVATE KEY");
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(pem("ca:")))
        .identity(Identity::from_pem(pem("crt:"), key))
        .domain_name("127.0.0.1");
    let url = format!("https://{}", sim.talos_endpoint(node).unwrap());
    let endpoint = Endpoint::from_shared(url).unwrap().tls_config(tls).unwrap();
    endpoint
        .connect_timeout(Duration::from_secs(5))
        .connect_lazy()
}

pub(crate) fn machine(sim: &Sim, config: &str, node: &str) -> MachineServiceClient<Channel> {
    MachineServiceClient::new(channel(sim, config, node))
}

fn talos(sim: &Sim, node: &str) -> MachineServiceClient<Channel> {
    machine(sim, &sim.talosconfig(&ClientCert::admin()).unwrap(), node)
}

async fn version(sim: &Sim, host: &str) -> io::Result<u16> {
    Ok(call(sim, host, "GET", "/version").await?.status)
}

#[tokio::test]
async fn a_reset_comes_before_within_or_after_the_answer() {
    let sim = start(SimOptions::default()).await;
    for fault in [Fault::ResetEarly, Fault::Reset] {
        sim.fault("pve1", fault).unwrap();
        let error = version(&sim, "pve1").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{fault}");
        sim.clear_fault("pve1", fault);
    }
    sim.fault("pve1", Fault::ResetLate).unwrap();
    let mut rest = Rest::connect(&sim, "pve1").await.unwrap();
    assert_eq!(rest.send("GET", "/version").await.unwrap().status, 200);
    assert!(rest.send("GET", "/version").await.is_err());
    assert_eq!(version(&sim, "pve2").await.unwrap(), 200);

    for fault in [Fault::ResetEarly, Fault::Reset, Fault::ResetLate] {
        sim.fault("cp-1", fault).unwrap();
        assert!(talos(&sim, "cp-1").version(()).await.is_err(), "{fault}");
        sim.clear_faults();
        talos(&sim, "cp-1").version(()).await.unwrap();
    }
}

#[tokio::test]
async fn a_half_open_connection_stays_dead_and_new_ones_work() {
    let sim = start(SimOptions::default()).await;
    let mut old = Rest::connect(&sim, "pve1").await.unwrap();
    assert_eq!(old.send("GET", "/version").await.unwrap().status, 200);
    sim.fault("pve1", Fault::HalfOpen).unwrap();
    assert!(
        tokio::time::timeout(SHORT, old.send("GET", "/version"))
            .await
            .is_err()
    );
    assert_eq!(version(&sim, "pve1").await.unwrap(), 200);
    sim.clear_faults();
    let still = tokio::time::timeout(SHORT, old.send("GET", "/version")).await;
    assert!(still.is_err(), "the server has forgotten it");
}

#[tokio::test]
async fn a_capped_link_is_slow_and_whole() {
    let sim = start(SimOptions::default()).await;
    let whole = call(&sim, "pve1", "GET", "/cluster/resources")
        .await
        .unwrap();
    sim.fault("client/pve1", Fault::Bandwidth(20_000)).unwrap();
    let before = Instant::now();
    let slow = call(&sim, "pve1", "GET", "/cluster/resources")
        .await
        .unwrap();
    assert_eq!(
        slow.data().as_array().unwrap().len(),
        whole.data().as_array().unwrap().len()
    );
    let least = Duration::from_secs(whole.body.len() as u64) / 40_000;
    assert!(before.elapsed() >= least, "{:?}", before.elapsed());
}

#[tokio::test]
async fn lost_packets_cost_time() {
    let sim = start(SimOptions::default()).await;
    sim.fault("client/pve1", Fault::Loss(60)).unwrap();
    let before = Instant::now();
    let mut rest = Rest::connect(&sim, "pve1").await.unwrap();
    for _ in 0..3 {
        rest.send("GET", "/version").await.unwrap();
    }
    assert!(before.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn garbage_is_well_formed_around_nonsense() {
    let sim = start(SimOptions::default()).await;
    sim.fault("pve1", Fault::Garbage).unwrap();
    let reply = call(&sim, "pve1", "GET", "/version").await.unwrap();
    assert_eq!(reply.status, 200);
    assert!(serde_json::from_slice::<serde_json::Value>(&reply.body).is_err());
    sim.fault("cp-1", Fault::Garbage).unwrap();
    assert!(talos(&sim, "cp-1").version(()).await.is_err());
}

#[tokio::test]
async fn a_held_answer_comes_when_it_may_and_the_work_was_done() {
    let sim = start(SimOptions::default()).await;
    sim.fault("pve3", Fault::HoldAnswers).unwrap();
    let ask = call(&sim, "pve3", "POST", "/nodes/pve3/qemu/103/status/stop");
    tokio::pin!(ask);
    assert!(tokio::time::timeout(SHORT, &mut ask).await.is_err());
    // The caller would be killed here: what it asked for happens all the same.
    let asked = EventFilter::new("api.call")
        .who("pve3")
        .detail("path", "/status/stop");
    sim.wait_for_event(&asked, Duration::from_secs(5))
        .await
        .unwrap();
    let off = EventFilter::new("guest.power").who("103");
    sim.wait_for_event(&off, Duration::from_secs(5))
        .await
        .unwrap();
    sim.clear_faults();
    assert_eq!(ask.await.unwrap().status, 200);
}

#[tokio::test]
async fn a_replaced_certificate_is_a_strangers() {
    let sim = start(SimOptions::default()).await;
    let before = sim.fingerprint("pve1").unwrap();
    sim.fault("pve1", Fault::CertificateReplaced).unwrap();
    assert_ne!(sim.fingerprint("pve1").unwrap(), before);
    assert!(version(&sim, "pve1").await.is_err());
    sim.fault("cp-1", Fault::CertificateReplaced).unwrap();
    assert!(talos(&sim, "cp-1").version(()).await.is_err());
    sim.clear_faults();
    assert_eq!(version(&sim, "pve1").await.unwrap(), 200);
    assert_eq!(sim.fingerprint("pve1").unwrap(), before);
}

#[tokio::test]
async fn a_frozen_host_goes_on_where_it_stood() {
    let sim = start(SimOptions::default()).await;
    let mut rest = Rest::connect(&sim, "pve1").await.unwrap();
    let started = sim.world().read(|s| s.guest(100).unwrap().started_at);
    sim.fault("pve1", Fault::Freeze).unwrap();
    assert!(
        tokio::time::timeout(SHORT, rest.send("GET", "/version"))
            .await
            .is_err()
    );
    let mut node = talos(&sim, "cp-1");
    assert!(tokio::time::timeout(SHORT, node.version(())).await.is_err());
    sim.world().read(|s| {
        let etcd = &s.cluster("home").unwrap().etcd;
        assert!(!etcd.member_of("cp-1").unwrap().running);
        assert!(etcd.has_quorum());
        assert_eq!(s.partition_of("pve2").count(), 2);
    });
    sim.clear_faults();
    talos(&sim, "cp-1").version(()).await.unwrap();
    let after = sim.world().read(|s| s.guest(100).unwrap().started_at);
    assert_eq!(started, after, "it did not boot");
}

#[tokio::test]
async fn a_cut_cable_parts_the_cluster_and_its_etcd() {
    let sim = start(SimOptions::default()).await;
    sim.fault("pve1", Fault::Cut).unwrap();
    let silent = tokio::time::timeout(SHORT, version(&sim, "pve1")).await;
    assert!(silent.is_err());
    let status = call(&sim, "pve2", "GET", "/nodes/pve1/status")
        .await
        .unwrap();
    assert_eq!(status.status, 595);
    sim.world().read(|s| {
        assert!(s.quorate_at("pve2") && !s.quorate_at("pve1"));
        let etcd = &s.cluster("home").unwrap().etcd;
        assert!(etcd.has_quorum());
        assert_ne!(etcd.leader, etcd.member_of("cp-1").map(|m| m.id));
    });
    sim.clear_faults();
    // The link between two alone: both still see the third.
    sim.fault("pve1/pve2", Fault::Cut).unwrap();
    assert_eq!(version(&sim, "pve1").await.unwrap(), 200);
    let status = call(&sim, "pve1", "GET", "/nodes/pve2/status")
        .await
        .unwrap();
    assert_eq!(status.status, 595);
    let status = call(&sim, "pve1", "GET", "/nodes/pve3/status")
        .await
        .unwrap();
    assert_eq!(status.status, 200);
    sim.world()
        .read(|s| assert!(!s.connected("cp-1", "cp-2") && s.connected("cp-1", "cp-3")));
}

#[tokio::test]
async fn a_lost_quorum_stops_what_writes() {
    let sim = start(SimOptions::default()).await;
    sim.fault("proxmox", Fault::QuorumLost).unwrap();
    sim.fault("home", Fault::QuorumLost).unwrap();
    let reply = call(&sim, "pve1", "POST", "/nodes/pve3/qemu?vmid=905")
        .await
        .unwrap();
    assert_eq!(reply.status, 500);
    sim.world()
        .read(|s| assert_eq!(s.cluster("home").unwrap().etcd.leader, None));
    sim.clear_faults();
    sim.world()
        .read(|s| assert!(s.cluster("home").unwrap().etcd.leader.is_some() && s.quorate()));
}

#[tokio::test]
async fn tasks_fail_warn_and_find_no_room() {
    let sim = start(SimOptions::default()).await;
    for (fault, method, path, status) in [
        (
            Fault::TaskFailure,
            "POST",
            "/nodes/pve3/qemu/103/status/stop",
            "QEMU exited",
        ),
        (
            Fault::TaskWarning,
            "POST",
            "/nodes/pve3/qemu/103/status/stop",
            "WARNINGS: 1",
        ),
        (
            Fault::DiskFull,
            "POST",
            "/nodes/pve3/qemu/103/clone?newid=900&full=1",
            "No space left",
        ),
    ] {
        let after = sim.events(0).last().map_or(0, |e| e.number);
        sim.fault("pve3", fault).unwrap();
        assert_eq!(
            call(&sim, "pve3", method, path).await.unwrap().status,
            200,
            "{fault}"
        );
        let end = EventFilter::new("task.end").after(after);
        let end = sim
            .wait_for_event(&end, Duration::from_secs(20))
            .await
            .unwrap();
        assert!(end.detail["status"].contains(status), "{end:?}");
        sim.clear_faults();
    }
}

#[tokio::test]
async fn a_lock_is_held_until_it_is_let_go() {
    let sim = start(SimOptions::default()).await;
    sim.fault("103", Fault::Locked).unwrap();
    let stop = "/nodes/pve3/qemu/103/status/shutdown";
    let _ = call(&sim, "pve3", "POST", stop).await.unwrap();
    let lock = || sim.world().read(|s| s.guest(103).unwrap().lock.clone());
    assert_eq!(lock().as_deref(), Some("backup"));
    sim.clear_fault("103", Fault::Locked);
    assert_eq!(lock(), None);
}

#[tokio::test]
async fn a_node_without_power_and_one_that_never_returns() {
    let sim = start(SimOptions::default()).await;
    sim.fault("worker-1", Fault::PowerLoss).unwrap();
    assert!(talos(&sim, "worker-1").version(()).await.is_err());
    sim.fault("worker-1", Fault::NeverReturns).unwrap();
    sim.clear_fault("worker-1", Fault::PowerLoss);
    sim.advance(Duration::from_secs(3600));
    sim.world().read(|s| {
        assert!(s.guest(103).unwrap().running());
        assert!(!s.node("worker-1").unwrap().reachable());
    });
}

#[tokio::test]
async fn a_wrong_clock_is_wrong_by_so_much() {
    use talos_proto::time::time_service_client::TimeServiceClient;
    let sim = start(SimOptions::default().clock(crate::rest::paused())).await;
    sim.fault("cp-1", Fault::ClockSkew(-300)).unwrap();
    let config = sim.talosconfig(&ClientCert::admin()).unwrap();
    let mut client = TimeServiceClient::new(channel(&sim, &config, "cp-1"));
    let reply = client.time(()).await.unwrap().into_inner();
    let message = &reply.messages[0];
    let shown = message.localtime.unwrap().seconds;
    assert_eq!(message.remotetime.unwrap().seconds - shown, 300);
}

#[tokio::test]
async fn a_fault_in_the_wrong_place_is_refused() {
    let sim = start(SimOptions::default()).await;
    let code = |target: &str, fault| sim.fault(target, fault).unwrap_err().kind().code();
    assert_eq!(code("pve9", Fault::Stall), "NotFound");
    assert_eq!(code("client/pve9", Fault::Cut), "NotFound");
    assert_eq!(code("home", Fault::Stall), "InvalidArgument");
    assert_eq!(code("client/pve1", Fault::TaskFailure), "InvalidArgument");
    assert_eq!(code("103", Fault::Latency(1)), "InvalidArgument");
    assert!(sim.faults().is_empty());
}

//! Endpoints that are dead, silent, strangers; certificates that do not fit.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

#[path = "support/recorder.rs"]
mod recorder;
mod support;

use std::time::{Duration, Instant};

use homelab_core::{ErrorKind, Sent};
use homelab_sim::{ClientCert, Down, Fault};
use recorder::Recorder;
use support::{CP1, CP3, client, client_with, config, lab, options};
use talos_client::{TalosClient, TalosConfig};

/// An address where nobody listens.
const NOBODY: &str = "127.0.0.1:1";

#[tokio::test]
async fn a_refusing_endpoint_costs_nothing() {
    let sim = lab().await;
    let good = sim.talos_endpoint("cp-1").unwrap();
    let both = options().endpoints([NOBODY, good.as_str()]);
    let talos = client_with(&sim, &ClientCert::admin(), both).await;
    for _ in 0..6 {
        talos.node(CP1).version().await.unwrap();
    }
    let health = talos.endpoints();
    let dead = health.iter().find(|e| e.address == NOBODY).unwrap();
    assert!(!dead.healthy && !dead.connected);
    assert!(dead.last_error.as_ref().unwrap().contains("refused"));
    let alive = health.iter().find(|e| e.address == good).unwrap();
    assert!(alive.healthy && alive.connected);
}

#[tokio::test]
async fn a_silent_endpoint_costs_one_connect_timeout_once() {
    let sim = lab().await;
    sim.host_down("pve1", Down::Blackhole).unwrap();
    let talos = client(&sim).await;
    let start = Instant::now();
    for _ in 0..9 {
        talos.node(CP3).version().await.unwrap();
    }
    assert!(
        start.elapsed() < Duration::from_millis(1400),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn callers_at_the_same_time_share_the_wait() {
    let sim = lab().await;
    sim.host_down("pve1", Down::Blackhole).unwrap();
    let endpoint = sim.talos_endpoint("cp-1").unwrap();
    let only = options().endpoints([endpoint]);
    let talos = client_with(&sim, &ClientCert::admin(), only).await;
    let start = Instant::now();
    let answers = talos.nodes([CP1; 20]).version().await;
    assert_eq!(answers.failures().count(), 20);
    assert!(
        start.elapsed() < Duration::from_millis(1400),
        "{:?}",
        start.elapsed()
    );

    // And for a while nobody pays again, but is told when it makes sense.
    let start = Instant::now();
    let error = talos.node(CP1).version().await.unwrap_err();
    assert!(start.elapsed() < Duration::from_millis(100));
    assert_eq!(error.was_sent(), Sent::No);
    assert!(error.message().contains("next try in"), "{error}");
}

#[tokio::test]
async fn a_dead_endpoint_comes_back() {
    let sim = lab().await;
    sim.host_down("pve1", Down::Refuse).unwrap();
    let endpoint = sim.talos_endpoint("cp-1").unwrap();
    let only = options().endpoints([endpoint]);
    let talos = client_with(&sim, &ClientCert::admin(), only).await;
    let error = talos.node(CP1).version().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.was_sent(), Sent::No);
    assert!(error.message().contains("connection re"), "{error}");
    assert!(error.is_retryable());

    sim.clear_faults();
    sim.host_up("pve1").unwrap();
    let mut last = None;
    for _ in 0..100 {
        match talos.node(CP1).version().await {
            Ok(_) => return,
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{last:?}");
}

#[tokio::test]
async fn a_node_that_stalls_runs_into_the_deadline() {
    let sim = lab().await;
    let endpoint = sim.talos_endpoint("cp-1").unwrap();
    let quick = options()
        .endpoints([endpoint])
        .request_timeout(Duration::from_millis(400));
    let talos = client_with(&sim, &ClientCert::admin(), quick).await;
    talos.node(CP1).version().await.unwrap();
    sim.fault("cp-1", Fault::Stall).unwrap();
    let error = talos.node(CP1).version().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.was_sent(), Sent::Maybe);
    // The connection brought nothing: it is not trusted with the next call.
    assert!(!talos.endpoints()[0].connected);
}

#[tokio::test]
async fn a_silent_node_does_not_condemn_its_endpoint() {
    let sim = lab().await;
    let endpoint = sim.talos_endpoint("cp-1").unwrap();
    let quick = options()
        .endpoints([endpoint])
        .request_timeout(Duration::from_millis(400));
    let talos = client_with(&sim, &ClientCert::admin(), quick).await;
    sim.host_down("pve3", Down::Blackhole).unwrap();
    let error = talos.node(CP3).version().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    talos.node(CP1).version().await.unwrap();
}

#[tokio::test]
async fn a_broken_connection_is_replaced_for_reads() {
    let sim = lab().await;
    let talos = client(&sim).await;
    for _ in 0..3 {
        talos.node(CP3).version().await.unwrap();
    }
    // Open connections to this endpoint are reset; others take over.
    sim.fault("cp-1", Fault::Refuse).unwrap();
    for _ in 0..6 {
        talos.node(CP3).version().await.unwrap();
    }
}

#[tokio::test]
async fn a_reset_in_the_middle_may_have_been_sent() {
    let sim = lab().await;
    let endpoint = sim.talos_endpoint("cp-1").unwrap();
    let only = options().endpoints([endpoint]);
    let talos = client_with(&sim, &ClientCert::admin(), only).await;
    sim.fault("cp-1", Fault::Reset).unwrap();
    let error = talos.node(CP1).version().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(error.was_sent(), Sent::Maybe);
}

#[tokio::test]
async fn html_is_not_grpc() {
    let sim = lab().await;
    let endpoint = sim.talos_endpoint("cp-1").unwrap();
    let only = options().endpoints([endpoint]);
    let talos = client_with(&sim, &ClientCert::admin(), only).await;
    sim.fault("cp-1", Fault::Html).unwrap();
    let error = talos.node(CP1).version().await.unwrap_err();
    assert!(error.message().contains("text/html"), "{error}");
    assert!(
        matches!(error.kind(), ErrorKind::Protocol | ErrorKind::Unavailable),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_expired_client_certificate_is_found_before_sending() {
    let sim = lab().await;
    let config = config(&sim, &ClientCert::admin().expired());
    let error = TalosClient::connect(config.context(None).unwrap(), options())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert_eq!(error.was_sent(), Sent::No);
    assert!(error.message().contains("expired on 20"), "{error}");
    assert_eq!(sim.stats().connections, 0);
}

/// A clock that is behind, so that our own check does not see the expiry.
#[derive(Debug)]
struct LastMonth(homelab_core::SystemClock);

impl homelab_core::Clock for LastMonth {
    fn now(&self) -> std::time::SystemTime {
        self.0.now() - Duration::from_secs(30 * 24 * 3600)
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(
        &self,
        duration: Duration,
    ) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        self.0.sleep(duration)
    }
}

#[tokio::test]
async fn the_servers_alert_is_understood() {
    let sim = lab().await;
    let clock = LastMonth(homelab_core::SystemClock::default());
    let late = options().clock(std::sync::Arc::new(clock));
    let talos = client_with(&sim, &ClientCert::admin().expired(), late).await;
    let error = talos.node(CP1).version().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error:?}");
    assert_eq!(error.was_sent(), Sent::No);
}

#[tokio::test]
async fn a_stranger_is_not_trusted() {
    let sim = lab().await;
    let other = lab().await;
    let endpoint = other.talos_endpoint("cp-1").unwrap();
    let strange = options().endpoints([endpoint]);
    let talos = client_with(&sim, &ClientCert::admin(), strange).await;
    let error = talos.node(CP1).version().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Untrusted);
    assert_eq!(error.was_sent(), Sent::No);
    assert_eq!(other.stats().requests, 0);
}

#[tokio::test]
async fn an_expired_server_certificate_is_not_trusted() {
    let sim = lab().await;
    for node in ["cp-1", "cp-2", "cp-3"] {
        sim.fault(node, Fault::CertificateExpired).unwrap();
    }
    let talos = client(&sim).await;
    let error = talos.node(CP1).version().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Untrusted);
    assert!(error.message().contains("has expired"), "{error}");
}

#[tokio::test]
async fn the_certificate_must_carry_the_name() {
    let sim = lab().await;
    let endpoint = sim.talos_endpoint("cp-1").unwrap();
    // 127.0.0.1 and localhost are the same place, but not the same name.
    let port = endpoint.rsplit(':').next().unwrap();
    let named = options().endpoints([format!("127.0.0.2:{port}")]);
    let talos = client_with(&sim, &ClientCert::admin(), named).await;
    let error = talos.node(CP1).version().await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Untrusted | ErrorKind::Unavailable),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_cannot_work_is_said_at_once() {
    let text = "context: a\ncontexts:\n  a: {endpoints: []}\n  b: {endpoints: [x], proxy-url: 'ftp://p:1'}\n  c: {endpoints: [x], auth: {siderov1: {identity: me}}}\n";
    let config = TalosConfig::parse("tc", text).unwrap();
    let connect = async |name: &str| {
        TalosClient::connect(config.context(Some(name)).unwrap(), options())
            .await
            .unwrap_err()
    };
    let error = connect("a").await;
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.location().unwrap().line, 3);
    assert_eq!(connect("b").await.kind(), ErrorKind::Config);
    assert_eq!(connect("c").await.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_node_is_named_without_its_port() {
    let text = "context: a\ncontexts:\n  a: {endpoints: ['127.0.0.1:1']}\n";
    let config = TalosConfig::parse("tc", text).unwrap();
    let talos = TalosClient::connect(config.context(None).unwrap(), options())
        .await
        .unwrap();
    for name in ["172.16.1.50:50000", "[fd00::1]", "cp-1,cp-2", ""] {
        let error = talos.node(name).version().await.unwrap_err();
        assert_eq!(
            (error.kind(), error.was_sent()),
            (ErrorKind::InvalidArgument, Sent::No),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_before_it_comes() {
    // A message of 33 MiB is announced.
    let server = Recorder::answering("\0\x02\x10\0\0").await;
    let config = TalosConfig::parse("tc", &server.talosconfig("{}")).unwrap();
    let talos = TalosClient::connect(config.context(None).unwrap(), options())
        .await
        .unwrap();
    let error = talos.endpoint().version().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
    assert_ne!(error.was_sent(), Sent::No);
}

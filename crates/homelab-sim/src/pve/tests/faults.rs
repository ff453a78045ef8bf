//! What can be made to go wrong on the wire.

use std::time::{Duration, Instant};

use super::Lab;
use crate::faults::Fault;

const REQUEST: &str = "GET /api2/json/access/domains HTTP/1.1\r\nHost: x\r\n\r\n";

async fn broken(fault: Fault) -> std::io::Result<super::Reply> {
    let lab = Lab::start();
    lab.cluster.0.shared.faults.add("pve1", fault);
    assert_eq!(
        lab.raw("pve2", REQUEST).await.unwrap().status,
        200,
        "only pve1 is concerned"
    );
    lab.raw("pve1", REQUEST).await
}

#[tokio::test]
async fn resets_come_before_or_within_the_answer() {
    for fault in [Fault::ResetEarly, Fault::Reset] {
        let error = broken(fault).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{fault}");
    }
}

#[tokio::test]
async fn answers_can_be_cut_short() {
    let error = broken(Fault::WrongLength).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    let reply = broken(Fault::TruncateBody).await.unwrap();
    assert_eq!(reply.status, 200);
    assert!(serde_json::from_str::<serde_json::Value>(&reply.body).is_err());
}

#[tokio::test]
async fn a_proxy_in_between_speaks_html() {
    let reply = broken(Fault::Html).await.unwrap();
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (502, Some("text/html"))
    );
    assert!(reply.body.starts_with("<!DOCTYPE html>"));
}

#[tokio::test]
async fn silence_and_delay() {
    let silent = tokio::time::timeout(Duration::from_millis(200), broken(Fault::Stall)).await;
    assert!(silent.is_err());
    let start = Instant::now();
    broken(Fault::Latency(60)).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn an_expired_certificate_is_refused_by_clients() {
    let error = broken(Fault::CertificateExpired).await.unwrap_err();
    assert!(error.to_string().contains("expired"), "{error}");
}

//! The health check that a control plane node runs.

use homelab_sim::{ClientCert, Down, Sim};
use talos_proto::cluster::HealthCheckRequest;
use talos_proto::cluster::cluster_service_client::ClusterServiceClient;
use tonic::{Code, Status};

use crate::lab;

/// What a check says and how it ends.
async fn check(sim: &Sim, node: &str, seconds: i64) -> (Vec<String>, Option<Status>) {
    let channel = lab::channel(sim, node, &ClientCert::role("os:reader"));
    let request = HealthCheckRequest {
        wait_timeout: Some(prost_types::Duration { seconds, nanos: 0 }),
        cluster_info: None,
    };
    let answer = ClusterServiceClient::new(channel)
        .health_check(request)
        .await;
    let mut stream = match answer {
        Ok(stream) => stream.into_inner(),
        Err(status) => return (Vec::new(), Some(status)),
    };
    let mut said = Vec::new();
    loop {
        match stream.message().await {
            Ok(Some(progress)) => said.push(progress.message),
            Ok(None) => return (said, None),
            Err(status) => return (said, Some(status)),
        }
    }
}

#[tokio::test]
async fn a_healthy_cluster_passes_and_a_broken_one_is_waited_for() {
    let sim = lab::start().await;
    let (said, error) = check(&sim, "cp-1", 60).await;
    assert!(error.is_none(), "{error:?}");
    assert!(
        said.len() >= 10 && said.iter().all(|s| s.ends_with(": OK")),
        "{said:?}"
    );

    let (said, error) = check(&sim, "cp-1", 0).await;
    assert_eq!(error.unwrap().code(), Code::DeadlineExceeded);
    assert!(said.is_empty());

    let (_, error) = check(&sim, "worker-1", 60).await;
    assert_eq!(error.unwrap().code(), Code::Unimplemented);

    sim.host_down("pve2", Down::Refuse).unwrap();
    let (said, error) = check(&sim, "cp-1", 1).await;
    assert_eq!(error.unwrap().code(), Code::DeadlineExceeded);
    assert!(said[0].contains("192.168.1.52"), "{said:?}");

    let waiting = check(&sim, "cp-1", 60);
    let mend = async { sim.host_up("pve2").unwrap() };
    let ((said, error), ()) = tokio::join!(waiting, mend);
    assert!(error.is_none(), "{error:?} {said:?}");
}

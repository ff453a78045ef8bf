//! Certificates and roles.

use homelab_sim::{ClientCert, Fault};
use talos_proto::cosi::resource as cosi;
use talos_proto::cosi::resource::state_client::StateClient;
use talos_proto::machine::machine_service_client::MachineServiceClient;
use talos_proto::machine::{EtcdMemberListRequest, EtcdSnapshotRequest, ResetRequest};
use tonic::Code;
use tonic::transport::Endpoint;

use crate::lab;

#[tokio::test]
async fn version_over_mutual_tls() {
    let sim = lab::start().await;
    let answer = lab::machine(&sim, "cp-1")
        .version(())
        .await
        .unwrap()
        .into_inner();
    let version = answer.messages[0].version.as_ref().unwrap();
    assert_eq!(version.tag, "v1.12.1");
    assert!(answer.messages[0].metadata.is_none());
    assert!(answer.messages[0].features.as_ref().unwrap().rbac);
}

#[tokio::test]
async fn no_certificate_and_expired_ones_get_nothing() {
    let sim = lab::start().await;
    let url = format!("http://{}", sim.talos_endpoint("cp-1").unwrap());
    let plain = Endpoint::from_shared(url).unwrap().connect_lazy();
    assert!(MachineServiceClient::new(plain).version(()).await.is_err());

    let expired = lab::channel(&sim, "cp-1", &ClientCert::admin().expired());
    let status = MachineServiceClient::new(expired)
        .version(())
        .await
        .unwrap_err();
    assert!(
        matches!(status.code(), Code::Unavailable | Code::Unknown),
        "{status:?}"
    );
    assert_eq!(sim.stats().requests, 0);

    sim.fault("cp-1", Fault::CertificateExpired).unwrap();
    assert!(lab::machine(&sim, "cp-1").version(()).await.is_err());
    sim.clear_faults();
    assert!(lab::machine(&sim, "cp-1").version(()).await.is_ok());
}

#[tokio::test]
async fn roles_decide() {
    let sim = lab::start().await;
    let client =
        |role: &str| MachineServiceClient::new(lab::channel(&sim, "cp-1", &ClientCert::role(role)));
    assert!(client("os:reader").version(()).await.is_ok());
    let snapshot = client("os:reader")
        .etcd_snapshot(EtcdSnapshotRequest {})
        .await;
    assert_eq!(snapshot.unwrap_err().code(), Code::PermissionDenied);
    assert!(
        client("os:etcd:backup")
            .etcd_snapshot(EtcdSnapshotRequest {})
            .await
            .is_ok()
    );
    let members = EtcdMemberListRequest::default();
    assert!(
        client("os:etcd:backup")
            .etcd_member_list(members)
            .await
            .is_ok()
    );
    assert_eq!(
        lab::code(client("os:etcd:backup").version(()).await),
        Code::PermissionDenied
    );
    let reset = ResetRequest::default();
    assert_eq!(
        lab::code(client("os:operator").reset(reset.clone()).await),
        Code::PermissionDenied
    );
    assert!(client("os:admin").reset(reset).await.is_ok());
    let both = ClientCert::role("os:etcd:backup").and_role("os:reader");
    let both = lab::channel(&sim, "cp-1", &both);
    assert!(MachineServiceClient::new(both).version(()).await.is_ok());
}

#[tokio::test]
async fn sensitive_resources_are_for_administrators() {
    let sim = lab::start().await;
    let request = cosi::ListRequest {
        namespace: "config".into(),
        r#type: "MachineConfigs.config.talos.dev".into(),
        options: None,
    };
    let reader = lab::channel(&sim, "cp-1", &ClientCert::role("os:reader"));
    let denied = StateClient::new(reader).list(request.clone()).await;
    assert_eq!(denied.unwrap_err().code(), Code::PermissionDenied);
    assert!(lab::state(&sim, "cp-1").list(request).await.is_ok());
}

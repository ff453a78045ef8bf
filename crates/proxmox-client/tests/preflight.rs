//! Which privileges a call lacks, before it is made.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use proxmox_client::endpoints::{AgentExec, StartQemu, UpdateQemuConfig};
use support::{Server, VERSION, ok};

#[tokio::test]
async fn missing_privileges_are_named_before_the_call() {
    let server = Server::start(|request| {
        let path = "\"/vms/100\"";
        assert!(request.target.contains("path=%2Fvms%2F100"), "{request:?}");
        ok(&format!("{{{path}:{{\"VM.Audit\":1}}}}"))
    })
    .await;
    let pve = server.client();
    let preflight = pve.preflight(&StartQemu::new("pve1", 100)).await.unwrap();
    assert!(!preflight.allowed());
    assert_eq!(preflight.missing[0].path, "/vms/100");
    assert_eq!(preflight.missing[0].one_of, ["VM.PowerMgmt"]);
    let missing = pve
        .missing_privileges(&[("/vms/100", "VM.Audit"), ("/vms/100", "VM.Clone")])
        .await
        .unwrap();
    assert_eq!(missing.len(), 1);
    assert_eq!(server.requests().len(), 2);
}

/// A server of this release whose caller holds one privilege on guest 100.
async fn holding(version: &'static str, privilege: &'static str) -> Server {
    Server::start(move |request| match request.path() {
        "/access/permissions" => ok(&format!(r#"{{"/vms/100":{{"{privilege}":1}}}}"#)),
        _ => ok(version),
    })
    .await
}

#[tokio::test]
async fn a_preflight_goes_by_the_keys_of_a_configuration() {
    let server = holding(VERSION, "VM.Config.CDROM").await;
    let mut change = UpdateQemuConfig::new("pve1", 100);
    change.cores = Some(4);
    let preflight = server.client().preflight(&change).await.unwrap();
    assert_eq!(preflight.missing.len(), 1);
    assert_eq!(preflight.missing[0].one_of, ["VM.Config.CPU"]);
    let server = holding(VERSION, "VM.Config.CPU").await;
    let preflight = server.client().preflight(&change).await.unwrap();
    assert!(preflight.allowed() && !preflight.incomplete);
}

#[tokio::test]
async fn a_preflight_says_that_tokens_may_not() {
    let server = holding(VERSION, "User.Modify").await;
    let params = [("userid", "me@pve"), ("password", "hunter2hunter2")];
    let params = params.into_iter().collect();
    let name = "ChangePassword";
    let pve = server.client();
    let preflight = pve.preflight_by_name(name, &params).await.unwrap();
    assert!(preflight.token_refused && !preflight.allowed());
    let start = StartQemu::new("pve1", 100);
    assert!(!pve.preflight(&start).await.unwrap().token_refused);
}

#[tokio::test]
async fn a_preflight_names_the_privilege_of_the_nodes_release() {
    const OLD: &str = r#"{"version":"8.4.1","release":"8.4","repoid":"x"}"#;
    let exec = AgentExec::new("pve1", 100, vec!["id".to_owned()]);
    let server = holding(OLD, "VM.Monitor").await;
    assert!(server.client().preflight(&exec).await.unwrap().allowed());
    let server = holding(OLD, "VM.GuestAgent.Unrestricted").await;
    let preflight = server.client().preflight(&exec).await.unwrap();
    assert_eq!(preflight.missing[0].one_of, ["VM.Monitor"]);
    let server = holding(VERSION, "VM.GuestAgent.Unrestricted").await;
    assert!(server.client().preflight(&exec).await.unwrap().allowed());
    let server = holding(VERSION, "VM.Monitor").await;
    assert!(!server.client().preflight(&exec).await.unwrap().allowed());
}

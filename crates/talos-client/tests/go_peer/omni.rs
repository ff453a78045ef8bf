//! The official implementation of Omni's signatures makes the key and verifies
//! what ours signs with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use talos_client::{ClientOptions, TalosClient, TalosConfig};

use crate::peer;
use crate::recorder::Recorder;
use crate::support::options;

#[derive(Clone, Deserialize)]
struct NewKey {
    armored: String,
    account: String,
}

#[derive(Clone, Serialize)]
struct SignedCall {
    armored: String,
    method: String,
    headers: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct Verdict {
    identity: String,
    error: String,
}

/// One call to a node and one to the endpoint, as the server sees them.
async fn calls(server: &Recorder, options: ClientOptions, armored: &str) -> Vec<SignedCall> {
    let yaml = server.talosconfig("{siderov1: {identity: me@example.org}}");
    let config = TalosConfig::parse("talosconfig", &yaml).unwrap();
    let talos = TalosClient::connect(config.context(None).unwrap(), options)
        .await
        .unwrap();
    let before = server.calls().len();
    talos.node("172.16.1.50").version().await.unwrap_err();
    talos.endpoint().memory().await.unwrap_err();
    let calls = server.calls().split_off(before);
    assert_eq!(calls.len(), 2);
    let signed = calls.into_iter().map(|(method, headers)| {
        let mut all = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in &headers {
            let value = value.to_str().unwrap().to_owned();
            all.entry(name.to_string()).or_default().push(value);
        }
        SignedCall {
            armored: armored.to_owned(),
            method,
            headers: all,
        }
    });
    signed.collect()
}

#[tokio::test]
async fn the_official_verifier_accepts_our_calls() {
    let key = |name: &str| peer::ask::<NewKey>("key", &json!({"name": name}), &[]);
    let (Some(login), Some(account)) = (key("me@example.org"), key("ci")) else {
        return;
    };
    let server = Recorder::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lab-me@example.org.pgp");
    std::fs::write(file, &login.armored).unwrap();
    let by_login = options().siderov1_keys_dir(folder.path());
    let by_account = options().service_account_key(account.account.clone());

    let mut all = calls(&server, by_login, &login.armored).await;
    all.extend(calls(&server, by_account, &account.armored).await);
    // One of another key, one with another method, one with another header.
    let mut strange = all[0].clone();
    strange.armored.clone_from(&account.armored);
    let mut method = all[0].clone();
    method.method = "/machine.MachineService/Reboot".to_owned();
    let mut header = all[0].clone();
    header
        .headers
        .insert("context".to_owned(), vec!["other".to_owned()]);
    all.extend([strange, method, header]);

    let verdicts: Vec<Verdict> = peer::ask("verify", &all, &[]).unwrap();
    let identities: Vec<_> = verdicts.iter().map(|v| v.identity.as_str()).collect();
    assert_eq!(
        identities[..4],
        ["me@example.org", "me@example.org", "ci", "ci"]
    );
    assert!(
        verdicts[..4].iter().all(|v| v.error.is_empty()),
        "{verdicts:?}"
    );
    assert!(
        verdicts[4..].iter().all(|v| !v.error.is_empty()),
        "{verdicts:?}"
    );
}

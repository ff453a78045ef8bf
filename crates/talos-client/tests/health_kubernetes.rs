//! The checks that Kubernetes' own API answers, against one that is made here
//! and trusts the simulated cluster's CA.

#![cfg(feature = "kubernetes")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod support;

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::ExposeSecret;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use serde_json::{Value, json};
use support::{CP1, CP2, CP3, WORKER, client, lab};
use talos_client::machine_config::Patch;
use talos_client::{ApplyOptions, CheckName, CheckOutcome, HealthOptions, TalosClient};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What the API answers, by path.
#[derive(Default)]
struct Objects {
    nodes: Value,
    pods: Value,
}

/// Gives the cluster a CA of Kubernetes and starts an API with a certificate of
/// it; its address, and what it answers.
async fn kubernetes(talos: &TalosClient) -> (String, Arc<Mutex<Objects>>) {
    let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).unwrap();
    let pack = |pem: &str| STANDARD.encode(pem);
    let pair = json!({"cluster": {"ca": {
        "crt": pack(&ca_certificate.pem()),
        "key": pack(&ca_key.serialize_pem()),
    }}});
    let patch = Patch::parse("ca.yaml", &pair.to_string()).unwrap();
    for node in [CP1, CP2, CP3] {
        let node = talos.node(node);
        let mut config = node.machine_config().await.unwrap();
        config.apply(&patch).unwrap();
        node.apply_configuration(config.to_yaml().expose_secret(), ApplyOptions::default())
            .await
            .unwrap();
    }

    let issuer = Issuer::from_params(&ca, &ca_key);
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca_certificate.der().clone()).unwrap();
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();

    let objects = Arc::new(Mutex::new(Objects::default()));
    let answers = objects.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(tcp).await else {
                continue;
            };
            let mut head = [0; 2048];
            let count = stream.read(&mut head).await.unwrap();
            let head = String::from_utf8_lossy(&head[..count]).into_owned();
            let body = answer(&answers.lock().unwrap(), head.split(' ').nth(1).unwrap());
            let text = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(text.as_bytes()).await.unwrap();
            stream.shutdown().await.ok();
        }
    });
    (format!("https://127.0.0.1:{port}"), objects)
}

fn answer(objects: &Objects, path: &str) -> String {
    let items = match path.split_once('?') {
        None if path == "/api/v1/nodes" => objects.nodes.clone(),
        None => objects.pods.clone(),
        // Of a label: the pods whose name begins with its value.
        Some((_, query)) => {
            let (_, app) = query.rsplit_once("%3D").unwrap();
            let name = if app == "kube-dns" { "coredns" } else { app };
            let named = |pod: &&Value| {
                let found = pod.pointer("/metadata/name").and_then(Value::as_str);
                found.is_some_and(|found| found.starts_with(name))
            };
            let pods = objects.pods.as_array().unwrap();
            pods.iter().filter(named).cloned().collect()
        }
    };
    json!({ "items": items }).to_string()
}

fn ready(yes: bool) -> Value {
    let status = if yes { "True" } else { "False" };
    json!([{"type": "Ready", "status": status, "message": "kubelet is not posting"}])
}

fn node(name: &str, address: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}],
            "conditions": ready(true),
        },
    })
}

fn pod(name: &str) -> Value {
    json!({"metadata": {"name": name}, "status": {"conditions": ready(true)}})
}

#[tokio::test]
async fn what_kubernetes_says_decides() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let (endpoint, objects) = kubernetes(&talos).await;
    let nodes = [
        ("cp-1", CP1),
        ("cp-2", CP2),
        ("cp-3", CP3),
        ("worker-1", WORKER),
    ];
    let parts = [
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
    ];
    {
        let mut objects = objects.lock().unwrap();
        objects.nodes = nodes.iter().map(|(name, at)| node(name, at)).collect();
        let control_planes = ["cp-1", "cp-2", "cp-3"];
        let of_parts = parts
            .iter()
            .flat_map(|part| control_planes.map(|name| pod(&format!("{part}-{name}"))));
        let others = ["kube-proxy-abcde", "coredns-0-abcde"].map(pod);
        objects.pods = of_parts.chain(others).collect();
    }
    let options = HealthOptions::default().kubernetes_endpoint(endpoint);
    let kubernetes = [
        CheckName::KubernetesNodes,
        CheckName::ControlPlanePods,
        CheckName::KubernetesReady,
        CheckName::KubeProxy,
        CheckName::CoreDns,
        CheckName::Schedulable,
    ];
    let report = talos.check_health(&options).await.unwrap();
    for check in &report.checks {
        assert_eq!(check.outcome, CheckOutcome::Passed, "{check:?}");
    }
    assert!(report.healthy);
    assert_eq!(report.checks.len(), 16);

    // Each of them has its own reason to fail, and says who is meant.
    {
        let mut objects = objects.lock().unwrap();
        let change = |value: &mut Value, at: &str, new: Value| {
            *value.pointer_mut(at).unwrap() = new;
        };
        change(&mut objects.nodes, "/0/status/conditions", ready(false));
        change(
            &mut objects.nodes,
            "/1/spec",
            json!({"unschedulable": true}),
        );
        let elsewhere = json!([{"type": "InternalIP", "address": "10.9.9.9"}]);
        change(&mut objects.nodes, "/3/status/addresses", elsewhere);
        for at in [0, 9, 10] {
            let place = format!("/{at}/status/conditions");
            change(&mut objects.pods, &place, ready(false));
        }
    }
    let report = talos.check_health(&options).await.unwrap();
    assert!(!report.healthy);
    for (name, who) in kubernetes.into_iter().zip([
        WORKER,
        "kube-apiserver",
        "cp-1",
        "kube-proxy-abcde",
        "coredns-0-abcde",
        "cp-2",
    ]) {
        let check = report.checks.iter().find(|c| c.name == name).unwrap();
        assert_eq!(check.outcome, CheckOutcome::Failed, "{check:?}");
        assert!(check.message.contains(who), "{check:?}");
    }
}

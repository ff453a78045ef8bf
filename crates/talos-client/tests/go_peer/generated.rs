//! New clusters: what we make is what the official generator makes from the
//! same secrets, and what its validation accepts.

use std::time::SystemTime;

use homelab_core::ExposeSecret;
use serde::{Deserialize, Serialize};
use talos_client::machine_config::ClusterOptions;
use talos_client::pki::{SecretsBundle, ServiceAccountKey};

use crate::peer;

#[derive(Serialize)]
struct Input {
    version: &'static str,
    cluster: &'static str,
    endpoint: &'static str,
    kubernetes: &'static str,
    install_disk: &'static str,
    install_image: &'static str,
    sans: Vec<&'static str>,
    secrets: String,
    control_plane: String,
    worker: String,
    talosconfig: String,
}

#[derive(Deserialize)]
struct Verdict {
    version: String,
    problems: Vec<String>,
    control_plane: [String; 2],
    worker: [String; 2],
}

const ENDPOINT: &str = "https://172.16.1.49:6443";
const IMAGE: &str = "factory.talos.dev/metal-installer/376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d32b4ba5:v1.13.9";

fn input(version: &'static str, key: ServiceAccountKey) -> Input {
    let secrets = SecretsBundle::generate_with(SystemTime::now(), key).unwrap();
    let sans = vec!["talos.lab", "10.0.0.9"];
    let options = ClusterOptions::new("lab", ENDPOINT, version, "v1.34.0")
        .install_disk("/dev/vda")
        .install_image(IMAGE)
        .cert_sans(sans.clone())
        .talos_endpoints(["172.16.1.50"]);
    let cluster = secrets.new_cluster(&options).unwrap();
    let text = |secret: homelab_core::SecretString| secret.expose_secret().to_owned();
    Input {
        version,
        cluster: "lab",
        endpoint: ENDPOINT,
        kubernetes: "1.34.0",
        install_disk: "/dev/vda",
        install_image: IMAGE,
        sans,
        secrets: text(secrets.to_yaml()),
        control_plane: text(cluster.control_plane.to_yaml()),
        worker: text(cluster.worker.to_yaml()),
        talosconfig: text(cluster.talosconfig.to_yaml()),
    }
}

#[test]
fn the_official_generator_makes_the_same() {
    // One real key of RSA; the others are quicker to make.
    let mut inputs = vec![input("v1.13", ServiceAccountKey::Rsa4096)];
    for version in ["v1.9", "v1.10", "v1.11", "v1.12"] {
        inputs.push(input(version, ServiceAccountKey::EcdsaP256));
    }
    let Some(verdicts) = peer::ask::<Vec<Verdict>>("generate", &inputs, &[]) else {
        return;
    };
    assert_eq!(verdicts.len(), inputs.len());
    for v in verdicts {
        assert_eq!(v.problems, Vec::<String>::new(), "{}", v.version);
        for (kind, [theirs, ours]) in [("control plane", v.control_plane), ("worker", v.worker)] {
            assert!(theirs.contains("version: v1alpha1"));
            let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
            let (theirs, ours) = (lines(&theirs), lines(&ours));
            let only = |a: &[String], b: &[String]| {
                let lines = a.iter().filter(|line| !b.contains(line));
                // Not the secrets in them.
                lines
                    .map(|l| l.chars().take(70).collect::<String>())
                    .collect::<Vec<_>>()
            };
            assert_eq!(
                (only(&theirs, &ours), only(&ours, &theirs)),
                (vec![], vec![]),
                "{} {kind}: theirs, ours",
                v.version
            );
            assert_eq!(theirs.len(), ours.len(), "{} {kind}", v.version);
        }
    }
}

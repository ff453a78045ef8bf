//! What stands in the machine configurations of a new cluster: the same as
//! `talosctl gen config` writes for the release, which the Go comparison holds up
//! to v1.13. v1.14 gets what v1.13 does: it reads the parts that it could also have
//! in documents of their own, and one patch fits both.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::ExposeSecret;

use super::cluster::ClusterOptions;
use super::config::{Document, MachineConfig};
use crate::pki::{KeyPair, SecretsBundle};
use crate::yaml::{Map, Value};

/// What the documents are made from.
pub(super) struct Build<'a> {
    pub(super) secrets: &'a SecretsBundle,
    pub(super) options: &'a ClusterOptions,
    /// The middle number of the release: what older ones refuse is left out.
    pub(super) minor: u32,
    /// Of the endpoint.
    pub(super) host: String,
}

impl Build<'_> {
    pub(super) fn config(&self, control_plane: bool) -> MachineConfig {
        let main = map([
            ("version", Value::text("v1alpha1")),
            ("debug", Value::boolean(false)),
            ("persist", Value::boolean(true)),
            ("machine", self.machine(control_plane)),
            ("cluster", self.cluster(control_plane)),
        ]);
        let mut documents = vec![main];
        if self.minor >= 12 {
            documents.push(map([
                ("apiVersion", Value::text("v1alpha1")),
                ("kind", Value::text("HostnameConfig")),
                ("auto", Value::text("stable")),
            ]));
        }
        MachineConfig::of(
            documents
                .into_iter()
                .map(|value| Document { value })
                .collect(),
        )
    }

    fn machine(&self, control_plane: bool) -> Value {
        let kind = if control_plane {
            "controlplane"
        } else {
            "worker"
        };
        let mut machine = vec![
            ("type", Value::text(kind)),
            (
                "token",
                Value::text(self.secrets.trustd_token.expose_secret()),
            ),
            ("ca", pair(&self.secrets.os, control_plane)),
            ("certSANs", texts(&self.options.cert_sans)),
            (
                "kubelet",
                map([
                    ("image", self.image("ghcr.io/siderolabs/kubelet")),
                    ("defaultRuntimeSeccompProfileEnabled", Value::boolean(true)),
                    ("disableManifestsDirectory", Value::boolean(true)),
                ]),
            ),
        ];
        if self.minor <= 12 {
            machine.push(("network", map([])));
        }
        let mut install = vec![("disk", Value::text(&self.options.install_disk))];
        if let Some(image) = &self.options.install_image {
            install.push(("image", Value::text(image)));
        }
        install.push(("wipe", Value::boolean(false)));
        if self.minor >= 12 {
            install.push(("grubUseUKICmdline", Value::boolean(true)));
        }
        machine.push(("install", map(install)));
        machine.push(("features", self.features()));
        if control_plane {
            let label = "node.kubernetes.io/exclude-from-external-load-balancers";
            machine.push(("nodeLabels", map([(label, Value::text(""))])));
        }
        map(machine)
    }

    fn features(&self) -> Value {
        let mut features = Vec::new();
        // Releases from v1.12 on know no other way.
        if self.minor <= 11 {
            for key in ["rbac", "stableHostname", "apidCheckExtKeyUsage"] {
                features.push((key, Value::boolean(true)));
            }
        }
        features.push(("diskQuotaSupport", Value::boolean(true)));
        let prism = [
            ("enabled", Value::boolean(true)),
            ("port", Value::number(7445)),
        ];
        features.push(("kubePrism", map(prism)));
        let dns = [
            ("enabled", Value::boolean(true)),
            ("forwardKubeDNSToHost", Value::boolean(true)),
        ];
        features.push(("hostDNS", map(dns)));
        map(features)
    }

    fn cluster(&self, control_plane: bool) -> Value {
        let secrets = self.secrets;
        let options = self.options;
        let v6 = self.host.contains(':');
        let subnets = |given: &Option<Vec<String>>, v4: &str, six: &str| match given {
            Some(given) => texts(given),
            None => texts(&[if v6 { six } else { v4 }.to_owned()]),
        };
        let network = map([
            ("dnsDomain", Value::text("cluster.local")),
            (
                "podSubnets",
                subnets(&options.pod_subnets, "10.244.0.0/16", "fc00:db8:10::/56"),
            ),
            (
                "serviceSubnets",
                subnets(
                    &options.service_subnets,
                    "10.96.0.0/12",
                    "fc00:db8:20::/112",
                ),
            ),
        ]);
        let discovery = map([
            ("enabled", Value::boolean(true)),
            (
                "registries",
                map([
                    ("kubernetes", map([("disabled", Value::boolean(true))])),
                    ("service", map([])),
                ]),
            ),
        ]);
        let mut cluster = vec![
            ("id", Value::text(&secrets.cluster_id)),
            (
                "secret",
                Value::text(secrets.cluster_secret.expose_secret()),
            ),
            (
                "controlPlane",
                map([("endpoint", Value::text(&options.endpoint))]),
            ),
            ("clusterName", Value::text(&options.name)),
            ("network", network),
            (
                "token",
                Value::text(secrets.bootstrap_token.expose_secret()),
            ),
        ];
        for (key, secret) in [
            (
                "secretboxEncryptionSecret",
                &secrets.secretbox_encryption_secret,
            ),
            ("aescbcEncryptionSecret", &secrets.aescbc_encryption_secret),
        ] {
            if let Some(secret) = secret.as_ref().filter(|_| control_plane) {
                cluster.push((key, Value::text(secret.expose_secret())));
            }
        }
        cluster.push(("ca", pair(&secrets.kubernetes, control_plane)));
        if control_plane {
            cluster.extend(self.control_plane());
        }
        cluster.push(("discovery", discovery));
        if control_plane {
            cluster.push(("etcd", map([("ca", pair(&secrets.etcd, true))])));
            cluster.push(("extraManifests", Value::List(Vec::new())));
            cluster.push(("inlineManifests", Value::List(Vec::new())));
            if options.schedule_on_control_planes {
                cluster.push(("allowSchedulingOnControlPlanes", Value::boolean(true)));
            }
        }
        map(cluster)
    }

    fn control_plane(&self) -> Vec<(&'static str, Value)> {
        let secrets = self.secrets;
        let account = pack(secrets.kubernetes_service_account.expose_secret());
        let image = |name: &str| map([("image", self.image(&format!("registry.k8s.io/{name}")))]);
        vec![
            ("aggregatorCA", pair(&secrets.kubernetes_aggregator, true)),
            ("serviceAccount", map([("key", account)])),
            ("apiServer", self.api_server()),
            ("controllerManager", image("kube-controller-manager")),
            ("proxy", image("kube-proxy")),
            ("scheduler", image("kube-scheduler")),
        ]
    }

    fn api_server(&self) -> Value {
        let mut sans = self.options.cert_sans.clone();
        // Later releases add it themselves.
        if self.minor <= 11 {
            sans.insert(0, self.host.clone());
        }
        let mut server = vec![
            ("image", self.image("registry.k8s.io/kube-apiserver")),
            ("certSANs", texts(&sans)),
        ];
        if self.minor <= 11 {
            server.push(("disablePodSecurityPolicy", Value::boolean(true)));
        }
        let defaults = [
            ("audit", "restricted"),
            ("audit-version", "latest"),
            ("enforce", "baseline"),
            ("enforce-version", "latest"),
            ("warn", "restricted"),
            ("warn-version", "latest"),
        ];
        let exemptions = map([
            ("namespaces", texts(&["kube-system".to_owned()])),
            ("runtimeClasses", Value::List(Vec::new())),
            ("usernames", Value::List(Vec::new())),
        ]);
        let pod_security = map([
            ("name", Value::text("PodSecurity")),
            (
                "configuration",
                map([
                    (
                        "apiVersion",
                        Value::text("pod-security.admission.config.k8s.io/v1alpha1"),
                    ),
                    ("kind", Value::text("PodSecurityConfiguration")),
                    (
                        "defaults",
                        map(defaults.map(|(key, value)| (key, Value::text(value)))),
                    ),
                    ("exemptions", exemptions),
                ]),
            ),
        ]);
        server.push(("admissionControl", Value::List(vec![pod_security])));
        let metadata = map([("level", Value::text("Metadata"))]);
        server.push((
            "auditPolicy",
            map([
                ("apiVersion", Value::text("audit.k8s.io/v1")),
                ("kind", Value::text("Policy")),
                ("rules", Value::List(vec![metadata])),
            ]),
        ));
        map(server)
    }

    fn image(&self, name: &str) -> Value {
        let version = &self.options.kubernetes_version;
        let number = version.strip_prefix('v').unwrap_or(version);
        Value::text(format!("{name}:v{number}"))
    }
}

fn map(pairs: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::Map(pairs.into_iter().collect::<Map>())
}

fn texts(items: &[String]) -> Value {
    Value::List(items.iter().map(Value::text).collect())
}

fn pack(pem: &str) -> Value {
    Value::text(STANDARD.encode(pem))
}

/// A CA; workers get no key.
fn pair(pair: &KeyPair, with_key: bool) -> Value {
    let key = if with_key {
        pack(pair.key.expose_secret())
    } else {
        Value::text("")
    };
    map([("crt", pack(&pair.crt)), ("key", key)])
}

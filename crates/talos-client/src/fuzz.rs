//! What the fuzz targets do, one function for each parser, for `fuzz/` and for
//! the property tests below. Nothing may panic; what was read and written again
//! is the same.

#![allow(
    clippy::missing_panics_doc,
    reason = "a panic is what fuzzing looks for"
)]

use homelab_core::ExposeSecret as _;
use prost::Message as _;
use talos_proto::{cosi, machine, storage};

pub use crate::streams::fuzz::{archive, capture, kernel_message, kubeconfig, lines, messages};

use crate::config::{Context, EndpointAddress, TalosConfig};
use crate::cosi::types::{Disk, HostnameStatus, LinkStatus, MachineStatus, Member};
use crate::cosi::{LabelQuery, ResourceType, Typed};
use crate::machine::answer::Answer;
use crate::machine_config::{MachineConfig, Patch};
use crate::maintenance::SpkiFingerprint;
use crate::omni::SigningKey;
use crate::pki::SecretsBundle;
use crate::{BpfInstruction, NodeSelector, yaml};

/// A talosconfig.
pub fn talosconfig(data: &[u8]) {
    let Ok(config) = TalosConfig::parse("fuzz", &String::from_utf8_lossy(data)) else {
        return;
    };
    for context in config.contexts() {
        let _ = context.describe();
    }
    let written = config.to_yaml();
    let again = TalosConfig::parse("again", written.expose_secret());
    let written_again = again.map(|again| again.to_yaml().expose_secret().to_owned());
    assert_eq!(written_again.ok().as_deref(), Some(written.expose_secret()));
}

/// Machine configuration, and the same bytes as a patch of it.
pub fn machine_config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let patch = Patch::parse("patch", &text);
    let Ok(config) = MachineConfig::parse("fuzz", &text) else {
        return;
    };
    let _ = config.view();
    assert!(config.diff(&config).is_empty());
    let written = config.to_yaml();
    let again = MachineConfig::parse("again", written.expose_secret());
    assert!(again.is_ok_and(|again| again == config));
    if let Ok(patch) = patch {
        let mut patched = config;
        let _ = patched.apply(&patch);
    }
}

/// The YAML of a resource's specification, and the same as JSON.
pub fn specification(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(documents) = yaml::parse(&text) else {
        return;
    };
    let json = yaml::to_json(&text);
    assert_eq!(json.is_some(), !documents.is_empty());
    if let (Some(json), [(_, document)]) = (json, documents.as_slice()) {
        assert_eq!(json, document.to_json());
    }
    let values = |documents: Vec<(u32, yaml::Value)>| -> Vec<yaml::Value> {
        documents.into_iter().map(|(_, value)| value).collect()
    };
    let before = values(documents);
    let written = yaml::documents_to_text(&before);
    assert_eq!(yaml::parse(&written).map(values).ok(), Some(before));
}

/// A resource, and an event about one, as they come from the wire.
pub fn resource(data: &[u8]) {
    fn read<R: ResourceType>(resource: &cosi::resource::Resource) {
        let _ = Typed::<R>::from_proto(resource.clone());
    }
    let Ok(resource) = cosi::resource::Resource::decode(data) else {
        return;
    };
    read::<Member>(&resource);
    read::<Disk>(&resource);
    read::<HostnameStatus>(&resource);
    read::<LinkStatus>(&resource);
    read::<MachineStatus>(&resource);
}

/// Answers that may be of several nodes, each of which may have failed.
pub fn answer(data: &[u8]) {
    fn read<A: Answer + prost::Message + Default + Clone>(data: &[u8]) {
        if let Ok(answer) = A::decode(data) {
            let _ = answer.clone().element();
            let _ = answer.per_node();
        }
    }
    read::<machine::VersionResponse>(data);
    read::<machine::MemoryResponse>(data);
    read::<machine::ServiceListResponse>(data);
    read::<machine::ProcessesResponse>(data);
    read::<machine::EtcdMemberListResponse>(data);
    read::<machine::SystemStatResponse>(data);
    read::<storage::DisksResponse>(data);
}

/// A certificate, a key, a bundle of them, a signing key.
pub fn certificate(data: &[u8]) {
    let _ = SpkiFingerprint::of_certificate(data);
    let text = String::from_utf8_lossy(data).into_owned();
    let key = text.clone().into();
    let _ = Context::new("fuzz", ["10.0.0.1"])
        .with_certificate(&text, &text, &key)
        .describe();
    let _ = SigningKey::parse(&text);
    if let Ok(bundle) = SecretsBundle::parse("fuzz", &text) {
        let written = bundle.to_yaml();
        assert!(SecretsBundle::parse("again", written.expose_secret()).is_ok());
    }
}

/// An endpoint, and a selector of nodes.
pub fn endpoint(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(endpoint) = text.parse::<EndpointAddress>() {
        assert!(!endpoint.host().is_empty());
        let again = endpoint.to_string().parse::<EndpointAddress>();
        assert_eq!(again.ok(), Some(endpoint));
    }
    let _ = text.parse::<NodeSelector>();
}

/// A packet filter, a query of labels.
pub fn filter(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(filter) = BpfInstruction::parse_filter(&text) {
        let shown =
            |i: &BpfInstruction| format!("{{ {:#x}, {}, {}, {:#010x} }},\n", i.op, i.jt, i.jf, i.k);
        let again: String = filter.iter().map(shown).collect();
        assert_eq!(BpfInstruction::parse_filter(&again).ok(), Some(filter));
    }
    let _ = text.parse::<LabelQuery>();
}

/// A database of etcd.
pub fn database(data: &[u8]) {
    crate::snapshot::walk_bytes(data);
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;
    use crate::pki::ServiceAccountKey;

    /// What is right but for a few bytes, or cut off, or nothing like it.
    fn damaged(whole: impl Into<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
        let whole = whole.into();
        let length = whole.len().max(1);
        let changes = prop::collection::vec((0..length, any::<u8>()), 0..6);
        let damaged = (changes, 0..=length).prop_map(move |(changes, end)| {
            let mut bytes = whole.clone();
            for (at, byte) in changes {
                if let Some(there) = bytes.get_mut(at) {
                    *there = byte;
                }
            }
            // Half of them whole.
            bytes.truncate(end.saturating_mul(2).max(1));
            bytes
        });
        prop_oneof![4 => damaged, 1 => prop::collection::vec(any::<u8>(), 0..200)]
    }

    fn bundle() -> SecretsBundle {
        let now = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
        SecretsBundle::generate_with(now, ServiceAccountKey::EcdsaP256).unwrap()
    }

    fn talosconfig_text() -> String {
        let crt = STANDARD.encode(bundle().os.crt);
        format!(
            "context: lab\ncontexts:\n  lab:\n    endpoints: [10.0.0.1, '[::1]:50000']\n    \
             nodes: [a]\n    ca: {crt}\n    auth: {{basic: {{username: u, password: p}}}}\n"
        )
    }

    const CONFIG: &str = "version: v1alpha1\nmachine:\n  type: worker\n  network:\n    interfaces:\n      \
        - {interface: eth0, dhcp: true}\n  sysctls: &x {a: '1'}\ncluster: {clusterName: c, <<: *x}\n---\n\
        apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: h\n";

    fn capture_bytes() -> Vec<u8> {
        let mut bytes = vec![0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0];
        bytes.extend([0; 8]);
        bytes.extend([0, 0, 4, 0, 1, 0, 0, 0]);
        for length in [4_u8, 0, 60] {
            bytes.extend([1, 0, 0, 0, 0, 0, 0, 0, length, 0, 0, 0, length, 0, 0, 0]);
            bytes.extend(vec![7; usize::from(length)]);
        }
        bytes
    }

    fn tar(paths: &[(&str, &str)]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, text) in paths {
            let mut header = tar::Header::new_ustar();
            let name = &mut header.as_old_mut().name;
            name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            tar.append(&header, text.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        gz.write_all(bytes).unwrap();
        gz.finish().unwrap()
    }

    fn version_answer() -> Vec<u8> {
        let version = |hostname: &str, error: &str| machine::Version {
            metadata: Some(talos_proto::common::Metadata {
                hostname: hostname.into(),
                error: error.into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let messages = vec![version("a", ""), version("b", "is away")];
        machine::VersionResponse { messages }.encode_to_vec()
    }

    fn member() -> Vec<u8> {
        let spec = talos_proto::talos::resource::definitions::cluster::MemberSpec {
            hostname: "a".into(),
            ..Default::default()
        };
        cosi::resource::Resource {
            metadata: Some(cosi::resource::Metadata {
                namespace: "cluster".into(),
                id: "a".into(),
                ..Default::default()
            }),
            spec: Some(cosi::resource::Spec {
                proto_spec: spec.encode_to_vec().into(),
                yaml_spec: "hostname: a".into(),
            }),
        }
        .encode_to_vec()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn talosconfigs(data in damaged(talosconfig_text())) {
            talosconfig(&data);
        }

        #[test]
        fn machine_configs(data in damaged(CONFIG)) {
            machine_config(&data);
            specification(&data);
        }

        #[test]
        fn resources(data in damaged(member())) {
            resource(&data);
        }

        #[test]
        fn answers(data in damaged(version_answer())) {
            answer(&data);
        }

        #[test]
        fn certificates(data in damaged(bundle().os.crt), bundle in damaged(bundle().to_yaml().expose_secret())) {
            certificate(&data);
            certificate(&bundle);
        }

        #[test]
        fn endpoints(text in "(https?://|grpc://|)([\\[]?[0-9a-f.:]{0,12}[\\]]?|[a-z-]{0,6})(:[0-9]{0,6})?(/x)?", any: Vec<u8>) {
            endpoint(text.as_bytes());
            endpoint(&any);
        }

        #[test]
        fn filters(data in damaged("2\n{ 0x28, 0, 0, 0x0000000c },\n6 0 0 262144\n"), labels in "[a-z!=,]{0,20}") {
            filter(&data);
            filter(labels.as_bytes());
        }

        #[test]
        fn captures(data in damaged(capture_bytes())) {
            capture(&data);
        }

        #[test]
        fn kernel_messages(data in damaged("kern:    info: [2026-01-02T03:04:05.6Z]: usb 1-1: new\n")) {
            kernel_message(&data);
            lines(&data);
            messages(&data);
        }

        #[test]
        fn archives(inside in damaged(tar(&[("a/b", "text"), ("../c", "evil"), ("/d", "evil")])), outside in damaged(gzip(&tar(&[("a", "b")])))) {
            archive(&gzip(&inside));
            archive(&outside);
            kubeconfig(&outside);
        }

        #[test]
        fn kubeconfigs(data in damaged("apiVersion: v1\nclusters: [{name: l, cluster: {server: s}}]\nusers: [{name: u, user: {token: t}}]\ncontexts: [{name: c, context: {cluster: l, user: u}}]\n")) {
            kubeconfig(&data);
        }
    }
}

//! From documents to what the lab acts on, with the checks of a node.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::split;
use crate::pki::{KubernetesPki, TalosPki};
use crate::world::{ClusterCa, MachineConfig, Role};

/// Reads a config. `complete` asks for the v1alpha1 document, which a machine
/// in maintenance mode can do without at first; `since_14` is v1.14, where parts
/// of that document have documents of their own.
pub(in crate::talos) fn read(
    text: &str,
    complete: bool,
    since_14: bool,
) -> Result<MachineConfig, String> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(text).map_err(|e| format!("error decoding document: {e}"))?;
    let documents: Vec<Value> = documents.into_iter().filter(|d| !d.is_null()).collect();
    let mut config = MachineConfig {
        text: text.to_owned(),
        ..MachineConfig::default()
    };
    let (mains, extras): (Vec<_>, Vec<_>) = documents.iter().partition(|d| d["kind"].is_null());
    let main = match mains.as_slice() {
        [_, _, ..] => return Err("the v1alpha1 document is there twice".into()),
        mains => mains.first().copied(),
    };
    if let Some(main) = main {
        v1alpha1(&mut config, main, since_14)?;
    }
    for document in extras {
        let kind = document["kind"].as_str().unwrap_or_default();
        extra(&mut config, kind, document)?;
        split::check(kind, main, since_14)?;
        split::read(&mut config, kind, document)?;
    }
    if main.is_none() && (complete || documents.is_empty()) {
        return Err("the applied machine configuration has no v1alpha1 document".into());
    }
    Ok(config)
}

/// A document with a kind. Every kind that Talos knows ends alike.
fn extra(config: &mut MachineConfig, kind: &str, document: &Value) -> Result<(), String> {
    let version = document["apiVersion"].as_str().unwrap_or_default();
    if !kind.ends_with("Config") || version != "v1alpha1" {
        return Err(format!("{kind:?} {version:?}: not registered"));
    }
    match kind {
        "HostnameConfig" => {
            config.hostname = text(&document["hostname"]).or(config.hostname.take());
        }
        "LinkConfig" => {
            for address in list(&document["addresses"]) {
                config.address = config.address.or(cidr(&address["address"])?);
            }
            for route in list(&document["routes"]) {
                gateway(config, &route["destination"], &route["gateway"])?;
            }
        }
        "Layer2VIPConfig" => config.vip = ip(&document["name"])?,
        _ => {}
    }
    Ok(())
}

fn v1alpha1(config: &mut MachineConfig, document: &Value, since_14: bool) -> Result<(), String> {
    if document["version"].as_str() != Some("v1alpha1") {
        return Err(format!("unknown version {}", document["version"]));
    }
    let (machine, cluster) = (&document["machine"], &document["cluster"]);
    if !machine.is_object() {
        return Err("machine instructions are required".into());
    }
    config.role = match machine["type"].as_str() {
        Some("controlplane" | "init") => Role::ControlPlane,
        Some("worker") => Role::Worker,
        Some(other) => return Err(format!("unknown machine type {other:?}")),
        None => return Err("machine type is required".into()),
    };
    if !cluster.is_object() && !since_14 {
        return Err("cluster instructions are required".into());
    }
    read_ca(config, machine)?;
    let network = &machine["network"];
    config.hostname = text(&network["hostname"]).or(config.hostname.take());
    for interface in list(&network["interfaces"]) {
        for address in list(&interface["addresses"]) {
            config.address = config.address.or(cidr(address)?);
        }
        for route in list(&interface["routes"]) {
            gateway(config, &route["network"], &route["gateway"])?;
        }
        if let Some(vip) = ip(&interface["vip"]["ip"])? {
            config.vip = Some(vip);
        }
    }
    let install = &machine["install"];
    config.install_disk = text(&install["disk"]);
    config.install_image = text(&install["image"]);
    if config.install_disk.is_none() && install["diskSelector"].is_null() && !since_14 {
        return Err("either install disk or diskSelector should be defined".into());
    }
    config.cert_sans = list(&machine["certSANs"]).iter().filter_map(text).collect();
    config.kubernetes_version = text(&machine["kubelet"]["image"])
        .and_then(|image| image.rsplit_once(':').map(|(_, tag)| tag.to_owned()));
    config.cluster_name = text(&cluster["clusterName"]).unwrap_or_else(|| "talos".into());
    config.cluster_id = text(&cluster["id"]).unwrap_or_default();
    config.endpoint = text(&cluster["controlPlane"]["endpoint"]).unwrap_or_default();
    if !config.endpoint.starts_with("https://") && !since_14 {
        return Err(format!(
            "invalid cluster endpoint {:?}: https://<address>:6443 is needed",
            config.endpoint
        ));
    }
    config.etcd_ca = cluster["etcd"]["ca"]["key"].is_string();
    config.kubernetes_ca = kubernetes_ca(&cluster["ca"])?;
    Ok(())
}

/// The text that base64 packs; none when there is nothing.
fn pem(value: &Value) -> Result<Option<String>, String> {
    let Some(text) = text(value) else {
        return Ok(None);
    };
    let bytes = STANDARD.decode(text).map_err(|e| e.to_string())?;
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|e| e.to_string())
}

/// A CA that can sign; workers have the certificate alone.
fn kubernetes_ca(ca: &Value) -> Result<Option<ClusterCa>, String> {
    let (Some(crt), Some(key)) = (pem(&ca["crt"])?, pem(&ca["key"])?) else {
        return Ok(None);
    };
    signing_ca(crt, key, "cluster.ca").map(Some)
}

pub(super) fn signing_ca(crt: String, key: String, place: &str) -> Result<ClusterCa, String> {
    KubernetesPki::from_pem(&crt, &key).map_err(|e| format!("{place}: {e}"))?;
    Ok(ClusterCa {
        crt,
        key: Some(key),
    })
}

fn read_ca(config: &mut MachineConfig, machine: &Value) -> Result<(), String> {
    let ca = &machine["ca"];
    config.ca = pem(&ca["crt"])?.ok_or("trusted CA certificates are required")?;
    config.ca_key = pem(&ca["key"])?;
    match (&config.ca_key, config.role) {
        (Some(key), _) => {
            TalosPki::from_pem(&config.ca, key).map_err(|e| format!("machine.ca: {e}"))?;
        }
        (None, Role::ControlPlane) => {
            return Err("issuing Talos API CA is required for control plane nodes".into());
        }
        (None, Role::Worker) => {}
    }
    for accepted in list(&machine["acceptedCAs"]) {
        config.accepted_cas.extend(pem(&accepted["crt"])?);
    }
    if text(&machine["token"]).is_none() {
        return Err("machine token is required".into());
    }
    Ok(())
}

fn gateway(config: &mut MachineConfig, network: &Value, via: &Value) -> Result<(), String> {
    let default = network.is_null() || matches!(network.as_str(), Some("0.0.0.0/0" | "" | "::/0"));
    if default && let Some(via) = ip(via)? {
        config.gateway = Some(via);
    }
    Ok(())
}

pub(super) fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|t| !t.is_empty()).map(str::to_owned)
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn ip(value: &Value) -> Result<Option<IpAddr>, String> {
    let Some(text) = value.as_str() else {
        return Ok(None);
    };
    let address = text.parse();
    address
        .map(Some)
        .map_err(|_| format!("{text:?} is not an IP address"))
}

fn cidr(value: &Value) -> Result<Option<(IpAddr, u8)>, String> {
    let Some(text) = value.as_str() else {
        return Ok(None);
    };
    let wrong = || format!("{text:?} is not an address with a prefix, such as 10.0.0.5/24");
    let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
    let address = address.parse().map_err(|_| wrong())?;
    let prefix = prefix.parse().map_err(|_| wrong())?;
    Ok(Some((address, prefix)))
}

//! The report as data: everything that the other writers arrange, with stable names.

use homelab_model::what_if::{Loss, lose_hosts};
use homelab_model::{Finding, Topology};
use serde::Serialize;

/// Version of the JSON report's shape; raised when a field changes its meaning or goes.
pub const JSON_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    topology: &'a Topology,
    findings: &'a [Finding],
    host_losses: Vec<HostLoss<'a>>,
}

#[derive(Serialize)]
struct HostLoss<'a> {
    host: &'a str,
    loss: Loss,
}

pub(super) fn write(topology: &Topology, findings: &[Finding]) -> String {
    let losses = topology.hosts.iter().map(|h| HostLoss {
        host: &h.name,
        loss: lose_hosts(topology, &[&h.name]),
    });
    let document = Document {
        version: JSON_VERSION,
        topology,
        findings,
        host_losses: losses.collect(),
    };
    // Only a map with keys that are no strings, or a failing `Serialize`, could
    // fail here; the value types have neither.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

//! Where everything starts: the constructors, as `Class.method`.

use homelab_core::Result;

use crate::handle::no_method;
use crate::{Args, Reply, lab, proxmox, simulator, talos};

pub(crate) async fn call(method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "Lab.from_file" => lab::from_file(args),
        "Lab.parse" => lab::parse(args),
        "TalosConfig.from_file" => talos::from_file(args),
        "TalosConfig.search" => talos::search(),
        "TalosConfig.parse" => talos::parse(args),
        "MaintenanceClient.connect" => talos::maintenance_connect(args),
        "MaintenanceClient.probe" => talos::probe(args).await,
        "MachineConfig.from_file" => talos::machine_config_from_file(args),
        "MachineConfig.parse" => talos::machine_config_from_text(args),
        "SecretsBundle.from_file" => talos::secrets_from_file(args),
        "SecretsBundle.parse" => talos::secrets_from_text(args),
        "SecretsBundle.generate" => talos::generate(args).await,
        "TalosNode.parse_filter" => talos::parse_filter(args),
        "TalosNode.verify_snapshot" => talos::verify_snapshot(args).await,
        "ProxmoxClient.connect" => proxmox::connect(args),
        "ProxmoxClient.log_in" => proxmox::log_in(args).await,
        "ProxmoxClient.first_contact" => proxmox::first_contact(args).await,
        "Simulator.load" => simulator::load(args).await,
        "Simulator.saved_in" => simulator::saved_in(args),
        "ProxmoxClient.write_cidata_iso" => proxmox::write_cidata_iso(args),
        "Simulator.start" => simulator::start(args).await,
        _ => Err(no_method("homelab-sdk", method)),
    }
}

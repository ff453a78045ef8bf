//! The system that runs, and what it was told: config, META, command line.

use prost::Message;
use serde_json::json;
use talos_proto::definitions::{block, runtime};
use talos_proto::resource;

use super::Draft;
use crate::world::{MachineConfig, State, TalosNode};

pub(super) fn resources(state: &State, node: &TalosNode) -> Vec<Draft> {
    let mut all = Vec::new();
    all.extend(node.config.as_ref().map(|c| config(node, "v1alpha1", c)));
    if node.since(10) {
        let stored = node.stored_config.as_ref();
        all.extend(stored.map(|c| config(node, "persistent", c)));
        all.push(version(node));
    }
    if node.since(11) {
        all.push(command_line());
    }
    if node.since(14) {
        all.push(boot_id(state, node));
    }
    all.extend(node.meta.iter().map(|(key, value)| meta_key(*key, value)));
    all.extend(node.installed.is_some().then(|| system_disk(node)));
    all
}

/// The config byte for byte; as YAML since v1.12 it is a text inside of a text.
fn config(node: &TalosNode, id: &str, config: &MachineConfig) -> Draft {
    let proto = resource::config::MachineConfigSpec {
        yaml_marshalled: config.text.clone().into(),
    };
    Draft {
        r#type: "MachineConfigs.config.talos.dev",
        id: id.to_owned(),
        owner: "config.AcquireController",
        proto: proto.encode_to_vec(),
        yaml: if node.since(12) {
            super::to_yaml(&json!(config.text))
        } else {
            config.text.clone()
        },
        text_in_text: node.since(12),
    }
}

fn version(node: &TalosNode) -> Draft {
    let proto = runtime::VersionSpec {
        version: node.talos_version.clone(),
        name: "Talos".into(),
    };
    let yaml = json!({"version": node.talos_version, "name": "Talos"});
    Draft::new(
        "Versions.runtime.talos.dev",
        "version",
        "runtime.VersionController",
        &proto,
        &yaml,
    )
}

fn command_line() -> Draft {
    let cmdline = "talos.platform=metal console=ttyS0 init_on_alloc=1 slab_nomerge= pti=on \
                   consoleblank=0 ima_template=ima-ng printk.devkmsg=on"
        .to_owned();
    let yaml = json!({"cmdline": cmdline});
    let proto = runtime::KernelCmdlineSpec { cmdline };
    Draft::new(
        "KernelCmdlines.runtime.talos.dev",
        "cmdline",
        "runtime.KernelCmdlineController",
        &proto,
        &yaml,
    )
}

fn boot_id(state: &State, node: &TalosNode) -> Draft {
    let boot_id = node.boot_id(state.seed);
    let yaml = json!({"bootID": boot_id});
    let proto = runtime::BootIdSpec { boot_id };
    Draft::new(
        "BootIDs.runtime.talos.dev",
        "boot-id",
        "runtime.BootIDController",
        &proto,
        &yaml,
    )
}

fn meta_key(key: u8, value: &[u8]) -> Draft {
    let value = String::from_utf8_lossy(value).into_owned();
    let yaml = json!({"value": value});
    let proto = runtime::MetaKeySpec { value };
    Draft::new(
        "MetaKeys.runtime.talos.dev",
        format!("0x{key:02x}"),
        "runtime.MetaController",
        &proto,
        &yaml,
    )
}

fn system_disk(node: &TalosNode) -> Draft {
    let name = node.system_disk().to_owned();
    let yaml = json!({"diskID": name, "devPath": format!("/dev/{name}")});
    let proto = block::SystemDiskSpec {
        dev_path: format!("/dev/{name}"),
        disk_id: name,
    };
    Draft::new(
        "SystemDisks.block.talos.dev",
        "system-disk",
        "block.SystemDiskController",
        &proto,
        &yaml,
    )
}

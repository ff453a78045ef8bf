//! What the machine is made of.

use serde_json::json;
use talos_proto::definitions::{block, hardware};

use super::Draft;
use crate::world::{State, TalosNode};

pub(super) fn resources(state: &State, node: &TalosNode) -> Vec<Draft> {
    let mut all = vec![
        system_information(state, node),
        processor(node),
        memory(node),
    ];
    all.extend(disks(state, node));
    all
}

fn system_information(state: &State, node: &TalosNode) -> Draft {
    let (manufacturer, product, version) = match node.vmid {
        Some(_) => ("QEMU", "Standard PC (Q35 + ICH9, 2009)", "pc-q35-10.0"),
        None => ("Generic", "Bare Metal", "1.0"),
    };
    let guest = node.vmid.and_then(|vmid| state.guest(vmid));
    let told = |key: &str, usual: &str| {
        let told = guest.and_then(|guest| guest.smbios(key));
        told.unwrap_or_else(|| usual.to_owned())
    };
    let manufacturer = told("manufacturer", manufacturer);
    let product = told("product", product);
    let version = told("version", version);
    let (serial, sku) = (told("serial", ""), told("sku", ""));
    let proto = hardware::SystemInformationSpec {
        manufacturer: manufacturer.clone(),
        product_name: product.clone(),
        version: version.clone(),
        serial_number: serial.clone(),
        sku_number: sku.clone(),
        uuid: node.smbios_uuid.clone(),
        wake_up_type: "Power Switch".into(),
        ..hardware::SystemInformationSpec::default()
    };
    let yaml = json!({
        "manufacturer": manufacturer,
        "productName": product,
        "version": version,
        "serialnumber": serial,
        "uuid": node.smbios_uuid,
        "wakeUpType": "Power Switch",
        "skuNumber": sku,
    });
    Draft::new(
        "SystemInformations.hardware.talos.dev",
        "systeminformation",
        "hardware.SystemInfoController",
        &proto,
        &yaml,
    )
}

fn processor(node: &TalosNode) -> Draft {
    let proto = hardware::ProcessorSpec {
        socket: "CPU 0".into(),
        manufacturer: "QEMU".into(),
        max_speed: 2000,
        boot_speed: 2000,
        status: 65,
        core_count: node.cpus,
        core_enabled: node.cpus,
        thread_count: node.cpus,
        ..hardware::ProcessorSpec::default()
    };
    let yaml = json!({
        "socket": "CPU 0",
        "manufacturer": "QEMU",
        "maxSpeedMhz": 2000,
        "bootSpeedMhz": 2000,
        "status": 65,
        "coreCount": node.cpus,
        "coreEnabled": node.cpus,
        "threadCount": node.cpus,
    });
    let owner = "hardware.SystemInfoController";
    Draft::new(
        "Processors.hardware.talos.dev",
        "CPU-0",
        owner,
        &proto,
        &yaml,
    )
}

fn memory(node: &TalosNode) -> Draft {
    let size = u32::try_from(node.memory_bytes >> 20).unwrap_or(u32::MAX);
    let proto = hardware::MemoryModuleSpec {
        size,
        device_locator: "DIMM 0".into(),
        manufacturer: "QEMU".into(),
        ..hardware::MemoryModuleSpec::default()
    };
    let yaml = json!({"sizeMiB": size, "deviceLocator": "DIMM 0", "manufacturer": "QEMU"});
    Draft::new(
        "MemoryModules.hardware.talos.dev",
        "DIMM-0",
        "hardware.SystemInfoController",
        &proto,
        &yaml,
    )
}

fn disks(state: &State, node: &TalosNode) -> Vec<Draft> {
    let all = state.disks_of(node);
    all.iter()
        .map(|d| disk(&d.name, d.size_bytes, &d.model, &d.serial, &d.transport))
        .collect()
}

fn disk(name: &str, size: u64, model: &str, serial: &str, transport: &str) -> Draft {
    let pretty = pretty_size(size);
    let proto = block::DiskSpec {
        size,
        io_size: 512,
        sector_size: 512,
        model: model.into(),
        serial: serial.into(),
        modalias: "scsi:t-0x00".into(),
        bus_path: "/pci0000:00/0000:00:05.0/0000:01:01.0/virtio2/host2/target2:0:0/2:0:0:0".into(),
        sub_system: "/sys/class/block".into(),
        transport: transport.into(),
        dev_path: format!("/dev/{name}"),
        pretty_size: pretty.clone(),
        ..block::DiskSpec::default()
    };
    let yaml = json!({
        "dev_path": proto.dev_path,
        "size": size,
        "pretty_size": pretty,
        "io_size": 512,
        "sector_size": 512,
        "readonly": false,
        "cdrom": false,
        "model": model,
        "serial": serial,
        "modalias": proto.modalias,
        "bus_path": proto.bus_path,
        "sub_system": proto.sub_system,
        "transport": transport,
    });
    Draft::new(
        "Disks.block.talos.dev",
        name,
        "block.DisksController",
        &proto,
        &yaml,
    )
}

/// Powers of ten with two significant digits, as the node prints sizes.
#[expect(clippy::cast_precision_loss, reason = "rounded for people anyway")]
pub(super) fn pretty_size(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["B", "kB", "MB", "GB", "TB", "PB"] {
        if size < 1000.0 {
            return if size < 10.0 {
                format!("{size:.1} {unit}")
            } else {
                format!("{size:.0} {unit}")
            };
        }
        size /= 1000.0;
    }
    format!("{size:.0} EB")
}

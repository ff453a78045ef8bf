use proptest::prelude::*;

use super::value::{Codec, Mac, Size};
use super::*;
use crate::{Disk, HostPci, NetDevice, NetModel, Smbios};

#[test]
fn a_network_device_reads_both_spellings() {
    let short: NetDevice = "virtio=bc:24:11:aa:bb:cc,bridge=vmbr0,tag=10,firewall=1"
        .parse()
        .unwrap();
    let long: NetDevice = "firewall=on,model=virtio,macaddr=BC:24:11:AA:BB:CC,tag=10,bridge=vmbr0"
        .parse()
        .unwrap();
    assert_eq!(short, long);
    assert_eq!(short.model, Some(NetModel::Virtio));
    assert_eq!(short.mac_address.as_deref(), Some("BC:24:11:AA:BB:CC"));
    assert_eq!(
        long.to_string(),
        "firewall=1,virtio=BC:24:11:AA:BB:CC,tag=10,bridge=vmbr0"
    );
}

#[test]
fn unknown_keys_and_order_survive() {
    let text = "virtio=BC:24:11:AA:BB:CC,zz=1,bridge=vmbr0,a-new-one=x;y";
    let mut net: NetDevice = text.parse().unwrap();
    assert_eq!(net.to_string(), text);
    net.bridge = Some("vmbr9".into());
    net.mtu = Some(1500);
    assert_eq!(
        net.to_string(),
        "virtio=BC:24:11:AA:BB:CC,zz=1,bridge=vmbr9,a-new-one=x;y,mtu=1500"
    );
}

#[test]
fn disks_have_a_volume_and_sizes() {
    let disk: Disk = "local-lvm:vm-100-disk-0,size=32G,ssd=1,iothread=1,discard=on"
        .parse()
        .unwrap();
    assert_eq!(disk.volume, "local-lvm:vm-100-disk-0");
    assert_eq!(disk.storage(), Some("local-lvm"));
    assert_eq!(disk.size_bytes, Some(32 << 30));
    assert!(!disk.is_cdrom());
    let cd: Disk = "file=none,media=cdrom".parse().unwrap();
    assert!(cd.is_cdrom());
    assert_eq!(cd.storage(), None);
    assert_eq!(cd.to_string(), "none,media=cdrom");
    let alias: Disk = "volume=a:b".parse().unwrap();
    assert_eq!(alias.volume, "a:b");
    assert!(
        "size=1G"
            .parse::<Disk>()
            .unwrap_err()
            .message()
            .contains("file is missing")
    );
}

#[test]
fn passthrough_lists_its_addresses() {
    let pci: HostPci = "0000:01:00.0;0000:01:00.1,pcie=1,x-vga=1".parse().unwrap();
    assert_eq!(pci.host, ["0000:01:00.0", "0000:01:00.1"]);
    assert_eq!(pci.to_string(), "0000:01:00.0;0000:01:00.1,pcie=1,x-vga=1");
    let mapped: HostPci = "mapping=gpu,pcie=1".parse().unwrap();
    assert_eq!(mapped.mapping.as_deref(), Some("gpu"));
    assert_eq!(mapped.to_string(), "mapping=gpu,pcie=1");
}

#[test]
fn smbios_texts_may_be_base64() {
    let smbios: Smbios =
        "uuid=72B6BD14-6c25-4ab4-84b1-a4ef801f89ec,serial=ZHM9bm9jbG91ZA==,base64=1"
            .parse()
            .unwrap();
    assert_eq!(
        smbios.uuid.as_deref(),
        Some("72B6BD14-6c25-4ab4-84b1-a4ef801f89ec")
    );
    assert_eq!(smbios.serial_text().as_deref(), Some("ds=nocloud"));
}

#[test]
fn errors_name_the_part() {
    let message = |text: &str| text.parse::<NetDevice>().unwrap_err().message().to_owned();
    assert!(message("virtio=zz").contains("macaddr cannot be 'zz'"));
    assert!(message("virtio,tag=x").contains("tag cannot be 'x'"));
    assert!(message("virtio,bridge=a,bridge=b").contains("'bridge' is given twice"));
    assert!(message("virtio,,").contains("a part is empty"));
}

#[test]
fn sizes() {
    for (text, bytes) in [
        ("528K", 540_672),
        ("1.5G", 1_610_612_736),
        ("4", 4),
        ("8GiB", 8 << 30),
    ] {
        assert_eq!(Size::read(text), Some(bytes), "{text}");
    }
    for bad in ["", "G", "-1G", "1e3", "99999999999T", "1.2.3"] {
        assert_eq!(Size::read(bad), None, "{bad}");
    }
    assert_eq!(Size::write(&(1536 << 20)), "1536M");
    assert_eq!(Mac::read("bc-24-11-0-0-1"), None);
}

proptest! {
    #[test]
    fn sizes_print_what_they_read(bytes: u64) {
        prop_assert_eq!(Size::read(&Size::write(&bytes)), Some(bytes));
    }

    #[test]
    fn untyped_strings_survive(parts in prop::collection::vec("([a-z]{1,4}=)?[a-z0-9:/;.]{1,8}", 1..6)) {
        let text = parts.join(",");
        let parsed = PropertyString::parse(&text).unwrap();
        prop_assert_eq!(parsed.to_string(), text);
    }

    #[test]
    fn typed_strings_mean_the_same_after_printing(
        mac in "([0-9A-F]{2}:){5}[0-9A-F]{2}",
        bridge in "vmbr[0-9]",
        tag in proptest::option::of(1u32..4094),
        firewall: bool,
        extra in "[a-z]{5,8}x",
    ) {
        let mut text = format!("{extra}=1,virtio={mac},bridge={bridge},firewall={}", u8::from(firewall));
        if let Some(tag) = tag {
            text = format!("{text},tag={tag}");
        }
        let net: NetDevice = text.parse().unwrap();
        prop_assert_eq!(net.to_string(), text);
        let json = serde_json::to_string(&net).unwrap();
        let back: NetDevice = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&back, &net);
        let again: NetDevice = back.to_string().parse().unwrap();
        prop_assert_eq!(again, net);
    }

    #[test]
    fn nothing_panics(text in ".{0,60}") {
        let _ = text.parse::<NetDevice>();
        let _ = text.parse::<Disk>();
        let _ = text.parse::<HostPci>();
        let _ = text.parse::<Smbios>();
        let _ = Size::read(&text);
    }
}

#[test]
fn blanks_around_values_are_not_lost_on_the_way() {
    let device: HostPci = "; 01:00.0 ;01:00.1,pcie=1".parse().unwrap();
    assert_eq!(device.to_string(), "01:00.0;01:00.1,pcie=1");
    assert!("; ".parse::<HostPci>().is_err());
    let disk: Disk = "file= local:x,size=1G".parse().unwrap();
    assert_eq!(disk.to_string().parse::<Disk>().unwrap(), disk);
}

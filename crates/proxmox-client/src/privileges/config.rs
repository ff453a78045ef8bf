//! What a change of a guest's configuration needs: it goes by the keys.

use std::collections::BTreeMap;

use proxmox_endpoints::{Call, Disk};

use super::Need;

/// The condition for the keys that are given, if this call changes a guest's
/// configuration and something is given.
pub(super) fn by_keys(call: &Call, given: &BTreeMap<String, String>) -> Option<Need> {
    let of_key: fn(&str, &str) -> Need = match call.name {
        "UpdateQemuConfig" | "ConfigureQemu" => qemu,
        "UpdateLxcConfig" => lxc,
        _ => return None,
    };
    let mut needs: Vec<Need> = Vec::new();
    for (name, value) in given {
        if call.is_in_path(name) {
            continue;
        }
        match name.as_str() {
            "digest" | "background_delay" | "force" => {}
            // The names of keys; taking one away needs what setting it does.
            "delete" | "revert" => {
                let keys = value.split([',', ';', ' ']).filter(|key| !key.is_empty());
                needs.extend(keys.map(|key| of_key(key, "")));
            }
            "skiplock" => needs.push(Need::Root),
            key => needs.push(of_key(key, value)),
        }
    }
    // One sentence for each privilege, however many keys need it.
    let mut once: Vec<Need> = Vec::new();
    for need in needs {
        if !once.contains(&need) {
            once.push(need);
        }
    }
    if once.iter().all(|need| *need == Need::Unknown) {
        // Nothing more is known than what opens the call at all.
        once.push(Need::read(call.permission));
    }
    Some(Need::All(once))
}

fn one_of(names: &[&str]) -> Need {
    Need::Privileges {
        path: "/vms/{vmid}".to_owned(),
        names: names
            .iter()
            .map(|name| format!("VM.Config.{name}"))
            .collect(),
        any: true,
        only_with: None,
    }
}

fn qemu(key: &str, value: &str) -> Need {
    match key.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "cores" | "sockets" | "vcpus" | "cpu" | "cpulimit" | "cpuunits" | "numa" => {
            one_of(&["CPU"])
        }
        "memory" | "balloon" | "shares" => one_of(&["Memory"]),
        "acpi" | "hotplug" | "kvm" | "machine" | "scsihw" | "smbios" | "tablet" | "vga"
        | "watchdog" | "audio" => one_of(&["HWType"]),
        "agent" | "autostart" | "description" | "keyboard" | "localtime" | "name" | "onboot"
        | "ostype" | "protection" | "reboot" | "startdate" | "tdf" | "template" => {
            one_of(&["Options"])
        }
        // Told differently; either may be what counts.
        "bios" => one_of(&["Options", "HWType"]),
        "boot" | "bootdisk" | "vmstatestorage" => one_of(&["Disk", "Options"]),
        "net" => one_of(&["Network"]),
        "cicustom" | "cipassword" | "citype" | "ciuser" | "ciupgrade" | "nameserver"
        | "searchdomain" | "sshkeys" | "ipconfig" => one_of(&["Cloudinit", "Network"]),
        "ide" | "sata" | "scsi" | "virtio" | "efidisk" | "tpmstate" => drive(value),
        "unused" => one_of(&["Disk"]),
        "args" | "lock" | "hookscript" => Need::Root,
        // Devices of the node, tags with rules of their own, what is new.
        _ => Need::Unknown,
    }
}

/// A drive, whose storage is looked at too.
fn drive(value: &str) -> Need {
    let privilege = match value.parse::<Disk>() {
        // Taken away, or not to be read: a disc or a disk.
        _ if value.is_empty() => one_of(&["Disk", "CDROM"]),
        Ok(disk) if disk.is_cdrom() => one_of(&["CDROM"]),
        Ok(_) => one_of(&["Disk"]),
        Err(_) => one_of(&["Disk", "CDROM"]),
    };
    Need::All(vec![privilege, Need::Unknown])
}

fn lxc(key: &str, _value: &str) -> Need {
    match key.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "cores" | "cpulimit" | "cpuunits" => one_of(&["CPU"]),
        "memory" | "swap" => one_of(&["Memory"]),
        "net" | "nameserver" | "searchdomain" | "hostname" => one_of(&["Network"]),
        "description" | "onboot" | "ostype" | "protection" | "startup" | "tty" | "console"
        | "cmode" | "arch" | "timezone" => one_of(&["Options"]),
        "rootfs" | "mp" => Need::All(vec![one_of(&["Disk"]), Need::Unknown]),
        "unused" => one_of(&["Disk"]),
        "lock" | "hookscript" => Need::Root,
        _ => Need::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Preflight;

    fn checked(call: &str, keys: &[(&str, &str)], held: &[&str]) -> Preflight {
        let call = proxmox_endpoints::call(call).unwrap();
        let path = [("node", "pve1"), ("vmid", "100")];
        let given = path.iter().chain(keys);
        let given = given.map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        let given: BTreeMap<_, _> = given.collect();
        let held: BTreeSet<String> = held.iter().map(|p| (*p).to_owned()).collect();
        let held = BTreeMap::from([("/vms/100".to_owned(), held)]);
        by_keys(call, &given).unwrap().check(&given, &held, false)
    }

    #[test]
    fn each_key_needs_its_own_privilege() {
        for (call, key, value, privilege) in [
            ("UpdateQemuConfig", "cores", "4", "VM.Config.CPU"),
            ("ConfigureQemu", "memory", "4096", "VM.Config.Memory"),
            ("ConfigureQemu", "net3", "virtio", "VM.Config.Network"),
            ("ConfigureQemu", "description", "x", "VM.Config.Options"),
            ("ConfigureQemu", "machine", "q35", "VM.Config.HWType"),
            ("ConfigureQemu", "delete", "balloon", "VM.Config.Memory"),
            ("ConfigureQemu", "scsi1", "fast:8", "VM.Config.Disk"),
            (
                "ConfigureQemu",
                "ide2",
                "local:iso/t.iso,media=cdrom",
                "VM.Config.CDROM",
            ),
            ("UpdateLxcConfig", "hostname", "x", "VM.Config.Network"),
            ("UpdateLxcConfig", "swap", "512", "VM.Config.Memory"),
        ] {
            let keys = &[(key, value), ("digest", "abc")];
            // Another of the kind opens the call, but not this key.
            let other = match privilege {
                "VM.Config.CDROM" => "VM.Config.CPU",
                _ => "VM.Config.CDROM",
            };
            let lacking = checked(call, keys, &[other]);
            assert_eq!(lacking.missing.len(), 1, "{key}: {lacking:?}");
            assert_eq!(lacking.missing[0].one_of, [privilege], "{key}");
            assert!(checked(call, keys, &[privilege]).allowed(), "{key}");
        }
    }

    #[test]
    fn what_is_not_known_says_so_and_what_is_roots_is_roots() {
        let tags = checked("ConfigureQemu", &[("tags", "a")], &["VM.Config.Options"]);
        assert!(tags.allowed() && tags.incomplete);
        assert!(!checked("ConfigureQemu", &[("tags", "a")], &[]).allowed());
        assert!(checked("ConfigureQemu", &[("args", "-x")], &["VM.Config.HWType"]).root_only);
        let nothing = checked("ConfigureQemu", &[], &["VM.Config.CPU"]);
        assert!(nothing.allowed() && !nothing.incomplete);
    }
}

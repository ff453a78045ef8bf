//! Which keys the config of a VM or a container has.

use super::super::params::Kind;
use super::property;

const BOOLS: &[&str] = &[
    "acpi",
    "allow-ksm",
    "autostart",
    "ciupgrade",
    "freeze",
    "keephugepages",
    "kvm",
    "localtime",
    "numa",
    "onboot",
    "protection",
    "reboot",
    "tablet",
    "tdf",
    "template",
];
const NUMBERS: &[(&str, i64)] = &[
    ("balloon", 0),
    ("cores", 1),
    ("cpuunits", 1),
    ("migrate_speed", 0),
    ("shares", 0),
    ("smp", 1),
    ("sockets", 1),
    ("vcpus", 1),
];
const WORDS: &[(&str, &[&str])] = &[
    ("arch", &["x86_64", "aarch64"]),
    ("bios", &["seabios", "ovmf"]),
    ("citype", &["configdrive2", "nocloud", "opennebula"]),
    ("hugepages", &["any", "2", "1024"]),
    (
        "lock",
        &[
            "backup",
            "clone",
            "create",
            "migrate",
            "rollback",
            "snapshot",
            "snapshot-delete",
            "suspending",
            "suspended",
        ],
    ),
    (
        "ostype",
        &[
            "other", "wxp", "w2k", "w2k3", "w2k8", "wvista", "win7", "win8", "win10", "win11",
            "l24", "l26", "solaris",
        ],
    ),
    (
        "scsihw",
        &[
            "lsi",
            "lsi53c810",
            "virtio-scsi-pci",
            "virtio-scsi-single",
            "megasas",
            "pvscsi",
        ],
    ),
];
const TEXTS: &[&str] = &[
    "affinity",
    "agent",
    "amd-sev",
    "args",
    "audio0",
    "boot",
    "bootdisk",
    "cdrom",
    "cicustom",
    "cipassword",
    "ciuser",
    "cpu",
    "description",
    "hookscript",
    "hotplug",
    "intel-tdx",
    "ivshmem",
    "keyboard",
    "machine",
    "nameserver",
    "rng0",
    "searchdomain",
    "smbios1",
    "spice_enhancements",
    "sshkeys",
    "startdate",
    "startup",
    "tags",
    "vga",
    "vmgenid",
    "vmstatestorage",
    "watchdog",
];
const INDEXED: &[(&str, u32)] = &[
    ("hostpci", 16),
    ("ide", 4),
    ("ipconfig", 32),
    ("numa", 8),
    ("parallel", 3),
    ("sata", 6),
    ("scsi", 31),
    ("serial", 4),
    ("unused", 256),
    ("usb", 14),
    ("virtio", 16),
    ("virtiofs", 10),
];

const LXC_BOOLS: &[&str] = &[
    "console",
    "debug",
    "onboot",
    "protection",
    "template",
    "unprivileged",
];
const LXC_NUMBERS: &[(&str, i64)] = &[
    ("cores", 1),
    ("cpuunits", 0),
    ("memory", 16),
    ("swap", 0),
    ("tty", 0),
];
const LXC_WORDS: &[(&str, &[&str])] = &[
    (
        "arch",
        &["amd64", "i386", "arm64", "armhf", "riscv32", "riscv64"],
    ),
    ("cmode", &["shell", "console", "tty"]),
    (
        "lock",
        &[
            "backup",
            "create",
            "destroyed",
            "disk",
            "fstrim",
            "migrate",
            "mounted",
            "rollback",
            "snapshot",
            "snapshot-delete",
        ],
    ),
    (
        "ostype",
        &[
            "debian",
            "devuan",
            "ubuntu",
            "centos",
            "fedora",
            "opensuse",
            "archlinux",
            "alpine",
            "gentoo",
            "nixos",
            "unmanaged",
        ],
    ),
];
const LXC_TEXTS: &[&str] = &[
    "description",
    "features",
    "hookscript",
    "nameserver",
    "rootfs",
    "searchdomain",
    "startup",
    "tags",
    "timezone",
];
const LXC_INDEXED: &[(&str, u32)] = &[("dev", 256), ("mp", 256), ("net", 32), ("unused", 256)];

/// What a key of a VM's config may be; `None` for one that it does not have.
pub(in super::super) fn qemu(key: &str) -> Option<Kind> {
    match key {
        "name" => return Some(Kind::Format(dns_name)),
        "memory" => return Some(Kind::Format(|text| property::memory(text).map(drop))),
        "cpulimit" | "migrate_downtime" => return Some(Kind::Number),
        _ => {}
    }
    if indexed(key, "net").is_some_and(|n| n < 32) {
        return Some(Kind::Property(|key, text| {
            property::network(key, text).map(drop)
        }));
    }
    if is_drive(key) {
        let limit = lookup(key, &[], &[], &[], &["efidisk0", "tpmstate0"], INDEXED);
        return limit.map(|_| Kind::Property(drive));
    }
    lookup(key, BOOLS, NUMBERS, WORDS, TEXTS, INDEXED)
}

/// Options of drives beside the volume.
const DRIVE_OPTIONS: &[&str] = &[
    "aio",
    "backup",
    "bps",
    "bps_rd",
    "bps_wr",
    "cache",
    "cyls",
    "detect_zeroes",
    "discard",
    "efitype",
    "file",
    "format",
    "heads",
    "import-from",
    "iops",
    "iops_rd",
    "iops_wr",
    "iothread",
    "mbps",
    "mbps_max",
    "mbps_rd",
    "mbps_wr",
    "media",
    "model",
    "ms-cert",
    "pre-enrolled-keys",
    "product",
    "queues",
    "replicate",
    "rerror",
    "ro",
    "scsiblock",
    "secs",
    "serial",
    "shared",
    "size",
    "snapshot",
    "ssd",
    "trans",
    "vendor",
    "version",
    "volume",
    "werror",
    "wwn",
];

fn drive(key: &str, text: &str) -> Result<(), String> {
    let parts = property::parse(text, "file");
    let bad = |what: String| Err(format!("invalid format - format error\n{key}.{what}\n"));
    if let Some(other) = parts.keys().find(|k| !DRIVE_OPTIONS.contains(&k.as_str())) {
        return bad(format!(
            "{other}: property is not defined in schema and the schema does not allow additional \
             properties"
        ));
    }
    if !parts.contains_key("file") && !parts.contains_key("volume") {
        return bad("file: property is missing and it is not optional".into());
    }
    Ok(())
}

/// What a key of a container's config may be.
pub(in super::super) fn lxc(key: &str) -> Option<Kind> {
    match key {
        "hostname" => Some(Kind::Format(dns_name)),
        "cpulimit" => Some(Kind::Number),
        _ => lookup(
            key,
            LXC_BOOLS,
            LXC_NUMBERS,
            LXC_WORDS,
            LXC_TEXTS,
            LXC_INDEXED,
        ),
    }
}

fn lookup(
    key: &str,
    bools: &[&str],
    numbers: &[(&str, i64)],
    words: &'static [(&'static str, &'static [&'static str])],
    texts: &[&str],
    series: &[(&str, u32)],
) -> Option<Kind> {
    if bools.contains(&key) {
        return Some(Kind::Bool);
    }
    if let Some((_, min)) = numbers.iter().find(|(name, _)| *name == key) {
        return Some(Kind::Int { min: *min });
    }
    if let Some((_, words)) = words.iter().find(|(name, _)| *name == key) {
        return Some(Kind::Word(words));
    }
    let counted = |(prefix, count): &(&str, u32)| indexed(key, prefix).is_some_and(|n| n < *count);
    (texts.contains(&key) || series.iter().any(counted)).then_some(Kind::Text)
}

/// The number in a key of a series: 3 in `net3`.
pub(in super::super) fn indexed(key: &str, prefix: &str) -> Option<u32> {
    let digits = key.strip_prefix(prefix)?;
    // No leading zeros, and no sign.
    let number: u32 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

/// Whether a VM's key names a disk or a drive.
pub(in super::super) fn is_drive(key: &str) -> bool {
    ["ide", "sata", "scsi", "virtio", "unused", "mp"]
        .iter()
        .any(|prefix| indexed(key, prefix).is_some())
        || ["efidisk0", "tpmstate0", "rootfs"].contains(&key)
}

/// Whether the value of a key is a number in JSON. Some were strings once and
/// stayed so.
pub(in super::super) fn is_number(key: &str) -> bool {
    BOOLS.contains(&key)
        || LXC_BOOLS.contains(&key)
        || key != "shares" && NUMBERS.iter().any(|(name, _)| *name == key)
        || ["swap", "tty"].contains(&key)
}

/// A host name: labels of letters, digits and inner dashes.
fn dns_name(text: &str) -> Result<(), String> {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if text.split('.').all(label) {
        Ok(())
    } else {
        Err("invalid format - value does not look like a valid DNS name\n".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_by_name_and_number() {
        assert!(qemu("scsi30").is_some());
        assert!(qemu("scsi31").is_none());
        assert!(qemu("scsi01").is_none());
        assert!(qemu("net0").is_some());
        assert!(qemu("bogus").is_none());
        assert!(lxc("rootfs").is_some());
        assert!(lxc("scsi0").is_none());
        assert!(is_number("cores") && !is_number("memory"));
    }

    #[test]
    fn names_are_host_names() {
        assert!(dns_name("vm-one.example").is_ok());
        assert!(dns_name("bad_name!").is_err());
        assert!(dns_name("-x").is_err());
    }
}

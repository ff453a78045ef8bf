//! From the wish to the server's configuration keys.

use proxmox_endpoints::Params;

use super::spec::TalosGuest;

/// Where the installed system is.
pub(super) const SYSTEM_DISK: &str = "scsi0";
/// Where the installer's disc is.
const INSTALLER: &str = "ide2";
/// Where the disc with the configuration is.
pub(super) const CONFIG_DISC: &str = "ide0";
/// Marks a guest that is not whole yet, so that a later run does not take it
/// for one that is.
pub(super) const UNFINISHED: &str = "talos-unfinished";

/// The name of a clone until it is configured. A label of its own in front, so
/// that it is a host name whenever `name` is one.
pub(super) fn unfinished_name(name: &str) -> String {
    format!("{UNFINISHED}.{name}")
}

/// What the system disk is made from.
#[derive(Clone, Copy, Debug)]
pub(super) enum From<'a> {
    /// Nothing: the disc installs.
    Iso(&'a str),
    /// A volume.
    Image(&'a str),
    /// The disks of a template.
    Template(u32),
}

impl TalosGuest {
    /// All keys of a new guest.
    pub(super) fn hardware(&self, from: From<'_>, unfinished: bool) -> Params {
        let disks = &self.disk_storage;
        let gib = self.disk_bytes >> 30;
        let system = match from {
            From::Iso(_) => format!("{disks}:{gib}"),
            From::Image(volume) => format!("{disks}:0,import-from={volume}"),
            From::Template(_) => String::new(),
        };
        let mut keys = Keys::default();
        self.common(&mut keys, unfinished);
        keys.set("bios", "ovmf");
        keys.set("machine", "q35");
        // No keys enrolled: with Microsoft's, Talos could not enrol its own.
        keys.set(
            "efidisk0",
            format!("{disks}:1,efitype=4m,pre-enrolled-keys=0"),
        );
        if self.tpm || self.secure_boot {
            keys.set("tpmstate0", format!("{disks}:1,version=v2.0"));
        }
        keys.set("ostype", "l26");
        keys.set("scsihw", "virtio-scsi-single");
        keys.set(SYSTEM_DISK, format!("{system},discard=on,iothread=1,ssd=1"));
        match from {
            From::Iso(volume) => {
                keys.set(INSTALLER, format!("{volume},media=cdrom"));
                keys.set("boot", format!("order={SYSTEM_DISK};{INSTALLER}"));
            }
            _ => keys.set("boot", format!("order={SYSTEM_DISK}")),
        }
        keys.set("serial0", "socket");
        self.extra(&mut keys);
        keys.params()
    }

    /// The keys that a clone gets on top of what its template has.
    pub(super) fn adjustments(&self, unfinished: bool) -> Params {
        let mut keys = Keys::default();
        self.common(&mut keys, unfinished);
        self.extra(&mut keys);
        keys.params()
    }

    /// What every guest gets, clones included.
    fn common(&self, keys: &mut Keys, unfinished: bool) {
        keys.set("name", self.name.as_str());
        keys.set("tags", self.tag_list(unfinished));
        keys.set("cores", self.cores.to_string());
        keys.set("cpu", self.cpu.as_str());
        keys.set("memory", (self.memory_bytes >> 20).to_string());
        // Talos has no use for memory that comes and goes.
        keys.set("balloon", "0");
        let mac = self.mac.as_ref().map(|mac| format!("={mac}"));
        let vlan = self.vlan.map(|vlan| format!(",tag={vlan}"));
        let card = format!(
            "virtio{},bridge={}{}",
            mac.unwrap_or_default(),
            self.bridge,
            vlan.unwrap_or_default()
        );
        keys.set("net0", card);
        keys.set("agent", "1");
        keys.set("onboot", if self.start_on_boot { "1" } else { "0" });
    }

    fn extra(&self, keys: &mut Keys) {
        for (key, value) in &self.extra {
            keys.set(key.as_str(), value.as_str());
        }
    }

    pub(super) fn tag_list(&self, unfinished: bool) -> String {
        let mut tags: Vec<&str> = self.tags.iter().map(String::as_str).collect();
        if unfinished {
            tags.push(UNFINISHED);
        }
        tags.join(";")
    }
}

/// Keys in order; what comes later wins.
#[derive(Default)]
struct Keys(Vec<(String, String)>);

impl Keys {
    fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        let (key, value) = (key.into(), value.into());
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key, value)),
        }
    }

    fn params(self) -> Params {
        self.0.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(params: &Params, key: &str) -> Option<String> {
        let mut found = params.iter().filter(|(k, _)| *k == key);
        let first = found.next().map(|(_, v)| v.to_owned());
        assert!(found.next().is_none(), "{key} twice");
        first
    }

    #[test]
    fn the_defaults_are_those_that_suit_talos() {
        let guest = TalosGuest::new("pve1", "cp-1", "local-lvm").vlan(20);
        let iso = guest.hardware(From::Iso("local:iso/talos.iso"), false);
        let of = |key: &str| value(&iso, key);
        assert_eq!(
            of("scsi0").unwrap(),
            "local-lvm:20,discard=on,iothread=1,ssd=1"
        );
        assert_eq!(of("ide2").unwrap(), "local:iso/talos.iso,media=cdrom");
        assert_eq!(of("boot").unwrap(), "order=scsi0;ide2");
        assert_eq!(of("net0").unwrap(), "virtio,bridge=vmbr0,tag=20");
        assert_eq!(
            of("efidisk0").unwrap(),
            "local-lvm:1,efitype=4m,pre-enrolled-keys=0"
        );
        assert_eq!(of("memory").unwrap(), "4096");
        assert_eq!(
            (of("tpmstate0"), of("tags").unwrap().as_str()),
            (None, "talos")
        );
    }

    #[test]
    fn a_users_own_key_wins() {
        let guest = TalosGuest::new("pve1", "cp-1", "zfs")
            .secure_boot(true)
            .mac("BC:24:11:00:00:01")
            .set("cpu", "host,flags=+aes")
            .set("hostpci0", "mapping=gpu,pcie=1");
        let image = guest.hardware(From::Image("local:import/t.qcow2"), true);
        let of = |key: &str| value(&image, key).unwrap();
        assert!(of("scsi0").starts_with("zfs:0,import-from=local:import/t.qcow2,"));
        assert_eq!(of("cpu"), "host,flags=+aes");
        assert_eq!(of("hostpci0"), "mapping=gpu,pcie=1");
        assert_eq!(of("tpmstate0"), "zfs:1,version=v2.0");
        assert_eq!(of("tags"), "talos;talos-unfinished");
        assert_eq!(of("net0"), "virtio=BC:24:11:00:00:01,bridge=vmbr0");
    }

    #[test]
    fn a_clone_keeps_its_templates_disks_and_firmware() {
        let guest = TalosGuest::new("pve1", "cp-1", "zfs");
        let keys = guest.adjustments(false);
        for kept in ["scsi0", "efidisk0", "bios", "boot"] {
            assert_eq!(value(&keys, kept), None);
        }
        assert_eq!(value(&keys, "cores").unwrap(), "2");
    }
}

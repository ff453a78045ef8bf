//! Machines that come into the lab with a Talos medium and nothing else.

use homelab_core::{Error, ErrorKind, Result};

use super::configure::maintenance_hostname;
use super::system::{PLAIN_SCHEMATIC, SystemImage, is_version};
use super::{Guest, GuestDisk, GuestKind, Nic, State, TalosNode, derive};

/// The version of a medium that does not say its own.
const NEWEST: &str = "v1.13.0";

/// A machine that boots a Talos medium.
#[derive(Clone, Debug)]
#[must_use]
pub struct Machine {
    /// How the lab calls it.
    pub name: String,
    /// The host that it is a guest of; none for a machine of its own.
    pub host: Option<String>,
    /// Talos version of the medium, such as `v1.13.0`.
    pub talos_version: String,
    /// Image factory schematic of the medium.
    pub schematic: String,
    /// Virtual CPUs.
    pub cores: u32,
    /// RAM in bytes.
    pub memory_bytes: u64,
    /// Size of its disk in bytes.
    pub disk_bytes: u64,
}

impl Machine {
    /// A machine with 2 CPUs, 4 GiB of RAM and a disk of 20 GiB on a host.
    pub fn on(host: &str, name: &str, talos_version: &str) -> Self {
        Machine {
            name: name.to_owned(),
            host: Some(host.to_owned()),
            talos_version: talos_version.to_owned(),
            schematic: PLAIN_SCHEMATIC.to_owned(),
            cores: 2,
            memory_bytes: 4 << 30,
            disk_bytes: 20 << 30,
        }
    }

    /// The same without a host under it.
    pub fn bare(name: &str, talos_version: &str) -> Self {
        Machine {
            host: None,
            ..Machine::on("", name, talos_version)
        }
    }
}

impl State {
    /// Adds a machine and switches it on: it boots its medium into maintenance
    /// mode, with an address that DHCP gives it.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken, `NotFound` for an unknown host,
    /// `FailedPrecondition` for one that is down, `InvalidArgument` for a
    /// version that is none.
    pub fn machine_add(&mut self, machine: &Machine) -> Result<()> {
        let name = machine.name.as_str();
        let fail = |kind, message: &str| Err(Error::new(kind, message).target(name));
        if !is_version(&machine.talos_version) {
            return fail(
                ErrorKind::InvalidArgument,
                "the version must be like v1.13.0",
            );
        }
        if self.node(name).is_some() || self.guests.iter().any(|g| g.name == name) {
            return fail(ErrorKind::AlreadyExists, "the name is taken");
        }
        let medium = SystemImage {
            image: format!("metal-amd64-{}.iso", machine.talos_version),
            version: machine.talos_version.clone(),
            schematic: machine.schematic.clone(),
            extensions: Vec::new(),
            broken: false,
        };
        let Some(host) = &machine.host else {
            let mut node = self.blank_node(name, medium, None);
            node.cpus = machine.cores;
            node.memory_bytes = machine.memory_bytes;
            self.nodes.push(node);
            self.begin_boot(name);
            return Ok(());
        };
        if self.host(host).is_none() {
            return fail(ErrorKind::NotFound, "the lab has no such host");
        }
        let vmid = (100..=u32::MAX)
            .find(|id| self.guest(*id).is_none())
            .unwrap_or(100);
        let mut guest = Guest {
            name: name.to_owned(),
            cores: machine.cores,
            memory_bytes: machine.memory_bytes,
            smbios_uuid: derive::uuid(self.seed, &format!("guest/{name}/smbios")),
            bios: "ovmf".into(),
            ..Guest::new(vmid, host, GuestKind::Qemu, self.now)
        };
        guest.nics.push(Nic {
            index: 0,
            model: "virtio".into(),
            mac: derive::mac(self.seed, &format!("guest/{name}/net0")),
            bridge: "vmbr0".into(),
            vlan: None,
            options: [].into(),
        });
        guest.disks.push(GuestDisk {
            slot: "scsi0".into(),
            storage: "local-lvm".into(),
            volume: guest.free_volume(),
            size_bytes: machine.disk_bytes,
            format: "raw".into(),
            base: None,
            options: [].into(),
        });
        guest.extra.insert(
            "ide2".into(),
            format!("local:iso/{},media=cdrom", medium.image),
        );
        let node = self.blank_node(name, medium, Some(&guest));
        guest.node = Some(name.to_owned());
        self.guest_add(guest)?;
        self.nodes.push(node);
        self.guest_start(vmid)
    }

    /// A guest starts: the Talos node in it boots. One that has none yet, and a
    /// Talos medium, becomes one.
    pub(super) fn boot_guest(&mut self, vmid: u32) {
        let Some(guest) = self.guest(vmid) else {
            return;
        };
        let medium = talos_medium(guest);
        if let Some(name) = guest.node.clone() {
            let (macs, uuid) = (
                guest.nics.first().map(|n| n.mac.clone()),
                guest.smbios_uuid.clone(),
            );
            let (cpus, memory) = (guest.cores, guest.memory_bytes);
            if let Some(node) = self.node_mut(&name) {
                // What was changed while it was off.
                node.vmid = Some(vmid);
                node.orphaned = false;
                node.medium = medium;
                node.mac = macs.unwrap_or_default();
                node.smbios_uuid = uuid;
                node.cpus = cpus;
                node.memory_bytes = memory;
            }
            self.begin_boot(&name);
            return;
        }
        let Some(medium) = medium.filter(|_| guest.kind == GuestKind::Qemu) else {
            return;
        };
        let free = |name: &String| self.node(name).is_none_or(|n| n.orphaned);
        let Some(name) = [guest.name.clone(), format!("{}-{vmid}", guest.name)]
            .into_iter()
            .find(free)
        else {
            return;
        };
        let mut node = self.blank_node(&name, medium, Some(guest));
        // The machine of that name before it is forgotten, but not its boots.
        if let Some(old) = self.nodes.iter().position(|n| n.name == name) {
            node.events = self.nodes.remove(old).events;
        }
        self.nodes.push(node);
        if let Some(guest) = self.guest_mut(vmid) {
            guest.node = Some(name.clone());
        }
        self.begin_boot(&name);
    }

    /// A node that knows nothing yet.
    fn blank_node(&self, name: &str, medium: SystemImage, guest: Option<&Guest>) -> TalosNode {
        let label = |what: &str| format!("node/{name}/{what}");
        let (address, prefix, gateway) = self.free_address();
        let uuid = guest.map_or_else(
            || derive::uuid(self.seed, &label("smbios")),
            |g| g.smbios_uuid.clone(),
        );
        let mac = guest.and_then(|g| g.nics.first()).map(|n| n.mac.clone());
        let kubernetes = self.nodes.first().map(|n| n.kubernetes_version.clone());
        TalosNode {
            hostname: maintenance_hostname(&uuid),
            address,
            prefix,
            lease: (address, prefix),
            gateway,
            vmid: guest.map(|g| g.vmid),
            talos_version: medium.version.clone(),
            kubernetes_version: kubernetes.unwrap_or_else(|| "v1.35.0".into()),
            schematic: medium.schematic.clone(),
            mac: mac.unwrap_or_else(|| derive::mac(self.seed, &label("mac"))),
            smbios_uuid: uuid,
            memory_bytes: guest.map_or(8 << 30, |g| g.memory_bytes),
            cpus: guest.map_or(4, |g| g.cores),
            identity: derive::hex(&derive::bytes(self.seed, &label("identity"))),
            medium: Some(medium),
            ..TalosNode::blank(name, self.now)
        }
    }
}

/// The Talos medium in a guest: a CD image, or what its disk was made from.
fn talos_medium(guest: &Guest) -> Option<SystemImage> {
    let discs = guest
        .extra
        .values()
        .filter(|value| value.contains("media=cdrom"))
        .filter_map(|value| value.split(',').next());
    let file = discs
        .chain(guest.imported.as_deref())
        .find(|file| is_talos(file))?;
    let version = file
        .split(['-', '_', '/', ':'])
        .map(|part| part.trim_end_matches(".iso"))
        .find_map(|part| {
            let number = part.trim_start_matches('v').splitn(4, '.').take(3);
            let text = format!("v{}", number.collect::<Vec<_>>().join("."));
            is_version(&text).then_some(text)
        });
    let schematic = file
        .split(|c: char| !c.is_ascii_alphanumeric())
        .find(|part| part.len() == 64 && part.bytes().all(|b| b.is_ascii_hexdigit()));
    Some(SystemImage {
        image: file.to_owned(),
        version: version.unwrap_or_else(|| NEWEST.to_owned()),
        schematic: schematic.unwrap_or(PLAIN_SCHEMATIC).to_owned(),
        extensions: Vec::new(),
        broken: false,
    })
}

/// Whether a file's name is one of those under which Talos comes.
fn is_talos(file: &str) -> bool {
    let file = file.to_ascii_lowercase();
    ["talos", "metal-amd64", "nocloud-amd64", "metal-arm64"]
        .iter()
        .any(|word| file.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_say_what_they_are() {
        let guest = |file: &str| {
            let mut guest =
                Guest::new(100, "a", GuestKind::Qemu, std::time::SystemTime::UNIX_EPOCH);
            let value = format!("local:iso/{file},media=cdrom,size=90M");
            guest.extra.insert("ide2".into(), value);
            talos_medium(&guest).map(|m| m.version)
        };
        assert_eq!(
            guest("talos-v1.12.4-metal-amd64.iso").as_deref(),
            Some("v1.12.4")
        );
        assert_eq!(guest("metal-amd64-1.13.2.iso").as_deref(), Some("v1.13.2"));
        assert_eq!(guest("metal-amd64.iso").as_deref(), Some(NEWEST));
        assert_eq!(guest("debian-13.iso"), None);
    }
}

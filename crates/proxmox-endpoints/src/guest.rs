//! What guests' values say beyond their fields.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{Disk, DiskMedia, QemuConfig, Smbios};

impl Disk {
    /// Whether this is a CD drive, with or without a disc in it.
    pub fn is_cdrom(&self) -> bool {
        self.media == Some(DiskMedia::Cdrom)
    }

    /// The storage that holds the volume; `None` for a path, an empty drive and
    /// a physical one.
    pub fn storage(&self) -> Option<&str> {
        self.volume
            .split_once(':')
            .map(|(storage, _)| storage)
            .filter(|storage| !storage.starts_with('/'))
    }
}

impl Smbios {
    fn text(&self, field: Option<&String>) -> Option<String> {
        let field = field?;
        if self.base64 != Some(true) {
            return Some(field.clone());
        }
        let bytes = STANDARD.decode(field).ok()?;
        String::from_utf8(bytes).ok()
    }

    /// The serial number, decoded.
    pub fn serial_text(&self) -> Option<String> {
        self.text(self.serial.as_ref())
    }

    /// The manufacturer, decoded.
    pub fn manufacturer_text(&self) -> Option<String> {
        self.text(self.manufacturer.as_ref())
    }

    /// The product, decoded.
    pub fn product_text(&self) -> Option<String> {
        self.text(self.product.as_ref())
    }
}

impl QemuConfig {
    /// The SMBIOS UUID in lower case, as the guest's own system reports it.
    pub fn smbios_uuid(&self) -> Option<String> {
        self.smbios
            .as_ref()?
            .uuid
            .as_ref()
            .map(|uuid| uuid.to_ascii_lowercase())
    }

    /// How many virtual CPUs the guest has at most: cores times sockets.
    pub fn cpu_count(&self) -> u32 {
        self.cores
            .unwrap_or(1)
            .saturating_mul(self.sockets.unwrap_or(1))
    }
}

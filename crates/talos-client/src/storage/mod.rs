//! Disks given back: wiped devices, LVM volumes and RAID arrays taken apart.
//!
//! All of it destroys data, so nothing here has a default target, and nothing is
//! tried twice. On a node that has a configuration all of it needs `os:admin`.

mod volumes;
mod wipe;

pub use wipe::{BlockDeviceWipe, WipeMethod};

use homelab_core::{Error, ErrorKind, Result};

/// What is to be destroyed is always named.
fn needed<'a>(what: &str, name: &'a str) -> Result<&'a str> {
    if name.trim().is_empty() {
        let message = format!("{what} must be named");
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    Ok(name)
}

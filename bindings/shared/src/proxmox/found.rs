//! `ProxmoxGuest`: a guest where it was found.

use homelab_core::Result;
use proxmox_client::{Guest, GuestKind, ProxmoxClient};

use super::place::Place;
use crate::handle::{Object, no_method};
use crate::reply::data;
use crate::{Args, Handle, Reply};

/// A guest where it was found.
#[derive(Clone)]
pub(crate) struct FoundGuest {
    place: Place,
    guest: Guest,
}

/// What `ProxmoxClient.guest` does.
pub(super) async fn find(pve: &ProxmoxClient, args: &mut Args) -> Result<Reply> {
    let guest = pve.guest(args.take("vmid")?).await?;
    // The guest's own client, which follows it.
    let place = Place::new(guest.client()).with("node", guest.node().to_owned());
    let place = place.with("vmid", guest.vmid().to_string());
    Ok(Handle::new(Object::ProxmoxGuest(FoundGuest { place, guest })).into())
}

pub(crate) fn guest(found: &FoundGuest, method: &str) -> Result<Reply> {
    match method {
        "vmid" => data(&found.guest.vmid()),
        "node" => data(found.guest.node()),
        "kind" => data(&match found.guest {
            Guest::Qemu(_) => GuestKind::Qemu,
            Guest::Lxc(_) => GuestKind::Lxc,
        }),
        "qemu" => {
            found.guest.clone().qemu()?;
            Ok(found.place.same(Object::ProxmoxQemu))
        }
        "lxc" => {
            found.guest.clone().lxc()?;
            Ok(found.place.same(Object::ProxmoxLxc))
        }
        _ => Err(no_method("ProxmoxGuest", method)),
    }
}

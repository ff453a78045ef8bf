//! What the contestants of `talos-ours` are compared with: the same work with as
//! little around it as there can be.
//!
//! `talos-bare NAME FOLDER`; the folder has certificates, address and talosconfig.
#![allow(clippy::unwrap_used, reason = "what cannot be measured must stop")]

mod fan_out;
mod snapshot;
mod tls;

use homelab_benches::contest::contestant;

fn main() {
    contestant(async |name, folder| match name {
        "fan-out" => fan_out::tonic(folder).await,
        "snapshot" => snapshot::to_disk(folder).await,
        other => panic!("no contestant {other}"),
    });
}

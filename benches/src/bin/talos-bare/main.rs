//! What the contestants of `talos-ours` are compared with: the same work with as
//! little around it as there can be.
//!
//! `talos-bare NAME FOLDER`; the folder has certificates, address and talosconfig.
#![allow(clippy::unwrap_used, reason = "what cannot be measured must stop")]

mod fan_out;
mod snapshot;
mod tls;

use std::path::Path;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, folder] = arguments.as_slice() else {
        panic!("the bench knows how to call this");
    };
    let folder = Path::new(folder);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        match name.as_str() {
            "fan-out" => fan_out::tonic(folder).await,
            "snapshot" => snapshot::to_disk(folder).await,
            other => panic!("no contestant {other}"),
        }
    });
}

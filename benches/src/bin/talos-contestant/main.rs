//! The contestants of `cargo bench --bench talos`, which runs them: a program of
//! their own, so that its memory is that of the client.
//!
//! `talos-contestant NAME FOLDER`; the folder has certificates, address and
//! talosconfig.
#![allow(clippy::unwrap_used, reason = "what cannot be measured must stop")]

mod fan_out;
mod follow;
mod snapshot;
mod tls;

use std::path::Path;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, folder] = arguments.as_slice() else {
        panic!("the bench knows how to call this");
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(contestant(name, Path::new(folder)));
}

async fn contestant(name: &str, folder: &Path) {
    match name {
        "snapshot-bare" => snapshot::bare(folder).await,
        "snapshot-ours" => snapshot::ours(folder).await,
        "fan-out-tonic" => fan_out::tonic(folder).await,
        "fan-out-ours" => fan_out::ours(folder).await,
        "watch" => follow::watch(folder).await,
        "logs" => follow::logs(folder).await,
        other => panic!("no contestant {other}"),
    }
}

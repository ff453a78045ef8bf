//! Our contestants of `cargo bench --bench talos`, which runs them: a program of
//! their own, so that its memory is that of the client.
//!
//! `talos-ours NAME FOLDER`; the folder has certificates, address and talosconfig.
#![allow(clippy::unwrap_used, reason = "what cannot be measured must stop")]

mod fan_out;
mod follow;
mod snapshot;

use std::path::Path;

use homelab_benches::contest::contestant;
use homelab_core::SecretString;
use talos_client::{ClientOptions, Context, TalosClient};

fn main() {
    contestant(async |name, folder| match name {
        "fan-out" => fan_out::version(folder).await,
        "snapshot" => snapshot::to_disk(folder).await,
        "watch" => follow::watch(folder).await,
        "logs" => follow::logs(folder).await,
        other => panic!("no contestant {other}"),
    });
}

/// A client for the one server whose address and certificates are in the folder.
async fn client(folder: &Path) -> TalosClient {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let key: SecretString = read("key.pem").into();
    let context = Context::new("bench", [read("address")]).with_certificate(
        &read("ca.pem"),
        &read("crt.pem"),
        &key,
    );
    let connected = TalosClient::connect(&context, ClientOptions::default()).await;
    connected.unwrap()
}

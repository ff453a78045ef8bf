//! A lab of four hosts with three control planes and a worker, and clients for it.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses a part of it"
)]

use std::time::Duration;

use homelab_core::{Error, ErrorKind};
use homelab_model::Inventory;
use homelab_sim::{ClientCert, Sim, SimOptions};
use talos_client::{ClientOptions, TalosClient, TalosConfig};

pub const CP1: &str = "172.16.1.50";
pub const CP2: &str = "172.16.1.51";
pub const CP3: &str = "172.16.1.52";
pub const WORKER: &str = "172.16.1.53";

const LAB: &str = "
name: test
hosts:
  - {name: pve1, address: 172.16.1.2, memory: 28GB}
  - {name: pve2, address: 172.16.1.3, memory: 28GB}
  - {name: pve3, address: 172.16.1.4, memory: 28GB}
  - {name: pve4, address: 172.16.1.5, memory: 64GB}
clusters:
  - name: kubernetes
    nodes:
      - {name: cp-1, role: control-plane, host: pve1, vmid: 101, address: 172.16.1.50, disks: [{storage: local-lvm, size: 50GB}]}
      - {name: cp-2, role: control-plane, host: pve2, vmid: 102, address: 172.16.1.51}
      - {name: cp-3, role: control-plane, host: pve3, vmid: 103, address: 172.16.1.52}
      - {name: worker-1, role: worker, host: pve4, vmid: 104, address: 172.16.1.53}
";

pub async fn lab() -> Sim {
    lab_with(SimOptions::default()).await
}

pub async fn lab_with(options: SimOptions) -> Sim {
    let none = |path: &str| Err(Error::new(ErrorKind::NotFound, path));
    let inventory = Inventory::parse("lab.yaml", LAB, &none).unwrap();
    Sim::start(&inventory, options).await.unwrap()
}

/// The same lab with another release of Talos, such as `v1.13.0`.
pub async fn lab_of(version: &str, options: SimOptions) -> Sim {
    let none = |path: &str| Err(Error::new(ErrorKind::NotFound, path));
    let named = "  - name: kubernetes\n";
    let text = LAB.replace(named, &format!("{named}    talos_version: {version}\n"));
    let inventory = Inventory::parse("lab.yaml", &text, &none).unwrap();
    Sim::start(&inventory, options).await.unwrap()
}

/// Short enough that a test which waits for a deadline is quick.
pub fn options() -> ClientOptions {
    ClientOptions::default()
        .connect_timeout(Duration::from_millis(700))
        .request_timeout(Duration::from_secs(5))
        .seed(1)
}

pub async fn client(sim: &Sim) -> TalosClient {
    client_with(sim, &ClientCert::admin(), options()).await
}

pub async fn client_with(sim: &Sim, cert: &ClientCert, options: ClientOptions) -> TalosClient {
    let config = config(sim, cert);
    TalosClient::connect(config.context(None).unwrap(), options)
        .await
        .unwrap()
}

pub fn config(sim: &Sim, cert: &ClientCert) -> TalosConfig {
    TalosConfig::parse("talosconfig", &sim.talosconfig(cert).unwrap()).unwrap()
}

/// Waits until `done`, for things that another task does.
pub async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..200 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

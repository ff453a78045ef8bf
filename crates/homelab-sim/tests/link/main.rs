//! Guest and Talos node are one machine: what is done to it over REST is seen
//! over gRPC, and the other way round.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "../talos/lab.rs"]
#[allow(dead_code, reason = "the raw gRPC clients of the other tests")]
mod lab;
#[path = "../sim/rest.rs"]
#[allow(dead_code, reason = "the raw REST client of the other tests")]
mod rest;

mod faults;
mod hardware;
mod hosts;
mod media;
mod power;

use std::time::Duration;

use homelab_core::{Error, ErrorKind};
use homelab_model::Inventory;
use homelab_sim::{Sim, SimOptions};
use serde_json::Value;
use talos_proto::cosi::resource as cosi;
use talos_proto::machine as pb;

const LAB: &str = "
name: linked
network: {subnet: 192.168.1.0/24, gateway: 192.168.1.1}
hosts:
  - {name: pve1, address: 192.168.1.2, memory: 32GB, osds: 1}
  - {name: pve2, address: 192.168.1.3, memory: 32GB, osds: 1}
  - {name: pve3, address: 192.168.1.4, memory: 32GB, osds: 1}
pools:
  - {name: vm-storage, kind: ceph-rbd, size: 3, min_size: 2}
clusters:
  - name: home
    vip: 192.168.1.49
    nodes:
      - {name: cp-1, role: control-plane, host: pve1, address: 192.168.1.50, vmid: 100}
      - {name: cp-2, role: control-plane, host: pve2, address: 192.168.1.51, vmid: 101}
      - {name: cp-3, role: control-plane, host: pve3, address: 192.168.1.52, vmid: 102}
      - {name: worker-1, role: worker, host: pve3, address: 192.168.1.53, vmid: 103, memory: 8GB, disks: [{storage: vm-storage, size: 100GB}]}
";

/// Three hosts, three control planes, a worker (guest 103 on pve3) on shared
/// storage; time stands still but for [`pass`].
async fn start() -> Sim {
    start_with(SimOptions::default()).await
}

async fn start_with(options: SimOptions) -> Sim {
    let nothing = |path: &str| Err(Error::new(ErrorKind::NotFound, path));
    let inventory = Inventory::parse("lab.yaml", LAB, &nothing).unwrap();
    let options = options.seed(1).clock(rest::paused());
    let sim = Sim::start(&inventory, options).await.unwrap();
    pass(&sim, 600);
    sim
}

fn pass(sim: &Sim, seconds: u64) {
    sim.advance(Duration::from_secs(seconds));
}

/// A call whose answer must be good: its data.
async fn ask(sim: &Sim, method: &str, path: &str, form: &str) -> Value {
    let mut host = rest::Rest::connect(sim, "pve1").await.unwrap();
    let reply = host.send_form(method, path, form).await.unwrap();
    let text = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status, 200, "{method} {path}: {text}");
    reply.data()
}

/// A task that is started, is given the time to end, and ends well.
async fn done(sim: &Sim, method: &str, path: &str, form: &str) {
    assert_eq!(ended(sim, method, path, form).await, "OK", "{path}");
}

/// How a task ends that is given the time to.
async fn ended(sim: &Sim, method: &str, path: &str, form: &str) -> String {
    let upid = ask(sim, method, path, form).await;
    let upid = upid.as_str().unwrap();
    pass(sim, 120);
    let node = upid.split(':').nth(1).unwrap();
    let path = format!("/nodes/{node}/tasks/{upid}/status");
    let task = ask(sim, "GET", &path, "").await;
    task["exitstatus"].as_str().unwrap().to_owned()
}

/// `status` of a guest as its host tells it.
async fn status(sim: &Sim, host: &str, vmid: u32) -> String {
    let path = format!("/nodes/{host}/qemu/{vmid}/status/current");
    let data = ask(sim, "GET", &path, "").await;
    data["status"].as_str().unwrap().to_owned()
}

async fn answers(sim: &Sim, node: &str) -> bool {
    lab::machine(sim, node).version(()).await.is_ok()
}

/// What changes with each boot and with nothing else.
async fn boot_id(sim: &Sim, node: &str) -> String {
    let path = "/proc/sys/kernel/random/boot_id".to_owned();
    let request = pb::ReadRequest { path };
    let stream = lab::machine(sim, node).read(request).await.unwrap();
    let frames = lab::all(stream).await;
    String::from_utf8(frames[0].bytes.to_vec()).unwrap()
}

/// The specs of all resources of a type, as the node writes them.
async fn specs(sim: &Sim, node: &str, namespace: &str, kind: &str) -> Vec<String> {
    let request = cosi::ListRequest {
        namespace: namespace.into(),
        r#type: kind.into(),
        options: None,
    };
    let stream = lab::state(sim, node).list(request).await.unwrap();
    let resources = lab::all(stream).await;
    let spec = |answer: cosi::ListResponse| answer.resource.unwrap().spec.unwrap().yaml_spec;
    resources.into_iter().map(spec).collect()
}

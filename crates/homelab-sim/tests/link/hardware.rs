//! What a guest is made of, as the node in it sees it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_sim::Sim;

use crate::{ask, done, pass, specs, start};

async fn links(sim: &Sim) -> String {
    let all = specs(sim, "worker-1", "network", "LinkStatuses.net.talos.dev").await;
    all.join("\n").to_lowercase()
}

async fn disks(sim: &Sim) -> String {
    let all = specs(sim, "worker-1", "runtime", "Disks.block.talos.dev").await;
    all.join("\n")
}

async fn machine(sim: &Sim) -> String {
    let kind = "SystemInformations.hardware.talos.dev";
    specs(sim, "worker-1", "hardware", kind).await.join("\n")
}

const CONFIG: &str = "/nodes/pve3/qemu/103/config";

#[tokio::test]
async fn cards_come_and_go_while_the_node_runs() {
    let sim = start().await;
    let config = ask(&sim, "GET", CONFIG, "").await;
    let first = config["net0"].as_str().unwrap().to_lowercase();
    let mac = first.split(['=', ',']).nth(1).unwrap();
    assert!(links(&sim).await.contains(mac), "{mac}");
    let card = "net1=virtio%3DBC:24:11:00:00:77,bridge%3Dvmbr0";
    ask(&sim, "PUT", CONFIG, card).await;
    assert!(links(&sim).await.contains("bc:24:11:00:00:77"));
    ask(&sim, "PUT", CONFIG, "delete=net1").await;
    let left = links(&sim).await;
    assert!(!left.contains("bc:24:11:00:00:77") && left.contains(mac));
}

#[tokio::test]
async fn a_disk_that_grows_and_a_new_one_are_seen() {
    let sim = start().await;
    let size = |bytes: u64| format!("size: {bytes}");
    let before = sim.world().read(|state| {
        let guest = state.guest(103).unwrap();
        guest
            .disks
            .first()
            .map(|disk| (disk.slot.clone(), disk.size_bytes))
    });
    let (slot, bytes) = before.unwrap();
    assert!(disks(&sim).await.contains(&size(bytes)));
    let form = format!("disk={slot}&size=%2B8G");
    done(&sim, "PUT", "/nodes/pve3/qemu/103/resize", &form).await;
    assert!(disks(&sim).await.contains(&size(bytes + (8 << 30))));
    let volumes = specs(
        &sim,
        "worker-1",
        "runtime",
        "DiscoveredVolumes.block.talos.dev",
    )
    .await;
    let whole = volumes.join("\n");
    assert!(whole.contains(&size(bytes + (8 << 30))), "{whole}");
    ask(&sim, "PUT", CONFIG, "scsi5=vm-storage:3").await;
    assert!(disks(&sim).await.contains(&size(3 << 30)));
}

#[tokio::test]
async fn smbios_is_read_at_the_next_start() {
    let sim = start().await;
    let uuid = "5b014d3f-22fd-4814-8f60-0cadcf10f089";
    let serial = STANDARD.encode("ds=nocloud;h=worker-1");
    let serial = serial.replace('=', "%3D");
    let form = format!("smbios1=uuid%3D{uuid},serial%3D{serial},base64%3D1");
    ask(&sim, "PUT", CONFIG, &form).await;
    assert!(
        !machine(&sim).await.contains(uuid),
        "it runs still as it began"
    );
    done(&sim, "POST", "/nodes/pve3/qemu/103/status/stop", "").await;
    done(&sim, "POST", "/nodes/pve3/qemu/103/status/start", "").await;
    pass(&sim, 600);
    let now = machine(&sim).await;
    assert!(now.contains(uuid), "{now}");
    assert!(now.contains("ds=nocloud;h=worker-1"), "{now}");
}

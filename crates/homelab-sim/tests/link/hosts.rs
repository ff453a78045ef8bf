//! Guests that move, and hosts that die.

use std::time::Duration;

use homelab_sim::{Fault, SimOptions};

use crate::{answers, ask, boot_id, done, pass, specs, start, start_with, status};

#[tokio::test]
async fn a_node_does_not_notice_that_its_guest_moves() {
    let sim = start().await;
    let before = boot_id(&sim, "worker-1").await;
    let path = "/nodes/pve3/qemu/103/migrate";
    done(&sim, "POST", path, "target=pve1&online=1").await;
    assert_eq!(status(&sim, "pve1", 103).await, "running");
    assert_eq!(boot_id(&sim, "worker-1").await, before);
    // From now on it lives and dies with the other host.
    sim.fault("pve3", Fault::PowerLoss).unwrap();
    pass(&sim, 5);
    assert!(answers(&sim, "worker-1").await);
    assert!(!answers(&sim, "cp-3").await);
}

#[tokio::test]
async fn ha_brings_a_node_back_elsewhere_and_it_is_the_same_machine() {
    let sim = start().await;
    ask(
        &sim,
        "POST",
        "/cluster/ha/resources",
        "sid=vm:103&state=started",
    )
    .await;
    pass(&sim, 60);
    let links = specs(&sim, "worker-1", "network", "LinkStatuses.net.talos.dev").await;
    let machine = specs(
        &sim,
        "worker-1",
        "hardware",
        "SystemInformations.hardware.talos.dev",
    )
    .await;
    let before = boot_id(&sim, "worker-1").await;
    sim.fault("pve3", Fault::PowerLoss).unwrap();
    pass(&sim, 119);
    let host = sim
        .world()
        .read(|state| state.guest(103).unwrap().host.clone());
    assert_eq!(host, "pve3", "HA waits until the host is fenced");
    assert!(!answers(&sim, "worker-1").await);
    pass(&sim, 300);
    let host = sim
        .world()
        .read(|state| state.guest(103).unwrap().host.clone());
    assert_ne!(host, "pve3");
    assert_eq!(status(&sim, &host, 103).await, "running");
    assert_ne!(boot_id(&sim, "worker-1").await, before);
    let now = specs(&sim, "worker-1", "network", "LinkStatuses.net.talos.dev").await;
    assert_eq!(now, links);
    let now = specs(
        &sim,
        "worker-1",
        "hardware",
        "SystemInformations.hardware.talos.dev",
    )
    .await;
    assert_eq!(now, machine);
}

#[tokio::test]
async fn how_long_fencing_takes_is_an_option() {
    let sim = start_with(SimOptions::default().fencing(Duration::from_secs(5))).await;
    let managed = "sid=vm:103&state=started";
    ask(&sim, "POST", "/cluster/ha/resources", managed).await;
    pass(&sim, 60);
    sim.fault("pve3", Fault::PowerLoss).unwrap();
    pass(&sim, 10);
    let host = sim
        .world()
        .read(|state| state.guest(103).unwrap().host.clone());
    assert_ne!(host, "pve3");
}

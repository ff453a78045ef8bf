//! Disks given back, against simulated nodes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod support;

use homelab_core::{ErrorKind, Sent};
use homelab_sim::world::{MdArray, VolumeGroup};
use homelab_sim::{ClientCert, SimOptions};
use support::{CP1, WORKER, client, client_with, lab, lab_of, options};
use talos_client::BlockDeviceWipe;

#[tokio::test]
async fn a_disk_in_use_is_not_wiped() {
    let sim = lab().await;
    sim.world().change(|s| {
        let mut disk = s.guest(101).unwrap().disks[0].clone();
        disk.slot = "scsi1".into();
        s.guest_mut(101).unwrap().disks.push(disk);
    });
    let talos = client(&sim).await;
    let node = talos.node(CP1);
    let wipe = async |device: &str| {
        node.wipe_block_devices(&[BlockDeviceWipe::new(device)])
            .await
    };
    wipe("/dev/sdb").await.unwrap();
    assert_eq!(
        wipe("sda").await.unwrap_err().kind(),
        ErrorKind::FailedPrecondition
    );
    assert_eq!(wipe("sdz").await.unwrap_err().kind(), ErrorKind::NotFound);
    let error = node.wipe_block_devices(&[]).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.was_sent()),
        (ErrorKind::InvalidArgument, Sent::No)
    );
    let reader = client_with(&sim, &ClientCert::role("os:reader"), options()).await;
    let denied = reader
        .node(CP1)
        .wipe_block_devices(&[BlockDeviceWipe::new("sdb")])
        .await;
    assert_eq!(denied.unwrap_err().kind(), ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn volumes_are_removed_from_above() {
    let sim = lab_of("v1.14.0", SimOptions::default()).await;
    sim.world().change(|s| {
        let volumes = &mut s.node_mut("worker-1").unwrap().volumes;
        volumes.groups.push(VolumeGroup {
            name: "vg0".into(),
            devices: vec!["sdb".into()],
            volumes: vec!["lv0".into()],
        });
        volumes.arrays.push(MdArray {
            device: "md0".into(),
            members: vec!["sdc".into(), "sdd".into()],
        });
    });
    let talos = client(&sim).await;
    let node = talos.node(WORKER);
    let error = node.remove_volume_group("vg0").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    node.remove_logical_volume("vg0", "lv0").await.unwrap();
    let error = node.remove_logical_volume("vg0", "lv0").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.target_name()),
        (ErrorKind::NotFound, Some(WORKER))
    );
    node.remove_volume_group("vg0").await.unwrap();
    node.remove_physical_volume("/dev/sdb").await.unwrap();
    node.destroy_md_array("md0").await.unwrap();
    for error in [
        node.remove_logical_volume("", "lv0").await.unwrap_err(),
        node.remove_volume_group(" ").await.unwrap_err(),
        node.remove_physical_volume("").await.unwrap_err(),
        node.destroy_md_array("").await.unwrap_err(),
    ] {
        assert_eq!(
            (error.kind(), error.was_sent()),
            (ErrorKind::InvalidArgument, Sent::No)
        );
    }

    let older = lab_of("v1.13.0", SimOptions::default()).await;
    let talos = client(&older).await;
    let error = talos
        .node(WORKER)
        .destroy_md_array("md0")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

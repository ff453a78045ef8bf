//! Disks, wiping, LVM and software RAID.

use homelab_sim::ClientCert;
use homelab_sim::world::{MdArray, UserVolume, VolumeGroup};
use talos_proto::machine as pb;
use talos_proto::machine::lvm_service_client::LvmServiceClient;
use talos_proto::machine::md_service_client::MdServiceClient;
use talos_proto::storage::storage_service_client::StorageServiceClient;
use talos_proto::storage::{BlockDeviceWipeDescriptor, BlockDeviceWipeRequest};
use tonic::Code;

use crate::lab;

#[tokio::test]
async fn a_disk_in_use_is_not_wiped() {
    let sim = lab::start().await;
    sim.world().change(|s| {
        let mut disk = s.guest(100).unwrap().disks[0].clone();
        for slot in ["scsi1", "scsi2"] {
            disk.slot = slot.into();
            s.guest_mut(100).unwrap().disks.push(disk.clone());
        }
        s.node_mut("cp-1").unwrap().volumes.user.push(UserVolume {
            name: "u-data".into(),
            device: "sdb".into(),
            mounted: true,
        });
    });
    let mut storage = StorageServiceClient::new(lab::channel(&sim, "cp-1", &ClientCert::admin()));
    let disks = storage.disks(()).await.unwrap().into_inner();
    let names: Vec<_> = disks.messages[0]
        .disks
        .iter()
        .map(|d| (d.device_name.as_str(), d.system_disk))
        .collect();
    assert_eq!(
        names,
        [("/dev/sda", true), ("/dev/sdb", false), ("/dev/sdc", false)]
    );
    let wipe = |device: &str, skip: bool| BlockDeviceWipeRequest {
        devices: vec![BlockDeviceWipeDescriptor {
            device: device.into(),
            skip_volume_check: skip,
            ..BlockDeviceWipeDescriptor::default()
        }],
    };
    for (device, skip, code) in [
        ("/dev/sdb", false, Code::InvalidArgument),
        ("sdz", false, Code::NotFound),
        ("sda", true, Code::FailedPrecondition),
        ("sdb", false, Code::FailedPrecondition),
    ] {
        let refused = storage.block_device_wipe(wipe(device, skip)).await;
        assert_eq!(lab::code(refused), code, "{device}");
    }
    storage.block_device_wipe(wipe("sdc", false)).await.unwrap();
    storage.block_device_wipe(wipe("sdb", true)).await.unwrap();
    assert!(
        sim.world()
            .read(|s| s.node("cp-1").unwrap().volumes.user.is_empty())
    );
    let reader = lab::channel(&sim, "cp-1", &ClientCert::role("os:operator"));
    let denied = StorageServiceClient::new(reader)
        .block_device_wipe(wipe("sdc", false))
        .await;
    assert_eq!(lab::code(denied), Code::PermissionDenied);
}

#[tokio::test]
async fn volumes_are_removed_from_above() {
    let sim = lab::start_version("v1.14.0").await;
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
    let channel = lab::channel(&sim, "worker-1", &ClientCert::admin());
    let mut lvm = LvmServiceClient::new(channel.clone());
    let group = pb::LvmServiceVolumeGroupRemoveRequest {
        volume_group: "vg0".into(),
    };
    let device = pb::LvmServicePhysicalVolumeRemoveRequest {
        device: "/dev/sdb".into(),
    };
    let volume = pb::LvmServiceLogicalVolumeRemoveRequest {
        volume_group: "vg0".into(),
        logical_volume: "lv0".into(),
    };
    let early = lvm.volume_group_remove(group.clone()).await;
    assert_eq!(lab::code(early), Code::FailedPrecondition);
    let early = lvm.physical_volume_remove(device.clone()).await;
    assert_eq!(lab::code(early), Code::FailedPrecondition);
    lvm.logical_volume_remove(volume.clone()).await.unwrap();
    let again = lvm.logical_volume_remove(volume).await;
    assert_eq!(lab::code(again), Code::NotFound);
    lvm.volume_group_remove(group).await.unwrap();
    lvm.physical_volume_remove(device).await.unwrap();

    let mut md = MdServiceClient::new(channel);
    let array = pb::MdDestroyRequest {
        device: "md0".into(),
    };
    md.destroy(array.clone()).await.unwrap();
    assert_eq!(lab::code(md.destroy(array).await), Code::NotFound);

    let older = lab::start_version("v1.13.0").await;
    let channel = lab::channel(&older, "worker-1", &ClientCert::admin());
    let absent = MdServiceClient::new(channel)
        .destroy(pb::MdDestroyRequest::default())
        .await;
    assert_eq!(lab::code(absent), Code::Unimplemented);
}

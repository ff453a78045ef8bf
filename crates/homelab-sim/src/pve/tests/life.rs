//! VMs that are made and changed.

use std::time::Duration;

use serde_json::json;

use super::{Accounts, Lab, quick, seed};
use crate::pve::PveOptions;
use crate::world::seed::StorageSeed;

/// The usual lab with a storage of files on each host.
pub(super) fn lab() -> Lab {
    let mut seed = seed();
    seed.storages.push(StorageSeed {
        id: "local".into(),
        kind: "dir".into(),
        content: vec![
            "images".into(),
            "rootdir".into(),
            "iso".into(),
            "backup".into(),
        ],
        shared: false,
        hosts: Vec::new(),
        pool: None,
        server: None,
        total_bytes: 100 << 30,
    });
    seed.storages.push(StorageSeed {
        id: "isos".into(),
        kind: "nfs".into(),
        content: vec!["iso".into()],
        shared: true,
        hosts: Vec::new(),
        pool: None,
        server: Some("192.0.2.9".into()),
        total_bytes: 100 << 30,
    });
    let options = PveOptions {
        task_duration: Duration::from_millis(60),
        ..quick()
    };
    Lab::with(&seed, Accounts::standard(1), options)
}

#[tokio::test]
async fn a_vm_is_made_from_its_config() {
    let lab = lab();
    let form = "vmid=150&name=vm-two&memory=1024&cores=4&scsi0=local%3A1%2Cformat%3Dqcow2%2C\
                iothread%3D1&ide2=local%3Acloudinit&net0=virtio%2Cbridge%3Dvmbr0%2Ctag%3D7&\
                tags=b%3Ba&agent=enabled%3D1&cipassword=secret&ostype=l26";
    let upid = lab.done(lab.post("/nodes/pve1/qemu", form).await).await;
    assert!(upid.contains(":qmcreate:150:"));
    let log = lab.log(&upid).await;
    assert!(
        log.contains(
            &"scsi0: successfully created disk 'local:150/vm-150-disk-0.qcow2,iothread=1,size=1G'"
                .to_owned()
        ),
        "{log:?}"
    );
    let config = lab.get("/nodes/pve1/qemu/150/config").await.data();
    assert_eq!(config["name"], "vm-two");
    assert_eq!(config["memory"], "1024");
    assert_eq!(config["cores"], 4);
    assert_eq!(config["tags"], "a;b");
    assert_eq!(config["boot"], "order=scsi0;net0");
    assert_eq!(
        config["ide2"],
        "local:150/vm-150-cloudinit.qcow2,media=cdrom"
    );
    assert_eq!(config["cipassword"], "**********");
    assert_eq!(config["agent"], "enabled=1");
    assert!(config["lock"].is_null());
    let net = config["net0"].as_str().unwrap();
    assert!(net.starts_with("virtio=BC:24:11:") && net.ends_with(",bridge=vmbr0,tag=7"));
    // What was not given is not told.
    for key in ["machine", "bios", "efidisk0", "sockets"] {
        assert!(config[key].is_null(), "{key}");
    }
    let rows = lab.get("/cluster/resources?type=vm").await.data();
    let row = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["vmid"] == 150);
    assert_eq!(row.unwrap()["status"], "stopped");
    let volumes = lab
        .get("/nodes/pve1/storage/local/content?vmid=150")
        .await
        .data();
    assert_eq!(volumes.as_array().unwrap().len(), 2);
    let volumes = lab
        .get("/nodes/pve2/storage/local/content?vmid=150")
        .await
        .data();
    assert!(
        volumes.as_array().unwrap().is_empty(),
        "another host's disk"
    );
}

#[tokio::test]
async fn bad_configs_are_refused_before_there_is_a_task() {
    let lab = lab();
    let post = async |form: &str| lab.post("/nodes/pve1/qemu", form).await;
    let taken = post("vmid=101").await;
    assert_eq!(
        taken.line(),
        "500 unable to create VM 101 - VM 101 already exists on node 'pve2'"
    );
    let errors = post("vmid=abc&memory=x&cores=-1&bogus=1&net0=nonsense").await;
    let errors = errors.json()["errors"].take();
    assert_eq!(
        errors["memory"],
        "invalid format - format error\nmemory.current: type check ('integer') failed - got 'x'\n"
    );
    assert_eq!(errors["cores"], "value must have a minimum value of 1");
    assert!(errors["net0"].as_str().unwrap().starts_with(
        "invalid format - format error\nnet0.model: value 'nonsense' does not have a value in the \
         enumeration 'e1000, "
    ));
    assert_eq!(errors.as_object().unwrap().len(), 5);
    let reply = post("vmid=150&name=bad_name%21").await;
    assert_eq!(
        reply.json()["errors"]["name"],
        "invalid format - value does not look like a valid DNS name\n"
    );
    let reply = post("vmid=150&scsi0=nope%3A1").await;
    assert_eq!(reply.line(), "500 storage 'nope' does not exist");
    let reply = post("vmid=150&scsi0=isos%3A1").await;
    assert_eq!(
        reply.json()["errors"]["storage"],
        "storage 'isos' does not support vm images"
    );
    let reply = post("vmid=150&ide2=isos%3Aiso%2Fnone.iso%2Cmedia%3Dcdrom").await;
    assert_eq!(
        reply.line(),
        "500 volume 'isos:iso/none.iso' does not exist"
    );
    let archive = "archive=local%3Abackup%2Fnone.vma.zst";
    let reply = post(&format!("vmid=101&{archive}")).await;
    assert_eq!(
        reply.line(),
        "500 unable to restore VM 101 - VM 101 already exists on node 'pve2'"
    );
    let reply = post(&format!("vmid=150&{archive}")).await;
    assert_eq!(
        reply.line(),
        "500 volume 'local:backup/none.vma.zst' does not exist"
    );
    let reply = post("vmid=150&pool=nope").await;
    assert_eq!(reply.line(), "500 pool 'nope' does not exist");
    let reply = post("vmid=150&args=-foo").await;
    assert_eq!(reply.line(), "500 only root can set 'args' config");
    assert!(lab.world().read(|state| state.guest(150).is_none()));
    assert_eq!(lab.get("/cluster/nextid?vmid=150").await.data(), "150");
    let reply = lab.get("/cluster/nextid?vmid=101").await;
    assert_eq!(reply.json()["errors"]["vmid"], "VM 101 already exists");
}

#[tokio::test]
async fn a_running_guest_keeps_changes_until_its_next_start() {
    let lab = lab();
    let path = "/nodes/pve1/qemu/100/config";
    let before = lab.get(path).await.data();
    let put = lab
        .put(path, "memory=4096&description=hot&delete=hostpci0")
        .await;
    assert!(put.data().is_null());
    let now = lab.get(&format!("{path}?current=1")).await.data();
    assert_eq!(
        (&now["memory"], &now["description"]),
        (&json!("2048"), &json!("hot"))
    );
    let next = lab.get(path).await.data();
    assert_eq!(next["memory"], "4096");
    assert!(next["hostpci0"].is_null());
    let pending = lab.get("/nodes/pve1/qemu/100/pending").await.data();
    let row = |key: &str| {
        let rows = pending.as_array().unwrap();
        rows.iter().find(|row| row["key"] == key).unwrap().clone()
    };
    assert_eq!(
        row("memory"),
        json!({ "key": "memory", "value": "2048", "pending": "4096" })
    );
    assert_eq!(row("hostpci0")["delete"], 1);

    lab.put(path, "revert=hostpci0").await.data();
    lab.done(lab.post("/nodes/pve1/qemu/100/status/reboot", "").await)
        .await;
    let after = lab.get(&format!("{path}?current=1")).await.data();
    assert_eq!(after["memory"], "4096");
    assert_eq!(after["hostpci0"], before["hostpci0"]);

    let reply = lab
        .put(path, &format!("name=x&digest={}", "0".repeat(40)))
        .await;
    assert_eq!(
        reply.line(),
        "500 checksum mismatch (file change by other user?)"
    );
    let digest = after["digest"].as_str().unwrap();
    lab.put(path, &format!("name=x&digest={digest}"))
        .await
        .data();
    let reply = lab.put(path, "delete=nokey").await;
    assert_eq!(reply.json()["errors"]["delete"], "unknown option 'nokey'");
    lab.put(path, "delete=balloon").await.data();
    let reply = lab.put(path, "lock=backup").await;
    assert_eq!(reply.line(), "500 only root can set 'lock' config");
    let reply = lab.put(path, "delete=lock&skiplock=1").await;
    assert_eq!(
        reply.json()["errors"]["skiplock"],
        "Only root may use this option."
    );
    let reply = lab.put(path, "onboot=true").await;
    assert_eq!(
        reply.json()["errors"]["onboot"],
        "type check ('boolean') failed - got 'true'"
    );
}

#[tokio::test]
async fn disks_come_and_go() {
    let lab = lab();
    let path = "/nodes/pve2/qemu/101";
    let config = async || lab.get(&format!("{path}/config")).await.data();
    let upid = lab
        .done(lab.post(&format!("{path}/config"), "scsi1=local%3A1").await)
        .await;
    assert_eq!(lab.log(&upid).await[0], "update VM 101: -scsi1 local:1");
    assert_eq!(
        config().await["scsi1"],
        "local:101/vm-101-disk-2.raw,size=1G"
    );
    lab.done(
        lab.put(&format!("{path}/resize"), "disk=scsi1&size=%2B1G")
            .await,
    )
    .await;
    assert_eq!(
        config().await["scsi1"],
        "local:101/vm-101-disk-2.raw,size=2G"
    );
    let upid = lab
        .put(&format!("{path}/resize"), "disk=scsi1&size=1G")
        .await
        .data();
    assert_eq!(lab.task(&upid).await, "shrinking disks is not supported");
    lab.put(&format!("{path}/config"), "delete=scsi1")
        .await
        .data();
    assert_eq!(config().await["unused0"], "local:101/vm-101-disk-2.raw");
    lab.put(
        &format!("{path}/config"),
        "scsi2=local%3A101%2Fvm-101-disk-2.raw",
    )
    .await
    .data();
    assert_eq!(
        config().await["scsi2"],
        "local:101/vm-101-disk-2.raw,size=2G"
    );
    assert!(config().await["unused0"].is_null());
    let form = "disk=scsi2&storage=vm-storage&delete=1";
    lab.done(lab.post(&format!("{path}/move_disk"), form).await)
        .await;
    assert_eq!(config().await["scsi2"], "vm-storage:vm-101-disk-3,size=2G");
    lab.put(&format!("{path}/unlink"), "idlist=scsi2&force=1")
        .await
        .data();
    assert!(config().await["scsi2"].is_null() && config().await["unused0"].is_null());
}

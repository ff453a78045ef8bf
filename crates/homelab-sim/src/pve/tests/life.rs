//! The life of a VM: made, changed, copied, moved, destroyed.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Accounts, Lab, quick, seed};
use crate::pve::PveOptions;
use crate::shared::Link;
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

#[tokio::test]
async fn templates_are_cloned_and_stay_while_clones_need_them() {
    let lab = lab();
    let reply = lab.post("/nodes/pve2/qemu/101/clone", "newid=100").await;
    assert_eq!(
        reply.line(),
        "500 unable to create VM 100: config file already exists"
    );
    let upid = lab
        .post("/nodes/pve2/qemu/101/clone", "newid=160&full=1&name=copy")
        .await
        .data();
    // While it is in the making it is locked.
    for _ in 0..100 {
        if lab.world().read(|state| state.guest(160).is_some()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let shell = lab.get("/nodes/pve2/qemu/160/config").await.data();
    assert_eq!(shell["lock"], "clone");
    assert_eq!(shell["description"], " qmclone temporary file");
    let reply = lab.put("/nodes/pve2/qemu/160/config", "name=x").await;
    assert_eq!(reply.line(), "500 VM is locked (clone)");
    assert_eq!(lab.task(&upid).await, "OK");
    let (copy, source) = (
        lab.get("/nodes/pve2/qemu/160/config").await.data(),
        lab.get("/nodes/pve2/qemu/101/config").await.data(),
    );
    assert_eq!(copy["name"], "copy");
    assert_ne!(copy["net0"], source["net0"]);
    assert_ne!(copy["smbios1"], source["smbios1"]);
    let log = lab.log(upid.as_str().unwrap()).await;
    assert_eq!(log[0], "creating a clone of VM 101 with ID 160");
    assert!(log.iter().any(|line| line.starts_with("transferred ")));

    lab.done(lab.post("/nodes/pve2/qemu/160/template", "").await)
        .await;
    let upid = lab
        .post("/nodes/pve2/qemu/160/status/start", "")
        .await
        .data();
    assert_eq!(
        lab.task(&upid).await,
        "you can't start a vm if it's a template"
    );
    // From a shared storage to any host.
    let form = "newid=161&name=linked&target=pve3";
    lab.done(lab.post("/nodes/pve2/qemu/160/clone", form).await)
        .await;
    let linked = lab.get("/nodes/pve3/qemu/161/config").await.data();
    assert_eq!(
        linked["scsi0"],
        "vm-storage:base-160-disk-0/vm-161-disk-0,iothread=1,size=100G"
    );
    let upid = lab.delete("/nodes/pve2/qemu/160").await.data();
    assert_eq!(
        lab.task(&upid).await,
        "base volume 'vm-storage:base-160-disk-0' is still in use by linked cloned"
    );
    lab.done(lab.delete("/nodes/pve3/qemu/161?purge=1").await)
        .await;
    lab.done(lab.delete("/nodes/pve2/qemu/160").await).await;
    assert!(lab.world().read(|state| state.guest(160).is_none()));
}

#[tokio::test]
async fn a_stopped_clone_leaves_nothing_behind() {
    let lab = lab();
    let upid = lab
        .post("/nodes/pve2/qemu/101/clone", "newid=160&full=1")
        .await
        .data();
    tokio::time::sleep(Duration::from_millis(10)).await;
    let path = format!("/nodes/pve2/tasks/{}", upid.as_str().unwrap());
    lab.delete(&path).await.data();
    assert_eq!(lab.task(&upid).await, "clone failed: received interrupt");
    for _ in 0..100 {
        if lab.world().read(|state| state.guest(160).is_none()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the target stayed");
}

#[tokio::test]
async fn snapshots_bring_the_past_back() {
    let lab = lab();
    let path = "/nodes/pve1/qemu/102";
    let upid = lab
        .done(
            lab.post(&format!("{path}/snapshot"), "snapname=s1&description=first")
                .await,
        )
        .await;
    assert_eq!(
        lab.log(&upid).await[0],
        "snapshotting 'drive-scsi0' (vm-storage:vm-102-disk-0)"
    );
    let upid = lab
        .post(&format!("{path}/snapshot"), "snapname=s1")
        .await
        .data();
    assert_eq!(lab.task(&upid).await, "snapshot name 's1' already used");
    let reply = lab.post(&format!("{path}/snapshot"), "snapname=s").await;
    assert_eq!(
        reply.json()["errors"]["snapname"],
        "invalid format - invalid configuration ID 's'\n"
    );
    lab.put(&format!("{path}/config"), "memory=4096&name=later")
        .await
        .data();
    lab.done(lab.post(&format!("{path}/snapshot"), "snapname=s2").await)
        .await;
    let rows = lab.get(&format!("{path}/snapshot")).await.data();
    assert_eq!(
        (&rows[0]["name"], &rows[1]["parent"], &rows[2]["parent"]),
        (&json!("s1"), &json!("s1"), &json!("s2"))
    );
    assert_eq!(rows[2]["description"], "You are here!");
    let old = lab.get(&format!("{path}/snapshot/s1/config")).await.data();
    assert_eq!(
        (&old["memory"], &old["description"]),
        (&json!("2048"), &json!("first"))
    );
    lab.done(lab.post(&format!("{path}/snapshot/s1/rollback"), "").await)
        .await;
    let config = lab.get(&format!("{path}/config")).await.data();
    assert_eq!(
        (&config["memory"], &config["name"]),
        (&json!("2048"), &json!("stopped"))
    );
    let upid = lab.delete(&format!("{path}/snapshot/s9")).await.data();
    assert_eq!(lab.task(&upid).await, "snapshot 's9' does not exist");
    lab.done(lab.delete(&format!("{path}/snapshot/s1")).await)
        .await;
    let rows = lab.get(&format!("{path}/snapshot")).await.data();
    assert_eq!(rows.as_array().unwrap().len(), 2);
    assert!(rows[0]["parent"].is_null());
}

#[tokio::test]
async fn a_paused_guest_falls_silent() {
    let lab = lab();
    let path = "/nodes/pve1/qemu/100/status";
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert_eq!(lab.cluster.0.shared.link("talos-1"), Link::Up);
    let upid = lab
        .done(lab.post(&format!("{path}/suspend"), "").await)
        .await;
    assert!(upid.contains(":qmpause:100:"));
    let current = lab.get(&format!("{path}/current")).await.data();
    assert_eq!(
        (&current["status"], &current["qmpstatus"]),
        (&json!("running"), &json!("paused"))
    );
    assert_eq!(lab.cluster.0.shared.link("talos-1"), Link::Stall);
    let reply = lab.post(&format!("{path}/shutdown"), "").await;
    assert_eq!(reply.line(), "500 VM is paused - cannot shutdown");
    lab.done(lab.post(&format!("{path}/resume"), "").await)
        .await;
    assert_eq!(lab.cluster.0.shared.link("talos-1"), Link::Up);
    lab.done(lab.post(&format!("{path}/suspend"), "todisk=1").await)
        .await;
    let config = lab.get("/nodes/pve1/qemu/100/config").await.data();
    assert_eq!(config["lock"], "suspended");
    let reply = lab.post(&format!("{path}/resume"), "").await;
    assert_eq!(reply.line(), "500 VM 100 not running");
    lab.done(lab.post(&format!("{path}/start"), "").await).await;
    let config = lab.get("/nodes/pve1/qemu/100/config").await.data();
    assert!(config["lock"].is_null());
}

#[tokio::test]
async fn migration_moves_the_guest_and_its_node_lives_on() {
    let lab = lab();
    let path = "/nodes/pve1/qemu/100";
    tokio::time::sleep(Duration::from_millis(30)).await;
    let stopped = lab.get("/nodes/pve1/qemu/102/migrate").await.data();
    assert_eq!(stopped["allowed_nodes"], json!(["pve2", "pve3"]));
    assert_eq!(stopped["local_disks"], json!([]));
    let running = lab.get(&format!("{path}/migrate")).await.data();
    assert_eq!(running["local_resources"], json!(["hostpci0"]));
    assert!(running["allowed_nodes"].is_null());
    let migrate = async |form: &str| lab.post(&format!("{path}/migrate"), form).await;
    assert_eq!(
        migrate("target=pve1").await.json()["errors"]["target"],
        "target is local node."
    );
    assert_eq!(
        migrate("target=pve9").await.line(),
        "500 no such cluster node 'pve9'"
    );
    assert_eq!(
        migrate("target=pve2").await.line(),
        "500 can't migrate running VM without --online"
    );
    assert!(
        migrate("target=pve2&online=1")
            .await
            .reason
            .contains("local devices: hostpci0")
    );
    lab.world()
        .change(|state| state.guest_mut(100).unwrap().hostpci.clear());
    let booted = lab
        .world()
        .read(|state| state.node("talos-1").unwrap().booted_at);
    let upid = migrate("target=pve2&online=1").await.data();
    tokio::time::sleep(Duration::from_millis(15)).await;
    let reply = lab.put(&format!("{path}/config"), "name=x").await;
    assert_eq!(reply.line(), "500 VM is locked (migrate)");
    assert_eq!(lab.task(&upid).await, "OK");
    let log = lab.log(upid.as_str().unwrap()).await;
    assert!(log[0].ends_with("starting migration of VM 100 to node 'pve2' (192.0.2.12)"));
    assert!(
        log.iter()
            .any(|line| line.ends_with("migration status: completed"))
    );
    for host in ["pve1", "pve2", "pve3"] {
        let rows = lab
            .call(host, "GET", "/cluster/resources?type=vm", "")
            .await
            .data();
        let row = rows
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["vmid"] == 100)
            .cloned();
        let row = row.unwrap();
        assert_eq!(
            (&row["node"], &row["status"]),
            (&json!("pve2"), &json!("running"))
        );
    }
    assert_eq!(lab.cluster.0.shared.link("talos-1"), Link::Up);
    let now = lab
        .world()
        .read(|state| state.node("talos-1").unwrap().booted_at);
    assert_eq!(booted, now, "it did not boot again");
    // From now on the other host's death is its own.
    lab.world()
        .host_down("pve2", crate::world::Down::Refuse)
        .unwrap();
    assert_eq!(lab.cluster.0.shared.link("talos-1"), Link::Refuse);
}

#[tokio::test]
async fn migration_takes_as_long_as_there_is_memory() {
    let options = PveOptions {
        task_duration: Duration::from_millis(1),
        migration_bytes_per_second: 8 << 30,
        ..quick()
    };
    let lab = Lab::with(&seed(), Accounts::standard(1), options);
    let start = Instant::now();
    let form = "target=pve3&online=1";
    lab.done(lab.post("/nodes/pve2/qemu/101/migrate", form).await)
        .await;
    // 2 GiB at 8 GiB a second.
    assert!(start.elapsed() >= Duration::from_millis(250));
}

#[tokio::test]
async fn destroying_a_guest_ends_its_node() {
    let lab = lab();
    tokio::time::sleep(Duration::from_millis(30)).await;
    let reply = lab.delete("/nodes/pve1/qemu/100").await;
    assert_eq!(reply.line(), "500 VM 100 is running - destroy failed");
    let reply = lab.delete("/nodes/pve1/qemu/999").await;
    assert!(reply.reason.ends_with("999.conf' does not exist"));
    lab.done(lab.post("/nodes/pve1/qemu/100/status/stop", "").await)
        .await;
    lab.put("/nodes/pve1/qemu/100/config", "protection=1")
        .await
        .data();
    let reply = lab.delete("/nodes/pve1/qemu/100").await;
    assert_eq!(
        reply.line(),
        "500 can't remove VM 100 - protection mode enabled"
    );
    lab.put("/nodes/pve1/qemu/100/config", "protection=0")
        .await
        .data();
    lab.done(lab.delete("/nodes/pve1/qemu/100?purge=1").await)
        .await;
    assert_eq!(lab.cluster.0.shared.link("talos-1"), Link::Refuse);
    // What comes after it under the same number is another machine.
    lab.done(lab.post("/nodes/pve1/qemu", "vmid=100&start=1").await)
        .await;
    assert!(
        lab.world()
            .read(|state| state.guest(100).unwrap().running())
    );
    assert_eq!(lab.cluster.0.shared.link("talos-1"), Link::Refuse);
    let reply = lab.delete("/nodes/pve1/qemu/102").await;
    assert!(
        reply
            .reason
            .contains("used in HA resources and purge parameter not set")
    );
    lab.done(lab.delete("/nodes/pve1/qemu/102?purge=1").await)
        .await;
    assert!(lab.world().read(|state| state.ha.resources.is_empty()));
}

#[tokio::test]
async fn without_quorum_nothing_is_made_or_moved() {
    let lab = lab();
    for host in ["pve2", "pve3"] {
        lab.world()
            .host_down(host, crate::world::Down::Refuse)
            .unwrap();
    }
    let none = "500 cluster not ready - no quorum?";
    assert_eq!(lab.post("/nodes/pve1/qemu", "vmid=150").await.line(), none);
    let path = "/nodes/pve1/qemu/100";
    assert_eq!(
        lab.post(&format!("{path}/clone"), "newid=150").await.line(),
        none
    );
    assert_eq!(
        lab.post(&format!("{path}/migrate"), "target=pve2")
            .await
            .line(),
        none
    );
    assert_eq!(lab.get(&format!("{path}/migrate")).await.line(), none);
    let reply = lab.put(&format!("{path}/config"), "description=x").await;
    assert!(
        reply
            .reason
            .starts_with("unable to open file '/etc/pve/nodes/pve1/qemu-server/100.conf.tmp.")
    );
    assert!(reply.reason.ends_with(" - Permission denied"));
}

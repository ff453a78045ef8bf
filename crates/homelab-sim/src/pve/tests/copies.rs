//! VMs that are copied, taken back in time, paused, moved and destroyed.

use std::time::{Duration, Instant};

use serde_json::json;

use super::life::lab;
use super::{Accounts, Lab, quick, seed};
use crate::pve::PveOptions;
use crate::shared::Link;

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

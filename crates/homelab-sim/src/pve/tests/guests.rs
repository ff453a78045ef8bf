//! Guests: config, power, tasks, agent.

use std::time::Duration;

use serde_json::json;

use super::Lab;
use crate::faults::Fault;

#[tokio::test]
async fn configs_identify_the_guest() {
    let lab = Lab::start();
    let config = lab.get("/nodes/pve1/qemu/100/config").await.data();
    let (uuid, mac) = lab.world().read(|state| {
        let guest = state.guest(100).unwrap();
        (guest.smbios_uuid.clone(), guest.nics[0].mac.to_uppercase())
    });
    assert_eq!(config["smbios1"], format!("uuid={uuid}"));
    assert_eq!(config["net0"], format!("virtio={mac},bridge=vmbr0"));
    assert_eq!(
        config["scsi0"],
        "vm-storage:vm-100-disk-0,iothread=1,size=100G"
    );
    assert!(
        config["efidisk0"]
            .as_str()
            .unwrap()
            .starts_with("vm-storage:vm-100-disk-1,")
    );
    assert_eq!(config["hostpci0"], "0000:00:02.0,pcie=1");
    assert_eq!(
        (&config["memory"], &config["agent"]),
        (&json!("2048"), &json!("1"))
    );
    assert_eq!(config["cores"], 2);
    assert_eq!(config["digest"].as_str().unwrap().len(), 40);
    let lxc = lab.get("/nodes/pve1/lxc/200/config").await.data();
    assert_eq!(
        (&lxc["hostname"], &lxc["memory"]),
        (&json!("dns"), &json!(2048))
    );
    // On another host it is as good as missing.
    let reply = lab.get("/nodes/pve2/qemu/100/config").await;
    assert!(
        reply
            .reason
            .contains("nodes/pve2/qemu-server/100.conf' does not exist")
    );
}

#[tokio::test]
async fn power_changes_through_tasks() {
    let lab = Lab::start();
    let post = async |path: &str| lab.call("pve2", "POST", path, "").await;
    let upid = post("/nodes/pve1/qemu/100/status/shutdown").await.data();
    let text = upid.as_str().unwrap();
    assert!(text.starts_with("UPID:pve1:") && text.ends_with(":qmshutdown:100:root@pam!sim:"));
    let path = format!("/nodes/pve1/tasks/{text}");
    let status = lab.get(&format!("{path}/status")).await.data();
    assert_eq!(status["status"], "running");
    assert!(status["exitstatus"].is_null());
    assert_eq!(
        (&status["user"], &status["tokenid"]),
        (&json!("root@pam"), &json!("sim"))
    );
    let log = lab.get(&format!("{path}/log")).await.data();
    assert_eq!(log, json!([{ "n": 1, "t": "no content" }]));
    let active = lab.get("/nodes/pve1/tasks?source=active").await.data();
    assert_eq!(active[0]["status"], "RUNNING");
    assert_eq!(lab.task(&upid).await, "OK");
    let log = lab.get(&format!("{path}/log?limit=0")).await.json();
    assert_eq!(
        (&log["data"][0]["t"], &log["total"]),
        (&json!("TASK OK"), &json!(1))
    );
    let current = lab.get("/nodes/pve1/qemu/100/status/current").await.data();
    assert_eq!(current["status"], "stopped");
    assert!(
        lab.world()
            .read(|s| !s.node("talos-1").unwrap().reachable())
    );

    let upid = post("/nodes/pve1/qemu/100/status/start").await.data();
    assert_eq!(lab.task(&upid).await, "OK");
    let upid = post("/nodes/pve1/qemu/100/status/start").await.data();
    assert_eq!(lab.task(&upid).await, "VM 100 already running");
    let path = format!("/nodes/pve1/tasks/{}/log", upid.as_str().unwrap());
    let log = lab.get(&path).await.data();
    assert_eq!(log[0]["t"], "TASK ERROR: VM 100 already running");
    let tasks = lab.get("/nodes/pve1/tasks?errors=1").await.data();
    assert_eq!(tasks[0]["status"], "VM 100 already running");
    assert_eq!(
        lab.get("/cluster/tasks")
            .await
            .data()
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[tokio::test]
async fn mistakes_fail_in_the_task_or_at_once() {
    let lab = Lab::start();
    let post = async |path: &str| lab.call("pve1", "POST", path, "").await;
    let upid = post("/nodes/pve1/qemu/999/status/start").await.data();
    let missing = "Configuration file 'nodes/pve1/qemu-server/999.conf' does not exist";
    assert_eq!(lab.task(&upid).await, missing);
    let reply = post("/nodes/pve1/qemu/102/status/reset").await;
    assert_eq!(reply.line(), "500 VM 102 not running");
    let reply = post("/nodes/pve1/lxc/200/status/start").await;
    assert_eq!(reply.line(), "500 CT 200 already running");
    lab.world()
        .change(|s| s.guest_mut(101).unwrap().lock = Some("backup".into()));
    let upid = post("/nodes/pve2/qemu/101/status/stop").await.data();
    assert_eq!(lab.task(&upid).await, "VM is locked (backup)");
    lab.cluster.0.shared.faults.add("pve1", Fault::TaskFailure);
    let upid = post("/nodes/pve1/qemu/100/status/stop").await.data();
    assert!(lab.task(&upid).await.starts_with("start failed"));
}

#[tokio::test]
async fn a_managed_guest_follows_its_task_later() {
    let lab = Lab::start();
    let upid = lab
        .call("pve1", "POST", "/nodes/pve1/qemu/102/status/start", "")
        .await
        .data();
    assert!(upid.as_str().unwrap().contains(":hastart:102:"));
    assert_eq!(lab.task(&upid).await, "OK");
    for _ in 0..100 {
        if lab.world().read(|s| s.guest(102).unwrap().running()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never started");
}

#[tokio::test]
async fn a_task_can_be_stopped_and_is_known_to_its_host_only() {
    let lab = Lab::start();
    let upid = lab
        .call("pve1", "POST", "/nodes/pve1/qemu/100/status/stop", "")
        .await
        .data();
    let text = upid.as_str().unwrap();
    let reply = lab
        .call("pve1", "DELETE", &format!("/nodes/pve1/tasks/{text}"), "")
        .await;
    assert!(reply.data().is_null());
    assert_eq!(lab.task(&upid).await, "received interrupt");
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(
        lab.world().read(|s| s.guest(100).unwrap().running()),
        "the work was not done"
    );

    let other = lab.get(&format!("/nodes/pve2/tasks/{text}/status")).await;
    assert_eq!(other.json()["errors"]["upid"], "no such task");
    let log = lab
        .get(&format!("/nodes/pve2/tasks/{text}/log"))
        .await
        .data();
    assert_eq!(
        log[0]["t"],
        "unable to open file - No such file or directory"
    );
    let reply = lab.get("/nodes/pve1/tasks/nonsense/status").await;
    assert_eq!(
        reply.json()["errors"]["upid"],
        "unable to parse worker upid"
    );
}

#[tokio::test]
async fn the_agent_answers_or_says_why_not() {
    let lab = Lab::start();
    let agent = async |node: &str, vmid: u32| {
        lab.get(&format!(
            "/nodes/{node}/qemu/{vmid}/agent/network-get-interfaces"
        ))
        .await
    };
    // A booting node needs a moment.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let result = agent("pve1", 100).await.data()["result"].take();
    assert_eq!(result[1]["ip-addresses"][0]["ip-address"], "192.0.2.50");
    assert_eq!(
        agent("pve2", 101).await.line(),
        "500 No QEMU guest agent configured"
    );
    assert_eq!(agent("pve1", 102).await.line(), "500 VM 102 is not running");
    lab.world()
        .change(|s| s.node_mut("talos-1").unwrap().extensions.clear());
    assert_eq!(
        agent("pve1", 100).await.line(),
        "500 QEMU guest agent is not running"
    );
}

#[tokio::test]
async fn storages_list_the_guests_disks() {
    let lab = Lab::start();
    let disks = lab
        .get("/nodes/pve2/storage/vm-storage/content?vmid=100")
        .await
        .data();
    assert_eq!(disks[0]["volid"], "vm-storage:vm-100-disk-0");
    assert_eq!(disks[0]["size"], 100_u64 << 30);
    let reply = lab.get("/nodes/pve1/storage/nope/content").await;
    assert_eq!(reply.line(), "500 storage 'nope' does not exist");
    let reply = lab.get("/nodes/pve1/storage/nope/status").await;
    assert_eq!(reply.json()["errors"]["storage"], "No such storage.");
}

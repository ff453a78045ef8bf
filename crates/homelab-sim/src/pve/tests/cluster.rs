//! What the cluster tells about itself, in good and bad days.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Accounts, Lab, quick, seed};
use crate::world::Down;
use crate::world::seed::GuestSeed;

fn find<'v>(rows: &'v Value, key: &str, value: &str) -> &'v Value {
    let rows = rows.as_array().unwrap();
    rows.iter()
        .find(|row| row[key] == value)
        .unwrap_or_else(|| panic!("{key} {value}: {rows:?}"))
}

#[tokio::test]
async fn numbers_are_text_where_real_hosts_send_text() {
    let lab = Lab::start();
    assert_eq!(lab.get("/cluster/nextid").await.data(), "103");
    assert_eq!(
        lab.get("/cluster/nextid?vmid=100").await.json()["errors"]["vmid"],
        "VM 100 already exists"
    );
    let join = lab.get("/cluster/config/join").await.data();
    assert_eq!(join["nodelist"][0]["quorum_votes"], "1");
    assert_eq!(
        join["nodelist"][0]["pve_fp"],
        json!(lab.cluster.fingerprint("pve1"))
    );
    let status = lab.get("/nodes/pve1/status").await.data();
    assert!(status["loadavg"][0].is_string() && status["cpuinfo"]["mhz"].is_string());
    assert!(status["memory"]["total"].is_number());
    let version = lab.get("/version").await.data();
    assert_eq!(
        (&version["version"], &version["release"]),
        (&json!("9.2.11"), &json!("9.2"))
    );
}

#[tokio::test]
async fn resources_have_rows_of_all_kinds() {
    let lab = Lab::start();
    let rows = lab.get("/cluster/resources").await.data();
    let guest = find(&rows, "id", "qemu/100");
    assert_eq!(guest["status"], "running");
    assert_eq!(guest["tags"], "talos;worker");
    assert_eq!(find(&rows, "id", "lxc/200")["type"], "lxc");
    assert_eq!(find(&rows, "id", "storage/pve3/vm-storage")["shared"], 1);
    find(&rows, "id", "network/pve1/zone/localnetwork");
    let only = lab.get("/cluster/resources?type=vm").await.data();
    assert_eq!(only.as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_dead_host_is_seen_by_the_others() {
    let lab = Lab::start();
    lab.world().host_down("pve1", Down::Refuse).unwrap();
    assert!(lab.connect("pve1").await.is_err());
    let get = async |path: &str| lab.call("pve2", "GET", path, "").await;
    let rows = get("/cluster/resources").await.data();
    let guest = find(&rows, "id", "qemu/100");
    assert_eq!(guest["status"], "unknown");
    assert!(guest["maxmem"].is_null() && guest["name"].is_null());
    let host = find(&rows, "id", "node/pve1");
    assert_eq!(host["status"], "offline");
    assert!(host["mem"].is_null() && host["maxmem"].is_number());
    let status = get("/cluster/status").await.data();
    assert_eq!(find(&status, "name", "pve1")["online"], 0);
    assert_eq!(find(&status, "type", "cluster")["quorate"], 1);
    assert_eq!(find(&status, "name", "pve2")["local"], 1);

    let reply = get("/nodes/pve1/status").await;
    assert_eq!(
        (reply.line().as_str(), reply.body.as_str()),
        ("595 Connection refused", "")
    );
    let reply = get("/nodes/nowhere/status").await;
    assert!(
        reply
            .reason
            .starts_with("hostname lookup 'nowhere' failed - ")
    );

    lab.world().host_up("pve1").unwrap();
    let mut back = lab.connect("pve1").await;
    for _ in 0..100 {
        if back.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        back = lab.connect("pve1").await;
    }
    assert!(back.is_ok());
}

#[tokio::test]
async fn ceph_degrades_with_its_hosts() {
    let lab = Lab::start();
    let get = async |path: &str| lab.call("pve3", "GET", path, "").await;
    let status = get("/cluster/ceph/status").await.data();
    assert_eq!(status["health"]["status"], "HEALTH_OK");
    assert_eq!(status["osdmap"]["num_up_osds"], 3);
    assert_eq!(
        status["pgmap"]["pgs_by_state"][0]["state_name"],
        "active+clean"
    );

    lab.world().host_down("pve1", Down::Refuse).unwrap();
    let status = get("/nodes/pve3/ceph/status").await.data();
    assert_eq!(status["health"]["status"], "HEALTH_WARN");
    let checks = &status["health"]["checks"];
    assert_eq!(
        checks["MON_DOWN"]["summary"]["message"],
        "1/3 mons down, quorum pve2,pve3"
    );
    assert_eq!(checks["OSD_DOWN"]["summary"]["count"], 1);
    assert!(
        checks["PG_DEGRADED"]["summary"]["message"]
            .as_str()
            .unwrap()
            .contains("(33.333%)")
    );

    lab.world().host_down("pve2", Down::Refuse).unwrap();
    assert_eq!(get("/cluster/ceph/status").await.line(), "500 got timeout");
    let storage = get("/nodes/pve3/storage").await.data();
    assert_eq!(
        (&storage[0]["active"], &storage[0]["total"]),
        (&json!(0), &json!(0))
    );
}

#[tokio::test]
async fn without_quorum_reads_work_and_starts_do_not() {
    let lab = Lab::start();
    for host in ["pve2", "pve3"] {
        lab.world().host_down(host, Down::Blackhole).unwrap();
    }
    let status = lab.get("/cluster/status").await.data();
    assert_eq!(find(&status, "type", "cluster")["quorate"], 0);
    let reply = lab
        .call("pve1", "POST", "/nodes/pve1/qemu/102/status/start", "")
        .await;
    assert_eq!(reply.line(), "500 cluster not ready - no quorum?");
    // Stopping needs no quorum.
    let upid = lab
        .call("pve1", "POST", "/nodes/pve1/qemu/100/status/stop", "")
        .await
        .data();
    assert_eq!(lab.task(&upid).await, "OK");
    assert_eq!(
        lab.get("/nodes/pve2/status").await.line(),
        "595 No route to host"
    );
    let ha = lab.get("/cluster/ha/status/current").await.data();
    assert_eq!(
        find(&ha, "id", "quorum")["status"],
        "No quorum on node 'pve1'!"
    );
}

#[tokio::test]
async fn high_availability_lists_its_services() {
    let lab = Lab::start();
    let resources = lab.get("/cluster/ha/resources").await.data();
    assert_eq!(resources[0]["sid"], "vm:102");
    let ha = lab.get("/cluster/ha/status/current").await.data();
    assert_eq!(find(&ha, "id", "service:vm:102")["state"], "stopped");
    let manager = lab.get("/cluster/ha/status/manager_status").await.data();
    assert_eq!(manager["manager_status"]["node_status"]["pve1"], "online");
    assert_eq!(manager["quorum"]["quorate"], "1");
    assert_eq!(lab.get("/cluster/ha/rules").await.data(), json!([]));
    let current = lab.get("/nodes/pve1/qemu/102/status/current").await.data();
    assert_eq!(current["ha"]["managed"], 1);
}

#[tokio::test]
async fn certificates_are_those_on_the_wire() {
    let lab = Lab::start();
    let info = lab.get("/nodes/pve2/certificates/info").await.data();
    let leaf = find(&info, "filename", "pve-ssl.pem");
    assert_eq!(leaf["fingerprint"], json!(lab.cluster.fingerprint("pve2")));
    let names = leaf["san"].as_array().unwrap();
    assert!(names.contains(&"192.0.2.12".into()) && names.contains(&"pve2".into()));
    let root = find(&info, "filename", "pve-root-ca.pem");
    assert_eq!(leaf["issuer"], root["subject"]);
    let nodes = lab.get("/nodes").await.data();
    assert_eq!(
        find(&nodes, "node", "pve2")["ssl_fingerprint"],
        leaf["fingerprint"]
    );
}

#[tokio::test]
async fn ten_thousand_guests_are_one_answer() {
    let mut seed = seed();
    seed.guests.extend(
        (1000..11_000_u32).map(|n| GuestSeed::new(format!("vm-{n}"), format!("pve{}", n % 3 + 1))),
    );
    let lab = Lab::with(&seed, Accounts::standard(1), quick());
    let rows = lab.get("/cluster/resources?type=vm").await.data();
    assert_eq!(rows.as_array().unwrap().len(), 10_004);
}

//! The life of a container, and the pools that guests are in.

use serde_json::{Value, json};

use super::Lab;
use super::life::lab;
use crate::world::Volume;

/// A lab whose `local` storages hold a container template.
fn with_template() -> Lab {
    let lab = lab();
    lab.world().change(|state| {
        let created_at = state.now;
        let hosts: Vec<_> = state.hosts.iter().map(|h| h.name.clone()).collect();
        let local = state.storage_mut("local").unwrap();
        local.content.push("vztmpl".into());
        for host in hosts {
            let template = Volume {
                name: "vztmpl/alpine-3.22-default_amd64.tar.xz".into(),
                host,
                content: "vztmpl".into(),
                format: "txz".into(),
                size_bytes: 3 << 20,
                created_at,
                notes: None,
                protected: false,
                guest: None,
                checksums: std::collections::BTreeMap::new(),
            };
            local.keep(template).unwrap();
        }
    });
    lab
}

const TEMPLATE: &str = "ostemplate=local:vztmpl/alpine-3.22-default_amd64.tar.xz";

#[tokio::test]
async fn a_container_is_made_used_and_destroyed() {
    let lab = with_template();
    let form = format!(
        "vmid=300&{TEMPLATE}&hostname=ct1&storage=vm-storage&rootfs=vm-storage:4&memory=64&\
         net0=name%3Deth0%2Cbridge%3Dvmbr0%2Cip%3D192.0.2.90%2F24&password=secret12"
    );
    let upid = lab.done(lab.post("/nodes/pve1/lxc", &form).await).await;
    assert!(upid.contains(":vzcreate:300:"), "{upid}");
    assert!(lab.log(&upid).await[0].ends_with("alpine-3.22-default_amd64.tar.xz'"));
    let config = lab.get("/nodes/pve1/lxc/300/config").await.data();
    assert_eq!(config["memory"], 64);
    assert_eq!(config["ostype"], "alpine");
    assert_eq!(config["rootfs"], "vm-storage:vm-300-disk-0,size=4G");
    let net = config["net0"].as_str().unwrap();
    assert!(
        net.starts_with("name=eth0,bridge=vmbr0,hwaddr=BC:24:11:"),
        "{net}"
    );
    assert!(net.ends_with(",ip=192.0.2.90/24,type=veth"), "{net}");
    assert_eq!(
        lab.get("/nodes/pve1/lxc/300/interfaces").await.data(),
        Value::Null
    );

    lab.done(lab.post("/nodes/pve1/lxc/300/status/start", "").await)
        .await;
    let interfaces = lab.get("/nodes/pve1/lxc/300/interfaces").await.data();
    assert_eq!(interfaces[1]["inet"], "192.0.2.90/24");
    assert_eq!(interfaces[1]["ip-addresses"][0]["ip-address-type"], "inet");
    let upid = lab
        .done(lab.post("/nodes/pve1/lxc/300/status/suspend", "").await)
        .await;
    assert!(upid.contains(":vzsuspend:300:"), "{upid}");
    lab.done(lab.post("/nodes/pve1/lxc/300/status/resume", "").await)
        .await;

    lab.done(
        lab.post("/nodes/pve1/lxc/300/snapshot", "snapname=s1")
            .await,
    )
    .await;
    let list = lab.get("/nodes/pve1/lxc/300/snapshot").await.data();
    assert_eq!(
        (&list[0]["name"], &list[0]["vmstate"]),
        (&"s1".into(), &Value::Null)
    );
    assert_eq!(
        (&list[1]["parent"], &list[1]["running"]),
        (&"s1".into(), &Value::Null)
    );
    lab.put("/nodes/pve1/lxc/300/config", "hostname=other")
        .await
        .data();
    lab.done(
        lab.post("/nodes/pve1/lxc/300/snapshot/s1/rollback", "")
            .await,
    )
    .await;
    assert_eq!(
        lab.get("/nodes/pve1/lxc/300/config").await.data()["hostname"],
        "ct1"
    );
    lab.done(lab.delete("/nodes/pve1/lxc/300/snapshot/s1").await)
        .await;

    lab.done(
        lab.put("/nodes/pve1/lxc/300/resize", "disk=rootfs&size=%2B1G")
            .await,
    )
    .await;
    let config = lab.get("/nodes/pve1/lxc/300/config").await.data();
    assert_eq!(config["rootfs"], "vm-storage:vm-300-disk-0,size=5G");
    let end = lab
        .ended(
            lab.post(
                "/nodes/pve1/lxc/300/move_volume",
                "volume=rootfs&storage=isos",
            )
            .await,
        )
        .await;
    assert_eq!(end, "storage 'isos' does not support container directories");
}

#[tokio::test]
async fn a_container_moves_by_being_restarted_over_there() {
    let lab = with_template();
    let form = format!("vmid=300&{TEMPLATE}&hostname=ct1&storage=vm-storage&rootfs=vm-storage:4");
    lab.done(lab.post("/nodes/pve1/lxc", &form).await).await;
    lab.done(lab.post("/nodes/pve1/lxc/300/status/start", "").await)
        .await;
    let path = "/nodes/pve1/lxc/300/migrate";
    let allowed = lab.get(path).await.data();
    assert_eq!(allowed["allowed-nodes"], json!(["pve2", "pve3"]));
    assert_eq!(
        lab.post(path, "target=pve2").await.line(),
        "500 can't migrate running container without --online or --restart"
    );
    let upid = lab
        .done(lab.post(path, "target=pve2&restart=1").await)
        .await;
    assert!(upid.contains(":vzmigrate:300:"), "{upid}");
    let there = lab.get("/nodes/pve2/lxc/300/status/current").await.data();
    assert_eq!(there["status"], "running");

    lab.done(lab.post("/nodes/pve2/lxc/300/status/stop", "").await)
        .await;
    lab.done(
        lab.post(
            "/nodes/pve2/lxc/300/clone",
            "newid=301&hostname=copy&full=1",
        )
        .await,
    )
    .await;
    assert_eq!(
        lab.get("/nodes/pve2/lxc/301/config").await.data()["hostname"],
        "copy"
    );
    lab.done(
        lab.post("/nodes/pve2/vzdump", "vmid=300&storage=local")
            .await,
    )
    .await;
    let rows = lab
        .get("/nodes/pve2/storage/local/content?content=backup")
        .await
        .data();
    let volid = rows[0]["volid"].as_str().unwrap();
    assert!(volid.contains("vzdump-lxc-300-"), "{volid}");
    let form = format!("vmid=302&ostemplate={volid}&restore=1&storage=vm-storage");
    let upid = lab.done(lab.post("/nodes/pve2/lxc", &form).await).await;
    assert!(upid.contains(":vzrestore:302:"), "{upid}");
    let upid = lab.done(lab.delete("/nodes/pve2/lxc/300").await).await;
    assert!(upid.contains(":vzdestroy:300:"), "{upid}");
}

#[tokio::test]
async fn bad_containers_are_refused() {
    let lab = with_template();
    let reply = lab
        .post(
            "/nodes/pve1/lxc",
            "vmid=300&ostemplate=local:vztmpl/none.tar.xz",
        )
        .await;
    assert_eq!(
        reply.line(),
        "500 volume 'local:vztmpl/none.tar.xz' does not exist"
    );
    let reply = lab
        .post("/nodes/pve1/lxc", &format!("vmid=200&{TEMPLATE}"))
        .await;
    assert_eq!(
        reply.line(),
        "500 unable to create CT 200 - CT 200 already exists on node 'pve1'"
    );
    let reply = lab.post("/nodes/pve1/lxc", "vmid=300").await;
    assert_eq!(
        reply.json()["errors"]["ostemplate"],
        "property is missing and it is not optional"
    );
    let reply = lab.put("/nodes/pve1/lxc/200/config", "delete=bogus").await;
    assert_eq!(reply.json()["errors"]["delete"], "unknown option 'bogus'");
}

#[tokio::test]
async fn guests_gather_in_pools_and_pools_carry_rights() {
    let lab = lab();
    assert_eq!(
        lab.post("/pools", "poolid=a&comment=A").await.data(),
        Value::Null
    );
    assert_eq!(
        lab.post("/pools", "poolid=a").await.line(),
        "500 create pool failed: pool 'a' already exists"
    );
    assert_eq!(
        lab.post("/pools", "poolid=no/kid").await.line(),
        "500 create pool failed: parent 'no' of pool 'no/kid' does not exist"
    );
    lab.post("/pools", "poolid=a/kid").await.data();
    lab.post("/pools", "poolid=b").await.data();
    lab.put("/pools", "poolid=a&vms=101,200&storage=vm-storage")
        .await
        .data();
    let pool = lab.get("/pools/a").await.data();
    let ids: Vec<_> = pool["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["id"].clone())
        .collect();
    assert_eq!(ids[..2], ["qemu/101", "lxc/200"]);
    assert!(ids[2].as_str().unwrap().starts_with("storage/"));
    let guests = lab.get("/pools?poolid=a&type=qemu").await.data();
    assert_eq!(guests[0]["members"].as_array().unwrap().len(), 1);
    assert_eq!(
        lab.put("/pools", "poolid=b&vms=101").await.line(),
        "500 update pools failed: VM 101 belongs already to pool 'a' and 'allow-move' is not set"
    );
    let rows = lab.get("/cluster/resources?type=vm").await.data();
    let of = |vmid: u32| {
        rows.as_array()
            .unwrap()
            .iter()
            .find(|r| r["vmid"] == vmid)
            .unwrap()["pool"]
            .clone()
    };
    assert_eq!((of(101), of(100)), ("a".into(), Value::Null));

    // Who may look at the pool may look at what is in it.
    let nothing = lab
        .cluster
        .accounts()
        .token_text("monitor@pve!nothing")
        .unwrap();
    let header = format!("Authorization: PVEAPIToken={nothing}\r\n");
    let look = async |vmid: u32, node: &str| {
        let path = format!("/nodes/{node}/qemu/{vmid}/status/current");
        lab.call_with("pve1", "GET", &path, &header, "")
            .await
            .status
    };
    assert_eq!(look(101, "pve2").await, 403);
    let grant = "path=/pool/a&roles=PVEVMUser&tokens=monitor@pve%21nothing";
    lab.put("/access/acl", grant).await.data();
    assert_eq!(
        (look(101, "pve2").await, look(100, "pve1").await),
        (200, 403)
    );

    assert_eq!(
        lab.delete("/pools/a").await.line(),
        "500 delete pool failed: pool 'a' is not empty (contains pool 'a/kid')"
    );
    lab.delete("/pools?poolid=a/kid").await.data();
    lab.put("/pools/a", "vms=101,200&storage=vm-storage&delete=1")
        .await
        .data();
    lab.delete("/pools/a").await.data();
    assert_eq!(
        lab.get("/pools/a").await.line(),
        "500 pool 'a' does not exist"
    );
}

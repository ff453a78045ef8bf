//! Storages and Ceph, as they are made and changed; the log of the cluster.

use super::Lab;

#[tokio::test]
async fn a_storage_is_defined_changed_and_removed() {
    let lab = Lab::start();
    let form = "storage=new&type=dir&path=/srv/new&content=iso,backup&nodes=pve1&disable=0";
    let made = lab.post("/storage", form).await.data();
    assert_eq!(
        (&made["storage"], &made["type"]),
        (&"new".into(), &"dir".into())
    );
    let again = lab.post("/storage", form).await;
    assert!(again.line().contains("storage ID 'new' already defined"));
    let lacks = lab
        .post("/storage", "storage=other&type=nfs&server=192.0.2.9")
        .await;
    assert_eq!(
        lacks.line(),
        "500 missing value for required option 'export'"
    );
    let short = lab.post("/storage", "storage=x&type=dir&path=/x").await;
    assert_eq!(short.status, 400);

    let told = lab.get("/storage/new").await.data();
    assert_eq!(told["path"], "/srv/new");
    assert_eq!(told["content"], "iso,backup");
    // It is there on that host, and can be written to.
    let of_host = lab.get("/nodes/pve1/storage").await.body;
    assert!(of_host.contains("\"new\""), "{of_host}");
    let upload = "content=iso&filename=x.iso&url=http://127.0.0.1:9/x.iso";
    assert_eq!(
        lab.post("/nodes/pve1/storage/new/download-url", upload)
            .await
            .status,
        200
    );

    let stale = lab.put("/storage/new", "disable=1&digest=00").await;
    assert_ne!(stale.status, 200);
    assert_eq!(lab.put("/storage/new", "disable=1").await.status, 200);
    let told = lab.get("/storage/new").await.data();
    assert_eq!(told["disable"], 1);
    let status = lab.get("/nodes/pve1/storage/new/status").await.data();
    assert_eq!(status["active"], 0);
    let needed = lab.put("/storage/new", "delete=path").await;
    assert!(
        needed
            .line()
            .contains("unable to delete required option 'path'")
    );
    assert_eq!(lab.delete("/storage/new").await.status, 200);
    assert!(
        lab.delete("/storage/new")
            .await
            .line()
            .contains("'new' does not exist")
    );
    assert_ne!(lab.get("/nodes/pve1/storage/new/status").await.status, 200);
}

#[tokio::test]
async fn an_osd_goes_out_and_away_and_a_pool_comes_and_goes() {
    let lab = Lab::start();
    let osds = || lab.world().read(|s| s.ceph.as_ref().unwrap().osds.len());
    let before = osds();
    lab.done(lab.post("/nodes/pve1/ceph/osd", "dev=/dev/sdz").await)
        .await;
    assert_eq!(osds(), before + 1);
    let new = lab.world().read(|s| {
        let osds = s.ceph.as_ref().unwrap().osds.iter();
        osds.map(|osd| osd.id).max().unwrap()
    });
    let path = format!("/nodes/pve1/ceph/osd/{new}");
    assert!(lab.delete(&path).await.line().contains("is in use"));
    assert_eq!(lab.post(&format!("{path}/out"), "").await.status, 200);
    let tree = lab.get("/nodes/pve1/ceph/osd").await.data().to_string();
    assert!(
        tree.contains(&format!("\"osd.{new}\"")) && tree.contains("\"in\":0"),
        "{tree}"
    );
    lab.done(lab.delete(&path).await).await;
    assert_eq!(osds(), before);

    lab.done(
        lab.post("/nodes/pve1/ceph/pool", "name=fast&size=2&min_size=1")
            .await,
    )
    .await;
    lab.done(lab.put("/nodes/pve1/ceph/pool/fast", "size=3").await)
        .await;
    let pools = lab.get("/nodes/pve1/ceph/pool").await.data();
    let fast = pools
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["pool_name"] == "fast");
    assert_eq!(fast.unwrap()["size"], 3);
    lab.done(lab.delete("/nodes/pve1/ceph/pool/fast").await)
        .await;
    let missing = lab.delete("/nodes/pve1/ceph/pool/fast").await;
    assert!(missing.line().contains("pool 'fast' does not exist"));

    assert_eq!(
        lab.put("/cluster/ceph/flags/noout", "value=1").await.status,
        200
    );
    assert_eq!(lab.get("/cluster/ceph/flags/noout").await.data(), 1);
}

#[tokio::test]
async fn the_log_of_the_cluster_tells_of_tasks() {
    let lab = Lab::start();
    lab.done(lab.post("/nodes/pve1/qemu", "vmid=900&memory=64").await)
        .await;
    let log = lab.get("/cluster/log?max=2").await.data();
    let rows = log.as_array().unwrap();
    assert_eq!(rows.len(), 2);
    let text = |n: usize| rows[n]["msg"].as_str().unwrap().to_owned();
    assert!(text(0).starts_with("end task UPID:pve1:") && text(0).ends_with(" OK"));
    assert!(
        text(1).starts_with("starting task UPID:pve1:"),
        "{}",
        text(1)
    );
}

#[tokio::test]
async fn what_is_listed_without_being_made_is_told_alone() {
    let lab = Lab::start();
    for (list, id) in [
        ("/nodes/pve1/network", "iface"),
        ("/access/domains", "realm"),
        ("/cluster/sdn/ipams", "ipam"),
    ] {
        let rows = lab.get(list).await.data();
        let rows = rows.as_array().unwrap();
        assert!(!rows.is_empty(), "{list}");
        for row in rows {
            let path = format!("{list}/{}", row[id].as_str().unwrap());
            let alone = lab.get(&path).await.data();
            assert_eq!(alone["type"], row["type"], "{path}");
        }
    }
    let missing = lab.get("/nodes/pve1/network/vmbr7").await;
    assert_eq!(missing.status, 400);
}

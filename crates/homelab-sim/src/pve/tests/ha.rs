//! The HA manager: what it is asked for, and what it does when a host dies.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Accounts, Lab, quick, seed};
use crate::SimClock;
use crate::pve::PveOptions;
use crate::world::Down;

/// A lab whose time is moved by the test, with the manager at its real pace.
fn lab() -> Lab {
    let options = PveOptions {
        ha_delay: Duration::from_secs(10),
        fencing_delay: Duration::from_secs(120),
        ..quick()
    };
    Lab::with_clock(&seed(), Accounts::standard(1), options, SimClock::paused())
}

impl Lab {
    async fn service(&self, sid: &str) -> Value {
        let rows = self.get("/cluster/ha/status/current").await.data();
        let row = rows
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["sid"] == sid);
        row.cloned().unwrap_or_default()
    }

    pub(super) fn host_of(&self, vmid: u32) -> (String, bool) {
        self.world().read(|state| {
            let guest = state.guest(vmid).unwrap();
            (guest.host.clone(), guest.running())
        })
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.world().advance(Duration::from_secs(seconds));
    }
}

#[tokio::test]
async fn guests_of_a_host_that_dies_start_elsewhere_once_it_is_fenced() {
    let lab = lab();
    lab.post("/cluster/ha/resources", "sid=vm:101&comment=dns")
        .await
        .data();
    assert_eq!(lab.service("vm:101").await["state"], "started");
    lab.world().host_down("pve2", Down::Blackhole).unwrap();
    lab.pass(60);
    assert_eq!(lab.service("vm:101").await["state"], "fence");
    assert_eq!(lab.host_of(101), ("pve2".into(), false));
    lab.pass(100);
    let (host, running) = lab.host_of(101);
    assert_ne!(host, "pve2");
    assert!(running);
    assert_eq!(lab.service("vm:101").await["node"], host);
    // Its old host comes back without it.
    lab.world().host_up("pve2").unwrap();
    assert_eq!(lab.host_of(101), (host, true));
}

#[tokio::test]
async fn a_host_that_is_back_in_time_keeps_its_guests() {
    let lab = lab();
    lab.post("/cluster/ha/resources", "sid=101").await.data();
    lab.world().host_down("pve2", Down::Refuse).unwrap();
    lab.pass(60);
    lab.world().host_up("pve2").unwrap();
    lab.pass(300);
    assert_eq!(lab.host_of(101), ("pve2".into(), true));
}

#[tokio::test]
async fn rules_say_where_a_guest_may_go() {
    let lab = lab();
    lab.post("/cluster/ha/resources", "sid=vm:101").await.data();
    lab.post("/cluster/ha/resources", "sid=vm:100").await.data();
    let rule = "rule=near&type=node-affinity&nodes=pve2,pve1:2&resources=vm:101&strict=1";
    lab.post("/cluster/ha/rules", rule).await.data();
    let apart = "rule=apart&type=resource-affinity&affinity=negative&resources=vm:100,vm:101";
    lab.post("/cluster/ha/rules", apart).await.data();
    lab.world().host_down("pve2", Down::Refuse).unwrap();
    lab.pass(600);
    // pve1 has vm:100, pve3 is not allowed: it waits.
    assert_eq!(lab.service("vm:101").await["state"], "recovery");
    lab.delete("/cluster/ha/rules/apart").await.data();
    lab.pass(60);
    assert_eq!(lab.host_of(101), ("pve1".into(), true));
    let rules = lab.get("/cluster/ha/rules?resource=vm:101").await.data();
    assert_eq!(rules[0]["nodes"], "pve2,pve1:2");
}

#[tokio::test]
async fn without_quorum_nothing_moves() {
    let lab = lab();
    lab.post("/cluster/ha/resources", "sid=vm:101").await.data();
    lab.world().host_down("pve2", Down::Refuse).unwrap();
    lab.world().host_down("pve3", Down::Refuse).unwrap();
    lab.pass(1000);
    assert_eq!(lab.host_of(101), ("pve2".into(), false));
    let reply = lab.post("/cluster/ha/resources", "sid=vm:100").await;
    assert_eq!(reply.line(), "500 cluster not ready - no quorum?");
}

#[tokio::test]
async fn an_ignored_resource_is_handled_directly() {
    let lab = lab();
    let ignored = lab
        .put("/cluster/ha/resources/vm:102", "state=ignored")
        .await;
    assert_eq!(ignored.status, 200);
    let start = "/nodes/pve1/qemu/102/status/start";
    let upid = lab.post(start, "").await.data();
    assert!(upid.as_str().unwrap().contains(":qmstart:102:"), "{upid}");
    lab.pass(1);
    assert_eq!(lab.task(&upid).await, "OK");
    assert_eq!(lab.host_of(102), ("pve1".into(), true));
}

#[tokio::test]
async fn tasks_under_ha_end_before_the_guest_follows() {
    let lab = lab();
    let upid = lab
        .post("/nodes/pve1/qemu/102/status/start", "")
        .await
        .data();
    lab.pass(1);
    assert_eq!(lab.task(&upid).await, "OK");
    assert!(upid.as_str().unwrap().contains(":hastart:102:"));
    assert_eq!(lab.host_of(102), ("pve1".into(), false));
    let current = lab.get("/nodes/pve1/qemu/102/status/current").await.data();
    assert_eq!(current["ha"], json!({ "managed": 1, "state": "starting" }));
    lab.pass(11);
    assert_eq!(lab.host_of(102), ("pve1".into(), true));
    let answer = lab
        .post("/cluster/ha/resources/vm:102/migrate", "node=pve3")
        .await
        .data();
    assert_eq!(answer, json!({ "sid": "vm:102", "requested-node": "pve3" }));
    assert_eq!(lab.service("vm:102").await["state"], "migrate");
    lab.pass(11);
    assert_eq!(lab.host_of(102), ("pve3".into(), true));
    // Whatever was asked for, the answer is the same.
    lab.post("/cluster/ha/resources/102/migrate", "node=nope")
        .await
        .data();
    lab.pass(60);
    assert_eq!(lab.host_of(102), ("pve3".into(), true));
    lab.put("/cluster/ha/resources/vm:102", "state=stopped")
        .await
        .data();
    lab.pass(11);
    assert_eq!(lab.host_of(102), ("pve3".into(), false));
}

#[tokio::test]
async fn what_is_not_there_has_its_words() {
    let lab = lab();
    let add = |form: &'static str| lab.post("/cluster/ha/resources", form);
    assert_eq!(
        add("sid=vm:999").await.line(),
        "500 resource 'vm:999' does not exist in cluster"
    );
    assert_eq!(
        add("sid=vm:102").await.line(),
        "500 resource ID 'vm:102' already defined"
    );
    let reply = lab.get("/cluster/ha/groups").await;
    assert!(
        reply
            .reason
            .ends_with("ha groups have been migrated to rules"),
        "{reply:?}"
    );
    let reply = lab
        .post(
            "/cluster/ha/rules",
            "rule=r&type=node-affinity&resources=vm:102",
        )
        .await;
    assert_eq!(
        reply.json()["errors"],
        json!({ "oneOf[node-affinity].nodes": "property is missing and it is not optional" })
    );
    assert_eq!(
        lab.delete("/cluster/ha/rules/nope").await.data(),
        Value::Null
    );
    lab.post("/cluster/ha/status/disarm-ha", "resource-mode=freeze")
        .await
        .data();
    assert_eq!(lab.service("vm:102").await["state"], "freeze");
    lab.post("/cluster/ha/status/arm-ha", "").await.data();
    lab.post("/cluster/ha/status/arm-ha", "").await.data();
    assert_eq!(lab.service("vm:102").await["state"], "stopped");
}

//! Many guests at once, and hosts that go down in order: Talos hears the power
//! button, and only what does not is cut off.

use std::time::Duration;

use super::{Accounts, Lab, quick, seed};
use crate::SimClock;
use crate::world::{EventPayload, Stage, State};

fn lab() -> Lab {
    lab_with(10)
}

/// A lab whose Talos node needs so many seconds to start its services.
fn lab_with(ready_seconds: u64) -> Lab {
    let mut seed = seed();
    seed.boot_ms = 5000;
    seed.ready_ms = ready_seconds * 1000;
    let lab = Lab::with_clock(&seed, Accounts::standard(1), quick(), SimClock::paused());
    lab.pass(200);
    lab
}

/// Types and guests of all tasks, oldest first.
fn tasks(lab: &Lab) -> Vec<(String, String)> {
    let pair = |task: &crate::world::Task| (task.kind.clone(), task.id.clone());
    lab.world()
        .read(|state| state.tasks.iter().map(pair).collect())
}

/// Whether the node of guest 100 began to shut down in order.
fn told(state: &State) -> bool {
    let node = state.node("talos-1").unwrap();
    node.events.iter().any(|(_, event)| {
        matches!(&event.payload, EventPayload::Sequence { name, started: true } if name == "shutdown")
    })
}

#[tokio::test]
async fn stopall_lets_talos_shut_down_and_starts_a_task_for_each_guest() {
    let lab = lab();
    let upid = lab.post("/nodes/pve1/stopall", "").await.data();
    lab.world().advance(Duration::from_millis(500));
    // The button is pressed: it still runs, and says so.
    assert!(lab.host_of(100).1);
    assert!(lab.world().read(told));
    lab.pass(30);
    assert_eq!(lab.task(&upid).await, "OK");
    let upid = upid.as_str().unwrap();
    assert_eq!(
        lab.log(upid).await,
        [
            "Stopping CT 200 (timeout = 180 seconds)",
            "Stopping VM 100 (timeout = 180 seconds)",
            "TASK OK",
        ]
    );
    let of = |kind: &str, id: &str| (kind.to_owned(), id.to_owned());
    assert_eq!(
        tasks(&lab),
        [
            of("stopall", ""),
            of("vzshutdown", "200"),
            of("qmshutdown", "100")
        ]
    );
    assert!(!lab.host_of(100).1);
    // Those that start with their host come back, in order.
    lab.put("/nodes/pve1/qemu/100/config", "startup=order%3D1,up%3D20")
        .await
        .data();
    let upid = lab.post("/nodes/pve1/startall", "").await.data();
    lab.pass(10);
    assert!(lab.host_of(100).1);
    assert!(!lab.host_of(200).1);
    lab.pass(20);
    assert_eq!(lab.task(&upid).await, "OK");
    assert!(lab.host_of(200).1);
}

#[tokio::test]
async fn what_does_not_hear_the_button_is_cut_off_only_when_forced() {
    let lab = lab_with(100);
    let shutdown = "/cluster/bulk-action/guest/shutdown";
    let form = "vms=100&vms=101&vms=102&timeout=1";
    let upid = lab
        .post(shutdown, &format!("{form}&force-stop=0"))
        .await
        .data();
    lab.pass(2);
    assert_eq!(lab.task(&upid).await, "Some guests failed to shutdown 100");
    let log = lab.log(upid.as_str().unwrap()).await;
    assert_eq!(log[0], "Shutting down guests: 100, 101, 102");
    assert!(
        log.contains(&"WARN: Skipping VM 102, not running.".to_owned()),
        "{log:?}"
    );
    let failed = "WARN: Stopping VM 100 failed: VM quit/powerdown failed - got timeout";
    assert!(log.contains(&failed.to_owned()), "{log:?}");
    // Sooner or later it is off all the same.
    lab.pass(100);
    assert!(!lab.host_of(100).1);

    let lab = lab_with(100);
    let upid = lab.post(shutdown, form).await.data();
    lab.pass(2);
    assert_eq!(lab.task(&upid).await, "WARNINGS: 1");
    assert!(!lab.host_of(100).1);
}

#[tokio::test]
async fn a_host_that_reboots_shuts_its_guests_down_first() {
    let lab = lab();
    lab.post("/cluster/ha/resources", "sid=vm:100").await.data();
    lab.pass(5);
    lab.post("/nodes/pve1/status", "command=reboot")
        .await
        .data();
    lab.pass(2);
    assert!(lab.world().read(told));
    assert!(lab.world().read(|state| state.host_online("pve1")));
    lab.pass(15);
    let upid = lab.world().read(|state| {
        let task = state.tasks.iter().find(|task| task.kind == "stopall");
        task.map(|task| (task.user.clone(), task.end.clone().unwrap().exit_status))
    });
    assert_eq!(upid, Some(("root@pam".into(), "OK".into())));
    lab.pass(60);
    assert_eq!(lab.host_of(100), ("pve1".into(), true));
    assert_eq!(lab.host_of(200), ("pve1".into(), true));
    let ready = lab
        .world()
        .read(|state| state.node("talos-1").unwrap().stage);
    assert_eq!(ready, Stage::Running);
}

#[tokio::test]
async fn the_ha_manager_presses_the_button_as_well() {
    let lab = lab();
    lab.post("/cluster/ha/resources", "sid=vm:100").await.data();
    lab.pass(1);
    lab.put("/cluster/ha/resources/vm:100", "state=stopped")
        .await
        .data();
    lab.world().advance(Duration::from_millis(300));
    assert!(lab.world().read(told));
    assert!(lab.host_of(100).1);
    lab.pass(30);
    assert!(!lab.host_of(100).1);
    let shutdowns = tasks(&lab)
        .into_iter()
        .filter(|(kind, _)| kind == "qmshutdown");
    assert_eq!(shutdowns.count(), 1);
}

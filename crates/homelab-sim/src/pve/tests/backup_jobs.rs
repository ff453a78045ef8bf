//! Backup jobs: what may be set, what is told, and that they run by themselves.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Accounts, Lab, quick, seed};
use crate::SimClock;
use crate::pve::unix;
use crate::world::seed::StorageSeed;
use crate::world::{Down, State};

const DAY: u64 = 86_400;

/// A lab whose time stands at half past two at night.
fn lab() -> Lab {
    let mut seed = seed();
    seed.storages.push(StorageSeed {
        id: "local".into(),
        kind: "dir".into(),
        content: vec!["backup".into()],
        shared: false,
        hosts: Vec::new(),
        pool: None,
        server: None,
        total_bytes: 1 << 40,
    });
    let lab = Lab::with_clock(&seed, Accounts::standard(1), quick(), SimClock::paused());
    let now = unix(lab.world().now());
    let until = (now / DAY + 1) * DAY + 9000 - now;
    lab.world().advance(Duration::from_secs(until));
    lab
}

impl Lab {
    fn hours(&self, hours: u64) {
        self.world().advance(Duration::from_secs(hours * 3600));
    }

    /// Host, guest and end of each backup task, oldest first.
    fn backups(&self) -> Vec<(String, String, String)> {
        let read = |state: &State| {
            let dumps = state.tasks.iter().filter(|task| task.kind == "vzdump");
            dumps
                .map(|task| {
                    let end = task.end.as_ref().map(|end| end.exit_status.clone());
                    (task.node.clone(), task.id.clone(), end.unwrap_or_default())
                })
                .collect()
        };
        self.world().read(read)
    }

    async fn make(&self, form: &str) {
        assert_eq!(self.post("/cluster/backup", form).await.data(), Value::Null);
    }
}

#[tokio::test]
async fn a_job_runs_at_its_time_on_each_host_that_has_guests_of_it() {
    let lab = lab();
    let keep = "storage=local&prune-backups=keep-last%3D2&compress=zstd";
    lab.make(&format!("id=night&all=1&schedule=03:00&{keep}"))
        .await;
    lab.make("id=off&all=1&schedule=03:00&enabled=0").await;
    lab.make("id=other&vmid=101&schedule=03:00&node=pve1").await;
    let rows = lab.get("/cluster/backup").await.data();
    let next = rows[0]["next-run"].as_u64().unwrap();
    assert_eq!(next % DAY, 3 * 3600);
    assert_eq!(rows[0]["prune-backups"], json!({ "keep-last": "2" }));
    lab.world().advance(Duration::from_secs(1799));
    assert_eq!(lab.backups(), []);
    lab.world().advance(Duration::from_secs(60));
    let done = |host: &str, id: &str| (host.to_owned(), id.to_owned(), "OK".to_owned());
    // Three guests on one host, one on the next, none on the third.
    assert_eq!(lab.backups(), [done("pve1", ""), done("pve2", "101")]);
    let tasks = lab.get("/nodes/pve2/tasks?typefilter=vzdump").await.data();
    assert_eq!(tasks[0]["user"], "root@pam");
    assert_eq!(tasks[0]["starttime"].as_u64(), Some(next));
    lab.hours(3 * 24);
    assert_eq!(lab.backups().len(), 8);
    let here = lab
        .get("/nodes/pve2/storage/local/content?content=backup")
        .await
        .data();
    assert_eq!(here.as_array().unwrap().len(), 2);
    // Without it nothing runs any more.
    lab.delete("/cluster/backup/night").await.data();
    lab.hours(48);
    assert_eq!(lab.backups().len(), 8);
}

#[tokio::test]
async fn runs_that_a_host_missed_are_made_up_for_when_the_job_says_so() {
    let lab = lab();
    lab.make("id=strict&vmid=101&schedule=03:00&repeat-missed=1")
        .await;
    lab.make("id=lax&vmid=101&schedule=03:00").await;
    lab.world().advance(Duration::from_secs(60));
    lab.world().host_down("pve2", Down::Refuse).unwrap();
    lab.hours(2);
    assert_eq!(lab.backups(), []);
    lab.world().host_up("pve2").unwrap();
    lab.world().advance(Duration::from_secs(60));
    assert_eq!(lab.backups().len(), 1);
    lab.hours(23);
    assert_eq!(lab.backups().len(), 3);
}

#[tokio::test]
async fn a_changed_job_counts_from_its_change() {
    let lab = lab();
    lab.make("id=job1&vmid=101&schedule=02:00&enabled=0").await;
    lab.hours(24);
    lab.put("/cluster/backup/job1", "enabled=1").await.data();
    lab.world().advance(Duration::from_secs(60));
    assert_eq!(lab.backups(), []);
    lab.put("/cluster/backup/job1", "schedule=*/5").await.data();
    lab.world().advance(Duration::from_secs(3600));
    assert_eq!(lab.backups().len(), 12);
}

#[tokio::test]
async fn without_quorum_no_job_runs() {
    let lab = lab();
    lab.make("id=job1&vmid=101&schedule=03:00").await;
    lab.world().host_down("pve1", Down::Refuse).unwrap();
    lab.world().host_down("pve3", Down::Refuse).unwrap();
    lab.hours(2);
    assert_eq!(lab.backups(), []);
    // The scheduler of pve2 ran all the time: it is late, not restarted.
    lab.world().host_up("pve1").unwrap();
    lab.world().advance(Duration::from_secs(60));
    assert_eq!(lab.backups().len(), 1);
}

#[tokio::test]
async fn jobs_are_checked() {
    let lab = lab();
    let refused = lab
        .post("/cluster/backup", "all=1&schedule=moon%201:00")
        .await;
    assert_eq!(refused.line(), "400 Parameter verification failed.");
    assert_eq!(
        refused.json()["errors"],
        json!({ "schedule": "invalid format - invalid calendar event 'moon 1:00' - unable to \
            parse calendar event at 'moon' - weekday\n" })
    );
    for (form, name, text) in [
        (
            "all=1",
            "schedule",
            "neither 'starttime' nor 'schedule' were set",
        ),
        (
            "all=1&schedule=daily&starttime=1:00",
            "starttime",
            "'starttime' and 'schedule' cannot both be set",
        ),
        (
            "all=1&starttime=1:00&dow=moonday",
            "dow",
            "invalid format - invalid day 'moonday'\n",
        ),
    ] {
        let errors = lab.post("/cluster/backup", form).await.json()["errors"].take();
        assert_eq!(errors, json!({ name: text }), "{form}");
    }
    // Under the lock of the file the refusal becomes a text.
    let wrapped = |what: &str| format!("400 Parameter verification failed.\n{what}\n");
    for (form, text) in [
        ("schedule=daily", "vmid: property is missing"),
        (
            "schedule=daily&vmid=100&all=1",
            "all: option conflicts with option 'vmid'",
        ),
    ] {
        let refused = lab.post("/cluster/backup", form).await;
        assert_eq!(refused.status, 500);
        assert_eq!(refused.json()["message"], wrapped(text), "{form}");
    }
    let missing = lab.delete("/cluster/backup/nope").await;
    assert_eq!(missing.json()["message"], wrapped("id: No such job 'nope'"));
    lab.make("id=job1&vmid=100,102&starttime=1:00&dow=mon,tue&node=pve1")
        .await;
    assert_eq!(
        lab.get("/cluster/backup/job1").await.data(),
        json!({
            "id": "job1", "type": "vzdump", "enabled": 1, "vmid": "100,102",
            "schedule": "mon,tue 1:00", "node": "pve1",
        })
    );
    let bad = lab.put("/cluster/backup/job1", "delete=nosuch").await;
    assert_eq!(
        bad.json()["message"],
        wrapped("delete: unknown option 'nosuch'")
    );
    let nothing = lab.put("/cluster/backup/job1", "").await;
    assert_eq!(nothing.line(), "500 no options specified");
    let tree = lab
        .get("/cluster/backup/job1/included_volumes")
        .await
        .data();
    assert_eq!(tree["children"][0]["id"], 100);
    assert_eq!(tree["children"][0]["children"][0]["included"], 1);
    let left = lab.get("/cluster/backup-info/not-backed-up").await.data();
    let left: Vec<_> = left
        .as_array()
        .unwrap()
        .iter()
        .map(|g| &g["vmid"])
        .collect();
    assert_eq!(left, [101, 200]);
    lab.put("/cluster/backup/job1", "exclude=101").await.data();
    let job = lab.get("/cluster/backup/job1").await;
    assert_eq!(job.status, 200);
}

#[tokio::test]
async fn a_schedule_can_be_looked_at() {
    let lab = lab();
    let path = "/cluster/jobs/schedule-analyze?schedule=sat%2002:30&iterations=2&starttime=0";
    assert_eq!(
        lab.get(path).await.data(),
        json!([
            { "timestamp": 181_800, "utc": "Sat Jan  3 02:30:00 1970" },
            { "timestamp": 786_600, "utc": "Sat Jan 10 02:30:00 1970" },
        ])
    );
    let rows = lab
        .get("/cluster/jobs/schedule-analyze?schedule=daily")
        .await;
    assert_eq!(rows.data().as_array().unwrap().len(), 10);
}

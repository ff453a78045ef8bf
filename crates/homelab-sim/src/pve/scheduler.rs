//! The scheduler of each host: starts the backup jobs of the cluster when
//! their time comes, on the host's own clock, at full minutes.
//!
//! Each host looks after itself: one that is down or without a quorum runs
//! nothing. Runs that a host missed while it was off are made up for when the
//! job says `repeat-missed`.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::calendar::CalendarEvent;
use super::call::Call;
use super::params::{self, Params};
use super::{PveCluster, accounts, api, unix};
use crate::clock::skewed;
use crate::world::{Host, JobMemory, Object, State};

/// The path of the jobs.
pub(super) const JOBS: &str = "/cluster/backup";

/// Options of a job that are about the job, not about the backup.
const ABOUT: &[&str] = &["comment", "enabled", "repeat-missed", "schedule", "type"];

/// When each host booted, as the schedulers know it.
type Boots = BTreeMap<String, SystemTime>;

/// What is to be done now.
#[derive(Default)]
struct Plan {
    /// What the schedulers remember, where that is something new.
    memory: Option<BTreeMap<String, BTreeMap<String, JobMemory>>>,
    /// Host and job of each run that is due.
    runs: Vec<(String, Object)>,
    /// How long nothing is due.
    wait: Option<Duration>,
}

impl PveCluster {
    /// Lets the schedulers work until the simulation ends.
    pub(super) fn start_scheduler(&self) {
        let (world, cluster) = (self.world().clone(), self.clone());
        self.world().spawn(async move {
            let mut changes = world.subscribe();
            let mut boots = Boots::new();
            loop {
                changes.borrow_and_update();
                let now = world.now();
                let plan = world.read(|state| plan(state, now, &mut boots));
                if let Some(memory) = plan.memory {
                    world.change(|state| state.schedulers = memory);
                    continue;
                }
                if !plan.runs.is_empty() {
                    for (host, job) in plan.runs {
                        cluster.run_job(&host, &job);
                    }
                    continue;
                }
                let sleep = async {
                    match plan.wait {
                        Some(wait) => world.sleep(wait).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    biased;
                    changed = changes.changed() => {
                        if changed.is_err() {
                            return;
                        }
                    }
                    () = sleep => {}
                }
            }
        });
    }

    /// Makes the call of a job on a host, as root.
    fn run_job(&self, host: &str, job: &Object) {
        let mut params = Params::new();
        for (key, value) in &job.values {
            if !ABOUT.contains(&key.as_str()) {
                params.insert(key.clone(), value.clone());
            }
        }
        params.insert("node".into(), host.into());
        params.insert("job-id".into(), job.id.clone().into());
        params.insert("quiet".into(), 1.into());
        let call = Call::inside(self, host, accounts::ROOT, params);
        // What it refuses shows in no task, as on a real host.
        let task = match api::backups::vzdump(&call).map(|answer| answer.data) {
            Ok(Value::String(upid)) if upid.starts_with("UPID:") => Some(upid),
            _ => None,
        };
        let since = self.unix_now_at(host);
        self.world().change(|state| {
            let jobs = state.schedulers.entry(host.to_owned()).or_default();
            if let Some(memory) = jobs.get_mut(&job.id) {
                memory.since = since;
                memory.task = task;
            }
        });
    }
}

fn plan(state: &State, now: SystemTime, boots: &mut Boots) -> Plan {
    let jobs = state.registry.objects(JOBS);
    if jobs.is_empty() && state.schedulers.is_empty() {
        return Plan::default();
    }
    let mut plan = Plan::default();
    let mut memory = state.schedulers.clone();
    memory.retain(|_, known| {
        known.retain(|id, _| jobs.iter().any(|job| job.id == *id));
        !known.is_empty()
    });
    let working = |host: &&Host| host.online() && state.quorate_at(&host.name);
    for host in state.hosts.iter().filter(working) {
        let skew = state.faults.clock_skew_seconds(&host.name);
        let now = skewed(now, skew);
        let booted = boots.insert(host.name.clone(), host.booted_at) != Some(host.booted_at);
        for job in jobs {
            let text = |key: &str| job.values.get(key).map(params::text);
            if text("node").is_some_and(|node| node != host.name) {
                continue;
            }
            let schedule = text("schedule").unwrap_or_default();
            let enabled = text("enabled").as_deref() != Some("0");
            let known = memory.entry(host.name.clone()).or_default();
            let missed_counts = text("repeat-missed").as_deref() == Some("1");
            let remembered = known.entry(job.id.clone()).or_default();
            let changed = remembered.schedule != schedule || remembered.enabled != enabled;
            if changed || (booted && !missed_counts) {
                remembered.since = unix(now);
            }
            remembered.schedule.clone_from(&schedule);
            remembered.enabled = enabled;
            let running = |upid: &String| state.task(upid).is_some_and(|task| task.end.is_none());
            if !enabled || remembered.task.as_ref().is_some_and(running) {
                continue;
            }
            let Some(at) = due(&schedule, remembered.since) else {
                continue;
            };
            match at.duration_since(now) {
                Ok(wait) if !wait.is_zero() => {
                    plan.wait = Some(plan.wait.map_or(wait, |least| least.min(wait)));
                }
                _ => plan.runs.push((host.name.clone(), job.clone())),
            }
        }
    }
    plan.memory = (memory != state.schedulers).then_some(memory);
    plan
}

/// When a job runs that ran at `since`: the scheduler looks every minute.
fn due(schedule: &str, since: u64) -> Option<SystemTime> {
    let event = CalendarEvent::parse(schedule).ok()?;
    let at = event.next_after(since)?.div_ceil(60).checked_mul(60)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(at))
}

//! The task that does something to many guests: it makes the call for each of
//! them, in the order of their startup, so many at a time, and waits for the
//! tasks that come of it. So guests are shut down by their power button here
//! as well, and those under HA by the manager.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::super::answer::{Answer, Result};
use super::super::call::Call;
use super::super::params::Params;
use super::super::{PveCluster, accounts, operation};
use super::bulk_act::{Act, Asked, Skip, startup};
use super::ha;
use crate::world::{Guest, State};

/// How long guests are waited for unless somebody says, in seconds.
pub(super) const TIMEOUT: u64 = 180;

/// Whose guests.
#[derive(Clone, Debug)]
pub(super) enum Scope {
    /// All hosts'.
    Cluster,
    /// One host's, those under HA only if `managed` says so.
    Host { name: String, managed: bool },
}

/// A task for many guests.
#[derive(Clone, Debug)]
pub(super) struct Bulk {
    pub(super) cluster: PveCluster,
    /// Where it runs.
    pub(super) host: String,
    pub(super) caller: String,
    pub(super) act: Act,
    pub(super) scope: Scope,
    /// Those that were named; all without any.
    pub(super) vmids: Vec<u32>,
    /// How many at a time.
    pub(super) workers: usize,
    /// Whether guests under HA are left to their manager.
    pub(super) through_manager: bool,
}

/// The task of a guest.
struct Child {
    vmid: u32,
    word: &'static str,
    upid: String,
    /// How long to wait after it before the next one.
    delay: Duration,
}

/// What came of an attempt.
enum Begun {
    Task(String),
    /// There is nothing to do.
    Skipped,
    Failed,
}

impl Bulk {
    /// Starts the task and returns its UPID.
    pub(super) fn start(self) -> String {
        let world = self.cluster.world().clone();
        let upid = world.change(|state| {
            state.task_start(
                &self.host,
                self.act.task(self.everywhere()),
                "",
                &self.caller,
            )
        });
        let started = upid.clone();
        world.spawn(async move { self.run(&started).await });
        upid
    }

    /// Whether it is about the guests of all hosts.
    fn everywhere(&self) -> bool {
        matches!(self.scope, Scope::Cluster)
    }

    async fn run(self, upid: &str) {
        let world = self.cluster.world();
        let (mut failed, mut warnings) = (Vec::new(), 0);
        if self.everywhere() {
            self.log(upid, self.act.head(&self.vmids));
        }
        for group in world.read(|state| self.groups(state)) {
            let mut running: Vec<Child> = Vec::new();
            for vmid in group {
                while running.len() >= self.workers {
                    self.reap(upid, &mut running, &mut failed, &mut warnings)
                        .await;
                }
                if self.over(upid) {
                    return;
                }
                let Some(guest) = world.read(|state| state.guest(vmid).cloned()) else {
                    continue;
                };
                match self.begin(upid, &guest, &mut warnings) {
                    Begun::Skipped => {}
                    Begun::Failed => failed.push(vmid),
                    Begun::Task(task) => running.push(Child {
                        vmid,
                        word: guest.kind.noun(),
                        upid: task,
                        delay: self.delay(&guest),
                    }),
                }
            }
            while !running.is_empty() {
                self.reap(upid, &mut running, &mut failed, &mut warnings)
                    .await;
            }
        }
        // What has nothing to do is still a process that starts and ends.
        world.sleep(self.cluster.0.options.task_duration).await;
        let result = self.result(&failed, warnings);
        world.change(|state| operation::conclude(state, upid, &self.host, result));
    }

    fn result(&self, failed: &[u32], warnings: u32) -> std::result::Result<(), String> {
        if self.everywhere() && !failed.is_empty() {
            return Err(self.act.failed(failed));
        }
        match warnings {
            0 => Ok(()),
            n => Err(format!("WARNINGS: {n}")),
        }
    }

    /// The guests by their place in the order of startup, or against it.
    fn groups(&self, state: &State) -> Vec<Vec<u32>> {
        let wanted = |guest: &&Guest| {
            let named = self.vmids.is_empty() || self.vmids.contains(&guest.vmid);
            let (here, managed) = match &self.scope {
                Scope::Cluster => (true, !self.vmids.is_empty()),
                Scope::Host { name, managed } => (guest.host == *name, *managed),
            };
            let moves = matches!(self.act, Act::Migrate { .. });
            let starts = !matches!(self.act, Act::Start { onboot: true }) || guest.onboot;
            named
                && here
                && starts
                && (moves || !guest.template)
                && (moves || managed || ha::managed(state, guest).is_none())
        };
        let mut groups: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        for guest in state.guests.iter().filter(wanted) {
            let order = match self.act {
                Act::Migrate { .. } => 0,
                _ => startup(guest, "order").unwrap_or(u64::MAX),
            };
            groups.entry(order).or_default().push(guest.vmid);
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        for group in &mut groups {
            group.sort_unstable();
        }
        if matches!(self.act, Act::Shutdown { .. } | Act::Suspend { .. }) {
            groups.reverse();
            if !self.everywhere() {
                for group in &mut groups {
                    group.reverse();
                }
            }
        }
        groups
    }

    /// Does it to one guest.
    fn begin(&self, upid: &str, guest: &Guest, warnings: &mut u32) -> Begun {
        let everywhere = self.everywhere();
        match self.act.skips(guest, everywhere) {
            None => {}
            Some(skip) => {
                match skip {
                    Skip::Silent => {}
                    Skip::Line(text) => self.log(upid, text),
                    Skip::Warning(text) => self.warn(upid, &text, warnings),
                }
                return Begun::Skipped;
            }
        }
        let Asked { line, params, run } = self.act.ask(guest, everywhere, self.through_manager);
        self.log(upid, line);
        match self.call(guest, params, run) {
            Ok(task) => Begun::Task(task),
            Err(text) => {
                if everywhere {
                    self.warn(upid, &text, warnings);
                } else {
                    self.log(upid, text);
                }
                Begun::Failed
            }
        }
    }

    fn warn(&self, upid: &str, text: &str, warnings: &mut u32) {
        *warnings += 1;
        self.log(upid, format!("WARN: {text}"));
    }

    /// Makes a call for a guest where it is; the UPID, or why there is none.
    fn call(
        &self,
        guest: &Guest,
        mut params: Params,
        run: fn(&Call<'_>) -> Result<Answer>,
    ) -> std::result::Result<String, String> {
        let world = self.cluster.world();
        if !world.read(|state| state.sees(&self.host, &guest.host)) {
            return Err("595 No route to host".into());
        }
        params.insert("node".into(), guest.host.clone().into());
        params.insert("vmid".into(), guest.vmid.into());
        let call = Call::inside(&self.cluster, &guest.host, &self.caller, params);
        match run(&call).map(|answer| answer.data) {
            Ok(Value::String(upid)) => Ok(upid),
            Ok(_) => Err("500 no task".into()),
            Err(error) => Err(format!("{} {}", error.status, error.reason())),
        }
    }

    /// Waits until one of them has ended, or this task.
    async fn reap(
        &self,
        upid: &str,
        running: &mut Vec<Child>,
        failed: &mut Vec<u32>,
        warnings: &mut u32,
    ) {
        let world = self.cluster.world();
        let mut changes = world.subscribe();
        loop {
            if self.over(upid) {
                running.clear();
                return;
            }
            let ended = |child: &Child| {
                world.read(|state| match state.task(&child.upid) {
                    Some(task) => task.end.as_ref().map(|end| end.exit_status.clone()),
                    None => Some("could not query task status".into()),
                })
            };
            let found = running
                .iter()
                .enumerate()
                .find_map(|(at, child)| Some((at, ended(child)?)));
            if let Some((at, status)) = found {
                let child = running.remove(at);
                if status == "OK" || status.starts_with("WARNINGS: ") {
                    self.rest(upid, child.delay).await;
                    return;
                }
                failed.push(child.vmid);
                let doing = self.act.doing();
                let text = format!("{doing} {} {} failed: {status}", child.word, child.vmid);
                if self.everywhere() {
                    self.warn(upid, &text, warnings);
                } else if matches!(self.act, Act::Start { .. }) {
                    self.log(upid, text);
                }
                return;
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// What a guest wants to be left before the next one starts.
    fn delay(&self, guest: &Guest) -> Duration {
        match self.act {
            Act::Start { .. } => Duration::from_secs(startup(guest, "up").unwrap_or(0)),
            _ => Duration::ZERO,
        }
    }

    async fn rest(&self, upid: &str, delay: Duration) {
        if !delay.is_zero() {
            let seconds = delay.as_secs();
            self.log(
                upid,
                format!("Waiting for {seconds} seconds (startup delay)"),
            );
            self.cluster.world().sleep(delay).await;
        }
    }

    fn log(&self, upid: &str, line: String) {
        let world = self.cluster.world();
        world.change(|state| state.task_log(upid, line));
    }

    /// Whether somebody stopped the task.
    fn over(&self, upid: &str) -> bool {
        let world = self.cluster.world();
        world.read(|state| state.task(upid).is_none_or(|task| task.end.is_some()))
    }
}

/// Shuts down all guests of a host that is about to go down, those under HA as
/// well, as root's task `stopall`, and waits for it.
pub(super) async fn stop_guests(cluster: &PveCluster, host: &str) {
    let world = cluster.world();
    let cpus = world.read(|state| state.host(host).map_or(1, |host| host.cpus as usize));
    let bulk = Bulk {
        cluster: cluster.clone(),
        host: host.to_owned(),
        caller: accounts::ROOT.to_owned(),
        act: Act::Shutdown {
            timeout: TIMEOUT,
            force: true,
            told: true,
        },
        scope: Scope::Host {
            name: host.to_owned(),
            managed: true,
        },
        vmids: Vec::new(),
        workers: cpus.max(1),
        through_manager: false,
    };
    let upid = bulk.start();
    operation::ended(world, &upid).await;
}

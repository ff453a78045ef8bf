//! Tasks: a call answers with a UPID at once, the work takes its time and then
//! changes the world, and how it ended stands in the task.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::answer::Answer;
use super::router::Call;
use super::{PveCluster, upid::Upid};
use crate::faults::Fault;
use crate::world::{State, World};

/// Tasks that need room on a disk.
const WRITES: [&str; 12] = [
    "download",
    "imgcopy",
    "move_volume",
    "qmclone",
    "qmcreate",
    "qmmove",
    "qmrestore",
    "qmsnapshot",
    "resize",
    "vzcreate",
    "vzdump",
    "vzrestore",
];

/// What a task does to the world when its time has come; an error's text
/// becomes the task's end.
pub(super) type Work = Box<dyn FnOnce(&mut State) -> Result<(), String> + Send>;

/// What a task waits for.
type Until = Box<dyn Fn(&State) -> bool + Send + Sync>;

/// What a task does to the world when it does not get to its work.
type Undo = Box<dyn FnOnce(&mut State) + Send>;

/// What a task found out before its work, on its own time.
pub(super) struct Found {
    /// For its log.
    pub(super) lines: Vec<String>,
    /// Bytes that have to go somewhere.
    pub(super) bytes: u64,
    /// What it does with it, or why it ends here.
    pub(super) work: Result<Work, String>,
}

/// A task that is about to start.
pub(super) struct Job {
    kind: String,
    id: String,
    node: String,
    duration: Duration,
    /// Happens as soon as the task runs: locks, things that are in the making.
    first: Option<Work>,
    /// Written to the log while time passes.
    lines: Vec<String>,
    /// Waited for before the work, and no longer than so long.
    until: Option<(Until, Duration)>,
    /// Happens at the end.
    work: Work,
    /// Happens instead of the work when the task fails or is stopped.
    undo: Option<Undo>,
    /// Looks for something before the work, which it decides.
    search: Option<Pin<Box<dyn Future<Output = Found> + Send>>>,
    found: Option<Arc<Mutex<Option<Found>>>>,
    /// What the end says before the reason when somebody stops the task.
    stopped: &'static str,
    bytes_per_second: u64,
    /// Where it needs room.
    storages: Vec<String>,
}

impl Job {
    /// A task on the host in the path that takes as long as most do.
    pub(super) fn new(
        call: &Call<'_>,
        kind: &str,
        id: impl fmt::Display,
        work: impl FnOnce(&mut State) -> Result<(), String> + Send + 'static,
    ) -> Self {
        Job {
            kind: kind.to_owned(),
            id: id.to_string(),
            node: call.node(),
            duration: call.cluster.0.options.task_duration,
            first: None,
            lines: Vec::new(),
            until: None,
            work: Box::new(work),
            undo: None,
            search: None,
            found: None,
            stopped: "",
            bytes_per_second: call.cluster.0.options.copy_bytes_per_second,
            storages: needs_room_on(call),
        }
    }

    /// Runs on another host than the one in the path.
    pub(super) fn on(mut self, host: &str) -> Self {
        host.clone_into(&mut self.node);
        self
    }

    /// Takes longer, because `bytes` have to go somewhere at `bytes_per_second`.
    pub(super) fn carries(mut self, bytes: u64, bytes_per_second: u64) -> Self {
        let millis = bytes.saturating_mul(1000) / bytes_per_second.max(1);
        self.duration += Duration::from_millis(millis);
        self
    }

    /// Waits for something before its work, `limit` of the lab's time at most.
    pub(super) fn until(
        mut self,
        limit: Duration,
        until: impl Fn(&State) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.until = Some((Box::new(until), limit));
        self
    }

    /// Writes lines to its log while time passes.
    pub(super) fn lines(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.lines.extend(lines);
        self
    }

    /// Does something as soon as it runs. An error ends it there.
    pub(super) fn first(
        mut self,
        first: impl FnOnce(&mut State) -> Result<(), String> + Send + 'static,
    ) -> Self {
        self.first = Some(Box::new(first));
        self
    }

    /// Does something when it fails or is stopped after its first step.
    pub(super) fn undo(mut self, undo: impl FnOnce(&mut State) + Send + 'static) -> Self {
        self.undo = Some(Box::new(undo));
        self
    }

    /// Looks for something first, outside the lab and its time; what it finds
    /// decides the work.
    pub(super) fn search(mut self, search: impl Future<Output = Found> + Send + 'static) -> Self {
        self.search = Some(Box::pin(search));
        self
    }

    /// Says this before the reason when somebody stops it, as `clone failed`.
    pub(super) fn stopped(mut self, text: &'static str) -> Self {
        self.stopped = text;
        self
    }

    /// Starts the task and answers with its UPID.
    pub(super) fn start(mut self, call: &Call<'_>) -> Answer {
        let cluster = call.cluster.clone();
        let Job { kind, id, node, .. } = &self;
        let stopped = self.stopped;
        let upid = cluster.world().change(|s| {
            let upid = s.task_start(node, kind, id, &call.caller);
            s.task_told(&upid, stopped);
            upid
        });
        debug_assert!(Upid::parse(&upid).is_some(), "{upid}");
        let answer = Value::String(upid.clone()).into();
        let world = cluster.world().clone();
        if let Some(search) = self.search.take() {
            let slot = Arc::new(Mutex::new(None));
            self.found = Some(slot.clone());
            let (world, stop) = (world.clone(), cluster.0.shared.stop.clone());
            tokio::spawn(async move {
                tokio::select! {
                    found = search => {
                        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
                        // Wakes the task.
                        world.change(|_| ());
                    }
                    () = stop.cancelled() => {}
                }
            });
        }
        world.spawn(async move { self.run(&cluster, &upid).await });
        answer
    }

    async fn run(mut self, cluster: &PveCluster, upid: &str) {
        let world = cluster.world();
        let first = self.first.take();
        let begun = world.change(|state| match first.map_or(Ok(()), |first| first(state)) {
            Ok(()) => true,
            Err(text) => {
                state.task_end(upid, &text);
                false
            }
        });
        if !begun {
            return;
        }
        if let Some(slot) = self.found.take() {
            let Some(found) = arrives(world, &slot, upid).await else {
                world.change(|state| self.finish(state, upid));
                return;
            };
            self.lines.extend(found.lines);
            let speed = self.bytes_per_second;
            self.work = match found.work {
                Ok(work) => work,
                Err(text) => Box::new(move |_| Err(text)),
            };
            self = self.carries(found.bytes, speed);
        }
        let lines = std::mem::take(&mut self.lines);
        let pause = self.duration / u32::try_from(lines.len() + 1).unwrap_or(u32::MAX);
        for line in lines {
            world.change(|state| state.task_log(upid, line));
            if !passes(world, pause, upid).await {
                break;
            }
        }
        passes(world, pause, upid).await;
        if let Some((until, limit)) = self.until.take() {
            tokio::select! {
                biased;
                () = comes(world, &*until) => {}
                _ = passes(world, limit, upid) => {}
            }
        }
        world.change(|state| self.finish(state, upid));
    }

    fn finish(self, state: &mut State, upid: &str) {
        let stopped = state.task(upid).is_none_or(|task| task.end.is_some());
        if !stopped && !state.host_online(&self.node) {
            // Its process died with the host: the log has no last line, and
            // nobody tidies up.
            state.task_end(upid, "unexpected status");
            return;
        }
        let result = if stopped {
            Err(String::new())
        } else if state.faults.has(&self.node, Fault::TaskFailure) {
            Err("start failed: QEMU exited with code 1".to_owned())
        } else if WRITES.contains(&self.kind.as_str())
            && (state.disk_full(&self.node, None)
                || self
                    .storages
                    .iter()
                    .any(|id| state.disk_full(&self.node, Some(id))))
        {
            Err("unable to create image: No space left on device".to_owned())
        } else {
            (self.work)(state)
        };
        if let (Err(_), Some(undo)) = (&result, self.undo) {
            undo(state);
        }
        settle(state, upid, &self.node, result);
    }
}

/// Ends a task that has done its work, or failed at it. Of a stopped task the
/// first end stays.
fn settle(state: &mut State, upid: &str, node: &str, result: Result<(), String>) {
    let status = match result {
        Err(text) => text,
        Ok(()) if state.faults.has(node, Fault::TaskWarning) => {
            state.task_log(upid, "WARN: something is not as it should be");
            "WARNINGS: 1".into()
        }
        Ok(()) => "OK".into(),
    };
    state.task_end(upid, &status);
}

/// Ends a task that only looked after others.
pub(super) fn conclude(state: &mut State, upid: &str, node: &str, result: Result<(), String>) {
    if !state.host_online(node) {
        state.task_end(upid, "unexpected status");
        return;
    }
    settle(state, upid, node, result);
}

/// The storages that a call names, or else those of the guest that it is about.
fn needs_room_on(call: &Call<'_>) -> Vec<String> {
    let named = call.params.iter().map(|(key, value)| {
        let text = super::params::text(value);
        match key.as_str() {
            "storage" | "targetstorage" => text,
            _ => {
                let volume = text
                    .split(',')
                    .next()
                    .and_then(|first| first.split_once(':'));
                volume.map_or_else(String::new, |(storage, _)| storage.to_owned())
            }
        }
    });
    let mut ids: Vec<String> = named.filter(|id| !id.is_empty()).collect();
    call.cluster.world().read(|state| {
        ids.retain(|id| state.storages.iter().any(|storage| storage.id == *id));
        let vmid = call.number::<u32>("vmid");
        if let Some(guest) = vmid
            .and_then(|vmid| state.guest(vmid))
            .filter(|_| ids.is_empty())
        {
            ids.extend(guest.disks.iter().map(|disk| disk.storage.clone()));
        }
    });
    ids
}

/// Waits, but no longer than the task lives. Whether it still does.
async fn passes(world: &World, pause: Duration, upid: &str) -> bool {
    tokio::select! {
        biased;
        () = ended(world, upid) => false,
        () = world.sleep(pause) => true,
    }
}

/// Waits for what a task looks for; `None` when the task ends before.
async fn arrives(world: &World, slot: &Mutex<Option<Found>>, upid: &str) -> Option<Found> {
    let mut changes = world.subscribe();
    loop {
        if world.read(|s| s.task(upid).is_none_or(|task| task.end.is_some())) {
            return None;
        }
        let found = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        if found.is_some() {
            return found;
        }
        changes.changed().await.ok()?;
    }
}

/// Completes when the world is as wanted.
async fn comes(world: &World, wanted: &(dyn Fn(&State) -> bool + Send + Sync)) {
    let mut changes = world.subscribe();
    while !world.read(|state| wanted(state)) {
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Completes when the task has ended.
pub(super) async fn ended(world: &World, upid: &str) {
    let mut changes = world.subscribe();
    while world.read(|s| s.task(upid).is_some_and(|task| task.end.is_none())) {
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Starts a task on the host in the path and answers with its UPID.
pub(super) fn start(call: &Call<'_>, kind: &str, id: &str, work: Work) -> Answer {
    Job::new(call, kind, id, work).start(call)
}

/// Starts a task that stands for something that goes on until somebody ends
/// it, and returns its UPID.
pub(super) fn endless(call: &Call<'_>, kind: &str, id: &str) -> String {
    call.cluster
        .world()
        .change(|state| state.task_start(&call.node(), kind, id, &call.caller))
}

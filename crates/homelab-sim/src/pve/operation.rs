//! Tasks: a call answers with a UPID at once, the work takes its time and then
//! changes the world, and how it ended stands in the task.

use std::time::Duration;

use serde_json::Value;

use super::answer::Answer;
use super::router::Call;
use super::{PveCluster, upid::Upid};
use crate::faults::Fault;
use crate::world::State;

/// What a task does to the world when its time has come; an error's text
/// becomes the task's end.
pub(super) type Work = Box<dyn FnOnce(&mut State) -> Result<(), String> + Send>;

/// Starts a task on the host in the path and answers with its UPID.
pub(super) fn start(call: &Call<'_>, kind: &str, id: &str, work: Work) -> Answer {
    let (cluster, node) = (call.cluster.clone(), call.node());
    let upid = cluster
        .world()
        .change(|s| s.task_start(&node, kind, id, &call.caller));
    debug_assert!(Upid::parse(&upid).is_some(), "{upid}");
    let answer = Value::String(upid.clone()).into();
    let duration = cluster.0.options.task_duration;
    later(&call.cluster.clone(), duration, move |state| {
        if state.task(&upid).is_none_or(|task| task.end.is_some()) {
            return; // stopped meanwhile
        }
        if !state.host_online(&node) {
            // Its process died with the host: the log has no last line.
            state.task_end(&upid, "unexpected status");
            return;
        }
        let result = if cluster.has_fault(&node, Fault::TaskFailure) {
            Err("start failed: QEMU exited with code 1".to_owned())
        } else {
            work(state)
        };
        state.task_end(&upid, &result.err().unwrap_or_else(|| "OK".into()));
    });
    answer
}

/// Changes the world after `delay`, unless the simulation ends before.
pub(super) fn later(
    cluster: &PveCluster,
    delay: Duration,
    change: impl FnOnce(&mut State) + Send + 'static,
) {
    let cluster = cluster.clone();
    tokio::spawn(async move {
        let stop = cluster.0.shared.stop.clone();
        tokio::select! {
            () = cluster.world().sleep(delay) => cluster.world().change(change),
            () = stop.cancelled() => {}
        }
    });
}

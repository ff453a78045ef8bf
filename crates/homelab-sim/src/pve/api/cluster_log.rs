//! `GET /cluster/log`: what the hosts' daemons said, newest first. Of it the
//! simulated ones say when tasks begin and end.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::super::answer::{Answer, Result};
use super::super::router::{Access, Call, Route, get};
use super::super::unix;
use crate::world::{State, Task};

/// How many entries come unless the caller says.
const USUAL: usize = 50;

/// Time, text, and how grave it is (6 is a notice, 3 an error).
fn lines(task: &Task) -> Vec<(SystemTime, String, u8)> {
    let mut lines = vec![(task.started_at, format!("starting task {}", task.upid), 6)];
    if let Some(end) = &task.end {
        let text = format!("end task {} {}", task.upid, end.exit_status);
        let fine = end.exit_status == "OK" || end.exit_status.starts_with("WARNINGS");
        lines.push((end.at, text, if fine { 6 } else { 3 }));
    }
    lines
}

fn entries(state: &State) -> Vec<(&Task, SystemTime, String, u8)> {
    let tasks = state.tasks.iter();
    let mut all: Vec<_> = tasks
        .flat_map(|task| {
            lines(task)
                .into_iter()
                .map(move |(at, text, grave)| (task, at, text, grave))
        })
        .collect();
    all.sort_by_key(|(_, at, _, _)| *at);
    all
}

fn log(call: &Call<'_>) -> Result<Answer> {
    let most = call.number("max").unwrap_or(USUAL);
    let all = call.may("/", "Sys.Syslog");
    let rows = call.cluster.world().read(|state| {
        let numbered = (1..).zip(entries(state));
        let mine = numbered.filter(|(_, (task, ..))| all || task.user == call.caller);
        let mut rows: Vec<Value> = mine
            .map(|(uid, (task, at, text, grave))| {
                json!({
                    "uid": format!("{uid}"), "id": format!("{uid}:{}", task.node),
                    "node": task.node, "pid": task.pid, "pri": grave, "tag": "pvedaemon",
                    "time": unix(at), "user": task.user, "msg": text,
                })
            })
            .collect();
        rows.reverse();
        rows.truncate(most);
        rows
    });
    Ok(Value::Array(rows).into())
}

pub(super) const ROUTES: &[Route] = &[get("/cluster/log", Access::User, log).by_schema()];

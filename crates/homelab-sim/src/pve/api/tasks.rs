//! Tasks: lists, status, log, and stopping one.

use serde_json::{Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::formats::status_words;
use super::super::params::{Kind, Param, optional};
use super::super::router::{Access, Call, Route, get, user_of};
use super::super::{unix, upid::Upid};
use crate::world::{State, Task};

/// Finished tasks that the cluster's list keeps of each host.
const KEPT_PER_HOST: usize = 25;

/// `GET /cluster/tasks`: what runs, and the last finished ones of each host.
/// A running one has no status.
fn of_cluster(call: &Call<'_>) -> Result<Answer> {
    let rows = call.cluster.world().read(|state| {
        let mut rows = Vec::new();
        for host in &state.hosts {
            let mut finished = 0;
            for task in state.tasks.iter().rev().filter(|t| t.node == host.name) {
                finished += usize::from(task.end.is_some());
                if finished > KEPT_PER_HOST || !may_see(call, task) {
                    continue;
                }
                let mut row = summary(task);
                if let Some(end) = &task.end {
                    row["endtime"] = unix(end.at).into();
                    row["status"] = end.exit_status.as_str().into();
                    row["saved"] = "1".into();
                }
                rows.push(row);
            }
        }
        rows
    });
    Ok(Value::Array(rows).into())
}

/// Users see their own tasks and those of their tokens, tokens their own.
fn may_see(call: &Call<'_>, task: &Task) -> bool {
    task.user == call.caller
        || user_of(&task.user) == call.caller
        || call.may(&format!("/nodes/{}", task.node), "Sys.Audit")
}

fn summary(task: &Task) -> Value {
    let mut row = json!({
        "upid": task.upid, "node": task.node, "type": task.kind, "id": task.id,
        "starttime": unix(task.started_at), "pid": task.pid, "pstart": task.pstart,
    });
    split_user(&mut row, &task.user);
    row
}

/// `root@pam!sim` is told in two fields.
fn split_user(row: &mut Value, user: &str) {
    row["user"] = user_of(user).into();
    if let Some((_, token)) = user.split_once('!') {
        row["tokenid"] = token.into();
    }
}

/// `GET /nodes/{node}/tasks`: newest first; running ones only when asked for.
fn of_node(call: &Call<'_>) -> Result<Answer> {
    let node = call.node();
    let start = call.number("start").unwrap_or(0_usize);
    let limit = call.number("limit").unwrap_or(50_usize);
    let limit = if limit == 0 { usize::MAX } else { limit };
    call.cluster.world().read(|state| {
        let all: Vec<_> = state
            .tasks
            .iter()
            .rev()
            .filter(|t| t.node == node && may_see(call, t) && wanted(call, t))
            .collect();
        let page = all.iter().skip(start).take(limit).map(|task| {
            let mut row = summary(task);
            match &task.end {
                None => row["status"] = "RUNNING".into(),
                Some(end) => {
                    row["endtime"] = unix(end.at).into();
                    row["status"] = end.exit_status.as_str().into();
                }
            }
            row
        });
        Ok(Answer::page(page.collect(), all.len()))
    })
}

/// Whether a task passes the filters of the call.
fn wanted(call: &Call<'_>, task: &Task) -> bool {
    let started = unix(task.started_at);
    let source = call.text("source").unwrap_or_else(|| "archive".into());
    let running = task.end.is_none();
    let outcome = outcome(task);
    (source == "all" || running == (source == "active"))
        && call.text("vmid").is_none_or(|vmid| task.id == vmid)
        && call.text("typefilter").is_none_or(|kind| task.kind == kind)
        && call
            .text("userfilter")
            .is_none_or(|user| task.user.contains(&user))
        && call
            .number("since")
            .is_none_or(|since: u64| started >= since)
        && call
            .number("until")
            .is_none_or(|until: u64| started <= until)
        && (!call.flag("errors") || outcome != "ok")
        && call
            .text("statusfilter")
            .is_none_or(|words| words.split([',', ';', ' ']).any(|word| word == outcome))
}

/// The word of `statusfilter`.
fn outcome(task: &Task) -> &'static str {
    match task.end.as_ref().map(|end| end.exit_status.as_str()) {
        Some("OK") => "ok",
        Some(text) if text.starts_with("WARNINGS: ") => "warning",
        Some("unexpected status") | None => "unknown",
        Some(_) => "error",
    }
}

/// The task in the path, if it is one of the host in the path.
fn find<'s>(state: &'s State, call: &Call<'_>) -> Result<&'s Task> {
    let upid = call.text("upid").unwrap_or_default();
    if Upid::parse(&upid).is_none() {
        return Err(ApiError::param("upid", "unable to parse worker upid"));
    }
    let node = call.node();
    let task = state.task(&upid).filter(|task| task.node == node);
    let task = task.ok_or_else(|| ApiError::param("upid", "no such task"))?;
    if may_see(call, task) {
        Ok(task)
    } else {
        Err(ApiError::forbidden(&format!("/nodes/{node}, Sys.Audit")))
    }
}

fn status(call: &Call<'_>) -> Result<Answer> {
    call.cluster.world().read(|state| {
        let task = find(state, call)?;
        let mut data = summary(task);
        match &task.end {
            None => data["status"] = "running".into(),
            Some(end) => {
                data["status"] = "stopped".into();
                data["exitstatus"] = end.exit_status.as_str().into();
            }
        }
        Ok(data.into())
    })
}

fn log(call: &Call<'_>) -> Result<Answer> {
    let start = call.number("start").unwrap_or(0_usize);
    let limit = call.number("limit").unwrap_or(50_usize);
    let limit = if limit == 0 { usize::MAX } else { limit };
    call.cluster.world().read(|state| {
        let lines = match find(state, call) {
            Ok(task) => lines(task),
            // The log of a task that is not there is no error, for once.
            Err(error)
                if error.status == 400
                    && call.text("upid").is_some_and(|u| Upid::parse(&u).is_some()) =>
            {
                vec!["unable to open file - No such file or directory".to_owned()]
            }
            Err(error) => return Err(error),
        };
        let total = lines.len();
        let page = lines.into_iter().enumerate().skip(start).take(limit);
        let page = page.map(|(n, text)| json!({ "n": n + 1, "t": text }));
        Ok(Answer::page(page.collect(), total))
    })
}

/// The log with its last line, which tells how the task ended.
fn lines(task: &Task) -> Vec<String> {
    let mut lines = task.log.clone();
    match task.end.as_ref().map(|end| end.exit_status.as_str()) {
        Some("OK") => lines.push("TASK OK".into()),
        Some(text) if text.starts_with("WARNINGS: ") => lines.push(format!("TASK {text}")),
        // Its process died: nobody wrote the line.
        Some("unexpected status") | None => {}
        Some(text) => lines.push(format!("TASK ERROR: {text}")),
    }
    if lines.is_empty() {
        lines.push("no content".into());
    }
    lines
}

/// `DELETE /nodes/{node}/tasks/{upid}`: sends a signal; the end follows.
fn stop(call: &Call<'_>) -> Result<Answer> {
    let upid = call.cluster.world().read(|state| {
        let task = find(state, call)?;
        let own = user_of(&task.user) == user_of(&call.caller);
        if own || call.may(&format!("/nodes/{}", task.node), "Sys.Modify") {
            Ok(task.upid.clone())
        } else {
            Err(ApiError::forbidden(&format!(
                "/nodes/{}, Sys.Modify",
                task.node
            )))
        }
    })?;
    call.cluster.world().change(|state| {
        let told = state.task(&upid).map(|task| task.stopped.clone());
        let text = match told.filter(|told| !told.is_empty()) {
            Some(told) => format!("{told}: received interrupt"),
            None => "received interrupt".to_owned(),
        };
        state.task_end(&upid, &text);
    });
    Ok(Value::Null.into())
}

const NODE_FILTERS: &[Param] = &[
    optional("start", Kind::Int { min: 0 }),
    optional("limit", Kind::Int { min: 0 }),
    optional("since", Kind::Int { min: 0 }),
    optional("until", Kind::Int { min: 0 }),
    optional("errors", Kind::Bool),
    optional("source", Kind::Word(&["archive", "active", "all"])),
    optional("statusfilter", Kind::Format(status_words)),
    optional("typefilter", Kind::Text),
    optional("userfilter", Kind::Text),
    optional("vmid", Kind::Vmid),
];

pub(super) const ROUTES: &[Route] = &[
    get("/cluster/tasks", Access::User, of_cluster),
    get("/nodes/{node}/tasks", Access::User, of_node).with(NODE_FILTERS),
    get("/nodes/{node}/tasks/{upid}", Access::User, stop).method("DELETE"),
    get("/nodes/{node}/tasks/{upid}/status", Access::User, status),
    get("/nodes/{node}/tasks/{upid}/log", Access::User, log).with(&[
        optional("start", Kind::Int { min: 0 }),
        optional("limit", Kind::Int { min: 0 }),
        optional("download", Kind::Bool),
    ]),
];

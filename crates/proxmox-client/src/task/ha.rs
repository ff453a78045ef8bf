//! Tasks that only ask the HA manager. They end within a second; what they
//! asked for happens some ten to forty seconds later, or not at all.

use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result, Sent};
use proxmox_endpoints::{Method, Params};
use serde_json::Value;

use super::wait::WaitOptions;
use super::{Looks, Task};
use crate::ProxmoxClient;

pub(super) const OPERATION: &str = "wait for the HA manager";

/// The kinds of tasks that only ask the manager.
const ASK_HA: &[&str] = &["hastart", "hastop", "hamigrate", "harelocate"];

/// What the manager was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Goal {
    Running,
    Stopped,
    /// On this node, when the task's log names it.
    Moved(Option<String>),
}

/// How a guest is doing at a moment.
#[derive(Debug, Default)]
struct Seen {
    node: String,
    running: bool,
    /// `started`, `migrate`, `request_stop`, …; empty while only queued.
    ha_state: String,
    locked: bool,
}

impl Task {
    /// Waits until a guest that the HA manager owns is where the task's request
    /// wants it. Tasks of other kinds have ended when they have ended.
    pub(super) async fn settle(&self, options: &WaitOptions, deadline: Duration) -> Result<()> {
        if !ASK_HA.contains(&self.upid().kind()) {
            return Ok(());
        }
        let Ok(vmid) = self.upid().subject().parse::<u32>() else {
            return Ok(());
        };
        let wanted = Wanted::ByTask(self);
        let settled = settled(&self.client, vmid, &wanted, options, deadline);
        settled.await.map_err(|error| {
            error
                .target(self.upid().node())
                .request_ref(self.upid().as_str())
        })
    }

    async fn goal(&self) -> Result<Goal> {
        Ok(match self.upid().kind() {
            "hastart" => Goal::Running,
            "hastop" => Goal::Stopped,
            _ => {
                let lines = self.log(0, 0).await?;
                Goal::Moved(lines.iter().find_map(|l| target(&l.text)))
            }
        })
    }
}

/// How it is known what the manager was asked for.
pub(super) enum Wanted<'a> {
    /// By a task of the manager's.
    ByTask(&'a Task),
    /// By the caller: this resource on this node.
    Move(&'a str, &'a str),
}

impl Wanted<'_> {
    async fn goal(&self, client: &ProxmoxClient, deadline: Duration) -> Result<Goal> {
        match self {
            Wanted::ByTask(task) => task.look_until(deadline).goal().await,
            Wanted::Move(sid, node) => {
                // Nothing ever happens to a guest that the manager does not know.
                let manager = client.until(deadline).cluster().ha();
                manager.resource(*sid).await?;
                Ok(Goal::Moved(Some((*node).to_owned())))
            }
        }
    }
}

/// Watches a guest until it is where the manager was asked to bring it.
pub(super) async fn settled(
    client: &ProxmoxClient,
    vmid: u32,
    wanted: &Wanted<'_>,
    options: &WaitOptions,
    deadline: Duration,
) -> Result<()> {
    let (first, longest) = (options.first_pause, options.longest_pause);
    let mut looks = Looks::new(client, deadline, first, longest);
    let mut known = None;
    loop {
        let looked = look(client, vmid, wanted, &mut known, deadline).await;
        let (place, trouble) = match looked {
            Ok((goal, seen)) if goal.reached(&seen) => return Ok(()),
            Ok((_, seen)) if seen.is_given_up() => {
                let text = format!("the HA manager has guest {vmid} {}", seen.words());
                return Err(Error::new(ErrorKind::TaskFailed, text)
                    .sent(Sent::Yes)
                    .operation(OPERATION));
            }
            Ok((_, seen)) => {
                looks.good();
                (seen.words(), None)
            }
            // It moves between two looks; connections come back.
            Err(error) if error.kind() == ErrorKind::NotFound && known.is_some() => {
                ("out of sight".to_owned(), Some(error))
            }
            Err(error) => ("out of sight".to_owned(), Some(looks.bear(error)?)),
        };
        if !looks.pause().await {
            let goal = known
                .as_ref()
                .map_or_else(|| "settled".to_owned(), Goal::words);
            let text = format!(
                "the HA manager took the request, but guest {vmid} is not {goal} after {:?}: it is {place}",
                options.timeout
            );
            let error = Error::new(ErrorKind::Timeout, text);
            let error = error.sent(Sent::Yes).operation(OPERATION);
            return Err(match trouble {
                Some(trouble) => error.source(trouble),
                None => error,
            });
        }
    }
}

/// Where the guest is now, and how; and where it shall be, which is asked once.
async fn look(
    client: &ProxmoxClient,
    vmid: u32,
    wanted: &Wanted<'_>,
    known: &mut Option<Goal>,
    deadline: Duration,
) -> Result<(Goal, Seen)> {
    let goal = if let Some(goal) = known {
        goal.clone()
    } else {
        let goal = wanted.goal(client, deadline).await?;
        known.insert(goal).clone()
    };
    let seen = Seen::look(client, vmid, deadline).await?;
    Ok((goal, seen))
}

impl Seen {
    /// Where the guest is now, and how.
    async fn look(client: &ProxmoxClient, vmid: u32, deadline: Duration) -> Result<Self> {
        let place = client.until(deadline).locate(vmid).await?;
        let path = format!(
            "/nodes/{}/{}/{vmid}/status/current",
            place.node,
            place.kind.as_str()
        );
        let status = client
            .until(deadline)
            .request(Method::Get, &path, &Params::new())
            .await?;
        Ok(Seen::read(place.node, &status))
    }

    /// Whether the guest is on the node and the manager is done with it.
    fn rests_on(&self, node: &str) -> bool {
        self.node == node && self.at_rest() && !self.locked
    }

    /// Whether the manager does nothing more for the guest by itself.
    fn is_given_up(&self) -> bool {
        matches!(self.ha_state.as_str(), "error" | "fence")
    }

    fn read(node: String, status: &Value) -> Self {
        let text = |pointer| status.pointer(pointer).and_then(Value::as_str);
        Seen {
            node,
            running: text("/status") == Some("running"),
            ha_state: text("/ha/state").unwrap_or_default().to_owned(),
            locked: status.get("lock").is_some_and(|lock| !lock.is_null()),
        }
    }

    fn words(&self) -> String {
        format!("on {} in state '{}'", self.node, self.ha_state)
    }

    /// Whether the manager has nothing left to do.
    fn at_rest(&self) -> bool {
        matches!(
            self.ha_state.as_str(),
            "started" | "stopped" | "disabled" | "ignored"
        )
    }
}

impl Goal {
    fn reached(&self, seen: &Seen) -> bool {
        match self {
            Goal::Running => seen.running && !seen.locked,
            Goal::Stopped => !seen.running && !seen.locked,
            Goal::Moved(Some(node)) => seen.rests_on(node),
            Goal::Moved(None) => seen.at_rest() && !seen.locked,
        }
    }

    fn words(&self) -> String {
        match self {
            Goal::Running => "running".to_owned(),
            Goal::Stopped => "stopped".to_owned(),
            Goal::Moved(Some(node)) => format!("settled on {node}"),
            Goal::Moved(None) => "settled".to_owned(),
        }
    }
}

/// The node in `Requesting HA migration for VM 100 to node c2` and its kin.
fn target(line: &str) -> Option<String> {
    let (_, rest) = line.rsplit_once("to node ")?;
    let name: String = rest
        .trim_start_matches('\'')
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn goals_are_reached_when_the_guest_is_there() {
        let seen = |status: Value| Seen::read("c2".to_owned(), &status);
        let queued = seen(json!({"status": "stopped", "ha": {"managed": 1, "state": null}}));
        assert!(!Goal::Running.reached(&queued) && Goal::Stopped.reached(&queued));
        let moving =
            seen(json!({"status": "running", "lock": "migrate", "ha": {"state": "migrate"}}));
        let there = Goal::Moved(Some("c2".to_owned()));
        assert!(!there.reached(&moving));
        let settled = seen(json!({"status": "running", "ha": {"state": "started"}}));
        assert!(there.reached(&settled) && Goal::Running.reached(&settled));
        assert!(!Goal::Moved(Some("c3".to_owned())).reached(&settled));
    }

    #[test]
    fn the_target_is_in_the_log() {
        let line = "Requesting HA migration for VM 100 to node c2";
        assert_eq!(target(line).as_deref(), Some("c2"));
        assert_eq!(target("TASK OK"), None);
    }
}

//! Tasks that only ask the HA manager. They end within a second; what they
//! asked for happens some ten to forty seconds later, or not at all.

use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result};
use proxmox_endpoints::{Method, Params};
use serde_json::Value;

use super::Task;
use super::wait::WaitOptions;
use crate::{ProxmoxClient, errors};

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
pub(super) struct Seen {
    pub(super) node: String,
    running: bool,
    /// `started`, `migrate`, `request_stop`, …; empty while only queued.
    pub(super) ha_state: String,
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
        let clock = self.client.clock();
        let mut pause = options.first_pause;
        let mut known = None;
        loop {
            let trouble = match self.look_at_guest(vmid, &mut known, deadline).await {
                Ok((goal, seen)) if goal.reached(&seen) => return Ok(()),
                Ok((_, seen)) if seen.is_given_up() => {
                    return Err(self.gave_up(vmid, &seen));
                }
                Ok(_) => None,
                // It moves between two looks; connections come back.
                Err(error) if error.kind() == ErrorKind::NotFound || errors::passes(&error) => {
                    Some(error)
                }
                Err(error) => return Err(error),
            };
            let now = clock.elapsed();
            if now >= deadline {
                let error = Error::new(
                    ErrorKind::Timeout,
                    format!(
                        "the HA manager took the request, but guest {vmid} is not {} after {:?}",
                        known
                            .as_ref()
                            .map_or_else(|| "settled".to_owned(), Goal::words),
                        options.timeout
                    ),
                );
                let error = match trouble {
                    Some(trouble) => error.source(trouble),
                    None => error,
                };
                return Err(error
                    .sent(homelab_core::Sent::Yes)
                    .operation("wait for the HA manager")
                    .target(self.upid().node())
                    .request_ref(self.upid().as_str()));
            }
            clock.sleep(pause.min(deadline.saturating_sub(now))).await;
            pause = (pause * 3 / 2).min(options.longest_pause);
        }
    }

    fn gave_up(&self, vmid: u32, seen: &Seen) -> Error {
        Error::new(
            ErrorKind::TaskFailed,
            format!(
                "the HA manager has guest {vmid} on {} in state '{}'",
                seen.node, seen.ha_state
            ),
        )
        .operation("wait for the HA manager")
        .target(self.upid().node())
        .request_ref(self.upid().as_str())
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

    /// Where the guest is now, and how; and where it shall be, which is asked once.
    async fn look_at_guest(
        &self,
        vmid: u32,
        known: &mut Option<Goal>,
        deadline: Duration,
    ) -> Result<(Goal, Seen)> {
        let goal = if let Some(goal) = known {
            goal.clone()
        } else {
            let goal = self.look_until(deadline).goal().await?;
            known.insert(goal).clone()
        };
        let seen = Seen::look(&self.client, vmid, deadline).await?;
        Ok((goal, seen))
    }
}

impl Seen {
    /// Where the guest is now, and how.
    pub(super) async fn look(
        client: &ProxmoxClient,
        vmid: u32,
        deadline: Duration,
    ) -> Result<Self> {
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
    pub(super) fn rests_on(&self, node: &str) -> bool {
        self.node == node && self.at_rest() && !self.locked
    }

    /// Whether the manager does nothing more for the guest by itself.
    pub(super) fn is_given_up(&self) -> bool {
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

//! Programs inside the guest.

use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result, Sent};
use proxmox_endpoints::{Method, Params, tolerant};
use serde::{Deserialize, Serialize};

use super::Agent;
use super::call::bytes_of;
use crate::task::Looks;

/// What the server takes as input.
const LARGEST_INPUT: usize = 64 << 10;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How to run a program.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExecOptions {
    /// What it reads from its standard input; 64 KiB at most.
    pub input: Option<String>,
    /// Give up waiting after this long; one minute unless set. The program
    /// goes on.
    pub timeout: Duration,
}

impl Default for ExecOptions {
    fn default() -> Self {
        ExecOptions {
            input: None,
            timeout: Duration::from_secs(60),
        }
    }
}

impl ExecOptions {
    /// Gives it this to read.
    #[must_use]
    pub fn input(mut self, text: impl Into<String>) -> Self {
        self.input = Some(text.into());
        self
    }

    /// Gives up waiting after this long.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }
}

/// What a program left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExecOutput {
    /// Its exit code; absent when a signal ended it.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it complained about.
    pub stderr: Vec<u8>,
    /// Whether there was more of either than the agent keeps (16 MiB).
    pub truncated: bool,
}

impl ExecOutput {
    /// Whether it ended with exit code 0.
    pub fn success(&self) -> bool {
        self.exit_code == Some(0)
    }

    /// What it printed, as text; bytes that are none become `�`.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// What it complained about, as text.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// Whether a program still runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecStatus {
    /// It does.
    Running,
    /// It has ended. The server hands this out once: ask no more.
    Ended(ExecOutput),
}

#[derive(Deserialize, Serialize)]
struct Started {
    #[serde(deserialize_with = "tolerant::req")]
    pid: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Wire {
    #[serde(default, deserialize_with = "tolerant::opt")]
    exited: Option<bool>,
    #[serde(default, deserialize_with = "tolerant::opt", rename = "exitcode")]
    exit_code: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::opt")]
    signal: Option<i64>,
    #[serde(default)]
    out_data: String,
    #[serde(default)]
    err_data: String,
    #[serde(default, deserialize_with = "tolerant::opt")]
    out_truncated: Option<bool>,
    #[serde(default, deserialize_with = "tolerant::opt")]
    err_truncated: Option<bool>,
}

impl Agent {
    /// Runs a program and waits for its end. `command` is the program and its
    /// arguments, one by one: there is no shell in between.
    ///
    /// ```no_run
    /// # async fn example(pve: proxmox_client::ProxmoxClient) -> homelab_core::Result<()> {
    /// let agent = pve.node("pve1").qemu(100).agent();
    /// let out = agent.exec(&["/bin/uname", "-r"], Default::default()).await?;
    /// println!("{:?} {}", out.exit_code, out.stdout_text());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// * `InvalidArgument`: no program, or more than 64 KiB of input.
    /// * `FailedPrecondition`: the agent cannot be asked; [`AgentAvailability`](super::AgentAvailability).
    /// * `Unsupported`: the agent has no such command (Talos), or its file
    ///   systems are frozen.
    /// * `Unavailable`: among others when there is no such program: the server
    ///   then fails at the agent's own error text.
    /// * `Timeout`: it still runs. Connection errors while it runs are borne
    ///   until the time is up, and a last look may take a second more.
    /// * A program that fails is no error: see [`ExecOutput::success`].
    ///
    /// # Cancellation
    /// The program goes on.
    pub async fn exec(&self, command: &[&str], options: ExecOptions) -> Result<ExecOutput> {
        let client = self.guest.client();
        let pid = self.exec_start(command, options.input.as_deref()).await?;
        let deadline = client.clock().elapsed() + options.timeout;
        let mut looks = Looks::new(client, deadline, FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let trouble = match self.look_until(deadline).exec_status(pid).await {
                Ok(ExecStatus::Ended(output)) => return Ok(output),
                Ok(ExecStatus::Running) => {
                    looks.good();
                    None
                }
                Err(error) if error.message().contains("does not exist") => {
                    return Err(Error::new(
                        ErrorKind::Unavailable,
                        format!("process {pid} has ended, but its result was lost on the way: the server hands it out once"),
                    )
                    .sent(Sent::Yes)
                    .operation("guest agent exec")
                    .source(error));
                }
                Err(error) => Some(looks.bear(error)?),
            };
            if !looks.pause().await {
                return Err(self.time_is_up(pid, options.timeout, trouble));
            }
        }
    }

    /// The same agent, for one look at a program that is waited for.
    fn look_until(&self, deadline: Duration) -> Agent {
        let client = self.guest.client().until(deadline);
        client
            .node(self.guest.node())
            .qemu(self.guest.vmid())
            .agent()
    }

    fn time_is_up(&self, pid: u64, timeout: Duration, trouble: Option<Error>) -> Error {
        let error = match trouble {
            None => Error::new(
                ErrorKind::Timeout,
                format!("process {pid} still runs after {timeout:?}"),
            ),
            Some(trouble) => Error::new(
                trouble.kind(),
                format!(
                    "cannot tell how process {pid} ended, it may still run: {}",
                    trouble.message()
                ),
            )
            .source(trouble),
        };
        error
            .sent(Sent::Yes)
            .operation("guest agent exec")
            .target(format!("guest {}", self.guest.vmid()))
    }

    /// Starts a program and gives its process id, for
    /// [`exec_status`](Agent::exec_status).
    ///
    /// # Errors
    /// As [`exec`](Agent::exec).
    pub async fn exec_start(&self, command: &[&str], input: Option<&str>) -> Result<u64> {
        let bad =
            |why: &str| Error::new(ErrorKind::InvalidArgument, why).operation("guest agent exec");
        if command.first().is_none_or(|program| program.is_empty()) {
            return Err(bad("there is no program to run"));
        }
        if input.is_some_and(|text| text.len() > LARGEST_INPUT) {
            return Err(bad("the server takes 64 KiB of input at most"));
        }
        let mut params = Params::new();
        for part in command {
            params.push("command", *part);
        }
        if let Some(text) = input {
            params.push("input-data", text);
        }
        let answer = self.raw(Method::Post, "exec", &params).await;
        let answer = answer.map_err(|error| {
            // The server dies of the agent's typographic quotes.
            if error.status_text().is_some_and(|s| s.starts_with("596 Broken pipe")) {
                let program = command.first().copied().unwrap_or_default();
                return Error::new(
                    ErrorKind::Unavailable,
                    format!("the server broke off; most often because the guest has no program {program}"),
                )
                .sent(Sent::Maybe)
                .operation("guest agent exec")
                .source(error);
            }
            error
        })?;
        let started: Started = decoded(answer)?;
        Ok(started.pid)
    }

    /// Whether a program still runs. The answer that it has ended comes once:
    /// keep it.
    ///
    /// # Errors
    /// `NotFound`: no such process, or its end was told already; otherwise as
    /// [`exec`](Agent::exec).
    pub async fn exec_status(&self, pid: u64) -> Result<ExecStatus> {
        let params: Params = [("pid", pid.to_string())].into_iter().collect();
        let wire: Wire = decoded(self.raw(Method::Get, "exec-status", &params).await?)?;
        if wire.exited != Some(true) {
            return Ok(ExecStatus::Running);
        }
        let small = |n: Option<i64>| n.and_then(|n| i32::try_from(n).ok());
        Ok(ExecStatus::Ended(ExecOutput {
            exit_code: small(wire.exit_code),
            signal: small(wire.signal),
            stdout: bytes_of(&wire.out_data),
            stderr: bytes_of(&wire.err_data),
            truncated: wire.out_truncated == Some(true) || wire.err_truncated == Some(true),
        }))
    }
}

pub(super) fn decoded<T: serde::de::DeserializeOwned>(answer: serde_json::Value) -> Result<T> {
    serde_json::from_value(answer).map_err(|e| {
        Error::new(
            ErrorKind::Protocol,
            format!("the agent's answer cannot be decoded: {e}"),
        )
        .source(e)
    })
}

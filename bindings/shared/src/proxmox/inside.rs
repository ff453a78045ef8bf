//! What goes on in a guest: its agent, its terminals, its cloud-init drive.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream;
use homelab_core::{ExposeSecret, Result};
use proxmox_client::{
    Agent, ExecOptions, ExecOutput, ExecStatus, Terminal, TerminalReader, TerminalWriter,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::place::Place;
use super::{screen, started};
use crate::args::seconds;
use crate::handle::{Object, no_method};
use crate::reply::{data, done};
use crate::{Args, Handle, Reply, Stream};

/// What a program in a guest left behind.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct AgentExecOutput {
    /// Its exit code; absent when a signal ended it.
    exit_code: Option<i32>,
    /// The signal that ended it.
    signal: Option<i32>,
    /// What it printed; bytes that are no text become `�`.
    stdout: String,
    /// What it complained about.
    stderr: String,
    /// Whether there was more of either than the agent keeps.
    truncated: bool,
}

/// A file read from a guest.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct AgentFileContent {
    /// What is in it; bytes that are no text become `�`.
    text: String,
    /// The same bytes in base64, exactly.
    base64: String,
    /// Whether there is more.
    truncated: bool,
}

impl From<ExecOutput> for AgentExecOutput {
    fn from(output: ExecOutput) -> Self {
        AgentExecOutput {
            exit_code: output.exit_code,
            signal: output.signal,
            stdout: output.stdout_text(),
            stderr: output.stderr_text(),
            truncated: output.truncated,
        }
    }
}

/// A terminal. The session ends when its last clone and stream are gone.
#[derive(Clone)]
pub(crate) struct TerminalHandle {
    reader: Arc<Mutex<Output>>,
    writer: TerminalWriter,
}

struct Output {
    reader: TerminalReader,
    /// The start of a character whose rest is still to come.
    rest: Vec<u8>,
}

/// Methods of `ProxmoxQemu` that are about what goes on in it.
pub(crate) async fn qemu(place: &Place, method: &str, args: &mut Args) -> Result<Reply> {
    let guest = place.qemu()?;
    match method {
        "agent" => Ok(Handle::new(Object::ProxmoxAgent(guest.agent())).into()),
        "terminal" => Ok(opened(guest.terminal(args.take("serial")?).await?)),
        "spice_viewer_file" => data(guest.spice_viewer_file().await?.expose_secret()),
        "vnc" => Ok(screen::opened(guest.vnc().await?)),
        "import_disk" => {
            let (slot, storage): (String, String) = (args.take("slot")?, args.take("storage")?);
            let source: String = args.take("source")?;
            Ok(started(guest.import_disk(&slot, &storage, &source).await?))
        }
        "cloud_init_dump" => data(&guest.cloud_init_dump(args.take("part")?).await?),
        "cloud_init_regenerate" => {
            guest.cloud_init_regenerate().await?;
            Ok(done())
        }
        _ => Err(no_method("ProxmoxQemu", method)),
    }
}

pub(super) fn opened(terminal: Terminal) -> Reply {
    let (reader, writer) = terminal.into_split();
    let output = Output {
        reader,
        rest: Vec::new(),
    };
    Handle::new(Object::ProxmoxTerminal(TerminalHandle {
        reader: Arc::new(Mutex::new(output)),
        writer,
    }))
    .into()
}

pub(crate) async fn terminal(
    terminal: &TerminalHandle,
    method: &str,
    args: &mut Args,
) -> Result<Reply> {
    match method {
        "write" => {
            let text: String = args.take("text")?;
            terminal.writer.send(text.as_bytes()).await?;
            Ok(done())
        }
        "resize" => {
            let (columns, rows) = (args.take("columns")?, args.take("rows")?);
            terminal.writer.resize(columns, rows).await?;
            Ok(done())
        }
        "read" => data(&terminal.reader.lock().await.next().await?),
        "output" => {
            let reader = Arc::clone(&terminal.reader);
            Ok(Reply::Stream(Stream::new(stream::unfold(
                Some(reader),
                |reader| async move {
                    let reader = reader?;
                    let next = reader.lock().await.next().await;
                    match next {
                        Ok(Some(text)) => Some((Ok(text), Some(reader))),
                        Ok(None) => None,
                        Err(error) => Some((Err(error), None)),
                    }
                },
            ))))
        }
        _ => Err(no_method("ProxmoxTerminal", method)),
    }
}

impl Output {
    /// The next text. A character that is cut by the wire waits for its rest.
    async fn next(&mut self) -> Result<Option<String>> {
        loop {
            let Some(bytes) = self.reader.next().await? else {
                let rest = std::mem::take(&mut self.rest);
                let text = String::from_utf8_lossy(&rest).into_owned();
                return Ok((!text.is_empty()).then_some(text));
            };
            self.rest.extend_from_slice(&bytes);
            let whole = match std::str::from_utf8(&self.rest) {
                // Nothing but a beginning at the end may wait.
                Err(e) if e.error_len().is_none() => e.valid_up_to(),
                _ => self.rest.len(),
            };
            let rest = self.rest.split_off(whole);
            let text = std::mem::replace(&mut self.rest, rest);
            if !text.is_empty() {
                return Ok(Some(String::from_utf8_lossy(&text).into_owned()));
            }
        }
    }
}

pub(crate) async fn agent(agent: &Agent, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "ping" => {
            agent.ping().await?;
            Ok(done())
        }
        "availability" => data(&agent.availability().await?),
        "info" => data(&agent.info().await?),
        "os_info" => data(&agent.os_info().await?),
        "exec" => {
            let command: Vec<String> = args.take("command")?;
            let command: Vec<&str> = command.iter().map(String::as_str).collect();
            let mut options = ExecOptions::default();
            options.input = args.take("input")?;
            if let Some(limit) = seconds(args, "timeout_seconds")? {
                options = options.timeout(limit);
            }
            data(&AgentExecOutput::from(agent.exec(&command, options).await?))
        }
        "exec_start" => {
            let command: Vec<String> = args.take("command")?;
            let command: Vec<&str> = command.iter().map(String::as_str).collect();
            let input: Option<String> = args.take("input")?;
            data(&agent.exec_start(&command, input.as_deref()).await?)
        }
        "exec_status" => data(&match agent.exec_status(args.take("pid")?).await? {
            ExecStatus::Running => None,
            ExecStatus::Ended(output) => Some(AgentExecOutput::from(output)),
        }),
        "file_read" => {
            let file = agent.file_read(&args.take::<String>("path")?).await?;
            data(&AgentFileContent {
                text: String::from_utf8_lossy(&file.content).into_owned(),
                base64: STANDARD.encode(&file.content),
                truncated: file.truncated,
            })
        }
        "file_write" => {
            let (path, text): (String, String) = (args.take("path")?, args.take("text")?);
            agent.file_write(&path, text.as_bytes()).await?;
            Ok(done())
        }
        "interfaces" => data(&agent.interfaces().await?),
        "addresses" => {
            let found = agent.addresses().await?;
            data(&found.iter().map(ToString::to_string).collect::<Vec<_>>())
        }
        "fs_freeze" => data(&agent.fs_freeze().await?),
        "fs_thaw" => data(&agent.fs_thaw().await?),
        "fs_freeze_status" => data(&agent.fs_freeze_status().await?),
        _ => Err(no_method("ProxmoxAgent", method)),
    }
}

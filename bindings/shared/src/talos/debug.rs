//! A debug container: input one way, output the other.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt;
use homelab_core::{Error, ErrorKind, Result, Sent};
use serde::Serialize;
use talos_client::{DebugContainer, DebugInput, DebugOptions, DebugOutput, NodeClient};

use crate::handle::no_method;
use crate::reply::done;
use crate::{Args, Reply, Stream};

/// A container that runs; its output is read once.
pub(crate) struct DebugSession {
    input: DebugInput,
    output: Mutex<Option<DebugContainer>>,
}

/// What comes from a container.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct DebugChunk {
    /// Some of its output; what is not UTF-8 is replaced.
    text: Option<String>,
    /// Its exit code: it has ended, nothing follows.
    exit_code: Option<i32>,
}

impl From<DebugOutput> for DebugChunk {
    fn from(output: DebugOutput) -> Self {
        match output {
            DebugOutput::Data(data) => DebugChunk {
                text: Some(String::from_utf8_lossy(&data).into_owned()),
                exit_code: None,
            },
            DebugOutput::Exit(code) => DebugChunk {
                text: None,
                exit_code: Some(code),
            },
            _ => DebugChunk {
                text: None,
                exit_code: None,
            },
        }
    }
}

pub(super) fn open(node: &NodeClient, args: &mut Args) -> Result<DebugSession> {
    let mut options = DebugOptions::new(args.take::<String>("image")?)
        .namespace(args.take_or_default("namespace")?)
        .args(args.take_or_default::<Vec<String>>("args")?);
    options.env = args.take_or_default::<BTreeMap<String, String>>("env")?;
    options.tty = args.take_or_default("tty")?;
    options.host_namespaces = args.take_or_default("host_namespaces")?;
    let container = node.debug_container(options)?;
    Ok(DebugSession {
        input: container.input(),
        output: Mutex::new(Some(container)),
    })
}

pub(crate) async fn container(
    session: &DebugSession,
    method: &str,
    args: &mut Args,
) -> Result<Reply> {
    match method {
        "output" => {
            let output = session
                .output
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            let output = output.ok_or_else(|| {
                let message = "the container's output is read once";
                Error::new(ErrorKind::FailedPrecondition, message).sent(Sent::No)
            })?;
            let chunks = output.map(|item| item.map(DebugChunk::from));
            Ok(Reply::Stream(Stream::new(chunks)))
        }
        "write" => {
            session.input.write(args.take::<String>("text")?).await?;
            Ok(done())
        }
        "signal" => {
            session.input.signal(args.take("number")?).await?;
            Ok(done())
        }
        "resize" => {
            let (columns, rows): (u16, u16) = (args.take("columns")?, args.take("rows")?);
            session.input.resize(columns, rows).await?;
            Ok(done())
        }
        "close_input" => {
            session.input.close();
            Ok(done())
        }
        _ => Err(no_method("DebugContainer", method)),
    }
}

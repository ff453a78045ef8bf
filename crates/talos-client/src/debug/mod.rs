//! A privileged container on a node, to look around in: input, signals and the
//! terminal's size one way, output and the exit code the other.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::stream;
use homelab_core::{Error, ErrorKind, Result, Sent};
use talos_proto::machine::debug_container_run_request::Request as Input;
use talos_proto::machine::debug_container_run_request_spec::Profile;
use talos_proto::machine::debug_container_run_response::Resp as Output;
use talos_proto::machine::{
    DebugContainerRunRequest, DebugContainerRunRequestSpec, DebugContainerTerminalResize,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::images::{ImageNamespace, reference};
use crate::node::NodeClient;
use crate::raw::RawClients;
use crate::status::to_error;
use crate::streams::{Frames, Messages};
use crate::transport::CallState;

const OPERATION: &str = "DebugService.ContainerRun";

/// How many inputs wait for the network before writing waits too.
const BUFFER: usize = 16;

/// Which container to run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DebugOptions {
    /// The image; it must have been pulled into `namespace`.
    pub image: String,
    /// Where it was pulled to. System.
    pub namespace: ImageNamespace,
    /// The command and its arguments; those of the image when empty.
    pub args: Vec<String>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Whether it gets a terminal.
    pub tty: bool,
    /// Whether it lives in the namespaces of the host (since Talos v1.14).
    pub host_namespaces: bool,
}

impl DebugOptions {
    /// The command of an image, without a terminal.
    pub fn new(image: impl Into<String>) -> Self {
        DebugOptions {
            image: image.into(),
            namespace: ImageNamespace::System,
            args: Vec::new(),
            env: BTreeMap::new(),
            tty: false,
            host_namespaces: false,
        }
    }

    /// Where the image was pulled to.
    #[must_use]
    pub fn namespace(mut self, namespace: ImageNamespace) -> Self {
        self.namespace = namespace;
        self
    }

    /// The command and its arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// One more environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// With a terminal.
    #[must_use]
    pub fn tty(mut self) -> Self {
        self.tty = true;
        self
    }

    /// In the namespaces of the host.
    #[must_use]
    pub fn host_namespaces(mut self) -> Self {
        self.host_namespaces = true;
        self
    }

    fn spec(self) -> Result<DebugContainerRunRequestSpec> {
        // The proto's default, unspecified, is refused.
        let profile = if self.host_namespaces {
            Profile::HostNs
        } else {
            Profile::Privileged
        };
        Ok(DebugContainerRunRequestSpec {
            containerd: Some(self.namespace.instance()),
            image_name: reference(&self.image)?,
            args: self.args,
            env: self.env.into_iter().collect(),
            profile: profile.into(),
            tty: self.tty,
        })
    }
}

/// What comes from a container.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DebugOutput {
    /// Bytes of its output; errors and output are one stream.
    Data(Bytes),
    /// It has ended, with this code. Nothing follows.
    Exit(i32),
}

/// What goes into a container. Cheap to clone; it may be used while the output
/// is read elsewhere.
#[derive(Clone, Debug)]
pub struct DebugInput {
    sender: Arc<Mutex<Option<mpsc::Sender<DebugContainerRunRequest>>>>,
    target: String,
}

impl DebugInput {
    /// Writes to the container's input. Waits while the network is behind.
    ///
    /// # Errors
    /// `FailedPrecondition` after [`close`](DebugInput::close), and when the container has ended.
    pub async fn write(&self, data: impl Into<Bytes>) -> Result<()> {
        self.send(Input::StdinData(data.into().into())).await
    }

    /// Sends a signal, by its number: 2 interrupts, 15 asks to end.
    ///
    /// # Errors
    /// As [`write`](DebugInput::write).
    pub async fn signal(&self, number: i32) -> Result<()> {
        self.send(Input::Signal(number)).await
    }

    /// Tells the container how large its terminal is.
    ///
    /// # Errors
    /// As [`write`](DebugInput::write).
    pub async fn resize(&self, columns: u16, rows: u16) -> Result<()> {
        self.send(Input::TermResize(DebugContainerTerminalResize {
            width: columns.into(),
            height: rows.into(),
        }))
        .await
    }

    /// Ends the container's input: what reads it sees its end.
    pub fn close(&self) {
        self.sender
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    async fn send(&self, input: Input) -> Result<()> {
        let sender = self
            .sender
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let message = DebugContainerRunRequest {
            request: Some(input),
        };
        let sent = match sender {
            Some(sender) => sender.send(message).await.is_ok(),
            None => false,
        };
        if sent {
            return Ok(());
        }
        let closed = Error::new(ErrorKind::FailedPrecondition, "its input is closed");
        Err(closed
            .sent(Sent::No)
            .operation(OPERATION)
            .target(self.target.clone()))
    }
}

/// A container that runs on a node; see [`NodeClient::debug_container`].
///
/// A stream of its output, whose last item is its exit code. A container that
/// goes without one ends the stream with an error. Dropping it stops the container.
pub struct DebugContainer {
    input: DebugInput,
    output: Pin<Box<dyn Stream<Item = Result<DebugOutput>> + Send>>,
}

impl std::fmt::Debug for DebugContainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DebugContainer")
            .field("target", &self.input.target)
            .finish_non_exhaustive()
    }
}

impl DebugContainer {
    /// What goes into it.
    pub fn input(&self) -> DebugInput {
        self.input.clone()
    }
}

impl Stream for DebugContainer {
    type Item = Result<DebugOutput>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.output.as_mut().poll_next(cx)
    }
}

impl NodeClient {
    /// Runs a privileged container on the node, with its input and output here.
    /// Since Talos v1.13.
    ///
    /// It starts at once; errors come with the output. Must be called within a
    /// tokio runtime.
    ///
    /// ```no_run
    /// # async fn example(node: talos_client::NodeClient) -> homelab_core::Result<()> {
    /// use futures_util::StreamExt;
    /// use talos_client::debug::{DebugOptions, DebugOutput};
    ///
    /// let options = DebugOptions::new("docker.io/library/alpine:3.22").args(["uname", "-a"]);
    /// let mut container = node.debug_container(options)?;
    /// container.input().close();
    /// while let Some(output) = container.next().await {
    ///     match output? {
    ///         DebugOutput::Data(data) => print!("{}", String::from_utf8_lossy(&data)),
    ///         DebugOutput::Exit(code) => println!("exit code {code}"),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `InvalidArgument` without an image. With the output: `NotFound` when the
    /// image was not pulled; `Unsupported` before v1.13; `Unavailable` when the
    /// node ends the stream without an exit code.
    pub fn debug_container(&self, options: DebugOptions) -> Result<DebugContainer> {
        let named = |e: Error| e.operation(OPERATION).target(self.target());
        let spec = options.spec().map_err(named)?;
        let transport = self.shared.transport(self.name()).map_err(named)?;
        let (sender, mut inputs) = mpsc::channel(BUFFER);
        let start = DebugContainerRunRequest {
            request: Some(Input::Spec(spec)),
        };
        let mut start = Some(start);
        let requests = stream::poll_fn(move |cx| match start.take() {
            Some(start) => Poll::Ready(Some(start)),
            None => inputs.poll_recv(cx),
        });
        // The node answers when there is output; input must flow before.
        let mut opening = JoinSet::new();
        opening.spawn(async move {
            let state = CallState::keeping_body();
            RawClients::new(transport)
                .debug()
                .container_run(state.request(requests))
                .await
                .and_then(|answer| Messages::kept(answer, &state))
                .map_err(to_error)
        });
        let opening = async move {
            match opening.join_next().await {
                Some(Ok(result)) => result,
                _ => Err(Error::new(ErrorKind::Cancelled, "the runtime has ended")),
            }
        };
        let frames = Frames::opening(OPERATION, self.target(), Box::pin(opening));
        Ok(DebugContainer {
            input: DebugInput {
                sender: Arc::new(Mutex::new(Some(sender))),
                target: self.target().to_owned(),
            },
            output: Box::pin(stream::unfold(
                (frames, false),
                |(mut frames, ended)| async move {
                    if ended {
                        return None;
                    }
                    let item = loop {
                        match frames.next().await {
                            Ok(Some(frame)) => match frame.resp {
                                Some(Output::StdoutData(data)) => {
                                    return Some((
                                        Ok(DebugOutput::Data(data.into())),
                                        (frames, false),
                                    ));
                                }
                                Some(Output::ExitCode(code)) => break Ok(DebugOutput::Exit(code)),
                                None => {}
                            },
                            Ok(None) => break Err(frames.ended_early()),
                            Err(error) => break Err(error),
                        }
                    };
                    Some((item, (frames, true)))
                },
            )),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_never_unspecified() {
        let spec = DebugOptions::new("alpine").args(["sh"]).spec().unwrap();
        assert_eq!((spec.profile, spec.tty), (1, false));
        let spec = DebugOptions::new("alpine")
            .host_namespaces()
            .tty()
            .env("A", "b")
            .spec()
            .unwrap();
        assert_eq!((spec.profile, spec.tty, spec.env.len()), (2, true, 1));
        assert!(DebugOptions::new("").spec().is_err());
    }

    #[tokio::test]
    async fn a_closed_input_says_so() {
        let (sender, mut inputs) = mpsc::channel(1);
        let input = DebugInput {
            sender: Arc::new(Mutex::new(Some(sender))),
            target: "n".into(),
        };
        input.clone().write("ls\n").await.unwrap();
        input.close();
        assert!(inputs.recv().await.is_some());
        assert!(inputs.recv().await.is_none());
        let error = input.signal(2).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.was_sent()),
            (ErrorKind::FailedPrecondition, Sent::No)
        );
    }
}

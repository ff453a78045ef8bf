//! `machine.DebugService` (since v1.13) of one node: a container with a small
//! shell in it.

use std::collections::VecDeque;

use futures_util::stream;
use talos_proto::machine as pb;
use talos_proto::machine::debug_container_run_request::Request as Input;
use talos_proto::machine::debug_container_run_request_spec::Profile;
use talos_proto::machine::debug_container_run_response::Resp as Output;
use talos_proto::machine::debug_service_server::DebugService;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::image::{missing, store};
use super::local::Local;
use super::shell::Shell;

/// What a process that a signal ended reports.
const SIGNALLED: i32 = 128;
/// The signal that changes nothing here: a new size of the terminal.
const SIGWINCH: i32 = 28;

/// `machine.DebugService` of one node.
#[derive(Clone, Debug)]
pub(super) struct Debug(Local);

impl Debug {
    pub(super) fn new(local: Local) -> Self {
        Debug(local)
    }

    /// The shell of a container that may run.
    fn start(&self, spec: &pb::DebugContainerRunRequestSpec) -> Result<Shell, Status> {
        let store = store(spec.containerd.as_ref())?;
        let host = self.0.since(14)?;
        match spec.profile() {
            Profile::Privileged => {}
            Profile::HostNs if host => {}
            other => {
                return Err(Status::invalid_argument(format!(
                    "unsupported profile {}",
                    other.as_str_name()
                )));
            }
        }
        self.0
            .node(|_, node| node.image(store, &spec.image_name))?
            .ok_or_else(|| missing(&spec.image_name))?;
        let hostname = self.0.node(|_, node| node.hostname.clone())?;
        let env = spec.env.iter().map(|(k, v)| (k.clone(), v.clone()));
        Ok(Shell::new(&hostname, env.collect(), spec.tty))
    }
}

/// A container that runs.
struct Running {
    shell: Shell,
    input: Streaming<pb::DebugContainerRunRequest>,
    ready: VecDeque<Output>,
    ended: bool,
}

impl Running {
    async fn next(mut self) -> Option<(Result<pb::DebugContainerRunResponse, Status>, Self)> {
        loop {
            if let Some(output) = self.ready.pop_front() {
                self.ended = matches!(output, Output::ExitCode(_));
                let response = pb::DebugContainerRunResponse { resp: Some(output) };
                return Some((Ok(response), self));
            }
            if self.ended {
                return None;
            }
            match self.input.message().await {
                Ok(Some(message)) => self.take(message.request),
                // The caller closed its side: the shell reads the end of its input.
                Ok(None) => {
                    let code = self.shell.end_of_input();
                    self.put(Some(code));
                }
                Err(status) => {
                    self.ended = true;
                    return Some((Err(status), self));
                }
            }
        }
    }

    fn take(&mut self, input: Option<Input>) {
        let code = match input {
            Some(Input::StdinData(bytes)) => self.shell.read(&bytes),
            Some(Input::Signal(SIGWINCH) | Input::TermResize(_)) | None => None,
            Some(Input::Signal(number)) => Some(SIGNALLED + number),
            // The spec comes once.
            Some(Input::Spec(_)) => return,
        };
        self.put(code);
    }

    fn put(&mut self, code: Option<i32>) {
        let printed = self.shell.printed();
        if !printed.is_empty() {
            self.ready.push_back(Output::StdoutData(printed));
        }
        self.ready.extend(code.map(Output::ExitCode));
    }
}

#[async_trait]
impl DebugService for Debug {
    async fn container_run(
        &self,
        request: Request<Streaming<pb::DebugContainerRunRequest>>,
    ) -> Result<Response<BoxStream<pb::DebugContainerRunResponse>>, Status> {
        let mut input = request.into_inner();
        let first = input.message().await?.and_then(|m| m.request);
        let Some(Input::Spec(spec)) = first else {
            return Err(Status::invalid_argument(
                "the first message must be the container's spec",
            ));
        };
        let mut running = Running {
            shell: self.start(&spec)?,
            input,
            ready: VecDeque::new(),
            ended: false,
        };
        let code = running.shell.start(&spec.args);
        running.put(code);
        Ok(Response::new(Box::pin(stream::unfold(
            running,
            Running::next,
        ))))
    }
}

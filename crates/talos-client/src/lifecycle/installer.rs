//! Install and upgrade of releases since v1.13: what the installer writes, and
//! how it ended.

use std::future::Future;
use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result, Sent, within};
use talos_proto::machine::lifecycle_service_install_progress::Response as Progress;
use talos_proto::machine::{
    InstallArtifactsSource, InstallDestination, LifecycleServiceInstallProgress,
    LifecycleServiceInstallRequest, LifecycleServiceInstallResponse,
    LifecycleServiceUpgradeRequest, LifecycleServiceUpgradeResponse,
};
use tonic::{Request, Response, Status, Streaming};

use crate::images::{ImageNamespace, reference};
use crate::machine::Element;
use crate::node::NodeClient;
use crate::raw::RawClients;
use crate::streams::Lines;

/// How to install or upgrade from an image that is on the node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InstallOptions {
    /// The installer image, as it was pulled.
    pub image: String,
    /// Where it was pulled to. System for upgrades; before Talos is installed
    /// there is only memory.
    pub namespace: ImageNamespace,
    /// How long the installer may take. 10 minutes.
    pub deadline: Duration,
}

impl InstallOptions {
    /// From an image that was pulled into the system's namespace.
    pub fn new(image: impl Into<String>) -> Self {
        InstallOptions {
            image: image.into(),
            namespace: ImageNamespace::System,
            deadline: Duration::from_secs(600),
        }
    }

    /// Where the image was pulled to.
    #[must_use]
    pub fn namespace(mut self, namespace: ImageNamespace) -> Self {
        self.namespace = namespace;
        self
    }

    /// How long the installer may take.
    #[must_use]
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.deadline = limit;
        self
    }

    fn source(&self) -> Result<InstallArtifactsSource> {
        Ok(InstallArtifactsSource {
            image_name: reference(&self.image)?,
        })
    }
}

/// A frame of the installer's report.
trait Report: Element {
    fn progress(self) -> Option<LifecycleServiceInstallProgress>;
}

impl Report for LifecycleServiceInstallResponse {
    fn progress(self) -> Option<LifecycleServiceInstallProgress> {
        self.progress
    }
}

impl Report for LifecycleServiceUpgradeResponse {
    fn progress(self) -> Option<LifecycleServiceInstallProgress> {
        self.progress
    }
}

impl NodeClient {
    /// Installs Talos on a disk (`/dev/sda`), which is overwritten, from an image
    /// that was [pulled](NodeClient::pull_image) before. `on_line` gets what the
    /// installer writes. **No reboot happens.** Since Talos v1.13.
    ///
    /// # Errors
    /// - `TaskFailed` when the installer fails; the message holds its exit code and
    ///   its last words.
    /// - `AlreadyExists` when Talos is installed; `NotFound` when the image is not there.
    /// - `Protocol` when the report ends without an exit code, `Timeout` after the
    ///   deadline: the disk may have been written.
    ///
    /// # Cancellation
    /// The installer is stopped; the disk may hold half an installation.
    pub async fn install(
        &self,
        disk: &str,
        options: InstallOptions,
        on_line: impl FnMut(&str),
    ) -> Result<()> {
        const OPERATION: &str = "LifecycleService.Install";
        let named = |e: Error| e.operation(OPERATION).target(self.target());
        if !disk.starts_with("/dev/") {
            let message = format!("disk {disk:?}: a path such as /dev/sda is needed");
            return Err(named(Error::new(ErrorKind::InvalidArgument, message)));
        }
        let request = LifecycleServiceInstallRequest {
            containerd: Some(options.namespace.instance()),
            source: Some(options.source().map_err(named)?),
            destination: Some(InstallDestination {
                disk: disk.to_owned(),
            }),
        };
        let call = |raw: RawClients, request| async move { raw.lifecycle().install(request).await };
        self.installer(OPERATION, options.deadline, request, call, on_line)
            .await
    }

    /// Writes another release to the disk of a node, from an image that was
    /// [pulled](NodeClient::pull_image) before. `on_line` gets what the installer
    /// writes. **No reboot happens:** until one does, the old release runs on;
    /// [`upgrade_and_wait`](NodeClient::upgrade_and_wait) does all of it. Since Talos v1.13.
    ///
    /// # Errors
    /// As [`install`](NodeClient::install); `FailedPrecondition` when Talos is not
    /// installed, in a container, and while another upgrade runs.
    ///
    /// # Cancellation
    /// The installer is stopped; the release that runs stays the one that boots
    /// unless the installer had come to its end.
    pub async fn install_upgrade(
        &self,
        options: InstallOptions,
        on_line: impl FnMut(&str),
    ) -> Result<()> {
        const OPERATION: &str = "LifecycleService.Upgrade";
        let named = |e: Error| e.operation(OPERATION).target(self.target());
        let request = LifecycleServiceUpgradeRequest {
            containerd: Some(options.namespace.instance()),
            source: Some(options.source().map_err(named)?),
        };
        let call = |raw: RawClients, request| async move { raw.lifecycle().upgrade(request).await };
        self.installer(OPERATION, options.deadline, request, call, on_line)
            .await
    }

    async fn installer<M, A, F>(
        &self,
        operation: &'static str,
        limit: Duration,
        message: M,
        call: impl FnOnce(RawClients, Request<M>) -> F + Send + 'static,
        on_line: impl FnMut(&str),
    ) -> Result<()>
    where
        M: Send + 'static,
        A: Report,
        F: Future<Output = Result<Response<Streaming<A>>, Status>> + Send,
    {
        let mut outcome = Outcome::new(on_line);
        let mut frames = self.follow(operation, message, call);
        let report = async {
            while let Some(frame) = frames.next().await? {
                if let Some(Progress::ExitCode(code)) = outcome.take(frame.progress()) {
                    return outcome.verdict(code);
                }
            }
            Err(outcome.unfinished())
        };
        within(limit, operation, report)
            .await
            .map_err(|e| e.operation(operation).target(self.target()))
    }
}

/// What has been heard of the installer.
struct Outcome<F> {
    lines: Lines,
    last: String,
    on_line: F,
}

impl<F: FnMut(&str)> Outcome<F> {
    fn new(on_line: F) -> Self {
        Outcome {
            lines: Lines::default(),
            last: String::new(),
            on_line,
        }
    }

    /// Passes lines on and gives everything else back.
    fn take(&mut self, progress: Option<LifecycleServiceInstallProgress>) -> Option<Progress> {
        match progress?.response? {
            Progress::Message(text) => {
                self.lines.push(text.as_bytes());
                while let Some(line) = self.lines.next() {
                    self.line(line);
                }
                None
            }
            other @ Progress::ExitCode(_) => {
                self.end();
                Some(other)
            }
        }
    }

    fn line(&mut self, line: String) {
        (self.on_line)(&line);
        if !line.trim().is_empty() {
            self.last = line;
        }
    }

    fn end(&mut self) {
        if let Some(line) = self.lines.last() {
            self.line(line);
        }
    }

    /// The stream says OK whatever the code is.
    fn verdict(&self, code: i32) -> Result<()> {
        if code == 0 {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::TaskFailed,
            format!("the installer ended with exit code {code}{}", self.words()),
        ))
    }

    fn unfinished(&mut self) -> Error {
        self.end();
        let message = format!("the report ended without an exit code{}", self.words());
        Error::new(ErrorKind::Protocol, message).sent(Sent::Maybe)
    }

    fn words(&self) -> String {
        match self.last.as_str() {
            "" => String::new(),
            last => format!("; its last words: {last}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(response: Progress) -> LifecycleServiceInstallProgress {
        LifecycleServiceInstallProgress {
            response: Some(response),
        }
    }

    fn message(text: &str) -> LifecycleServiceInstallProgress {
        frame(Progress::Message(text.to_owned()))
    }

    #[test]
    fn chunks_become_lines_and_a_code_that_is_not_zero_an_error() {
        let mut lines = Vec::new();
        let mut outcome = Outcome::new(|line: &str| lines.push(line.to_owned()));
        assert!(outcome.take(None).is_none());
        assert!(outcome.take(Some(message("writing ke"))).is_none());
        assert!(outcome.take(Some(message("rnel\nno sp"))).is_none());
        assert!(outcome.take(Some(message("ace left"))).is_none());
        assert!(matches!(
            outcome.take(Some(frame(Progress::ExitCode(1)))),
            Some(Progress::ExitCode(1))
        ));
        assert!(outcome.verdict(0).is_ok());
        let error = outcome.verdict(1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TaskFailed);
        assert_eq!(
            error.message(),
            "the installer ended with exit code 1; its last words: no space left"
        );
        assert_eq!(lines, ["writing kernel", "no space left"]);
    }

    #[test]
    fn no_exit_code_is_no_success() {
        let mut outcome = Outcome::new(|_: &str| {});
        outcome.take(Some(message("writing")));
        let error = outcome.unfinished();
        assert_eq!(
            (error.kind(), error.was_sent()),
            (ErrorKind::Protocol, Sent::Maybe)
        );
        assert!(error.message().ends_with("writing"));
    }
}

//! What services and containers write.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::stream;
use homelab_core::Result;
use serde::{Deserialize, Serialize};
use talos_proto::common::{ContainerDriver, Data};
use talos_proto::machine::LogsRequest;

use super::Frames;
use super::lines::Lines;
use crate::node::NodeClient;

/// Which containers are meant: those of Talos itself or those of Kubernetes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ContainerNamespace {
    /// Talos' own services and containers.
    #[default]
    System,
    /// Pods of Kubernetes and their containers.
    Kubernetes,
}

impl ContainerNamespace {
    /// The namespace as the node calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            ContainerNamespace::System => "system",
            ContainerNamespace::Kubernetes => "k8s.io",
        }
    }

    /// Who runs its containers. Only Kubernetes' may be asked of CRI.
    pub(crate) fn driver(self) -> ContainerDriver {
        match self {
            ContainerNamespace::System => ContainerDriver::Containerd,
            ContainerNamespace::Kubernetes => ContainerDriver::Cri,
        }
    }
}

/// Which part of a log to read. Everything that there is, unless said otherwise.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct LogOptions {
    /// Whose containers the id is looked for in.
    pub namespace: ContainerNamespace,
    /// Only this many lines of the past; 0 for none.
    pub tail: Option<u32>,
    /// Go on with what is written from now on.
    pub follow: bool,
}

impl LogOptions {
    /// The log of a pod's container in place of a service.
    #[must_use]
    pub fn kubernetes(mut self) -> Self {
        self.namespace = ContainerNamespace::Kubernetes;
        self
    }

    /// Only this many lines of the past.
    #[must_use]
    pub fn tail(mut self, lines: u32) -> Self {
        self.tail = Some(lines);
        self
    }

    /// Go on with what is written from now on.
    #[must_use]
    pub fn follow(mut self) -> Self {
        self.follow = true;
        self
    }

    fn request(&self, id: &str) -> LogsRequest {
        LogsRequest {
            namespace: self.namespace.name().to_owned(),
            id: id.to_owned(),
            driver: self.namespace.driver().into(),
            follow: self.follow,
            // The proto's default, 0, would be nothing from the past.
            tail_lines: self
                .tail
                .map_or(-1, |lines| i32::try_from(lines).unwrap_or(i32::MAX)),
        }
    }
}

/// Lines of a log, without their line ends; see [`NodeClient::logs`].
///
/// Lines longer than 1 MiB come in pieces; bytes that are not UTF-8 are
/// replaced. A log that is followed does not end by itself: when the node ends
/// it, the last item is an `Unavailable` error that may be retried. A log that
/// is not followed can end early without an error when the node fails to read
/// it; Talos does not tell. Dropping the stream ends it on the node.
pub struct LogStream(Pin<Box<dyn Stream<Item = Result<String>> + Send>>);

impl fmt::Debug for LogStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogStream").finish_non_exhaustive()
    }
}

impl Stream for LogStream {
    type Item = Result<String>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

struct State {
    frames: Frames<Data>,
    lines: Lines,
    follow: bool,
    done: bool,
}

impl State {
    async fn next(&mut self) -> Option<Result<String>> {
        while !self.done {
            if let Some(line) = self.lines.next() {
                return Some(Ok(line));
            }
            match self.frames.chunk().await {
                Ok(Some(chunk)) => self.lines.push(&chunk),
                Ok(None) if self.follow => {
                    self.done = true;
                    return Some(Err(self.frames.ended_early()));
                }
                Ok(None) => {
                    self.done = true;
                    return self.lines.last().map(Ok);
                }
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl NodeClient {
    /// The log of a service, such as `etcd` or `kubelet`, or of a container,
    /// whose id is written as [`containers`](NodeClient::containers) gives it.
    ///
    /// The log is asked for when the first line is; that is also when errors come.
    ///
    /// # Errors
    /// `NotFound` or `Unknown` with Talos' words for an id that does not exist.
    ///
    /// ```no_run
    /// # async fn example(node: talos_client::NodeClient) -> homelab_core::Result<()> {
    /// use futures_util::StreamExt;
    /// use talos_client::LogOptions;
    ///
    /// let mut lines = node.logs("etcd", LogOptions::default().tail(20).follow());
    /// while let Some(line) = lines.next().await {
    ///     println!("{}", line?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn logs(&self, id: &str, options: LogOptions) -> LogStream {
        let frames = self.follow("Logs", options.request(id), |raw, request| async move {
            raw.machine().logs(request).await
        });
        let stall = (!options.follow).then_some(self.shared.options.stall_timeout);
        let state = State {
            frames: frames.stalling(stall),
            lines: Lines::default(),
            follow: options.follow,
            done: false,
        };
        LogStream(Box::pin(stream::unfold(state, |mut state| async move {
            Some((state.next().await?, state))
        })))
    }

    /// What has a log: ids for [`logs`](NodeClient::logs), of services and of Talos' own
    /// containers. Since Talos v1.7.
    ///
    /// # Errors
    /// Those of every call ([`NodeClient`]).
    pub async fn logs_containers(&self) -> Result<Vec<String>> {
        let answer = self
            .ask("LogsContainers", (), |raw, request| async move {
                raw.machine().logs_containers(request).await
            })
            .await?;
        Ok(answer.ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_everything() {
        let request = LogOptions::default().request("etcd");
        assert_eq!((request.tail_lines, request.follow), (-1, false));
        assert_eq!(request.namespace, "system");
        let request = LogOptions::default().kubernetes().tail(0).request("x");
        assert_eq!((request.tail_lines, request.driver), (0, 1));
        assert_eq!(request.namespace, "k8s.io");
    }
}

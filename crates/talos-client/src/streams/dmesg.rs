//! What the kernel says.

use futures_core::Stream;
use futures_util::{StreamExt, stream};
use homelab_core::Result;
use serde::{Deserialize, Serialize};
use talos_proto::common::Data;
use talos_proto::machine::DmesgRequest;

use crate::node::NodeClient;

/// A message of the kernel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct KernelMessage {
    /// Who said it: `kern`, `user`, `daemon`, …; empty when the line has another form.
    pub facility: String,
    /// How urgent: `emerg`, `alert`, `crit`, `err`, `warning`, `notice`, `info`,
    /// `debug`; empty when the line has another form.
    pub priority: String,
    /// When, RFC 3339.
    pub at: Option<String>,
    /// What.
    pub message: String,
}

impl KernelMessage {
    /// Reads `kern:    info: [2026-01-02T03:04:05.678Z]: text`. What has another
    /// form is all text.
    pub(super) fn parse(line: &str) -> Self {
        let line = line.trim_end_matches(['\n', '\r']);
        let parsed = || {
            let (facility, rest) = line.split_once(": ")?;
            let (priority, rest) = rest.trim_start().split_once(": [")?;
            let (at, message) = rest.split_once("]: ")?;
            at.parse::<jiff::Timestamp>().ok()?;
            Some(KernelMessage {
                facility: facility.to_owned(),
                priority: priority.to_owned(),
                at: Some(at.to_owned()),
                message: message.to_owned(),
            })
        };
        parsed().unwrap_or_else(|| KernelMessage {
            message: line.to_owned(),
            ..KernelMessage::default()
        })
    }
}

/// Which kernel messages to read. All that the kernel remembers, unless said otherwise.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct DmesgOptions {
    /// Go on with what comes from now on.
    pub follow: bool,
    /// Leave out the past.
    pub new_only: bool,
}

impl DmesgOptions {
    /// The past and what comes from now on.
    #[must_use]
    pub fn follow(mut self) -> Self {
        self.follow = true;
        self
    }

    /// Only what comes from now on.
    #[must_use]
    pub fn new_only(mut self) -> Self {
        (self.follow, self.new_only) = (true, true);
        self
    }
}

impl NodeClient {
    /// The kernel's messages, oldest first. They are asked for when the first is.
    ///
    /// Dropping the stream ends it on the node.
    ///
    /// # Errors
    /// Items are errors of every call ([`NodeClient`]), after which the stream ends. With
    /// [`follow`](DmesgOptions::follow) it does not end by itself: when the node ends it,
    /// the last item is an `Unavailable` error that may be retried.
    pub fn dmesg(
        &self,
        options: DmesgOptions,
    ) -> impl Stream<Item = Result<KernelMessage>> + Send + Unpin + use<> {
        let request = DmesgRequest {
            follow: options.follow,
            tail: options.new_only,
        };
        let frames = self
            .follow("Dmesg", request, |raw, request| async move {
                raw.machine().dmesg(request).await
            })
            .stalling((!options.follow).then_some(self.shared.options.stall_timeout));
        let ended = options.follow.then(|| frames.ended_early());
        // One message a frame, other than all other streams of bytes.
        let mut failed = false;
        let messages = frames
            .items(|frame| message(&frame))
            .map(move |item| (item.is_err(), item));
        let end = stream::iter(ended.map(|error| (false, Err(error))));
        Box::pin(messages.chain(end).filter_map(move |(is_error, item)| {
            let after_error = failed;
            failed |= is_error;
            std::future::ready((!after_error).then_some(item))
        }))
    }
}

fn message(frame: &Data) -> KernelMessage {
    KernelMessage::parse(&String::from_utf8_lossy(&frame.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_talos() {
        let parsed = KernelMessage::parse(
            "kern:    info: [2026-01-02T03:04:05.678901234Z]: usb 1-1: new device: [x]: y\n",
        );
        assert_eq!(parsed.facility, "kern");
        assert_eq!(parsed.priority, "info");
        assert_eq!(parsed.at.as_deref(), Some("2026-01-02T03:04:05.678901234Z"));
        assert_eq!(parsed.message, "usb 1-1: new device: [x]: y");
        let long = KernelMessage::parse("user: warning: [2026-01-02T03:04:05Z]: ");
        assert_eq!(
            (long.priority.as_str(), long.message.as_str()),
            ("warning", "")
        );
    }

    #[test]
    fn other_forms_are_text() {
        for line in ["", "x", "kern: info: no time", "a: b: [not a time]: c"] {
            let parsed = KernelMessage::parse(line);
            assert_eq!(parsed.message, line);
            assert_eq!((parsed.facility.as_str(), parsed.at), ("", None));
        }
    }
}

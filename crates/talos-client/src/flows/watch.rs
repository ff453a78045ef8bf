//! A node's events, over reconnections.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use homelab_core::{Clock, Result};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::flow::passes;
use crate::events::{Event, EventOptions};
use crate::node::NodeClient;

/// Events of a node from a moment on, whatever happens to the connection. They
/// are a hint: a node that is looked at in time needs none of them.
pub(super) struct Events {
    received: mpsc::Receiver<Event>,
    /// Ends with this.
    _task: JoinSet<()>,
}

impl Events {
    /// Begins to listen: what happens from now on is not missed, as long as the
    /// connection lasts.
    pub(super) async fn of(
        node: &NodeClient,
        clock: Arc<dyn Clock>,
        pause: Duration,
    ) -> Result<Self> {
        let mut stream = node.events(EventOptions::default()).await?;
        let node = node.clone();
        let (sender, received) = mpsc::channel(64);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut last = String::new();
            loop {
                while let Some(Ok(event)) = stream.next().await {
                    // After a reconnection the past comes again; ids grow with time.
                    if event.id > last {
                        last.clone_from(&event.id);
                        if sender.send(event).await.is_err() {
                            return;
                        }
                    }
                }
                stream = loop {
                    clock.sleep(pause).await;
                    match node.events(EventOptions::default().tail_events(-1)).await {
                        Ok(stream) => break stream,
                        Err(e) if passes(&e) => {}
                        Err(_) => return,
                    }
                };
            }
        });
        Ok(Events {
            received,
            _task: task,
        })
    }

    /// The next event; never again when there can be none.
    pub(super) async fn next(&mut self) -> Event {
        match self.received.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }
}

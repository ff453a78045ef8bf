//! Calls that are put together by hand and start tasks, which then know them.

use std::sync::Arc;

use homelab_core::Result;
use proxmox_endpoints::{Method, Params, Upid};
use serde::de::DeserializeOwned;

use super::{OnProgress, Task, WaitOptions};
use crate::ProxmoxClient;

/// A call for which no request has a type.
#[derive(Debug)]
pub(crate) struct ByHand {
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) params: Params,
}

impl ByHand {
    pub(crate) fn post(operation: &'static str, path: String, params: Params) -> Self {
        ByHand {
            operation,
            method: Method::Post,
            path,
            params,
        }
    }

    async fn send<T: DeserializeOwned>(&self, client: &ProxmoxClient) -> Result<T> {
        client
            .call(self.operation, self.method, &self.path, &self.params)
            .await
    }

    /// The task that it has started.
    fn started(self, client: &ProxmoxClient, upid: Upid) -> Task {
        let call = Arc::new(self);
        Task::started_by(client, upid, move |client| {
            let call = Arc::clone(&call);
            async move { call.send(&client).await }
        })
    }
}

impl ProxmoxClient {
    /// Makes a call that starts a task.
    pub(crate) async fn begin(&self, call: ByHand) -> Result<Task> {
        let upid = call.send(self).await?;
        Ok(call.started(self, upid))
    }

    /// Makes a call and waits for the task, if it starts one; the time is for both.
    pub(crate) async fn run(
        &self,
        call: ByHand,
        options: &WaitOptions,
        on_progress: OnProgress<'_>,
    ) -> Result<()> {
        let deadline = self.clock().elapsed() + options.timeout;
        let Some(upid) = call.send(&self.until(deadline)).await? else {
            return Ok(());
        };
        let task = call.started(self, upid);
        task.wait_to(options, deadline, on_progress).await?;
        Ok(())
    }
}

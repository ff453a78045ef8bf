//! `ProxmoxTask`.

use homelab_core::Result;
use proxmox_client::{Task, WaitOptions};

use crate::args::seconds;
use crate::handle::no_method;
use crate::reply::{data, done};
use crate::{Args, Reply, Stream};

pub(crate) async fn task(task: &Task, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "upid" => data(task.upid()),
        "status" => data(&task.status().await?),
        "log" => {
            let start: Option<u32> = args.take("start")?;
            let limit: Option<u32> = args.take("limit")?;
            data(&task.log(start.unwrap_or(0), limit.unwrap_or(50)).await?)
        }
        "follow_log" => Ok(Reply::Stream(Stream::new(task.follow_log()))),
        "wait" => {
            let task = task.clone();
            let mut options = WaitOptions::default();
            if let Some(limit) = seconds(args, "timeout_seconds")? {
                options = options.timeout(limit);
            }
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                task.wait_with(options, |p| report.progress(p)).await
            })))
        }
        "cancel" => {
            task.cancel().await?;
            Ok(done())
        }
        _ => Err(no_method("ProxmoxTask", method)),
    }
}

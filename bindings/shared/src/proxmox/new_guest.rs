//! Guests that get a free id, so that two who create at the same time do not
//! meet.

use homelab_core::Result;
use proxmox_client::endpoints::Endpoint;
use proxmox_client::{PendingTask, Upid};
use serde::{Deserialize, Serialize};

use super::data::waiting;
use super::place::Place;
use crate::{Args, Reply, Stream};

/// A guest that was made with a free id.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct NewGuest {
    /// The id that it got.
    vmid: u32,
    /// The node that it is on.
    node: String,
    /// The task that made it.
    upid: String,
    /// What the task warned of.
    warnings: Vec<String>,
}

/// Makes a guest with a free id, which is the argument `id` of `call`, and
/// waits until it is made: only then is the id taken for everybody.
pub(super) fn made<E>(
    place: &Place,
    args: &mut Args,
    id: &'static str,
    call: impl Fn(&Place) -> Result<PendingTask<E>> + Send + Sync + 'static,
) -> Result<Reply>
where
    E: Endpoint<Response = Upid> + Clone + Send + Sync + Unpin + 'static,
{
    let options = waiting(args)?;
    let (place, args) = (place.clone(), args.clone());
    let target: Option<String> = args.clone().take("target")?;
    Ok(Reply::Stream(Stream::with_progress(|report| async move {
        let (place, args, call, report) = (&place, &args, &call, &report);
        let create = |vmid: u32| {
            let (mut args, target, options) = (args.clone(), target.clone(), options.clone());
            args.set(id, vmid);
            async move {
                let task = place.asked(call(place)?, &mut args).await?;
                let outcome = task.wait_with(options, |p| report.progress(p)).await?;
                Ok(NewGuest {
                    vmid,
                    node: target.unwrap_or_else(|| outcome.upid.node().to_owned()),
                    upid: outcome.upid.to_string(),
                    warnings: outcome.warnings,
                })
            }
        };
        place.pve.with_new_vmid(create).await
    })))
}

//! etcd: members, leadership, alarms, room, versions, recovery.

use std::path::PathBuf;

use homelab_core::Result;
use talos_client::NodeClient;

use super::orders::orders;
use crate::reply::{data, done};
use crate::{Args, Reply, Stream};

pub(super) async fn etcd(node: &NodeClient, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "etcd_members" => data(&node.etcd_members().await?),
        "etcd_members_local" => data(&node.etcd_members_local().await?),
        "etcd_status" => data(&node.etcd_status().await?),
        "etcd_snapshot" => {
            let (node, to) = (node.clone(), args.take::<PathBuf>("to")?);
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                node.etcd_snapshot(&to, |p| report.progress(p)).await
            })))
        }
        "etcd_recover" => {
            let from: PathBuf = args.take("path")?;
            node.etcd_recover(from, args.take_or_default("raw_copy")?)
                .await?;
            Ok(done())
        }
        "etcd_remove_member" => {
            let id: String = args.take("member_id")?;
            node.etcd_remove_member(&id).await?;
            Ok(done())
        }
        "etcd_leave" => {
            node.etcd_leave().await?;
            Ok(done())
        }
        "etcd_forfeit_leadership" => data(&node.etcd_forfeit_leadership().await?),
        "etcd_alarms" => data(&node.etcd_alarms().await?),
        "etcd_disarm_alarms" => data(&node.etcd_disarm_alarms().await?),
        "etcd_defragment" => {
            node.etcd_defragment().await?;
            Ok(done())
        }
        "etcd_downgrade_validate" => {
            let version: String = args.take("version")?;
            data(&node.etcd_downgrade_validate(&version).await?)
        }
        "etcd_downgrade_enable" => {
            let version: String = args.take("version")?;
            data(&node.etcd_downgrade_enable(&version).await?)
        }
        "etcd_downgrade_cancel" => data(&node.etcd_downgrade_cancel().await?),
        _ => Box::pin(orders(node, method, args)).await,
    }
}

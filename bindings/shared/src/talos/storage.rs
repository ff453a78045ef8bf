//! Disks given back, and a container to look around in.

use std::sync::Arc;

use homelab_core::Result;
use talos_client::{BlockDeviceWipe, NodeClient, WipeMethod};

use super::debug::open;
use super::flows::flows;
use crate::handle::Object;
use crate::reply::done;
use crate::{Args, Handle, Reply};

pub(super) async fn storage(node: &NodeClient, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "wipe_block_devices" => {
            let devices: Vec<String> = args.take("devices")?;
            let method: WipeMethod = args.take_or_default("method")?;
            let skip_volumes: bool = args.take_or_default("skip_volume_check")?;
            let skip_secondary: bool = args.take_or_default("skip_secondary_check")?;
            let drop: bool = args.take_or_default("drop_partition")?;
            let devices: Vec<_> = devices
                .into_iter()
                .map(|device| {
                    let mut wipe = BlockDeviceWipe::new(device);
                    wipe.method = method;
                    wipe.skip_volume_check = skip_volumes;
                    wipe.skip_secondary_check = skip_secondary;
                    wipe.drop_partition = drop;
                    wipe
                })
                .collect();
            node.wipe_block_devices(&devices).await?;
            Ok(done())
        }
        "remove_logical_volume" => {
            let (group, volume): (String, String) = (args.take("group")?, args.take("volume")?);
            node.remove_logical_volume(&group, &volume).await?;
            Ok(done())
        }
        "remove_volume_group" => {
            node.remove_volume_group(&args.take::<String>("group")?)
                .await?;
            Ok(done())
        }
        "remove_physical_volume" => {
            node.remove_physical_volume(&args.take::<String>("device")?)
                .await?;
            Ok(done())
        }
        "destroy_md_array" => {
            node.destroy_md_array(&args.take::<String>("device")?)
                .await?;
            Ok(done())
        }
        "debug_container" => {
            let session = open(node, args)?;
            Ok(Handle::new(Object::DebugContainer(Arc::new(session))).into())
        }
        _ => Box::pin(flows(node, method, args)).await,
    }
}

//! What changes a machine: power, configuration, services, META.

use homelab_core::{Error, ErrorKind, Result};
use talos_client::{
    ApplyMode, ApplyOptions, BootstrapOptions, NodeClient, RebootMode, ResetOptions, ResetScope,
    UpgradeOptions,
};

use super::images::images;
use crate::args::seconds;
use crate::reply::{data, done};
use crate::{Args, Reply};

pub(super) async fn orders(node: &NodeClient, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "apply_configuration" => {
            let yaml: String = args.take("yaml")?;
            data(
                &node
                    .apply_configuration(&yaml, apply_options(args)?)
                    .await?,
            )
        }
        "bootstrap" => {
            let (recover, raw) = (
                args.take_or_default("recover")?,
                args.take_or_default("raw_copy")?,
            );
            let options = BootstrapOptions::default();
            let options = match (recover, raw) {
                (_, true) => options.recover_raw_copy(),
                (true, false) => options.recover(),
                (false, false) => options,
            };
            node.bootstrap(options).await?;
            Ok(done())
        }
        "reboot" => data(&node.reboot(args.take_or_default("mode")?).await?),
        "shutdown" => data(&node.shutdown(args.take_or_default("force")?).await?),
        "rollback" => {
            node.rollback().await?;
            Ok(done())
        }
        "reset" => data(&node.reset(reset_options(args)?).await?),
        "upgrade_legacy" => data(&node.upgrade_legacy(upgrade_options(args)?).await?),
        "service_start" => data(&node.service_start(&args.take::<String>("id")?).await?),
        "service_stop" => data(&node.service_stop(&args.take::<String>("id")?).await?),
        "service_restart" => data(&node.service_restart(&args.take::<String>("id")?).await?),
        "container_restart" => {
            let id: String = args.take("id")?;
            node.container_restart(args.take_or_default("namespace")?, &id)
                .await?;
            Ok(done())
        }
        "meta_write" => {
            let (key, value): (u8, String) = (args.take("key")?, args.take("value")?);
            node.meta_write(key, value).await?;
            Ok(done())
        }
        "meta_delete" => {
            node.meta_delete(args.take("key")?).await?;
            Ok(done())
        }
        _ => Box::pin(images(node, method, args)).await,
    }
}

pub(super) fn apply_options(args: &mut Args) -> Result<ApplyOptions> {
    let mut options = ApplyOptions::default();
    if let Some(mode) = args.take::<Option<ApplyMode>>("mode")? {
        options = options.mode(mode);
    }
    if args.take_or_default("dry_run")? {
        options = options.dry_run();
    }
    if let Some(time) = seconds(args, "try_seconds")? {
        options = options.try_for(time);
    }
    Ok(options)
}

pub(super) fn reset_options(args: &mut Args) -> Result<ResetOptions> {
    let scope: String = args.take("scope")?;
    let disks: Vec<String> = args.take_or_default("user_disks")?;
    let partitions: Vec<String> = args.take_or_default("partitions")?;
    let wrong = |name: &str| {
        let message = format!("argument {name}: a reset of {scope} takes none");
        Err(Error::new(ErrorKind::InvalidArgument, message))
    };
    let scope = match scope.as_str() {
        "system-disk" | "everything" | "user-disks" if !partitions.is_empty() => {
            return wrong("partitions");
        }
        "system-disk" | "partitions" if !disks.is_empty() => return wrong("user_disks"),
        "system-disk" => ResetScope::SystemDisk,
        "everything" => ResetScope::Everything { user_disks: disks },
        "user-disks" => ResetScope::UserDisks(disks),
        "partitions" => ResetScope::Partitions(partitions),
        other => {
            let message = format!(
                "argument scope: {other:?} is none of system-disk, partitions, user-disks, everything"
            );
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
    };
    let mut options = ResetOptions::new(scope);
    if args.take_or_default("forced")? {
        options = options.forced();
    }
    if args.take_or_default("reboot")? {
        options = options.reboot();
    }
    Ok(options)
}

pub(super) fn upgrade_options(args: &mut Args) -> Result<UpgradeOptions> {
    let mut options = UpgradeOptions::new(args.take::<String>("image")?);
    if args.take_or_default("stage")? {
        options = options.stage();
    }
    if args.take_or_default("force")? {
        options = options.force();
    }
    if args.take_or_default("powercycle")? {
        options = options.powercycle();
    }
    Ok(options)
}

/// The mode of a reboot, the usual one when absent.
pub(super) fn reboot_mode(args: &mut Args) -> Result<RebootMode> {
    args.take_or_default("mode")
}

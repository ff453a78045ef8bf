//! Long actions, seen through to their end.

use std::path::PathBuf;

use homelab_core::Result;
use talos_client::{FlowOptions, HealthCheckOptions, NodeClient};

use super::orders::{reboot_mode, reset_options, upgrade_options};
use super::streams;
use crate::args::seconds;
use crate::{Args, Reply, Stream};

pub(super) async fn flows(node: &NodeClient, method: &str, args: &mut Args) -> Result<Reply> {
    let node = node.clone();
    match method {
        "reboot_and_wait" => {
            let (mode, options) = (reboot_mode(args)?, flow_options(args)?);
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                node.reboot_and_wait(mode, options, |p| report.progress(p))
                    .await
            })))
        }
        "shutdown_and_wait" => {
            let (force, options) = (args.take_or_default("force")?, flow_options(args)?);
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                node.shutdown_and_wait(force, options, |p| report.progress(p))
                    .await
            })))
        }
        "reset_and_wait" => {
            let (reset, options) = (reset_options(args)?, flow_options(args)?);
            let address: Option<String> = args.take("maintenance_address")?;
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                let address = address.as_deref();
                node.reset_and_wait(reset, address, options, |p| report.progress(p))
                    .await
            })))
        }
        "upgrade_and_wait" => {
            let (upgrade, options) = (upgrade_options(args)?, flow_options(args)?);
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                node.upgrade_and_wait(upgrade, options, |p| report.progress(p))
                    .await
            })))
        }
        "bootstrap_and_wait" => {
            let options = flow_options(args)?;
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                node.bootstrap_and_wait(options, |p| report.progress(p))
                    .await
            })))
        }
        "recover_and_wait" => {
            let (snapshot, options) = (args.take::<PathBuf>("path")?, flow_options(args)?);
            let raw_copy = args.take_or_default("raw_copy")?;
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                node.recover_and_wait(&snapshot, raw_copy, options, |p| report.progress(p))
                    .await
            })))
        }
        "health_check" => {
            let options = health_check_options(args)?;
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                let line = |line: &str| report.progress(line.to_owned());
                node.health_check(&options, line).await
            })))
        }
        _ => Box::pin(streams::node(&node, method, args)).await,
    }
}

pub(super) fn flow_options(args: &mut Args) -> Result<FlowOptions> {
    let mut options = FlowOptions::default();
    if let Some(limit) = seconds(args, "deadline_seconds")? {
        options = options.deadline(limit);
    }
    if let Some(pause) = seconds(args, "poll_seconds")? {
        options = options.poll(pause);
    }
    Ok(options)
}

fn health_check_options(args: &mut Args) -> Result<HealthCheckOptions> {
    let mut options = HealthCheckOptions::default().nodes(
        args.take_or_default::<Vec<String>>("control_planes")?,
        args.take_or_default::<Vec<String>>("workers")?,
    );
    if let Some(limit) = seconds(args, "wait_seconds")? {
        options = options.wait(limit);
    }
    if let Some(endpoint) = args.take::<Option<String>>("kubernetes_endpoint")? {
        options = options.kubernetes_endpoint(endpoint);
    }
    Ok(options)
}

//! Images, and what is installed from them.

use std::path::PathBuf;

use homelab_core::{Error, ErrorKind, Result, SecretString};
use talos_client::{ImageCredentials, InstallOptions, NodeClient, PullOptions};

use super::storage::storage;
use crate::args::seconds;
use crate::reply::{data, done};
use crate::{Args, Reply, Stream};

pub(super) async fn images(node: &NodeClient, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "images" => data(&node.images(args.take_or_default("namespace")?).await?),
        "pull_image" => {
            let (node, image) = (node.clone(), args.take::<String>("image")?);
            let mut options = PullOptions::default().namespace(args.take_or_default("namespace")?);
            if let Some(limit) = seconds(args, "deadline_seconds")? {
                options = options.deadline(limit);
            }
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                node.pull_image(&image, options, |p| report.progress(p))
                    .await
            })))
        }
        "import_image" => {
            let (node, from) = (node.clone(), args.take::<PathBuf>("path")?);
            let namespace = args.take_or_default("namespace")?;
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                node.import_image(&from, namespace, |p| report.progress(p))
                    .await
            })))
        }
        "remove_image" => {
            let name: String = args.take("name")?;
            node.remove_image(&name, args.take_or_default("namespace")?)
                .await?;
            Ok(done())
        }
        "verify_image" => {
            let image: String = args.take("image")?;
            data(
                &node
                    .verify_image(&image, credentials(args)?.as_ref())
                    .await?,
            )
        }
        "install" => {
            let (node, disk) = (node.clone(), args.take::<String>("disk")?);
            let options = install_options(args)?;
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                let line = |line: &str| report.progress(line.to_owned());
                node.install(&disk, options, line).await
            })))
        }
        "install_upgrade" => {
            let (node, options) = (node.clone(), install_options(args)?);
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                let line = |line: &str| report.progress(line.to_owned());
                node.install_upgrade(options, line).await
            })))
        }
        _ => Box::pin(storage(node, method, args)).await,
    }
}

fn install_options(args: &mut Args) -> Result<InstallOptions> {
    let mut options = InstallOptions::new(args.take::<String>("image")?)
        .namespace(args.take_or_default("namespace")?);
    if let Some(limit) = seconds(args, "deadline_seconds")? {
        options = options.deadline(limit);
    }
    Ok(options)
}

fn credentials(args: &mut Args) -> Result<Option<ImageCredentials>> {
    let registry: Option<String> = args.take("registry")?;
    let username: Option<String> = args.take("username")?;
    let password: Option<SecretString> = args.take("password")?;
    match (registry, username, password) {
        (None, None, None) => Ok(None),
        (Some(registry), Some(username), Some(password)) => {
            Ok(Some(ImageCredentials::new(registry, username, password)))
        }
        _ => Err(Error::new(
            ErrorKind::InvalidArgument,
            "registry, username and password go together",
        )),
    }
}

//! talosconfig.

use std::path::PathBuf;
use std::sync::Arc;

use homelab_core::Result;
use talos_client::{ClientOptions, TalosClient, TalosConfig};

use crate::args::seconds;
use crate::handle::Object;
use crate::reply::{data, done};
use crate::{Args, Handle, Reply};

pub(crate) fn from_file(args: &mut Args) -> Result<Reply> {
    Ok(opened(TalosConfig::from_file(
        args.take::<PathBuf>("path")?,
    )?))
}

pub(crate) fn search() -> Result<Reply> {
    Ok(opened(TalosConfig::search()?.0))
}

pub(crate) fn parse(args: &mut Args) -> Result<Reply> {
    let (file, text): (String, String) = (args.take("file_name")?, args.take("text")?);
    Ok(opened(TalosConfig::parse(&file, &text)?))
}

fn opened(config: TalosConfig) -> Reply {
    Handle::new(Object::TalosConfig(Arc::new(config))).into()
}

pub(crate) async fn config(config: &TalosConfig, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "contexts" => data(&config.contexts().map(|c| &c.name).collect::<Vec<_>>()),
        "current" => data(&config.current()),
        "describe" => {
            let name: Option<String> = args.take("context")?;
            data(&config.context(name.as_deref())?.describe()?)
        }
        "select" => {
            let name: String = args.take("context")?;
            let mut config = config.clone();
            config.select(&name)?;
            Ok(opened(config))
        }
        "write" => {
            config.write(args.take::<PathBuf>("path")?)?;
            Ok(done())
        }
        "connect" => {
            let name: Option<String> = args.take("context")?;
            let mut options = ClientOptions::default();
            if let Some(endpoints) = args.take::<Option<Vec<String>>>("endpoints")? {
                options = options.endpoints(endpoints);
            }
            if let Some(key) = args.take::<Option<String>>("service_account_key")? {
                options = options.service_account_key(key);
            }
            if let Some(folder) = args.take::<Option<PathBuf>>("siderov1_keys_dir")? {
                options = options.siderov1_keys_dir(folder);
            }
            if let Some(limit) = seconds(args, "connect_timeout_seconds")? {
                options = options.connect_timeout(limit);
            }
            if let Some(limit) = seconds(args, "request_timeout_seconds")? {
                options = options.request_timeout(limit);
            }
            let context = config.context(name.as_deref())?;
            let client = TalosClient::connect(context, options).await?;
            Ok(Handle::new(Object::TalosClient(client)).into())
        }
        _ => super::machine_config::config(config, method, args),
    }
}

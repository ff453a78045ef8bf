//! Files of Talos: more of the talosconfig, machine configurations, secrets.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use homelab_core::{AtomicFile, Error, ErrorKind, ExposeSecret, Result, SecretString};
use serde::Serialize;
use talos_client::machine_config::{ClusterOptions, Document, MachineConfig, Patch};
use talos_client::pki::{ClientCertificateOptions, SecretsBundle, ServiceAccountKey};
use talos_client::{Context, TalosConfig};

use crate::args::seconds;
use crate::handle::{Object, no_method};
use crate::reply::{data, done};
use crate::{Args, Handle, Reply};

fn talosconfig(config: TalosConfig) -> Reply {
    Handle::new(Object::TalosConfig(Arc::new(config))).into()
}

fn machine_config(config: MachineConfig) -> Reply {
    Handle::new(Object::MachineConfig(Arc::new(config))).into()
}

fn secrets_bundle(secrets: SecretsBundle) -> Reply {
    Handle::new(Object::SecretsBundle(Arc::new(secrets))).into()
}

/// What is in a file, by its name in messages.
fn text(args: &mut Args) -> Result<(String, String)> {
    Ok((args.take("file_name")?, args.take("text")?))
}

pub(crate) fn machine_config_from_file(args: &mut Args) -> Result<Reply> {
    let path: PathBuf = args.take("path")?;
    let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
    MachineConfig::parse(&path.display().to_string(), &text).map(machine_config)
}

pub(crate) fn machine_config_from_text(args: &mut Args) -> Result<Reply> {
    let (file, text) = text(args)?;
    MachineConfig::parse(&file, &text).map(machine_config)
}

pub(crate) fn secrets_from_file(args: &mut Args) -> Result<Reply> {
    SecretsBundle::from_file(args.take::<PathBuf>("path")?).map(secrets_bundle)
}

pub(crate) fn secrets_from_text(args: &mut Args) -> Result<Reply> {
    let (file, text) = text(args)?;
    SecretsBundle::parse(&file, &text).map(secrets_bundle)
}

/// A new cluster's secrets. An RSA key takes its time, so beside other work.
pub(crate) async fn generate(args: &mut Args) -> Result<Reply> {
    let key = match args
        .take::<Option<String>>("service_account_key")?
        .as_deref()
    {
        None | Some("rsa-4096") => ServiceAccountKey::Rsa4096,
        Some("ecdsa-p256") => ServiceAccountKey::EcdsaP256,
        Some(other) => {
            let message =
                format!("service_account_key {other:?} is neither rsa-4096 nor ecdsa-p256");
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
    };
    tokio::task::spawn_blocking(move || SecretsBundle::generate_with(SystemTime::now(), key))
        .await
        .map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?
        .map(secrets_bundle)
}

pub(crate) fn config(config: &TalosConfig, method: &str, args: &mut Args) -> Result<Reply> {
    let mut config = config.clone();
    match method {
        "merge" => {
            let (file, text) = text(args)?;
            config.merge(TalosConfig::parse(&file, &text)?);
        }
        "set_endpoints" => {
            let name: Option<String> = args.take("context")?;
            let mut context: Context = config.context(name.as_deref())?.clone();
            context.endpoints = args.take("endpoints")?;
            if let Some(nodes) = args.take("nodes")? {
                context.nodes = nodes;
            }
            config.insert(context);
        }
        "remove" => {
            let name: String = args.take("context")?;
            config.context(Some(&name))?;
            config.remove(&name);
        }
        "to_yaml" => return data(config.to_yaml().expose_secret()),
        _ => return Err(no_method("TalosConfig", method)),
    }
    Ok(talosconfig(config))
}

pub(crate) fn machine(config: &MachineConfig, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "documents" => data(
            &config
                .documents()
                .iter()
                .map(Document::id)
                .collect::<Vec<_>>(),
        ),
        "view" => data(&config.view()),
        "patch" => {
            let (file, text) = text(args)?;
            let mut patched = config.clone();
            patched.apply(&Patch::parse(&file, &text)?)?;
            Ok(machine_config(patched))
        }
        "diff" => {
            let (file, text) = text(args)?;
            data(&config.diff(&MachineConfig::parse(&file, &text)?))
        }
        "to_yaml" => data(config.to_yaml().expose_secret()),
        "write" => {
            write(&args.take::<PathBuf>("path")?, &config.to_yaml())?;
            Ok(done())
        }
        _ => Err(no_method("MachineConfig", method)),
    }
}

/// Configurations of machines hold keys: for the owner's eyes only.
fn write(path: &std::path::Path, text: &SecretString) -> Result<()> {
    use std::io::Write as _;
    let mut file = AtomicFile::create(path)?;
    file.write_all(text.expose_secret().as_bytes())
        .map_err(|e| Error::io("write", path, e))?;
    file.commit()?;
    Ok(())
}

/// What a new cluster begins with, as files. They hold keys.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct NewClusterFiles {
    /// The machine configuration of each control-plane node.
    control_plane: String,
    /// That of each worker.
    worker: String,
    /// The administrator's talosconfig.
    talosconfig: String,
}

pub(crate) fn secrets(secrets: &SecretsBundle, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "talosconfig" => {
            let context: String = args.take("context")?;
            let roles: Vec<String> = args.take("roles")?;
            let endpoints: Option<Vec<String>> = args.take("endpoints")?;
            let mut options = ClientCertificateOptions::role("");
            options.roles = roles;
            if let Some(lifetime) = seconds(args, "lifetime_seconds")? {
                options = options.lifetime(lifetime);
            }
            let issued = secrets.issue(&options)?;
            let mut config = TalosConfig::default();
            config.insert(issued.context(&context, endpoints.unwrap_or_default()));
            config.select(&context)?;
            Ok(talosconfig(config))
        }
        "new_cluster" => {
            let cluster = secrets.new_cluster(&cluster_options(args)?)?;
            data(&NewClusterFiles {
                control_plane: cluster.control_plane.to_yaml().expose_secret().to_owned(),
                worker: cluster.worker.to_yaml().expose_secret().to_owned(),
                talosconfig: cluster.talosconfig.to_yaml().expose_secret().to_owned(),
            })
        }
        "to_yaml" => data(secrets.to_yaml().expose_secret()),
        "write" => {
            secrets.write(args.take::<PathBuf>("path")?)?;
            Ok(done())
        }
        _ => Err(no_method("SecretsBundle", method)),
    }
}

fn cluster_options(args: &mut Args) -> Result<ClusterOptions> {
    let mut options = ClusterOptions::new(
        args.take::<String>("name")?,
        args.take::<String>("endpoint")?,
        args.take::<String>("talos_version")?,
        args.take::<String>("kubernetes_version")?,
    );
    if let Some(disk) = args.take::<Option<String>>("install_disk")? {
        options.install_disk = disk;
    }
    options.install_image = args.take("install_image")?;
    if let Some(sans) = args.take::<Option<Vec<String>>>("cert_sans")? {
        options.cert_sans = sans;
    }
    if let Some(endpoints) = args.take::<Option<Vec<String>>>("talos_endpoints")? {
        options.talos_endpoints = endpoints;
    }
    options.pod_subnets = args.take("pod_subnets")?;
    options.service_subnets = args.take("service_subnets")?;
    options.schedule_on_control_planes = args
        .take::<Option<bool>>("schedule_on_control_planes")?
        .unwrap_or_default();
    if let Some(lifetime) = seconds(args, "admin_lifetime_seconds")? {
        options = options.admin_lifetime(lifetime);
    }
    Ok(options)
}

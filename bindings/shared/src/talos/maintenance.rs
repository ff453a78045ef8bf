//! Machines that wait for their first configuration.

use homelab_core::{Error, ErrorKind, Result};
use talos_client::maintenance::probe as look;
use talos_client::{ClientOptions, MaintenanceClient, MaintenanceTrust};

use super::orders::apply_options;
use crate::args::seconds;
use crate::handle::{Object, no_method};
use crate::reply::data;
use crate::{Args, Handle, Reply};

pub(crate) fn connect(args: &mut Args) -> Result<Reply> {
    let address: String = args.take("address")?;
    let fingerprints: Vec<String> = args.take_or_default("fingerprints")?;
    let any: bool = args.take_or_default("dangerously_any_certificate")?;
    let trust = match (fingerprints.as_slice(), any) {
        ([], true) => MaintenanceTrust::DangerouslyAnyCertificate,
        ([], false) | ([_, ..], true) => {
            let message = "either fingerprints or dangerously_any_certificate is needed: the machine's certificate is signed by nobody";
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        (texts, false) => MaintenanceTrust::Fingerprints(
            texts
                .iter()
                .map(|text| text.parse())
                .collect::<Result<_>>()?,
        ),
    };
    let machine = MaintenanceClient::connect(&address, &trust, options(args)?)?;
    Ok(Handle::new(Object::MaintenanceClient(machine)).into())
}

pub(crate) async fn probe(args: &mut Args) -> Result<Reply> {
    let address: String = args.take("address")?;
    data(&look(&address, options(args)?).await?)
}

fn options(args: &mut Args) -> Result<ClientOptions> {
    let mut options = ClientOptions::default();
    if let Some(limit) = seconds(args, "connect_timeout_seconds")? {
        options = options.connect_timeout(limit);
    }
    if let Some(limit) = seconds(args, "request_timeout_seconds")? {
        options = options.request_timeout(limit);
    }
    Ok(options)
}

pub(crate) async fn machine(
    machine: &MaintenanceClient,
    method: &str,
    args: &mut Args,
) -> Result<Reply> {
    match method {
        "node" => Ok(Handle::new(Object::TalosNode(machine.node().clone())).into()),
        "fingerprint" => data(&machine.fingerprint().map(|f| f.to_string())),
        "version" => data(&machine.version().await?),
        "disks" => data(&machine.disks().await?),
        "apply_configuration" => {
            let yaml: String = args.take("yaml")?;
            data(
                &machine
                    .apply_configuration(&yaml, apply_options(args)?)
                    .await?,
            )
        }
        _ => Err(no_method("MaintenanceClient", method)),
    }
}

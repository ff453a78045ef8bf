//! Talos guests in one call.

use homelab_core::{Error, ErrorKind, Result};
use proxmox_client::{ProxmoxClient, TalosGuest};

use crate::args::seconds;
use crate::handle::no_method;
use crate::{Args, Reply, Stream};

/// Methods of the client that make a Talos guest.
pub(crate) fn client(pve: &ProxmoxClient, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "talos_guest_from_iso" => {
            let (wish, volume, pve) = (wish(args)?, args.take::<String>("iso")?, pve.clone());
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                wish.from_iso(&pve, &volume, |p| report.progress(p)).await
            })))
        }
        "talos_guest_from_image" => {
            let (wish, volume, pve) = (wish(args)?, args.take::<String>("image")?, pve.clone());
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                wish.from_image(&pve, &volume, |p| report.progress(p)).await
            })))
        }
        "talos_guest_from_template" => {
            let (wish, template, pve) = (wish(args)?, args.take::<u32>("template")?, pve.clone());
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                wish.from_template(&pve, template, |p| report.progress(p))
                    .await
            })))
        }
        _ => Err(no_method("ProxmoxClient", method)),
    }
}

fn wish(args: &mut Args) -> Result<TalosGuest> {
    let (node, name): (String, String) = (args.take("node")?, args.take("name")?);
    let mut wish = TalosGuest::new(node, name, args.take::<String>("disk_storage")?);
    if let Some(vmid) = args.take("vmid")? {
        wish = wish.vmid(vmid);
    }
    if let Some(cores) = args.take("cores")? {
        wish = wish.cores(cores);
    }
    if let Some(cpu) = args.take::<Option<String>>("cpu")? {
        wish = wish.cpu(cpu);
    }
    if let Some(bytes) = args.take("memory_bytes")? {
        wish = wish.memory_bytes(bytes);
    }
    if let Some(bytes) = args.take("disk_bytes")? {
        wish = wish.disk_bytes(bytes);
    }
    if let Some(bridge) = args.take::<Option<String>>("bridge")? {
        wish = wish.bridge(bridge);
    }
    if let Some(vlan) = args.take("vlan")? {
        wish = wish.vlan(vlan);
    }
    if let Some(mac) = args.take::<Option<String>>("mac")? {
        wish = wish.mac(mac);
    }
    if let Some(tags) = args.take::<Option<Vec<String>>>("tags")? {
        wish = wish.tags(tags);
    }
    if let Some(pool) = args.take::<Option<String>>("pool")? {
        wish = wish.pool(pool);
    }
    if let Some(on) = args.take("secure_boot")? {
        wish = wish.secure_boot(on);
    }
    if let Some(on) = args.take("tpm")? {
        wish = wish.tpm(on);
    }
    if let Some(on) = args.take("start_on_boot")? {
        wish = wish.start_on_boot(on);
    }
    if let Some(on) = args.take("start")? {
        wish = wish.start(on);
    }
    if let Some(on) = args.take("linked_clone")? {
        wish = wish.linked_clone(on);
    }
    let config: Option<String> = args.take("config")?;
    let storage: Option<String> = args.take("config_storage")?;
    wish = match (config, storage) {
        (Some(config), Some(storage)) => wish.config(config, storage),
        (None, None) => wish,
        _ => {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "argument config: it goes with config_storage, the storage for the disc that carries it",
            ));
        }
    };
    if let Some(yaml) = args.take::<Option<String>>("network_config")? {
        wish = wish.network_config(yaml);
    }
    let keys: Option<std::collections::BTreeMap<String, String>> = args.take("keys")?;
    for (key, value) in keys.unwrap_or_default() {
        wish = wish.set(key, value);
    }
    if let Some(limit) = seconds(args, "timeout_seconds")? {
        wish = wish.timeout(limit);
    }
    Ok(wish)
}

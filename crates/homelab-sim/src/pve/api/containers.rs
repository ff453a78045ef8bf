//! `POST /nodes/{node}/lxc`: a new container, and what only containers tell.

use serde_json::{Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::config_keys::{schema, write};
use super::super::operation::Job;
use super::super::params::{Kind, Param, optional, required};
use super::super::router::{Access, Call, Route, get};
use super::{config, create, guests, lifecycle, pools, restore};
use crate::world::{Guest, GuestKind, State};

fn make(call: &Call<'_>) -> Result<Answer> {
    let vmid = call.vmid();
    call.need_quorum()?;
    if !call.may(&format!("/vms/{vmid}"), "VM.Allocate") {
        return Err(ApiError::raise(403, "Permission check failed\n"));
    }
    let mut keys = config::given(call, GuestKind::Lxc);
    config::check_rights(call, &format!("/vms/{vmid}"), &keys)?;
    let template = call.text("ostemplate").unwrap_or_default();
    if call.flag("restore") {
        return restore::restore(call, GuestKind::Lxc, &template);
    }
    pools::check(call)?;
    let node = call.node();
    let (guest, lines) = call.cluster.world().read(|state| {
        create::refuse_taken(state, vmid, GuestKind::Lxc, "create")?;
        let source = find_template(state, &template, &node)?;
        let mut guest = Guest::new(vmid, &node, GuestKind::Lxc, state.now);
        guest.bios = String::new();
        for (key, value) in [
            ("arch", "amd64"),
            ("swap", "512"),
            ("ostype", os_of(&template)),
        ] {
            guest.extra.insert(key.into(), value.into());
        }
        // Without a root file system it gets one of the usual size.
        if !keys.iter().any(|(key, _)| key == "rootfs") {
            let storage = call.text("storage").unwrap_or_else(|| "local".into());
            keys.push(("rootfs".into(), format!("{storage}:4")));
        }
        let mut lines = Vec::new();
        for (key, value) in &keys {
            write::set(state, &mut guest, key, value, &mut lines)?;
        }
        lines.retain(|line| !line.contains("successfully created disk"));
        lines.push(format!("extracting archive '{source}'"));
        lines.push("Total bytes read: 2048000 (2.0MiB, 73MiB/s)".into());
        lines.push("Detected container architecture: amd64".into());
        Ok::<_, ApiError>((guest, lines))
    })?;
    let (start, pool) = (call.flag("start"), call.text("pool"));
    let making = Guest {
        lock: Some("create".into()),
        ..guest
    };
    let job = Job::new(call, "vzcreate", vmid, move |state| {
        lifecycle::unlock(state, vmid);
        pools::enter(state, pool.as_deref(), vmid);
        if start {
            lifecycle::power_on(state, vmid)?;
        }
        Ok(())
    });
    let job = job
        .first(move |state| {
            state
                .guest_add(making)
                .map_err(|_| create::taken(state, vmid, GuestKind::Lxc, "create"))
        })
        .undo(move |state| drop(state.guest_remove(vmid)))
        .lines(lines);
    Ok(job.start(call))
}

/// Where the template lies on the host.
fn find_template(state: &State, volid: &str, node: &str) -> Result<String> {
    let Some((storage, name)) = volid.split_once(':') else {
        let text = format!("unable to parse volume ID '{volid}'\n");
        return Err(ApiError::param("ostemplate", text));
    };
    let Some(place) = state.storage(storage, node) else {
        return Err(ApiError::die(format!("storage '{storage}' does not exist")));
    };
    match place.volume(name, node) {
        Some(volume) if volume.content == "vztmpl" => Ok(super::content::file_path(place, volume)),
        Some(_) => Err(ApiError::die(format!(
            "unable to parse volume name '{name}'"
        ))),
        None => Err(ApiError::die(format!("volume '{volid}' does not exist"))),
    }
}

/// The system in a template, by its name.
fn os_of(template: &str) -> &'static str {
    const KNOWN: &[&str] = &[
        "debian",
        "devuan",
        "ubuntu",
        "centos",
        "fedora",
        "opensuse",
        "archlinux",
        "alpine",
        "gentoo",
        "nixos",
    ];
    let file = template.rsplit('/').next().unwrap_or_default();
    KNOWN
        .iter()
        .find(|os| file.starts_with(**os))
        .copied()
        .unwrap_or("unmanaged")
}

/// `GET …/lxc/{vmid}/interfaces`: nothing while it is stopped.
fn interfaces(call: &Call<'_>) -> Result<Answer> {
    call.cluster.world().read(|state| {
        let guest = guests::find(state, call, GuestKind::Lxc)?;
        if !guest.running() {
            return Ok(Value::Null.into());
        }
        let mut rows = vec![json!({
            "name": "lo", "hwaddr": "00:00:00:00:00:00", "hardware-address": "00:00:00:00:00:00",
            "inet": "127.0.0.1/8", "inet6": "::1/128",
            "ip-addresses": [
                { "ip-address": "127.0.0.1", "prefix": "8", "ip-address-type": "inet" },
                { "ip-address": "::1", "prefix": "128", "ip-address-type": "inet6" },
            ],
        })];
        for nic in &guest.nics {
            let name = nic.options.get("name").cloned();
            let mut row = json!({
                "name": name.unwrap_or_else(|| format!("eth{}", nic.index)),
                "hwaddr": nic.mac, "hardware-address": nic.mac,
            });
            let address = nic.options.get("ip").filter(|ip| ip.contains('/'));
            let mut addresses = Vec::new();
            if let Some((ip, prefix)) = address.and_then(|ip| ip.split_once('/')) {
                row["inet"] = format!("{ip}/{prefix}").into();
                addresses.push(json!({
                    "ip-address": ip, "prefix": prefix, "ip-address-type": "inet",
                }));
            }
            if let Some(own) = super::agent_network::link_local(&nic.mac) {
                row["inet6"] = format!("{own}/64").into();
                addresses.push(json!({
                    "ip-address": own.to_string(), "prefix": "64", "ip-address-type": "inet6",
                }));
            }
            row["ip-addresses"] = addresses.into();
            rows.push(row);
        }
        Ok(Value::Array(rows).into())
    })
}

const CREATE: &[Param] = &[
    required("vmid", Kind::Vmid),
    required("ostemplate", Kind::Text),
    optional("bwlimit", Kind::Number),
    optional("entrypoint", Kind::Text),
    optional("env", Kind::Text),
    optional("force", Kind::Bool),
    optional("ha-managed", Kind::Bool),
    optional("ignore-unpack-errors", Kind::Bool),
    optional("password", Kind::Format(password)),
    optional("pool", Kind::Text),
    optional("restore", Kind::Bool),
    optional("ssh-public-keys", Kind::Text),
    optional("start", Kind::Bool),
    optional("storage", Kind::Text),
    optional("unique", Kind::Bool),
];

/// A password of at least five characters.
pub(super) fn password(text: &str) -> std::result::Result<(), String> {
    if text.len() < 5 {
        return Err("value must be at least 5 characters long".into());
    }
    Ok(())
}

pub(super) const ROUTES: &[Route] = &[
    get("/nodes/{node}/lxc", Access::User, make)
        .method("POST")
        .with(CREATE)
        .and(schema::lxc),
    get(
        "/nodes/{node}/lxc/{vmid}/interfaces",
        Access::Any("/vms/{vmid}", &["VM.Audit"]),
        interfaces,
    ),
];

#[cfg(test)]
mod tests {
    use super::os_of;

    #[test]
    fn the_system_is_told_by_the_template() {
        assert_eq!(os_of("local:vztmpl/alpine-3.22-default.tar.xz"), "alpine");
        assert_eq!(os_of("local:vztmpl/mine.tar"), "unmanaged");
    }
}

//! `…/config` and `…/pending` of guests.
//!
//! On a running guest some changes take effect at once, the others wait for
//! the next cold start.

use serde_json::{Map, Value, json};

use super::super::answer::{Answer, ApiError, CHANGED, Result};
use super::super::config_keys::{read, schema, write};
use super::super::operation::Job;
use super::super::params::{Kind, Param, optional};
use super::super::router::{Access, Call, Route, get};
use super::guests;
use crate::world::{Guest, GuestKind, State};

/// Parameters of a change that are no keys of the config.
const CHANGE: &[Param] = &[
    optional("delete", Kind::List),
    optional("revert", Kind::List),
    optional("digest", Kind::Text),
    optional("skiplock", Kind::Bool),
    optional("force", Kind::Bool),
    optional("import-working-storage", Kind::Text),
];
/// As above, for the call that makes a task.
const CHANGE_LATER: &[Param] = &[
    optional("background_delay", Kind::Int { min: 1 }),
    optional("delete", Kind::List),
    optional("revert", Kind::List),
    optional("digest", Kind::Text),
    optional("skiplock", Kind::Bool),
    optional("force", Kind::Bool),
    optional("import-working-storage", Kind::Text),
];
/// Keys that only root itself may set; its tokens may not.
const ROOT_ONLY: &[&str] = &["args", "hookscript", "lock"];
/// Keys whose change a running VM follows at once.
const HOT: &[&str] = &[
    "autostart",
    "balloon",
    "cpulimit",
    "cpuunits",
    "description",
    "hookscript",
    "lock",
    "name",
    "hostname",
    "onboot",
    "protection",
    "shares",
    "startup",
    "tags",
    "vmstatestorage",
];

fn config(call: &Call<'_>, kind: GuestKind) -> Result<Answer> {
    call.cluster.world().read(|state| {
        let guest = guests::find(state, call, kind)?;
        if let Some(name) = call.text("snapshot") {
            let snapshot = guest.snapshots.iter().find(|s| s.name == name);
            let missing = || ApiError::die(format!("snapshot '{name}' does not exist"));
            return Ok(
                Value::Object(read::keys(state, &snapshot.ok_or_else(missing)?.guest)).into(),
            );
        }
        let mut keys = read::keys(state, guest);
        if !call.flag("current") {
            for (key, value) in &guest.pending {
                match value {
                    Some(value) => {
                        let value = read::json(kind, key, value.clone());
                        keys.insert(key.clone(), value);
                    }
                    None => drop(keys.remove(key)),
                }
            }
        }
        mask(&mut keys);
        keys.insert("digest".into(), read::digest(state, guest).into());
        Ok(Value::Object(keys).into())
    })
}

/// The password for cloud-init is shown to nobody, but in snapshots.
fn mask(keys: &mut Map<String, Value>) {
    if let Some(password) = keys.get_mut("cipassword") {
        *password = "**********".into();
    }
}

fn pending(call: &Call<'_>, kind: GuestKind) -> Result<Answer> {
    call.cluster.world().read(|state| {
        let guest = guests::find(state, call, kind)?;
        let mut keys = read::keys(state, guest);
        mask(&mut keys);
        keys.insert("digest".into(), read::digest(state, guest).into());
        let mut rows: Vec<Value> = Vec::new();
        for (key, value) in keys {
            let mut row = json!({ "key": key, "value": value });
            match guest.pending.get(&key) {
                Some(Some(pending)) => row["pending"] = read::json(kind, &key, pending.clone()),
                Some(None) => row["delete"] = 1.into(),
                None => {}
            }
            rows.push(row);
        }
        for (key, value) in &guest.pending {
            let new = !rows.iter().any(|row| row["key"] == key.as_str());
            if let Some(value) = value.as_ref().filter(|_| new) {
                let value = read::json(kind, key, value.clone());
                rows.push(json!({ "key": key, "pending": value }));
            }
        }
        Ok(Value::Array(rows).into())
    })
}

/// The keys of the config among the parameters, as text.
pub(super) fn given(call: &Call<'_>, kind: GuestKind) -> Vec<(String, String)> {
    let known = |key: &str| match kind {
        GuestKind::Qemu => schema::qemu(key).is_some(),
        GuestKind::Lxc => schema::lxc(key).is_some(),
    };
    call.params
        .keys()
        .filter(|key| known(key))
        .filter_map(|key| Some((key.clone(), call.text(key)?)))
        .collect()
}

/// The privilege that setting a key takes.
fn privilege(key: &str, value: &str) -> &'static str {
    match key {
        "memory" | "balloon" | "shares" | "swap" => "VM.Config.Memory",
        "cores" | "sockets" | "vcpus" | "cpu" | "cpulimit" | "cpuunits" | "numa" => "VM.Config.CPU",
        "cipassword" | "ciuser" | "sshkeys" | "citype" | "cicustom" => "VM.Config.Cloudinit",
        "nameserver" | "searchdomain" | "hostname" => "VM.Config.Network",
        "bios" | "machine" | "scsihw" | "smbios1" | "vga" | "serial0" | "tablet" | "args"
        | "audio0" | "rng0" => "VM.Config.HWType",
        _ if schema::is_drive(key) && value.contains("media=cdrom") => "VM.Config.CDROM",
        _ if schema::is_drive(key) => "VM.Config.Disk",
        _ if key.starts_with("net") || key.starts_with("ipconfig") => "VM.Config.Network",
        _ if key.starts_with("hostpci") || key.starts_with("usb") => "VM.Config.HWType",
        _ => "VM.Config.Options",
    }
}

/// What PVE says about a digest of an earlier config.
pub(super) fn changed(kind: GuestKind) -> &'static str {
    match kind {
        GuestKind::Qemu => "checksum mismatch (file change by other user?)",
        GuestKind::Lxc => CHANGED,
    }
}

/// Who may set what, beyond the access that the call takes.
pub(super) fn check_rights(call: &Call<'_>, path: &str, keys: &[(String, String)]) -> Result<()> {
    if call.params.contains_key("skiplock") && !call.is_root() {
        return Err(ApiError::param(
            "skiplock",
            "Only root may use this option.",
        ));
    }
    for (key, value) in keys {
        call.need(path, privilege(key, value))?;
        if ROOT_ONLY.contains(&key.as_str()) && !call.is_root() {
            return Err(ApiError::die(format!("only root can set '{key}' config")));
        }
    }
    Ok(())
}

/// What is to change.
#[derive(Clone, Debug)]
struct Change {
    vmid: u32,
    node: String,
    kind: GuestKind,
    digest: Option<String>,
    skip_lock: bool,
    set: Vec<(String, String)>,
    delete: Vec<String>,
    revert: Vec<String>,
}

impl Change {
    fn of(call: &Call<'_>, kind: GuestKind) -> Result<Self> {
        let set = given(call, kind);
        let delete = call.list("delete");
        check_rights(call, &format!("/vms/{}", call.vmid()), &set)?;
        for key in &delete {
            let known = match kind {
                GuestKind::Qemu => schema::qemu(key).is_some(),
                GuestKind::Lxc => schema::lxc(key).is_some(),
            };
            if !known {
                return Err(ApiError::param("delete", format!("unknown option '{key}'")));
            }
            if set.iter().any(|(other, _)| other == key) {
                let text = format!("cannot use '-{key}' and '-delete {key}' at the same time");
                return Err(ApiError::param("delete", text));
            }
            if key == "lock" && !call.is_root() {
                return Err(ApiError::die("only root can set 'lock' config"));
            }
        }
        Ok(Change {
            vmid: call.vmid(),
            node: call.node(),
            kind,
            digest: call.text("digest"),
            skip_lock: call.flag("skiplock"),
            set,
            delete,
            revert: call.list("revert"),
        })
    }

    /// The guest as it will be, and what the server tells on the way.
    fn outcome(&self, state: &State) -> Result<(Guest, Vec<String>)> {
        let here = |g: &&Guest| g.host == self.node && g.kind == self.kind;
        let missing = || ApiError::die(guests::missing(&self.node, self.vmid, self.kind));
        let guest = state.guest(self.vmid).filter(here).ok_or_else(missing)?;
        if self
            .digest
            .as_ref()
            .is_some_and(|d| *d != read::digest(state, guest))
        {
            return Err(ApiError::die(changed(self.kind)));
        }
        if let Some(text) = guests::locked(guest).filter(|_| !self.skip_lock) {
            return Err(ApiError::die(text));
        }
        let (mut guest, mut log) = (guest.clone(), Vec::new());
        for key in &self.revert {
            guest.pending.remove(key);
        }
        for key in &self.delete {
            if self.waits(&guest, key) {
                guest.pending.insert(key.clone(), None);
            } else {
                write::unset(&mut guest, key);
            }
        }
        for (key, value) in &self.set {
            if self.waits(&guest, key) {
                // It has to be something that can come true.
                write::set(state, &mut guest.clone(), key, value, &mut log)?;
                guest.pending.insert(key.clone(), Some(value.clone()));
            } else {
                guest.pending.remove(key);
                write::set(state, &mut guest, key, value, &mut log)?;
            }
        }
        Ok((guest, log))
    }

    /// Whether a change of `key` waits for the next cold start.
    fn waits(&self, guest: &Guest, key: &str) -> bool {
        let hot = HOT.contains(&key)
            || schema::is_drive(key) && !["efidisk0", "tpmstate0"].contains(&key)
            || ["net", "usb"]
                .iter()
                .any(|p| schema::indexed(key, p).is_some())
            || self.kind == GuestKind::Lxc && ["memory", "swap", "cores"].contains(&key);
        guest.running() && !hot
    }
}

fn store(state: &mut State, guest: Guest) {
    if let Some(slot) = state.guest_mut(guest.vmid) {
        *slot = guest;
    }
}

fn cannot_write(call: &Call<'_>) -> Result<()> {
    call.cluster.world().read(|state| {
        if state.quorate_at(call.contacted) {
            return Ok(());
        }
        let (node, vmid) = (call.node(), call.vmid());
        Err(ApiError::die(format!(
            "unable to open file '/etc/pve/nodes/{node}/qemu-server/{vmid}.conf.tmp.{}' - \
             Permission denied",
            1000 + state.derived("pid") % 9000
        )))
    })
}

/// `PUT …/config`: done when it answers.
fn put(call: &Call<'_>, kind: GuestKind) -> Result<Answer> {
    let change = Change::of(call, kind)?;
    cannot_write(call)?;
    call.cluster.world().change(|state| {
        let (guest, _) = change.outcome(state)?;
        store(state, guest);
        Ok(Value::Null.into())
    })
}

/// `POST …/config`: a task.
fn post(call: &Call<'_>) -> Result<Answer> {
    let change = Change::of(call, GuestKind::Qemu)?;
    let (vmid, told) = (call.vmid(), given(call, GuestKind::Qemu));
    let options: Vec<_> = told.iter().map(|(k, v)| format!("-{k} {v}")).collect();
    let mut lines = vec![format!("update VM {vmid}: {}", options.join(" "))];
    let (_, log) = call.cluster.world().read(|state| change.outcome(state))?;
    lines.extend(log);
    let job = Job::new(call, "qmconfig", vmid, move |state| {
        let (guest, _) = change
            .outcome(state)
            .map_err(|e| e.text.trim_end().to_owned())?;
        store(state, guest);
        Ok(())
    });
    Ok(job.lines(lines).start(call))
}

fn qemu_config(call: &Call<'_>) -> Result<Answer> {
    config(call, GuestKind::Qemu)
}

fn lxc_config(call: &Call<'_>) -> Result<Answer> {
    config(call, GuestKind::Lxc)
}

fn qemu_pending(call: &Call<'_>) -> Result<Answer> {
    pending(call, GuestKind::Qemu)
}

fn lxc_pending(call: &Call<'_>) -> Result<Answer> {
    pending(call, GuestKind::Lxc)
}

fn qemu_put(call: &Call<'_>) -> Result<Answer> {
    put(call, GuestKind::Qemu)
}

fn lxc_put(call: &Call<'_>) -> Result<Answer> {
    put(call, GuestKind::Lxc)
}

const AUDIT: Access = Access::Any("/vms/{vmid}", &["VM.Audit"]);
const MODIFY: Access = Access::Any(
    "/vms/{vmid}",
    &[
        "VM.Config.Disk",
        "VM.Config.CDROM",
        "VM.Config.CPU",
        "VM.Config.Memory",
        "VM.Config.Network",
        "VM.Config.HWType",
        "VM.Config.Options",
        "VM.Config.Cloudinit",
    ],
);
const LOOK: &[Param] = &[
    optional("current", Kind::Bool),
    optional("snapshot", Kind::Text),
];

pub(super) const ROUTES: &[Route] = &[
    get("/nodes/{node}/qemu/{vmid}/config", AUDIT, qemu_config).with(LOOK),
    get("/nodes/{node}/qemu/{vmid}/config", MODIFY, qemu_put)
        .method("PUT")
        .with(CHANGE)
        .and(schema::qemu),
    get("/nodes/{node}/qemu/{vmid}/config", MODIFY, post)
        .method("POST")
        .with(CHANGE_LATER)
        .and(schema::qemu),
    get("/nodes/{node}/qemu/{vmid}/pending", AUDIT, qemu_pending),
    get("/nodes/{node}/lxc/{vmid}/config", AUDIT, lxc_config).with(LOOK),
    get("/nodes/{node}/lxc/{vmid}/config", MODIFY, lxc_put)
        .method("PUT")
        .with(CHANGE)
        .and(schema::lxc),
    get("/nodes/{node}/lxc/{vmid}/pending", AUDIT, lxc_pending),
];

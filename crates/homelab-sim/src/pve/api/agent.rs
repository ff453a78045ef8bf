//! `…/agent/…`: what the guest agent of a VM tells.

use serde_json::{Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::params::{Kind, optional, required};
use super::super::router::{Access, Call, Route, Wait, get};
use super::{agent_network, guests};
use crate::world::{Guest, GuestKind, Stage, State, TalosNode};

/// Whether the guest in the path has an agent that is switched on but silent:
/// the call then takes until the agent is given up.
pub(in super::super) fn will_not_answer(call: &Call<'_>) -> bool {
    call.cluster.world().read(|state| {
        guests::find(state, call, GuestKind::Qemu)
            .is_ok_and(|guest| guest.agent && guest.running() && !answers(state, guest))
    })
}

/// A guest without a Talos node is a usual Linux with its agent installed.
fn answers(state: &State, guest: &Guest) -> bool {
    match talos_node(state, guest) {
        None => true,
        Some(node) => {
            node.stage != Stage::Off && node.extensions.iter().any(|e| e.name == "qemu-guest-agent")
        }
    }
}

pub(super) fn talos_node<'s>(state: &'s State, guest: &Guest) -> Option<&'s TalosNode> {
    state.node(guest.node.as_deref()?)
}

/// The guest in the path, if its agent answers.
pub(super) fn awake<'s>(state: &'s State, call: &Call<'_>) -> Result<&'s Guest> {
    let guest = guests::find(state, call, GuestKind::Qemu)?;
    if !guest.extra.contains_key("agent") && !guest.agent {
        return Err(ApiError::die("No QEMU guest agent configured"));
    }
    if !guest.running() {
        return Err(ApiError::die(format!("VM {} is not running", guest.vmid)));
    }
    if !guest.agent || guest.paused || !answers(state, guest) {
        return Err(ApiError::die("QEMU guest agent is not running"));
    }
    Ok(guest)
}

/// Whether the agent refuses a command while file systems are frozen.
pub(super) fn frozen(state: &State, guest: &Guest) -> bool {
    state
        .agents
        .get(&guest.vmid)
        .is_some_and(|memory| memory.frozen)
}

/// What an agent says about a command that is refused while it is frozen.
pub(super) fn disabled(command: &str) -> String {
    format!("Command guest-{command} has been disabled: the command is not allowed")
}

/// A question that changes nothing. An error of the agent comes with 200.
fn ask(
    call: &Call<'_>,
    command: &str,
    answer: impl FnOnce(&State, &Guest) -> Value,
) -> Result<Answer> {
    call.cluster.world().read(|state| {
        let guest = awake(state, call)?;
        let free = ["ping", "info", "fsfreeze-status"].contains(&command);
        let result = if !free && frozen(state, guest) {
            json!({ "error": { "class": "CommandNotFound", "desc": disabled(command) } })
        } else {
            answer(state, guest)
        };
        Ok(json!({ "result": result }).into())
    })
}

fn interfaces(call: &Call<'_>) -> Result<Answer> {
    ask(call, "network-get-interfaces", |state, guest| {
        agent_network::interfaces(state, guest).into()
    })
}

fn ping(call: &Call<'_>) -> Result<Answer> {
    ask(call, "ping", |_, _| json!({}))
}

fn info(call: &Call<'_>) -> Result<Answer> {
    ask(call, "info", |_, _| {
        let command = |name: &&str| json!({ "name": format!("guest-{name}"), "enabled": true, "success-response": true });
        json!({
            "version": "10.0.2",
            "supported_commands": COMMANDS.iter().map(command).collect::<Vec<_>>(),
        })
    })
}

const COMMANDS: &[&str] = &[
    "exec",
    "exec-status",
    "file-close",
    "file-open",
    "file-read",
    "file-write",
    "fsfreeze-freeze",
    "fsfreeze-status",
    "fsfreeze-thaw",
    "fstrim",
    "get-fsinfo",
    "get-host-name",
    "get-osinfo",
    "get-time",
    "get-timezone",
    "get-users",
    "get-vcpus",
    "info",
    "network-get-interfaces",
    "ping",
    "set-user-password",
    "shutdown",
];

fn os_info(call: &Call<'_>) -> Result<Answer> {
    ask(call, "get-osinfo", |state, guest| {
        let Some(node) = talos_node(state, guest) else {
            return json!({
                "id": "debian", "name": "Debian GNU/Linux", "version-id": "13",
                "version": "13 (trixie)", "pretty-name": "Debian GNU/Linux 13 (trixie)",
                "kernel-release": "6.12.57+deb13-cloud-amd64", "machine": "x86_64",
                "kernel-version": "#1 SMP PREEMPT_DYNAMIC Debian 6.12.57-1 (2025-11-05)",
            });
        };
        let version = &node.talos_version;
        json!({
            "id": "talos", "name": "Talos", "version-id": version, "version": version,
            "pretty-name": format!("Talos ({version})"), "kernel-release": "6.12.57-talos",
            "kernel-version": "#1 SMP", "machine": "x86_64",
        })
    })
}

fn host_name(call: &Call<'_>) -> Result<Answer> {
    ask(
        call,
        "get-host-name",
        |_, guest| json!({ "host-name": hostname(guest) }),
    )
}

/// What the guest's system calls itself.
pub(super) fn hostname(guest: &Guest) -> String {
    guest.node.clone().unwrap_or_else(|| guest.name.clone())
}

fn file_systems(call: &Call<'_>) -> Result<Answer> {
    ask(call, "get-fsinfo", |_, guest| {
        let total = guests::boot_disk_bytes(guest);
        json!([{
            "name": "sda1", "mountpoint": "/", "type": "ext4", "total-bytes": total,
            "used-bytes": total / 8,
            "disk": [{
                "bus-type": "scsi", "bus": 0, "target": 0, "unit": 0, "dev": "/dev/sda1",
                "serial": "0QEMU_QEMU_HARDDISK_drive-scsi0",
                "pci-controller": { "domain": 0, "bus": 1, "slot": 1, "function": 0 },
            }],
        }])
    })
}

fn vcpus(call: &Call<'_>) -> Result<Answer> {
    ask(call, "get-vcpus", |_, guest| {
        let cpus = 0..guest.cores;
        let rows = cpus.map(|n| json!({ "logical-id": n, "online": true, "can-offline": n > 0 }));
        Value::Array(rows.collect())
    })
}

fn memory_blocks(call: &Call<'_>) -> Result<Answer> {
    ask(call, "get-memory-blocks", |_, guest| {
        let blocks = 0..guest.memory_bytes / MEMORY_BLOCK;
        let row = |n| json!({ "phys-index": n, "online": true, "can-offline": true });
        Value::Array(blocks.map(row).collect())
    })
}

/// Linux takes memory on and off in pieces of this size.
const MEMORY_BLOCK: u64 = 128 << 20;

fn memory_block_info(call: &Call<'_>) -> Result<Answer> {
    ask(
        call,
        "get-memory-block-info",
        |_, _| json!({ "size": MEMORY_BLOCK }),
    )
}

fn time(call: &Call<'_>) -> Result<Answer> {
    let now = call.unix_now();
    ask(call, "get-time", |_, _| (now * 1_000_000_000).into())
}

fn time_zone(call: &Call<'_>) -> Result<Answer> {
    ask(
        call,
        "get-timezone",
        |_, _| json!({ "zone": "UTC", "offset": 0 }),
    )
}

fn users(call: &Call<'_>) -> Result<Answer> {
    ask(call, "get-users", |_, _| json!([]))
}

fn trim(call: &Call<'_>) -> Result<Answer> {
    ask(call, "fstrim", |_, guest| {
        let free = guests::boot_disk_bytes(guest) / 8 * 7;
        json!({ "paths": [{ "path": "/", "trimmed": free, "minimum": 0 }] })
    })
}

fn freeze_status(call: &Call<'_>) -> Result<Answer> {
    ask(call, "fsfreeze-status", |state, guest| {
        if frozen(state, guest) {
            "frozen"
        } else {
            "thawed"
        }
        .into()
    })
}

fn freeze(call: &Call<'_>) -> Result<Answer> {
    let answer = ask(call, "fsfreeze-freeze", |_, _| 1.into())?;
    set_frozen(call, true);
    Ok(answer)
}

fn thaw(call: &Call<'_>) -> Result<Answer> {
    let count = call
        .cluster
        .world()
        .read(|state| Ok::<_, ApiError>(u8::from(frozen(state, awake(state, call)?))))?;
    set_frozen(call, false);
    Ok(json!({ "result": count }).into())
}

fn set_frozen(call: &Call<'_>, frozen: bool) {
    let vmid = call.vmid();
    call.cluster.world().change(|state| {
        state.agents.entry(vmid).or_default().frozen = frozen;
    });
}

fn suspend_disk(call: &Call<'_>) -> Result<Answer> {
    refused_mode(call)
}

fn refused_mode(call: &Call<'_>) -> Result<Answer> {
    ask(
        call,
        "suspend",
        |_, _| json!({ "error": { "class": "GenericError", "desc": "unknown guest suspend mode" } }),
    )
}

/// Answers when the guest went down.
fn shutdown(call: &Call<'_>) -> Result<Answer> {
    let vmid = call.vmid();
    call.cluster
        .world()
        .read(|state| awake(state, call).map(drop))?;
    call.cluster
        .world()
        .change(|state| state.guest_stop(vmid))
        .map_err(|e| ApiError::die(e.message()))?;
    Ok(json!({ "result": null }).into())
}

fn set_password(call: &Call<'_>) -> Result<Answer> {
    let user = call.text("username").unwrap_or_default();
    call.cluster.world().read(|state| {
        let guest = awake(state, call)?;
        if frozen(state, guest) {
            return Err(ApiError::die(format!(
                "Agent error: {}",
                disabled("set-user-password")
            )));
        }
        if user != "root" {
            return Err(ApiError::die(format!(
                "Agent error: child process has failed to set user password: chpasswd: (user \
                 {user}) pam_chauthtok() failed, error:"
            )));
        }
        Ok(json!({ "result": {} }).into())
    })
}

/// `POST …/agent`: a command by name, as one call for all of them.
fn command(call: &Call<'_>) -> Result<Answer> {
    match call.text("command").unwrap_or_default().as_str() {
        "ping" => ping(call),
        "info" => info(call),
        "fsfreeze-freeze" => freeze(call),
        "fsfreeze-status" => freeze_status(call),
        "fsfreeze-thaw" => thaw(call),
        "fstrim" => trim(call),
        "get-fsinfo" => file_systems(call),
        "get-host-name" => host_name(call),
        "get-memory-block-info" => memory_block_info(call),
        "get-memory-blocks" => memory_blocks(call),
        "get-osinfo" => os_info(call),
        "get-time" => time(call),
        "get-timezone" => time_zone(call),
        "get-users" => users(call),
        "get-vcpus" => vcpus(call),
        "network-get-interfaces" => interfaces(call),
        "shutdown" => shutdown(call),
        _ => refused_mode(call),
    }
}

pub(super) const AUDIT: Access = Access::Any(
    "/vms/{vmid}",
    &["VM.GuestAgent.Audit", "VM.GuestAgent.Unrestricted"],
);
const UNRESTRICTED: Access = Access::Any("/vms/{vmid}", &["VM.GuestAgent.Unrestricted"]);
const FILE_SYSTEMS: Access = Access::Any(
    "/vms/{vmid}",
    &["VM.GuestAgent.FileSystemMgmt", "VM.GuestAgent.Unrestricted"],
);
const POWER: Access = Access::Any(
    "/vms/{vmid}",
    &["VM.PowerMgmt", "VM.GuestAgent.Unrestricted"],
);

/// A call that the agent is waited for.
pub(super) const fn agent(
    method: &'static str,
    path: &'static str,
    access: Access,
    run: fn(&Call<'_>) -> Result<Answer>,
) -> Route {
    Route {
        wait: Wait::Agent,
        ..get(path, access, run).method(method)
    }
}

macro_rules! agent_routes {
    ($($method:literal $command:literal $access:ident $run:ident;)*) => {
        &[
            agent("POST", "/nodes/{node}/qemu/{vmid}/agent", UNRESTRICTED, command)
                .with(&[required("command", Kind::Text)]),
            agent(
                "POST",
                "/nodes/{node}/qemu/{vmid}/agent/set-user-password",
                UNRESTRICTED,
                set_password,
            )
            .with(&[
                required("username", Kind::Text),
                required("password", Kind::Format(super::containers::password)),
                optional("crypted", Kind::Bool),
            ]),
            $(agent(
                $method,
                concat!("/nodes/{node}/qemu/{vmid}/agent/", $command),
                $access,
                $run,
            ),)*
        ]
    };
}

pub(super) const ROUTES: &[Route] = agent_routes! {
    "POST" "fsfreeze-freeze" FILE_SYSTEMS freeze;
    "POST" "fsfreeze-status" FILE_SYSTEMS freeze_status;
    "POST" "fsfreeze-thaw" FILE_SYSTEMS thaw;
    "POST" "fstrim" FILE_SYSTEMS trim;
    "GET" "get-fsinfo" AUDIT file_systems;
    "GET" "get-host-name" AUDIT host_name;
    "GET" "get-memory-block-info" AUDIT memory_block_info;
    "GET" "get-memory-blocks" AUDIT memory_blocks;
    "GET" "get-osinfo" AUDIT os_info;
    "GET" "get-time" AUDIT time;
    "GET" "get-timezone" AUDIT time_zone;
    "GET" "get-users" AUDIT users;
    "GET" "get-vcpus" AUDIT vcpus;
    "GET" "info" AUDIT info;
    "GET" "network-get-interfaces" AUDIT interfaces;
    "POST" "ping" AUDIT ping;
    "POST" "shutdown" POWER shutdown;
    "POST" "suspend-disk" POWER suspend_disk;
    "POST" "suspend-hybrid" POWER suspend_disk;
    "POST" "suspend-ram" POWER suspend_disk;
};

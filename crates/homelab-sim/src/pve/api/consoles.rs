//! Consoles of guests and hosts: a proxy call, and the WebSocket that takes
//! what it opened. None of these is forwarded to another host.

use serde_json::{Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::console::{Behind, Console};
use super::super::operation;
use super::super::params::{Kind, Param, optional, required};
use super::super::router::{Access, Call, Route, get};
use super::guests;
use crate::world::{GuestKind, derive};

/// Where a console leads.
struct Place {
    /// What the privilege is needed for, such as `/vms/100`.
    path: String,
    task: &'static str,
    id: String,
    title: String,
}

fn guest(call: &Call<'_>, kind: GuestKind) -> Result<Place> {
    call.cluster.world().read(|state| {
        let vmid = call.vmid();
        let guest = state.guest(vmid).filter(|g| g.kind == kind);
        let guest =
            guest.ok_or_else(|| ApiError::die(guests::missing(&call.node(), vmid, kind)))?;
        Ok(Place {
            path: format!("/vms/{vmid}"),
            task: "vncproxy",
            id: vmid.to_string(),
            title: format!("QEMU ({})", guest.name),
        })
    })
}

fn shell(call: &Call<'_>) -> Place {
    let node = call.node();
    Place {
        path: format!("/nodes/{node}"),
        task: "vncshell",
        id: String::new(),
        title: node,
    }
}

/// Opens a port and says how to get there.
fn open(call: &Call<'_>, place: Place, behind: Behind) -> Result<Answer> {
    let cluster = call.cluster;
    let host = call.contacted;
    let port = cluster.0.consoles.free_port(host);
    let port = port.ok_or_else(|| ApiError::die("unable to find free port (5900-6000)"))?;
    let now = cluster.unix_now();
    let signed = cluster.0.key.console(&call.caller, &place.path, port, now);
    let password: String = derive::hex(&derive::bytes(now, &signed)[..4]);
    // Since 9.1.9 the password stands before the ticket.
    let ticket = match behind {
        Behind::Screen => format!("{password}:{signed}"),
        Behind::Terminal => signed,
    };
    let upid = operation::endless(call, place.task, &place.id);
    let mut data = json!({
        "user": call.caller, "ticket": ticket, "upid": upid, "port": port.to_string(),
    });
    if behind == Behind::Screen {
        data["password"] = password.into();
        data["cert"] = cluster.0.ca_pem.as_str().into();
    }
    cluster.open_console(Console {
        host: host.to_owned(),
        port,
        behind,
        user: call.caller.clone(),
        ticket,
        upid,
        title: place.title,
    });
    Ok(data.into())
}

/// `GET …/vncwebsocket`: takes the console behind a port.
fn websocket(call: &Call<'_>, path: &str) -> Result<Answer> {
    let port: u16 = call.number("port").unwrap_or_default();
    let ticket = call.text("vncticket").unwrap_or_default();
    let now = call.unix_now();
    let key = &call.cluster.0.key;
    if !key.verify_console(&ticket, &call.caller, path, port, now) {
        return Err(ApiError {
            body: super::super::answer::ErrorBody::Json {
                errors: serde_json::Map::new(),
            },
            ..ApiError::raise(401, "permission denied - invalid PVEVNC ticket\n")
        });
    }
    let mut answer = Answer::from(json!({ "port": port.to_string() }));
    if call.upgrades {
        let console = call.cluster.0.consoles.take(call.contacted, port);
        answer.console = console;
        if answer.console.is_none() {
            // Nobody listens there (any more).
            return Err(ApiError::proxy(599, "Connection refused"));
        }
    }
    Ok(answer)
}

/// `POST /access/vncticket`: whether a ticket opens a console, for `termproxy`.
fn verify_ticket(call: &Call<'_>) -> Result<Answer> {
    let (user, path) = (
        call.text("authid").unwrap_or_default(),
        call.text("path").unwrap_or_default(),
    );
    let ticket = call.text("vncticket").unwrap_or_default();
    let port = call.number("port").unwrap_or_default();
    let now = call.unix_now();
    if call
        .cluster
        .0
        .key
        .verify_console(&ticket, &user, &path, port, now)
    {
        Ok(Value::Null.into())
    } else {
        Err(ApiError::login_failed())
    }
}

fn qemu_screen(call: &Call<'_>) -> Result<Answer> {
    open(call, guest(call, GuestKind::Qemu)?, Behind::Screen)
}

fn lxc_screen(call: &Call<'_>) -> Result<Answer> {
    open(call, guest(call, GuestKind::Lxc)?, Behind::Screen)
}

/// A VM needs a serial port for a terminal.
fn qemu_terminal(call: &Call<'_>) -> Result<Answer> {
    let place = guest(call, GuestKind::Qemu)?;
    let vmid = call.vmid();
    let serial = call.cluster.world().read(|state| {
        let keys = state.guest(vmid).map(|g| &g.extra);
        (0..4).any(|n| keys.is_some_and(|keys| keys.contains_key(&format!("serial{n}"))))
    });
    if !serial {
        return Err(ApiError::die("unable to find a serial interface"));
    }
    open(call, place, Behind::Terminal)
}

fn lxc_terminal(call: &Call<'_>) -> Result<Answer> {
    open(call, guest(call, GuestKind::Lxc)?, Behind::Terminal)
}

fn node_terminal(call: &Call<'_>) -> Result<Answer> {
    open(call, shell(call), Behind::Terminal)
}

fn node_screen(call: &Call<'_>) -> Result<Answer> {
    if call.caller.contains('!') {
        let text = format!(
            "value '{}' does not look like a valid user name",
            call.caller
        );
        return Err(ApiError::die(text));
    }
    open(call, shell(call), Behind::Screen)
}

fn guest_socket(call: &Call<'_>) -> Result<Answer> {
    websocket(call, &format!("/vms/{}", call.vmid()))
}

fn node_socket(call: &Call<'_>) -> Result<Answer> {
    websocket(call, &format!("/nodes/{}", call.node()))
}

/// SPICE needs a running guest, and a client that is not ours to be.
fn spice(call: &Call<'_>, kind: GuestKind) -> Result<Answer> {
    let vmid = call.vmid();
    call.cluster.world().read(|state| {
        let guest = guests::find(state, call, kind)?;
        let word = kind.noun();
        if !guest.running() {
            return Err(ApiError::die(format!("{word} {vmid} not running")));
        }
        let title = format!("{word} {vmid} - {}", guest.name);
        Ok(viewer_file(call, state.seed, &vmid.to_string(), &title))
    })
}

/// A node's shell, behind a SPICE server of its own.
fn node_spice(call: &Call<'_>) -> Result<Answer> {
    let seed = call.cluster.world().read(|state| state.seed);
    let title = format!("Shell on '{}'", call.node());
    Ok(viewer_file(call, seed, "shell", &title))
}

/// What a viewer needs to reach the SPICE server of `what`.
fn viewer_file(call: &Call<'_>, seed: u64, what: &str, title: &str) -> Answer {
    let node = call.node();
    json!({
        "type": "spice", "host": format!("pvespiceproxy:{what}:{node}::"),
        "tls-port": 61000, "proxy": format!("http://{node}:3128"),
        "password": derive::hex(&derive::bytes(seed, "spice")[..20]),
        "title": title, "toggle-fullscreen": "Shift+F11",
        "release-cursor": "Ctrl+Alt+R", "secure-attention": "Ctrl+Alt+Ins",
        "delete-this-file": 1, "host-subject": format!("OU=PVE Cluster Node,CN={node}"),
        "ca": call.cluster.0.ca_pem.replace('\n', "\\n"),
    })
    .into()
}

fn qemu_spice(call: &Call<'_>) -> Result<Answer> {
    spice(call, GuestKind::Qemu)
}

fn lxc_spice(call: &Call<'_>) -> Result<Answer> {
    spice(call, GuestKind::Lxc)
}

const GUEST: Access = Access::Any("/vms/{vmid}", &["VM.Console"]);
const NODE: Access = Access::Any("/nodes/{node}", &["Sys.Console"]);
const SCREEN: &[Param] = &[
    optional("generate-password", Kind::Bool),
    optional("websocket", Kind::Bool),
    optional("height", Kind::Int { min: 16 }),
    optional("width", Kind::Int { min: 16 }),
];
const SERIAL: &[Param] = &[optional(
    "serial",
    Kind::Word(&["serial0", "serial1", "serial2", "serial3"]),
)];
const SHELL: &[Param] = &[
    optional("cmd", Kind::Word(&["login", "upgrade", "ceph_install"])),
    optional("cmd-opts", Kind::Text),
    optional("height", Kind::Int { min: 16 }),
    optional("width", Kind::Int { min: 16 }),
    optional("websocket", Kind::Bool),
];
const SOCKET: &[Param] = &[
    required("port", Kind::Int { min: 5900 }),
    required("vncticket", Kind::Text),
];
const SPICE: &[Param] = &[optional("proxy", Kind::Text)];
const SPICE_SHELL: &[Param] = &[
    optional("cmd", Kind::Word(&["login", "upgrade", "ceph_install"])),
    optional("cmd-opts", Kind::Text),
    optional("proxy", Kind::Text),
];

const fn post(
    path: &'static str,
    access: Access,
    run: fn(&Call<'_>) -> Result<Answer>,
    params: &'static [Param],
) -> Route {
    get(path, access, run).method("POST").with(params).here()
}

pub(super) const ROUTES: &[Route] = &[
    post(
        "/nodes/{node}/qemu/{vmid}/vncproxy",
        GUEST,
        qemu_screen,
        SCREEN,
    ),
    post(
        "/nodes/{node}/lxc/{vmid}/vncproxy",
        GUEST,
        lxc_screen,
        SCREEN,
    ),
    post(
        "/nodes/{node}/qemu/{vmid}/termproxy",
        GUEST,
        qemu_terminal,
        SERIAL,
    ),
    post(
        "/nodes/{node}/lxc/{vmid}/termproxy",
        GUEST,
        lxc_terminal,
        &[],
    ),
    post("/nodes/{node}/termproxy", NODE, node_terminal, SHELL),
    post("/nodes/{node}/vncshell", NODE, node_screen, SHELL),
    get(
        "/nodes/{node}/qemu/{vmid}/vncwebsocket",
        GUEST,
        guest_socket,
    )
    .with(SOCKET)
    .here(),
    get("/nodes/{node}/lxc/{vmid}/vncwebsocket", GUEST, guest_socket)
        .with(SOCKET)
        .here(),
    get("/nodes/{node}/vncwebsocket", NODE, node_socket)
        .with(SOCKET)
        .here(),
    get("/nodes/{node}/qemu/{vmid}/spiceproxy", GUEST, qemu_spice)
        .method("POST")
        .with(SPICE),
    get("/nodes/{node}/lxc/{vmid}/spiceproxy", GUEST, lxc_spice)
        .method("POST")
        .with(SPICE),
    get("/nodes/{node}/spiceshell", NODE, node_spice)
        .method("POST")
        .with(SPICE_SHELL),
    get("/access/vncticket", Access::Open, verify_ticket)
        .method("POST")
        .with(&[
            required("authid", Kind::Text),
            required("path", Kind::Text),
            required("privs", Kind::Text),
            required("vncticket", Kind::Text),
            optional("port", Kind::Int { min: 5900 }),
        ]),
];

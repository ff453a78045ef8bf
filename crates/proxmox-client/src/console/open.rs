//! From a ticket to an open websocket.

use homelab_core::{Error, ErrorKind, ExposeSecret, Result, SecretString, Sent};
use proxmox_endpoints::{Method, Params, tolerant};
use reqwest::header::{CONNECTION, UPGRADE};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::transport::{self, Call, Opening};
use crate::{ProxmoxClient, answer, release};

/// The stream under a console.
pub(super) type Socket = WebSocketStream<reqwest::Upgraded>;

/// What the server gives for a console.
#[derive(Deserialize)]
pub(super) struct ConsoleTicket {
    pub(super) user: String,
    pub(super) ticket: SecretString,
    #[serde(deserialize_with = "tolerant::req")]
    port: u32,
    #[serde(default)]
    pub(super) password: Option<SecretString>,
}

/// Asks for a console and opens it. `base` is the path of the guest or the
/// node, `proxy` the call that starts the console's server side.
///
/// That side runs on the contacted node and waits ten seconds for the
/// websocket: both go to the same endpoint, however many there are.
pub(super) async fn open(
    client: &ProxmoxClient,
    operation: &'static str,
    base: &str,
    proxy: &str,
    params: &Params,
) -> Result<(ConsoleTicket, Socket)> {
    let named = |error: Error| error.operation(operation);
    // Both requests go to one node: where the guest is is looked up before.
    let there = match client.followed() {
        Some(followed) => {
            followed.find_again(client).await.map_err(named)?;
            followed.path(base)
        }
        None => None,
    };
    let base = there.as_ref().map_or(base, |(path, _)| path.as_str());
    let inner = &*client.inner;
    let deadline = Instant::now() + client.request_timeout();
    let start = format!("{base}/{proxy}");
    let known = client
        .admit(Method::Post, &start, params)
        .await
        .map_err(named)?;
    let explained = |error: Error| named(release::explain(error, known));
    let call = Call {
        method: Method::Post,
        path: &start,
        params,
        node: None,
    };
    let (reply, endpoint) = transport::on_one_endpoint(inner, deadline, &call)
        .await
        .map_err(named)?;
    let ticket = answer::check(&reply)
        .and_then(|()| proxmox_endpoints::decode_as::<ConsoleTicket>(&reply.body))
        .map_err(|error| explained(inner.auth.explain(error)).target(&reply.target))?;

    let query: Params = [
        ("port", ticket.port.to_string()),
        ("vncticket", ticket.ticket.expose_secret().to_owned()),
    ]
    .into_iter()
    .collect();
    let path = format!("{base}/vncwebsocket?{}", query.to_query());
    let key = generate_key();
    let opening = Opening {
        method: Method::Get,
        path: &path,
        endpoint: Some(endpoint),
        deadline: Some(deadline),
    };
    let opened = transport::open(inner, &opening, |request| {
        request
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", &key)
            .header("Sec-WebSocket-Protocol", "binary")
    })
    .await
    .map_err(named)?;
    let host = opened.host.clone();
    let about = |error: Error| named(error).target(host.clone());
    if opened.response.status() != reqwest::StatusCode::SWITCHING_PROTOCOLS {
        let reply = timeout_at(deadline, transport::whole(inner, opened))
            .await
            .map_err(|_| about(Error::new(ErrorKind::Timeout, "no answer in time")))?
            .map_err(named)?;
        let refused = answer::check(&reply).err().unwrap_or_else(no_websocket);
        return Err(about(inner.auth.explain(refused)));
    }
    let accepted = opened
        .response
        .headers()
        .get("Sec-WebSocket-Accept")
        .is_some_and(|value| value.as_bytes() == derive_accept_key(key.as_bytes()).as_bytes());
    if !accepted {
        return Err(about(no_websocket()));
    }
    let upgraded = timeout_at(deadline, opened.response.upgrade())
        .await
        .map_err(|_| about(Error::new(ErrorKind::Timeout, "no console in time")))?
        .map_err(|e| {
            about(Error::new(
                ErrorKind::Unavailable,
                format!("the console did not open: {}", transport::root_cause(&e)),
            ))
        })?;
    let socket = WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await;
    Ok((ticket, socket))
}

fn no_websocket() -> Error {
    Error::new(
        ErrorKind::Protocol,
        "the server did not switch to a websocket: is something in between?",
    )
    .sent(Sent::Yes)
}

//! Consoles, as a browser or a client reaches them.

use futures_util::{SinkExt, StreamExt};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::Lab;

type Socket = WebSocketStream<TlsStream<TcpStream>>;

impl Lab {
    async fn socket(&self, path: &str, opened: &Value) -> Result<Socket, u16> {
        let ticket = utf8_percent_encode(opened["ticket"].as_str().unwrap(), NON_ALPHANUMERIC);
        let port = opened["port"].as_str().unwrap();
        let uri =
            format!("wss://localhost/api2/json{path}/vncwebsocket?port={port}&vncticket={ticket}");
        let mut request = uri.into_client_request().unwrap();
        let token = format!("PVEAPIToken={}", self.token);
        request
            .headers_mut()
            .insert("authorization", token.parse().unwrap());
        request
            .headers_mut()
            .insert("sec-websocket-protocol", "binary".parse().unwrap());
        let stream = self.connect("pve1").await.unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((socket, response)) => {
                assert_eq!(response.headers()["sec-websocket-protocol"], "binary");
                Ok(socket)
            }
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
                Err(response.status().as_u16())
            }
            Err(other) => panic!("{other}"),
        }
    }
}

async fn next(socket: &mut Socket) -> Vec<u8> {
    match socket.next().await {
        Some(Ok(Message::Binary(bytes))) => bytes.to_vec(),
        other => panic!("{other:?}"),
    }
}

async fn say(socket: &mut Socket, bytes: impl Into<Vec<u8>>) {
    socket
        .send(Message::Binary(bytes.into().into()))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_terminal_echoes_what_is_typed() {
    let lab = Lab::start();
    let path = "/nodes/pve1/lxc/200";
    let opened = lab.post(&format!("{path}/termproxy"), "").await.data();
    assert_eq!(opened["user"], "root@pam!sim");
    let upid = opened["upid"].as_str().unwrap().to_owned();
    assert!(upid.contains(":vncproxy:200:"), "{upid}");
    let mut socket = lab.socket(path, &opened).await.unwrap();
    let line = format!("root@pam!sim:{}\n", opened["ticket"].as_str().unwrap());
    say(&mut socket, line).await;
    assert_eq!(next(&mut socket).await, b"OK");
    say(&mut socket, "1:80:25:").await;
    // Frames are no messages: three of those in two of these.
    say(&mut socket, "20:5:hel").await;
    say(&mut socket, "lo0:1:!").await;
    assert_eq!(next(&mut socket).await, b"hello");
    assert_eq!(next(&mut socket).await, b"!");
    socket.close(None).await.unwrap();
    assert_eq!(lab.task(&upid.into()).await, "OK");
    // The port is gone with it.
    assert_eq!(lab.socket(path, &opened).await.unwrap_err(), 599);
}

#[tokio::test]
async fn a_terminal_wants_the_ticket_in_its_first_line() {
    let lab = Lab::start();
    let path = "/nodes/pve1/lxc/200";
    let opened = lab.post(&format!("{path}/termproxy"), "").await.data();
    let mut socket = lab.socket(path, &opened).await.unwrap();
    say(&mut socket, "root@pam:wrong\n").await;
    assert!(matches!(
        socket.next().await,
        None | Some(Ok(Message::Close(_)) | Err(_))
    ));
}

#[tokio::test]
async fn a_screen_speaks_rfb() {
    let lab = Lab::start();
    let path = "/nodes/pve1/qemu/100";
    let opened = lab
        .post(&format!("{path}/vncproxy"), "websocket=1")
        .await
        .data();
    let ticket = opened["ticket"].as_str().unwrap();
    assert!(ticket.starts_with(&format!("{}:PVEVNC:", opened["password"].as_str().unwrap())));
    let mut socket = lab.socket(path, &opened).await.unwrap();
    assert_eq!(next(&mut socket).await, b"RFB 003.008\n");
    say(&mut socket, "RFB 003.008\n").await;
    assert_eq!(next(&mut socket).await, [1, 2]);
    say(&mut socket, [2]).await;
    assert_eq!(next(&mut socket).await.len(), 16);
    say(&mut socket, [0; 16]).await;
    assert_eq!(next(&mut socket).await, [0; 4]);
    say(&mut socket, [1]).await;
    let init = next(&mut socket).await;
    assert!(String::from_utf8_lossy(&init).ends_with("QEMU (talos-1)"));
    say(&mut socket, [3, 0, 0, 0, 0, 0, 0, 64, 0, 48]).await;
    assert_eq!(next(&mut socket).await.len(), 16 + 64 * 48 * 4);
}

#[tokio::test]
async fn only_the_right_ticket_opens_a_console() {
    let lab = Lab::start();
    let path = "/nodes/pve1/qemu/100";
    let opened = lab
        .post(&format!("{path}/vncproxy"), "websocket=1")
        .await
        .data();
    let plain = lab
        .get(&format!("{path}/vncwebsocket?port=5900&vncticket=bad"))
        .await;
    assert_eq!(
        plain.line(),
        "401 permission denied - invalid PVEVNC ticket"
    );
    // A ticket is good for one guest only.
    assert_eq!(
        lab.socket("/nodes/pve1/lxc/200", &opened)
            .await
            .unwrap_err(),
        401
    );
    let reply = lab.post(&format!("{path}/termproxy"), "").await;
    assert_eq!(reply.line(), "500 unable to find a serial interface");
    let reply = lab.post("/nodes/pve1/vncshell", "").await;
    assert_eq!(
        reply.line(),
        "500 value 'root@pam!sim' does not look like a valid user name"
    );
}

#[tokio::test]
async fn a_console_that_nobody_takes_is_given_up() {
    let lab = Lab::start();
    let opened = lab.post("/nodes/pve1/termproxy", "").await.data();
    lab.world().advance(std::time::Duration::from_secs(11));
    assert_eq!(lab.task(&opened["upid"]).await, "connection timed out");
}

//! Consoles, against a server that speaks the other side of `termproxy`.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use homelab_core::{ErrorKind, ExposeSecret};
use proxmox_client::ProxmoxClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

const TICKET: &str = "PVEVNC:6B0332AD::c2lnbmF0dXJl+/=";

struct Server {
    client: ProxmoxClient,
    requests: Arc<Mutex<Vec<String>>>,
}

/// How the server's side of the console behaves.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Terminal,
    RefusesTicket,
    Vnc,
    NoWebsocket,
}

async fn start(mode: Mode) -> Server {
    let identity = support::identity();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(vec![identity.leaf.clone()], identity.key)
    .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
            tokio::spawn(async move {
                let Ok(mut tls) = acceptor.accept(tcp).await else {
                    return;
                };
                loop {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        match tls.read_u8().await {
                            Ok(byte) => head.push(byte),
                            Err(_) => return,
                        }
                    }
                    let head = String::from_utf8(head).unwrap();
                    let length = header(&head, "content-length")
                        .and_then(|n| n.parse().ok())
                        .unwrap_or(0);
                    let mut body = vec![0; length];
                    tls.read_exact(&mut body).await.unwrap();
                    let line = head.lines().next().unwrap_or_default().to_owned();
                    seen.lock().unwrap().push(line.clone());
                    if line.starts_with("POST") {
                        let data = format!(
                            "{{\"data\":{{\"user\":\"root@pam!full\",\"ticket\":\"{TICKET}\",\"port\":\"5901\",\"upid\":\"UPID:pve1:0:0:0:x::root@pam:\"}}}}"
                        );
                        let answer = support::answer("200 OK", &data);
                        tls.write_all(&answer).await.unwrap();
                        tls.flush().await.unwrap();
                        continue;
                    }
                    if mode == Mode::NoWebsocket {
                        let answer =
                            support::error("401 permission denied - invalid PVEVNC ticket");
                        let support::Reply::Raw(answer) = answer else {
                            return;
                        };
                        tls.write_all(&answer).await.unwrap();
                        tls.flush().await.unwrap();
                        continue;
                    }
                    let key = header(&head, "sec-websocket-key").unwrap();
                    let answer = format!(
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: binary\r\n\r\n",
                        derive_accept_key(key.as_bytes())
                    );
                    tls.write_all(answer.as_bytes()).await.unwrap();
                    tls.flush().await.unwrap();
                    let socket = WebSocketStream::from_raw_socket(tls, Role::Server, None).await;
                    return serve(socket, mode).await;
                }
            });
        }
    });
    let client = ProxmoxClient::builder()
        .endpoint(format!("https://127.0.0.1:{port}"))
        .ca_pem(identity.ca_pem)
        .token("root@pam!full", "secret")
        .build()
        .unwrap();
    Server { client, requests }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

async fn serve<S>(mut socket: WebSocketStream<S>, mode: Mode)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    if mode == Mode::Vnc {
        socket
            .send(Message::Binary("RFB 003.008\n".into()))
            .await
            .unwrap();
        while let Some(Ok(Message::Binary(bytes))) = socket.next().await {
            socket.send(Message::Binary(bytes)).await.unwrap();
        }
        return;
    }
    let hello = socket.next().await.unwrap().unwrap().into_data();
    let good = hello == format!("root@pam!full:{TICKET}\n");
    if mode == Mode::RefusesTicket || !good {
        let _ = socket.close(None).await;
        return;
    }
    socket
        .send(Message::Binary("OKlogin: ".into()))
        .await
        .unwrap();
    while let Some(Ok(message)) = socket.next().await {
        let data = message.into_data();
        let text = String::from_utf8_lossy(&data).into_owned();
        let mut parts = text.splitn(3, ':');
        let echo = match (parts.next(), parts.next(), parts.next()) {
            (Some("0"), Some(length), Some(keys)) => {
                assert_eq!(length.parse::<usize>().unwrap(), keys.len());
                if keys == "exit\n" {
                    let _ = socket.close(None).await;
                    return;
                }
                format!("<{keys}>")
            }
            (Some("1"), Some(columns), Some(rows)) => {
                format!("[{columns}x{}]", rows.trim_end_matches(':'))
            }
            _ => continue,
        };
        // A ping in between: the client must answer it while it waits.
        socket.send(Message::Ping("x".into())).await.unwrap();
        socket.send(Message::Binary(echo.into())).await.unwrap();
    }
}

async fn until(terminal: &mut proxmox_client::Terminal, end: &str) -> String {
    let mut seen = String::new();
    let mut chunk = [0; 64];
    while !seen.ends_with(end) {
        let n = terminal.read(&mut chunk).await.unwrap();
        assert!(n > 0, "ended after {seen}");
        seen.push_str(&String::from_utf8_lossy(&chunk[..n]));
    }
    seen
}

#[tokio::test]
async fn a_terminal_carries_keys_sizes_and_what_came_with_the_ok() {
    let server = start(Mode::Terminal).await;
    let node = server.client.node("pve1");
    let mut terminal = node.qemu(100).terminal(Some(0)).await.unwrap();
    assert_eq!(until(&mut terminal, ": ").await, "login: ");
    terminal.resize(120, 40).await.unwrap();
    terminal.write_all("wörld".as_bytes()).await.unwrap();
    terminal.flush().await.unwrap();
    assert_eq!(until(&mut terminal, ">").await, "[120x40]<wörld>");

    let (mut reader, writer) = terminal.into_split();
    let other = writer.clone();
    drop(writer);
    other.send(b"exit\n").await.unwrap();
    assert_eq!(reader.next().await.unwrap(), None);

    let requests = server.requests.lock().unwrap().clone();
    assert!(requests[0].starts_with("POST /api2/json/nodes/pve1/qemu/100/termproxy "));
    // The ticket's own '+', '/' and '=' are escaped.
    assert!(requests[1].contains("/qemu/100/vncwebsocket?port=5901&vncticket=PVEVNC%3A"));
    assert!(requests[1].contains("%2B%2F%3D"));
}

#[tokio::test]
async fn a_refused_ticket_says_what_may_be_wrong() {
    let server = start(Mode::RefusesTicket).await;
    let error = server.client.node("pve1").shell().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.message().contains("9.1"), "{error}");
    assert!(!format!("{error:?}").contains(TICKET));

    let server = start(Mode::NoWebsocket).await;
    let error = server
        .client
        .node("pve1")
        .lxc(101)
        .terminal()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.message().contains("invalid PVEVNC ticket"), "{error}");
}

#[tokio::test]
async fn a_screen_is_bytes_as_they_are() {
    let server = start(Mode::Vnc).await;
    let mut screen = server.client.node("pve1").qemu(100).vnc().await.unwrap();
    // Before 9.1 the password is the start of the ticket.
    assert_eq!(screen.password().expose_secret(), "PVEVNC:6");
    let mut version = [0; 12];
    screen.read_exact(&mut version).await.unwrap();
    assert_eq!(&version, b"RFB 003.008\n");
    // More than one frame holds.
    let large = vec![b'x'; 100_000];
    screen.write_all(&large).await.unwrap();
    let mut back = vec![0; large.len()];
    screen.read_exact(&mut back).await.unwrap();
    assert_eq!(back, large);
}

//! Consoles: a proxy call opens a port for ten seconds, a WebSocket on the same
//! host takes it. What is behind a terminal echoes; what is behind a screen
//! speaks enough RFB to show an empty one.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use sha1::{Digest as _, Sha1};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::PveCluster;
use super::body::{self, Body};
use crate::world::derive;

/// How long a proxy waits for somebody to connect.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first port that a console gets.
const FIRST_PORT: u16 = 5900;
/// How many consoles a host has at a time.
const PORTS: u16 = 100;

/// What is at the other end of a console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behind {
    /// A screen: RFB.
    Screen,
    /// A terminal, framed as `termproxy` does it.
    Terminal,
}

/// A console that waits for its WebSocket.
#[derive(Clone, Debug)]
pub(super) struct Console {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) behind: Behind,
    /// Who opened it.
    pub(super) user: String,
    /// The whole ticket that the terminal's first line must tell.
    pub(super) ticket: String,
    /// The task that stands for it.
    pub(super) upid: String,
    /// What the screen's title says.
    pub(super) title: String,
}

/// The consoles of all hosts that nobody has taken yet.
#[derive(Debug, Default)]
pub(super) struct Consoles(Mutex<BTreeMap<(String, u16), Console>>);

impl Consoles {
    /// A port of `host` that no waiting console has.
    pub(super) fn free_port(&self, host: &str) -> Option<u16> {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ports = FIRST_PORT..FIRST_PORT + PORTS;
        ports.find(|port| !waiting.contains_key(&(host.to_owned(), *port)))
    }

    fn put(&self, console: Console) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert((console.host.clone(), console.port), console);
    }

    /// Takes a console, so that nobody else can.
    pub(super) fn take(&self, host: &str, port: u16) -> Option<Console> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.remove(&(host.to_owned(), port))
    }
}

impl PveCluster {
    /// Lets a console wait for its WebSocket, but not for long.
    pub(super) fn open_console(&self, console: Console) {
        let (cluster, host, port) = (self.clone(), console.host.clone(), console.port);
        self.0.consoles.put(console);
        let world = self.world().clone();
        self.world().spawn(async move {
            world.sleep(PATIENCE).await;
            if let Some(console) = cluster.0.consoles.take(&host, port) {
                world.change(|state| state.task_end(&console.upid, "connection timed out"));
            }
        });
    }

    /// Serves a console to whoever asked for the upgrade.
    pub(super) fn serve_console(&self, upgrade: OnUpgrade, console: Console) {
        let cluster = self.clone();
        tokio::spawn(async move {
            let stop = cluster.0.shared.stop.clone();
            let served = async {
                if let Ok(upgraded) = upgrade.await {
                    let io = TokioIo::new(upgraded);
                    let socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
                    // Ends when the client goes, which is as it should be.
                    let _ = match console.behind {
                        Behind::Terminal => terminal(socket, &console).await,
                        Behind::Screen => screen(socket, &console).await,
                    };
                }
            };
            tokio::select! {
                () = served => {}
                () = stop.cancelled() => {}
            }
            cluster
                .world()
                .change(|state| state.task_end(&console.upid, "OK"));
        });
    }
}

/// Whether a request asks for a WebSocket.
pub(super) fn wanted(headers: &HeaderMap) -> bool {
    headers
        .get(header::UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && headers.contains_key(header::SEC_WEBSOCKET_KEY)
}

/// The answer that makes a connection a WebSocket.
pub(super) fn switching(headers: &HeaderMap) -> Response<Body> {
    const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let mut response = Response::new(body::full(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let mut hash = Sha1::new();
    hash.update(key.map_or(&[][..], HeaderValue::as_bytes));
    hash.update(MAGIC);
    let accept = STANDARD.encode(hash.finalize());
    let answer = response.headers_mut();
    answer.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    answer.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        answer.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    let offered = headers.get(header::SEC_WEBSOCKET_PROTOCOL);
    let offered = offered
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if offered.split(',').any(|name| name.trim() == "binary") {
        let binary = HeaderValue::from_static("binary");
        answer.insert(header::SEC_WEBSOCKET_PROTOCOL, binary);
    }
    response
}

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// The bytes of a WebSocket as one stream, whatever the frames.
struct Stream {
    socket: Socket,
    buffer: BytesMut,
}

impl Stream {
    fn new(socket: Socket) -> Self {
        Stream {
            socket,
            buffer: BytesMut::new(),
        }
    }

    /// Appends what comes next; `None` at the end.
    async fn more(&mut self) -> Option<()> {
        loop {
            match self.socket.next().await?.ok()? {
                Message::Binary(bytes) => self.buffer.extend_from_slice(&bytes),
                Message::Text(text) => self.buffer.extend_from_slice(text.as_bytes()),
                Message::Close(_) => return None,
                // Pings are answered by the socket itself.
                _ => continue,
            }
            return Some(());
        }
    }

    async fn exactly(&mut self, count: usize) -> Option<Bytes> {
        while self.buffer.len() < count {
            self.more().await?;
        }
        Some(self.buffer.split_to(count).freeze())
    }

    /// What stands before `end`, which is taken as well.
    async fn until(&mut self, end: u8) -> Option<String> {
        loop {
            if let Some(at) = self.buffer.iter().position(|byte| *byte == end) {
                let text = self.buffer.split_to(at + 1);
                return Some(String::from_utf8_lossy(&text[..at]).into_owned());
            }
            self.more().await?;
        }
    }

    async fn send(&mut self, bytes: impl Into<Bytes>) -> Option<()> {
        self.socket.send(Message::Binary(bytes.into())).await.ok()
    }
}

/// A terminal: the first line must be the user and the ticket, then come typed
/// bytes (`0:LENGTH:BYTES`), sizes (`1:COLUMNS:ROWS:`) and signs of life (`2`).
/// What is typed comes back.
async fn terminal(socket: Socket, console: &Console) -> Option<()> {
    let mut stream = Stream::new(socket);
    let line = stream.until(b'\n').await?;
    if line != format!("{}:{}", console.user, console.ticket) {
        let _ = stream.socket.close(None).await;
        return None;
    }
    stream.send("OK").await?;
    loop {
        match stream.exactly(1).await?[0] {
            b'0' => {
                stream.exactly(1).await?;
                let length = stream.until(b':').await?.parse().ok()?;
                let typed = stream.exactly(length).await?;
                stream.send(typed).await?;
            }
            b'1' => {
                stream.exactly(1).await?;
                stream.until(b':').await?;
                stream.until(b':').await?;
            }
            b'2' => {}
            _ => return None,
        }
    }
}

/// Width and height of an empty screen.
const SIZE: (u16, u16) = (64, 48);

/// A screen of nothing: RFB 3.8 with VNC authentication, of which any response
/// is accepted.
async fn screen(socket: Socket, console: &Console) -> Option<()> {
    let mut stream = Stream::new(socket);
    stream.send("RFB 003.008\n").await?;
    stream.exactly(12).await?;
    // One kind of security: VNC authentication.
    stream.send(vec![1, 2]).await?;
    stream.exactly(1).await?;
    let challenge = &derive::bytes(0, &console.ticket)[..16];
    stream.send(challenge.to_vec()).await?;
    stream.exactly(16).await?;
    stream.send(vec![0; 4]).await?;
    stream.exactly(1).await?;
    stream.send(server_init(&console.title)).await?;
    loop {
        match stream.exactly(1).await?[0] {
            // Pixel format, encodings, pointer, clipboard: taken and ignored.
            0 => drop(stream.exactly(19).await?),
            2 => {
                let head = stream.exactly(3).await?;
                let count = usize::from(u16::from_be_bytes([head[1], head[2]]));
                stream.exactly(count * 4).await?;
            }
            3 => {
                stream.exactly(9).await?;
                stream.send(update()).await?;
            }
            4 => drop(stream.exactly(7).await?),
            5 => drop(stream.exactly(5).await?),
            6 => {
                let head = stream.exactly(7).await?;
                let count = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
                stream.exactly(count as usize).await?;
            }
            _ => return None,
        }
    }
}

/// Size, pixels of 32 bits, and the title.
fn server_init(title: &str) -> Vec<u8> {
    let mut init = Vec::new();
    init.extend(SIZE.0.to_be_bytes());
    init.extend(SIZE.1.to_be_bytes());
    init.extend([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]);
    init.extend(u32::try_from(title.len()).unwrap_or(0).to_be_bytes());
    init.extend(title.bytes());
    init
}

/// One black rectangle.
fn update() -> Vec<u8> {
    let mut update = vec![0, 0, 0, 1, 0, 0, 0, 0];
    update.extend(SIZE.0.to_be_bytes());
    update.extend(SIZE.1.to_be_bytes());
    update.extend([0; 4]);
    update.resize(
        update.len() + usize::from(SIZE.0) * usize::from(SIZE.1) * 4,
        0,
    );
    update
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_key_is_the_one_of_the_standard() {
        let mut headers = HeaderMap::new();
        let key = HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==");
        headers.insert(header::SEC_WEBSOCKET_KEY, key);
        headers.insert(header::UPGRADE, HeaderValue::from_static("WebSocket"));
        assert!(wanted(&headers));
        let response = switching(&headers);
        assert_eq!(
            response.headers()[header::SEC_WEBSOCKET_ACCEPT],
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }
}

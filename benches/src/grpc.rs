//! A node that only sends, by the server of `http2.rs`.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use rustls::ServerConfig;
use talos_proto::cosi::resource as cosi;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::http2::{self, Answer, GATHERED, Request};

/// Bytes in a message of a byte stream.
const CHUNK: usize = 1024;

/// What the node has to send.
#[derive(Clone, Debug)]
pub struct Node {
    /// The snapshot of its etcd.
    pub snapshot: PathBuf,
    /// How many events a watch gets.
    pub events: u64,
    /// How many lines a log has, and how long each is with its end.
    pub lines: (u64, usize),
}

impl Node {
    /// A node with nothing but a snapshot to send.
    pub fn with_snapshot(snapshot: PathBuf) -> Self {
        Node {
            snapshot,
            events: 0,
            lines: (0, 1),
        }
    }
}

/// Serves until the runtime ends; the address.
///
/// # Errors
/// When there is no port.
pub async fn serve(node: Node, tls: Arc<ServerConfig>) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let (node, tls) = (node.clone(), TlsAcceptor::from(tls.clone()));
            tokio::spawn(async move {
                // Whoever hangs up has seen enough.
                let _ = connection(node, tls, tcp).await;
            });
        }
    });
    Ok(address)
}

/// Sends a file over TLS and nothing else: what the snapshot is compared with.
///
/// # Errors
/// When there is no port.
pub async fn serve_file(file: PathBuf, tls: Arc<ServerConfig>) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let (file, tls) = (file.clone(), TlsAcceptor::from(tls.clone()));
            tokio::spawn(async move {
                let mut stream = tls.accept(tcp).await?;
                let mut file = tokio::fs::File::open(file).await?;
                let mut block = vec![0; 1 << 20];
                loop {
                    let count = file.read(&mut block).await?;
                    if count == 0 {
                        return stream.shutdown().await;
                    }
                    for part in block.get(..count).unwrap_or_default().chunks(GATHERED) {
                        stream.write_all(part).await?;
                    }
                }
            });
        }
    });
    Ok(address)
}

type Connection = TlsStream<TcpStream>;

async fn connection(node: Node, tls: TlsAcceptor, tcp: TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let stream = tls.accept(tcp).await?;
    http2::serve(stream, |request| answer(node.clone(), request)).await
}

async fn answer(node: Node, request: Request<Connection>) -> io::Result<()> {
    let Request { path, answer } = request;
    let head = [(":status", "200"), ("content-type", "application/grpc")];
    let method = path.rsplit('/').next().unwrap_or_default();
    if !["EtcdSnapshot", "Watch", "Logs"].contains(&method) {
        let refusal = [head[0], head[1], ("grpc-status", "12")];
        return answer.headers(&refusal, true).await;
    }
    answer.headers(&head, false).await?;
    match method {
        "EtcdSnapshot" => snapshot(&node, &answer).await?,
        "Watch" => watch(&node, &answer).await?,
        _ => logs(&node, &answer).await?,
    }
    answer.headers(&[("grpc-status", "0")], true).await
}

async fn snapshot(node: &Node, answer: &Answer<Connection>) -> io::Result<()> {
    let mut file = tokio::fs::File::open(&node.snapshot).await?;
    let mut block = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut block).await?;
        if count == 0 {
            return Ok(());
        }
        for chunk in block.get(..count).unwrap_or_default().chunks(CHUNK) {
            send_chunk(answer, chunk).await?;
        }
    }
}

async fn watch(node: &Node, answer: &Answer<Connection>) -> io::Result<()> {
    send(answer, &cosi::WatchResponse::default()).await?;
    for n in 0..node.events {
        let resource = cosi::Resource {
            metadata: Some(cosi::Metadata {
                namespace: "network".to_owned(),
                r#type: "HostnameStatuses.net.talos.dev".to_owned(),
                id: "hostname".to_owned(),
                version: n.to_string(),
                phase: "running".to_owned(),
                owner: "network.HostnameSpecController".to_owned(),
                ..cosi::Metadata::default()
            }),
            spec: Some(cosi::Spec {
                proto_spec: Bytes::from_static(b"\x0a\x04cp-1"),
                yaml_spec: "hostname: cp-1\ndomainname: \"\"\n".to_owned(),
            }),
        };
        let event = cosi::Event {
            resource: Some(resource.clone()),
            old: Some(resource),
            event_type: cosi::EventType::Updated.into(),
            bookmark: Some(n.to_be_bytes().to_vec()),
            ..cosi::Event::default()
        };
        let batch = cosi::WatchResponse { event: vec![event] };
        send(answer, &batch).await?;
    }
    Ok(())
}

async fn logs(node: &Node, answer: &Answer<Connection>) -> io::Result<()> {
    let (lines, length) = node.lines;
    let mut text = Vec::with_capacity(2 * CHUNK);
    for n in 0..lines {
        let line = format!("{n:0>width$}\n", width = length.saturating_sub(1));
        text.extend_from_slice(line.as_bytes());
        while text.len() >= CHUNK {
            let rest = text.split_off(CHUNK);
            send_chunk(answer, &text).await?;
            text = rest;
        }
    }
    send_chunk(answer, &text).await
}

/// A `common.Data` without metadata: its second field, and nothing else.
async fn send_chunk(answer: &Answer<Connection>, chunk: &[u8]) -> io::Result<()> {
    let mut field = Vec::with_capacity(8);
    prost::encoding::encode_key(2, prost::encoding::WireType::LengthDelimited, &mut field);
    prost::encoding::encode_varint(chunk.len() as u64, &mut field);
    let prefix = prefix(field.len() + chunk.len());
    answer.data(&[&prefix, &field, chunk]).await
}

async fn send(answer: &Answer<Connection>, message: &impl Message) -> io::Result<()> {
    let message = message.encode_to_vec();
    answer.data(&[&prefix(message.len()), &message]).await
}

/// Before each message of gRPC: that it is not compressed, and its length.
fn prefix(length: usize) -> [u8; 5] {
    let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    [0, a, b, c, d]
}

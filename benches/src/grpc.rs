//! A node that only sends: one DATA frame to a message, frames gathered into
//! writes of 32 KiB, as the server of a real node does with a full queue.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use h2::SendStream;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Response};
use prost::Message;
use rustls::ServerConfig;
use talos_proto::common::Data;
use talos_proto::cosi::resource as cosi;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// How much is gathered before it is encrypted and written.
const GATHERED: usize = 32 << 10;
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

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

async fn connection(node: Node, tls: TlsAcceptor, tcp: TcpStream) -> Outcome {
    tcp.set_nodelay(true)?;
    let stream = BufWriter::with_capacity(GATHERED, tls.accept(tcp).await?);
    let mut connection = h2::server::Builder::new()
        .max_send_buffer_size(256 << 10)
        .handshake::<_, Bytes>(stream)
        .await?;
    while let Some(request) = connection.accept().await {
        let (request, respond) = request?;
        let (node, path) = (node.clone(), request.uri().path().to_owned());
        tokio::spawn(async move {
            let _ = answer(node, &path, respond).await;
        });
    }
    Ok(())
}

async fn answer(node: Node, path: &str, mut respond: SendResponse<Bytes>) -> Outcome {
    let head = Response::builder().header("content-type", "application/grpc");
    let status = |code: &'static str| {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static(code));
        trailers
    };
    let known = ["EtcdSnapshot", "Watch", "Logs"];
    if !known.iter().any(|name| path.ends_with(name)) {
        let refusal = head.header("grpc-status", "12").body(())?;
        respond.send_response(refusal, true)?;
        return Ok(());
    }
    let mut stream = respond.send_response(head.body(())?, false)?;
    match path.rsplit('/').next() {
        Some("EtcdSnapshot") => snapshot(&node, &mut stream).await?,
        Some("Watch") => watch(&node, &mut stream).await?,
        _ => logs(&node, &mut stream).await?,
    }
    stream.send_trailers(status("0"))?;
    Ok(())
}

async fn snapshot(node: &Node, stream: &mut SendStream<Bytes>) -> Outcome {
    let mut file = tokio::fs::File::open(&node.snapshot).await?;
    let mut block = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut block).await?;
        if count == 0 {
            return Ok(());
        }
        for chunk in block.get(..count).unwrap_or_default().chunks(CHUNK) {
            send(stream, chunk_message(chunk)).await?;
        }
    }
}

async fn watch(node: &Node, stream: &mut SendStream<Bytes>) -> Outcome {
    send(stream, message(&cosi::WatchResponse::default())).await?;
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
        send(stream, message(&batch)).await?;
    }
    Ok(())
}

async fn logs(node: &Node, stream: &mut SendStream<Bytes>) -> Outcome {
    let (lines, length) = node.lines;
    let mut text = Vec::with_capacity(2 * CHUNK);
    for n in 0..lines {
        let line = format!("{n:0>width$}\n", width = length.saturating_sub(1));
        text.extend_from_slice(line.as_bytes());
        while text.len() >= CHUNK {
            let rest = text.split_off(CHUNK);
            send(stream, chunk_message(&text)).await?;
            text = rest;
        }
    }
    send(stream, chunk_message(&text)).await
}

fn chunk_message(bytes: &[u8]) -> Bytes {
    message(&Data {
        metadata: None,
        bytes: Bytes::copy_from_slice(bytes),
    })
}

fn message(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut framed = BytesMut::with_capacity(5 + length);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    // There is room for all of it.
    let _ = message.encode(&mut framed);
    framed.freeze()
}

/// One DATA frame, once there is room for it.
async fn send(stream: &mut SendStream<Bytes>, frame: Bytes) -> Outcome {
    stream.reserve_capacity(frame.len());
    while stream.capacity() < frame.len() {
        match std::future::poll_fn(|cx| stream.poll_capacity(cx)).await {
            Some(more) => more?,
            None => return Err("the client has gone".into()),
        };
    }
    stream.send_data(frame, false)?;
    Ok(())
}

//! The sending half of HTTP/2, and no more: one DATA frame to a message, frames
//! gathered into writes of 32 KiB, as the server of a real node does with a full
//! queue.
//!
//! A server library pays about a microsecond for a frame, as much as the client
//! that is measured on the same two cores; here a frame is a header and a copy.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex as Lock, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{Mutex, Notify};

/// How much is gathered before it is encrypted and written.
pub const GATHERED: usize = 32 << 10;
const PREFACE: usize = 24;
/// Windows before anybody changes them.
const WINDOW: i64 = 65_535;

/// Kinds of frames, and the flags that matter here (RFC 9113, section 6).
mod frame {
    pub(super) const DATA: u8 = 0;
    pub(super) const HEADERS: u8 = 1;
    pub(super) const RST_STREAM: u8 = 3;
    pub(super) const SETTINGS: u8 = 4;
    pub(super) const PING: u8 = 6;
    pub(super) const WINDOW_UPDATE: u8 = 8;
    pub(super) const ACK: u8 = 1;
    pub(super) const END_STREAM: u8 = 1;
    pub(super) const END_HEADERS: u8 = 4;
    pub(super) const PADDED: u8 = 8;
    pub(super) const PRIORITY: u8 = 0x20;
}

/// What a client asked for: the path, and where the answer goes.
#[derive(Debug)]
pub struct Request<S> {
    /// `/machine.MachineService/Version`.
    pub path: String,
    /// The answer.
    pub answer: Answer<S>,
}

/// An answer that is being sent.
#[derive(Debug)]
pub struct Answer<S> {
    stream: u32,
    shared: Arc<Shared<S>>,
}

#[derive(Debug)]
struct Shared<S> {
    out: Mutex<Out<S>>,
    windows: Lock<Windows>,
    /// A window grew, or a stream is gone.
    changed: Notify,
}

#[derive(Debug)]
struct Out<S> {
    io: WriteHalf<S>,
    gathered: Vec<u8>,
}

/// How much each stream, and all together, may send.
#[derive(Debug)]
struct Windows {
    initial: i64,
    connection: i64,
    streams: HashMap<u32, i64>,
}

/// Speaks HTTP/2 with a client until it hangs up; each request goes to `handle`.
///
/// # Errors
/// When the client hangs up, or does not speak HTTP/2.
pub async fn serve<S, F>(io: S, handle: impl Fn(Request<S>) -> F) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let (mut reader, io) = tokio::io::split(io);
    let shared = Arc::new(Shared {
        out: Mutex::new(Out {
            io,
            gathered: Vec::with_capacity(2 * GATHERED),
        }),
        windows: Lock::new(Windows {
            initial: WINDOW,
            connection: WINDOW,
            streams: HashMap::new(),
        }),
        changed: Notify::new(),
    });
    // As servers written in Go do: it speaks first.
    shared.control(frame::SETTINGS, 0, &[]).await?;
    reader.read_exact(&mut [0; PREFACE]).await?;
    let mut headers = fluke_hpack::Decoder::new();
    loop {
        let (kind, flags, stream, payload) = frame(&mut reader).await?;
        match kind {
            frame::HEADERS => {
                let path = path(&mut headers, flags, &payload)?;
                let mut windows = shared.windows();
                let initial = windows.initial;
                windows.streams.insert(stream, initial);
                drop(windows);
                let shared = shared.clone();
                tokio::spawn(handle(Request {
                    path,
                    answer: Answer { stream, shared },
                }));
            }
            frame::SETTINGS if flags & frame::ACK == 0 => {
                for setting in payload.chunks_exact(6) {
                    if let [0, 4, value @ ..] = setting {
                        shared.windows().initial = number(value);
                    }
                }
                shared.control(frame::SETTINGS, frame::ACK, &[]).await?;
            }
            frame::PING if flags & frame::ACK == 0 => {
                shared.control(frame::PING, frame::ACK, &payload).await?;
            }
            frame::WINDOW_UPDATE => {
                let mut windows = shared.windows();
                match stream {
                    0 => windows.connection += number(&payload),
                    stream => {
                        if let Some(window) = windows.streams.get_mut(&stream) {
                            *window += number(&payload);
                        }
                    }
                }
                drop(windows);
                shared.changed.notify_waiters();
            }
            frame::RST_STREAM => {
                shared.windows().streams.remove(&stream);
                shared.changed.notify_waiters();
            }
            _ => {}
        }
    }
}

async fn frame<S: AsyncRead>(reader: &mut ReadHalf<S>) -> io::Result<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    reader.read_exact(&mut head).await?;
    let [a, b, c, kind, flags, stream @ ..] = head;
    let mut payload = vec![0; usize::try_from(number(&[a, b, c])).unwrap_or_default()];
    reader.read_exact(&mut payload).await?;
    Ok((kind, flags, u32::from_be_bytes(stream), payload))
}

fn number(bytes: &[u8]) -> i64 {
    bytes.iter().fold(0, |n, b| n << 8 | i64::from(*b))
}

fn path(decoder: &mut fluke_hpack::Decoder, flags: u8, payload: &[u8]) -> io::Result<String> {
    let padding = match payload {
        [length, ..] if flags & frame::PADDED != 0 => usize::from(*length) + 1,
        _ => 0,
    };
    let start = usize::from(padding > 0) + 5 * usize::from(flags & frame::PRIORITY != 0);
    let end = payload.len() - padding.saturating_sub(1);
    let block = payload.get(start..end).unwrap_or_default();
    let headers = decoder
        .decode(block)
        .map_err(|e| io::Error::other(format!("{e:?}")))?;
    let path = headers.into_iter().find(|(name, _)| name == b":path");
    let path = path.ok_or_else(|| io::Error::other("a request without a path"))?;
    Ok(String::from_utf8_lossy(&path.1).into_owned())
}

impl<S> Shared<S> {
    fn windows(&self) -> std::sync::MutexGuard<'_, Windows> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes `size` from both windows, if both have it.
    fn take(&self, stream: u32, size: i64) -> io::Result<bool> {
        let mut windows = self.windows();
        let connection = windows.connection;
        let Some(window) = windows.streams.get_mut(&stream) else {
            return Err(io::Error::other("the client does not want more"));
        };
        if size > connection || size > *window {
            return Ok(false);
        }
        *window -= size;
        windows.connection -= size;
        Ok(true)
    }
}

impl<S: AsyncWrite> Shared<S> {
    async fn control(&self, kind: u8, flags: u8, payload: &[u8]) -> io::Result<()> {
        let mut out = self.out.lock().await;
        out.frame(kind, flags, 0, &[payload]);
        out.flush().await
    }
}

impl<S: AsyncWrite> Out<S> {
    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[&[u8]]) {
        let length: usize = payload.iter().map(|part| part.len()).sum();
        let length = u32::try_from(length).unwrap_or_default().to_be_bytes();
        self.gathered.extend_from_slice(&length[1..]);
        self.gathered.extend_from_slice(&[kind, flags]);
        self.gathered.extend_from_slice(&stream.to_be_bytes());
        for part in payload {
            self.gathered.extend_from_slice(part);
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.io.write_all(&self.gathered).await?;
        self.gathered.clear();
        self.io.flush().await
    }
}

impl<S: AsyncWrite> Answer<S> {
    /// Begins the answer; `end` when nothing follows.
    ///
    /// # Errors
    /// When the client has hung up.
    pub async fn headers(&self, headers: &[(&str, &str)], end: bool) -> io::Result<()> {
        let mut flags = frame::END_HEADERS;
        if end {
            flags |= frame::END_STREAM;
        }
        // An encoder that has seen nothing writes what any decoder understands.
        let bytes = headers.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes()));
        let block = fluke_hpack::Encoder::new().encode(bytes);
        let mut out = self.shared.out.lock().await;
        out.frame(frame::HEADERS, flags, self.stream, &[&block]);
        out.flush().await
    }

    /// One DATA frame, once there is room for it.
    ///
    /// # Errors
    /// When the client has hung up, or does not want more.
    pub async fn data(&self, payload: &[&[u8]]) -> io::Result<()> {
        let size: usize = payload.iter().map(|part| part.len()).sum();
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        while !self.shared.take(self.stream, size)? {
            // Waits for what changes from here on, and looks once more before.
            let mut changed = std::pin::pin!(self.shared.changed.notified());
            changed.as_mut().enable();
            self.shared.out.lock().await.flush().await?;
            if self.shared.take(self.stream, size)? {
                break;
            }
            changed.await;
        }
        let mut out = self.shared.out.lock().await;
        out.frame(frame::DATA, 0, self.stream, payload);
        if out.gathered.len() >= GATHERED {
            out.flush().await?;
        }
        Ok(())
    }
}

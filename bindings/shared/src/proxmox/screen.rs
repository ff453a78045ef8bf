//! `ProxmoxScreen`: RFB, the protocol of VNC, as base64 in both directions.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::{Error, ErrorKind, ExposeSecret, Result, SecretString, Sent};
use proxmox_client::Vnc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::Mutex;

use crate::handle::{Object, no_method};
use crate::reply::{data, done};
use crate::{Args, Handle, Reply};

/// So much is given at once.
const CHUNK: usize = 64 << 10;

/// A screen. The session ends when its last clone is gone.
#[derive(Clone)]
pub(crate) struct ScreenHandle {
    reader: Arc<Mutex<ReadHalf<Vnc>>>,
    writer: Arc<Mutex<WriteHalf<Vnc>>>,
    password: SecretString,
}

pub(super) fn opened(screen: Vnc) -> Reply {
    let password = screen.password().clone();
    let (reader, writer) = tokio::io::split(screen);
    Handle::new(Object::ProxmoxScreen(ScreenHandle {
        reader: Arc::new(Mutex::new(reader)),
        writer: Arc::new(Mutex::new(writer)),
        password,
    }))
    .into()
}

pub(crate) async fn screen(screen: &ScreenHandle, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "password" => data(screen.password.expose_secret()),
        "read" => {
            let mut bytes = vec![0; CHUNK];
            let read = screen.reader.lock().await.read(&mut bytes).await;
            let read = read.map_err(broke)?;
            bytes.truncate(read);
            data(&(read > 0).then(|| STANDARD.encode(&bytes)))
        }
        "write" => {
            let text: String = args.take("base64")?;
            let bytes = STANDARD.decode(&text).map_err(|e| {
                Error::new(
                    ErrorKind::InvalidArgument,
                    format!("argument base64: it is not base64: {e}"),
                )
                .sent(Sent::No)
            })?;
            let mut writer = screen.writer.lock().await;
            writer.write_all(&bytes).await.map_err(broke)?;
            writer.flush().await.map_err(broke)?;
            Ok(done())
        }
        _ => Err(no_method("ProxmoxScreen", method)),
    }
}

fn broke(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, error.to_string())
        .sent(Sent::Maybe)
        .source(error)
}

//! `pve.node("pve1").upload(…)`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use homelab_core::{Error, ErrorKind, Result, Retry, Sent};
use proxmox_endpoints::params::{Params, Rule, segment};
use proxmox_endpoints::{ListStorageContent, Method, Upid};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::form::{Form, Source};
use super::{Checksum, ChecksumAlgorithm, StoredContent, UploadProgress, VolumeTask, stored_name};
use crate::transport::{self, Opening};
use crate::{Node, answer};

/// How errors name the call.
const OPERATION: &str = "POST /nodes/{node}/storage/{storage}/upload";

/// What to upload.
#[derive(Clone, Debug)]
pub enum UploadSource {
    /// A file on this machine, read as it is sent.
    File(PathBuf),
    /// What is in memory, under a name.
    Bytes(String, Bytes),
}

impl UploadSource {
    /// What is in memory, under a name.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        UploadSource::Bytes(name.into(), bytes.into())
    }
}

impl From<PathBuf> for UploadSource {
    fn from(path: PathBuf) -> Self {
        UploadSource::File(path)
    }
}

impl From<&Path> for UploadSource {
    fn from(path: &Path) -> Self {
        UploadSource::File(path.to_owned())
    }
}

/// How to upload.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UploadOptions {
    /// What it is; told by its suffix unless set.
    pub content: Option<StoredContent>,
    /// The name to keep it under; that of the file unless set.
    pub file_name: Option<String>,
    /// A checksum that the server has to find.
    pub checksum: Option<Checksum>,
    /// Reads the file once before, so that the server verifies its SHA-256.
    pub verify: bool,
    /// Replaces a volume of that name. Without the word there is a look before,
    /// since the server itself overwrites without a question.
    pub overwrite: bool,
    /// Gives up when nothing moves for so long; 60 seconds unless set. The
    /// upload as a whole may take as long as it takes.
    pub stall_timeout: Duration,
}

impl Default for UploadOptions {
    fn default() -> Self {
        UploadOptions {
            content: None,
            file_name: None,
            checksum: None,
            verify: false,
            overwrite: false,
            stall_timeout: Duration::from_secs(60),
        }
    }
}

impl UploadOptions {
    /// Says what it is.
    #[must_use]
    pub fn content(mut self, content: StoredContent) -> Self {
        self.content = Some(content);
        self
    }

    /// Keeps it under this name.
    #[must_use]
    pub fn file_name(mut self, name: impl Into<String>) -> Self {
        self.file_name = Some(name.into());
        self
    }

    /// Has the server find this checksum.
    #[must_use]
    pub fn checksum(mut self, checksum: Checksum) -> Self {
        self.checksum = Some(checksum);
        self
    }

    /// Has the server verify its SHA-256.
    #[must_use]
    pub fn verify(mut self, verify: bool) -> Self {
        self.verify = verify;
        self
    }

    /// Replaces a volume of that name.
    #[must_use]
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Gives up when nothing moves for so long.
    #[must_use]
    pub fn stall_timeout(mut self, limit: Duration) -> Self {
        self.stall_timeout = limit;
        self
    }
}

impl Node {
    /// Sends a file to one of its storages. The memory in use does not depend
    /// on the file's size.
    ///
    /// The server first takes the whole file to `/var/tmp` of the node that is
    /// contacted, then a task moves it to the storage: it is there when
    /// [`VolumeTask::wait`] returns. There is no limit on the time as long as
    /// bytes move.
    ///
    /// ```no_run
    /// # async fn example(pve: proxmox_client::ProxmoxClient) -> homelab_core::Result<()> {
    /// use std::path::Path;
    /// use proxmox_client::UploadOptions;
    ///
    /// let node = pve.node("pve1");
    /// let image = Path::new("metal-amd64.iso");
    /// let made = node
    ///     .upload("local", image, UploadOptions::default().verify(true), |p| {
    ///         eprintln!("{} of {}", p.sent_bytes, p.total_bytes);
    ///     })
    ///     .await?;
    /// made.wait(Default::default()).await?;
    /// println!("{}", made.volume()); // local:iso/metal-amd64.iso
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// * `InvalidArgument`: the name's suffix does not fit the content.
    /// * `AlreadyExists`: a volume of that name is there, and `overwrite` is not set.
    /// * `NotFound`, `Io`: the file cannot be read; it changed while it was sent.
    /// * `Unavailable`, `Timeout`: when they say "not sent", the server has not
    ///   got the file whole and drops what it has; it is safe to start anew. A
    ///   broken upload is never repeated by itself.
    /// * otherwise see [`ProxmoxClient::send`](crate::ProxmoxClient::send).
    ///
    /// # Cancellation
    /// Dropping the future breaks the connection; the server drops what it has
    /// got, unless it had got everything.
    pub async fn upload(
        &self,
        storage: &str,
        source: impl Into<UploadSource>,
        options: UploadOptions,
        mut on_progress: impl FnMut(UploadProgress) + Send,
    ) -> Result<VolumeTask> {
        let named = |error: Error| error.operation(OPERATION);
        let name = self.name().to_owned();
        Params::check_path("node", &name, Rule::Node).map_err(named)?;
        Params::check_path("storage", &storage.to_owned(), Rule::Id).map_err(named)?;
        let prepared = prepare(source.into(), &options).await.map_err(named)?;
        let volume = format!(
            "{storage}:{}/{}",
            prepared.form.content.as_str(),
            prepared.form.file_name
        );
        let path = format!(
            "/nodes/{}/storage/{}/upload",
            segment(&name),
            segment(&storage.to_owned())
        );
        self.client()
            .admit(Method::Post, &path, &prepared.form.params())
            .await
            .map_err(named)?;
        if !options.overwrite {
            self.refuse_existing(storage, &prepared.form, &volume)
                .await?;
        }
        let upid = self
            .send_form(&path, prepared, options.stall_timeout, &mut on_progress)
            .await
            .map_err(named)?;
        Ok(VolumeTask {
            task: self.client().task(upid),
            volume,
        })
    }

    async fn refuse_existing(&self, storage: &str, form: &Form, volume: &str) -> Result<()> {
        let list = ListStorageContent {
            content: Some(form.content.as_str().to_owned()),
            ..ListStorageContent::new(self.name(), storage)
        };
        let there = self.client().send(&list).await?;
        if there.iter().any(|v| v.volume == volume) {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("{volume} is there already; uploading would replace it: say overwrite, or choose another name"),
            )
            .sent(Sent::No)
            .operation(OPERATION)
            .target(self.name()));
        }
        Ok(())
    }

    async fn send_form(
        &self,
        path: &str,
        prepared: Prepared,
        stall: Duration,
        on_progress: &mut (dyn FnMut(UploadProgress) + Send),
    ) -> Result<Upid> {
        let inner = &*self.client().inner;
        let total_bytes = prepared.form.file_bytes;
        let (sent, mut seen) = watch::channel(0_u64);
        let opening = Opening {
            method: Method::Post,
            path,
            endpoint: None,
            // Watched here: what counts is that bytes move.
            deadline: None,
        };
        // A failed attempt has taken nothing from the file, since another one
        // is made only where no connection came about; still each opens its own.
        let request = async {
            let opened = transport::open(inner, &opening, |request| {
                let request = request.header(http::header::CONTENT_TYPE, Form::content_type());
                match prepared.reopen() {
                    Ok(source) => request.body(reqwest::Body::wrap(
                        prepared.form.body(source, sent.clone()),
                    )),
                    // Fails where the body is read, with this error in it.
                    Err(error) => {
                        request.body(reqwest::Body::wrap_stream(futures_util::stream::iter([
                            Err::<Bytes, _>(error),
                        ])))
                    }
                }
            })
            .await?;
            transport::whole(inner, opened).await
        };
        let mut request = std::pin::pin!(request);
        let mut moved = Instant::now();
        let reply = loop {
            tokio::select! {
                reply = &mut request => break reply,
                changed = seen.changed() => {
                    moved = Instant::now();
                    let sent_bytes = *seen.borrow_and_update();
                    if changed.is_ok() {
                        on_progress(UploadProgress { sent_bytes, total_bytes });
                    }
                }
                () = sleep_until(moved + stall) => {
                    break Err(Error::new(
                        ErrorKind::Timeout,
                        format!("nothing moved for {stall:?}"),
                    ));
                }
            }
        };
        let sent_bytes = *seen.borrow();
        let reply = reply.map_err(|error| broken(error, sent_bytes, total_bytes))?;
        let task: UploadAnswer = answer::check(&reply)
            .and_then(|()| answer::decoded(&reply.body))
            .map_err(|error| error.target(reply.target))?;
        Ok(task.data)
    }
}

#[derive(Deserialize)]
struct UploadAnswer {
    data: Upid,
}

/// What a failure after so many bytes means.
fn broken(error: Error, sent_bytes: u64, total_bytes: u64) -> Error {
    if error.was_sent() != Sent::Maybe {
        return error;
    }
    let kind = error.kind();
    let local = crate::transport::root_cause(&error);
    if local.contains("shorter while it was sent") {
        return Error::new(ErrorKind::Io, local)
            .sent(Sent::No)
            .source(error);
    }
    let target = error.target_name().map(str::to_owned);
    let (message, sent) = if sent_bytes < total_bytes {
        // The server works on the file only once it has all of it.
        let text = format!(
            "the upload broke after {sent_bytes} of {total_bytes} bytes, the server drops what it has: {}",
            error.message()
        );
        (text, Sent::No)
    } else {
        let text = format!(
            "the whole file was sent, but no answer came: look for a task of type imgcopy before trying again: {}",
            error.message()
        );
        (text, Sent::Maybe)
    };
    let told = Error::new(kind, message)
        .sent(sent)
        // Half a gigabyte is not sent again without somebody's word.
        .retry(Retry::Never)
        .source(error);
    match target {
        Some(target) => told.target(target),
        None => told,
    }
}

/// A form, and the file that belongs to it.
struct Prepared {
    form: Form,
    source: UploadSource,
}

impl Prepared {
    fn reopen(&self) -> std::io::Result<Source> {
        match &self.source {
            UploadSource::File(path) => File::open(path).map(Source::File),
            UploadSource::Bytes(_, bytes) => Ok(Source::Bytes(bytes.clone())),
        }
    }
}

async fn prepare(source: UploadSource, options: &UploadOptions) -> Result<Prepared> {
    let own_name = match &source {
        UploadSource::File(path) => path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        UploadSource::Bytes(name, _) => name.clone(),
    };
    let name = options.file_name.as_deref().unwrap_or(&own_name);
    let (content, file_name) = stored_name(name, options.content)?;
    let verify = options.verify && options.checksum.is_none();
    let (source, file_bytes, digest) = measure(source, verify).await?;
    let checksum = match digest {
        Some(hex) => Some(Checksum::new(ChecksumAlgorithm::Sha256, &hex)?),
        None => options.checksum.clone(),
    };
    Ok(Prepared {
        form: Form {
            content,
            checksum,
            file_name,
            file_bytes,
        },
        source,
    })
}

/// The size and, if wanted, the SHA-256.
async fn measure(
    source: UploadSource,
    digest: bool,
) -> Result<(UploadSource, u64, Option<String>)> {
    let path = match &source {
        UploadSource::Bytes(_, bytes) => {
            let (size, sum) = (
                bytes.len() as u64,
                digest.then(|| hex(&Sha256::digest(bytes))),
            );
            return Ok((source, size, sum));
        }
        UploadSource::File(path) => path.clone(),
    };
    let (size, sum) = tokio::task::spawn_blocking(move || {
        let failed = |e| Error::io("read", &path, e);
        let mut file = File::open(&path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if !about.is_file() {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("{} is not a file", path.display()),
            ));
        }
        let mut sum = None;
        if digest {
            let mut hash = Sha256::new();
            let mut chunk = vec![0; 256 << 10];
            loop {
                match file.read(&mut chunk).map_err(failed)? {
                    0 => break,
                    n => hash.update(chunk.get(..n).unwrap_or_default()),
                }
            }
            sum = Some(hex(&hash.finalize()));
        }
        Ok((about.len(), sum))
    })
    .await
    .map_err(|e| Error::new(ErrorKind::Internal, "the file was not read").source(e))??;
    Ok((source, size, sum))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

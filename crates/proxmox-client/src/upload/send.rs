//! `pve.node("pve1").upload(…)`.

use std::time::Duration;

use bytes::Bytes;
use homelab_core::{Error, ErrorKind, Result, Retry, Sent};
use proxmox_endpoints::params::{Params, Rule, segment};
use proxmox_endpoints::{ListStorageContent, Method, Upid};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::form::Form;
use super::prepare::{Prepared, prepare};
use super::{UploadOptions, UploadProgress, UploadSource, VolumeTask};
use crate::transport::{self, Opening};
use crate::{Node, answer};

/// How errors name the call.
const OPERATION: &str = "POST /nodes/{node}/storage/{storage}/upload";

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
    /// * `PermissionDenied`: uploading needs `Datastore.AllocateTemplate` on the
    ///   storage. Without `overwrite`, seeing what is there needs
    ///   `Datastore.Audit` or `Datastore.AllocateSpace` too.
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
        if options.overwrite.is_none() {
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
        let there = self.client().send(&list).await.map_err(may_not_look)?;
        if there.iter().any(|v| v.volume == volume) {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("{volume} is there already; uploading would replace it: give the word for overwrite, or choose another name"),
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
        answer::check(&reply)
            .and_then(|()| proxmox_endpoints::decode_as(&reply.body))
            .map_err(|error| inner.auth.explain(error).target(reply.target))
    }
}

/// Who may upload is not always let see what is there.
fn may_not_look(error: Error) -> Error {
    let error = error.sent(Sent::No);
    if error.kind() != ErrorKind::PermissionDenied {
        return error;
    }
    error.hint("nothing was uploaded, since it cannot be seen whether that would replace something: give the credentials Datastore.Audit on the storage, or give the word for overwrite")
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

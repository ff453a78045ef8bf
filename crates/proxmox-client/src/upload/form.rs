//! The multipart form of an upload, streamed.
//!
//! The server's parser wants: a known length, the boundary unquoted, the text
//! fields first in the order `content`, `checksum-algorithm`, `checksum`, and
//! the file last, in a field that is named `filename` and whose first header is
//! `Content-Disposition`. Any other field or order is refused.

use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use proxmox_endpoints::Params;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Checksum, StoredContent};

/// How much is read at once. Two of these are held: one that is being sent,
/// one that is being read meanwhile.
const CHUNK: usize = 256 << 10;

/// Words that no file holds by chance; not quoted, as the server would take
/// the quotes as part of it.
const BOUNDARY: &str = "----homelab-sdk-7d1b0f0a5c3e4b6f9a2d8c1e";

/// What is sent.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) content: StoredContent,
    pub(super) checksum: Option<Checksum>,
    /// As the server will keep it: nothing in it needs quoting.
    pub(super) file_name: String,
    pub(super) file_bytes: u64,
}

impl Form {
    /// The `Content-Type` header.
    pub(super) fn content_type() -> String {
        format!("multipart/form-data; boundary={BOUNDARY}")
    }

    /// Its fields as parameters of the call, for their rules.
    pub(super) fn params(&self) -> Params {
        let mut params = Params::new();
        params.push("content", self.content.as_str());
        if let Some(checksum) = &self.checksum {
            params.push("checksum-algorithm", checksum.algorithm().as_str());
            params.push("checksum", checksum.hex());
        }
        params.push("filename", self.file_name.as_str());
        params
    }

    fn head(&self) -> String {
        let mut head = field("content", self.content.as_str());
        if let Some(checksum) = &self.checksum {
            head += &field("checksum-algorithm", checksum.algorithm().as_str());
            head += &field("checksum", checksum.hex());
        }
        let name = &self.file_name;
        format!(
            "{head}--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"filename\"; \
             filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
        )
    }

    /// The body. `sent` follows how many bytes of the file have been taken.
    pub(super) fn body(&self, source: Source, sent: watch::Sender<u64>) -> FormBody {
        let (head, tail) = (self.head(), format!("\r\n--{BOUNDARY}--\r\n"));
        let left = head.len() as u64 + self.file_bytes + tail.len() as u64;
        FormBody {
            head: Some(head.into()),
            file: Reading::new(source, self.file_bytes),
            tail: Some(tail.into()),
            left,
            sent,
        }
    }
}

fn field(name: &str, value: &str) -> String {
    format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

/// Where the file comes from.
#[derive(Debug)]
pub(super) enum Source {
    File(File),
    Bytes(Bytes),
}

/// The body of the request.
#[derive(Debug)]
pub(super) struct FormBody {
    head: Option<Bytes>,
    file: Reading,
    tail: Option<Bytes>,
    left: u64,
    sent: watch::Sender<u64>,
}

#[derive(Debug)]
enum Reading {
    /// A chunk is being read, by a thread that may wait for the disk.
    Ahead(JoinHandle<io::Result<(File, Vec<u8>)>>, u64),
    Bytes(Bytes),
    Done,
}

impl Reading {
    fn new(source: Source, bytes: u64) -> Self {
        match source {
            Source::File(file) => Reading::next(file, bytes),
            Source::Bytes(bytes) => Reading::Bytes(bytes),
        }
    }

    fn next(file: File, left: u64) -> Self {
        if left == 0 {
            return Reading::Done;
        }
        let want = left.min(CHUNK as u64);
        let read = tokio::task::spawn_blocking(move || {
            let mut chunk = Vec::with_capacity(usize::try_from(want).unwrap_or(CHUNK));
            let mut part = file.take(want);
            part.read_to_end(&mut chunk)?;
            if chunk.len() as u64 != want {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the file has become shorter while it was sent",
                ));
            }
            Ok((part.into_inner(), chunk))
        });
        Reading::Ahead(read, left)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match std::mem::replace(self, Reading::Done) {
            Reading::Done => Poll::Ready(None),
            Reading::Bytes(mut bytes) => {
                let chunk = bytes.split_to(bytes.len().min(CHUNK));
                if !bytes.is_empty() {
                    *self = Reading::Bytes(bytes);
                }
                Poll::Ready((!chunk.is_empty()).then_some(Ok(chunk)))
            }
            Reading::Ahead(mut read, left) => match Pin::new(&mut read).poll(cx) {
                Poll::Pending => {
                    *self = Reading::Ahead(read, left);
                    Poll::Pending
                }
                Poll::Ready(Ok(Ok((file, chunk)))) => {
                    *self = Reading::next(file, left.saturating_sub(chunk.len() as u64));
                    Poll::Ready(Some(Ok(chunk.into())))
                }
                Poll::Ready(Ok(Err(error))) => Poll::Ready(Some(Err(error))),
                Poll::Ready(Err(gone)) => Poll::Ready(Some(Err(io::Error::other(gone)))),
            },
        }
    }
}

impl Body for FormBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let chunk = if let Some(head) = this.head.take() {
            head
        } else {
            match std::task::ready!(this.file.poll(cx)) {
                Some(Ok(chunk)) => {
                    this.sent.send_modify(|sent| *sent += chunk.len() as u64);
                    chunk
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => match this.tail.take() {
                    Some(tail) => tail,
                    None => return Poll::Ready(None),
                },
            }
        };
        this.left = this.left.saturating_sub(chunk.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.tail.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    async fn text(form: &Form, source: Source) -> (u64, String, u64) {
        let (sent, seen) = watch::channel(0);
        let body = form.body(source, sent);
        let promised = body.size_hint().exact().unwrap();
        let bytes = body.collect().await.unwrap().to_bytes();
        assert_eq!(promised, bytes.len() as u64);
        let sent = *seen.borrow();
        (promised, String::from_utf8(bytes.to_vec()).unwrap(), sent)
    }

    #[tokio::test]
    async fn fields_stand_in_the_servers_order_and_the_file_last() {
        let form = Form {
            content: StoredContent::Iso,
            checksum: Some("md5:900150983cd24fb0d6963f7d28e17f72".parse().unwrap()),
            file_name: "x.iso".into(),
            file_bytes: 3,
        };
        let (_, body, sent) = text(&form, Source::Bytes("abc".into())).await;
        assert_eq!(sent, 3);
        let names: Vec<_> = body
            .lines()
            .filter_map(|l| l.strip_prefix("Content-Disposition: form-data; name="))
            .collect();
        assert_eq!(
            names,
            [
                "\"content\"",
                "\"checksum-algorithm\"",
                "\"checksum\"",
                "\"filename\"; filename=\"x.iso\""
            ]
        );
        assert!(body.ends_with(&format!("\r\n\r\nabc\r\n--{BOUNDARY}--\r\n")));
    }

    #[tokio::test]
    async fn a_file_comes_in_chunks_and_must_stay_as_long_as_it_was() {
        let dir = std::env::temp_dir().join(format!("homelab-form-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("x.raw");
        std::fs::write(&path, vec![b'x'; CHUNK * 2 + 7]).unwrap();
        let mut form = Form {
            content: StoredContent::Import,
            checksum: None,
            file_name: "x.raw".into(),
            file_bytes: (CHUNK * 2 + 7) as u64,
        };
        let (_, body, sent) = text(&form, Source::File(File::open(&path).unwrap())).await;
        assert_eq!(sent, form.file_bytes);
        assert_eq!(body.matches('x').count() as u64, form.file_bytes + 1);

        form.file_bytes += 1;
        let (sent, _seen) = watch::channel(0);
        let body = form.body(Source::File(File::open(&path).unwrap()), sent);
        let error = body.collect().await.unwrap_err();
        assert!(error.to_string().contains("shorter"), "{error}");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

//! Archives: `Copy`.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use talos_proto::common::{Data, Metadata};
use tar::{Builder, EntryType, Header};
use tonic::Status;
use tonic::codegen::BoxStream;

use super::bytes;
use super::files::{File, Kind, walk};

/// A gzipped tar of `root` with paths relative to it. Files that cannot be read
/// are reported behind the whole archive, by releases before v1.14 inside of a
/// frame, and the stream is OK all the same.
pub(super) fn copy(
    tree: &[File],
    root: &str,
    new: bool,
    truncated: bool,
) -> Result<BoxStream<Data>, Status> {
    let mut failed = Vec::new();
    let mut tar = Builder::new(Vec::new());
    for (level, relative, file) in walk(tree, root)? {
        let name = match level {
            0 if matches!(file.kind, Kind::Folder) => continue,
            0 => file.path.rsplit('/').next().unwrap_or(relative),
            _ => relative,
        };
        let mut header = Header::new_gnu();
        header.set_mode(file.permissions);
        let data = match &file.kind {
            Kind::Unreadable => {
                failed.push(format!("open {}: input/output error", file.path));
                continue;
            }
            Kind::Data(data) => data.as_slice(),
            Kind::Proc(text) => text.as_bytes(),
            _ => &[],
        };
        header.set_entry_type(match &file.kind {
            Kind::Folder => EntryType::Directory,
            Kind::Link(_) => EntryType::Symlink,
            Kind::Character => EntryType::Char,
            _ => EntryType::Regular,
        });
        header.set_size(data.len() as u64);
        match &file.kind {
            Kind::Link(to) => tar.append_link(&mut header, name, to),
            _ => tar.append_data(&mut header, name, data),
        }
        .map_err(|e| internal(&e))?;
    }
    let archive = gzip(&tar.into_inner().map_err(|e| internal(&e))?).map_err(|e| internal(&e))?;
    let mut frames: Vec<_> = bytes::frames(archive, truncated)
        .into_iter()
        .map(Ok)
        .collect();
    if !failed.is_empty() {
        let words = failed.join("\n");
        frames.push(if new {
            Err(Status::unknown(words))
        } else {
            Ok(Data {
                metadata: Some(Metadata {
                    error: words,
                    ..Metadata::default()
                }),
                ..Data::default()
            })
        });
    }
    Ok(Box::pin(stream::iter(frames)))
}

pub(super) fn internal(error: &io::Error) -> Status {
    Status::internal(error.to_string())
}

pub(super) fn gzip(data: &[u8]) -> io::Result<Vec<u8>> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(data)?;
    gz.finish()
}

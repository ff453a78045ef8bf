//! Archives: `Copy` and `Kubeconfig`.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use talos_proto::common::{Data, Metadata};
use tar::{Builder, EntryType, Header};
use tonic::Status;
use tonic::codegen::BoxStream;

use super::bytes;
use super::files::{File, Kind, walk};
use crate::world::{State, TalosNode};

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

fn internal(error: &io::Error) -> Status {
    Status::internal(error.to_string())
}

fn gzip(data: &[u8]) -> io::Result<Vec<u8>> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(data)?;
    gz.finish()
}

/// A gzipped tar with one file, without padding and end blocks.
pub(super) fn kubeconfig(state: &State, node: &TalosNode) -> Result<BoxStream<Data>, Status> {
    if !node.control_plane() {
        return Err(Status::unimplemented(
            "kubeconfig is only available on control plane nodes",
        ));
    }
    let config = node.config.as_ref();
    let Some(cluster) = state.cluster(&node.cluster).filter(|_| config.is_some()) else {
        return Err(Status::failed_precondition("the node has no cluster yet"));
    };
    let endpoint = config
        .map(|c| c.endpoint.clone())
        .filter(|e| !e.is_empty())
        .unwrap_or_else(|| format!("https://{}:6443", cluster.vip.unwrap_or(node.address)));
    let pem = |what: &str| STANDARD.encode(format!("simulated {what} of {}", node.cluster));
    let name = &node.cluster;
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n  - name: {name}\n    cluster:\n      \
         server: {endpoint}\n      certificate-authority-data: {}\nusers:\n  \
         - name: admin@{name}\n    user:\n      client-certificate-data: {}\n      \
         client-key-data: {}\ncontexts:\n  - name: admin@{name}\n    context:\n      \
         cluster: {name}\n      namespace: default\n      user: admin@{name}\n\
         current-context: admin@{name}\n",
        pem("CA"),
        pem("certificate"),
        pem("key"),
    );
    let mut header = Header::new_ustar();
    header.set_path("kubeconfig").map_err(|e| internal(&e))?;
    header.set_mode(0o600);
    header.set_size(text.len() as u64);
    header.set_cksum();
    let mut tar = header.as_bytes().to_vec();
    tar.extend(text.as_bytes());
    Ok(bytes::stream(gzip(&tar).map_err(|e| internal(&e))?, false))
}

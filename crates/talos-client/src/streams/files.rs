//! Which files there are.

use std::path::Path;

use futures_core::Stream;
use homelab_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use talos_proto::machine::{FileInfo as RawFile, ListRequest, list_request};

use super::FileKind;
use super::file_mode::decode;
use crate::node::NodeClient;
use crate::timestamp::rfc3339_seconds;

/// A file of a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct FileInfo {
    /// Its whole path.
    pub path: String,
    /// Its path below the folder that was asked for; `.` for the folder itself.
    pub relative_path: String,
    /// What kind of file it is.
    pub kind: FileKind,
    /// Permissions as `chmod` takes them; in octal, 0o755 is `rwxr-xr-x`.
    pub permissions: u32,
    /// Size.
    pub size_bytes: u64,
    /// When it was last written, RFC 3339.
    pub modified: String,
    /// Where a symbolic link points to.
    pub link: Option<String>,
    /// Number of its owner.
    pub uid: u32,
    /// Number of its group.
    pub gid: u32,
    /// Extended attributes by name, as text; when asked for.
    pub xattrs: std::collections::BTreeMap<String, String>,
    /// Why the node could not look at it; then the rest says nothing.
    pub error: Option<String>,
}

impl From<RawFile> for FileInfo {
    fn from(file: RawFile) -> Self {
        let (mut kind, permissions) = decode(file.mode);
        if file.is_dir {
            kind = FileKind::Directory;
        }
        let text = |text: String| (!text.is_empty()).then_some(text);
        FileInfo {
            path: file.name,
            relative_path: file.relative_name,
            kind,
            permissions,
            size_bytes: u64::try_from(file.size).unwrap_or(0),
            modified: u64::try_from(file.modified)
                .map(rfc3339_seconds)
                .unwrap_or_default(),
            link: text(file.link),
            uid: file.uid,
            gid: file.gid,
            xattrs: file
                .xattrs
                .into_iter()
                .map(|x| (x.name, String::from_utf8_lossy(&x.data).into_owned()))
                .collect(),
            error: text(file.error),
        }
    }
}

/// How to list files. One level, every kind, unless said otherwise.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ListOptions {
    /// How many levels to go down; 1 for the folder's own files. All when absent
    /// and `recurse` is set.
    pub depth: Option<u32>,
    /// Go down into folders.
    pub recurse: bool,
    /// Only regular files, folders and symbolic links that are named here.
    pub kinds: Vec<FileKind>,
    /// Extended attributes too (since Talos v1.8).
    pub xattrs: bool,
}

impl ListOptions {
    /// Go down into folders, all the way.
    #[must_use]
    pub fn recurse(mut self) -> Self {
        self.recurse = true;
        self
    }

    /// Go down this many levels.
    #[must_use]
    pub fn depth(mut self, levels: u32) -> Self {
        (self.recurse, self.depth) = (true, Some(levels));
        self
    }

    /// Only files of this kind, of `Regular`, `Directory` and `Symlink`. May be
    /// given several times.
    #[must_use]
    pub fn kind(mut self, kind: FileKind) -> Self {
        self.kinds.push(kind);
        self
    }

    /// Extended attributes too.
    #[must_use]
    pub fn xattrs(mut self) -> Self {
        self.xattrs = true;
        self
    }

    fn request(&self, path: &str) -> Result<ListRequest> {
        let mut types = Vec::new();
        for kind in &self.kinds {
            types.push(match kind {
                FileKind::Regular => list_request::Type::Regular.into(),
                FileKind::Directory => list_request::Type::Directory.into(),
                FileKind::Symlink => list_request::Type::Symlink.into(),
                other => {
                    return Err(Error::new(
                        ErrorKind::InvalidArgument,
                        format!("files cannot be listed by the kind {other:?}"),
                    ));
                }
            });
        }
        Ok(ListRequest {
            root: path.to_owned(),
            recurse: self.recurse,
            recursion_depth: level(self.depth),
            types,
            report_xattrs: self.xattrs,
        })
    }
}

/// On the wire, 0 is all the way.
pub(super) fn level(depth: Option<u32>) -> i32 {
    depth.map_or(0, |levels| i32::try_from(levels.max(1)).unwrap_or(i32::MAX))
}

/// Talos refuses relative paths; so do we, before anything is sent.
pub(super) fn absolute(path: &str) -> Result<()> {
    if Path::new(path).has_root() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidArgument,
        format!("path {path:?} is not absolute"),
    ))
}

impl NodeClient {
    /// Lists the files of a folder. A file that the node cannot look at is an
    /// item with an [`error`](FileInfo::error), and the others follow.
    ///
    /// # Errors
    /// `InvalidArgument` for a relative path. `NotFound` or `Unknown` with Talos'
    /// words for a path that does not exist, here or as the first item.
    pub async fn list_files(
        &self,
        path: &str,
        options: ListOptions,
    ) -> Result<impl Stream<Item = Result<FileInfo>> + Send + Unpin + use<>> {
        let named = |e: Error| e.operation("List").target(self.target());
        absolute(path).map_err(named)?;
        let request = options.request(path).map_err(named)?;
        let frames = self
            .download("List", request, |raw, request| async move {
                raw.machine().list(request).await
            })
            .await?;
        Ok(frames.items(FileInfo::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_zero_would_be_all_the_way() {
        let wire = |options: ListOptions| options.request("/").unwrap().recursion_depth;
        assert_eq!(wire(ListOptions::default().recurse()), 0);
        assert_eq!(wire(ListOptions::default().depth(0)), 1);
        assert_eq!(wire(ListOptions::default().depth(u32::MAX)), i32::MAX);
        assert!(
            ListOptions::default()
                .kind(FileKind::Fifo)
                .request("/")
                .is_err()
        );
    }

    #[test]
    fn negative_numbers_are_not_sizes() {
        let file = FileInfo::from(RawFile {
            size: -1,
            modified: -62_135_596_800,
            error: "permission denied".into(),
            ..RawFile::default()
        });
        assert_eq!((file.size_bytes, file.modified.as_str()), (0, ""));
        assert_eq!(file.error.as_deref(), Some("permission denied"));
    }
}

//! The files of a node: `List`, `DiskUsage` and `Read`.

use std::time::SystemTime;

use futures_util::stream;
use talos_proto::common::Data;
use talos_proto::machine as pb;
use tonic::Status;
use tonic::codegen::BoxStream;

use super::bytes;
use crate::world::TalosNode;

/// What is behind a path.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Folder,
    Data(Vec<u8>),
    /// Has data, but no size, as all of `/proc`.
    Proc(String),
    /// Its data cannot be read.
    Unreadable,
    Link(&'static str),
    Character,
}

/// A file of a node.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) kind: Kind,
    pub(super) permissions: u32,
}

/// All files of a node that runs since `booted`, folders before what they hold.
pub(super) fn tree(seed: u64, node: &TalosNode) -> Vec<File> {
    let boot = node.boot_id(seed);
    let mut files = vec![
        folder("/"),
        folder("/dev"),
        file("/dev/null", Kind::Character, 0o666),
        folder("/etc"),
        file(
            "/etc/hostname",
            text(&format!("{}\n", node.hostname)),
            0o644,
        ),
        file(
            "/etc/os-release",
            text(&format!(
                "NAME=\"Talos\"\nID=talos\nVERSION_ID={}\n",
                node.talos_version
            )),
            0o644,
        ),
        file(
            "/etc/localtime",
            Kind::Link("/usr/share/zoneinfo/UTC"),
            0o777,
        ),
        folder("/proc"),
        folder("/proc/sys"),
        folder("/proc/sys/kernel"),
        folder("/proc/sys/kernel/random"),
        file(
            "/proc/sys/kernel/random/boot_id",
            Kind::Proc(format!("{boot}\n")),
            0o444,
        ),
        folder("/var"),
        folder("/var/log"),
        folder("/var/log/audit"),
        file("/var/log/audit/kube", Kind::Unreadable, 0o600),
        file("/var/log/audit/old", text("audit\n"), 0o600),
        file("/var/log/current", Kind::Link("machined.log"), 0o777),
    ];
    for service in &node.services {
        let lines = super::logs::past(node, &service.id).join("\n");
        let path = format!("/var/log/{}.log", service.id);
        files.push(file(&path, text(&lines), 0o640));
    }
    files
}

fn folder(path: &str) -> File {
    file(path, Kind::Folder, 0o755)
}

fn file(path: &str, kind: Kind, permissions: u32) -> File {
    File {
        path: path.to_owned(),
        kind,
        permissions,
    }
}

fn text(text: &str) -> Kind {
    Kind::Data(text.as_bytes().to_vec())
}

impl File {
    fn size(&self) -> i64 {
        match &self.kind {
            Kind::Data(data) => i64::try_from(data.len()).unwrap_or(i64::MAX),
            Kind::Unreadable => 512,
            _ => 0,
        }
    }

    /// The bits of Go's `FileMode`.
    fn mode(&self) -> u32 {
        let kind = match &self.kind {
            Kind::Folder => 1 << 31,
            Kind::Link(_) => 1 << 27,
            Kind::Character => 1 << 26 | 1 << 21,
            _ => 0,
        };
        kind | self.permissions
    }

    /// How many levels below `root`; none when it is not below.
    pub(super) fn below(&self, root: &str) -> Option<(usize, &str)> {
        let root = root.trim_end_matches('/');
        let rest = self.path.strip_prefix(root)?;
        if rest.is_empty() || self.path == "/" && root.is_empty() {
            return Some((0, "."));
        }
        let rest = rest.strip_prefix('/')?;
        Some((rest.matches('/').count() + 1, rest))
    }
}

fn missing(operation: &str, path: &str) -> String {
    format!("{operation} {path}: no such file or directory")
}

/// The files at and below `root`.
pub(super) fn walk<'a>(
    tree: &'a [File],
    root: &str,
) -> Result<Vec<(usize, &'a str, &'a File)>, Status> {
    if !root.starts_with('/') {
        return Err(Status::invalid_argument(format!(
            "path is not absolute {root}"
        )));
    }
    let found: Vec<_> = tree
        .iter()
        .filter_map(|file| file.below(root).map(|(level, name)| (level, name, file)))
        .collect();
    if found.is_empty() {
        return Err(Status::unknown(missing("lstat", root)));
    }
    Ok(found)
}

pub(super) fn list(
    tree: &[File],
    request: &pb::ListRequest,
    modified: SystemTime,
) -> Result<BoxStream<pb::FileInfo>, Status> {
    let root = match request.root.as_str() {
        "" => "/",
        root => root,
    };
    let depth = match (request.recurse, request.recursion_depth) {
        (false, _) => 1,
        (true, 0) => usize::MAX,
        (true, depth) => usize::try_from(depth).unwrap_or(0),
    };
    let wanted = |file: &File| {
        use pb::list_request::Type;
        let kind = match file.kind {
            Kind::Folder => Type::Directory,
            Kind::Link(_) => Type::Symlink,
            Kind::Character => return request.types.is_empty(),
            _ => Type::Regular,
        };
        request.types.is_empty() || request.types.contains(&kind.into())
    };
    let modified = modified
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(0));
    let files: Vec<_> = walk(tree, root)?
        .into_iter()
        .filter(|(level, _, file)| *level <= depth && wanted(file))
        .map(|(_, relative, file)| {
            Ok(pb::FileInfo {
                name: file.path.clone(),
                relative_name: relative.to_owned(),
                size: file.size(),
                mode: file.mode(),
                modified,
                is_dir: matches!(file.kind, Kind::Folder),
                link: match file.kind {
                    Kind::Link(to) => to.to_owned(),
                    _ => String::new(),
                },
                ..pb::FileInfo::default()
            })
        })
        .collect();
    Ok(Box::pin(stream::iter(files)))
}

/// What is below a folder comes before it. Returns after the first path that
/// could be walked, whatever else was asked for.
pub(super) fn disk_usage(
    tree: &[File],
    request: &pb::DiskUsageRequest,
) -> Result<BoxStream<pb::DiskUsageInfo>, Status> {
    let mut last = Status::invalid_argument("no paths");
    for path in &request.paths {
        let files = match walk(tree, path) {
            Ok(files) => files,
            Err(error) => {
                last = error;
                continue;
            }
        };
        let mut usage: Vec<_> = files
            .iter()
            .filter(|(level, _, file)| {
                let folder = matches!(file.kind, Kind::Folder);
                let deep = usize::try_from(request.recursion_depth)
                    .is_ok_and(|depth| depth > 0 && *level > depth);
                (folder || request.all || *level == 0) && !deep
            })
            .map(|(_, relative, file)| pb::DiskUsageInfo {
                name: file.path.clone(),
                relative_name: (*relative).to_owned(),
                size: tree
                    .iter()
                    .filter(|f| f.below(&file.path).is_some())
                    .map(File::size)
                    .sum(),
                ..pb::DiskUsageInfo::default()
            })
            .filter(|info| match request.threshold {
                0 => true,
                least @ 1.. => info.size >= least,
                most => info.size <= -most,
            })
            .map(Ok)
            .collect();
        usage.reverse();
        return Ok(Box::pin(stream::iter(usage)));
    }
    Err(last)
}

pub(super) fn read(tree: &[File], path: &str, truncated: bool) -> Result<BoxStream<Data>, Status> {
    let file = tree
        .iter()
        .find(|f| f.path == path)
        .ok_or_else(|| Status::not_found(missing("open", path)))?;
    let data = match &file.kind {
        Kind::Data(data) => data.clone(),
        Kind::Proc(text) => text.clone().into_bytes(),
        // The reader's error is logged on the node and nowhere else.
        Kind::Unreadable => Vec::new(),
        _ => return Err(Status::unknown("path must be a regular file")),
    };
    Ok(bytes::stream(data, truncated))
}

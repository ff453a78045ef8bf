//! Unpacks an archive that may mean harm.

use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;
use homelab_core::{Error, ErrorKind, Result};
use tar::{Archive, Entry, EntryType};

use super::copy::{Copied, CopyOptions, SkippedFile};

/// Unpacks a gzipped tar as the folder `to`, whole or not at all.
pub(super) fn unpack(archive: impl Read, to: &Path, options: &CopyOptions) -> Result<Copied> {
    let absolute = std::path::absolute(to).map_err(|e| Error::io("write", to, e))?;
    let parent = absolute.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent).map_err(|e| Error::io("create", parent, e))?;
    let temporary = tempfile::Builder::new()
        .prefix(".copy.")
        .suffix(".part")
        .tempdir_in(parent)
        .map_err(|e| Error::io("create a folder in", parent, e))?;
    let mut unpacking = Unpacking {
        root: temporary.path(),
        options,
        links: Vec::new(),
        copied: Copied {
            path: to.to_owned(),
            ..Copied::default()
        },
    };
    // One buffer of its own, so that what follows the archive can be looked at.
    let mut archive = Archive::new(GzDecoder::new(archive));
    for entry in archive.entries().map_err(|e| broken(&e))? {
        unpacking.entry(entry.map_err(|e| broken(&e))?)?;
    }
    // The end of the compressed stream holds a checksum; reading on checks it.
    let mut rest = archive.into_inner();
    io::copy(&mut rest, &mut io::sink()).map_err(|e| broken(&e))?;
    unpacking.make_links();
    let copied = unpacking.copied;
    let from = temporary.keep();
    fs::rename(&from, &absolute).map_err(|e| {
        let _ = fs::remove_dir_all(&from);
        Error::io("write", to, e)
    })?;
    Ok(copied)
}

pub(super) fn broken(error: &io::Error) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("the archive cannot be read: {error}"),
    )
}

/// Why something was left out, if it was.
type Skipped = Option<&'static str>;

const TAKEN: &str = "its name is taken";

struct Unpacking<'a> {
    root: &'a Path,
    options: &'a CopyOptions,
    /// Made at the end, so that nothing is ever written through one.
    links: Vec<(PathBuf, PathBuf)>,
    copied: Copied,
}

impl Unpacking<'_> {
    fn entry(&mut self, mut entry: Entry<'_, impl Read>) -> Result<()> {
        let named = entry.path().map_err(|e| broken(&e))?.into_owned();
        let skipped = match inside(&named) {
            Ok(path) if path.as_os_str().is_empty() => None,
            Ok(path) => self.put(path, &mut entry)?,
            Err(reason) => Some(reason),
        };
        if let Some(reason) = skipped {
            self.skip(&named, reason);
        }
        Ok(())
    }

    /// Why it was left out, if it was.
    fn put(&mut self, path: PathBuf, entry: &mut Entry<'_, impl Read>) -> Result<Skipped> {
        Ok(match entry.header().entry_type() {
            EntryType::Directory => return self.folder(&path),
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                return self.file(&path, entry);
            }
            EntryType::Symlink if !self.options.symlinks => Some("symbolic links are not wanted"),
            EntryType::Symlink => match entry.link_name().map_err(|e| broken(&e))? {
                Some(link) => {
                    self.links.push((path, link.into_owned()));
                    None
                }
                None => Some("a symbolic link to nowhere"),
            },
            EntryType::Link => Some("a hard link"),
            EntryType::Block | EntryType::Char => Some("a device"),
            EntryType::Fifo => Some("a pipe"),
            _ => Some("neither file, folder nor link"),
        })
    }

    fn folder(&mut self, path: &Path) -> Result<Skipped> {
        let to = self.root.join(path);
        if to.is_dir() {
            return Ok(None);
        }
        match fs::create_dir_all(&to) {
            Ok(()) => {
                self.copied.folders += 1;
                Ok(None)
            }
            Err(e) if clash(&e) => Ok(Some(TAKEN)),
            Err(e) => Err(Error::io("create", &to, e)),
        }
    }

    fn file(&mut self, path: &Path, entry: &mut Entry<'_, impl Read>) -> Result<Skipped> {
        let to = self.root.join(path);
        if let Some(parent) = to.parent() {
            match fs::create_dir_all(parent) {
                Ok(()) => {}
                Err(e) if clash(&e) => return Ok(Some(TAKEN)),
                Err(e) => return Err(Error::io("create", parent, e)),
            }
        }
        // Never an existing one, and there are no links yet to write through.
        let mut file = match fs::File::create_new(&to) {
            Ok(file) => file,
            Err(e) if clash(&e) => return Ok(Some(TAKEN)),
            Err(e) => return Err(Error::io("create", &to, e)),
        };
        let left = self.options.max_bytes - self.copied.size_bytes;
        let declared = entry.size();
        let written =
            io::copy(&mut entry.take(left.saturating_add(1)), &mut file).map_err(|e| broken(&e))?;
        if written > left {
            return Err(Error::new(
                ErrorKind::ResourceExhausted,
                format!("the files hold more than {} bytes", self.options.max_bytes),
            ));
        }
        if written < declared {
            return Err(broken(&io::ErrorKind::UnexpectedEof.into()));
        }
        self.copied.size_bytes += written;
        self.copied.files += 1;
        Self::permissions(&to, entry)?;
        Ok(None)
    }

    /// Read, write and execute as there; owners and set-user-id bits not.
    #[cfg(unix)]
    fn permissions(to: &Path, entry: &Entry<'_, impl Read>) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        // Ours to read and write in any case, or it could not be removed again.
        let mode = entry.header().mode().unwrap_or(0o600) & 0o777 | 0o600;
        fs::set_permissions(to, fs::Permissions::from_mode(mode))
            .map_err(|e| Error::io("write", to, e))
    }

    #[cfg(not(unix))]
    fn permissions(_: &Path, _: &Entry<'_, impl Read>) -> Result<()> {
        Ok(())
    }

    #[cfg(unix)]
    fn make_links(&mut self) {
        for (path, link) in std::mem::take(&mut self.links) {
            let to = self.root.join(&path);
            // Through an earlier link no folder is made.
            let taken = match to.parent().map(fs::create_dir_all) {
                Some(Err(_)) => true,
                _ => !self.reached(&path) || std::os::unix::fs::symlink(link, &to).is_err(),
            };
            if taken {
                self.skip(&path, TAKEN);
            } else {
                self.copied.symlinks += 1;
            }
        }
    }

    /// Whether the folders on the way to `path` are folders and not links.
    #[cfg(unix)]
    fn reached(&self, path: &Path) -> bool {
        let parent = path.parent().unwrap_or(Path::new(""));
        parent.ancestors().all(|folder| {
            fs::symlink_metadata(self.root.join(folder)).is_ok_and(|meta| meta.is_dir())
        })
    }

    #[cfg(not(unix))]
    fn make_links(&mut self) {
        for (path, _) in std::mem::take(&mut self.links) {
            self.skip(&path, "symbolic links are not made on this system");
        }
    }

    fn skip(&mut self, path: &Path, reason: &str) {
        self.copied.skipped.push(SkippedFile {
            path: path.to_string_lossy().into_owned(),
            reason: reason.to_owned(),
        });
    }
}

/// Something else has the name, or is where a folder would have to be.
fn clash(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory
    )
}

/// The path below the root, if it stays there.
fn inside(path: &Path) -> Result<PathBuf, &'static str> {
    let mut inside = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => inside.push(part),
            Component::CurDir => {}
            Component::ParentDir => return Err("its path leads out"),
            Component::RootDir | Component::Prefix(_) => return Err("its path is absolute"),
        }
    }
    Ok(inside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, Header};

    /// Name, type, link or data. The name is written as it is, `..` included.
    fn archive(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
        let mut tar = Builder::new(Vec::new());
        for (name, kind, text) in entries {
            let mut header = Header::new_ustar();
            header.set_entry_type(*kind);
            header.set_mode(0o4755);
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            let mut data = "";
            match kind {
                EntryType::Regular => data = text,
                EntryType::Symlink | EntryType::Link => header.set_link_name(text).unwrap(),
                _ => {}
            }
            header.set_size(data.len() as u64);
            header.set_cksum();
            tar.append(&header, data.as_bytes()).unwrap();
        }
        gzip(&tar.into_inner().unwrap())
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        gz.write_all(data).unwrap();
        gz.finish().unwrap()
    }

    fn reasons(copied: &Copied) -> Vec<(&str, &str)> {
        copied
            .skipped
            .iter()
            .map(|s| (s.path.as_str(), s.reason.as_str()))
            .collect()
    }

    #[test]
    fn files_folders_and_links_appear_whole() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("deep/copy");
        let data = archive(&[
            ("log", EntryType::Directory, ""),
            ("log/a.log", EntryType::Regular, "hello"),
            ("current", EntryType::Symlink, "log/a.log"),
        ]);
        let copied = unpack(&data[..], &to, &CopyOptions::default()).unwrap();
        assert_eq!((copied.files, copied.folders, copied.symlinks), (1, 1, 1));
        assert_eq!(fs::read(to.join("current")).unwrap(), b"hello");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(to.join("log/a.log"))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o7777, 0o755);
        }
    }

    #[test]
    fn nothing_leaves_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("copy");
        let data = archive(&[
            ("../evil", EntryType::Regular, "x"),
            ("a/../../evil", EntryType::Regular, "x"),
            ("/evil", EntryType::Regular, "x"),
            ("out", EntryType::Symlink, ".."),
            ("out/evil", EntryType::Regular, "x"),
            ("dev", EntryType::Char, ""),
            ("pipe", EntryType::Fifo, ""),
            ("hard", EntryType::Link, "/etc/passwd"),
        ]);
        let copied = unpack(&data[..], &to, &CopyOptions::default()).unwrap();
        assert_eq!(
            reasons(&copied),
            [
                ("../evil", "its path leads out"),
                ("a/../../evil", "its path leads out"),
                ("/evil", "its path is absolute"),
                ("dev", "a device"),
                ("pipe", "a pipe"),
                ("hard", "a hard link"),
                ("out", "its name is taken"),
            ]
        );
        // The folder came first, so the link lost; the file is inside.
        assert!(to.join("out/evil").is_file());
        assert!(!dir.path().join("evil").exists());
    }

    #[test]
    fn no_link_is_made_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("copy");
        let data = archive(&[
            ("out", EntryType::Symlink, ".."),
            ("out/evil", EntryType::Symlink, "/etc/passwd"),
        ]);
        let copied = unpack(&data[..], &to, &CopyOptions::default()).unwrap();
        assert_eq!(reasons(&copied), [("out/evil", "its name is taken")]);
        assert!(fs::symlink_metadata(dir.path().join("evil")).is_err());
    }

    #[test]
    fn a_broken_archive_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("copy");
        let data = archive(&[("a", EntryType::Regular, &"data ".repeat(500))]);
        for end in [0, 1, 20, data.len() / 2, data.len() - 1] {
            let error = unpack(&data[..end], &to, &CopyOptions::default()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{end}");
        }
        let error = unpack(&data[..], &to, &CopyOptions::default().max_bytes(10)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

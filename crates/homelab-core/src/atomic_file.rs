//! Files that are whole or absent, never half-written.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// A file that appears under its name only once it is complete.
///
/// Data goes to a temporary file in the same folder (mode 0600).
/// [`commit`](AtomicFile::commit) flushes it to the disk, renames it over the
/// final name and flushes the folder. Dropping it without a commit removes the
/// temporary file: nothing is left behind.
///
/// ```
/// use std::io::Write;
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("talosconfig");
/// let mut file = homelab_core::AtomicFile::create(&path)?;
/// file.write_all(b"context: ragas\n").unwrap();
/// assert!(!path.exists());
/// file.commit()?;
/// assert_eq!(std::fs::read(&path).unwrap(), b"context: ragas\n");
/// # Ok::<(), homelab_core::Error>(())
/// ```
#[derive(Debug)]
pub struct AtomicFile {
    temp: tempfile::NamedTempFile,
    path: PathBuf,
}

impl AtomicFile {
    /// Opens a temporary file next to `path`. The folder must exist.
    ///
    /// # Errors
    /// `NotFound` or `Io`, naming the path.
    pub fn create(path: &Path) -> Result<Self> {
        let folder = match path.parent() {
            Some(p) if !p.as_os_str().is_empty() => p,
            _ => Path::new("."),
        };
        if !folder.is_dir() {
            // Said here, as the error of the temporary file would name that one.
            let missing = io::Error::new(io::ErrorKind::NotFound, "its folder does not exist");
            return Err(Error::io("create", path, missing));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temp = tempfile::Builder::new()
            .prefix(&format!(".{name}."))
            .suffix(".part")
            .tempfile_in(folder)
            .map_err(|e| Error::io("create", path, e))?;
        Ok(AtomicFile {
            temp,
            path: path.to_owned(),
        })
    }

    /// The name that the file will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the data is until the commit.
    pub fn temp_path(&self) -> &Path {
        self.temp.path()
    }

    /// Another handle to the same open file, to flush or to read it meanwhile.
    ///
    /// # Errors
    /// `Io` when the process has no file descriptors left.
    pub fn handle(&self) -> Result<File> {
        let file = self.temp.as_file().try_clone();
        file.map_err(|e| Error::io("open", &self.path, e))
    }

    /// Makes the file appear: fsync, rename, fsync of the folder.
    ///
    /// # Errors
    /// `Io` when the disk is full or the name cannot be taken; the temporary
    /// file is gone then.
    pub fn commit(self) -> Result<PathBuf> {
        let AtomicFile { temp, path } = self;
        temp.as_file()
            .sync_all()
            .map_err(|e| Error::io("write", &path, e))?;
        temp.persist(&path)
            .map_err(|e| Error::io("write", &path, e.error))?;
        if let Some(folder) = path.parent() {
            let folder = if folder.as_os_str().is_empty() {
                Path::new(".")
            } else {
                folder
            };
            // Not every file system can sync a folder; the rename itself has succeeded.
            let _ = File::open(folder).and_then(|f| f.sync_all());
        }
        Ok(path)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.temp.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temp.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_commit_nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.db");
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = AtomicFile::create(Path::new("/nonexistent/folder/x.db")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot create /nonexistent/folder/x.db: its folder does not exist"
        );
    }
}

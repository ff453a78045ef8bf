//! A lab on disk: everything it is, in one file, so that a restart goes on
//! where it stood, with the same credentials and fingerprints.
//!
//! `lab.json` holds the world with its faults, the accounts, the CAs and their
//! keys, the clock and the ports. It is written whole or not at all. Tasks
//! that ran when it was written ended with the simulator, as those of a host
//! that lost power.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use homelab_core::{AtomicFile, Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::pki::Pair;
use crate::pve::Accounts;
use crate::world::State;

/// What the file says it is.
const FORMAT: &str = "homelab-sim lab";

/// Counts up when a saved lab cannot be read by what came before or after.
const VERSION: u32 = 1;

const FILE: &str = "lab.json";

/// Everything that a lab is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Saved {
    /// Number of the last entry of the log.
    pub(crate) log: u64,
    pub(crate) now: SystemTime,
    pub(crate) elapsed: Duration,
    /// Ports by host and Talos node.
    pub(crate) ports: BTreeMap<String, u16>,
    pub(crate) proxmox_ca: Pair,
    /// Certificates of the hosts.
    pub(crate) hosts: BTreeMap<String, Pair>,
    pub(crate) accounts: Accounts,
    pub(crate) world: State,
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    format: String,
    version: u32,
    lab: T,
}

/// A folder that holds one lab, and is held by one simulator at a time.
#[derive(Debug)]
pub(crate) struct StateDir {
    folder: PathBuf,
    _lock: File,
}

impl StateDir {
    /// Takes a folder, which is made if there is none.
    ///
    /// # Errors
    /// `Io` when it cannot be had, `FailedPrecondition` when another simulator
    /// has it.
    pub(crate) fn take(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, e))?;
        // What clients are told must hold wherever they run.
        let folder = folder
            .canonicalize()
            .map_err(|e| Error::io("read", folder, e))?;
        let path = folder.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| Error::io("write", &path, e))?;
        match lock.try_lock() {
            Ok(()) => Ok(StateDir {
                folder,
                _lock: lock,
            }),
            Err(std::fs::TryLockError::WouldBlock) => Err(Error::new(
                ErrorKind::FailedPrecondition,
                format!("{}: another simulator runs this lab", folder.display()),
            )),
            Err(std::fs::TryLockError::Error(e)) => Err(Error::io("lock", &path, e)),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The lab in it, if there is one.
    pub(crate) fn load(&self) -> Result<Option<Saved>> {
        if self.folder.join(FILE).exists() {
            load(&self.folder).map(Some)
        } else {
            Ok(None)
        }
    }
}

/// Whether a folder holds a lab.
pub(crate) fn holds_lab(folder: &Path) -> bool {
    folder.join(FILE).exists()
}

/// Writes a lab into a folder, which must exist.
pub(crate) fn save(folder: &Path, saved: &Saved) -> Result<()> {
    let path = folder.join(FILE);
    let whole = Versioned {
        format: FORMAT.to_owned(),
        version: VERSION,
        lab: saved,
    };
    let text = serde_json::to_vec(&whole)
        .map_err(|e| Error::new(ErrorKind::Internal, "cannot write the lab").source(e))?;
    let mut file = AtomicFile::create(&path)?;
    file.write_all(&text)
        .map_err(|e| Error::io("write", &path, e))?;
    file.commit()?;
    Ok(())
}

/// Reads the lab in a folder.
///
/// # Errors
/// `NotFound` when there is none, `Unsupported` when it is of another version,
/// `Corrupt` when it is not whole, each with the path of the file.
pub(crate) fn load(folder: &Path) -> Result<Saved> {
    let path = folder.join(FILE);
    let text = std::fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
    let corrupt = |e: serde_json::Error| {
        let message = format!(
            "{}: not a whole lab (line {}, column {}): remove it to start afresh",
            path.display(),
            e.line(),
            e.column()
        );
        Error::new(ErrorKind::Corrupt, message).source(e)
    };
    let head: Versioned<Value> = serde_json::from_slice(&text).map_err(corrupt)?;
    if head.format != FORMAT || head.version != VERSION {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "{}: this is {} version {}, this simulator reads {FORMAT} version {VERSION}: \
                 start it with the simulator that wrote it, or with an empty folder",
                path.display(),
                head.format,
                head.version
            ),
        ));
    }
    let whole: Versioned<Saved> = serde_json::from_slice(&text).map_err(corrupt)?;
    Ok(whole.lab)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> Error {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), text).unwrap();
        let error = load(folder.path()).unwrap_err();
        assert!(error.message().contains(FILE), "{error}");
        error
    }

    #[test]
    fn what_is_no_lab_is_one_clear_error() {
        assert_eq!(error("{").kind(), ErrorKind::Corrupt);
        assert_eq!(error("").kind(), ErrorKind::Corrupt);
        let other = r#"{"format": "homelab-sim lab", "version": 99, "lab": {}}"#;
        let other = error(other);
        assert_eq!(other.kind(), ErrorKind::Unsupported);
        assert!(other.message().contains("version 99"), "{other}");
        let half = r#"{"format": "homelab-sim lab", "version": 1, "lab": {"log": 1}}"#;
        assert_eq!(error(half).kind(), ErrorKind::Corrupt);
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(load(folder.path()).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_folder_is_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let first = StateDir::take(folder.path()).unwrap();
        let second = StateDir::take(folder.path()).unwrap_err();
        assert_eq!(second.kind(), ErrorKind::FailedPrecondition);
        drop(first);
        assert!(
            StateDir::take(folder.path())
                .unwrap()
                .load()
                .unwrap()
                .is_none()
        );
    }
}

//! What kind of file, and who may do what: Talos sends the bits of Go's
//! `FileMode`, which are not those of `stat`.

use serde::{Deserialize, Serialize};

/// What kind of file it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FileKind {
    /// Holds data.
    #[default]
    Regular,
    /// Holds files.
    Directory,
    /// Points to another.
    Symlink,
    /// A block device.
    BlockDevice,
    /// A character device.
    CharacterDevice,
    /// A named pipe.
    Fifo,
    /// A Unix socket.
    Socket,
    /// Something else.
    Irregular,
}

const DIRECTORY: u32 = 1 << 31;
const SYMLINK: u32 = 1 << 27;
const DEVICE: u32 = 1 << 26;
const FIFO: u32 = 1 << 25;
const SOCKET: u32 = 1 << 24;
const SETUID: u32 = 1 << 23;
const SETGID: u32 = 1 << 22;
const CHARACTER: u32 = 1 << 21;
const STICKY: u32 = 1 << 20;
const IRREGULAR: u32 = 1 << 19;

/// The kind, and the permissions as `chmod` writes them in octal.
pub(super) fn decode(mode: u32) -> (FileKind, u32) {
    let has = |bit: u32| mode & bit != 0;
    let kind = if has(DIRECTORY) {
        FileKind::Directory
    } else if has(SYMLINK) {
        FileKind::Symlink
    } else if has(DEVICE) && has(CHARACTER) {
        FileKind::CharacterDevice
    } else if has(DEVICE) {
        FileKind::BlockDevice
    } else if has(FIFO) {
        FileKind::Fifo
    } else if has(SOCKET) {
        FileKind::Socket
    } else if has(IRREGULAR) {
        FileKind::Irregular
    } else {
        FileKind::Regular
    };
    let special = [(SETUID, 0o4000), (SETGID, 0o2000), (STICKY, 0o1000)];
    let permissions = special
        .into_iter()
        .filter(|(bit, _)| has(*bit))
        .fold(mode & 0o777, |all, (_, octal)| all | octal);
    (kind, permissions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_of_go() {
        assert_eq!(decode(0o644), (FileKind::Regular, 0o644));
        assert_eq!(
            decode(DIRECTORY | STICKY | 0o777),
            (FileKind::Directory, 0o1777)
        );
        assert_eq!(decode(SYMLINK | 0o777), (FileKind::Symlink, 0o777));
        assert_eq!(decode(DEVICE | 0o600), (FileKind::BlockDevice, 0o600));
        assert_eq!(
            decode(DEVICE | CHARACTER | 0o666),
            (FileKind::CharacterDevice, 0o666)
        );
        assert_eq!(decode(SETUID | SETGID | 0o755), (FileKind::Regular, 0o6755));
        assert_eq!(decode(FIFO).0, FileKind::Fifo);
        assert_eq!(decode(SOCKET).0, FileKind::Socket);
    }
}

//! Words that calls want before they destroy something.

/// What the deletion of a guest takes along. There is no default: it must be
/// spelled out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DestroyScope {
    /// The guest and its disks, and the rights given on it. Backup jobs, replication
    /// and HA that name it keep naming it; a guest that HA manages is not deleted.
    Guest,
    /// Its entries in backup jobs, replication and HA too.
    GuestAndReferences,
    /// And every volume with its number that no configuration mentions, on all
    /// storages.
    Everything,
}

impl DestroyScope {
    pub(crate) fn purge(self) -> Option<bool> {
        (self != DestroyScope::Guest).then_some(true)
    }

    /// Said in any case: the server's own default has changed over time.
    pub(crate) fn unreferenced_disks(self) -> bool {
        self == DestroyScope::Everything
    }
}

/// The word for calls that lose data for good. Where only a flag would do so, as
/// `delete` of [`Qemu::move_disk`](crate::Qemu::move_disk), the call without the
/// word refuses it before anything is sent, and names the one that takes it.
/// [`ProxmoxClient::send`](crate::ProxmoxClient::send) asks for no word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataLoss {
    /// What the call names may be lost.
    Accepted,
}

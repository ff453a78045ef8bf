//! The certificates that one server can show, each made when first needed.

use std::fmt;
use std::sync::{Arc, OnceLock};

use homelab_core::Result;

use crate::faults::{Fault, Faults};

/// Which certificate a server shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// Its own.
    Current,
    /// One that expired yesterday.
    Expired,
    /// One of a CA that nobody knows.
    Strange,
}

impl Which {
    /// What `target` shows right now.
    pub(crate) fn of(faults: &Faults, target: &str) -> Self {
        if faults.has(target, Fault::CertificateReplaced) {
            Which::Strange
        } else if faults.has(target, Fault::CertificateExpired) {
            Which::Expired
        } else {
            Which::Current
        }
    }
}

type Make<T> = dyn Fn(Which) -> Result<T> + Send + Sync;

/// The certificates that one server can show; cheap to clone.
pub(crate) struct Certificates<T>(Arc<Inner<T>>);

struct Inner<T> {
    make: Box<Make<T>>,
    made: [OnceLock<Option<T>>; 3],
}

impl<T> Certificates<T> {
    pub(crate) fn new(make: impl Fn(Which) -> Result<T> + Send + Sync + 'static) -> Self {
        Certificates(Arc::new(Inner {
            make: Box::new(make),
            made: Default::default(),
        }))
    }

    /// With its own certificate made already.
    pub(crate) fn with_current(
        current: T,
        make: impl Fn(Which) -> Result<T> + Send + Sync + 'static,
    ) -> Self {
        let certificates = Certificates::new(make);
        let _ = certificates.0.made[0].set(Some(current));
        certificates
    }

    /// What it shows; none if it cannot be made.
    pub(crate) fn get(&self, which: Which) -> Option<&T> {
        let slot = match which {
            Which::Current => 0,
            Which::Expired => 1,
            Which::Strange => 2,
        };
        self.0.made[slot]
            .get_or_init(|| (self.0.make)(which).ok())
            .as_ref()
    }
}

impl<T> Clone for Certificates<T> {
    fn clone(&self) -> Self {
        Certificates(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Certificates<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").finish_non_exhaustive()
    }
}

//! What a binding holds: one thing with methods.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use homelab_core::{Error, ErrorKind, Result};

use crate::{Args, Reply, root};

/// One thing with methods. Clones share it.
#[derive(Clone)]
pub struct Handle(Arc<RwLock<Option<Object>>>);

/// Everything that a [`Handle`] can hold. Cheap to clone.
#[derive(Clone)]
pub(crate) enum Object {
    Root,
}

impl Handle {
    /// The handle to start from: its methods are the constructors, named `Class.method`.
    pub fn root() -> Self {
        Handle::new(Object::Root)
    }

    pub(crate) fn new(object: Object) -> Self {
        Handle(Arc::new(RwLock::new(Some(object))))
    }

    /// Calls a method.
    ///
    /// # Errors
    /// Those of the method; `InvalidArgument` for an argument that does not
    /// fit; `FailedPrecondition` after [`close`](Handle::close).
    ///
    /// # Cancellation
    /// Dropping the future drops the call.
    pub async fn call(&self, method: &str, mut args: Args) -> Result<Reply> {
        let object = self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or_else(|| {
                Error::new(ErrorKind::FailedPrecondition, "it is closed")
                    .operation(method.to_owned())
            })?;
        let args = &mut args;
        match object {
            Object::Root => root::call(method, args).await,
        }
    }

    /// Lets go of what the handle holds: connections close when no running
    /// call uses them any more. Later calls fail.
    pub fn close(&self) {
        let object = self
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(object);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// The error of a method that the class does not have.
pub(crate) fn no_method(class: &str, method: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("{class} has no method {method}"),
    )
}

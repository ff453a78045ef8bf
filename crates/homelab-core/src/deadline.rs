//! Every wait is bounded.

use std::future::Future;
use std::time::Duration;

use crate::{Error, ErrorKind, Result};

/// Runs `future` for at most `limit`.
///
/// # Errors
/// [`ErrorKind::Timeout`] that names `operation` and the limit when the limit
/// passed first: the future is dropped then, and whatever it had sent may have
/// been acted on. Otherwise the future's own error.
///
/// # Cancellation
/// Dropping the returned future drops `future`.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use homelab_core::{within, ErrorKind};
/// use std::time::Duration;
///
/// let error = within(Duration::from_millis(1), "Version", std::future::pending::<homelab_core::Result<()>>())
///     .await
///     .unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Timeout);
/// # });
/// ```
pub async fn within<T>(
    limit: Duration,
    operation: &'static str,
    future: impl Future<Output = Result<T>>,
) -> Result<T> {
    match tokio::time::timeout(limit, future).await {
        Ok(result) => result,
        Err(_) => Err(
            Error::new(ErrorKind::Timeout, format!("no answer within {limit:?}"))
                .operation(operation),
        ),
    }
}

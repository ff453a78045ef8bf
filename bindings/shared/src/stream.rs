//! Items that arrive over time, with cancellation from outside.

use std::fmt;
use std::sync::Arc;
use std::task::Poll;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use homelab_core::Result;
use serde::Serialize;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use crate::reply::json;

/// Items as JSON text, one at a time. Clones share one stream.
///
/// The work stops when the stream is [closed](Stream::close) or the last clone
/// is dropped: an RPC behind it is reset on the wire.
#[derive(Clone)]
pub struct Stream {
    items: Arc<Mutex<Option<BoxStream<'static, Result<String>>>>>,
    closed: CancellationToken,
}

impl Stream {
    /// A stream of values, each turned into JSON when it is asked for.
    pub(crate) fn new<T: Serialize>(
        items: impl futures_util::Stream<Item = Result<T>> + Send + 'static,
    ) -> Self {
        Stream {
            items: Arc::new(Mutex::new(Some(items.map(|item| json(&item?)).boxed()))),
            closed: CancellationToken::new(),
        }
    }

    /// The stream of a long call that reports on the way: `{"progress": P}`
    /// any number of times, then `{"result": R}`, or an error at last.
    ///
    /// `start` gets what to report with. The call runs while the stream is
    /// read; reports beyond what a slow reader has taken are skipped.
    pub(crate) fn with_progress<P, R, F>(start: impl FnOnce(Report<P>) -> F) -> Self
    where
        P: Serialize + Send + 'static,
        R: Serialize + Send + 'static,
        F: Future<Output = Result<R>> + Send + 'static,
    {
        let (sender, mut reports) = mpsc::channel(16);
        let mut work = Some(Box::pin(start(Report(sender))));
        let mut outcome = None;
        Self::new(futures_util::stream::poll_fn(move |cx| {
            if let Some(Poll::Ready(result)) = work.as_mut().map(|w| w.as_mut().poll(cx)) {
                outcome = Some(result);
                work = None;
            }
            // Ends when the work, which holds the sender, has ended.
            reports.poll_recv(cx).map(|report| match report {
                Some(progress) => Some(Ok(Step::Progress(progress))),
                None => outcome.take().map(|result| result.map(Step::Result)),
            })
        }))
    }

    /// The next item, `None` at the end and after [`close`](Stream::close).
    ///
    /// # Errors
    /// What the stream reports; it has ended then.
    ///
    /// # Cancellation
    /// Dropping the future loses no item.
    pub async fn next(&self) -> Result<Option<String>> {
        let mut items = self.items.lock().await;
        let Some(stream) = items.as_mut() else {
            return Ok(None);
        };
        let next = tokio::select! {
            biased;
            () = self.closed.cancelled() => None,
            item = stream.next() => item,
        };
        if !matches!(next, Some(Ok(_))) {
            *items = None;
        }
        next.transpose()
    }

    /// Ends the stream now. Whoever waits in [`next`](Stream::next) gets `None`.
    pub fn close(&self) {
        self.closed.cancel();
        // A waiting `next` holds the lock and clears it itself.
        if let Ok(mut items) = self.items.try_lock() {
            *items = None;
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("closed", &self.closed.is_cancelled())
            .finish_non_exhaustive()
    }
}

/// Reports progress into a stream.
#[derive(Debug)]
pub(crate) struct Report<P>(mpsc::Sender<P>);

impl<P> Report<P> {
    /// Reports, unless the reader is behind: then this report is skipped.
    pub(crate) fn progress(&self, progress: P) {
        let _ = self.0.try_send(progress);
    }
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Step<P, R> {
    Progress(P),
    Result(R),
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use homelab_core::{Error, ErrorKind};

    async fn all(stream: &Stream) -> Vec<String> {
        let mut items = Vec::new();
        while let Some(item) = stream.next().await.unwrap() {
            items.push(item);
        }
        items
    }

    #[tokio::test]
    async fn reports_come_in_order_before_the_result() {
        let steps = Stream::with_progress(|report| async move {
            for n in 0..3 {
                report.progress(n);
                tokio::task::yield_now().await;
            }
            report.progress(3);
            Ok("whole")
        });
        let expected: Vec<_> = (0..4).map(|n| format!("{{\"progress\":{n}}}")).collect();
        let items = all(&steps).await;
        assert_eq!(items.split_last().unwrap().1, expected);
        assert_eq!(items.last().unwrap(), "{\"result\":\"whole\"}");
    }

    #[tokio::test]
    async fn a_reader_that_is_behind_misses_reports_and_not_the_result() {
        let steps = Stream::with_progress(|report| async move {
            (0..1000).for_each(|n| report.progress(n));
            Ok(7)
        });
        let items = all(&steps).await;
        assert!(items.len() < 100);
        assert_eq!(items.last().unwrap(), "{\"result\":7}");
    }

    #[tokio::test]
    async fn an_error_ends_the_stream() {
        let broken = stream::iter([
            Ok(1),
            Err(Error::new(ErrorKind::Unavailable, "gone")),
            Ok(2),
        ]);
        let stream = Stream::new(broken);
        assert_eq!(stream.next().await.unwrap().unwrap(), "1");
        assert!(stream.next().await.is_err());
        assert_eq!(stream.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn closing_wakes_who_waits_and_drops_the_work() {
        let held = Arc::new(());
        let guard = Arc::clone(&held);
        let stream = Stream::new(stream::once(async move {
            let never = std::future::pending::<Result<u8>>().await;
            drop(guard);
            never
        }));
        let waiting = tokio::spawn({
            let stream = stream.clone();
            async move { stream.next().await.unwrap() }
        });
        tokio::task::yield_now().await;
        stream.close();
        assert_eq!(waiting.await.unwrap(), None);
        assert_eq!(Arc::strong_count(&held), 1);
    }
}

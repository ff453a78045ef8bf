//! What happened in the lab, in order: one entry for each thing, kept in
//! memory and written to a file as JSON lines.
//!
//! Entries carry the lab's time and no secret: of a call its path, never its
//! query, headers or body. With a stopped clock and one seed, the same story
//! gives the same bytes.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::future::ready;
use futures_util::stream::unfold;
use futures_util::{Stream, StreamExt};
use homelab_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How many entries are kept in memory.
const KEPT: usize = 100_000;

/// Something that happened in a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct LabEvent {
    /// Counts up from 1.
    pub number: u64,
    /// When, in the lab's time: RFC 3339 with milliseconds.
    pub at: String,
    /// Whom it concerns: a host, a Talos node, a VMID, a cluster, `proxmox`,
    /// or the place of a fault.
    pub who: String,
    /// What happened, such as `api.call`, `task.end`, `guest.power`,
    /// `node.stage`, `etcd.leader`, `fault.set`; docs/simulator.md lists them.
    pub what: String,
    /// The rest, such as `status` of a call or `upid` of a task.
    pub detail: BTreeMap<String, String>,
}

/// An entry that is about to be written.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    who: String,
    what: &'static str,
    detail: BTreeMap<String, String>,
}

impl Draft {
    pub(crate) fn new(who: impl Into<String>, what: &'static str) -> Self {
        Draft {
            who: who.into(),
            what,
            detail: BTreeMap::new(),
        }
    }

    pub(crate) fn with(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.detail.insert(key.to_owned(), value.to_string());
        self
    }
}

/// The log of one lab; a handle that is cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct EventLog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    book: Mutex<Book>,
    written: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Book {
    entries: VecDeque<LabEvent>,
    last: u64,
    file: Option<File>,
}

impl Default for EventLog {
    fn default() -> Self {
        EventLog(Arc::new(Inner {
            book: Mutex::default(),
            written: watch::Sender::new(0),
        }))
    }
}

impl EventLog {
    /// Appends to a file from here on.
    ///
    /// # Errors
    /// `Io` when it cannot be opened.
    pub(crate) fn write_to(&self, path: &Path) -> Result<()> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|e| Error::io("write", path, e))?;
        self.lock().file = Some(file);
        Ok(())
    }

    /// The number of the last entry, for a lab that goes on.
    pub(crate) fn resume(&self, last: u64) {
        self.lock().last = last;
    }

    /// Writes down what happened at `at`.
    pub(crate) fn write(&self, at: SystemTime, draft: Draft) {
        self.write_all(at, [draft]);
    }

    pub(crate) fn write_all(&self, at: SystemTime, drafts: impl IntoIterator<Item = Draft>) {
        let mut book = self.lock();
        let before = book.last;
        for draft in drafts {
            book.last += 1;
            let entry = LabEvent {
                number: book.last,
                at: rfc3339(at),
                who: draft.who,
                what: draft.what.to_owned(),
                detail: draft.detail,
            };
            book.append(&entry);
            if book.entries.len() == KEPT {
                book.entries.pop_front();
            }
            book.entries.push_back(entry);
        }
        let last = book.last;
        drop(book);
        if last > before {
            self.0.written.send_replace(last);
        }
    }

    /// A call that was answered.
    pub(crate) fn call(&self, at: SystemTime, who: &str, method: &str, path: &str, status: &str) {
        let draft = Draft::new(who, "api.call")
            .with("method", method)
            .with("path", path)
            .with("status", status);
        self.write(at, draft);
    }

    /// Entries after number `after`, oldest first; the oldest of a long run
    /// are forgotten.
    pub(crate) fn after(&self, after: u64) -> Vec<LabEvent> {
        let book = self.lock();
        let newer = book.entries.iter().filter(|e| e.number > after);
        newer.cloned().collect()
    }

    /// The number of the last entry.
    pub(crate) fn last(&self) -> u64 {
        self.lock().last
    }

    /// Sees the number of the last entry.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.written.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn append(&mut self, entry: &LabEvent) {
        let Some(file) = &mut self.file else { return };
        let Ok(mut line) = serde_json::to_vec(entry) else {
            return;
        };
        line.push(b'\n');
        if file.write_all(&line).is_err() {
            // A full disk ends the file, not the lab.
            self.file = None;
        }
    }
}

/// Which entry of the log is waited for; what is left open may be anything.
///
/// ```
/// use homelab_sim::EventFilter;
///
/// let shutdown = EventFilter::new("api.call").who("pve1").detail("status", "200");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct EventFilter {
    pub(crate) what: String,
    pub(crate) who: Option<String>,
    pub(crate) detail: BTreeMap<String, String>,
    pub(crate) after: u64,
}

impl EventFilter {
    /// Entries of one kind, such as `task.end`.
    pub fn new(what: impl Into<String>) -> Self {
        EventFilter {
            what: what.into(),
            ..EventFilter::default()
        }
    }

    /// That concern `who`.
    pub fn who(mut self, who: impl Into<String>) -> Self {
        self.who = Some(who.into());
        self
    }

    /// With this text somewhere in the value of `key`.
    pub fn detail(mut self, key: impl Into<String>, contains: impl Into<String>) -> Self {
        self.detail.insert(key.into(), contains.into());
        self
    }

    /// Written after entry number `number`; 0 is the start of the lab.
    pub fn after(mut self, number: u64) -> Self {
        self.after = number;
        self
    }

    pub(crate) fn matches(&self, event: &LabEvent) -> bool {
        let has = |(key, part): (&String, &String)| {
            event
                .detail
                .get(key)
                .is_some_and(|v| v.contains(part.as_str()))
        };
        event.number > self.after
            && event.what == self.what
            && self.who.as_ref().is_none_or(|who| *who == event.who)
            && self.detail.iter().all(has)
    }
}

/// Waits for entries of a lab's log; outlives no lab, and holds none.
#[derive(Clone, Debug)]
pub struct EventWaiter {
    log: EventLog,
    stop: CancellationToken,
}

impl EventWaiter {
    pub(crate) fn new(log: &EventLog, stop: CancellationToken) -> Self {
        EventWaiter {
            log: log.clone(),
            stop,
        }
    }

    /// As [`Sim::wait_for_event`](crate::Sim::wait_for_event).
    ///
    /// # Errors
    /// `Timeout` when nothing fits within `limit` of real time,
    /// `FailedPrecondition` when the lab stops before.
    pub async fn wait(&self, filter: &EventFilter, limit: Duration) -> Result<LabEvent> {
        let events = self.follow(filter.after);
        let mut fitting = pin!(events.filter(|e| ready(filter.matches(e))));
        match tokio::time::timeout(limit, fitting.next()).await {
            Ok(Some(event)) => Ok(event),
            Ok(None) => {
                let message = format!("the lab stopped before {} happened", filter.what);
                Err(Error::new(ErrorKind::FailedPrecondition, message))
            }
            Err(_) => {
                let message = format!("no {} happened within {limit:?}", filter.what);
                Err(Error::new(ErrorKind::Timeout, message))
            }
        }
    }

    /// As [`Sim::follow`](crate::Sim::follow).
    pub fn follow(&self, after: u64) -> impl Stream<Item = LabEvent> + Send + use<> {
        let written = self.log.subscribe();
        let state = (self.clone(), written, after, VecDeque::new());
        unfold(
            state,
            |(waiter, mut written, mut last, mut seen)| async move {
                loop {
                    if let Some(event) = seen.pop_front() {
                        return Some((event, (waiter, written, last, seen)));
                    }
                    let stopped = waiter.stop.is_cancelled();
                    written.borrow_and_update();
                    seen.extend(waiter.log.after(last));
                    if let Some(newest) = seen.back() {
                        last = newest.number;
                        continue;
                    }
                    if stopped {
                        return None;
                    }
                    tokio::select! {
                        // The sender lives as long as the log.
                        _ = written.changed() => {}
                        () = waiter.stop.cancelled() => {}
                    }
                }
            },
        )
    }
}

/// Milliseconds and `Z`, whatever the time.
pub(crate) fn rfc3339(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at).map_or_else(|_| String::new(), |t| format!("{t:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_times_and_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let log = EventLog::default();
        log.write_to(&path).unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1500);
        log.call(at, "pve1", "GET", "/version", "200");
        log.write(at, Draft::new("pve1", "host.down").with("how", "refuse"));
        assert_eq!(log.after(1).len(), 1);
        assert_eq!(log.last(), 2);
        let text = std::fs::read_to_string(&path).unwrap();
        let first = text.lines().next().unwrap();
        assert_eq!(
            first,
            r#"{"number":1,"at":"1970-01-01T00:00:01.500Z","who":"pve1","what":"api.call","detail":{"method":"GET","path":"/version","status":"200"}}"#
        );
        let read: Vec<LabEvent> = text
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        assert_eq!(read, log.after(0));
    }

    #[test]
    fn a_filter_leaves_open_what_it_does_not_name() {
        let log = EventLog::default();
        log.call(SystemTime::UNIX_EPOCH, "pve1", "POST", "/a/b", "500");
        let event = &log.after(0)[0];
        assert!(EventFilter::new("api.call").matches(event));
        assert!(
            EventFilter::new("api.call")
                .detail("path", "a/")
                .matches(event)
        );
        assert!(!EventFilter::new("api.call").who("pve2").matches(event));
        assert!(!EventFilter::new("api.call").after(1).matches(event));
        assert!(
            !EventFilter::new("api.call")
                .detail("nothing", "")
                .matches(event)
        );
    }
}

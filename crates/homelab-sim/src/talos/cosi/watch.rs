//! `Watch`: an empty message that says it stands, then what is asked for of
//! the present, then changes. An error event is the last one, yet the stream
//! stays open and silent.

use std::collections::VecDeque;

use futures_util::stream;
use talos_proto::cosi::resource as pb;
use tokio::sync::watch;
use tonic::Status;
use tonic::codegen::BoxStream;

use super::query::Query;
use super::store::Change;
use super::types::Type;
use super::{Cosi, id, tombstone};

/// Starts a watch.
pub(super) fn start(
    cosi: Cosi,
    r#type: &'static Type,
    request: pb::WatchRequest,
) -> Result<BoxStream<pb::WatchResponse>, Status> {
    let options = request.options.unwrap_or_default();
    let one = request.id;
    if one.is_some() && (options.bootstrap_contents || !options.label_query.is_empty()) {
        return Err(Status::unimplemented(
            "bootstrap_contents and label_query do not go with an id",
        ));
    }
    let query = Query::new(options.label_query, options.id_query.as_ref())?;
    // Subscribed before the store is read, so that nothing falls in between.
    let changes = cosi.shared.world.subscribe();
    let (boot, end) = cosi.store(|store| (store.boot(), store.end()))?;
    let mut watcher = Watcher {
        changes,
        r#type,
        one,
        query,
        boot,
        next: end,
        aggregated: options.aggregated,
        hides_control: request.api_version < 1,
        ready: VecDeque::from([pb::WatchResponse::default()]),
        end: End::Open,
        cosi,
    };
    if let Some(bookmark) = &options.start_from_bookmark {
        watcher.next = watcher
            .seek(bookmark)?
            .ok_or_else(|| Status::failed_precondition("the bookmark is too old"))?;
    } else {
        watcher.present(options.bootstrap_contents, options.bootstrap_bookmark)?;
        if let Ok(tail @ 1..) = u64::try_from(options.tail_events) {
            watcher.rewind(tail)?;
        }
    }
    Ok(Box::pin(stream::unfold(watcher, Watcher::next)))
}

struct Watcher {
    cosi: Cosi,
    changes: watch::Receiver<u64>,
    r#type: &'static Type,
    one: Option<String>,
    query: Query,
    boot: u64,
    next: u64,
    aggregated: bool,
    /// Clients of API version 0 do not know events that are no change.
    hides_control: bool,
    ready: VecDeque<pb::WatchResponse>,
    end: End,
}

/// What comes after the messages that are ready.
#[derive(Clone, Copy, Debug)]
enum End {
    /// More.
    Open,
    /// Nothing, but the stream stays open.
    Silent,
    /// Nothing: the node went down.
    Gone,
}

impl Watcher {
    /// Sends what is there now.
    fn present(&mut self, contents: bool, bookmark: bool) -> Result<(), Status> {
        let all = self.cosi.all(self.r#type)?;
        let at = self.bookmark(self.next);
        let mut events = Vec::new();
        if let Some(wanted) = &self.one {
            let current = all.into_iter().find(|r| id(r) == wanted);
            let (kind, resource) = match current {
                Some(resource) => (pb::EventType::Created, resource),
                None => (pb::EventType::Destroyed, tombstone(self.r#type, wanted)),
            };
            events.push(event(kind, resource, at));
        } else if contents {
            for resource in all.into_iter().filter(|r| self.query.matches(r)) {
                events.push(event(pb::EventType::Created, resource, at.clone()));
            }
            events.push(event(
                pb::EventType::Bootstrapped,
                tombstone(self.r#type, ""),
                at,
            ));
        } else if bookmark {
            events.push(event(pb::EventType::Noop, tombstone(self.r#type, ""), at));
        }
        self.send(events);
        Ok(())
    }

    /// Goes back by so many changes of this watch.
    fn rewind(&mut self, tail: u64) -> Result<(), Status> {
        let past = self.cosi.store(|store| {
            let mut from = store.end();
            while let Some(earlier) = from.checked_sub(1)
                && store.since(earlier).is_some()
            {
                from = earlier;
            }
            store.since(from).unwrap_or_default()
        })?;
        let own: Vec<_> = past.into_iter().filter(|(_, c)| self.wants(c)).collect();
        let skip = own
            .len()
            .saturating_sub(usize::try_from(tail).unwrap_or(usize::MAX));
        if let Some((number, _)) = own.get(skip) {
            self.next = *number;
        }
        Ok(())
    }

    async fn next(mut self) -> Option<(Result<pb::WatchResponse, Status>, Self)> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Some((Ok(message), self));
            }
            match self.end {
                End::Open => {}
                End::Silent => return std::future::pending().await,
                End::Gone => return None,
            }
            self.changes.borrow_and_update();
            let caught_up = self
                .cosi
                .store(|store| (store.boot(), store.since(self.next)));
            let changes = match caught_up {
                Ok((boot, changes)) if boot == self.boot => changes,
                _ => {
                    self.end = End::Gone;
                    let gone = Status::unavailable("error reading from server: EOF");
                    return Some((Err(gone), self));
                }
            };
            match changes {
                Some(changes) if changes.is_empty() => self.changes.changed().await.ok()?,
                Some(changes) => self.pass_on(changes),
                None => self.fail("buffer overrun: the watch fell behind"),
            }
        }
    }

    fn pass_on(&mut self, changes: Vec<(u64, Change)>) {
        let mut events = Vec::new();
        for (number, change) in changes {
            self.next = number + 1;
            if self.wants(&change) {
                let mut event = event(change.event, change.resource, self.bookmark(self.next));
                event.old = change.old;
                events.push(event);
            }
        }
        self.send(events);
    }

    fn fail(&mut self, why: &str) {
        self.end = End::Silent;
        let mut event = event(
            pb::EventType::Errored,
            tombstone(self.r#type, ""),
            Vec::new(),
        );
        event.error = Some(why.to_owned());
        event.bookmark = None;
        self.send(vec![event]);
    }

    fn wants(&self, change: &Change) -> bool {
        change.r#type == self.r#type.name
            && self
                .one
                .as_ref()
                .is_none_or(|one| *one == id(&change.resource))
            && self.query.matches(&change.resource)
    }

    fn send(&mut self, mut events: Vec<pb::Event>) {
        if self.hides_control {
            events.retain(|e| {
                !matches!(
                    e.event_type(),
                    pb::EventType::Bootstrapped | pb::EventType::Errored | pb::EventType::Noop
                )
            });
        }
        if events.is_empty() {
            return;
        }
        if self.aggregated {
            self.ready.push_back(pb::WatchResponse { event: events });
        } else {
            self.ready.extend(
                events
                    .into_iter()
                    .map(|e| pb::WatchResponse { event: vec![e] }),
            );
        }
    }

    /// A place in the history of one boot.
    fn bookmark(&self, next: u64) -> Vec<u8> {
        [self.boot.to_be_bytes(), next.to_be_bytes()].concat()
    }

    /// The place that a bookmark names, while it is remembered.
    fn seek(&self, bookmark: &[u8]) -> Result<Option<u64>, Status> {
        let invalid = || Status::invalid_argument("the bookmark is not one of ours");
        let (boot, next) = bookmark.split_first_chunk::<8>().ok_or_else(invalid)?;
        let next = u64::from_be_bytes(next.try_into().map_err(|_| invalid())?);
        if u64::from_be_bytes(*boot) != self.boot {
            return Ok(None);
        }
        self.cosi.store(|store| store.since(next).map(|_| next))
    }
}

fn event(kind: pb::EventType, resource: pb::Resource, bookmark: Vec<u8>) -> pb::Event {
    pb::Event {
        resource: Some(resource),
        event_type: kind.into(),
        bookmark: Some(bookmark),
        ..pb::Event::default()
    }
}

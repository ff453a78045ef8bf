//! The resources of one node with their versions, and what changed lately.

use std::collections::{BTreeMap, VecDeque};
use std::time::SystemTime;

use talos_proto::cosi::resource as pb;
use tonic::Status;

use super::resources::{self, Draft};
use super::types;
use crate::talos::timestamp;
use crate::world::World;

/// How many changes a node remembers.
const HISTORY: usize = 100;

/// A change of one resource.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) r#type: &'static str,
    pub(super) event: pb::EventType,
    pub(super) resource: pb::Resource,
    pub(super) old: Option<pb::Resource>,
}

/// The resources of one node.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// The boot that this is the state of; a reboot starts afresh.
    boot: Option<u64>,
    /// The world's revision that this reflects.
    revision: Option<u64>,
    entries: BTreeMap<(&'static str, String), Entry>,
    history: VecDeque<Change>,
    /// The number of the first change that is remembered.
    first: u64,
}

#[derive(Debug)]
struct Entry {
    draft: Draft,
    version: u64,
    created: SystemTime,
    updated: SystemTime,
}

impl Store {
    /// Takes over what changed in the world, and remembers it for watches.
    pub(super) fn catch_up(&mut self, world: &World, name: &str) -> Result<(), Status> {
        let revision = world.revision();
        if self.revision == Some(revision) {
            return Ok(());
        }
        let (boot, since, now, drafts) = world
            .read(|state| {
                let node = state.node(name).filter(|n| n.reachable())?;
                let drafts = resources::of(state, node);
                Some((node.events.boot, node.booted_at, state.now, drafts))
            })
            .ok_or_else(|| Status::unavailable("the node is down"))?;
        if self.boot == Some(boot) {
            self.merge(drafts, now);
        } else {
            *self = Store {
                boot: Some(boot),
                ..Store::default()
            };
            for draft in drafts {
                self.entries
                    .insert((draft.r#type, draft.id.clone()), Entry::new(draft, since));
            }
        }
        self.revision = Some(revision);
        Ok(())
    }

    fn merge(&mut self, drafts: Vec<Draft>, now: SystemTime) {
        let mut gone: Vec<_> = self.entries.keys().cloned().collect();
        for draft in drafts {
            let key = (draft.r#type, draft.id.clone());
            gone.retain(|k| *k != key);
            match self.entries.get_mut(&key) {
                Some(entry) if entry.draft == draft => {}
                Some(entry) => {
                    let old = entry.resource();
                    entry.draft = draft;
                    entry.version += 1;
                    entry.updated = now;
                    let new = entry.resource();
                    self.remember(key.0, pb::EventType::Updated, new, Some(old));
                }
                None => {
                    let entry = Entry::new(draft, now);
                    let new = entry.resource();
                    self.entries.insert(key.clone(), entry);
                    self.remember(key.0, pb::EventType::Created, new, None);
                }
            }
        }
        for key in gone {
            if let Some(entry) = self.entries.remove(&key) {
                self.remember(key.0, pb::EventType::Destroyed, entry.resource(), None);
            }
        }
    }

    fn remember(
        &mut self,
        r#type: &'static str,
        event: pb::EventType,
        resource: pb::Resource,
        old: Option<pb::Resource>,
    ) {
        if self.history.len() == HISTORY {
            self.history.pop_front();
            self.first += 1;
        }
        self.history.push_back(Change {
            r#type,
            event,
            resource,
            old,
        });
    }

    /// All resources of a type, by id.
    pub(super) fn list(&self, r#type: &str) -> Vec<pb::Resource> {
        self.entries
            .iter()
            .filter(|((t, _), _)| *t == r#type)
            .map(|(_, entry)| entry.resource())
            .collect()
    }

    /// The boot that this is the state of.
    pub(super) fn boot(&self) -> u64 {
        self.boot.unwrap_or(0)
    }

    /// The number that the next change will get.
    pub(super) fn end(&self) -> u64 {
        self.first + self.history.len() as u64
    }

    /// Changes from number `from` on, each with its number; none when some are
    /// forgotten or have not happened.
    pub(super) fn since(&self, from: u64) -> Option<Vec<(u64, Change)>> {
        if from < self.first || from > self.end() {
            return None;
        }
        let numbered = (self.first..).zip(&self.history);
        Some(
            numbered
                .filter(|(n, _)| *n >= from)
                .map(|(n, c)| (n, c.clone()))
                .collect(),
        )
    }
}

impl Entry {
    fn new(draft: Draft, now: SystemTime) -> Self {
        Entry {
            draft,
            version: 1,
            created: now,
            updated: now,
        }
    }

    fn resource(&self) -> pb::Resource {
        let annotations = if self.draft.text_in_text {
            [("talos.dev/yaml-spec".to_owned(), String::new())].into()
        } else {
            BTreeMap::default()
        };
        let namespace = types::find(self.draft.r#type).map_or("", |t| t.namespace);
        pb::Resource {
            metadata: Some(pb::Metadata {
                namespace: namespace.to_owned(),
                r#type: self.draft.r#type.to_owned(),
                id: self.draft.id.clone(),
                version: self.version.to_string(),
                owner: self.draft.owner.to_owned(),
                phase: "running".to_owned(),
                created: Some(timestamp(self.created)),
                updated: Some(timestamp(self.updated)),
                annotations,
                ..pb::Metadata::default()
            }),
            spec: Some(pb::Spec {
                proto_spec: self.draft.proto.clone().into(),
                yaml_spec: self.draft.yaml.clone(),
            }),
        }
    }
}

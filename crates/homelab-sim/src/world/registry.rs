//! Configuration that nothing else in the world follows: objects and documents
//! that are kept, changed and given back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha1::{Digest as _, Sha1};

use super::derive;

/// An object of a collection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// Its name in the collection.
    pub id: String,
    /// Its keys, without its name.
    pub values: Map<String, Value>,
}

/// Collections of objects, and single documents, by path.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Registry {
    collections: BTreeMap<String, Vec<Object>>,
    documents: BTreeMap<String, Map<String, Value>>,
}

impl Registry {
    /// The objects of a collection, in order.
    pub fn objects(&self, path: &str) -> &[Object] {
        self.collections.get(path).map_or(&[], Vec::as_slice)
    }

    /// The objects of a collection, to change.
    pub fn objects_mut(&mut self, path: &str) -> &mut Vec<Object> {
        self.collections.entry(path.to_owned()).or_default()
    }

    /// An object by its name.
    pub fn object(&self, path: &str, id: &str) -> Option<&Object> {
        self.objects(path).iter().find(|object| object.id == id)
    }

    /// Forgets all collections and documents below a path.
    pub fn forget(&mut self, below: &str) {
        self.collections.retain(|path, _| !path.starts_with(below));
        self.documents.retain(|path, _| !path.starts_with(below));
    }

    /// A document; empty when nobody wrote it.
    pub fn document(&self, path: &str) -> Map<String, Value> {
        self.documents.get(path).cloned().unwrap_or_default()
    }

    /// A document, to change.
    pub fn document_mut(&mut self, path: &str) -> &mut Map<String, Value> {
        self.documents.entry(path.to_owned()).or_default()
    }

    /// Replaces a collection or document by another of this lab, as when a
    /// pending configuration becomes the running one.
    pub fn copy(&mut self, from: &str, to: &str) {
        let objects = self.objects(from).to_vec();
        self.collections.insert(to.to_owned(), objects);
    }

    /// The paths of all collections.
    pub fn collections(&self) -> impl Iterator<Item = &str> {
        self.collections.keys().map(String::as_str)
    }

    /// 40 hexadecimal digits that change with a collection.
    pub fn digest(&self, path: &str) -> String {
        let objects = self.objects(path).iter();
        let lines = objects.map(|o| format!("{}: {}\n", o.id, Value::Object(o.values.clone())));
        digest(&lines.collect::<String>())
    }

    /// 40 hexadecimal digits that change with a document.
    pub fn document_digest(&self, path: &str) -> String {
        let document = self.document(path);
        let lines = document
            .iter()
            .map(|(key, value)| format!("{key}: {value}\n"));
        digest(&lines.collect::<String>())
    }
}

/// SHA-1, as of a file that holds the text.
fn digest(text: &str) -> String {
    derive::hex(&Sha1::digest(text))
}

//! Calls on plain configuration: collections of named objects, and documents.
//! One mechanism, two tables; what the server says where something is missing
//! or there already stands in them.

mod documents;
mod tables;
mod write;

use proxmox_endpoints::describe::{Call as Described, Kind, Param, Shape};
use serde_json::{Map, Value, json};

use self::tables::{COLLECTIONS, DOCUMENTS};
use super::answer::{Answer, ApiError, Result};
use super::api::{backup_jobs, host_network};
use super::params;
use super::router::Call;
use crate::world::{Object, State};

/// What the server says where something is not as asked. `{}` stands for the
/// object's name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Say {
    /// A failure with this text, after what failed.
    Die(&'static str),
    /// A failure with this text alone.
    Plain(&'static str),
    /// A parameter and what is wrong with it.
    Param(&'static str, &'static str),
    /// Nothing: it is fine.
    Fine,
}

impl Say {
    fn error(self, prefix: &str, id: &str) -> Option<ApiError> {
        match self {
            Say::Die(text) => Some(ApiError::die(format!("{prefix}{}", text.replace("{}", id)))),
            Say::Plain(text) => Some(ApiError::die(text.replace("{}", id))),
            Say::Param(name, text) => Some(ApiError::param(name, text.replace("{}", id))),
            Say::Fine => None,
        }
    }
}

/// A collection of named objects.
#[derive(Debug)]
pub(super) struct Collection {
    /// Where it is listed and where objects are made.
    pub(super) path: &'static str,
    /// Where one object is, below the path: `/{id}`.
    pub(super) item: &'static str,
    /// The parameter that names a new object.
    pub(super) id: &'static str,
    /// What failures of `POST`, `PUT` and `DELETE` begin with.
    pub(super) create: &'static str,
    pub(super) update: &'static str,
    pub(super) delete: &'static str,
    pub(super) duplicate: Say,
    /// For `GET`, `PUT` and `DELETE` of an object that is not there.
    pub(super) missing: [Say; 3],
    /// Told with every object.
    pub(super) constant: Option<(&'static str, &'static str)>,
    /// Told with objects that say nothing else.
    pub(super) usually: Option<(&'static str, u8)>,
    /// Names and types of what is there without being made.
    pub(super) builtin: &'static [(&'static str, &'static str)],
    /// The lock of the cluster that a write waits for.
    pub(super) lock: Option<&'static str>,
    /// Whether a single object tells its name.
    pub(super) named: bool,
    /// Keys that an object cannot do without at run time.
    pub(super) needs: &'static [&'static str],
}

/// A single document.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) path: &'static str,
    /// Told when nobody wrote the key.
    pub(super) defaults: &'static [(&'static str, &'static str)],
    /// For a key in `delete` that the document cannot have.
    pub(super) unknown: Say,
    /// What a failed write begins with.
    pub(super) prefix: &'static str,
    /// Whether a write replaces the whole document.
    pub(super) replaces: bool,
    pub(super) digest: bool,
    /// Whether numbers are told as texts.
    pub(super) texts: bool,
    /// The lock of the cluster that a write waits for.
    pub(super) lock: Option<&'static str>,
}

/// Parameters that are about the call, not about the object.
const ABOUT: &[&str] = &[
    "delete",
    "digest",
    "type-of-list",
    "lock-token",
    "force",
    "skiplock",
];

/// Jobs that are listed with their next run. What they would synchronize with
/// is not there, so they never run.
const REALM_SYNC: &str = "/cluster/jobs/realm-sync";

/// Whether calls of this path are answered here.
pub(super) fn knows(call: &Described) -> bool {
    collection(call).is_some() || document(call).is_some()
}

fn collection(call: &Described) -> Option<(&'static Collection, bool)> {
    COLLECTIONS.iter().find_map(|c| {
        let rest = call.path.strip_prefix(c.path)?;
        match rest {
            "" => Some((c, false)),
            rest if rest == c.item => Some((c, true)),
            _ => None,
        }
    })
}

fn document(call: &Described) -> Option<&'static Document> {
    DOCUMENTS.iter().find(|d| d.path == call.path)
}

/// Answers a call on a collection or a document.
pub(super) fn answer(call: &Call<'_>, described: &Described) -> Option<Result<Answer>> {
    if let Some((collection, one)) = collection(described) {
        let path = expand(call, collection.path);
        let method = super::catalogue::word(described.method);
        return Some(match (method, one) {
            ("GET", false) => Ok(list(call, collection, &path)),
            ("GET", true) => get(call, collection, &path),
            // Some are made where they will be.
            ("POST", _) => write::create(call, described, collection, &path),
            ("PUT", true) => write::update(call, described, collection, &path),
            ("DELETE", true) => write::delete(call, collection, &path),
            _ => return None,
        });
    }
    let document = document(described)?;
    let path = expand(call, document.path);
    Some(match super::catalogue::word(described.method) {
        "GET" => Ok(documents::read(call, document, &path)),
        "PUT" | "POST" => documents::write(call, described, document, &path),
        "DELETE" => {
            call.cluster
                .world()
                .change(|state| state.registry.document_mut(&path).clear());
            Ok(Value::Null.into())
        }
        _ => return None,
    })
}

/// A path with its variable parts filled in.
pub(super) fn expand(call: &Call<'_>, template: &str) -> String {
    let parts = template.split('/').map(|part| {
        let name = super::catalogue::variable(part);
        name.and_then(|name| call.text(name))
            .unwrap_or_else(|| part.to_owned())
    });
    parts.collect::<Vec<_>>().join("/")
}

/// The name of the object in the path.
fn name(call: &Call<'_>, collection: &Collection) -> String {
    let part = collection.item.trim_start_matches('/');
    let name = super::catalogue::variable(part).unwrap_or_default();
    normal(collection, call.text(name).unwrap_or_default())
}

/// Custom CPU models are told with a prefix that their names do not need.
fn normal(collection: &Collection, id: String) -> String {
    if collection.id == "cputype" {
        id.trim_start_matches("custom-").to_owned()
    } else {
        id
    }
}

fn shown(collection: &Collection, id: &str) -> Value {
    if collection.id == "cputype" {
        format!("custom-{id}").into()
    } else {
        id.into()
    }
}

/// An object as a row of a list, or alone.
fn row(collection: &Collection, object: &Object, named: bool, digest: &str) -> Value {
    let mut row = object.values.clone();
    if collection.id == "iface" {
        host_network::complete(&mut row);
    }
    if named {
        row.insert(collection.id.into(), shown(collection, &object.id));
    }
    if let Some((key, value)) = collection.constant {
        row.insert(key.into(), value.into());
    }
    if let Some((key, value)) = collection.usually {
        row.entry(key).or_insert_with(|| value.into());
    }
    row.insert("digest".into(), digest.into());
    Value::Object(row)
}

impl Collection {
    /// What is there without being made, but for what was changed of it.
    fn unmade(&self, state: &State, path: &str) -> impl Iterator<Item = Object> {
        let objects = state.registry.objects(path);
        let untouched = self
            .builtin
            .iter()
            .filter(|(id, _)| !objects.iter().any(|object| object.id == *id));
        untouched.map(|(id, kind)| Object {
            id: (*id).to_owned(),
            values: Map::from_iter([("type".to_owned(), Value::from(*kind))]),
        })
    }

    fn need_lock(&self, call: &Call<'_>) -> Result<()> {
        match self.lock {
            Some(lock) => call.need_lock(lock, ""),
            None => call.need_quorum(),
        }
    }
}

fn list(call: &Call<'_>, collection: &Collection, path: &str) -> Answer {
    let kind = call.text("type");
    let checks = call.params.contains_key("check-node");
    let now = call.unix_now();
    let rows = call.cluster.world().read(|state| {
        let digest = state.registry.digest(path);
        let made = state.registry.objects(path).iter().cloned();
        let wanted = |object: &Object| {
            kind.as_ref()
                .is_none_or(|kind| object.values.get("type").is_none_or(|t| t == kind))
        };
        collection
            .unmade(state, path)
            .chain(made)
            .filter(wanted)
            .map(|object| {
                let mut row = row(collection, &object, true, &digest);
                if checks {
                    row["checks"] = json!([]);
                }
                if collection.path == REALM_SYNC
                    && let Some(next) = backup_jobs::next_run(&object.values, now)
                {
                    row["last-run"] = Value::Null;
                    row["next-run"] = next.into();
                }
                row
            })
            .collect()
    });
    Value::Array(rows).into()
}

fn get(call: &Call<'_>, collection: &Collection, path: &str) -> Result<Answer> {
    let id = name(call, collection);
    call.cluster.world().read(|state| {
        let digest = state.registry.digest(path);
        if collection.id == "iface"
            && let Some(row) = host_network::of_the_host(state, &call.node(), &id)
        {
            return Ok(row.into());
        }
        let made = state.registry.object(path, &id).cloned();
        match made.or_else(|| collection.unmade(state, path).find(|o| o.id == id)) {
            Some(object) => Ok(row(collection, &object, collection.named, &digest).into()),
            None => match collection.missing[0].error("", &id) {
                Some(error) => Err(error),
                None => Ok(Value::Null.into()),
            },
        }
    })
}

/// The keys of an object among the parameters, as the schema types them.
pub(super) fn given(
    call: &Call<'_>,
    described: &Described,
    without: &[&str],
) -> Map<String, Value> {
    let mut values = Map::new();
    for (key, value) in &call.params {
        let about = ABOUT.contains(&key.as_str()) || without.contains(&key.as_str());
        if let Some(param) = described.param(key).filter(|p| !about && !p.in_path) {
            values.insert(key.clone(), typed(param, value));
        }
    }
    values
}

/// A value as it is told again.
fn typed(param: &Param, value: &Value) -> Value {
    if param.shape == Shape::Array {
        let items = match value {
            Value::Array(items) => items.clone(),
            one => vec![one.clone()],
        };
        return Value::Array(items.iter().map(|item| typed_one(param, item)).collect());
    }
    match (param.shape, value) {
        (Shape::List, Value::Array(_)) => params::list(value).join(",").into(),
        _ => typed_one(param, value),
    }
}

fn typed_one(param: &Param, value: &Value) -> Value {
    let text = params::text(value);
    match param.kind {
        Kind::Boolean | Kind::Integer => text
            .parse::<i64>()
            .map_or_else(|_| Value::from(text.clone()), Value::from),
        Kind::Number | Kind::Text => text.into(),
    }
}

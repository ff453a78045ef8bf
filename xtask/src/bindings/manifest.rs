//! `bindings/api`: the classes, methods and parameters of both languages.

use std::path::Path;

use serde::{Deserialize, Deserializer};

use super::types::Type;

/// The parts of the manifest, in the order in which their classes are written.
/// A class that a later file names again gets that file's methods too.
const FILES: &[&str] = &[
    "lab.toml",
    "talos.toml",
    "talos_config.toml",
    "talos_node.toml",
    "talos_cluster.toml",
    "proxmox.toml",
    "proxmox_node.toml",
    "proxmox_guest.toml",
    "proxmox_files.toml",
    "proxmox_inside.toml",
    "proxmox_recipes.toml",
    "proxmox_definitions.toml",
    "proxmox_cluster.toml",
    "proxmox_access.toml",
    "simulator.toml",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) class: Vec<Class>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Class {
    pub(super) name: String,
    #[serde(default)]
    pub(super) doc: String,
    /// What leaving a `with` block calls: `close` or an awaited method such as `stop`.
    pub(super) exit: Option<String>,
    pub(super) method: Vec<Method>,
    /// Whether Python has a twin of it for asyncio: some method waits, or gives a class that has one.
    #[serde(skip)]
    pub(super) twin: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Method {
    pub(super) name: String,
    pub(super) doc: String,
    #[serde(default)]
    pub(super) kind: Kind,
    /// A constructor: called on the class.
    #[serde(default, rename = "static")]
    pub(super) is_static: bool,
    #[serde(default)]
    pub(super) params: Vec<Param>,
    #[serde(default = "Type::nothing", deserialize_with = "parsed")]
    pub(super) returns: Type,
    #[serde(default)]
    pub(super) returns_doc: Option<String>,
    /// The type that `on_progress` gets, for [`Kind::Progress`].
    #[serde(default, deserialize_with = "parsed_some")]
    pub(super) progress: Option<Type>,
}

#[derive(Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// Waits for an answer.
    #[default]
    Call,
    /// Reads or makes what is there; never waits, in no language.
    Now,
    /// Like [`Kind::Now`] without parameters: an attribute.
    Property,
    /// Items over time.
    Stream,
    /// A long call that reports on the way.
    Progress,
    /// Waits for a long list of one flat type.
    Rows,
}

impl Kind {
    /// Whether it takes time, at once or item by item.
    pub(super) fn waits(self) -> bool {
        !matches!(self, Kind::Now | Kind::Property)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Param {
    pub(super) name: String,
    /// An optional one (`string?`) goes by keyword or into the options object.
    #[serde(rename = "type", deserialize_with = "parsed")]
    pub(super) ty: Type,
    pub(super) doc: String,
}

impl Manifest {
    /// Reads the files of `folder` as one, in the order of [`FILES`].
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let mut manifest = Manifest { class: Vec::new() };
        for name in FILES {
            let path = folder.join(name);
            let explain = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
            let text = std::fs::read_to_string(&path).map_err(|e| explain(&e))?;
            let part: Manifest = toml::from_str(&text).map_err(|e| explain(&e))?;
            for class in part.class {
                match manifest.class.iter_mut().find(|c| c.name == class.name) {
                    Some(known) if class.doc.is_empty() => known.method.extend(class.method),
                    Some(_) => return Err(explain(&format!("{} has a doc already", class.name))),
                    None => manifest.class.push(class),
                }
            }
        }
        manifest.mark_twins();
        Ok(manifest)
    }

    pub(super) fn class(&self, name: &str) -> Option<&Class> {
        self.class.iter().find(|c| c.name == name)
    }

    fn mark_twins(&mut self) {
        loop {
            let next = self.class.iter().position(|class| {
                let waits = |m: &Method| {
                    !matches!(m.kind, Kind::Now | Kind::Property)
                        || self.class(m.returns.inner_name()).is_some_and(|c| c.twin)
                };
                !class.twin && class.method.iter().any(waits)
            });
            match next.and_then(|i| self.class.get_mut(i)) {
                Some(class) => class.twin = true,
                None => return,
            }
        }
    }
}

impl Method {
    pub(super) fn required(&self) -> impl Iterator<Item = &Param> {
        self.params.iter().filter(|p| !p.ty.is_option())
    }

    pub(super) fn optional(&self) -> impl Iterator<Item = &Param> {
        self.params.iter().filter(|p| p.ty.is_option())
    }

    /// The name in the dispatch table.
    pub(super) fn dispatch(&self, class: &Class) -> String {
        if self.is_static {
            format!("{}.{}", class.name, self.name)
        } else {
            self.name.clone()
        }
    }
}

fn parsed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Type, D::Error> {
    let text = String::deserialize(deserializer)?;
    Type::parse(&text).map_err(serde::de::Error::custom)
}

fn parsed_some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Type>, D::Error> {
    parsed(deserializer).map(Some)
}

impl Class {
    /// The attributes that name one of its kind, for people who print it.
    pub(super) fn shown(&self) -> impl Iterator<Item = &Method> {
        self.method.iter().filter(|method| {
            method.kind == Kind::Property && matches!(&method.returns, Type::String | Type::Int)
        })
    }
}

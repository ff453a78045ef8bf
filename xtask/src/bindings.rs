//! The Python and Node classes, from `bindings/api` and the JSON Schema
//! of the Rust value types.
//!
//! | file | what |
//! |---|---|
//! | `bindings/manifest.rs` | reads `bindings/api`: classes, methods, parameters |
//! | `bindings/types.rs` | the types of both worlds, read from schema and manifest |
//! | `bindings/text.rs` | names and doc texts |
//! | `bindings/python*.rs` | writes `bindings/python/python/homelab_sdk` |
//! | `bindings/node*.rs` | writes `bindings/node` |

mod manifest;
mod node;
mod node_types;
mod python;
mod python_modules;
mod python_types;
mod text;
mod types;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use manifest::{Kind, Manifest};
use types::{ErrorKinds, Field, Shape, Type, Values};

use crate::proxmox::wording::repeated;

/// What the writers work from.
struct Api {
    manifest: Manifest,
    values: Values,
    kinds: ErrorKinds,
}

/// Every generated file of both bindings.
pub(crate) fn generate() -> Result<Vec<(PathBuf, String)>, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let manifest = Manifest::read(&root.join("bindings/api"))?;
    let (values, kinds) = types::read(&schema(&root)?)?;
    let api = Api {
        manifest,
        values,
        kinds,
    };
    api.check()?;
    one_version(&root)?;

    let python = Path::new("bindings/python/python/homelab_sdk");
    let node = Path::new("bindings/node");
    Ok(vec![
        (python.join("__init__.py"), python_modules::init(&api)),
        (python.join("errors.py"), python_types::errors(&api)),
        (python.join("types.py"), python_types::values(&api)),
        (
            python.join("_sync.py"),
            python_modules::classes(&api, false)?,
        ),
        (
            python.join("_async.py"),
            python_modules::classes(&api, true)?,
        ),
        (node.join("index.js"), node::index(&api)),
        (node.join("index.d.ts"), node::declarations(&api)),
        (node.join("lib/errors.js"), node_types::errors(&api)),
        (node.join("lib/types.js"), node_types::values(&api)),
        (node.join("lib/classes.js"), node::classes(&api)?),
    ])
}

/// The schema of every value type. A program of its own prints it, so that
/// building xtask does not mean building the SDK.
fn schema(root: &Path) -> Result<String, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--package", "homelab-bindings"])
        .args(["--features", "schema", "--bin", "homelab-schema"])
        .current_dir(root)
        .output()
        .map_err(|e| format!("cargo: {e}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    String::from_utf8(output.stdout).map_err(|e| e.to_string())
}

/// The npm package carries the version of the workspace.
fn one_version(root: &Path) -> Result<(), String> {
    let read =
        |name: &str| std::fs::read_to_string(root.join(name)).map_err(|e| format!("{name}: {e}"));
    let package: serde_json::Value =
        serde_json::from_str(&read("bindings/node/package.json")?).map_err(|e| e.to_string())?;
    let workspace: toml::Value = toml::from_str(&read("Cargo.toml")?).map_err(|e| e.to_string())?;
    let npm = package.get("version").and_then(|v| v.as_str());
    let cargo = workspace
        .get("workspace")
        .and_then(|w| w.get("package")?.get("version")?.as_str());
    if npm == cargo {
        return Ok(());
    }
    Err(format!(
        "bindings/node/package.json has version {npm:?}, Cargo.toml {cargo:?}"
    ))
}

/// Words that Python keeps for itself: no parameter may be named so.
const PYTHON_KEEPS: &[&str] = &[
    "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif",
    "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda",
    "nonlocal", "not", "or", "pass", "raise", "return", "self", "try", "while", "with", "yield",
];

/// Words that JavaScript keeps beyond those: no positional parameter may be
/// named so. Optional ones are keys of an object, which may be any word.
const JAVASCRIPT_KEEPS: &[&str] = &[
    "arguments",
    "case",
    "catch",
    "const",
    "debugger",
    "default",
    "delete",
    "do",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "function",
    "implements",
    "instanceof",
    "interface",
    "let",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "typeof",
    "var",
    "void",
];

impl Api {
    /// Every type that a method names must exist, and every parameter's name
    /// must be possible in both languages.
    fn check(&self) -> Result<(), String> {
        for class in &self.manifest.class {
            for method in &class.method {
                let place = format!("bindings/api: {}.{}", class.name, method.name);
                if method.kind == Kind::Rows && !self.is_list_of_flat(&method.returns) {
                    return Err(format!(
                        "{place}: rows are a list of a type whose fields are texts, numbers, truths or lists of texts"
                    ));
                }
                let mut named = Vec::new();
                method.returns.names(&mut named);
                if let Some(progress) = &method.progress {
                    progress.names(&mut named);
                }
                for param in &method.params {
                    let name = param.name.as_str();
                    if PYTHON_KEEPS.contains(&name)
                        || (!param.ty.is_option() && JAVASCRIPT_KEEPS.contains(&name))
                    {
                        return Err(format!("{place}: `{name}` is a reserved word"));
                    }
                    if !param.doc.starts_with(|c: char| {
                        c.is_ascii_uppercase() || c.is_ascii_digit() || c == '`'
                    }) {
                        return Err(format!("{place}: the text of `{name}` is no sentence"));
                    }
                    if let Some(sentence) = repeated(std::slice::from_ref(&param.doc)) {
                        return Err(format!("{place}: `{name}` says `{sentence}` twice"));
                    }
                    param.ty.names(&mut named);
                }
                for name in named {
                    if !self.values.contains_key(&name) && self.manifest.class(&name).is_none() {
                        return Err(format!("{place}: there is no type {name}"));
                    }
                }
            }
        }
        Ok(())
    }

    /// The types that come as rows, with their fields.
    fn row_types(&self) -> BTreeMap<&str, &[Field]> {
        let methods = self.manifest.class.iter().flat_map(|class| &class.method);
        methods
            .filter(|method| method.kind == Kind::Rows)
            .filter_map(|method| {
                let name = method.returns.item_name();
                match self.values.get_key_value(name) {
                    Some((name, value)) => match &value.shape {
                        Shape::Struct(fields) => Some((name.as_str(), fields.as_slice())),
                        _ => None,
                    },
                    None => None,
                }
            })
            .collect()
    }

    fn is_list_of_flat(&self, ty: &Type) -> bool {
        let Type::List(item) = ty else { return false };
        let Type::Named(name) = &**item else {
            return false;
        };
        match self.values.get(name).map(|value| &value.shape) {
            Some(Shape::Struct(fields)) => fields.iter().all(|field| self.is_cell(&field.ty)),
            _ => false,
        }
    }

    fn is_cell(&self, ty: &Type) -> bool {
        match ty {
            Type::String | Type::Bool | Type::Int | Type::Float | Type::OneOf(_) => true,
            Type::Option(some) => self.is_cell(some),
            Type::List(item) => matches!(**item, Type::String),
            Type::Named(name) => match self.values.get(name).map(|value| &value.shape) {
                Some(Shape::Words { .. }) => true,
                Some(Shape::Alias(ty)) => self.is_cell(ty),
                _ => false,
            },
            _ => false,
        }
    }
}

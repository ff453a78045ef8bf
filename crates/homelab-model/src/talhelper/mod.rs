//! Import of talhelper's files: `talconfig.yaml`, `talenv.yaml` and the
//! patches they name, as they are in people's repositories, older keys
//! included. What matters to a lab is read, what is known but of no interest
//! is skipped, what is unknown is warned about.

mod config;
mod envsubst;
mod interfaces;
mod patches;

use std::collections::BTreeMap;

use homelab_core::{Error, ErrorKind, Location, Result};
use serde::{Deserialize, Serialize};

use crate::inventory::{ClusterSpec, Contradiction, Read, Warning};
use crate::yaml::convert::text;
use crate::yaml::{Bad, Node, Source, Value};
use envsubst::{Substituted, Variables, substitute};

/// What a talconfig says about a lab.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct TalhelperImport {
    /// The cluster with its nodes. Placement and sizes are not known here.
    pub cluster: ClusterSpec,
    /// Unknown keys and the like.
    pub warnings: Vec<Warning>,
    /// Where the talconfig disagrees with itself.
    pub contradictions: Vec<Contradiction>,
}

/// Reads a talconfig.
///
/// `talenv` is the name and text of the file with its variables. `read` gets
/// the paths of patch files as they are written, relative to the folder of the
/// talconfig.
///
/// # Errors
/// [`ErrorKind::Config`] with file, line and column: not YAML, a `${variable}`
/// that is not defined, a patch file that is not there, a value of the wrong
/// kind, a hostname given twice.
pub fn import(
    talconfig_name: &str,
    talconfig_text: &str,
    talenv: Option<(&str, &str)>,
    read: &Read<'_>,
) -> Result<TalhelperImport> {
    let mut warnings = Vec::new();
    let variables = match talenv {
        Some((name, text)) => variables(name, text, &mut warnings)?,
        None => Variables::new(),
    };
    let prepared = prepare(talconfig_name, talconfig_text, &variables)?;
    let source = Source::mapped(talconfig_name, |mark| prepared.origin(mark));
    let document = source.document(&prepared.text)?;
    let files = patches::Files {
        variables: &variables,
        read,
    };
    let mut import = config::cluster(&source, &document, &files)?;
    warnings.append(&mut source.into_warnings());
    warnings.append(&mut import.warnings);
    import.warnings = warnings;
    Ok(import)
}

/// Reads the talconfig that an inventory names, with the talenv beside it.
pub(crate) fn import_named(
    named_at: &Location,
    inventory_file: &str,
    path: &str,
    talenv: Option<&str>,
    read: &Read<'_>,
) -> Result<TalhelperImport> {
    let missing = |what: &str, path: &str, error: Error| {
        if error.kind() == ErrorKind::NotFound {
            Error::config(named_at.clone(), format!("{what} {path} does not exist"))
        } else {
            error
        }
    };
    let text = read(path).map_err(|error| missing("talconfig", path, error))?;
    let env = match talenv {
        Some(env) => Some((
            env.to_owned(),
            read(env).map_err(|error| missing("talenv", env, error))?,
        )),
        None => beside(path, read)?,
    };
    let env = env.map(|(name, text)| (resolve(inventory_file, &name), text));
    import(
        &resolve(inventory_file, path),
        &text,
        env.as_ref()
            .map(|(name, text)| (name.as_str(), text.as_str())),
        &|patch| read(&resolve(path, patch)),
    )
}

/// The talenv that talhelper itself would take. An encrypted one cannot be read here.
fn beside(talconfig: &str, read: &Read<'_>) -> Result<Option<(String, String)>> {
    for name in ["talenv.yaml", "talenv.yml"] {
        let path = resolve(talconfig, name);
        match read(&path) {
            Ok(text) => return Ok(Some((path, text))),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// `path` as seen from the folder of `file`; an absolute path stays.
fn resolve(file: &str, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| !["..", ""].contains(last)) => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// Substitutes, and quotes values that begin with `@`: talhelper's own parser
/// takes them bare, YAML does not.
fn prepare(file: &str, text: &str, variables: &Variables) -> Result<Substituted> {
    let source = Source::new(file);
    let mut prepared = substitute(text, variables).map_err(|bad| source.error(bad))?;
    let mut last = None;
    while let Err(bad) = crate::yaml::parse(&prepared.text) {
        // Each round must get further, so the loop ends.
        if last.is_some_and(|last| bad.at <= last) || !prepared.quote_at_sign(bad.at) {
            break;
        }
        last = Some(bad.at);
    }
    Ok(prepared)
}

fn variables(name: &str, content: &str, warnings: &mut Vec<Warning>) -> Result<Variables> {
    let source = Source::new(name);
    let documents = crate::yaml::parse(content).map_err(|bad| source.error(bad))?;
    let mut variables = BTreeMap::new();
    for document in &documents {
        let Value::Mapping(entries) = &document.value else {
            return Err(source.error(Bad::new(
                document.at,
                format!("expected `name: value` lines, got {}", document.describe()),
            )));
        };
        for entry in entries {
            match scalar(&entry.value) {
                Some(value) => {
                    variables.insert(entry.key.clone(), value);
                }
                None => source.warn(
                    entry.key_at,
                    format!("`{}` is no plain value and is not used", entry.key),
                ),
            }
        }
    }
    warnings.extend(source.into_warnings());
    Ok(variables)
}

fn scalar(node: &Node) -> Option<String> {
    if node.is_null() {
        return Some(String::new());
    }
    text(node).ok()
}

#[cfg(test)]
mod tests;

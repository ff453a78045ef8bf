//! Patches: told apart, read, applied.

use std::fmt;

use homelab_core::{Error, Result};

use super::config::{Document, MachineConfig, documents, wrong};
use super::delete::{self, Deletion};
use super::json_patch::{self, Operation};
use super::merge::merge_documents;
use crate::yaml::{Value, parse};

/// A change to a machine configuration: a strategic merge patch (one or several
/// documents that look like parts of the configuration) or a JSON patch (a list
/// of operations). `Debug` shows no values.
#[derive(Clone)]
pub struct Patch {
    file: String,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Merge(Vec<Part>),
    Json(Vec<Operation>),
}

/// One document of a merge patch.
#[derive(Clone)]
struct Part {
    line: u32,
    /// What is to be merged.
    document: Document,
    /// What is taken away before.
    deletions: Vec<Deletion>,
    /// Whether the whole document is.
    whole: bool,
}

impl fmt::Debug for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Merge(_) => "merge",
            Kind::Json(_) => "json",
        };
        f.debug_struct("Patch")
            .field("file", &self.file)
            .field("kind", &kind)
            .finish_non_exhaustive()
    }
}

impl Patch {
    /// Reads a patch; a list is a JSON patch, anything else a merge.
    ///
    /// # Errors
    /// `Config` with file and line.
    pub fn parse(file_name: &str, text: &str) -> Result<Self> {
        let values = parse(text).map_err(|bad| bad.into_error(file_name))?;
        let kind = match values.as_slice() {
            [(line, Value::List(items))] => {
                Kind::Json(json_patch::operations(items).map_err(|m| wrong(file_name, *line, m))?)
            }
            _ => Kind::Merge(
                documents(file_name, text)?
                    .into_iter()
                    .map(|(line, document)| part(file_name, line, document))
                    .collect::<Result<_>>()?,
            ),
        };
        Ok(Patch {
            file: file_name.to_owned(),
            kind,
        })
    }

    pub(super) fn apply(&self, config: &mut MachineConfig) -> Result<()> {
        match &self.kind {
            Kind::Json(operations) => self.apply_json(config, operations),
            Kind::Merge(parts) => parts
                .iter()
                .try_for_each(|part| self.apply_part(config, part)),
        }
    }

    /// As in Talos: paths name no document, so there must be only one.
    fn apply_json(&self, config: &mut MachineConfig, operations: &[Operation]) -> Result<()> {
        match config.documents_mut().as_mut_slice() {
            [only] => json_patch::apply(&mut only.value, operations)
                .map_err(|message| wrong(&self.file, 0, message)),
            _ => Err(self.refused(
                0,
                "JSON patches do not fit a configuration of several documents; use a merge patch",
            )),
        }
    }

    fn apply_part(&self, config: &mut MachineConfig, part: &Part) -> Result<()> {
        let patch = &part.document;
        let found = config.documents().iter().position(|d| d.is(patch));
        if part.whole {
            let Some(at) = found else {
                let message = format!("{} is to be deleted and is not there", patch.id());
                return Err(self.refused(part.line, message));
            };
            config.documents_mut().remove(at);
            return Ok(());
        }
        match found.and_then(|at| config.documents_mut().get_mut(at)) {
            Some(document) => {
                for deletion in &part.deletions {
                    delete::apply(&mut document.value, deletion).map_err(|message| {
                        self.refused(part.line, format!("{}: {message}", patch.id()))
                    })?;
                }
                merge_documents(document, patch);
            }
            None if !part.deletions.is_empty() => {
                let message = format!("{} is not there, nothing can be deleted in it", patch.id());
                return Err(self.refused(part.line, message));
            }
            None if patch.kind().is_some() => config.documents_mut().push(patch.clone()),
            // A v1alpha1 patch names no version.
            None => {
                let message = "the configuration has no v1alpha1 document to patch";
                return Err(self.refused(part.line, message));
            }
        }
        Ok(())
    }

    fn refused(&self, line: u32, message: impl Into<String>) -> Error {
        wrong(&self.file, line, message)
    }
}

fn part(file: &str, line: u32, mut document: Document) -> Result<Part> {
    let whole = delete::of_document(&document.value);
    if whole && document.kind().is_none() {
        let message = "the v1alpha1 document cannot be deleted as a whole";
        return Err(wrong(file, line, message));
    }
    let deletions = if whole {
        Vec::new()
    } else {
        delete::take_out(&mut document.value).map_err(|message| wrong(file, line, message))?
    };
    Ok(Part {
        line,
        document,
        deletions,
        whole,
    })
}

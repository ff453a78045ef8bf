//! Patches: told apart, read, applied.

use std::fmt;

use homelab_core::{Error, Result};

use super::config::{Document, MachineConfig, documents, wrong};
use super::json_patch::{self, Operation};
use super::merge::{is_deletion, merge_documents};
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
    Merge(Vec<(u32, Document)>),
    Json(Vec<Operation>),
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
            _ => Kind::Merge(documents(file_name, text)?),
        };
        Ok(Patch {
            file: file_name.to_owned(),
            kind,
        })
    }

    pub(super) fn apply(&self, config: &mut MachineConfig) -> Result<()> {
        match &self.kind {
            Kind::Json(operations) => self.apply_json(config, operations),
            Kind::Merge(documents) => documents
                .iter()
                .try_for_each(|(line, document)| self.apply_document(config, *line, document)),
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

    fn apply_document(
        &self,
        config: &mut MachineConfig,
        line: u32,
        patch: &Document,
    ) -> Result<()> {
        let found = config.documents().iter().position(|d| d.is(patch));
        if is_deletion(&patch.value) {
            let Some(at) = found else {
                let message = format!("{} is to be deleted and is not there", patch.id());
                return Err(self.refused(line, message));
            };
            config.documents_mut().remove(at);
            return Ok(());
        }
        match found.and_then(|at| config.documents_mut().get_mut(at)) {
            Some(document) => {
                merge_documents(document, patch);
            }
            None if patch.kind().is_some() => config.documents_mut().push(patch.clone()),
            // A v1alpha1 patch names no version.
            None => {
                let message = "the configuration has no v1alpha1 document to patch";
                return Err(self.refused(line, message));
            }
        }
        Ok(())
    }

    fn refused(&self, line: u32, message: impl Into<String>) -> Error {
        wrong(&self.file, line, message)
    }
}

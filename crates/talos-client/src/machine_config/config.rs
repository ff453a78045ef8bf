//! The documents of a machine configuration.

use std::fmt;

use homelab_core::{Error, ExposeSecret, Location, Result, SecretString};

use super::diff::{Change, diff};
use super::patch::Patch;
use super::view::MachineConfigView;
use crate::yaml::{Value, documents_to_text, parse};

/// A machine configuration: its documents in their order. `Debug` names them
/// and shows nothing of what they hold.
///
/// ```
/// use talos_client::machine_config::{MachineConfig, Patch};
///
/// let mut config = MachineConfig::parse("controlplane.yaml", "
/// version: v1alpha1
/// machine:
///     type: controlplane
///     network: {hostname: cp-1}
/// ")?;
/// config.apply(&Patch::parse("patch.yaml", "machine: {network: {hostname: cp-9}}")?)?;
/// assert_eq!(config.view().hostname.as_deref(), Some("cp-9"));
/// # Ok::<(), homelab_core::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct MachineConfig {
    documents: Vec<Document>,
}

/// One document.
#[derive(Clone, PartialEq)]
pub struct Document {
    pub(super) value: Value,
}

impl fmt::Debug for MachineConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.documents).finish()
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id())
    }
}

impl Document {
    /// Its kind; `None` for the `v1alpha1` document, which has none.
    pub fn kind(&self) -> Option<&str> {
        self.value.get("kind")?.as_str()
    }

    /// Its name, where its kind has names.
    pub fn name(&self) -> Option<&str> {
        self.value.get("name")?.as_str()
    }

    /// What it says.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// What it is called in differences: `v1alpha1`, `HostnameConfig` or
    /// `LinkConfig/eth0`.
    pub fn id(&self) -> String {
        match (self.kind(), self.name()) {
            (None, _) => "v1alpha1".to_owned(),
            (Some(kind), None) => kind.to_owned(),
            (Some(kind), Some(name)) => format!("{kind}/{name}"),
        }
    }

    /// Whether both configure the same thing: patches find their document so.
    pub(super) fn is(&self, other: &Document) -> bool {
        let text = |d: &Document| {
            d.value
                .get("apiVersion")
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        self.id() == other.id() && (self.kind().is_none() || text(self) == text(other))
    }
}

/// The documents of a text; each must be a mapping.
pub(super) fn documents(file_name: &str, text: &str) -> Result<Vec<(u32, Document)>> {
    let values = parse(text).map_err(|bad| bad.into_error(file_name))?;
    let mut documents = Vec::with_capacity(values.len());
    for (line, value) in values {
        if value.as_map().is_none() {
            return Err(wrong(file_name, line, "a document must be a mapping"));
        }
        documents.push((line, Document { value }));
    }
    Ok(documents)
}

pub(super) fn wrong(file: &str, line: u32, message: impl Into<String>) -> Error {
    let at = Location {
        file: file.to_owned(),
        line,
        column: 1,
    };
    Error::config(at, message)
}

impl MachineConfig {
    /// Reads a configuration of one or several documents. Documents of kinds
    /// that this crate does not know are kept as they are.
    ///
    /// # Errors
    /// `Config` with file and line when it is not YAML, when a document is not
    /// a mapping, has neither kind nor `version: v1alpha1`, or comes twice.
    pub fn parse(file_name: &str, text: &str) -> Result<Self> {
        let mut config = MachineConfig {
            documents: Vec::new(),
        };
        for (line, document) in documents(file_name, text)? {
            let version = document.value.get("version").and_then(Value::as_str);
            if document.kind().is_none() && version != Some("v1alpha1") {
                let message = "a document needs `kind`, or `version: v1alpha1`";
                return Err(wrong(file_name, line, message));
            }
            if config.documents.iter().any(|d| d.is(&document)) {
                let message = format!("the document {} comes twice", document.id());
                return Err(wrong(file_name, line, message));
            }
            config.documents.push(document);
        }
        if config.documents.is_empty() {
            return Err(wrong(file_name, 1, "there is no document"));
        }
        Ok(config)
    }

    pub(super) fn of(documents: Vec<Document>) -> Self {
        MachineConfig { documents }
    }

    /// The text that a node takes. It holds keys and tokens, hence a secret.
    pub fn to_yaml(&self) -> SecretString {
        documents_to_text(self.documents.iter().map(|d| &d.value)).into()
    }

    /// The documents, in their order.
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    pub(super) fn documents_mut(&mut self) -> &mut Vec<Document> {
        &mut self.documents
    }

    /// The document without a kind, which holds machine and cluster.
    pub fn main(&self) -> Option<&Document> {
        self.documents.iter().find(|d| d.kind().is_none())
    }

    /// The documents of a kind: `HostnameConfig`, `LinkConfig`, …
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Document> {
        self.documents
            .iter()
            .filter(move |d| d.kind() == Some(kind))
    }

    /// Applies a patch. A failure changes nothing.
    ///
    /// # Errors
    /// `Config`, naming the place in the patch: a JSON patch whose path is not
    /// there or whose test fails, or one for several documents; a document of
    /// the patch that is to be deleted and is not there.
    pub fn apply(&mut self, patch: &Patch) -> Result<()> {
        let mut patched = self.clone();
        patch.apply(&mut patched)?;
        *self = patched;
        Ok(())
    }

    /// What differs in `other`, seen from here. Values of secrets are masked.
    pub fn diff(&self, other: &MachineConfig) -> Vec<Change> {
        diff(self, other)
    }

    /// The parts that the rest of the SDK needs.
    pub fn view(&self) -> MachineConfigView {
        MachineConfigView::of(self)
    }
}

impl std::str::FromStr for MachineConfig {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse("machine configuration", text)
    }
}

impl TryFrom<&SecretString> for MachineConfig {
    type Error = Error;

    fn try_from(text: &SecretString) -> Result<Self> {
        text.expose_secret().parse()
    }
}

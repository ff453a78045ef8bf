//! The lab as its owner wrote it down.

use std::path::Path;

use homelab_core::Result;
use homelab_model::inventory::Warning;
use homelab_model::{Finding, Inventory, Topology, findings};

use crate::Credentials;
use crate::files;
use crate::live::{ConnectOptions, LiveLab};
use crate::report::Subject;

/// A lab: its inventory, the topology that follows from it, and what the rules
/// find in it. Nothing has been asked yet; [`connect`](Lab::connect) does that.
///
/// ```no_run
/// # async fn f() -> homelab_core::Result<()> {
/// use homelab::{Credentials, Lab};
///
/// let lab = Lab::from_file("homelab.yaml")?.connect(Credentials::from_env()?).await?;
/// let seen = lab.observe().await?;
/// for finding in &seen.findings {
///     println!("{finding}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Lab {
    inventory: Inventory,
    topology: Topology,
    findings: Vec<Finding>,
}

impl Lab {
    /// Reads an inventory and the files that it names, relative to it.
    ///
    /// # Errors
    /// `NotFound` or `Io` when the file cannot be read; `Config` with file, line
    /// and column when it, or one it names, says something that cannot be.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = files::read_text(path)?;
        Self::parse(&path.to_string_lossy(), &text)
    }

    /// Reads an inventory from text. `file_name` is what errors call it; files
    /// that it names are looked for in that file's folder.
    ///
    /// # Errors
    /// As [`from_file`](Lab::from_file).
    pub fn parse(file_name: &str, text: &str) -> Result<Self> {
        let folder = Path::new(file_name).parent().unwrap_or(Path::new(""));
        let inventory = Inventory::parse(file_name, text, &files::relative_to(folder))?;
        Ok(Self::from_inventory(inventory))
    }

    /// A lab from an inventory that was made elsewhere.
    pub fn from_inventory(inventory: Inventory) -> Self {
        let topology = Topology::from_inventory(&inventory);
        let findings = findings(&topology);
        Lab {
            inventory,
            topology,
            findings,
        }
    }

    /// The lab's name.
    pub fn name(&self) -> &str {
        &self.inventory.name
    }

    /// What is written down.
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// What is odd in the files but no error, such as an unknown key.
    pub fn warnings(&self) -> &[Warning] {
        &self.inventory.warnings
    }

    /// The topology that follows from the files alone.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// What the rules find in the files alone.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Makes the clients. Connections are opened when something is asked, so
    /// this succeeds while every host is down.
    ///
    /// # Errors
    /// `Config`, `NotFound` or `Io`: a file named by the credentials cannot be
    /// read or used, or a context does not exist. `Unauthenticated`: the client
    /// certificate of the talosconfig has expired.
    pub async fn connect(self, credentials: Credentials) -> Result<LiveLab> {
        self.connect_with(credentials, ConnectOptions::default())
            .await
    }

    /// [`connect`](Lab::connect) with other limits.
    ///
    /// # Errors
    /// As [`connect`](Lab::connect).
    pub async fn connect_with(
        self,
        credentials: Credentials,
        options: ConnectOptions,
    ) -> Result<LiveLab> {
        LiveLab::connect(self, &credentials, options).await
    }
}

impl<'a> From<&'a Lab> for Subject<'a> {
    fn from(lab: &'a Lab) -> Self {
        Subject {
            topology: &lab.topology,
            findings: &lab.findings,
        }
    }
}

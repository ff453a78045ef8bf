//! The configuration of a node that runs, and what another would change.

use homelab_core::{Error, ErrorKind, ExposeSecret, Result};
use serde::{Deserialize, Serialize};

use super::mask::mask;
use super::{Change, MachineConfig};
use crate::cosi::types::MachineConfigs;
use crate::lifecycle::{AppliedConfiguration, ApplyOptions};
use crate::node::NodeClient;

/// What a configuration would do to a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ConfigurationPlan {
    /// What differs from the configuration that runs. Values of secrets are
    /// masked. Empty when nothing does.
    pub changes: Vec<Change>,
    /// What the node says about it: whether a reboot is needed, warnings, and the
    /// differences in its own words, with secrets masked there too.
    pub dry_run: AppliedConfiguration,
}

impl NodeClient {
    /// The machine configuration that runs, with all its documents. It holds keys
    /// and tokens.
    ///
    /// # Errors
    /// `NotFound` while the node has none; `PermissionDenied` without `os:admin`.
    pub async fn machine_config(&self) -> Result<MachineConfig> {
        let named = |e: Error| e.operation("machine configuration").target(self.target());
        let resource = self.get::<MachineConfigs>("v1alpha1").await?;
        let text = String::from_utf8(resource.spec.0.yaml_marshalled).map_err(|_| {
            named(Error::new(
                ErrorKind::Protocol,
                "the configuration is not text",
            ))
        })?;
        MachineConfig::parse(&format!("configuration of {}", self.target()), &text).map_err(named)
    }

    /// Says what `config` would change on the node, and changes nothing: both
    /// configurations compared, and the node's own dry run, which also validates.
    ///
    /// # Errors
    /// As [`machine_config`](NodeClient::machine_config) and
    /// [`apply_configuration`](NodeClient::apply_configuration).
    ///
    /// ```no_run
    /// # async fn example(node: talos_client::NodeClient) -> homelab_core::Result<()> {
    /// use talos_client::ApplyOptions;
    /// use talos_client::machine_config::Patch;
    ///
    /// let mut config = node.machine_config().await?;
    /// config.apply(&Patch::parse("patch.yaml", "machine: {sysctls: {vm.nr_hugepages: '1024'}}")?)?;
    /// let plan = node.plan_configuration(&config, ApplyOptions::default()).await?;
    /// for change in &plan.changes {
    ///     println!("{} {:?}: {:?} -> {:?}", change.path, change.kind, change.old, change.new);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn plan_configuration(
        &self,
        config: &MachineConfig,
        options: ApplyOptions,
    ) -> Result<ConfigurationPlan> {
        let running = self.machine_config().await?;
        let mut dry_run = self
            .apply_configuration(config.to_yaml().expose_secret(), options.dry_run())
            .await?;
        dry_run.details = mask(&dry_run.details, [&running, config]);
        Ok(ConfigurationPlan {
            changes: running.diff(config),
            dry_run,
        })
    }
}

//! `ApplyConfiguration`: checks a config, finds out how it can come into force,
//! and hands it to the node.

use std::time::Duration;

use talos_proto::machine as pb;
use talos_proto::machine::apply_configuration_request::Mode;
use tonic::Status;

use crate::talos::config::{diff, needs_reboot, read};
use crate::talos::local::Local;
use crate::world::{Apply, MachineConfig, Stage, TalosNode};

/// How long a config is tried unless somebody says otherwise.
const TRIAL: Duration = Duration::from_secs(60);

pub(super) fn apply(
    local: &Local,
    request: &pb::ApplyConfigurationRequest,
) -> Result<pb::ApplyConfigurationResponse, Status> {
    let text = std::str::from_utf8(&request.data)
        .map_err(|_| Status::invalid_argument("the configuration is not UTF-8"))?;
    let actor = local.actor();
    local.change_state(|state| {
        let Some(node) = state.node(&local.name) else {
            return Err(Status::unavailable("the node is down"));
        };
        let maintenance = node.stage == Stage::Maintenance;
        let config = read(text, !maintenance, node.since(14)).map_err(|why| {
            Status::invalid_argument(format!("configuration validation failed: {why}"))
        })?;
        check(node, &config)?;
        let (how, mode) = how(node, &config, request)?;
        let before = node.config.as_ref().map_or("", |c| c.text.as_str());
        let details = if request.dry_run {
            format!(
                "Dry run: {}.\nConfig diff:\n\n{}",
                said(how),
                diff(before, text)
            )
        } else {
            said(how).to_owned()
        };
        if !request.dry_run {
            state.apply_config(&local.name, config, how, &actor);
        }
        Ok(pb::ApplyConfigurationResponse {
            messages: vec![pb::ApplyConfiguration {
                metadata: None,
                warnings: Vec::new(),
                mode: mode.into(),
                mode_details: details,
            }],
        })
    })
}

/// What the node refuses whatever the mode.
fn check(node: &TalosNode, config: &MachineConfig) -> Result<(), Status> {
    if node.reboot_waits {
        return Err(Status::failed_precondition(
            "a configuration waits for the reboot that is under way",
        ));
    }
    if node.sequence.is_some() {
        return Err(Status::failed_precondition(
            "the node is busy with another sequence",
        ));
    }
    // A part of a config is not enough to go on with.
    if config.ca.is_empty() {
        return Err(Status::invalid_argument(
            "the applied machine configuration has no v1alpha1 document",
        ));
    }
    Ok(())
}

/// How a config comes into force, and the mode that says so.
fn how(
    node: &TalosNode,
    config: &MachineConfig,
    request: &pb::ApplyConfigurationRequest,
) -> Result<(Apply, Mode), Status> {
    let maintenance = node.stage == Stage::Maintenance;
    let wanted = Mode::try_from(request.mode)
        .map_err(|_| Status::invalid_argument(format!("unknown mode {}", request.mode)))?;
    let trial = request
        .try_mode_timeout
        .and_then(|time| Duration::try_from(time).ok())
        .filter(|time| !time.is_zero())
        .unwrap_or(TRIAL);
    if maintenance {
        return match wanted {
            Mode::Reboot | Mode::Auto => Ok((Apply::Live, Mode::NoReboot)),
            Mode::Try => Ok((Apply::Try(trial), Mode::Try)),
            _ if !node.since(13) => Err(Status::unimplemented(format!(
                "apply configuration mode {} is not supported in maintenance mode",
                wanted.as_str_name()
            ))),
            Mode::NoReboot => Ok((Apply::Live, Mode::NoReboot)),
            Mode::Staged => Ok((Apply::Live, Mode::Staged)),
        };
    }
    let before = node.config.as_ref().map_or("", |c| c.text.as_str());
    let reboot = needs_reboot(before, &config.text).filter(|_| !node.since(14));
    match (wanted, reboot) {
        (Mode::Reboot, _) if node.since(14) => Err(Status::unimplemented(
            "apply configuration mode REBOOT is not supported any more",
        )),
        (Mode::Reboot, _) | (Mode::Auto, Some(_)) => Ok((Apply::Reboot, Mode::Reboot)),
        (Mode::NoReboot | Mode::Try, Some(path)) => Err(Status::invalid_argument(format!(
            "this config change can't be applied in immediate mode: {path} needs a reboot"
        ))),
        (Mode::Auto | Mode::NoReboot, None) => Ok((Apply::Live, Mode::NoReboot)),
        (Mode::Try, None) => Ok((Apply::Try(trial), Mode::Try)),
        (Mode::Staged, _) => Ok((Apply::Staged, Mode::Staged)),
    }
}

fn said(how: Apply) -> &'static str {
    match how {
        Apply::Reboot => "applied configuration with a reboot",
        Apply::Live => "applied configuration without a reboot",
        Apply::Staged => "staged configuration to be applied after the next reboot",
        Apply::Try(_) => "applied configuration to be reverted after the time of the trial",
    }
}

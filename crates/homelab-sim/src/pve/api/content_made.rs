//! Volumes that are made without a guest: allocated, or copied.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::answer::{Answer, ApiError, Result};
use super::super::config_keys::property;
use super::super::operation::Job;
use super::super::router::Call;
use super::content::{disk, in_path, owner_of, place};
use crate::world::Volume;

/// `POST …/content`: an empty disk image that no guest has yet.
pub(super) fn allocate(call: &Call<'_>) -> Result<Answer> {
    let node = call.node();
    let file = call.text("filename").unwrap_or_default();
    let vmid = call.vmid();
    let size = call.text("size").unwrap_or_default();
    // A bare number counts KiB.
    let bytes = match size.parse::<u64>() {
        Ok(kib) => kib << 10,
        Err(_) => property::size(&size).unwrap_or_default(),
    };
    call.cluster.world().change(|state| {
        let storage = place(state, call)?;
        let id = storage.id.clone();
        let (name, format) = if storage.keeps_files() {
            let extension = file.rsplit_once('.').map_or("raw", |(_, e)| e);
            if let Some(format) = call.text("format")
                && format != extension
            {
                let text = format!("format mismatch - '{format}' and '{extension}'");
                return Err(ApiError::param("format", text));
            }
            (format!("{vmid}/{file}"), extension.to_owned())
        } else {
            (file.clone(), "raw".to_owned())
        };
        if owner_of(&file) != Some(vmid) {
            return Err(ApiError::param(
                "filename",
                "filename must start with 'vm-VMID-'",
            ));
        }
        let volid = format!("{id}:{name}");
        if storage.volume(&name, &node).is_some() || disk(state, &volid).is_some() {
            let path = format!("{}/images/{name}", storage.path());
            return Err(ApiError::die(format!("disk image '{path}' already exists")));
        }
        let volume = Volume {
            name,
            host: node.clone(),
            content: "images".into(),
            format,
            size_bytes: bytes,
            created_at: state.now,
            notes: None,
            protected: false,
            guest: None,
            checksums: BTreeMap::new(),
        };
        if let Some(storage) = state.storage_mut(&id) {
            storage.keep(volume).map_err(ApiError::die)?;
        }
        Ok(Value::String(volid).into())
    })
}

/// A size as `allocate` takes it.
pub(super) fn image_size(text: &str) -> std::result::Result<(), String> {
    let digits = text.strip_suffix(['K', 'M', 'G']).unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        Ok(())
    } else {
        Err("value does not match the regex pattern".into())
    }
}

/// `POST …/content/{volume}`: copies a volume; only root itself may.
pub(super) fn copy(call: &Call<'_>) -> Result<Answer> {
    if !call.is_root() {
        return Err(ApiError::forbidden("user != root@pam"));
    }
    let (id, name) = in_path(call, "volume")?;
    let target = call.text("target").unwrap_or_default();
    let node = call.node();
    let to = call.text("target_node").unwrap_or_else(|| node.clone());
    let lines = ["DEBUG: starting worker".to_owned()];
    let job = Job::new(call, "imgcopy", "", move |state| {
        let (storage, file) = target.split_once(':').unwrap_or((&id, &target));
        if !file.contains('/') {
            return Err(format!("unable to parse directory volume name '{file}'"));
        }
        let source = state
            .storage(&id, &node)
            .and_then(|s| s.volume(&name, &node));
        let mut volume = source
            .cloned()
            .ok_or_else(|| format!("volume '{id}:{name}' does not exist"))?;
        file.clone_into(&mut volume.name);
        to.clone_into(&mut volume.host);
        let missing = || format!("storage '{storage}' does not exist");
        state.storage_mut(storage).ok_or_else(missing)?.keep(volume)
    });
    Ok(job.lines(lines).start(call))
}

//! `/nodes/{node}/aplinfo`: templates of containers that can be downloaded.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::operation::Job;
use super::super::params::{Kind, required};
use super::super::router::{Access, Call, Route, get};
use super::{content, fetch};
use crate::world::Volume;

/// What PVE knows as a catalogue of container templates.
fn catalogue(_: &Call<'_>) -> Result<Answer> {
    let rows = TEMPLATES.iter().map(|(os, version, name)| {
        json!({
            "package": name.split('_').next(), "template": name, "os": format!("{os}-{version}"),
            "version": version, "section": "system", "architecture": "amd64", "type": "lxc",
            "headline": format!("{os} {version}"), "source": "simulated",
            "location": format!("https://images.invalid/{name}"),
        })
    });
    Ok(Value::Array(rows.collect()).into())
}

const TEMPLATES: &[(&str, &str, &str)] = &[
    (
        "alpine",
        "3.22",
        "alpine-3.22-default_20250617_amd64.tar.xz",
    ),
    ("debian", "13", "debian-13-standard_13.1-2_amd64.tar.zst"),
    (
        "ubuntu",
        "24.04",
        "ubuntu-24.04-standard_24.04-2_amd64.tar.zst",
    ),
];

/// `POST …/aplinfo`: a template of the catalogue.
fn template(call: &Call<'_>) -> Result<Answer> {
    let name = call.text("template").unwrap_or_default();
    if !TEMPLATES.iter().any(|(_, _, known)| *known == name) {
        return Err(ApiError::param("template", "no such template"));
    }
    let id = call.text("storage").unwrap_or_default();
    call.need(&format!("/storage/{id}"), "Datastore.AllocateTemplate")?;
    let node = call.node();
    let (seed, volume) = call.cluster.world().read(|state| {
        let storage = content::place(state, call)?;
        if !storage.content.iter().any(|c| c == "vztmpl") {
            let text = format!("cannot download to storage '{id}'");
            return Err(ApiError::die(text));
        }
        let ending = name.rsplit('.').next().unwrap_or_default();
        let volume = Volume {
            name: format!("vztmpl/{name}"),
            host: node,
            content: "vztmpl".into(),
            format: format!("t{ending}"),
            size_bytes: fetch::pretended_size(state.seed, &name),
            created_at: state.now,
            notes: None,
            protected: false,
            guest: None,
            checksums: BTreeMap::new(),
        };
        Ok((state.seed, volume))
    })?;
    let size = fetch::pretended_size(seed, &name);
    let lines = fetch::progress(size);
    let speed = call.cluster.0.options.copy_bytes_per_second;
    let job = Job::new(call, "download", name, move |state| {
        let gone = || format!("storage '{id}' does not exist");
        state.storage_mut(&id).ok_or_else(gone)?.keep(volume)
    });
    Ok(job.lines(lines).carries(size, speed).start(call))
}

pub(super) const ROUTES: &[Route] = &[
    get("/nodes/{node}/aplinfo", Access::User, catalogue),
    get("/nodes/{node}/aplinfo", Access::User, template)
        .method("POST")
        .with(&[
            required("storage", Kind::Text),
            required("template", Kind::Text),
        ]),
];

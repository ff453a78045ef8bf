//! Patches: the official patcher and ours make the same of a table of cases.

use homelab_core::ExposeSecret;
use serde::{Deserialize, Serialize};
use talos_client::machine_config::{MachineConfig, Patch};

use crate::patch_cases::{CASES, EXPLAINED};
use crate::peer;

#[derive(Serialize)]
struct Case {
    name: &'static str,
    config: &'static str,
    patch: &'static str,
    ours: String,
}

#[derive(Deserialize)]
struct Verdict {
    name: String,
    theirs: String,
    ours: String,
    refused: String,
    unreadable: String,
}

#[test]
fn the_official_patcher_makes_the_same() {
    let cases: Vec<_> = CASES
        .iter()
        .map(|&(name, config, patch)| {
            let patched = MachineConfig::parse("config", config).and_then(|mut c| {
                c.apply(&Patch::parse("patch", patch)?)?;
                Ok(c)
            });
            let ours = patched.map_or_else(
                |_| String::new(),
                |c| c.to_yaml().expose_secret().to_owned(),
            );
            Case {
                name,
                config,
                patch,
                ours,
            }
        })
        .collect();
    let Some(verdicts) = peer::ask::<Vec<Verdict>>("patch", &cases, &[]) else {
        return;
    };
    assert_eq!(verdicts.len(), cases.len());
    let mut wrong = Vec::new();
    for (case, v) in cases.iter().zip(verdicts) {
        let same = if v.refused.is_empty() {
            v.unreadable.is_empty() && v.theirs == v.ours
        } else {
            case.ours.is_empty()
        };
        let explained = EXPLAINED.iter().any(|(name, _)| *name == v.name);
        if same == explained {
            wrong.push(format!(
                "{}: refused {:?}, unreadable {:?}\n--- theirs\n{}\n--- ours\n{}",
                v.name, v.refused, v.unreadable, v.theirs, v.ours
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

//! All property strings there are: what their rules allow is read, printed and
//! means the same; so is what real configurations hold.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that says when it is skipped"
)]

use std::path::PathBuf;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use proxmox_endpoints::describe::{self, Format, Kind, PropertyKey};
use proxmox_endpoints::{calls, reprinted};

/// Texts that the rules of a key allow.
fn value(key: &PropertyKey) -> BoxedStrategy<String> {
    let param = &key.param;
    if !param.words.is_empty() {
        return prop::sample::select(param.words.clone())
            .prop_map(str::to_owned)
            .boxed();
    }
    #[allow(
        clippy::cast_possible_truncation,
        reason = "bounds are whole and small"
    )]
    let bound = |at: Option<f64>, otherwise: i64| at.map_or(otherwise, |n| n as i64);
    match (param.kind, param.format) {
        (Kind::Boolean, _) => prop::sample::select(vec!["0", "1"])
            .prop_map(str::to_owned)
            .boxed(),
        (Kind::Integer, _) => {
            let min = bound(param.min, 0);
            (min..=bound(param.max, min + 1000).max(min))
                .prop_map(|n| n.to_string())
                .boxed()
        }
        (Kind::Number, _) => (1i64..100).prop_map(|n| format!("{n}.5")).boxed(),
        (_, Some("disk-size")) => "[1-9][0-9]{0,2}[KMGT]".boxed(),
        (_, Some("mac-addr")) => "([0-9A-F][02468ACE])(:[0-9A-F]{2}){5}".boxed(),
        _ => "[a-z][a-z0-9]{1,6}".boxed(),
    }
}

/// A whole text: some of the keys, in any order.
fn text(keys: &'static [PropertyKey]) -> BoxedStrategy<String> {
    let real: Vec<&PropertyKey> = keys.iter().filter(|k| k.alias.is_none()).collect();
    let parts: Vec<BoxedStrategy<Option<String>>> = real
        .iter()
        .map(|key| {
            let part = {
                let (name, default) = (key.param.name, key.default);
                value(key).prop_map(move |v| if default { v } else { format!("{name}={v}") })
            };
            if key.param.required || key.default {
                part.prop_map(Some).boxed()
            } else {
                prop::option::of(part).boxed()
            }
        })
        .collect();
    parts
        .prop_map(|parts| parts.into_iter().flatten().collect::<Vec<_>>())
        .prop_shuffle()
        .prop_map(|parts| parts.join(","))
        .boxed()
}

#[test]
fn what_the_rules_allow_survives() {
    let mut formats: Vec<&'static str> = describe::formats()
        .filter(|name| matches!(describe::format(name), Some(Format::Property(_))))
        .collect();
    formats.sort_unstable();
    assert!(formats.len() >= 81, "{}", formats.len());
    for format in formats {
        let Some(Format::Property(keys)) = describe::format(format) else {
            continue;
        };
        let mut runner = TestRunner::new(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(32)
        });
        runner
            .run(&text(keys), |text| {
                if text.is_empty() {
                    return Ok(());
                }
                let printed = reprinted(format, &text)
                    .ok_or_else(|| TestCaseError::fail("no type"))?
                    .map_err(|e| TestCaseError::fail(format!("{format}: {e}")))?;
                let again = reprinted(format, &printed).and_then(Result::ok);
                prop_assert_eq!(again.as_ref(), Some(&printed), "{}", format);
                // Order and keys stay, but for a model that takes a MAC address with it.
                if !keys.iter().any(|key| key.name_to.is_some()) {
                    prop_assert_eq!(&printed, &text, "{}", format);
                }
                Ok(())
            })
            .unwrap();
    }
}

/// Property strings in the recorded requests and configurations of real servers.
#[test]
fn what_real_servers_hold_survives() {
    let folder = std::env::var_os("PVE_RECORDINGS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/facts/pve/recorded"),
        PathBuf::from,
    );
    if !folder.is_dir() {
        println!("SKIPPED: no recordings; set PVE_RECORDINGS to a folder of them");
        return;
    }
    let families: Vec<(&str, &'static str)> = calls()
        .iter()
        .filter(|call| matches!(call.name, "CreateQemu" | "CreateLxc"))
        .flat_map(|call| &call.params)
        .filter_map(|p| Some((p.name, p.format?)))
        .filter(|(_, format)| matches!(describe::format(format), Some(Format::Property(_))))
        .collect();
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "jsonl") {
            continue;
        }
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let exchange: serde_json::Value = serde_json::from_str(line).unwrap();
            let asked = exchange
                .pointer("/request/line")
                .and_then(|l| l.as_str())
                .unwrap_or("");
            let body = exchange
                .pointer("/response/body")
                .and_then(|b| b.as_str())
                .unwrap_or("");
            let guest = if asked.contains("/lxc/") {
                "lxc."
            } else {
                "qemu."
            };
            if !asked.starts_with("GET ") || !asked.contains("/config") {
                continue;
            }
            let answer: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
            for (key, value) in answer
                .get("data")
                .and_then(|d| d.as_object())
                .into_iter()
                .flatten()
            {
                let family = key.trim_end_matches(|c: char| c.is_ascii_digit());
                // `boot` of a guest without disks is one blank.
                let Some(text) = value.as_str().filter(|t| !t.trim().is_empty()) else {
                    continue;
                };
                let format = families
                    .iter()
                    .filter(|(name, _)| *name == family)
                    .map(|(_, format)| *format)
                    .min_by_key(|format| !format.starts_with(guest));
                let Some(format) = format else { continue };
                let printed = reprinted(format, text)
                    .unwrap()
                    .unwrap_or_else(|e| panic!("{key}: {text}: {e}"));
                let again = reprinted(format, &printed).unwrap().unwrap();
                assert_eq!(printed, again, "{key}: {text}");
                assert_eq!(
                    printed.split(',').count(),
                    text.split(',').count(),
                    "{key}: {text}"
                );
                seen += 1;
            }
        }
    }
    println!("{seen} property strings of real configurations");
    assert!(seen > 0);
}

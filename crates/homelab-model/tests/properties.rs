//! What must hold for any text: no panic, and places that are in the file.
#![allow(missing_docs, clippy::expect_used, reason = "tests")]

use homelab_core::{Error, ErrorKind, Location, Result};
use homelab_model::{Inventory, Topology, findings, talhelper, what_if};
use proptest::prelude::*;

const LAB: &str = include_str!("../../../examples/labs/ragas/homelab.yaml");
const TALCONFIG: &str = include_str!("../../../examples/labs/ragas/talos/talconfig.yaml");
const TALENV: &str = include_str!("../../../examples/labs/ragas/talos/talenv.yaml");

fn read(path: &str) -> Result<String> {
    match path {
        "talos/talconfig.yaml" => Ok(TALCONFIG.to_owned()),
        "talos/talenv.yaml" => Ok(TALENV.to_owned()),
        path if path.contains("patches/") => Ok("cluster: {proxy: {disabled: true}}".to_owned()),
        path => Err(Error::new(ErrorKind::NotFound, path)),
    }
}

/// A place is in the text: its line exists, and its column is on it or just behind it.
fn is_in(location: &Location, text: &str) -> bool {
    let line = text.split('\n').nth(location.line as usize - 1);
    line.is_some_and(|line| {
        location.column >= 1 && location.column as usize <= line.chars().count() + 1
    }) || location.line as usize == text.split('\n').count() + 1
}

fn try_lab(text: &str) -> std::result::Result<(), TestCaseError> {
    match Inventory::parse("lab.yaml", text, &read) {
        Ok(inventory) => {
            for warning in &inventory.warnings {
                if warning.location.file == "lab.yaml" {
                    prop_assert!(is_in(&warning.location, text), "{:?}", warning);
                }
            }
            let topology = Topology::from_inventory(&inventory);
            findings(&topology);
            for host in &topology.hosts {
                what_if::lose_hosts(&topology, &[&host.name]);
            }
        }
        Err(error) => {
            prop_assert_eq!(error.kind(), ErrorKind::Config);
            let place = error.location().expect("a place");
            if place.file == "lab.yaml" {
                prop_assert!(is_in(place, text), "{} in {:?}", error, text);
            }
        }
    }
    Ok(())
}

/// The text with a part of its characters replaced.
fn mutated(text: &str, at: usize, length: usize, with: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = at % (chars.len() + 1);
    let end = (at + length).min(chars.len());
    chars[..at]
        .iter()
        .chain(with.chars().collect::<Vec<_>>().iter())
        .chain(&chars[end..])
        .collect()
}

proptest! {
    #[test]
    fn any_text_is_an_inventory_or_an_error_with_a_place(text in "\\PC{0,200}") {
        try_lab(&text)?;
    }

    #[test]
    fn yaml_like_text_too(text in "[a-z0-9:&*<>{}\\[\\], '\"|$@#~\\-\n\t]{0,120}") {
        try_lab(&text)?;
        let _ = talhelper::import("t.yaml", &text, Some(("e.yaml", &text)), &read);
    }

    #[test]
    fn a_damaged_inventory(at in 0usize..4000, length in 0usize..20, with in "[a-z0-9:&*<{}\\[\\], '\"|$@#\n\\-🦀]{0,6}") {
        try_lab(&mutated(LAB, at, length, &with))?;
    }

    #[test]
    fn a_damaged_talconfig(at in 0usize..4000, length in 0usize..20, with in "[a-z0-9:&*<{}\\[\\], '\"|$@#\n\\-🦀]{0,6}") {
        let text = mutated(TALCONFIG, at, length, &with);
        let prefixed = |path: &str| read(&format!("talos/{path}"));
        match talhelper::import("t.yaml", &text, Some(("e.yaml", TALENV)), &prefixed) {
            Ok(import) => {
                for warning in import.warnings {
                    prop_assert!(is_in(&warning.location, &text), "{:?}", warning);
                }
            }
            Err(error) => {
                let place = error.location().expect("a place");
                if place.file == "t.yaml" {
                    prop_assert!(is_in(place, &text), "{} in {:?}", error, text);
                }
            }
        }
    }

    #[test]
    fn an_unknown_key_is_reported_where_it_stands(line in 0usize..40, indent in 0usize..3) {
        // After the last of several hosts, and some empty lines.
        let hosts = (0..=line).map(|n| format!("  - name: h{n}\n    memory: 8GB\n"));
        let key = format!("    {}zzzzzz: 1\n", "\n    ".repeat(indent));
        let text = format!("name: x\nhosts:\n{}{key}", hosts.collect::<String>());
        let inventory = Inventory::parse("lab.yaml", &text, &read).unwrap();
        let place = &inventory.warnings[0].location;
        let expected = text.lines().position(|l| l.contains("zzzzzz")).unwrap() + 1;
        prop_assert_eq!(place.line as usize, expected);
        let shown = text.lines().nth(expected - 1).unwrap();
        prop_assert_eq!(place.column as usize, shown.find('z').unwrap() + 1);
    }
}

//! docs/talos-coverage.md names every method of the wire contract, with the
//! contract's own words on roles and age, and wrappers that exist.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
}

fn read_all(folder: &str, extension: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    files(&folder, extension, &mut found);
    found
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect()
}

/// Roles and age of each method, from the comment above it.
fn contract() -> BTreeMap<String, (String, String)> {
    let mut methods = BTreeMap::new();
    for text in read_all("../talos-proto/proto", "proto") {
        let (mut service, mut comment) = (String::new(), String::new());
        for line in text.lines().map(str::trim) {
            if let Some(words) = line.strip_prefix("//") {
                comment.push_str(words);
            } else if let Some(name) = line.strip_prefix("service ") {
                name.trim_end_matches(" {").clone_into(&mut service);
                comment.clear();
            } else if let Some(rest) = line.strip_prefix("rpc ") {
                let method = rest.split('(').next().unwrap();
                let after = |key: &str| comment.split_once(key).map(|(_, rest)| rest);
                let roles = after("Roles: ").map_or("", |r| r.split('.').next().unwrap());
                let since = after("Since ").map_or("", |r| r.trim_end_matches('.'));
                methods.insert(
                    format!("{service}.{method}"),
                    (roles.to_owned(), since.to_owned()),
                );
                comment.clear();
            } else {
                comment.clear();
            }
        }
    }
    methods
}

#[test]
fn every_method_has_a_row_and_every_wrapper_exists() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/talos-coverage.md");
    let page = fs::read_to_string(path).unwrap();
    let source = read_all("src", "rs").join("\n");
    let mut rows = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [method, wrappers, since, roles] = cells.as_slice() else {
            panic!("{line}");
        };
        // Wrappers are code; what has none says why.
        for wrapper in wrappers.split('`').skip(1).step_by(2) {
            let name = wrapper.trim_start_matches("raw().");
            let raw = wrapper.starts_with("raw().") && source.contains(&format!("    {name}: "));
            assert!(
                raw || source.contains(&format!("fn {name}("))
                    || source.contains(&format!("fn {name}<")),
                "{method} is not wrapped by {wrapper}"
            );
        }
        assert!(!wrappers.is_empty(), "{line}");
        let facts = ((*roles).to_owned(), (*since).to_owned());
        let before = rows.insert(method.trim_matches('`').to_owned(), facts);
        assert!(before.is_none(), "{method} has two rows");
    }
    assert_eq!(rows, contract());
}

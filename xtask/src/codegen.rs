//! Writes every generated file, or tells which are stale.
//!
//! Generated code is checked in, so that users need no generator. A new
//! generator is one file with `generate()` and one line in [`GENERATORS`].

use std::fs;
use std::path::{Path, PathBuf};

/// What a generator returns: files relative to the root, with their contents.
pub(crate) type Files = Vec<(PathBuf, String)>;

type Generator = fn() -> Result<Files, String>;

/// Every generator, by the name that messages use.
const GENERATORS: &[(&str, Generator)] = &[
    ("bindings", crate::bindings::generate),
    ("faults", crate::faults_doc::generate),
    ("findings", crate::findings_doc::generate),
    ("talos", crate::talos::generate),
    ("proxmox", crate::proxmox::generate),
];

/// Writes all generated files that differ; of one generator alone when it is
/// named, which helps when the code that the others read does not compile.
pub(crate) fn write(root: &Path, only: Option<&str>) -> Result<(), String> {
    for (path, content) in generate(only)? {
        let path = root.join(path);
        if fs::read_to_string(&path).ok().as_deref() == Some(&content) {
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        fs::write(&path, content).map_err(|e| format!("{}: {e}", path.display()))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

/// Fails, naming the files, when a generated file differs from what would be written.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    let stale: Vec<String> = generate(None)?
        .into_iter()
        .filter(|(path, content)| {
            fs::read_to_string(root.join(path)).ok().as_deref() != Some(content)
        })
        .map(|(path, _)| path.display().to_string())
        .collect();
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!(
        "stale, run `cargo xtask codegen`: {}",
        stale.join(", ")
    ))
}

fn generate(only: Option<&str>) -> Result<Files, String> {
    let mut files = Files::new();
    for (name, generator) in GENERATORS {
        if only.is_some_and(|only| only != *name) {
            continue;
        }
        files.extend(generator().map_err(|e| format!("{name}: {e}"))?);
    }
    Ok(files)
}

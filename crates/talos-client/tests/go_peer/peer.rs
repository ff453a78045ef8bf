//! The Go program, built once.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Asks the program; `None`, said visibly, where it cannot be built.
pub(crate) fn ask<T: DeserializeOwned>(
    mode: &str,
    question: &impl Serialize,
    env: &[(&str, &str)],
) -> Option<T> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let binary = match BINARY.get_or_init(build) {
        Ok(binary) => binary,
        Err(why) => {
            eprintln!("SKIPPED: {why}");
            return None;
        }
    };
    let mut child = Command::new(binary)
        .arg(mode)
        .envs(env.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = serde_json::to_vec(question).unwrap();
    child.stdin.take().unwrap().write_all(&text).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{mode}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// `Err` says why there is no program: no Go, or its modules cannot be had. One
/// that does not compile is a failure.
fn build() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    let binary = Path::new(env!("CARGO_TARGET_TMPDIR")).join("talos-config-peer");
    let go = |arguments: &[&str]| {
        Command::new("go")
            .args(arguments)
            .current_dir(&folder)
            .output()
    };
    let Ok(modules) = go(&["mod", "download"]) else {
        return Err("Go is not installed".to_owned());
    };
    if !modules.status.success() {
        let why = String::from_utf8_lossy(&modules.stderr).into_owned();
        return Err(format!("the Go modules cannot be had: {why}"));
    }
    let built = go(&["build", "-o", &binary.to_string_lossy(), "."]).map_err(|e| e.to_string())?;
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    Ok(binary)
}

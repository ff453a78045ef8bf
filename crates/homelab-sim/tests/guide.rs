//! docs/simulator.md is run, not believed. Its Python and Node parts are run by
//! the tests of the bindings.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on has failed"
)]

use std::path::Path;
use std::process::Command;

const GUIDE: &str = include_str!("../../../docs/simulator.md");

/// The parts of the guide in one language.
fn parts(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let parts = GUIDE.split(fence.as_str()).skip(1);
    parts
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

fn write_lab(folder: &Path) {
    std::fs::write(folder.join("homelab.yaml"), parts("yaml")[0]).unwrap();
}

#[cfg(unix)]
#[test]
fn the_shell_parts_run_from_top_to_bottom() {
    for needed in ["bash", "curl"] {
        if Command::new(needed).arg("--version").output().is_err() {
            eprintln!("SKIPPED: there is no {needed}");
            return;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    write_lab(folder.path());
    let program = Path::new(env!("CARGO_BIN_EXE_homelab-sim"));
    let path = std::env::join_paths(
        std::iter::once(program.parent().unwrap().to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let shell = parts("sh");
    assert!(shell.len() >= 5, "{}", shell.len());
    // What is left running when a part fails ends with its shell.
    let script = format!(
        "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{}",
        shell.concat()
    );
    let output = Command::new("bash")
        .arg("-c")
        .arg(script)
        .env("PATH", path.unwrap())
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

mod rust {
    //! The Rust part, word for word.

    pub(super) const SOURCE: &str = include_str!("guide.rs");

    #[rustfmt::skip]
    pub(super) async fn part() -> homelab_core::Result<()> {
// begin
use std::time::Duration;

use homelab_sim::{EventFilter, Fault, Sim, SimClock, SimOptions};

let options = SimOptions::default().clock(SimClock::paused());
let sim = Sim::start_file("homelab.yaml", options).await?;
sim.fault("client/pve1", Fault::Latency(20))?;
sim.guest_stop(101)?;
sim.advance(Duration::from_secs(60));
let gone = EventFilter::new("guest.power").who("101");
sim.wait_for_event(&gone, Duration::from_secs(5)).await?;
sim.stop().await;
// end
        Ok(())
    }
}

#[tokio::test]
async fn the_rust_part_runs() {
    let (_, rest) = rust::SOURCE.split_once("// begin\n").unwrap();
    let (code, _) = rest.split_once("// end").unwrap();
    assert_eq!(parts("rust"), [code], "the guide and this file differ");
    let folder = tempfile::tempdir().unwrap();
    write_lab(folder.path());
    std::env::set_current_dir(folder.path()).unwrap();
    rust::part().await.unwrap();
}

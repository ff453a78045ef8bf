//! `cargo xtask compile-cost`: what it costs to check the Proxmox VE types.
//!
//! Measures a clean `cargo check` of `proxmox-endpoints` alone and of the
//! generated peer `proxmox-api` with all features, dependencies warm in both
//! cases, one after the other in one run, and prints wall time, CPU time and
//! the peak memory of the largest rustc. Linux only: reads /proc.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// What one check costs.
struct Cost {
    wall: Duration,
    cpu_seconds: f64,
    peak_mib: u64,
}

pub(crate) fn run(root: &Path) -> Result<(), String> {
    let work = root.join("target/compile-cost");
    fs::create_dir_all(&work).map_err(|e| format!("{}: {e}", work.display()))?;
    let ours = measure(
        "proxmox-endpoints",
        || cargo(root, &work.join("ours"), &["-p", "proxmox-endpoints"]),
        &work.join("ours"),
    )?;
    let peer_folder = work.join("peer");
    peer(&peer_folder)?;
    let theirs = measure(
        "proxmox-api",
        || cargo(&peer_folder, &work.join("theirs"), &["-p", "proxmox-api"]),
        &work.join("theirs"),
    )?;
    println!(
        "| crate, `cargo check`, dependencies warm | wall s | CPU s | peak RSS of rustc, MiB |"
    );
    println!("|---|---|---|---|");
    for (name, cost) in [
        ("proxmox-endpoints", &ours),
        ("proxmox-api 0.2, all features", &theirs),
    ] {
        println!(
            "| {name} | {:.1} | {:.1} | {} |",
            cost.wall.as_secs_f64(),
            cost.cpu_seconds,
            cost.peak_mib
        );
    }
    println!(
        "ratio: {:.2} of the CPU time, {:.2} of the memory",
        ours.cpu_seconds / theirs.cpu_seconds.max(0.1),
        mib(ours.peak_mib) / mib(theirs.peak_mib.max(1)),
    );
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "mebibytes")]
fn mib(value: u64) -> f64 {
    value as f64
}

/// A project that depends on the peer with every feature it has.
fn peer(folder: &Path) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
    fs::create_dir_all(folder.join("src")).map_err(failed)?;
    fs::write(folder.join("src/lib.rs"), "").map_err(failed)?;
    fs::write(
        folder.join("Cargo.toml"),
        "[package]\nname = \"peer\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
         [dependencies]\nproxmox-api = { version = \"0.2\", features = [\"cli\"] }\n\n[workspace]\n",
    )
    .map_err(failed)
}

fn cargo(folder: &Path, target: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(folder)
        .arg("check")
        .arg("--quiet")
        .args(args)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_INCREMENTAL", "0");
    command
}

/// Warms the dependencies, forgets the crate itself, and checks it once more.
fn measure(crate_name: &str, check: impl Fn() -> Command, target: &Path) -> Result<Cost, String> {
    let run = |what: &mut Command| -> Result<Cost, String> {
        let before = children_cpu();
        let start = Instant::now();
        let mut child = what.spawn().map_err(|e| format!("cargo: {e}"))?;
        let mut peak_mib = 0;
        let status = loop {
            peak_mib = peak_mib.max(peak_of(crate_name));
            if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
                break status;
            }
            thread::sleep(Duration::from_millis(20));
        };
        if !status.success() {
            return Err(format!("{crate_name} does not compile"));
        }
        Ok(Cost {
            wall: start.elapsed(),
            cpu_seconds: children_cpu() - before,
            peak_mib,
        })
    };
    run(&mut check())?;
    // The crate's own fingerprint goes, everything else stays.
    let fingerprints = target.join("debug/.fingerprint");
    let entries =
        fs::read_dir(&fingerprints).map_err(|e| format!("{}: {e}", fingerprints.display()))?;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let rest = name
            .strip_prefix(crate_name)
            .and_then(|r| r.strip_prefix('-'));
        if rest.is_some_and(|hash| !hash.contains('-')) {
            fs::remove_dir_all(entry.path()).map_err(|e| e.to_string())?;
        }
    }
    run(&mut check())
}

/// CPU seconds of all children that have ended, their children included.
fn children_cpu() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |at: usize| -> f64 { fields.get(at).and_then(|n| n.parse().ok()).unwrap_or(0.0) };
    (ticks(13) + ticks(14)) / TICKS_PER_SECOND
}

/// Peak memory of the rustc that compiles the crate, in MiB; 0 when none runs.
fn peak_of(crate_name: &str) -> u64 {
    let crate_name = crate_name.replace('-', "_");
    let mut peak = 0;
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let process = entry.path();
        let Ok(line) = fs::read(process.join("cmdline")) else {
            continue;
        };
        let mut words = line.split(|b| *b == 0);
        if !words.next().is_some_and(|word| word.ends_with(b"rustc"))
            || !words.any(|word| word == crate_name.as_bytes())
        {
            continue;
        }
        let status = fs::read_to_string(process.join("status")).unwrap_or_default();
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0) / 1024);
    }
    peak
}

//! Everything that must hold, in the order in which a failure is cheapest.
//!
//! Needs Rust, Python, Node and a C compiler. The virtual environment and the
//! node modules are made under `target/`, so a fresh clone is all it takes.
//! Each stage prints its own output; the last line counts tests over all
//! runners: `N passed, N failed`.

mod counts;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use counts::Counts;

struct Run<'a> {
    root: &'a Path,
    counts: Counts,
    failures: Vec<String>,
}

type Stage = (&'static str, fn(&mut Run<'_>));

const STAGES: &[Stage] = &[
    ("fmt", fmt),
    ("clippy", clippy),
    ("codegen", codegen),
    ("venv", venv),
    ("rust", rust),
    ("doc", doc),
    ("python", python),
    ("peers", peers),
    ("node", node),
    ("examples", examples),
];

/// Runs the named stages, or all.
pub(crate) fn run(root: &Path, names: &[&str]) -> Result<(), String> {
    if let Some(unknown) = names.iter().find(|n| !STAGES.iter().any(|(s, _)| s == *n)) {
        let known: Vec<_> = STAGES.iter().map(|(s, _)| *s).collect();
        return Err(format!(
            "no stage {unknown}; there are {}",
            known.join(", ")
        ));
    }
    let root = root.canonicalize().map_err(|e| e.to_string())?;
    let mut run = Run {
        root: &root,
        counts: Counts::default(),
        failures: Vec::new(),
    };
    for (name, stage) in STAGES {
        if names.is_empty() || names.contains(name) {
            println!("\n=== {name}");
            let start = Instant::now();
            stage(&mut run);
            println!("=== {name}: {:.0} s", start.elapsed().as_secs_f64());
        }
    }
    let Run {
        counts, failures, ..
    } = run;
    for failure in &failures {
        println!("FAILED: {failure}");
    }
    println!(
        "{} passed, {} failed, {} skipped",
        counts.passed, counts.failed, counts.skipped
    );
    if failures.is_empty() && counts.failed == 0 {
        Ok(())
    } else {
        Err("not everything holds".into())
    }
}

fn fmt(run: &mut Run<'_>) {
    run.check("cargo fmt", &["cargo", "fmt", "--all", "--check"]);
}

fn clippy(run: &mut Run<'_>) {
    run.check(
        "cargo clippy",
        &[
            "cargo",
            "clippy",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ],
    );
}

fn codegen(run: &mut Run<'_>) {
    run.counted("generated files", super::codegen::check(run.root));
}

fn rust(run: &mut Run<'_>) {
    // Doc tests included: `cargo test` runs them after the others.
    run.check(
        "cargo test",
        &["cargo", "test", "--workspace", "--no-fail-fast"],
    );
}

fn doc(run: &mut Run<'_>) {
    let mut command = run.command(&["cargo", "doc", "--workspace", "--no-deps", "--quiet"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    run.spawn("cargo doc", command);
}

/// The virtual environment of the tests. Before the Rust tests, as they start
/// an independent server from it.
fn venv(run: &mut Run<'_>) {
    if !run.root.join("target/venv/bin/python").exists()
        && !run.check("venv", &["python3", "-m", "venv", "target/venv"])
    {
        return;
    }
    let python = run.python();
    let requirements = "bindings/python/requirements-dev.txt";
    run.check(
        "pip install",
        &[
            &python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "-r",
            requirements,
        ],
    );
}

/// The package, its tests and its types.
fn python(run: &mut Run<'_>) {
    let python = run.python();
    let mut build = run.command(&[&python, "-m", "maturin", "develop", "--quiet"]);
    build.current_dir(run.root.join("bindings/python"));
    build.env("VIRTUAL_ENV", run.root.join("target/venv"));
    if !run.spawn("maturin develop", build) {
        return;
    }
    run.check(
        "pytest",
        &[&python, "-m", "pytest", "-q", "bindings/python/tests"],
    );
    run.check(
        "stubtest",
        &[&python, "-m", "mypy.stubtest", "homelab_sdk._native"],
    );
    run.check(
        "mypy",
        &[
            &python,
            "-m",
            "mypy",
            "--strict",
            "bindings/python/python",
            "bindings/python/tests",
            "examples/python",
        ],
    );
}

/// Clients that are not ours drive the simulator.
fn peers(run: &mut Run<'_>) {
    if run.check(
        "homelab-sim",
        &["cargo", "build", "--quiet", "-p", "homelab-sim"],
    ) {
        let python = run
            .root
            .join("target/venv/bin/python")
            .display()
            .to_string();
        run.check(
            "proxmoxer",
            &[
                &python,
                "-m",
                "pytest",
                "-q",
                "crates/homelab-sim/tests/peers",
            ],
        );
        proxmox_api(run);
    }
}

/// The npm package `proxmox-api`, installed under `target/`.
fn proxmox_api(run: &mut Run<'_>) {
    const TESTS: &str = "crates/homelab-sim/tests/peers/proxmox-api";
    let folder = run.root.join("target/peers/proxmox-api");
    let copied = fs::create_dir_all(&folder).and_then(|()| {
        let package = run.root.join(TESTS).join("package.json");
        fs::copy(package, folder.join("package.json"))
    });
    if let Err(error) = copied {
        run.counted("proxmox-api", Err(error.to_string()));
        return;
    }
    let mut install = run.command(&["npm", "install", "--no-audit", "--no-fund", "--silent"]);
    install.current_dir(&folder);
    if run.spawn("npm install proxmox-api", install) {
        let tests = format!("{TESTS}/life.test.mjs");
        run.check("proxmox-api", &["node", "--test", &tests]);
    }
}

fn node(run: &mut Run<'_>) {
    let folder = run.root.join("bindings/node");
    for (name, argv) in [
        (
            "npm install",
            ["npm", "install", "--no-audit", "--no-fund"].as_slice(),
        ),
        ("tsc", &["npm", "run", "--silent", "check"]),
        ("node --test", &["npm", "test", "--silent"]),
    ] {
        let mut command = run.command(argv);
        command
            .current_dir(&folder)
            .env("HOMELAB_SDK_PROFILE", "dev");
        if !run.spawn(name, command) {
            return;
        }
    }
}

/// The report of the example lab is the same text in all three languages.
fn examples(run: &mut Run<'_>) {
    // As a user installs the package: from its folder.
    let mut install = run.command(&["npm", "install", "--no-audit", "--no-fund"]);
    install
        .current_dir(run.root.join("examples/node"))
        .env("HOMELAB_SDK_PROFILE", "dev");
    run.spawn("npm install in examples/node", install);
    let python = run
        .root
        .join("target/venv/bin/python")
        .display()
        .to_string();
    let stories: [(&str, &[&str]); 3] = [
        (
            "rust",
            &["cargo", "run", "--quiet", "--bin", "report", "--"],
        ),
        ("python", &[&python, "examples/python/report/report.py"]),
        ("node", &["node", "examples/node/report/report.mjs"]),
    ];
    for (language, argv) in stories {
        let out: PathBuf = run
            .root
            .join("target")
            .join(format!("report-{language}.html"));
        let _ = fs::remove_file(&out);
        let mut argv = argv.to_vec();
        let out_text = out.display().to_string();
        argv.extend(["--format", "html", "--out", &out_text]);
        run.check(&format!("examples/{language}/report"), &argv);
        let whole = fs::read_to_string(&out).is_ok_and(|html| html.trim_end().ends_with("</html>"));
        run.counted(
            &format!("examples/{language}/report writes a whole page"),
            if whole {
                Ok(())
            } else {
                Err(format!("{out_text} is not a whole page"))
            },
        );
    }
    let chores: [(&str, &[&str]); 3] = [
        ("rust", &["cargo", "run", "--quiet", "--bin", "talos", "--"]),
        ("python", &[&python, "examples/python/talos/talos.py"]),
        ("node", &["node", "examples/node/talos/talos.mjs"]),
    ];
    for (language, argv) in chores {
        let out = run.root.join("target").join(format!("talos-{language}"));
        let _ = fs::create_dir_all(&out);
        let mut argv = argv.to_vec();
        let out_text = out.display().to_string();
        argv.extend(["--out", &out_text]);
        run.check(&format!("examples/{language}/talos"), &argv);
    }
    let guests: [(&str, &[&str]); 3] = [
        ("rust", &["cargo", "run", "--quiet", "--bin", "talos-guest"]),
        (
            "python",
            &[&python, "examples/python/talos_guest/talos_guest.py"],
        ),
        (
            "node",
            &["node", "examples/node/talos_guest/talos_guest.mjs"],
        ),
    ];
    for (language, argv) in guests {
        run.check(&format!("examples/{language}/talos_guest"), argv);
    }
}

impl Run<'_> {
    fn python(&self) -> String {
        self.root
            .join("target/venv/bin/python")
            .display()
            .to_string()
    }

    fn command(&self, argv: &[&str]) -> Command {
        let mut command = Command::new(argv[0]);
        command
            .args(&argv[1..])
            .current_dir(self.root)
            .stdin(Stdio::null());
        // CI builds once: what would speed up the next build fills its disk.
        if std::env::var_os("CI").is_some() {
            command.env("CARGO_INCREMENTAL", "0");
        }
        command
    }

    fn check(&mut self, name: &str, argv: &[&str]) -> bool {
        let command = self.command(argv);
        self.spawn(name, command)
    }

    /// Runs a command, shows its output, adds what its closing lines count.
    fn spawn(&mut self, name: &str, mut command: Command) -> bool {
        let before = self.counts;
        let status = command
            .stdout(Stdio::piped())
            .spawn()
            .and_then(|mut child| {
                if let Some(out) = child.stdout.take() {
                    for line in BufReader::new(out).lines().map_while(Result::ok) {
                        println!("{line}");
                        self.counts.add_line(&line);
                    }
                }
                child.wait()
            });
        let ok = status.as_ref().is_ok_and(std::process::ExitStatus::success);
        if !ok {
            let why = status.map_or_else(|e| e.to_string(), |s| s.to_string());
            self.failures.push(format!("{name}: {why}"));
        }
        // A command that counts nothing of its own is one check.
        if self.counts.passed + self.counts.failed == before.passed + before.failed {
            if ok {
                self.counts.passed += 1;
            } else {
                self.counts.failed += 1;
            }
        }
        ok
    }

    fn counted(&mut self, name: &str, result: Result<(), String>) {
        match result {
            Ok(()) => self.counts.passed += 1,
            Err(why) => {
                self.counts.failed += 1;
                self.failures.push(format!("{name}: {why}"));
            }
        }
    }
}

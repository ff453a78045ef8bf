//! `homelab-sim`: serves a simulated lab on loopback until Ctrl-C.
//!
//! ```text
//! homelab-sim --lab FILE [--state DIR] [--clock real|paused|N] [--seed N] [--log FILE]
//!             [--control PORT] [--listen ADDRESS] [--ports FIRST] [--latency MS]
//! ```
//!
//! Prints a line `export NAME=value` for each variable that clients need, then
//! a comment line for each listener. docs/simulator.md is the guide. It also ends when standard input closes,
//! so that a parent process cannot leave it behind.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program talks to its user"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result};
use homelab_sim::{Sim, SimOptions};

const USAGE: &str = "\
usage: homelab-sim --lab FILE [options]
       homelab-sim --state DIR [options]      goes on with a lab that is kept there

  --lab FILE        the inventory of the lab
  --state DIR       keep the lab in this folder
  --clock CLOCK     real, paused, or how many times as fast as real time
  --seed N          drives ids, MACs and all chance
  --log FILE        append what happens, one JSON object in a line
  --control PORT    open the control endpoint; 0 is any free port
  --listen ADDRESS  listen there instead of on 127.0.0.1
  --ports FIRST     listen on consecutive ports from this one on
  --fencing SECONDS how long HA waits before it takes guests elsewhere; 120
  --latency MS      every request takes this much longer";

#[derive(Debug)]
struct Arguments {
    lab: Option<PathBuf>,
    state: Option<PathBuf>,
    options: SimOptions,
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    if words
        .peek()
        .is_some_and(|word| word == "--help" || word == "-h")
    {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let result = arguments(words).and_then(|arguments| {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|e| Error::new(ErrorKind::Io, "cannot start").source(e))?
            .block_on(serve(arguments))
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("homelab-sim: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: Arguments) -> Result<()> {
    let interrupted = interrupted()?;
    let Arguments {
        lab,
        state,
        options,
    } = arguments;
    let saved = state.as_deref().filter(|folder| Sim::saved_in(folder));
    let sim = match (saved, &lab) {
        (Some(folder), _) => Sim::load(folder, options).await?,
        (None, Some(lab)) => Sim::start_file(lab, options).await?,
        (None, None) => return Err(wrong("which lab? Name its inventory file")),
    };
    if let (Some(folder), Some(lab)) = (saved, &lab) {
        eprintln!(
            "homelab-sim: goes on with the lab in {}, not with {}; remove the folder to start afresh",
            folder.display(),
            lab.display()
        );
    }
    for warning in sim.warnings() {
        eprintln!("homelab-sim: warning: {warning}");
    }
    for (name, value) in sim.env() {
        println!("export {name}={}", quoted(&value));
    }
    if let Some(control) = sim.control() {
        println!("export HOMELAB_SIM_CONTROL={}", quoted(&control.url));
        println!("export HOMELAB_SIM_TOKEN={}", quoted(&control.token));
    }
    for (name, address) in sim.listeners() {
        println!("# {name} listens on {address}");
    }
    println!("# ready; ends with Ctrl-C or when standard input closes");
    tokio::select! {
        () = interrupted => {}
        () = input_closed() => {}
    }
    sim.stop().await;
    Ok(())
}

/// Completes at Ctrl-C, and when somebody asks the process to end. Signals
/// count from the call on, not only once the future is polled.
#[cfg(unix)]
fn interrupted() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |e: std::io::Error| Error::new(ErrorKind::Io, "cannot wait for signals").source(e);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Completes at Ctrl-C.
#[cfg(not(unix))]
fn interrupted() -> Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

/// Completes when standard input closes, if a parent process holds it open; a
/// terminal or `/dev/null` says nothing.
async fn input_closed() {
    if !is_pipe() {
        return std::future::pending().await;
    }
    let (closed, wait) = tokio::sync::oneshot::channel();
    // A plain thread: it may sit in its read forever without holding up the end.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = closed.send(());
    });
    let _ = wait.await;
}

fn is_pipe() -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = std::fs::metadata("/dev/stdin").map(|m| m.file_type());
        kind.is_ok_and(|k| k.is_fifo() || k.is_socket())
    }
    #[cfg(not(unix))]
    {
        use std::io::IsTerminal;
        !std::io::stdin().is_terminal()
    }
}

fn arguments(mut words: impl Iterator<Item = String>) -> Result<Arguments> {
    let (mut lab, mut state) = (None, None);
    let mut options = SimOptions::default();
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .ok_or_else(|| wrong(&format!("{word} needs a value")))
        };
        match word.as_str() {
            "--lab" => lab = Some(PathBuf::from(value()?)),
            "--latency" => options = options.latency(Duration::from_millis(number(&value()?)?)),
            "--seed" => options = options.seed(number(&value()?)?),
            "--state" => {
                let folder = PathBuf::from(value()?);
                options = options.state(&folder);
                state = Some(folder);
            }
            "--clock" => options = options.clock(value()?.parse()?),
            "--fencing" => options = options.fencing(Duration::from_secs(number(&value()?)?)),
            "--log" => options = options.log(value()?),
            "--control" => options = options.control(number(&value()?)?),
            "--ports" => options = options.ports(number(&value()?)?),
            "--listen" => {
                let text = value()?;
                let address = text.parse();
                let address = address.map_err(|_| wrong(&format!("{text} is no IP address")))?;
                options = options.listen(address);
            }
            _ => return Err(wrong(&format!("unknown argument {word}"))),
        }
    }
    if lab.is_none() && state.is_none() {
        return Err(wrong("which lab? Name its inventory file"));
    }
    Ok(Arguments {
        lab,
        state,
        options,
    })
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T> {
    text.parse()
        .map_err(|_| wrong(&format!("{text} is not a whole number in range")))
}

fn wrong(message: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("{message}\n{USAGE}"))
}

/// A value as a shell reads it back.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\\''"))
}

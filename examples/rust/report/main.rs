//! `cargo run --bin report`: one look at a lab, as text, JSON, Mermaid or HTML.
//!
//! Without arguments it starts the simulated lab and observes that, over real
//! TLS, gRPC and REST. With `--lab FILE` it looks at a real one.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks")]

mod arguments;

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use arguments::{Arguments, Format};
use homelab::report::{self, Subject, TextOptions};
use homelab::{Credentials, Lab};
use homelab_core::{AtomicFile, Error, Result};
use homelab_sim::{Down, Sim, SimOptions};

/// The lab that is simulated, from the top of the repository and from anywhere.
const EXAMPLE: [&str; 2] = [
    "examples/labs/ragas/homelab.yaml",
    concat!(env!("CARGO_MANIFEST_DIR"), "/../labs/ragas/homelab.yaml"),
];

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) if arguments.help => {
            print!("{}", arguments::HELP);
            return ExitCode::SUCCESS;
        }
        Ok(arguments) => arguments,
        Err(mistake) => {
            eprintln!("report: {mistake}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("report: {error}");
            for (target, failure) in error.failures() {
                eprintln!("  {target}: {failure}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    let [near, far] = EXAMPLE;
    let example = if Path::new(near).exists() { near } else { far };
    let lab = Lab::from_file(arguments.lab.as_deref().unwrap_or(Path::new(example)))?;
    for warning in lab.warnings() {
        eprintln!("report: {}: {}", warning.location, warning.message);
    }
    if arguments.offline {
        return show(&lab, arguments);
    }
    if arguments.lab.is_some() {
        let seen = lab
            .connect(Credentials::from_env()?)
            .await?
            .observe()
            .await?;
        return show(&seen, arguments);
    }

    let options = SimOptions::default().latency(Duration::from_millis(arguments.latency_ms));
    let sim = Sim::start(lab.inventory(), options).await?;
    for host in &arguments.down {
        sim.host_down(host, Down::Refuse)?;
    }
    let env = sim.env();
    let live = lab
        .connect(Credentials::from_vars(|name| env.get(name).cloned())?)
        .await?;
    let seen = live.observe().await?;
    sim.stop().await;
    show(&seen, arguments)
}

fn show<'a>(subject: impl Into<Subject<'a>>, arguments: &Arguments) -> Result<()> {
    let subject = subject.into();
    let terminal = arguments.out.is_none() && io::stdout().is_terminal();
    let text = match arguments.format {
        Format::Text => report::text(subject, &text_options(terminal)),
        Format::Json => report::json(subject),
        Format::Mermaid => report::mermaid(subject),
        Format::Html => report::html(subject),
    };
    match &arguments.out {
        Some(path) => {
            let mut file = AtomicFile::create(path)?;
            file.write_all(text.as_bytes())
                .map_err(|e| Error::io("write", path, e))?;
            file.commit().map(|_| ())
        }
        None => match io::stdout().lock().write_all(text.as_bytes()) {
            // Whoever read along (`| head`) has seen enough.
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::io("write", Path::new("the terminal"), e))
            }
            _ => Ok(()),
        },
    }
}

fn text_options(terminal: bool) -> TextOptions {
    let set = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let width = set("COLUMNS").and_then(|c| c.parse().ok()).unwrap_or(100);
    TextOptions::default()
        .width(width)
        .color(terminal && set("NO_COLOR").is_none())
}

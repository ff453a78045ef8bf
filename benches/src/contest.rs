//! Contestants: each in a process of its own, measured by the kernel.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::usage::{cpu_time, peak_kib};

/// How many nodes a fan-out asks.
pub const NODES: usize = 100;
/// Fan-outs that one process makes after warming up.
pub const FAN_OUTS: u32 = 20;
/// Events of a watch.
pub const EVENTS: u64 = 200_000;
/// Lines of a log, and the length of each with its end.
pub const LINES: (u64, usize) = (2_000_000, 128);

/// The nodes that a fan-out asks.
pub fn addresses() -> Vec<String> {
    (0..NODES).map(|n| format!("172.16.2.{}", n + 1)).collect()
}

/// What a contestant needed for what was measured.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Cost {
    /// From start to end.
    pub wall_seconds: f64,
    /// Of all threads, user and system.
    pub cpu_seconds: f64,
    /// The most memory that it ever had.
    pub peak_rss_mib: f64,
}

impl Cost {
    /// That of this process: `wall` and, since `before`, CPU time.
    pub fn since(wall: Duration, before: Duration) -> Self {
        let peak = u32::try_from(peak_kib()).unwrap_or(u32::MAX);
        Cost {
            wall_seconds: wall.as_secs_f64(),
            cpu_seconds: cpu_time().saturating_sub(before).as_secs_f64(),
            peak_rss_mib: f64::from(peak) / 1024.0,
        }
    }
}

/// Measures what `work` needs, and prints it for the parent to read.
///
/// # Errors
/// Those of the work.
pub async fn measured<E>(work: impl Future<Output = Result<(), E>>) -> Result<(), E> {
    let (start, before) = (Instant::now(), cpu_time());
    work.await?;
    report(&Cost::since(start.elapsed(), before));
    Ok(())
}

/// Makes [`FAN_OUTS`] fan-outs after some that warm up, and prints what one needs:
/// the wall time is that of the median one.
pub async fn fan_outs<F: Future<Output = ()>>(one: impl Fn() -> F) {
    for _ in 0..3 {
        one().await;
    }
    let before = cpu_time();
    let mut walls = Vec::new();
    for _ in 0..FAN_OUTS {
        let start = Instant::now();
        one().await;
        walls.push(start.elapsed());
    }
    walls.sort();
    let median = walls.get(walls.len() / 2).copied().unwrap_or_default();
    let mut cost = Cost::since(median, before);
    cost.cpu_seconds /= f64::from(FAN_OUTS);
    report(&cost);
}

/// Runs the contestant that the command line names, `NAME FOLDER`, on one thread.
///
/// # Panics
/// When the command line is another: what cannot be measured must stop.
pub fn contestant(run: impl AsyncFnOnce(&str, &Path)) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, folder] = arguments.as_slice() else {
        panic!("the bench knows how to call this");
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(run(name, Path::new(folder))),
        Err(why) => panic!("{why}"),
    }
}

/// Prints a cost for the parent to read.
pub fn report(cost: &Cost) {
    let line = serde_json::to_string(cost).unwrap_or_default();
    #[expect(clippy::print_stdout, reason = "the parent reads it")]
    {
        println!("{line}");
    }
}

/// Runs a program as a contestant.
///
/// # Errors
/// What it said when it failed.
pub fn run(program: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Result<Cost, String> {
    let output = Command::new(program)
        .args(arguments)
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .output()
        .map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines()
        .rev()
        .find_map(|line| serde_json::from_str(line).ok())
        .filter(|_| output.status.success())
        .ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The costs in the middle, each for itself.
pub fn median(costs: &[Cost]) -> Cost {
    let middle = |of: fn(&Cost) -> f64| {
        let mut values: Vec<f64> = costs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    Cost {
        wall_seconds: middle(|c| c.wall_seconds),
        cpu_seconds: middle(|c| c.cpu_seconds),
        peak_rss_mib: middle(|c| c.peak_rss_mib),
    }
}

//! What an operation costs its process. Stands alone: the contestant in
//! `proxmox-api` uses it too.

use std::future::Future;
use std::time::{Duration, Instant};

#[allow(
    unreachable_pub,
    reason = "public in the library that it is borrowed from"
)]
#[path = "../../src/usage.rs"]
mod usage;

use usage::{cpu_time, peak_kib};

/// How many operations a contest has under way at the same time.
pub(crate) fn at_once(contest: &str) -> usize {
    if contest == "small4" { 4 } else { 1 }
}

/// Three times to warm up, then `times`, so many at once.
pub(crate) async fn measure<F: Future<Output = ()>>(
    times: usize,
    at_once: usize,
    operation: impl Fn() -> F,
) {
    for _ in 0..3 {
        operation().await;
    }
    let (cpu, wall) = (cpu_time(), Instant::now());
    let lanes = (0..at_once).map(|_| async {
        for _ in 0..times / at_once {
            operation().await;
        }
    });
    let lanes: Vec<_> = lanes.map(Box::pin).collect();
    join(lanes).await;
    report(cpu, wall, times);
}

#[allow(dead_code, reason = "not every contestant uploads")]
pub(crate) async fn measure_once(operation: impl Future<Output = ()>) {
    let (cpu, wall) = (cpu_time(), Instant::now());
    operation.await;
    report(cpu, wall, 1);
}

/// Polls all until all are done.
async fn join<F: Future<Output = ()> + Unpin>(mut lanes: Vec<F>) {
    std::future::poll_fn(|cx| {
        lanes.retain_mut(|lane| std::pin::Pin::new(lane).poll(cx).is_pending());
        if lanes.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

fn report(cpu: Duration, wall: Instant, times: usize) {
    let times = f64::from(u32::try_from(times).unwrap_or(u32::MAX));
    let per = |time: Duration| time.as_secs_f64() * 1e6 / times;
    println!(
        "{{\"cpu_us\":{},\"wall_us\":{},\"peak_kib\":{}}}",
        per(cpu_time().saturating_sub(cpu)),
        per(wall.elapsed()),
        peak_kib()
    );
}

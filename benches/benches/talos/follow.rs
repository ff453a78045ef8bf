//! A watch, or a log that is followed: nothing may be lost, and nothing fall behind.

use std::path::PathBuf;

use homelab_benches::contest::{EVENTS, LINES};
use homelab_benches::grpc::{self, Node};

use crate::certificates::certificates;
use crate::{child, line, rounds};

pub(crate) fn contest(servers: &tokio::runtime::Runtime, name: &str) {
    let certificates = certificates();
    let folder = certificates.folder.path();
    let serving = grpc::serve(
        Node {
            snapshot: PathBuf::new(),
            events: EVENTS,
            lines: LINES,
        },
        certificates.server.clone(),
    );
    std::fs::write(folder.join("address"), servers.block_on(serving).unwrap()).unwrap();
    let costs = rounds(&[name], |name| child(name, folder));
    let cost = &costs[0];
    if name == "watch" {
        let rate = EVENTS as f64 / cost.wall_seconds;
        println!("\nwatch: {EVENTS} events, decoded one by one");
        let ratio = format!(
            "{rate:.0} events a second: {:.1} x the target of 10,000",
            rate / 1e4
        );
        line("watch", cost, &ratio);
    } else {
        let mb = LINES.0 as f64 * LINES.1 as f64 / 1e6;
        let rate = mb / cost.wall_seconds;
        println!(
            "\nlogs: {} lines of {} bytes, each counted",
            LINES.0, LINES.1
        );
        let ratio = format!("{rate:.0} MB/s: {:.1} x the target of 100", rate / 100.0);
        line("logs, followed", cost, &ratio);
    }
}

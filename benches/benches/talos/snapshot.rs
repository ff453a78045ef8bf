//! A snapshot of etcd to disk, verified, beside TLS with SHA-256 to disk.

use homelab_benches::bbolt::write_snapshot;
use homelab_benches::grpc::{self, Node};

use crate::certificates::certificates;
use crate::{child, line, number, rounds};

pub(crate) fn contest(servers: &tokio::runtime::Runtime) {
    let mib = number("SNAPSHOT_MIB", 1024);
    let certificates = certificates();
    let folder = certificates.folder.path();
    let file = folder.join("source.db");
    write_snapshot(&file, mib << 20).unwrap();
    let grpc = servers.block_on(grpc::serve(
        Node::with_snapshot(file.clone()),
        certificates.server.clone(),
    ));
    let bare = servers.block_on(grpc::serve_file(file, certificates.server.clone()));
    std::fs::write(folder.join("address"), grpc.unwrap()).unwrap();
    std::fs::write(folder.join("bare"), bare.unwrap()).unwrap();
    let costs = rounds(&["snapshot, bare", "snapshot"], |name| child(name, folder));
    let [bare, ours] = costs.as_slice() else {
        panic!("two contestants");
    };
    println!("\netcd snapshot of {mib} MiB in messages of 1 KiB, to disk, mTLS");
    line("bare TLS + SHA-256 to disk", bare, "");
    let ratio = format!(
        "{:.0} % of bare speed (target 85), {:.2} CPU s a GiB (target 3.5), memory target 16",
        100.0 * bare.wall_seconds / ours.wall_seconds,
        ours.cpu_seconds * 1024.0 / mib as f64
    );
    line("etcd_snapshot, verified and walked", ours, &ratio);
}

//! Logs, files, archives and packets against a simulated lab.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod support;

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use homelab_core::{ErrorKind, ExposeSecret, Sent};
use homelab_sim::{ClientCert, Fault};
use support::{CP1, WORKER, client, client_with, eventually, lab, options};
use talos_client::{
    BpfInstruction, CaptureOptions, CopyOptions, DiskUsageOptions, DmesgOptions, FileInfo,
    FileKind, ListOptions, LogOptions,
};

#[tokio::test]
async fn a_log_comes_line_by_line() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let node = talos.node(CP1);

    let all: Vec<_> = node
        .logs("etcd", LogOptions::default())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(all.len(), 200);
    for (n, line) in all.iter().enumerate() {
        assert!(
            line.ends_with(&format!("etcd[{n}]: läuft auf cp-1")),
            "{line}"
        );
    }
    let tail = LogOptions::default().tail(3);
    let tail: Vec<_> = node.logs("etcd", tail).try_collect().await.unwrap();
    assert_eq!(tail, all[197..]);
    let none = LogOptions::default().tail(0);
    assert_eq!(node.logs("etcd", none).count().await, 0);

    let ids = node.logs_containers().await.unwrap();
    let pod = ids.iter().find(|id| id.contains("kube-apiserver")).unwrap();
    let pod = node.logs(pod, LogOptions::default().kubernetes());
    assert_eq!(pod.count().await, 200);

    let error = node
        .logs("nonsense", LogOptions::default())
        .next()
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.operation_name(), Some("Logs"));
    assert_eq!(error.target_name(), Some(CP1));
}

#[tokio::test]
async fn a_followed_log_goes_on_until_the_node_does_not() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let follow = LogOptions::default().tail(1).follow();
    let mut lines = talos.node(WORKER).logs("kubelet", follow);
    assert!(
        lines
            .next()
            .await
            .unwrap()
            .unwrap()
            .contains("kubelet[199]")
    );
    assert_eq!(lines.next().await.unwrap().unwrap(), "kubelet: neu 0");
    assert_eq!(lines.next().await.unwrap().unwrap(), "kubelet: neu 1");
    sim.guest_stop(104).unwrap();
    let error = loop {
        match lines.next().await.unwrap() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.is_retryable());
    assert!(lines.next().await.is_none());

    let lines = talos.node(CP1).logs("etcd", LogOptions::default().follow());
    let mut lines = Box::pin(lines);
    lines.next().await.unwrap().unwrap();
    drop(lines);
    eventually("the stream is closed", || sim.stats().open_streams == 0).await;
}

#[tokio::test]
async fn kernel_messages_are_parsed() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let node = talos.node(CP1);
    let all: Vec<_> = node
        .dmesg(DmesgOptions::default())
        .try_collect()
        .await
        .unwrap();
    assert!(all.len() >= 3);
    assert_eq!(
        (all[1].facility.as_str(), all[1].priority.as_str()),
        ("kern", "info")
    );
    assert_eq!(
        all[1].message,
        "x86/fpu: Enabled xstate features: [0x7]: ok"
    );
    assert!(all[1].at.as_ref().unwrap().ends_with('Z'));

    let mut new = node.dmesg(DmesgOptions::default().new_only());
    assert_eq!(new.next().await.unwrap().unwrap().message, "[talos] tick 0");
}

#[tokio::test]
async fn files_are_listed_and_counted() {
    let sim = lab().await;
    let talos = client_with(&sim, &ClientCert::role("os:reader"), options()).await;
    let node = talos.node(CP1);
    let list = async |path: &str, options: ListOptions| -> Vec<FileInfo> {
        let files = node.list_files(path, options).await.unwrap();
        files.try_collect().await.unwrap()
    };
    let etc = list("/etc", ListOptions::default()).await;
    let names: Vec<_> = etc.iter().map(|f| f.relative_path.as_str()).collect();
    assert_eq!(names, [".", "hostname", "os-release", "localtime"]);
    assert_eq!(
        (etc[0].kind, etc[0].permissions),
        (FileKind::Directory, 0o755)
    );
    assert_eq!((etc[1].kind, etc[1].size_bytes), (FileKind::Regular, 5));
    assert_eq!(etc[3].kind, FileKind::Symlink);
    assert_eq!(etc[3].link.as_deref(), Some("/usr/share/zoneinfo/UTC"));
    assert!(etc[1].modified.ends_with('Z'));

    let all = list("/", ListOptions::default().recurse()).await;
    assert!(
        all.iter()
            .any(|f| f.path == "/proc/sys/kernel/random/boot_id")
    );
    assert!(all.iter().any(|f| f.kind == FileKind::CharacterDevice));
    let links = list(
        "/",
        ListOptions::default().recurse().kind(FileKind::Symlink),
    )
    .await;
    assert_eq!(links.len(), 2);

    let missing = node.list_files("/nope", ListOptions::default()).await;
    assert_eq!(missing.err().unwrap().kind(), ErrorKind::NotFound);
    let error = node
        .list_files("etc", ListOptions::default())
        .await
        .err()
        .unwrap();
    assert_eq!(
        (error.kind(), error.was_sent()),
        (ErrorKind::InvalidArgument, Sent::No)
    );

    // Asked in one call, the second path would be forgotten.
    let usage: Vec<_> = node
        .disk_usage(&["/etc", "/var"], DiskUsageOptions::default())
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    let paths: Vec<_> = usage.iter().map(|u| u.path.as_str()).collect();
    assert_eq!(paths, ["/etc", "/var/log/audit", "/var/log", "/var"]);
    assert!(usage[2].size_bytes > 1000);
}

#[tokio::test]
async fn a_file_is_read_whole_or_not() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let node = talos.node(CP1);
    assert_eq!(
        node.read_file("/etc/hostname", 100).await.unwrap(),
        b"cp-1\n"
    );
    let boot = node
        .read_file("/proc/sys/kernel/random/boot_id", 100)
        .await
        .unwrap();
    assert_eq!(boot.len(), 37);

    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("etcd.log");
    let size = node.read_to_file("/var/log/etcd.log", &to).await.unwrap();
    assert_eq!(std::fs::metadata(&to).unwrap().len(), size);
    std::fs::remove_file(&to).unwrap();

    let kind = async |path: &str, limit| node.read_file(path, limit).await.unwrap_err().kind();
    assert_eq!(kind("/etc/nope", 100).await, ErrorKind::NotFound);
    assert_eq!(kind("/etc/hostname", 4).await, ErrorKind::ResourceExhausted);
    assert_eq!(kind("/etc", 100).await, ErrorKind::InvalidArgument);
    assert_eq!(kind("hostname", 100).await, ErrorKind::InvalidArgument);
    // The node logs that it cannot read it, and says OK.
    assert_eq!(kind("/var/log/audit/kube", 1000).await, ErrorKind::Corrupt);

    sim.fault("cp-1", Fault::TruncateStream).unwrap();
    let error = node
        .read_to_file("/var/log/etcd.log", &to)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_tree_is_copied() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let node = talos.node(CP1);
    let dir = tempfile::tempdir().unwrap();
    let copy = async |path: &str, name: &str| {
        let options = CopyOptions::default();
        node.copy_files(path, dir.path().join(name), options, |_| {})
            .await
    };
    let copied = copy("/etc", "etc").await.unwrap();
    assert_eq!((copied.files, copied.symlinks), (2, 1));
    let etc = dir.path().join("etc");
    assert_eq!(std::fs::read(etc.join("hostname")).unwrap(), b"cp-1\n");
    assert!(etc.join("localtime").is_symlink());

    let one = copy("/etc/hostname", "one").await.unwrap();
    assert_eq!(one.files, 1);
    let devices = copy("/dev", "dev").await.unwrap();
    assert_eq!(devices.skipped[0].reason, "a device");

    let error = copy("/etc", "etc").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.was_sent()),
        (ErrorKind::AlreadyExists, Sent::No)
    );

    // What cannot be read is reported, and the others are there.
    let error = copy("/var/log", "log").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PartialFailure);
    assert!(error.message().contains("/var/log/audit/kube"), "{error}");
    assert!(dir.path().join("log/etcd.log").is_file());
    assert!(dir.path().join("log/audit/old").is_file());

    sim.fault("cp-1", Fault::TruncateStream).unwrap();
    let error = copy("/etc", "cut").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(!dir.path().join("cut").exists());
}

#[tokio::test]
async fn a_tree_is_saved_as_its_archive() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let node = talos.node(CP1);
    let dir = tempfile::tempdir().unwrap();
    let save = async |path: &str, name: &str| {
        let to = dir.path().join(name);
        let saved = node.copy_archive(path, &to, |_| {}).await;
        let entries = std::fs::File::open(&to).map(|file| {
            let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
            let entries = archive.entries().unwrap();
            entries
                .map(|e| e.unwrap().path().unwrap().display().to_string())
                .collect::<Vec<_>>()
        });
        (saved, entries.unwrap_or_default())
    };
    let (saved, entries) = save("/etc", "etc.tar.gz").await;
    let size = std::fs::metadata(dir.path().join("etc.tar.gz")).unwrap();
    assert_eq!(saved.unwrap(), size.len());
    assert!(entries.contains(&"localtime".to_owned()), "{entries:?}");
    // What copy_files leaves out is here.
    let (_, entries) = save("/dev", "dev.tar.gz").await;
    assert!(!entries.is_empty());

    let (saved, entries) = save("/var/log", "log.tar.gz").await;
    assert_eq!(saved.unwrap_err().kind(), ErrorKind::PartialFailure);
    assert!(entries.contains(&"etcd.log".to_owned()), "{entries:?}");

    let (saved, _) = save("etc", "none").await;
    let error = saved.unwrap_err();
    assert_eq!(
        (error.kind(), error.was_sent()),
        (ErrorKind::InvalidArgument, Sent::No)
    );
    sim.fault("cp-1", Fault::TruncateStream).unwrap();
    let (saved, _) = save("/etc", "cut").await;
    assert_eq!(saved.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
}

#[tokio::test]
async fn the_kubeconfig_is_unpacked() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let text = talos.node(CP1).kubeconfig().await.unwrap();
    assert!(text.expose_secret().starts_with("apiVersion: v1\n"));
    assert!(
        text.expose_secret()
            .ends_with("current-context: admin@kubernetes\n")
    );
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("kubeconfig");
    talos.node(CP1).kubeconfig_to_file(&to).await.unwrap();
    // Each time the node issues another certificate.
    let written = std::fs::read_to_string(&to).unwrap();
    assert!(written.starts_with("apiVersion: v1\n"));
    assert!(written.ends_with("current-context: admin@kubernetes\n"));
    let error = talos.node(WORKER).kubeconfig().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn packets_come_to_a_file() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let node = talos.node(CP1);
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("eth0.pcap");
    let long = Duration::from_secs(60);
    let options = CaptureOptions::new("eth0", long).max_packets(5);
    let capture = node.packet_capture(&to, options, |_| {}).await.unwrap();
    assert_eq!((capture.packets, capture.link_type), (5, 1));
    assert_eq!(capture.size_bytes, 24 + 5 * 716);
    assert_eq!(std::fs::metadata(&to).unwrap().len(), capture.size_bytes);

    let options = CaptureOptions::new("eth0", Duration::from_millis(300)).snap_len(60);
    let capture = node.packet_capture(&to, options, |_| {}).await.unwrap();
    assert!(capture.packets > 0);
    assert_eq!(capture.size_bytes, 24 + capture.packets * 76);
    eventually("the stream is closed", || sim.stats().open_streams == 0).await;

    // A filter is obeyed: half of the packets are UDP.
    let udp = "4\n48 0 0 23\n21 0 1 17\n6 0 0 262144\n6 0 0 0\n";
    let udp = BpfInstruction::parse_filter(udp).unwrap();
    let options = CaptureOptions::new("eth0", long).max_packets(4);
    let options = options.filter(udp.iter().copied());
    node.packet_capture(&to, options, |_| {}).await.unwrap();
    let bytes = std::fs::read(&to).unwrap();
    let packets = bytes[24..].chunks_exact(716);
    assert!(packets.len() >= 4 && packets.clone().all(|packet| packet[16 + 23] == 17));
    // One that no kernel takes does not leave the house.
    let options = CaptureOptions::new("eth0", long).filter([udp[0]]);
    let error = node.packet_capture(&to, options, |_| {}).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.was_sent()),
        (ErrorKind::InvalidArgument, Sent::No)
    );

    let options = CaptureOptions::new("eth9", long);
    let error = node.packet_capture(&to, options, |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

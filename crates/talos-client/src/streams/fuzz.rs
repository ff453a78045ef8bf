//! The bodies of the fuzz targets for what nodes stream.

#![allow(
    clippy::missing_panics_doc,
    reason = "a panic is what fuzzing looks for"
)]

use super::copy::CopyOptions;
use super::dmesg::KernelMessage;
use super::kubeconfig::first_file;
use super::kubeconfig_merge::{KubeconfigMergeOptions, merge_kubeconfig};
use super::lines::Lines;
use super::pcap::Packets;
use super::unpack;

/// An archive is unpacked into its folder or refused, and never beside it.
pub fn archive(data: &[u8]) {
    let Ok(parent) = tempfile::tempdir() else {
        return;
    };
    let options = CopyOptions::default().max_bytes(1 << 20);
    let copied = unpack::unpack(data, &parent.path().join("to"), &options);
    let there: Vec<_> = std::fs::read_dir(parent.path())
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    match copied {
        Ok(_) => assert_eq!(there, ["to"]),
        Err(_) => assert!(there.is_empty(), "{there:?}"),
    }
}

/// A capture is cut at the same places however it arrives.
pub fn capture(data: &[u8]) {
    let mut at_once = Packets::default();
    let whole = at_once.push(data);
    let mut bit_by_bit = Packets::default();
    let mut parts = Vec::new();
    for chunk in data.chunks(7) {
        match bit_by_bit.push(chunk) {
            Ok(bytes) => parts.extend_from_slice(&bytes),
            Err(_) => return assert!(whole.is_err()),
        }
    }
    if let Ok(whole) = whole {
        assert_eq!(whole, parts);
        assert_eq!(at_once.packets(), bit_by_bit.packets());
    } else {
        panic!("refused at once, taken bit by bit");
    }
}

/// A line of the kernel's log keeps its text.
pub fn kernel_message(data: &[u8]) {
    let line = String::from_utf8_lossy(data);
    let message = KernelMessage::parse(&line);
    assert!(line.contains(&message.message));
}

/// Lines are the same however they arrive, and none is lost.
pub fn lines(data: &[u8]) {
    let read = |size: usize| {
        let (mut lines, mut out) = (Lines::default(), Vec::new());
        for chunk in data.chunks(size) {
            lines.push(chunk);
            while let Some(line) = lines.next() {
                out.push(line);
            }
        }
        out.extend(lines.last());
        out
    };
    assert_eq!(read(3), read(usize::MAX));
}

/// A kubeconfig, in its archive and merged into another.
pub fn kubeconfig(data: &[u8]) {
    let _ = first_file(data);
    let text = String::from_utf8_lossy(data);
    let options = KubeconfigMergeOptions::default();
    if let Ok((merged, _)) = merge_kubeconfig("there", "", &text, &options) {
        use homelab_core::ExposeSecret as _;
        let again = merge_kubeconfig("there", merged.expose_secret(), &text, &options);
        assert!(again.is_ok_and(|(_, merged)| merged.renewed));
    }
}

/// An answer is cut into the same messages however it arrives.
pub fn messages(data: &[u8]) {
    let (whole, end) = super::messages::cut(data, usize::MAX);
    let (parts, end_of_parts) = super::messages::cut(data, 3);
    assert_eq!(whole, parts);
    assert_eq!(end.is_ok(), end_of_parts.is_ok());
}
